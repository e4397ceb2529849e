"""The paper's network in plain numpy: output, gradient and Hessian of one sample's loss (eqs 1, 12, 13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Reference:
    """``(1/K) sum_k phi(w_k^T x)`` and the loss ``(y - output)^2 / 2``.

    Attributes:
        phi: The activation and its first two derivatives, elementwise functions.
    """

    phi: tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]

    def output(self, weights: Any, x: Any) -> Any:
        """The output for ``weights`` (d, K) at ``x`` (d,) or at the rows of ``x`` (n, d)."""
        return self.phi[0](x @ weights).mean(axis=-1)

    def gradient(self, weights: Any, x: Any, y: float) -> Any:
        """Eq 12 as a (d, K) array: column j is alpha_j x."""
        return np.outer(x, (self.output(weights, x) - y) * self.phi[1](x @ weights) / weights.shape[1])

    def coefficients(self, weights: Any, x: Any, y: float) -> Any:
        """Eq 13's K x K array beta: the Hessian is its Kronecker product with ``x x^T``."""
        k, pre = weights.shape[1], x @ weights
        slope = self.phi[1](pre) / k
        return np.outer(slope, slope) + np.diag((self.output(weights, x) - y) * self.phi[2](pre) / k)

    def hessian(self, weights: Any, x: Any, y: float) -> Any:
        """Eq 13 as a (K d, K d) array, neuron by neuron."""
        return np.kron(self.coefficients(weights, x, y), np.outer(x, x))


def _sigmoid(z: Any) -> Any:
    return (1 + np.tanh(z / 2)) / 2


SIGMOID = Reference(
    (
        _sigmoid,
        lambda z: _sigmoid(z) * (1 - _sigmoid(z)),
        lambda z: _sigmoid(z) * (1 - _sigmoid(z)) * (1 - 2 * _sigmoid(z)),
    )
)
TANH01 = Reference(
    (
        lambda z: (1 + np.tanh(z)) / 2,
        lambda z: (1 - np.tanh(z) ** 2) / 2,
        lambda z: -np.tanh(z) * (1 - np.tanh(z) ** 2),
    )
)
"""L_phi = 1: sup|phi'''| is reached at 0."""
