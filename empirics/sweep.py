"""Running a study: what the store lacks is done by an engine, and each result is stored as it comes."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from empirics.engines import Engine, Local, Lost
from empirics.progress import Watch
from empirics.store import DIVERGED, DONE, FAILED, PLANNED, Store, TaskRow
from empirics.study import Study
from empirics.task import INTERRUPTED, code_version, payload, perform

Perform = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Summary:
    """Where a study stands.

    Attributes:
        name: Of the study.
        store: Its file.
        done, diverged, failed, left: How many tasks of its grid.
        reasons: Why tasks failed or diverged, with how often.
        other: Results that are stored but are not in the grid as last run: of other grids or other code.
        code: The code's version of the last run.
        seconds: Of computing that the grid's results took, all workers together.
        interrupted: Whether Ctrl-C ended the run.
        added: How many tasks this run added.
    """

    name: str
    store: Path
    done: int
    diverged: int
    failed: int
    left: int
    reasons: Mapping[str, int]
    other: int
    code: str
    seconds: float
    interrupted: bool = False
    added: int = 0

    @property
    def total(self) -> int:
        """Tasks of the grid."""
        return self.done + self.diverged + self.failed + self.left

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {
            "store": str(self.store),
            "reasons": dict(self.reasons),
            "total": self.total,
        }


def run(
    study: Study,
    path: Path,
    engine: Engine | None = None,
    *,
    retry: bool = False,
    function: Perform = perform,
    code: str = "",
    quiet: bool | None = None,
) -> Summary:
    """Do every task of a study that its store does not have.

    Args:
        study: What to do.
        path: The store; made where there is none.
        engine: Who does it; None: processes on this machine.
        retry: Also those that failed.
        function: Does one task, another than `empirics.task.perform` for tests and measurements.
        code: The version of what does it, by which results are kept apart; "": this package's.
        quiet: As for `empirics.progress.Watch`.

    Returns:
        Where the study stands, also after Ctrl-C.

    Raises:
        TheoryError: The store is not one, or is in use; the engine cannot be had.
        OSError: The disk is full; what was stored before is kept.
    """
    engine, code = engine or Local(), code or code_version()
    added, interrupted = 0, False
    with Store.write(path) as store:
        tasks = [(task.key(code), task.text) for task in study.tasks]
        store.plan(tasks, code=code, study={"name": study.name, "kind": study.kind, "text": study.text})
        if retry:
            store.retry()
        rows = store.rows()
        left = [row for row in rows if row.status == PLANNED]
        failed = sum(row.status == FAILED for row in rows)
        try:
            with _ended_by_signals(), Watch(study.name, len(rows), len(rows) - len(left), failed, quiet=quiet) as watch:
                for _ in _stored(store, left, engine, study, function, watch):
                    added += 1
        except KeyboardInterrupt:
            interrupted = True
        return replace(summary(store), interrupted=interrupted, added=added)


def _stored(
    store: Store, left: list[TaskRow], engine: Engine, study: Study, function: Perform, watch: Watch
) -> Iterator[None]:
    """One item for every task that has ended and is stored."""
    if not left:
        return
    options: dict[str, Any] = {"seconds": study.task_seconds, "folder": str(study.folder)} | engine.worker
    with closing(engine.stream(function, [payload(row.text, **options) for row in left])) as results:  # type: ignore[type-var]
        for position, found in results:
            if isinstance(found, Lost):
                found = {"status": FAILED, "reason": found.reason, "value": None, "seconds": 0.0, "worker": ""}
            if found["status"] == INTERRUPTED:
                continue
            store.commit(left[position].key, found["status"], **{k: v for k, v in found.items() if k != "status"})
            watch.ended(failed=found["status"] == FAILED, value=found["value"])
            yield


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A cluster announces the end of a job's time by SIGTERM: the same as Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def summary(store: Store) -> Summary:
    """Where the study of a store stands; no result is read.

    Args:
        store: Open.
    """
    rows = store.rows(everything=True)
    grid, study = [row for row in rows if row.place is not None], store.study
    count = Counter(row.status for row in grid)
    reasons = Counter(row.reason for row in grid if row.status in (FAILED, DIVERGED))
    return Summary(
        name=study.get("name", store.path.stem),
        store=store.path,
        done=count[DONE],
        diverged=count[DIVERGED],
        failed=count[FAILED],
        left=count[PLANNED],
        reasons=dict(reasons.most_common()),
        other=len(rows) - len(grid),
        code=study.get("code", ""),
        seconds=sum(row.seconds or 0.0 for row in grid),
    )
