"""Rows for what is not even defined at the values measured: NOT APPLICABLE by name, without a number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bounds.errors import NotApplicable, TheoryError
from bounds.registry import quantity
from empirics.comparison import gather, predict
from empirics.verdict import NOT_APPLICABLE, Observation, Row, combine


def settle(observations: Iterable[Observation], *, surely: bool = False) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """As `empirics.comparison.gather`, which stops where a formula divides by what an assumption keeps from 0.

    Args:
        observations: All that was measured.
        surely: as for `gather`.

    Returns:
        (rows, cases), in the paper's order.
    """
    defined: list[Observation] = []
    blank: dict[tuple[str, int], list[Row]] = {}
    for o in observations:
        try:
            predict(o.quantity, o.values)
        except (NotApplicable, TheoryError) as reason:
            if not (isinstance(reason, NotApplicable) or o.reasons):  # a formula undefined where it is claimed to hold
                raise
            blank.setdefault((o.quantity, o.width), []).append(_blank(o, str(reason)))
        else:
            defined.append(o)
    rows, cases = gather(defined, surely=surely)
    there = {(r.quantity, r.width) for r in rows}
    more = [combine(group) for at, group in blank.items() if at not in there]
    if more:
        order = {q: k for k, q in enumerate(quantity(more[0].quantity).paper.quantities)}
        rows = tuple(sorted((*rows, *more), key=lambda r: order[r.quantity.split(".")[1]]))
    return rows, (*cases, *(r for group in blank.values() for r in group))


def _blank(o: Observation, reason: str) -> Row:
    q = quantity(o.quantity)
    details: dict[str, Any] = {"chosen": {}, "upper": o.upper, "values": {}, "seed": o.seed, "order_only": q.order_only}
    return Row(
        q.key,
        o.side or q.side,
        None,
        o.measured,
        None,
        NOT_APPLICABLE,
        (*o.reasons, reason),
        (o.seed,),
        o.width,
        o.step,
        o.residual,
        o.upper == o.ends[0],
        o.label,
        details=details,
    )
