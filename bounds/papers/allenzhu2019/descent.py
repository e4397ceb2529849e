"""Theorem 1 (gradient descent): step size, iterations, movement and contraction, Section 12."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import Largest
from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import (
    DATA,
    HALF,
    RANDOM,
    SMALL_DELTA,
    WIDE,
    constant,
    formula,
    law,
    symbol,
)

L, n, m, d, delta, eta, eps = (symbol(x) for x in ("L", "n", "m", "d", "delta", "eta", "eps"))
BASIC = (DATA, RANDOM, SMALL_DELTA, WIDE)
RATE = Condition("step size", "the learning rate is Theta(d delta/(n^4 L^2 m)) (step_size)")
ALONG = "Frobenius distance of {} from initialisation along the trajectory"
PER_LAYER = r"\max_\ell\|W_\ell^{(t)}-W_\ell^{(0)}\|_F"
TOGETHER = r"\|\vec W^{(t)}-\vec W^{(0)}\|_F"


def initial_steps() -> Any:
    """log(n log(m)/eps), the phases from a loss n log(m)^2 down to eps; none where the loss is below eps already."""
    return sympy.log(Largest(1, n * sympy.log(m) / eps))


def quantities() -> Iterator[Quantity]:
    """Theorem 1 with the orders of its proof."""
    yield from answers()
    yield from trajectory()
    yield from start()


def answers() -> Iterator[Quantity]:
    """The step size and the iterations."""
    yield law(
        "step_size",
        r"\eta",
        {"n": -4, "L": -2, "d": 1, "delta": 1, "m": -1},
        "at_most",
        "Theorem 1, Section 12",
        "learning rate of gradient descent",
        hidden="C_eta",
        assumptions=BASIC,
        answers="step_size",
        glyph="η",
        measured_by="whether the loss falls at eta",
    )
    common: dict[str, Any] = {
        "hidden": (constant("C_T"),),
        "assumptions": (*BASIC, RATE),
        "orders": {"n": 6, "L": 2, "delta": -2},
        "measured_by": "steps taken by gradient descent",
    }
    up = {"n": 1, "L": 1, "delta": -1, "eps": -1}
    yield formula(
        "iterations",
        "T",
        lambda: symbol("C_T") * n**6 * L**2 / delta**2 * initial_steps(),
        "at_least",
        "proof of Theorem 1, below (12.2)",
        "steps of gradient descent to the loss eps, from an initial loss of order n log(m)^2 (A8)",
        "n L delta eps m",
        status="proved",
        answers="iterations",
        glyph="T",
        monotone=up | {"m": 1},
        **common,
    )
    yield formula(
        "iterations_printed",
        r"T^{\mathrm{printed}}",
        lambda: symbol("C_T") * n**6 * L**2 / delta**2 * sympy.log(1 / eps),
        "at_least",
        "Theorem 1, Section 12",
        "steps as printed: log(1/eps), as if the loss started at order 1 (A8)",
        "n L delta eps",
        glyph="T printed",
        monotone=up,
        **common,
    )
    yield formula(
        "iterations_at_step",
        r"T_\eta",
        lambda: symbol("C_T") * d * n**2 / (eta * delta * m) * initial_steps(),
        "at_least",
        "proof of Theorem 1, below (12.2); Theorem 2",
        "steps of gradient descent, or of SGD, to the loss eps at a learning rate eta",
        "n d delta m eta eps",
        glyph="T(η)",
        monotone={"n": 1, "d": 1, "delta": -1, "eta": -1, "eps": -1},
        **common | {"assumptions": BASIC, "orders": {"n": 2, "d": 1, "delta": -1, "m": -1, "eta": -1}},
    )


def trajectory() -> Iterator[Quantity]:
    """How far the weights move, and how fast the loss falls."""
    powers = {"n": 3, "d": HALF, "delta": -1, "m": -HALF}
    for name, tex, power, place, status, text, statement, what in (
        (
            "movement",
            r"\omega",
            powers,
            "(12.1)",
            "printed",
            "distance from the initial weights; proved per layer, so for the largest layer (A7)",
            PER_LAYER,
            "every layer",
        ),
        (
            "movement_tuple",
            r"\omega_{\mathrm{F}}",
            {"L": HALF, **powers},
            "(12.1) in the tuple norm of Section 2 (A7)",
            "derived",
            "distance from the initial weights in the norm of all layers together",
            TOGETHER,
            "all layers",
        ),
    ):
        yield law(
            name,
            tex,
            power,
            "upper",
            place,
            text,
            logs=1,
            status=status,
            hidden="C_omega",
            assumptions=(*BASIC, RATE),
            statement=statement,
            glyph="ω" if name == "movement" else "ω_F",
            measured_by=ALONG.format(what),
        )
    powers = {"n": -2, "d": -1, "delta": 1, "m": 1, "eta": 1}
    common: dict[str, Any] = {"assumptions": (*BASIC, RATE), "measured_by": "the loss ratio of successive steps"}
    text = "relative decrease of the loss per step"
    yield law("chi", r"\chi", powers, "lower", "(12.2)", text, glyph="χ", **common)
    yield formula(
        "contraction",
        "r",
        lambda: 1 - symbol("C") * eta * delta * m / (d * n**2),
        "upper",
        "(12.2)",
        "factor of the loss per step, for SGD in expectation (13.2)",
        "n d delta m eta",
        hidden=(constant(factor=False),),
        statement=r"F(\vec W^{(t+1)})/F(\vec W^{(t)})",
        signed=True,
        glyph="r",
        monotone={"n": 1, "d": 1, "delta": -1, "m": -1, "eta": -1},
        **common,
    )


def start() -> Iterator[Quantity]:
    """The loss at the start, and the probability of it all."""
    yield law(
        "loss_init",
        r"F_0",
        {"n": 1},
        "upper",
        "proof of Theorem 1, Section 12",
        "loss at initialisation",
        logs=2,
        assumptions=(DATA, RANDOM),
        statement=r"F(\vec W^{(0)})",
        glyph="F₀",
        measured_by="the loss at initialisation",
    )
    yield formula(
        "probability",
        r"\mathbb{P}",
        lambda: 1 - sympy.exp(-symbol("C") * sympy.log(m) ** 2),
        "lower",
        "Theorems 1, 2",
        "probability with which Theorems 1 and 2 hold",
        "m",
        hidden=(constant(factor=False),),
        assumptions=(DATA, RANDOM),
        glyph="P",
        monotone={"m": 1},
    )
