"""What the commands show: tables and JSON objects built from the model's results; no mathematics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bounds.ball import decimal
from bounds.display import SIGNS
from bounds.enclosure import Enclosure
from bounds.evaluate import Evaluation
from bounds.model import Default, Quantity
from bounds.registry import errata, papers, quantities
from bounds.solve import Solution
from bounds.tables import Table, figures
from bounds.values import show

GLYPH = {r"\le": "<=", r"\ge": ">=", "=": "="}


def papers_table() -> Table:
    """One row per paper."""
    rows = tuple(
        (p.key, p.title, f"{p.authors}, {p.venue}", str(len(p.quantities)), str(len(p.errata)))
        for p in papers().values()
    )
    return Table(("key", "title", "authors, venue", "quantities", "errata"), rows)


def list_table(paper: str | None) -> Table:
    """One row per quantity."""
    rows = tuple(
        (q.key, q.side + (f" {q.direction}" if q.direction else ""), status(q), q.source.place, q.text)
        for q in quantities(paper)
    )
    return Table(("key", "side", "status", "source", "what"), rows)


def status(quantity: Quantity) -> str:
    """``printed``, ``proved``, ``derived``, with ``order only`` where constants are hidden."""
    return quantity.status + (", order only" if quantity.order_only else "")


def json_value(value: Any) -> Any:
    """A parameter's value for JSON: numbers as numbers, formulas as text."""
    if getattr(value, "free_symbols", None):
        return str(value)
    if hasattr(value, "is_Integer") and value.is_Integer:
        return int(value)
    return value if isinstance(value, int | str | np.ndarray) else float(value)


def evaluation_dict(e: Evaluation) -> dict[str, Any]:
    """``eval --json``."""
    q = e.quantity
    return {
        "quantity": q.key,
        "value": e.value if e.applicable else None,
        "log10": e.log10 if e.applicable else None,
        "side": q.side,
        "direction": q.direction,
        "status": q.status,
        "order_only": q.order_only,
        "parameters": {n: json_value(v) for n, v in e.values.items()},
        "hidden": [c.name for c in q.hidden],
        "unset": list(e.unset),
        "source": str(q.source),
        "applicable": e.applicable,
        "reasons": list(e.reasons),
        "assumed": assumed_dict(e.assumed),
        "chosen": e.chosen,
        "undecided": [str(c) for c in e.checks if c.state is None],
    }


def evaluation_table(evaluations: Iterable[Evaluation]) -> Table:
    """One row per evaluated quantity, the assumptions and defaults below."""
    rows, notes = [], []
    found = list(evaluations)
    for e in found:
        q = e.quantity
        sign = GLYPH[SIGNS[q.direction if q.direction else q.side]]
        shown = f"10^{e.log10:.6g}" if e.value in (0.0, math.inf) and math.isfinite(e.log10) else figures(e.value, 6)
        value = "NOT APPLICABLE" if not e.applicable else f"{sign} {shown}{_unset(e.unset, q)}"
        rows.append((q.key, value, status(q), q.source.place, q.text))
        notes += [f"NOT APPLICABLE: {r}" for r in e.reasons]
        notes += [f"here {name} is {target}" for name, target in e.chosen.items()]
    notes += assumed_lines([e.assumed for e in found])
    notes += _undecided([c for e in found for c in e.checks])
    return Table(("quantity", "value", "status", "source", "what"), tuple(rows), notes=tuple(dict.fromkeys(notes)))


def enclosure_table(q: Quantity, ball: Enclosure) -> Table:
    """``eval --certified``: the ends as floats rounded outward, and the ball in full."""
    row = (q.key, repr(ball.lo), repr(ball.hi), ball.ball.str(25, more=True))
    return Table(("quantity", "at least", "at most", "ball"), (row,))


def _unset(unset: Sequence[str], q: Quantity) -> str:
    factor = {c.name: c.factor for c in q.hidden}
    return "".join(f" x {n}" if factor.get(n) else f" at {n}=1" for n in unset)


def _undecided(checks: Iterable[Any]) -> list[str]:
    open_ones = list(dict.fromkeys(f"{c.condition.name} ({c.condition.text})" for c in checks if c.state is None))
    return ["undecided, taken as given: " + "; ".join(open_ones)] if open_ones else []


def assumed_dict(assumed: Mapping[str, Default]) -> dict[str, Any]:
    """``{name: {"value", "from"}}``."""
    return {n: {"value": json_value(d.value), "from": d.origin} for n, d in assumed.items()}


def assumed_lines(groups: Iterable[Mapping[str, Default]]) -> list[str]:
    """The defaults used, each with its origin."""
    merged: dict[str, Default] = {}
    for group in groups:
        merged.update(group)
    if not merged:
        return []
    width = max(len(n) for n in merged)
    return [
        "assumed (set any with --NAME VALUE):",
        *(f"  {n:<{width}}  {show(d.value):<10} {d.origin}" for n, d in merged.items()),
    ]


def width_table(solutions: Sequence[Solution]) -> Table:
    """One row per theorem, the assumed values and certificates below."""
    rows, notes = [], []
    for s in solutions:
        q = s.quantity
        width = "NOT APPLICABLE" if not s.applicable else figures(s.value) + _unset(s.unset, q)
        probability = "-" if s.probability is None or not s.applicable else f">= {s.probability:.6g}"
        rows.append((q.key, width, status(q), s.binding or "-", probability, q.source.place))
        notes += [f"{q.key}: {r}" for r in s.reasons]
        notes += [f"{q.key}: {name} is {target}" for name, target in s.chosen.items()]
        if s.certificate and s.applicable:
            notes.append(f"{q.key}: {s.certificate}")
            each = ", ".join(f"{n}: {figures(v)}" for n, v in s.thresholds.items())
            notes.append(f"{q.key}: each condition alone holds from {each}")
    notes += assumed_lines([s.assumed for s in solutions])
    notes += _undecided([c for s in solutions for c in s.checks])
    return Table(
        ("theorem", "width m", "status", "binding", "probability", "source"),
        tuple(rows),
        "Least width that each theorem asks for",
        tuple(dict.fromkeys(notes)),
    )


def width_dict(solutions: Sequence[Solution]) -> dict[str, Any]:
    """``required-width --json``."""
    merged: dict[str, Default] = {}
    for s in solutions:
        merged.update(s.assumed)
    return {"rows": [width_row(s) for s in solutions], "assumed": assumed_dict(merged)}


def width_row(s: Solution) -> dict[str, Any]:
    """One row of ``required-width --json``."""
    return {
        "quantity": s.quantity.key,
        "paper": s.quantity.paper.key,
        "width": None if s.value is None else decimal(s.value),
        "log10": s.log10 if s.value is not None else None,
        "status": s.quantity.status,
        "order_only": s.quantity.order_only,
        "unset": list(s.unset),
        "binding": s.binding,
        "probability": s.probability,
        "applicable": s.applicable,
        "reasons": list(s.reasons),
        "thresholds": {n: decimal(v) for n, v in s.thresholds.items()},
        "chosen": s.chosen,
        "certificate": str(s.certificate) if s.certificate else None,
        "undecided": [str(c) for c in s.checks if c.state is None],
    }


def errata_table(paper: str | None, demonstrate: bool) -> Table:
    """One row per erratum; with ``demonstrate`` each is run."""
    rows = []
    for e in errata(paper):
        row: tuple[str, ...] = (e.name, e.source.paper, e.source.place, e.kind, e.text)
        if demonstrate:
            seen = e.demonstrate()
            row = (*row, f"{'confirmed' if seen.confirmed else 'NOT CONFIRMED'}: {seen.observed}")
        rows.append(row)
    columns = ("erratum", "paper", "where", "kind", "what")
    return Table((*columns, "demonstration") if demonstrate else columns, tuple(rows))


def errata_list(paper: str | None, demonstrate: bool) -> list[dict[str, Any]]:
    """``errata --json``."""
    found = []
    for e in errata(paper):
        entry: dict[str, Any] = {
            "erratum": e.name,
            "paper": e.source.paper,
            "place": e.source.place,
            "kind": e.kind,
            "printed": e.printed,
            "proved": e.proved,
            "text": e.text,
            "quantities": list(e.quantities),
        }
        if demonstrate:
            seen = e.demonstrate()
            entry["demonstration"] = {
                "confirmed": seen.confirmed,
                "observed": seen.observed,
                "numbers": dict(seen.numbers),
            }
        found.append(entry)
    return found
