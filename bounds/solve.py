"""The least integer at which every condition of a theorem holds, and keeps holding above.

A condition may also hold by accident below (``m >= 4 n log m`` holds at m = 1), so the solution is the lower end of the
final upward-closed interval. It is bracketed by a scan in the logarithmic domain, where no width overflows, and settled
on exact integers in ball arithmetic: true at m*, false at m* - 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bounds.arithmetic.ball import Ball
from bounds.arithmetic.logarithmic import Logarithmic, Signed
from bounds.assumptions import Checked, assumptions_of, decide, judge, require_defined
from bounds.ball import decimal, precision, to_ball
from bounds.binding import Binding, bind
from bounds.compile import Tape
from bounds.errors import TheoryError
from bounds.evaluate import choices, floats
from bounds.model import Condition, Default, Paper, Quantity
from bounds.registry import paper as find_paper
from bounds.registry import quantity as find_quantity

DENSE = 1024
"""Every integer up to here is scanned."""
GRID = 2000
"""Points of the scan above, evenly spaced in the logarithm."""
LARGEST = 1 << 17
"""The largest decimal logarithm tried."""


class Width(int):
    """An exact integer of any size that prints all its digits (a plain int refuses beyond 4300)."""

    def __repr__(self) -> str:
        return decimal(int(self))

    __str__ = __repr__


@dataclass(frozen=True)
class Certificate:
    """What was proved: all conditions hold at the value, and which fails just below (None at the domain's end)."""

    value: int
    holds_at: dict[str, bool]
    fails_below: str | None
    scanned_to: float

    def __str__(self) -> str:
        at, before = decimal(self.value), decimal(self.value - 1)
        below = f"{self.fails_below} fails at {before}" if self.fails_below else "nothing smaller is allowed"
        return f"all conditions hold at {at}, {below} (ball arithmetic); scanned to 10^{self.scanned_to:g}"


@dataclass(frozen=True)
class Solution:
    """The least value satisfying every condition.

    Attributes:
        quantity: The requirement solved.
        value: The exact integer, or None when not applicable.
        log10: Its decimal logarithm.
        binding: The name of the condition that fails just below.
        thresholds: Condition name -> the value from which it alone holds.
        certificate: What was proved about the value.
        probability: With which the theorem's conclusion holds at the value.
        values, assumed, unset, chosen: As in ``Evaluation``.
        checks: The state of the assumptions at the value.
        failure: Why there is no value, or "".
    """

    quantity: Quantity
    value: Width | None
    log10: float
    binding: str
    thresholds: dict[str, Width]
    certificate: Certificate | None
    probability: float | None
    values: dict[str, Any]
    assumed: dict[str, Default]
    unset: tuple[str, ...]
    chosen: dict[str, str]
    checks: tuple[Checked, ...]
    failure: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def applicable(self) -> bool:
        """Whether the theorem covers the case."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it does not."""
        return tuple(([self.failure] if self.failure else []) + [str(c) for c in self.checks if c.state is False])


def required_width(name: str, /, *, defaults: bool = True, **values: Any) -> Solution:
    """The least width that a theorem asks for.

    Args:
        name: A paper's key, or the key of a ``requires`` quantity with conditions.
        defaults: Fill missing values with the paper's defaults (each is listed in ``assumed``).
        **values: Parameters by name; ``activation`` gives phi's constants.

    Returns:
        The ``Solution``; not applicable when an assumption is false at the solution.

    >>> required_width("banerjee2023", L=2, gbar_norm_sq=1, sigma_1=1, rho=0, rho_1=0, rho_2=0, mean_y_sq=0, d=1).value
    2089
    """
    quantity = find_quantity(name) if "." in name else find_paper(name).quantities.get("required_width")
    if quantity is None or not quantity.conditions:
        raise TheoryError(f"{name} states no required width")
    return solve(quantity, values, defaults=defaults)


def solve(quantity: Quantity, values: Mapping[str, Any], *, defaults: bool = True) -> Solution:
    """Solve ``quantity``'s conditions for its unknown; see ``required_width``."""
    paper, unknown = quantity.paper, quantity.unknown
    relations = tuple(c.relation for c in quantity.conditions)
    also = tuple(c.relation for c in quantity.assumptions if c.relation is not None)
    binding = bind(paper, relations, values, top=quantity, defaults=defaults, unknown=unknown, also=also)
    require_defined(quantity, binding)
    if arrays := [n for n, v in binding.values.items() if isinstance(v, np.ndarray)]:
        raise TheoryError(f"{arrays[0]}: one value at a time is solved for, not an array")
    empty = Solution(
        quantity, None, math.nan, "", {}, None, None, binding.values, binding.assumed, binding.unset, {}, ()
    )
    thresholds: dict[str, Width] = {}
    reach = 0.0
    for condition in quantity.conditions:
        found, scanned = threshold(condition, paper, binding, unknown)
        if found is None:
            checks = _checks(quantity, binding)
            failing = f"no width up to 10^{LARGEST} satisfies {condition.name}: {condition.text}"
            return replace(empty, failure=failing, checks=checks)
        thresholds[condition.name], reach = Width(found), max(reach, scanned)
    least = max(thresholds.values())
    name = max(thresholds, key=lambda n: thresholds[n])
    at = replace(binding, values={**binding.values, unknown: least})
    proof = certify(quantity.conditions, at, quantity, least, name if least > 1 else None, reach)
    checks = _checks(quantity, at)
    applicable = all(c.state is not False for c in checks)
    return replace(
        empty,
        value=least if applicable else None,
        log10=_log10(least),
        binding=name,
        thresholds=thresholds,
        certificate=proof,
        probability=_probability(quantity, at),
        checks=checks,
        chosen=choices(_proxy(quantity), at),
    )


def _proxy(quantity: Quantity) -> Quantity:
    """A quantity whose formula is the first condition's left side, to ask which alternatives it used."""
    return replace(quantity, expression=quantity.conditions[0].relation.lhs)


def _checks(quantity: Quantity, binding: Binding) -> tuple[Checked, ...]:
    return tuple(judge(quantity.paper, c, binding) for c in assumptions_of(quantity, binding.given))


def _probability(quantity: Quantity, binding: Binding) -> float | None:
    if not quantity.probability:
        return None
    target = quantity.paper.quantities[quantity.probability]
    return float(floats(binding.tape(quantity.paper, (target,), target), binding))


def _log10(n: int) -> float:
    return float(Logarithmic().convert(n).log10)


def truth(tape: Tape, binding: Binding, unknown: str, log10: np.ndarray) -> np.ndarray:
    """Whether the condition holds at widths 10^log10, in the logarithmic domain."""
    ops = Logarithmic()
    inputs = {n: ops.convert(v) for n, v in binding.values.items() if n in tape.inputs}
    inputs[unknown] = Signed(np.ones_like(log10), log10 * math.log(10))
    with np.errstate(all="ignore"):
        return np.broadcast_to(tape.run(ops, inputs)[0], log10.shape)


def threshold(condition: Condition, paper: Paper, binding: Binding, unknown: str) -> tuple[int | None, float]:
    """The least integer from which the condition holds for good, and the logarithm scanned to."""
    tape = binding.tape(paper, (condition.relation,))
    if unknown not in tape.inputs:
        return (1 if decide(tape, _inputs(tape, binding, unknown, 1)) else None), 0.0
    dense, top = np.log10(np.arange(1, DENSE + 1)), 16.0
    while True:
        points = np.concatenate([dense, np.linspace(dense[-1], top, GRID)[1:]])
        good = truth(tape, binding, unknown, points)
        if good[-GRID // 8 :].all():
            break
        if top >= LARGEST:
            return None, top
        top *= 2
    if good.all():
        return settle(tape, binding, unknown, 1), top
    last = int(np.flatnonzero(~good)[-1])
    low, high = points[last], points[last + 1]
    while high - low > 4e-16 * high:
        finer = np.linspace(low, high, 65)
        good = truth(tape, binding, unknown, finer)
        k = int(np.flatnonzero(~good)[-1]) if not good.all() else 0
        if (low, high) == (finer[k], finer[k + 1]):
            break
        low, high = finer[k], finer[k + 1]
    near = refine(condition, paper, binding, unknown, _power_of_ten(high))
    return settle(tape, binding, unknown, near), top


def _power_of_ten(log10: float) -> int:
    """10^log10 as an integer, to float accuracy."""
    whole = max(int(log10) - 15, 0)
    return max(round(10.0 ** (log10 - whole)) * 10**whole, 1)


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
            values = _inputs(tape, binding, unknown, m)
            left, right = tape.run(ops, {n: ops.convert(v) for n, v in values.items()})
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


def _inputs(tape: Tape, binding: Binding, unknown: str, at: int) -> dict[str, Any]:
    return {n: at if n == unknown else v for n, v in binding.values.items() if n in tape.inputs} | (
        {unknown: at} if unknown in tape.inputs else {}
    )


def settle(tape: Tape, binding: Binding, unknown: str, near: int) -> int:
    """The exact integer where the condition turns true for good, starting ``near`` it; certified by balls."""

    def good(m: int) -> bool:
        state = decide(tape, _inputs(tape, binding, unknown, m))
        if state is None:
            raise TheoryError(f"the condition is undecided at {unknown} = {decimal(m)} at the highest precision")
        return state

    step, high = 1, near
    while not good(high):
        high, step = high + step, 2 * step
    low, step = high - 1, 1
    while low > 0 and good(low):
        low, high, step = max(low - step, 0), low, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return high


def certify(
    conditions: tuple[Condition, ...],
    binding: Binding,
    quantity: Quantity,
    least: int,
    failing: str | None,
    reach: float,
) -> Certificate:
    """Decide every condition at the solution, and the binding one just below it, from scratch."""
    unknown, states = quantity.unknown, {}
    for condition in conditions:
        tape = binding.tape(quantity.paper, (condition.relation,))
        states[condition.name] = decide(tape, _inputs(tape, binding, unknown, least))
        if condition.name == failing and decide(tape, _inputs(tape, binding, unknown, least - 1)) is not False:
            raise TheoryError(
                f"{quantity.key}: no certificate that {failing} fails at {unknown} = {decimal(least - 1)}"
            )
    if not all(states.values()):
        raise TheoryError(f"{quantity.key}: no certificate at {unknown} = {decimal(least)}: {states}")
    return Certificate(least, {n: bool(s) for n, s in states.items()}, failing, reach)
