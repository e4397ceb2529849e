"""Sections 7.1 to 7.3: norms of layers and of their products at random initialisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import (
    DATA,
    HALF,
    OUTPUTS,
    RANDOM,
    constant,
    formula,
    law,
    symbol,
)

L, n, m, d, delta, eps, s = (symbol(x) for x in ("L", "n", "m", "d", "delta", "eps", "s"))
SPARSE = Condition("sparsity", "s <= O(m/(L log m)) (sparsity_limit)")
BACK = Condition("sparsity, backward", "Omega(d/log m) <= s <= O(m/(L log m)) (sparsity_least, sparsity_limit)")
WIDE = Condition("width, products", "m >= Omega(n L log(n L)) (products_width)")
EXPONENT: dict[str, Any] = {"hidden": (constant(factor=False),), "glyph": "p"}


def quantities() -> Iterator[Quantity]:
    """Lemmas 7.1, 7.3 and 7.4."""
    yield from forward()
    yield from intermediate()
    yield from failures()
    yield from backward()


def forward() -> Iterator[Quantity]:
    """Lemma 7.1."""
    yield formula(
        "forward_norm_failure",
        "p",
        lambda: symbol("C_1") * n * L * sympy.exp(-symbol("C_2") * m * eps**2 / L),
        "upper",
        "Lemma 7.1",
        "probability with which a norm ||h_{i,l}|| leaves [1 - eps, 1 + eps]",
        "n L m eps",
        hidden=(constant("C_1"), constant("C_2", factor=False)),
        assumptions=(DATA, RANDOM),
        orders={"n": 1},
        glyph="p",
        measured_by="norms of hidden layers over seeds",
        monotone={"n": 1, "L": 1, "m": -1, "eps": -1},
    )
    yield formula(
        "forward_drift",
        r"\mathbb{E}\log\Delta_\ell",
        lambda: -4 / m,
        "lower",
        "(7.1)",
        "mean of log(||h_l||^2/||h_{l-1}||^2), for m above a constant; it is at most 0",
        "m",
        assumptions=(RANDOM,),
        signed=True,
        glyph="E log Δₗ",
        measured_by="norms of hidden layers over seeds",
        monotone={"m": 1},
    )


def intermediate() -> Iterator[Quantity]:
    """Lemma 7.3: products W_b D W ... D W_a."""
    measured = "products of layers at initialisation"
    yield law(
        "intermediate_norm",
        r"\|W_b D_{i,b-1}\cdots D_{i,a}W_a\|_2",
        {"L": HALF},
        "upper",
        "Lemma 7.3a",
        "spectral norm of a product of layers",
        assumptions=(RANDOM, WIDE),
        glyph="‖W_b D … W_a‖",
        measured_by=measured,
    )
    yield formula(
        "intermediate_sparse_right",
        r"\|W_b D_{i,b-1}\cdots D_{i,a}W_a v\|/\|v\|",
        lambda: sympy.Integer(2),
        "upper",
        "Lemma 7.3b",
        "growth of a sparse vector through a product of layers",
        "",
        assumptions=(RANDOM, WIDE, SPARSE),
        glyph="‖W_b D … W_a v‖/‖v‖",
        measured_by=measured,
    )
    yield formula(
        "intermediate_sparse_left",
        r"\|u^\top W_b D_{i,b-1}\cdots D_{i,a}W_a\|/\|u\|",
        lambda: symbol("C"),
        "upper",
        "Lemma 7.3c",
        "growth of a sparse vector backward through a product of layers",
        "",
        hidden=(constant(),),
        assumptions=(RANDOM, WIDE, SPARSE),
        glyph="‖u W_b D … W_a‖/‖u‖",
        measured_by=measured,
    )
    yield law(
        "intermediate_sparse_both",
        r"|u^\top W_b D_{i,b-1}\cdots D_{i,a}W_a v|/(\|u\|\|v\|)",
        {"s": HALF, "m": -HALF},
        "upper",
        "Lemma 7.3d",
        "product of layers between two s-sparse vectors",
        logs=HALF,
        assumptions=(RANDOM, WIDE, SPARSE),
        glyph="|u W_b D … W_a v|",
        measured_by=measured,
    )


def failures() -> Iterator[Quantity]:
    """Their probabilities of failure."""
    yield formula(
        "intermediate_failure",
        "p",
        lambda: sympy.exp(-symbol("C") * m / L),
        "upper",
        "Lemmas 7.3, 7.4b",
        "probability with which Lemmas 7.3a-c and 7.4b fail",
        "m L",
        assumptions=(RANDOM, WIDE),
        monotone={"m": -1, "L": 1},
        **EXPONENT,
    )
    yield formula(
        "sparse_failure",
        "p",
        lambda: sympy.exp(-symbol("C") * s * sympy.log(m)),
        "upper",
        "Lemmas 7.3d, 7.4a, 8.6, 8.7",
        "probability with which Lemmas 7.3d, 7.4a, 8.6 and 8.7 fail",
        "s m",
        assumptions=(RANDOM, WIDE),
        monotone={"s": -1, "m": -1},
        **EXPONENT,
    )


def backward() -> Iterator[Quantity]:
    """Lemma 7.4: products B D W ... D W_a."""
    measured = "products of layers and B at initialisation"
    yield law(
        "backward_norm",
        r"\|B D_{i,L}W_L\cdots D_{i,a}W_a\|_2",
        {"m": HALF, "d": -HALF},
        "upper",
        "Lemma 7.4b",
        "spectral norm of a product of layers with the output matrix",
        assumptions=(RANDOM, WIDE, OUTPUTS),
        glyph="‖B D W_L … W_a‖",
        measured_by=measured,
    )
    yield law(
        "backward_sparse",
        r"|v^\top B D_{i,L}W_L\cdots D_{i,a}W_a u|/(\|v\|\|u\|)",
        {"s": HALF, "d": -HALF},
        "upper",
        "Lemma 7.4a",
        "product of layers with the output matrix on an s-sparse vector",
        parameters="s m d",
        logs=HALF,
        assumptions=(RANDOM, WIDE, BACK),
        glyph="|v B D W_L … W_a u|",
        measured_by=measured,
    )
    yield law(
        "sparsity_limit",
        "s",
        {"m": 1, "L": -1},
        "at_most",
        "Lemmas 7.3, 7.4",
        "sparsity for which products of layers are bounded",
        logs=-1,
        glyph="s",
    )
    yield law(
        "sparsity_least",
        "s",
        {"d": 1},
        "at_least",
        "Lemmas 7.4a, 8.7",
        "sparsity from which the backward bounds hold",
        logs=-1,
        glyph="s",
    )
