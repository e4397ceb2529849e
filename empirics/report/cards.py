"""What the report says of each quantity (formula, source, assumptions, plot) and of each erratum met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bounds.model import Condition, Erratum, Quantity
from bounds.registry import quantity
from bounds.showing import errata_of
from bounds.views import status
from empirics.report.elements import Markup, anchor, element, join
from empirics.report.formulas import constant, erratum_side, relation, statements, symbol
from empirics.report.parts import Part
from empirics.report.plots import plots
from empirics.report.tables import badge, counts, widths_text

SIDES = {
    "upper": "an upper bound",
    "lower": "a lower bound",
    "equal": "a definition",
    "requires": "a requirement",
}
KINDS = {
    "wrong": "what is printed does not hold",
    "gap": "an assumption or a step is missing",
    "slip": "a misprint",
    "loose": "the proof gives more than is printed",
}


TOGETHER = "All {} settings together: each mark is judged by the bound at its own, the line is their median."
"""Below a plot of several tables."""


def card(key: str, parts: Sequence[Part]) -> Markup:
    """One quantity with everything around it.

    Args:
        key: The quantity's.
        parts: Those of its paper, with its verdicts and all that was observed of it.

    Returns:
        An ``article`` that the verdict tables link to.
    """
    q = quantity(key)
    title = element("h4", symbol(q), " ", element("span", _sentence(q.text), class_="what"))
    rows = [r for part in parts for r in part.comparison.rows if r.quantity == key]
    items = [element("li", badge(v), " ", _reached(key, v, parts)) for v in counts(rows)]
    badges = element("ul", *items, class_="badges")
    formula = element("div", *(element("div", s, class_="formula") for s in statements(q)), class_="formulas")
    cases = [part.place(c) for part in parts for c in part.comparison.cases if c.quantity == key]
    several = len({part.where for part in parts for c in part.comparison.cases if c.quantity == key})
    below = element("figcaption", TOGETHER.format(several)) if several > 1 else None
    drawings = [element("figure", d, below) for d in plots(key, cases)]
    figures = element("div", *drawings, class_="figures") if drawings else None
    text = element("div", badges, formula, _facts(q), class_="statement")
    body = element("div", text, figures, class_="columns")
    return element("article", title, body, id=anchor("q", key), class_="card")


def _reached(key: str, verdict: str, parts: Sequence[Part]) -> str:
    """At which widths a verdict was reached; where there are several tables, in which of them."""
    said: dict[str, list[str]] = {}
    for part in parts:
        if own := [r for r in part.comparison.rows if (r.quantity, r.verdict) == (key, verdict)]:
            said.setdefault(widths_text(own), []).append(part.where)
    return "; ".join(f"{widths} ({'; '.join(where)})" if any(where) else widths for widths, where in said.items())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _facts(q: Quantity) -> Markup:
    """Source, status and what the statement rests on."""
    side = SIDES[q.side] + (f" ({q.direction.replace('_', ' ')})" if q.direction else "")
    facts: list[tuple[str, Any]] = [
        ("key", element("code", q.key)),
        ("source", q.source.place),
        ("kind", f"{side}; {status(q)}"),
    ]
    if q.probability:
        facts.append(("holds with", join(["the probability ", *statements(q.paper.quantities[q.probability])])))
    if q.measured_by:
        facts.append(("measured by", q.measured_by))
    if q.hidden:
        facts.append(("constants", join((join([constant(c), ": ", c.text]) for c in q.hidden), "; ")))
    if found := errata_of(q):
        facts.append(("errata", join((erratum_link(e) for e in found), ", ")))
    listed = element("dl", *(join([element("dt", k), element("dd", v)]) for k, v in facts), class_="facts")
    return join([listed, _assumptions(q, q.assumptions)])


def _assumptions(q: Quantity, conditions: Sequence[Condition]) -> Markup:
    if not conditions:
        return Markup("")
    word = f"{len(conditions)} assumption{'s' if len(conditions) > 1 else ''} of its own"
    items = [element("li", *condition(q, c)) for c in conditions]
    return element("details", element("summary", word), element("ul", *items))


def condition(q: Quantity, c: Condition) -> list[Any]:
    """An assumption in words and, where it has one, as a relation."""
    formula = relation(q, c)
    said = [element("strong", c.name), ": ", c.text]
    return said if formula is None else [*said, " ", element("span", formula, class_="relation")]


def erratum_anchor(e: Erratum) -> str:
    """The name of an erratum's place on the page."""
    return anchor("erratum", e.source.paper, e.name)


def erratum_link(e: Erratum) -> Markup:
    """A link to it."""
    return element("a", e.name, href=f"#{erratum_anchor(e)}")


def errata_met(keys: Iterable[str]) -> list[Erratum]:
    """The errata that concern any of the quantities, each once, in the order in which they are met."""
    found = {(e.source.paper, e.name): e for key in keys for e in errata_of(quantity(key))}
    return sorted(found.values(), key=lambda e: (e.source.paper, e.name.rstrip("0123456789"), _number(e.name)))


def _number(name: str) -> int:
    return int("".join(c for c in name if c.isdigit()) or 0)


def erratum_entry(e: Erratum, keys: Iterable[str]) -> Markup:
    """One erratum: what is printed, what holds, why, and which quantities of the report it concerns."""
    concerned = [k for k in keys if k.split(".", 1)[0] == e.source.paper and k.split(".", 1)[1] in e.quantities]
    links = join(
        (element("a", element("code", k.split(".", 1)[1]), href=f"#{anchor('q', k)}") for k in concerned), ", "
    )
    sides = element(
        "dl",
        element("dt", "printed"),
        element("dd", erratum_side(e, e.printed), class_="formula"),
        element("dt", "holds"),
        element("dd", erratum_side(e, e.proved), class_="formula"),
        element("dt", "concerns"),
        element("dd", links),
        class_="facts",
    )
    title = element("h3", e.name, " ", element("span", f"{e.source.place}: {KINDS[e.kind]}", class_="what"))
    return element("article", title, element("p", e.text), sides, id=erratum_anchor(e), class_="card")
