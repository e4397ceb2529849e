"""Eigenvalues of symmetric matrices; the least one proved, at the price of about one Cholesky factorisation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.measure.cholesky import UNIT, VANISHED, LambdaMin, margin
from empirics.measurement import Measurement, Stopwatch

_DECOMPOSE = 1024  # beyond it two certified ends cost less than an eigendecomposition
_CLOSE = 1e-3
_BLOCK = 256  # rows compared at once
_SAFE = (2.0**-100, 2.0**100)  # norms between these need no scaling, not even in float32
_COVERS = (
    "rounding and underflow in the factorisation and in this bound, for the matrix as given with entries known up to "
    "entry_error in spectral norm, given IEEE 754 double precision and matrix products that are sums of products in "
    "any order; not the rounding of whatever computed the entries"
)


def certified_lambda_min(
    K: Tensor | Measurement, *, entry_error: float | None = None, tol: float = 1e-2
) -> Measurement:
    """The least eigenvalue of a symmetric matrix, in an interval whose ends are proved.

    Typical cost: one Cholesky factorisation in float32, one in float64 and 6 to 24 steps of inverse iteration, and the
    memory of one more n x n matrix (two where K is not of float64 or not exactly symmetric).

    Args:
        K: (n, n), or (n, k, n, k) read as (nk, nk); float64, or a lower precision, which is converted exactly. Entries
            that differ from their mirror image by rounding are averaged with it. Or what `ntk_gram` returned.
        entry_error: bound on the spectral norm of the error of K's entries, at least 0; None: for an `ntk_gram` its own
            bound on the rounding of its products, else 0.
        tol: width of the interval aimed at, relative to the eigenvalue, in (0, 1); rounding may prevent it.

    Returns:
        value: the estimate, within [lower, upper]; residual: ||K x - value x|| of its unit vector. details: shift (c),
        rounding_bound (of ||E||_2), entry_error (with what asymmetry adds), cholesky_count (in float64),
        positive_definite_proved (lower > 0), covers (what the proof covers).

    Raises:
        TheoryError: K is not a finite symmetric matrix, or entry_error or tol is outside its range.

    >>> found = certified_lambda_min(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64))
    >>> found.lower < 1 < found.upper, found.details["positive_definite_proved"]
    (True, True)
    """
    K, known = _kernel(K)
    entry_error = known if entry_error is None else entry_error
    if isinstance(entry_error, bool) or not isinstance(entry_error, (int, float)) or not 0 <= entry_error < math.inf:
        raise TheoryError(f"entry_error={entry_error!r} must be a finite number of at least 0")
    if isinstance(tol, bool) or not isinstance(tol, (int, float)) or not 0 < tol < 1:
        raise TheoryError(f"tol={tol!r} must lie strictly between 0 and 1, such as 1e-2")
    matrix = _square(K)
    with Stopwatch(matrix) as watch:
        A, norm, exponent = _scaled(matrix)
        A, asymmetry = _symmetric(A, norm, _scale(entry_error, -exponent, math.inf), torch.finfo(matrix.dtype).eps)
        search = LambdaMin(A, norm, tol)
        if norm > 0 and search.n > 1:
            search.run()
    error = _add(entry_error, _scale(asymmetry, exponent, math.inf), math.inf)
    lower = _add(_scale(search.lower, exponent, -math.inf), -error, -math.inf)
    upper = _add(_scale(search.upper, exponent, math.inf), error, math.inf)
    details = {
        "shift": _scale(search.shift, exponent),
        "rounding_bound": _scale(search.bound, exponent, math.inf),
        "entry_error": error,
        "cholesky_count": search.count,
        "positive_definite_proved": lower > 0,
        "covers": _COVERS,
    }
    value = min(max(_scale(search.theta, exponent), lower), upper)
    residual = _scale(search.residual, exponent)
    origin = watch.origin | {"dtype": "float64"}
    return Measurement("lambda_min", value, "interval", lower, upper, residual, details=details, **origin)


def kernel_eigenvalues(K: Tensor | Measurement, which: str = "both") -> Measurement:
    """The extreme eigenvalues of a symmetric matrix, or all of them.

    Args:
        K: as for `certified_lambda_min`.
        which: "both" for lambda_min and lambda_max, or "all".

    Returns:
        value: (2,), or all in ascending order. Up to 1024 rows, and for "all", from an eigendecomposition: side
        "exact", residual n eps max |lambda|, the size of its backward error; "interval" where an `ntk_gram` brings a
        bound on its own rounding, which widens it. Beyond, from `certified_lambda_min` of K
        and of -K with tol 1e-3, which costs less: side "interval", lower and upper proved, residual of the vectors.

    Raises:
        TheoryError: K is not a finite symmetric matrix, or which is neither.

    >>> kernel_eigenvalues(torch.diag(torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64))).value.tolist()
    [1.0, 3.0]
    """
    if which not in ("both", "all"):
        raise TheoryError(f"which={which!r} must be 'both' (lambda_min and lambda_max) or 'all'")
    K, known = _kernel(K)
    matrix, lower, upper = _square(K), None, None
    with Stopwatch(matrix) as watch:
        if which == "both" and matrix.shape[0] > _DECOMPOSE:
            found = [certified_lambda_min(signed, entry_error=known, tol=_CLOSE) for signed in (matrix, -matrix)]
            low, high = torch.tensor([[m.value, m.lower, m.upper, m.residual] for m in found], dtype=torch.float64)
            value, lower, upper = (torch.stack([low[i], -high[j]]) for i, j in ((0, 0), (1, 2), (2, 1)))
            residual = torch.stack([low[3], high[3]])
        else:
            A, norm, exponent = _scaled(matrix)
            A, _ = _symmetric(A, norm, 0.0, torch.finfo(matrix.dtype).eps)
            half = exponent // 2
            value = torch.linalg.eigvalsh(A) * 2.0**half * 2.0 ** (exponent - half)
            residual = value.abs().amax() * A.shape[0] * 2 * UNIT
            value = value if which == "all" else value[[0, -1]]
            if known:  # by Weyl's inequality every eigenvalue is within it
                lower, upper = value - residual - known, value + residual + known
    origin = watch.origin | {"dtype": "float64"}
    side = "exact" if lower is None else "interval"
    return Measurement("kernel_eigenvalues", value, side, lower, upper, residual, **origin)


def _kernel(K: Tensor | Measurement) -> tuple[Tensor, float]:
    """The matrix, and the bound on its entries' error that came with it."""
    if not isinstance(K, Measurement):
        return K, 0.0
    rounding = K.details.get("rounding", 0.0)
    if isinstance(rounding, Tensor):
        raise TheoryError("K is a batch of kernels: give one of them, K.value[i]")
    return torch.as_tensor(K.value), float(rounding)


def _square(K: Tensor) -> Tensor:
    """K as (n, n), in its own precision."""
    if not isinstance(K, Tensor) or not K.is_floating_point():
        kind = K.dtype if isinstance(K, Tensor) else type(K).__name__
        raise TheoryError(f"K of type {kind} must be a tensor of real floating-point numbers")
    shape = tuple(K.shape)
    if len(shape) == 4 and shape[:2] == shape[2:]:
        K = K.reshape(shape[0] * shape[1], -1)
    if K.ndim != 2 or K.shape[0] != K.shape[1] or K.numel() == 0:
        raise TheoryError(f"K of shape {shape} must be (n, n) or (n, k, n, k), with n at least 1")
    return K.detach()


def _scaled(K: Tensor) -> tuple[Tensor, float, int]:
    """(A, ||A||_F, e) with K = 2^e A in float64, so that squares of A neither overflow nor vanish; mostly e = 0."""
    A = K.double()
    norm = float(torch.linalg.vector_norm(A))
    if _SAFE[0] < norm < _SAFE[1]:
        return A, norm, 0
    top = float(A.abs().amax())
    if not math.isfinite(top):
        raise TheoryError("K has entries that are NaN or infinite: the network's outputs or gradients have diverged")
    if top == 0:
        return A, 0.0, 0
    exponent = math.frexp(top)[1]
    half = exponent // 2  # 2^-exponent itself may overflow
    A = A * 2.0**-half * 2.0 ** (half - exponent)
    return A, float(torch.linalg.vector_norm(A)), exponent


def _symmetric(A: Tensor, norm: float, entry_error: float, eps: float) -> tuple[Tensor, float]:
    """(A, or its average with A^T where they differ, and what that adds to the error), or an error beyond rounding.

    A symmetric T within entry_error of A is as near to the average. A greater difference is added to the error, so that
    the bound holds for the matrix that either triangle defines.
    """
    n = A.shape[0]
    blocks = range(_BLOCK, n + _BLOCK, _BLOCK)
    if all(torch.equal(A[i - _BLOCK : i, :i], A[:i, i - _BLOCK : i].mT) for i in blocks):
        return A, 0.0
    skew = float(torch.linalg.vector_norm(A - A.mT)) / 2 * margin(n)
    if skew > max(entry_error, math.sqrt(eps) * norm):
        raise TheoryError(
            f"K is not symmetric: ||K - K^T||_F = {2 * skew / norm:.2g} ||K||_F is beyond rounding: give (K + K.mT)/2, "
            "or an entry_error that covers the difference"
        )
    rounding = UNIT * norm * margin(n) + n * VANISHED
    return (A + A.mT) / 2, rounding + (skew * margin(n) if skew > entry_error else 0.0)


def _scale(x: float, exponent: int, toward: float | None = None) -> float:
    """The product x 2^exponent, rounded toward an infinity if it is not exact."""
    try:
        y = math.ldexp(x, exponent)
    except OverflowError:
        y = math.copysign(math.inf, x)
    return y if toward is None or math.ldexp(y, -exponent) == x else math.nextafter(y, toward)


def _add(x: float, y: float, toward: float) -> float:
    return x if y == 0 else math.nextafter(x + y, toward)
