"""Study files: a sweep as a small TOML, checked word by word before anything runs.

[study]
name = "c_H against width"
paper = "banerjee2023"        # or papers = [...]; kind = "critical-width" searches least widths instead
[grid]                        # every combination is trained
widths = [64, 128, 256]
seeds = [0, 1, 2]
L = [2, 4]
[setting]                     # the same for all
steps = 50
[data]
name = "digits"
samples = [64, 128]
[budget]
task_seconds = 600
"""

from __future__ import annotations

import hashlib
import math
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError
from bounds.registry import paper as find_paper
from bounds.registry import suggest
from empirics.task import COMPARE, CRITICAL, Task

SECTIONS: Mapping[str, frozenset[str]] = {
    "study": frozenset(("name", "paper", "papers", "quantities", "kind")),
    "data": frozenset(("name", "samples", "seed", "input_dim")),
    "budget": frozenset(("task_seconds", "tasks")),
}
OPEN = ("grid", "setting")
"""Sections whose words are the fields of the papers' settings."""
MOST = 50_000
"""Points of the largest grid."""


@dataclass(frozen=True)
class Study:
    """What a study file asks.

    Attributes:
        name: For people.
        kind: ``compare`` or ``critical-width``.
        tasks: Every point of the grid, in its order.
        text: The file as it was.
        folder: Where it lies; names of data files start there.
        task_seconds: The most that a task may take; None: as long as it takes.
        left_out: Points that no theorem covers, with the reason.
    """

    name: str
    kind: str
    tasks: tuple[Task, ...]
    text: str
    folder: Path
    task_seconds: float | None = None
    left_out: tuple[str, ...] = ()


def store_path(file: str | os.PathLike[str]) -> Path:
    """Where a study's store is unless it is told: beside its file.

    Args:
        file: The study file, or the store itself.

    Raises:
        TheoryError: It is the name of no file.

    >>> str(store_path("a/c_H.toml")), str(store_path("a/c_H.sqlite"))
    ('a/c_H.sqlite', 'a/c_H.sqlite')
    """
    if not Path(file).name:
        raise TheoryError(f"study file {os.fspath(file)!r}: the name of a file is needed")
    return Path(file).with_suffix(".sqlite")


def read(file: str | os.PathLike[str]) -> Study:
    """Read a study file and check every word of it.

    Args:
        file: The TOML.

    Returns:
        The study.

    Raises:
        TheoryError: One line: the file cannot be read, a word is unknown (with a suggestion), a value is wrong.
    """
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except OSError as error:
        raise TheoryError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TheoryError(f"{path} is not a study file: {error}") from None
    try:
        return parse(found, text=text, folder=path.absolute().parent, name=path.stem)
    except TheoryError as error:
        raise type(error)(f"{path}: {error}") from None


def parse(found: Mapping[str, Any], *, text: str = "", folder: Path = Path(), name: str = "study") -> Study:
    """The study that a TOML document describes.

    Args:
        found: The document.
        text: As it was written.
        folder: Where names of data files start.
        name: Where it gives none.

    Raises:
        TheoryError: A word is unknown or a value wrong.
    """
    from empirics.points import compare_tasks, critical_tasks

    _check_words(found)
    head, budget = found.get("study", {}), found.get("budget", {})
    kind = _text("kind", head.get("kind", COMPARE))
    if kind not in (COMPARE, CRITICAL):
        known = (COMPARE, CRITICAL)
        raise TheoryError(f"kind = {kind}: must be {' or '.join(known)}{suggest(kind, known)}")
    grid, data = _grid(found.get("grid", {})), _data(found.get("data"), folder)
    lists = [*grid.values(), *(data or {}).values()]
    if (points := math.prod(map(len, lists))) > MOST:
        raise TheoryError(f"the grid has {points} points, a study at most {MOST}: make its lists shorter")
    make = compare_tasks if kind == COMPARE else critical_tasks
    tasks, left_out = make(_keys(head, kind), grid, dict(found.get("setting", {})), data)
    tasks = tuple(dict(zip([t.text for t in tasks], tasks, strict=True)).values())
    most = budget.get("tasks")
    if most is not None and len(tasks) > _count("tasks", most):
        raise TheoryError(f"the grid has {len(tasks)} tasks, more than the budget's tasks = {most}")
    seconds = budget.get("task_seconds")
    if seconds is not None and not (_real(seconds) and 0 < seconds < float("inf")):
        raise TheoryError(f"task_seconds = {seconds}: must be a positive number")
    return Study(_text("name", head.get("name", name)), kind, tasks, text, folder, seconds, left_out)


def _check_words(found: Mapping[str, Any]) -> None:
    sections = (*SECTIONS, *OPEN)
    for section, words in found.items():
        if section not in sections:
            known = ", ".join(sections)
            raise TheoryError(f"[{section}] is not a section{suggest(section, sections)}; there is {known}")
        if not isinstance(words, dict):
            raise TheoryError(f"{section} = {words}: must be a section, [{section}], with its values below")
        for word in words if section in SECTIONS else ():
            if word not in SECTIONS[section]:
                known = ", ".join(sorted(SECTIONS[section]))
                raise TheoryError(
                    f"{word} is not known in [{section}]{suggest(word, SECTIONS[section])}; it has {known}"
                )


def _keys(head: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """Papers and quantities, as ``bounds compare`` takes them."""
    if "paper" in head and "papers" in head:
        raise TheoryError("paper and papers are both given: give one of them")
    papers = [_text("paper", head["paper"])] if "paper" in head else _words("papers", head.get("papers", []))
    quantities = _words("quantities", head.get("quantities", []))
    if quantities and kind == CRITICAL:
        raise TheoryError("quantities: a search for critical widths measures none; leave it out")
    if not papers and not quantities:
        raise TheoryError('[study] must say which paper, such as paper = "banerjee2023"')
    papers = [find_paper(p).key for p in papers]
    if len(papers) == 1:  # bare names are its own
        quantities = [q if "." in q else f"{papers[0]}.{q}" for q in quantities]
    owners = {q.split(".")[0] for q in quantities}
    return (*(p for p in papers if p not in owners), *quantities)


def _grid(given: Mapping[str, Any]) -> dict[str, list[Any]]:
    for name, values in given.items():
        if not isinstance(values, list) or not values:
            raise TheoryError(f"{name} = {values}: a list of values is needed in [grid], such as {name} = [1, 2]")
        if len({v if isinstance(v, int | float | str) else repr(v) for v in values}) < len(values):
            raise TheoryError(f"{name}: the values of a list must differ, in [grid] and in [data]")
    return {name: list(values) for name, values in given.items()}


def _data(given: Mapping[str, Any] | None, folder: Path) -> dict[str, list[Any]] | None:
    """Each field as a list of one or several values; None where no data are named. A file stands for its content."""
    if given is None:
        return None
    lists = {name: v if isinstance(v, list) else [v] for name, v in given.items()}
    _grid(lists)
    for name in lists.get("name", ()):
        _text("data name", name)
    for word, least in (("samples", 1), ("input_dim", 1), ("seed", 0)):
        for value in lists.get(word, ()):
            _count(word, value, least)
    return lists | {"file": [_digest(folder / n) if str(n).endswith(".npz") else None for n in lists.get("name", [""])]}


def _digest(path: Path) -> str:
    """The check sum of a data file, so that another content is another task."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TheoryError(f"data {path}: cannot be read: {error.strerror}") from None


def _words(name: str, given: Any) -> list[str]:
    if not isinstance(given, list):
        raise TheoryError(f'{name} = {given}: a list of names is needed, such as {name} = ["banerjee2023"]')
    return [_text(name, word) for word in given]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TheoryError(f"{name} = {value!r}: text is needed")
    return value


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(name: str, value: Any, least: int = 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise TheoryError(f"{name} = {value}: must be an integer >= {least}")
    return value


def describe(left_out: Iterable[str]) -> Sequence[str]:
    """Points that were left out, each reason once."""
    return [f"left out: {reason}" for reason in dict.fromkeys(left_out)]
