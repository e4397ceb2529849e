"""Training banerjee2023's networks and gathering the verdicts; the same for a network that the user brings."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from empirics.checks import check_device
from empirics.comparison import Comparison, configuration, gather, predict
from empirics.data import Dataset
from empirics.experiments.banerjee2023.observe import KEY, MEASURED, observe
from empirics.experiments.banerjee2023.setting import Setting
from empirics.experiments.banerjee2023.worst import worst
from empirics.measure.gradients import gradient_norms
from empirics.measure.norms import weight_norms
from empirics.networks import Network, Weights, network
from empirics.setting import Progress, on_device, round_up, versions
from empirics.training import train
from empirics.verdict import Observation

NOTES = ("radii of the ball: the least that contain the points measured, unless given; t=0 is the initialisation",)


def build(setting: Setting, width: int, seed: int, data: Dataset) -> Network:
    """The paper's network at its initialisation."""
    return network(
        KEY,
        L=setting.L,
        m=width,
        d=data.X.shape[1],
        activation=setting.activation,
        sigma_1=setting.sigma_1,
        seed=seed,
        device=setting.device,
    )


def values_of(setting: Setting, width: int, data: Dataset) -> dict[str, Any]:
    """The parameters at which the theory predicts."""
    return {
        "L": setting.L,
        "m": width,
        "d": data.X.shape[1],
        "sigma_1": setting.sigma_1,
        "rho": setting.rho or 0,
        "rho_1": setting.rho_1 or 0,
        "activation": setting.activation,
        "mean_y_sq": data.mean_y_sq,
        "kappa": 1,
    }


def learning_rate(setting: Setting, width: int, data: Dataset) -> float:
    """The rate asked for; ``theory`` is Lemma 5.2's step 1/beta."""
    if setting.learning_rate is not None:
        return setting.learning_rate
    beta = predict(f"{KEY}.beta", values_of(setting, width, data))
    return 1 / float(beta.value)


def compare(
    setting: Setting, data: Dataset, only: frozenset[str] = frozenset(), progress: Progress | None = None
) -> Comparison:
    """Train the paper's networks on ``data`` and set every measurable quantity against its prediction.

    Args:
        setting: Widths, seeds, step size, ...
        data: The samples, each of norm sqrt(d).
        only: The keys wanted; empty for all.
        progress: Called with one line per network.

    Returns:
        The verdicts; after Ctrl-C those of the networks that were finished, with ``interrupted`` in the configuration.

    Raises:
        TheoryError: The setting or the data do not fit the paper.
        KeyboardInterrupt: Ctrl-C before the first network was finished.
    """
    check_device(setting.device)
    data = on_device(data, setting.device)
    seen: list[Observation] = []
    runs: list[dict[str, Any]] = []
    names = frozenset(key.split(".")[1] for key in only) or MEASURED - _chosen_radii(setting)
    interrupted = False
    try:
        for width, seed in itertools.product(setting.widths, setting.run_seeds):
            if progress:
                progress(f"width {width}, seed {seed}: training {setting.steps} steps, measuring {setting.points}")
            found, record = _one_network(setting, data, width, seed, names, progress)
            seen += found
            runs.append(record)
    except KeyboardInterrupt:  # the networks that are finished still make a table
        if not runs:
            raise
        interrupted = True
    rows, cases = gather(seen)
    made = configuration(setting, data, runs, interrupted=interrupted, notes=NOTES)
    return Comparison(rows, {KEY: made}, versions(), cases)


def _chosen_radii(setting: Setting) -> frozenset[str]:
    """A radius chosen to contain the points measured is met by construction; only a given one is a requirement."""
    given = {"iterate_distance": setting.rho, "readout_distance": setting.rho_1}
    return frozenset(name for name, radius in given.items() if radius is None)


def _one_network(
    setting: Setting, data: Dataset, width: int, seed: int, names: frozenset[str], progress: Progress | None
) -> tuple[list[Observation], dict[str, Any]]:
    """Train one network and observe the quantities in ``names``."""
    eta = learning_rate(setting, width, data)
    net = build(setting, width, seed, data)
    points, record = trajectory(net.weights, data, eta, setting)
    values = values_of(setting, width, data) | record["radii"]
    seen: list[Observation] = []
    for step, point in points.items():
        seen += observe(point, points[0], data, values, eta, seed=seed, step=step, only=names)
    if setting.restarts:
        seen += worst(net, data, values, setting, names, progress)
    return seen, {"width": width, "seed": seed, **record}


def trajectory(
    start: Weights, data: Dataset, eta: float, setting: Setting
) -> tuple[dict[int, Weights], dict[str, Any]]:
    """Run gradient descent; the points to measure by step, and a record with the radii that contain the run."""
    marks = [round(k * setting.steps / max(setting.points - 1, 1)) for k in range(setting.points)]
    points, losses, reason = {0: start}, [], "steps"
    distances = torch.zeros(start.L + 1)
    for before, after in itertools.pairwise(marks):
        at = points[max(points)]
        run = train(at, data.X, data.y, learning_rate=eta, steps=after - before, record=("loss",))
        losses += [float(x) for x in (run.loss if run.loss is not None else [])]
        reason, reached = run.reason, before + run.stop_step
        if reason in ("diverged", "nan"):
            break
        points[reached] = run.final
        distances = torch.maximum(distances, _distance(run.final, start))
        if reason == "tolerance":
            break
    rho, rho_1 = (round_up(float(x)) for x in (distances[:-1].max(), distances[-1]))
    first = losses[0] if losses else float(gradient_norms(start, data.X, data.y).details["loss"])
    return points, {
        "learning_rate": eta,
        "steps": max(points),
        "reason": reason,
        "loss_first": first,
        "loss_last": losses[-1] if losses else first,
        "radii": {
            "rho": rho if setting.rho is None else setting.rho,
            "rho_1": rho_1 if setting.rho_1 is None else setting.rho_1,
        },
    }


def _distance(point: Weights, start: Weights) -> torch.Tensor:
    norms = weight_norms(point, start)
    return torch.cat(
        [
            torch.as_tensor(norms["weight_distance"].value),
            torch.as_tensor(norms["readout_distance"].value).max().reshape(1),
        ]
    ).cpu()
