"""The drawing of the recovery from data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from empirics.experiments.fu2018.fig3_drawing import sizes
from empirics.experiments.fu2018.recovered import ORIGINAL, RANDOM, SHARPER, STARTS
from empirics.figures import panel_style
from empirics.verdict import clopper_pearson

STYLES = {ORIGINAL: ("#D55E00", "s"), SHARPER: ("#0072B2", "o"), RANDOM: ("0.45", "^")}
"""Colour and marker of each start: told apart by colour-blind readers and in print."""


def draw(figure: Any) -> Any:
    """How far the starts are from W*, and how often descent from them recovers it, against n.

    Args:
        figure: a `recovered.Recovery`.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    s = figure.setting
    drawing = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = drawing.subplots(1, 2)
    for k, start in enumerate(STARTS):
        shift = 1.06 ** (k - 1)
        _distances(left, figure, start, shift)
        _fractions(right, figure, start, shift)
    left.axhline(s.recovered, color="0.35", linestyle=":", linewidth=1.2)
    left.annotate("counts as recovery", (figure.sizes[0], s.recovered), (0, 3), textcoords="offset points", fontsize=8)
    left.set(xscale="log", yscale="log", xlabel="samples $n$", ylabel=r"$\|W_0 - W^*\|_F\,/\,\|W^*\|_F$")
    left.set_title("(a) the starts: every set, and medians", fontsize=11)
    right.set(xscale="log", xlabel="samples $n$", ylabel="fraction recovered", ylim=(-0.04, 1.04))
    right.set_title("(b) after gradient descent, with 95% intervals", fontsize=11)
    for panel in (left, right):
        panel_style(panel)
        sizes(panel, figure.sizes)
    handles, labels = left.get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    drawing.suptitle(f"d = {s.d}, K = {s.K}, {s.activation}, {s.labels}: {s.sets} sets of samples", fontsize=10)
    return drawing


def _distances(panel: Any, figure: Any, start: str, shift: float) -> None:
    colour, marker = STYLES[start]
    medians = []
    for n in figure.sizes:
        values = [r.first for r in figure.at(start, n) if not math.isnan(r.first)]
        panel.plot([n * shift] * len(values), values, marker, color=colour, alpha=0.3, markersize=4, markeredgewidth=0)
        medians.append(float(np.median(values)) if values else math.nan)
    style = {"color": colour, "linewidth": 2, "markersize": 6}
    panel.plot(np.multiply(figure.sizes, shift), medians, marker + "-", label=start, **style)


def _fractions(panel: Any, figure: Any, start: str, shift: float) -> None:
    colour, marker = STYLES[start]
    counts = [figure.hits(start, n) for n in figure.sizes]
    values = np.array([hits / total for hits, total in counts])
    low, high = np.array([clopper_pearson(*c) for c in counts]).T
    style = {"color": colour, "linewidth": 2, "markersize": 6, "elinewidth": 1, "capsize": 3}
    bars = np.maximum([values - low, high - values], 0)
    panel.errorbar(np.multiply(figure.sizes, shift), values, yerr=bars, fmt=marker + "-", **style)
