"""Figure 2: how far the tangent kernel moves in training, with a linear output layer and with non-linear ones.

N = 20 points x ~ U[0, 1], y = 2 x + 1/2; f = psi((1/sqrt m) sum_i v_i relu(w_i x + b_i)), all trained by gradient
descent on (1/2) sum (f - y)^2 until it is below 1e-4. The paper states neither how the weights are drawn nor its step
size: here all entries are N(0, 1) and the step is share/lambda_max(K_0) of each run. Run r has initialisation r, all
share one draw of the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.checks import check_device
from empirics.figures import check_folder, panel_style, save_drawing, write_csv
from empirics.measure.kernel import ntk_gram
from empirics.networks import network
from empirics.observers import KernelChange
from empirics.scaling import fit_exponent
from empirics.setting import Progress, check_fields, option
from empirics.training import Trajectory, train_many

NEEDS_DATA = False
SAMPLES = 20
OUTPUTS = {"linear": None, "swish": "swish", "3 tanh": "3*tanh(z)"}
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        widths: Of the networks; the left panel shows the largest.
        seeds: Runs per width and output.
        steps: Of gradient descent at most.
        share: The step size, as a share of 1/lambda_max(K_0).
        device: ``cpu`` or ``cuda``.
    """

    widths: tuple[int, ...] = option((30, 100, 1000, 10_000, 100_000, 1_000_000), "Widths.", kind="counts")
    seeds: int = option(10, "Runs per width and output.", kind="count")
    steps: int = option(20_000, "Steps at most.", kind="count")
    share: float = option(0.5, "Step size, as a share of 1/lambda_max(K_0).", kind="positive")
    device: str = option("cpu", "cpu or cuda.")

    def __post_init__(self) -> None:
        check_fields(self)


PAPER = Setting()
REDUCED = replace(PAPER, widths=(30, 100, 1000, 10_000), seeds=4, steps=3000)
"""Narrower networks, fewer runs and steps."""


@dataclass(frozen=True)
class Figure2:
    """The runs behind the figure.

    Attributes:
        runs: (output, width) -> its trajectories; the record "change" is Delta K_t.
        setting: What was run.
        interrupted: Whether Ctrl-C ended it early.
    """

    runs: dict[tuple[str, int], list[Trajectory]]
    setting: Setting
    interrupted: bool = False

    def largest(self, output: str) -> dict[int, np.ndarray]:
        """Width -> max_t Delta K_t of every run that stayed finite."""
        return {
            m: np.array([r.records["change"].max() for r in runs if r.reason in ("tolerance", "steps")])
            for (name, m), runs in self.runs.items()
            if name == output
        }

    def slope(self, output: str) -> str:
        """The exponent of max_t Delta K in the width, with its interval where there are three widths."""
        points = [(m, float(x)) for m, values in self.largest(output).items() for x in values]
        if len({m for m, _ in points}) < 3:
            return "fewer than three widths, no exponent"
        return f"m^{fit_exponent(*zip(*points, strict=True))}"

    def summary(self) -> str:
        """What was seen, in words, with the numbers."""
        everything = [r for runs in self.runs.values() for r in runs]
        reached = sum(r.reason == "tolerance" for r in everything)
        lost = sum(r.reason not in ("tolerance", "steps") for r in everything)
        slopes = "; ".join(f"{name}: {self.slope(name)}" for name in OUTPUTS if self.largest(name))
        blown = f", {lost} diverged and are left out" if lost else ""
        return (
            f"max_t Delta K against the width: {slopes}. The paper reports that it falls for the linear output and not "
            f"for the others; {reached} of {len(everything)} runs reached a loss below {TOLERANCE:g} in "
            f"{self.setting.steps} steps, the others count up to there{blown}"
        )


def data(seed: int = 0) -> tuple[Tensor, Tensor]:
    """X ~ U[0, 1], (20, 1), and y = 2 x + 1/2, (20,) (eq 108)."""
    x = torch.rand(SAMPLES, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, 2 * x[:, 0] + 0.5


def run(setting: Setting, dataset: Any = None, progress: Progress | None = None) -> Figure2:
    """Train all runs of each width and output together, recording Delta K at every step.

    Args:
        setting: Widths, runs, steps.
        dataset: None: the figure makes its own data.
        progress: Called with one line per batch.

    Returns:
        The runs; after Ctrl-C those of the widths that were finished.
    """
    check_device(setting.device)
    X, y = (t.to(setting.device) for t in data())
    runs: dict[tuple[str, int], list[Trajectory]] = {}
    interrupted = False
    try:
        for m in setting.widths:
            for name, output in OUTPUTS.items():
                if progress:
                    progress(f"{name} output, width {m}: {setting.seeds} runs")
                runs[name, m] = _train(setting, X, y, m, output)
    except KeyboardInterrupt:
        if not runs:
            raise
        interrupted = True
    return Figure2(runs, setting, interrupted)


def _train(setting: Setting, X: Tensor, y: Tensor, m: int, output: str | None) -> list[Trajectory]:
    options: dict[str, Any] = {"m": m, "d": 1, "output": output, "device": setting.device}
    nets = [network("liu2020", "biased", seed=seed, **options) for seed in range(setting.seeds)]
    rates = [setting.share / float(torch.linalg.eigvalsh(torch.as_tensor(ntk_gram(n, X).value))[-1]) for n in nets]
    return train_many(
        nets,
        X,
        y,
        learning_rate=rates,
        loss="half_square",
        steps=setting.steps,
        tolerance=TOLERANCE,
        record=("loss",),
        observe={"change": KernelChange(X)},
    )


def save(figure: Figure2, folder: Path) -> list[Path]:
    """Write both panels as PNG and SVG and their numbers as CSV.

    Args:
        figure: The runs.
        folder: Where.

    Returns:
        The files.

    Raises:
        TheoryError: The folder cannot be written.
    """
    check_folder(folder)
    m = max(width for _, width in figure.runs)
    along = [
        (name, seed, int(t), float(c), float(loss))
        for (name, width), runs in figure.runs.items()
        if width == m
        for seed, r in enumerate(runs)
        for t, c, loss in zip(r.steps, r.records["change"], r.records["loss"], strict=True)
    ]
    ends = [
        (name, width, seed, float(np.nanmax(r.records["change"])), r.stop_step, r.final_loss, r.reason)
        for (name, width), runs in figure.runs.items()
        for seed, r in enumerate(runs)
    ]
    stem = "liu2020.fig2"
    paths = [
        write_csv(folder / f"{stem}a.csv", ("output", "seed", "step", "kernel_change", "loss"), along),
        write_csv(
            folder / f"{stem}b.csv", ("output", "width", "seed", "largest_change", "steps", "loss", "stopped"), ends
        ),
    ]
    return paths + save_drawing(draw(figure), folder, stem)


def draw(figure: Figure2) -> Any:
    """Both panels as one matplotlib figure."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(10, 4), layout="constrained")
    left, right = drawing.subplots(1, 2)
    top = max(m for _, m in figure.runs)
    for k, name in enumerate(OUTPUTS):
        runs = figure.runs.get((name, top), [])
        for j, r in enumerate(runs):
            label = name if not j else None
            left.plot(r.steps + 1, r.records["change"], color=f"C{k}", alpha=0.7, linewidth=1, label=label)
        largest = {m: v for m, v in figure.largest(name).items() if len(v)}
        if largest:
            right.plot(list(largest), [v.mean() for v in largest.values()], "o-", color=f"C{k}", label=name)
        for m, values in largest.items():
            right.plot([m] * len(values), values, ".", color=f"C{k}", alpha=0.4)
    left.set(xscale="log", xlabel="step t + 1", ylabel=r"$\Delta K_t$", title=f"(a) width {top}")
    right.set(xscale="log", yscale="log", xlabel="width m", ylabel=r"$\max_t \Delta K_t$", title="(b)")
    for panel in (left, right):
        panel_style(panel)
        panel.legend(frameon=False)
    return drawing
