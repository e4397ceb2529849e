"""Errata demonstrated by algebra: the orders that follow from the paper's own inequalities."""

from __future__ import annotations

import math
from typing import Any

import sympy

from bounds.model import Demonstration

n, L, m, d, delta, b, eta, omega, F, log_m = sympy.symbols("n L m d delta b eta omega F l", positive=True)
THIRD = sympy.Rational(1, 3)


def width_from(movement: Any, limit: Any) -> Any:
    """The m at which omega, its square given and falling like 1/m, reaches ``limit``; log m is a letter of its own."""
    return sympy.simplify(movement * m / limit**2)


def admissible(term: Any, limit: Any) -> Any:
    """The omega at which a first-order term reaches a limit."""
    w = sympy.Symbol("w", positive=True)
    (root,) = sympy.solve(sympy.Eq(term.subs(omega, w**3), limit), w)
    return sympy.simplify(root**3)


def movement_sq(sgd: bool = False) -> Any:
    """(12.1) or (13.1), squared."""
    batch = n / b if sgd else 1
    return batch * (n**3 * log_m / delta) ** 2 * d / m


def gain() -> Any:
    """(12.2): the gradient's decrease, per unit of eta F."""
    return delta * m / (d * n**2)


def first_order(depth: Any) -> Any:
    """(12.2): sqrt(n F) omega^(1/3) L^depth sqrt(m log m/d) times ||grad|| = sqrt(n m F/d), per unit of eta F."""
    return sympy.sqrt(n) * omega**THIRD * L**depth * sympy.sqrt(m * log_m / d) * sympy.sqrt(n * m / d)


def _same(a: Any, b_: Any) -> bool:
    return bool(sympy.simplify(a / b_) == 1)


def sgd_width() -> Demonstration:
    """A1: (13.1) inserted in (13.2)."""
    printed = n**24 * L**12 * b * d * log_m**5 / delta**8
    width = width_from(movement_sq(sgd=True), admissible(first_order(2), gain()))
    gd = width_from(movement_sq(), admissible(first_order(2), gain()))
    ratio = sympy.simplify(width / printed)
    return Demonstration(
        _same(width, n**25 * L**12 * d * log_m**5 / (b * delta**8))
        and _same(gd, n**24 * L**12 * d * log_m**5 / delta**8)
        and _same(ratio, n / b**2),
        f"(13.1) in (13.2) gives m >= {width} (l = log m), where (12.1) in (12.2) gives {gd} as printed; over the "
        f"printed width for SGD it is {ratio}: above 1 for b < sqrt(n)",
        {"ratio at n = 100, b = 1": float(ratio.subs({n: 100, b: 1}))},
    )


def second_line() -> Demonstration:
    """A3: the first-order term of (12.2)."""
    printed = m * L**2 * m * omega**THIRD * sympy.sqrt(log_m) / d
    proved = n * L**2 * m * omega**THIRD * sympy.sqrt(log_m) / d
    term = sympy.simplify(first_order(2))
    return Demonstration(
        _same(term, proved) and _same(term / printed, n / m),
        f"sqrt(n F) times sqrt(n m F/d) gives eta F ({term}); the printed eta m L^2 m ... is larger by "
        f"{sympy.simplify(printed / term)}",
        {"printed over proved at n = 10, m = 1000": float((printed / term).subs({n: 10, m: 1000}))},
    )


def sum_over_layers() -> Demonstration:
    """A4: L^3 in Theorem 4, and what it does to the width."""
    per_layer = sympy.sqrt(L**3 * omega ** (2 * THIRD) * L * m * log_m / d)  # (11.5)
    ell = sympy.Symbol("ell", integer=True)
    total = sympy.Sum(per_layer, (ell, 1, L)).doit()
    direct = width_from(movement_sq(), admissible(first_order(3), gain()))
    # AM-GM on sqrt(nF) X sqrt(L) ||grad F||_F, X = omega^(1/3) L^2 sqrt(m log m/d): n F L X^2 <= the gain
    absorbed = width_from(movement_sq(), admissible(n * L * omega ** (2 * THIRD) * L**4 * m * log_m / d, gain()))
    printed = n**24 * L**12 * d * log_m**5 / delta**8
    implied = sympy.simplify((absorbed / printed).subs(delta, 1 / L))
    return Demonstration(
        _same(total / sympy.sqrt(m * log_m / d), omega**THIRD * L**3)
        and _same(direct, n**24 * L**18 * d * log_m**5 / delta**8)
        and _same(absorbed, n**15 * L**15 * d * log_m**5 / delta**5)
        and _same(implied, n**-9),
        f"(11.5) summed over the layers is {total}: L^3. Directly m >= {direct}; with AM-GM on the first-order term "
        f"m >= {absorbed}, at delta = 1/L a fraction {implied} of the printed width",
        {"direct over printed at L = 10": float((direct / printed).subs(L, 10))},
    )


def layer_sum() -> Demonstration:
    """A5: the last display of Lemma 8.6a, its constants as printed and every O(1) equal to 1."""

    def total(depth: int) -> float:
        small = 1 / (100 * depth**1.5)
        return math.fsum(math.comb(depth, j) * small ** (j - 1) * 3**j for j in range(1, min(depth, 60) + 1))

    sums = {depth: total(depth) for depth in (10, 100, 1000)}
    per_layer = [value / depth for depth, value in sums.items()]
    return Demonstration(
        all(2.9 < x < 3.2 for x in per_layer) and sums[1000] / math.sqrt(1000) > 9 * sums[10] / math.sqrt(10),
        "the sum is " + ", ".join(f"{v:.1f} at L = {k}" for k, v in sums.items()) + ": 3 L from j = 1, not O(sqrt L)",
        {f"L = {k}": v for k, v in sums.items()},
    )


def missing_range() -> Demonstration:
    """A6: Lemma 8.6's s at s = m omega^(2/3) L."""
    from bounds.registry import quantity

    s_limit = m / (L**3 * log_m)
    radius = admissible(m * omega ** (2 * THIRD) * L, s_limit)
    stated, needed = (quantity(f"allenzhu2019.semi_smoothness_radius{t}") for t in ("", "_proof"))
    ratios = {
        depth: stated.evaluate(L=depth, m=22026) / needed.evaluate(L=depth, m=22026) for depth in (5, 10, 20)
    }  # log 22026 = 10
    return Demonstration(
        _same(radius, L**-6 * log_m ** sympy.Rational(-3, 2)) and ratios[5] < 0.5 and ratios[20] > 2,
        f"s = m omega^(2/3) L <= m/(L^3 log m) is omega <= {radius}; the stated end over this one, at log m = 10: "
        + ", ".join(f"{v:.3f} at L = {k}" for k, v in ratios.items()),
        {f"L = {k}": v for k, v in ratios.items()},
    )


def omitted_failure() -> Demonstration:
    """A10: exp(-delta m/n) against exp(-delta^6 m/L), every hidden constant 1."""
    from bounds.registry import quantity

    at = {"n": 10, "L": 2, "delta": sympy.Rational(1, 10), "m": 10**6}
    stated = float(-at["delta"] * at["m"] / at["n"])
    full = float(quantity("allenzhu2019.fixed_gradient_failure").evaluate(**at, log10=True)) * math.log(10)
    own = float(quantity("allenzhu2019.separateness_failure").evaluate(L=2, delta="1/10", m=10**6, log10=True))
    return Demonstration(
        full > stated / 100 and abs(full - own * math.log(10)) < 1e-9 and abs(full + 0.5) < 1e-9,
        f"n = 10, L = 2, delta = 0.1, m = 10^6: Lemma 9.3 states exp({stated:.0f}), with Lemma 7.5's failure it is "
        f"exp({full:.2f})",
        {"stated": stated, "with Lemma 7.5": full},
    )


def last_equality() -> Demonstration:
    """A18: ||(I - h h^T) h'||^2 of unit vectors at squared distance Delta."""
    gap = sympy.Symbol("Delta", positive=True)
    inner = (2 - gap) / 2
    true, printed = sympy.expand(1 - inner**2), sympy.expand(1 + (gap - 2) / 2)
    lost = sympy.limit(printed / true, gap, 0)
    return Demonstration(
        sympy.expand(true - gap + gap**2 / 4) == 0 and sympy.expand(printed - gap / 2) == 0,
        f"with unit vectors: {true}, printed {printed}; for close samples a fraction {lost}, which over L layers would "
        "leave 2^-L",
        {"fraction": float(lost)},
    )
