"""The drawing of Figure 3."""

from __future__ import annotations

from typing import Any

import numpy as np

from empirics.figures import panel_style

STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#56B4E9", "v"), ("0.3", "P"))
"""Colour and marker of each d: told apart by colour-blind readers and in print."""


def draw(figure: Any) -> Any:
    """Success rate against n for each d, with 95% intervals; and SD_n of every set, which the rate is made of.

    Args:
        figure: a `fig3.Figure3`.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(10, 4.3), layout="constrained")
    left, right = drawing.subplots(1, 2)
    for k, d in enumerate(figure.dims):
        _rates(left, figure, d, k)
        _spreads(right, figure, d, k)
    s = figure.setting
    left.set(xscale="log", xlabel="samples $n$", ylabel="success rate", ylim=(-0.04, 1.04))
    left.set_title(f"(a) sets with $\\mathrm{{SD}}_n \\leq$ {s.tolerance:g}, and 95% intervals", fontsize=11)
    right.axhline(s.tolerance, color="0.35", linestyle="--", linewidth=1.2, label="success below")
    right.set(xscale="log", yscale="log", xlabel="samples $n$", ylabel=r"$\mathrm{SD}_n$")
    right.set_title("(b) every set, and medians", fontsize=11)
    for panel in (left, right):
        panel_style(panel)
        sizes(panel, sorted({o.n for o in figure.outcomes}))
    handles, labels = right.get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    drawing.suptitle(f"K = {s.K}, {s.activation}, {s.labels}: {s.starts} starts on each set of samples", fontsize=10)
    return drawing


def _shift(figure: Any, k: int) -> float:
    """Dimensions stand a little aside, so that they do not cover each other."""
    return float(1.05 ** (k - (len(figure.dims) - 1) / 2))


def sizes(panel: Any, values: list[int]) -> None:
    """The sample sizes themselves as ticks, no more than fit.

    Args:
        panel: the axes.
        values: the sizes, ascending.
    """
    from matplotlib.ticker import NullLocator

    shown = values[:: max(1, -(-len(values) // 8))]
    panel.set_xticks(shown, [f"{n:,}" for n in shown], rotation=30 if len(shown) > 6 else 0)
    panel.xaxis.set_minor_locator(NullLocator())


def _rates(panel: Any, figure: Any, d: int, k: int) -> None:
    colour, marker = STYLES[k % len(STYLES)]
    shares = figure.shares(d)
    places, values = [s.n for s in shares], [s.value for s in shares]
    bars = [[s.value - s.interval[0] for s in shares], [s.interval[1] - s.value for s in shares]]
    style = {"color": colour, "linewidth": 2, "markersize": 6, "elinewidth": 1, "capsize": 3}
    panel.errorbar(np.multiply(places, _shift(figure, k)), values, yerr=bars, fmt=marker + "-", **style)


def _spreads(panel: Any, figure: Any, d: int, k: int) -> None:
    """SD_n of each set."""
    colour, marker = STYLES[k % len(STYLES)]
    shift = _shift(figure, k)
    places = sorted({o.n for o in figure.outcomes if o.d == d})
    groups = [[o.spread for o in figure.outcomes if (o.d, o.n) == (d, n)] for n in places]
    for n, group in zip(places, groups, strict=True):
        panel.plot([n * shift] * len(group), group, marker, color=colour, alpha=0.4, markersize=4, markeredgewidth=0)
    medians = [float(np.median(group)) for group in groups]
    panel.plot(np.multiply(places, shift), medians, "-", color=colour, linewidth=1.6)
    panel.plot([], [], marker + "-", color=colour, linewidth=2, label=f"$d = {d}$")
