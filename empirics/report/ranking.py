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


Placed = Sequence[tuple[str, Row]]
"""Rows with what sets their table apart from the paper's others, "" where it has one."""


def ranked(rows: Placed) -> list[tuple[float, str, Row]]:
    """(slack, table, row) of every bound with a slack, where it is tightest, the loosest first.

    Args:
        rows: Verdicts; those on bounds (`BOUNDS`) are ranked.

    Returns:
        One for each quantity.
    """
    least: dict[str, tuple[float, str, Row]] = {}
    for where, r in rows:
        if r.slack is None or not math.isfinite(r.slack) or r.side not in BOUNDS or r.verdict == NOT_APPLICABLE:
            continue
        if r.quantity not in least or r.slack < least[r.quantity][0]:
            least[r.quantity] = (r.slack, where, r)
    return sorted(least.values(), key=lambda found: -found[0])


def extremes(rows: Placed) -> Markup | None:
    """The loosest and the tightest bound in a sentence; None where there are not two that stand."""
    found = [(slack, where, r) for slack, where, r in ranked(rows) if r.verdict != VIOLATED]
    if len(found) < 2:
        return None
    loose, tight = _named(*found[0]), _named(*found[-1])
    return element("p", "Loosest bound: ", loose, ". Tightest: ", tight, ".", class_="extremes")


def _named(slack: float, where: str, row: Row) -> Markup:
    at = _at(where, str(row.width))
    return join([_link(row, row.quantity), f", {slack_text(slack)} powers of ten {at}"])


def _at(where: str, width: str) -> str:
    """At which width, and in which table."""
    return f"at width {width}{f' ({where})' if where else ''}"


def _link(row: Row, name: str) -> Markup:
    inner = join([symbol(quantity(row.quantity)), " ", element("code", name)])
    return element("a", inner, href=f"#{anchor('q', row.quantity)}")


def ranking(rows: Placed) -> Markup | None:
    """The bounds from the loosest to the tightest, folded away; None where there are not two."""
    found = ranked(rows)
    if len(found) < 2:
        return None
    scale = bar_scale([r for *_, r in found])
    items = []
    for slack, where, r in found:
        figure = element("span", slack_text(slack), class_="figure")
        bar = slack_bar(slack, scale)
        items.append(element("li", figure, bar, " ", _link(r, r.quantity), " ", _at(where, width_text(r))))
    summary = element("summary", "Bounds from the loosest to the tightest")
    return element("details", summary, element("ol", *items, class_="ranking"))
