"""Critical widths against the number of samples, with the growth that theorems claim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bounds.errors import TheoryError
from bounds.registry import quantity
from bounds.targets import check_picture
from empirics.figures import panel_style
from empirics.headline import QUOTED, Headline

SLOPES = (
    "quoted.kawaguchi2019",
    "song2021.required_width_simplified",
    "quoted.songyang2019",
    "quoted.du2019",
    "quoted.allenzhu2019_table",
)
"""Theorems whose claimed growth in n is drawn."""


FEW = "--plot needs critical widths at two or more numbers of samples: --samples 32,64,128"


def check_plot(path: str, samples: Sequence[int]) -> None:
    """Refuse, before the searches, what `draw` would refuse after them.

    Args:
        path: As for `draw`.
        samples: The numbers of samples asked for.

    Raises:
        TheoryError: Fewer than two, or the file cannot be written.
    """
    if len(set(samples)) < 2:
        raise TheoryError(FEW)
    check_picture("--plot", path)


def draw(result: Headline, path: str) -> None:
    """Draw the critical widths against n, with the slopes that theorems claim.

    Args:
        result: Searches at two or more numbers of samples.
        path: The file; its ending chooses the format.

    Raises:
        TheoryError: Fewer numbers of samples, or the file cannot be written.
    """
    from matplotlib.figure import Figure

    papers = [p for p in dict.fromkeys(c.paper for c in result.found) if len(result.series(p)) > 1]
    if not papers:
        raise TheoryError(FEW)
    drawing = Figure(figsize=(8, 4.6), layout="constrained")
    axes = drawing.subplots()
    for k, paper in enumerate(papers):
        xs, ys = zip(*result.series(paper), strict=True)
        grown = result.growth(paper)
        slope = f": n^{grown}" if grown and grown.places > 2 else ""
        axes.plot(xs, ys, "osD^v"[k % 5] + "-", color=f"C{k}", label=f"{paper}{slope}")
    first = min(c.n for c in result.found)
    last, top = max(c.n for c in result.found), max(c.width or 1 for c in result.found)
    for key in SLOPES:
        power = float(quantity(key).orders["n"])
        name = f"n^{power:g} ({key.split('.')[1].split('_')[0] if key.startswith(QUOTED) else key.split('.')[0]})"
        end = min(last, first * (20 * top) ** (1 / power))
        axes.plot([first, end], [1, (end / first) ** power], ":", color="0.5", linewidth=1)
        axes.annotate(name, (end, (end / first) ** power), fontsize=7, color="0.4", ha="left", va="bottom")
    axes.set(xscale="log", yscale="log", xlabel="samples n", ylabel="width", ylim=(0.8, 40 * top))
    axes.set_title("Critical width; dotted: slopes that theorems claim", fontsize="medium")
    axes.set_xticks(sorted({c.n for c in result.found}), [str(n) for n in sorted({c.n for c in result.found})])
    axes.minorticks_off()
    drawing.legend(frameon=False, fontsize=8, loc="outside right upper")
    panel_style(axes)
    try:
        drawing.savefig(Path(path), dpi=150)
    except (OSError, ValueError) as error:
        raise TheoryError(f"--plot {path}: cannot be written ({error})") from None
