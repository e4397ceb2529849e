"""One comparison from the parts of a sweep that ran, and were stored, one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from empirics.comparison import Comparison
from empirics.verdict import Row


def regather(comparisons: Sequence[Comparison], sum_up: Callable[[tuple[Row, ...]], tuple[Row, ...]]) -> Comparison:
    """One comparison from those of the parts of a sweep of one paper, such as single seeds and widths.

    Args:
        comparisons: at least one, in the order in which one run would have made them.
        sum_up: the experiment's way from single cases to rows; `empirics.gathering.sum_up` unless it has its own.

    Returns:
        The same rows and cases as one run over all of them gives. What differs among the configurations is listed;
        runs, notes and findings stand one after the other.
    """
    cases = tuple(case for c in comparisons for case in c.cases)
    parts = [c.configuration for c in comparisons]
    (paper,) = {p for c in comparisons for p in c.configurations}
    return Comparison(sum_up(cases), {paper: _joined(parts)}, comparisons[0].versions, cases)


def _joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The configurations of the parts as one."""
    found: dict[str, Any] = {}
    for name in parts[0]:
        values = [p[name] for p in parts]
        if name == "runs":
            found[name] = [run for v in values for run in v]
        elif name in ("widths", "notes", "findings"):
            found[name] = list(dict.fromkeys(x for v in values for x in v))
        elif name == "first_seed":
            found[name] = min(values)
        elif name == "seeds":
            found[name] = len({p["first_seed"] + k for p in parts for k in range(p["seeds"])})
        elif name in ("fresh", "shared", "interrupted"):
            found[name] = any(values)
        else:
            different = [v for k, v in enumerate(values) if v not in values[:k]]
            found[name] = different[0] if len(different) == 1 else different
    return found
