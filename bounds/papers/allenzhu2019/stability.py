"""Section 8.1: the forward pass after a perturbation of the weights of spectral norm at most omega."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import sympy

from bounds.forms import at_most
from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import HALF, RANDOM, THIRD, constant, formula, law, symbol

L, m, d, omega, s = (symbol(x) for x in ("L", "m", "d", "omega", "s"))
delta_2, delta_inf = symbol("delta_2"), symbol("delta_inf")
SMALL = Condition("omega", "omega <= 1/(C L^4.5 log(m)^3) (forward_radius)")
SPREAD = Condition(
    "Claim 8.3",
    "||g'_1|| <= delta_2 <= O(1), ||g'_2||_inf <= delta_inf <= 1/(4 sqrt(m))",
    lambda: at_most(delta_inf, 1 / (4 * sympy.sqrt(m))),
    "give delta_inf <= 1/(4 sqrt(m))",
)
SPARSE = Condition("sparsity", "s <= O(m/(L log m)) (sparsity_limit)")
LAYERS = "hidden layers at initialisation and near it"
PRODUCTS = "products of layers at initialisation and near it"
X = Fraction(3, 2)


def quantities() -> Iterator[Quantity]:
    """Lemma 8.2, Claims 8.3 and 8.5."""
    yield from forward()
    yield from claims()


_FORWARD: tuple[tuple[str, str, dict[str, Any], Any, str, str, str], ...] = (
    (
        "sign_changes",
        r"\|D'_{i,\ell}\|_0",
        {"m": 1, "L": 1, "omega": 2 * THIRD},
        0,
        "Lemma 8.2b",
        "neurons of a layer that change sign",
        "‖D'‖₀",
    ),
    (
        "sign_change_norm",
        r"\|D'_{i,\ell}g_{i,\ell}\|",
        {"L": X, "omega": 1},
        0,
        "Lemma 8.2b",
        "norm of the pre-activations that changed sign",
        "‖D'g‖",
    ),
    (
        "forward_change",
        r"\|h'_{i,\ell}\|",
        {"L": Fraction(5, 2), "omega": 1},
        HALF,
        "Lemma 8.2c",
        "change of a hidden layer, and of its pre-activation",
        "‖h'‖",
    ),
    (
        "forward_change_dense",
        r"\|g'_{i,\ell,1}\|",
        {"L": X, "omega": 1},
        0,
        "Lemma 8.2a",
        "dense part of the change of a pre-activation",
        "‖g'₁‖",
    ),
    (
        "forward_change_spread",
        r"\|g'_{i,\ell,2}\|_\infty",
        {"L": Fraction(5, 2), "m": -HALF, "omega": 1},
        HALF,
        "Lemma 8.2a",
        "largest entry of the spread part of the change of a pre-activation",
        "‖g'₂‖∞",
    ),
)
"""Name, LaTeX, powers, power of log m, place, meaning, glyph."""


def forward() -> Iterator[Quantity]:
    """Lemma 8.2."""
    for name, tex, powers, logs, place, text, glyph in _FORWARD:
        more: dict[str, Any] = {"parameters": "L m omega"} if name == "forward_change" else {}
        yield law(
            name,
            tex,
            powers,
            "upper",
            place,
            text,
            logs=logs,
            assumptions=(RANDOM, SMALL),
            glyph=glyph,
            measured_by=LAYERS,
            **more,
        )


def claims() -> Iterator[Quantity]:
    """Claims 8.3 and 8.5: a change g'_1 + g'_2 of pre-activations, and a sparse vector through the layers."""
    common: dict[str, Any] = {
        "hidden": (constant(),),
        "assumptions": (RANDOM, SPREAD),
        "measured_by": LAYERS,
        "monotone": {"m": 1, "delta_2": 1, "delta_inf": 1},
    }
    yield formula(
        "claim_sign_changes",
        r"\|x\|_0",
        lambda: symbol("C") * (m * delta_2 ** (2 * THIRD) + delta_inf * m**X),
        "upper",
        "Claim 8.3",
        "neurons that change sign when their pre-activations change",
        "m delta_2 delta_inf",
        glyph="‖x‖₀",
        orders={"m": X},
        **common,
    )
    yield formula(
        "claim_change_norm",
        r"\|x\|",
        lambda: symbol("C") * (delta_2 + delta_inf**X * m ** Fraction(3, 4)),
        "upper",
        "Claim 8.3",
        "norm of the pre-activations that change sign when they change",
        "m delta_2 delta_inf",
        glyph="‖x‖",
        orders={"m": Fraction(3, 4)},
        **common,
    )
    yield law(
        "claim_sparse_dense",
        r"\|y_1\|",
        {"s": HALF, "m": -HALF},
        "upper",
        "Claim 8.5",
        "dense part of an s-sparse unit vector sent through the layers",
        logs=1,
        assumptions=(RANDOM, SPARSE),
        glyph="‖y₁‖",
        measured_by=PRODUCTS,
    )
    yield formula(
        "claim_sparse_spread",
        r"\|y_2\|_\infty",
        lambda: 2 * sympy.sqrt(sympy.log(m)) / sympy.sqrt(m),
        "upper",
        "Claim 8.5",
        "largest entry of the spread part of an s-sparse unit vector sent through the layers",
        "m",
        assumptions=(RANDOM, SPARSE),
        glyph="‖y₂‖∞",
        measured_by=PRODUCTS,
    )
