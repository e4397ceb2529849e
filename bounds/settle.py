"""The exact integer at which a located condition turns true: bracketed in logarithms, proved in ball arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy

from bounds.arithmetic.ball import Ball
from bounds.arithmetic.logarithmic import Logarithmic
from bounds.assumptions import decide
from bounds.ball import decimal, precision, to_ball
from bounds.binding import Binding
from bounds.errors import TheoryError
from bounds.model import Condition, Paper
from bounds.scan import FAN, LARGEST, Located, inputs_at, locate, power_of_ten, truths
from bounds.tape import Tape


def settled(located: Located, paper: Paper, binding: Binding, unknown: str) -> int:
    """The exact integer from which a located condition holds."""
    condition, floor = located.condition, located.floor
    tape = binding.tape(paper, (condition.relation,))
    if located.low == -math.inf or unknown not in tape.inputs:
        return settle(tape, binding, unknown, 1)
    near = None if floor else _direct(condition.relation, paper, binding, unknown)
    if near is None:
        near = power_of_ten(_bracket(tape, binding, unknown, located.low, located.high))
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
    return power_of_ten(exponent) if exponent <= LARGEST else None


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
