"""Gaussian means of products by Mehler's formula, for functions without a closed form.

With ``a_k(s) = E[g(s z) He_k(z)]/sqrt(k!)``, z ~ N(0, 1), and (u, v) Gaussian of variances s_u^2, s_v^2 and correlation
rho,

    E[g(u) g(v)] = sum_k a_k(s_u) a_k(s_v) rho^k.

n^2 pairs cost n^2 K multiplications, where a tensor Gauss rule would evaluate g in n^2 N^2 points, and what is left out
is known: at most ``|rho|^K sqrt(t_u t_v)`` with ``t = E[g(s z)^2] - sum_{k<K} a_k^2``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from bounds.canonical import NUMPY, canonical
from bounds.errors import TheoryError
from bounds.expressions import Z

Function = Callable[[np.ndarray], np.ndarray]
EPS = float(np.finfo(float).eps)
MAX_TERMS = 2048
_BLOCK = 64


@functools.lru_cache(maxsize=256)
def vectorised(expression: sympy.Expr) -> Callable[[np.ndarray], np.ndarray]:
    """A SymPy expression in ``Z`` as a function of arrays.

    Args:
        expression: An activation or a derivative of one.

    Returns:
        A function from a float64 array to one of the same shape.

    Example:
        >>> vectorised(sympy.S.One)(np.zeros(2))
        array([1., 1.])
    """
    inner = sympy.lambdify(Z, canonical(expression), NUMPY)

    def function(z: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(inner(z), z.shape), dtype=float)

    return function


def mean_square(g: Callable[[np.ndarray], np.ndarray], std: np.ndarray) -> np.ndarray:
    """``E[g(s z)^2]`` for every standard deviation s.

    Args:
        g: A function of arrays.
        std: (n,) standard deviations.

    Returns:
        (n,) float64.

    Raises:
        TheoryError: The expectation is infinite, or g too steep for the finest rule.
    """
    step, last, gap = 1 / 8, np.zeros(np.shape(std)), math.inf
    while step >= 1 / 512:
        weighted = _weighted(g, std, step)[1]
        value = np.einsum("ij,ij->i", weighted, weighted)
        gap = float((np.abs(value - last) / np.maximum(value, 1e-300)).max())
        if gap <= 1e-14:
            return value
        last, step = value, step / 2
    if gap > 1e-11:
        raise TheoryError(f"the activation is too steep at standard deviation {std.max():.3g}: scale it or the data")
    return last


def mehler(g: Function, std: np.ndarray, rho: np.ndarray) -> tuple[np.ndarray, float]:
    """``E[g(u_i) g(u_j)]`` for all pairs, exact to quadrature on the diagonal.

    Args:
        g: A function of arrays.
        std: (n,) standard deviations.
        rho: (n, n) correlations, 1 on the diagonal.

    Returns:
        (n, n) values, and a bound of their errors: the terms left out, the coefficients' change when the step of
        their quadrature is halved, rounding.

    Raises:
        TheoryError: ``g`` grows too fast, or is too steep, at these deviations.

    Example:
        >>> mehler(lambda z: z, np.array([1.0, 2.0]), np.array([[1.0, 0.5], [0.5, 1.0]]))[0].round(12)
        array([[1., 1.],
               [1., 4.]])
    """
    unique, index = np.unique(std, return_inverse=True)
    square = mean_square(g, unique)
    top = float(square.max())
    off = np.abs(rho[~np.eye(len(rho), dtype=bool)]).max(initial=0.0)
    terms = 64
    while True:
        table, wrong = _settled(g, unique, terms)
        left = np.maximum(square[:, None] - np.cumsum(table**2, axis=1), 0.0)  # after 1, 2, ... terms
        tails = np.where((left <= 16 * EPS * square[:, None]).all(axis=0), 0.0, left.max(axis=0))
        enough = np.flatnonzero(off ** np.arange(1, terms + 1) * tails <= EPS * top)
        if enough.size or terms >= MAX_TERMS:
            break
        terms *= 4
    kept = int(enough[0]) + 1 if enough.size else terms
    bound = float(off**kept * left[:, kept - 1].max() + 2 * wrong * math.sqrt(top))
    value = _horner(table[index, :kept], rho)
    np.fill_diagonal(value, square[index])
    return value, bound + EPS * float((table[:, :kept] ** 2 @ (np.arange(kept) + 8.0)).max())


def _weighted(g: Callable[[np.ndarray], np.ndarray], std: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """(z, g(s z) sqrt(step n(z))) on a grid so wide that the ends do not matter; n is the normal density."""
    for end in (16.0, 24.0, 36.0):
        count = round(end / step)
        z = step * np.arange(-count, count + 1)
        values = g(std[:, None] * z) * (np.exp(-z * z / 4) * math.sqrt(step / math.sqrt(2 * math.pi)))
        size = np.abs(values).max(axis=1)
        if np.isfinite(values).all() and (np.abs(values[:, [0, -1]]).max(axis=1) <= 1e-17 * size).all():
            return z, values
    raise TheoryError(f"E[g(s z)^2] is infinite or too large at s = {std.max():.3g}: the activation grows too fast")


def _coefficients(g: Any, std: np.ndarray, step: float, terms: int) -> np.ndarray:
    """``a_k(s)`` for k < terms, (n, terms): the trapezoidal rule against the Hermite functions."""
    z, values = _weighted(g, std, step)
    before, now = np.zeros_like(z), np.exp(-z * z / 4) * math.sqrt(step / math.sqrt(2 * math.pi))
    functions = np.empty((len(z), terms))
    for k in range(terms):
        functions[:, k] = now
        before, now = now, (z * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    return values @ functions


def _settled(g: Any, std: np.ndarray, terms: int) -> tuple[np.ndarray, float]:
    """The coefficients, and by how much their rows differ from those of twice the step."""
    step = math.pi / (math.sqrt(terms) + 25)  # He_k oscillates at sqrt(k); 25 leaves room for g and the weight
    table = _coefficients(g, std, step, terms)
    for _ in range(4):
        coarse, step = table, step / 2
        table = _coefficients(g, std, step, terms)
        wrong = float(np.linalg.norm(table - coarse, axis=1).max())
        if wrong <= 1e-13 * float(np.linalg.norm(table, axis=1).max()):
            break
    return table, wrong


def _horner(table: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """``sum_k a_k a_k^T o rho^k`` over blocks of the upper triangle that stay in the cache."""
    size = float(np.abs(table).max())
    used = np.flatnonzero(np.abs(table).max(axis=0) > 1e-18 * size)  # an odd or even g has every second one only
    if not used.size:  # g is 0 wherever it is asked for
        return np.zeros_like(rho)
    value = np.empty_like(rho)
    for start in range(0, len(rho), _BLOCK):
        rows, columns = slice(start, start + _BLOCK), slice(start, None)
        block = np.zeros_like(rho[rows, columns])
        power: dict[int, np.ndarray] = {}
        for k, lower in zip(used[::-1], [*used[-2::-1], 0], strict=True):
            block += table[rows, k, None] * table[None, columns, k]
            gap = int(k - lower)
            if gap:
                block *= power.setdefault(gap, rho[rows, columns] ** gap)
        value[rows, columns] = block
        value[columns, rows] = block.T
    return value
