"""Evaluation of a quantity: float64 (scalars and arrays), decimal logarithms, certified enclosures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bounds.assumptions import Checked, Judged, check, holds, require_defined
from bounds.ball import to_ball
from bounds.binding import Binding, bind
from bounds.enclosure import Enclosure
from bounds.errors import NotApplicable
from bounds.model import Default, Quantity
from bounds.numeric import enclose, floats, logarithm, pointwise
from bounds.tape import Tape


@dataclass(frozen=True)
class Evaluation(Judged):
    """A value with everything needed to judge it.

    Attributes:
        quantity: What was evaluated.
        value: float64, scalar or array; ``inf`` when beyond float64 (then see ``log10``).
        log10: Decimal logarithm (nan where the value is negative).
        values: The inputs used.
        assumed: The defaults among them.
        unset: Hidden constants taken as 1.
        chosen: Which alternative a name stood for (``c_H`` -> ``c_H_chain``).
        checks: The state of every assumption.
        failure: Why a requirement has no solution, or "".
    """

    quantity: Quantity
    value: Any
    log10: Any
    values: dict[str, Any]
    assumed: dict[str, Default]
    unset: tuple[str, ...]
    chosen: dict[str, str]
    checks: tuple[Checked, ...]
    failure: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As ``eval --json`` prints it."""
        from bounds.views import evaluation_dict

        return evaluation_dict(self)

    def __str__(self) -> str:
        said = f" (NOT APPLICABLE: {'; '.join(self.reasons)})" if self.reasons else ""
        return f"{self.quantity.key} = {self.value}{said}"


def evaluate(
    quantity: Quantity,
    /,
    *,
    certified: bool = False,
    log10: bool = False,
    strict: bool = False,
    defaults: bool = False,
    **values: Any,
) -> Any:
    """The number that ``quantity``'s formula gives.

    Args:
        quantity: The formula.
        certified: Return an ``Enclosure`` (scalars) or an object array of them.
        log10: Return the decimal logarithm, which never overflows.
        strict: Raise ``NotApplicable`` when an assumption is false.
        defaults: Fill missing values with the paper's defaults instead of refusing.
        **values: Parameters, quantities at any level (``gamma=1``), hidden constants, ``activation``. Arrays broadcast.

    Returns:
        A float, an array, or an enclosure.

    Raises:
        TheoryError: A name or a value is wrong; the message names it and the remedy.

    >>> import bounds
    >>> bounds.quantity("banerjee2023.c_H_chain").evaluate(L=2, gamma=1, phi_0=0, beta_phi=1, rho_1=0)
    36.0
    """
    return evaluate_at(quantity, values, certified=certified, log10=log10, strict=strict, defaults=defaults)


def evaluate_at(
    quantity: Quantity,
    values: Mapping[str, Any],
    *,
    certified: bool = False,
    log10: bool = False,
    strict: bool = False,
    defaults: bool = False,
) -> Any:
    """``evaluate`` with the values in a mapping."""
    if quantity.conditions:
        return _solved(quantity, values, certified, log10, defaults)
    binding = bind(quantity.paper, (quantity,), values, top=quantity, defaults=defaults, also=relations(quantity))
    require_defined(quantity, binding)
    tape = binding.tape(quantity.paper, (quantity,), quantity)
    if strict:
        failing = [c for c in check(quantity, values, binding) if c.state is False]
        if failing:
            raise NotApplicable(f"{quantity.key} is not applicable: {failing[0]}")
    if certified:
        return pointwise(lambda point: enclose(tape, point), tape, binding)
    if log10:
        return logarithm(tape, binding, floats(tape, binding))
    return floats(tape, binding)


def _solved(quantity: Quantity, values: Mapping[str, Any], certified: bool, log10: bool, defaults: bool) -> Any:
    """A requirement with conditions has no formula of its own: it is solved, exactly."""
    from bounds.solve import solve

    solution = solve(quantity, values, defaults=defaults)
    if solution.value is None:
        raise NotApplicable(f"{quantity.key} is not applicable: {solution.reasons[0]}")
    return Enclosure(to_ball(solution.value)) if certified else solution.log10 if log10 else solution.value


def result(quantity: Quantity, /, *, defaults: bool = False, **values: Any) -> Evaluation:
    """Like ``evaluate``, with the value's logarithm, assumptions, defaults and choices."""
    return result_at(quantity, values, defaults=defaults)


def result_at(
    quantity: Quantity,
    values: Mapping[str, Any],
    *,
    defaults: bool = False,
    fill: Mapping[str, Default] | None = None,
) -> Evaluation:
    """``result`` with the values in a mapping; ``fill`` gives values to assume before the paper's defaults."""
    if quantity.conditions:
        from bounds.solve import solve

        s = solve(quantity, values, defaults=defaults, fill=fill)
        value = s.value if s.value is not None else float("nan")
        return Evaluation(quantity, value, s.log10, s.values, s.assumed, s.unset, s.chosen, s.checks, s.failure)
    binding = bind(
        quantity.paper, (quantity,), values, top=quantity, defaults=defaults, also=relations(quantity), fill=fill
    )
    require_defined(quantity, binding)
    tape = binding.tape(quantity.paper, (quantity,), quantity)
    value = floats(tape, binding)
    return Evaluation(
        quantity,
        value,
        logarithm(tape, binding, value),
        binding.values,
        binding.assumed,
        binding.unset,
        choices(quantity, binding),
        check(quantity, values, binding),
    )


def relations(quantity: Quantity) -> tuple[Any, ...]:
    """The relations among the assumptions: their inputs may be given too."""
    return tuple(c.relation for c in quantity.assumptions if c.relation is not None)


def choices(quantity: Quantity, binding: Binding) -> dict[str, str]:
    """Name -> the alternative it stood for, for every proved default used with scalar values."""
    paper, found = quantity.paper, {}
    used = binding.tape(paper, (quantity,), quantity)
    for name, proved in paper.proved.items():
        target = paper.quantities[proved]
        if name in binding.given or not _uses(quantity, target, binding, used):
            continue
        for relation, alternative in target.alternatives:
            state = holds(paper, relation, binding)
            if state is not False:
                found[name] = alternative if state else f"undecided between {[a for _, a in target.alternatives]}"
                break
    return found


def _uses(quantity: Quantity, target: Quantity, binding: Binding, tape: Tape) -> bool:
    """Whether supplying ``target``'s name would change the tape."""
    names = binding.given | {n for n, p in quantity.paper.proved.items() if p == target.name}
    from bounds.compile import compile_expressions

    return (
        quantity is target
        or compile_expressions(quantity.paper, (quantity,), frozenset(names), quantity, binding.symbolic).inputs
        != tape.inputs
    )
