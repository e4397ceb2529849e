"""Errata demonstrated by symbolic identities."""

from __future__ import annotations

from typing import Any

import sympy

from bounds.model import Demonstration

DEPTHS = (3, 4, 5, 6)


def _degree(name: str, depth: int, wide: bool) -> float:
    """The degree in R of a sum of positive powers: its growth per decade, far out; with m = R^2 if ``wide``."""
    from bounds.registry import quantity

    at = {"L": depth, "L_sigma": 1, "beta_sigma": 1, "c_0": 1, "s_0": 1, "C_x": 1}

    def log10(R: int) -> Any:
        return quantity(f"liu2020.{name}").evaluate(log10=True, R=R, **at, **({"m": R**2} if wide else {}))

    return round(log10(10**61) - log10(10**60), 9)


def growth_in_radius() -> Demonstration:
    """L7: the degree in R of the printed C', and of the proved one at a fixed r = R/sqrt(m)."""
    printed = {k: _degree("C_prime_printed", k, False) for k in DEPTHS}
    proved = {k: _degree("C_prime", k, True) for k in DEPTHS}
    return Demonstration(
        all(printed[k] == 3 * k - 6 and proved[k] == 1 for k in DEPTHS),
        "degree in R of the printed C': "
        + ", ".join(f"{v:.0f} at L = {k}" for k, v in printed.items())
        + " (3L - 6); of the proved one at fixed R/sqrt(m): 1",
        {f"L={k}": v for k, v in printed.items()},
    )


def stochastic_step() -> Demonstration:
    """L12: the step that minimises the expected decrease, from its own derivation.

    With s indices drawn independently and g the mini-batch gradient, E g = (s/n) G and E||g||^2 <= s (2 gamma loss/n) +
    s (s-1) ||G||^2/n^2, G the full gradient; the loss is n gamma-smooth and ||G||^2 >= 2 mu loss.
    """
    from bounds.registry import quantity

    n, mu, gamma, s, eta = (sympy.Symbol(x, positive=True) for x in ("n", "mu", "gamma", "s", "eta"))
    loss, size = sympy.Integer(1), 2 * mu  # ||G||^2 at its least: its coefficient is negative below the best step
    second = s * 2 * gamma * loss / n + s * (s - 1) * size / n**2
    after = loss - eta * s / n * size + n * gamma / 2 * eta**2 * second
    sheet = 1 - 2 * mu * eta * s / n + mu * s * (s - 1) * gamma * eta**2 / n + gamma**2 * eta**2 * s
    (best,) = sympy.solve(sympy.diff(after, eta), eta)
    derived, printed = (quantity("liu2020.sgd_step_size" + t).expression for t in ("", "_printed"))
    rate = sympy.simplify(after.subs(eta, best) - (1 - mu * s * best / n))
    ratio = sympy.simplify((printed / derived).subs(s, 1))
    checks = (sympy.simplify(after - sheet), sympy.simplify(best - derived), rate, sympy.simplify(ratio * n - 1))
    return Demonstration(
        all(c == 0 for c in checks),
        f"E loss_+/loss is least at eta = {sympy.factor(best)}, where it is 1 - mu s eta/n; "
        f"printed/derived = {ratio} at s=1",
    )
