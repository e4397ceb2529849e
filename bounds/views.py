"""What the commands show of results: tables and JSON objects; no mathematics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bounds.ball import decimal
from bounds.calibration import Calibrated
from bounds.display import SIGNS
from bounds.enclosure import Enclosure
from bounds.evaluate import Evaluation
from bounds.model import Default, Quantity
from bounds.solve import Solution
from bounds.sweep import Sweep
from bounds.tables import Table, figures
from bounds.values import show

NA = "NOT APPLICABLE"
FEW = 2
"""More hidden constants than this are listed below the table."""
GLYPH = {r"\le": "<=", r"\ge": ">=", "=": "="}


def status(quantity: Quantity) -> str:
    """``printed``, ``proved``, ``derived``, with ``order only`` where constants are hidden."""
    return quantity.status + (", order only" if quantity.order_only else "")


def calibrated(result: Any) -> dict[str, float]:
    """The hidden constants of a result that came from a calibration."""
    return {n: float(d.value) for n, d in result.assumed.items() if isinstance(d, Calibrated)}


def json_value(value: Any) -> Any:
    """A parameter's value for JSON: numbers as numbers, formulas as text."""
    if getattr(value, "free_symbols", None):
        return str(value)
    if hasattr(value, "is_Integer") and value.is_Integer:
        return int(value)
    if isinstance(value, int | str | np.ndarray):
        return value
    return float(value) if hasattr(value, "__float__") else str(value)  # an activation is its name


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


def evaluation_table(evaluations: Iterable[Evaluation], details: bool = False) -> Table:
    """One row per evaluated quantity, the assumptions and defaults below."""
    rows, notes = [], []
    found = list(evaluations)
    for e in found:
        q = e.quantity
        sign = GLYPH[SIGNS[q.direction if q.direction else q.side]]
        rows.append((q.key, f"{sign} {value_text(e)}" if e.applicable else NA, status(q), q.source.place, q.text))
        notes += [f"{q.key}: here {name} is {target}" for name, target in e.chosen.items()]
        if q.side_conditions:
            notes.append(
                f"{q.key}: its own condition only; required-width adds {len(q.side_conditions)} of the lemmas'"
            )
    notes += reason_lines(found) + unset_lines(found) + assumed_lines(found)
    notes += undecided_lines([c for e in found for c in e.checks], details or len(found) == 1)
    return Table(("quantity", "value", "status", "source", "what"), tuple(rows), notes=tuple(dict.fromkeys(notes)))


def value_text(e: Evaluation) -> str:
    """A value in figures, or by its logarithm beyond floats; arrays by their shape and range."""
    if np.ndim(e.value):
        return f"{' x '.join(map(str, np.shape(e.value)))} matrix in [{np.min(e.value):.6g}, {np.max(e.value):.6g}]"
    return sized(e) + hidden_factors(e.unset, e.quantity)


def sized(x: Any) -> str:
    """The ``value`` of a result in figures, or by its ``log10`` where it is beyond floats."""
    beyond = x.value in (0.0, math.inf, -math.inf) and math.isfinite(x.log10)
    return f"10^{x.log10:.6g}" if beyond else figures(x.value, 6)


def enclosure_table(q: Quantity, found: Any) -> Table:
    """``eval --certified``: the ends as floats rounded outward, and the ball in full; a matrix entry by entry."""
    entries = [(q.key, found)] if isinstance(found, Enclosure) else _entries(q, found)
    rows = tuple((key, repr(e.lo), repr(e.hi), e.ball.str(25, more=True)) for key, e in entries)
    return Table(("quantity", "at least", "at most", "ball"), rows)


def _entries(q: Quantity, matrix: Any) -> list[tuple[str, Enclosure]]:
    return [(f"{q.key}[{', '.join(str(k + 1) for k in index)}]", e) for index, e in np.ndenumerate(matrix)]


def enclosure_dict(q: Quantity, found: Any) -> dict[str, Any]:
    """``eval --certified --json``: ``{"lo", "hi", "ball"}``, under ``value`` for a matrix of them."""
    return {"quantity": q.key, **(found.to_dict() if isinstance(found, Enclosure) else {"value": found})}


def hidden_factors(unset: Sequence[str], q: Quantity) -> str:
    """The hidden constants behind a number that is known up to them only."""
    if len(unset) > FEW:
        return f" with {len(unset)} constants = 1"
    factor = {c.name: c.factor for c in q.hidden}
    return "".join(f" x {n}" if factor.get(n) else f" at {n}=1" for n in unset)


def unset_lines(results: Iterable[Any]) -> list[str]:
    """The hidden constants of results that have too many for a cell."""
    return grouped(
        (r.quantity.key, f"taken as 1: {', '.join(r.unset)} (--NAME VALUE sets one)")
        for r in results
        if r.applicable and (len(r.unset) > FEW or set(r.unset) - set(getattr(r, "order_of", r.unset)))
    )


def reason_lines(results: Iterable[Any]) -> list[str]:
    """Why results are not applicable; results with one reason share a line."""
    return grouped(
        (r.quantity.key, f"{NA}, {why.removeprefix(r.quantity.key + ' ')}") for r in results for why in r.reasons
    )


def grouped(notes: Iterable[tuple[str, str]]) -> list[str]:
    """``key, key: text`` for notes with the same text."""
    found: dict[str, list[str]] = {}
    for key, text in notes:
        found.setdefault(text, []).append(key)
    return [f"{', '.join(dict.fromkeys(keys))}: {text}" for text, keys in found.items()]


def undecided_lines(checks: Iterable[Any], details: bool) -> list[str]:
    """The assumptions that only data or the network can tell; in full with ``details``."""
    named = list(dict.fromkeys(f"{c.condition.name} ({c.condition.text})" for c in checks if c.state is None))
    if not named:
        return []
    if details:
        return ["undecided, taken as given: " + "; ".join(named)]
    return [f"{len(named)} assumptions are undecided and taken as given (--details lists them)"]


def assumed_dict(assumed: Mapping[str, Default]) -> dict[str, Any]:
    """``{name: {"value", "from"}}``."""
    return {n: {"value": json_value(d.value), "from": d.origin} for n, d in assumed.items()}


def merged(results: Iterable[Any]) -> dict[str, Default]:
    """The defaults behind several results: under ``paper.name`` where papers assume different values for one letter."""
    found: dict[str, dict[str, Default]] = {}
    together: dict[str, Default] = {}
    for r in results:
        for name, default in r.assumed.items():
            if isinstance(default, Calibrated):
                together[f"{r.quantity.key}.{name}"] = default
            else:
                found.setdefault(name, {})[r.quantity.paper.key] = default
    for name, by_paper in found.items():
        if len({str(d.value) for d in by_paper.values()}) == 1:
            origins = dict.fromkeys(d.origin for d in by_paper.values())
            together[name] = Default(next(iter(by_paper.values())).value, "; ".join(origins))
        else:
            together |= {f"{key}.{name}": d for key, d in by_paper.items()}
    return together


def assumed_lines(results: Iterable[Any]) -> list[str]:
    """The defaults used, each with its origin."""
    assumed = merged(results)
    if not assumed:
        return []
    width, room = max(map(len, assumed)), max(10, *(len(show(d.value)) for d in assumed.values()))
    return [
        "assumed (set any with --NAME VALUE):",
        *(f"  {n:<{width}}  {show(d.value):<{room}} {d.origin}" for n, d in assumed.items()),
    ]


def width_table(solutions: Sequence[Solution], details: bool = False) -> Table:
    """One row per theorem, the assumed values below; with ``details`` (or for one theorem) certificates too."""
    rows, notes = [], []
    details = details or len(solutions) == 1
    for s in solutions:
        q = s.quantity
        width = figures(s.value) + hidden_factors(s.order_of, q) if s.applicable else NA
        probability = "-" if s.probability is None or not s.applicable else _probability(s.probability)
        rows.append(
            (
                q.key,
                width,
                status(q) + "".join(f", {n} = {c:.3g} calibrated" for n, c in calibrated(s).items()),
                s.binding or "-",
                probability,
                q.source.place,
            )
        )
        notes += [f"{q.key}: {name} is {target}" for name, target in s.chosen.items()]
        if s.certificate and s.applicable and details:
            notes.append(f"{q.key}: {s.certificate}")
            each = ", ".join(f"{n}: {figures(v)}" for n, v in s.thresholds.items())
            notes.append(f"{q.key}: each condition alone holds from {each}")
    notes += reason_lines(solutions) + unset_lines(solutions) + assumed_lines(solutions)
    notes += undecided_lines([c for s in solutions for c in s.checks], details)
    return Table(
        ("theorem", "width", "status", "binding", "probability", "source"),
        tuple(rows),
        "Least width that each theorem asks for",
        tuple(dict.fromkeys(notes)),
    )


def _probability(p: float) -> str:
    """A lower bound on a probability; what rounds to 1 is not shown as certain."""
    return f">= {p:.6g}" if p < 1 - 1e-6 else "> 0.999999"


def width_dict(solutions: Sequence[Solution]) -> dict[str, Any]:
    """``required-width --json``."""
    return {"rows": [width_row(s) for s in solutions], "assumed": assumed_dict(merged(solutions))}


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
        "order_of": list(s.order_of),
        "binding": s.binding,
        "probability": s.probability,
        "applicable": s.applicable,
        "reasons": list(s.reasons),
        "thresholds": {n: decimal(v) for n, v in s.thresholds.items()},
        "chosen": s.chosen,
        "certificate": str(s.certificate) if s.certificate else None,
        "undecided": [str(c) for c in s.checks if c.state is None],
        "calibrated": calibrated(s),
    }


def side_table(evaluations: Sequence[Evaluation]) -> Table:
    """One row per paper, with each paper's network below: what is bounded differs where the scalings do."""
    table = evaluation_table(evaluations)
    settings = tuple(f"{e.quantity.paper.key}: {e.quantity.paper.setting}" for e in evaluations)
    return Table(table.columns, table.rows, "One quantity, several papers", (*settings, *table.notes))


def sweep_table(found: Sweep, blank: str = "-") -> Table:
    """One row per point; ``blank`` where there is no number: an undefined value, the logarithm of a negative one."""

    def shown(x: float, digits: int) -> str:
        return blank if math.isnan(x) else f"{x:.{digits}g}"

    rows = tuple(
        (*[f"{x:.15g}" for x in point[:-3]], shown(point[-3], 17), shown(point[-2], 15), "yes" if point[-1] else "no")
        for point in found.rows()
    )
    notes = assumed_lines([found])
    if any(blank in row for row in rows):
        notes.insert(0, f"{blank} where the value is undefined, and for the logarithm where it is negative")
    if found.unset:
        notes.append(f"order only: evaluated at {', '.join(f'{n} = 1' for n in found.unset)}")
    return Table((*found.axes, found.quantity.key, "log10", "applicable"), rows, notes=tuple(notes))


WIDTH_COLUMNS = ("quantity", "width", "log10", "status", "order_only", "unset", "binding", "probability", "applicable")
VALUE_COLUMNS = ("quantity", "value", "log10", "side", "direction", "status", "order_only", "unset", "applicable")


def width_records(solutions: Sequence[Solution]) -> list[dict[str, Any]]:
    """``required-width --csv``: numbers in columns of their own."""
    return [
        {c: row[c] for c in (*WIDTH_COLUMNS, "reasons")}
        | {"calibrated": [f"{n} = {c!r}" for n, c in row["calibrated"].items()]}
        for row in map(width_row, solutions)
    ]


def evaluation_records(evaluations: Iterable[Evaluation]) -> list[dict[str, Any]]:
    """``eval --csv`` and the like."""
    return [{c: row[c] for c in (*VALUE_COLUMNS, "source", "reasons")} for row in map(evaluation_dict, evaluations)]
