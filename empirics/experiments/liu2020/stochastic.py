"""Theorem 4.4 on real runs of mini-batch descent, w <- w - eta sum_{i in S} grad l_i, l_i = (1/2)(f_i - y_i)^2.

What the derivation (erratum L12) uses along the path: 2 mu calL <= ||grad calL||^2 and ||grad l_i||^2 <= 2 gamma l_i at
the iterates, and that calL is n gamma-smooth between them. With gamma = max_i (||nabla f_i||^2 + |r_i| ||H_i||_2) the
second holds, and the third at the points measured. Without replacement the batch's variance is smaller and the mean
the same, so that the bound covers subsets too.

The expectation is estimated over runs: the interval is Student's, and what it shows is never called proved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import t as student

from empirics.comparison import predict
from empirics.data import Dataset
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.path import LOSS, TOLERANCE, round_down
from empirics.experiments.liu2020.scene import Scene
from empirics.measure.curvature import hessian_norms
from empirics.measure.forward import forward
from empirics.measure.gradients import gradient_norms
from empirics.setting import round_up
from empirics.training import Trajectory, train_many
from empirics.verdict import CONFIDENCE, Observation
from empirics.weights import Weights

STEPS = frozenset(("sgd_step_size", "sgd_step_size_printed"))
SGD = frozenset(("sgd_contraction", "sgd_radius")) | STEPS
_RECORDS = 10
_ENDS = 4  # final points at which gamma is measured again
_ROOM = 1.05  # for gamma to grow along the runs


@dataclass(frozen=True)
class Smoothness:
    """gamma at a point: what it is at least in any ball that holds a step from there, and a bound from above there."""

    least: float
    most: float


def smoothness(point: Weights, data: Dataset) -> Smoothness:
    """max_i ||nabla f_i||^2 and max_i (||nabla f_i||^2 + |f_i - y_i| ||H_i||).

    A non-negative gamma-smooth l_i has ||grad l_i||^2 <= 2 gamma l_i, that is ||nabla f_i||^2 <= gamma; its Hessian is
    nabla f_i nabla f_i^T + (f_i - y_i) H_i.

    Args:
        point: the network.
        data: the samples.

    Returns:
        Both.
    """
    slopes = torch.as_tensor(gradient_norms(point, data.X).value).square()
    bends = torch.as_tensor(hessian_norms(point, data.X, tol=TOLERANCE).upper)
    residual = (forward(point, data.X, order=0).f[:, 0] - data.y).abs()
    return Smoothness(float(slopes.max()), float((slopes + residual * bends).max()))


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of stochastic descent from one w_0.

    Attributes:
        runs: the trajectories.
        eta: the paper's step size.
        gamma: the per-sample smoothness used, from above at the points measured.
        first, largest: gamma at w_0, and the largest seen at w_0 and at ends of runs.
        gone: why the theorem does not cover them.
    """

    runs: list[Trajectory]
    eta: float
    gamma: float
    first: Smoothness
    largest: float
    gone: tuple[str, ...]


def sgd(scene: Scene) -> Runs:
    """Train from w_0 with mini-batches.

    Args:
        scene: the path of gradient descent from the same w_0, for mu.

    Returns:
        The runs.
    """
    setting, data, start = scene.setting, scene.path.data, scene.path.points[0]
    first = smoothness(start, data)
    gamma = round_up(first.most * _ROOM, 3)
    letters = scene.given("n", "mu") | {"gamma": gamma, "s": setting.batch_size}
    eta = setting.sgd_learning_rate or round_down(float(predict(f"{KEY}.sgd_step_size", letters).value))
    marks = sorted({round(k * setting.sgd_steps / _RECORDS) for k in range(_RECORDS + 1)})
    runs = train_many(
        [start] * setting.sgd_runs,
        data.X,
        data.y,
        # an update of `train_many` follows n/s times the batch's gradient
        learning_rate=eta * setting.batch_size / scene.n,
        loss=LOSS,
        steps=setting.sgd_steps,
        tolerance=0.0,
        batch_size=setting.batch_size,
        sampling=setting.sampling,  # type: ignore[arg-type]
        seeds=range(setting.sgd_runs),
        record=("loss", "distance_fro", "pl_mu"),
        record_at=marks,
    )
    sound = [run for run in runs if run.reason == "steps"]
    largest = max([first.most, *(smoothness(run.final, data).most for run in sound[:_ENDS])])
    return Runs(runs, eta, gamma, first, largest, _gone(scene, runs, gamma, largest))


def _gone(scene: Scene, runs: list[Trajectory], gamma: float, largest: float) -> tuple[str, ...]:
    """Why Theorem 4.4 says nothing about these runs."""
    found = list(scene.zero)
    if scene.setting.sampling == "epochs":
        found.append("sampling epochs: Theorem 4.4 draws every mini-batch afresh")
    blown = [i for i, run in enumerate(runs) if run.reason != "steps"]
    if blown:
        found.append(f"SGD {runs[blown[0]].reason} in {len(blown)} of {len(runs)} runs, first at step "
                     f"{runs[blown[0]].stop_step} of run {blown[0]}")  # fmt: skip
        return tuple(found)
    if not scene.path.loss[0] > 0:
        found.append("F(w_0) = y: the loss is 0 before the first step")
    least = min(float(run.records["pl_mu"].min()) for run in runs)
    if least < scene.mu:
        found.append(f"PL*: ||grad||^2/(2 loss) = {least:.3g} < mu = {scene.mu:.3g} in a run")
    if largest > gamma:
        found.append(f"gamma grew to {largest:.3g} > {gamma:.3g} along the runs")
    return tuple(found)


def stochastic(scene: Scene, found: Runs) -> Iterator[Observation]:
    """Theorem 4.4's step size, rate and radius.

    Args:
        scene: for the constants.
        found: the runs.

    Yields:
        Observations; those of the radius have the run's number as their seed.
    """
    setting, loss_0 = scene.setting, scene.path.residual_0**2 / 2
    values = scene.given("n", "mu", "loss_0") | {
        "gamma": found.gamma,
        "s": setting.batch_size,
        "eta": found.eta,
        "delta": setting.delta,
    }
    for name in sorted(STEPS):
        yield _step(scene, name, found, values)
    if all(run.reason == "steps" for run in found.runs):
        low, middle, _ = interval([run.final_loss for run in found.runs])
        power = 1 / setting.sgd_steps
        ends = {"lower": (max(low, 0.0) / loss_0) ** power, "upper": None, "step": setting.sgd_steps}
        label = f"{len(found.runs)} runs"
        measured = (middle / loss_0) ** power
        yield scene.see("sgd_contraction", measured, values, label=label, reasons=found.gone, **ends)
    for i, run in enumerate(found.runs):
        distance = run.records["distance_fro"]
        step = int(np.nanargmax(distance))
        seen = scene.see("sgd_radius", distance[step], values, step=int(run.steps[step]), reasons=found.gone)
        yield Observation(**{**seen.__dict__, "seed": i})


def _step(scene: Scene, name: str, found: Runs, values: dict[str, float]) -> Observation:
    """The step against a threshold that falls with gamma, of which the ball's is at least `first.least`."""
    surely = values | {"gamma": found.first.least}
    if found.eta > float(predict(f"{KEY}.{name}", surely).value):
        return scene.see(name, found.eta, surely, label="gamma from below", reasons=scene.zero)
    return scene.see(name, found.eta, values, label="gamma at the points", upper=None, reasons=scene.zero)


def interval(values: list[float]) -> tuple[float, float, float]:
    """(low, mean, high): Student's interval of a mean.

    Args:
        values: independent draws; one alone has no interval, and gets an infinite one.

    Returns:
        Its ends and the mean.

    >>> [round(x, 4) for x in interval([1.0, 2.0, 3.0])]
    [-0.4841, 2.0, 4.4841]
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return -math.inf, mean, math.inf
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(student.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return mean - reach, mean, mean + reach


def finding(scene: Scene, found: Runs) -> str:
    """What the runs did beside what Theorem 4.4 promises, in a sentence.

    Args:
        scene: for the constants.
        found: the runs.

    Returns:
        The sentence.
    """
    width, T, s = scene.path.points[0].m, scene.setting.sgd_steps, scene.setting.batch_size
    sound = [run.final_loss for run in found.runs if run.reason == "steps"]
    head = f"width {width}: {len(found.runs)} runs of SGD, s = {s}, eta = {found.eta:.3g}, gamma = {found.gamma:.3g}"
    if len(sound) < len(found.runs) or len(sound) < 2:
        return f"{head}: {len(sound)} reached step {T}"
    loss_0 = scene.path.residual_0**2 / 2
    low, mean, high = (1 - x / loss_0 for x in interval(sound))
    rate = scene.mu * s * found.eta / scene.n
    promised = -math.expm1(T * math.log1p(-rate)) if rate < 1 else 1.0
    applies = f"; it does not apply: {found.gone[0]}" if found.gone else ""
    return (
        f"{head}: the mean loss fell by a fraction {mean:.3g} ({high:.3g} to {low:.3g}, 95% interval) in {T} steps, "
        f"where Theorem 4.4's rate gives {promised:.3g}{applies}"
    )
