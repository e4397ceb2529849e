"""Peak memory of a block, counted from where it began."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import torch

_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Bytes that a block needed at its peak beyond those in use at its start.

    On a GPU they are what torch allocated there, exact. On the CPU they bound the growth of the process's resident
    memory: its high-water mark at the end, which may stem from an earlier block, less what was resident at the start.
    What the C library had kept from earlier blocks counts as resident. The mark is never reset, as others may rely on
    it; torch's peak statistics of a GPU are.

    Attributes:
        bytes: the peak; None until the block has ended, and where the system has no /proc.
        exact: on a GPU True; on the CPU whether the block raised the high-water mark.

    >>> with PeakMemory("cpu") as memory:
    ...     _ = torch.zeros(10)
    >>> memory.bytes is None or memory.bytes >= 0
    True
    """

    _open: ClassVar[list[PeakMemory]] = []  # on GPUs: a block within another must hand on the peak that it resets

    def __init__(self, device: str | torch.device) -> None:
        self.device = torch.device(device)
        self.bytes: int | None = None
        self.exact = False
        self._start: tuple[int, int] | None = None
        self._before = self._peak = 0

    def __enter__(self) -> Self:
        self.bytes, self.exact = None, False
        if self.device.type != "cuda":
            self._start = _resident()
            return self
        peak = torch.cuda.max_memory_allocated(self.device)
        for outer in self._open:
            if outer._index == self._index:
                outer._peak = max(outer._peak, peak)
        torch.cuda.reset_peak_memory_stats(self.device)
        self._before = self._peak = torch.cuda.memory_allocated(self.device)
        self._open.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.device.type == "cuda":
            self._open.remove(self)
            peak = max(self._peak, torch.cuda.max_memory_allocated(self.device))
            self.bytes, self.exact = peak - self._before, True
            return
        start, end = self._start, _resident()
        if start is not None and end is not None:
            self.bytes, self.exact = max(0, end[1] - start[0]), end[1] > start[1]

    @property
    def _index(self) -> int:
        return torch.cuda.current_device() if self.device.index is None else self.device.index


def _resident() -> tuple[int, int] | None:
    """(resident bytes, high-water mark) of this process; None where the system does not tell."""
    try:
        lines = (line.split() for line in _STATUS.read_text().splitlines() if line.startswith(("VmRSS:", "VmHWM:")))
        found = {name: int(count) * 1024 for name, count, *_ in lines}
        return found["VmRSS:"], found["VmHWM:"]
    except (OSError, KeyError):
        return None
