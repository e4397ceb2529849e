"""Gradient descent against Theorem 3 (gradient norms) and Theorem 1 (movement, contraction, iterations).

The theorem's step and width are known up to constants; at constants of 1 they cannot be run. The runs take a step that
works and the widths asked for, and every row says what constant that needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from empirics.experiments.allenzhu2019.data import Samples
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.watch import SQUARE, Look, Watch, look
from empirics.training import Trajectory, train_many
from empirics.verdict import Observation
from empirics.weights import Weights, stack

GRADIENTS = frozenset(
    ("gradient_upper", "gradient_upper_layer", "gradient_upper_sample", "gradient_lower", "gradient_lower_total")
)
MOVED = frozenset(("movement", "movement_tuple", "gradient_radius", "gradient_radius_proof"))
RATES = frozenset(("chi", "contraction"))
STEPS = frozenset(("step_size", "iterations", "iterations_printed", "iterations_at_step"))
START = frozenset(("loss_init", "required_width", "width_root"))
MEASURED = GRADIENTS | MOVED | RATES | STEPS | START


@dataclass(frozen=True, eq=False)
class Path:
    """A run of gradient descent, its losses at every step and what was seen at some.

    Attributes:
        start: w_0.
        run: the trajectory.
        eta: its step size.
        looks: the measured points, w_0 first.
        values: the parameters at which the theory predicts.
        seed: of the network.
    """

    start: Weights
    run: Trajectory
    eta: float
    looks: tuple[Look, ...]
    values: Mapping[str, Any]
    seed: int

    @cached_property
    def loss(self) -> np.ndarray:
        """F_t at the sound points: all, or those before the run blew up."""
        bad = self.run.reason in ("diverged", "nan")
        found = np.asarray(self.run.records["loss"], dtype=np.float64)
        return found[: max(1, len(found) - 1)] if bad else found

    @cached_property
    def moved(self) -> np.ndarray:
        """||W_t - W_0||_F in the tuple norm, at the sound points."""
        return np.asarray(self.run.records["distance_fro"], dtype=np.float64)[: len(self.loss)]

    @property
    def failed(self) -> tuple[str, ...]:
        """The run's own failure, as a reason."""
        if self.run.reason not in ("diverged", "nan"):
            return ()
        what = "diverged" if self.run.reason == "diverged" else "met a loss that is no number"
        return (f"gradient descent {what} at step {self.run.stop_step}: step size {self.eta:.3g} is too large",)

    @property
    def farthest(self) -> Look:
        """The measured point whose farthest layer is farthest from where it began."""
        return max(self.looks, key=lambda point: float(point.frobenius.max()))

    def see(self, name: str, measured: float, **extra: Any) -> Observation:
        """An observation of this run; exact unless its ends are given.

        Args:
            name: of the quantity.
            measured: what was measured.
            extra: further fields; ``more`` are further values, those named in ``without`` are left out.

        Returns:
            It.
        """
        extra.setdefault("upper", float(measured))
        values = {**self.values, **extra.pop("more", {})}
        for left_out in extra.pop("without", ()):
            values.pop(left_out, None)
        width = int(self.values["m"])
        return Observation(f"{KEY}.{name}", values, float(measured), seed=self.seed, width=width, **extra)


def descend(
    starts: Sequence[Weights],
    samples: Samples,
    eta: float,
    values: Mapping[str, Any],
    *,
    seeds: Sequence[int],
    steps: int,
    points: int,
    eps: float,
) -> list[Path]:
    """Gradient descent from several initialisations of one architecture.

    Args:
        starts: the networks.
        samples: inputs and targets.
        eta: the step size.
        values: the parameters at which the theory predicts.
        seeds: of the networks.
        steps: at most.
        points: how many points of each path are measured.
        eps: the loss at which to stop.

    Returns:
        A path each.
    """
    marks = [round(k * steps / max(points - 1, 1)) for k in range(points)]
    runs = train_many(
        starts,
        samples.X,
        samples.y,
        learning_rate=eta,
        loss=SQUARE,
        steps=steps,
        tolerance=eps,
        record=("loss", "distance_fro"),
        observe={"look": Watch(samples.X, samples.y, marks)},
        record_every=1,
    )
    return [
        Path(start, run, eta, _looks(start, run, samples, marks), values, seed)
        for start, run, seed in zip(starts, runs, seeds, strict=True)
    ]


def _looks(start: Weights, run: Trajectory, samples: Samples, marks: Sequence[int]) -> tuple[Look, ...]:
    """The marks that the run came by, and where it stopped."""
    bad = run.reason in ("diverged", "nan")
    table = np.asarray(run.records["look"], dtype=np.float64)
    found = [Look.read(t, table[t]) for t in sorted(set(marks)) if t < run.stop_step or t == run.stop_step == 0]
    if run.stop_step and len(marks) > 1 and not bad:
        row = look(stack([run.final]), stack([start]), samples.X, samples.y)[0]
        found.append(Look.read(run.stop_step, row.cpu().numpy()))
    return tuple(found)


def observe(path: Path, names: frozenset[str]) -> Iterator[Observation]:
    """Theorems 1 and 3 on one path.

    Args:
        path: the run.
        names: the quantities wanted.

    Yields:
        Observations.
    """
    parts = (
        (GRADIENTS, gradients),
        (MOVED, movement),
        (RATES, rates),
        (STEPS, iterations),
        (START, initially),
    )
    for own, measure in parts:
        if own & names:
            yield from (o for o in measure(path) if o.quantity.split(".")[1] in names)


def gradients(path: Path) -> Iterator[Observation]:
    """Theorem 3 at every measured point; at a loss of 0 it says nothing."""
    for point in path.looks:
        if not point.loss > 0:
            continue
        at: dict[str, Any] = {"step": point.step, "more": {"F": point.loss, "F_max": point.largest}}
        yield path.see("gradient_upper", point.layer.sum(), **at)
        last = f"W_{len(point.layer)}"
        yield path.see("gradient_lower", point.layer[-1], label=last, **at)
        yield path.see("gradient_lower_total", point.layer[-1], label=last, **at)
        for l, (layer, F_i, sample) in enumerate(zip(point.layer, point.sample_loss, point.sample, strict=True), 1):
            yield path.see("gradient_upper_layer", layer, label=f"W_{l}", **at)
            if F_i > 0:
                own = {"step": point.step, "more": {"F_i": float(F_i)}}
                yield path.see("gradient_upper_sample", sample, label=f"W_{l}", **own)


def movement(path: Path) -> Iterator[Observation]:
    """(12.1) per layer, as it is proved, and in the tuple norm (A7); the spectral distance against Theorem 3's ball."""
    point, why = path.farthest, path.failed
    l = int(point.frobenius.argmax())
    yield path.see("movement", point.frobenius[l], step=point.step, label=f"W_{l + 1}", reasons=why)
    step = int(path.moved.argmax())
    yield path.see("movement_tuple", path.moved[step], step=step, reasons=why)
    point = max(path.looks, key=lambda p: float(p.spectral.max()))
    l = int(point.spectral.argmax())
    for name in ("gradient_radius", "gradient_radius_proof"):
        yield path.see(name, point.spectral[l], step=point.step, label=f"W_{l + 1}", reasons=why)


def rates(path: Path) -> Iterator[Observation]:
    """(12.2): the step with the least decrease. A step that raises the loss is longer than (12.2) allows."""
    if len(path.loss) < 2:
        why = path.failed or (f"the loss starts below eps = {path.values['eps']:g}: no step was taken",)
        for name in ("chi", "contraction"):
            yield path.see(name, math.nan, more={"eta": path.eta}, reasons=why)
        return
    ratio = path.loss[1:] / path.loss[:-1]
    t = int(ratio.argmax())
    why = path.failed
    if ratio[t] >= 1:
        why = (*why, f"the loss rose at step {t + 1}: eta = {path.eta:.3g} is longer than (12.2) allows")
    at: dict[str, Any] = {"step": t + 1, "more": {"eta": path.eta}, "reasons": why}
    yield path.see("chi", 1 - ratio[t], **at)
    yield path.see("contraction", ratio[t], **at)


def iterations(path: Path) -> Iterator[Observation]:
    """The step size, and the steps taken; eps is reached by then, or not yet."""
    taken, reached = path.run.stop_step, path.run.reason == "tolerance"
    at: dict[str, Any] = {"step": taken, "more": {"eta": path.eta}}
    yield path.see("step_size", path.eta, step=taken)
    for name in ("iterations", "iterations_printed"):
        yield path.see(name, taken, reasons=path.failed, **at)
    # a time that is known from below only is the same at every width: no order can be read off it
    late = (f"the loss has not reached eps = {path.values['eps']:g} in {taken} steps",)
    why = path.failed or (() if reached else late)
    ends = {"lower": float(taken if reached else taken + 1), "upper": float(taken) if reached else None}
    yield path.see("iterations_at_step", taken, side="upper", reasons=why, **ends, **at)


def initially(path: Path) -> Iterator[Observation]:
    """The loss at w_0, and the widths of Theorem 1."""
    yield path.see("loss_init", path.loss[0])
    for name in ("required_width", "width_root"):
        yield path.see(name, path.values["m"], without=("m",))
