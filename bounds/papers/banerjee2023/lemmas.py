"""Appendix A: the lemma rungs on which Theorem 4.1 stands, each measurable on a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Quantity
from bounds.papers.banerjee2023.letters import IN_BALL, INITIAL, SMOOTH, WIDE, at, symbol

L, l, m = (symbol(x) for x in ("L", "l", "m"))
sigma_1, rho_1, gamma = (symbol(x) for x in ("sigma_1", "rho_1", "gamma"))
h = sympy.Function("h")
BASIC = (SMOOTH, INITIAL, IN_BALL, WIDE)


def _backward() -> Any:
    return gamma ** (L - l) * (1 + rho_1) / sympy.sqrt(m)


# name, statement, formula, place, parameters, text, measurement
RUNGS = (
    (
        "weight_norm_init",
        r"\|W_0^{(l)}\|_2",
        lambda: sigma_1 * sympy.sqrt(m),
        "Lemma A.1",
        ("sigma_1", "m"),
        "initial layer",
        "largest singular value of each initial layer",
    ),
    (
        "weight_norm",
        r"\|W^{(l)}\|_2",
        lambda: gamma * sympy.sqrt(m),
        "Proposition A.1",
        ("gamma", "m"),
        "layer anywhere in the ball",
        "largest singular value of each layer",
    ),
    (
        "activation_norm",
        r"\|\alpha^{(l)}\|_2",
        lambda: h(l + 1) * sympy.sqrt(m),
        "Lemma A.2",
        ("l", "gamma", "phi_0", "m"),
        "output of layer l",
        "norms of the hidden layers' outputs",
    ),
    (
        "layer_jacobian",
        r"\|\partial\alpha^{(l)}/\partial\alpha^{(l-1)}\|_2",
        gamma,
        "Lemma A.3",
        ("gamma",),
        "Jacobian of layer l >= 2 in its input",
        "largest singular values of the layer Jacobians",
    ),
    (
        "weight_jacobian",
        r"\|\partial\alpha^{(l)}/\partial w^{(l)}\|_2",
        lambda: h(l),
        "Lemma A.4",
        ("l", "gamma", "phi_0"),
        "Jacobian of layer l in its weights",
        "largest |phi'| times the layer input's norm",
    ),
    (
        "backward_norm",
        r"\|b^{(l)}\|_2",
        _backward,
        "Lemma A.6",
        ("l", "L", "gamma", "rho_1", "m"),
        "gradient of f in layer l's output",
        "norms of the backward vectors",
    ),
    (
        "backward_max",
        r"\|b^{(l)}\|_\infty",
        _backward,
        "Lemma A.7",
        ("l", "L", "gamma", "rho_1", "m"),
        "largest entry of the gradient of f in layer l's output",
        "largest entries of the backward vectors",
    ),
)


def quantities() -> Iterator[Quantity]:
    """The seven rungs."""
    for name, statement, formula, place, names, text, measured in RUNGS:
        yield Quantity(
            name,
            statement,
            formula,
            "upper",
            at(place),
            "printed",
            text,
            names,
            assumptions=BASIC,
            statement=statement,
            probability="probability",
            glyph=name,
            measured_by=measured,
        )
