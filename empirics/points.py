"""The points of a study's grid: every combination of its lists, as tasks of one network each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from bounds.errors import NotApplicable, TheoryError
from bounds.options import setting_from
from bounds.registry import suggest
from empirics.request import needs_data, requests
from empirics.task import COMPARE, CRITICAL, Task

Grid = Mapping[str, Sequence[Any]]
Tasks = tuple[tuple[Task, ...], tuple[str, ...]]
OWN = ("first_seed", "fresh", "shared")
"""Fields of a setting that a study gives to its tasks."""
AXES = ("widths", "seeds")
"""Axes of every comparison: a task has one width and one seed."""
LAYERS = "hidden_layers"
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    COMPARE: {"name": "digits", "samples": 256, "seed": 0, "input_dim": None},
    CRITICAL: {"name": "digits", "samples": 64, "seed": 0, "input_dim": None},
}
"""The data where none are named: those of the commands."""


def compare_tasks(keys: Sequence[str], grid: Grid, fixed: Mapping[str, Any], data: Grid | None) -> Tasks:
    """One task for every point, width and seed, of every paper.

    Args:
        keys: Papers and quantities.
        grid: Field -> values.
        fixed: Field -> value.
        data: name, samples, seed, input_dim and file, each a list; None: the default.

    Returns:
        The tasks in the grid's order, widths and seeds last, and why points were left out.

    Raises:
        TheoryError: A field that no paper has, a value that is wrong, a paper that cannot be run task by task.
        NotApplicable: No point is covered.
    """
    from empirics.experiments import chosen

    modules = chosen(keys)
    _check_fields({m.KEY: [f.name for f in fields(m.Setting)] for m, _ in modules}, grid, fixed)
    if data is not None and not any(needs_data(m) for m, _ in modules):
        raise TheoryError(f"[data]: {' and '.join(m.KEY for m, _ in modules)} draws its own data: leave it out")
    tasks: list[Task] = []
    refused: list[str] = []
    for module, only in modules:
        if not hasattr(module, "sum_up"):
            raise TheoryError(f"{module.KEY} cannot be run task by task: use bounds compare {module.KEY}")
        for options, asked in _points(module, grid, fixed, data):
            try:
                tasks += _one_point(module, only, options, asked, grid)
            except NotApplicable as reason:
                refused.append(str(reason))
    if not tasks:
        raise NotApplicable("; ".join(dict.fromkeys(refused)))
    return tuple(tasks), tuple(refused)


def _points(
    module: Any, grid: Grid, fixed: Mapping[str, Any], data: Grid | None
) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """The settings and data of a paper's points, without widths and seeds; only the fields that it has."""
    known = {f.name for f in fields(module.Setting)} | {LAYERS}
    axes = {name: values for name, values in grid.items() if name in known and name not in AXES}
    own = {name: value for name, value in fixed.items() if name in known}
    places = data_points(data, COMPARE) if needs_data(module) else [None]
    for asked, *values in itertools.product(places, *axes.values()):
        yield own | dict(zip(axes, values, strict=True)), asked


def _one_point(
    module: Any, only: frozenset[str], options: Mapping[str, Any], asked: Mapping[str, Any] | None, grid: Grid
) -> Iterator[Task]:
    """The tasks of a point: one for each width and seed.

    The first seed has what is done once per width, and the first width what does not depend on the widths: done with
    each of them it would be counted as often in the gathered rows.
    """
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in options.items()}
    layers = given.pop(LAYERS, None)
    if layers is not None and (not isinstance(layers, int) or isinstance(layers, bool) or layers < 1):
        raise TheoryError(f"{LAYERS} = {layers}: must be an integer >= 1")
    given = _typed(module.Setting(), given)
    (request,) = requests([(module, only)], given, layers)
    seeds = grid.get("seeds", range(request.setting.seeds))
    widths = grid.get("widths", request.setting.widths)
    for width, seed in itertools.product(widths, seeds):
        one = {"widths": (width,), "seeds": 1, "first_seed": seed}
        setting = replace(request.setting, **one, fresh=seed == seeds[0], shared=width == widths[0])
        if not setting.idle:
            yield Task(COMPARE, module.KEY, asdict(setting), asked, tuple(sorted(only)))


def critical_tasks(keys: Sequence[str], grid: Grid, fixed: Mapping[str, Any], data: Grid | None) -> Tasks:
    """One search for every point of every paper.

    Args:
        keys: Papers.
        grid: Field of `empirics.recipe.Search` -> values.
        fixed: Field -> value.
        data: As for `compare_tasks`; no input_dim.

    Returns:
        The tasks in the grid's order, and why points were left out.

    Raises:
        TheoryError: An unknown paper or field, or a value that is wrong.
        NotApplicable: No point is covered.
    """
    from empirics.recipe import Search, recipe

    _check_both(grid, fixed)
    if data is not None and "input_dim" in data:
        raise TheoryError("[data] input_dim: a search for critical widths takes the data as they are; leave it out")
    tasks: list[Task] = []
    refused: list[str] = []
    for paper, asked, *values in itertools.product(keys, data_points(data, CRITICAL), *grid.values()):
        given = dict(fixed) | dict(zip(grid, values, strict=True))
        search = setting_from(Search(), _typed(Search(), given), CRITICAL)
        try:
            recipe(paper).depth(search)
        except NotApplicable as reason:
            refused.append(str(reason))
            continue
        tasks.append(Task(CRITICAL, paper, asdict(search), asked))
    if not tasks:
        raise NotApplicable("; ".join(dict.fromkeys(refused)))
    return tuple(tasks), tuple(refused)


def data_points(data: Grid | None, kind: str) -> list[dict[str, Any]]:
    """Every combination of the data's lists.

    Args:
        data: name, samples, seed, input_dim and file, each a list; None: the default.
        kind: Of the study, for what is not given.
    """
    given = dict(data or {})
    files = dict(zip(given.get("name", ()), given.pop("file", ()), strict=True)) if given.get("name") else {}
    given.pop("file", None)
    found = []
    for values in itertools.product(*given.values()):
        point = {**DEFAULTS[kind], **dict(zip(given, values, strict=True))}
        digest = files.get(point["name"])
        found.append(point | ({"sha256": digest} if digest else {}))
    return found


def _check_both(grid: Grid, fixed: Mapping[str, Any]) -> None:
    if twice := next((name for name in fixed if name in grid), None):
        raise TheoryError(f"{twice} is in [grid] and in [setting]: give one of them")


def _check_fields(known: Mapping[str, Sequence[str]], grid: Grid, fixed: Mapping[str, Any]) -> None:
    """Refuse fields that no paper has, and those that a study sets itself."""
    _check_both(grid, fixed)
    names = sorted({n for names in known.values() for n in names if n not in OWN} | {LAYERS})
    for name in (*grid, *fixed):
        if name in OWN:
            remedy = "give the seeds themselves, such as seeds = [0, 1, 2]" if name == "first_seed" else "leave it out"
            raise TheoryError(f"{name} is set by the study: {remedy}")
        if name not in names:
            owners = " or ".join(known)
            raise TheoryError(f"{name} is not a field of {owners}{suggest(name, names)}; there is {', '.join(names)}")
    for name in AXES:
        if name in fixed:
            raise TheoryError(f"{name} is an axis: give a list in [grid], such as {name} = [1, 2]")
    for seed in grid.get("seeds", ()):
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise TheoryError(f"seeds = {list(grid['seeds'])}: must be integers >= 0")


def _typed(setting: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a setting's own checks leave to others: text where text is due, and one way to write a number."""
    found = dict(given)
    for f in fields(setting):
        value, kind = found.get(f.name), str(f.type)
        if value is not None and kind.startswith("str") and not isinstance(value, str):
            raise TheoryError(f"{f.name} = {value}: text is needed, such as {f.name} = {f.default!r}")
        if kind.startswith("float") and isinstance(value, int) and not isinstance(value, bool):
            found[f.name] = float(value)
    return found
