"""Theorem 4 (semi-smoothness) and Theorem 5 (the neural tangent kernel), Sections 11 and 14."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import sympy

from bounds.forms import at_most
from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import DATA, HALF, POLYNOMIAL, RANDOM, THIRD, constant, formula, law, symbol

L, n, m, d, F, omega, W = (symbol(x) for x in ("L", "n", "m", "d", "F", "omega", "perturbation"))
CLOSE = Condition("omega", "omega is between semi_smoothness_radius_low and semi_smoothness_radius")
STEP = Condition(
    "||W'||_2 <= omega", "the change is no larger than the ball", lambda: at_most(W, omega), "give a larger omega"
)
INSIDE = Condition("||W'||_2 <= omega", "the change is no larger than the ball")
KERNEL = Condition("omega, kernel", "omega is at most ntk_kernel_radius")


def quantities() -> Iterator[Quantity]:
    """Theorems 4 and 5."""
    yield from remainder()
    yield from changes()
    yield from interval()
    yield from kernel()


def remainder() -> Iterator[Quantity]:
    """Theorem 4. (11.3) adds (11.5) over the L layers, so the proof gives L^3 where L^2 is printed (A4)."""
    for tail, depth, status, place, note in (
        ("", 3, "proved", "Theorem 4, (11.3) with (11.5)", ""),
        ("_printed", 2, "printed", "Theorem 4", ", the sum over layers dropped (A4)"),
    ):
        yield formula(
            f"semi_smoothness{tail}",
            r"R^{\mathrm{printed}}" if tail else "R",
            lambda depth=depth: (
                symbol("C_1") * sympy.sqrt(n * F) * omega**THIRD * L**depth * sympy.sqrt(m * sympy.log(m) / d) * W
                + symbol("C_2") * (n * L**2 * m / d) * W**2
            ),
            "upper",
            place,
            f"remainder of the loss beyond its first order{note}",
            "n F L m d omega perturbation",
            status=status,
            hidden=(constant("C_1", factor=False), constant("C_2", factor=False)),
            assumptions=(DATA, RANDOM, POLYNOMIAL, CLOSE, STEP),
            statement=r"F(\vec W+\vec W')-F(\vec W)-\langle\nabla F(\vec W),\vec W'\rangle",
            orders={"n": 1, "F": HALF, "L": depth, "m": 1, "d": -HALF, "omega": THIRD, "perturbation": 2},
            glyph=f"R{tail.replace('_', ' ')}",
            measured_by="losses and gradients at two nearby points",
            monotone={"n": 1, "F": 1, "L": 1, "m": 1, "d": -1, "omega": 1, "perturbation": 1},
        )


def changes() -> Iterator[Quantity]:
    """Claim 11.2: between two points of the ball."""
    yield law(
        "output_difference",
        r"\|B(h_{i,L}-\check h_{i,L})\|",
        {"L": 1, "m": HALF, "d": -HALF, "perturbation": 1},
        "upper",
        "Claim 11.2, (11.4)",
        "change of the output under a change of the weights inside the ball",
        assumptions=(RANDOM, CLOSE, INSIDE),
        glyph="‖Δy‖",
        measured_by="outputs at two nearby points",
    )
    yield law(
        "hidden_difference",
        r"\|h_{i,\ell}-\check h_{i,\ell}\|",
        {"L": Fraction(3, 2), "perturbation": 1},
        "upper",
        "Claim 11.2",
        "change of a hidden layer under a change of the weights inside the ball",
        assumptions=(RANDOM, CLOSE, INSIDE),
        glyph="‖Δh‖",
        measured_by="hidden layers at two nearby points",
    )


def interval() -> Iterator[Quantity]:
    """The interval of omega in Theorems 4 and 5, and the end that Lemma 8.6 adds (A6)."""
    x = Fraction(3, 2)
    for name, side, place, status, text, powers, logs in (
        (
            "semi_smoothness_radius",
            "at_most",
            "Theorems 4, 5",
            "printed",
            "upper end of omega in Theorems 4 and 5",
            {"L": -Fraction(9, 2)},
            -3,
        ),
        (
            "semi_smoothness_radius_low",
            "at_least",
            "Theorems 4, 5",
            "printed",
            "lower end of omega in Theorems 4 and 5, where s = m omega^(2/3) L reaches d/log m",
            {"d": x, "m": -x, "L": -x},
            -x,
        ),
        (
            "semi_smoothness_radius_proof",
            "at_most",
            "Lemmas 8.6, 8.7 in Theorems 4, 5 (A6)",
            "derived",
            "upper end that s = m omega^(2/3) L <= m/(L^3 log m) adds: the smaller one where L > log m",
            {"L": -6},
            -x,
        ),
        (
            "ntk_kernel_radius",
            "at_most",
            "Theorem 5c",
            "printed",
            "upper end of omega for the kernel",
            {"L": -9},
            -x,
        ),
    ):
        yield law(
            name,
            r"\omega",
            powers,
            side,
            place,
            text,
            logs=logs,
            status=status,
            assumptions=(RANDOM,),
            glyph="ω",
            measured_by="spectral distance from initialisation",
        )


def kernel() -> Iterator[Quantity]:
    """Theorem 5: the network against its linearisation at initialisation."""
    for name, tex, place, text, statement, measured, more in (
        (
            "ntk_gradient_gap",
            r"\epsilon_{\nabla}",
            "Theorem 5a",
            "relative change of the gradient of an output",
            r"\|\nabla y_j-\nabla y_j^{\mathrm{ntk}}\|_F/\|\nabla y_j^{\mathrm{ntk}}\|_F",
            "gradients of the output at initialisation and near it",
            (CLOSE,),
        ),
        (
            "ntk_kernel_gap",
            r"\epsilon_K",
            "Theorem 5c",
            "relative change of the tangent kernel",
            r"|K_j-K_j^{\mathrm{ntk}}|/\sqrt{K_j^{\mathrm{ntk}}(x,x)K_j^{\mathrm{ntk}}(\tilde x,\tilde x)}",
            "tangent kernels at initialisation and near it",
            (CLOSE, KERNEL),
        ),
    ):
        yield law(
            name,
            tex,
            {"L": 3, "omega": THIRD},
            "upper",
            place,
            text,
            parameters="L m omega",
            logs=HALF,
            assumptions=(RANDOM, *more),
            statement=statement,
            glyph="ε kernel" if KERNEL in more else "ε gradient",
            measured_by=measured,
        )
    yield law(
        "ntk_output_gap",
        r"\epsilon_y",
        {"L": 3, "m": HALF, "d": -HALF, "omega": 4 * THIRD},
        "upper",
        "Theorem 5b",
        "distance of an output from its linearisation",
        logs=HALF,
        assumptions=(RANDOM, CLOSE),
        statement=r"|y_j(\vec W^{(0)}+\vec W')-y_j(\vec W^{(0)})-y_j^{\mathrm{ntk}}(\vec W')|",
        glyph="ε output",
        measured_by="outputs against the linearised network",
    )
