"""Theorem 3: the gradient near initialisation, with Lemma 9.3 behind it (Sections 9 and 10)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import sympy

from bounds.forms import Smallest
from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import (
    DATA,
    POLYNOMIAL,
    RANDOM,
    SMALL_DELTA,
    THIRD,
    constant,
    formula,
    law,
    symbol,
)

L, n, m, d, delta, omega, v_max_sq = (symbol(x) for x in ("L", "n", "m", "d", "delta", "omega", "v_max_sq"))
NEAR = Condition("Theorem 3's ball", "the weights are within gradient_radius of their initial values")
FIXED = Condition("fixed vectors", "the loss vectors v_i are fixed before the weights are drawn; initial weights")
NORMS = "gradient norms along the trajectory"


def quantities() -> Iterator[Quantity]:
    """Theorem 3, Lemma 9.3 and (10.2)."""
    yield from upper()
    yield from lower()
    yield from at_random()
    yield from constants()
    yield from ball()


def upper() -> Iterator[Quantity]:
    """Squared gradient norms, from above."""
    for name, tex, powers, place, text, glyph in (
        (
            "gradient_upper",
            r"\|\nabla F\|_F^2",
            {"F": 1, "L": 1, "n": 1, "m": 1, "d": -1},
            "Theorem 3",
            "squared norm of the gradient in all layers",
            "‖∇F‖²",
        ),
        (
            "gradient_upper_layer",
            r"\|\nabla_{W_\ell}F\|_F^2",
            {"F": 1, "m": 1, "n": 1, "d": -1},
            "Theorem 3, restated",
            "squared norm of the gradient in one layer",
            "‖∇ₗF‖²",
        ),
        (
            "gradient_upper_sample",
            r"\|\nabla_{W_\ell}F_i\|_F^2",
            {"F_i": 1, "m": 1, "d": -1},
            "Theorem 3, restated",
            "squared norm of one sample's gradient in one layer",
            "‖∇ₗFᵢ‖²",
        ),
    ):
        yield law(
            name,
            tex,
            powers,
            "upper",
            place,
            text,
            assumptions=(DATA, RANDOM, POLYNOMIAL, NEAR),
            glyph=glyph,
            measured_by=NORMS,
        )


def lower() -> Iterator[Quantity]:
    """Squared gradient norms, from below: what leaves no critical point."""
    for name, powers, place, text in (
        (
            "gradient_lower",
            {"F_max": 1, "n": -1, "m": 1, "d": -1, "delta": 1},
            "Theorem 3, restated",
            "squared norm of the last layer's gradient, from the largest loss of a sample",
        ),
        (
            "gradient_lower_total",
            {"F": 1, "n": -2, "m": 1, "d": -1, "delta": 1},
            "Theorem 3",
            "squared norm of the last layer's gradient, from the total loss",
        ),
    ):
        yield law(
            name,
            r"\|\nabla_{W_L}F\|_F^2",
            powers,
            "lower",
            place,
            text,
            hidden="c",
            assumptions=(DATA, RANDOM, POLYNOMIAL, NEAR, SMALL_DELTA),
            glyph="‖∇_L F‖²",
            measured_by=NORMS,
        )


def at_random() -> Iterator[Quantity]:
    """Lemma 9.3, for loss vectors fixed beforehand, and the drift (10.2) away from initialisation."""
    measured = "gradients with given loss vectors"
    yield law(
        "fixed_gradient_upper",
        r"\|\hat\nabla_{W_\ell}F\|_F^2",
        {"v_sq": 1, "m": 1, "n": 1, "d": -1},
        "upper",
        "Lemma 9.3",
        "squared norm of a layer's gradient with fixed loss vectors",
        assumptions=(DATA, RANDOM, POLYNOMIAL, FIXED),
        glyph="‖∇̂ₗF‖²",
        measured_by=measured,
    )
    yield law(
        "fixed_gradient_lower",
        r"\|\hat\nabla_{W_L}F\|_F^2",
        {"v_max_sq": 1, "delta": 1, "m": 1, "d": -1, "n": -1},
        "lower",
        "Lemma 9.3",
        "squared norm of the last layer's gradient with fixed loss vectors",
        hidden="c",
        assumptions=(DATA, RANDOM, POLYNOMIAL, FIXED, SMALL_DELTA),
        glyph="‖∇̂_L F‖²",
        measured_by=measured,
    )
    yield law(
        "gradient_drift",
        r"\|\hat\nabla_{W_\ell}F-\hat\nabla_{W_\ell}^{(0)}F\|_F^2",
        {"n": 1, "v_sq": 1, "m": 1, "d": -1, "omega": 2 * THIRD, "L": 4},
        "upper",
        "(10.2)",
        "squared change of a layer's gradient from initialisation, the loss vectors held fixed",
        logs=1,
        assumptions=(DATA, RANDOM, POLYNOMIAL, NEAR),
        glyph="drift",
        measured_by=measured,
    )
    yield formula(
        "fixed_gradient_failure",
        "p",
        lambda: sympy.exp(-symbol("C_1") * delta * m / n) + sympy.exp(-symbol("C_2") * delta**6 * m / L),
        "upper",
        "Lemma 9.3 with Lemma 7.5's failure (A10)",
        "probability with which Lemma 9.3 fails, the failure of Lemma 7.5 that its proof uses included",
        "delta m n L",
        status="derived",
        hidden=(constant("C_1", factor=False), constant("C_2", factor=False)),
        assumptions=(DATA, RANDOM, POLYNOMIAL, FIXED, SMALL_DELTA),
        glyph="p",
        monotone={"delta": -1, "m": -1, "n": 1, "L": 1},
    )


def constants() -> Iterator[Quantity]:
    r"""Section 9.2 with its numbers.

    Derived (A16): |N_2| >= delta m/(40 n) survives, with 1/28 for N_1 and 0.717 for the union over the samples. A
    Gaussian exceeds its deviation with probability 0.317, not 0.68, so |N| >= |N_2|/4. For k in N the gradient's row
    takes two values that differ by <B_k, v> h, so one of them is at least half of that: 0.81/4 > 0.2 in place of 0.8.
    With probability 1/10 each, over |N|/15 rows: 0.2/15/160 = 1/12000.
    """
    for name, tex, share, status, text in (
        ("fixed_gradient_lower_explicit_printed", r"g^{\mathrm{printed}}", 2000, "printed", ", as printed"),
        ("fixed_gradient_lower_explicit", "g", 12000, "derived", ", its steps corrected (A16)"),
    ):
        yield formula(
            name,
            tex,
            lambda share=share: v_max_sq * delta * m / (share * d * n),
            "lower",
            "proof of Lemma 9.3, Section 9.2",
            f"squared norm of the last layer's gradient with fixed loss vectors, with the proof's constant{text}",
            "v_max_sq delta m d n",
            status=status,
            assumptions=(DATA, RANDOM, POLYNOMIAL, FIXED, SMALL_DELTA),
            statement=r"\|\hat\nabla_{W_L}F\|_F^2",
            glyph="‖∇̂_L F‖²",
            measured_by="gradients with given loss vectors",
            monotone={"v_max_sq": 1, "delta": 1, "m": 1, "d": -1, "n": -1},
        )


def ball() -> Iterator[Quantity]:
    """Theorem 3's ball, as stated and as its proof needs it, and its failure probability."""
    nine, three = Fraction(9, 2), Fraction(3, 2)
    powers = {"n": -nine, "L": -6, "delta": three}
    common: dict[str, Any] = {
        "assumptions": (DATA, RANDOM, SMALL_DELTA),
        "glyph": "ω",
        "measured_by": "spectral distance from initialisation",
    }
    yield law(
        "gradient_radius",
        r"\omega",
        powers,
        "at_most",
        "Theorem 3, restated",
        "spectral distance from initialisation within which the gradient bounds hold",
        logs=-3,
        **common,
    )
    yield formula(
        "gradient_radius_proof",
        r"\omega",
        lambda: Smallest(
            symbol("C_1") * delta**three / (n**nine * L**6 * sympy.log(m) ** three),
            symbol("C_2") / (L**nine * sympy.log(m) ** 3),
        ),
        "at_most",
        "proof of Theorem 3, (10.2) and Lemma 8.2",
        "spectral distance that the proof of Theorem 3 needs: up to log(m)^1.5 more than stated",
        "n L delta m",
        status="proved",
        hidden=(constant("C_1", factor=False), constant("C_2", factor=False)),
        orders=powers,
        monotone={"n": -1, "L": -1, "delta": 1},
        **common,
    )
    yield formula(
        "perturbation_failure",
        "p",
        lambda: sympy.exp(-symbol("C") * m * omega ** (2 * THIRD) * L),
        "upper",
        "Theorems 3, 4, 5, Lemma 8.2",
        "probability with which Lemma 8.2 and Theorems 3, 4 and 5 fail, as stated (A10)",
        "m omega L",
        hidden=(constant(factor=False),),
        glyph="p",
        monotone={"m": -1, "omega": -1, "L": -1},
    )
