"""What is to be run, and the runs of one batch that are still going on: the state of `empirics.descent`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from empirics.losses import Loss
from empirics.measure.norms import spectral_norm
from empirics.sampling import Sampling
from empirics.weights import Weights

RUNNING, TOLERANCE, DIVERGED, NAN = range(4)
Observer = Callable[[Weights], Tensor]


@runtime_checkable
class Following(Protocol):
    """An observer that remembers something of each run."""

    def begin(self, weights: Weights) -> None:
        """A batch of runs starts from these stacked networks."""

    def keep(self, rows: Sequence[int]) -> None:
        """Some runs have ended; those in these rows go on."""


@dataclass(frozen=True)
class Plan:
    """What a batch of runs does and records; see `empirics.training.train_many`.

    Attributes:
        loss, steps, tolerance: the loss, updates at most, and the loss to stop below.
        batch_size, sampling: samples per step, None for all, and how they are drawn.
        record: names of `REGISTRY`.
        observe: the user's own quantities of the stacked weights.
        recorded: the steps at which these are taken.
        distance: whether layers' distances are taken, at the end and every `checkpoint_every` steps.
        sync_every: look at the runs' states every so many steps.
    """

    loss: Loss
    steps: int
    tolerance: float
    batch_size: int | None
    sampling: Sampling
    record: tuple[str, ...]
    observe: Mapping[str, Observer]
    recorded: tuple[int, ...]
    distance: bool
    checkpoint_every: int | None
    sync_every: int

    @property
    def keeps_start(self) -> bool:
        """Whether anything measures distances from the starting point."""
        return self.distance or "distance_fro" in self.record

    @property
    def checkpoints(self) -> range:
        """The steps at which distances are taken, the end apart."""
        if self.distance and self.checkpoint_every:
            return range(0, self.steps + 1, self.checkpoint_every)
        return range(0)


class Fate(NamedTuple):
    """Of each run: RUNNING or why it ended, the last step at which it was judged, and the loss there, (S,) each."""

    code: Tensor
    stop: Tensor
    loss: Tensor


@dataclass(frozen=True, eq=False)
class End:
    """How a run ended: its `Fate` in numbers, its weights, and its layers' distances from the start, (L+1,)."""

    code: int
    stop: int
    loss: float
    final: Weights
    distance: np.ndarray | None


@dataclass(eq=False)
class Live:
    """The runs that go on; replaced as a whole when some have ended, so that Ctrl-C finds it consistent.

    Attributes:
        ids: their places among the batch's runs.
        weights: where they are, without a leading dimension where there is one run: plain matrix products are faster
            than batches of one.
        start: where they began, or None.
        rates: the learning rates.
        fate: what became of them so far.
        limit: the loss beyond which they count as diverged, (S,).
        index, minus: ids and negative rates on the device.
        room: memory for the gradients.
    """

    ids: list[int]
    weights: Weights
    start: Weights | None
    rates: list[float]
    fate: Fate
    limit: Tensor

    def __post_init__(self) -> None:
        V, w = self.weights.V, self.weights
        self.index = torch.tensor(self.ids, device=V.device)
        self.minus = -V.new_tensor(self.rates)
        trained = [torch.empty_like(t) if on else None for t, on in zip((*w.W, w.V), w.learns, strict=True)]
        self.room = [*trained, *[None] * (len(w.tensors) - len(trained))]

    def stacked(self) -> Weights:
        """The weights with a leading dimension in any case, sharing memory."""
        return self.weights if self.weights.batch else self.weights.with_tensors(t[None] for t in self.weights.tensors)

    def one(self, position: int) -> Weights:
        """A run's weights in memory of its own."""
        return self.weights.select(position) if self.weights.batch else self.weights

    def keep(self, positions: list[int]) -> Live:
        """Only these of the runs."""
        chosen = torch.tensor(positions, device=self.index.device)
        start = None if self.start is None else pick(self.start, chosen)
        ids, rates = ([values[p] for p in positions] for values in (self.ids, self.rates))
        fate = Fate(*(t[chosen] for t in self.fate))
        return Live(ids, pick(self.weights, chosen), start, rates, fate, self.limit[chosen])  # type: ignore[arg-type]

    def distances(self, positions: list[int]) -> Tensor | None:
        """||W^(l) - W_0^(l)||_2 per layer (the largest over positions) and the largest ||v - v_0||_2, (runs, L+1)."""
        if self.start is None:
            return None
        point, start = self.weights, self.start
        if len(positions) < len(self.ids):
            chosen = torch.tensor(positions, device=self.index.device)
            point, start = pick(point, chosen), pick(start, chosen)
        *moved, readout = (w - w0 for w, w0 in zip((*point.W, point.V), (*start.W, start.V), strict=True))
        columns = [*(spectral_norm(difference) for difference in moved), readout.norm(dim=-2)]
        return torch.stack([c.reshape(len(positions), -1).amax(-1) for c in columns], -1)


def pick(weights: Weights, chosen: Tensor) -> Weights:
    """Some networks of a batch, in memory of their own; without a leading dimension where it is one.

    Args:
        weights: networks with one leading dimension.
        chosen: which, on their device.

    Returns:
        They.
    """
    parts = (t[chosen] for t in weights.tensors)
    return weights.with_tensors(p.squeeze(0) if len(chosen) == 1 else p for p in parts)
