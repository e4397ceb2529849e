"""Lemmas 7.2 and 7.3: Gaussian initial weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import sympy

from bounds.model import Quantity
from bounds.papers.liu2020.conditions import GAUSSIAN_INIT, GAUSSIAN_TOP, INITIAL, TWICE, WIDE, ZERO
from bounds.papers.liu2020.letters import symbol
from bounds.papers.liu2020.state import state

L, m, C_x, delta, L_sigma, c_0 = (symbol(x) for x in ("L", "m", "C_x", "delta", "L_sigma", "c_0"))


def _union(layers: Any) -> Any:
    return 1 - 2 * layers * sympy.exp(-m / 2)


def quantities() -> Iterator[Quantity]:
    """Lemmas 7.2 and 7.3: with t = sqrt(m), sqrt(d) + sqrt(m) + t <= 3 sqrt(m)."""
    yield state(
        "c_0",
        "c_0",
        lambda: sympy.Integer(3),
        "Lemma 7.2",
        "norm of an initial layer over sqrt(m)",
        "",
        glyph="c₀",
        statement=r"\|W_0^{(l)}\|_2/\sqrt m",
        assumptions=(GAUSSIAN_INIT, WIDE),
        probability="init_probability",
        measured_by="largest singular value of each initial layer over sqrt(m)",
    )
    for name, layers, text, status in (
        ("layer_probability", sympy.S.One, "one layer", "printed"),
        ("init_probability", L, "all layers", "derived"),
    ):
        yield state(
            name,
            r"\mathbb P" + ("_l" if status == "printed" else ""),
            partial(_union, layers),
            "Lemma 7.2" + ("" if status == "printed" else ", over the layers"),
            f"probability with which c_0 = 3 bounds {text} under Gaussian initial weights",
            "m" if status == "printed" else "L m",
            side="lower",
            status=status,
            signed=True,
            monotone={"m": 1},
        )
    yield state(
        "output_probability",
        r"\mathbb P_f",
        lambda: 1 - delta,
        "Lemma 7.3",
        "probability with which init_output bounds |f(W_0)|",
        "delta",
        side="lower",
        monotone={"delta": -1},
    )
    yield state(
        "init_output",
        r"|f(W_0)|",
        lambda: L_sigma ** (L - 1) * c_0 ** (L - 1) * C_x / sympy.sqrt(delta),
        "Lemma 7.3",
        "size of the network's output at initialisation",
        "L L_sigma c_0 C_x delta",
        assumptions=(TWICE, ZERO, INITIAL, GAUSSIAN_TOP),
        probability="output_probability",
        measured_by="|f| at initialisation",
        monotone={"L_sigma": 1, "c_0": 1, "C_x": 1, "delta": -1},
    )
