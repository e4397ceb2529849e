"""What is followed along a run of gradient descent beside its records: layers' distances, copies of the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from empirics.weights import Weights


class LayersMoved:
    """sum_l ||W_t^(l) - W_0^(l)||_F, the distance of Section 7, for `train_many(observe=...)`: (S,)."""

    def __init__(self) -> None:
        self._start: tuple[Tensor, ...] = ()

    def begin(self, weights: Weights) -> None:
        """Where the runs start."""
        self._start = weights.clone().tensors

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these runs."""
        self._start = tuple(t[list(rows)] for t in self._start)

    def __call__(self, weights: Weights) -> Tensor:
        """The distance of S networks."""
        pairs = zip(weights.tensors, self._start, strict=True)
        return torch.stack([(t - t0).flatten(1).norm(dim=1) for t, t0 in pairs]).sum(0)


class Snapshots:
    """Copies of one run's weights at chosen steps; every step must be recorded.

    Args:
        steps: which.
    """

    def __init__(self, steps: Sequence[int]) -> None:
        self.steps, self.points, self._step = frozenset(steps), dict[int, Weights](), 0

    def begin(self, weights: Weights) -> None:
        """Start afresh."""
        self.points, self._step = {}, 0

    def keep(self, rows: Sequence[int]) -> None:
        """There is one run only."""

    def __call__(self, weights: Weights) -> Tensor:
        """Keep a copy where one is due; (S,) zeros."""
        if self._step in self.steps:
            self.points[self._step] = weights.select(0)
        self._step += 1
        return weights.V.new_zeros(len(weights.V))
