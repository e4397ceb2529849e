"""What a local worker is given: a function, its argument and the task's position. It imports nothing, to start fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def numbered(function: Callable[[Any], Any], position: int, argument: Any) -> tuple[int, Any]:
    """A task's result with its position, since results come in the order of their ends.

    Args:
        function: does the task.
        position: among the tasks.
        argument: the task's.
    """
    return position, function(argument)
