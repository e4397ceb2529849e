"""The letters of the paper: parameters with their roles, domains and defaults, as SymPy symbols."""

from __future__ import annotations

import sympy

from bounds.forms import at_least, at_most
from bounds.model import COUNT, NONNEGATIVE, POSITIVE, UNIT_OPEN, Condition, Default, Domain, Parameter, Source

KEY = "banerjee2023"
EXPERIMENT = "the paper's experiment (Sec 6)"
REGIME = "the paper's operating regime (Rem 4.1), O(1) radii"


def at(place: str) -> Source:
    """A place in this paper."""
    return Source(KEY, place)


def symbol(name: str) -> sympy.Symbol:
    """The real symbol behind a parameter or a quantity."""
    return sympy.Symbol(name, positive=True)


varrho_sq = symbol("varrho") ** 2

PARAMETERS = {
    p.name: p
    for p in (
        Parameter("L", "depth", "hidden layers", COUNT, "L", "L", Default(3, EXPERIMENT)),
        Parameter("l", "layer", "index of a layer, from 1", COUNT, "l", "l"),
        Parameter("m", "width", "neurons in each hidden layer", COUNT, "m", "m"),
        Parameter("d", "input_dim", "input dimension", COUNT, "d", "d", Default(784, "MNIST, " + EXPERIMENT)),
        Parameter("k", "outputs", "number of outputs", COUNT, "k", "k", Default(1, "the paper's main setting")),
        Parameter(
            "sigma_1",
            "init_scale",
            "scale of the initial weights (Asm 2)",
            POSITIVE,
            r"\sigma_1",
            "σ₁",
            Default(1, REGIME),
        ),
        Parameter(
            "rho",
            "radius",
            "spectral radius of the ball around the initial hidden weights",
            NONNEGATIVE,
            r"\rho",
            "ρ",
            Default(1, REGIME),
        ),
        Parameter(
            "rho_1",
            "readout_radius",
            "radius of the ball around the initial last layer",
            NONNEGATIVE,
            r"\rho_1",
            "ρ₁",
            Default(1, REGIME),
        ),
        Parameter(
            "rho_2",
            "step_radius",
            "Euclidean radius around the current iterate",
            NONNEGATIVE,
            r"\rho_2",
            "ρ₂",
            Default(1, REGIME),
        ),
        Parameter("phi_0", "activation_at_zero", "|phi(0)|", NONNEGATIVE, r"|\phi(0)|", "|φ(0)|"),
        Parameter("beta_phi", "activation_smoothness", "sup |phi''|", NONNEGATIVE, r"\beta_\phi", "β_φ"),
        Parameter(
            "lipschitz_phi", "activation_lipschitz", "sup |phi'|", NONNEGATIVE, r"\sup|\phi'|", "sup|φ'|", optional=True
        ),
        Parameter(
            "mean_y_sq",
            "target_mean_square",
            "mean of y_i^2 over the samples (and outputs)",
            NONNEGATIVE,
            r"\overline{y^2}",
            "mean(y²)",
            Default(1, "normalised targets"),
        ),
        Parameter(
            "kappa",
            "cone",
            "least |cos| between a step and the mean gradient (Def 5.2)",
            Domain(0, 1, low_open=True),
            r"\kappa",
            "κ",
            Default(1, "most favourable that Def 5.2 allows"),
        ),
        Parameter(
            "gbar_norm_sq",
            "mean_gradient_sq",
            "||gbar_t||^2, gbar_t the mean predictor gradient",
            NONNEGATIVE,
            r"\|\bar g_t\|_2^2",
            "‖ḡₜ‖²",
            Default(varrho_sq, "varrho^2, most favourable that Lem 4.1 allows"),
        ),
        Parameter(
            "failure",
            "failure_probability",
            "admitted probability of failure",
            UNIT_OPEN,
            r"p",
            "p",
            Default(sympy.Rational(1, 20), "convention"),
        ),
        Parameter(
            "omega_t",
            "relative_step",
            "step size times beta",
            Domain(0, 2, low_open=True, high_open=True),
            r"\omega_t",
            "ωₜ",
            Default(1, "best constant in Lem 5.2"),
        ),
        Parameter(
            "gamma_t",
            "gap_ratio",
            "(loss at the best point of B_t - loss*)/(loss_t - loss*)",
            Domain(0, 1),
            r"\gamma_t",
            "γₜ",
            Default(0, "most favourable that Thm 5.3 allows"),
        ),
        Parameter(
            "loss_0",
            "initial_loss",
            "loss at the start",
            POSITIVE,
            r"\mathcal L(\theta_0)",
            "𝓛₀",
            Default(symbol("loss_init"), "its bound, Lem 4.2"),
        ),
        Parameter(
            "loss_star",
            "least_loss",
            "least loss in the ball",
            NONNEGATIVE,
            r"\mathcal L(\theta^*)",
            "𝓛*",
            Default(0, "interpolation"),
        ),
        Parameter(
            "eps",
            "target_loss",
            "loss above the least at which to stop",
            POSITIVE,
            r"\epsilon",
            "ε",
            Default(sympy.Rational(1, 1000), EXPERIMENT),
        ),
        Parameter("a", "argument", "argument of g; in the general-loss results, the least l''", POSITIVE, "a", "a"),
        Parameter("b", "loss_smoothness", "largest l'' of the loss", POSITIVE, "b", "b"),
        Parameter(
            "lambda_t", "loss_slope", "mean of l'(y_i, f_i)^2 along the segment", NONNEGATIVE, r"\lambda_t", "λₜ"
        ),
    )
}

SMOOTH = Condition(
    "Assumption 1",
    "the activation is 1-Lipschitz: sup|phi'| <= 1",
    lambda: at_most(symbol("lipschitz_phi"), 1),
    "rescale the activation, for example --activation 'gelu(z)/1.13'",
)
INITIAL = Condition("Assumption 2", "Gaussian hidden weights at sigma_0, unit v_0, ||x_i||_2 = sqrt(d)")
WIDE = Condition(
    "Lemma A.1",
    "the width is at least the input dimension: m >= d (said in its proof only)",
    lambda: at_least(symbol("m"), symbol("d")),
    "widen the network",
)
IN_BALL = Condition("ball", "the parameters lie in the layerwise spectral ball of radii rho, rho_1 (Def 3.1)")
SQUARE = Condition("square loss", "the loss is the mean of (y_i - f_i)^2")
DEEP = Condition(
    "L >= 2",
    "psi_H has no pair of layers at L = 1 (erratum B4)",
    lambda: at_least(symbol("L"), 2),
    "use L >= 2",
    essential=True,
)
WIDE_GAMMA = Condition(
    "gamma >= 1",
    "the chain constant is proved for gamma >= 1 only (errata B5, B6)",
    lambda: at_least(symbol("gamma"), 1),
    "use c_H_safe",
)
CONE = Condition("cone", "the compared point lies in Q_kappa^t, within rho_2 of theta_t and in the ball")
