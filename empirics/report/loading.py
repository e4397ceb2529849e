"""Where a report's numbers come from: files, by their type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError
from bounds.registry import quantity
from empirics.comparison import Comparison
from empirics.verdict import Row

KEYS = ("rows", "configuration", "versions", "cases")
TUPLES = ("reasons", "seeds")


def load(path: str | Path) -> Comparison:
    """A comparison from a file.

    Args:
        path: What ``bounds compare --json`` printed, as a ``.json`` file.

    Returns:
        The comparison.

    Raises:
        TheoryError: The file is missing, of an unknown kind, or does not hold a comparison; one line says which.
    """
    path = Path(path)
    reader = LOADERS.get(path.suffix.lower())
    if reader is None:
        raise TheoryError(f"{path}: a report is made from {', '.join(sorted(LOADERS))} files (bounds compare --json)")
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
    for name in ("predicted", "measured", "slack", "residual"):
        if not isinstance(fields[name], int | float | None):
            raise TypeError(f"{name} = {fields[name]!r} is not a number")
    if not isinstance(fields["width"], int) or not isinstance(fields["step"], int):
        raise TypeError(f"width = {fields['width']!r}, step = {fields['step']!r}: integers are needed")
    if not isinstance(fields.get("details", {}), Mapping):
        raise TypeError("details are not a dictionary")
    fields["measured"] = float("nan") if fields["measured"] is None else fields["measured"]
    return Row(**fields)


def _configuration(data: Mapping[str, Any]) -> dict[str, Any]:
    blank: dict[str, Any] = {"runs": [], "notes": [], "findings": [], "interrupted": False}
    return {**blank, **data}


def _from_json(path: Path) -> Comparison:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TheoryError(f"{path}: not JSON ({str(error).splitlines()[0]})") from None
    return from_dict(data, str(path))


LOADERS: Mapping[str, Callable[[Path], Comparison]] = {".json": _from_json}
"""Suffix -> what reads such a file."""
