"""The bounds in the order of their slack: which are loose, which are tight."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bounds.registry import quantity
from empirics.report.elements import Markup, anchor, element, join
from empirics.report.formulas import symbol
from empirics.report.tables import bar_scale, slack_bar, slack_text, width_text
from empirics.verdict import NOT_APPLICABLE, VIOLATED, Row

BOUNDS = ("upper", "lower")
"""How far a setting is from a requirement, or a number from its definition, says nothing of tightness."""


def ranked(rows: Sequence[Row]) -> list[tuple[float, Row]]:
    """(slack, row) of every bound with a slack, at the width where it is tightest, the loosest first.

    Args:
        rows: Verdicts; those on bounds (`BOUNDS`) are ranked.

    Returns:
        One pair for each quantity.
    """
    least: dict[str, tuple[float, Row]] = {}
    for r in rows:
        if r.slack is None or not math.isfinite(r.slack) or r.side not in BOUNDS or r.verdict == NOT_APPLICABLE:
            continue
        if r.quantity not in least or r.slack < least[r.quantity][0]:
            least[r.quantity] = (r.slack, r)
    return sorted(least.values(), key=lambda pair: -pair[0])


def extremes(rows: Sequence[Row]) -> Markup | None:
    """The loosest and the tightest bound in a sentence; None where there are not two that stand."""
    found = [pair for pair in ranked(rows) if pair[1].verdict != VIOLATED]
    if len(found) < 2:
        return None
    loose, tight = _named(*found[0]), _named(*found[-1])
    return element("p", "Loosest bound: ", loose, ". Tightest: ", tight, ".", class_="extremes")


def _named(slack: float, row: Row) -> Markup:
    return join([_link(row, row.quantity), f", {slack_text(slack)} powers of ten at width {row.width}"])


def _link(row: Row, name: str) -> Markup:
    inner = join([symbol(quantity(row.quantity)), " ", element("code", name)])
    return element("a", inner, href=f"#{anchor('q', row.quantity)}")


def ranking(rows: Sequence[Row]) -> Markup | None:
    """The bounds from the loosest to the tightest, folded away; None where there are not two."""
    found = ranked(rows)
    if len(found) < 2:
        return None
    scale = bar_scale([r for _, r in found])
    items = []
    for slack, r in found:
        figure = element("span", slack_text(slack), class_="figure")
        bar = slack_bar(slack, scale)
        items.append(element("li", figure, bar, " ", _link(r, r.quantity), f" at width {width_text(r)}"))
    summary = element("summary", "Bounds from the loosest to the tightest")
    return element("details", summary, element("ol", *items, class_="ranking"))
