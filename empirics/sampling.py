"""Mini-batches of stochastic gradient descent, the same for a run whichever runs it is trained beside.

Sources: allenzhu2019, Theorem 2 (a fresh subset at every step); liu2020, Theorem 4.4 (independent draws); song2021's
experiment (a permutation of the data, batch after batch).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from bounds.errors import TheoryError
from bounds.registry import suggest

Sampling = Literal["subset", "replacement", "epochs"]
SAMPLINGS: tuple[Sampling, ...] = ("subset", "replacement", "epochs")
_AHEAD = 2**18  # indices drawn ahead: 2 MiB, moved to the device at once


def batches(n: int, batch_size: int, sampling: Sampling = "subset", seed: int = 0) -> Iterator[Tensor]:
    """The mini-batches of one run, for ever: what `train` uses with these values, on every device.

    Args:
        n: samples.
        batch_size: b, at least 1, and at most n unless drawn with replacement.
        sampling: "subset": b distinct samples, all subsets equally likely, afresh at every step.  "replacement": b
            independent draws.  "epochs": a permutation of all samples cut into batches, the last one smaller where b
            does not divide n, then another permutation.
        seed: of a generator on the CPU.

    Yields:
        Indices from 0 to n - 1, (b,).

    Raises:
        TheoryError: bad values.

    >>> [sorted(batch.tolist()) for batch, _ in zip(batches(3, 3), range(2))]
    [[0, 1, 2], [0, 1, 2]]
    """
    check_sampling(n, batch_size, sampling)
    return _draw(n, batch_size, sampling, torch.Generator().manual_seed(seed))


def _draw(n: int, b: int, sampling: Sampling, generator: torch.Generator) -> Iterator[Tensor]:
    while True:
        if sampling == "replacement":
            yield torch.randint(n, (b,), generator=generator)
            continue
        order = torch.randperm(n, generator=generator)
        yield from order.split(b) if sampling == "epochs" else (order[:b],)


class Sampler:
    """The mini-batches of S runs, drawn ahead and moved to the device many at a time."""

    def __init__(
        self,
        n: int,
        batch_size: int,
        sampling: Sampling,
        seeds: Sequence[int],
        *,
        steps: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self._runs = [batches(n, batch_size, sampling, seed) for seed in seeds]
        self._block = max(1, min(_AHEAD // (batch_size * len(seeds)), steps))
        self._left, self._device = steps, device
        self._ahead: deque[Tensor] = deque()

    def next(self) -> Tensor:
        """The next step's indices, (S, b); there are `steps` of them."""
        if not self._ahead:
            count = min(self._block, self._left)
            self._left -= count
            steps = [torch.stack([next(run) for run in self._runs]) for _ in range(count)]
            moved = torch.cat([s.flatten() for s in steps]).to(self._device).split([s.numel() for s in steps])
            self._ahead.extend(part.view(s.shape) for part, s in zip(moved, steps, strict=True))
        return self._ahead.popleft()

    def keep(self, positions: list[int]) -> None:
        """Go on with these of the runs only.

        Args:
            positions: among the runs there are now.
        """
        self._runs = [self._runs[p] for p in positions]
        chosen = torch.tensor(positions, device=self._device)
        self._ahead = deque(block[chosen] for block in self._ahead)


def check_sampling(n: int, batch_size: object, sampling: object) -> None:
    """Refuse batches that cannot be drawn.

    Args:
        n: samples.
        batch_size: what was asked for.
        sampling: what was asked for.

    Raises:
        TheoryError: naming the one that is wrong.
    """
    if sampling not in SAMPLINGS:
        raise TheoryError(
            f"sampling={sampling!r} is not known{suggest(str(sampling), SAMPLINGS)}; use one of {', '.join(SAMPLINGS)}"
        )
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise TheoryError(f"batch_size={batch_size!r} must be an integer of at least 1, or None for all samples")
    if batch_size > n and sampling != "replacement":
        raise TheoryError(
            f"batch_size={batch_size} must be at most the {n} samples there are: sampling='replacement' draws more"
        )
