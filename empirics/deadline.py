"""A limit on the time of a block, in whatever thread it runs."""

from __future__ import annotations

import ctypes
import threading
import time
from types import TracebackType

ARRIVES = 1.0
"""Seconds within which the interpreter surely delivers an exception that was sent."""


class Overtime(BaseException):
    """The time is over; no ``except Exception`` on the way may take it for its own."""


class deadline:  # noqa: N801 - read as a statement: with deadline(60)
    """Raise `Overtime` in this thread once the time is over, between two operations of the interpreter.

    An alarm signal would reach the main thread only, and a cluster's workers run tasks in others. A single long
    operation of a numerical library is waited for.

    Args:
        seconds: how long; None: no limit.

    Raises:
        Overtime: The time is over.

    >>> try:
    ...     with deadline(0.01):
    ...         while True:
    ...             time.sleep(0.001)
    ... except Overtime:
    ...     print("over")
    over
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds, self._guard = seconds, threading.Lock()
        self._over = self._fired = False
        self._timer: threading.Timer | None = None

    def __enter__(self) -> None:
        if self._seconds is not None:
            self._timer = threading.Timer(self._seconds, self._fire, [threading.get_ident()])
            self._timer.daemon = True
            self._timer.start()

    def _fire(self, thread: int) -> None:
        with self._guard:
            if not self._over:
                self._fired = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Overtime))

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._timer is None:
            return
        with self._guard:
            self._over = True
        self._timer.cancel()
        if self._fired and kind is not Overtime:  # it is on its way, and must not arrive after this block
            last = time.monotonic() + ARRIVES
            while time.monotonic() < last:
                time.sleep(0.001)
