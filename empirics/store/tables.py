"""What a store holds: its tables, and one row of them."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from empirics.store.file import APPLICATION, FORMAT, said

PLANNED, DONE, DIVERGED, FAILED = "planned", "done", "diverged", "failed"
SCHEMA = f"""
BEGIN;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
CREATE TABLE study (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE task (
    key TEXT PRIMARY KEY, code TEXT NOT NULL, place INTEGER, config TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('{PLANNED}', '{DONE}', '{DIVERGED}', '{FAILED}')),
    reason TEXT NOT NULL DEFAULT '', seconds REAL, finished TEXT, worker TEXT
);
CREATE TABLE result (key TEXT PRIMARY KEY REFERENCES task (key), value BLOB NOT NULL);
COMMIT;
"""
"""``task.place``: the position in the grid as last run, NULL for a task that is not in it (any more)."""
COLUMNS = "key, code, place, config, status, reason, seconds, finished, worker"


@dataclass(frozen=True)
class TaskRow:
    """A task as the store has it; its result is read apart.

    Attributes:
        key: SHA-256 of its configuration and the code's version.
        code: The code's version.
        place: Its position in the grid; None: it is not in the grid as last run.
        text: Its configuration, as JSON.
        status: planned, done, diverged (with a result) or failed (without).
        reason: Why it diverged or failed.
        seconds: What it took.
        finished: When, in UTC.
        worker: Where.
    """

    key: str
    code: str
    place: int | None
    text: str
    status: str
    reason: str
    seconds: float | None
    finished: str | None
    worker: str | None

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration."""
        found: dict[str, Any] = json.loads(self.text)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The JSON row."""
        names = ("key", "code", "status", "reason", "seconds", "finished", "worker")
        return {name: getattr(self, name) for name in names} | {"config": self.config}


def now() -> str:
    """The time, in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def create(path: Path) -> None:
    """Make an empty store, under another name first: at no instant is there half of one.

    Args:
        path: Of the store; nothing is there.

    Raises:
        TheoryError: The folder cannot be written.
        OSError: The disk is full, or fails.
    """
    draft = path.with_name(path.name + ".new")
    left = [draft.with_name(draft.name + end) for end in ("", "-journal", "-wal", "-shm")]
    left += [path.with_name(path.name + end) for end in ("-wal", "-shm")]  # of a store that was deleted
    with said(path):
        for old in left:
            old.unlink(missing_ok=True)
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.executescript(SCHEMA)
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        os.replace(draft, path)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have the new name on the disk, where folders can be synced."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
