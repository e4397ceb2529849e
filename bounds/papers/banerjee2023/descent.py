"""Section 5, Appendices B and C: restricted strong convexity, smoothness, rates, iterations and the width."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.banerjee2023.letters import DEEP, IN_BALL, INITIAL, SMOOTH, SQUARE, WIDE, at, symbol

L, m, d, k, a, b = (symbol(x) for x in ("L", "m", "d", "k", "a", "b"))
kappa, rho_2, gbar_norm_sq, lambda_t = (symbol(x) for x in ("kappa", "rho_2", "gbar_norm_sq", "lambda_t"))
c_1, c_2, c_H, varrho, loss_ball = (symbol(x) for x in ("c_1", "c_2", "c_H", "varrho", "loss_ball"))
beta, chi, failure = (symbol(x) for x in ("beta", "chi", "failure"))
rsc_alpha = sympy.Symbol("rsc_alpha", real=True)  # of either sign: SymPy must not decide alpha > 0 by itself
omega_t, gamma_t, loss_0, loss_star, eps = (symbol(x) for x in ("omega_t", "gamma_t", "loss_0", "loss_star", "eps"))
root_m = sympy.sqrt(m)

BASIC = (SMOOTH, INITIAL, IN_BALL, WIDE, DEEP)
CONE = Condition("cone", "the compared point lies in Q_kappa^t, within rho_2 of theta_t and in the ball")
CURVED = Condition("alpha_t > 0", "restricted strong convexity holds (A4.1)", rsc_alpha > 0, "widen the network")
STAY = Condition("A4.2", "the iterates stay in the ball of radii rho, rho_1")
GENERAL = Condition("Assumption 3", "a <= l'' <= b for the loss", a <= b, "take a as the lower, b as the upper bound")
SEGMENT = Condition("lambda_t", "lambda_t >= mean l'^2 on the whole segment, not at theta_t alone")
OUTPUTS = Condition("Assumption 5", "k outputs, every v_h a unit vector; rho_1 and loss_ball per output")
LOSS = r"\mathcal L"
RSC = r"\alpha_t"


def restricted_convexity() -> Iterator[Quantity]:
    """Theorem 5.1, Remark 5.1 and the general-loss and k-output versions."""
    assume = (*BASIC, SQUARE, CONE)
    yield Quantity(
        "c_1",
        "c_1",
        2 * kappa**2,
        "equal",
        at("Theorem 5.1"),
        "printed",
        "factor of ||gbar_t||^2",
        ("kappa",),
        glyph="c₁",
        monotone={"kappa": 1},
    )
    yield Quantity(
        "c_2",
        "c_2",
        2 * c_H * (2 * varrho * rho_2 + sympy.sqrt(loss_ball)),
        "equal",
        at("Theorem 5.1"),
        "printed",
        "what the Hessian takes away, times sqrt(m)",
        ("c_H", "varrho", "rho_2", "loss_ball"),
        glyph="c₂",
        monotone={"c_H": 1, "varrho": 1, "rho_2": 1, "loss_ball": 1},
    )
    yield Quantity(
        "rsc_alpha",
        RSC,
        c_1 * gbar_norm_sq - c_2 / root_m,
        "lower",
        at("Theorem 5.1"),
        "printed",
        "restricted strong convexity of the loss at step t",
        ("c_1", "c_2", "gbar_norm_sq", "m"),
        assumptions=assume,
        probability="probability",
        glyph="αₜ",
        monotone={"c_1": 1, "c_2": -1, "gbar_norm_sq": 1},
    )
    yield Quantity(
        "rsc_threshold",
        r"\|\bar g_t\|_2^2",
        c_2 / (c_1 * root_m),
        "requires",
        at("Remark 5.1"),
        "printed",
        "RSC holds when ||gbar_t||^2 exceeds it",
        ("c_1", "c_2", "m"),
        direction="at_least",
        assumptions=assume,
        probability="probability",
        glyph="‖ḡₜ‖²",
        measured_by="||gbar_t||^2 along the trajectory",
        monotone={"c_1": -1, "c_2": 1},
    )
    yield Quantity(
        "rsc_alpha_general",
        RSC,
        a * kappa**2 * gbar_norm_sq - (2 * a * varrho * c_H * rho_2 + c_H * sympy.sqrt(lambda_t)) / root_m,
        "lower",
        at("Theorem B.1"),
        "printed",
        "restricted strong convexity for a general loss",
        ("a", "kappa", "gbar_norm_sq", "varrho", "c_H", "rho_2", "lambda_t", "m"),
        assumptions=(*BASIC, GENERAL, SEGMENT, CONE),
        probability="probability",
        glyph="αₜ general",
    )
    yield Quantity(
        "rsc_alpha_multi",
        RSC,
        2 * k * kappa**2 * gbar_norm_sq - 2 * k * c_H * (2 * varrho * rho_2 + sympy.sqrt(k * loss_ball)) / root_m,
        "lower",
        at("Theorem C.2"),
        "printed",
        "restricted strong convexity with k outputs",
        ("k", "kappa", "gbar_norm_sq", "c_H", "varrho", "rho_2", "loss_ball", "m"),
        assumptions=(*BASIC, SQUARE, OUTPUTS, CONE),
        probability="probability",
        glyph="αₜ, k outputs",
    )


def smoothness() -> Iterator[Quantity]:
    """Theorem 5.2 and its general-loss and k-output versions."""
    yield Quantity(
        "beta",
        r"\beta",
        2 * varrho**2 + 2 * c_H * sympy.sqrt(loss_ball) / root_m,
        "upper",
        at("Theorem 5.2"),
        "printed",
        "smoothness of the loss in the ball",
        ("varrho", "c_H", "loss_ball", "m"),
        assumptions=(*BASIC, SQUARE),
        probability="probability",
        statement=r"\lambda_{\max}(\nabla^2\mathcal L)",
        glyph="β",
        measured_by="largest eigenvalue of the loss Hessian",
        monotone={"varrho": 1, "c_H": 1, "loss_ball": 1},
    )
    yield Quantity(
        "beta_general",
        r"\beta",
        b * varrho**2 + c_H * sympy.sqrt(lambda_t) / root_m,
        "upper",
        at("Theorem B.2"),
        "printed",
        "smoothness for a general loss",
        ("b", "varrho", "c_H", "lambda_t", "m"),
        assumptions=(*BASIC, GENERAL, SEGMENT),
        probability="probability",
        glyph="β general",
        monotone={"b": 1, "varrho": 1, "c_H": 1, "lambda_t": 1},
    )
    for tail, inner, status, place in (
        ("", k * loss_ball, "printed", "Theorem C.3"),
        ("_tight", loss_ball, "derived", "Theorem C.3, erratum B12"),
    ):
        yield Quantity(
            "beta_multi" + tail,
            r"\beta",
            2 * k * varrho**2 + 2 * k * c_H * sympy.sqrt(inner) / root_m,
            "upper",
            at(place),
            status,
            "smoothness with k outputs",
            ("k", "varrho", "c_H", "loss_ball", "m"),
            assumptions=(*BASIC, SQUARE, OUTPUTS),
            probability="probability",
            glyph="β, k outputs",
            monotone={"k": 1, "varrho": 1, "c_H": 1, "loss_ball": 1},
        )


def rates() -> Iterator[Quantity]:
    """Lemma 5.2, Theorem 5.3, Remark 5.4 and the probability."""
    assume = (*BASIC, SQUARE, CURVED, STAY)
    yield Quantity(
        "step_size",
        r"\eta_t",
        omega_t / beta,
        "equal",
        at("Lemma 5.2"),
        "printed",
        "step size of gradient descent",
        ("omega_t", "beta"),
        assumptions=assume,
        glyph="ηₜ",
        monotone={"omega_t": 1, "beta": -1},
    )
    yield Quantity(
        "chi",
        r"\chi",
        rsc_alpha * omega_t / beta * (1 - gamma_t) * (2 - omega_t),
        "equal",
        at("Remark 5.4"),
        "printed",
        "relative decrease of the loss per step",
        ("rsc_alpha", "omega_t", "beta", "gamma_t"),
        assumptions=assume,
        glyph="χ",
        monotone={"rsc_alpha": 1, "beta": -1, "gamma_t": -1},
    )
    yield Quantity(
        "local_contraction",
        r"r_t",
        1 - rsc_alpha * omega_t / beta * (2 - omega_t),
        "upper",
        at("Lemma 5.2"),
        "printed",
        "factor of the loss gap to the best point of B_t, per step",
        ("rsc_alpha", "omega_t", "beta"),
        assumptions=assume,
        probability="probability",
        glyph="rₜ local",
        monotone={"rsc_alpha": -1, "beta": 1},
    )
    yield Quantity(
        "contraction",
        r"r_t",
        1 - chi,
        "upper",
        at("Theorem 5.3"),
        "printed",
        "factor of the loss gap to the best point of the ball, per step",
        ("rsc_alpha", "omega_t", "beta", "gamma_t"),
        assumptions=assume,
        probability="probability",
        glyph="rₜ",
        measured_by="the loss ratio of successive steps",
        monotone={"rsc_alpha": -1, "beta": 1, "gamma_t": 1},
    )
    yield Quantity(
        "iterations",
        "T",
        sympy.ceiling(sympy.log((loss_0 - loss_star) / eps) / -sympy.log(1 - chi)),
        "requires",
        at("Remark 5.4"),
        "printed",
        "steps until the loss gap is eps",
        ("loss_0", "loss_star", "eps", "chi"),
        direction="at_least",
        assumptions=assume,
        probability="probability",
        glyph="T",
        measured_by="steps taken by gradient descent",
        monotone={"loss_0": 1, "eps": -1, "chi": -1},
    )
    for tail, events, status, place in (
        ("", L + 1, "printed", "Theorem 4.1"),
        ("_tight", L, "derived", "Lemma A.1 once per hidden layer (B14)"),
    ):
        yield Quantity(
            "probability" + tail,
            r"\mathbb P",
            1 - 2 * events / m,
            "lower",
            at(place),
            status,
            "probability with which the results of the paper hold",
            ("L", "m"),
            glyph="P",
            monotone={"L": -1, "m": 1},
        )


def membership() -> Iterator[Quantity]:
    """Assumption A4.2: how far the iterates may move."""
    for name, radius, statement, what in (
        ("iterate_distance", "rho", r"\max_l\|W_t^{(l)}-W_0^{(l)}\|_2", "hidden layers"),
        ("readout_distance", "rho_1", r"\|v_t-v_0\|_2", "last layer"),
    ):
        yield Quantity(
            name,
            statement,
            symbol(radius),
            "requires",
            at("Assumption A4.2"),
            "printed",
            f"how far the {what} may move from initialisation",
            (radius,),
            direction="at_most",
            statement=statement,
            glyph=name,
            measured_by="spectral distance from initialisation along the trajectory",
            monotone={radius: 1},
        )


def width() -> Iterator[Quantity]:
    """The least width at which everything the convergence theorem needs holds."""
    conditions = (
        Condition("RSC", "alpha_t > 0 (Thm 5.1, A4.1)", rsc_alpha > 0),
        Condition("probability", "2(L+1)/m <= failure (Thm 4.1)", 2 * (L + 1) <= failure * m),
        Condition("m >= d", "the width is at least the input dimension (Lem A.1)", m >= d),
    )
    possible = Condition(
        "Lemma 4.1", "||gbar||^2 <= varrho^2", gbar_norm_sq <= varrho**2, "give the ||gbar||^2 of a network in the ball"
    )
    names = (
        "L",
        "sigma_1",
        "rho",
        "rho_1",
        "rho_2",
        "phi_0",
        "beta_phi",
        "kappa",
        "gbar_norm_sq",
        "mean_y_sq",
        "d",
        "failure",
    )
    yield Quantity(
        "required_width",
        "m",
        None,
        "requires",
        at("Theorems 4.1, 5.1, 5.3"),
        "derived",
        "least width at which RSC, the probability and m >= d hold",
        names,
        direction="at_least",
        assumptions=(SMOOTH, INITIAL, IN_BALL, SQUARE, CONE, STAY, DEEP, possible),
        conditions=conditions,
        unknown="m",
        probability="probability",
        glyph="m",
        measured_by="whether training converges at m",
    )


def quantities() -> Iterator[Quantity]:
    """Everything in Section 5 and the appendices on optimisation."""
    yield from restricted_convexity()
    yield from smoothness()
    yield from rates()
    yield from membership()
    yield from width()
