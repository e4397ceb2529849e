"""How explanations and reaches are shown: tables, indented shares, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bounds.ball import decimal
from bounds.enclosure import Enclosure
from bounds.explaining import Explanation
from bounds.inverse import Reach
from bounds.sensitivity import Elasticity
from bounds.shares import Share, Step
from bounds.tables import Table, figures
from bounds.values import show
from bounds.views import FEW, NA, assumed_dict, assumed_lines, json_value, merged, sized, status, undecided_lines


def explanation_table(e: Explanation) -> Table:
    """The elasticities, the largest first; the path of shares, the defaults and the open assumptions below."""
    rows = tuple(
        (x.name, show(x.value), _elasticity(x), "-" if x.slope is None else figures(x.slope), x.kind, _where(e, x))
        for x in e.elasticities
    )
    notes = [f"{e.quantity.key} is {NA}: {r}" for r in e.reasons]
    notes += [f"{e.quantity.key}: here {name} is {target}" for name, target in e.chosen.items()]
    notes += ["shares (> marks what drives the line above it):", *path_lines(e.path), *e.notes]
    if e.unset:
        notes.append(f"order only: hidden constants taken as 1: {', '.join(e.unset)}")
    notes += [*assumed_lines([e]), *undecided_lines(e.checks, True)]
    binding = f", decided by {e.binding}" if e.binding else ""
    title = f"{e.quantity.key} = {sized(e)} ({status(e.quantity)}{binding}): d log|value|/d log(p)"
    return Table(("parameter", "value", "elasticity", "derivative", "kind", "what"), rows, title, tuple(notes))


def _elasticity(x: Elasticity) -> str:
    if x.elasticity is None:
        return "undefined"
    return f"{x.elasticity:.6g}" + (f" ({x.other:.6g})" if x.kind == "kink" and x.other is not None else "")


def _where(e: Explanation, x: Elasticity) -> str:
    paper = e.quantity.paper
    if x.name in paper.parameters:
        return paper.parameters[x.name].text
    return paper.quantities[x.name].text if x.name in paper.quantities else "hidden constant"


def path_lines(path: Sequence[Step]) -> list[str]:
    """The path, one level of indentation a step; the part that dominates is marked and taken apart below."""
    lines = []
    for depth, step in enumerate(path):
        pad = "  " * depth
        how = {"leaf": "", "choice": " (the formula that applies)"}.get(step.kind, f" ({step.kind})")
        lines.append(f"{pad}{step.of} = {sized(step)}{how}")
        for k, part in enumerate(step.parts):
            lines.append(f"{pad}  {'>' if k == step.driver else ' '} {part.text} = {sized(part)}{_share(step, part)}")
    return lines


def _share(step: Step, part: Share) -> str:
    if step.kind == "condition" or (step.kind == "sum" and part.share is None):
        return "" if part.weight is None else f", {100 * part.weight:.3g} % of all sizes"
    if step.kind == "sum":
        return f", {100 * (part.share or 0):.4g} %"
    return f", log10 {part.log10:.4g}" if step.kind == "product" else ""


def explanation_dict(e: Explanation) -> dict[str, Any]:
    """``explain --json``."""
    return {
        "quantity": e.quantity.key,
        "value": None if not e.applicable else decimal(e.value) if isinstance(e.value, int) else e.value,
        "log10": e.log10 if e.applicable else None,
        "status": e.quantity.status,
        "order_only": e.quantity.order_only,
        "binding": e.binding,
        "applicable": e.applicable,
        "reasons": list(e.reasons),
        "elasticities": [
            {
                "parameter": x.name,
                "value": json_value(x.value),
                "elasticity": x.elasticity,
                "other_side": x.other,
                "derivative": x.slope,
                "kind": x.kind,
            }
            for x in e.elasticities
        ],
        "path": [_step_dict(step) for step in e.path],
        "leaf": e.leaf,
        "chosen": e.chosen,
        "unset": list(e.unset),
        "assumed": assumed_dict(e.assumed),
        "undecided": [str(c) for c in e.checks if c.state is None],
        "notes": list(e.notes),
    }


def _step_dict(step: Step) -> dict[str, Any]:
    parts = [
        {"text": p.text, "value": p.value, "log10": p.log10, "share": p.share, "weight": p.weight} for p in step.parts
    ]
    return {
        "of": step.of,
        "kind": step.kind,
        "value": step.value,
        "log10": step.log10,
        "parts": parts,
        "driver": step.driver,
    }


def reach_table(reaches: Sequence[Reach], details: bool = False) -> Table:
    """One row per theorem; certificates, gaps and the assumed values below."""
    rows, notes = [], []
    for r in reaches:
        q = r.quantity
        value = NA if not r.applicable else _reached(r) + _unset(r)
        rows.append((q.key, r.letter, value, r.binding or "-", status(q), q.source.place))
        notes += [f"{q.key}: {reason}" for reason in r.reasons]
        notes += [f"{q.key}: {line}" for line in gap_lines(r)]
        if r.applicable and len(r.unset) > FEW:
            notes.append(f"{q.key}: order only, at {' = '.join(r.unset)} = 1")
        if r.certificate and r.applicable and (details or len(reaches) == 1):
            notes.append(f"{q.key}: {r.certificate}")
    notes += [*assumed_lines(reaches), *undecided_lines([c for r in reaches for c in r.checks], details)]
    title = "What each theorem covers at the width given"
    columns = ("theorem", "letter", "covered", "binding", "status", "source")
    return Table(columns, tuple(rows), title, tuple(dict.fromkeys(notes)))


def _unset(r: Reach) -> str:
    if len(r.unset) > FEW:
        return f" at {len(r.unset)} constants = 1"
    return "".join(f" at {n}=1" for n in r.unset)


def _reached(r: Reach) -> str:
    if r.value is None:
        return "every value scanned"
    sign = "<=" if r.direction == "largest" else ">="
    return f"{sign} {value_text(r.value)}"


def value_text(value: Any) -> str:
    """An end: an integer (in full in JSON), or a real number to 12 digits."""
    if isinstance(value, Enclosure):
        return f"{float(value):.12g}"
    return figures(value) if isinstance(value, int) else f"{float(value):.12g}"


def gap_lines(r: Reach) -> list[str]:
    """What is said where the covered set does not reach to the easy end, or is no interval."""
    low, high = r.interval
    lines = []
    if r.applicable and low is not None and high is not None:
        lines.append(f"covered from {value_text(low)} to {value_text(high)} only")
    if r.others:
        named = ", ".join(
            f"[{'start' if a is None else value_text(a)}, {'end' if b is None else value_text(b)}]" for a, b in r.others
        )
        lines.append(f"the covered set is not an interval: also {named} on the scan")
    return lines


def reach_dict(reaches: Sequence[Reach]) -> dict[str, Any]:
    """``largest --json``."""
    return {"rows": [reach_row(r) for r in reaches], "assumed": assumed_dict(merged(reaches))}


def reach_row(r: Reach) -> dict[str, Any]:
    """One row of ``largest --json``: an integer in full digits, a real number as ``{"lo", "hi", "ball"}``."""
    value = r.value.to_dict() if isinstance(r.value, Enclosure) else None if r.value is None else decimal(r.value)
    return {
        "quantity": r.quantity.key,
        "paper": r.quantity.paper.key,
        "letter": r.letter,
        "direction": r.direction,
        "value": value,
        "binding": r.binding,
        "fails": list(r.fails),
        "interval": [_end(x) for x in r.interval],
        "others": [[_end(x) for x in pair] for pair in r.others],
        "status": r.quantity.status,
        "order_only": r.quantity.order_only,
        "unset": list(r.unset),
        "applicable": r.applicable,
        "reasons": list(r.reasons),
        "certificate": r.certificate or None,
        "undecided": [str(c) for c in r.checks if c.state is None],
    }


def _end(value: Any) -> Any:
    return None if value is None else decimal(value) if isinstance(value, int) else float(value)
