"""Theorem 2 and Appendix B: the critical point near the ground truth, and gradient descent to it."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from bounds.forms import Largest, at_most
from bounds.model import Condition, Quantity
from bounds.papers.fu2018.letters import (
    BASIC,
    ENOUGH,
    IN_BALL,
    LOCAL,
    C,
    K,
    L_phi,
    at,
    d,
    eta,
    hidden,
    n,
    shape,
    symbol,
)

hessian_lower, hessian_upper, radius = (symbol(x) for x in ("hessian_lower", "hessian_upper", "radius"))
gradient_norm, start, eps, contraction = (symbol(x) for x in ("gradient_norm", "start", "eps", "contraction"))
TEACHER = {"kappa": -1, "lam": -1, "rho_sigma": 1}
SHORT = Condition(
    "step size",
    "eta <= 2/(H_min + H_max), where I - eta A has its largest eigenvalue in 1 - eta H_min",
    lambda: at_most(eta, 2 / (hessian_lower + hessian_upper)),
    "a smaller step",
)
APPENDIX = Condition(
    "step size of App B.2",
    "eta <= H_min/H_max^2",
    lambda: at_most(eta, hessian_lower / hessian_upper**2),
    "a smaller step",
)
STAY = Condition(
    "iterates in the ball", "not shown in the paper: needs ||grad f_n(W*)|| <= H_min r and eta <= 1/H_max (erratum F4)"
)
CONTRACTS = Condition(
    "0 < contraction < 1",
    "gradient descent contracts: 0 < eta H_min < 1",
    lambda: sympy.Lt(sympy.Abs(2 * contraction - 1), 1, evaluate=False),
    "a smaller step",
    essential=True,
)


def critical_point() -> Iterator[Quantity]:
    """Equation (8), its source (66)-(69), and what puts the critical point into the ball."""
    yield Quantity(
        "estimation_error",
        r"\|\widehat W_n-W^\star\|_F",
        lambda: symbol("C_1") * L_phi * K**2 * shape() * sympy.sqrt(d * sympy.log(n) / n),
        "upper",
        at("Theorem 2, (8)"),
        "printed",
        "distance of the critical point from the ground truth",
        ("d", "K", "n", "L_phi", "kappa", "lam", "rho_sigma"),
        assumptions=(*LOCAL, ENOUGH),
        hidden=hidden("C_1", "the constant of (8)"),
        order_only=True,
        probability="probability_union",
        statement=r"\|\widehat W_n-W^\star\|_F",
        glyph="‖Ŵ_n-W*‖",
        measured_by="the distance from W* of the point that gradient descent reaches",
        monotone={"d": 1, "K": 1, "L_phi": 1, "kappa": 1, "lam": 1, "rho_sigma": -1},
        orders={"n": -sympy.Rational(1, 2), "K": 2, "d": sympy.Rational(1, 2)},
    )
    # strong convexity: H_min ||D||^2 <= <grad f_n(What) - grad f_n(W*), D> with grad f_n(What) = 0; (66)-(68) lose a
    # factor 2
    yield Quantity(
        "estimation_error_from_gradient",
        r"\|\widehat W_n-W^\star\|_F",
        lambda: gradient_norm / hessian_lower,
        "upper",
        at("(66)-(69), by strong convexity"),
        "derived",
        "distance of the critical point from the ground truth, from the gradient there",
        ("gradient_norm", "hessian_lower"),
        assumptions=(*LOCAL, IN_BALL),
        statement=r"\|\widehat W_n-W^\star\|_F",
        glyph="‖Ŵ_n-W*‖",
        measured_by="the distance from W* of the point that gradient descent reaches",
        monotone={"gradient_norm": 1, "hessian_lower": -1},
    )
    # W_+ - W* = (I - eta A)(W - W*) - eta grad f_n(W*), A the Hessian averaged between W* and W: for ||W - W*|| <= r
    # and eta <= 1/H_max its norm is at most (1 - eta H_min) r + eta ||grad f_n(W*)||, which is r at the threshold
    yield Quantity(
        "gradient_threshold",
        r"g^\star",
        lambda: hessian_lower * radius,
        "requires",
        at("Theorem 2, erratum F4"),
        "derived",
        "gradient at W* up to which the critical point exists in the ball and gradient descent stays there",
        ("hessian_lower", "radius"),
        direction="at_most",
        assumptions=LOCAL,
        statement=r"\|\nabla f_n(W^\star)\|_2",
        glyph="‖∇f_n(W*)‖",
        measured_by="the empirical gradient at the ground truth",
        monotone={"hessian_lower": 1, "radius": 1},
    )


def rates() -> Iterator[Quantity]:
    """Equation (9) and Appendix B.2."""
    yield Quantity(
        "step_size",
        r"\eta",
        lambda: C / (L_phi**4 * shape()),
        "requires",
        at("Theorem 2 and App B.2"),
        "printed",
        "step size of gradient descent, H_min/H_max^2: an upper bound, where Theorem 2 prints Omega (erratum F1)",
        ("L_phi", "kappa", "lam", "rho_sigma"),
        direction="at_most",
        assumptions=LOCAL,
        hidden=hidden("C", "C of H_min over the square of C of H_max"),
        order_only=True,
        answers="step_size",
        glyph="η",
        measured_by="the largest step at which gradient descent converges",
        monotone={"L_phi": -1, **TEACHER},
        orders={"L_phi": -4, "kappa": -2, "lam": -1, "rho_sigma": 1},
    )
    for name, share, place, status, condition in (
        ("contraction", 1, "Theorem 2, (9)", "printed", SHORT),
        ("contraction_appendix", 2, "Appendix B.2", "proved", APPENDIX),
    ):
        yield Quantity(
            name,
            r"\chi" if share == 1 else r"\chi^{\mathrm{app}}",
            lambda share=share: 1 - eta * hessian_lower / share,
            "upper",
            at(place),
            status,
            "factor of the distance to the critical point per step"
            + ("" if share == 1 else ", as the appendix proves it"),
            ("eta", "hessian_lower"),
            assumptions=(*LOCAL, IN_BALL, ENOUGH, STAY, condition),
            signed=True,
            probability="probability_union",
            statement=r"\|W_{t+1}-\widehat W_n\|_F/\|W_t-\widehat W_n\|_F",
            glyph="χ" if share == 1 else "χ app",
            measured_by="the ratio of successive distances to the critical point",
            monotone={"eta": -1, "hessian_lower": -1},
        )
    yield Quantity(
        "iterations",
        "T",
        lambda: sympy.ceiling(sympy.log(Largest(1, start / eps)) / -sympy.log(contraction)),
        "requires",
        at("Theorem 2, from (9)"),
        "derived",
        "steps until the distance to the critical point is eps",
        ("start", "eps", "contraction"),
        direction="at_least",
        assumptions=(*LOCAL, CONTRACTS),
        answers="iterations",
        probability="probability_union",
        glyph="T",
        measured_by="steps taken by gradient descent",
        monotone={"start": 1, "eps": -1, "contraction": 1},
    )


def probabilities() -> Iterator[Quantity]:
    """Of one lemma, and of two (erratum F8)."""
    for name, events, place, status, text in (
        ("probability", 1, "Theorem 1", "printed", "probability with which Lemma 3, hence Theorem 1, holds"),
        (
            "probability_union",
            2,
            "Theorem 2, erratum F8",
            "derived",
            "probability with which Lemmas 3 and 4, hence Theorem 2, hold",
        ),
    ):
        yield Quantity(
            name,
            r"\mathbb P",
            lambda events=events: 1 - events / d**10,
            "lower",
            at(place),
            status,
            text,
            ("d",),
            assumptions=BASIC,
            signed=True,
            glyph="P",
            monotone={"d": 1},
        )


def quantities() -> Iterator[Quantity]:
    """Theorem 2 and the probabilities."""
    yield from critical_point()
    yield from rates()
    yield from probabilities()
