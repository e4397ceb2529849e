"""How many samples to work on at once, and what to do when even that is too many."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.networks import Weights

_LEAST_BYTES = 64 * 2**20  # below this, memory is no concern and small chunks only cost time
_MOST_SAMPLES = {"cpu": 64, "cuda": 4096}  # beyond this the matrix products gain nothing


def chunk_size(weights: Weights, n: int, *, vectors: int) -> int:
    """Samples per chunk, for a method that keeps some vectors of 2 L m numbers per sample.

    Args:
        weights: the network.
        n: samples in all.
        vectors: how many such vectors per sample.

    Returns:
        A size that keeps the extra memory near twice what the weights and one vector per sample take, or 64 MiB if that
        is more; on a GPU a quarter of its free memory, if that is more.
    """
    item, device = weights.V.element_size(), weights.V.device
    vector = 2 * weights.L * weights.m * item
    budget = max(_LEAST_BYTES, 2 * (sum(t.numel() for t in weights.tensors) * item + n * vector))
    if device.type == "cuda":
        budget = max(budget, torch.cuda.mem_get_info(device)[0] // 4)
    size = min(n, max(1, budget // (vector * (vectors + 8))), _MOST_SAMPLES[device.type])
    return -(-n // -(-n // size))  # chunks of equal size


def in_chunks(measure: Callable[[Tensor], dict[str, Tensor]], x: Tensor, size: int) -> dict[str, Tensor]:
    """Measure chunk by chunk; where memory runs out, halve the chunk and go on.

    Args:
        measure: from some rows of x to named results with those rows first.
        x: (n, ...).
        size: rows per chunk to begin with.

    Returns:
        The results over all rows.

    Raises:
        TheoryError: a single row does not fit.
    """
    parts: list[dict[str, Tensor]] = []
    done = 0
    while done < x.shape[0]:
        try:
            parts.append(measure(x[done : done + size]))
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise TheoryError("out of memory with one sample: use a narrower network or float32") from error
            size = max(1, size // 2)
        else:
            done += size
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch failed for want of memory (on the CPU it says so only in the message).

    Args:
        error: what was raised.

    Returns:
        True if so.
    """
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
