"""The letters of the paper: parameters with their roles, domains and defaults, its assumptions, its experiments."""

from __future__ import annotations

from typing import Any

import sympy

from bounds.forms import Smallest, above, at_least, at_most
from bounds.model import (
    COUNT,
    NONNEGATIVE,
    Condition,
    Default,
    Domain,
    Given,
    HiddenConstant,
    Parameter,
    Scenario,
    Source,
)

KEY = "fu2018"
EXPERIMENT = "the paper's experiments (Sec 6)"
SPECIAL = "the paper's special case, orthonormal columns (Sec 3.1)"


def at(place: str) -> Source:
    """A place in this paper."""
    return Source(KEY, place)


def symbol(name: str) -> sympy.Symbol:
    """The positive symbol behind a parameter or a quantity."""
    return sympy.Symbol(name, positive=True)


def hidden(name: str, text: str, factor: bool = True) -> tuple[HiddenConstant, ...]:
    """The hidden constant of a formula; the paper's C differs from line to line (Sec 1.3)."""
    return (HiddenConstant(name, text, name, factor),)


d, K, n, L_phi, eta = (symbol(x) for x in ("d", "K", "n", "L_phi", "eta"))
kappa, lam = symbol("kappa"), symbol("lam")
rho_sigma = sympy.Symbol("rho_sigma", real=True)  # of either sign: SymPy must not decide rho > 0 by itself
sigma, sigma_K, activation = (symbol(x) for x in ("sigma", "sigma_K", "activation"))
C, c = symbol("C"), symbol("c")


def shape() -> Any:
    """kappa^2 lambda / rho(sigma_K), by which the ground truth enters every theorem."""
    return kappa**2 * lam / rho_sigma


ORDER = Domain(0, 2, integer=True)
PARAMETERS = {
    p.name: p
    for p in (
        Parameter("d", "input_dim", "input dimension", COUNT, "d", "d", Default(784, "MNIST")),
        Parameter("K", "width", "hidden neurons", COUNT, "K", "K", Default(3, EXPERIMENT)),
        Parameter(
            "n", "samples", "training samples", COUNT, "n", "n", Default(512, "banerjee2023's experiment (Sec 6)")
        ),
        Parameter("activation", "activation", "the activation phi", latex=r"\phi", glyph="φ", kind="activation"),
        Parameter(
            "L_phi", "activation_third", "bound on |phi'|, |phi''|, |phi'''| (Asm 1)", latex=r"L_\phi", glyph="L_φ"
        ),
        Parameter(
            "in_unit_interval",
            "activation_in_unit_interval",
            "1 where phi maps into [0, 1], else 0",
            Domain(0, 1, integer=True),
            r"[\phi\in[0,1]]",
            "[φ∈[0,1]]",
            optional=True,
        ),
        Parameter(
            "sigma",
            "weight_norm",
            "scale at which phi sees its input; sigma_K(W*) in the theorems",
            latex=r"\sigma",
            glyph="σ",
            default=Default(1, SPECIAL),
        ),
        Parameter(
            "singular_values",
            "teacher_singular_values",
            "the K singular values of the ground truth W*, in any order",
            latex=r"\sigma_{1:K}",
            glyph="σ₁..σ_K",
            default=Default((1, 1, 1), SPECIAL),
            kind="vector",
        ),
        Parameter("q", "moment", "power of z in alpha_q and beta_q", ORDER, "q", "q", Default(0, "the first moment")),
        Parameter(
            "j",
            "tensor_order",
            "order of the moment or tensor (Def 2)",
            Domain(0, 4, integer=True),
            "j",
            "j",
            Default(1, "the first tensor"),
        ),
        Parameter(
            "eta",
            "step_size",
            "step size of gradient descent",
            latex=r"\eta",
            glyph="η",
            default=Default(symbol("step_size"), "the largest that App B.2 allows"),
        ),
        Parameter(
            "distance",
            "radius",
            "Frobenius distance to the ground truth, ||W - W*||_F",
            NONNEGATIVE,
            r"\|W-W^\star\|_F",
            "‖W-W*‖",
            Default(0, "at the ground truth"),
        ),
        Parameter(
            "gradient_norm",
            "gradient_norm",
            "norm of the empirical gradient at the ground truth",
            NONNEGATIVE,
            r"\|\nabla f_n(W^\star)\|_2",
            "‖∇f_n(W*)‖",
            Default(symbol("gradient_concentration"), "its bound, Lem 4"),
        ),
        Parameter(
            "start",
            "initial_distance",
            "distance of the start from the critical point",
            latex=r"\|W_0-\widehat W_n\|_F",
            glyph="‖W₀-Ŵ‖",
            default=Default(symbol("radius"), "the ball's radius, Thm 2"),
        ),
        Parameter(
            "eps",
            "target_distance",
            "distance from the critical point at which to stop",
            latex=r"\epsilon",
            glyph="ε",
            default=Default(sympy.Rational(1, 1000), "convention"),
        ),
    )
}

DATA = Condition("model", "x ~ N(0, I_d), and y is drawn from (3) or is (4): the teacher has the student's form")
SMOOTH = Condition("Assumption 1", "phi is three times differentiable with bounded first, second and third derivatives")
RANGE = Condition(
    "phi in [0, 1]",
    "phi maps into [0, 1], so that (3) is a probability (Sec 2.1, erratum F3)",
    lambda: at_least(symbol("in_unit_interval"), 1),
    "rescale the activation: 'tanh01' is (1 + tanh)/2",
)
CURVED = Condition(
    "Assumption 2",
    "rho(sigma_K) > 0",
    lambda: above(rho_sigma, 0),
    "an activation that is not linear",
)
NARROW = Condition("K <= d", "no more neurons than inputs (Sec 1)", lambda: at_most(K, d), "fewer neurons")
SMALLEST = Condition(
    "sigma = sigma_K",
    "rho is taken at the smallest singular value of W*",
    lambda: at_most(sympy.Abs(sigma - sigma_K), sigma_K / 10**9),
    "give sigma as the least of singular_values",
)
ORDERED = Condition(
    "kappa, lambda >= 1",
    "ratios of singular values to the least one",
    lambda: at_least(Smallest(kappa, lam), 1),
    "give singular_values, or kappa and lam of at least 1",
)
IN_BALL = Condition("ball", "W lies in the ball B(W*, r) of Lemma 2")
ENOUGH = Condition("sample size", "n is at least the sample size of Theorem 1")
BASIC = (DATA, SMOOTH, RANGE)
LOCAL = (*BASIC, CURVED, NARROW, ORDERED, SMALLEST)

SCENARIOS = tuple(
    Scenario(
        name,
        text,
        (
            Given("K", 3, origin),
            Given("d", 20, origin + "; also 40 and 60"),
            Given("activation", "sigmoid", "not stated; the paper's example activation (Sec 3)"),
        ),
    )
    for name, text, origin in (
        ("fig3", "success rate (SD_n <= 0.01 over 20 starts, 50 data sets, 2000 steps) against n", "Figure 3"),
        ("fig4", "mean distance from W* over 100 starts within 0.1 ||W*||_F, against n", "Figure 4"),
    )
)
