"""The verdict table: numbers in text, slack also as bars that carry nothing the numbers do not say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bounds.registry import quantity
from empirics.report.elements import Markup, anchor, element, join, number
from empirics.report.formulas import constant, relation_sign, symbol
from empirics.verdict import CONSISTENT, HOLDS, MET, NOT_APPLICABLE, NOT_MET, VIOLATED, Row

VERDICTS: Mapping[str, tuple[str, str]] = {
    VIOLATED: ("✕", "the measurement refutes the bound"),
    NOT_MET: ("△", "the requirement is not fulfilled, so the theorem promises nothing"),
    CONSISTENT: ("≈", "not refuted by what was tried; the measurement is one-sided"),
    HOLDS: ("✓", "proved at the points measured, by an exact value or an upper end"),
    MET: ("✓", "the requirement is fulfilled"),
    NOT_APPLICABLE: ("–", "an assumption of the theorem fails; the note names it"),
}
"""Verdict -> its sign and its meaning, the most alarming first."""
COLUMNS = ("quantity", "width", "predicted", "measured", "slack", "verdict", "at", "notes")
LEAST_SCALE, SHARE = 1.0, 0.75


class Notes:
    """Reasons, numbered in the order in which they are met; equal ones once."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._found: dict[str, int] = {}

    def reference(self, text: str) -> Markup:
        """A link to the note ``text``."""
        k = self._found.setdefault(text, len(self._found) + 1)
        return element("a", k, href=f"#{self._prefix}-{k}", aria_label=f"note {k}")

    def listing(self) -> Markup:
        """All notes, or nothing."""
        items = [element("li", text, id=f"{self._prefix}-{k}") for text, k in self._found.items()]
        return element("ol", *items, class_="notes") if items else Markup("")


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """How often each verdict was reached, the most alarming first."""
    return {v: k for v in VERDICTS if (k := sum(r.verdict == v for r in rows))}


def badge(verdict: str) -> Markup:
    """A verdict as a sign and a word."""
    sign = VERDICTS.get(verdict, ("?", ""))[0]
    mark = element("span", sign, class_="sign", aria_hidden="true")
    return element("span", mark, verdict, class_=f"badge {slug(verdict)}")


def slug(verdict: str) -> str:
    """A verdict as a class of the style sheet.

    >>> slug("NOT MET")
    'not-met'
    """
    return verdict.lower().replace(" ", "-")


def verdict_table(rows: Sequence[Row], title: str, prefix: str) -> Markup:
    """The verdicts of one paper at one setting, with the notes that they refer to.

    Args:
        rows: Its rows, one per quantity and width.
        title: The paper, and what sets the setting apart.
        prefix: With which the names of its notes begin.

    Returns:
        A table and a list of notes.
    """
    notes, scale = Notes(prefix), bar_scale(rows)
    heads = [element("th", c, scope="col", role="columnheader", class_=f"c-{c}") for c in COLUMNS]
    lines, previous = [], ""
    for r in rows:
        lines.append(_line(r, r.quantity == previous, scale, notes))
        previous = r.quantity
    head = element("thead", element("tr", *heads, role="row"), role="rowgroup")
    body = element("tbody", *lines, role="rowgroup")
    caption = element("caption", f"Verdicts on the quantities of {title}")
    return join([element("table", caption, head, body, class_="verdicts", role="table"), notes.listing()])


def widths_text(rows: Sequence[Row]) -> str:
    """The widths at which a verdict was reached."""
    widths = [str(r.width) for r in rows if not r.details.get("widths")]
    if not widths:
        return "over all widths"
    return f"at width{'s' if len(widths) > 1 else ''} {', '.join(widths)}"


def bar_scale(rows: Sequence[Row]) -> float:
    """The slack that fills half a bar: three quarters of the slacks are shown in full, the others are cut."""
    sizes = sorted(abs(r.slack) for r in rows if r.slack is not None and math.isfinite(r.slack))
    return max(LEAST_SCALE, sizes[min(len(sizes) - 1, int(SHARE * len(sizes)))]) if sizes else LEAST_SCALE


def slack_bar(slack: float | None, scale: float) -> Markup:
    """A bar to the right of the middle where a bound is satisfied, to the left where not; cut beyond ``scale``."""
    if slack is None or not math.isfinite(slack):
        return Markup("")
    length = min(abs(slack) / scale, 1.0) * 50
    side = "over" if slack >= 0 else "under"
    cut = " cut" if abs(slack) > scale * 1.0001 else ""
    bar = element("span", class_=f"bar {side}{cut}", style=f"width:{length:.1f}%")
    return element("span", bar, class_="track", aria_hidden="true")


def slack_text(slack: float | None) -> str:
    """Powers of ten with their sign; a dash without meaning.

    >>> slack_text(2.5281), slack_text(-0.004), slack_text(1e-6), slack_text(None)
    ('+2.53', '−0.004', '0.000', '–')
    """
    if slack is None or not math.isfinite(slack):
        return "–"
    sign = "" if abs(slack) < 5e-4 else "−" if slack < 0 else "+"
    return f"{sign}{abs(slack):.{2 if abs(slack) >= 0.005 else 3}f}"


def predicted_text(r: Row) -> Markup:
    """What is claimed: its relation, its number, and the constants that stay open."""
    if r.predicted is None:
        return Markup("–")
    hidden = {c.name: c for q in quantity(r.quantity).paper.quantities.values() for c in q.hidden}
    unset = r.details.get("unset") or ()
    constants = [join(["\u202f·\u202f", constant(hidden[n]) if n in hidden else n]) for n in unset]
    side = "" if r.side == "requires" else r.side
    return join([relation_sign(quantity(r.quantity), side), "\u202f", number(r.predicted), *constants])


def measured_text(r: Row) -> Markup:
    """What was measured: a number, an interval, or the end that is known."""
    upper = r.details.get("upper")
    low = number(r.measured)
    if r.exact:
        return low
    if not isinstance(upper, int | float):
        return join(["≥\u202f", low])
    high = number(float(upper))
    if upper == r.measured:
        return join(["≤\u202f", high])
    return low if low == high else join([low, "\u202f–\u202f", high])


def where_text(r: Row) -> str:
    """The case shown: its layer or kind, and its step."""
    return ", ".join(w for w in (r.label, f"step {r.step}" if r.step else "") if w)


def width_text(r: Row) -> str:
    """The width, or all of them where a row sums them up."""
    return "all" if r.details.get("widths") else str(r.width)


def _line(r: Row, again: bool, scale: float, notes: Notes) -> Markup:
    q = quantity(r.quantity)
    link = element("a", symbol(q), element("code", q.name), href=f"#{anchor('q', r.quantity)}")
    slack = join([element("span", slack_text(r.slack), class_="figure"), slack_bar(r.slack, scale)])
    measured = r.slack is not None
    # the first reason of a bound that holds is what its verdict means
    told = r.reasons[1:] if r.verdict in (HOLDS, MET) else r.reasons
    cells: dict[str, Any] = {
        "width": width_text(r),
        "predicted": predicted_text(r),
        "measured": measured_text(r),
        "slack": slack,
        "verdict": badge(r.verdict),
        "at": where_text(r),
        "notes": join((notes.reference(t) for t in told), " "),
    }
    name = element("th", link, scope="row", role="rowheader", class_="c-quantity")
    rest = [element("td", v, role="cell", class_=f"c-{c}", data_label=c) for c, v in cells.items()]
    kind = ["v", slug(r.verdict), *(["again"] if again else []), *([] if measured else ["no-slack"])]
    return element("tr", name, *rest, role="row", class_=" ".join(kind))


def verdict_filter(rows: Sequence[Row]) -> Markup:
    """Radio buttons that leave one verdict in the tables; the style sheet does it, so no script is needed."""
    found = counts(rows)
    if len(found) < 2:
        return Markup("")
    every = _choice("all", f"all {len(rows)}", checked=True)
    choices = [_choice(slug(v), f"{v} {k}") for v, k in found.items()]
    return element("fieldset", element("legend", "Show"), every, *choices, class_="filter")


def filter_rules(rows: Sequence[Row]) -> Markup:
    """The style sheet's part of `verdict_filter`."""
    rules = [f"main:has(#show-{slug(v)}:checked) tr.v:not(.{slug(v)}){{display:none}}" for v in counts(rows)]
    shown = "main:has(.filter input:checked:not(#show-all)) tr.again .c-quantity a{opacity:1}"
    return Markup("\n".join(["@media screen{", *rules, shown, "}"]))


def _choice(name: str, text: str, checked: bool = False) -> Markup:
    box = element("input", type="radio", name="show", id=f"show-{name}", checked=checked)
    return element("label", box, element("span", text))
