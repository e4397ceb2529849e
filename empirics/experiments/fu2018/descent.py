"""Theorem 2 along gradient descent: one critical point from several starts, and the rate of (9) and of Appendix B.2.

The rate is tested around the critical point What, in the ball in which the empirical Hessian keeps half of its least
eigenvalue at every point that the search looks at: the proof uses the ball of Lemma 2 for strong convexity only, and
a contraction towards the centre does not leave the ball.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.experiments.fu2018.basin import Basin
from empirics.experiments.fu2018.hessians import ends
from empirics.experiments.fu2018.search import sphere, vertex
from empirics.experiments.fu2018.theorem2 import Estimate
from empirics.training import train_many
from empirics.trajectory import Trajectory
from empirics.verdict import Observation

DESCENT = frozenset(("step_size", "contraction", "contraction_appendix", "iterations"))
SHORT = 40
"""Steps of the runs that only show a rate or a divergence."""
CLEAR = 1e5
"""Distances from the critical point count while they exceed its own error by this factor."""
UNSTABLE = 2.5
"""A step of this over lambda_max at the critical point cannot converge to it."""
CAREFUL, TOO_LONG = "slowest start, step of App B.2", "step too long on purpose"


@dataclass(frozen=True, eq=False)
class Run:
    """One run of gradient descent.

    Attributes:
        label: which start and step.
        eta: step size.
        distance: from the critical point, at every step from 0 on.
        path: the points, (steps + 1, K, d).
        record: what the training left.
    """

    label: str
    eta: float
    distance: np.ndarray
    path: np.ndarray
    record: Trajectory

    @property
    def converges(self) -> bool:
        """Whether the last point is nearer the critical point than the first."""
        return self.record.reason == "steps" and bool(self.distance[-1] < self.distance[0])


def descend(found: Estimate, ball: Basin) -> list[Run]:
    """Gradient descent from every start at the main step; from the slowest also at Appendix B.2's and at one too long.

    Args:
        found: the critical point.
        ball: where the starts lie, on its sphere.

    Returns:
        The runs, in this order.
    """
    scene, centre = found.seen.scene, found.point
    vectors = torch.linalg.eigh(found.seen.loss.hessian(centre.W))[1]
    slow, steep = (vertex(centre.W, ball.radius, vectors[:, i].view_as(centre.W)) for i in (0, -1))
    drawn = sphere(centre.W, ball.radius, scene.setting.starts - 1, scene.stream(4))
    starts = [("slowest start", slow), *((f"start {i}", W) for i, W in enumerate(drawn, 1))]
    eta = scene.setting.learning_rate or ball.rate
    runs = _train(found, [(label, W, eta) for label, W in starts], scene.setting.steps)
    short = [(CAREFUL, slow, ball.careful), (TOO_LONG, steep, UNSTABLE / centre.greatest)]
    return [*runs, *_train(found, short, min(SHORT, scene.setting.steps))]


def _train(found: Estimate, jobs: list[tuple[str, Tensor, float]], steps: int) -> list[Run]:
    """The runs of one batch, every point of every path kept."""
    weights, loss, centre = found.seen.scene.weights, found.seen.loss, found.point.W.cpu().numpy()
    nets = [weights.with_tensors((W, weights.V)) for _, W, _ in jobs]
    options: dict[str, Any] = {"steps": steps, "loss": "half_mean_square", "tolerance": 0.0, "record": ("loss",)}
    options |= {"learning_rate": [eta for *_, eta in jobs], "observe": {"path": lambda w: w.W[0]}}
    runs = []
    for (label, _, eta), record in zip(jobs, train_many(nets, loss.X, loss.y, **options), strict=True):
        path = record.records["path"]
        distance = np.linalg.norm((path - centre).reshape(len(path), -1), axis=1)
        runs.append(Run(label, eta, distance, path, record))
    return runs


def along(found: Estimate, ball: Basin, run: Run) -> Basin:
    """The ball with the eigenvalues at measured points of a run taken in, where these lie in it.

    Args:
        found: the critical point.
        ball: the ball.
        run: the run.

    Returns:
        The ball, its eigenvalues at least as far apart.
    """
    last = len(run.path) - 1
    marks = {
        round(k * last / max(found.seen.scene.setting.points - 1, 1)) for k in range(found.seen.scene.setting.points)
    }
    low, high = ball.low, ball.high
    for t in marks:
        if run.distance[t] <= ball.radius * (1 + 1e-9):
            least, greatest = ends(found.seen.loss.hessian(torch.as_tensor(run.path[t]).to(found.point.W)))
            low, high = min(low, least), max(high, greatest)
    return Basin(ball.radius, low, high)


def observe(found: Estimate, ball: Basin, runs: list[Run]) -> Iterator[Observation]:
    """(9), Appendix B.2, the steps needed, and the largest step.

    Args:
        found: the critical point.
        ball: the ball around it.
        runs: from `descend`.

    Yields:
        Observations.
    """
    seen = found.seen
    for run in runs:
        failed = "" if run.converges else "failed"
        yield seen.see("step_size", run.eta, label=run.label, outcome=failed)
        if run.label == TOO_LONG:
            continue
        why = _unsound(run, ball)
        values = {
            "eta": run.eta,
            "hessian_lower": ball.low,
            "hessian_upper": ball.high,
            "L_phi": None,
        }  # given what it is in
        frame: dict[str, Any] = {"label": run.label, "reasons": why}
        yield from _ratio(found, run, values, frame)
        if run.label != CAREFUL:
            yield from _iterations(found, run, values, frame)


def refuse(found: Estimate, why: tuple[str, ...]) -> Iterator[Observation]:
    """The same quantities where there is no critical point to descend to.

    Args:
        found: where the search for it ended.
        why: the reason.

    Yields:
        Observations without numbers.
    """
    none = dict.fromkeys(("eta", "hessian_lower", "hessian_upper", "start"), math.nan) | {"L_phi": None}
    for name in sorted(DESCENT):
        yield found.seen.see(name, math.nan, {} if name == "step_size" else none, reasons=why)


def _unsound(run: Run, ball: Basin) -> tuple[str, ...]:
    if run.record.reason in ("diverged", "nan"):
        return (f"training {run.record.reason} at step {run.record.stop_step}",)
    if run.distance.max() > ball.radius * (1 + 1e-9):
        return (f"the iterates leave the ball of radius {ball.radius:.2g} around the critical point",)
    return ()


def ratios(run: Run, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Successive ratios of the distance, and a bound of their relative error, while that is small.

    Args:
        run: the run.
        error: how far the critical point may be off.

    Returns:
        Two arrays, empty where every distance is rounding.
    """
    clear = run.distance[:-1] > CLEAR * error
    count = int(np.argmin(clear)) if not clear.all() else len(clear)
    before, after = run.distance[:count], run.distance[1 : count + 1]
    return after / before, error / before + error / np.maximum(after, error)


def _ratio(found: Estimate, run: Run, values: dict[str, Any], frame: dict[str, Any]) -> Iterator[Observation]:
    ratio, room = ratios(run, found.point.error)
    if not len(ratio):
        return
    t = int((ratio * (1 - room)).argmax())
    ends_ = {"lower": float(ratio[t] * (1 - room[t])), "upper": float(ratio[t] * (1 + room[t])), "step": t}
    names = ["contraction"]
    if run.eta <= values["hessian_lower"] / values["hessian_upper"] ** 2 * (1 + 1e-12):
        names.append("contraction_appendix")
    for name in names:
        yield found.seen.see(name, float(ratio[t]), values, **ends_, **frame)


def _iterations(found: Estimate, run: Run, values: dict[str, Any], frame: dict[str, Any]) -> Iterator[Observation]:
    eps = found.seen.scene.setting.eps
    reached = np.flatnonzero(run.distance <= eps)
    taken = int(reached[0]) if len(reached) else len(run.distance) - 1
    more = values | {"start": float(run.distance[0]), "eps": eps}
    label = f"{run.label}, {'first step within eps' if len(reached) else 'eps not reached'}"
    # T steps suffice: the first within eps is at most T, and later than those taken where none is
    upper = float(taken) if len(reached) else None
    yield found.seen.see("iterations", float(taken), more, side="upper", upper=upper, **(frame | {"label": label}))
