"""What the study commands print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bounds.tables import Table, figures
from empirics.store import Store, TaskRow, running
from empirics.sweep import Summary
from empirics.task import CRITICAL, code_version

SHOWN = 10
"""Reasons of failures that are printed."""


def summary_table(found: Summary) -> Table:
    """One line for a study, and what is to be known of it below.

    Args:
        found: From `empirics.sweep.run` or `summary`.
    """
    columns = ("study", "done", "diverged", "failed", "left", "computed for")
    counts = tuple(map(str, (found.done, found.diverged, found.failed, found.left)))
    row = (found.name, *counts, f"{found.seconds:.0f} s")
    return Table(columns, (row,), notes=tuple(_notes(found)))


def _notes(found: Summary) -> Iterator[str]:
    yield f"store: {found.store}"
    if not found.interrupted and not found.added and running(Path(found.store)):
        yield "it is running now"
    if found.code and found.code != code_version():
        yield f"run by bounds {found.code}, this is {code_version()}: another run would compute all of it anew"
    if found.other:
        yield f"{found.other} further results, of other grids or other versions of the code, are kept"
    for reason, count in list(found.reasons.items())[:SHOWN]:
        yield f"{count} x {reason}"
    if len(found.reasons) > SHOWN:
        yield f"and {len(found.reasons) - SHOWN} further reasons (--tasks shows all)"


def tasks_table(rows: Sequence[TaskRow]) -> Table:
    """One line for each task: what differs among them, how it ended, why.

    Args:
        rows: Of a store.
    """
    from empirics.store import canonical

    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for f in flat for name in f))
    varying = [n for n in names if n == "paper" or len({canonical(f.get(n)) for f in flat}) > 1]
    columns = ("key", *varying, "status", "seconds", "reason")
    lines = tuple(
        (row.key[:8], *(_shown(f.get(n)) for n in varying), row.status, figures(row.seconds), row.reason)
        for row, f in zip(rows, flat, strict=True)
    )
    return Table(columns, lines)


def _flat(row: TaskRow) -> dict[str, Any]:
    config = row.config
    setting = {n: v for n, v in config["setting"].items() if n not in ("fresh", "shared")}
    return {"paper": config["paper"]} | setting | {f"data_{n}": v for n, v in (config["data"] or {}).items()}


def _shown(value: Any) -> str:
    return "-" if value is None else ",".join(map(str, value)) if isinstance(value, list) else str(value)


def group_tables(store: Store) -> Iterator[Table]:
    """The verdicts of every paper and point of the grid, one table each.

    Args:
        store: Open.
    """
    from empirics.comparison import COLUMNS
    from empirics.gathered import groups

    for group in groups(store):
        if group.comparison is None:
            yield Table(COLUMNS, (), group.title, group.state or ("no results",))
        else:
            table = group.comparison.table()
            yield replace(table, title=group.title, notes=(*group.state, *table.notes))


def verdicts_table(store: Store) -> Table:
    """The verdicts of every paper and point in one table, the point in columns of its own; for spreadsheets.

    Args:
        store: Open.
    """
    from empirics.comparison import COLUMNS
    from empirics.gathered import groups

    found = [(g.point, g.comparison.table(full=True)) for g in groups(store) if g.comparison is not None]
    names = list(dict.fromkeys(name for point, _ in found for name in point))
    columns = found[0][1].columns if found else COLUMNS
    lines = ((*(_shown(point.get(n)) for n in names), *line) for point, table in found for line in table.rows)
    return Table((*names, *columns), tuple(lines))


def critical_table(store: Store) -> Iterator[Table]:
    """The searches for least widths beside the theorems, all in one table; nothing for a study of another kind.

    Args:
        store: Open.
    """
    from empirics.gathered import critical

    if not any(row.config["kind"] == CRITICAL for row in store.rows()):
        return
    found = critical(store)
    names = list(dict.fromkeys(name for f in found for name in f["point"]))
    lines = [
        (
            *(_shown(f["point"].get(name)) for name in names),
            line["quantity"],
            _power(line["log10"]),
            str(line["critical_width"] or "none"),
            "-" if line["gap"] is None else f"{line['gap']:+.1f}",
        )
        for f in found
        for line in f["rows"]
    ]
    notes = [f"{c['paper']}, n = {c['n']}: {c['reason']}" for f in found for c in f["critical"] if c["reason"]]
    columns = (*names, "theorem", "log10 of what it asks for", "critical width", "gap")
    yield Table(columns, tuple(lines), "Critical width against theorems", tuple(dict.fromkeys(notes)))


def _power(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def verdict_dict(store: Store) -> dict[str, Any]:
    """``groups`` with the rows of each, and ``critical``, for JSON.

    Args:
        store: Open.
    """
    from empirics.gathered import critical, groups

    return {
        "groups": [
            {
                "paper": g.paper,
                "point": dict(g.point),
                "failed": [row.to_dict() for row in g.failed],
                "left": g.left,
                **({} if g.comparison is None else g.comparison.to_dict()),
            }
            for g in groups(store)
        ],
        "critical": critical(store),
    }
