"""Lemma 5.2, Theorem 5.3, Remark 5.4: step sizes, rates, iterations, the ball, and the width."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from bounds.forms import Largest, above, at_least, at_most
from bounds.model import Condition, Quantity
from bounds.papers.banerjee2023.letters import CONE, DEEP, IN_BALL, INITIAL, SMOOTH, SQUARE, WIDE, at, symbol

L, m, d = (symbol(x) for x in ("L", "m", "d"))
gbar_norm_sq, varrho, beta, chi, failure = (symbol(x) for x in ("gbar_norm_sq", "varrho", "beta", "chi", "failure"))
omega_t, gamma_t, loss_0, loss_star, eps = (symbol(x) for x in ("omega_t", "gamma_t", "loss_0", "loss_star", "eps"))
rsc_alpha = sympy.Symbol("rsc_alpha", real=True)  # of either sign: SymPy must not decide alpha > 0 by itself

BASIC = (SMOOTH, INITIAL, IN_BALL, WIDE, DEEP)
CURVED = Condition(
    "alpha_t > 0", "restricted strong convexity holds (A4.1)", lambda: above(rsc_alpha, 0), "widen the network"
)
GAP = Condition(
    "loss gap",
    "the initial loss is at least the least loss",
    lambda: at_least(loss_0, loss_star),
    "give loss_0 >= loss_star",
    essential=True,
)
STAY = Condition("A4.2", "the iterates stay in the ball of radii rho, rho_1")


def rates() -> Iterator[Quantity]:
    """Lemma 5.2, Theorem 5.3, Remark 5.4 and the probability."""
    assume = (*BASIC, SQUARE, CURVED, STAY)
    yield Quantity(
        "step_size",
        r"\eta_t",
        lambda: omega_t / beta,
        "equal",
        at("Lemma 5.2"),
        "printed",
        "step size of gradient descent",
        ("omega_t", "beta"),
        assumptions=assume,
        answers="step_size",
        glyph="ηₜ",
        monotone={"omega_t": 1, "beta": -1},
    )
    yield Quantity(
        "chi",
        r"\chi",
        lambda: rsc_alpha * omega_t / beta * (1 - gamma_t) * (2 - omega_t),
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
        lambda: 1 - rsc_alpha * omega_t / beta * (2 - omega_t),
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
        lambda: 1 - chi,
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
        lambda: sympy.ceiling(sympy.log(Largest(1, (loss_0 - loss_star) / eps)) / -sympy.log(1 - chi)),
        "requires",
        at("Remark 5.4"),
        "printed",
        "steps until the loss gap is eps (none where it is so already)",
        ("loss_0", "loss_star", "eps", "chi"),
        direction="at_least",
        assumptions=(*assume, GAP),
        probability="probability",
        answers="iterations",
        glyph="T",
        measured_by="steps taken by gradient descent",
        monotone={"loss_0": 1, "eps": -1, "chi": -1},
    )
    for tail, formula, status, place in (
        ("", lambda: 1 - 2 * (L + 1) / m, "printed", "Theorem 4.1"),
        ("_tight", lambda: 1 - 2 * L / m, "derived", "Lemma A.1 once per hidden layer (B14)"),
    ):
        yield Quantity(
            "probability" + tail,
            r"\mathbb P",
            formula,
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
        Condition("RSC", "alpha_t > 0 (Thm 5.1, A4.1)", lambda: above(rsc_alpha, 0)),
        Condition("probability", "2(L+1)/m <= failure (Thm 4.1)", lambda: failure * m >= 2 * (L + 1)),
        Condition("m >= d", "the width is at least the input dimension (Lem A.1)", lambda: at_least(m, d)),
    )
    possible = Condition(
        "Lemma 4.1",
        "||gbar||^2 <= varrho^2",
        lambda: at_most(gbar_norm_sq, varrho**2),
        "give the ||gbar||^2 of a network in the ball",
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
        answers="width",
        probability="probability",
        glyph="m",
        measured_by="whether training converges at m",
    )


def quantities() -> Iterator[Quantity]:
    """Everything in Section 5 and the appendices on optimisation."""
    yield from rates()
    yield from membership()
    yield from width()
