"""Files that are to be written when the work is done: looked at before it begins."""

from __future__ import annotations

import os
from pathlib import Path

from bounds.errors import TheoryError


def check_target(option: str, path: str) -> None:
    """Prove that a file can be written, and leave everything as it was.

    Pipes and devices are only asked for the right to write: whoever reads a pipe would take its closing for the end.

    Args:
        option: The option that named the file, for messages.
        path: The file.

    Raises:
        TheoryError: It cannot be written.
    """
    target = Path(path)
    try:
        new = not target.exists()
        if not new and not target.is_file() and not target.is_dir() and os.access(target, os.W_OK):
            return
        with target.open("ab"):
            pass
        if new:
            target.resolve().unlink()  # what a dangling link points to, not the link
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise TheoryError(f"{option} {path}: cannot be written ({why})") from None


def check_picture(option: str, path: str) -> None:
    """Prove that a drawing can be made and written, before hours of training.

    Args:
        option: The option that named the file, for messages.
        path: The file; its ending chooses the format.

    Raises:
        TheoryError: matplotlib is missing, there is no such format, or the file cannot be written.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ModuleNotFoundError as error:
        raise TheoryError(f"{option} needs {error.name}: pip install 'bounds[empirics]' -c constraints.txt") from None
    known = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.lower().lstrip(".") not in known:
        raise TheoryError(f"{option} {path}: the ending chooses the format: {', '.join(sorted(known))}")
    check_target(option, path)
