"""Theorem 2 (SGD): step size, iterations, movement and the bounds behind its martingale, Section 13."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.descent import ALONG, PER_LAYER, TOGETHER, initial_steps
from bounds.papers.allenzhu2019.letters import (
    BATCH,
    DATA,
    HALF,
    RANDOM,
    SMALL_DELTA,
    THIRD,
    constant,
    formula,
    law,
    symbol,
)

L, n, m, d, delta, b, eta, omega = (symbol(x) for x in ("L", "n", "m", "d", "delta", "b", "eta", "omega"))
WIDE = Condition("width", "the width is at least the theorem's (sgd_required_width)")
BASIC = (DATA, RANDOM, SMALL_DELTA, WIDE, BATCH)
RATE = Condition("step size", "the learning rate is Theta(b delta d/(n^5 L^2 m log(m)^2)) (sgd_step_size)")


def quantities() -> Iterator[Quantity]:
    """Theorem 2 with the orders of its proof."""
    yield from answers()
    yield from distance()
    yield from sampled()
    yield growth()


def answers() -> Iterator[Quantity]:
    """The step size and the iterations."""
    yield law(
        "sgd_step_size",
        r"\eta",
        {"n": -5, "L": -2, "d": 1, "delta": 1, "m": -1, "b": 1},
        "at_most",
        "Theorem 2, Section 13",
        "learning rate of SGD",
        logs=-2,
        hidden="C_eta",
        assumptions=BASIC,
        answers="step_size",
        glyph="η SGD",
        measured_by="whether the loss falls at eta",
    )
    yield formula(
        "sgd_iterations",
        "T",
        lambda: symbol("C_T") * n**7 * L**2 * sympy.log(m) ** 2 / (b * delta**2) * initial_steps(),
        "at_least",
        "Theorem 2, Section 13",
        "steps of SGD to the loss eps",
        "n L delta eps m b",
        hidden=(constant("C_T"),),
        assumptions=(*BASIC, RATE),
        answers="iterations",
        orders={"n": 7, "L": 2, "delta": -2, "b": -1},
        glyph="T SGD",
        measured_by="steps taken by SGD",
        monotone={"n": 1, "L": 1, "delta": -1, "eps": -1, "m": 1, "b": -1},
    )


def distance() -> Iterator[Quantity]:
    """How far the weights move."""
    powers = {"n": Fraction(7, 2), "d": HALF, "delta": -1, "m": -HALF, "b": -HALF}
    common: dict[str, Any] = {"logs": 1, "hidden": "C_omega", "assumptions": (*BASIC, RATE)}
    yield law(
        "sgd_movement",
        r"\omega",
        powers,
        "upper",
        "(13.1)",
        "distance from the initial weights; proved per layer, so for the largest layer (A7)",
        statement=PER_LAYER,
        glyph="ω SGD",
        measured_by=ALONG.format("every layer"),
        **common,
    )
    yield law(
        "sgd_movement_tuple",
        r"\omega_{\mathrm{F}}",
        {"L": HALF, **powers},
        "upper",
        "(13.1) in the tuple norm of Section 2 (A7)",
        "distance from the initial weights in the norm of all layers together",
        status="derived",
        statement=TOGETHER,
        glyph="ω_F SGD",
        measured_by=ALONG.format("all layers"),
        **common,
    )


def sampled() -> Iterator[Quantity]:
    """The sampled gradient (n/b) sum_{i in S} grad F_i."""
    any_batch = {"n": 2, "m": 1, "F": 1, "b": -1, "d": -1}
    for name, tex, powers, place, text, statement, glyph in (
        (
            "sgd_gradient_upper_layer",
            r"G_\ell",
            any_batch,
            "below (13.3)",
            "squared norm of a layer's sampled gradient, whatever the batch",
            r"\|\nabla_t\|_2^2",
            "‖∇ₜ‖₂²",
        ),
        (
            "sgd_gradient_upper",
            "G",
            {"L": 1, **any_batch},
            "below (13.3)",
            "squared norm of the sampled gradient of all layers, whatever the batch",
            r"\|\nabla_t\|_F^2",
            "‖∇ₜ‖_F²",
        ),
        (
            "sgd_gradient_mean",
            r"\bar G_\ell",
            {"n": 1, "m": 1, "F": 1, "d": -1},
            "below (13.2)",
            "squared norm of a layer's sampled gradient, averaged over batches",
            r"\mathbb{E}\|\nabla_t\|_2^2",
            "E‖∇ₜ‖₂²",
        ),
    ):
        yield law(
            name,
            tex,
            powers,
            "upper",
            f"proof of Theorem 2, {place}",
            text,
            assumptions=BASIC,
            statement=statement,
            glyph=glyph,
            measured_by="norms of sampled gradients",
        )


def growth() -> Quantity:
    """(13.3): Theorem 4 with Cauchy-Schwarz and the sampled gradient's norms.

    The second term has L^3 from (11.3) (A4), where (13.3) has L^2; the product of the norms is L m n^1.5/(sqrt(b) d).
    """
    return formula(
        "sgd_growth",
        "g",
        lambda: (
            1
            + symbol("C_1")
            * (eta * m * n ** Fraction(3, 2) / (sympy.sqrt(b) * d))
            * (L + omega**THIRD * L**3 * sympy.sqrt(sympy.log(m)))
            + symbol("C_2") * eta**2 * n**3 * L**2 * m**2 / (d**2 * b)
        ),
        "upper",
        "(13.3), with the sum over layers of (11.3)",
        "factor by which one step of SGD may raise the loss, whatever the batch",
        "eta n m b d L omega",
        status="derived",
        hidden=(constant("C_1", factor=False), constant("C_2", factor=False)),
        assumptions=BASIC,
        statement=r"F(\vec W^{(t+1)})/F(\vec W^{(t)})",
        glyph="g",
        measured_by="the loss ratio of successive steps",
        orders={"eta": 2, "n": 3, "m": 2, "L": 3, "omega": THIRD},
        monotone={"eta": 1, "n": 1, "m": 1, "b": -1, "d": -1, "L": 1, "omega": 1},
    )
