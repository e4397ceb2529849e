"""Theorem 7.2 and Corollary 7.1: the width at which the PL* condition holds, as printed and as it follows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import sympy

from bounds.forms import above
from bounds.model import Condition, HiddenConstant, Quantity
from bounds.papers.liu2020.conditions import BELOW, DEEP, INITIAL, PL, SMALL_STEP, SPREAD, SQUARE, TWICE, ZERO
from bounds.papers.liu2020.control import threshold
from bounds.papers.liu2020.letters import symbol
from bounds.papers.liu2020.state import state

L, n, m, d, mu, lambda_min = (symbol(x) for x in ("L", "n", "m", "d", "mu", "lambda_min"))
L_f, residual_0 = symbol("L_f"), symbol("residual_0")
HIDDEN_C = HiddenConstant("C", "the constant in Omega(...)", "C")
LETTERS = "L n mu lambda_min residual_0 L_sigma beta_sigma c_0 s_0 C_x d"
NEEDS = (TWICE, ZERO, INITIAL, SPREAD, SQUARE, DEEP, BELOW)


def quantities() -> Iterator[Quantity]:
    """Widths and the radii in them."""
    yield from radii()
    yield from printed()
    yield from solved()


def _in_layers(radius: Any) -> Any:
    return sympy.sqrt(L) * radius


def radii() -> Iterator[Quantity]:
    """The Euclidean ball of Theorem 4.2 lies in the ball of Theorem 7.1 whose radius is sqrt(L) times larger (L6)."""
    for tail in ("", "_tight"):
        inner = symbol("radius_square" + tail)
        yield state(
            "radius_layers" + tail,
            r"R_s" + (r"^{\mathrm{tight}}" if tail else ""),
            partial(_in_layers, inner),
            "Theorem 4.2(c) for Theorem 7.1 (L6)",
            "radius in sum_l ||W^(l) - W_0^(l)||_F of a ball that holds the Euclidean one",
            f"L {inner.name}",
            status="derived",
            statement=r"\sum_l\|W^{(l)}-W_0^{(l)}\|_F",
            measured_by="sum of the layers' Frobenius distances from initialisation",
            monotone={inner.name: 1},
        )
    yield state(
        "radius_network",
        "R_f",
        lambda: 2 * L_f * residual_0 / mu,
        "Theorem 7.2",
        "radius of the ball with L_f as printed, where L_F is needed (L3)",
        "L_f residual_0 mu",
        statement=r"\|w_t-w_0\|",
        assumptions=(PL, SQUARE, SMALL_STEP),
        monotone={"L_f": 1, "residual_0": 1, "mu": -1},
    )


def printed() -> Iterator[Quantity]:
    """Eqs 30 and 32."""
    C = symbol("C")
    rows = (
        ("width_order", lambda: C * n / (mu ** (6 * L + 2) * (lambda_min - mu) ** 2), "eq 30", "n mu L lambda_min"),
        ("width_order_half", lambda: C * n / lambda_min ** (6 * L + 4), "eq 32, mu = lambda_min/2", "n L lambda_min"),
    )
    for name, formula, place, letters in rows:
        yield state(
            name,
            "m" + ("" if name == "width_order" else r"_{1/2}"),
            formula,
            "Theorem 7.2, " + place,
            "order of the width at which PL* holds",
            letters,
            side="requires",
            direction="at_least",
            hidden=(HIDDEN_C,),
            order_only=True,
            orders={"n": 1},
            answers="width" if name == "width_order" else "",
            unknown="m" if name == "width_order" else "",
            assumptions=NEEDS if "mu" in letters.split() else tuple(c for c in NEEDS if c is not BELOW),
            measured_by="whether training converges at m",
            monotone={"n": 1},
        )


def solved() -> Iterator[Quantity]:
    """The least width at which everything that Corollary 5.1 and Theorem 7.1 need holds."""
    for tail, power, text in (
        ("", 2, "with the paper's radius and L^2 blocks"),
        ("_tight", 1, "with the radius of L14 and L blocks a row (L20)"),
    ):
        R, R_s = symbol("radius_square" + tail), symbol("radius_layers" + tail)

        def hessian(R: Any = R, R_s: Any = R_s, power: int = power) -> Any:
            return above(threshold(R), L**power * sympy.Function("C_prime")(R_s) / sympy.sqrt(m))

        def near(R_s: Any = R_s) -> Any:
            return above(m, R_s**2)

        yield state(
            "required_width" + tail,
            "m",
            None,
            "Corollary 5.1, Theorem 7.1, Lemmas 7.1, 7.2",
            "least width at which the Hessian bound keeps the kernel's least eigenvalue above mu, " + text,
            LETTERS,
            side="requires",
            direction="at_least",
            status="derived",
            answers="width",
            assumptions=(*NEEDS, Condition("m > R^2", "the width exceeds the squared radius", near)),
            conditions=(
                Condition("Hessian", "the Hessian bound is below Corollary 5.1's threshold", hessian),
                Condition("Lemma 7.1", "m > R_s^2", near),
                Condition("Lemma 7.2", "m > d", lambda: above(m, d)),
            ),
            unknown="m",
            probability="init_probability",
            measured_by="whether training converges at m",
        )
