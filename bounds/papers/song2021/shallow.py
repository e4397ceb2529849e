"""Lemma 3, and Appendices E.3 and E.4: the constants of the shallow network at its random initialisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.song2021.assumptions import (
    AT_ZERO,
    BOUNDED,
    CONCENTRATED,
    FEW_OUTPUTS,
    GAUSSIAN_INIT,
    HERMITE_SCALED,
    HERMITE_T,
    POWER_RANK,
    SAMPLES,
    SCALING_HIGH,
    SCALING_LOW,
    SHALLOW,
    SMALL_OMEGA,
    C,
)
from bounds.papers.song2021.letters import at, symbol, symbols

hidden = symbol("C")
n, d_1, d_2, t = symbols("n d_1 d_2 t")
omega_1, omega_2, r_1, r_2 = symbols("omega_1 omega_2 r_1 r_2")
delta_1, delta_2 = symbols("delta_1 delta_2")
phi1_max, phi2_max, chi_max = symbols("phi1_max phi2_max chi_max")
sigma_max_X, sigma_min_Xt, sigma_max_V0 = symbols("sigma_max_X sigma_min_Xt sigma_max_V0")
sigma_max_phi, sigma_min_phi = symbols("sigma_max_phi sigma_min_phi")
c_0, c_1, c_t, c_t_scaled, c_inf_sq = symbols("c_0 c_1 c_t c_t_scaled c_inf_sq")
BASE: tuple[Condition, ...] = (SHALLOW, AT_ZERO)
RANDOM = (*BASE, GAUSSIAN_INIT, CONCENTRATED)


def lemma_3() -> Iterator[Quantity]:
    """mu, nu and beta of ``Phi = V phi(W X)``."""
    yield Quantity(
        "mu_Phi",
        r"\mu_\Phi",
        lambda: sigma_min_phi,
        "equal",
        at("Lemma 3, eq 18"),
        "printed",
        "lower bound on the singular values of grad Phi*(Theta_0); of an n-dimensional map, so d_1 >= n (erratum S6)",
        ("sigma_min_phi",),
        assumptions=(SHALLOW,),
        glyph="μ_Φ",
        measured_by="the n-th singular value of phi(W_0 X)",
        monotone={"sigma_min_phi": 1},
    )
    yield Quantity(
        "nu_Phi",
        r"\nu_\Phi",
        lambda: phi1_max * sigma_max_X * sigma_max_V0 + sigma_max_phi,
        "equal",
        at("Lemma 3, eq 18"),
        "printed",
        "upper bound on the singular values of grad Phi*(Theta_0)",
        ("phi1_max", "sigma_max_X", "sigma_max_V0", "sigma_max_phi"),
        assumptions=(SHALLOW,),
        glyph="ν_Φ",
        measured_by="spectral norms of X, V_0 and phi(W_0 X)",
        monotone={"phi1_max": 1, "sigma_max_X": 1, "sigma_max_V0": 1, "sigma_max_phi": 1},
    )
    yield Quantity(
        "beta_Phi",
        r"\beta_\Phi",
        lambda: sympy.sqrt(2) * sigma_max_X * (phi1_max + phi2_max * chi_max),
        "equal",
        at("Lemma 3, eq 18"),
        "printed",
        "smoothness of Phi where sigma_max(V) <= chi_max",
        ("sigma_max_X", "phi1_max", "phi2_max", "chi_max"),
        assumptions=(SHALLOW, BOUNDED),
        glyph="β_Φ",
        measured_by="the Lipschitz constant of the Jacobian between iterates",
        monotone={"sigma_max_X": 1, "phi1_max": 1, "phi2_max": 1, "chi_max": 1},
    )
    yield Quantity(
        "chi_assumed",
        r"\dot\phi_{\max}/\ddot\phi_{\max}",
        lambda: phi1_max / phi2_max,
        "equal",
        at("Assumption 2"),
        "printed",
        "the order that Assumption 2 asks of sigma_max(V_k)",
        ("phi1_max", "phi2_max"),
        glyph="sup|φ'|/sup|φ''|",
        monotone={"phi1_max": 1, "phi2_max": -1},
    )


def features() -> Iterator[Quantity]:
    """Eqs 67-69, 76: singular values of phi(W_0 X) and V_0."""
    names = ("delta_1", "t", "d_1", "sigma_min_Xt")
    yield Quantity(
        "mu_Phi_lower",
        r"\mu_\Phi",
        lambda: sympy.sqrt((1 - delta_1) * d_1 / sympy.factorial(t)) * sympy.Abs(c_t_scaled) * sigma_min_Xt,
        "lower",
        at("eq 68, with c_t(omega_1) (erratum S5)"),
        "derived",
        "least singular value of phi(W_0 X)",
        ("omega_1", "activation", *names),
        assumptions=(*RANDOM, HERMITE_SCALED, POWER_RANK, SAMPLES),
        glyph="μ_Φ",
        measured_by="the n-th singular value of phi(W_0 X)",
        monotone={"delta_1": -1, "d_1": 1, "sigma_min_Xt": 1},
    )
    yield Quantity(
        "mu_Phi_lower_printed",
        r"\mu_\Phi",
        lambda: (
            hidden * omega_1**r_1 * sympy.sqrt((1 - delta_1) * d_1 / sympy.factorial(t)) * sympy.Abs(c_t) * sigma_min_Xt
        ),
        "lower",
        at("eq 68"),
        "printed",
        "least singular value of phi(W_0 X), by scaling with r_1: false (erratum S5)",
        ("omega_1", "r_1", "c_t", *names),
        hidden=(C,),
        order_only=True,
        assumptions=(*RANDOM, HERMITE_T, POWER_RANK, SAMPLES, SMALL_OMEGA, SCALING_LOW),
        glyph="μ_Φ",
        measured_by="the n-th singular value of phi(W_0 X)",
        monotone={"delta_1": -1, "d_1": 1, "sigma_min_Xt": 1},
    )


def upper_bounds() -> Iterator[Quantity]:
    """Eqs 67, 69, 76: the upper bounds behind nu_Phi."""
    yield Quantity(
        "V0_norm",
        r"\sigma_{\max}(V_0)",
        lambda: omega_2 * (2 * sympy.sqrt(d_1) + sympy.sqrt(d_2)),
        "upper",
        at("eq 69"),
        "printed",
        "largest singular value of V_0, with probability 1 - 2 exp(-d_1/2)",
        ("omega_2", "d_1", "d_2"),
        assumptions=(GAUSSIAN_INIT,),
        glyph="σ_max(V₀)",
        measured_by="the spectral norm of V_0",
        monotone={"omega_2": 1, "d_1": 1, "d_2": 1},
    )
    yield Quantity(
        "sigma_max_phi_upper",
        r"\sigma_{\max}(\phi(W_0X))",
        lambda: hidden * omega_1**r_2 * sympy.sqrt((1 + delta_2) * d_1) * _spread(),
        "upper",
        at("eq 67"),
        "printed",
        "largest singular value of phi(W_0 X), by scaling with r_2: false except at omega_1 = 1 (erratum S5)",
        ("omega_1", "r_2", "delta_2", "sigma_max_X", "c_0", "c_1", "c_inf_sq", "d_1", "n"),
        hidden=(C,),
        order_only=True,
        assumptions=(*RANDOM, SMALL_OMEGA, SCALING_HIGH),
        glyph="σ_max(φ(W₀X))",
        measured_by="the spectral norm of phi(W_0 X)",
        monotone={"delta_2": 1, "sigma_max_X": 1, "d_1": 1, "n": 1},
    )
    yield Quantity(
        "nu_Phi_upper",
        r"\nu_\Phi",
        lambda: (
            hidden
            * (
                omega_2 * phi1_max * sigma_max_X * sympy.sqrt(d_1)
                + omega_1**r_2 * sympy.sqrt((1 + delta_2) * d_1) * _spread()
            )
        ),
        "upper",
        at("eq 76"),
        "printed",
        "bound on the singular values of grad Phi*(Theta_0)",
        ("omega_1", "omega_2", "r_2", "delta_2", "phi1_max", "sigma_max_X", "c_0", "c_1", "c_inf_sq", "d_1", "n"),
        hidden=(C,),
        order_only=True,
        assumptions=(*RANDOM, SMALL_OMEGA, SCALING_HIGH, FEW_OUTPUTS),
        glyph="ν_Φ",
        measured_by="spectral norms of X, V_0 and phi(W_0 X)",
        monotone={"omega_2": 1, "delta_2": 1, "phi1_max": 1, "sigma_max_X": 1, "d_1": 1, "n": 1},
    )


def _spread() -> Any:
    return sympy.sqrt(c_1**2 + c_inf_sq) * sigma_max_X + sympy.Abs(c_0) * sympy.sqrt(n)


def quantities() -> Iterator[Quantity]:
    """Lemma 3 and Appendices E.3, E.4."""
    yield from lemma_3()
    yield from features()
    yield from upper_bounds()
