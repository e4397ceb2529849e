"""What a study found: the results of its tasks, gathered over widths and seeds at every point of the grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bounds.errors import TheoryError
from empirics.comparison import Comparison
from empirics.experiments import experiment
from empirics.points import AXES, OWN
from empirics.regather import regather
from empirics.store import FAILED, PLANNED, Store, TaskRow, canonical
from empirics.task import COMPARE, CRITICAL


@dataclass(frozen=True)
class Group:
    """All widths and seeds of a paper at one point of the grid.

    Attributes:
        paper: The key.
        point: What sets it apart from the study's other groups of this paper, such as {"L": 3, "samples": 64}.
        comparison: Of the tasks that have a result; None where none has.
        failed: Those that failed, with their reasons.
        left: How many are not done yet.
    """

    paper: str
    point: Mapping[str, Any]
    comparison: Comparison | None
    failed: tuple[TaskRow, ...]
    left: int

    @property
    def where(self) -> str:
        """The point, in words; "" where nothing varies."""
        return ", ".join(f"{name} = {_worded(value)}" for name, value in self.point.items())

    @property
    def title(self) -> str:
        """The paper and the point, in words."""
        return ", ".join(x for x in (self.paper, self.where) if x)

    @property
    def state(self) -> tuple[str, ...]:
        """What is missing in the comparison, in sentences."""
        failed = [f"{len(self.failed)} tasks failed: {self.failed[0].reason}"] if self.failed else []
        left = [f"{self.left} tasks are left"] if self.left else []
        return tuple(failed + left)


def _worded(value: Any) -> str:
    return "by rule" if value is None else ",".join(map(str, value)) if isinstance(value, list) else str(value)


def groups(store: Store) -> list[Group]:
    """The comparisons of a study, one for each paper and point, in the grid's order.

    Args:
        store: Open; its study compares.

    Returns:
        The groups: the rows of each are those of one run over its widths and seeds.
    """
    found = _together(store)
    points = _points([apart(rows[0].config) for rows in found])
    return [_group(store, rows, point) for rows, point in zip(found, points, strict=True)]


def _together(store: Store) -> list[list[TaskRow]]:
    """The tasks that differ in their width and seed only, in the grid's order."""
    found: dict[str, list[TaskRow]] = {}
    for row in store.rows():
        if row.config["kind"] == COMPARE:
            found.setdefault(canonical(apart(row.config)), []).append(row)
    return list(found.values())


def _group(store: Store, rows: Sequence[TaskRow], point: Mapping[str, Any]) -> Group:
    paper = rows[0].config["paper"]
    failed = tuple(row for row in rows if row.status == FAILED)
    left = sum(row.status == PLANNED for row in rows)
    return Group(paper, point, _comparison(store, rows, paper), failed, left)


def _comparison(store: Store, rows: Sequence[TaskRow], paper: str) -> Comparison | None:
    """One comparison of all results among the rows; a task that failed takes nothing from the others."""
    parts = list(_results(store, rows))
    return regather(parts, experiment(paper).sum_up) if parts else None


def _results(store: Store, rows: Sequence[TaskRow]) -> Iterator[Comparison]:
    with_result = [row.key for row in rows if row.status not in (FAILED, PLANNED)]
    yield from map(Comparison.from_dict, store.results(with_result))


def pooled(store: Store) -> dict[str, Comparison]:
    """What is known up to constants only, over the whole grid: orders in whatever varies, and calibration.

    Args:
        store: Open; its study compares.

    Returns:
        By paper; those without a result are left out. Rows are those of orders: a bound in numbers says something else
        at every point, and is judged there (`groups`). Measurements that several points share are counted once.
    """
    papers: dict[str, list[list[TaskRow]]] = {}
    for rows in _together(store):
        papers.setdefault(rows[0].config["paper"], []).append(rows)
    found = {}
    for paper, points in papers.items():
        if parts := list(_once(store, points)):
            whole = regather(parts, experiment(paper).sum_up)
            found[paper] = replace(whole, rows=tuple(row for row in whole.rows if row.details.get("widths")))
    return found


def _once(store: Store, points: Sequence[Sequence[TaskRow]]) -> Iterator[Comparison]:
    """The results of all points; what is the same in every digit is repeated, as only one kind of network has q."""
    seen = Counter[str]()
    for rows in points:
        here = Counter[str]()
        for part in _results(store, rows):
            kept = []
            for case in part.cases:
                text = canonical(case.to_dict())
                here[text] += 1
                if here[text] > seen[text]:
                    kept.append(case)
            yield replace(part, cases=tuple(kept))
        seen |= here


def critical(store: Store) -> list[dict[str, Any]]:
    """The searches of a study for least widths, in the grid's order.

    Args:
        store: Open; its study searches.

    Returns:
        What `empirics.headline.Headline.to_dict` says of each, with its ``point``.
    """
    rows = [r for r in store.rows() if r.config["kind"] == CRITICAL and r.status not in (FAILED, PLANNED)]
    points = _points([apart(row.config) for row in rows])
    results = store.results([row.key for row in rows])
    return [{"point": point, **value} for point, value in zip(points, results, strict=True)]


def apart(config: Mapping[str, Any]) -> dict[str, Any]:
    """A task's configuration as one flat mapping, without what its group shares: width, seed and their kin.

    Args:
        config: Of a task.

    Returns:
        ``paper``, the fields of the setting, ``data``, and the rest of the data's fields.
    """
    dropped = (*AXES, *OWN) if config["kind"] == COMPARE else ()
    setting = {name: value for name, value in config["setting"].items() if name not in dropped}
    data = config["data"] or {}
    flat = {"data" if name == "name" else "data_seed" if name == "seed" else name: v for name, v in data.items()}
    return {"paper": config["paper"]} | setting | flat


def _points(configs: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of each configuration what differs within its paper."""
    by_paper: dict[str, list[Mapping[str, Any]]] = {}
    for config in configs:
        by_paper.setdefault(config["paper"], []).append(config)
    varying = {paper: _varying(own) for paper, own in by_paper.items()}
    for config in configs:
        yield {name: config[name] for name in varying[config["paper"]]}


def _varying(configs: Iterable[Mapping[str, Any]]) -> list[str]:
    seen: dict[str, set[str]] = {}
    for config in configs:
        for name, value in config.items():
            seen.setdefault(name, set()).add(canonical(value))
    return [name for name, values in seen.items() if len(values) > 1 and name != "sha256"]


def calibration(store: Store, origin: str) -> Any:
    """What all results of a study say of hidden constants, as `Comparison.calibration` of one run does.

    Args:
        store: Open.
        origin: How the runs were made.

    Raises:
        TheoryError: No run bounds a constant.
    """
    from empirics.comparison import merge

    found = list(pooled(store).values())
    if not found:
        raise TheoryError(f"{store.path} has no results yet: nothing to calibrate")
    return merge(found).calibration(origin)
