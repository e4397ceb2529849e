"""Appendix E.5: the product of the two initial scales, and the loss at initialisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.song2021.assumptions import (
    AT_ZERO,
    GAUSSIAN_INIT,
    INNER_C,
    SCALE,
    SHALLOW,
    C,
)
from bounds.papers.song2021.letters import at, symbol, symbols

hidden = symbol("C")
n, d_0, d_1, d_2 = symbols("n d_0 d_1 d_2")
omega_1 = symbol("omega_1")
delta_3, k_1, k_2 = symbols("delta_3 k_1 k_2")
phi1_max, norm_Y = symbols("phi1_max norm_Y")
sigma_max_X = symbol("sigma_max_X")
BASE: tuple[Condition, ...] = (SHALLOW, AT_ZERO)


def scales() -> Iterator[Quantity]:
    """Eqs 19 and 74: the product of the two standard deviations."""
    rows: tuple[tuple[str, Any, str, tuple[str, ...]], ...] = (
        ("init_scale", lambda: hidden / sympy.sqrt(d_0 * d_1), "Theorem 3, eq 19", ("d_0", "d_1")),
        (
            "init_scale_proof",
            lambda: hidden / (phi1_max * sympy.sqrt(d_0 * d_1) * sympy.log(d_1)),
            "eq 74",
            ("phi1_max", "d_0", "d_1"),
        ),
    )
    for name, formula, place, names in rows:
        yield Quantity(
            name,
            r"\omega_1\omega_2",
            formula,
            "requires",
            at(place),
            "printed" if name == "init_scale" else "proved",
            "largest product of the standard deviations of W_0 and V_0"
            + ("" if name == "init_scale" else ", with the factors that the theorem leaves out"),
            names,
            direction="at_most",
            hidden=(C,),
            order_only=True,
            assumptions=(GAUSSIAN_INIT,),
            glyph="ω₁ω₂",
            monotone=dict.fromkeys(names, -1),
        )
    yield Quantity(
        "omega_2_balanced",
        r"\omega_2",
        lambda: 1 / (omega_1 * sympy.sqrt(d_0 * d_1)),
        "equal",
        at("Section 6"),
        "printed",
        "standard deviation of V_0 at omega_1 omega_2 = 1/sqrt(d_0 d_1)",
        ("omega_1", "d_0", "d_1"),
        glyph="ω₂",
        monotone={"omega_1": -1, "d_0": -1, "d_1": -1},
    )
    yield Quantity(
        "sigma_max_estimate",
        r"\sqrt{n/d_0}",
        lambda: sympy.sqrt(n / d_0),
        "equal",
        at("App E.7"),
        "printed",
        "estimate of sigma_max(X) for n ~ d_0^t",
        ("n", "d_0"),
        glyph="√(n/d₀)",
        monotone={"n": 1, "d_0": -1},
    )


def losses() -> Iterator[Quantity]:
    """Eqs 73-75; the proved version keeps d_2 and ||Y|| (erratum S8)."""
    square = "delta_3", "k_1", "k_2"
    yield Quantity(
        "loss_init",
        r"h(\Theta_0)",
        lambda: hidden * delta_3**2 * k_1**2 * k_2**2 * sigma_max_X**2,
        "upper",
        at("eq 75"),
        "printed",
        "loss at initialisation; loses the number of outputs d_2 (erratum S8)",
        (*square, "sigma_max_X"),
        hidden=(C,),
        order_only=True,
        assumptions=(*BASE, GAUSSIAN_INIT, SCALE),
        glyph="h(Θ₀)",
        measured_by="the loss at initialisation",
        monotone=dict.fromkeys((*square, "sigma_max_X"), 1),
    )
    yield Quantity(
        "loss_init_derived",
        r"h(\Theta_0)",
        lambda: 2 * hidden * delta_3**2 * k_1**2 * k_2**2 * d_2 * sigma_max_X**2 + 2 * norm_Y**2,
        "upper",
        at("eqs 70-74 (erratum S8)"),
        "derived",
        "loss at initialisation, with the factor d_2 and the targets kept",
        (*square, "d_2", "sigma_max_X", "norm_Y"),
        hidden=(INNER_C,),
        order_only=True,
        assumptions=(*BASE, GAUSSIAN_INIT, SCALE),
        glyph="h(Θ₀)",
        measured_by="the loss at initialisation",
        monotone=dict.fromkeys((*square, "d_2", "sigma_max_X", "norm_Y"), 1),
    )


def quantities() -> Iterator[Quantity]:
    """Eqs 19 and 70 to 75."""
    yield from scales()
    yield from losses()
