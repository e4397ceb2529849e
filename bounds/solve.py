"""The least integer at which every condition of a theorem holds, and keeps holding above.

A condition may also hold by accident below (``m >= 4 n log m`` holds at m = 1), so the solution is the lower end of the
final upward-closed interval. It is bracketed by a scan in the logarithmic domain, where no width overflows, and settled
on exact integers in ball arithmetic: true at m*, false at m* - 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from bounds.assumptions import Checked, Judged, assumptions_of, decide, decide_all, judge
from bounds.ball import decimal
from bounds.binding import Binding, bind
from bounds.errors import TheoryError
from bounds.evaluate import choices
from bounds.forms import at_least
from bounds.model import Condition, Default, Paper, Quantity
from bounds.numeric import floats
from bounds.registry import paper as find_paper
from bounds.registry import quantity as find_quantity
from bounds.scan import LARGEST, Located, inputs_at, locate, log10
from bounds.settle import settled


class Width(int):
    """An exact integer of any size that prints all its digits (a plain int refuses beyond 4300)."""

    def __repr__(self) -> str:
        return decimal(int(self))

    __str__ = __repr__


class Thresholds(Mapping[str, Width]):
    """Condition name -> the exact value from which it alone holds; settled when it is asked for."""

    def __init__(self, quantity: Quantity, binding: Binding, located: Mapping[str, Located]) -> None:
        self._quantity, self._binding, self._located = quantity, binding, located
        self._found: dict[str, Width] = {}

    def __getitem__(self, name: str) -> Width:
        if name not in self._found:
            found = settled(self._located[name], self._quantity.paper, self._binding, self._quantity.unknown)
            self._found[name] = Width(found)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._located)

    def __len__(self) -> int:
        return len(self._located)

    def __repr__(self) -> str:
        return repr(dict(self))

    def binding(self) -> str:
        """The condition with the largest value: only those that the scan does not tell apart are settled."""
        low = max(at.low for at in self._located.values())
        return max((n for n, at in self._located.items() if at.high >= low), key=self.__getitem__)


@dataclass(frozen=True)
class Certificate:
    """What was proved: all conditions hold at the value, and which fails just below (None at the domain's end).

    That they keep holding above is seen on the scan, not proved.
    """

    value: int
    holds_at: dict[str, bool]
    fails_below: str | None

    def __str__(self) -> str:
        at, before = decimal(self.value), decimal(self.value - 1)
        below = f"{self.fails_below} fails at {before}" if self.fails_below else "nothing smaller is allowed"
        return f"all conditions hold at {at}, {below} (proved in ball arithmetic); no failure above on the scan"


@dataclass(frozen=True)
class Solution(Judged):
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
        order_of: The hidden constants among ``unset`` that the binding condition depends on.
        checks: The state of the assumptions at the value.
        failure: Why there is no value, or "".
    """

    quantity: Quantity
    value: Width | None
    log10: float
    binding: str
    thresholds: Mapping[str, Width]
    certificate: Certificate | None
    probability: float | None
    values: dict[str, Any]
    assumed: dict[str, Default]
    unset: tuple[str, ...]
    chosen: dict[str, str]
    checks: tuple[Checked, ...]
    failure: str = ""
    order_of: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As ``required-width --json`` prints it."""
        from bounds.views import width_row

        return width_row(self)

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.quantity.key}: NOT APPLICABLE ({'; '.join(self.reasons)})"
        return f"{self.quantity.key} = {self.value} (binding: {self.binding}); {self.certificate}"


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
    if quantity is None or not quantity.unknown:
        raise TheoryError(f"{name} states no required width")
    return solve(quantity, values, defaults=defaults, side=True)


def requirements(quantity: Quantity, side: bool) -> tuple[Condition, ...]:
    """What must hold of the unknown: the conditions, or unknown >= formula; with ``side`` the lemmas' too."""
    own = quantity.conditions
    if not own:
        unknown = sympy.Symbol(quantity.unknown, positive=True)
        own = (Condition(quantity.source.place, quantity.text, at_least(unknown, quantity.expression)),)
    return (*own, *quantity.side_conditions) if side else own


def solve(
    quantity: Quantity,
    values: Mapping[str, Any],
    *,
    defaults: bool = True,
    side: bool = False,
    fill: Mapping[str, Default] | None = None,
) -> Solution:
    """Solve ``quantity``'s conditions for its unknown.

    Args:
        quantity: A requirement with an ``unknown``.
        values: What the caller gives.
        defaults: Whether missing values take ``fill``'s and then the paper's defaults.
        side: Whether the side conditions must hold too.
        fill: Values to assume before the paper's defaults, with their origins.
    """
    paper, unknown = quantity.paper, quantity.unknown
    conditions = requirements(quantity, side)
    relations = tuple(c.relation for c in conditions)
    also = tuple(c.relation for c in quantity.assumptions if c.relation is not None)
    binding = bind(paper, relations, values, top=quantity, defaults=defaults, unknown=unknown, also=also, fill=fill)
    if arrays := [n for n, v in binding.values.items() if isinstance(v, np.ndarray)]:
        raise TheoryError(f"{arrays[0]}: one value at a time is solved for, not an array")
    empty = replace(without_answer(quantity, ""), values=binding.values, assumed=binding.assumed, unset=binding.unset)
    before = tuple(judge(paper, c, binding) for c in assumptions_of(quantity, binding.given))
    if any(c.state is False for c in before):  # it fails at every width: the conditions may not even be defined
        return replace(empty, checks=before)
    located = dict(zip([c.name for c in conditions], locate(conditions, paper, binding, unknown), strict=True))
    if failing := [c for c in conditions if located[c.name] is None]:
        failure = f"no width up to 10^{LARGEST} satisfies {failing[0].name}: {failing[0].text}"
        return replace(empty, failure=failure, checks=before)
    thresholds = Thresholds(quantity, binding, {n: at for n, at in located.items() if at is not None})
    name = thresholds.binding()
    least = thresholds[name]
    at = replace(binding, values={**binding.values, unknown: least})
    proof = certify(conditions, at, quantity, least, name if least > 1 else None)
    checks = tuple(judge(paper, c.condition, at) if c.state is None else c for c in before)
    applicable = all(c.state is not False for c in checks)
    return replace(
        empty,
        value=least if applicable else None,
        log10=log10(least),
        binding=name,
        thresholds=thresholds,
        certificate=proof,
        probability=_probability(quantity, at),
        checks=checks,
        chosen=choices(_proxy(quantity, conditions[0]), at),
        order_of=_hidden_in(next(c for c in conditions if c.name == name), paper, at),
    )


def without_answer(quantity: Quantity, reason: str) -> Solution:
    """A ``Solution`` that says why there is none."""
    return Solution(quantity, None, math.nan, "", {}, None, None, {}, {}, (), {}, (), reason)


def _hidden_in(condition: Condition, paper: Paper, binding: Binding) -> tuple[str, ...]:
    return tuple(n for n in binding.unset if n in binding.tape(paper, (condition.relation,)).inputs)


@lru_cache(maxsize=256)  # one object each, so that its tapes are compiled once
def _proxy(quantity: Quantity, condition: Condition) -> Quantity:
    """A quantity whose formula is a condition's left side, to ask which alternatives it used."""
    return replace(quantity, expression=condition.relation.lhs)


def _probability(quantity: Quantity, binding: Binding) -> float | None:
    if not quantity.probability:
        return None
    target = quantity.paper.quantities[quantity.probability]
    return float(floats(binding.tape(quantity.paper, (target,), target), binding))


def certify(
    conditions: tuple[Condition, ...], binding: Binding, quantity: Quantity, least: int, failing: str | None
) -> Certificate:
    """Decide every condition at the solution, and the binding one just below it, from scratch."""
    unknown, paper = quantity.unknown, quantity.paper
    joint = binding.tape(paper, tuple(c.relation for c in conditions))
    states = dict.fromkeys((c.name for c in conditions), True)
    if not decide_all(joint, inputs_at(joint, binding, unknown, least)):  # one that balls leave open is settled alone
        for condition in conditions:
            tape = binding.tape(paper, (condition.relation,))
            states[condition.name] = decide(tape, inputs_at(tape, binding, unknown, least)) is True
    for condition in conditions:
        if condition.name == failing:
            tape = binding.tape(paper, (condition.relation,))
            if decide(tape, inputs_at(tape, binding, unknown, least - 1)) is not False:
                below = f"{unknown} = {decimal(least - 1)}"
                raise TheoryError(f"{quantity.key}: no certificate that {failing} fails at {below}")
    if not all(states.values()):
        raise TheoryError(f"{quantity.key}: no certificate at {unknown} = {decimal(least)}: {states}")
    return Certificate(least, {n: bool(s) for n, s in states.items()}, failing)
