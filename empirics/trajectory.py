"""What a training run leaves behind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from empirics.descent import Descent
from empirics.records import REGISTRY
from empirics.runs import RUNNING, Plan
from empirics.weights import Weights

REASONS = ("steps", "tolerance", "diverged", "nan", "interrupted")


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One run of gradient descent; step t is the point theta_t, before update t+1.

    Every record is an attribute too (`run.loss`, `run.param_grad_norm`, ...), None where it was not asked for.

    Attributes:
        steps: the recorded steps up to `stop_step`.
        records: name -> its values at those steps, (steps,), or (steps, ...) for what the user observed.
        checkpoints: the steps at which distances were taken, the last one being `stop_step`.
        distance: (checkpoints, L+1): ||W_t^(l) - W_0^(l)||_2 per layer (the largest over positions where it has
            windows), then the largest ||v_t - v_0||_2 of an output; None where not asked for.
        stop_step: the first step at which the stopping test held, or the last step.
        final_loss: the loss there, of all samples.
        final: the weights there.
        reason: tolerance (loss below it), steps (all used up), diverged (loss infinite or 1e8 times its start), nan, or
            interrupted (then `final` may mix two steps, and a run that had not begun has no records).
        learning_rate: the constant rate.
        seconds: wall-clock cost of the batch it ran in.
        objective: the loss's name.
        batch_size, sampling, seed: samples per step, how they were drawn and from which seed; None for all samples.
    """

    steps: np.ndarray
    records: Mapping[str, np.ndarray]
    checkpoints: np.ndarray
    distance: np.ndarray | None
    stop_step: int
    final_loss: float
    final: Weights
    reason: str
    learning_rate: float
    seconds: float
    objective: str = "mean_square"
    batch_size: int | None = None
    sampling: str | None = None
    seed: int | None = None

    @property
    def loss(self) -> np.ndarray | None:
        """The loss of all samples at `steps`."""
        return self.records.get("loss")

    @property
    def gbar_norm(self) -> np.ndarray | None:
        """||gbar|| at `steps`."""
        return self.records.get("gbar_norm")

    @property
    def grad_norm(self) -> np.ndarray | None:
        """||nabla calL|| at `steps`."""
        return self.records.get("grad_norm")

    if not TYPE_CHECKING:  # a type checker should know the attributes that are written out only

        def __getattr__(self, name: str) -> np.ndarray | None:
            """Any other record."""
            if name in REGISTRY:
                return self.records.get(name)
            raise AttributeError(f"Trajectory has no attribute {name!r}: its records are {', '.join(REGISTRY)}")

    def to_dict(self) -> dict[str, Any]:
        """Every field but the weights, and every record, as plain Python."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("final", "records")}
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in (fields | {**self.records}).items()}


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training; `trajectories` holds what was recorded until then, one for each network."""

    def __init__(self, trajectories: list[Trajectory]) -> None:
        stops = [run.stop_step for run in trajectories if run.reason == "interrupted"]
        super().__init__(f"training interrupted at step {max(stops, default=trajectories[-1].stop_step)}")
        self.trajectories = trajectories


def gather(
    descent: Descent, rates: list[float], seeds: list[int], seconds: float, *, interrupted: bool = False
) -> list[Trajectory]:
    """The runs of a batch, after its last step; everything moves off the device here.

    Args:
        descent: the batch.
        rates: the learning rate of each run.
        seeds: the sampling seed of each run.
        seconds: what the batch took.
        interrupted: whether it was cut short.

    Returns:
        One for each network of the batch.
    """
    ends, plan = descent.close(), descent.plan
    rows = {name: values.cpu().numpy() for name, values in descent.rows.items()}
    along = descent.distances.cpu().numpy()
    taken = np.array(plan.recorded[: descent.filled], dtype=np.int64)
    found = []
    for i, (end, rate, seed) in enumerate(zip(ends, rates, seeds, strict=True)):
        steps = taken[taken <= end.stop]
        before = [t for t in plan.checkpoints if t < end.stop]  # the last row is at the stop itself
        trajectory = Trajectory(
            steps,
            {name: values[: len(steps), i] for name, values in rows.items()},
            np.array([*before, end.stop]),
            None if end.distance is None else np.concatenate([along[: len(before), i], end.distance[None]]),
            end.stop,
            end.loss,
            end.final,
            "interrupted" if interrupted and end.code == RUNNING else REASONS[end.code],
            rate,
            seconds,
            **_settings(plan, seed),
        )
        found.append(trajectory)
    return found


def not_begun(weights: Weights, plan: Plan, rate: float, seed: int) -> Trajectory:
    """A run that Ctrl-C kept from its first step.

    Args:
        weights: where it would have started.
        plan: what would have been run.
        rate: its learning rate.
        seed: its sampling seed.

    Returns:
        A run without records.
    """
    none, final = np.zeros(0), weights.clone()
    records = {name: none for name in (*plan.record, *plan.observe) if name != "distance"}
    steps = none.astype(np.int64)
    return Trajectory(steps, records, steps, None, 0, math.nan, final, REASONS[-1], rate, 0.0, **_settings(plan, seed))


def _settings(plan: Plan, seed: int) -> dict[str, Any]:
    """What was run, for the record."""
    drawn = plan.batch_size is not None
    return {
        "objective": plan.loss.name,
        "batch_size": plan.batch_size,
        "sampling": plan.sampling if drawn else None,
        "seed": seed if drawn else None,
    }
