"""Figure 1: training and test error of students of a teacher, against omega_2 at a fixed omega_1 omega_2.

Source: song2021, Section 6, Figure 1 and Appendix G. Its caption says that the bars are 95% confidence intervals, its
appendix that they are standard deviations; drawn are 95% intervals of the mean by Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from empirics.checks import check_device
from empirics.data import Dataset
from empirics.experiments.song2021.drawing import draw
from empirics.experiments.song2021.students import Run, Setting, train_students
from empirics.experiments.song2021.teacher import NORMALISATIONS, error, normalised, relabelled, split, train_teacher
from empirics.experiments.song2021.trend import Trend, t_interval, trend
from empirics.figures import check_folder, save_drawing, write_csv
from empirics.setting import Progress, on_device

NEEDS_DATA = True
SAMPLES = 1797
UNFINISHED = ", so that part of the test error is of training that has not finished"
LOAD = {"normalise": "none", "targets": "index"}
PAPER = Setting(learning_rate=0.01)
"""Appendix G's sizes; with 70000 samples of mnist_784 also its split, drawn at random. Its rate suits inputs of norm 1:
with standardised pixels the runs with the smallest omega_2 blow up."""
REDUCED = replace(PAPER, values=5, d_1=256, epochs=1000, learning_rate=None, test=0.7)
"""Two to three minutes on two cores: narrower, fewer omega_2 and samples, and each run at the rate that its curvature
allows, since at one rate for all those with small omega_2 blow up or those with large omega_2 hardly move."""


@dataclass(frozen=True)
class Figure1:
    """The runs behind the figure.

    Attributes:
        runs: All students.
        teachers: Normalisation -> (training error, test error against the true labels, epochs) of its teacher.
        setting: What was run.
        data: On what.
        interrupted: Whether Ctrl-C ended it before the last student.
    """

    runs: tuple[Run, ...]
    teachers: dict[str, tuple[float, float, int]]
    setting: Setting
    data: str
    interrupted: bool = False

    def kept(self, how: str) -> list[Run]:
        """The students of one normalisation that learned anything."""
        return [r for r in self.runs if r.normalise == how and r.reason == "steps"]

    def series(self, how: str, name: str) -> list[tuple[float, float, float, float]]:
        """(omega_2, mean, half of the 95% interval or nan, omega_2/omega_1) of an attribute of `Run`."""
        kept = self.kept(how)
        rows = []
        for omega in sorted({r.omega_2 for r in kept}):
            here = [r for r in kept if r.omega_2 == omega]
            rows.append((omega, *t_interval([getattr(r, name) for r in here]), here[0].ratio))
        return rows

    def trend(self, how: str) -> Trend:
        """How the test error goes with omega_2/omega_1."""
        kept = self.kept(how)
        return trend([r.ratio for r in kept], [r.test_error for r in kept])

    def summary(self) -> str:
        """What was seen, in words, with the numbers; runs that learned nothing are left out and said."""
        return "\n".join(self._sentence(how) for how in self.teachers if any(r.normalise == how for r in self.runs))

    def _sentence(self, how: str) -> str:
        kept, train, test = self.kept(how), self.series(how, "train_error"), self.series(how, "test_error")
        runs = [r for r in self.runs if r.normalise == how]
        wrong, unseen, epochs = self.teachers[how]
        short = " (not zero, which takes a wider d_1 or more teacher_epochs)" if wrong else ""
        said = f"{NORMALISATIONS[how]}, teacher with training error {wrong:.2%}{short} after {epochs} epochs "
        said += f"({unseen:.1%} of the true test labels wrong): {_lost(runs)}"
        if not kept:
            return said + "no student learned anything"
        ends = " and ".join(f"{_percent(*row[1:3])} at omega_2/omega_1 = {row[3]:.3g}" for row in (test[0], test[-1]))
        zero, most = sum(r.train_error == 0 for r in kept), max(row[1] for row in train)
        seen = self.trend(how).words("test error", "as the paper reports")
        return (
            f"{said}test error {ends}; {seen}; training error zero in {zero} of {len(kept)} runs, at most {most:.2%} "
            f"on average (the paper: zero for every omega_2){'' if zero == len(kept) else UNFINISHED}"
        )


def _lost(runs: Sequence[Run]) -> str:
    bad = [r for r in runs if r.reason != "steps"]
    if not bad:
        return ""
    why = ", ".join(sorted({r.reason for r in bad}))
    omegas = f"omega_2 = {min(r.omega_2 for r in bad):.3g} to {max(r.omega_2 for r in bad):.3g}"
    return f"{len(bad)} of {len(runs)} runs left out ({why}; {omegas}); "


def _percent(mean: float, half: float) -> str:
    return f"{mean:.1%}" if math.isnan(half) else f"{mean:.1%} +- {half:.1%}"


def run(setting: Setting, data: Dataset, progress: Progress | None = None) -> Figure1:
    """Train a teacher and all students for each normalisation.

    Args:
        setting: What to draw.
        data: Samples with classes, not normalised yet.
        progress: Called with one line now and then.

    Returns:
        The runs; after Ctrl-C those that were finished.

    Raises:
        TheoryError: The data have no classes, or the teacher cannot be trained.
        KeyboardInterrupt: Ctrl-C before the first student was finished.
    """
    check_device(setting.device)
    parts = split(on_device(data, setting.device), setting.test)
    hows = tuple(NORMALISATIONS) if setting.normalise == "both" else (setting.normalise,)
    runs: list[Run] = []
    teachers, interrupted = {}, False
    try:
        for how in hows:
            own = normalised(parts, how)
            if progress:
                progress(f"{how}: teacher, up to {setting.teacher_epochs} epochs")
            weights, wrong, epochs = train_teacher(own, setting.d_1, setting.batch_size, setting.teacher_epochs)
            teachers[how] = (wrong, error(weights, own.X_test, own.labels_test), epochs)
            train_students(setting, how, relabelled(own, weights), runs, progress)
    except KeyboardInterrupt:  # the students that are finished still make a figure
        if not runs:
            raise
        interrupted = True
    size = f"{data.name}, {len(parts.X)} training and {len(parts.X_test)} test samples"
    return Figure1(tuple(runs), teachers, setting, size, interrupted)


HEADER = (
    *("normalise", "omega_1", "omega_2", "seed", "learning_rate"),
    *("loss_first", "loss_last", "train_error", "test_error", "stopped"),
)


def save(figure: Figure1, folder: Path) -> list[Path]:
    """Write the drawing as PNG and SVG and every student's numbers as CSV.

    Raises:
        TheoryError: The folder cannot be written.
    """
    check_folder(folder)
    name = "song2021.fig1"
    fields = Run.__dataclass_fields__
    table = write_csv(folder / f"{name}.csv", HEADER, [[getattr(r, f) for f in fields] for r in figure.runs])
    return [table, *save_drawing(draw(figure), folder, name)]
