"""What each term, factor or entry of a formula contributes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import sympy

from bounds.ball import precision, to_ball
from bounds.forms import EndpointMax, Largest


@dataclass(frozen=True)
class Share:
    """One term, factor or entry.

    Attributes:
        text: The term as it is written.
        value: Its number; infinite beyond float64.
        log10: The decimal logarithm of its size.
        share: Of a sum: its signed fraction of the total. Of a product: the decimal logarithm. Else None.
        weight: Of a sum: its size over the sum of all sizes, which tells more than ``share`` where terms cancel.
    """

    text: str
    value: float
    log10: float
    share: float | None = None
    weight: float | None = None


@dataclass(frozen=True)
class Step:
    """One formula on the path, taken apart.

    Attributes:
        of: What is taken apart: a quantity's name, or a part of its formula.
        kind: ``sum``, ``product``, ``maximum``, ``minimum``, ``power``, ``function``, ``choice`` (one of several
            formulas), ``condition`` or ``leaf``.
        value, log10: Its number.
        parts: What it is made of.
        driver: The index of the part that dominates: the largest term, the factor furthest from 1, the entry that wins;
            None for a leaf.
    """

    of: str
    kind: str
    value: float
    log10: float
    parts: tuple[Share, ...] = ()
    driver: int | None = None


def completed(balls: list[Any], total: Any, kind: str) -> list[Any]:
    """The one part that could not be evaluated by itself, from the total and the others."""
    unknown = [k for k, b in enumerate(balls) if b.is_nan()]
    if kind in ("sum", "product") and len(unknown) == 1:
        with precision(256):
            for k, ball in enumerate(balls):
                if k != unknown[0]:
                    total = total - ball if kind == "sum" else total / ball
        balls[unknown[0]] = total
    return balls


def ratio(part: Any, total: Any) -> float | None:
    """A part's fraction of a total; None where the total may be 0."""
    if total.contains(0) or part.is_nan():
        return None
    return float((part / total).mid())


def numbers(ball: Any) -> tuple[float, float]:
    """The float and the decimal logarithm of its size, which does not overflow."""
    if ball.is_nan():
        return math.nan, math.nan
    size = abs(ball.mid())
    with precision(128):
        return float(ball.mid()), float((size.log() / to_ball(10).log()).mid()) if size != 0 else -math.inf


def short(expression: Any, limit: int = 72) -> str:
    """An expression on one line; maxima over indices as ``max[...]``."""
    change: dict[Any, Any] = {}
    for node in sorted(expression.atoms(EndpointMax, Largest), key=sympy.default_sort_key):
        entries = node.args[:1] if isinstance(node, EndpointMax) else node.args
        word = getattr(node, "word", "max")
        change[node] = sympy.Symbol(f"{word}[{', '.join(short(e, 40) for e in entries)}]")
    text = str(expression.xreplace(change))
    return text if len(text) <= limit else text[: limit - 3] + "..."
