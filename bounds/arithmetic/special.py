"""Special functions on float64 arrays, without scipy: the formulas need few of them, and importing it takes longer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

BRANCH_POINT = 1e-6
"""Below this excess of ln(1/|x|) over 1, W_{-1} amplifies the rounding of x beyond 1e-12."""


def lower_lambert(excess: Any) -> Any:
    """``-W_{-1}(-exp(-1 - excess))`` for ``excess >= 0``: the root u >= 1 of ``u - ln u = 1 + excess``.

    Newton's method from Chatzigeorgiou's upper bound ``1 + sqrt(2 excess) + excess``: the function is convex and rises,
    so the iterates fall to the root.
    """
    u = 1 + np.sqrt(2 * excess) + excess
    for _ in range(8):
        gap = u - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            step = u * (gap - np.log1p(gap) - excess) / gap
        u = np.where(np.isfinite(step), u - step, u)
    return u


def log_factorial(n: Any) -> Any:
    """``ln n!`` for non-negative integers."""
    return _each(lambda k: math.lgamma(k + 1), n)


def factorial(n: Any) -> Any:
    """``n!`` for non-negative integers; ``inf`` beyond float64."""
    return _each(lambda k: float(math.factorial(int(k))) if k <= 170 else math.inf, n)


def erf(x: Any) -> Any:
    """The error function."""
    return _each(math.erf, x)


def _each(function: Any, values: Any) -> Any:
    """A function of the distinct values of an array: orders and degrees repeat."""
    if not np.ndim(values):
        return np.float64(function(values))
    distinct, places = np.unique(values, return_inverse=True)
    return np.array([function(v) for v in distinct])[places].reshape(np.shape(values))
