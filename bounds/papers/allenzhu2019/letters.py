"""The letters of the paper: parameters with their roles, domains and defaults, and the pieces that formulas share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy

from bounds.forms import at_most
from bounds.model import (
    COUNT,
    NONNEGATIVE,
    POSITIVE,
    Condition,
    Default,
    Domain,
    HiddenConstant,
    Parameter,
    Quantity,
    Source,
)

KEY = "allenzhu2019"
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
UNIT = Domain(0, 1, low_open=True)
SEPARATION = Domain(0, math.sqrt(2), low_open=True)
"""Unit vectors with the same last coordinate 1/sqrt(2) are at most sqrt(2) apart."""


def at(place: str) -> Source:
    """A place in this paper."""
    return Source(KEY, place)


def symbol(name: str) -> sympy.Symbol:
    """The real symbol behind a parameter, a hidden constant or a quantity."""
    return sympy.Symbol(name, positive=True)


def constant(name: str = "C", *, factor: bool = True, text: str = "the constant hidden in O, Omega or Theta") -> Any:
    """A hidden constant; ``factor`` where the formula is proportional to it."""
    return HiddenConstant(name, text, factor=factor)


def formula(
    name: str, latex: str, expression: Any, side: str, place: str, text: str, parameters: str, **more: Any
) -> Quantity:
    """A quantity with the fields in the order in which one reads them; ``parameters`` are separated by spaces.

    Those with hidden constants are known up to order only; a requirement is named by its direction.
    """
    if side in ("at_least", "at_most"):
        side, more["direction"] = "requires", side
    more.setdefault("order_only", bool(more.get("hidden")))
    status, names = more.pop("status", "printed"), tuple(parameters.split())
    return Quantity(name, latex, expression, side, at(place), status, text, names, **more)


def law(
    name: str,
    latex: str,
    powers: Mapping[str, Any],
    side: str,
    place: str,
    text: str,
    *,
    logs: Any = 0,
    hidden: str = "C",
    power: int = 1,
    **more: Any,
) -> Quantity:
    """A formula that is a product: the hidden constant to ``power``, powers of letters and a power of log m.

    The powers are the orders that the paper states, and their signs the directions in which the formula moves (in m
    only where the power of log m does not pull the other way).
    """

    def product() -> Any:
        letters = sympy.Mul(*(symbol(x) ** p for x, p in powers.items()))
        return symbol(hidden) ** power * letters * sympy.log(symbol("m")) ** logs

    signs = {x: 1 if p > 0 else -1 for x, p in powers.items()}
    if logs:
        turn = 1 if logs > 0 else -1
        signs = {x: v for x, v in signs.items() if x != "m" or v == turn} | ({} if "m" in powers else {"m": turn})
    names = " ".join(powers) if not logs or "m" in powers else " ".join((*powers, "m"))
    more.setdefault("monotone", signs)
    more.setdefault("orders", dict(powers))
    more.setdefault("parameters", names)
    more["hidden"] = (constant(hidden, factor=power == 1),)
    return formula(name, latex, product, side, place, text, more.pop("parameters"), **more)


PARAMETERS = {
    p.name: p
    for p in (
        Parameter(
            "L",
            "depth",
            "trained layers W_1..W_L: hidden layers beyond the first, A",
            COUNT,
            "L",
            "L",
            Default(2, "three hidden layers, as in banerjee2023's experiment: the paper's L leaves out A"),
        ),
        Parameter("n", "samples", "training samples", COUNT, "n", "n", Default(512, "convention")),
        Parameter("m", "width", "neurons in each hidden layer", COUNT, "m", "m"),
        Parameter("d", "outputs", "output dimension", COUNT, "d", "d", Default(1, "one output")),
        Parameter(
            "delta",
            "separation",
            "least distance between two normalised inputs (Assumption 2.1)",
            SEPARATION,
            r"\delta",
            "δ",
            Default(sympy.Rational(997, 10_000), "scikit-learn's digits, 512 samples; --data computes yours"),
        ),
        Parameter("b", "batch_size", "samples in a mini-batch", COUNT, "b", "b", Default(1, "the smallest batch")),
        Parameter("eta", "step_size", "learning rate", POSITIVE, r"\eta", "η"),
        Parameter(
            "eps",
            "target_loss",
            "loss at which to stop; in Lemma 7.1 the deviation of the norms from 1",
            UNIT,
            r"\varepsilon",
            "ε",
            Default(sympy.Rational(1, 1000), "convention"),
        ),
        Parameter("F", "loss", "loss: half the sum of squared residuals", NONNEGATIVE, "F", "F"),
        Parameter("F_i", "sample_loss", "loss of one sample", NONNEGATIVE, "F_i", "Fᵢ"),
        Parameter("F_max", "largest_sample_loss", "largest loss of a sample", NONNEGATIVE, r"\max_i F_i", "maxᵢFᵢ"),
        Parameter(
            "v_max_sq",
            "largest_residual_sq",
            "largest ||v_i||^2 of the loss vectors",
            NONNEGATIVE,
            r"\max_i\|v_i\|^2",
            "v²",
        ),
        Parameter("v_sq", "residual_sq", "sum of ||v_i||^2 over the samples", NONNEGATIVE, r"\|\vec v\|^2", "‖v‖²"),
        Parameter(
            "omega",
            "radius",
            "spectral distance from the initial weights, the largest layer's",
            NONNEGATIVE,
            r"\omega",
            "ω",
        ),
        Parameter(
            "perturbation",
            "perturbation",
            "spectral norm of a change of the weights, the largest layer's",
            NONNEGATIVE,
            r"\|W'\|_2",
            "‖W'‖₂",
        ),
        Parameter("s", "sparsity", "non-zero coordinates of a sparse vector", COUNT, "s", "s"),
        Parameter(
            "delta_2",
            "dense_change",
            "Euclidean norm of the dense part g'_1 of a change",
            NONNEGATIVE,
            r"\delta_2",
            "δ₂",
        ),
        Parameter(
            "delta_inf",
            "largest_change",
            "largest entry of the spread part g'_2 of a change",
            NONNEGATIVE,
            r"\delta_\infty",
            "δ∞",
        ),
        Parameter(
            "sigma",
            "gradient_dominance",
            "the loss f satisfies ||grad f||^2 >= sigma (f - min f)",
            POSITIVE,
            r"\sigma",
            "σ",
            Default(1, "the square loss (Sec 6)"),
        ),
        Parameter(
            "D", "minimiser_distance", "largest ||z - z*|| between outputs and a minimiser of f", NONNEGATIVE, "D", "D"
        ),
        Parameter(
            "d_positions", "positions", "positions (pixels) of a convolutional layer", COUNT, r"\mathfrak{d}", "𝔡"
        ),
        Parameter("q", "neighbourhood", "positions that one convolution reads", COUNT, "q", "q"),
        Parameter(
            "tau", "branch_scale", "scale of the CNN's biases or of the ResNet's branches", NONNEGATIVE, r"\tau", "τ"
        ),
    )
}

DATA = Condition(
    "Assumption 2.1", "||x_i|| = 1 with last coordinate 1/sqrt(2), ||x_i - x_j|| >= delta for i != j, ||y_i|| <= O(1)"
)
RANDOM = Condition("Definition 2.3", "W_l, A ~ N(0, 2/m), B ~ N(0, 1/d) entrywise; only W_1..W_L are trained")
SMALL_DELTA = Condition(
    "delta <= O(1/L)",
    "the separation is at most 1/(C L); data that are further apart satisfy it with delta_eff in place of delta",
)
WIDE = Condition("width", "the width is at least the theorem's (required_width)")
POLYNOMIAL = Condition("Assumption 2.4", "m is at least a sufficiently large polynomial in n, L and 1/delta, times d")
OUTPUTS = Condition("output dimension", "d <= O(m/(L log m))")
BATCH = Condition(
    "b <= n", "a batch holds at most all samples", lambda: at_most(symbol("b"), symbol("n")), "give b <= n"
)
