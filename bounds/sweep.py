"""One quantity over a grid of parameters, vectorised: ``sweep KEY --over n=10:1e6:log --over L=1:50``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from bounds.assumptions import assumptions_of, mask
from bounds.binding import bind
from bounds.errors import NotApplicable, TheoryError
from bounds.evaluate import relations
from bounds.model import Default, Domain, Paper, Quantity
from bounds.naming import meaning
from bounds.numeric import floats, logarithm
from bounds.values import brief, number

POINTS = 50
"""Points of a real range whose number is not given; an integer range that is not logarithmic takes every integer."""
MOST_POINTS = 50_000_000


@dataclass(frozen=True, eq=False)
class Sweep:
    """A quantity on a grid.

    Attributes:
        quantity: What was evaluated.
        axes: Parameter -> its values, in order; the grid's shape is their lengths.
        value: float64, of that shape.
        log10: Decimal logarithms (nan where negative), finite also where ``value`` overflows.
        applicable: False where an assumption is known to fail.
        assumed: The defaults used.
        unset: Hidden constants taken as 1.
    """

    quantity: Quantity
    axes: dict[str, np.ndarray]
    value: np.ndarray
    log10: np.ndarray
    applicable: np.ndarray
    assumed: dict[str, Default]
    unset: tuple[str, ...]

    def rows(self) -> Iterator[tuple[float, ...]]:
        """(axis values..., value, log10, applicable) of every point."""
        grids = np.meshgrid(*self.axes.values(), indexing="ij")
        columns = [g.ravel().tolist() for g in (*grids, self.value, self.log10, self.applicable)]
        return zip(*columns, strict=True)

    def to_dict(self) -> dict[str, Any]:
        """As ``sweep --json`` prints it."""
        from bounds.views import assumed_dict

        return {
            "quantity": self.quantity.key,
            "over": {n: a.tolist() for n, a in self.axes.items()},
            "value": self.value.tolist(),
            "log10": self.log10.tolist(),
            "applicable": self.applicable.tolist(),
            "order_only": self.quantity.order_only,
            "unset": list(self.unset),
            "assumed": assumed_dict(self.assumed),
        }

    def to_dataframe(self) -> Any:
        """A pandas data frame, one row per point (pandas must be installed)."""
        import pandas

        return pandas.DataFrame(list(self.rows()), columns=[*self.axes, "value", "log10", "applicable"])


def axis(paper: Paper, text: str) -> tuple[str, np.ndarray]:
    """``NAME=LOW:HIGH[:log][:POINTS]``, or ``NAME=a,b,c``: the paper's letter and its values.

    Integer parameters take every integer of a linear range, and the distinct roundings of a logarithmic one.

    Raises:
        TheoryError: Not of this form, an unknown name, or an empty range.

    >>> from bounds.registry import paper
    >>> axis(paper("banerjee2023"), "L=2:5")
    ('L', array([2., 3., 4., 5.]))
    """
    word, _, what = text.partition("=")
    name = meaning(paper, word.strip())
    if name is None or not what:
        raise TheoryError(f"--over {text}: write NAME=LOW:HIGH, for example L=1:50 or m=1e2:1e6:log, for a parameter")
    if ":" not in what:
        return name, np.array([_float(name, w) for w in what.split(",")])
    low, high, *rest = what.split(":")
    ends = _float(name, low), _float(name, high)
    domain = paper.parameters[name].domain if name in paper.parameters else Domain()
    found = _range(ends, "log" in rest, [r for r in rest if r not in ("log", "lin")], domain.integer, text)
    return name, found


def axes_of(paper: Paper, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """The axes of a grid: letter -> values.

    Raises:
        TheoryError: As ``axis``; a letter twice.
    """
    axes: dict[str, np.ndarray] = {}
    for text in texts:
        name, values = axis(paper, text)
        if name in axes:
            raise TheoryError(f"--over {text}: {name} is swept twice, drop one of them")
        axes[name] = values
    return axes


def _float(name: str, text: str) -> float:
    try:
        return float(number(name, text))
    except OverflowError:
        raise TheoryError(f"{name} = {text}: a grid is held in float64, which ends at 1.8e308") from None


def _range(ends: tuple[float, float], log: bool, rest: list[str], whole: bool, text: str) -> np.ndarray:
    low, high = ends
    if len(rest) > 1 or not all(r.isdecimal() and int(r) > 0 for r in rest):
        raise TheoryError(f"--over {text}: after the range comes log or a number of points, for example 1:100:log:20")
    if low > high or (log and low <= 0):
        raise TheoryError(f"--over {text}: the range is empty, or starts below 0 on a logarithmic axis")
    if whole and not log and not rest:
        count = int(high) - math.ceil(low) + 1
        if count > MOST_POINTS:
            raise TheoryError(f"--over {text}: {count} integers are too many; add :log or a number of points")
        return np.arange(math.ceil(low), int(high) + 1, dtype=float)
    count = int(rest[0]) if rest else POINTS
    if count > MOST_POINTS:
        raise TheoryError(f"--over {text}: {brief(rest[0])} points are too many (at most {MOST_POINTS})")
    found = np.geomspace(low, high, count) if log else np.linspace(low, high, count)
    found[0], found[-1] = low, high  # geomspace rounds its ends
    return np.unique(np.rint(found)) if whole else found


def sweep(
    quantity: Quantity,
    axes: Mapping[str, np.ndarray],
    values: Mapping[str, Any],
    *,
    fill: Mapping[str, Default] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Sweep:
    """Evaluate ``quantity`` on the grid of ``axes``, missing values by default.

    Args:
        quantity: The formula; a requirement that must be solved is solved point by point.
        axes: Parameter -> 1-d values.
        values: The other values.
        fill: What to assume before the paper's defaults.
        progress: Told, one line at a time, how far a point-by-point solution is.

    Raises:
        TheoryError: As ``evaluate``; a name both swept and given; more than ``MOST_POINTS`` points.
    """
    if twice := set(axes) & set(values):
        raise TheoryError(f"{min(twice)} is both swept and given: drop one of them")
    shape = tuple(len(a) for a in axes.values())
    if math.prod(shape) > MOST_POINTS:
        raise TheoryError(f"{math.prod(shape)} points are too many (at most {MOST_POINTS})")
    if quantity.conditions:
        return _solved(quantity, dict(axes), values, fill, progress)
    grid = {n: a.reshape([-1 if k == i else 1 for k in range(len(shape))]) for i, (n, a) in enumerate(axes.items())}
    given, also = {**values, **grid}, relations(quantity)
    binding = bind(quantity.paper, (quantity,), given, top=quantity, defaults=True, also=also, fill=fill)
    tape = binding.tape(quantity.paper, (quantity,), quantity)
    value = np.broadcast_to(floats(tape, binding), shape)
    logs = np.broadcast_to(logarithm(tape, binding, value), shape)
    ok = np.ones(shape, dtype=bool)
    for condition in assumptions_of(quantity, binding.given):
        good = mask(quantity.paper, condition, binding)
        ok = ok & good
        if condition.essential:  # the formula is undefined there
            value, logs = np.where(good, value, np.nan), np.where(good, logs, np.nan)
    return Sweep(quantity, dict(axes), value, logs, ok, binding.assumed, binding.unset)


def _solved(
    quantity: Quantity,
    axes: dict[str, np.ndarray],
    values: Mapping[str, Any],
    fill: Mapping[str, Default] | None,
    progress: Callable[[str], None],
) -> Sweep:
    """A width has no closed form: it is solved exactly at every point."""
    from bounds.solve import solve

    shape = tuple(len(a) for a in axes.values())
    value, logs, ok = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    total, found = math.prod(shape), None
    for done, index in enumerate(np.ndindex(shape)):
        point = {n: exact_point(a[k]) for (n, a), k in zip(axes.items(), index, strict=True)}
        try:
            found = solve(quantity, {**values, **point}, fill=fill)
        except NotApplicable:
            continue
        ok[index] = found.applicable
        if found.value is not None:
            logs[index] = found.log10
            value[index] = float(found.value) if found.log10 < 308 else math.inf
        if (done + 1) % max(total // 20, 1) == 0:
            progress(f"{done + 1} of {total} points")
    return Sweep(quantity, axes, value, logs, ok, found.assumed if found else {}, found.unset if found else ())


def exact_point(x: float) -> int | Fraction:
    """A grid value as an exact number: integers as such, others as the shortest decimal that is the float."""
    return int(x) if x == int(x) else Fraction(repr(float(x)))
