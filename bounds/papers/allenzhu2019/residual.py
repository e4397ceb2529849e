"""Appendix C (Theorem 8): residual networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.descent import initial_steps
from bounds.papers.allenzhu2019.letters import BATCH, DATA, SMALL_DELTA, THIRD, constant, formula, law, symbol

L, n, m, delta, eps, b = (symbol(x) for x in ("L", "n", "m", "delta", "eps", "b"))
RESNET = Condition("Appendix C", "h_l = relu(h_{l-1} + tau W_l h_{l-1}) for l < L, h_L = relu(W_L h_{L-1})")
BRANCH = Condition("tau", "tau is at most resnet_tau")
FORWARD = "norms of hidden layers at initialisation"


def quantities() -> Iterator[Quantity]:
    """Theorem 8's network."""
    yield from residual()
    yield from norms()
    yield from residual_change()
    yield from residual_steps()


def residual() -> Iterator[Quantity]:
    """Appendix C: the scale of the branches."""
    yield law(
        "resnet_tau",
        r"\tau",
        {"L": -1},
        "upper",
        "Appendix C",
        "scale of the branches",
        logs=-1,
        assumptions=(RESNET,),
        glyph="τ",
        power=-1,
    )
    yield formula(
        "resnet_tau_explicit",
        r"\tau",
        lambda: sympy.log(sympy.Rational(101, 100)) / (2 * sympy.sqrt(2) * L),
        "at_most",
        "Appendix C, (C.1) with ||W_l|| <= 2 sqrt(2) (A11)",
        "scale of the branches that gives (C.1): exp(2 sqrt(2) tau L) <= 1.01, so C log m >= 284.25",
        "L",
        status="derived",
        assumptions=(RESNET,),
        glyph="τ",
        monotone={"L": -1},
    )


def norms() -> Iterator[Quantity]:
    """(C.1) and Lemma 7.1 for residual networks."""
    rows: tuple[tuple[str, str, Any, str, str, str], ...] = (
        (
            "resnet_spectral",
            r"\|(I+\tau W_a)D_{i,a+1}\cdots D_{i,b}(I+\tau W_b)\|_2",
            lambda: sympy.Rational(101, 100),
            "upper",
            "(C.1)",
            "spectral norm of a product of residual layers",
        ),
        (
            "resnet_forward_lower",
            r"\|h_{i,\ell}\|",
            lambda: 1 / sympy.sqrt(20),
            "lower",
            "Appendix C.1, Lemma 7.1",
            "norm of a hidden layer",
        ),
        (
            "resnet_forward_upper",
            r"\|h_{i,\ell}\|",
            lambda: sympy.Rational(102, 100),
            "upper",
            "Appendix C.1, Lemma 7.1",
            "norm of a hidden layer",
        ),
    )
    for name, tex, expression, side, place, text in rows:
        yield formula(
            name,
            tex,
            expression,
            side,
            place,
            text,
            "",
            assumptions=(RESNET, BRANCH),
            glyph="‖(I+τW_a) D … (I+τW_b)‖" if name == "resnet_spectral" else "‖hₗ‖",
            measured_by=FORWARD,
        )


def residual_change() -> Iterator[Quantity]:
    """Lemma 8.2 for residual networks (A11).

    With h'_l = D((I + tau W_l) h'_{l-1} + tau W'_l h_{l-1}) every layer adds tau omega.
    """
    for tail, powers, status, note in (
        ("", {"L": 1, "tau": 1, "omega": 1}, "derived", ": every layer adds tau omega (A11)"),
        ("_printed", {"tau": 1, "omega": 1}, "printed", ", as printed (A11)"),
    ):
        yield law(
            f"resnet_forward_change{tail}",
            r"\|h'_{i,\ell}\|",
            powers,
            "upper",
            "Appendix C.1, Lemma 8.2",
            f"change of a hidden layer below the last{note}",
            status=status,
            assumptions=(RESNET, BRANCH),
            glyph="‖h'‖",
            measured_by="hidden layers at initialisation and near it",
        )
    flips: tuple[tuple[str, dict[str, Any], str, str], ...] = (
        ("", {"m": 1, "L": 2 * THIRD, "omega": 2 * THIRD}, "derived", ": with Claim 8.3 at ||g'||/tau = L omega (A11)"),
        ("_printed", {"m": 1, "omega": 2 * THIRD}, "printed", ", as printed (A11)"),
    )
    for tail, order, status, note in flips:
        yield law(
            f"resnet_sign_changes{tail}",
            r"\|D'_{i,\ell}\|_0",
            order,
            "upper",
            "Appendix C.1, Lemma 8.2",
            f"neurons of a layer below the last that change sign{note}",
            status=status,
            assumptions=(RESNET, BRANCH),
            glyph="‖D'‖₀",
            measured_by="sign changes of neurons",
        )


def residual_steps() -> Iterator[Quantity]:
    """Theorem 8, with the initial loss counted as in Theorems 1 and 2 (A8)."""
    common: dict[str, Any] = {
        "hidden": (constant("C_T"),),
        "status": "proved",
        "measured_by": "steps taken by gradient descent",
    }
    up = {"n": 1, "L": 1, "delta": -1, "eps": -1, "m": 1}
    yield formula(
        "resnet_iterations",
        "T",
        lambda: symbol("C_T") * n**6 * L**2 / delta**2 * initial_steps(),
        "at_least",
        "Theorem 8, with the initial loss (A8)",
        "steps of gradient descent on a residual network",
        "n L delta eps m",
        assumptions=(DATA, SMALL_DELTA, RESNET, BRANCH),
        orders={"n": 6, "L": 2, "delta": -2},
        glyph="T",
        monotone=up,
        **common,
    )
    yield formula(
        "resnet_sgd_iterations",
        "T",
        lambda: symbol("C_T") * n**7 * L**2 * sympy.log(m) ** 2 / (b * delta**2) * initial_steps(),
        "at_least",
        "Theorem 8, with the initial loss (A8)",
        "steps of SGD on a residual network",
        "n L delta eps m b",
        assumptions=(DATA, SMALL_DELTA, RESNET, BRANCH, BATCH),
        orders={"n": 7, "L": 2, "delta": -2, "b": -1},
        glyph="T SGD",
        monotone=up | {"b": -1},
        **common,
    )
