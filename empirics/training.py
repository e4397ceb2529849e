"""Full-batch gradient descent at a constant rate on calL = (1/n) sum_i sum_h (y_ih - f_ih)^2.

Source: banerjee2023, Section 6: stop at loss < 1e-3 or after 3000 iterations. The sweeps are written out: for one
output the loss's cotangents are the output's times the residuals, so the same backward sweep gives ||gbar_t|| too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.descent import RUNNING, Descent
from empirics.measure.forward import check_inputs, check_targets
from empirics.networks import Network, Weights, as_weights

RECORDS = ("loss", "gbar_norm", "grad_norm", "distance")
REASONS = ("steps", "tolerance", "diverged", "nan", "interrupted")
Progress = Callable[[int, list[float]], None]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One run of gradient descent; step t is the point theta_t, before update t+1.

    Attributes:
        steps: the recorded steps, every `record_every`-th up to `stop_step`.
        loss, gbar_norm, grad_norm: calL, ||gbar||, ||nabla calL|| at those steps; None where not asked for.
        checkpoints: the steps at which distances were taken, the last one being `stop_step`.
        distance: (checkpoints, L+1): ||W_t^(l) - W_0^(l)||_2 per layer, then the largest ||v_t - v_0||_2 of an output.
        stop_step: the first step at which the stopping test held, or the last step.
        final_loss: the loss there.
        final: the weights there.
        reason: tolerance (loss below it), steps (all used up), diverged (loss infinite or 1e8 times its start), nan, or
            interrupted (then `final` may mix two steps).
        learning_rate: the constant rate.
        seconds: wall-clock cost of the batch it ran in.
    """

    steps: np.ndarray
    loss: np.ndarray | None
    gbar_norm: np.ndarray | None
    grad_norm: np.ndarray | None
    checkpoints: np.ndarray
    distance: np.ndarray | None
    stop_step: int
    final_loss: float
    final: Weights
    reason: str
    learning_rate: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Every field but the weights, as plain Python."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "final"}
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in plain.items()}


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training; `trajectories` holds what was recorded until then."""

    def __init__(self, trajectories: list[Trajectory]) -> None:
        super().__init__(f"training interrupted at step {trajectories[0].stop_step}")
        self.trajectories = trajectories


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
    """
    return train_many([net], X, y, learning_rate=learning_rate, **options)[0]


def train_many(
    nets: Sequence[Network | Weights],
    X: Tensor,
    y: Tensor,
    *,
    learning_rate: float | Sequence[float],
    steps: int = 3000,
    tolerance: float = 1e-3,
    record_every: int = 1,
    record: Sequence[str] = RECORDS,
    checkpoint_every: int | None = None,
    sync_every: int | None = None,
    progress: Progress | None = None,
) -> list[Trajectory]:
    """Train networks of equal shape (several seeds, several rates) in one batch of kernels.

    Args:
        nets: where to start.
        X: inputs, (n, d), shared.
        y: targets, (n,) or (n, k), shared.
        learning_rate: positive; one for all or one each.
        steps: updates at most.
        tolerance: stop when the loss is below it; 0 never stops.
        record_every: record every so many steps.
        record: which of loss, gbar_norm, grad_norm, distance.
        checkpoint_every: take distances (one eigendecomposition per layer) every so many steps; None: at the end only.
        sync_every: look at the stopping flags every so many steps; None: 1 on the CPU, 10 on a GPU. The step at which
            the test first held is exact whatever this is: a finished run no longer moves.
        progress: called with (step, losses) at those steps.

    Returns:
        The runs, in order.

    Raises:
        TheoryError: bad values, or networks that differ in shape.
        TrainingInterrupted: Ctrl-C, with what was recorded.
    """
    rates = [float(r) for r in (learning_rate if isinstance(learning_rate, Sequence) else [learning_rate] * len(nets))]
    _check_rates(rates, len(nets))
    _check_schedule(steps, tolerance, record, record_every, checkpoint_every, sync_every)
    batch = _stack([as_weights(net) for net in nets])
    x = check_inputs(batch, X)
    target = check_targets(batch, y, x.shape[0])
    options = {
        "steps": steps,
        "tolerance": tolerance,
        "record_every": record_every,
        "checkpoint_every": checkpoint_every,
    }
    run = Descent(batch, x, target, rates, record=tuple(record), **options)  # type: ignore[arg-type]
    started = time.perf_counter()
    try:
        _advance(run, sync_every or (10 if x.is_cuda else 1), progress)
    except KeyboardInterrupt:
        raise TrainingInterrupted(_trajectories(run, time.perf_counter() - started, interrupted=True)) from None
    return _trajectories(run, time.perf_counter() - started)


def _advance(run: Descent, sync_every: int, progress: Progress | None) -> None:
    for t in range(run.steps + 1):
        run.step()
        if t % sync_every and t < run.steps:
            continue
        if progress is not None:
            progress(t, run.final_loss.tolist())
        if not bool((run.code == RUNNING).any()):
            return


def _trajectories(run: Descent, seconds: float, interrupted: bool = False) -> list[Trajectory]:
    distance = None if run.initial is None else torch.stack([*run.distances, run.distance()]).cpu().numpy()
    rows = {name: values.cpu().numpy() for name, values in run.rows.items()}
    codes, stops, losses, rates = (t.tolist() for t in (run.code, run.stop, run.final_loss, run.rates))
    found = []
    for i, (code, stop) in enumerate(zip(codes, stops, strict=True)):
        steps = np.arange(0, stop + 1, run.every)
        columns = {name: rows[name][: len(steps), i] if name in rows else None for name in RECORDS[:3]}
        kept = [c for c, t in enumerate(run.checkpoints) if t < stop]  # the last row is at the stop itself
        trajectory = Trajectory(
            steps,
            **columns,
            checkpoints=np.array([*(run.checkpoints[c] for c in kept), stop]),
            distance=None if distance is None else distance[[*kept, -1], i],
            stop_step=stop,
            final_loss=losses[i],
            final=run.weights
            if len(codes) == 1
            else run.weights.with_tensors(t[i].clone() for t in run.weights.tensors),
            reason="interrupted" if interrupted and code == RUNNING else REASONS[code],
            learning_rate=rates[i],
            seconds=seconds,
        )
        found.append(trajectory)
    return found


def _one(weights: Weights, i: int) -> Weights:
    return weights.with_tensors(t[i].clone() for t in weights.tensors)


def _stack(parts: list[Weights]) -> Weights:
    if not parts:
        raise TheoryError("nets is empty: give at least one network")
    first = parts[0]
    for other in parts[1:]:
        same = [t.shape for t in other.tensors] == [t.shape for t in first.tensors]
        if not same or other.activation.name != first.activation.name:
            raise TheoryError("nets differ in shape or activation: train networks of each shape in a call of their own")
    if len(parts) == 1:
        return first.clone()  # two dimensions: plain matrix products are faster than batches of one
    return first.with_tensors(torch.stack(group) for group in zip(*(p.tensors for p in parts), strict=True))


def _check_rates(rates: list[float], count: int) -> None:
    if len(rates) != count:
        raise TheoryError(f"learning_rate has {len(rates)} values for {count} networks: give one, or one each")
    for rate in rates:
        if not 0 < rate < math.inf:
            raise TheoryError(f"learning_rate={rate!r} must be a positive finite number")


def _check_schedule(
    steps: int,
    tolerance: float,
    record: Sequence[str],
    record_every: int,
    checkpoint_every: int | None,
    sync_every: int | None,
) -> None:
    counts = {"steps": (steps, 0), "record_every": (record_every, 1)}
    counts |= {
        k: (v, 1) for k, v in {"checkpoint_every": checkpoint_every, "sync_every": sync_every}.items() if v is not None
    }
    for name, (value, least) in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise TheoryError(f"{name}={value!r} must be an integer of at least {least}")
    if not 0 <= tolerance < math.inf:
        raise TheoryError(f"tolerance={tolerance!r} must be a non-negative finite number: a loss such as 1e-3")
    for name in record:
        if isinstance(record, str) or name not in RECORDS:
            raise TheoryError(f"record={record!r} must be a tuple of names out of {', '.join(RECORDS)}")
