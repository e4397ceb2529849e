"""The letters of the paper: parameters with their roles, domains and defaults, as SymPy symbols."""

from __future__ import annotations

import sympy

from bounds.model import (
    COUNT,
    NONNEGATIVE,
    POSITIVE,
    REAL,
    UNIT_OPEN,
    Default,
    Domain,
    Parameter,
    Source,
)

KEY = "song2021"
SQUARE = "the square loss (App E)"
ESTIMATE = "the paper's estimate for n ~ d_0^t (App E.7)"
UNIT_INIT = "standard normal weights; the relations of r_1, r_2 are not needed then"
CONSTANT = "a constant of the concentration inequalities, taken moderate"
UNSIGNED = "c_0 c_1 c_t c_t_scaled c_0_scaled mu_Phi phi_0 r_1 r_2"
REALS = frozenset((*UNSIGNED.split(), "scaling_low", "scaling_high", "scaling_missing"))
"""Symbols of numbers that may be 0 or negative: SymPy must not decide c_t > 0 or sqrt(c_t^6) = c_t^3 by itself."""


def at(place: str) -> Source:
    """A place in this paper."""
    return Source(KEY, place)


def symbol(name: str) -> sympy.Symbol:
    """The symbol behind a parameter or a quantity."""
    return sympy.Symbol(name, real=True) if name in REALS else sympy.Symbol(name, positive=True)


def symbols(names: str) -> tuple[sympy.Symbol, ...]:
    """Several of them, by names between blanks."""
    return tuple(map(symbol, names.split()))


PARAMETERS = {
    p.name: p
    for p in (
        Parameter("alpha_f", "loss_pl", "PL constant of the loss f", POSITIVE, r"\alpha_f", "α_f", Default(2, SQUARE)),
        Parameter(
            "beta_f", "loss_smoothness", "smoothness of the loss f", POSITIVE, r"\beta_f", "β_f", Default(2, SQUARE)
        ),
        Parameter(
            "h_0",
            "initial_loss",
            "loss at the start, h(w_0)",
            POSITIVE,
            "h_0",
            "h₀",
            Default(1, "||Y|| <= 1 (Assumption 2) and an initial output near 0"),
        ),
        Parameter(
            "grad_f_0",
            "initial_loss_gradient",
            "||grad f(Phi(w_0))||",
            NONNEGATIVE,
            r"\|\nabla f_0\|",
            "‖∇f₀‖",
            Default(symbol("grad_f_upper"), "its bound sqrt(2 beta_f h_0), attained by the square loss"),
        ),
        Parameter(
            "eta",
            "step_size",
            "learning rate",
            POSITIVE,
            r"\eta",
            "η",
            Default(symbol("step_size"), "Thm 2, eq 13"),
        ),
        Parameter(
            "eps",
            "target_loss",
            "loss at which to stop",
            POSITIVE,
            r"\epsilon",
            "ε",
            Default(sympy.Rational(1, 1000), "convention"),
        ),
        Parameter("n", "samples", "training samples", COUNT, "n", "n", Default(512, "banerjee2023's experiment")),
        Parameter("d_0", "input_dim", "input dimension", COUNT, "d_0", "d₀", Default(784, "MNIST (App G)")),
        Parameter("d_1", "width", "hidden units", COUNT, "d_1", "d₁", Default(1000, "the student (App G)")),
        Parameter("d_2", "outputs", "number of outputs", COUNT, "d_2", "d₂", Default(1, "one output")),
        Parameter("activation", "activation", "activation function", POSITIVE, r"\phi", "φ", kind="activation"),
        Parameter("X", "data", "inputs, one sample a row of norm 1", REAL, "X", "X", kind="matrix"),
        Parameter("i", "degree", "degree of a Hermite polynomial", Domain(0, integer=True), "i", "i"),
        Parameter(
            "t",
            "kernel_order",
            "order of the Hermite coefficient and Khatri-Rao power used",
            COUNT,
            "t",
            "t",
            Default(2, "the paper's main case, n ~ d_0^2 (App E.7)"),
        ),
        Parameter("phi_0", "activation_at_zero", "|phi(0)|", NONNEGATIVE, r"|\phi(0)|", "|φ(0)|", optional=True),
        Parameter("phi1_max", "activation_lipschitz", "sup |phi'|", NONNEGATIVE, r"\dot\phi_{\max}", "sup|φ'|"),
        Parameter("phi2_max", "activation_smoothness", "sup |phi''|", NONNEGATIVE, r"\ddot\phi_{\max}", "sup|φ''|"),
        Parameter(
            "chi_max",
            "readout_norm",
            "bound on sigma_max(V_k) over all steps",
            NONNEGATIVE,
            r"\chi_{\max}",
            "χ_max",
            Default(symbol("chi_assumed"), "Assumption 2 with constant 1"),
        ),
        Parameter(
            "sigma_max_X",
            "sigma_max_data",
            "sigma_max(X)",
            POSITIVE,
            r"\sigma_{\max}(X)",
            "σ_max(X)",
            Default(symbol("sigma_max_estimate"), ESTIMATE),
        ),
        Parameter(
            "sigma_min_Xt",
            "sigma_min_power",
            "sigma_min(X^{*t}), X^{*t} the Khatri-Rao power",
            POSITIVE,
            r"\sigma_{\min}(X^{*t})",
            "σ_min(X*ᵗ)",
            Default(1, ESTIMATE),
        ),
        Parameter(
            "sigma_max_V0",
            "readout_init_norm",
            "sigma_max(V_0)",
            NONNEGATIVE,
            r"\sigma_{\max}(V_0)",
            "σ_max(V₀)",
            Default(symbol("V0_norm"), "its bound, eq 69"),
        ),
        Parameter(
            "sigma_max_phi",
            "feature_norm",
            "sigma_max(phi(W_0 X))",
            NONNEGATIVE,
            r"\sigma_{\max}(\phi(W_0X))",
            "σ_max(φ(W₀X))",
            Default(symbol("feature_norm"), "the root of the bound on ||E M_0||, eq 57"),
        ),
        Parameter(
            "sigma_min_phi",
            "feature_conditioning",
            "sigma_min(phi(W_0 X))",
            NONNEGATIVE,
            r"\sigma_{\min}(\phi(W_0X))",
            "σ_min(φ(W₀X))",
            Default(symbol("mu_Phi_lower"), "its bound, eq 68 with c_t(omega_1)"),
        ),
        Parameter(
            "gram_min",
            "gram_min",
            "least eigenvalue of E M_0, M_0 the Gram matrix of the features",
            NONNEGATIVE,
            r"\lambda_{\min}(\mathbb E M_0)",
            "λ_min(E M₀)",
            Default(symbol("gram_min_lower"), "its bound, eq 58 with c_t(omega_1)"),
        ),
        Parameter(
            "gram_max",
            "gram_max",
            "largest eigenvalue of E M_0",
            NONNEGATIVE,
            r"\lambda_{\max}(\mathbb E M_0)",
            "λ_max(E M₀)",
            Default(symbol("gram_mean_eigenvalue"), "the mean eigenvalue, which it exceeds"),
        ),
        Parameter(
            "omega_1", "hidden_std", "standard deviation of W_0", POSITIVE, r"\omega_1", "ω₁", Default(1, UNIT_INIT)
        ),
        Parameter(
            "omega_2",
            "readout_std",
            "standard deviation of V_0",
            POSITIVE,
            r"\omega_2",
            "ω₂",
            Default(symbol("omega_2_balanced"), "omega_1 omega_2 = 1/sqrt(d_0 d_1), eq 19"),
        ),
        Parameter(
            "r_1",
            "scaling_low",
            "tau^r_1 |phi(a)| <= |phi(tau a)|",
            REAL,
            "r_1",
            "r₁",
            Default(1, "that of tanh; omega_1 = 1 needs none"),
        ),
        Parameter(
            "r_2",
            "scaling_high",
            "|phi(tau a)| <= tau^r_2 |phi(a)|",
            REAL,
            "r_2",
            "r₂",
            Default(0, "that of tanh; omega_1 = 1 needs none"),
        ),
        Parameter(
            "delta_1",
            "gram_min_slack",
            "relative error of the least eigenvalue of M_0",
            UNIT_OPEN,
            r"\delta_1",
            "δ₁",
            Default(sympy.Rational(1, 2), CONSTANT),
        ),
        Parameter(
            "delta_2",
            "gram_max_slack",
            "relative error of the largest eigenvalue of M_0",
            POSITIVE,
            r"\delta_2",
            "δ₂",
            Default(1, CONSTANT),
        ),
        Parameter(
            "delta_3",
            "output_slack",
            "deviations of the initial output",
            POSITIVE,
            r"\delta_3",
            "δ₃",
            Default(2, CONSTANT),
        ),
        Parameter("delta_4", "row_slack", "max(k_1, k_2)", POSITIVE, r"\delta_4", "δ₄", Default(1, CONSTANT)),
        Parameter(
            "k_1", "hidden_row_slack", "deviations of the rows of W_0", POSITIVE, "k_1", "k₁", Default(1, CONSTANT)
        ),
        Parameter(
            "k_2",
            "readout_column_slack",
            "deviations of the columns of V_0",
            POSITIVE,
            "k_2",
            "k₂",
            Default(1, CONSTANT),
        ),
        Parameter("norm_Y", "target_norm", "||Y||", NONNEGATIVE, r"\|Y\|", "‖Y‖", Default(1, "Assumption 2")),
    )
}
