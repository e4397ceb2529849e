"""Theorem 3: the widths, eqs 77-80, the variants of Appendix E.7, and what the direct condition asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.song2021.assumptions import (
    AT_ZERO,
    BOUNDED,
    DOMINANT,
    EXPONENTS,
    GAUSSIAN_INIT,
    HERMITE_SCALED,
    HERMITE_T,
    NOT_ODD,
    POWER_RANK,
    SCALE,
    SCALING_HIGH,
    SCALING_LOW,
    SHALLOW,
    SMALL_OMEGA,
    TWICE,
    C,
    essential,
)
from bounds.papers.song2021.concentration import SIDE
from bounds.papers.song2021.letters import at, symbol, symbols

constant, xi, n, d_0, d_1, t = symbols("C xi n d_0 d_1 t")
delta_1, delta_2, delta_3, delta_4 = symbols("delta_1 delta_2 delta_3 delta_4")
phi1_max, phi2_max, chi_max = symbols("phi1_max phi2_max chi_max")
omega_1, r_1, r_2, c_0, c_t, c_t_scaled = symbols("omega_1 r_1 r_2 c_0 c_t c_t_scaled")
sigma_max_X, sigma_min_Xt = symbols("sigma_max_X sigma_min_Xt")
SHARED = (SHALLOW, TWICE, AT_ZERO, GAUSSIAN_INIT, SCALE)
SCALED = (*SHARED, SMALL_OMEGA, SCALING_LOW, SCALING_HIGH, NOT_ODD)
STANDARD: tuple[Condition, ...] = (*SHARED, SMALL_OMEGA, EXPONENTS, NOT_ODD, HERMITE_T, DOMINANT, POWER_RANK)
WITH_XI: tuple[Condition, ...] = (*SCALED, essential(HERMITE_T), DOMINANT, POWER_RANK, BOUNDED)


def constants() -> Iterator[Quantity]:
    """xi: what does not depend on the data (eq 78)."""
    yield Quantity(
        "xi",
        r"\xi",
        lambda: sympy.sqrt(
            delta_3**2
            * c_0**2
            * (1 + delta_2)
            * delta_4**4
            * (phi1_max + phi2_max * chi_max) ** 2
            * sympy.factorial(t) ** 3
            / (omega_1 ** (6 * r_1 - 2 * r_2) * (1 - delta_1) ** 3 * c_t**6),
            evaluate=False,  # else SymPy spends a tenth of a second on the sign of what is under the root
        ),
        "equal",
        at("eq 78"),
        "printed",
        "the factor of the width that does not depend on the data",
        (
            "delta_1",
            "delta_2",
            "delta_3",
            "delta_4",
            "c_0",
            "c_t",
            "t",
            "phi1_max",
            "phi2_max",
            "chi_max",
            "omega_1",
            "r_1",
            "r_2",
        ),
        assumptions=(SHALLOW, AT_ZERO, SMALL_OMEGA, SCALING_LOW, SCALING_HIGH, NOT_ODD, essential(HERMITE_T)),
        glyph="ξ",
        monotone={"delta_1": 1, "delta_2": 1, "delta_3": 1, "delta_4": 1, "phi1_max": 1, "phi2_max": 1, "chi_max": 1},
    )
    yield Quantity(
        "xi_direct",
        r"\xi_{\mathrm{direct}}",
        lambda: (
            delta_3
            * delta_4**2
            * (phi1_max + phi2_max * chi_max)
            * sympy.factorial(t)
            / ((1 - delta_1) * c_t_scaled**2)
        ),
        "equal",
        at("eqs 75 and 68 in gd_condition_direct (erratum S11)"),
        "derived",
        "the factor of required_width_direct that does not depend on the data; needs no c_0, r_1 or r_2",
        ("delta_1", "delta_3", "delta_4", "t", "c_t_scaled", "phi1_max", "phi2_max", "chi_max"),
        assumptions=(SHALLOW, AT_ZERO, essential(HERMITE_SCALED)),
        glyph="ξ direct",
        monotone={"delta_1": 1, "delta_3": 1, "delta_4": 1, "phi1_max": 1, "phi2_max": 1, "chi_max": 1},
    )


ORDER: dict[str, Any] = {"direction": "at_least", "hidden": (C,), "order_only": True, "glyph": "d₁"}
"""What every width here is: an order."""
ANSWER: dict[str, Any] = {
    "unknown": "d_1",
    "side_conditions": SIDE,
    "answers": "width",
    "measured_by": "whether training converges at d_1",
}
"""What a width is that ``required-width`` lists."""


def widths() -> Iterator[Quantity]:
    """Eqs 79 and 80: ``h_0 beta^2 nu^2 <= alpha mu^6`` with ``nu^2 ~ c_0^2 d_1 n`` and ``mu^2 ~ d_1``."""
    half = sympy.Rational(1, 2)
    yield Quantity(
        "required_width",
        "d_1",
        lambda: constant * xi * sympy.sqrt(n) * sigma_max_X**2 / sigma_min_Xt**3,
        "requires",
        at("Theorem 3, eqs 20 and 79"),
        "printed",
        "width from which gradient descent converges to a global minimum",
        ("xi", "n", "sigma_max_X", "sigma_min_Xt"),
        **ORDER,
        assumptions=WITH_XI,
        **ANSWER,
        monotone={"xi": 1, "n": 1, "sigma_max_X": 1, "sigma_min_Xt": -1},
        orders={"n": half, "sigma_max_X": 2, "sigma_min_Xt": -3},
    )
    yield Quantity(
        "required_width_simplified",
        "d_1",
        lambda: constant * xi * n ** sympy.Rational(3, 2) / d_0,
        "requires",
        at("eqs 21 and 80"),
        "printed",
        "the same with sigma_max(X) = sqrt(n/d_0) and sigma_min(X^{*t}) = 1, the paper's estimates for n ~ d_0^t",
        ("xi", "n", "d_0"),
        **ORDER,
        assumptions=WITH_XI,
        **ANSWER,
        monotone={"xi": 1, "n": 1, "d_0": -1},
        orders={"n": 3 * half, "d_0": -1},
    )


def variants() -> Iterator[Quantity]:
    """Without the bound on V_k (App E.7), and by the direct condition (erratum S11).

    Unbounded: ``||V_k|| <= nu sqrt(h_0)/(sqrt(alpha) mu^2)`` in place of chi_max gives ``d_1^3 >= n^2 sigma_max^6/
    sigma_min^10``. Direct: ``h_0 beta^2 <= alpha mu^4``, where both sides are free of nu.
    """
    third = sympy.Rational(1, 3)
    yield Quantity(
        "required_width_unbounded",
        "d_1",
        lambda: constant * n ** (5 * third) / d_0,
        "requires",
        at("App E.7, last display"),
        "printed",
        "width without a bound on sigma_max(V_k), at the paper's estimates for n ~ d_0^t",
        ("n", "d_0"),
        **ORDER,
        assumptions=STANDARD,
        **ANSWER,
        monotone={"n": 1, "d_0": -1},
        orders={"n": 5 * third, "d_0": -1},
    )
    yield Quantity(
        "required_width_unbounded_data",
        "d_1",
        lambda: constant * n ** (2 * third) * sigma_max_X**2 / sigma_min_Xt ** (10 * third),
        "requires",
        at("App E.7, last display but one"),
        "printed",
        "width without a bound on sigma_max(V_k)",
        ("n", "sigma_max_X", "sigma_min_Xt"),
        **ORDER,
        assumptions=STANDARD,
        monotone={"n": 1, "sigma_max_X": 1, "sigma_min_Xt": -1},
        orders={"n": 2 * third, "sigma_max_X": 2, "sigma_min_Xt": -10 * third},
    )
    yield Quantity(
        "required_width_direct",
        "d_1",
        lambda: constant * symbol("xi_direct") * sigma_max_X**2 / sigma_min_Xt**2,
        "requires",
        at("Theorem 3 with gd_condition_direct (erratum S11)"),
        "derived",
        "width that the direct condition on the initial loss asks for; d_1 >= n and concentration then bind",
        ("xi_direct", "sigma_max_X", "sigma_min_Xt"),
        **ORDER,
        assumptions=(*SHARED, BOUNDED, POWER_RANK),
        **ANSWER,
        monotone={"xi_direct": 1, "sigma_max_X": 1, "sigma_min_Xt": -1},
        orders={"sigma_max_X": 2, "sigma_min_Xt": -2},
    )


def quantities() -> Iterator[Quantity]:
    """Theorem 3 and Appendices E.6, E.7."""
    yield from constants()
    yield from widths()
    yield from variants()
