"""The factors of every sample's gradient, layer by layer: what kernels are made of instead of Jacobians."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.factors import sweep, unit_cotangents
from empirics.weights import Weights


@dataclass(frozen=True, eq=False)
class Layer:
    """What some samples contribute through one trained hidden layer.

    Attributes:
        a: inputs, (..., [P,] n, q), or None where only the bias is trained.
        scale: what the inputs still have to be multiplied with.
        c: cotangents of every output, (..., [P,] k n, p), sample i of output h in row h n + i.
        bias: 1.0 where a bias is trained, else 0.0.
        positions: whether the dimension P is there.
    """

    a: Tensor | None
    scale: float
    c: Tensor
    bias: float
    positions: bool

    def rows(self, part: slice, n: int) -> Layer:
        """The same for some of the n samples."""
        a = None if self.a is None else self.a[..., part, :]
        c = self.c.unflatten(-2, (-1, n))[..., part, :]
        return Layer(a, self.scale, c.flatten(-3, -2), self.bias, self.positions)


@dataclass(frozen=True, eq=False)
class Features:
    """The factors of some samples' gradients.

    Attributes:
        hidden: those of the trained hidden layers.
        a: the readout's input, (..., n, m), or None where its weights are not trained.
        scale: what it still has to be multiplied with.
        bias: 1.0 where the readout has a trained bias, else 0.0.
        slope: psi' at the outputs, (..., n, k).
    """

    hidden: tuple[Layer, ...]
    a: Tensor | None
    scale: float
    bias: float
    slope: Tensor

    def rows(self, part: slice) -> Features:
        """The same for some of the samples."""
        n = self.slope.shape[-2]
        a = None if self.a is None else self.a[..., part, :]
        hidden = tuple(layer.rows(part, n) for layer in self.hidden)
        return Features(hidden, a, self.scale, self.bias, self.slope[..., part, :])


def features(weights: Weights, x: Tensor) -> Features:
    """The factors of every sample's gradient.

    Args:
        weights: the network.
        x: inputs, (n, d).

    Returns:
        Them, for the trained layers.
    """
    s, L = sweep(weights, x), weights.L
    c = unit_cotangents(weights, s, weights.lowest)
    slope = s.out[0] if s.out else torch.ones_like(s.f)
    hidden = tuple(
        Layer(s.a[l] if weight else None, s.scales[l], c[l], float(bias), weights.windows[l] is not None)
        for l, (weight, bias) in enumerate(zip(weights.learns[:L], weights.learns_bias[:L], strict=True))
        if weight or bias
    )
    return Features(hidden, s.a[L] if weights.learns[L] else None, s.scales[L], float(weights.learns_bias[L]), slope)
