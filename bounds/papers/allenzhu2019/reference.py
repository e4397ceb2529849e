"""Small networks in NumPy, written from the definitions of Section 2 and Appendix C."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Reference:
    """h_0 = relu(A x), h_l = relu(W_l h_{l-1}), y = B h_L; only the W_l are trained.

    Attributes:
        A: (m, d_in).
        weights: W_1..W_L, each (m, m).
        B: (d, m).
    """

    A: np.ndarray
    weights: tuple[np.ndarray, ...]
    B: np.ndarray

    def layers(self, x: np.ndarray) -> list[np.ndarray]:
        """h_0, ..., h_L for one input."""
        hidden = [np.maximum(self.A @ x, 0)]
        for w in self.weights:
            hidden.append(np.maximum(w @ hidden[-1], 0))
        return hidden

    def loss(self, X: np.ndarray, Y: np.ndarray) -> float:
        """Half the sum of squared residuals."""
        return sum(float(np.sum((self.B @ self.layers(x)[-1] - y) ** 2)) / 2 for x, y in zip(X, Y, strict=True))

    def gradient(self, X: np.ndarray, Y: np.ndarray) -> list[np.ndarray]:
        """Fact 2.6: sum_i D_l Back_{l+1}^T loss_i h_{l-1}^T, layer by layer."""
        total = [np.zeros_like(w) for w in self.weights]
        for x, y in zip(X, Y, strict=True):
            hidden = self.layers(x)
            back = self.B.T @ (self.B @ hidden[-1] - y)
            for k in range(len(self.weights) - 1, -1, -1):
                back = back * (hidden[k + 1] > 0)
                total[k] += np.outer(back, hidden[k])
                back = self.weights[k].T @ back
        return total


def initialise(depth: int, m: int, d_in: int, d: int, seed: int = 0) -> Reference:
    """Definition 2.3."""
    rng = np.random.default_rng(seed)
    scale = np.sqrt(2 / m)
    weights = tuple(scale * rng.standard_normal((m, m)) for _ in range(depth))
    return Reference(scale * rng.standard_normal((m, d_in)), weights, rng.standard_normal((d, m)) / np.sqrt(d))


def data(n: int, d_in: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit inputs with last coordinate 1/sqrt(2), unit targets."""
    rng = np.random.default_rng(seed + 1)
    X, Y = rng.standard_normal((n, d_in)), rng.standard_normal((n, d))
    X[:, :-1] /= np.sqrt(2) * np.linalg.norm(X[:, :-1], axis=1, keepdims=True)
    X[:, -1] = 1 / np.sqrt(2)
    return X, Y / np.linalg.norm(Y, axis=1, keepdims=True)


def residual_layers(first: np.ndarray, branches: list[np.ndarray], tau: float) -> list[np.ndarray]:
    """Appendix C: h_0, then h_l = relu(h_{l-1} + tau W_l h_{l-1})."""
    hidden = [first]
    for w in branches:
        hidden.append(np.maximum(hidden[-1] + tau * (w @ hidden[-1]), 0))
    return hidden
