"""The paper's network and Hermite coefficients in plain numpy, for demonstrations: independent of the rest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any


def gelu(z: Array) -> Array:
    """Z N(z)."""
    return z * _normal(z)


def gelu_slope(z: Array) -> Array:
    """N(z) + z n(z)."""
    return _normal(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _normal(z: Array) -> Array:
    return np.vectorize(math.erfc, otypes=[float])(-np.asarray(z) / math.sqrt(2)) / 2


def unit_columns(d_0: int, n: int, seed: int) -> Array:
    """X: d_0 x n, columns of norm 1."""
    X = np.random.default_rng(seed).standard_normal((d_0, n))
    return X / np.linalg.norm(X, axis=0)


def weights(d_1: int, d_0: int, d_2: int, omega_1: float, omega_2: float, seed: int) -> tuple[Array, Array]:
    """W_0 and V_0 of eq 17."""
    rng = np.random.default_rng(seed)
    return omega_1 * rng.standard_normal((d_1, d_0)), omega_2 * rng.standard_normal((d_2, d_1))


def jacobian(W: Array, V: Array, X: Array, phi: Any, slope: Any) -> Array:
    """Grad Phi*(W, V) of eq 39 as a matrix: one row per entry of Delta, d_2 x n."""
    hidden, turned = phi(W @ X), slope(W @ X)
    rows = []
    for a in range(V.shape[0]):
        for b in range(X.shape[1]):
            delta = np.zeros((V.shape[0], X.shape[1]))
            delta[a, b] = 1.0
            rows.append(np.concatenate([((turned * (V.T @ delta)) @ X.T).ravel(), (delta @ hidden.T).ravel()]))
    return np.array(rows)


def shares(phi: Any, count: int) -> Array:
    """``c_i/sqrt(i!)`` for i < count: the trapezoidal rule with orthonormal Hermite functions, by their recursion."""
    z = np.arange(-20, 20 + 1e-9, 1 / 128)
    root = np.exp(-z * z / 4) / (2 * math.pi) ** 0.25
    weighted, before, here, found = phi(z) * root / 128, np.zeros_like(z), root, []
    for i in range(count):
        found.append(float(weighted @ here))
        before, here = here, (z * here - math.sqrt(i) * before) / math.sqrt(i + 1)
    return np.array(found)
