"""A study that goes on: its tasks are in the store, and nothing has to be worked out, or imported, to know them."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from bounds.errors import TheoryError
from empirics.store import Store
from empirics.study import Study
from empirics.task import Task, code_version


def resumed(file: str | os.PathLike[str], store: Path) -> Study | None:
    """The study of a file that was run before, word for word the same and by the same code.

    Args:
        file: The TOML.
        store: Where its results are.

    Returns:
        The study as `empirics.study.read` would give it; None where it has to: the file or the code is another, there
        is no store, or the study reads data files, whose content may have changed.
    """
    try:
        path, code = Path(file), code_version()
        text = path.read_text(encoding="utf-8")
        with Store.read(store) as opened:
            known = opened.study
            if (known.get("text"), known.get("code")) != (text, code):
                return None
            configs = [row.config for row in opened.rows()]
    except (TheoryError, OSError, ValueError):  # said by those whose task it is
        return None
    if not configs or any((config["data"] or {}).get("sha256") for config in configs):
        return None
    tasks = tuple(Task(**config | {"only": tuple(config["only"])}) for config in configs)
    seconds = tomllib.loads(text).get("budget", {}).get("task_seconds")
    return Study(known["name"], known["kind"], tasks, text, path.absolute().parent, seconds)
