"""From observations to verdicts, one by one, and from single verdicts to a table; the latter also from stored ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bounds.binding import relevant
from bounds.errors import NotApplicable, TheoryError
from bounds.evaluate import Evaluation, result
from bounds.registry import papers, quantity
from empirics.scaling import judge_order
from empirics.verdict import Observation, Row, combine, judge, undefined

ALL = -1
"""Stands for all widths together."""


def predict(key: str, values: Mapping[str, Any]) -> Evaluation:
    """The quantity ``key`` at those of ``values`` that it depends on; defaults for the rest."""
    q = quantity(key)
    return result(q, defaults=True, **relevant(q, values))


def failure_probability(key: str, values: Mapping[str, Any]) -> float | None:
    """The probability with which the statement ``key`` may fail at given parameters; None if it holds surely."""
    q = quantity(key)
    if not q.probability:
        return None
    return 1 - float(predict(f"{q.paper.key}.{q.probability}", values).value)


def gather(observations: Iterable[Observation], *, surely: bool = False) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Judge every observation and sum up per quantity and width; over all widths where only the order is known.

    Args:
        observations: All that was measured.
        surely: Whether what the theorems need with some probability was itself measured: no failure is allowed then.

    Returns:
        (rows, cases): one row per quantity and width in the papers' order, and every single case. Where a formula has
        no value because an assumption fails, or the observation says that the theorem does not apply, the case is NOT
        APPLICABLE; it has a row of its own only where nothing else was seen of the quantity at that width.

    Raises:
        TheoryError: A formula has no value where it is claimed to hold.
    """
    cases = judge_all(observations, surely=surely)
    return sum_up(cases), cases


def judge_all(observations: Iterable[Observation], *, surely: bool = False) -> tuple[Row, ...]:
    """The verdict on every single observation, with all that summing up needs: what follows may be stored between.

    Args:
        observations: All that was measured.
        surely: Whether what the theorems need with some probability was itself measured: no failure is allowed then.

    Returns:
        One case each; ``details["failure"]`` is the probability with which the statement may fail, where it has one.

    Raises:
        TheoryError: A formula has no value where it is claimed to hold.
    """
    cases: list[Row] = []
    allowed: dict[tuple[str, int], float | None] = {}
    for o in observations:
        try:
            prediction = predict(o.quantity, o.values)
        except TheoryError as reason:
            if not (isinstance(reason, NotApplicable) or o.reasons):
                raise
            cases.append(undefined(o, quantity(o.quantity), str(reason)))
            continue
        row = judge(o, prediction)
        at = _group(row)
        if at not in allowed:  # the first case of a row speaks for all
            allowed[at] = None if surely else failure_probability(row.quantity, o.values)
        if allowed[at] is not None:
            row = replace(row, details={**row.details, "failure": allowed[at]})
        cases.append(row)
    return tuple(cases)


def sum_up(cases: Iterable[Row]) -> tuple[Row, ...]:
    """One row per quantity and width from the single cases, of one run or of many.

    Args:
        cases: From `judge_all`, in the order in which one run would have seen them.

    Returns:
        The rows, in the papers' order.
    """
    groups: dict[tuple[str, int], list[Row]] = {}
    blank: dict[tuple[str, int], list[Row]] = {}
    for row in cases:
        (groups if "chosen" in row.details else blank).setdefault(_group(row), []).append(row)
    rows = [judge_order(g) if at[1] == ALL else combine(g, g[0].details.get("failure")) for at, g in groups.items()]
    seen = {(r.quantity, w) for r in rows for w in r.details.get("widths", (r.width,))}
    rows += [combine(g) for at, g in blank.items() if at not in seen]
    return tuple(sorted(rows, key=_place))


def _group(case: Row) -> tuple[str, int]:
    """Which cases make one row: those of a width, or all where only the order is known."""
    return case.quantity, ALL if case.details.get("unset") else case.width


def restored(stored: Mapping[str, Any]) -> Row:
    """The row that `Row.to_dict` described, as JSON gives it back.

    Args:
        stored: Its fields.

    Returns:
        An equal row.
    """
    details = dict(stored["details"])
    if "widths" in details:
        details["widths"] = tuple(details["widths"])
    return Row(**{**stored, "reasons": tuple(stored["reasons"]), "seeds": tuple(stored["seeds"]), "details": details})


def _place(row: Row) -> tuple[int, int, int]:
    """Where a row stands: papers in the order of discovery, their quantities in theirs, widths ascending."""
    paper = quantity(row.quantity).paper
    keys = [q.key for q in paper.quantities.values()]
    width = ALL if row.details.get("widths") else row.width
    return list(papers()).index(paper.key), keys.index(row.quantity), width
