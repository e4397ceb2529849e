"""Errata about Gaussian variables, demonstrated by quadrature and special functions."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp

from bounds.model import Demonstration


def _inside(low: float, high: float) -> float:
    """P(low < |z| < high), z ~ N(0, 1)."""
    return math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))


def two_thetas() -> Demonstration:
    """A2: theta g ~ N(0, 2 theta^2/m) lies in delta/(n sqrt m) (1/9, 1/5) with probability at least 0.2."""
    delta, n = 0.1, 10

    def probability(theta: float) -> float:
        deviation = math.sqrt(2) * theta * n / delta  # in units of delta/(n sqrt m)
        return _inside(1 / 9 / deviation, 1 / 5 / deviation)

    first, later = probability(delta / (5 * n)), probability(1 / (5 * n))
    return Demonstration(
        first >= 0.2 > later,
        f"theta = delta/(5n): probability {first:.4f} >= 0.2; theta = 1/(5n) at delta = 0.1: {later:.4f}",
        {"delta/(5n)": first, "1/(5n)": later},
    )


def numbers_of_the_proof() -> Demonstration:
    """A16: the constants of Section 9.2 and Fact 9.6."""
    exceeds = math.erfc(1 / math.sqrt(2))
    # Fact 9.6 at mu = sigma = 1, t = 0.9
    tail = 1 - (math.erf((0.9 - 1) / math.sqrt(2)) - math.erf((-0.9 - 1) / math.sqrt(2))) / 2
    # two rows a and a + v: at a = -v/2 the larger of their squares is |v|^2/4
    halves = max(0.5**2, (-0.5 + 1) ** 2)
    share = 0.9**2 * halves
    # |N_1| from the Gaussian's density at 0 with ||h||^2 <= 1.1, |N_2|/|N_1| from the union over the samples
    first = _inside(0, 0.1 / math.sqrt(2 * 1.1))
    union = 1 - max(n * _inside(0, math.sqrt(2) / (4 * (n + 1))) for n in range(1, 2000))
    kept = 1 / 28 * union >= 1 / 40 and first > 1 / 28
    constant = 1 / 40 * 0.25 * 0.2 / 15
    return Demonstration(
        0.25 < exceeds < 0.5 and share > 0.2 and kept and tail > 1 - 2 / 3 * 0.9 and round(1 / constant) == 12000,
        f"P(|z| >= 1) = {exceeds:.4f}, not 0.68; two rows that differ by v have a square of at least |v|^2/4, not "
        f"|v|^2; the constant is 1/{1 / constant:.0f}. Fact 9.6 at mu = 1, t = 0.9: P(|x| >= t) = {tail:.4f} > "
        f"{1 - 2 / 3 * 0.9:.1f}",
        {"P(|z| >= 1)": exceeds, "Fact 9.6": tail, "union": union, "first": first, "constant": constant},
    )


def _closed(alpha: Any, delta: Any) -> tuple[Any, Any]:
    """Claim 7.6: the printed closed form, and the exact value for alpha > 0."""
    square = alpha**2 + delta**2
    printed = delta * (-2 * alpha**2 + alpha - 2 * delta**2) / (mp.pi * square)
    printed += (1 - 2 * alpha) * mp.atan(alpha / delta) / mp.pi + (alpha - 1) * alpha + delta**2 + mp.mpf(1) / 2
    exact = (1 - alpha) ** 2 + delta**2 - 2 / mp.pi * (delta - alpha * mp.atan(delta / alpha))
    return printed, exact


def _quadrature(alpha: Any, delta: Any) -> Any:
    """The claim's mean by polar coordinates: with variances 2, E r^2 = 4 times the mean over angles."""

    def integrand(t: Any) -> Any:
        return (max(mp.cos(t), 0) - max(alpha * mp.cos(t) + delta * mp.sin(t), 0)) ** 2

    turn = mp.atan2(delta, alpha)
    corners = sorted({-mp.pi, -mp.pi / 2, mp.pi / 2, mp.pi, turn - mp.pi / 2, turn + mp.pi / 2})
    return 4 * mp.quad(integrand, [c for c in corners if -mp.pi <= c <= mp.pi]) / (2 * mp.pi)


def dropped_event() -> Demonstration:
    """A15: Claim 7.6's closed form against quadrature."""
    points = [(mp.mpf(1), mp.mpf("0.1")), (mp.mpf("0.9"), mp.mpf("0.15")), (mp.mpf("1.2"), mp.mpf("0.05"))]
    rows = [(_quadrature(a, x), *_closed(a, x)) for a, x in points]
    lower = min(
        _closed(mp.mpf(a) / 100, x)[1] - x**2 * (1 - x) for a in range(5, 200, 5) for x in (0.01, 0.05, 0.1, 1 / 6)
    )
    true, printed, exact = rows[0]
    return Demonstration(
        all(abs(t - e) < 1e-12 and abs(t - p) > 1e-5 for t, p, e in rows) and lower >= 0,
        f"alpha = 1, delta = 0.1: quadrature {mp.nstr(true, 10)}, exact form {mp.nstr(exact, 10)}, printed "
        f"{mp.nstr(printed, 10)}: the event g_1 > 0 > alpha g_1 + delta g_2 is left out; the claim's bound "
        "delta^2 (1 - delta) still holds",
        {"quadrature": float(true), "exact": float(exact), "printed": float(printed)},
    )


def digamma_bounds() -> Demonstration:
    """A17: the bound on digamma that Lemma 7.1 uses, and the variance of log Delta."""
    grid = [mp.mpf(k) / 2 for k in range(2, 400)]
    gaps = [mp.digamma(h) - (mp.log(h) - 1 / (2 * h)) for h in grid]
    used = all(mp.log(h) - 1 / h <= mp.digamma(h) <= mp.log(h) - 1 / (2 * h) for h in grid)
    m = 400
    weights = [(w, mp.binomial(m, w) * mp.mpf(2) ** -m) for w in range(1, m + 1)]
    mean = mp.fsum(p * mp.digamma(mp.mpf(w) / 2) for w, p in weights)
    # log of chi^2_w/w: variance trigamma(w/2) given w, plus that of the conditional mean
    spread = mp.fsum(p * (mp.psi(1, mp.mpf(w) / 2) + (mp.digamma(mp.mpf(w) / 2) - mean) ** 2) for w, p in weights)
    scaled = float(m * spread)
    return Demonstration(
        bool(used and max(gaps) < 0 and 4.5 < scaled < 5.5),
        "psi(h) <= log h - 1/(2h) on [1, 200] (printed: + 1/(2h), from which the next line does not follow); at "
        f"m = {m} the variance of log Delta is {scaled:.3f}/m, not of order m",
        {"m Var(log Delta)": scaled, "largest gap": float(max(gaps))},
    )
