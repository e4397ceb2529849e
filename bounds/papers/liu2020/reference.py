"""The network of eq 28 in plain numpy, for demonstrations: slow, small and independent of the measuring code."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
STEP = 1e-5
"""Central-difference step: the error of a Hessian entry is about STEP^2 + 1e-16/STEP, far below what is shown."""


@dataclass(frozen=True)
class Network:
    """Weights W^(1..L), the last a row, the activation and its derivative."""

    weights: tuple[Array, ...]
    sigma: Callable[[Array], Array]
    slope: Callable[[Array], Array]

    def layers(self, x: Array) -> tuple[list[Array], list[Array]]:
        """Preactivations alphatilde^(l) and layer inputs alpha^(l-1)/sqrt(m_(l-1)), for l = 1..L."""
        inputs, pre = [x / math.sqrt(x.size)], []
        for w in self.weights:
            pre.append(w @ inputs[-1])
            inputs.append(self.sigma(pre[-1]) / math.sqrt(w.shape[0]))
        return pre, inputs[:-1]

    def value(self, x: Array) -> float:
        """f(x)."""
        return float(self.layers(x)[0][-1][0])

    def backward(self, x: Array) -> list[Array]:
        """b^(l) = df/d alpha^(l) for l = 1..L-1."""
        pre, _ = self.layers(x)
        found = [self.weights[-1][0] / math.sqrt(self.weights[-1].shape[1])]
        for w, z in zip(reversed(self.weights[1:-1]), reversed(pre[1:-1]), strict=True):
            found.append(w.T @ (self.slope(z) * found[-1]) / math.sqrt(w.shape[1]))
        return found[::-1]

    def gradient(self, x: Array) -> Array:
        """The gradient in all weights, layer after layer."""
        pre, inputs = self.layers(x)
        parts = [
            np.outer(self.slope(z) * b, a).ravel()
            for z, b, a in zip(pre[:-1], self.backward(x), inputs[:-1], strict=True)
        ]
        return np.concatenate([*parts, inputs[-1]])

    def flat(self) -> Array:
        """All weights in one vector, in ``gradient``'s order."""
        return np.concatenate([w.ravel() for w in self.weights])

    def at(self, theta: Array) -> Network:
        """The network with other weights."""
        sizes = np.cumsum([w.size for w in self.weights])[:-1]
        parts = np.split(theta, sizes)
        weights = tuple(p.reshape(w.shape) for p, w in zip(parts, self.weights, strict=True))
        return Network(weights, self.sigma, self.slope)

    def hessian(self, x: Array) -> Array:
        """The Hessian of f in all weights, by central differences of the gradient."""
        theta = self.flat()
        rows = [
            (self.at(theta + STEP * e).gradient(x) - self.at(theta - STEP * e).gradient(x)) / (2 * STEP)
            for e in np.eye(theta.size)
        ]
        full = np.array(rows)
        return (full + full.T) / 2

    def blocks(self, x: Array) -> Array:
        """Spectral norms of the L x L blocks of the Hessian."""
        ends = np.concatenate([[0], np.cumsum([w.size for w in self.weights])])
        full = self.hessian(x)
        cut = [slice(a, b) for a, b in itertools.pairwise(ends)]
        return np.array([[np.linalg.norm(full[i, j], 2) for j in cut] for i in cut])

    def c_0(self) -> float:
        """The least c_0 that Assumption 7.1 allows for these weights."""
        return max(float(np.linalg.norm(w, 2)) for w in self.weights) / math.sqrt(self.weights[0].shape[0])

    def s_0(self, x: Array) -> float:
        """The least s_0 that Assumption 7.2 allows for these weights and this input."""
        return max(float(np.abs(b).max() / np.linalg.norm(b)) * math.sqrt(b.size) for b in self.backward(x))


def initialise(layers: int, m: int, d: int, sigma: Any, slope: Any, seed: int = 0) -> Network:
    """``layers`` weight layers with independent N(0, 1) entries."""
    rng = np.random.default_rng(seed)
    widths = [d, *[m] * (layers - 1), 1]
    weights = tuple(rng.standard_normal((b, a)) for a, b in itertools.pairwise(widths))
    return Network(weights, sigma, slope)


def identity(z: Array) -> Array:
    """Linear activation."""
    return z


def one(z: Array) -> Array:
    """Its derivative."""
    return np.ones_like(z)


def tanh_slope(z: Array) -> Array:
    """Tanh'."""
    return 1 - np.tanh(z) ** 2
