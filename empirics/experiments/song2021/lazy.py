"""Lazy training: a network's loss beside that of its linearisation, against omega_2/omega_1 at a fixed omega_1 omega_2.

Source: song2021, Section 6 ("Comment on lazy training") and Appendix F. Phi is linearised at Theta_0 and trained beside
the network by the same steps on the same h = ||Phi - Y||_F^2. The paper draws no such figure: it gives upper bounds for
|h(Theta_i) - h~(Theta~_i)| that go to 0 as omega_2/omega_1 -> 0 and to infinity as omega_2/omega_1 -> infinity.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.checks import check_device
from empirics.comparison import predict
from empirics.data import Dataset
from empirics.experiments.song2021.constants import KEY, unit_data
from empirics.experiments.song2021.gaps import Gap, finding
from empirics.experiments.song2021.gaps_drawing import draw
from empirics.figures import check_folder, save_drawing, write_csv
from empirics.linearised import linear_gap
from empirics.measure.forward import forward
from empirics.measure.kernel import ntk_gram
from empirics.networks import Network, network
from empirics.setting import Progress, check_fields, on_device, option

NEEDS_DATA = True
SAMPLES = 64
LOOKS = 120  # recorded steps, evenly in log i


@dataclass(frozen=True)
class Setting:
    """What is trained.

    Attributes:
        ratios: Values of omega_2/omega_1.
        seeds: Initialisations for each.
        d_1: Hidden units.
        activation: Name or expression in z.
        product: omega_1 omega_2 in units of 1/sqrt(d_0 d_1); the paper's is "about" 1, He's is 2.
        learning_rate: Step size; None: 1/(2 lambda_max(K_0)), half of what the linearisation tolerates.
        steps: Of gradient descent; the two losses are compared at up to 120 of them.
        delta_2: Of eq 83.
        device: cpu or cuda.
    """

    ratios: tuple[float, ...] = option(
        (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0), "Values of omega_2/omega_1, separated by commas.", kind="positives"
    )
    seeds: int = option(5, "Initialisations per ratio.", kind="count")
    d_1: int = option(1000, "Hidden units.", kind="count")
    activation: str = option("gelu", "Name or expression in z.")
    product: float = option(1.0, "omega_1 omega_2 in units of 1/sqrt(d_0 d_1).", kind="positive")
    learning_rate: float | None = option(None, "Step size, or 'theory': 1/(2 lambda_max(K_0)).", kind="positive")
    steps: int = option(10_000, "Steps of gradient descent.", kind="count")
    delta_2: float = option(1.0, "Relative error of the largest eigenvalue of M_0.", kind="positive")
    device: str = option("cpu", "cpu or cuda.", kind="device")

    def __post_init__(self) -> None:
        check_fields(self)

    def omegas(self, ratio: float, d_0: int) -> tuple[float, float]:
        """omega_1 and omega_2 with this ratio and the product of all."""
        product = self.product / math.sqrt(d_0 * self.d_1)
        return math.sqrt(product / ratio), math.sqrt(product * ratio)


PAPER = Setting()
"""The width of the paper's students; the rest is ours."""
REDUCED = replace(PAPER, seeds=3, d_1=256, steps=3000)
"""About a minute on two cores."""


@dataclass(frozen=True)
class Lazy:
    """The runs behind the figure.

    Attributes:
        gaps: One for each ratio and seed.
        setting: What was run.
        data: On what.
        interrupted: Whether Ctrl-C ended it before the last run.
    """

    gaps: tuple[Gap, ...]
    setting: Setting
    data: str
    interrupted: bool = False

    def summary(self) -> str:
        """What was seen, in words, with the numbers."""
        return finding(self.gaps)


def build(setting: Setting, ratio: float, seed: int, d_0: int) -> Network:
    """The network at its initialisation."""
    omega_1, omega_2 = setting.omegas(ratio, d_0)
    given: dict[str, Any] = {"d_0": d_0, "d_1": setting.d_1, "omega_1": omega_1, "omega_2": omega_2}
    return network(KEY, seed=seed, device=setting.device, activation=setting.activation, **given)


def lazy_gaps(
    setting: Setting,
    data: Dataset,
    ratios: Sequence[float] | None = None,
    seeds: int | None = None,
    progress: Progress | None = None,
    *,
    found: list[Gap] | None = None,
) -> list[Gap]:
    """Train networks beside their linearisations.

    Args:
        setting: what to train.
        data: samples with one target each; scaled here to norm 1, the targets to ||Y|| <= 1.
        ratios: omega_2/omega_1; None: the setting's.
        seeds: initialisations for each; None: the setting's.
        progress: called with one line per run.
        found: where the runs go as they end, for a caller that catches Ctrl-C.

    Returns:
        One for each ratio and seed, ratios ascending.

    Raises:
        TheoryError: the data have several targets per sample, or a row is zero.
    """
    check_device(setting.device)
    data = on_device(unit_data(data), setting.device)
    gaps: list[Gap] = [] if found is None else found
    for ratio, seed in itertools.product(sorted(ratios or setting.ratios), range(seeds or setting.seeds)):
        if progress:
            progress(f"omega_2/omega_1 = {ratio:g}, seed {seed}: {setting.steps} steps")
        gaps.append(_one(setting, data, ratio, seed))
    return gaps


def looks(steps: int) -> tuple[int, ...]:
    """The steps at which losses are compared: all of few, of many those evenly spaced in log i, and 0."""
    some = np.geomspace(1, steps, LOOKS).round().astype(int)
    return tuple(range(steps + 1)) if steps < LOOKS else (0, *sorted(set(some.tolist())))


def _one(setting: Setting, data: Dataset, ratio: float, seed: int) -> Gap:
    """One network and its linearisation."""
    net = build(setting, ratio, seed, data.X.shape[1])
    K = ntk_gram(net, data.X)
    top = float(torch.linalg.eigvalsh(torch.as_tensor(K.value))[-1])
    pair = linear_gap(
        net,
        data.X,
        data.y,
        learning_rate=setting.learning_rate or 1 / (2 * top),
        steps=setting.steps,
        loss="sum_square",
        record_at=looks(setting.steps),
        kernel=K,
    )
    run, last = pair.network, len(pair.steps) - 1
    values = _values(setting, net, data.X, ratio, float(np.max(run.records["distance_fro"][: last + 1])))
    beta, nu = (float(predict(f"{KEY}.{name}", values).value) for name in ("beta_Phi", "nu_Phi"))
    at = int(pair.loss_gap.argmax())
    return Gap(
        ratio,
        seed,
        values["omega_1"],
        values["omega_2"],
        run.learning_rate,
        float(pair.loss_gap[at]),
        int(pair.steps[at]),
        pair.largest,
        float(run.records["loss"][0]),
        float(run.records["loss"][last]),
        float(pair.linear.loss[last]),
        values["chi_max"],
        beta / nu**2,
        run.reason,
        int(pair.steps[last]),
        values,
    )


def _values(setting: Setting, net: Network, X: Tensor, ratio: float, moved: float) -> dict[str, Any]:
    """The parameters at which the theory predicts: Lemma 3's constants at Theta_0, and chi_max along the run."""
    omega_1, omega_2 = setting.omegas(ratio, X.shape[1])
    weights = net.weights
    readout = float(weights.V.norm())
    return {
        "n": len(X),
        "d_0": X.shape[1],
        "d_1": setting.d_1,
        "d_2": 1,
        "omega_1": omega_1,
        "omega_2": omega_2,
        "activation": setting.activation,
        "delta_2": setting.delta_2,
        "sigma_max_X": float(torch.linalg.svdvals(X)[0]),
        "sigma_max_V0": readout,
        "sigma_max_phi": float(torch.linalg.svdvals(forward(weights, X, 0).a[-1])[0]),
        "chi_max": readout + moved,
    }


def run(setting: Setting, data: Dataset, progress: Progress | None = None) -> Lazy:
    """Train at every ratio and seed.

    Args:
        setting: What to draw.
        data: Samples with one target each.
        progress: Called with one line per run.

    Returns:
        The runs; after Ctrl-C those that were finished.

    Raises:
        TheoryError: The data do not fit.
        KeyboardInterrupt: Ctrl-C before the first run was finished.
    """
    found: list[Gap] = []
    interrupted = False
    try:
        lazy_gaps(setting, data, progress=progress, found=found)
    except KeyboardInterrupt:  # the runs that are finished still make a figure
        if not found:
            raise
        interrupted = True
    return Lazy(tuple(found), setting, f"{data.name}, {len(data.X)} samples", interrupted)


def save(figure: Lazy, folder: Path) -> list[Path]:
    """Write the drawing as PNG and SVG and every run's numbers as CSV.

    Raises:
        TheoryError: The folder cannot be written.
    """
    check_folder(folder)
    name = f"{KEY}.lazy"
    columns = [f for f in Gap.__dataclass_fields__ if f != "values"]
    table = write_csv(folder / f"{name}.csv", columns, [[getattr(g, f) for f in columns] for g in figure.gaps])
    return [table, *save_drawing(draw(figure), folder, name)]
