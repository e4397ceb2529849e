"""Where a condition on an integer turns true for good: scanned in logarithms, settled in ball arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from bounds.arithmetic.ball import Ball
from bounds.arithmetic.logarithmic import Logarithmic, Signed
from bounds.assumptions import decide
from bounds.ball import decimal, precision, to_ball
from bounds.binding import Binding
from bounds.errors import TheoryError
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
    tape = binding.tape(paper, tuple(c.relation for c in conditions))
    points = np.union1d(scan_points(), dips(conditions, paper, binding, unknown))
    jumps = [m for s in switches(paper, binding, unknown, points) for m in (s - 1, s)]
    found: list[Located | None] = []
    for condition, good in zip(conditions, truths(tape, binding, unknown, points), strict=True):
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


def dips(conditions: Sequence[Condition], paper: Paper, binding: Binding, unknown: str) -> np.ndarray:
    """Finer points where a condition comes so close to failing between two points of the scan that it may fail there.

    The margin is ln of the ratio of the two sides; where it has a local minimum on the scan, the parabola through the
    three points there tells how deep the dip is.
    """
    sides = tuple(side for c in conditions for side in (c.relation.lhs, c.relation.rhs))
    points, tape = scan_points(), binding.tape(paper, sides)
    ops = Logarithmic()
    inputs = tape.load(ops, binding.values)
    inputs[unknown] = Signed(np.ones_like(points), points * math.log(10))
    finer = [np.empty(0)]
    with np.errstate(all="ignore"):
        values = tape.run(ops, inputs)
        for condition, left, right in zip(conditions, values[::2], values[1::2], strict=True):
            sign = 1 if condition.relation.rel_op in (">", ">=") else -1
            margin = np.broadcast_to(sign * (left.ln - right.ln), points.shape)
            before, here, after = margin[:-2], margin[1:-1], margin[2:]
            bend = before - 2 * here + after
            depth = here - (after - before) ** 2 / (8 * bend)
            close = (here > 0) & (before >= here) & (after >= here) & (bend > 0) & (depth < bend)
            finer += [np.linspace(points[k], points[k + 2], FAN) for k in np.flatnonzero(close)]
    return np.concatenate(finer)


def settled(located: Located, paper: Paper, binding: Binding, unknown: str) -> int:
    """The exact integer from which a located condition holds."""
    condition, floor = located.condition, located.floor
    tape = binding.tape(paper, (condition.relation,))
    if located.low == -math.inf or unknown not in tape.inputs:
        return settle(tape, binding, unknown, 1)
    near = None if floor else _direct(condition.relation, paper, binding, unknown)
    if near is None:
        near = _power_of_ten(_bracket(tape, binding, unknown, located.low, located.high))
    return settle(tape, binding, unknown, max(refine(condition, paper, binding, unknown, near), floor + 1), floor)


def threshold(condition: Condition, paper: Paper, binding: Binding, unknown: str) -> int | None:
    """The least integer from which the condition holds on the whole scan above; None when it fails at its end."""
    (located,) = locate((condition,), paper, binding, unknown)
    return None if located is None else settled(located, paper, binding, unknown)


def _direct(relation: Any, paper: Paper, binding: Binding, unknown: str) -> int | None:
    """Near which integer ``unknown >= formula`` turns true when the formula does not depend on the unknown."""
    if relation.rel_op not in (">", ">=") or relation.lhs != sympy.Symbol(unknown, positive=True):
        return None
    tape = binding.tape(paper, (relation.rhs,))
    if unknown in tape.inputs:
        return None
    ops = Logarithmic()
    with np.errstate(all="ignore"):
        (level,) = tape.run(ops, tape.load(ops, binding.values))
    exponent = float(level.log10) if level.sign > 0 else 0.0
    return _power_of_ten(exponent) if exponent <= LARGEST else None


def _bracket(tape: Tape, binding: Binding, unknown: str, low: float, high: float) -> float:
    """Where the condition last turns true between ``low`` (false) and ``high`` (true), to float accuracy."""
    # beyond 10^16 the secant rule of ``refine`` takes over from three digits
    while high - low > (1e-3 if low > 16 else 4e-16 * high):
        finer = np.linspace(low, high, FAN)
        good = truths(tape, binding, unknown, finer)[0].copy()
        good[0], good[-1] = False, True
        k = int(np.flatnonzero(~good)[-1])
        if (low, high) == (finer[k], finer[k + 1]):
            break
        low, high = finer[k], finer[k + 1]
    return high


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
    a, b = max(_power_of_ten(low) - 1, 1), _power_of_ten(high) + 1
    while b - a > 1:
        middle = (a + b) // 2
        state = decide(tape, inputs_at(tape, binding, unknown, middle))
        a, b = (middle, b) if state is before else (a, middle)
    return b


def _power_of_ten(exponent: float) -> int:
    """10^exponent as an integer, to float accuracy."""
    whole = max(int(exponent) - 15, 0)
    return max(round(10.0 ** (exponent - whole)) * 10**whole, 1)


def refine(condition: Condition, paper: Paper, binding: Binding, unknown: str, near: int) -> int:
    """An integer closer to where the two sides of the condition meet, by the secant rule in ball arithmetic.

    The scan gives 15 digits; each secant step nearly doubles them, where bisection would gain one bit at a time. Only a
    starting point for ``settle``, which proves the answer: where the steps go astray, ``near`` is as good.
    """
    tape = binding.tape(paper, (condition.relation.lhs, condition.relation.rhs))
    if near < 10**15 or unknown not in tape.inputs:
        return near
    ops = Ball()
    with precision(3 * near.bit_length() + 128):

        def margin(m: int) -> Any:
            values = inputs_at(tape, binding, unknown, m)
            left, right = tape.run(ops, tape.load(ops, values))
            return (left - right).mid()

        before, now = near, near + max(near >> 44, 1)
        f_before, f_now = margin(before), margin(now)
        for _ in range(2 * near.bit_length().bit_length() + 8):
            if now == before or f_now == f_before:
                break
            step = _nearest(f_now * (now - before) / (f_now - f_before))
            before, f_before, now = now, f_now, now - step
            if not near // 2 < now < 2 * near:
                return near
            f_now = margin(now)
    return now


def _nearest(x: Any) -> int:
    """The integer nearest to the middle of a ball."""
    return int((x.mid() + to_ball(0.5)).floor().mid().unique_fmpz())


def inputs_at(tape: Tape, binding: Binding, unknown: str, at: int) -> dict[str, Any]:
    """The tape's inputs with the unknown at a value."""
    return {n: at if n == unknown else v for n, v in binding.values.items() if n in tape.inputs} | (
        {unknown: at} if unknown in tape.inputs else {}
    )


def settle(tape: Tape, binding: Binding, unknown: str, near: int, floor: int = 0) -> int:
    """The exact integer above ``floor`` where the condition turns true, starting ``near`` it; certified by balls."""

    def good(m: int) -> bool:
        state = decide(tape, inputs_at(tape, binding, unknown, m))
        if state is None:
            raise TheoryError(f"the condition is undecided at {unknown} = {decimal(m)} at the highest precision")
        return state

    step, high = 1, near
    while not good(high):
        high, step = high + step, 2 * step
    low, step = high - 1, 1
    while low > floor and good(low):
        low, high, step = max(low - step, floor), low, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return high
