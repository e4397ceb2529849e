"""Theorems 5.1, 5.2, Appendices B and C: restricted strong convexity and smoothness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import at_most
from bounds.model import Condition, Quantity
from bounds.papers.banerjee2023.letters import CONE, DEEP, IN_BALL, INITIAL, SMOOTH, SQUARE, WIDE, at, symbol

m, k, a, b = (symbol(x) for x in ("m", "k", "a", "b"))
kappa, rho_2, gbar_norm_sq, lambda_t = (symbol(x) for x in ("kappa", "rho_2", "gbar_norm_sq", "lambda_t"))
c_1, c_2, c_H, varrho, loss_ball = (symbol(x) for x in ("c_1", "c_2", "c_H", "varrho", "loss_ball"))

BASIC = (SMOOTH, INITIAL, IN_BALL, WIDE, DEEP)
GENERAL = Condition(
    "Assumption 3", "a <= l'' <= b for the loss", lambda: at_most(a, b), "take a as the lower, b as the upper bound"
)
SEGMENT = Condition("lambda_t", "lambda_t >= mean l'^2 on the whole segment, not at theta_t alone")
OUTPUTS = Condition("Assumption 5", "k outputs, every v_h a unit vector; rho_1 and loss_ball per output")
RSC = r"\alpha_t"


def restricted_convexity() -> Iterator[Quantity]:
    """Theorem 5.1, Remark 5.1 and the general-loss and k-output versions."""
    assume = (*BASIC, SQUARE, CONE)
    yield Quantity(
        "c_1",
        "c_1",
        lambda: 2 * kappa**2,
        "equal",
        at("Theorem 5.1"),
        "printed",
        "factor of ||gbar_t||^2",
        ("kappa",),
        glyph="c₁",
        monotone={"kappa": 1},
    )
    yield Quantity(
        "c_2",
        "c_2",
        lambda: 2 * c_H * (2 * varrho * rho_2 + sympy.sqrt(loss_ball)),
        "equal",
        at("Theorem 5.1"),
        "printed",
        "what the Hessian takes away, times sqrt(m)",
        ("c_H", "varrho", "rho_2", "loss_ball"),
        glyph="c₂",
        monotone={"c_H": 1, "varrho": 1, "rho_2": 1, "loss_ball": 1},
    )
    yield Quantity(
        "rsc_alpha",
        RSC,
        lambda: c_1 * gbar_norm_sq - c_2 / sympy.sqrt(m),
        "lower",
        at("Theorem 5.1"),
        "printed",
        "restricted strong convexity of the loss at step t",
        ("c_1", "c_2", "gbar_norm_sq", "m"),
        assumptions=assume,
        probability="probability",
        glyph="αₜ",
        monotone={"c_1": 1, "c_2": -1, "gbar_norm_sq": 1},
    )
    yield Quantity(
        "rsc_threshold",
        r"\|\bar g_t\|_2^2",
        lambda: c_2 / (c_1 * sympy.sqrt(m)),
        "requires",
        at("Remark 5.1"),
        "printed",
        "RSC holds when ||gbar_t||^2 exceeds it",
        ("c_1", "c_2", "m"),
        direction="at_least",
        assumptions=assume,
        probability="probability",
        glyph="‖ḡₜ‖²",
        measured_by="||gbar_t||^2 along the trajectory",
        monotone={"c_1": -1, "c_2": 1},
    )
    yield Quantity(
        "rsc_alpha_general",
        RSC,
        lambda: (
            a * kappa**2 * gbar_norm_sq - (2 * a * varrho * c_H * rho_2 + c_H * sympy.sqrt(lambda_t)) / sympy.sqrt(m)
        ),
        "lower",
        at("Theorem B.1"),
        "printed",
        "restricted strong convexity for a general loss",
        ("a", "kappa", "gbar_norm_sq", "varrho", "c_H", "rho_2", "lambda_t", "m"),
        assumptions=(*BASIC, GENERAL, SEGMENT, CONE),
        probability="probability",
        glyph="αₜ general",
    )
    yield Quantity(
        "rsc_alpha_multi",
        RSC,
        lambda: (
            2 * k * kappa**2 * gbar_norm_sq
            - 2 * k * c_H * (2 * varrho * rho_2 + sympy.sqrt(k * loss_ball)) / sympy.sqrt(m)
        ),
        "lower",
        at("Theorem C.2"),
        "printed",
        "restricted strong convexity with k outputs",
        ("k", "kappa", "gbar_norm_sq", "c_H", "varrho", "rho_2", "loss_ball", "m"),
        assumptions=(*BASIC, SQUARE, OUTPUTS, CONE),
        probability="probability",
        glyph="αₜ, k outputs",
    )


def _beta_multi(inner: Any) -> Any:
    return 2 * k * varrho**2 + 2 * k * c_H * sympy.sqrt(inner) / sympy.sqrt(m)


def smoothness() -> Iterator[Quantity]:
    """Theorem 5.2 and its general-loss and k-output versions."""
    yield Quantity(
        "beta",
        r"\beta",
        lambda: 2 * varrho**2 + 2 * c_H * sympy.sqrt(loss_ball) / sympy.sqrt(m),
        "upper",
        at("Theorem 5.2"),
        "printed",
        "smoothness of the loss in the ball",
        ("varrho", "c_H", "loss_ball", "m"),
        assumptions=(*BASIC, SQUARE),
        probability="probability",
        statement=r"\lambda_{\max}(\nabla^2\mathcal L)",
        glyph="β",
        measured_by="largest eigenvalue of the loss Hessian",
        monotone={"varrho": 1, "c_H": 1, "loss_ball": 1},
    )
    yield Quantity(
        "beta_general",
        r"\beta",
        lambda: b * varrho**2 + c_H * sympy.sqrt(lambda_t) / sympy.sqrt(m),
        "upper",
        at("Theorem B.2"),
        "printed",
        "smoothness for a general loss",
        ("b", "varrho", "c_H", "lambda_t", "m"),
        assumptions=(*BASIC, GENERAL, SEGMENT),
        probability="probability",
        glyph="β general",
        monotone={"b": 1, "varrho": 1, "c_H": 1, "lambda_t": 1},
    )
    for tail, formula, status, place in (
        ("", lambda: _beta_multi(k * loss_ball), "printed", "Theorem C.3"),
        ("_tight", lambda: _beta_multi(loss_ball), "derived", "Theorem C.3, erratum B12"),
    ):
        yield Quantity(
            "beta_multi" + tail,
            r"\beta",
            formula,
            "upper",
            at(place),
            status,
            "smoothness with k outputs",
            ("k", "varrho", "c_H", "loss_ball", "m"),
            assumptions=(*BASIC, SQUARE, OUTPUTS),
            probability="probability",
            glyph="β, k outputs",
            monotone={"k": 1, "varrho": 1, "c_H": 1, "loss_ball": 1},
        )


def quantities() -> Iterator[Quantity]:
    """Restricted convexity, then smoothness."""
    yield from restricted_convexity()
    yield from smoothness()
