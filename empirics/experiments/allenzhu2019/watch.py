"""What is measured at a point of a path: Theorem 3's gradient norms, and how far each layer has moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from empirics.factors import cotangents, sweep
from empirics.losses import LOSSES, Loss
from empirics.measure.forward import outer_norm_squared
from empirics.measure.norms import spectral_norm
from empirics.weights import Weights

SQUARE = "half_square"
"""The paper's loss, F."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """Squared gradient norms of a stack of S networks, T trained layers and n samples.

    Attributes:
        layer: ||grad_{W_l} F||_F^2, (S, T).
        sample: ||grad_{W_l} F_i||_F^2, (S, T, n).
        residual: ||loss_i||^2, the squared norms of the loss's gradient in the outputs, (S, n).
        loss: F, (S,).
    """

    layer: Tensor
    sample: Tensor
    residual: Tensor
    loss: Tensor


def slopes(weights: Weights, X: Tensor, y: Tensor, loss: Loss) -> Slopes:
    """Squared gradient norms, without forming a gradient where the Gram form is cheaper.

    ||grad_{W_l} F_i||_F = ||c_i|| ||a_i||, c_i the layer's cotangent and a_i its input; with windows, position by
    position.

    Args:
        weights: a stack of networks.
        X: inputs, (n, d_in).
        y: targets, (n, d).
        loss: a sum over samples.

    Returns:
        Them.
    """
    s = sweep(weights, X)
    slope = loss.slope(s.f, y)
    c = cotangents(weights, s, slope, weights.lowest)
    layer, sample = [], []
    for l in trained(weights):
        scale, a = s.scales[l] ** 2, s.a[l]
        full, each = outer_norm_squared(c[l], a), c[l].square().sum(-1) * a.square().sum(-1)
        if weights.windows[l] is not None:
            full, each = full.sum(-1), each.sum(-2)
        layer.append(full * scale)
        sample.append(each * scale)
    return Slopes(torch.stack(layer, -1), torch.stack(sample, -2), slope.square().sum(-1), loss.value(s.f, y))


def trained(weights: Weights) -> list[int]:
    """The indices of the hidden layers that are trained: those of W_1, ..., W_L."""
    return [l for l in range(weights.L) if weights.learns[l]]


class Watch:
    """Theorem 3's norms and the layers' distances from w_0, for `train_many(observe=...)`; every step is recorded.

    Args:
        X: inputs, (n, d_in).
        y: targets, (n, d).
        marks: the steps at which to look; NaN elsewhere.
    """

    def __init__(self, X: Tensor, y: Tensor, marks: Sequence[int]) -> None:
        self.X, self.y, self.marks, self._step = X, y, frozenset(marks), 0
        self._start: Weights | None = None

    def begin(self, weights: Weights) -> None:
        """Where the runs start."""
        self._start, self._step = weights.clone(), 0

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these runs."""
        if self._start is not None:
            self._start = self._start.with_tensors(t[list(rows)] for t in self._start.tensors)

    def __call__(self, weights: Weights) -> Tensor:
        """See `look`; (S, 2 + 5 T)."""
        due, self._step = self._step in self.marks, self._step + 1
        if not due or self._start is None:
            return weights.V.new_full((len(weights.V), 2 + 5 * len(trained(weights))), math.nan)
        return look(weights, self._start, self.X, self.y)


def look(weights: Weights, start: Weights, X: Tensor, y: Tensor) -> Tensor:
    """What is measured at a point of the path, in one row per network.

    Args:
        weights: a stack of S networks.
        start: where they began.
        X: inputs, (n, d_in).
        y: targets, (n, d).

    Returns:
        (S, 2 + 5 T): F; max_i F_i; per trained layer ||grad_l F||^2, then F_i and ||grad_l F_i||^2 of the sample with
        the largest ratio of the two, then ||W_l - W_l0||_F and ||W_l - W_l0||_2, for a CNN that of the whole matrix.
    """
    found = slopes(weights, X, y, LOSSES[SQUARE])
    F_i = found.residual / 2
    ratio = torch.where(F_i[:, None] > 0, found.sample / F_i[:, None], 0.0)
    at = ratio.argmax(-1, keepdim=True)
    top = found.sample.gather(-1, at)[..., 0]
    its = F_i[:, None].expand_as(found.sample).gather(-1, at)[..., 0]
    moves = [distances(weights, start, l) for l in trained(weights)]
    frobenius, spectral = (torch.stack(column, -1) for column in zip(*moves, strict=True))
    return torch.cat([torch.stack([found.loss, F_i.amax(-1)], -1), found.layer, its, top, frobenius, spectral], -1)


@dataclass(frozen=True, eq=False)
class Look:
    """The numbers of `look` for one network at one step: T trained layers, squared gradient norms.

    Attributes:
        step: when.
        loss, largest: F and max_i F_i.
        layer: ||grad_{W_l} F||_F^2, (T,).
        sample_loss, sample: F_i and ||grad_{W_l} F_i||_F^2 where their ratio is largest, (T,) each.
        frobenius, spectral: ||W_l - W_l0||, (T,) each.
    """

    step: int
    loss: float
    largest: float
    layer: np.ndarray
    sample_loss: np.ndarray
    sample: np.ndarray
    frobenius: np.ndarray
    spectral: np.ndarray

    @classmethod
    def read(cls, step: int, row: np.ndarray) -> Look:
        """From a row of `look`.

        Args:
            step: when.
            row: (2 + 5 T,).

        Returns:
            Its numbers by name.
        """
        return cls(step, float(row[0]), float(row[1]), *row[2:].reshape(5, -1))


def distances(weights: Weights, start: Weights, l: int) -> tuple[Tensor, Tensor]:
    """||W_l - W_l0||_F and ||W_l - W_l0||_2 of a stack, (S,) each.

    With windows the positions' rows lie side by side in the whole matrix, each over columns of its own neighbourhood.
    """
    moved = weights.W[l] - start.W[l]
    at = weights.windows[l]
    frobenius = moved.flatten(1).norm(dim=1)
    if at is not None:
        moved = whole(moved, at, weights.widths[l - 1])
    return frobenius, spectral_norm(moved)


def whole(blocks: Tensor, at: Tensor, below: int) -> Tensor:
    """The matrix of a layer with windows, which acts on all positions at once.

    Args:
        blocks: (S, P, m, q c): the rows of every position, over the c channels of the q positions that it reads.
        at: those positions, (P, q).
        below: units of the layer below, all positions together.

    Returns:
        (S, P m, below).
    """
    S, P, m, width = blocks.shape
    c = width // at.shape[1]
    columns = (at[:, :, None] * c + torch.arange(c, device=at.device)).reshape(P, 1, width)
    found = blocks.new_zeros(S, P, m, below)
    return found.scatter_(-1, columns.expand(S, P, m, width), blocks).flatten(1, 2)
