"""The drawing of lazy training."""

from __future__ import annotations

import math
from typing import Any

from empirics.experiments.song2021.gaps import means
from empirics.figures import panel_style


def draw(figure: Any) -> Any:
    """The gap of the losses beside eq 82, and relative gaps, against omega_2/omega_1.

    Args:
        figure: a `lazy.Lazy`.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(9.6, 4), layout="constrained")
    left, right = drawing.subplots(1, 2)
    _series(left, figure, "gap", "C0", "o", r"$\max_i\,|h(\Theta_i)-\tilde h(\tilde\Theta_i)|$")
    bound = means(figure.gaps, "bound")
    label = r"$\beta_\Phi/\nu_\Phi^2$ (eq 82, constant 1)"
    left.plot(list(bound), list(bound.values()), "--", color="0.35", linewidth=1.2, label=label)
    _series(right, figure, "relative", "C0", "o", r"$\max_i|h-\tilde h|\,/\,h(\Theta_0)$")
    label = r"$\max_i\|\Phi-\tilde\Phi\|_F\,/\,\|\Phi(\Theta_0)-Y\|_F$"
    _series(right, figure, "relative_outputs", "C3", "s", label)
    left.set_title("(a) distance of the losses", fontsize=10)
    right.set_title("(b) relative distances", fontsize=10)
    for axes in (left, right):
        _finish(axes, figure)
    said = f"{figure.setting.d_1} {figure.setting.activation} units beside their linearisation, {figure.data}, "
    drawing.suptitle(f"{said}{figure.setting.steps} steps", fontsize=10)
    return drawing


def _series(axes: Any, figure: Any, name: str, colour: str, marker: str, label: str) -> None:
    """The runs as dots, their geometric means as a line."""
    sound = [g for g in figure.gaps if g.sound]
    axes.plot([g.ratio for g in sound], [getattr(g, name) for g in sound], ".", color=colour, alpha=0.35, ms=5)
    mean = means(figure.gaps, name)
    axes.plot(list(mean), list(mean.values()), f"{marker}-", color=colour, ms=4, linewidth=1.4, label=label)


def _finish(axes: Any, figure: Any) -> None:
    d_0 = figure.gaps[0].values["d_0"]
    he = math.sqrt(d_0 / figure.setting.d_1)
    axes.axvline(he, color="0.35", linestyle=":", linewidth=1.2, label=r"He: $\omega_2/\omega_1=\sqrt{d_0/d_1}$")
    axes.set(xscale="log", yscale="log", xlabel=r"$\omega_2/\omega_1$")
    panel_style(axes)
    axes.legend(fontsize=8, loc="lower center", framealpha=1, edgecolor="none")
