"""What the figures of all papers share: a folder that can be written to, numbers as CSV, drawings as PNG and SVG."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError


def check_folder(folder: Path) -> None:
    """Make the folder and prove that it can be written to, before hours of training.

    Args:
        folder: where the files will go.

    Raises:
        TheoryError: it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TheoryError(f"--out {folder}: cannot be written ({error.strerror}); choose another folder") from None


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a table whose floats can be read back exactly.

    Args:
        path: the file.
        header: the columns' names.
        rows: the lines.

    Returns:
        The path.
    """
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([repr(float(x)) if isinstance(x, float) else x for x in row] for row in rows)
    return path


def save_drawing(drawing: Any, folder: Path, name: str) -> list[Path]:
    """Write a matplotlib figure as PNG and SVG.

    Args:
        drawing: the figure.
        folder: where.
        name: the files' stem.

    Returns:
        Both paths.
    """
    paths = [folder / f"{name}{suffix}" for suffix in (".png", ".svg")]
    for path in paths:
        drawing.savefig(path, dpi=160)
    return paths


def panel_style(axes: Any) -> None:
    """The look of all panels: a light grid, no box.

    Args:
        axes: a matplotlib Axes.
    """
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
