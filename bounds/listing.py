"""What the commands list of the model and of data: papers, quantities, errata, scenarios, constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bounds.registry import errata, papers, quantities
from bounds.tables import Table
from bounds.values import show
from bounds.views import status


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


def errata_table(entries: Sequence[Mapping[str, Any]]) -> Table:
    """One row per entry of ``errata_list``."""
    columns: tuple[str, ...] = ("erratum", "paper", "where", "kind", "what")
    rows = []
    for e in entries:
        row: tuple[str, ...] = (e["erratum"], e["paper"], e["place"], e["kind"], e["text"])
        if seen := e.get("demonstration"):
            columns = ("erratum", "paper", "where", "kind", "what", "demonstration")
            row = (*row, f"{'confirmed' if seen['confirmed'] else 'NOT CONFIRMED'}: {seen['observed']}")
        rows.append(row)
    return Table(columns, tuple(rows))


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


def dict_table(row: Mapping[str, Any]) -> Table:
    """One row per entry."""
    return Table(("what", "value"), tuple((k, f"{v:.8g}" if isinstance(v, float) else str(v)) for k, v in row.items()))


def constants_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One row per constant of a data set."""
    cells = tuple(
        (r["paper"], r["parameter"], r["at"], "-" if r["value"] is None else f"{r['value']:.8g}", r["from"])
        for r in rows
    )
    return Table(("paper", "parameter", "at", "value", "from"), cells)


def scenario_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One row per value."""
    cells = tuple((r["scenario"], r["name"], show(r["value"]), r["from"], r["text"]) for r in rows)
    return Table(("scenario", "name", "value", "from", "what"), cells)
