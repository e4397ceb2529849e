"""What Figures 3 and 4 train: gradient descent from random points of a ball around W*, on several sets of samples.

What Section 6 leaves open, and what is done here:
* Labels: 0 or 1, of the classification model (3), by sigmoid neurons; `labels` and `activation` choose others.
* W*: entries N(0, scale^2/d), one draw for each d, with scale = 3: then sigma_K is about where rho is largest, 1.5,
  and few samples suffice: for d = 20 all of ten sets succeed at n = 8000, with scale = 1 one of three at n = 20000.
* The local region of Figure 3: the ball that the text gives for Figure 4, ||W_0 - W*||_F <= 0.1 ||W*||_F; starting
  points are uniform in it.
* The step size: `share`/lambda_max of the Hessian of f_n at W*, on each set's own samples.
* Iterations: 2000 for both figures. A set ends before where its runs can move no further than 10^-3 of the tolerance.
* Sample sizes: the axes of the figures are not in the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.checks import check_device
from empirics.comparison import predict
from empirics.experiments.fu2018.data import LABELS, draw, stream, teacher
from empirics.experiments.fu2018.key import KEY
from empirics.experiments.fu2018.restarts import descend, sets_at_once
from empirics.measure.loss_curvature import loss_hessian_extremes
from empirics.setting import Progress, check_fields, option
from empirics.weights import Weights

START, SETS = 31, 32  # streams of random numbers of their own
PRODUCTS = 40  # of Lanczos, for an eigenvalue that a step size needs
NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        K: Neurons.
        dims: Input dimensions d.
        sample_sizes: Values of n.
        sets: Sets of samples for each n and d.
        starts: Starting points on each set.
        steps: Of gradient descent at most.
        radius: ||W_0 - W*||_F/||W*||_F at most.
        tolerance: SD_n up to which the runs on a set count as having reached one point.
        labels: classification or regression.
        activation: phi, of range (0, 1).
        scale: Size of the rows of W*.
        share: Step size, as a share of 1/lambda_max at W*.
        draw: Which W*, and which samples.
        device: ``cpu`` or ``cuda``.
    """

    K: int = option(3, "Neurons.", kind="count")
    dims: tuple[int, ...] = option((20, 40, 60), "Input dimensions, separated by commas.", kind="counts")
    sample_sizes: tuple[int, ...] = option(
        (1000, 2000, 3000, 5000, 7000, 10_000, 15_000, 20_000), "Sample sizes, separated by commas.", kind="counts"
    )
    sets: int = option(50, "Sets of samples for each n and d.", kind="count")
    starts: int = option(20, "Starting points on each set of samples.", kind="count")
    steps: int = option(2000, "Steps at most.", kind="count")
    radius: float = option(0.1, "||W_0 - W*||_F/||W*||_F at most.", kind="positive")
    tolerance: float = option(1e-2, "SD_n up to which the runs count as having reached one point.", kind="positive")
    labels: str = option("classification", "classification or regression.")
    activation: str = option("sigmoid", "Name or expression in z.")
    scale: float = option(3.0, "Size of the ground truth's rows.", kind="positive")
    share: float = option(1.0, "Step size, as a share of 1/lambda_max.", kind="positive")
    draw: int = option(0, "Which draw of the ground truth and the samples.", kind="whole")
    device: str = option("cpu", "cpu or cuda.", kind="device")

    def __post_init__(self) -> None:
        check_fields(self)
        if self.labels not in LABELS:
            raise TheoryError(f"labels = {self.labels}: must be {' or '.join(LABELS)}")


@dataclass(frozen=True)
class Outcome:
    """What came of one set of samples.

    Attributes:
        d, n, index: Which.
        spread: SD_n of the runs (Section 6); nan where one is not finite.
        error: Mean of ||W_T - W*||_F over the runs.
        norm: ||W*||_F.
        learning_rate: The step size.
        steps: How many were taken.
        lambda_max, lambda_min: Of the Hessian of f_n at W*: Ritz values, inside the spectrum.
    """

    d: int
    n: int
    index: int
    spread: float
    error: float
    norm: float
    learning_rate: float
    steps: int
    lambda_max: float
    lambda_min: float


def measure(setting: Setting, found: list[Outcome], progress: Progress | None = None) -> None:
    """Train on all sets.

    Args:
        setting: what to run.
        found: the outcomes are appended, for a caller that catches Ctrl-C.
        progress: called with one line for each n and d.

    Raises:
        TheoryError: a value outside its range, or no such device.
        NotApplicable: a ground truth that the paper does not cover.
    """
    check_device(setting.device)
    for d in sorted(setting.dims):
        truth = ground_truth(setting, d).to(setting.device)
        for n in sorted(setting.sample_sizes):
            if progress:
                progress(f"d = {d}, n = {n}: {setting.sets} sets of samples, {setting.starts} starts on each")
            size = sets_at_once(n, d, setting.starts, setting.K, setting.device)
            for first in range(0, setting.sets, size):
                found += _batch(setting, truth, n, range(first, min(first + size, setting.sets)))


def ground_truth(setting: Setting, d: int) -> Weights:
    """W* of a dimension."""
    return teacher(setting.draw, K=setting.K, d=d, activation=setting.activation, scale=setting.scale)


def asked(setting: Setting, d: int, name: str, **values: float) -> float:
    """What an order of the paper says at W*, with its constants taken as 1.

    Args:
        setting: of the runs.
        d: which W*.
        name: the quantity's.
        values: besides what W* determines.

    Returns:
        The number.
    """
    singular = torch.linalg.svdvals(ground_truth(setting, d).W[0]).tolist()
    at = {"K": setting.K, "d": d, "activation": setting.activation, "singular_values": singular, "sigma": min(singular)}
    return float(predict(f"{KEY}.{name}", at | values).value)


def _batch(setting: Setting, truth: Weights, n: int, sets: range) -> Iterator[Outcome]:
    """Some sets of one n and d, together."""
    target, where = truth.W[0], setting.device
    d, norm = target.shape[1], float(target.norm())
    seeds = [int(torch.randint(2**62, (), generator=stream(setting.draw, SETS, d, n, i))) for i in sets]
    pairs = [draw(truth, n, seed, setting.labels, where) for seed in seeds]
    ends = [loss_hessian_extremes(truth, X, y, loss="half_mean_square", max_iter=PRODUCTS).details for X, y in pairs]
    rates = [setting.share / e["lambda_max"] for e in ends]
    start = torch.stack([target + norm * ball(setting, d, n, i).to(target) for i in sets])
    X, y = (torch.stack(parts) for parts in zip(*pairs, strict=True))
    left = NEGLIGIBLE * setting.tolerance
    runs = descend(start, X, y, truth.activation, rates, steps=setting.steps, tolerance=left)
    spread = (runs.W - runs.W.mean(1, keepdim=True)).square().sum((2, 3)).mean(1).sqrt().tolist()
    error = (runs.W - target).flatten(2).norm(dim=2).mean(1).tolist()
    columns = zip(sets, spread, error, rates, runs.steps.tolist(), ends, strict=True)
    for i, s, e, rate, steps, curvature in columns:
        yield Outcome(d, n, i, s, e, norm, rate, steps, float(curvature["lambda_max"]), float(curvature["lambda_min"]))


def ball(setting: Setting, d: int, n: int, index: int) -> Tensor:
    """Starting points less W*, over ||W*||_F: uniform in the ball of Section 6, (starts, K, d)."""
    numbers = stream(setting.draw, START, d, n, index)
    shape = (setting.starts, setting.K, d)
    direction = torch.randn(shape, generator=numbers, dtype=torch.float64)
    length = torch.rand(setting.starts, 1, 1, generator=numbers, dtype=torch.float64) ** (1 / (setting.K * d))
    return setting.radius * length * direction / direction.flatten(1).norm(dim=1)[:, None, None]
