"""A study's results as flat records, for CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError
from bounds.registry import suggest
from bounds.tables import dumps
from empirics.gathered import groups
from empirics.store import Store, TaskRow

TASK = ("key", "code", "status", "reason", "seconds", "finished", "worker")
ROW = ("quantity", "side", "width", "predicted", "measured", "slack", "verdict", "reasons", "seeds", "step", "residual",
       "exact", "label", "cases")  # fmt: skip
Record = dict[str, Any]


def tasks(store: Store) -> Iterator[Record]:
    """One record for each task of the grid, with its full configuration and no result.

    Args:
        store: Open.
    """
    for row in store.rows():
        yield _of_task(row)


def verdicts(store: Store, part: str = "rows") -> Iterator[Record]:
    """One record for each verdict of each task; a task without one has a record of its own, with the reason.

    Args:
        store: Open.
        part: ``rows``, or ``cases`` for every single observation.
    """
    rows = store.rows()
    for row, value in zip(rows, store.results([row.key for row in rows]), strict=True):
        lines = _lines(value, part)
        for line in lines or [{}]:
            yield _of_task(row) | line


def cases(store: Store) -> Iterator[Record]:
    """One record for every single observation of every task.

    Args:
        store: Open.
    """
    return verdicts(store, "cases")


def gathered(store: Store) -> Iterator[Record]:
    """One record for each verdict over all widths and seeds of a point of the grid, as the report shows them.

    Args:
        store: Open; its study compares.
    """
    for group in groups(store):
        head = {"paper": group.paper, **group.point, "tasks_failed": len(group.failed), "tasks_left": group.left}
        for row in group.comparison.rows if group.comparison else ():
            yield head | _of_verdict(row.to_dict())


WHAT: Mapping[str, Callable[[Store], Iterator[Record]]] = {
    "rows": verdicts,
    "cases": cases,
    "gathered": gathered,
    "tasks": tasks,
}
"""What can be exported."""


def export(store: Store, path: str | os.PathLike[str], what: str = "rows") -> int:
    """Write records to a file, whose ending says how.

    Args:
        store: Open.
        path: A .csv, .json or .parquet file; a file that is there is replaced once the new one is whole.
        what: One of `WHAT`.

    Returns:
        How many records were written.

    Raises:
        TheoryError: Another ending, pyarrow is missing, there is nothing to export, or the file cannot be written.
    """
    target = Path(path)
    write = _WRITERS.get(target.suffix.lower())
    if write is None:
        known = ", ".join(_WRITERS)
        raise TheoryError(f"{target}: the ending must be one of {known}{suggest(target.suffix, _WRITERS)}")
    records = list(WHAT[what](store))
    if not records:
        raise TheoryError(f"{store.path} has nothing to export: bounds study run")
    columns = tuple(dict.fromkeys(name for record in records for name in record))
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        write([{name: record.get(name) for name in columns} for record in records], draft)
        os.replace(draft, target)
    except OSError as error:
        raise TheoryError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        draft.unlink(missing_ok=True)
    return len(records)


def _of_task(row: TaskRow) -> Record:
    """The task and its configuration in columns of their own, the setting's fields and the data's among them."""
    config = row.config
    data = config["data"] or {}
    head = {name: getattr(row, name) for name in TASK} | {"kind": config["kind"], "paper": config["paper"]}
    return (
        head
        | {f"setting_{name}": _flat(value) for name, value in config["setting"].items()}
        | {f"data_{name}": value for name, value in data.items()}
    )


def _lines(value: Mapping[str, Any] | None, part: str) -> list[Record]:
    """A result's verdicts; of a search, its theorems or (as its cases) its trials."""
    if value is None:
        return []
    if "cases" in value:
        return [_of_verdict(row) for row in value[part]]
    if part == "rows":
        return [{name: _flat(v) for name, v in row.items()} for row in value["rows"]]
    found = value["critical"]
    return [{"n": c["n"], **{k: _flat(v) for k, v in trial.items()}} for c in found for trial in c["trials"]]


def _of_verdict(row: Mapping[str, Any]) -> Record:
    return {name: _flat(row[name]) for name in ROW}


def _flat(value: Any) -> Any:
    """A number, a text or nothing; lists and objects as text."""
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return dumps(value) if isinstance(value, Mapping) else value


def _csv(records: Sequence[Record], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, tuple(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def _json(records: Sequence[Record], path: Path) -> None:
    path.write_text(dumps(list(records)) + "\n", encoding="utf-8")


def _parquet(records: Sequence[Record], path: Path) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise TheoryError("pyarrow is not installed: pip install 'bounds[parquet]' -c constraints.txt") from None
    columns = {name: _one_type([record[name] for record in records]) for name in records[0]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def _one_type(values: list[Any]) -> list[Any]:
    """A column of one type: numbers among text as text, whole numbers beyond 64 bits as text, too."""
    kinds = {
        bool if isinstance(v, bool) else float if isinstance(v, int | float) else str for v in values if v is not None
    }
    wide = any(isinstance(v, int) and abs(v) >= 2**63 for v in values)
    if len(kinds) < 2 and not wide:
        whole = all(isinstance(v, int) for v in values if v is not None)
        return [float(v) if kinds == {float} and not whole and v is not None else v for v in values]
    return [None if v is None else str(v) for v in values]


_WRITERS: Mapping[str, Callable[[Sequence[Record], Path], None]] = {
    ".csv": _csv,
    ".json": _json,
    ".parquet": _parquet,
}
