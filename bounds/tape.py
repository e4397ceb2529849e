"""A tape: what a formula is compiled to, a flat list of operations that any arithmetic runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bounds.averages import Array

RAW = "raw"


def is_number(value: Any) -> bool:
    """Whether a value is one that arithmetics convert: not an activation, not an ``Array``."""
    return not isinstance(value, Array) and not hasattr(value, "derivative")


@dataclass(frozen=True)
class Tape:
    """Operations in order; operation k writes register k.

    Attributes:
        steps: Tuples (operation, registers read, payload).
        inputs: The names of the values read, numbers and others.
        raw: Those of them that are (also) read as they are: activations, arrays, and what a Gaussian mean depends on.
        outputs: The registers of the results.
        frees: For each step, the registers no later step reads: arrays are released early.
    """

    steps: tuple[tuple[str, tuple[int, ...], Any], ...]
    inputs: frozenset[str]
    outputs: tuple[int, ...]
    frees: tuple[tuple[int, ...], ...]
    raw: frozenset[str] = frozenset()

    def load(self, ops: Any, values: Mapping[str, Any]) -> dict[Any, Any]:
        """What ``run`` reads: ``values`` converted by ``ops``, and the raw ones under ``(RAW, name)``."""
        loaded = {n: ops.convert(v) for n, v in values.items() if n in self.inputs and is_number(v)}
        return loaded | {(RAW, n): values[n] for n in self.raw if n in values}

    def run(self, ops: Any, values: Mapping[Any, Any]) -> tuple[Any, ...]:
        """Run in the arithmetic ``ops`` with what ``load`` made of the values."""
        registers: list[Any] = [None] * len(self.steps)
        for k, (name, args, payload) in enumerate(self.steps):
            if name == "input":
                registers[k] = values[payload]
            elif name == RAW:
                registers[k] = values[RAW, payload]
            elif payload is None:
                registers[k] = getattr(ops, name)(*[registers[a] for a in args])
            elif name == "call":
                registers[k] = payload(ops, *[registers[a] for a in args])
            else:
                registers[k] = getattr(ops, name)(*[registers[a] for a in args], payload)
            for dead in self.frees[k]:
                registers[dead] = None
        return tuple(registers[o] for o in self.outputs)
