"""Dual activations ``E[g(u) g(v)]``, (u, v) centred Gaussian, g an activation or a derivative of one.

Closed forms for relu (arc-cosine kernels), gelu, erf, sin, exp and the identity; Mehler's formula for all others
(``bounds.mehler``). Rows may have any variances.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from bounds.activations import Activation, get
from bounds.errors import TheoryError
from bounds.expressions import Z
from bounds.mehler import EPS, mean_square, mehler, vectorised


@dataclass(frozen=True, eq=False)
class Dual:
    """A dual activation on all pairs of rows.

    Attributes:
        value: (n, n) float64, symmetric.
        error: Bound on the absolute error of every entry: truncation, rounding, and, to first order, the error of
            the covariance it was computed from.
    """

    value: np.ndarray
    error: float


def dual(activation: Any, covariance: Any, order: int = 0, *, error: float = 0.0) -> Dual:
    """``E[phi^(order)(u_i) phi^(order)(u_j)]`` for all pairs, u ~ N(0, covariance).

    Args:
        activation: As for ``bounds.activations.get``.
        covariance: (n, n), symmetric positive semidefinite.
        order: Which derivative of the activation.
        error: Bound on the absolute error of the covariance's entries, to carry on.

    Returns:
        The values and a bound of their errors.

    Raises:
        NotApplicable: The activation has no such derivative.
        TheoryError: Not a covariance, or an infinite expectation.

    Example:
        >>> dual("relu", [[1, 0], [0, 4]]).value  # E[relu(u)^2] = var/2; independent: (1/sqrt(2 pi)) (2/sqrt(2 pi))
        array([[0.5       , 0.31830989],
               [0.31830989, 2.        ]])
    """
    phi, S = get(activation), _checked(covariance)
    expression = phi.derivative(order)
    std = np.sqrt(S.diagonal())
    if phi.name == "relu":
        return _relu(S, std, order, error)
    closed = _closed_form(phi, order)
    if closed is not None:
        a = S.diagonal()
        value = closed(a[:, None], a[None, :], S)
        own = 32 * EPS * float(np.abs(value).max())
    else:
        value, own = mehler(vectorised(expression), std, correlations(S))
    return Dual(value, own + (error * _slope(phi, order, std) if error else 0.0))


def correlations(S: np.ndarray) -> np.ndarray:
    """Correlations of a covariance matrix: exactly 1 on the diagonal, in [-1, 1], 0 where a variance is 0.

    Args:
        S: (n, n) covariance.

    Returns:
        (n, n) float64.

    Example:
        >>> correlations(np.array([[4.0, 1.0], [1.0, 1.0]]))
        array([[1. , 0.5],
               [0.5, 1. ]])
    """
    std = np.sqrt(S.diagonal())
    safe = np.where(std > 0, std, 1.0)
    rho = np.clip(S / np.outer(safe, safe), -1.0, 1.0)
    np.fill_diagonal(rho, 1.0)
    return rho


def _checked(covariance: Any) -> np.ndarray:
    S = np.asarray(covariance, dtype=float)
    if S.ndim != 2 or S.shape[0] != S.shape[1] or S.size == 0 or not np.isfinite(S).all():
        raise TheoryError(f"covariance of shape {S.shape} must be a square matrix of finite numbers")
    scale, diagonal = np.abs(S).max(), S.diagonal()
    bound = np.sqrt(np.maximum(diagonal, 0))
    if (diagonal < 0).any() or np.abs(S - S.T).max() > 1e-10 * scale:
        raise TheoryError("the covariance must be symmetric with nonnegative variances")
    if (np.abs(S) > bound[:, None] * bound[None, :] + 1e-10 * scale).any():
        raise TheoryError("the covariance has a correlation outside [-1, 1]")
    return (S + S.T) / 2


def _relu(S: np.ndarray, std: np.ndarray, order: int, error: float) -> Dual:
    """The arc-cosine kernels: J(theta)/(2 pi) times both deviations, and (pi - theta)/(2 pi)."""
    if not std.all():
        row = int(np.argmin(std))
        raise TheoryError(f"row {row} has variance 0, where relu has no derivative: remove it")
    rho = correlations(S)
    angle, sine = np.arccos(rho), np.sqrt((1 - rho) * (1 + rho))
    other = ~np.eye(len(S), dtype=bool)
    if order == 0:
        value = np.outer(std, std) * (sine + rho * (np.pi - angle)) / (2 * np.pi)
        np.fill_diagonal(value, S.diagonal() / 2)
        slope = 0.5 + std.max() / std.min() / (2 * np.pi)  # d/dc <= 1/2, d/da = sqrt(b/a) sin(theta)/(4 pi)
        return Dual(value, 32 * EPS * float(np.abs(value).max()) + error * slope)
    shift = 8 * EPS + 2 * error / std.min() ** 2  # of a correlation; arccos moves by shift/sin, or sqrt(2 shift) at 1
    with np.errstate(divide="ignore"):
        moved = np.minimum(shift / sine[other], 2 * math.sqrt(shift)) if other.any() else np.zeros(1)
    return Dual((np.pi - angle) / (2 * np.pi), 8 * EPS + float(moved.max()) / (2 * np.pi))


def _closed_form(phi: Activation, order: int) -> Callable[..., np.ndarray] | None:
    """A function of (variance, variance, covariance), for orders 0 and 1."""
    name = "exp" if phi.expression == sympy.exp(Z) else phi.name
    forms = {"identity": _identity, "erf": _erf, "sin": _sin, "gelu": _gelu, "exp": _exp}
    if name not in forms or order > 1:
        return None
    return functools.partial(forms[name], order)


def _identity(order: int, a: Any, b: Any, c: Any) -> np.ndarray:
    return np.ones_like(c) if order else np.array(c)


def _exp(order: int, a: Any, b: Any, c: Any) -> np.ndarray:
    return np.exp((a + b) / 2 + c)


def _sin(order: int, a: Any, b: Any, c: Any) -> np.ndarray:
    grown = np.exp(np.abs(c) - (a + b) / 2) / 2
    return grown * (1 + np.exp(-2 * np.abs(c))) if order else -np.sign(c) * grown * np.expm1(-2 * np.abs(c))


def _erf(order: int, a: Any, b: Any, c: Any) -> np.ndarray:
    product = (1 + 2 * a) * (1 + 2 * b)
    return 4 / np.pi / np.sqrt(product - 4 * c * c) if order else 2 / np.pi * np.arcsin(2 * c / np.sqrt(product))


def _gelu(order: int, a: Any, b: Any, c: Any) -> np.ndarray:
    """By Stein's identity from ``E[N(u) N(v)]`` and ``P = E[n(u) n(v)]``, N and n the normal distribution, density."""
    p, q = 1 + a, 1 + b
    det = p * q - c * c
    both = 0.25 + np.arcsin(c / np.sqrt(p * q)) / (2 * np.pi)
    density = 1 / (2 * np.pi * np.sqrt(det))
    if order:
        return both + density * c * (1 / p + 1 / q + 1 / det)
    return c * both + density * (a * b + c * c * (1 / p + 1 / q - 1))


def _slope(phi: Activation, order: int, std: np.ndarray) -> float:
    """How much a unit change of all three covariances moves the dual, at most (Price's theorem, Cauchy-Schwarz).

    The derivatives are E[g'(u) g'(v)] in the covariance and E[g''(u) g(v)]/2 in a variance. The second moments change
    slowly with the deviation: nine of them stand for all.
    """
    some = np.linspace(std.min(), std.max(), 9)
    m = [float(mean_square(vectorised(phi.derivative(order + k)), some).max()) for k in range(3)]
    return m[1] + math.sqrt(m[0] * m[2])
