"""Lemmas 3 and 4: how far the empirical Hessian and gradient are from the population's, uniformly in the ball."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import at_least
from bounds.model import Condition, Quantity
from bounds.papers.fu2018.letters import BASIC, IN_BALL, NARROW, C, K, L_phi, at, d, hidden, n, symbol

FLOOR = Condition(
    "Lemmas 3 and 4", "n >= C_n d K log(d K)", lambda: at_least(n, symbol("sample_floor")), "more samples"
)


def _rate() -> Any:
    return sympy.sqrt(d * sympy.log(n) / n)


def quantities() -> Iterator[Quantity]:
    """Lemmas 3 and 4 and the sample size they need."""
    rows: tuple[tuple[str, str, Any, str, str, tuple[str, ...], str], ...] = (
        (
            "hessian_concentration",
            r"\sup_{W\in\mathbb{B}}\|\nabla^2 f_n(W)-\nabla^2 f(W)\|",
            lambda: C * (L_phi**2 + L_phi) * _rate() / sympy.sqrt(K),
            "Lemma 3",
            "distance of the empirical from the population Hessian, uniformly in the ball",
            ("d", "K", "n", "L_phi"),
            "‖∇²f_n-∇²f‖",
        ),
        (
            "gradient_concentration",
            r"\sup_{W\in\mathbb{B}}\|\nabla f_n(W)-\nabla f(W)\|",
            lambda: C * L_phi * _rate(),
            "Lemma 4",
            "distance of the empirical from the population gradient, uniformly in the ball",
            ("d", "n", "L_phi"),
            "‖∇f_n-∇f‖",
        ),
    )
    for name, statement, formula, place, text, names, glyph in rows:
        yield Quantity(
            name,
            statement,
            formula,
            "upper",
            at(place),
            "printed",
            text,
            names,
            assumptions=(*BASIC, IN_BALL, FLOOR),
            hidden=hidden("C", f"the constant of {place}"),
            order_only=True,
            probability="probability",
            statement=statement,
            glyph=glyph,
            measured_by="f_n against many more samples",
            monotone={"d": 1, "L_phi": 1},
            orders={"d": sympy.Rational(1, 2), "n": -sympy.Rational(1, 2)},
        )
    yield Quantity(
        "sample_floor",
        "n",
        lambda: symbol("C_n") * d * K * sympy.log(d * K),
        "requires",
        at("Lemmas 3 and 4"),
        "printed",
        "samples from which Lemmas 3 and 4 hold",
        ("d", "K"),
        direction="at_least",
        assumptions=(*BASIC, NARROW),
        hidden=hidden("C_n", "the C_1 of Lemmas 3 and 4"),
        order_only=True,
        glyph="n",
        monotone={"d": 1, "K": 1},
        orders={"d": 1, "K": 1},
    )
