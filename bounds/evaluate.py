"""Evaluation of a quantity: float64 (scalars and arrays), decimal logarithms, certified enclosures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bounds.arithmetic.float64 import Float64
from bounds.assumptions import Checked, check, holds, require_defined
from bounds.ball import MAX_BITS, precision, to_ball
from bounds.binding import Binding, bind, show
from bounds.compile import Tape
from bounds.enclosure import Enclosure
from bounds.errors import NotApplicable, TheoryError
from bounds.model import Default, Quantity

BLOCK = 1 << 14
"""Points evaluated at a time: some forty arrays of this size stay in the second-level cache."""


@dataclass(frozen=True)
class Evaluation:
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

    @property
    def applicable(self) -> bool:
        """Whether no assumption is known to fail."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """The assumptions that fail, in words; where nothing solves a requirement, that first."""
        failing = tuple(str(c) for c in self.checks if c.state is False)
        return (self.failure, *failing) if self.failure else failing

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
        return logarithm(tape, binding)
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


def result_at(quantity: Quantity, values: Mapping[str, Any], *, defaults: bool = False) -> Evaluation:
    """``result`` with the values in a mapping."""
    if quantity.conditions:
        from bounds.solve import solve

        s = solve(quantity, values, defaults=defaults)
        value = s.value if s.value is not None else float("nan")
        return Evaluation(quantity, value, s.log10, s.values, s.assumed, s.unset, s.chosen, s.checks, s.failure)
    binding = bind(quantity.paper, (quantity,), values, top=quantity, defaults=defaults, also=relations(quantity))
    require_defined(quantity, binding)
    tape = binding.tape(quantity.paper, (quantity,), quantity)
    return Evaluation(
        quantity,
        floats(tape, binding),
        logarithm(tape, binding),
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


def floats(tape: Tape, binding: Binding) -> Any:
    """float64 values; points where cancellation is detected are done again in ball arithmetic."""
    ops = Float64()
    inputs = {n: ops.convert(v) for n, v in binding.values.items() if n in tape.inputs}
    shape = np.broadcast_shapes(*[np.shape(v) for v in inputs.values()]) if inputs else ()
    if not shape:
        value, doubtful = _run(tape, ops, inputs)
        if not (doubtful or np.isnan(value)):
            return float(value)
        return float(enclose(tape, {n: binding.values[n] for n in inputs}))
    size = int(np.prod(shape))
    flat = {n: np.broadcast_to(v, shape).reshape(-1) if np.ndim(v) else v for n, v in inputs.items()}
    out = np.empty(size)
    for start in range(0, size, BLOCK):
        block = {n: v[start : start + BLOCK] if np.ndim(v) else v for n, v in flat.items()}
        out[start : start + BLOCK], doubtful = _run(tape, ops, block)
        for k in np.flatnonzero(np.broadcast_to(doubtful, out[start : start + BLOCK].shape)):
            point = {n: v[k] if np.ndim(v) else binding.values[n] for n, v in block.items()}
            out[start + k] = _midpoint(tape, point)
    return out.reshape(shape)


def _run(tape: Tape, ops: Float64, inputs: dict[str, Any]) -> tuple[Any, Any]:
    ops.doubtful = False
    with np.errstate(all="ignore"):
        (value,) = tape.run(ops, inputs)
    return value, ops.doubtful


def _midpoint(tape: Tape, point: dict[str, Any]) -> float:
    """The correctly rounded value, or nan where the formula is undefined."""
    try:
        return float(enclose(tape, point))
    except TheoryError:
        return float("nan")


def enclose(tape: Tape, point: dict[str, Any]) -> Enclosure:
    """An enclosure of relative width below 1e-20, at whatever precision that takes.

    Raises:
        TheoryError: The formula is undefined at the point, or no precision up to ``MAX_BITS`` settles it.
    """
    from bounds.arithmetic.ball import Ball, Undecided

    ops, bits, ball = Ball(), 128, None
    while bits <= MAX_BITS:
        with precision(bits):
            try:
                (ball,) = tape.run(ops, {n: ops.convert(v) for n, v in point.items() if n in tape.inputs})
            except Undecided:
                bits *= 2
                continue
            if ball.is_nan():
                break
            if ball.is_exact() or ball.rad() < abs(ball.mid()) * to_ball(10) ** -20:
                return Enclosure(ball)
        bits *= 2
    if ball is None or ball.is_nan():
        at = ", ".join(f"{n} = {show(v)}" for n, v in point.items() if n in tape.inputs)
        raise TheoryError(f"the formula is undefined at {at}")
    return _round_ties(tape, point, Enclosure(ball))


def _round_ties(tape: Tape, point: dict[str, Any], wide: Enclosure) -> Enclosure:
    """A ball that no precision narrows straddles a tie (an exact integer under a ceiling): settle it exactly."""
    from bounds.arithmetic.ball import Ball
    from bounds.arithmetic.exact import Exact

    ops = Exact()
    try:
        (exact,) = tape.run(ops, {n: ops.convert(v) for n, v in point.items() if n in tape.inputs})
    except TheoryError:
        return wide
    return Enclosure(Ball().convert(exact))


def logarithm(tape: Tape, binding: Binding) -> Any:
    """Decimal logarithms: through the logarithmic domain where float64 overflows or underflows, else from the value."""
    value = floats(tape, binding)
    with np.errstate(all="ignore"):
        plain = np.log10(value)
    inside = np.isfinite(value) & (np.asarray(value) != 0)
    if np.all(inside):
        return plain if np.ndim(plain) else float(plain)
    from bounds.arithmetic.logarithmic import Logarithmic

    ops = Logarithmic()
    with np.errstate(all="ignore"):
        (signed,) = tape.run(ops, {n: ops.convert(v) for n, v in binding.values.items() if n in tape.inputs})
    merged = np.where(inside, plain, np.broadcast_to(signed.log10, np.shape(value)))
    return merged if merged.ndim else float(merged)


def pointwise(function: Callable[[dict[str, Any]], Any], tape: Tape, binding: Binding) -> Any:
    """``function`` at every point of the broadcast inputs; ball arithmetic has no arrays."""
    inputs = {n: v for n, v in binding.values.items() if n in tape.inputs}
    shape = np.broadcast_shapes(*[np.shape(v) for v in inputs.values() if isinstance(v, np.ndarray)])
    if not shape:
        return function(inputs)
    full = {n: np.broadcast_to(v, shape) if isinstance(v, np.ndarray) else v for n, v in inputs.items()}
    out = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        out[index] = function({n: v[index] if isinstance(v, np.ndarray) else v for n, v in full.items()})
    return out
