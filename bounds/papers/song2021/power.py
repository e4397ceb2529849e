"""Khatri-Rao powers of a data matrix, through their Gram matrix: ``X^{*t}``, of ``d_0^t`` rows, is never formed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bounds.errors import TheoryError

UNIT = 1e-6
"""How far a row's norm may be from 1: data normalised in single precision pass."""


def rows_of(X: Any, unit: bool = False) -> np.ndarray:
    """The data as a finite float64 matrix, one sample a row.

    Args:
        X: Data of shape (n, d_0).
        unit: Whether the rows must have norm 1; they are then normalised to rounding.

    Raises:
        TheoryError: Not a matrix of finite numbers, or a row that is not of unit norm.
    """
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or not rows.size or not np.all(np.isfinite(rows)):
        raise TheoryError(f"X: a matrix of finite numbers is needed, one sample a row, not shape {rows.shape}")
    if not unit:
        return rows
    norms = np.linalg.norm(rows, axis=1)
    worst = int(np.argmax(np.abs(norms - 1)))
    if abs(norms[worst] - 1) > UNIT:
        raise TheoryError(
            f"X: undefined unless every row has norm 1 (Assumption 2), and row {worst} has norm {norms[worst]:.6g}: "
            "divide each row by its norm"
        )
    return rows / norms[:, None]


def khatri_rao_gram(X: Any, t: int) -> np.ndarray:
    """``(X^{*t})^T X^{*t}``: the Gram matrix of the samples' t-th tensor powers, ``<x_a, x_b>^t``.

    Args:
        X: Data of shape (n, d_0), one sample a row (the paper's X is the transpose).
        t: The power, 0 or more (all ones at 0).

    Returns:
        Float64, shape (n, n).

    Raises:
        TheoryError: For a bad matrix or power.

    Example:
        >>> khatri_rao_gram([[1.0, 2.0]], 2)
        array([[25.]])
    """
    if isinstance(t, bool) or t != int(t) or t < 0:
        raise TheoryError(f"t = {t}: must be an integer >= 0")
    rows = rows_of(X)
    return (rows @ rows.T) ** int(t)


def sigma_min_power(X: Any, t: int) -> float:
    """``sigma_min(X^{*t})``, the n-th singular value: how far the tensor powers are from linear dependence.

    It is the root of the least eigenvalue of ``khatri_rao_gram``, so that values below about 1e-8 of the largest
    singular value are rounding. More samples than ``binom(d_0 + t - 1, t)``, the dimension of the symmetric tensors,
    are dependent: the value is then exactly 0.

    Args:
        X: Data of shape (n, d_0), one sample a row.
        t: The power, 1 or more.

    Returns:
        A float, 0 or more.

    Raises:
        TheoryError: For a bad matrix or power.

    Example:
        >>> sigma_min_power([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], 1)
        0.0
    """
    gram = khatri_rao_gram(X, t)
    if len(gram) > math.comb(np.shape(X)[1] + int(t) - 1, int(t)):
        return 0.0
    return math.sqrt(max(float(np.linalg.eigvalsh(gram)[0]), 0.0))


def sigma_max(X: Any) -> float:
    """``sigma_max(X)``.

    Args:
        X: Data of shape (n, d_0), one sample a row.

    Returns:
        The largest singular value.

    Raises:
        TheoryError: For a bad matrix.

    Example:
        >>> sigma_max([[3.0, 4.0]])
        5.0
    """
    return float(np.linalg.norm(rows_of(X), 2))
