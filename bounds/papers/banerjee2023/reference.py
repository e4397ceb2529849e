"""The paper's network in plain numpy, for demonstrations: slow, small and independent of the measuring code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
STEP = 1e-5
"""Central-difference step: the error of a Hessian entry is about STEP^2 + 1e-16/STEP, far below what is shown."""


@dataclass(frozen=True)
class Reference:
    """Weights W^(1..L), readout v, activation and its derivative."""

    weights: tuple[Array, ...]
    v: Array
    phi: Callable[[Array], Array]
    slope: Callable[[Array], Array]

    def layers(self, x: Array) -> tuple[list[Array], list[Array]]:
        """Pre-activations z^(l) and layer inputs alpha^(l-1)/sqrt(m_(l-1)), the last entry being the readout's."""
        inputs, pre = [x / np.sqrt(x.size)], []
        for w in self.weights:
            pre.append(w @ inputs[-1])
            inputs.append(self.phi(pre[-1]) / np.sqrt(w.shape[0]))
        return pre, inputs

    def value(self, x: Array) -> float:
        """f(x)."""
        return float(self.v @ self.layers(x)[1][-1])

    def gradient(self, x: Array) -> Array:
        """The gradient in all parameters, layer after layer, then v."""
        pre, inputs = self.layers(x)
        parts, back = [inputs[-1]], self.v / np.sqrt(self.v.size)
        for w, z, a in zip(reversed(self.weights), reversed(pre), reversed(inputs[:-1]), strict=True):
            back = self.slope(z) * back
            parts.append(np.outer(back, a).ravel())
            back = w.T @ back / np.sqrt(w.shape[1])
        return np.concatenate(parts[:0:-1] + parts[:1])

    def input_gradient(self, x: Array) -> Array:
        """df/dx."""
        pre, _ = self.layers(x)
        back = self.v / np.sqrt(self.v.size)
        for w, z in zip(reversed(self.weights), reversed(pre), strict=True):
            back = w.T @ (self.slope(z) * back) / np.sqrt(w.shape[1])
        return back

    def flat(self) -> Array:
        """All parameters in one vector, in ``gradient``'s order."""
        return np.concatenate([*(w.ravel() for w in self.weights), self.v])

    def at(self, theta: Array) -> Reference:
        """The network with other parameters."""
        sizes = np.cumsum([w.size for w in self.weights])
        parts = np.split(theta, sizes)
        weights = tuple(p.reshape(w.shape) for p, w in zip(parts, self.weights, strict=False))
        return Reference(weights, parts[-1], self.phi, self.slope)

    def hessian_norm(self, x: Array) -> float:
        """||Hessian of f in the parameters||_2, by central differences of the gradient."""
        theta = self.flat()
        rows = [
            (self.at(theta + STEP * e).gradient(x) - self.at(theta - STEP * e).gradient(x)) / (2 * STEP)
            for e in np.eye(theta.size)
        ]
        hessian = np.array(rows)
        return float(np.linalg.norm((hessian + hessian.T) / 2, 2))


def initialise(depth: int, m: int, d: int, sigma_1: float, phi: Any, slope: Any, seed: int = 0) -> Reference:
    """A network as in Assumption 2."""
    rng = np.random.default_rng(seed)
    sigma_0 = sigma_1 / (2 * (1 + np.sqrt(np.log(m)) / np.sqrt(2 * m)))
    weights = tuple(sigma_0 * rng.standard_normal((m, d if k == 0 else m)) for k in range(depth))
    v = rng.standard_normal(m)
    return Reference(weights, v / np.linalg.norm(v), phi, slope)


def sphere_point(d: int, seed: int = 0) -> Array:
    """A point with norm sqrt(d)."""
    x = np.random.default_rng(seed + 1000).standard_normal(d)
    return x * np.sqrt(d) / np.linalg.norm(x)


def tanh_slope(z: Array) -> Array:
    """Tanh'."""
    return 1 - np.tanh(z) ** 2
