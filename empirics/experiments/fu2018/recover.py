"""From data alone to W*: gradient descent from Algorithm 2's estimate, beside random starts and a start at W* itself.

Theorems 2 and 3 together say that the estimate lies in the ball where gradient descent converges to a critical point
near W* (in regression W* itself, Corollary 2). The paper draws no such figure. A run has recovered W* if it ends, up to
a permutation of the neurons, within `recovered` ||W*||_F of where descent from W* ends. Every set has a W* of its own.

A run that has not recovered W* may be slow and not stuck: of 48 random starts on three sets with d = 10, n = 1000 and
half of the step size here, 36 had after 2000 steps, and all after 10000.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from empirics.checks import check_device
from empirics.experiments.fu2018.algorithm2 import PRINTED, SHARPENED, Method, initialise
from empirics.experiments.fu2018.data import LABELS, draw, stream, teacher
from empirics.experiments.fu2018.matching import error
from empirics.experiments.fu2018.moments import tensors
from empirics.experiments.fu2018.recover_drawing import draw as picture
from empirics.experiments.fu2018.recovered import ORIGINAL, RANDOM, SHARPER, TRUE, Recovery, Run
from empirics.experiments.fu2018.restarts import descend
from empirics.figures import check_folder, save_drawing, write_csv
from empirics.measure.loss_curvature import loss_hessian_extremes
from empirics.setting import Progress, check_fields, option
from empirics.weights import Weights

__all__ = ["NEEDS_DATA", "PAPER", "REDUCED", "SAMPLES", "Recovery", "Setting", "run", "save"]

NEEDS_DATA = False
SAMPLES = 0
STEM = "fu2018.recovery"
TRUTH, DRAWN, AT = 41, 42, 43  # streams of random numbers of their own
PRODUCTS = 40  # of Lanczos, for an eigenvalue that a step size needs
NEGLIGIBLE = 0.1  # of the distance that counts as recovery: what the steps left out would have moved a run
METHODS = {ORIGINAL: PRINTED, SHARPER: SHARPENED}


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        K: Neurons.
        d: Input dimension.
        sample_sizes: Values of n.
        sets: Ground truths, each with its samples, for each n.
        starts: Random starts on each, rows drawn like those of W*.
        steps: Of gradient descent at most.
        recovered: Distance that counts as recovery, over ||W*||_F.
        labels: classification or regression.
        activation: phi, of range (0, 1).
        scale: Size of the rows of W*.
        share: Step size, as a share of 1/lambda_max at W*.
        draw: Which ground truths and samples.
        device: ``cpu`` or ``cuda``.
    """

    K: int = option(3, "Neurons.", kind="count")
    d: int = option(20, "Input dimension.", kind="count")
    sample_sizes: tuple[int, ...] = option(
        (1000, 3000, 10_000, 30_000, 100_000, 300_000), "Sample sizes, separated by commas.", kind="counts"
    )
    sets: int = option(50, "Ground truths, each with its samples, for each n.", kind="count")
    starts: int = option(10, "Random starts on each set of samples.", kind="count")
    steps: int = option(10_000, "Steps at most.", kind="count")
    recovered: float = option(0.05, "Distance that counts as recovery, over ||W*||_F.", kind="fraction")
    labels: str = option("regression", "classification or regression.")
    activation: str = option("sigmoid", "Name or expression in z.")
    scale: float = option(1.0, "Size of the ground truth's rows.", kind="positive")
    share: float = option(1.0, "Step size, as a share of 1/lambda_max.", kind="positive")
    draw: int = option(0, "Which draw of the ground truths and the samples.", kind="whole")
    device: str = option("cpu", "cpu or cuda.", kind="device")

    def __post_init__(self) -> None:
        check_fields(self)
        if self.labels not in LABELS:
            raise TheoryError(f"labels = {self.labels}: must be {' or '.join(LABELS)}")


PAPER = Setting()
"""Ours: the paper has no such experiment. Hours on two cores."""
REDUCED = replace(PAPER, d=10, sample_sizes=(300, 1000, 3000, 10_000), sets=10, starts=3, steps=4000)
"""Smaller inputs, fewer sets and starts: about two minutes on two cores."""


def run(setting: Setting, data: Any = None, progress: Progress | None = None) -> Recovery:
    """Estimate and train on every set of samples.

    Args:
        setting: What to run.
        data: None: the figure makes its own.
        progress: Called with one line for each n.

    Returns:
        The runs; after Ctrl-C those of the sets that were finished.

    Raises:
        NotApplicable: Algorithm 2 has no usable tensors for the activation.
        TheoryError: A value outside its range.
        KeyboardInterrupt: Ctrl-C before the first set was finished.
    """
    check_device(setting.device)
    tensors(setting.activation, setting.scale)  # refuses before hours of training
    found: list[Run] = []
    interrupted = False
    try:
        for n in sorted(setting.sample_sizes):
            if progress:
                progress(f"n = {n}: {setting.sets} sets of samples, {setting.starts} random starts on each")
            for index in range(setting.sets):
                found += list(_one(setting, n, index))
    except KeyboardInterrupt:  # the sets that are finished still make a figure
        if not found:
            raise
        interrupted = True
    return Recovery(tuple(found), setting, interrupted)


def _one(setting: Setting, n: int, index: int) -> Iterator[Run]:
    """All starts on one set, trained together."""
    truth = _truth(setting, setting.draw, TRUTH, index)
    target = truth.W[0]
    X, y = draw(truth, n, _seed(setting.draw, DRAWN, n, index), setting.labels, setting.device)
    names, starts, doubts = [TRUE], [target], [0]
    for name, method in METHODS.items():
        W, unknown = _estimate(setting, X, y, method, index)
        names, starts, doubts = [*names, name], [*starts, W], [*doubts, unknown]
    for k in range(setting.starts):
        drawn = _truth(setting, setting.draw, AT, n, index, k).W[0]
        names, starts, doubts = [*names, RANDOM], [*starts, drawn], [*doubts, 0]
    top = loss_hessian_extremes(truth, X, y, loss="half_mean_square", max_iter=PRODUCTS).details["lambda_max"]
    rates = [setting.share / float(top)]
    # a start that is not there takes part as W*, and its end is dropped: one nan would keep the others from stopping
    begin = torch.stack([target if bool(W.isnan().any()) else W for W in starts])
    left = NEGLIGIBLE * setting.recovered * float(target.norm())
    ends = descend(begin[None], X[None], y[None], truth.activation, rates, steps=setting.steps, tolerance=left)
    size, reference = float(target.norm()), ends.W[0, 0]
    for name, first, last, unknown in zip(names, starts, ends.W[0], doubts, strict=True):
        gone = bool(first.isnan().any())
        away = [math.nan if gone else error(W, target) for W in (first, last)]
        apart = math.nan if gone else error(last, reference) * float(reference.norm()) / size
        yield Run(n, index, name, away[0], away[1], apart, unknown, int(ends.steps[0]))


def _estimate(setting: Setting, X: Tensor, y: Tensor, method: Method, index: int) -> tuple[Tensor, int]:
    """Algorithm 2's W_0 and how many norms it left open; nan where it found no components."""
    options = {"activation": setting.activation, "scale": setting.scale}
    try:
        found = initialise(X, y, setting.K, method=method, seed=index, **options)  # type: ignore[arg-type]
    except NotApplicable:
        raise
    except TheoryError:
        return X.new_full((setting.K, setting.d), torch.nan), 0
    return found.W, len(found.doubts)


def _truth(setting: Setting, *purpose: int) -> Weights:
    """Weights drawn like W*, for a purpose."""
    options = {"K": setting.K, "d": setting.d, "activation": setting.activation, "scale": setting.scale}
    return teacher(_seed(*purpose), device=setting.device, **options)  # type: ignore[arg-type]


def _seed(*purpose: int) -> int:
    return int(torch.randint(2**62, (), generator=stream(*purpose)))


def save(figure: Recovery, folder: Path) -> list[Path]:
    """Write the drawing as PNG and SVG and every run's numbers as CSV.

    Args:
        figure: The runs.
        folder: Where.

    Returns:
        The files.

    Raises:
        TheoryError: The folder cannot be written.
    """
    check_folder(folder)
    fields = tuple(Run.__dataclass_fields__)
    table = write_csv(folder / f"{STEM}.csv", fields, [[getattr(r, f) for f in fields] for r in figure.runs])
    return [table, *save_drawing(picture(figure), folder, STEM)]
