"""Appendices F.1 and G: the Hessian of the deep network, as printed and as proved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import sympy

from bounds.model import HiddenConstant, Quantity
from bounds.papers.liu2020 import paths
from bounds.papers.liu2020.conditions import CURVED, HIDDEN
from bounds.papers.liu2020.letters import symbol
from bounds.papers.liu2020.state import state

L, l, R, m, C_x = (symbol(x) for x in ("L", "l", "R", "m", "C_x"))
L_sigma, beta_sigma, c_0, s_0 = (symbol(x) for x in ("L_sigma", "beta_sigma", "c_0", "s_0"))
i = sympy.Symbol("i", integer=True)
LETTERS = {"": "L R m L_sigma beta_sigma c_0 s_0 C_x", "_printed": "L R L_sigma beta_sigma c_0 s_0 C_x"}
UP = dict.fromkeys(["R", "L_sigma", "beta_sigma", "C_x", "s_0", "c_0"], 1)
PRINTED = r"^{\mathrm{printed}}"


def reach(tail: str) -> Any:
    """A layer's spectral norm over sqrt(m): c_0 + R/sqrt(m), where eqs 73 and 83 print c_0 + R (L7)."""
    return c_0 + (R if tail else R / sympy.sqrt(m))


def change(tail: str) -> Any:
    """C_b'(l, R): the recursion of (102)-(105), or of eq 73, solved."""
    q, k = reach(tail), L - l - 1
    if tail:
        drift = s_0 * beta_sigma * L_sigma ** (L - 2) * q**L * C_x
        return (L_sigma * c_0) ** k * (k + 1) * R + drift * sympy.Sum((c_0 * L_sigma) ** i, (i, 0, k - 1))
    drift = s_0 * beta_sigma * R * L_sigma ** (L - 2) * c_0 ** (L - l) * q**l * C_x
    moved = R * L_sigma**k * sympy.Sum(c_0 ** (k - i) * q**i, (i, 0, k))
    return moved + drift * sympy.Sum((L_sigma * q) ** i, (i, 0, k - 1))


def entries(tail: str) -> Any:
    """C_b(l, R): eq 72."""
    return s_0 * L_sigma ** (L - l - 1) * c_0 ** (L - l) + sympy.Function("C_b_change" + tail)(l, R)


def block(tail: str) -> Any:
    """C'(R): eqs 82 and 86 with (77), or eq 83."""
    q, c_b = reach(tail), sympy.Function("C_b" + tail)(l, R)
    power = L_sigma ** (2 * l - (1 if tail else 2)) * q ** (2 * l - 2)
    total = beta_sigma * C_x**2 * sympy.Sum(power * c_b, (l, 1, L - 1))
    return total + L_sigma ** (L - 1) * q ** (L - 2) * C_x


def quantities() -> Iterator[Quantity]:
    """C_b, C', and the Hessian bounds."""
    yield from backward()
    yield from blocks()
    yield from norms()


def backward() -> Iterator[Quantity]:
    """Lemma F.6: the entries of b^(l) and how far b^(l) moves, times sqrt(m)."""
    for tail, status, place in (("", "proved", "(102)-(106)"), ("_printed", "printed", "eqs 72, 73")):
        letters = "l " + LETTERS[tail]
        more = {
            "status": status,
            "arguments": ("l", "R"),
            "assumptions": (*CURVED, HIDDEN),
            "monotone": UP,
        }
        mark = PRINTED if tail else ""
        yield state(
            "C_b" + tail,
            rf"C_b{mark}(l,R)",
            partial(entries, tail),
            place,
            "largest entry of b^(l) = df/d alpha^(l) in the ball, times sqrt(m)",
            letters,
            algorithm=paths.backward_max_printed if tail else paths.backward_max,
            glyph=f"C_b{tail}(l, R)",
            statement=r"\sqrt m\,\|b^{(l)}\|_\infty",
            measured_by="largest entry of the backward vector, times sqrt(m)",
            **more,
        )
        yield state(
            "C_b_change" + tail,
            rf"C_b'{mark}(l,R)",
            partial(change, tail),
            place,
            "change of b^(l) in the ball, times sqrt(m)",
            letters,
            algorithm=paths.backward_change_printed if tail else paths.backward_change,
            glyph=f"C_b'{tail}(l, R)",
            statement=r"\sqrt m\,\|b^{(l)}-b^{(l)}_0\|",
            measured_by="norm of the backward vector's change from initialisation, times sqrt(m)",
            **more,
        )


def blocks() -> Iterator[Quantity]:
    """Lemma F.1."""
    for tail, status, place in (("", "proved", "eqs 82, 86 with (77)"), ("_printed", "printed", "eq 83")):
        yield state(
            "C_prime" + tail,
            rf"C'{PRINTED if tail else ''}(R)",
            partial(block, tail),
            place,
            "largest norm of a layer-by-layer block of the Hessian in the ball, times sqrt(m)",
            LETTERS[tail],
            arguments=("R",),
            algorithm=paths.block_printed if tail else paths.block,
            glyph=f"C'{tail}(R)",
            statement=r"\sqrt m\,\max_{l_1,l_2}\|H^{(l_1,l_2)}\|_2",
            status=status,
            assumptions=CURVED,
            measured_by="largest norm of the blocks of the Hessian, times sqrt(m)",
            monotone=UP,
        )


def norms() -> Iterator[Quantity]:
    """Theorem 7.1: L^2 blocks summed (Lemma F.2); their norms' matrix has norm L at most (erratum L20)."""

    def over(power: int, tail: str = "") -> Any:
        return L**power * sympy.Function("C_prime" + tail)(R) / sympy.sqrt(m)

    rows = (
        ("hessian_block", partial(over, 0), "Lemma F.1", "proved", "one block of the Hessian"),
        ("hessian_norm", partial(over, 2), "eq 66", "proved", "Hessian of the deep network"),
        ("hessian_norm_printed", partial(over, 2, "_printed"), "eqs 66, 83", "printed", "the same as printed"),
        ("hessian_norm_tight", partial(over, 1), "Lemma F.2 (L20)", "derived", "the same, L blocks a row"),
    )
    for name, formula, place, status, text in rows:
        yield state(
            name,
            r"\|H^{(l_1,l_2)}\|_2" if name == "hessian_block" else r"\|H(W)\|_2",
            formula,
            place,
            "spectral norm in the ball: " + text,
            LETTERS[""],
            arguments=("R",),
            status=status,
            assumptions=CURVED,
            measured_by="spectral norm of the Hessian" + (" blocks" if name == "hessian_block" else " of the output"),
            monotone=UP,
        )
    yield state(
        "hessian_order",
        r"\|H(W)\|_2",
        lambda: symbol("C") * R ** (3 * L) / sympy.sqrt(m),
        "Theorem 7.1, eq 29",
        "Hessian norm in the ball, its order (the degree of the printed C' is 3L - 6, erratum L7)",
        "L R m",
        hidden=(HiddenConstant("C", "the constant in O(R^(3L))", "C"),),
        order_only=True,
        orders={"m": sympy.Rational(-1, 2)},
        assumptions=CURVED,
        monotone={"m": -1},
    )
