"""Gradient descent at a constant rate, full-batch or stochastic, for many networks (seeds, rates, widths) at once.

Sources: banerjee2023, Section 6 (full batch, stop at loss < 1e-3 or after 3000 iterations); allenzhu2019, liu2020 and
song2021 for stochastic descent, see `empirics.sampling`.

Cost of a step for one network with L hidden layers of width m, n samples (b of them in a mini-batch), input dimension d
and one output, in floating-point operations: forward, backward and gradient 2 n m^2 (L-1) each, the first layer's
forward and gradient 2 n d m each. ||gbar|| adds at most another gradient (`outer_norm_squared`), ||nabla_x f|| adds
2 n d m, and everything else that is recorded costs passes over memory only. With k outputs the records of single
outputs take another backward sweep for each. Mini-batches pay b in place of n for the step, and a forward sweep (with a
backward one if a record needs it) over all n samples where something is recorded.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from bounds.errors import TheoryError
from empirics.batching import Job
from empirics.checks import check_inputs, check_targets
from empirics.descent import Progress
from empirics.losses import Loss, loss_function
from empirics.networks import Network, Weights, as_weights
from empirics.records import check_records
from empirics.runs import Observer, Plan
from empirics.sampling import Sampling, check_sampling
from empirics.trajectory import TrainingInterrupted, Trajectory

__all__ = ["RECORDS", "Progress", "TrainingInterrupted", "Trajectory", "train", "train_many"]

RECORDS = ("loss", "gbar_norm", "grad_norm", "distance")
"""What is recorded unless something else is asked for; `empirics.records.REGISTRY` lists all there is."""


def train(net: Network | Weights, X: Tensor, y: Tensor, *, learning_rate: float, **options: Any) -> Trajectory:
    """Train one network; it is left as it is, the trained weights are in the result.

    Args:
        net: where to start.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k).
        learning_rate: positive.
        options: as `train_many`.

    Returns:
        The run.

    Raises:
        TheoryError: bad values.
        TrainingInterrupted: Ctrl-C, with what was recorded.

    >>> import torch
    >>> from empirics import network
    >>> run = train(network(L=1, m=4, d=2), torch.eye(2), torch.ones(2), learning_rate=0.5, steps=10)
    >>> run.reason, run.stop_step, run.loss.shape
    ('steps', 10, (11,))
    """
    return train_many([net], X, y, learning_rate=learning_rate, **options)[0]


def train_many(
    nets: Sequence[Network | Weights],
    X: Tensor,
    y: Tensor,
    *,
    learning_rate: float | Sequence[float],
    loss: str | Loss = "mean_square",
    steps: int = 3000,
    tolerance: float = 1e-3,
    batch_size: int | None = None,
    sampling: Sampling = "subset",
    seeds: Sequence[int] | None = None,
    record: Sequence[str] = RECORDS,
    observe: Mapping[str, Observer] | None = None,
    record_every: int | None = None,
    record_at: Sequence[int] | None = None,
    checkpoint_every: int | None = None,
    sync_every: int | None = None,
    budget: int | None = None,
    progress: Progress | None = None,
) -> list[Trajectory]:
    """Train many networks: each run is, up to rounding, what it would be alone, whatever else is recorded.

    Networks of one architecture run in batches (`empirics.batching`), batch after batch. What a network does not train
    (`Weights.trainable`) does not move.

    Args:
        nets: where to start; they are left as they are.
        X: inputs, (n, d), shared.
        y: targets, (n,) or (n, k), shared; one-hot for cross_entropy.
        learning_rate: positive; one for all or one each.
        loss: mean_square, half_square, half_mean_square, sum_square, cross_entropy, or a `Loss`.
        steps: updates at most.
        tolerance: stop when the loss of all samples is below it; 0 never stops. Tested at every step, with mini-batches
            at the first, the recorded and the last one, and so is divergence.
        batch_size: samples per update, None for all. The update follows the gradient of the batch's own loss, times n/b
            where the loss is a sum over samples: given the steps before, an unbiased estimate of the gradient for
            "subset" and "replacement"; for "epochs" the first batch of an epoch only, the others are what it has left.
        sampling: "subset", "replacement" or "epochs", see `empirics.sampling.batches`.
        seeds: one for each run's batches; None: 0, 1, 2, ...
        record: names from `empirics.records.REGISTRY`, and "distance" for the layers' distances at checkpoints.
        observe: name -> a function of the networks that go on, their tensors stacked along a leading dimension (not to
            be changed), to a tensor with one row for each; its values are among the `records`. `empirics.observers`
            has some: Sharpness, HessianNorm, KernelChange, KernelEigenvalues.
        record_every: record every so many steps; None: 1, with mini-batches once every n/b steps.
        record_at: the steps to record, ascending, instead.
        checkpoint_every: take distances (one eigendecomposition per layer) every so many steps; None: at the end only.
        sync_every: look at the stopping flags every so many steps; None: 1 on the CPU, 10 on a GPU. The step at which
            the test first held is exact whatever this is: a finished run no longer moves.
        budget: bytes for a batch; None: 80% of what is free.
        progress: called, batch by batch, with (step, losses of the batch) at the steps looked at.

    Returns:
        The runs, in order.

    Raises:
        TheoryError: bad values, or memory for not even one network.
        TrainingInterrupted: Ctrl-C, with what was recorded.
    """
    parts = [_single(i, as_weights(net)) for i, net in enumerate(nets)]
    if not parts:
        raise TheoryError("nets is empty: give at least one network")
    rates, runs_seeds = _rates(learning_rate, len(parts)), _seeds(seeds, batch_size, len(parts))
    data = [_data(part, X, y) for part in parts]
    n = len(data[0][0])
    observed = dict(observe or {})
    names = check_records(record, observed)
    _check_counts(steps, tolerance, checkpoint_every, sync_every)
    if batch_size is not None:
        check_sampling(n, batch_size, sampling)
    recorded = _recorded(record_every, record_at, steps, -(-n // batch_size) if batch_size else 1)
    sync = sync_every or (10 if data[0][0].is_cuda else 1)
    chosen, distance = loss_function(loss, data[0][1].shape[1]), "distance" in names
    plan = Plan(
        chosen, steps, tolerance, batch_size, sampling, names, observed, recorded, distance, checkpoint_every, sync
    )
    return Job(parts, data, rates, runs_seeds, plan).run(budget, progress)


def _single(i: int, weights: Weights) -> Weights:
    if weights.batch:
        raise TheoryError(f"nets[{i}] is a batch of {weights.batch[0]} networks: give each one, as weights.select(j)")
    return weights


def _data(weights: Weights, X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and targets in the network's dtype and on its device; no copy where they are so already."""
    x = check_inputs(weights, X)
    return x, check_targets(weights, y, x.shape[0])


def _rates(learning_rate: float | Sequence[float], count: int) -> list[float]:
    try:
        given = np.asarray(learning_rate, dtype=float)
    except (TypeError, ValueError):
        raise TheoryError(f"learning_rate={learning_rate!r} must be a number, or one for each network") from None
    rates = [float(given)] * count if given.ndim == 0 else given.ravel().tolist()
    if len(rates) != count:
        raise TheoryError(f"learning_rate has {len(rates)} values for {count} networks: give one, or one each")
    for rate in rates:
        if not 0 < rate < math.inf:
            raise TheoryError(f"learning_rate={rate!r} must be a positive finite number")
    return rates


def _seeds(seeds: Sequence[int] | None, batch_size: int | None, count: int) -> list[int]:
    if seeds is None:
        return list(range(count))
    if batch_size is None:
        raise TheoryError("seeds are those of the mini-batches: give batch_size=... too")
    if len(seeds) != count:
        raise TheoryError(f"seeds has {len(seeds)} values for {count} networks: give one each")
    return [_integer("seeds", seed, 2**63 - 1, "2^63 - 1") for seed in seeds]


def _recorded(every: int | None, at: Sequence[int] | None, steps: int, default: int) -> tuple[int, ...]:
    """The steps to record."""
    if at is None:
        _check_least("record_every", every, 1)
        return tuple(range(0, steps + 1, every or default))
    if every is not None:
        raise TheoryError(f"record_every={every!r} and record_at are both given: give one of them")
    chosen = tuple(_integer("record_at", t, steps, f"steps={steps}") for t in at)
    if list(chosen) != sorted(set(chosen)):
        raise TheoryError(f"record_at={list(chosen)!r} must ascend, no step twice")
    return chosen


def _integer(name: str, value: object, most: int, limit: str) -> int:
    """An element of a list, which may be one of NumPy's integers."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= operator.index(value) <= most:
        raise TheoryError(f"{name}: {value!r} must be an integer from 0 to {limit}")
    return operator.index(value)


def _check_counts(steps: int, tolerance: float, checkpoint_every: int | None, sync_every: int | None) -> None:
    _check_least("steps", -1 if steps is None else steps, 0)
    _check_least("checkpoint_every", checkpoint_every, 1)
    _check_least("sync_every", sync_every, 1)
    if not 0 <= tolerance < math.inf:
        raise TheoryError(f"tolerance={tolerance!r} must be a non-negative finite number: a loss such as 1e-3")


def _check_least(name: str, value: int | None, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise TheoryError(f"{name}={value!r} must be an integer of at least {least}")
