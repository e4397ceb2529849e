"""From a prediction and a measurement to a verdict that claims no more than the measurement proves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import beta as beta_distribution

from bounds.evaluate import Evaluation
from bounds.model import Quantity
from bounds.views import json_value

VIOLATED, HOLDS, CONSISTENT = "VIOLATED", "HOLDS", "CONSISTENT"
MET, NOT_MET, NOT_APPLICABLE = "MET", "NOT MET", "NOT APPLICABLE"
ROUNDING = 1e-9
"""Relative slack granted to float64 measurements that should meet a bound with equality."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Observation:
    """One measured number against one quantity, on one network at one step.

    Attributes:
        quantity: The key of the quantity.
        values: The parameters at which to predict.
        measured: What was measured.
        lower: The truth is at least this (defaults to ``measured``).
        upper: The truth is at most this; None when unknown.
        residual: What an iterative method left, or None.
        seed: The network's seed.
        step: The step of gradient descent.
        label: Which layer, where there are several.
        reasons: Why the theorem does not cover the case, found by measuring.
        side: The side tested, where a definition is tested as a bound (song2021's Lemma 3); "": the quantity's own.
        width: The network's width; 0: the value of the parameter m.
        outcome: For a requirement: "failed" where the run did not do what the theorem promises although its other
            premises held; such a run refutes every hidden constant that calls it sufficient.
    """

    quantity: str
    values: Mapping[str, Any]
    measured: float
    lower: float | None = None
    upper: float | None = None
    residual: float | None = None
    seed: int = 0
    step: int = 0
    label: str = ""
    reasons: tuple[str, ...] = ()
    side: str = ""
    width: int = 0
    outcome: str = ""

    @property
    def ends(self) -> tuple[float, float]:
        """The interval known to hold the truth."""
        low = self.measured if self.lower is None else self.lower
        return low, math.inf if self.upper is None else self.upper


@dataclass(frozen=True)
class Row:
    """A verdict on one quantity at one width, over seeds, steps and layers: the case with the least slack.

    Attributes:
        quantity: The key.
        side: upper, lower, equal or requires.
        predicted, measured: At the case with the least slack.
        slack: log10 of the distance, positive when the bound or requirement is satisfied; None without meaning.
        verdict: VIOLATED, HOLDS, CONSISTENT, MET, NOT MET or NOT APPLICABLE.
        reasons: What the verdict rests on, or why there is none.
        seeds: The seeds looked at.
        width: The networks' width.
        step: The step of the case shown.
        residual: Of the measurement shown.
        exact: Whether the measurement shown is exact up to rounding.
        label: The layer of the case shown.
        cases: How many cases the row sums up.
    """

    quantity: str
    side: str
    predicted: float | None
    measured: float
    slack: float | None
    verdict: str
    reasons: tuple[str, ...]
    seeds: tuple[int, ...]
    width: int
    step: int
    residual: float | None
    exact: bool
    label: str = ""
    cases: int = 1
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON row."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def slack(side: str, direction: str | None, predicted: float, measured: float) -> float | None:
    """Powers of ten between prediction and measurement, positive on the satisfied side; None where a sign forbids it.

    >>> slack("upper", None, 100.0, 1.0), slack("lower", None, 1.0, 100.0), slack("requires", "at_least", 10.0, 1.0)
    (2.0, 2.0, -1.0)
    """
    if predicted <= 0 or measured <= 0 or not (math.isfinite(predicted) and math.isfinite(measured)):
        return None
    distance = math.log10(predicted) - math.log10(measured)
    return distance if side == "upper" or direction == "at_most" else -distance


def judge(observation: Observation, prediction: Evaluation) -> Row:
    """The verdict on one observation; where only the order is known it is left to `empirics.scaling.judge_order`."""
    q, (low, high) = prediction.quantity, observation.ends
    value, side = float(prediction.value), observation.side or prediction.quantity.side
    reasons = observation.reasons + prediction.reasons
    if reasons:
        verdict: str = NOT_APPLICABLE
    elif math.isnan(value) or math.isnan(observation.measured):
        verdict, reasons = NOT_APPLICABLE, ("the number is not defined",)
    elif prediction.unset:
        verdict, reasons = CONSISTENT, ("only the order is known",)
    elif side == "requires":
        verdict, reasons = _requirement(q.direction or "", value, low, high)
    else:
        verdict, reasons = _bound(side, value, low, high)
    live = verdict != NOT_APPLICABLE and not prediction.unset
    return Row(
        q.key,
        side,
        value,
        observation.measured,
        slack(side, q.direction if side == "requires" else None, value, observation.measured) if live else None,
        verdict,
        reasons,
        (observation.seed,),
        observation.width or int(observation.values.get("m", 0)),
        observation.step,
        observation.residual,
        bool(high == low),
        observation.label,
        details={
            "chosen": prediction.chosen,
            "lower": low,
            "upper": None if math.isinf(high) else high,
            "outcome": observation.outcome,
            "values": {n: json_value(v) for n, v in prediction.values.items()},
            "seed": observation.seed,
            **_order(prediction, observation.measured),
        },
    )


def undefined(o: Observation, q: Quantity, reason: str) -> Row:
    """The row of an observation at whose values the formula has no value: NOT APPLICABLE, without a number."""
    low, high = o.ends
    return Row(
        q.key,
        o.side or q.side,
        None,
        o.measured,
        None,
        NOT_APPLICABLE,
        (*o.reasons, reason),
        (o.seed,),
        o.width or int(o.values.get("m", 0)),
        o.step,
        o.residual,
        bool(high == low),
        o.label,
        details={"upper": None if math.isinf(high) else high, "values": {}, "seed": o.seed, "order_only": q.order_only},
    )


def _order(prediction: Evaluation, measured: float) -> dict[str, Any]:
    """What `judge_order` needs: the constants taken as 1, and the measurement in units of the prediction."""
    value = float(prediction.value)
    if not prediction.unset:
        return {"order_only": prediction.quantity.order_only}
    ratio = measured / value if math.isfinite(value) and value else math.nan
    return {"order_only": True, "unset": list(prediction.unset), "ratio": ratio}


def _requirement(direction: str, value: float, low: float, high: float) -> tuple[str, tuple[str, ...]]:
    met = low >= value if direction == "at_least" else high <= value
    missed = high < value if direction == "at_least" else low > value
    return (MET, ()) if met else (NOT_MET, ()) if missed else (CONSISTENT, ("not settled by the measurement",))


def _bound(side: str, value: float, low: float, high: float) -> tuple[str, tuple[str, ...]]:
    tolerance = ROUNDING * abs(value)
    if side == "equal":
        upper, lower = _bound("upper", value, low, high), _bound("lower", value, low, high)
        return min(upper, lower, key=lambda v: _RANK[v[0]])
    if side == "lower":
        value, low, high = -value, -high, -low
    if low > value + tolerance:
        return VIOLATED, ("the measurement exceeds the bound",)
    if high <= value + tolerance:
        return HOLDS, ("exact" if low == high else "an upper bound of what was measured is below",)
    return CONSISTENT, ("not refuted; the measurement is one-sided",)


def combine(rows: Iterable[Row], failure: float | None = None) -> Row:
    """One row from the cases of a quantity at a width (seeds, steps, layers): the least slack is shown.

    Args:
        rows: The cases; at least one.
        failure: The probability with which the theorem may fail; a violation in some seeds refutes it only when the
            Clopper-Pearson interval of the failing fraction lies above. None for a statement without probability.
    """
    cases = list(rows)
    live = [r for r in cases if r.verdict != NOT_APPLICABLE] or cases
    worst = min(live, key=lambda r: (_RANK[r.verdict], math.inf if r.slack is None else r.slack))
    seeds = tuple(dict.fromkeys(s for r in cases for s in r.seeds))
    verdict, reasons = worst.verdict, worst.reasons
    if verdict == VIOLATED and failure is not None:
        failed = len({r.seeds for r in cases if r.verdict == VIOLATED})
        low = clopper_pearson(failed, len(seeds))[0]
        reasons = (f"exceeded in {failed} of {len(seeds)} seeds; the theorem allows a fraction {min(failure, 1):.3g}",)
        if low <= failure:
            verdict = CONSISTENT
    left_out = len(cases) - len(live)
    if left_out:
        skipped = next(r for r in cases if r.verdict == NOT_APPLICABLE)
        reasons = (*reasons, f"{left_out} of {len(cases)} cases not applicable: {skipped.reasons[0]}")
    changed = {"verdict": verdict, "reasons": reasons, "seeds": seeds, "cases": len(cases)}
    return Row(**{**{n: getattr(worst, n) for n in Row.__dataclass_fields__}, **changed})


_RANK = {VIOLATED: 0, NOT_MET: 1, CONSISTENT: 2, HOLDS: 3, MET: 3, NOT_APPLICABLE: 4}


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact two-sided interval of a binomial fraction.

    >>> [round(x, 4) for x in clopper_pearson(0, 10)]
    [0.0, 0.3085]
    """
    tail = (1 - confidence) / 2
    low = float(beta_distribution.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta_distribution.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high
