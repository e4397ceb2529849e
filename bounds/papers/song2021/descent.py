"""Theorem 2: gradient descent, with the constants worked out.

The step. Let ``M = beta_Phi max||grad f|| + (9/4) beta_f nu^2`` and eta <= 1/M. For w^s = w_i - s eta grad h(w_i) with
the segment in the ball, App C's descent inequality reads ``h(w^s) <= h_i - s eta (1 - s eta M/2) ||grad h_i||^2``, so
``h(w^s) <= h_i - (s eta/2) ||grad h_i||^2`` for s <= 1. With ``||grad h|| >= (mu/2) sqrt(2 alpha h)``:

* contraction: ``h_{i+1} <= (1 - eta alpha mu^2/4) h_i``;
* paper's route: ``sqrt f_i - sqrt f_{i+1} >= (eta mu^2/16) sqrt(2 alpha) ||grad f_i||``, and the length is at most
  ``(3 nu/2) eta sum ||grad f_i|| <= 12 sqrt2 nu sqrt(h_0)/(mu^2 sqrt alpha)``;
* direct: ``||w^s - w_i|| <= (4 sqrt2/(mu sqrt alpha)) (sqrt h_i - sqrt h(w^s))``, hence ``4 sqrt2 sqrt(h_0)/(mu sqrt
  alpha)`` in all; with mu/2 replaced by mu - beta L_i, L_i the length so far, the left Riemann sum of a decreasing
  function exceeds its integral ``3 mu^2/(8 beta)``.

A length below ``rho_Phi`` keeps every step inside: else cut the first leaving step at the sphere, where the bounds
still hold for some s <= 1, and the length up to there would be rho_Phi, yet the loss would be positive: contradiction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import Largest
from bounds.model import Condition, Quantity
from bounds.papers.song2021.assumptions import (
    BASIC,
    NEAR,
    ORDERED,
    SMALL_START,
    SMALL_STEP,
    SMOOTH_LOSS,
    essential,
)
from bounds.papers.song2021.flow import Row, starts
from bounds.papers.song2021.letters import at, symbols

alpha_f, beta_f, h_0, grad_f_0 = symbols("alpha_f beta_f h_0 grad_f_0")
mu_Phi, nu_Phi, beta_Phi, eta, eps = symbols("mu_Phi nu_Phi beta_Phi eta eps")
BASE: tuple[Condition, ...] = (BASIC, SMOOTH_LOSS, NEAR)
POSITIVE: tuple[Condition, ...] = (BASIC, SMOOTH_LOSS, essential(NEAR))


def conditions() -> Iterator[Quantity]:
    """How small the initial loss must be: a length of at most ``rho_Phi``."""
    rows: tuple[Row, ...] = (
        ("gd_condition", 1152, "Theorem 2, its constant from App C", "along the paper's route"),
        ("gd_condition_direct", 128, "Theorem 2, improved (erratum S11)", "without nu_Phi"),
        ("gd_condition_sharp", sympy.Rational(512, 9), "Theorem 2, improved (erratum S11)", "sharper still"),
    )
    yield from starts(rows, "gradient descent", (*BASE, SMALL_STEP))


def lengths() -> Iterator[Quantity]:
    """How far the iterates move."""
    for tail, formula, place, names in (
        (
            "",
            lambda: 12 * sympy.sqrt(2) * nu_Phi * sympy.sqrt(h_0) / (mu_Phi**2 * sympy.sqrt(alpha_f)),
            "eq 33, its constant from App C",
            ("nu_Phi", "mu_Phi", "alpha_f", "h_0"),
        ),
        (
            "_direct",
            lambda: 4 * sympy.sqrt(2) * sympy.sqrt(h_0) / (mu_Phi * sympy.sqrt(alpha_f)),
            "eq 33, improved (erratum S11)",
            ("mu_Phi", "alpha_f", "h_0"),
        ),
    ):
        yield Quantity(
            "gd_length" + tail,
            r"\ell(I)",
            formula,
            "upper",
            at(place),
            "derived",
            "distance that gradient descent travels inside the ball" + (", without nu_Phi" if tail else ""),
            names,
            assumptions=(*POSITIVE, SMALL_STEP) if tail else (*POSITIVE, ORDERED, SMALL_STEP),
            glyph="ℓ(I)",
            measured_by="the sum of the lengths of the steps",
            monotone={"mu_Phi": -1, "alpha_f": -1, "h_0": 1, **({} if tail else {"nu_Phi": 1})},
        )


def gradients() -> Iterator[Quantity]:
    """The two bounds of ``max_i ||grad f(z_i)||`` behind the learning rates."""
    yield Quantity(
        "grad_f_upper",
        r"\|\nabla f(z)\|",
        lambda: sympy.sqrt(2 * beta_f * h_0),
        "upper",
        at("Theorem 2 (smoothness of f at its least value 0)"),
        "derived",
        "norm of the loss gradient wherever the loss is at most h_0; equality for the square loss",
        ("beta_f", "h_0"),
        assumptions=(BASIC, SMOOTH_LOSS),
        statement=r"\|\nabla f(z)\|",
        glyph="‖∇f‖",
        monotone={"beta_f": 1, "h_0": 1},
    )
    yield Quantity(
        "grad_f_ball",
        r"\|\nabla f\|_{\mathrm{ball}}",
        lambda: grad_f_0 + 3 * beta_f * mu_Phi * nu_Phi / (4 * beta_Phi),
        "upper",
        at("eq 34"),
        "printed",
        "norm of the loss gradient in the ball (the line above the last of eq 34 has mu_Phi for nu_Phi, erratum S9)",
        ("grad_f_0", "beta_f", "mu_Phi", "nu_Phi", "beta_Phi"),
        assumptions=(*BASE, ORDERED),
        statement=r"\max_i\|\nabla f(z_i)\|",
        glyph="max‖∇f‖",
        measured_by="the norm of the loss gradient along the trajectory",
        monotone={"grad_f_0": 1, "beta_f": 1, "beta_Phi": -1, "nu_Phi": 1, "mu_Phi": 1},
    )


def steps() -> Iterator[Quantity]:
    """Learning rates, all below ``1/M``.

    ``step_size_explicit`` inserts eq 34. ``step_size`` has the paper's form: with x = mu/nu <= 1 the largest value of
    ``(3/4)(x + 3)/(1 + x^2)`` is ``(9 + 3 sqrt 10)/8``, at x = sqrt 10 - 3, so C = 8/(9 + 3 sqrt 10) is admissible.
    ``step_size_loss`` uses ``||grad f|| <= sqrt(2 beta_f h)``, and that the loss falls.
    """
    curved = sympy.Rational(9, 4)
    rows: tuple[tuple[str, Any, str, tuple[str, ...]], ...] = (
        (
            "step_size",
            lambda: 8 / (9 + 3 * sympy.sqrt(10)) / (beta_Phi * grad_f_0 + beta_f * mu_Phi**2 + beta_f * nu_Phi**2),
            "Theorem 2, eq 13, its constant from App C",
            ("beta_Phi", "grad_f_0", "beta_f", "mu_Phi", "nu_Phi"),
        ),
        (
            "step_size_explicit",
            lambda: 1 / (beta_Phi * grad_f_0 + 3 * beta_f * mu_Phi * nu_Phi / 4 + curved * beta_f * nu_Phi**2),
            "eqs 31 and 34",
            ("beta_Phi", "grad_f_0", "beta_f", "mu_Phi", "nu_Phi"),
        ),
        (
            "step_size_loss",
            lambda: 1 / (beta_Phi * sympy.sqrt(2 * beta_f * h_0) + curved * beta_f * nu_Phi**2),
            "eq 31 with the loss falling",
            ("beta_Phi", "beta_f", "h_0", "nu_Phi"),
        ),
    )
    for name, formula, place, names in rows:
        yield Quantity(
            name,
            r"\eta",
            formula,
            "requires",
            at(place),
            "derived",
            "learning rate up to which gradient descent decreases the loss geometrically",
            names,
            direction="at_most",
            assumptions=(*BASE, ORDERED, SMALL_START),
            answers="step_size",
            glyph="η",
            monotone=dict.fromkeys(names, -1),
        )


def rates() -> Iterator[Quantity]:
    """Eq 14, and the steps that it asks for."""
    yield Quantity(
        "contraction",
        r"h(w_{i+1})/h(w_i)",
        lambda: 1 - eta * alpha_f * mu_Phi**2 / 4,
        "upper",
        at("Theorem 2, eq 14, its constant from App C"),
        "derived",
        "factor of the loss per step",
        ("eta", "alpha_f", "mu_Phi"),
        assumptions=(*BASE, SMALL_STEP, SMALL_START),
        statement=r"h(w_{i+1})/h(w_i)",
        signed=True,
        glyph="h(w_i+1)/h(w_i)",
        measured_by="the loss ratio of successive steps",
        monotone={"eta": -1, "alpha_f": -1, "mu_Phi": -1},
    )
    yield Quantity(
        "iterations",
        "T",
        lambda: sympy.ceiling(sympy.log(Largest(1, h_0 / eps)) / -sympy.log(1 - eta * alpha_f * mu_Phi**2 / 4)),
        "requires",
        at("Theorem 2, eq 14"),
        "derived",
        "steps until the loss is eps",
        ("h_0", "eps", "eta", "alpha_f", "mu_Phi"),
        direction="at_least",
        assumptions=(*POSITIVE, SMALL_STEP, SMALL_START),
        answers="iterations",
        glyph="T",
        measured_by="steps taken by gradient descent",
        monotone={"h_0": 1, "eps": -1},
    )


def quantities() -> Iterator[Quantity]:
    """Section 4."""
    yield from conditions()
    yield from lengths()
    yield from gradients()
    yield from steps()
    yield from rates()
