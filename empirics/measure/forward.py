"""One forward and one backward sweep over n samples, in the form every measure shares.

a_l = alpha^(l-1)/sqrt(m_{l-1}) is layer l's scaled input, so z_l = W_l a_l; b_l = d f/d alpha^(l); c_l = phi'(z_l) b_l
= d f/d z_l.  Hence d f/d W_l = c_l a_l^T: norms and inner products of gradients never need the matrix itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.networks import Weights


@dataclass(frozen=True, eq=False)
class Pass:
    """A forward sweep; index l-1 holds layer l.

    Attributes:
        a: scaled inputs of the L hidden layers and of the readout, a[0] (..., n, d), the others (..., n, m).
        d1: phi'(z_l), (..., n, m); empty at order 0.
        d2: phi''(z_l), (..., n, m); empty below order 2.
        f: outputs, (..., n, k).
    """

    a: tuple[Tensor, ...]
    d1: tuple[Tensor, ...]
    d2: tuple[Tensor, ...]
    f: Tensor

    def rows(self, part: slice) -> Pass:
        """The same sweep restricted to some samples (views)."""
        a, d1, d2 = (tuple(t[..., part, :] for t in group) for group in (self.a, self.d1, self.d2))
        return Pass(a, d1, d2, self.f[..., part, :])


def forward(weights: Weights, X: Tensor, order: int = 1) -> Pass:
    """Sweep the inputs through the network.

    Args:
        weights: the network.
        X: inputs, (n, d).
        order: how many derivatives of phi to keep: 0, 1 or 2.

    Returns:
        The cache.
    """
    a, d1, d2 = [X * weights.scales[0]], [], []
    for w, scale in zip(weights.W, weights.scales[1:], strict=True):
        value, *slopes = weights.activation.jet(a[-1] @ w.mT, order)
        a.append(value * scale)
        d1 += slopes[:1]
        d2 += slopes[1:]
    return Pass(tuple(a), tuple(d1), tuple(d2), a[-1] @ weights.V)


def backward(weights: Weights, cache: Pass, cotangent: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Sweep an output cotangent back.

    Args:
        weights: the network.
        cache: its forward sweep, at least of order 1.
        cotangent: weight of each output in the function differentiated, (..., n, k).

    Returns:
        (b, c): lists over l = 1..L of (..., n, m); cotangents of alpha^(l) and of z^(l).
    """
    b = [(cotangent @ weights.V.mT) * weights.scales[-1]]
    c = [b[0] * cache.d1[-1]]
    for l in range(weights.L - 1, 0, -1):
        b.insert(0, (c[0] @ weights.W[l]) * weights.scales[l])
        c.insert(0, b[0] * cache.d1[l - 1])
    return b, c


def output_cotangent(weights: Weights, n: int, output: int) -> Tensor:
    """Cotangent picking one output for every sample.

    Args:
        weights: the network.
        n: samples.
        output: its index, 0..k-1.

    Returns:
        (n, k), ones in column `output`.
    """
    cotangent = weights.V.new_zeros(n, weights.k)
    cotangent[:, output] = 1
    return cotangent


def outer_norm_squared(c: Tensor, a: Tensor) -> Tensor:
    """||sum_i c_i a_i^T||_F^2 = sum_ij (c_i.c_j)(a_i.a_j), by whichever side costs fewer operations.

    The matrix costs n p q operations, the Gram form n^2 (p + q): the latter wins for few samples and wide layers.

    Args:
        c: (..., n, p).
        a: (..., n, q).

    Returns:
        (...,).
    """
    n, p, q = c.shape[-2], c.shape[-1], a.shape[-1]
    if p * q < n * (p + q):
        return (c.mT @ a).square().sum((-2, -1))
    return ((c @ c.mT) * (a @ a.mT)).sum((-2, -1)).clamp(min=0)


def check_inputs(weights: Weights, X: Tensor | np.ndarray | Sequence[Sequence[float]]) -> Tensor:
    """Inputs as a finite (n, d) tensor in the network's dtype, on its device.

    Args:
        weights: the network.
        X: inputs, (n, d).

    Returns:
        The tensor.

    Raises:
        TheoryError: wrong shape, no rows, or entries that are not finite.
    """
    x = _as_tensor("X", X, weights)
    if x.ndim != 2 or x.shape[1] != weights.d or x.shape[0] == 0:
        raise TheoryError(f"X of shape {tuple(x.shape)} must be (n, {weights.d}) with n at least 1, one row per sample")
    return x


def check_targets(weights: Weights, y: Tensor | np.ndarray | Sequence[float], n: int) -> Tensor:
    """Targets as a finite (n, k) tensor in the network's dtype, on its device.

    Args:
        weights: the network.
        y: targets, (n, k), or (n,) where k = 1.
        n: samples.

    Returns:
        The tensor.

    Raises:
        TheoryError: wrong shape, or entries that are not finite.
    """
    t = _as_tensor("y", y, weights)
    t = t[:, None] if t.ndim == 1 else t
    if t.shape != (n, weights.k):
        raise TheoryError(
            f"y of shape {tuple(t.shape)} must be ({n}, {weights.k}): one row per sample, one column per output"
        )
    return t


def _as_tensor(name: str, value: object, weights: Weights) -> Tensor:
    try:
        t = torch.as_tensor(value, dtype=weights.V.dtype, device=weights.V.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TheoryError(f"{name} of type {type(value).__name__} is not an array of numbers: give a tensor") from error
    if not bool(torch.isfinite(t).all()):
        raise TheoryError(f"{name} has entries that are NaN or infinite: remove those samples")
    return t.detach()
