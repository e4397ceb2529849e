"""Results of which only the order is known: fitted exponents with intervals, and what runs say of hidden constants.

A measured x stands beside an order g: the ratio x/g at hidden constants 1. The claim x <= C g needs C to be at least
the largest ratio seen, and the ratio must not grow with a parameter; x >= C g the reverse. A sufficient width m >= C g
is refuted at every C by which a run was wide enough and still failed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from bounds.calibration import Calibration, Constant
from bounds.errors import TheoryError
from bounds.registry import quantity
from empirics.verdict import CONSISTENT, NOT_APPLICABLE, VIOLATED, Row

Numbers = Sequence[float] | np.ndarray
CONFIDENCE = 0.95
SPAN = 4.0  # the widths must spread by this factor before a trend refutes anything


@dataclass(frozen=True)
class Exponent:
    """The slope of log y against log x.

    Attributes:
        value: Least squares.
        low, high: Student's interval for the slope, infinite where the points do not determine one.
        points: How many.
        places: How many different x.
        fits: Whether a line fits as well as the means at each x do, by an F-test at the 1% level; None where no x has
            replicates.
    """

    value: float
    low: float
    high: float
    points: int
    places: int
    fits: bool | None = None

    def __str__(self) -> str:
        """``-0.49 [-0.52, -0.46]``."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def fit_exponent(
    x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, *, confidence: float = CONFIDENCE
) -> Exponent:
    """The exponent p of y ~ x^p, with its interval.

    Args:
        x: positive numbers, at least two different ones.
        y: positive numbers, as many.
        confidence: of the interval, in (0, 1).

    Returns:
        The slope; its interval is infinite from fewer than three different x.

    Raises:
        TheoryError: numbers that are not positive and finite, or all x equal.

    >>> fit_exponent([1, 2, 4, 8], [3, 12, 48, 192]).value
    2.0
    """
    a, b = (np.asarray(v, dtype=float).ravel() for v in (x, y))
    if a.shape != b.shape or not np.all(np.isfinite(a) & np.isfinite(b) & (a > 0) & (b > 0)):
        raise TheoryError("x and y must be as many positive finite numbers: an exponent is a slope of logarithms")
    a, b = np.log(a), np.log(b)
    places = np.unique(a)
    if len(places) < 2:
        raise TheoryError(f"x has {len(places)} different value: an exponent needs at least two")
    centred = a - a.mean()
    slope = float(centred @ b / (centred @ centred))
    rest = b - b.mean() - slope * centred
    free = len(a) - 2
    if len(places) < 3:
        return Exponent(round(slope, 12), -math.inf, math.inf, len(a), len(places))
    error = math.sqrt(float(rest @ rest) / free / float(centred @ centred))
    half = float(stats.t.ppf((1 + confidence) / 2, free)) * error
    return Exponent(round(slope, 12), slope - half, slope + half, len(a), len(places), _fits(a, b, places, rest))


def _fits(a: np.ndarray, b: np.ndarray, places: np.ndarray, rest: np.ndarray) -> bool | None:
    """The F-test of a line against a mean of its own at every place."""
    pure, extra = len(a) - len(places), len(places) - 2
    if pure < 1 or extra < 1:
        return None
    within = sum(float(np.sum((b[a == p] - b[a == p].mean()) ** 2)) for p in places)
    lack = max(float(rest @ rest) - within, 0.0)
    if within == 0:
        return lack <= 1e-20 * float(b @ b)
    return bool(stats.f.sf(lack / extra / (within / pure), extra, pure) > 0.01)


def judge_order(cases: Sequence[Row]) -> Row:
    """One verdict for a quantity of which only the order is known, over all widths, seeds and steps.

    Args:
        cases: The single observations, at hidden constants 1; at least one.

    Returns:
        The row of the case that says most of the constant, with the constant's range and the fitted exponent of the
        ratio in the width among the reasons; VIOLATED only where a ratio grows (or falls) with the width beyond its
        interval, on a line that fits, over widths that spread by a factor of at least 4.
    """
    live = [r for r in cases if r.verdict != NOT_APPLICABLE and math.isfinite(r.details.get("ratio", math.nan))]
    seeds = tuple(dict.fromkeys(s for r in cases for s in r.seeds))
    widths = tuple(sorted({r.width for r in cases}))
    if not live:
        return replace(cases[0], seeds=seeds, cases=len(cases), details={**cases[0].details, "widths": widths})
    q, side = quantity(live[0].quantity), live[0].side
    factor = all(c.factor for c in q.hidden if c.name in live[0].details["unset"])
    ratios = np.array([r.details["ratio"] for r in live])
    extreme = live[int(ratios.argmin() if side == "lower" else ratios.argmax())]
    details = {**extreme.details, "widths": widths}
    changed: dict[str, Any] = {"seeds": seeds, "cases": len(cases), "slack": None, "details": details}
    if not factor:
        reason = "the hidden constant is no factor: the runs do not bound it"
        return replace(extreme, verdict=NOT_APPLICABLE, reasons=(reason,), **changed)
    if side == "requires":
        return replace(extreme, verdict=CONSISTENT, reasons=_of_requirement(q, live, details), **changed)
    verdict, trend = _trend(live, ratios, side)
    skipped = () if len(live) == len(cases) else (f"{len(cases) - len(live)} of {len(cases)} cases not applicable",)
    return replace(extreme, verdict=verdict, reasons=(*_constant(side, ratios, details), *trend, *skipped), **changed)


def _constant(side: str, ratios: np.ndarray, details: dict[str, Any]) -> tuple[str, ...]:
    """The range of the constant that the runs allow, in words and for a calibration."""
    name = " ".join(details["unset"])
    if len(details["unset"]) > 1:
        return (f"the product of {name} lies beyond what single constants can be told from",)
    low, high = float(ratios.min()), float(ratios.max())
    if side == "equal":
        return (f"{name} between {low:.3g} and {high:.3g} ({len(ratios)} cases)",)
    relation, value = ("<=", low) if side == "lower" else (">=", high)
    details["constant"] = {"name": name, "relation": relation, "value": value, "cases": len(ratios)}
    return (f"{name} {relation} {value:.3g} ({len(ratios)} cases)",)


def _of_requirement(q: Any, live: Sequence[Row], details: dict[str, Any]) -> tuple[str, ...]:
    """A width with which training failed refutes every constant that calls it wide enough."""
    failed = [r.details["ratio"] for r in live if r.details["values"].get("succeeded") == 0]
    name = " ".join(details["unset"])
    if not failed or len(details["unset"]) > 1:
        return (f"{name} is not bounded: no run failed, and a width that suffices says nothing of one that is needed",)
    value = max(failed) if q.direction == "at_least" else min(failed)
    relation = ">" if q.direction == "at_least" else "<"
    details["constant"] = {"name": name, "relation": relation, "value": value, "cases": len(failed)}
    return (f"{name} {relation} {value:.3g} ({len(failed)} runs failed)",)


def _trend(live: Sequence[Row], ratios: np.ndarray, side: str) -> tuple[str, tuple[str, ...]]:
    """Whether the ratio moves with the width in the direction that the claim forbids."""
    x = np.array([r.width for r in live], dtype=float)
    if len(np.unique(x)) < 2 or np.any(ratios <= 0):
        return CONSISTENT, ("one width: no exponent",) if len(np.unique(x)) < 2 else ()
    found = fit_exponent(x, ratios)
    said = f"measured/claimed scales as width^{found}"
    if found.places < 3:
        return CONSISTENT, (f"{said}: two widths determine no interval",)
    enough = x.max() / x.min() >= SPAN and found.fits is not False
    grows, falls = found.low > 0, found.high < 0
    refuted = {"upper": grows, "lower": falls}.get(side, grows or falls)
    if refuted and enough:
        return VIOLATED, (f"{said}: the claimed order does not hold on these widths",)
    if refuted:
        return CONSISTENT, (f"{said}: a trend, but {'no line' if found.fits is False else 'over too few widths'}",)
    return CONSISTENT, (said,)


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
    return Calibration(found)
