"""Exponents by least squares of logarithms: y ~ x^p z^q, with Student's intervals and a test that the line fits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bounds.errors import TheoryError

Numbers = Sequence[float] | np.ndarray
CONFIDENCE = 0.95
LACK = 0.01  # level of the F-test for lack of fit
COLLINEAR = 1e-8


@dataclass(frozen=True)
class Exponent:
    """The slope of log y against log x.

    Attributes:
        value: Least squares.
        low, high: Student's interval for the slope, infinite where the points do not determine one.
        points: How many.
        places: How many different x (or combinations of x, z, ...).
        fits: Whether a line fits as well as the means at each x do, by an F-test at the 1% level; None where no x has
            replicates. Where it is False the interval is that of a line which is not there.
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


def fit_exponent(x: Numbers, y: Numbers, *, confidence: float = CONFIDENCE) -> Exponent:
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
    return fit_exponents({"x": x}, y, confidence=confidence)["x"]


def fit_exponents(columns: Mapping[str, Numbers], y: Numbers, *, confidence: float = CONFIDENCE) -> dict[str, Exponent]:
    """The exponents of y ~ x^p z^q ... in several parameters at once, each at fixed others.

    Args:
        columns: name -> positive numbers, one per point.
        y: positive numbers, as many.
        confidence: of each interval, in (0, 1).

    Returns:
        Name -> exponent; the intervals are infinite where there are no more different points than unknowns.

    Raises:
        TheoryError: numbers that are not positive and finite, a parameter that does not vary, or parameters that vary
            together, so that their exponents cannot be told apart.

    >>> found = fit_exponents({"m": [1, 2, 1, 2, 4], "n": [1, 1, 3, 3, 1]}, [1, 2, 9, 18, 4])
    >>> found["m"].value, found["n"].value
    (1.0, 2.0)
    """
    if not 0 < confidence < 1:
        raise TheoryError(f"confidence = {confidence}: must lie in (0, 1)")
    b = _logarithms("y", y)
    table = [_logarithms(name, values) for name, values in columns.items()]
    if not table:
        raise TheoryError("columns = {}: an exponent needs a parameter")
    for name, column in zip(columns, table, strict=True):
        if len(column) != len(b):
            raise TheoryError(f"{name} has {len(column)} numbers and y {len(b)}: as many are needed")
        if len(np.unique(column)) < 2:
            raise TheoryError(f"{name} has {len(np.unique(column))} different value: an exponent needs at least two")
    return _least_squares(list(columns), np.stack(table, axis=1), b, confidence)


def _logarithms(name: str, values: Numbers) -> np.ndarray:
    numbers = np.asarray(values, dtype=float).ravel()
    bad = numbers[~(np.isfinite(numbers) & (numbers > 0))]
    if bad.size:
        raise TheoryError(f"{name} = {bad[0]:g}: must be positive and finite, an exponent is a slope of logarithms")
    logarithms: np.ndarray = np.log(numbers)
    return logarithms


def _least_squares(names: list[str], a: np.ndarray, b: np.ndarray, confidence: float) -> dict[str, Exponent]:
    """Slopes on centred columns of length 1, whose condition is one of angles; standard errors from (A^T A)^-1."""
    centred, target = a - a.mean(axis=0), b - b.mean()
    lengths = np.linalg.norm(centred, axis=0)
    left, singular, right = np.linalg.svd(centred / lengths, full_matrices=False)
    if len(names) >= len(b) or singular[-1] < COLLINEAR:
        raise TheoryError(f"{', '.join(names)} vary together: their exponents cannot be told apart")
    slopes = right.T @ ((left.T @ target) / singular) / lengths
    rest = target - centred @ slopes
    rows, places = np.unique(a, axis=0, return_inverse=True)
    free = len(b) - len(names) - 1
    fits = None
    half = np.full(len(names), math.inf)
    if len(rows) >= len(names) + 2:
        scale = np.sqrt(np.square(right.T / singular).sum(axis=1)) / lengths
        half = float(stats.t.ppf((1 + confidence) / 2, free)) * math.sqrt(float(rest @ rest) / free) * scale
        fits = _fits(target, places.reshape(-1), rest, len(names))
    return {
        n: Exponent(round(float(p), 12), float(p - h), float(p + h), len(b), len(rows), fits)
        for n, p, h in zip(names, slopes, half, strict=True)
    }


def _fits(target: np.ndarray, places: np.ndarray, rest: np.ndarray, slopes: int) -> bool | None:
    """The F-test of a line (plane) against a mean of its own at every place."""
    counts = np.bincount(places)
    pure, extra = len(target) - len(counts), len(counts) - slopes - 1
    if pure < 1 or extra < 1:
        return None
    means = np.bincount(places, target) / counts
    within = float(np.square(target - means[places]).sum())
    lack = max(float(rest @ rest) - within, 0.0)
    rounding = 1e-20 * float(target @ target)
    if within <= rounding:
        return lack <= rounding
    return bool(stats.f.sf(lack / extra / (within / pure), extra, pure) > LACK)
