"""Axes of the small plots: where a number stands, and which numbers are worth a tick."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DECADES = 20.0
"""A positive range wider than this factor is shown by its logarithm."""


@dataclass(frozen=True)
class Axis:
    """One direction of a plot.

    Attributes:
        low, high: The ends of what is shown, ``low < high``; powers of ten when ``log``.
        start, end: Where they stand, in the plot's units.
        log: Whether the logarithm is shown.
        ticks: The numbers marked.
        floor: Whether numbers that have no logarithm stand at the lower end.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]
    floor: bool = False

    def at(self, value: float) -> float:
        """Where ``value`` stands, at an end if it lies beyond."""
        if self.log:
            value = math.log10(value) if value > 0 else -math.inf
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def axis(values: Sequence[float], start: float, end: float, ticks: Sequence[float] = ()) -> Axis:
    """An axis that shows all of ``values``.

    Args:
        values: Finite numbers; at least one.
        start: Where the lower end stands, in the plot's units.
        end: Where the upper end stands.
        ticks: The numbers to mark; by default round ones.

    Returns:
        A logarithmic axis where the positive numbers span more than `DECADES` (numbers that are not positive then
        stand at its lower end, if they are fewer than the positive ones), else a linear one.

    Example:
        >>> axis([1.0, 1000.0], 0, 100).ticks, axis([0.0, 4.0], 0, 100).at(2.0)
        ((1.0, 10.0, 100.0, 1000.0), 50.0)
    """
    positive = [v for v in values if v > 0]
    others = [v for v in values if v <= 0]
    wide = bool(positive) and max(positive) > DECADES * min(positive)
    if (wide or ticks) and len(others) <= len(positive) and not (ticks and others):
        return _logarithmic(positive, start, end, tuple(ticks), bool(others))
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    chosen = tuple(ticks) or _round_numbers(low, high)
    return Axis(min(low, *chosen), max(high, *chosen), start, end, False, chosen)


def _logarithmic(positive: Sequence[float], start: float, end: float, ticks: tuple[float, ...], floor: bool) -> Axis:
    low, high = math.log10(min(positive)), math.log10(max(positive))
    if not ticks:
        first, last = math.floor(low + 1e-9), math.ceil(high - 1e-9)
        step = max(1, math.ceil((last - first) / 4))
        last = first + step * math.ceil((last - first) / step)
        ticks = tuple(10.0**k for k in range(first, last + 1, step) if -300 < k < 300)
        low, high = float(first), float(max(last, first + 1))
        if floor:
            low -= step / 2
    elif low == high:
        low, high = low - 0.15, high + 0.15
    return Axis(low, high, start, end, True, ticks, floor)


def _round_numbers(low: float, high: float) -> tuple[float, ...]:
    """Three to six multiples of 1, 2 or 5 times a power of ten around the range."""
    raw = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(k * step, 12 - math.floor(math.log10(step))) for k in range(first, last + 1))


def thinned(values: Sequence[float], places: Sequence[float], room: float) -> list[tuple[float, float]]:
    """Those (value, place) whose labels do not run into one another, the last one always among them.

    >>> thinned([32, 64, 128], [0, 5, 40], 20)
    [(64, 5), (128, 40)]
    """
    kept: list[tuple[float, float]] = []
    for value, place in sorted(zip(values, places, strict=True), key=lambda p: -p[1]):
        if not kept or kept[-1][1] - place >= room:
            kept.append((value, place))
    return kept[::-1]
