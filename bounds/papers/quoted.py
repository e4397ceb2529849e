"""quoted: orders of the width that these papers quote from others, for the side-by-side table.

song2021 states its Table 1 for the number of parameters, of which the width is the part that grows with n; Allen-Zhu et
al. are in its text (Section 1.2), not in the table, for the number of parameters too. Its depth counts layers of
weights: 2 is one hidden layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import at_most
from bounds.model import (
    COUNT,
    POSITIVE,
    Condition,
    Default,
    Domain,
    HiddenConstant,
    Paper,
    Parameter,
    Quantity,
    Source,
)

KEY = "quoted"


def symbol(name: str) -> sympy.Symbol:
    """The positive symbol behind a parameter or the hidden constant."""
    return sympy.Symbol(name, positive=True)


n, L, lambda_min, C = (symbol(x) for x in ("n", "L", "lambda_min", "C"))
TABLE, TEXT, DEEP = "Table 1 of song2021", "Section 1.2 of song2021", "Section 7 of liu2020, below (32)"
EXACT = ("zou2019", "allenzhu2019_table", "du2019deep")
"""Quoted with Omega, the others with a tilde; the theorems behind them have logarithms all the same."""
SHALLOW = Condition(
    "two layers",
    "the quoted result is for two layers of weights, one of them hidden",
    lambda: at_most(L, 2),
    "ask about one hidden layer",
)
RELU = Condition("ReLU", "the activation is ReLU")
SEPARABLE = Condition("separable data", "no two inputs are parallel (Table 1: SD)")
SQUARE = Condition("square loss", "the loss is quadratic (Table 1: QL)")
FIRST = Condition("first layer", "only the first layer is trained (Table 1)")
LAST = Condition("last layer", "only the last layer is trained (Table 1)")
LIPSCHITZ = Condition("convex Lipschitz loss", "the loss is convex and Lipschitz (Table 1: CLL)")

PARAMETERS = {
    p.name: p
    for p in (
        Parameter("n", "samples", "training samples", COUNT, "n", "n", Default(512, "convention")),
        Parameter(
            "L",
            "depth",
            "layers of weights, the output's included",
            Domain(2, integer=True),
            "L",
            "L",
            Default(4, "three hidden layers, as in banerjee2023's experiment (Sec 6)"),
        ),
        Parameter(
            "lambda_min",
            "lambda_min",
            "least eigenvalue of the tangent kernel at initialisation",
            POSITIVE,
            r"\lambda_{\min}(K_0)",
            "λ_min",
            Default(sympy.Rational(9672, 10**8), "liu2020's default: its network on scikit-learn's digits"),
        ),
        Parameter("m", "width", "neurons in each hidden layer", COUNT, "m", "m"),
    )
}


def quantities() -> Iterator[Quantity]:
    """Each quoted order with its hidden constant."""
    rows: tuple[tuple[str, Any, str, str, str, dict[str, int], tuple[Condition, ...]], ...] = (
        ("oymak2020", lambda: n**2, "Oymak and Soltanolkotabi (2020)", TABLE, "n", {"n": 2}, (SHALLOW, FIRST, SQUARE)),
        ("kawaguchi2019", lambda: n, "Kawaguchi and Huang (2019)", TABLE, "n", {"n": 1}, (LAST, LIPSCHITZ)),
        ("songyang2019", lambda: n**2, "Song and Yang (2019)", TABLE, "n", {"n": 2}, (SHALLOW, SEPARABLE)),
        ("du2019", lambda: n**6, "Du et al. (ICLR 2019)", TABLE, "n", {"n": 6}, (SHALLOW, SEPARABLE, SQUARE)),
        (
            "zou2019",
            lambda: n**8 * L**12,
            "Zou and Gu (2019)",
            TABLE,
            "n L",
            {"n": 8, "L": 12},
            (SEPARABLE, SQUARE),
        ),
        (
            "allenzhu2019_table",
            lambda: n**24 * L**12,
            "Allen-Zhu et al. (2019)",
            TEXT,
            "n L",
            {"n": 24, "L": 12},
            (),
        ),
        (
            "du2019deep",
            lambda: n**4 / lambda_min**4,
            "Du et al. (ICML 2019)",
            DEEP,
            "n lambda_min",
            {"n": 4, "lambda_min": -4},
            (),
        ),
    )
    for name, order, authors, where, names, orders, conditions in rows:
        relu = () if where == DEEP else (RELU,)
        counted = "" if where == DEEP else "; quoted for the number of parameters"
        yield Quantity(
            name,
            "m",
            lambda order=order: C * order(),
            "requires",
            Source(KEY, where),
            "printed",
            f"order of {authors}" + ("" if name in EXACT else ", up to logarithms") + counted,
            tuple(names.split()),
            direction="at_least",
            assumptions=(*conditions, *relu),
            activation="relu" if relu else "",
            side_conditions=(SHALLOW,) if SHALLOW in conditions else (),
            hidden=(HiddenConstant("C", "the constant and any logarithms that the quotation hides"),),
            order_only=True,
            unknown="m",
            answers="width",
            orders=orders,
            glyph="m",
            measured_by="whether training converges at m",
            monotone={x: 1 if p > 0 else -1 for x, p in orders.items()},
        )


def _from_data() -> Any:
    from bounds.from_data import samples

    return {"n": samples}


PAPER = Paper(
    key=KEY,
    title="Widths that the papers quote from others",
    authors="Song et al.; Liu, Zhu, Belkin",
    venue="the related work of song2021 and liu2020",
    year=2021,
    bibtex="""@misc{quoted,
  title = {Orders of the required width as quoted in the related work of song2021 and liu2020},
  note  = {Table 1 and Section 1.2 of song2021; Section 7 of liu2020},
  year  = {2021}
}""",
    setting=(
        "Orders of the width in the number of samples n, the layers of weights L and the kernel's least eigenvalue, as "
        "quoted: constants and logarithms are hidden, and each result has its own network, loss and data."
    ),
    parameters=PARAMETERS,
    quantities={q.name: q for q in quantities()},
    assumptions=(Condition("as quoted", "the quoting paper's account of the result, not the original's theorem"),),
    layers_offset=1,
    from_data=_from_data,
)
