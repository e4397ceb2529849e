"""Where a report's numbers come from: files, by their type."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bounds.errors import TheoryError
from bounds.model import SIDES
from bounds.registry import quantity
from empirics.comparison import Comparison
from empirics.report.parts import Part, Reported
from empirics.report.tables import VERDICTS
from empirics.verdict import Row

if TYPE_CHECKING:
    from empirics.gathered import Group

KEYS = ("rows", "configuration", "versions", "cases")
TUPLES = ("reasons", "seeds")


def _number(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) <= sys.float_info.max
    return value is None or isinstance(value, float)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _details(value: Any) -> bool:
    """A dictionary whose entries that the page reads are of their kinds."""
    if not isinstance(value, Mapping) or not isinstance(value.get("values", {}), Mapping):
        return False
    unset, widths = value.get("unset") or [], value.get("widths") or []
    named = isinstance(unset, list) and all(isinstance(n, str) for n in unset)
    return named and isinstance(widths, list) and _number(value.get("upper"))


CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("predicted", "measured", "slack", "residual"), (_number, "a number or null")),
    **dict.fromkeys(("width", "step", "cases"), (_integer, "an integer")),
    "seeds": (lambda v: bool(v) and all(map(_integer, v)), "integers, at least one"),
    "reasons": (lambda v: all(isinstance(x, str) for x in v), "texts"),
    "side": (lambda v: v in SIDES, f"one of {', '.join(SIDES)}"),
    "verdict": (lambda v: v in VERDICTS, f"one of {', '.join(VERDICTS)}"),
    "label": (lambda v: isinstance(v, str), "text"),
    "exact": (lambda v: isinstance(v, bool), "true or false"),
    "details": (_details, "a dictionary as bounds compare writes it"),
}
"""Field of a row -> (whether a value from a file is one, what it must be)."""


def load(path: str | Path) -> Reported:
    """What a report is made of, from a file.

    Args:
        path: What ``bounds compare --json`` printed, as a ``.json`` file; a study's ``.sqlite`` store, or its ``.toml``
            file, which stands for the store beside it.

    Returns:
        The comparison; of a study its parts, one for each paper and setting.

    Raises:
        TheoryError: The file is missing, of an unknown kind, or does not hold a comparison; one line says which.
    """
    path = Path(path)
    reader = LOADERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join(sorted(LOADERS))
        raise TheoryError(f"{path}: a report is made from {kinds} files (bounds compare --json, bounds study run)")
    try:
        return reader(path)
    except OSError as error:
        raise TheoryError(f"{path}: cannot be read ({error.strerror})") from None


def from_dict(data: Any, name: str = "comparison") -> Comparison:
    """The comparison of which ``data`` is the ``to_dict()``.

    Args:
        data: The dictionary, read from JSON.
        name: What to call it in errors.

    Returns:
        The comparison; what JSON could not hold (NaN, infinities) is None in it.

    Raises:
        TheoryError: Something is missing, of another kind, or of a quantity that no paper has.
    """
    if not isinstance(data, Mapping) or not all(k in data for k in KEYS):
        raise TheoryError(f"{name}: not the output of bounds compare --json (it has no {_missing(data)})")
    try:
        rows, cases = (tuple(map(_row, data[k])) for k in ("rows", "cases"))
        configurations = {str(p): _configuration(c) for p, c in data["configuration"].items()}
        versions = {str(k): str(v) for k, v in data["versions"].items()}
    except TheoryError as error:
        raise TheoryError(f"{name}: {error}") from None
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise TheoryError(f"{name}: not a comparison that this version wrote ({error})") from None
    if not rows:
        raise TheoryError(f"{name}: the comparison has no rows, so there is nothing to report")
    return Comparison(rows, configurations, versions, cases)


def _missing(data: Any) -> str:
    return next((k for k in KEYS if not isinstance(data, Mapping) or k not in data), "")


def _row(data: Mapping[str, Any]) -> Row:
    quantity(data["quantity"])  # names the nearest keys where it is unknown
    fields: dict[str, Any] = {
        k: tuple(v) if k in TUPLES else v for k, v in data.items() if k in Row.__dataclass_fields__
    }
    fields = {"label": "", "cases": 1, "details": {}, **fields}
    for name, (allowed, must) in CHECKS.items():
        if not allowed(fields[name]):
            raise TypeError(f"{name} = {fields[name]!r}: must be {must}")
    fields["measured"] = float("nan") if fields["measured"] is None else fields["measured"]
    return Row(**fields)


def _configuration(data: Mapping[str, Any]) -> dict[str, Any]:
    blank: dict[str, Any] = {"runs": [], "notes": [], "findings": [], "interrupted": False}
    found = {**blank, **data}
    for name in ("notes", "findings"):
        if not isinstance(found[name], list):
            raise TypeError(f"{name} are not a list")
    if not isinstance(found["runs"], list) or not all(isinstance(run, Mapping) for run in found["runs"]):
        raise TypeError("runs are not a list of dictionaries")
    return found


def _from_json(path: Path) -> Comparison:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TheoryError(f"{path}: not JSON ({str(error).splitlines()[0]})") from None
    return from_dict(data, str(path))


def _from_store(path: Path) -> tuple[Part, ...]:
    """The groups of a study that compares: widths and seeds are gathered, other settings stand apart."""
    from empirics.gathered import groups
    from empirics.store import Store

    with Store.read(path) as store:
        found = groups(store)
    if not any(group.comparison and group.comparison.rows for group in found):
        raise TheoryError(f"{path}: no comparison is finished in it (bounds study run FILE, of kind compare)")
    return tuple(Part(group.paper, _with_state(group), group.where) for group in found)


def _with_state(group: Group) -> Comparison:
    """A group's comparison, whose notes begin with what is missing in it."""
    made = group.comparison or Comparison((), {group.paper: _configuration({})}, {})
    notes = [*group.state, *made.configuration["notes"]]
    return replace(made, configurations={group.paper: {**made.configuration, "notes": notes}})


def _from_study(path: Path) -> tuple[Part, ...]:
    """A study file stands for the store beside it."""
    from empirics.study import store_path

    return _from_store(store_path(path))


LOADERS: Mapping[str, Callable[[Path], Reported]] = {
    ".json": _from_json,
    ".sqlite": _from_store,
    ".toml": _from_study,
}
"""Suffix -> what reads such a file."""
