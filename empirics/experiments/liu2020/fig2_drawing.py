"""What Figure 2's runs show, in words, numbers and a drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from empirics.figures import check_folder, panel_style, save_drawing, write_csv
from empirics.scaling import Exponent, fit_exponent
from empirics.training import Trajectory

TOLERANCE = 1e-4
LEFT = 10_000  # the width of the paper's left panel
CLAIM = -0.5  # the linear output's exponent in the width
WIDE = 1000  # from where the order in the width is fitted a second time
FINITE = ("tolerance", "steps")
COLOURS = {"linear": "#0072B2", "swish": "#D55E00", "3 tanh": "#009E73"}  # told apart by colour-blind readers too
MARKS = {"linear": "o", "swish": "s", "3 tanh": "^"}
STEM = "liu2020.fig2"


@dataclass(frozen=True)
class Figure2:
    """The runs behind the figure.

    Attributes:
        runs: (output, width) -> its trajectories; the record "change" is Delta K_t.
        steps: After how many steps they stopped at the latest.
        interrupted: Whether Ctrl-C ended it early.
    """

    runs: dict[tuple[str, int], list[Trajectory]]
    steps: int
    interrupted: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(dict.fromkeys(name for name, _ in self.runs))

    @property
    def left(self) -> int:
        """The width of the left panel: 10^4, or else the largest."""
        widths = {m for _, m in self.runs}
        return LEFT if LEFT in widths else max(widths)

    def largest(self, output: str) -> dict[int, np.ndarray]:
        """Width -> max_t Delta K_t of every run that stayed finite."""
        found = {
            m: np.array([r.records["change"].max() for r in runs if r.reason in FINITE])
            for (name, m), runs in self.runs.items()
            if name == output
        }
        return {m: values for m, values in found.items() if len(values)}

    def exponent(self, output: str, least: int = 1) -> Exponent | None:
        """The slope of log max_t Delta K against log m over all runs at widths from ``least`` on.

        Args:
            output: Its name.
            least: The least width that counts.

        Returns:
            It with its interval; None from fewer than three widths.
        """
        points = [(m, float(x)) for m, values in self.largest(output).items() for x in values if m >= least]
        return fit_exponent(*zip(*points, strict=True)) if len({m for m, _ in points}) > 2 else None

    def summary(self) -> str:
        """What was seen, in words, with the numbers."""
        said = [self._linear(), *(self._other(name) for name in self.outputs if name != "linear")]
        return "; ".join([*(s for s in said if s), *self._ends()])

    def _linear(self) -> str:
        if not (ends := self.largest("linear")):
            return ""
        said = f"linear output: max_t Delta K {_range(ends)}, "
        if (found := self.exponent("linear")) is None:
            return said + f"fewer than three widths, no exponent (claimed: {CLAIM})"
        said += f"scales as m^{found} over all widths{_bent(found)}"
        wide = self.exponent("linear", WIDE)
        if wide is not None and min(ends) < WIDE:
            said, found = said + f" and as m^{wide} from {WIDE} on{_bent(wide)}", wide
        return (
            said
            + f"; the claimed m^{CLAIM} is {'inside' if found.low <= CLAIM <= found.high else 'outside'} this interval"
        )

    def _other(self, name: str) -> str:
        ends, found = self.largest(name), self.exponent(name)
        if not ends:
            return f"{name} output: no run stayed finite"
        said = f"{name} output: {_range(ends)}"
        if found is None:
            return said
        if found.high < 0:
            verdict = "it falls with the width, unlike in the paper"
        elif found.low > CLAIM:
            verdict = "no fall beyond the interval, as the paper reports"
        else:
            verdict = f"the interval holds 0 and {CLAIM} alike, so that these runs do not tell whether it falls"
        return f"{said}, exponent {found}{_bent(found)}: {verdict}"

    def _ends(self) -> list[str]:
        """How the runs ended, with what speaks against counting them."""
        said = []
        for name in self.outputs:
            runs = [r for (output, _), group in self.runs.items() if output == name for r in group]
            cut = [r.final_loss for r in runs if r.reason == "steps"]
            lost = sum(r.reason not in FINITE for r in runs)
            text = f"{name}: {len(runs) - len(cut) - lost} of {len(runs)} runs reached a loss below {TOLERANCE:g}"
            if cut:
                text += (
                    f", {len(cut)} stopped at step {self.steps} with losses up to {max(cut):.2g} and count up to there"
                )
            said.append(text + (f", {lost} diverged and are left out" if lost else ""))
        return said


def _range(ends: dict[int, np.ndarray]) -> str:
    """Medians at the least and the largest width."""
    low, high = min(ends), max(ends)
    first, last = (float(np.median(ends[m])) for m in (low, high))
    if low == high:
        return f"{first:.3g} at m = {low} (median of {len(ends[low])} runs)"
    return (
        f"{first:.3g} at m = {low}, {last:.3g} at m = {high} (medians of {len(ends[low])} and {len(ends[high])} runs)"
    )


def _bent(found: Exponent) -> str:
    return " (a straight line does not fit)" if found.fits is False else ""


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
    along = [
        (name, seed, int(t), float(c), float(loss))
        for name in figure.outputs
        for seed, r in enumerate(figure.runs.get((name, figure.left), []))
        for t, c, loss in zip(r.steps, r.records["change"], r.records["loss"], strict=True)
    ]
    ends = [
        (name, m, seed, float(np.nanmax(r.records["change"])), r.stop_step, r.final_loss, r.learning_rate, r.reason)
        for (name, m), runs in figure.runs.items()
        for seed, r in enumerate(runs)
    ]
    header = ("output", "width", "run", "largest_change", "steps", "loss", "learning_rate", "stopped")
    paths = [
        write_csv(folder / f"{STEM}a.csv", ("output", "run", "step", "kernel_change", "loss"), along),
        write_csv(folder / f"{STEM}b.csv", header, ends),
    ]
    return paths + save_drawing(draw(figure), folder, STEM)


def draw(figure: Figure2) -> Any:
    """Both panels as one matplotlib figure.

    Args:
        figure: The runs.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = drawing.subplots(1, 2, sharey=True)
    _along(left, figure)
    _against(right, figure)
    for panel in (left, right):
        panel_style(panel)
    handles, labels = right.get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return drawing


def held(runs: list[Trajectory]) -> np.ndarray:
    """Delta K_t of runs that stopped at different steps, (runs, T): a run that has stopped no longer moves."""
    longest = max(len(r.records["change"]) for r in runs)
    return np.stack([np.pad(r.records["change"], (0, longest - len(r.records["change"])), "edge") for r in runs])


def _along(panel: Any, figure: Figure2) -> None:
    """Delta K_t against t: every run, and their median; logarithmic, because runs differ by powers of ten."""
    for name in figure.outputs:
        runs = [r for r in figure.runs.get((name, figure.left), []) if r.reason in FINITE]
        if not runs:
            continue
        change = held(runs)[:, 1:]  # Delta K_0 = 0 has no logarithm
        t = np.arange(1, change.shape[1] + 1)
        for r, row in zip(runs, change, strict=True):
            panel.plot(t[: r.stop_step], row[: r.stop_step], color=COLOURS[name], linewidth=0.7, alpha=0.45)
        panel.plot(t, np.median(change, axis=0), color=COLOURS[name], linewidth=2.4)
    panel.set(xscale="log", xlabel="step $t$", ylabel=r"$\Delta K_t = \|K_t - K_0\|_F\,/\,\|K_0\|_F$")
    panel.set_title(f"(a) along training, width $m =$ {figure.left:,}", fontsize=11)


def _against(panel: Any, figure: Figure2) -> None:
    """max_t Delta K against the width: medians, every run (hollow: above the tolerance), and the order claimed."""
    for name in figure.outputs:
        ends, colour = figure.largest(name), COLOURS[name]
        if not ends:
            continue
        widths = sorted(ends)
        medians = [float(np.median(ends[m])) for m in widths]
        label = f"{name} output"
        panel.plot(widths, medians, MARKS[name] + "-", color=colour, linewidth=2.4, markersize=7, label=label, zorder=3)
        for m in widths:
            runs = [r for r in figure.runs[name, m] if r.reason in FINITE]
            faces = [colour if r.reason == "tolerance" else "white" for r in runs]
            panel.scatter([m] * len(runs), ends[m], s=16, c=faces, edgecolors=colour, linewidths=0.8, alpha=0.7)
    ends = figure.largest("linear")
    if len(ends) > 1:
        scaled = [math.log(x) - CLAIM * math.log(m) for m, values in ends.items() for x in values]
        claim = math.exp(float(np.mean(scaled))) * np.array(sorted(ends), dtype=float) ** CLAIM
        panel.plot(sorted(ends), claim, "--", color="0.35", linewidth=1.2, label="slope $-1/2$", zorder=2)
    if any(r.reason == "steps" for runs in figure.runs.values() for r in runs):
        text = rf"stopped at step {figure.steps}, loss above $10^{{-4}}$"
        panel.scatter([], [], s=16, c="white", edgecolors="0.35", linewidths=0.8, label=text)
    panel.set(xscale="log", yscale="log", xlabel="width $m$")
    panel.set_title(r"(b) $\max_t\,\Delta K_t$ against the width", fontsize=11)
    panel.tick_params(labelleft=True)
