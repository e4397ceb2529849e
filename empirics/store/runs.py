"""The run store: one SQLite file per study, in which a task is either not there, or there whole.

Only the process that runs a study writes, one transaction per finished task, in WAL mode with ``synchronous=FULL``:
a commit has reached the disk before the next task is counted. Killed at any instant, a run loses the tasks in flight; a
power cut loses no more than that where the disk keeps its promise to have written. A second process on the same study
is refused by a lock beside the store, which the operating system releases with the process that holds it.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bounds.errors import TheoryError
from empirics.store.file import Lock, check_file, connect, said
from empirics.store.packing import pack, unpack
from empirics.store.tables import COLUMNS, FAILED, PLANNED, TaskRow, create, now


class Store:
    """An open store; a context manager.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "study.sqlite"
    >>> with Store.write(path) as store:
    ...     store.plan([("k", '{"width": 64}')], code="1", study={"name": "one"})
    ...     store.commit("k", "done", seconds=0.5, value={"loss": float("inf")})
    True
    >>> with Store.read(path) as store:
    ...     [(row.status, row.config, store.result(row.key)) for row in store.rows()]
    [('done', {'width': 64}, {'loss': inf})]
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: Lock | None = None) -> None:
        self.path, self._connection, self._lock = path, connection, lock

    @classmethod
    def write(cls, path: str | os.PathLike[str]) -> Store:
        """Open for running a study; made where there is none.

        Args:
            path: The file.

        Raises:
            TheoryError: The file is another's or damaged (it is left as it is), another process runs the study, or the
                folder cannot be written.
            OSError: The disk is full, or fails.
        """
        path = Path(path)
        lock = Lock(path)
        try:
            if not path.exists():
                create(path)
            check_file(path)
            connection = connect(path, "rw")
            with said(path):
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("SELECT count(status) FROM task").fetchone()
        except BaseException:
            lock.release()
            raise
        store = cls(path, connection, lock)
        runner = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        with store._transaction():
            store._set("runner", json.dumps(runner))
        return store

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Store:
        """Open for reading, also while a study runs, and where the folder cannot be written.

        Args:
            path: The file.

        Raises:
            TheoryError: There is none, or it is another's or damaged.
        """
        path = Path(path)
        if not path.exists():
            raise TheoryError(f"{path}: no such store: nothing was run yet (bounds study run makes it)")
        check_file(path)
        return cls(path, connect(path, "ro"))

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let others run the study."""
        with suppress(sqlite3.Error):
            if self._lock is not None:
                self._connection.execute("DELETE FROM study WHERE name = 'runner'")
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, and the reason in one line."""
        with said(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    self._connection.execute("ROLLBACK")
                raise

    def _set(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO study VALUES (?, ?)", (name, value))

    @property
    def study(self) -> dict[str, str]:
        """What is known of the study: ``name``, ``text`` of its file, ``code`` of its last run, ``runner`` if any."""
        with said(self.path):
            return dict(self._connection.execute("SELECT name, value FROM study"))

    def plan(self, tasks: Iterable[tuple[str, str]], *, code: str, study: Mapping[str, str]) -> None:
        """Say which tasks make the grid, in their order; results that are there stay, in the grid or not.

        Args:
            tasks: (key, configuration as JSON) each.
            code: The code's version.
            study: What to note of the study.
        """
        with self._transaction():
            for name, value in ({"code": code} | dict(study)).items():
                self._set(name, value)
            self._connection.execute(f"DELETE FROM task WHERE status = '{PLANNED}'")
            self._connection.execute("UPDATE task SET place = NULL")
            self._connection.executemany(
                f"INSERT INTO task (key, code, place, config, status) VALUES (?, ?, ?, ?, '{PLANNED}') "
                "ON CONFLICT (key) DO UPDATE SET place = excluded.place",
                ((key, code, place, config) for place, (key, config) in enumerate(tasks)),
            )

    def retry(self) -> None:
        """Plan the failed tasks of the grid again."""
        with self._transaction():
            self._connection.execute(
                f"UPDATE task SET status = '{PLANNED}', reason = '' WHERE status = '{FAILED}' AND place IS NOT NULL"
            )

    def commit(
        self, key: str, status: str, *, reason: str = "", seconds: float, worker: str = "", value: Any = None
    ) -> bool:
        """Write one task's end, whole or not at all.

        Args:
            key: Of a task that is planned.
            status: done, diverged or failed.
            reason: Why not done.
            seconds: What it took.
            worker: Where.
            value: The result; None where there is none.

        Returns:
            Whether it was written: a task that is there already stays as it is.
        """
        change = f"""UPDATE task SET status = ?, reason = ?, seconds = ?, finished = ?, worker = ?
            WHERE key = ? AND status = '{PLANNED}'"""
        blob = None if value is None else pack(value)
        with self._transaction():
            done = self._connection.execute(change, (status, reason, seconds, now(), worker, key)).rowcount == 1
            if done and blob is not None:
                self._connection.execute("INSERT INTO result VALUES (?, ?)", (key, blob))
        return done

    def rows(self, *, everything: bool = False) -> list[TaskRow]:
        """The tasks of the grid in its order; their results are not read.

        Args:
            everything: Also those that are not in the grid as last run, after the others.
        """
        kept = "" if everything else "WHERE place IS NOT NULL"
        query = f"SELECT {COLUMNS} FROM task {kept} ORDER BY place IS NULL, place, key"
        with said(self.path):
            return [TaskRow(*row) for row in self._connection.execute(query)]

    def result(self, key: str) -> Any:
        """The result of a task; None where there is none.

        Args:
            key: The task's.

        Raises:
            TheoryError: It is damaged.
        """
        return next(self.results([key]))

    def results(self, keys: Sequence[str]) -> Iterator[Any]:
        """The results of several tasks, one after the other.

        Args:
            keys: The tasks'.

        Yields:
            Each result, or None.
        """
        for key in keys:
            with said(self.path):
                row = self._connection.execute("SELECT value FROM result WHERE key = ?", (key,)).fetchone()
            yield None if row is None else unpack(row[0], f"{self.path}: the result of task {key[:12]}")
