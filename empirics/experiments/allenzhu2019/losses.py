"""Theorem 6 (Appendix A): a gradient-dominant, a convex, a bounded non-convex loss, and cross-entropy.

The theorem asks for losses f(z; y) that are 1-smooth in the output z. With u = z - y, summed over outputs:

    gradient dominant  (u^2 + 3 sin(u)^2)/8    f'' = (1 + 3 cos 2u)/4 <= 1, not convex
    convex             sqrt(1 + u^2) - 1       f'' = (1 + u^2)^(-3/2) <= 1, the minimiser is z* = y
    nonconvex          u^2/(2 + 2 u^2) < 1/2   f'' = (1 - 3 u^2)/(1 + u^2)^3 <= 1

and the cross-entropy -log softmax(z)_y (A13), whose second derivative is at most 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.experiments.allenzhu2019.data import Samples, build, rates, values_of
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.setting import LOSSES as NAMES
from empirics.experiments.allenzhu2019.setting import Setting
from empirics.losses import LOSSES, Loss
from empirics.measure.forward import forward
from empirics.training import Trajectory, train
from empirics.verdict import Observation
from empirics.weights import Weights

MEASURED = frozenset(f"iterations_{name}" for name in NAMES)
SIGMA = 0.04
"""f'^2 >= SIGMA f for the gradient-dominant loss: the least ratio is 0.0439, near u = 2.20."""
ENTROPY = "cross_entropy"
_CURVED = 0.5  # largest second derivative of the cross-entropy


def _of_residual(name: str, formula: str, *parts: Callable[[Tensor], Tensor]) -> Loss:
    """A loss sum_ih f(z_ih - y_ih) from f, f' and f''."""
    value, slope, bend = parts
    return Loss(
        name,
        f"sum_ih {formula}, u = f_ih - y_ih (allenzhu2019, Theorem 6)",
        lambda f, y: value(f - y).sum((-2, -1)),
        lambda f, y: slope(f - y),
        lambda f, y, df: bend(f - y) * df,
        mean=False,
    )


OTHERS: Mapping[str, Loss] = {
    "gradient_dominant": _of_residual(
        "gradient_dominant",
        "(u^2 + 3 sin(u)^2)/8",
        lambda u: (u.square() + 3 * u.sin().square()) / 8,
        lambda u: (2 * u + 3 * (2 * u).sin()) / 8,
        lambda u: (1 + 3 * (2 * u).cos()) / 4,
    ),
    "convex": _of_residual(
        "convex",
        "sqrt(1 + u^2) - 1",
        lambda u: u.square() / ((1 + u.square()).sqrt() + 1),  # the same, without cancellation
        lambda u: u / (1 + u.square()).sqrt(),
        lambda u: (1 + u.square()) ** -1.5,
    ),
    "nonconvex": _of_residual(
        "nonconvex",
        "u^2/(2 + 2 u^2)",
        lambda u: u.square() / (2 + 2 * u.square()),
        lambda u: u / (1 + u.square()).square(),
        lambda u: (1 - 3 * u.square()) / (1 + u.square()) ** 3,
    ),
    ENTROPY: LOSSES[ENTROPY],
}
"""The losses by the names of Theorem 6's iterations."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Gradient descent on one of these losses.

    Attributes:
        name: of the loss.
        kind: of network.
        seed: of the network.
        run: the trajectory, recorded at every step.
        values: the parameters at which the theory predicts.
        steps: taken until the goal was reached, or all.
        reached: whether it was.
    """

    name: str
    kind: str
    seed: int
    run: Trajectory
    values: Mapping[str, Any]
    steps: int
    reached: bool

    @property
    def course(self) -> tuple[float, float]:
        """What the goal is about, where the run began and where it stopped: accuracy, ||loss||, or the loss F."""
        if self.name == "nonconvex":
            found = self.run.records["outputs"][:, 0]
        else:
            found = self.run.records["accuracy" if self.name == ENTROPY else "loss"]
        return float(found[0]), float(found[-1])


def trial(name: str, kind: str, setting: Setting, width: int, samples: Samples) -> Trial:
    """Train one network, of the first seed, on one of the losses.

    The step is 1/(lambda_max(K) max f''), K the tangent kernel at w_0.

    Args:
        name: of the loss.
        kind: mlp, cnn or resnet.
        setting: eps, loss_steps, ...
        width: m.
        samples: the data; classes for cross-entropy.

    Returns:
        The trial.
    """
    y = samples.classes if name == ENTROPY and samples.classes is not None else samples.y
    start = build(kind, setting, width, setting.first_seed, samples, y.shape[1])
    eta = setting.learning_rate or rates(start, samples.X)[0] / (_CURVED if name == ENTROPY else 1)
    run = train(
        start,
        samples.X,
        y,
        learning_rate=eta,
        loss=OTHERS[name],
        steps=setting.loss_steps,
        tolerance=_target(name, setting.eps),
        record=("loss", "accuracy") if name == ENTROPY else ("loss",),
        observe={"outputs": _outputs(samples.X, y, OTHERS[name])},
        record_every=1,
    )
    values = values_of(kind, setting, start, samples) | {
        "sigma": SIGMA,
        "D": float(np.nanmax(run.records["outputs"][:, 1])),
    }
    steps, reached = _goal(name, run, setting.eps)
    return Trial(name, kind, setting.first_seed, run, values, steps, reached)


def _target(name: str, eps: float) -> float:
    """The loss at which a run may stop: eps, or for cross-entropy log 2, below which every p_y exceeds 1/2."""
    return {ENTROPY: math.log(2), "nonconvex": 0.0}.get(name, eps)


def _goal(name: str, run: Trajectory, eps: float) -> tuple[int, bool]:
    """The first step at the goal: 100% accuracy; ||loss|| <= eps; F < eps."""
    met = {
        ENTROPY: lambda: run.records["accuracy"] == 1,
        "nonconvex": lambda: run.records["outputs"][:, 0] <= eps,
    }.get(name, lambda: run.records["loss"] < eps)()
    return (int(met.argmax()), True) if met.any() else (run.stop_step, False)


def _outputs(X: Tensor, y: Tensor, loss: Loss) -> Callable[[Weights], Tensor]:
    """For `train(observe=...)`: ||loss|| over all samples, and max_i ||z_i - y_i||, (S, 2)."""

    def seen(weights: Weights) -> Tensor:
        f = forward(weights, X, 0).f
        return torch.stack([loss.slope(f, y).flatten(1).norm(dim=1), (f - y).norm(dim=-1).amax(-1)], -1)

    return seen


def observe(found: Trial) -> Iterator[Observation]:
    """The steps of one trial against Theorem 6; where the goal was not reached, those taken.

    No run is marked as failed: the theorem's width and step are known up to constants, so that no run is known to have
    met them.

    Args:
        found: the trial.

    Yields:
        One observation.
    """
    why = (f"gradient descent {found.run.reason} at step {found.run.stop_step}",)
    bad = found.run.reason in ("diverged", "nan")
    yield Observation(
        f"{KEY}.iterations_{found.name}",
        found.values,
        float(found.steps),
        upper=float(found.steps),
        seed=found.seed,
        step=found.steps,
        label="reached" if found.reached else "not reached",
        reasons=why if bad else (),
        width=int(found.values["m"]),
    )


def missing(name: str, samples: Samples, values: Mapping[str, Any]) -> Observation:
    """What stands for a loss that the data do not allow.

    Args:
        name: of the loss.
        samples: which say why.
        values: the parameters at which the theory predicts.

    Returns:
        An observation that says why.
    """
    key, why = f"{KEY}.iterations_{name}", (samples.no_classes,)
    return Observation(key, dict(values), math.nan, reasons=why, width=int(values["m"]))


def sentence(name: str, trials: list[Trial], eps: float) -> str:
    """What the trials of one kind of network with one loss showed.

    Args:
        name: of the loss.
        trials: one for each width.
        eps: the goal.

    Returns:
        A sentence.
    """
    what, goal = {
        ENTROPY: ("accuracy", "100%"),
        "nonconvex": ("||loss||", f"{eps:g}"),
    }.get(name, ("F", f"{eps:g}"))
    parts = []
    for t in trials:
        first, last = (f"{100 * x:.3g}%" if name == ENTROPY else f"{x:.3g}" for x in t.course)
        end = f"{goal} at step {t.steps}" if t.reached else f"{goal} not reached in {t.steps} steps"
        parts.append(f"width {int(t.values['m'])}: {what} {first} to {last}, {end}")
    shown = " ".join(name.split("_"))
    n = int(trials[0].values["n"])
    return f"{trials[0].kind}, {shown} loss (Theorem 6), {n} samples, 1 run a width: {'; '.join(parts)}"
