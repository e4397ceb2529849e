"""The file behind a run store: whether it is one, who may write it, and what went wrong, in one line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bounds.errors import TheoryError

APPLICATION = 0x626E6473
"""``bnds``: the application id in the header of every store (SQLite file format, Section 1.3)."""
FORMAT = 1
MAGIC = b"SQLite format 3\x00"
HEADER = 100
BUSY_SECONDS = 1.0


def check_file(path: Path) -> None:
    """Refuse what is not a store, from its header alone: SQLite itself might write to a file that it opens.

    Args:
        path: An existing file.

    Raises:
        TheoryError: It is another's, of a later version, or cut short.
    """
    try:
        with path.open("rb") as file:
            head, size = file.read(HEADER), file.seek(0, 2)
    except OSError as error:
        raise TheoryError(f"{path} cannot be read: {error.strerror}") from None
    other = "give another --store; it was left as it is"
    if len(head) < HEADER or not head.startswith(MAGIC):
        raise TheoryError(f"{path} is not a study's store: {other}")
    application, version = int.from_bytes(head[68:72]), int.from_bytes(head[60:64])
    if application != APPLICATION:
        raise TheoryError(f"{path} is an SQLite file of something else: {other}")
    if version != FORMAT:
        raise TheoryError(f"{path} has format {version}, this version of bounds reads {FORMAT}: {other}")
    page = int.from_bytes(head[16:18])
    page = 65536 if page == 1 else page  # as the format writes 65536
    lacks = range(size // page + 1, int.from_bytes(head[28:32]) + 1)
    if lacks and not _logged(path).issuperset(lacks) and path.stat().st_size < page * lacks[-1]:
        raise TheoryError(f"{path} is damaged: it was cut short; restore it from a copy, or {other}")


def _logged(path: Path) -> set[int]:
    """The pages in the log beside a store: a checkpoint that was ended copies the header before those at the end.

    The layout is Section 4 of the file format; what a frame holds is checked by SQLite.
    """
    try:
        with path.with_name(path.name + "-wal").open("rb") as log:
            head, found = log.read(32), set()
            step = 24 + int.from_bytes(head[8:12])
            while len(frame := log.read(step)) == step:
                if frame[8:16] != head[16:24]:  # salts of a log that was here before
                    break
                found.add(int.from_bytes(frame[:4]))
    except OSError:
        return set()
    return found


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in autocommit mode.

    Args:
        path: An existing store.
        mode: ``rw`` or ``ro``.

    Raises:
        TheoryError: It cannot be opened.
    """
    address = path.absolute().as_uri()
    options = [f"mode={mode}"]
    if mode == "ro" and not path.with_name(path.name + "-wal").exists():
        options.append("mode=ro&immutable=1")  # where no log can be made beside it
    with said(path):
        for option in options[:-1]:
            with suppress(sqlite3.OperationalError):
                return _opened(f"{address}?{option}")
        return _opened(f"{address}?{options[-1]}")
    raise AssertionError  # said lets no error pass


def _opened(address: str) -> sqlite3.Connection:
    """A connection that has read something: SQLite opens a file when it is first asked."""
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        connection.execute("SELECT count(*) FROM study").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Turn SQLite's errors and those of files into one line each.

    Args:
        path: The store.

    Raises:
        TheoryError: What the user can mend before the run: a damaged file, a folder that cannot be written, a lock.
        OSError: The disk is full, or fails.
    """
    try:
        yield
    except OSError as error:
        raise TheoryError(f"{path} cannot be written: {error.strerror or error}") from None
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith("SQLITE_FULL"):
            text = "the disk is full; what was finished is kept: free some space and run the same command again"
            raise OSError(f"{path}: {text}") from None
        if name.startswith("SQLITE_IOERR"):
            text = f"the disk fails ({error}); what was finished is kept: run the same command again"
            raise OSError(f"{path}: {text}") from None
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            raise TheoryError(f"{path} cannot be written: give a --store in a folder of yours") from None
        if name.startswith("SQLITE_BUSY"):
            raise TheoryError(f"{path} is being written by another program: try again") from None
        raise TheoryError(f"{path} is damaged ({error}): restore it from a copy, or give another --store") from None


class Lock:
    """The right to run a study: an exclusive SQLite lock on an empty file beside the store, gone with its process.

    Args:
        store: The store's path.

    Raises:
        TheoryError: Another process has it, or no file can be made there.
    """

    def __init__(self, store: Path) -> None:
        path = lock_path(store)
        with said(store):
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._connection.close()
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise TheoryError(f"{store}: this study is being run{_runner(store)}: bounds study status") from None
            with said(store):
                raise

    def release(self) -> None:
        """Let others run the study."""
        self._connection.close()


def lock_path(store: Path) -> Path:
    """The file that is locked."""
    return store.with_name(store.name + ".lock")


def running(store: Path) -> bool:
    """Whether a process is running the study.

    Args:
        store: The store's path.
    """
    path = lock_path(store)
    if not path.exists():
        return False
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return error.sqlite_errorname.startswith("SQLITE_BUSY")
    except sqlite3.Error:
        return False
    finally:
        connection.close()
    return False


def _runner(store: Path) -> str:
    """Who runs the study, as the store tells."""
    try:
        connection = connect(store, "ro")
        found = connection.execute("SELECT value FROM study WHERE name = 'runner'").fetchone()
        connection.close()
        who = json.loads(found[0])
        return f" by process {who['pid']} on {who['host']} since {who['since']}"
    except (TheoryError, OSError, sqlite3.Error, TypeError, ValueError, KeyError):
        return ""
