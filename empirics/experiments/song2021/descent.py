"""Theorem 2 along a run of gradient descent: its premises, how far the run went, and how fast the loss fell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from empirics.comparison import predict
from empirics.experiments.song2021.constants import KEY, ROUND, Start, distance
from empirics.experiments.song2021.observe import Frame
from empirics.training import train
from empirics.verdict import Observation
from empirics.weights import Weights

GD_CONDITIONS = ("gd_condition", "gd_condition_direct", "gd_condition_sharp")
FLOW_CONDITIONS = ("flow_condition", "flow_condition_direct", "flow_condition_sharp")
STEPS = ("step_size", "step_size_explicit", "step_size_loss")
CONCLUSIONS = ("gd_length", "gd_length_direct", "grad_f_upper", "grad_f_ball", "contraction", "iterations")
MEASURED = frozenset((*GD_CONDITIONS, *FLOW_CONDITIONS, *STEPS, *CONCLUSIONS))
RECORDS = ("loss", "grad_norm", "moved", "readout")


@dataclass(frozen=True, eq=False)
class Run:
    """A run with a record of every step.

    Attributes:
        points: step -> the network there, those to be measured.
        loss, grad_norm, moved, readout: h, ||grad h||, ||w - w_0|| and sigma_max(V) at every step from 0 on.
        reason: why it ended.
        eta: the learning rate.
    """

    points: dict[int, Weights]
    loss: np.ndarray
    grad_norm: np.ndarray
    moved: np.ndarray
    readout: np.ndarray
    reason: str
    eta: float

    @property
    def failed(self) -> tuple[str, ...]:
        """Why nothing can be said about this run; nothing where it is sound."""
        return (f"training {self.reason} at step {len(self.loss) - 1}",) if self.reason in ("diverged", "nan") else ()


def descend(start: Start, eta: float, steps: int, points: int) -> Run:
    """Gradient descent on h = ||Phi - Y||^2, both layers trained.

    Args:
        start: w_0 and the data.
        eta: learning rate.
        steps: updates at most.
        points: how many points are kept, the first and the last among them.

    Returns:
        The run.
    """
    marks = [round(k * steps / max(points - 1, 1)) for k in range(points)] if points > 1 else [0, steps]
    kept, rows, reason = {0: start.weights}, {name: [] for name in RECORDS}, "steps"  # type: ignore[var-annotated]
    observe = {"moved": lambda w: distance(w, start.weights), "readout": lambda w: w.V.flatten(1).norm(dim=1)}
    options: dict[str, Any] = {"loss": "sum_square", "tolerance": 0.0, "record": ("loss", "grad_norm")}
    for before, after in itertools.pairwise(dict.fromkeys(marks)):
        run = train(kept[before], start.X, start.y, learning_rate=eta, steps=after - before, observe=observe, **options)
        for name in RECORDS:
            found = run.records[name]
            rows[name] = [*rows[name][:before], *found.tolist()]
        reason = run.reason
        if reason != "steps":
            break
        kept[after] = run.final
    kept = kept if points > 1 else {0: start.weights}
    arrays = {name: np.array(values) for name, values in rows.items()}
    return Run(kept, **arrays, reason=reason, eta=eta)


def small_step(start: Start, eta: float) -> tuple[str, ...]:
    """Why Theorem 2's learning rate does not cover this one; nothing where one of its three forms does."""
    most = max(STEPS, key=start.number)
    if eta <= start.number(most):
        return ()
    return (f"learning rate {eta:.3g} exceeds {most} = {start.number(most):.3g} (Theorem 2)",)


def small_start(start: Start) -> tuple[str, ...]:
    """Why Theorem 2 does not cover the initial loss; nothing where one form of its condition does."""
    loss, most = float(start.values["h_0"]), max(GD_CONDITIONS, key=start.number)
    if loss <= start.number(most):
        return ()
    return (f"initial loss h_0 = {loss:.3g} exceeds {most} = {start.number(most):.2g} (Theorem 2)",)


def observe_run(run: Run, start: Start, *, seed: int) -> Iterator[Observation]:
    """Premises and conclusions of Theorems 1 and 2 and of Lemma 2's analogue, eq 33.

    The premises are requirements on h_0 and eta. What they imply is judged only where they are met; eq 33 and eq 34
    need only that the steps counted stay in the ball, their proofs use no more.

    Args:
        run: the run.
        start: w_0 and its constants.
        seed: which run, for the record.

    Yields:
        Observations.
    """
    see = Frame(start, seed)
    for name in (*GD_CONDITIONS, *FLOW_CONDITIONS):
        yield see(name, float(start.values["h_0"]))
    for name in STEPS:
        yield see(name, run.eta)
    fast, far = small_step(start, run.eta), small_start(start)
    yield from _lengths(see, run, fast)
    yield from _gradients(see, run)
    yield from _rates(see, run, fast + far)


def inside(run: Run, rho: float) -> int:
    """How many iterates from w_0 on lie in the ball; the segments between them do, too, for it is convex."""
    left = np.flatnonzero(~(run.moved <= rho * (1 + ROUND)))
    return int(left[0]) if len(left) else len(run.moved)


def _lengths(see: Frame, run: Run, fast: tuple[str, ...]) -> Iterator[Observation]:
    last = inside(run, see.start.rho) - 1
    reasons = fast or (() if last > 0 else (f"the first step leaves the ball of radius rho_Phi = {see.start.rho:.3g}",))
    length = float(run.eta * run.grad_norm[:last].sum())
    for name in ("gd_length", "gd_length_direct"):
        yield see(name, length, reasons=reasons, step=max(last, 0), label="to the last step in the ball")


def _gradients(see: Frame, run: Run) -> Iterator[Observation]:
    slopes = 2 * np.sqrt(run.loss)
    below = np.flatnonzero(run.loss <= run.loss[0])
    at = int(below[slopes[below].argmax()])
    yield see("grad_f_upper", float(slopes[at]), step=at)
    within = slopes[: max(inside(run, see.start.rho), 1)]
    yield see("grad_f_ball", float(within.max()), step=int(within.argmax()), label="in the ball")


def ratios(run: Run, start: Start) -> tuple[np.ndarray, np.ndarray]:
    """h(w_{i+1})/h(w_i) with a bound of its relative rounding, where that is below a percent.

    A residual is off by some units in the last place of outputs and targets, whose norms are at most
    ``||Y|| + sqrt(h)``.
    """
    loss = run.loss
    noise = 64 * torch.finfo(torch.float64).eps * (float(start.values["norm_Y"]) + np.sqrt(loss))
    with np.errstate(all="ignore"):
        relative = 2 * noise / np.sqrt(loss)
        error, ratio = relative[1:] + relative[:-1], loss[1:] / loss[:-1]
    usable = np.isfinite(ratio) & (error < 0.01)
    return ratio[usable], error[usable]


def _rates(see: Frame, run: Run, premises: tuple[str, ...]) -> Iterator[Observation]:
    reasons, more = premises + run.failed, {"eta": run.eta, "eps": see.start.values["eps"]}
    ratio, error = ratios(run, see.start)
    if len(ratio):
        worst = int((ratio * (1 - error)).argmax())
        low, high = ratio[worst] * (1 - error[worst]), ratio[worst] * (1 + error[worst])
        ends = {"lower": float(low), "upper": float(high)}
        yield see("contraction", float(ratio[worst]), more=more, reasons=reasons, step=worst, **ends)
    reached = np.flatnonzero(run.loss <= more["eps"])
    taken = int(reached[0]) if len(reached) else len(run.loss) - 1
    label = "first step at or below eps" if len(reached) else "eps not reached"
    # T steps suffice: the first step that reaches eps is at most T, and later than those taken where none did
    upper = float(taken) if len(reached) else None
    yield see("iterations", float(taken), more=more, reasons=reasons, side="upper", upper=upper, label=label)


def theory_rate(values: dict[str, Any]) -> float:
    """step_size_explicit at measured constants: eqs 31 and 34."""
    return float(predict(f"{KEY}.step_size_explicit", values).value)


def rate_finding(run: Run, start: Start) -> dict[str, Any]:
    """How the run compares with Theorem 2's conclusions whether or not its premises are met.

    Returns:
        chi (the largest sigma_max(V_k)), steps, contracting (how many ratios are at most 1 - eta alpha mu^2/4), length
        (of the whole run), in_ball (steps before the first that left it), rho.
    """
    ratio, _ = ratios(run, start)
    mu = float(start.values["sigma_min_phi"])
    last = max(inside(run, start.rho) - 1, 0)
    return {
        "steps": len(ratio),
        "contracting": int((ratio <= 1 - run.eta * mu * mu / 2).sum()),
        "length": float(run.eta * run.grad_norm[:-1].sum()) if math.isfinite(run.grad_norm[-1]) else math.inf,
        "in_ball": last,
        "chi": float(np.nanmax(run.readout)),
        "rho": start.rho,
    }
