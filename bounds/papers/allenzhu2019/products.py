"""Sections 8.2 and 8.3: products of layers after a perturbation, and the ranges of omega and s in Section 8."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import HALF, OUTPUTS, RANDOM, THIRD, constant, formula, law, symbol

L, m, d, omega, s = (symbol(x) for x in ("L", "m", "d", "omega", "s"))
MILD = Condition("omega, layers", "omega <= O(1/L^1.5) (intermediate_radius)")
FEW = Condition("sparsity", "s <= O(m/(L^3 log m)) (intermediate_sparsity)")
MANY = Condition("sparsity, backward", "s >= Omega(d/log m) (sparsity_least)")
PRODUCTS = "products of layers at initialisation and near it"
X = Fraction(3, 2)


def quantities() -> Iterator[Quantity]:
    """Lemmas 8.6 and 8.7."""
    yield from intermediate()
    yield from backward()
    yield from ranges()


def intermediate() -> Iterator[Quantity]:
    """Lemma 8.6: its last sum starts with (b - a) 3 O(1)^2 at j = 1, so the proof gives O(L) (A5)."""
    for tail, power, status, place in (
        ("", 1, "proved", "proof of Lemma 8.6, last display (A5)"),
        ("_printed", HALF, "printed", "Lemma 8.6"),
    ):
        yield law(
            f"intermediate_perturbed{tail}",
            r"\|W_b(D_{b-1}+D''_{b-1})\cdots W_a\|_2",
            {"L": power},
            "upper",
            place,
            "spectral norm of a product of layers after the perturbation",
            status=status,
            assumptions=(RANDOM, FEW, MILD),
            glyph=f"‖W_b (D+D'') … W_a‖{tail.replace('_', ' ')}",
            measured_by=PRODUCTS,
        )


def backward() -> Iterator[Quantity]:
    """Lemma 8.7, at a sparsity s and at s = m omega^(2/3) L."""
    statement = r"\|B(D_L+D''_L)\cdots(D_a+D''_a)-BD_L\cdots D_a\|_2"
    yield law(
        "backward_change",
        statement,
        {"L": 2, "m": HALF, "d": -HALF, "omega": THIRD},
        "upper",
        "Lemma 8.7",
        "change of the backward product, with the sign changes of Lemma 8.2",
        logs=HALF,
        assumptions=(RANDOM, OUTPUTS, FEW, MANY, MILD),
        glyph="backward change",
        measured_by=PRODUCTS,
    )
    yield formula(
        "backward_change_sparse",
        statement,
        lambda: symbol("C") * sympy.sqrt(L**3 * s * sympy.log(m) + omega**2 * L**3 * m) / sympy.sqrt(d),
        "upper",
        "Lemma 8.7",
        "change of the backward product, with at most s sign changes a layer",
        "L s m d omega",
        hidden=(constant(),),
        assumptions=(RANDOM, OUTPUTS, FEW, MANY, MILD),
        orders={"L": X, "s": HALF, "m": HALF, "d": -HALF, "omega": 1},
        glyph="backward change(s)",
        measured_by=PRODUCTS,
        monotone={"L": 1, "s": 1, "m": 1, "d": -1, "omega": 1},
    )


def ranges() -> Iterator[Quantity]:
    """The ranges of omega and s in Lemmas 8.2, 8.6 and 8.7."""
    omega_text = "omega for which {}"
    for name, tex, powers, logs, place, text, status in (
        (
            "forward_radius",
            r"\omega",
            {"L": -Fraction(9, 2)},
            -3,
            "Lemma 8.2",
            omega_text.format("the forward pass is stable"),
            "printed",
        ),
        (
            "intermediate_radius",
            r"\omega",
            {"L": -X},
            0,
            "Lemmas 8.6b, 8.7",
            omega_text.format("products of layers and the backward pass are stable"),
            "printed",
        ),
        (
            "intermediate_radius_proof",
            r"\omega",
            {"L": -2},
            0,
            "proof of Lemma 8.6b with O(L) from 8.6a (A5)",
            omega_text.format("the expansion of Lemma 8.6b converges when Lemma 8.6a gives O(L)"),
            "derived",
        ),
        (
            "intermediate_sparsity",
            "s",
            {"m": 1, "L": -3},
            -1,
            "Lemmas 8.6, 8.7",
            "sign changes a layer for which products of layers are stable",
            "printed",
        ),
    ):
        yield law(
            name,
            tex,
            powers,
            "at_most",
            place,
            text,
            logs=logs,
            status=status,
            glyph="ω" if tex != "s" else "s",
            measured_by="sign changes" if tex == "s" else "spectral distance from initialisation",
        )
