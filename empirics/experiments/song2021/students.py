"""What Figure 1 trains: its setting, and the students of one teacher, all together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bounds.errors import TheoryError
from empirics.experiments.song2021.teacher import MSE, NORMALISATIONS, Split, error, he_product, rates, student
from empirics.setting import Progress, check_fields, option
from empirics.training import TrainingInterrupted, Trajectory, train_many

RANGE = (0.002, 0.1)  # of omega_2, at d_0 = 784 and d_1 = 1000
PRODUCT = he_product(784, 1000)  # the omega_1 omega_2 = 0.002259 that belongs to it
LOOKS = 5
NO_BETTER = "no better than zero outputs"
LOST = ("diverged", "nan")


@dataclass(frozen=True)
class Setting:
    """What is drawn.

    Attributes:
        omega_2: Deviations of V_0; None: `values` of them, whose omega_2/omega_1 span the range of the paper's.
        values: How many.
        seeds: Runs for each.
        d_1: Width of the teacher and of the students.
        epochs: Of each student.
        teacher_epochs: Of the teacher, at most; it stops at zero training error.
        batch_size: Samples per step.
        learning_rate: Of the students, for the mean over samples and outputs; None: each one's own, 1/lambda_max of
            the Gauss-Newton matrix at its start.
        test: The share of the samples kept for testing.
        normalise: standard, unit or both.
        device: cpu or cuda.
    """

    omega_2: tuple[float, ...] | None = option(None, "Deviations of V_0, separated by commas.", kind="positives")
    values: int = option(10, "How many omega_2, where none are given, over the paper's range.", kind="count")
    seeds: int = option(5, "Runs per omega_2.", kind="count")
    d_1: int = option(1000, "Width of teacher and students.", kind="count")
    epochs: int = option(300, "Epochs of each student.", kind="count")
    teacher_epochs: int = option(3000, "Epochs of the teacher, at most.", kind="count")
    batch_size: int = option(128, "Samples per step.", kind="count")
    learning_rate: float | None = option(None, "Step size, or 'theory': each run's own.", kind="positive")
    test: float = option(1 / 7, "Share of the samples kept for testing.", kind="fraction")
    normalise: str = option("both", "Inputs: standard (pixels), unit (samples of norm 1) or both.")
    device: str = option("cpu", "cpu or cuda.", kind="device")

    def __post_init__(self) -> None:
        check_fields(self)
        if self.normalise not in (*NORMALISATIONS, "both"):
            raise TheoryError(f"normalise = {self.normalise}: must be {', '.join(NORMALISATIONS)} or both")

    def omegas(self, d_0: int) -> tuple[float, ...]:
        """The values of omega_2, ascending: omega_2^2 scales with omega_1 omega_2 to keep the paper's ratios."""
        if self.omega_2 is not None:
            return tuple(sorted(self.omega_2))
        scale = math.sqrt(he_product(d_0, self.d_1) / PRODUCT)
        low, high = (math.log(scale * omega) for omega in RANGE)
        return tuple(float(x) for x in np.exp(np.linspace(low, high, self.values)))


@dataclass(frozen=True)
class Run:
    """One student.

    Attributes:
        normalise: How the inputs were normalised.
        omega_1, omega_2, seed, learning_rate: How it was made and trained.
        loss_first, loss_last: Mean square over training samples and outputs.
        train_error, test_error: Shares of samples on which it disagrees with the teacher.
        reason: steps, diverged, nan, or "no better than zero outputs".
    """

    normalise: str
    omega_1: float
    omega_2: float
    seed: int
    learning_rate: float
    loss_first: float
    loss_last: float
    train_error: float
    test_error: float
    reason: str

    @property
    def ratio(self) -> float:
        """omega_2/omega_1."""
        return self.omega_2 / self.omega_1


def train_students(setting: Setting, how: str, parts: Split, runs: list[Run], progress: Progress | None) -> None:
    """Train all students of a normalisation together.

    Args:
        setting: what to train.
        how: the normalisation, for the record.
        parts: normalised and labelled by the teacher.
        runs: what came of each is appended, after Ctrl-C of those that were finished.
        progress: called with one line now and then.

    Raises:
        TrainingInterrupted: Ctrl-C.
    """
    made = [(omega, seed) for omega in setting.omegas(parts.X.shape[1]) for seed in range(setting.seeds)]
    nets = [student(parts, setting.d_1, omega, seed) for omega, seed in made]
    b = min(setting.batch_size, len(parts.X))
    steps = setting.epochs * -(-len(parts.X) // b)
    looks = sorted({round(k * steps / LOOKS) for k in range(LOOKS + 1)})

    def told(t: int, losses: list[float]) -> None:
        if progress:
            progress(f"{how}: students {len(losses)} at a time of {len(nets)}, step {t} of {steps}")

    ends: Sequence[Trajectory]
    try:
        ends = train_many(
            nets,
            parts.X,
            parts.y,
            learning_rate=rates(nets, parts.X, setting.learning_rate),
            loss=MSE,
            steps=steps,
            tolerance=0,
            batch_size=b,
            sampling="epochs",
            seeds=[seed for _, seed in made],
            record=("loss", "accuracy"),
            record_at=looks,
            progress=told,
        )
    except TrainingInterrupted as stop:
        runs += [
            _ended(how, parts, *of, t)
            for of, t in zip(made, stop.trajectories, strict=True)
            if t.reason != "interrupted"
        ]
        raise
    runs += [_ended(how, parts, *of, t) for of, t in zip(made, ends, strict=True)]


def _ended(how: str, parts: Split, omega_2: float, seed: int, end: Trajectory) -> Run:
    first = math.nan if end.loss is None or not len(end.loss) else float(end.loss[0])
    nothing = float(parts.y.square().mean())  # the loss of outputs of zero
    reason = NO_BETTER if end.reason == "steps" and end.final_loss >= nothing else end.reason
    train, test = (
        math.nan if reason in LOST else error(end.final, X, labels)
        for X, labels in ((parts.X, parts.labels), (parts.X_test, parts.labels_test))
    )
    omega_1 = he_product(end.final.d, end.final.m) / omega_2
    return Run(how, omega_1, omega_2, seed, end.learning_rate, first, end.final_loss, train, test, reason)
