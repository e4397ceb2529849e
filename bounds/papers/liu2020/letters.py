"""The letters of the paper: parameters with their roles, domains and defaults, as SymPy symbols."""

from __future__ import annotations

from functools import cache

import sympy

from bounds.model import COUNT, NONNEGATIVE, POSITIVE, REAL, UNIT_OPEN, Default, Domain, Parameter, Source

KEY = "liu2020"
BANERJEE = "three hidden layers, as in banerjee2023's experiment (Sec 6)"
SAMPLES = "banerjee2023's experiment (Sec 6), one output"
FILL = Default(
    sympy.Rational(9672, 10**8),
    "infinite-width kernel of scikit-learn's digits: 512 samples, L = 4, tanh; --data computes yours",
)


def at(place: str) -> Source:
    """A place in this paper."""
    return Source(KEY, place)


@cache
def symbol(name: str) -> sympy.Symbol:
    """The positive symbol behind a parameter or a quantity."""
    return sympy.Symbol(name, positive=True)


def real(name: str) -> sympy.Symbol:
    """The symbol behind a parameter of either sign."""
    return sympy.Symbol(name, real=True)


n, mu, lambda_min, residual_0 = (symbol(x) for x in ("n", "mu", "lambda_min", "residual_0"))


def _system() -> tuple[Parameter, ...]:
    """Sections 2 to 5: a system F(w) = y of n equations."""
    half = Default(lambda_min / 2, "half of lambda_min(K_0), as in eq 32")
    largest = Default(1 / symbol("L_F") ** 2, "the largest that Corollary 5.1's conditions admit (erratum L13)")
    ball = Default(symbol("radius_square"), "the radius of Theorem 4.2(c), which Section 7 takes too (erratum L6)")
    curved = Default(sympy.sqrt(n) * symbol("hessian_threshold"), "sqrt(n) ||H|| at the threshold of Corollary 5.1")
    flat = Default(symbol("L_f") ** 2, "L_f^2, what it is for a network linear in its weights")
    return (
        Parameter("n", "samples", "equations: samples times outputs", COUNT, "n", "n", Default(512, SAMPLES)),
        Parameter("p", "parameters", "number of trainable parameters (the paper's m before Sec 7)", COUNT, "p", "p"),
        Parameter(
            "mu", "convergence_rate", "PL* constant: least eigenvalue of K in the ball", POSITIVE, r"\mu", "μ", half
        ),
        Parameter("beta", "loss_smoothness", "smoothness of the loss", POSITIVE, r"\beta", "β"),
        Parameter("beta_F", "network_smoothness", "smoothness of F", NONNEGATIVE, r"\beta_F", "β_F", curved),
        Parameter(
            "residual_0",
            "residual",
            "||F(w_0) - y||",
            POSITIVE,
            r"\|F(w_0)-y\|",
            "‖F₀-y‖",
            Default(sympy.sqrt(n), "F(w_0) = 0 and targets with mean square 1"),
        ),
        Parameter(
            "residual_sup",
            "largest_residual",
            "supremum of ||F(w) - y|| over the set",
            POSITIVE,
            r"\sup\|F-y\|",
            "sup‖F-y‖",
            Default(residual_0, "its value at w_0, the least it can be"),
        ),
        Parameter(
            "loss_0",
            "initial_loss",
            "loss at the start",
            POSITIVE,
            r"\mathcal L(w_0)",
            "𝓛₀",
            Default(residual_0**2 / 2, "the square loss"),
        ),
        Parameter(
            "eps",
            "target_loss",
            "loss at which to stop; for the linear dynamics, the distance admitted up to a constant",
            POSITIVE,
            r"\epsilon",
            "ε",
            Default(sympy.Rational(1, 1000), "convention"),
        ),
        Parameter("eta", "step_size", "step size", POSITIVE, r"\eta", "η", largest),
        Parameter("lambda_min", "lambda_min", "least eigenvalue of K(w_0)", POSITIVE, r"\lambda_{\min}", "λ_min", FILL),
        Parameter(
            "R",
            "radius",
            "radius of the ball: Euclidean before Sec 7, there in sum_l ||W^(l) - W_0^(l)||_F",
            NONNEGATIVE,
            "R",
            "R",
            ball,
        ),
        Parameter(
            "hessian",
            "hessian_norm",
            "||H||: largest Hessian norm of F's components in the ball",
            NONNEGATIVE,
            r"\|\mathbf H\|",
            "‖H‖",
        ),
        Parameter(
            "delta",
            "failure_probability",
            "admitted probability of failure",
            UNIT_OPEN,
            r"\delta",
            "δ",
            Default(sympy.Rational(1, 20), "convention"),
        ),
        Parameter("gamma", "sample_smoothness", "smoothness of each sample's loss", POSITIVE, r"\gamma", "γ", flat),
        Parameter("s", "batch_size", "samples per mini-batch", COUNT, "s", "s", Default(1, "plain SGD")),
    )


def _outputs() -> tuple[Parameter, ...]:
    """Sections 4.1 and 8: what is done to the output."""
    return (
        Parameter(
            "rho",
            "output_slope",
            "least 1/||J_Phi^-1|| in the ball; min |phi'| for an output non-linearity",
            POSITIVE,
            r"\rho",
            "ρ",
        ),
        Parameter("kappa", "condition_number", "condition number of F", POSITIVE, r"\kappa_F", "κ_F"),
        Parameter("L_Phi", "output_lipschitz", "Lipschitz constant of Phi (sup |phi'|)", POSITIVE, r"L_\Phi", "L_Φ"),
        Parameter(
            "beta_Phi", "output_smoothness", "smoothness of Phi (sup |phi''|)", NONNEGATIVE, r"\beta_\Phi", "β_Φ"
        ),
        Parameter("f", "output", "network output f(w; x)", REAL, "f", "f"),
        Parameter("x", "input", "the one input of the shallow network", REAL, "x", "x"),
        Parameter("activation", "activation", "hidden non-linearity", latex=r"\sigma", glyph="σ", kind="activation"),
        Parameter(
            "output_activation",
            "output_activation",
            "non-linearity of the output layer",
            latex=r"\phi",
            glyph="φ",
            kind="activation",
            default=Default("tanh", "the experiment (App H)"),
        ),
    )


def _network() -> tuple[Parameter, ...]:
    """Sections 6 and 7: networks."""
    return (
        Parameter("L", "depth", "weight layers: hidden layers + 1", COUNT, "L", "L", Default(4, BANERJEE)),
        Parameter("l", "layer", "index of a layer, from 1", COUNT, "l", "l"),
        Parameter("m", "width", "neurons in each hidden layer", COUNT, "m", "m"),
        Parameter("d", "input_dim", "input dimension", COUNT, "d", "d", Default(784, "MNIST")),
        Parameter("L_sigma", "activation_lipschitz", "sup |sigma'|", POSITIVE, r"L_\sigma", "L_σ"),
        Parameter("beta_sigma", "activation_smoothness", "sup |sigma''|", NONNEGATIVE, r"\beta_\sigma", "β_σ"),
        Parameter(
            "sigma_at_0", "activation_at_zero", "|sigma(0)|", NONNEGATIVE, r"|\sigma(0)|", "|σ(0)|", optional=True
        ),
        Parameter(
            "C_x",
            "data_norm",
            "largest entry of an input in size",
            POSITIVE,
            "C_{x}",
            "Cₓ",
            Default(1, "normalised inputs"),
        ),
        Parameter(
            "s_0",
            "dominance",
            "largest entry of b_0^(l) over its root mean square (Asm 7.2)",
            Domain(1),
            "s_0",
            "s₀",
            Default(1, "the least possible; about sqrt(2 log m) under Gaussian weights (erratum L10)"),
        ),
        Parameter("C_s", "sparsity", "parameters per unit, and units per parameter, at most", COUNT, "C_s", "C_s"),
        Parameter("beta_alpha", "unit_smoothness", "smoothness of each unit", NONNEGATIVE, r"\beta_\alpha", "β_α"),
        Parameter("s_P", "output_scale", "s(P): divides the sum over the P units", POSITIVE, "s(P)", "s(P)"),
    )


PARAMETERS = {p.name: p for p in (*_system(), *_network(), *_outputs())}
