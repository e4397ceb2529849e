"""Figure 1: ||gbar_t|| against t for several widths, and its least value over t against the width."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bounds.errors import TheoryError
from empirics.checks import check_device
from empirics.data import Dataset
from empirics.experiments.banerjee2023.run import build
from empirics.experiments.banerjee2023.setting import Setting
from empirics.figures import check_folder, panel_style, save_drawing, write_csv
from empirics.setting import Progress, on_device
from empirics.training import Trajectory, train_many

PAPER = Setting(widths=(64, 128, 256, 512, 1024, 2048), seeds=3, steps=3000, learning_rate=10.0)
"""Sec 6: 3-layer tanh, full-batch gradient descent, loss < 1e-3 or 3000 iterations, 3 runs averaged. The paper states
neither its widths nor its rate; these are ours."""
REDUCED = replace(PAPER, widths=(64, 128, 256, 512), steps=300)
"""The same with fewer widths and iterations: a few minutes on two cores."""
TOLERANCE = 1e-3
SAMPLES = 512
NEEDS_DATA = True
EARLY = 2
"""A minimum this early tells of the initialisation, not of training."""


@dataclass(frozen=True)
class Figure1:
    """The runs behind the figure.

    Attributes:
        gbar: Width -> (runs, steps + 1), ||gbar_t||; nan after a run has stopped.
        loss: The same for the loss.
        reasons: Width -> why each run stopped.
        setting: What was run.
        data: On what.
        interrupted: Whether Ctrl-C ended it before the last width.
    """

    gbar: dict[int, np.ndarray]
    loss: dict[int, np.ndarray]
    reasons: dict[int, tuple[str, ...]]
    setting: Setting
    data: str
    interrupted: bool = False

    @property
    def minima(self) -> dict[int, np.ndarray]:
        """Width -> min_t ||gbar_t|| of each run."""
        return {m: np.nanmin(g, axis=1) for m, g in self.gbar.items()}

    @property
    def finals(self) -> dict[int, np.ndarray]:
        """Width -> ||gbar_t|| where each run stopped."""
        return {m: np.array([row[~np.isnan(row)][-1] for row in g]) for m, g in self.gbar.items()}

    def summary(self) -> str:
        """What was seen, in words, with the numbers; runs that blew up are left out and said."""
        kept = {m: [k for k, r in enumerate(why) if r in ("tolerance", "steps")] for m, why in self.reasons.items()}
        lost = sum(len(why) - len(kept[m]) for m, why in self.reasons.items())
        means = {m: float(v[kept[m]].mean()) for m, v in self.minima.items() if kept[m]}
        ends = {m: float(v[kept[m]].mean()) for m, v in self.finals.items() if kept[m]}
        early = sum(int(np.nanargmin(row) <= EARLY) for m in means for row in self.gbar[m][kept[m]])
        runs = sum(len(k) for k in kept.values())
        least = ", ".join(f"{v:.4f} (m={m})" for m, v in means.items())
        last = ", ".join(f"{v:.3f} (m={m})" for m, v in ends.items())
        blown = f"; {lost} runs diverged and are left out" if lost else ""
        return (
            f"min_t ||gbar_t|| {_growth(list(means.values()))}: {least}; it was taken within the first {EARLY} "
            f"iterations in {early} of {runs} runs; where the runs stopped ||gbar_t|| was {last}{blown}"
        )


def _growth(means: list[float]) -> str:
    """Whether means at growing widths grow."""
    if len(means) < 2:
        return "at fewer than two widths says nothing about growth"
    grows = all(a < b for a, b in itertools.pairwise(means))
    return "grows with the width, as the paper reports" if grows else "does not grow steadily with the width"


def run(setting: Setting, data: Dataset, progress: Progress | None = None) -> Figure1:
    """Train all seeds of each width together, recording ||gbar_t|| and the loss at every step."""
    check_device(setting.device)
    data, gbar, loss, reasons = on_device(data, setting.device), {}, {}, {}
    if setting.learning_rate is None:
        raise TheoryError("learning_rate: the figure needs a number, the same for all widths")
    interrupted = False
    try:
        for width in setting.widths:
            if progress:
                progress(f"width {width}: {setting.seeds} runs of up to {setting.steps} steps")
            runs = _train(setting, data, width)
            gbar[width], loss[width] = (_stacked(runs, name, setting.steps) for name in ("gbar_norm", "loss"))
            reasons[width] = tuple(r.reason for r in runs)
    except KeyboardInterrupt:  # the widths that are finished still make a figure
        if not reasons:
            raise
        interrupted = True
    return Figure1(gbar, loss, reasons, setting, f"{data.name}, {data.X.shape[0]} samples", interrupted)


def _train(setting: Setting, data: Dataset, width: int) -> list[Trajectory]:
    """All seeds of one width, in one batch."""
    return train_many(
        [build(setting, width, seed, data) for seed in setting.run_seeds],
        data.X,
        data.y,
        learning_rate=setting.learning_rate or 0.0,
        steps=setting.steps,
        tolerance=TOLERANCE,
        record=("loss", "gbar_norm"),
    )


def _stacked(runs: list[Trajectory], name: str, steps: int) -> np.ndarray:
    out = np.full((len(runs), steps + 1), np.nan)
    for row, r in zip(out, runs, strict=True):
        row[r.steps] = getattr(r, name)
    return out


def save(figure: Figure1, folder: Path) -> list[Path]:
    """Write the two panels as PNG and SVG and their numbers as CSV.

    Raises:
        TheoryError: The folder cannot be written.
    """
    check_folder(folder)
    name = "banerjee2023.fig1"
    paths = [_trajectory_csv(figure, folder / f"{name}a.csv"), _minima_csv(figure, folder / f"{name}b.csv")]
    return paths + save_drawing(draw(figure), folder, name)


def _trajectory_csv(figure: Figure1, path: Path) -> Path:
    lines = [
        (m, figure.setting.first_seed + k, int(t), float(row[t]), float(figure.loss[m][k, t]))
        for m, rows in figure.gbar.items()
        for k, row in enumerate(rows)
        for t in np.flatnonzero(~np.isnan(row))
    ]
    return write_csv(path, ("width", "seed", "step", "gbar_norm", "loss"), lines)


def _minima_csv(figure: Figure1, path: Path) -> Path:
    lines = [
        (m, figure.setting.first_seed + k, float(value), float(figure.finals[m][k]), figure.reasons[m][k])
        for m, values in figure.minima.items()
        for k, value in enumerate(values)
    ]
    return write_csv(path, ("width", "seed", "min_gbar_norm", "final_gbar_norm", "stopped"), lines)


def draw(figure: Figure1) -> Any:
    """Both panels as one matplotlib figure."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(10, 4), layout="constrained")
    left, right = drawing.subplots(1, 2)
    for k, (m, rows) in enumerate(figure.gbar.items()):
        shown = rows[:, ~np.isnan(rows).all(axis=0)]
        colour = f"C{k}"
        left.plot(np.nanmean(shown, axis=0), color=colour, label=f"m = {m}")
        left.fill_between(
            np.arange(shown.shape[1]),
            np.nanmin(shown, axis=0),
            np.nanmax(shown, axis=0),
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    left.set(xlabel="iteration t", ylabel=r"$\|\bar g_t\|_2$", title=f"(a) {figure.data}", ylim=(0, None))
    left.legend(frameon=False)
    widths = list(figure.minima)
    runs = np.array(list(figure.minima.values()))
    right.plot(widths, runs.mean(axis=1), "o-", color="C0", label=f"mean of {runs.shape[1]} runs")
    right.plot(widths, runs, ".", color="C0", alpha=0.4)
    right.set(xlabel="width m", ylabel=r"$\min_t \|\bar g_t\|_2$", title="(b)", xscale="log", ylim=(0, None))
    right.set_xticks(widths, [str(m) for m in widths])
    right.minorticks_off()
    right.legend(frameon=False)
    for panel in (left, right):
        panel_style(panel)
    return drawing
