"""Infinite-width neural tangent kernels of the papers' networks, from data alone.

A chain of weight layers ``z^(l) = c_l W^(l) alpha^(l-1)``, ``alpha^(l) = phi(z^(l))``, with independent centred entries
of variance w_l, fan-in m_{l-1} and one output ``f = z^(H+1)``. As the widths grow, pre-activations of different inputs
become Gaussian with covariance S_l, and the kernel ``sum_l <df/dW^(l), df/dW^(l)'>`` tends to the last of

    q_0 = X X^T,   S_l = v_l q_{l-1},   q_l = E[phi(u) phi(u')],   D_l = E[phi'(u) phi'(u')],   u ~ N(0, S_l),
    K_1 = g_1 q_0,   K_{l+1} = g_{l+1} q_l + v_{l+1} D_l o K_l,

with ``v_l = c_l^2 w_l m_{l-1}`` and ``g_l = c_l^2 m_{l-1}``, 0 if layer l is not trained (m_0 left out: q_0 is a sum).
A paper's own scalings are in its ``bounds/papers/<key>/data.py``, whose function ``ntk`` is found by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bounds.activations import get
from bounds.dual import dual
from bounds.errors import TheoryError
from bounds.mehler import EPS

__all__ = ["Extremes", "Kernel", "Layer", "chain", "ntk"]


@dataclass(frozen=True)
class Layer:
    """One weight layer in the limit.

    Attributes:
        forward: v_l, the variance of a pre-activation per unit of mean (first layer: summed) square input.
        trained: g_l, what the layer adds to the kernel per unit of the same; 0 for a layer that is not trained.
    """

    forward: float
    trained: float


@dataclass(frozen=True)
class Extremes:
    """The least and greatest eigenvalue of a symmetric matrix, each within ``error``."""

    least: float
    greatest: float
    error: float


@dataclass(frozen=True, eq=False)
class Kernel:
    """A Gram matrix on n samples.

    Attributes:
        value: (n, n) float64, symmetric.
        error: Bound on the absolute error of every entry.
        text: Whose kernel it is, and its normalisation.
        output: (n, n): covariance of the output at initialisation, in the same normalisation; None where the readout
            is not centred, or is normalised otherwise.
    """

    value: np.ndarray
    error: float
    text: str
    output: np.ndarray | None = field(default=None, repr=False)

    @cached_property
    def extremes(self) -> Extremes:
        """Extreme eigenvalues; by Weyl's inequality their error is at most n times that of an entry, and rounding."""
        return extremes(self.value, self.error)

    @property
    def lambda_min(self) -> float:
        """The least eigenvalue.

        Raises:
            TheoryError: It cannot be told from 0 (or is 0: repeated, or for an odd activation opposite, inputs).
        """
        found = self.extremes
        if found.least <= found.error:
            raise TheoryError(
                f"the least eigenvalue of {self.text} is {found.least:.1e}, within its error {found.error:.1e} of 0: "
                "use fewer or more distinct samples"
            )
        return found.least


def extremes(matrix: np.ndarray, error: float = 0.0) -> Extremes:
    """The extreme eigenvalues of a symmetric matrix with a bound of their error.

    Args:
        matrix: (n, n), symmetric.
        error: Bound on the absolute error of its entries.

    Returns:
        The eigenvalues; the error is n times that of an entry and that of the solver, 4 sqrt(n) eps of the norm.

    Example:
        >>> extremes(np.array([[2.0, 1.0], [1.0, 2.0]])).greatest
        3.0...
    """
    values = np.linalg.eigvalsh(matrix)
    n, norm = len(values), float(np.abs(values).max())
    return Extremes(float(values[0]), float(values[-1]), n * error + 4 * n**0.5 * EPS * norm)


def chain(X: Any, layers: Sequence[Layer], activation: Any, text: str = "the kernel") -> Kernel:
    """The kernel of a chain of layers.

    Args:
        X: (n, d), one sample a row.
        layers: The weight layers, the readout last.
        activation: As for ``bounds.activations.get``.
        text: What to call it.

    Returns:
        The kernel.

    Raises:
        TheoryError: Inputs that are not a matrix of finite numbers, or as ``bounds.dual.dual`` does.

    Example:
        >>> chain([[1.0], [2.0]], [Layer(1, 1), Layer(1, 1)], "identity").value  # x x' from either layer
        array([[2., 4.],
               [4., 8.]])
    """
    X, phi = inputs(X), get(activation)
    q = X @ X.T
    error = len(X[0]) * EPS * float(q.diagonal().max())
    first, *rest = layers
    K, K_error, before = first.trained * q, first.trained * error, first.forward
    for number, layer in enumerate(rest):
        S, S_error = before * q, before * error
        out = dual(phi, S, error=S_error)
        if all(later.forward for later in rest[number:]):  # else nothing below reaches the output
            slope = dual(phi, S, 1, error=S_error)
            # an error of either factor, times the size of the other, and rounding
            K_error = layer.forward * (np.abs(slope.value).max() * K_error + np.abs(K).max() * (slope.error + EPS))
            K = layer.forward * slope.value * K
        else:
            K, K_error = np.zeros_like(q), 0.0
        q, error, before = out.value, out.error, layer.forward
        if layer.trained:
            K, K_error = K + layer.trained * q, K_error + layer.trained * error + EPS * float(np.abs(K).max())
    return Kernel(K, float(K_error), text, before * q)


def ntk(paper: str, X: Any, **options: Any) -> Kernel:
    """The infinite-width kernel of a paper's network at its initialisation, one output.

    Args:
        paper: Its key; the function ``ntk`` of its ``data.py`` is called.
        X: (n, d) inputs, used as they are.
        **options: That function's: ``activation``, ``L``, ...

    Returns:
        The kernel; its ``text`` says how it is normalised.

    Raises:
        TheoryError: The paper has no such network, an option it does not take, inputs that cannot be used, or a kernel
            beyond float64.

    Example:
        >>> ntk("fu2018", [[1.0, 0.0], [1.0, 1.0]], activation="identity").value
        array([[1., 1.],
               [1., 2.]])
    """
    known = ntk_options(paper)
    if extra := sorted(set(options) - set(known)):
        raise TheoryError(f"{paper}'s kernel takes {', '.join(known)}, not {', '.join(extra)}")
    try:
        return _module(paper).ntk(X, **options)
    except OverflowError:
        raise TheoryError(f"{paper}'s kernel at these values is beyond float64") from None


def _module(paper: str) -> Any:
    try:
        module = importlib.import_module(f"bounds.papers.{paper}.data")
    except ImportError:
        module = None
    if not hasattr(module, "ntk"):
        raise TheoryError(f"paper={paper!r} has no infinite-width kernel here")
    return module


def ntk_options(paper: str) -> tuple[str, ...]:
    """The options that a paper's kernel takes, by the paper's letters.

    Raises:
        TheoryError: The paper has no such network.
    """
    return tuple(_module(paper).ntk.__kwdefaults__ or ())


def normalised(paper: str, X: Any, values: Mapping[str, Any]) -> np.ndarray:
    """Raw inputs in a paper's normalisation (its ``data.rows``; as they are, where it has none)."""
    rows = getattr(_module(paper), "rows", None)
    return inputs(X) if rows is None else rows(inputs(X), values)


def inputs(X: Any) -> np.ndarray:
    """The inputs as a float64 matrix.

    Args:
        X: (n, d).

    Returns:
        The same, as an array.

    Raises:
        TheoryError: It is not one, or is empty or not finite.

    Example:
        >>> inputs([[1, 2]]).dtype
        dtype('float64')
    """
    try:
        matrix = np.asarray(X, dtype=float)
    except (TypeError, ValueError):
        raise TheoryError("X must be an (n, d) matrix of real numbers") from None
    if matrix.ndim != 2 or matrix.size == 0 or not np.isfinite(matrix).all():
        raise TheoryError(f"X of shape {matrix.shape} must be an (n, d) matrix of finite numbers, one sample a row")
    return matrix
