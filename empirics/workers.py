"""What a worker process does first, not to outlive the process that it works for, and before a task: threads, GPU."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

WATCH_SECONDS = 1.0
VISIBLE = "CUDA_VISIBLE_DEVICES"


def prepare(worker: Mapping[str, Any]) -> None:
    """Make this process ready for a task; what lasts is done once.

    Args:
        worker: ``gpus``, the devices' names, and ``slots``, the folder where workers agree on who has which;
            ``threads``, how many torch may use.
    """
    if gpus := worker.get("gpus"):
        claim(tuple(gpus), worker["slots"])
    if threads := worker.get("threads"):
        import torch

        torch.set_num_threads(threads)


def attach(parent: int) -> None:
    """End when the parent has ended: an orphan would take its successor's cores.

    A worker that never gets a task has to as well, so this is done where it starts.

    Args:
        parent: The process that it belongs to.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@lru_cache(maxsize=1)
def claim(gpus: Sequence[str], folder: str) -> str:
    """Make one GPU the only one that this process sees, and that no other worker takes while it lives.

    Args:
        gpus: The names, as in CUDA_VISIBLE_DEVICES.
        folder: Where the workers of a study lock a file for each; the system frees a dead one's.

    Returns:
        The name.

    Raises:
        RuntimeError: There are more workers than GPUs.
    """
    import fcntl

    for name in gpus:
        slot = os.open(Path(folder) / f"gpu-{name}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(slot)
            continue
        os.environ[VISIBLE] = name  # the file stays open, and locked, as long as the process lives
        return name
    raise RuntimeError(f"no GPU is free: {', '.join(gpus)} are taken")


def visible_gpus() -> tuple[str, ...]:
    """The names of the GPUs that this process may use, as in CUDA_VISIBLE_DEVICES."""
    import torch

    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return tuple(named[:count] if named else map(str, range(count)))
