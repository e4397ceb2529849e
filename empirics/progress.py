"""How far a study is, on standard error: a line that changes while someone watches, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any


class Watch:
    """Done, failed, time left and the last loss; a context manager.

    Args:
        name: Of the study.
        total: Tasks of the grid.
        done: Of these, how many are there already.
        failed: And how many of those failed.
        quiet: Show nothing; None: show it in a terminal.
    """

    def __init__(self, name: str, total: int, done: int, failed: int, *, quiet: bool | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        console = Console(stderr=True)
        self._failed, self._loss = failed, "-"
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]} failed", markup=False),
            Elapsed(),
            TextColumn("left", markup=False),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]}", markup=False),
        )
        off = (not console.is_terminal or not sys.stderr.isatty()) if quiet is None else quiet
        self._bar = Progress(*columns, console=console, disable=off, speed_estimate_period=3600.0)
        self._task = self._bar.add_task(name, total=total, completed=done, failed=failed, loss="-")

    def __enter__(self) -> Watch:
        self._bar.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bar.stop()

    def ended(self, *, failed: bool, value: Mapping[str, Any] | None) -> None:
        """Count a task.

        Args:
            failed: Whether it did.
            value: Its result, for the loss at its end.
        """
        self._failed += failed
        self._loss = last_loss(value) or self._loss
        self._bar.update(self._task, advance=1, failed=self._failed, loss=self._loss)


def last_loss(value: Mapping[str, Any] | None) -> str:
    """The loss at the end of a comparison's last run, or "".

    Args:
        value: A task's result.

    >>> last_loss({"configuration": {"paper": {"runs": [{"loss_last": 0.12345}]}}})
    '0.123'
    """
    parts = (value or {}).get("configuration")
    runs = [run for part in parts.values() for run in part["runs"]] if parts else []
    return f"{runs[-1]['loss_last']:.3g}" if runs else ""
