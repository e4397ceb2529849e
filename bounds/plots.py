"""Pictures: widths of all papers in one plot, sweeps; matplotlib is imported only here, and only when asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bounds.across import Question, asked, required_widths
from bounds.errors import TheoryError
from bounds.model import Curves
from bounds.naming import reading
from bounds.registry import papers
from bounds.solve import Solution
from bounds.sweep import Sweep, axis, exact_point
from bounds.views import assumed_lines, calibrated, reason_lines, unset_lines

MARKERS = "os^vDPX<>*"
CAUTION = (" (order only)", " (order only, calibrated)")
POINTS = 13
"""Points of a width plot: every one solves every theorem exactly."""


def width_plot(question: Question, against: str, path: str, progress: Callable[[str], None]) -> str:
    """Draw the required width of every theorem against a parameter, on logarithmic axes.

    Args:
        question: The papers asked and the values given.
        against: ``samples=10:1e6:log`` or ``samples=10,100,1000``: a role or letter that papers share, and its values.
        path: The file to write; its ending chooses the format.
        progress: Told how far it is.

    Returns:
        What was drawn, in words, naming the theorems left out.

    Raises:
        TheoryError: The range is not one, no theorem has the parameter, or the file cannot be written.
    """
    quantities = asked(question, "width")
    word = against.partition("=")[0].strip()
    read = reading([q.paper for q in quantities], word)
    having = [q for q in quantities if read(q.paper, word)]
    if not having:
        raise TheoryError(f"--against {against}: no theorem asked for has a parameter {word!r}")
    listed = ":" not in against or any(p.isdigit() for p in against.split(":")[2:])
    text = against if listed else f"{against}:{POINTS}"
    xs = axis(having[0].paper, text)[1]
    curves: dict[str, list[tuple[float, float]]] = {q.key: [] for q in quantities}
    solutions: list[Solution] = []
    from_runs: set[str] = set()
    for k, x in enumerate(xs):
        solutions = required_widths(replace(question, values={**question.values, word: exact_point(x)}))
        from_runs |= {s.quantity.key for s in solutions if calibrated(s)}
        for s in solutions:
            if s.value is not None:
                curves[s.quantity.key].append((x, s.log10))
        progress(f"{k + 1} of {len(xs)} points")
    constants = {s.quantity.key: s.order_of for s in solutions}
    labels = {q.key: q.key + (CAUTION[q.key in from_runs] if q.order_only else "") for q in quantities}
    drawn = {labels[key]: curve for key, curve in curves.items() if curve}
    if not drawn:
        raise TheoryError(f"--against {against}: every theorem is NOT APPLICABLE on this range")
    name = word.replace("-", " ").replace("_", " ")
    order_only = any(constants.values())
    title = "Required width" + (", hidden constants = 1 where the order only is known" if order_only else "")
    _draw_curves(drawn, (name, "log10 of the required width"), path, title)
    notes = [*reason_lines(solutions), *unset_lines(solutions), *assumed_lines(solutions)]
    left_out = [key for key, curve in curves.items() if not curve]
    head = f"{path}: {len(drawn)} theorems" + (f"; NOT APPLICABLE: {', '.join(left_out)}" if left_out else "")
    return "\n".join([head, f"at {word} = {xs[-1]:g} (the rest is held fixed):", *notes])


def sweep_plot(found: Sweep, path: str) -> str:
    """Draw a sweep over one axis as a curve, over two as a family of curves (at most eight).

    Raises:
        TheoryError: More axes, nothing to draw, or the file cannot be written.
    """
    names = list(found.axes)
    if len(names) > 2:
        raise TheoryError(f"--plot draws one or two axes, not {len(names)}: sweep fewer parameters")
    main = found.axes[names[0]]
    table = found.log10.reshape(len(main), -1)
    others = found.axes[names[1]] if len(names) == 2 else np.array([np.nan])
    chosen = np.unique(np.linspace(0, len(others) - 1, min(len(others), 8)).astype(int))
    label = "{} = {:.15g}".format if len(names) == 2 else lambda *_: found.quantity.key
    curves = {
        label(names[-1], others[j]): [(x, y) for x, y in zip(main, table[:, j], strict=True) if np.isfinite(y)]
        for j in chosen
    }
    if not any(curves.values()):
        raise TheoryError(f"--plot: {found.quantity.key} has no logarithm on this grid: it is undefined or negative")
    _draw_curves({k: c for k, c in curves.items() if c}, (names[0], f"log10 of {found.quantity.key}"), path)
    return path


def symbolic_figure(name: str) -> Callable[[Any], Curves] | None:
    """The figure ``paper.figure`` if it is one of formulas, which needs no training; else None."""
    known = {f"{p.key}.{f}": draw for p in papers().values() for f, draw in p.figures.items()}
    return known.get(name)


def save_curves(name: str, curves: Curves, folder: Path) -> list[Path]:
    """Write a figure as PNG and SVG, and its numbers as CSV.

    Raises:
        TheoryError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        table = np.column_stack([curves.x, *curves.series.values()])
        header = ",".join([curves.x_label, *curves.series])
        np.savetxt(folder / f"{name}.csv", table, delimiter=",", header=header, comments="", fmt="%.17g")
    except OSError as error:
        raise TheoryError(f"--out {folder}: {error}") from None
    lines = {n: list(zip(curves.x, ys, strict=True)) for n, ys in curves.series.items()}
    pictures = [folder / f"{name}{suffix}" for suffix in (".png", ".svg")]
    for path in pictures:
        _draw_curves(
            lines, (curves.x_label, curves.y_label), str(path), f"{curves.caption}, {', '.join(lines)}", "linear"
        )
    return [folder / f"{name}.csv", *pictures]


def _draw_curves(
    curves: dict[str, list[tuple[float, float]]],
    labels: tuple[str, str],
    path: str,
    title: str = "",
    scale: str = "auto",
) -> None:
    """Curves with their names beside them; those known up to a constant are dashed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5), layout="constrained")
    xs = [x for curve in curves.values() for x, _ in curve]
    for k, (name, curve) in enumerate(curves.items()):
        marker = MARKERS[(k + 5 * (k // 10)) % len(MARKERS)] if len(curves) > 1 else ""  # no two look the same
        line = "--" if name.endswith(CAUTION) else "-"
        axes.plot(*zip(*curve, strict=True), line, marker=marker, markersize=4, color=f"C{k % 10}", label=name)
    if scale == "auto" and min(xs) > 0 and max(xs) / min(xs) > 20:
        axes.set_xscale("log")
    axes.set_title(title, fontsize="medium")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
    try:
        figure.savefig(Path(path), dpi=150)
    except (OSError, ValueError) as error:
        raise TheoryError(f"cannot write {path}: {error}") from None
    finally:
        pyplot.close(figure)
