"""The drawing of Figure 1."""

from __future__ import annotations

import math
from typing import Any

from empirics.experiments.song2021.teacher import NORMALISATIONS
from empirics.figures import panel_style

SERIES = (("test_error", "test", "C3", "o", "-"), ("train_error", "training", "C0", "s", "--"))


def draw(figure: Any) -> Any:
    """One panel for each normalisation: training and test error against omega_2, with omega_2/omega_1 above.

    Args:
        figure: a `fig1.Figure1`.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    hows = [how for how in figure.teachers if any(r.normalise == how for r in figure.runs)]
    drawing = Figure(figsize=(1 + 4.6 * len(hows), 4.3), layout="constrained")
    panels = drawing.subplots(1, len(hows), sharey=True, squeeze=False)[0]
    for k, (axes, how) in enumerate(zip(panels, hows, strict=True)):
        _panel(axes, figure, how, first=k == 0)
    panels[0].set_ylabel("error against the teacher (%)")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    drawing.suptitle(f"Students of {figure.setting.d_1} GELU units, {figure.data}", fontsize=10)
    return drawing


def _panel(axes: Any, figure: Any, how: str, *, first: bool) -> None:
    product = next(r.omega_1 * r.omega_2 for r in figure.runs if r.normalise == how)
    for name, label, colour, marker, line in SERIES:
        rows = figure.series(how, name)
        omegas, means = [r[0] for r in rows], [100 * r[1] for r in rows]
        low, high = ([100 * (0 if math.isnan(r[2]) else r[2]) for r in rows] for _ in range(2))
        low = [min(a, m) for a, m in zip(low, means, strict=True)]  # an error is not negative
        style = {"color": colour, "marker": marker, "linestyle": line, "markersize": 4, "linewidth": 1.4}
        axes.errorbar(omegas, means, yerr=[low, high], capsize=3, elinewidth=1, label=f"{label} error", **style)
        runs = figure.kept(how)
        axes.plot([r.omega_2 for r in runs], [100 * getattr(r, name) for r in runs], ".", color=colour, alpha=0.3, ms=4)
    he = math.sqrt(2 / figure.setting.d_1)
    axes.axvline(he, color="0.35", linestyle=":", linewidth=1.2, label=r"He: $\omega_2=\sqrt{2/d_1}$")
    axes.set(xscale="log", xlabel=r"$\omega_2$   ($\omega_1\omega_2=2/\sqrt{d_0d_1}$ = " + f"{product:.3g})")
    axes.set_ylim(bottom=0)
    panel_style(axes)
    letter = "" if len(figure.teachers) == 1 else f"({'ab'[0 if first else 1]}) "
    axes.set_title(letter + NORMALISATIONS[how].split(" (")[0], fontsize=10)
    above = axes.secondary_xaxis("top", functions=(lambda x: x * abs(x) / product, lambda x: (abs(x) * product) ** 0.5))
    above.set_xlabel(r"$\omega_2/\omega_1$")
