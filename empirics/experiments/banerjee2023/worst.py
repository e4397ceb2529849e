"""The worst point found in the ball, for the bounds that claim to hold everywhere in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from empirics.data import Dataset
from empirics.experiments.banerjee2023.observe import CONSTANTS, KEY
from empirics.experiments.banerjee2023.setting import Setting
from empirics.measure.supremum import supremum
from empirics.networks import Network
from empirics.setting import Progress
from empirics.spectral import SpectralBall
from empirics.verdict import Observation

SEARCHED = {
    "param_grad_norm": ("param_grad_norm",),
    "input_grad_norm": ("input_grad_norm", "input_grad_norm_printed"),
    "loss": ("loss_ball",),
    "loss_grad_norm": ("loss_grad_norm",),
    "hessian_norm": ("hessian_norm", *CONSTANTS),
}
"""What is climbed, and the quantities that it tests."""


def worst(
    net: Network,
    data: Dataset,
    values: dict[str, Any],
    setting: Setting,
    names: frozenset[str],
    progress: Progress | None = None,
) -> Iterator[Observation]:
    """Search the ball of Theorem 4.1 around theta_0 for the largest value of every quantity asked for.

    Args:
        net: the network at its initialisation.
        data: the samples.
        values: the parameters at which the theory predicts, the radii rho and rho_1 among them.
        setting: how many restarts, and of how many steps.
        names: the quantities wanted.
        progress: called with one line per search.

    Yields:
        Observations from below: they can refute a bound and never prove it.
    """
    ball = SpectralBall(float(values["rho"]), float(values["rho_1"]))
    root = float(values["m"]) ** 0.5
    for quantity, keys in SEARCHED.items():
        wanted = [key for key in keys if key in names]
        if not wanted:
            continue
        if progress:
            progress(f"width {values['m']}, seed {net.seed}: searching the ball for the largest {quantity}")
        options = {"restarts": setting.restarts, "steps": setting.restart_steps, "seed": net.seed or 0}
        found = supremum(net, quantity, data.X, ball, y=data.y, **options)  # type: ignore[arg-type]
        for key in wanted:
            size = float(found.value) * (root if key in CONSTANTS else 1)
            label = f"worst of {setting.restarts} searches"
            yield Observation(f"{KEY}.{key}", values, size, seed=net.seed or 0, label=label)
