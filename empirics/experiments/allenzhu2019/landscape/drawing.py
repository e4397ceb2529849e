"""The drawing of Figures 1 to 7: for each training a row of surfaces, and below it F along each axis alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from empirics.experiments.allenzhu2019.landscape.surface import Panel
from empirics.figures import panel_style

SLIGHT = 0.01
"""The least fall that an axis is fitted to, in units of F(W_t). Drawings cut F off above; the tables hold all of it."""
_LINES = (
    ("C0", "-", "o", r"along $-\nabla F$"),
    ("C3", "-", "s", "along the curved direction"),
    ("C3", ":", ".", "the other way"),
)


def draw(figure: Any) -> Any:
    """Surfaces, with the current point as a blue stick, and profiles.

    Args:
        figure: a `figure.Landscapes`.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(p.data for p in figure.panels))
    columns = max(sum(p.data == name for p in figure.panels) for name in names)
    drawing = Figure(figsize=(2.75 * columns + 0.7, 5.1 * len(names) + 1.0), layout="constrained")
    strips = drawing.subfigures(len(names), 1, squeeze=False)[:, 0]
    for strip, name in zip(strips, names, strict=True):
        _strip(strip, [p for p in figure.panels if p.data == name], columns, figure.data[name])
    drawing.legend(*strips[0].axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    drawing.suptitle(figure.title, fontsize=11)
    return drawing


def _strip(strip: Any, panels: list[Panel], columns: int, title: str) -> None:
    """All panels of one training."""
    strip.suptitle(title, fontsize=9.5)
    grid = strip.add_gridspec(2, columns, height_ratios=(1.25, 1))
    first, deepest = None, max(SLIGHT, *(p.whole_fall for p in panels))
    for k, panel in enumerate(panels):
        _surface(strip.add_subplot(grid[0, k], projection="3d"), panel)
        axes = strip.add_subplot(grid[1, k], sharey=first)
        _profile(axes, panel, 1.2 * deepest, labelled=first is None)
        first = first or axes


def _surface(axes: Any, panel: Panel) -> None:
    """F over both axes, in units of F(W_t); the stick stands on W_t."""
    low, high = _heights(panel)
    height = np.clip(panel.F / panel.here, None, high)
    X, Y = np.meshgrid(panel.x, panel.y, indexing="ij")
    axes.computed_zorder = False  # else the stick disappears behind the surface that it stands on
    mesh = {"rstride": 1, "cstride": 1, "linewidth": 0.15, "edgecolor": "0.3", "antialiased": True}
    axes.plot_surface(X, Y, height, cmap="viridis", vmin=low, vmax=high, **mesh)
    axes.plot([0, 0], [0, 0], [1, high + 0.1 * (high - low)], color="blue", linewidth=2.2, zorder=5)
    axes.set_zlim(low, high)
    axes.view_init(elev=32, azim=-58)
    axes.set_box_aspect((1, 1, 0.75), zoom=1.05)
    axes.tick_params(labelsize=6, pad=-3)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(_few())
    axes.set_xlabel(r"$-\nabla F$", fontsize=7, labelpad=-9)
    axes.set_ylabel("curved", fontsize=7, labelpad=-9)
    axes.set_title(f"epoch {panel.epoch}\n$F(W_t)$ = {panel.here:.3g}", fontsize=9, pad=0)


def _heights(panel: Panel) -> tuple[float, float]:
    """What of F the surface shows, in units of F(W_t): a little below its least value, and twice its fall above 1."""
    fall = max(SLIGHT, panel.whole_fall)
    return 1 - 1.1 * fall, 1 + 2 * fall


def _few() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(3)


def _profile(axes: Any, panel: Panel, half: float, *, labelled: bool) -> None:
    """F along each direction alone, against the distance, between 1 - half and 1 + half."""
    for (colour, line, marker, label), F in zip(_LINES, panel.ladders, strict=True):
        shown = np.clip(F / panel.here, None, 1 + 2 * half)
        axes.plot(panel.distances, shown, color=colour, ls=line, marker=marker, ms=3, lw=1.3, label=label)
    axes.axhline(1, color="0.5", lw=0.8, ls="--", label=r"$F(W_t)$")
    d = panel.directions
    words = f"$\\Vert\\nabla F\\Vert$ = {d.gradient_norm:.2g}\ncurvature {d.oja_curvature:.2g}"
    axes.text(0.04, 0.96, words, transform=axes.transAxes, fontsize=7, va="top")
    axes.set(xscale="log", ylim=(1 - half, 1 + half), xlabel="distance in weight space")
    axes.xaxis.label.set_size(8)
    axes.tick_params(labelsize=7, labelleft=labelled)
    if labelled:
        axes.set_ylabel(r"$F\,/\,F(W_t)$", fontsize=8)
    panel_style(axes)
