"""Where a condition on an integer turns true for good, between which points of a scan in logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from bounds.arithmetic.logarithmic import Logarithmic, Signed
from bounds.assumptions import decide
from bounds.binding import Binding
from bounds.compile import RELATIONS
from bounds.model import Condition, Paper
from bounds.tape import Tape

DENSE = 1024
"""Every integer up to here is scanned."""
GRID = 2000
"""Points of the scan from there to 10^16, and again beyond."""
FAN = 1025
"""Points of each refinement: an evaluation costs about the same for one point as for a thousand."""
LARGEST = 1 << 17
"""The decimal logarithm of the largest width scanned."""


def log10(n: int) -> float:
    """The decimal logarithm of an integer of any size."""
    return float(Logarithmic().convert(n).log10)


def truths(tape: Tape, binding: Binding, unknown: str, exponents: np.ndarray) -> list[np.ndarray]:
    """Whether the tape's relations hold at widths 10^exponents, in the logarithmic domain."""
    ops = Logarithmic()
    inputs = tape.load(ops, binding.values)
    inputs[unknown] = Signed(np.ones_like(exponents), exponents * math.log(10))
    with np.errstate(all="ignore"):
        return [np.broadcast_to(good, exponents.shape) for good in tape.run(ops, inputs)]


def scan_points() -> np.ndarray:
    """Decimal logarithms: every integer up to ``DENSE``, then evenly to 10^16, then thinning out to 10^``LARGEST``."""
    dense = np.log10(np.arange(1, DENSE + 1))
    near, far = np.linspace(dense[-1], 16, GRID)[1:], np.geomspace(16, LARGEST, GRID)[1:]
    return np.concatenate([dense, near, far])


@dataclass(frozen=True)
class Located:
    """Between which points of the scan a condition turns true for good.

    Attributes:
        condition: The condition.
        low: The decimal logarithm of the last point at which it fails; -inf when it holds everywhere.
        high: That of the next point.
        floor: The integer at ``low`` when its failure there is proved; else 0.
    """

    condition: Condition
    low: float
    high: float
    floor: int = 0


def locate(conditions: Sequence[Condition], paper: Paper, binding: Binding, unknown: str) -> list[Located | None]:
    """Where each condition turns true for good, all in one scan; None for one that fails at its end."""
    points = scan_points()
    states, margins = _scan(conditions, paper, binding, unknown, points)
    finer = [x for margin in margins for x in _dips(margin, points)]
    if finer:
        points = np.union1d(points, np.concatenate(finer))
        states, _ = _scan(conditions, paper, binding, unknown, points)
    jumps = [m for s in switches(paper, binding, unknown, points) for m in (s - 1, s)]
    found: list[Located | None] = []
    for condition, good in zip(conditions, states, strict=True):
        if not good[-1]:
            found.append(None)
            continue
        last = int(np.flatnonzero(~good)[-1]) if not good.all() else -1
        low, floor = (float(points[last]) if last >= 0 else -math.inf), 0
        for m in jumps:
            # where a formula changes branch it may jump: its value on both sides is settled exactly
            own = binding.tape(paper, (condition.relation,))
            here = log10(m) >= low and unknown in own.inputs
            if here and decide(own, inputs_at(own, binding, unknown, m)) is False:
                low, floor = log10(m), m
        found.append(Located(condition, low, float(points[points > low][0]), floor))
    return found


def _scan(
    conditions: Sequence[Condition], paper: Paper, binding: Binding, unknown: str, points: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Whether each condition holds at widths 10^points, and its margin: ln of the ratio of its sides."""
    sides = tuple(side for c in conditions for side in (c.relation.lhs, c.relation.rhs))
    tape, ops = binding.tape(paper, sides), Logarithmic()
    inputs = tape.load(ops, binding.values)
    inputs[unknown] = Signed(np.ones_like(points), points * math.log(10))
    states, margins = [], []
    with np.errstate(all="ignore"):
        values = tape.run(ops, inputs)
        for condition, left, right in zip(conditions, values[::2], values[1::2], strict=True):
            good = getattr(ops, RELATIONS[condition.relation.rel_op])(left, right)
            sign = 1 if condition.relation.rel_op in (">", ">=") else -1
            states.append(np.broadcast_to(good, points.shape))
            margins.append(np.broadcast_to(sign * (left.ln - right.ln), points.shape))
    return states, margins


def _dips(margin: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """Finer points where a condition comes so close to failing between two points that it may fail there.

    Where the margin has a local minimum on the scan, the parabola through the three points there tells how deep it is.
    """
    before, here, after = margin[:-2], margin[1:-1], margin[2:]
    with np.errstate(all="ignore"):
        bend = before - 2 * here + after
        depth = here - (after - before) ** 2 / (8 * bend)
        close = (here > 0) & (before >= here) & (after >= here) & (bend > 0) & (depth < bend)
    return [np.linspace(points[k], points[k + 2], FAN) for k in np.flatnonzero(close)]


def switches(paper: Paper, binding: Binding, unknown: str, points: np.ndarray) -> list[int]:
    """The integers at which a relation that chooses between formulas (``gamma >= 1``) changes its truth."""
    found = []
    for name, target in paper.proved.items():
        if name in binding.given:
            continue
        for relation, _ in paper.quantities[target].alternatives:
            if relation == sympy.true:
                continue
            tape = binding.tape(paper, (relation,))
            if unknown not in tape.inputs or tape.inputs - set(binding.values) - {unknown}:
                continue
            (states,) = truths(tape, binding, unknown, points)
            for k in np.flatnonzero(states[:-1] != states[1:]):
                found.append(_flip(tape, binding, unknown, float(points[k]), float(points[k + 1]), bool(states[k])))
    return found


def _flip(tape: Tape, binding: Binding, unknown: str, low: float, high: float, before: bool) -> int:
    """The first integer whose state is no longer ``before``, between two decimal logarithms."""
    a, b = max(power_of_ten(low) - 1, 1), power_of_ten(high) + 1
    while b - a > 1:
        middle = (a + b) // 2
        state = decide(tape, inputs_at(tape, binding, unknown, middle))
        a, b = (middle, b) if state is before else (a, middle)
    return b


def power_of_ten(exponent: float) -> int:
    """10^exponent as an integer, to float accuracy."""
    whole = max(int(exponent) - 15, 0)
    return max(round(10.0 ** (exponent - whole)) * 10**whole, 1)


def inputs_at(tape: Tape, binding: Binding, unknown: str, at: int) -> dict[str, Any]:
    """The tape's inputs with the unknown at a value."""
    return {n: at if n == unknown else v for n, v in binding.values.items() if n in tape.inputs} | (
        {unknown: at} if unknown in tape.inputs else {}
    )
