"""How many samples to work on at once, and what to do when even that is too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import torch
from torch import Tensor

from bounds.errors import TheoryError

T = TypeVar("T")
_LEAST_BUDGET = 2**20
_CGROUPS = {  # by version: where they are mounted, limit, use, and the part of the use that is given back on demand
    "v2": ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    "v1": ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
_EXHAUSTED = ("can't allocate memory", "not enough memory", "out of memory", "STATUS_ALLOC_FAILED")


def free_bytes(device: str | torch.device) -> int:
    """Memory that new tensors can take without swapping.

    Args:
        device: "cpu", "cuda:0", ...

    Returns:
        Bytes: on a GPU what is free there and what torch holds in reserve; on the CPU what the system calls available,
        and no more than the control groups of this process leave (their file cache counts as free).
    """
    place = torch.device(device)
    if place.type == "cuda":
        reserve = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        return torch.cuda.mem_get_info(place)[0] + reserve
    return max(0, min([psutil.virtual_memory().available, *_cgroup_room(Path("/"))]))


def _cgroup_room(root: Path) -> Iterator[int]:
    """What each control group over this process leaves; a group without a limit yields nothing, or a huge number."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:  # 0::/path in v2, 9:memory:/path in v1
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        version = "v2" if not controllers else "v1" if "memory" in controllers.split(",") else None
        if version is not None:
            mount = root / _CGROUPS[version][0]
            group = Path(path.lstrip("/"))
            # a limit of any ancestor binds; in a container the path may be the host's, and only the mount exists
            for place in (group, *group.parents):
                yield from _group_room(mount / place, *_CGROUPS[version][1:])


def _group_room(group: Path, limit: str, use: str, cache: str) -> Iterator[int]:
    try:
        most, used = ((group / name).read_text().strip() for name in (limit, use))
        if most == "max":
            return
        words = [line.split() for line in (group / "memory.stat").read_text().splitlines()]
        stat = dict(pair for pair in words if len(pair) == 2)  # an odd line must not hide the limit
        room = int(most) - int(used) + int(stat.get(cache, 0))
    except (OSError, ValueError):  # a kernel that writes these files otherwise
        return
    yield room


def budget_bytes(budget: int | None, device: str | torch.device) -> int:
    """The memory that a measure may take beyond what is in use.

    Args:
        budget: bytes, at least 2^20 (1 MiB); None: 80% of `free_bytes`.
        device: where the measure works.

    Returns:
        Bytes, at most what is free: on the CPU a system that has run out ends the process instead of reporting it.

    Raises:
        TheoryError: not an integer, or less than 1 MiB.

    >>> budget_bytes(2**20, "cpu")
    1048576
    """
    free = free_bytes(device)
    if budget is None:
        return free * 4 // 5
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < _LEAST_BUDGET:
        raise TheoryError(
            f"budget={budget!r} must be at least 2**20 bytes (e.g. 2 * 2**30), or None for 80% of what is free"
        )
    return min(budget, free)


def rows_that_fit(
    n: int,
    *,
    per_row: int,
    fixed: int = 0,
    budget: int,
    device: str | torch.device,
    most: int | None = None,
    what: str = "sample",
) -> int:
    """Rows (samples) per chunk so that a measure stays within its budget, known before anything is allocated.

    Args:
        n: rows in all, at least 1.
        per_row: bytes that each row of a chunk takes.
        fixed: bytes that are taken once, whatever the chunk.
        budget: bytes allowed, as from `budget_bytes`.
        device: where, for the message.
        most: rows beyond which a larger chunk gains nothing, at least 1; None: no such limit.
        what: what a row is, for the message.

    Returns:
        1 to n; the chunks are of equal size up to rounding.

    Raises:
        TheoryError: not even one row fits, or n or most is less than 1.

    >>> rows_that_fit(100, per_row=2**20, fixed=2**20, budget=41 * 2**20, device="cpu")
    34
    """
    for name, count in (("n", n), ("most", most)):
        if count is not None and count < 1:
            raise TheoryError(f"{name}={count!r} must be an integer of at least 1")
    if fixed + per_row > budget:
        raise TheoryError(
            f"budget: one {what} needs {_size(fixed + per_row)} on {device}, {_size(budget)} is allowed and "
            f"{_size(free_bytes(device))} is free: raise budget=... (bytes), or use a narrower network or float32"
        )
    size = min(n, most or n, (budget - fixed) // per_row if per_row else n)
    return -(-n // -(-n // size))


def _size(count: int) -> str:
    """Bytes in MiB or GiB.

    >>> _size(3 * 2**29), _size(2**19)
    ('1.5 GiB', '0.5 MiB')
    """
    return f"{count / 2**30:.3g} GiB" if count >= 2**30 else f"{count / 2**20:.3g} MiB"


def in_chunks(measure: Callable[[Tensor], dict[str, Tensor]], x: Tensor, size: int) -> dict[str, Tensor]:
    """Measure chunk by chunk; where memory runs out, halve the chunk and go on.

    Args:
        measure: from some rows of x to named results with those rows first.
        x: (n, ...), n at least 1.
        size: rows per chunk to begin with.

    Returns:
        The results over all rows.

    Raises:
        TheoryError: a single row does not fit.
    """
    parts: list[dict[str, Tensor]] = []
    done = 0
    while done < x.shape[0]:
        part = _unless_exhausted(measure, x[done : done + size])
        if part is None:
            size = max(1, min(size, x.shape[0] - done) // 2)
            torch.cuda.empty_cache()  # what the failed attempt left may be in pieces too small for the next one
        else:
            parts.append(part)
            done += size
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _unless_exhausted(measure: Callable[[Tensor], dict[str, Tensor]], rows: Tensor) -> dict[str, Tensor] | None:
    """The results, or None where memory ran out: on return the error is gone, and with it the tensors it kept alive."""
    try:
        return measure(rows)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if rows.shape[0] == 1:
            raise TheoryError("out of memory with one sample: use a narrower network or float32") from error
    return None


def halving(attempt: Callable[[int], T], size: int) -> T:
    """Try with chunks of a size, and with half of it wherever memory runs out.

    Args:
        attempt: from the rows per chunk to the result; starts afresh every time.
        size: rows per chunk to begin with.

    Returns:
        The result.

    Raises:
        TheoryError: a single row does not fit.
    """
    while True:
        try:
            return attempt(size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise TheoryError("out of memory with one sample: use a narrower network or float32") from error
        size = max(1, size // 2)
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch failed for want of memory (on the CPU, and in cuBLAS and cuSOLVER, only the message says so).

    Args:
        error: what was raised.

    Returns:
        True if so.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _EXHAUSTED)
