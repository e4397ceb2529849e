"""Where in a letter all the conditions of a theorem hold: scanned in logarithms, settled in ball arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from bounds.arithmetic.logarithmic import Logarithmic
from bounds.assumptions import assumptions_of, decide
from bounds.binding import Binding
from bounds.errors import NotApplicable, TheoryError
from bounds.model import Condition, Domain, Quantity
from bounds.scan import inputs_at
from bounds.tape import RAW, Tape
from bounds.values import show

DENSE = 1024
"""Every integer up to here from the domain's least is scanned."""
STEP = 1.01
"""Ratio of neighbouring points between 1e-12 and 1e12, and of integers up to 1e16."""
COARSE = 1.5
"""Their ratio further out, to 1e-300 and 1e300."""
MEANS = 1.2
"""The ratio everywhere for a letter inside a Gaussian mean: each point costs a quadrature."""
EXACT = 10**15
"""Recursions by doubling take integers up to here."""
NARROW = 1e-13
"""How closely, relatively, the end of what is covered is bracketed in a real letter."""


@dataclass(frozen=True)
class Run:
    """Neighbouring points of the scan at which all conditions hold."""

    first: int
    last: int
    from_start: bool
    to_end: bool

    @property
    def everything(self) -> bool:
        """Whether it is the whole scan."""
        return self.from_start and self.to_end


class Cover:
    """The values of ``letter`` at which all ``conditions`` hold, the other values bound."""

    def __init__(self, quantity: Quantity, conditions: tuple[Condition, ...], binding: Binding, letter: str) -> None:
        self.quantity, self.conditions, self.binding, self.letter = quantity, conditions, binding, letter
        self.domain = quantity.paper.parameters[letter].domain
        self.integer = self.domain.integer
        self._tapes = {c.name: binding.tape(quantity.paper, (c.relation,)) for c in conditions}

    @cached_property
    def points(self) -> list[Any]:
        """The scan: exact numbers in ascending order at which the formulas are defined."""
        steps = [step for tape in self._tapes.values() for step in tape.steps]
        means = any(name == "gaussian" and self.letter in payload.names for name, _, payload in steps)
        last = EXACT if any(name == "call" for name, _, _ in steps) else 10**300
        everywhere = integer_points(self.domain, last) if self.integer else real_points(self.domain, means)
        ok = np.ones(len(everywhere), dtype=bool)
        for condition in assumptions_of(self.quantity, self.binding.given):
            if condition.essential:
                tape = self.binding.tape(self.quantity.paper, (condition.relation,))
                if not tape.inputs - set(self.binding.values) - {self.letter}:
                    ok &= self._truth(tape, everywhere)
            if not ok.any():
                raise NotApplicable(f"{self.quantity.key} is undefined at every {self.letter}: {condition.text}")
        return [p for p, good in zip(everywhere, ok, strict=True) if good]

    def _truth(self, tape: Tape, points: list[Any]) -> np.ndarray:
        ops = Logarithmic()
        array = np.array([float(p) for p in points])
        inputs = tape.load(ops, self.binding.values) | {self.letter: ops.convert(array)}
        if self.letter in tape.raw:
            inputs[RAW, self.letter] = array
        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(tape.run(ops, inputs)[0], array.shape), dtype=bool)

    @cached_property
    def states(self) -> dict[str, np.ndarray]:
        """Condition name -> whether it holds at every point, in logarithms."""
        return {name: self._truth(tape, self.points) for name, tape in self._tapes.items()}

    def _decided(self, at: Any) -> dict[str, bool | None]:
        """Condition name -> proved, refuted, or neither (where a formula is undefined)."""
        return {n: decide(t, inputs_at(t, self.binding, self.letter, at)) for n, t in self._tapes.items()}

    def holds(self, at: Any) -> bool:
        """Whether all conditions are proved at a value."""
        return all(self._decided(at).values())

    def failing(self, at: Any) -> tuple[str, ...]:
        """The conditions refuted at a value.

        Raises:
            TheoryError: None is, though not all are proved.
        """
        states = self._decided(at)
        found = tuple(n for n, state in states.items() if state is False)
        if not found and None in states.values():
            raise TheoryError(
                f"{self.quantity.key} is undecided at {self.letter} = {show(at)} at the highest precision"
            )
        return found

    def runs(self) -> list[Run]:
        """The covered stretches of the scan, their ends checked in ball arithmetic."""
        good = np.all(list(self.states.values()), axis=0)
        checked: set[int] = set()
        while True:
            turns = np.flatnonzero(good[:-1] != good[1:])
            ends = {0, len(good) - 1} | {int(k) + j for k in turns for j in (0, 1)}
            if ends <= checked:
                break
            for k in ends - checked:
                good[k] = self.holds(self.points[k])
            checked |= ends
        edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
        return [Run(int(a), int(b) - 1, a == 0, b == len(good)) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def ends(self) -> tuple[Any, Any]:
        """The first and the last point of the scan."""
        return self.points[0], self.points[-1]

    def rough(self, run: Run) -> tuple[Any, Any]:
        """A stretch's ends on the scan; None where the scan ends."""
        return (
            None if run.from_start else self.points[run.first],
            None if run.to_end else self.points[run.last],
        )

    def settle(self, run: Run, side: int) -> tuple[Any, Any]:
        """The last covered value of a stretch on one side and the first that is not: integers, or 1e-13 apart."""
        k = run.last if side > 0 else run.first
        good, bad = self.points[k], self.points[k + side]
        while (middle := self._middle(good, bad)) is not None:
            good, bad = (middle, bad) if self.holds(middle) else (good, middle)
        return good, bad

    def _middle(self, good: Any, bad: Any) -> Any:
        if self.integer:
            return (good + bad) // 2 if abs(good - bad) > 1 else None
        small, large = sorted((abs(good), abs(bad)))
        if small * good * bad <= 0 or large - small <= small * Fraction(NARROW):
            return None  # from 0 to the least number scanned there is nothing to bracket relatively
        half = Fraction(math.sqrt(small) * math.sqrt(large)) if large > 2 * small else (small + large) / 2
        return half if good > 0 else -half

    def culprit(self) -> str:
        """Where nothing is covered: the condition that holds at the fewest points."""
        return min(self.states, key=lambda n: int(self.states[n].sum()))

    def why_none(self) -> str:
        """Where nothing is covered: which condition is to blame, and where."""
        name = self.culprit()
        text = next(c.text for c in self.conditions if c.name == name)
        low, high = (show(p) for p in self.ends())
        if not self.states[name].any():
            return f"{name} fails at every {self.letter} from {low} to {high}: {text}"
        held = [self.points[k] for k in np.flatnonzero(self.states[name])[[0, -1]]]
        others = [n for n, s in self.states.items() if n != name and not (s & self.states[name]).any()]
        there = f"where {', '.join(others)} fails" if others else "where the other conditions do not hold together"
        between = f"{name} holds between {show(held[0])} and {show(held[1])} only, {there}"
        return f"no {self.letter} satisfies all conditions: {between}"


def integer_points(domain: Domain, last: int) -> list[int]:
    """Every integer from the least on, then ever fewer, up to the domain's end or ``last``."""
    if domain.low == -math.inf:
        raise TheoryError("integers without a least value are not scanned")
    low = math.floor(domain.low) + 1 if domain.low_open else math.ceil(domain.low)
    high = last if domain.high == math.inf else math.ceil(domain.high) - 1 if domain.high_open else int(domain.high)
    found, ratio = list(range(low, min(low + DENSE, high) + 1)), Fraction(STEP)
    while found[-1] < high:
        ratio = ratio if found[-1] < 10**16 else Fraction(COARSE)
        found.append(min(int(found[-1] * ratio) + 1, high))
    return found


def real_points(domain: Domain, means: bool = False) -> list[Fraction]:
    """Both signs, evenly in logarithms, inside the domain, and ever closer to its finite ends."""
    near, far = (MEANS, MEANS * 4) if means else (STEP, COARSE)
    inner = np.geomspace(1e-12, 1e12, int(24 / math.log10(near)))
    outer = np.geomspace(1e12, 1e300, int(288 / math.log10(far)))
    sizes = [*inner, *outer, *(1 / outer)]
    points = {0.0, *sizes, *(-s for s in sizes)}
    for end, sign in ((domain.low, 1), (domain.high, -1)):
        if math.isfinite(end):
            points |= {end} | {end + sign * 10.0**-k for k in range(1, 15)}
    ends = {end for end, left_out in ((domain.low, domain.low_open), (domain.high, domain.high_open)) if left_out}
    return [Fraction(p) for p in sorted(points - ends) if domain.low <= p <= domain.high]
