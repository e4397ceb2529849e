"""Results of which only the order is known: fitted exponents with intervals, and what runs say of hidden constants.

A measured x stands beside an order g: the ratio x/g at hidden constants 1. The claim x <= C g needs C to be at least
the largest ratio seen, and the ratio must not grow with a parameter; x >= C g the reverse. A sufficient width m >= C g
is refuted at every C by which a run was wide enough and still failed.

Steps and layers of one run are not independent: a trend is fitted through one point per run, its worst.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bounds.calibration import Calibration, Constant
from bounds.errors import TheoryError
from bounds.model import Quantity
from bounds.registry import quantity
from empirics.exponents import Exponent, fit_exponent, fit_exponents
from empirics.setting import versions
from empirics.verdict import CONSISTENT, NOT_APPLICABLE, VIOLATED, Row

__all__ = ["Exponent", "calibration_of", "fit_exponent", "fit_exponents", "judge_order"]

SPAN = 4.0  # the widths must spread by this factor before a trend refutes anything
NEGLIGIBLE = 1e-6  # an exponent within rounding of 0
SIZES = ("samples", "input_dim", "outputs", "depth", "batch_size", "degree")
"""Roles that tell runs apart, beside the width and the seed."""
LOGARITHMS = ("up to logarithm", "any logarithm", r"\tilde\Omega", r"\tilde O", r"\tilde{O}")
"""What says of a claim that it hides logarithms."""


def judge_order(cases: Sequence[Row]) -> Row:
    """One verdict for a quantity of which only the order is known, over all widths, seeds and steps.

    Args:
        cases: The single observations, at hidden constants 1 (``details["ratio"]``); at least one. For a requirement
            ``details["outcome"] = "failed"`` marks those whose run did not do what the theorem promises.

    Returns:
        The row of the case that says most of the constant, with the constant's range and the fitted exponents in the
        width among the reasons; VIOLATED only where the ratio grows (or falls) with the width beyond its interval, on
        a line that fits, over at least three widths that spread by a factor of at least 4.
    """
    live = [r for r in cases if r.verdict != NOT_APPLICABLE and _usable(r)]
    seeds = tuple(dict.fromkeys(s for r in cases for s in r.seeds))
    details: dict[str, Any] = {"widths": tuple(sorted({r.width for r in cases}))}
    if not live:
        return _undecided(cases, seeds, details)
    q, side = quantity(live[0].quantity), live[0].side
    ratios = np.array([_ratio(r) for r in live])
    extreme = live[int(ratios.argmin() if side == "lower" else ratios.argmax())]
    details = {**extreme.details, **details}
    reasons: tuple[str, ...]
    if reason := _no_factor(q, details["unset"]):
        verdict, reasons = NOT_APPLICABLE, (reason,)
    elif side == "requires":
        verdict, reasons = CONSISTENT, _of_requirement(q, live, details)
    else:
        verdict, trend = _trend(q, side, _worst_of_runs(q, side, live))
        reasons = (*_constant(side, ratios, details), *trend)
    if len(live) < len(cases) and verdict != NOT_APPLICABLE:
        reasons = (*reasons, _left_out(cases, live))
    changed: dict[str, Any] = {"verdict": verdict, "reasons": reasons, "details": details, "exact": bool(extreme.exact)}
    return replace(extreme, seeds=seeds, cases=len(cases), slack=None, **changed)


def _undecided(cases: Sequence[Row], seeds: tuple[int, ...], details: Mapping[str, Any]) -> Row:
    """The row where no case bears on the claim: one that the theorem covers, if there is any."""
    shown = next((r for r in cases if r.verdict != NOT_APPLICABLE), cases[0])
    reasons = shown.reasons if shown.verdict == NOT_APPLICABLE else (_left_out(cases, ()),)
    return replace(
        shown, seeds=seeds, cases=len(cases), slack=None, reasons=reasons, details={**shown.details, **details}
    )


def _usable(row: Row) -> bool:
    """Whether there is a ratio, and the end of the measurement that the side needs."""
    ratio = row.details.get("ratio", math.nan)
    return math.isfinite(ratio) and bool(row.predicted and row.predicted > 0) and math.isfinite(_ratio(row))


def _ratio(row: Row) -> float:
    """Measured over predicted, at the end that binds the constant: the lower one for x <= C g, the upper for x >= C g.

    NaN where that end is not known: a measurement known from one side only says nothing of the other claim.
    """
    upper = row.details["upper"]
    if row.side == "lower":
        end = math.nan if upper is None else upper
    else:
        below = math.nan if upper == row.measured and not row.exact and row.side == "upper" else row.measured
        end = row.details.get("lower", below)
    return float(end) / float(row.predicted or math.nan)


def _left_out(cases: Sequence[Row], live: Sequence[Row]) -> str:
    kept = {id(r) for r in live}
    skipped = [r for r in cases if id(r) not in kept]
    why = next((r.reasons[0] for r in skipped if r.verdict == NOT_APPLICABLE and r.reasons), "known from one side only")
    return f"{len(skipped)} of {len(cases)} cases left out: {why}"


def _no_factor(q: Quantity, unset: Sequence[str]) -> str:
    """Why the ratio is no range for a constant, or "": one deep in the formula need not be a factor of it."""
    factors = {c.name for c in q.hidden if c.factor}
    inner = [n for n in unset if n not in factors]
    return f"the hidden constant {inner[0]} is not a factor: the runs do not bound it" if inner else ""


def _constant(side: str, ratios: np.ndarray, details: dict[str, Any]) -> tuple[str, ...]:
    """The range of the constant that the runs allow, in words and for a calibration."""
    name = " ".join(details["unset"])
    low, high = float(ratios.min()), float(ratios.max())
    if side == "equal":
        return (f"{name} between {low:.3g} and {high:.3g} ({len(ratios)} cases)",)
    relation, value = ("<=", low) if side == "lower" else (">=", high)
    if value <= 0:
        return (f"{name} {relation} 0 up to rounding: measured 0",)
    return (_bounded(details, relation, value, len(ratios), "cases"),)


def _bounded(details: dict[str, Any], relation: str, value: float, count: int, what: str) -> str:
    """``C >= 0.67 (12 cases)``; kept for a calibration where it is one constant, not a product of several."""
    names = details["unset"]
    if len(names) == 1:
        details["constant"] = {"name": names[0], "relation": relation, "value": value, "cases": count}
    product = "" if len(names) == 1 else "the product "
    return f"{product}{' '.join(names)} {relation} {value:.3g} ({count} {what})"


def _of_requirement(q: Quantity, live: Sequence[Row], details: dict[str, Any]) -> tuple[str, ...]:
    """A width with which training failed refutes every constant that calls it wide enough."""
    failed = [r for r in live if r.details.get("outcome") == "failed" and r.measured > 0]
    if not failed:
        name = " ".join(details["unset"])
        return (f"{name} is not bounded: no run failed, and a value that suffices says nothing of one that is needed",)
    at_least = q.direction == "at_least"
    ratios = [r.details["ratio"] for r in failed]
    value = max(ratios) if at_least else min(ratios)
    return (_bounded(details, ">" if at_least else "<", value, len(failed), "cases whose run failed"),)


def _worst_of_runs(q: Quantity, side: str, live: Sequence[Row]) -> list[Row]:
    """The case of every run (width, seed, sizes) that says most."""
    sizes = [n for n, p in q.paper.parameters.items() if p.role in SIZES]
    worst: dict[tuple[Any, ...], Row] = {}
    for r in live:
        values = r.details.get("values", {})
        run = (r.width, r.seeds, *(repr(values.get(n)) for n in sizes))
        if run not in worst or (_ratio(r) < _ratio(worst[run])) == (side == "lower"):
            worst[run] = r
    return list(worst.values())


def _varying(q: Quantity, runs: Sequence[Row]) -> dict[str, list[float]]:
    """What else varies among the runs and is read by the formula; what follows the width is part of its scaling."""
    found = {}
    for name in runs[0].details.get("values", {}):
        column = [r.details["values"].get(name) for r in runs]
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and v > 0 for v in column):
            continue
        by_width: dict[int, set[float]] = {}
        for r, v in zip(runs, column, strict=True):
            by_width.setdefault(r.width, set()).add(v)
        size = name in q.paper.parameters and q.paper.parameters[name].role in SIZES
        if len(set(column)) > 1 and (size or any(len(v) > 1 for v in by_width.values())):
            found[name] = column
    return found


def _trend(q: Quantity, side: str, runs: Sequence[Row]) -> tuple[str, tuple[str, ...]]:
    """Whether the ratio moves with the width in the direction that the claim forbids."""
    x, ratios = [r.width for r in runs], [_ratio(r) for r in runs]
    if len(set(x)) < 2:
        return CONSISTENT, ("one width: no exponent",)
    if min(ratios) <= 0:
        return CONSISTENT, (f"measured 0 in {sum(v <= 0 for v in ratios)} of {len(runs)} runs: no exponent",)
    others = _varying(q, runs)
    try:
        found = fit_exponents({"width": x, **others}, ratios)
    except TheoryError:
        said = f"measured/claimed scales as width^{fit_exponent(x, ratios).value:.2f}"
        return CONSISTENT, (f"{said}, but {', '.join(others)} cannot be told apart from the width",)
    said = _said(runs, found)
    if len(set(x)) < 3 or math.isinf(found["width"].low):
        return CONSISTENT, (f"{said}: too few {'widths' if len(set(x)) < 3 else 'runs'} for an interval",)
    grows, falls = found["width"].low > NEGLIGIBLE, found["width"].high < -NEGLIGIBLE
    if not {"upper": grows, "lower": falls}.get(side, grows or falls):
        return CONSISTENT, (said,)
    if doubt := _doubt(q, max(x) / min(x), found["width"]):
        return CONSISTENT, (f"{said}: a trend, but {doubt}",)
    return VIOLATED, (f"{said}: the claimed order does not hold on the widths measured",)


def _said(runs: Sequence[Row], found: Mapping[str, Exponent]) -> str:
    """The exponents in words; those of measured and claimed alone where nothing else varies."""
    powers = " ".join(f"{name}^{_figures(exponent)}" for name, exponent in found.items())
    if len(found) > 1:
        return f"measured/claimed scales as {powers}"
    x, claimed = [r.width for r in runs], [float(r.predicted or 0) for r in runs]
    measured = fit_exponent(x, [_ratio(r) * g for r, g in zip(runs, claimed, strict=True)])
    order = fit_exponent(x, claimed).value
    return f"measured scales as width^{_figures(measured)}, claimed width^{order:.2f}, their ratio {powers}"


def _figures(exponent: Exponent) -> str:
    """With its interval, where there is one."""
    return f"{exponent.value:.2f}" if math.isinf(exponent.low) else str(exponent)


def _doubt(q: Quantity, span: float, exponent: Exponent) -> str:
    """Why a trend refutes nothing, or ""."""
    said = (q.text, q.latex, q.statement, *(c.text for c in q.hidden))
    if any(word in text for word in LOGARITHMS for text in said):
        return "the claim hides logarithms, which may be all of it"
    if span < SPAN:
        return f"over a factor {span:.2g} of widths only"
    return "no line" if exponent.fits is False else ""


def calibration_of(rows: Sequence[Row], origin: str) -> Calibration:
    """What the rows say of hidden constants, for ``bounds required-width --calibrated``.

    Args:
        rows: From `judge_order`, others are passed over.
        origin: How the runs were made.

    Returns:
        One constant for each row that bounds one.

    Raises:
        TheoryError: No row bounds a constant.
    """
    found = {}
    for r in rows:
        if c := r.details.get("constant"):
            found[r.quantity, c["name"]] = Constant(c["value"], c["relation"], c["cases"], origin)
    if not found:
        raise TheoryError("no run bounds a hidden constant: nothing to calibrate (compare order-only quantities)")
    return Calibration(found, versions=versions())
