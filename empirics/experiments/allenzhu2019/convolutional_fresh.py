"""Fresh draws of a convolutional network: as it is, with large biases, and with the variances as printed (A14)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.comparison import predict
from empirics.experiments.allenzhu2019 import positions
from empirics.experiments.allenzhu2019.key import KEY
from empirics.measure.forward import forward
from empirics.weights import Weights

VARIANCES = ("cnn_input_variance", "cnn_variance", "cnn_dense_variance")
PRINTED = ("cnn_input_variance_printed", "cnn_dense_variance_printed")
LARGE = 1.0
"""A tau at which what the biases add can be seen."""
SAMPLES = 16


@dataclass(frozen=True, eq=False)
class Draws:
    """Squared norms of h_0, ..., h_L over S fresh networks, (S, L + 1, n) each.

    Attributes:
        own: at the network's tau.
        large: at tau = `LARGE`.
        printed: with the variances of A and W_L as printed.
    """

    own: np.ndarray
    large: np.ndarray
    printed: np.ndarray


def draw(scene: Any, seeds: Sequence[int]) -> Draws:
    """Initialise the network afresh; the three variants of a draw share its random numbers.

    Args:
        scene: the network, its inputs and tau (`convolutional.Scene`).
        seeds: of the draws.

    Returns:
        What was seen.
    """
    weights, X = scene.weights, scene.X[:SAMPLES]
    rows = []
    for seed in seeds:
        large = redrawn(weights, LARGE, seed)
        own = with_biases(large, scene.tau / LARGE)
        variants = (own, large, as_printed(own, scene.values))
        rows.append(torch.stack([squared_norms(w, X) for w in variants]))
    own, large, printed = torch.stack(rows, 1).cpu().numpy()
    return Draws(own, large, printed)


def redrawn(weights: Weights, tau: float, seed: int) -> Weights:
    """The same network with other random numbers, the variances being the builder's.

    Args:
        weights: as the builder has them.
        tau: scale of its biases.
        seed: of the numbers.

    Returns:
        The weights.
    """
    generator = torch.Generator().manual_seed(seed)
    P, m, q = weights.W[0].shape
    sizes = {"m": m, "q": q, "d_positions": P}
    variances = {name: float(predict(f"{KEY}.{name}", sizes).value) for name in VARIANCES}

    def normal(like: Tensor, variance: float) -> Tensor:
        noise = torch.randn(like.shape, generator=generator, dtype=torch.float64)
        return noise.mul_(math.sqrt(variance)).to(like)

    names = ("cnn_input_variance", *["cnn_variance"] * (weights.L - 2), "cnn_dense_variance")
    W = [normal(w, variances[name]) for w, name in zip(weights.W, names, strict=True)]
    biases = [normal(b, variances["cnn_variance"]).mul_(tau) for b in weights.biases if b is not None]
    return weights.with_tensors([*W, weights.V, *biases])


def with_biases(weights: Weights, factor: float) -> Weights:
    """The same network with its biases times a factor.

    Args:
        weights: the network.
        factor: at least 0.

    Returns:
        The weights.
    """
    return replace(weights, biases=tuple(None if b is None else b * factor for b in weights.biases))


def as_printed(weights: Weights, values: dict[str, Any]) -> Weights:
    """A and W_L rescaled to the variances of Appendix B as printed (A14).

    Args:
        weights: drawn with those that keep the norms.
        values: m, q, d_positions.

    Returns:
        The weights.
    """
    first, last = (
        math.sqrt(float(predict(f"{KEY}.{name}", values).value) / float(predict(f"{KEY}.{name[:-8]}", values).value))
        for name in PRINTED
    )
    return replace(weights, W=(weights.W[0] * first, *weights.W[1:-1], weights.W[-1] * last))


def squared_norms(weights: Weights, X: Tensor) -> Tensor:
    """||h_l||^2 of all hidden layers, (L + 1, n).

    Args:
        weights: the network.
        X: inputs, (n, P).

    Returns:
        The squared norms.
    """
    layers = positions.layers(weights, forward(weights, X, 0))
    return torch.stack([h.square().sum((0, 2)) for h in layers])
