"""The state of assumptions at given values: true, false or undecided, never passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from bounds.binding import Binding, bind
from bounds.errors import NotApplicable, TheoryError
from bounds.model import Condition, Paper, Quantity
from bounds.values import show

STATES = {True: "holds", False: "fails", None: "undecided"}


@dataclass(frozen=True)
class Checked:
    """One assumption and its state: True, False or None (undecided).

    Attributes:
        condition: The assumption.
        state: Whether it holds.
        why: Says in words at what values it was decided; most are never asked.
    """

    condition: Condition
    state: bool | None
    why: Callable[[], str]

    @property
    def reason(self) -> str:
        """Why the state is what it is."""
        return self.why()

    def __str__(self) -> str:
        remedy = f" ({self.condition.remedy})" if self.state is False and self.condition.remedy else ""
        return f"{self.condition.name}: {self.condition.text}; {self.reason}{remedy}"


class Judged:
    """A result that knows the state of its assumptions: what ``Evaluation`` and ``Solution`` share."""

    checks: tuple[Checked, ...]
    failure: str

    @property
    def applicable(self) -> bool:
        """Whether no assumption is known to fail."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not, in words: first why a requirement has no solution, then the assumptions that fail."""
        failing = tuple(str(c) for c in self.checks if c.state is False)
        return (self.failure, *failing) if self.failure else failing

    def _repr_html_(self) -> str:
        from bounds.notebook import result_table

        return result_table(self)._repr_html_()

    def _repr_latex_(self) -> str:
        from bounds.notebook import result_table

        return result_table(self)._repr_latex_()


def assumptions_of(quantity: Quantity, given: frozenset[str] = frozenset()) -> tuple[Condition, ...]:
    """The assumptions of ``quantity`` and of everything it is built on, up to what is given; each once.

    Where a formula applies a quantity (``C_b(l, R)`` inside a sum over l), what that quantity assumes of its arguments
    says nothing of the parameters of the same names, and is left out.
    """
    found: dict[str, Condition] = {}
    for q, arguments in _dependencies(quantity, given, set(), frozenset()):
        for condition in q.assumptions:
            if not arguments or condition.relation is None or not arguments & _names(condition.relation):
                found.setdefault(condition.name, condition)
    return tuple(found.values())


def _names(expression: Any) -> set[str]:
    return {s.name for s in expression.free_symbols}


def formulas_of(quantity: Quantity) -> tuple[Any, ...]:
    """What a quantity is computed from: its conditions and its formula, or the parameters of its algorithm."""
    relations = tuple(c.relation for c in quantity.conditions)
    if quantity.algorithm is not None:
        return (sympy.Tuple(*map(sympy.Symbol, quantity.parameters)), *relations)
    return (quantity.expression, *relations)


def _dependencies(
    quantity: Quantity, given: frozenset[str], seen: set[str], arguments: frozenset[str]
) -> Iterator[tuple[Quantity, frozenset[str]]]:
    """The quantity and those that its formula names, each with the arguments it is applied at.

    Alternatives guard themselves and are not entered.
    """
    if quantity.name in seen:
        return
    seen.add(quantity.name)
    yield quantity, arguments
    paper = quantity.paper
    for formula in formulas_of(quantity):
        expression = sympy.sympify(formula) if formula is not None else sympy.S.Zero
        symbols, applied = _names(expression), {f.func.__name__ for f in expression.atoms(AppliedUndef)}
        for name in sorted((symbols | applied) - given):
            target = paper.quantities.get(paper.proved.get(name, name))
            if target is not None:
                at = frozenset() if name in symbols else frozenset(target.arguments)
                yield from _dependencies(target, given, seen, at)


@lru_cache(maxsize=4096)
def _essential(quantity: Quantity, given: frozenset[str]) -> tuple[Condition, ...]:
    return tuple(c for c in assumptions_of(quantity, given) if c.essential)


def require_defined(quantity: Quantity, binding: Binding) -> None:
    """Raise a ``TheoryError`` where the formula itself is undefined."""
    for condition in _essential(quantity, binding.given):
        judged = judge(quantity.paper, condition, binding)
        if judged.state is False:
            raise NotApplicable(f"{quantity.key} is undefined: {judged}")


def check(quantity: Quantity, values: Mapping[str, Any], binding: Binding | None = None) -> tuple[Checked, ...]:
    """Every assumption's state at ``values`` (and the defaults of ``binding``); undecided where one is missing."""
    if binding is None:
        relations = tuple(c.relation for c in quantity.assumptions if c.relation is not None)
        formulas = tuple(c.relation for c in quantity.conditions) or (quantity,)
        unknown = quantity.unknown if quantity.conditions else ""
        binding = bind(quantity.paper, formulas, values, top=quantity, unknown=unknown, also=relations, incomplete=True)
    return tuple(judge(quantity.paper, c, binding) for c in assumptions_of(quantity, binding.given))


def judge(paper: Paper, condition: Condition, binding: Binding) -> Checked:
    """One condition under a binding."""
    if condition.relation is None:
        return Checked(condition, None, lambda: "taken as given; only data or the network can tell")
    missing = sorted(binding.tape(paper, (condition.relation,)).inputs - set(binding.values))
    try:
        supplied = binding.supply(missing)
    except NotApplicable as error:
        why = str(error)
        return Checked(condition, False, lambda: why)
    if supplied:
        binding = replace(binding, values={**binding.values, **supplied})
        missing = [n for n in missing if n not in supplied]
    if missing:
        return Checked(condition, None, lambda: f"undecided without {', '.join(missing)}")
    state = holds(paper, condition.relation, binding)
    return Checked(condition, state, lambda: f"{STATES[state]} at {_seen(paper, condition, binding)}")


def _seen(paper: Paper, condition: Condition, binding: Binding) -> str:
    """The values that a condition was decided at."""
    names = sorted(condition.relation.free_symbols, key=str)
    return ", ".join(f"{s.name} = {_value(paper, s, binding)}" for s in names)


def _value(paper: Paper, name: Any, binding: Binding) -> str:
    from bounds.numeric import floats

    if name.name in binding.values:
        return show(binding.values[name.name])
    tape = binding.tape(paper, (name,))
    if not tape.inputs <= set(binding.values):
        return "any value"
    try:
        return show(floats(tape, binding))
    except TheoryError:  # nothing is recorded of this activation, say
        return "undecided"


def holds(paper: Paper, relation: Any, binding: Binding) -> bool | None:
    """Whether ``relation`` holds (at all points, for arrays): certified, exact on equality; None when undecided."""
    if relation in (True, sympy.true):
        return True
    tape = binding.tape(paper, (relation,))
    if tape.inputs - set(binding.values):
        return None
    inputs = {n: v for n, v in binding.values.items() if n in tape.inputs}
    if any(isinstance(v, np.ndarray) for v in inputs.values()):
        from bounds.arithmetic.float64 import Float64

        ops = Float64()
        with np.errstate(all="ignore"):
            return bool(np.all(tape.run(ops, tape.load(ops, inputs))[0]))
    return decide(tape, inputs)


def mask(paper: Paper, condition: Condition, binding: Binding) -> Any:
    """Where on the grid of array values an assumption is not known to fail: a bool, or an array of them."""
    if condition.relation is None:
        return True
    tape = binding.tape(paper, (condition.relation,))
    if tape.inputs - set(binding.values):
        return True
    if not any(isinstance(binding.values[n], np.ndarray) for n in tape.inputs):
        return holds(paper, condition.relation, binding) is not False
    from bounds.arithmetic.float64 import Float64

    ops = Float64()
    with np.errstate(all="ignore"):
        return np.asarray(tape.run(ops, tape.load(ops, binding.values))[0], dtype=bool)


def decide_all(tape: Any, inputs: Mapping[str, Any]) -> bool:
    """Whether all relations of a tape are proved at a point, at the first precision that ``decide`` tries."""
    from bounds.arithmetic.ball import Ball, Undecided
    from bounds.ball import precision

    with precision(_bits(inputs)):
        try:
            return all(bool(good) for good in tape.run(Ball(), tape.load(Ball(), inputs)))
        except Undecided:
            return False


def _bits(inputs: Mapping[str, Any]) -> int:
    """A working precision at which the integers among the inputs are exact, with room."""
    return max(128, 2 * max((abs(v).bit_length() for v in inputs.values() if isinstance(v, int)), default=0) + 64)


def decide(tape: Any, inputs: Mapping[str, Any]) -> bool | None:
    """The truth of a one-relation tape at a point: balls of growing precision, exact numbers for ties."""
    from bounds.arithmetic.ball import Ball, Undecided
    from bounds.arithmetic.exact import Exact
    from bounds.ball import INTEGRAL_BITS, precision

    ops, bits = Ball(), _bits(inputs)
    attempts = [(ops, bits), (ops, 4 * bits), (Exact(), bits), (ops, max(4096, 16 * bits))]
    if any(step == "gaussian" for step, *_ in tape.steps):  # an integral to a thousand digits takes minutes
        bits = min(bits, INTEGRAL_BITS)
        attempts = [(ops, bits), (Exact(), bits), (ops, INTEGRAL_BITS)]
    for arithmetic, attempt in attempts:
        with precision(attempt):
            try:
                return bool(tape.run(arithmetic, tape.load(arithmetic, inputs))[0])
            except Undecided:
                continue
    return None
