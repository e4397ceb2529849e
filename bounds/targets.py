"""Files that are to be written when the work is done: looked at before it begins."""

from __future__ import annotations

from pathlib import Path

from bounds.errors import TheoryError


def check_target(option: str, path: str) -> None:
    """Prove that a file can be written, and leave everything as it was.

    Args:
        option: The option that named the file, for messages.
        path: The file.

    Raises:
        TheoryError: It cannot be written.
    """
    target = Path(path)
    new = not target.exists()
    try:
        with target.open("ab"):
            pass
        if new:
            target.unlink()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise TheoryError(f"{option} {path}: cannot be written ({why})") from None
