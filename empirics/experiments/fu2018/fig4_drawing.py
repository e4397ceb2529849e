"""The drawing of Figure 4."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from empirics.experiments.fu2018.fig3_drawing import STYLES, sizes
from empirics.figures import panel_style


def draw(figure: Any) -> Any:
    """Estimation error against n for each d, in both logarithms: means with 95% intervals, every set, and a slope -1/2.

    Args:
        figure: a `fig4.Figure4`.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    s = figure.setting
    drawing = Figure(figsize=(6.8, 5), layout="constrained")
    panel = drawing.subplots()
    for k, d in enumerate(figure.dims):
        _errors(panel, figure, d, k)
    panel.plot([], [], "--", color="0.35", linewidth=1.2, label="slope $-1/2$")
    panel.plot([], [], ":", color="0.35", linewidth=1, label=r"$\|W^*\|_F$")
    panel.set(xscale="log", yscale="log", xlabel="samples $n$", ylabel=r"$\|W_T - W^*\|_F$")
    panel_style(panel)
    panel.grid(which="minor", alpha=0.1)
    sizes(panel, sorted({o.n for o in figure.outcomes}))
    panel.legend(frameon=False)
    panel.set_title(
        f"K = {s.K}, {s.activation}, {s.labels}: {s.sets} sets of samples, {s.starts} runs on each", fontsize=10
    )
    return drawing


def _errors(panel: Any, figure: Any, d: int, k: int) -> None:
    """One dimension; dotted: ||W*||_F, the error of W = 0."""
    colour, marker = STYLES[k % len(STYLES)]
    shift = 1.03 ** (k - (len(figure.dims) - 1) / 2)
    errors = figure.errors(d)
    if not errors:
        return
    for n, values in errors.items():
        panel.plot([n * shift] * len(values), values, marker, color=colour, alpha=0.35, ms=4, mew=0)
    means, halves = zip(*(figure.interval(d, n) for n in errors), strict=True)
    low = [min(half, 0.99 * mean) for mean, half in zip(means, halves, strict=True)]  # an error is positive
    style = {"color": colour, "linewidth": 2, "markersize": 6, "elinewidth": 1, "capsize": 3}
    places = np.multiply(list(errors), shift)
    panel.errorbar(places, means, yerr=[low, halves], fmt=marker + "-", label=f"$d = {d}$", **style)
    panel.axhline(figure.norm(d), color=colour, linestyle=":", linewidth=1, alpha=0.8)
    near = figure.near(d)
    if len(near) > 1:
        logs = np.log(np.array([n for n, values in near.items() for _ in values], dtype=float))
        middle = float(np.mean(np.log(np.concatenate(list(near.values()))) + logs / 2))
        line = np.array([min(near), max(near)], dtype=float)
        panel.plot(line * shift, math.exp(middle) / np.sqrt(line), "--", color="0.35", linewidth=1.2, zorder=3)
