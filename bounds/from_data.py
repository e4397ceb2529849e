"""The theorems' constants that a data set determines: sizes, separation, singular values, kernel eigenvalues.

Each paper lists its own in ``bounds/papers/<key>/data.py`` as ``FROM_DATA``: parameter -> function (X, y, values)
giving the number and its origin in words, or None where ``values`` lacks what it needs. What they share is here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from bounds.errors import TheoryError
from bounds.kernels import Kernel, extremes, inputs, ntk
from bounds.mehler import EPS
from bounds.model import Paper
from bounds.values import show

Found = tuple[float, str]
FromData = Mapping[str, Callable[[np.ndarray, np.ndarray, Mapping[str, Any]], Found | None]]
_BLOCK = 256


def constants_of(
    paper: Paper | str, X: Any, y: Any, values: Mapping[str, Any] | None = None, only: Iterable[str] | None = None
) -> dict[str, Found]:
    """Every parameter of ``paper`` that the data determine, except those already in ``values``.

    Args:
        paper: A paper or its key.
        X: (n, d) inputs, raw: each paper's own normalisation is applied.
        y: (n,) targets, or (n, k).
        values: What is given: parameters by name, and ``activation``. What the functions need besides takes the
            paper's default; ``activation`` that of the command line.
        only: The parameters wanted; by default all.

    Returns:
        Parameter -> (number, origin); a parameter whose function needs a value that is neither given nor has a
        default is left out.

    Raises:
        TheoryError: X or y cannot be used, samples are repeated, a row is zero, or an eigenvalue is lost in rounding.

    Example:
        >>> constants_of("banerjee2023", [[3.0, 4.0], [1.0, 0.0]], [1.0, -2.0], {"activation": "identity"})["mean_y_sq"]
        (2.5, 'mean of y^2 over the data')
    """
    from bounds.binding import DEFAULT_ACTIVATION

    if isinstance(paper, str):
        from bounds import registry

        paper = registry.paper(paper)
    X, y, given = inputs(X), targets(y), {k: v for k, v in (values or {}).items() if v is not None}
    if len(X) != len(y):
        raise TheoryError(f"X has {len(X)} rows and y has {len(y)}: give one target per sample")
    known = {"activation": DEFAULT_ACTIVATION.value}
    for name, parameter in paper.parameters.items():
        if parameter.default is not None and name not in paper.from_data and not _symbolic(parameter.default.value):
            known[name] = parameter.default.value
    wanted = set(paper.from_data if only is None else only) - set(given)
    found = {name: f(X, y, {**known, **given}) for name, f in paper.from_data.items() if name in wanted}
    return {name: result for name, result in found.items() if result is not None}


def _symbolic(value: Any) -> bool:
    return bool(getattr(value, "free_symbols", None))


def targets(y: Any) -> np.ndarray:
    """The targets as a float64 array, (n,) or (n, k).

    Raises:
        TheoryError: They are not finite numbers in one of these shapes.
    """
    try:
        array = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise TheoryError("y must hold real numbers: one target, or one row of targets, per sample") from None
    if array.ndim not in (1, 2) or array.size == 0 or not np.isfinite(array).all():
        raise TheoryError(f"y of shape {array.shape} must be (n,) or (n, k), and finite")
    return array


def number(values: Mapping[str, Any], name: str) -> float | None:
    """The one number given for ``name``, or None.

    Raises:
        TheoryError: Several values, or one beyond float64: a data set's constants are computed at one.
    """
    value = values.get(name)
    if value is None:
        return None
    try:
        return float(value)
    except OverflowError:
        raise TheoryError(f"{name} = {show(value)}: the data's constants are computed in float64") from None
    except (TypeError, ValueError):
        raise TheoryError(f"{name}={value!r}: the data's constants need one number for {name}") from None


def samples(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found:
    """N."""
    return len(X), "samples of the data"


def dimension(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found:
    """Input dimension."""
    return X.shape[1], "input dimension of the data"


def outputs(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found:
    """Number of targets per sample."""
    return 1 if y.ndim == 1 else y.shape[1], "targets per sample"


def unit_rows(X: np.ndarray) -> np.ndarray:
    """The rows scaled to norm 1.

    Raises:
        TheoryError: A row is zero.

    Example:
        >>> unit_rows(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
    """
    size = np.abs(X).max(axis=1, keepdims=True)
    if not size.all():
        raise TheoryError(f"row {int(np.argmin(size))} of the data is zero and cannot be normalised: remove it")
    X = X / size  # squares do not overflow
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def separation(rows: np.ndarray, why: str) -> tuple[float, int, int]:
    """The least Euclidean distance between two rows, and which they are.

    Args:
        rows: (n, d), normalised as the theorem asks.
        why: The clause of the error message saying what needs distinct rows.

    Returns:
        (distance, i, j) with i < j; the distance is that of the difference, without cancellation. (inf, 0, 0) for
        one row.

    Raises:
        TheoryError: Two rows coincide.

    Example:
        >>> separation(np.array([[0.0], [3.0], [5.0]]), "")
        (2.0, 1, 2)
    """
    square = np.einsum("ij,ij->i", rows, rows)
    best = (math.inf, 0, 0)
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        # cancellation: squared distances to within slack, so every pair within it of the least is done again
        gap = square[block, None] + square[None, :] - 2 * rows[block] @ rows.T
        gap[np.arange(len(rows))[None, :] <= np.arange(start, start + len(gap))[:, None]] = math.inf
        slack = 8 * (rows.shape[1] + 4) * EPS * float(square.max())
        for i, j in np.argwhere(gap <= min(float(gap.min()), best[0] ** 2) + slack):
            if math.isfinite(gap[i, j]):
                best = min(best, (float(np.linalg.norm(rows[start + i] - rows[j])), start + int(i), int(j)))
    distance, i, j = best
    if distance <= 4 * EPS * math.sqrt(float(square.max())):
        raise TheoryError(f"samples {i} and {j}, as drawn, are the same input: {why}; remove one")
    return best


def least_singular_power(rows: np.ndarray, t: float) -> Found:
    """The n-th singular value of ``X^{*t}``, the Khatri-Rao power, whose columns are x_i (x) ... (x) x_i.

    Args:
        rows: (n, d) unit rows.
        t: The power, 1 or more.

    Returns:
        The value and how it was found: for t = 1 from X itself, else as the root of the least eigenvalue of
        ``(X X^T)^{o t}``; 0 where n exceeds the dimension binom(d+t-1, t) of symmetric tensors.

    Raises:
        TheoryError: Not an order, repeated rows, or a value lost in rounding.

    Example:
        >>> least_singular_power(np.array([[1.0, 0.0], [0.6, 0.8]]), 2)[0] ** 2  # 1 - 0.36
        0.64...
    """
    if t < 1 or t != int(t):
        raise TheoryError(f"t={t} must be an integer of at least 1")
    order, (n, d) = int(t), rows.shape
    if n > 1:
        separation(rows, "the singular value is 0")
    if n > (rank := math.comb(d + order - 1, order)):
        return 0.0, f"{n} samples exceed the rank, at most {rank}"
    if order == 1:
        value = float(np.linalg.svd(rows, compute_uv=False)[-1])
        error = 4 * math.sqrt(n * d) * EPS * math.sqrt(n)
    else:
        found = extremes((rows @ rows.T) ** order, order * d * EPS)
        value, error = math.sqrt(max(found.least, 0.0)), math.sqrt(found.error)
    if value <= error:
        shown = f"sigma_min(X^*{order}) = {value:.1e}"
        raise TheoryError(f"{shown} is within rounding, {error:.1e}, of 0: take fewer or more distinct samples")
    return value, "unit rows" if order == 1 else f"unit rows, root of the least eigenvalue of (X X^T)^(o {order})"


@functools.lru_cache(maxsize=2)
def _kernel(paper: str, data: bytes, shape: tuple[int, int], options: tuple[tuple[str, Any], ...]) -> Kernel:
    return ntk(paper, np.frombuffer(data).reshape(shape), **dict(options))


def kernel_of(paper: str, X: np.ndarray, **options: Any) -> Kernel:
    """``bounds.kernels.ntk``, remembered: several constants come from one kernel."""
    return _kernel(paper, np.ascontiguousarray(X, dtype=float).tobytes(), X.shape, tuple(sorted(options.items())))


def mean_target_square(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found:
    """Mean of y^2 over samples and outputs."""
    return float(np.mean(y**2)), "mean of y^2 over the data"
