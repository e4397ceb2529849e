"""Why a number is what it is: the shares of its terms, and its elasticity in every parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from bounds.assumptions import Checked, Judged, decide, require_defined
from bounds.ball import precision, to_ball
from bounds.binding import Binding, bind
from bounds.errors import TheoryError
from bounds.evaluate import relations, result_at
from bounds.model import Condition, Default, Quantity
from bounds.path import Path
from bounds.registry import quantity as find_quantity
from bounds.scan import inputs_at, log10
from bounds.sensitivity import (
    BITS,
    Derivatives,
    Elasticity,
    as_float,
    differentiate,
    elasticities,
    integer_letters,
    letters_of,
)
from bounds.settle import threshold
from bounds.shares import Step
from bounds.solve import Solution, requirements, solve
from bounds.tape import Tape

NARROW = Fraction(1, 2**58)
"""How far, relatively, the real solution of a condition is narrowed down before it is differentiated at."""


@dataclass(frozen=True)
class Explanation(Judged):
    """A number taken apart.

    Attributes:
        quantity: What was evaluated or, for a requirement with conditions, solved.
        value: Its number.
        log10: Its decimal logarithm.
        path: From the quantity down to the leaf that drives it, every formula on the way taken apart.
        elasticities: In every parameter that it depends on, the largest first.
        binding: For what was solved: the condition that decides the solution.
        values, assumed, unset, chosen, checks, failure: As in ``Evaluation``.
        notes: What the derivatives leave out.
    """

    quantity: Quantity
    value: Any
    log10: float
    path: tuple[Step, ...]
    elasticities: tuple[Elasticity, ...]
    binding: str
    values: dict[str, Any]
    assumed: dict[str, Default]
    unset: tuple[str, ...]
    chosen: dict[str, str]
    checks: tuple[Checked, ...]
    failure: str = ""
    notes: tuple[str, ...] = ()

    @property
    def leaf(self) -> str:
        """What drives the number, at the end of the path."""
        return self.path[-1].of if self.path else ""

    def to_dict(self) -> dict[str, Any]:
        """As ``explain --json`` prints it."""
        from bounds.explain_view import explanation_dict

        return explanation_dict(self)

    def __str__(self) -> str:
        said = ", ".join(f"{e.name}^{e.elasticity:.4g}" for e in self.elasticities if e.elasticity)
        return f"{self.quantity.key} = {self.value}, locally proportional to {said or 'nothing'}"


def explain(name: str | Quantity, /, *, defaults: bool = True, **values: Any) -> Explanation:
    """The shares of a quantity's terms, and the elasticity ``d log|value|/d log(p)`` in every parameter p.

    Derivatives are exact (dual numbers in ball arithmetic). A requirement with conditions is solved, and the solution's
    elasticities are those of the binding condition's real root.

    Args:
        name: A quantity or its key.
        defaults: Fill missing values with the paper's defaults.
        **values: As for ``bounds.result``; numbers only, one point at a time.

    Raises:
        TheoryError: A value is wrong, or the formula undefined there.

    >>> found = explain("banerjee2023.gamma", sigma_1=1, rho=2, m=16)  # 1 + 2/4
    >>> {e.name: round(e.elasticity, 6) for e in found.elasticities}
    {'sigma_1': 0.666667, 'rho': 0.333333, 'm': -0.166667}
    >>> [(part.text, round(part.share, 6)) for part in found.path[0].parts]
    [('sigma_1', 0.666667), ('rho/sqrt(m)', 0.333333)]
    """
    quantity = name if isinstance(name, Quantity) else find_quantity(name)
    return explain_at(quantity, values, defaults=defaults)


def explain_at(
    quantity: Quantity,
    values: Mapping[str, Any],
    *,
    defaults: bool = True,
    fill: Mapping[str, Default] | None = None,
) -> Explanation:
    """``explain`` with the values in a mapping; ``fill`` gives values to assume before the paper's defaults."""
    if quantity.conditions or (quantity.unknown and quantity.side_conditions):
        return _of_solution(quantity, values, defaults, fill)
    paper, also = quantity.paper, relations(quantity)
    binding = bind(paper, (quantity,), values, top=quantity, defaults=defaults, also=also, fill=fill)
    require_defined(quantity, binding)
    tape = binding.tape(paper, (quantity,), quantity)
    rows, found = elasticities(paper, tape, binding)
    seen = result_at(quantity, values, defaults=defaults, fill=fill)
    path = Path(paper, binding, quantity).of_quantity(quantity)
    kept = (binding.values, seen.assumed, seen.unset, seen.chosen, seen.checks)
    return Explanation(quantity, seen.value, path[0].log10, path, tuple(rows), "", *kept, notes=_notes(found, rows))


def _notes(found: Derivatives, rows: list[Elasticity]) -> tuple[str, ...]:
    notes = ["the derivatives are those of the number before it is rounded up"] if found.rounded else []
    if any(e.kind == "kink" for e in rows):
        notes.append("a maximum or a comparison holds with equality here: elasticities as p grows (as p falls)")
    if any(e.kind == "discrete" for e in rows):
        notes.append("discrete: log(f(k+1)/f(k))/log((k+1)/k)")
    if zero := [e.name for e in rows if e.value == 0 and e.slope]:
        notes.append(f"at 0 an elasticity is 0 whatever the derivative: {', '.join(zero)}")
    return tuple(notes)


def _of_solution(
    quantity: Quantity, values: Mapping[str, Any], defaults: bool, fill: Mapping[str, Default] | None
) -> Explanation:
    """What decides a solved width, and how it moves with the parameters."""
    s = solve(quantity, values, defaults=defaults, side=True, fill=fill)
    kept = (s.values, s.assumed, s.unset, s.chosen, s.checks)
    if s.value is None:
        return Explanation(quantity, math.nan, math.nan, (), (), s.binding, *kept, s.failure)
    paper, conditions = quantity.paper, requirements(quantity, side=True)
    formulas = tuple(c.relation for c in conditions)
    also = relations(quantity)
    binding = bind(
        paper, formulas, values, top=quantity, defaults=defaults, unknown=quantity.unknown, also=also, fill=fill
    )
    condition = next(c for c in conditions if c.name == s.binding)
    path = Path(paper, _at(binding, quantity.unknown, int(s.value))).of_condition(condition.name, condition.relation)
    rows, notes = Root(quantity, condition, binding, s).elasticities()
    return Explanation(quantity, s.value, s.log10, path, tuple(rows), s.binding, *kept, notes=notes)


def _at(binding: Binding, name: str, value: Any) -> Binding:
    return replace(binding, values={**binding.values, name: value})


class Root:
    """The real solution of the binding condition, as a function of the parameters."""

    def __init__(self, quantity: Quantity, condition: Condition, binding: Binding, solution: Solution) -> None:
        self.quantity, self.condition, self.binding, self.solution = quantity, condition, binding, solution
        self.paper, self.unknown = quantity.paper, quantity.unknown

    def elasticities(self) -> tuple[list[Elasticity], tuple[str, ...]]:
        """``d log m / d log p = -(p F_p)/(m F_m)`` with ``F`` = left minus right, for every letter p but m."""
        certificate = self.solution.certificate
        if certificate is None or certificate.fails_below is None:
            return [], ("nothing smaller is allowed: no condition decides the value",)
        relation = self.condition.relation
        tape = self.binding.tape(self.paper, (relation.lhs, relation.rhs))
        width = int(self.solution.value or 0)
        whole, bits = _at(self.binding, self.unknown, width), 2 * width.bit_length() + BITS[0]
        letters, integers = letters_of(tape, whole), integer_letters(self.paper)
        found = differentiate(tape, whole.values, letters, integers)
        if self.unknown in found.discrete:
            return [], (f"the condition is defined at integers {self.unknown} only: no derivative",)
        root, gap = self._root()
        point = _at(whole, self.unknown, root).values
        found = differentiate(tape, point, letters, integers, least=bits)  # the two sides agree in as many bits
        if not self._crosses(found, gap):
            return [], (f"{self.condition.name} jumps at the solution, where a formula changes branch: no derivative",)
        other = differentiate(tape, point, letters, integers, -1) if found.kinks else found
        rows = [self._row(n, found, other, root) for n in letters if n != self.unknown]
        rows.sort(key=lambda e: (-abs(e.elasticity) if e.elasticity is not None else 0.0, e.name))
        return rows, (f"elasticities of the real solution of {self.condition.name}", *_notes(found, rows))

    def _root(self) -> tuple[Fraction, Fraction]:
        """Where the condition turns true between the integers, and how closely it is known."""
        high = Fraction(int(self.solution.value or 0))
        low = high - 1
        tape: Tape = self.binding.tape(self.paper, (self.condition.relation,))
        while high - low > high * NARROW:
            middle: Any = (low + high) / 2
            low, high = (
                (low, middle) if decide(tape, inputs_at(tape, self.binding, self.unknown, middle)) else (middle, high)
            )
        return high, high - low

    def _crosses(self, found: Derivatives, gap: Fraction) -> bool:
        """Whether the two sides meet at the root, to within what its uncertainty explains."""
        with precision(BITS[-1]):
            difference = found.values[0] - found.values[1]
            return bool(abs(difference) <= 4 * abs(self._slope(found, self.unknown)) * to_ball(gap))

    def _slope(self, found: Derivatives, name: str) -> Any:
        left, right = (slopes.get(name, to_ball(0)) for slopes in found.slopes)
        return left - right

    def _row(self, name: str, found: Derivatives, other: Derivatives, root: Fraction) -> Elasticity:
        at = self.binding.values[name]
        if name in found.discrete:
            return Elasticity(name, at, self._discrete(name), None, "discrete")
        first, second = (self._elasticity(name, d, root) for d in (found, other))
        if first != second:
            return Elasticity(name, at, first, None, "kink", second)
        return Elasticity(name, at, first, None, "smooth" if first is not None else "undefined")

    def _elasticity(self, name: str, found: Derivatives, root: Fraction) -> float | None:
        from bounds.arithmetic.ball import Ball

        with precision(BITS[-1]):
            here = Ball().convert(self.binding.values[name]) / to_ball(root)
            return as_float(-here * self._slope(found, name) / self._slope(found, self.unknown))

    def _discrete(self, name: str) -> float | None:
        """From the exact solution at the next integer."""
        k = int(self.binding.values[name])
        domain = self.paper.parameters[name].domain
        if k < 1 or k + 1 > domain.high:
            return None
        try:
            next_one = threshold(self.condition, self.paper, _at(self.binding, name, k + 1), self.unknown)
        except TheoryError:
            return None
        if next_one is None:
            return None
        change = log10(next_one) - log10(int(self.solution.value or 0))
        return change / math.log10((k + 1) / k)
