"""Appendix F: the distance to the linearised model, its two regimes, and the readout that the trajectory allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.song2021.assumptions import (
    AT_ZERO,
    BOUNDED,
    FEW_OUTPUTS,
    GAUSSIAN_INIT,
    HERMITE_T,
    NOT_ODD,
    SCALING_HIGH,
    SCALING_LOW,
    SHALLOW,
    SMALL_OMEGA,
    TWICE,
    C,
    essential,
)
from bounds.papers.song2021.letters import at, symbol, symbols

hidden = symbol("C")
n, d_1, omega_1, omega_2, r_1, r_2 = symbols("n d_1 omega_1 omega_2 r_1 r_2")
phi1_max, phi2_max, chi_max, c_0, delta_2 = symbols("phi1_max phi2_max chi_max c_0 delta_2")
sigma_max_X, sigma_min_Xt = symbols("sigma_max_X sigma_min_Xt")
LARGE_MEAN = Condition(
    "large c_0", "|c_0| sqrt(n) exceeds sqrt(c_1^2 + c_inf^2) sigma_max(X), left out of nu_Phi (App F)"
)
SCALED = (SMALL_OMEGA, SCALING_HIGH, LARGE_MEAN, FEW_OUTPUTS)
BASE: tuple[Condition, ...] = (SHALLOW, TWICE, AT_ZERO, GAUSSIAN_INIT, *SCALED)
TRAJECTORY = (*BASE, SCALING_LOW, HERMITE_T)
"""Where eq 33 divides by mu_Phi^2, of eq 68."""
GAP = r"\|h(\Theta_i)-\tilde h(\tilde\Theta_i)\|"
UNSOUND = "; no upper bound, since nu_Phi bounds from above what is divided by (erratum S10)"
LARGE_READOUT = Condition("omega_2 >> omega_1", "the readout is initialised much larger (App F.1)")
LARGE_HIDDEN = Condition("omega_1 >> omega_2", "the hidden layer is initialised much larger (App F.2)")


def gap() -> Iterator[Quantity]:
    """Eq 83: ``beta_Phi/nu_Phi^2``, the terms in c_1 and c_inf left out of nu."""
    yield Quantity(
        "lazy_gap",
        r"\beta_\Phi/\nu_\Phi^2",
        lambda: (
            hidden
            * sympy.sqrt(2)
            * sigma_max_X
            * (phi1_max + phi2_max * chi_max)
            / (
                omega_2 * phi1_max * sigma_max_X * sympy.sqrt(d_1)
                + omega_1**r_2 * sympy.Abs(c_0) * sympy.sqrt((1 + delta_2) * d_1 * n)
            )
            ** 2
        ),
        "upper",
        at("eq 83"),
        "printed",
        "distance of the losses of the network and of its linearisation" + UNSOUND,
        ("sigma_max_X", "phi1_max", "phi2_max", "chi_max", "omega_1", "omega_2", "r_2", "c_0", "delta_2", "d_1", "n"),
        hidden=(C,),
        order_only=True,
        assumptions=(*BASE, BOUNDED),
        statement=GAP,
        glyph="|h − h̃|",
        measured_by="the losses of the network and of its linearisation along training",
        monotone={"phi2_max": 1, "chi_max": 1, "omega_2": -1, "delta_2": -1, "d_1": -1, "n": -1},
    )


def regimes() -> Iterator[Quantity]:
    """The two extremes. F.1's second line has sigma_max(X)^2 where its first gives the cube (erratum S10)."""
    for tail, power, status in (("_printed", 2, "printed"), ("", 3, "proved")):
        yield Quantity(
            "lazy_gap_large_readout" + tail,
            r"\beta_\Phi/\nu_\Phi^2",
            _large_readout(power),
            "upper",
            at("App F.1"),
            status,
            "the distance to the linearisation for omega_2 >> omega_1"
            + (": loses one sigma_max(X)" if tail else "")
            + UNSOUND,
            ("sigma_max_X", "sigma_min_Xt", "omega_1", "omega_2", "r_1", "r_2", "c_0", "d_1", "n"),
            hidden=(C,),
            order_only=True,
            assumptions=(*TRAJECTORY, LARGE_READOUT),
            statement=GAP,
            glyph="|h − h̃|",
            monotone={"d_1": -1, "n": -1, "sigma_min_Xt": -1},
        )
    yield Quantity(
        "lazy_gap_large_hidden",
        r"\beta_\Phi/\nu_\Phi^2",
        lambda: (
            hidden
            * sympy.sqrt(2)
            * sigma_max_X
            * (phi1_max + omega_2 * phi2_max * sympy.sqrt(d_1))
            / (omega_1 ** (2 * r_2) * c_0**2 * d_1 * n)
        ),
        "upper",
        at("App F.2, eq 85"),
        "printed",
        "the distance to the linearisation for omega_1 >> omega_2" + UNSOUND,
        ("sigma_max_X", "phi1_max", "phi2_max", "omega_1", "omega_2", "r_2", "c_0", "d_1", "n"),
        hidden=(C,),
        order_only=True,
        assumptions=(*BASE, essential(NOT_ODD), LARGE_HIDDEN),
        statement=GAP,
        glyph="|h − h̃|",
        monotone={"sigma_max_X": 1, "phi1_max": 1, "phi2_max": 1, "omega_2": 1, "d_1": -1, "n": -1},
    )


def _large_readout(power: int) -> Callable[[], Any]:
    def formula() -> Any:
        size = omega_2 * sigma_max_X + omega_1**r_2 * sympy.Abs(c_0) * sympy.sqrt(n)
        top = sigma_max_X**power * omega_2 / d_1 ** sympy.Rational(3, 2)
        return hidden * top / (omega_1 ** (2 * r_1) * sigma_min_Xt**2 * size**2)

    return formula


def readout() -> Iterator[Quantity]:
    """Eq 84."""
    yield Quantity(
        "chi_trajectory",
        r"\chi_{\max}",
        lambda: (
            hidden
            * (
                (omega_2 * phi1_max * sigma_max_X + omega_1**r_2 * sympy.Abs(c_0) * sympy.sqrt(n))
                * sigma_max_X
                / (omega_1 ** (2 * r_1) * sympy.sqrt(d_1) * sigma_min_Xt**2)
                + omega_2 * sympy.sqrt(d_1)
            )
        ),
        "upper",
        at("eqs 81 and 84"),
        "printed",
        "largest sigma_max(V_i) along the trajectory, by the triangle inequality",
        ("omega_1", "omega_2", "phi1_max", "sigma_max_X", "sigma_min_Xt", "r_1", "r_2", "c_0", "d_1", "n"),
        hidden=(C,),
        order_only=True,
        assumptions=TRAJECTORY,
        glyph="χ_max",
        measured_by="the spectral norm of V along training",
        monotone={"omega_2": 1, "phi1_max": 1, "sigma_max_X": 1, "sigma_min_Xt": -1, "n": 1},
    )


def quantities() -> Iterator[Quantity]:
    """Appendix F."""
    yield from gap()
    yield from regimes()
    yield from readout()
