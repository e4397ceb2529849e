"""A measured quantity, with how far it can be trusted: a number never arrives bare."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from empirics.memory_use import PeakMemory

Value = Tensor | float
SIDES = ("exact", "lower", "upper", "interval")


@dataclass(frozen=True, eq=False)
class Measurement:
    """One measured quantity of one network.

    Attributes:
        name: what was measured, the key of the theory's quantity where it has one.
        value: a number, or a tensor such as one value per sample.
        side: "exact" up to round-off; "lower": value <= truth (a Ritz value lies inside the spectrum); "upper";
            "interval": the truth lies in [lower, upper].
        lower: a lower bound of the truth, shaped as value, where one is known.
        upper: an upper bound up to float64 rounding, shaped as value, where one is known.
        residual: what an iterative method left, in the units of value; None for a direct one.
        dtype: arithmetic used, for example "float64".
        device: "cpu", "cuda:0", ...
        seconds: wall-clock cost.
        peak_bytes: memory beyond that at the start, at its peak; on the CPU an upper bound of the resident growth; None
            where it was not, or could not be, measured.
        details: further tensors, numbers and strings by name.
    """

    name: str
    value: Value
    side: str = "exact"
    lower: Value | None = None
    upper: Value | None = None
    residual: Value | None = None
    dtype: str = "float64"
    device: str = "cpu"
    seconds: float = 0.0
    peak_bytes: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise ValueError(f"side={self.side!r} must be one of {', '.join(SIDES)}")

    @property
    def largest(self) -> float:
        """The largest entry of value: what a bound on max_i is compared with."""
        return float(torch.as_tensor(self.value).max())

    def to_dict(self) -> dict[str, Any]:
        """Every field as plain Python (tensors become nested lists), ready for JSON."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    def __str__(self) -> str:
        count = torch.as_tensor(self.value).numel()
        sign = {"exact": "=", "lower": ">=", "upper": "<=", "interval": "~"}[self.side]
        what = self.name if count == 1 else f"max of {count} {self.name}"
        bound = "" if self.upper is None else f", at most {float(torch.as_tensor(self.upper).max()):.6g}"
        return f"{what} {sign} {self.largest:.6g}{bound} ({self.dtype}, {self.device}, {self.seconds:.2g} s)"


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


class Stopwatch:
    """Wall-clock seconds and peak memory of a block; waits for the GPU, whose calls return before the work is done."""

    def __init__(self, like: Tensor) -> None:
        self.like = like
        self.seconds = 0.0
        self.memory = PeakMemory(like.device)

    def __enter__(self) -> Self:
        self._wait()
        self.memory.__enter__()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._wait()
        self.seconds = time.perf_counter() - self._start
        self.memory.__exit__(kind, error, trace)

    def _wait(self) -> None:
        if self.like.is_cuda:
            torch.cuda.synchronize(self.like.device)

    @property
    def origin(self) -> dict[str, Any]:
        """The fields dtype, device, seconds and peak_bytes of a Measurement."""
        dtype, device = str(self.like.dtype).removeprefix("torch."), str(self.like.device)
        return {"dtype": dtype, "device": device, "seconds": self.seconds, "peak_bytes": self.memory.bytes}
