"""Exact derivatives of compiled formulas, and the elasticities ``d log|value| / d log(parameter)`` they give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bounds.arithmetic.ball import Undecided
from bounds.arithmetic.dual import Differential, Dual
from bounds.ball import precision, to_ball
from bounds.binding import Binding
from bounds.errors import TheoryError
from bounds.model import Paper
from bounds.tape import Tape, is_number
from bounds.values import show

BITS = (128, 320, 1024, 4096)
CLOSE = 60
"""An elasticity counts as known when its ball is this many bits narrower than itself, or than 1."""


@dataclass(frozen=True)
class Derivatives:
    """The numbers of some formulas and their derivatives, as balls.

    Attributes:
        values: The formulas' numbers; a ceiling is left out.
        slopes: For each formula, letter -> derivative; what is missing is 0.
        discrete: The letters that have no derivative.
        kinks: The letters in which the other one-sided derivative may differ.
        rounded: Whether a ceiling was left out.
    """

    values: tuple[Any, ...]
    slopes: tuple[dict[str, Any], ...]
    discrete: frozenset[str]
    kinks: frozenset[str]
    rounded: bool


@dataclass(frozen=True)
class Elasticity:
    """How many per cent a number changes when a parameter changes by one per cent.

    Attributes:
        name: The parameter, a quantity given in place of its formula, or a hidden constant.
        value: Where it stands.
        elasticity: ``d log|f| / d log|p|`` as p grows; None where it is undefined.
        slope: The derivative ``df/dp``; None for a discrete parameter.
        kind: ``smooth``; ``kink`` (then ``other`` is the elasticity as p falls); ``discrete`` (the change from p to
            the next integer, ``log(f(p+1)/f(p))/log((p+1)/p)``); ``undefined``.
        other: See ``kind``.
    """

    name: str
    value: Any
    elasticity: float | None
    slope: float | None
    kind: str = "smooth"
    other: float | None = None


def letters_of(tape: Tape, binding: Binding) -> tuple[str, ...]:
    """The inputs of a tape that can be differentiated in: numbers.

    Raises:
        TheoryError: One of them is an array of points.
    """
    for name in sorted(tape.inputs):
        if getattr(binding.values[name], "ndim", 0):
            raise TheoryError(f"{name}: one point at a time is explained, not an array")
    return tuple(n for n in sorted(tape.inputs) if is_number(binding.values[n]))


def integer_letters(paper: Paper) -> frozenset[str]:
    """The parameters that are integers."""
    return frozenset(n for n, p in paper.parameters.items() if p.domain.integer)


def differentiate(
    tape: Tape,
    values: Mapping[str, Any],
    letters: tuple[str, ...],
    integers: frozenset[str],
    direction: int = 1,
    least: int = 0,
) -> Derivatives:
    """Run a tape in dual numbers, at the precision that its elasticities need, of ``least`` bits.

    Raises:
        TheoryError: The formula is undefined at the values.
    """
    found = None
    means = any(name == "gaussian" for name, _, _ in tape.steps)
    attempts = [(max(bits, least), False) for bits in (BITS[:2] if means else BITS)]
    for bits, ties in (*attempts, (attempts[-1][0], True)):
        if ties and found is not None:
            break  # what is left unsettled has no derivative
        with precision(bits):
            ops = Differential(letters, integers, direction)
            ops.ties = ties
            try:
                duals = tape.run(ops, ops.seed(tape.load(ops, values)))
            except Undecided:
                continue
            found = _collect(ops, duals)
            if any(v.is_nan() for v in found.values):
                at = ", ".join(f"{n} = {show(values[n])}" for n in letters)
                raise TheoryError(f"the formula is undefined at {at}")
            if _settled(found, values):
                return found
    if found is None:
        raise TheoryError("the formula's maxima and comparisons are not settled at the highest precision")
    return found


def _collect(ops: Differential, duals: tuple[Dual, ...]) -> Derivatives:
    slopes = tuple({n: ops.direction * s for n, s in d.slopes.items()} for d in duals)
    flags = (frozenset(ops.discrete), frozenset(ops.kinks), ops.rounded)
    return Derivatives(tuple(d.value for d in duals), slopes, *flags)


def _settled(found: Derivatives, values: Mapping[str, Any]) -> bool:
    """Whether every elasticity is narrow: relatively, or absolutely below 2^-CLOSE."""
    return all(
        n in found.discrete or _narrow(elasticity_ball(v, s, values[n]))
        for v, slopes in zip(found.values, found.slopes, strict=True)
        for n, s in slopes.items()
    )


def _narrow(ball: Any) -> bool:
    if ball is None:
        return True
    scale = abs(ball.mid())
    return not ball.is_nan() and bool(ball.rad() < (scale if scale > 1e-3 else to_ball(1)) * to_ball(2) ** -CLOSE)


def elasticity_ball(value: Any, slope: Any, at: Any) -> Any:
    """``p f'/f``; None where ``f`` is 0."""
    from bounds.arithmetic.ball import Ball

    return None if value.is_zero() else Ball().convert(at) * slope / value


def as_float(ball: Any) -> float | None:
    """The middle of a ball; an exact 0 where it is indistinguishable from it, None where undefined."""
    if ball is None or ball.is_nan():
        return None
    if ball.contains(0) and ball.rad() < to_ball(2) ** -CLOSE:
        return 0.0
    number = float(ball.mid())
    return number if math.isfinite(number) else None


def elasticities(paper: Paper, tape: Tape, binding: Binding) -> tuple[list[Elasticity], Derivatives]:
    """The elasticity of a tape's number in each of its letters, the largest first."""
    letters, integers = letters_of(tape, binding), integer_letters(paper)
    found = differentiate(tape, binding.values, letters, integers)
    other = differentiate(tape, binding.values, letters, integers, -1) if found.kinks else found
    rows = []
    for name in letters:
        at = binding.values[name]
        if name in found.discrete:
            rows.append(Elasticity(name, at, discrete(paper, tape, binding, name, found), None, "discrete"))
            continue
        pair = [_smooth(f, name, at) for f in (found, other)]
        slope = as_float_slope(found.slopes[0].get(name))
        if pair[0] != pair[1]:
            rows.append(Elasticity(name, at, pair[0], slope, "kink", pair[1]))
        else:
            rows.append(Elasticity(name, at, pair[0], slope, "smooth" if pair[0] is not None else "undefined"))
    return sorted(rows, key=lambda e: (-abs(e.elasticity) if e.elasticity is not None else 0.0, e.name)), found


def _smooth(found: Derivatives, name: str, at: Any) -> float | None:
    slope = found.slopes[0].get(name, to_ball(0))
    with precision(BITS[-1]):
        return as_float(elasticity_ball(found.values[0], slope, at))


def as_float_slope(ball: Any) -> float | None:
    """A derivative as a float; None beyond the range of floats."""
    if ball is None:
        return 0.0
    number = float(ball.mid()) if not ball.is_nan() else math.nan
    return number if math.isfinite(number) else None


def discrete(paper: Paper, tape: Tape, binding: Binding, name: str, here: Derivatives) -> float | None:
    """``log(f(k+1)/f(k))/log((k+1)/k)``, from k - 1 where k + 1 is not in the parameter's domain."""
    k = int(binding.values[name])
    domain = paper.parameters[name].domain
    for near in (k + 1, k - 1):
        if not max(domain.low, 1) <= near <= domain.high or k < 1:
            continue
        try:
            there = differentiate(tape, {**binding.values, name: near}, (), frozenset())
        except TheoryError:
            continue
        with precision(BITS[0]):
            ratio = abs(there.values[0] / here.values[0])
            return as_float(ratio.log() / (to_ball(near) / to_ball(k)).log())
    return None
