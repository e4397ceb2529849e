"""Every figure of every paper, made one after the other into one folder with a page that shows what there is so far.

After each figure the folder's ``index.html`` and ``index.json`` are written anew in one piece: whatever ends the work,
what was finished is there, and figures of earlier calls stay on the page.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError
from bounds.options import setting_from
from bounds.plots import save_curves, symbolic_figure
from bounds.registry import papers, suggest
from empirics.experiments import figure, figures
from empirics.figures import check_folder
from empirics.gallery_page import page
from empirics.request import figure_data
from empirics.setting import Progress, versions

PAGE, RECORDS = "index.html", "index.json"


@dataclass(frozen=True)
class Made:
    """One figure.

    Attributes:
        name: ``paper.figure``.
        paths: The files written, none where it failed.
        summary: What was seen beside what the paper reports, in sentences.
        seconds: How long it took.
        error: Why it failed, in one line, or "".
        interrupted: Whether Ctrl-C ended it; its files then hold the runs that were finished.
        title: What the figure shows.
        settings: What was run.
        data: On what; "" where the figure makes its own.
    """

    name: str
    paths: tuple[Path, ...]
    summary: str
    seconds: float
    error: str = ""
    interrupted: bool = False
    title: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    data: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; paths are file names in the gallery's folder."""
        return {**dataclasses.asdict(self), "paths": [path.name for path in self.paths]}


@dataclass(frozen=True)
class _Task:
    """What all figures of one call share."""

    folder: Path
    data: str | None
    seed: int
    progress: Progress | None
    paper_settings: bool
    device: str | None


def figure_names() -> tuple[str, ...]:
    """All figures, of formulas and of trained networks, in the papers' order.

    >>> "fu2018.fig2" in figure_names() and "banerjee2023.fig1" in figure_names()
    True
    """
    known = {f"{p.key}.{name}" for p in papers().values() for name in p.figures} | set(figures())
    order = list(papers())
    return tuple(sorted(known, key=lambda name: (order.index(name.split(".")[0]), name)))


def reproduce_all(
    folder: str | os.PathLike[str],
    *,
    names: Iterable[str] | None = None,
    data: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    paper_settings: bool = False,
    device: str | None = None,
) -> list[Made]:
    """Make figures one after the other, and after each the page that shows them.

    A figure that fails is listed with its reason and the rest go on. Ctrl-C ends the work: the figure at hand is kept
    as far as it got, if it can be, and no further one is begun.

    Args:
        folder: Where the files go; made if it is not there.
        names: Which figures, ``paper.figure``; None: all of `figure_names`.
        data: Data set of the figures that need one, as for `empirics.load`; None: each figure's own.
        seed: Of the draw of the data.
        progress: Called with one line now and then.
        paper_settings: The papers' own sizes instead of the reduced ones (hours).
        device: ``cpu`` or ``cuda``; None: as the settings say.

    Returns:
        One entry for each figure begun; the last one is ``interrupted`` after Ctrl-C.

    Raises:
        TheoryError: No such figure, or a folder that cannot be written to.
    """
    known = figure_names()
    wanted = known if names is None else tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            raise TheoryError(f"no figure {name!r}{suggest(name, known)}; there is {', '.join(known)}")
    task = _Task(Path(folder), data, seed, progress, paper_settings, device)
    check_folder(task.folder)
    made: list[Made] = []
    for k, name in enumerate(wanted):
        if progress:
            progress(f"{name} ({k + 1} of {len(wanted)})")
        made.append(_attempt(task, name))
        _write(task.folder, made[-1], wanted[k + 1 :])
        if made[-1].interrupted:
            break
    return made


def _attempt(task: _Task, name: str) -> Made:
    """Make a figure; whatever happens has a name."""
    started = time.perf_counter()
    draw = symbolic_figure(name)
    title = "" if draw else _title(figure(name))
    try:
        found = _symbolic(task, name, draw) if draw else _trained(task, name)
    except KeyboardInterrupt:
        found = Made(name, (), "", 0.0, interrupted=True, title=title)
    except TheoryError as error:
        found = Made(name, (), "", 0.0, error=_one_line(str(error)), title=title)
    except Exception as error:  # one figure's fault must not cost the others
        found = Made(name, (), "", 0.0, error=_one_line(f"{type(error).__name__}: {error}"), title=title)
    return replace(found, seconds=time.perf_counter() - started)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _title(module: Any) -> str:
    """The first paragraph of a figure's module."""
    return _one_line((module.__doc__ or "").strip().split("\n\n")[0]).rstrip(".")


def _symbolic(task: _Task, name: str, draw: Callable[[Any], Any]) -> Made:
    """A figure of formulas: nothing is trained."""
    curves = draw(None)
    paths = save_curves(name, curves, task.folder)
    summary = (
        f"{curves.caption}, {', '.join(curves.series)}, at {len(curves.x)} points, {curves.x_label} from "
        f"{min(curves.x):g} to {max(curves.x):g}: evaluated from the formula, nothing is trained"
    )
    return Made(name, tuple(paths), summary, 0.0, title=curves.caption)


def _trained(task: _Task, name: str) -> Made:
    """A figure of trained networks."""
    module = figure(name)
    base = module.PAPER if task.paper_settings else module.REDUCED
    fields = {f.name for f in dataclasses.fields(base)}
    device = {"device": task.device} if task.device is not None and "device" in fields else {}
    setting = setting_from(base, device, name)
    needed = task.data if module.NEEDS_DATA else None
    dataset = figure_data(name, module, needed, None, task.seed, None)
    progress = partial(_named, task.progress, name) if task.progress else None
    found = module.run(setting, dataset, progress)
    paths = module.save(found, task.folder)
    text = "" if dataset is None else f"{dataset.name}, {len(dataset.X)} samples (seed {task.seed}): {dataset.source}"
    return Made(
        name,
        tuple(paths),
        found.summary(),
        0.0,
        interrupted=bool(found.interrupted),
        title=_title(module),
        settings=dataclasses.asdict(setting),
        data=text,
    )


def _named(progress: Progress, name: str, line: str) -> None:
    progress(f"{name}: {line}")


def _write(folder: Path, made: Made, waiting: Iterable[str]) -> None:
    """Put a figure among those that the folder has, and write the page and its records anew."""
    records = _records(folder)
    earlier = records.get(made.name, {})
    record = {**made.to_dict(), "made": _now(), "versions": versions(), "attempt": ""}
    if not made.paths and earlier.get("paths"):  # what is there is worth more than the reason why it was not made anew
        record = {**earlier, "attempt": made.error or "interrupted before its first run was finished"}
    records[made.name] = record
    order = [name for name in figure_names() if name in records]
    records = {name: records[name] for name in order}
    _replace(folder / RECORDS, json.dumps({"figures": list(records.values())}, indent=1, default=str))
    left = [name for name in waiting if name not in records]
    _replace(folder / PAGE, page(list(records.values()), papers(), folder, left))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _records(folder: Path) -> dict[str, dict[str, Any]]:
    """What earlier calls left, by figure, as far as it can be read and its files are there."""
    try:
        found = json.loads((folder / RECORDS).read_text())["figures"]
        kept = {r["name"]: r for r in found if all((folder / path).is_file() for path in r["paths"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return kept


def _replace(path: Path, text: str) -> None:
    """Write a file in one piece: a reader sees the old or the new one, never a half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
