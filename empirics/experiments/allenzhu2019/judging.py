"""Verdicts kind by kind, and what a trend below the theorem's width may say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bounds.binding import relevant
from bounds.registry import quantity
from empirics import gathering
from empirics.experiments.allenzhu2019.data import Samples
from empirics.experiments.allenzhu2019.exponents import mild
from empirics.experiments.allenzhu2019.key import KEY, KINDS
from empirics.gathering import judge_all, predict
from empirics.verdict import CONSISTENT, VIOLATED, Observation, Row

WIDE = frozenset(("width", "Assumption 2.4", "Theorem 3's ball"))
"""Assumptions that only a width beyond the theorem's, or a distance within its ball, meets."""
HIDDEN = frozenset(("width, products", "omega", "omega, layers", "omega, kernel", "sparsity", "sparsity, backward"))
"""Assumptions on the width, or on radii that depend on it, whose hidden constants decide which widths they admit."""
SEPARATED = "Assumption 2.1"


def judged(observations: Mapping[str, Iterable[Observation]], samples: Samples) -> tuple[Row, ...]:
    """The verdict on every single observation.

    Args:
        observations: what was measured, by kind of network.
        samples: equal ones fail Assumption 2.1.

    Returns:
        The cases, labelled by their kind where that is not mlp.
    """
    cases: list[Row] = []
    for kind, seen in observations.items():
        own = [_prepared(o, kind, samples) for o in seen]
        cases += [_placed(case, o.values) for case, o in zip(judge_all(own), own, strict=True)]
    return tuple(cases)


def _placed(case: Row, values: Mapping[str, Any]) -> Row:
    """With the C_m up to which the width is Theorem 1's, where the quantity's theorem needs that."""
    needs = any(c.name in WIDE for c in quantity(case.quantity).assumptions)
    if not needs or not case.details.get("unset") or not values.get("delta", 0) > 0:
        return case
    return replace(case, details={**case.details, "C_m": constant_at(case.width, values)})


def sum_up(cases: Iterable[Row]) -> tuple[Row, ...]:
    """As `empirics.gathering.sum_up`, for each kind of network: the constants of Appendices B and C are others.

    Args:
        cases: from `judged`.

    Returns:
        The rows in the paper's order, the kinds of a quantity beside one another. Constants that CNNs and ResNets ask
        for in Theorem 1's formulas calibrate nothing: those hide other polynomials.
    """
    by_kind: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    for case in cases:
        by_kind[kind_of(case)].append(case)
    rows = [_mild(_own(row, kind), own) for kind, own in by_kind.items() for row in gathering.sum_up(own)]
    order = list(quantity(f"{KEY}.movement").paper.quantities)
    return tuple(sorted(rows, key=lambda row: order.index(row.quantity.split(".")[1])))


def kind_of(case: Row) -> str:
    """Of which kind of network a case is.

    Args:
        case: from `judged`.
    """
    word = case.label.split(",")[0]
    return word if word in KINDS else "mlp"


def _prepared(o: Observation, kind: str, samples: Samples) -> Observation:
    """Labelled by its kind, and refused where it rests on the separation of samples that are equal."""
    reasons = o.reasons
    if samples.equal and separated(o.quantity):
        reasons = (*dict.fromkeys((*samples.equal, *reasons)),)
    label = o.label if kind == "mlp" else ", ".join(x for x in (kind, o.label) if x)
    return replace(o, reasons=reasons, label=label)


def separated(key: str) -> bool:
    """Whether a quantity rests on the separation of the samples.

    Args:
        key: the quantity's.
    """
    q = quantity(key)
    return any(c.name == SEPARATED for c in q.assumptions) or "delta" in relevant(q, {"delta": 1.0})


def _own(row: Row, kind: str) -> Row:
    """Without a constant to calibrate Theorem 1's formulas with, where another kind of network asks for it."""
    name = row.quantity.split(".")[1]
    if kind == "mlp" or name.startswith(kind) or "constant" not in row.details:
        return row
    return replace(row, details={k: v for k, v in row.details.items() if k != "constant"})


def _mild(row: Row, cases: Iterable[Row]) -> Row:
    """A trend over widths below the theorem's refutes no order: that holds from a width on which C_m decides."""
    if any(c.name in HIDDEN for c in quantity(row.quantity).assumptions):
        return mild(row)
    most = [c.details["C_m"] for c in cases if c.quantity == row.quantity and "C_m" in c.details]
    if row.verdict != VIOLATED or not row.details.get("widths") or not most:
        return row
    below = f"which refutes the theorem only where these are wide enough for it: C_m <= {min(most):.2g}"
    return replace(row, verdict=CONSISTENT, reasons=(f"{'; '.join(row.reasons)}, {below}",))


def constant_at(width: int, values: Mapping[str, Any]) -> float:
    """The C_m up to which a width is Theorem 1's: m/(K log(m)^5), with K of `width_scale` at C_m = 1.

    Args:
        width: m.
        values: n, L, d and delta.

    Returns:
        The constant.
    """
    K = float(predict(f"{KEY}.width_scale", {k: values[k] for k in ("n", "L", "d", "delta") if k in values}).value)
    return width / (K * math.log(width) ** 5) if width > 1 else 0.0
