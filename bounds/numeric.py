"""A tape's numbers under a binding: float64 with repair, decimal logarithms, certified enclosures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bounds.arithmetic.float64 import Float64
from bounds.ball import INTEGRAL_BITS, MAX_BITS, precision, to_ball
from bounds.binding import Binding
from bounds.enclosure import Enclosure
from bounds.errors import TheoryError
from bounds.tape import RAW, Tape
from bounds.values import show

BLOCK = 1 << 14
"""Points evaluated at a time: some forty arrays of this size stay in the second-level cache."""
LEAST, MOST = -307.6, 308.2
"""Decimal logarithms between which float64 has its full precision, with a margin."""
SETTLED = 1e-12
"""The relative width of an enclosure that stands for a float."""
NEAR_ZERO = -200
"""A value that no precision tells from 0 counts as 0 if it is below this power of ten."""


def floats(tape: Tape, binding: Binding) -> Any:
    """float64 values; points where cancellation is detected are done again in ball arithmetic.

    So are those where a step between left the range of float64 and took the result with it.
    """
    ops = Float64()
    inputs = tape.load(ops, binding.values)
    beyond = ops.beyond
    shape = np.broadcast_shapes(*[v.shape for v in inputs.values() if isinstance(v, np.ndarray)])
    if not shape:
        return _float(tape, ops, inputs, binding)
    size = int(np.prod(shape))
    flat = {n: np.broadcast_to(v, shape).reshape(-1) if np.ndim(v) else v for n, v in inputs.items()}
    out = np.empty(size)
    for start in range(0, size, BLOCK):
        part = slice(start, start + BLOCK)
        ops.beyond = beyond
        found, doubtful = _run(tape, ops, {n: v[part] if np.ndim(v) else v for n, v in flat.items()})
        out[part] = found
        doubtful = np.broadcast_to(doubtful, out[part].shape)
        again = doubtful
        if ops.beyond or np.isnan(out[part]).any():
            again = doubtful | _displaced(tape, _columns(tape, flat, binding, part), out[part])
        for k in np.flatnonzero(again):
            exact = _midpoint(tape, _columns(tape, flat, binding, start + int(k)))
            if doubtful[k] or not np.isnan(exact):
                out[start + k] = exact
    return out.reshape(shape)


def _columns(tape: Tape, flat: dict[Any, Any], binding: Binding, where: Any) -> dict[str, Any]:
    """The inputs at one or several of the points, exact where they do not vary."""
    columns = {n: flat[n] if n in flat else flat[RAW, n] for n in tape.inputs}
    return {n: v[where] if np.ndim(v) else binding.values[n] for n, v in columns.items()}


def _displaced(tape: Tape, values: dict[str, Any], found: Any) -> Any:
    """Where float64 lost the value on the way: 0, inf or nan that stand for numbers within its range, and the like."""
    log10 = _logarithms(tape, values)
    with np.errstate(all="ignore"):
        plain = np.log10(np.abs(found))
        same = np.abs(plain - log10) <= 1e-13 * (1 + np.abs(log10))
        outside = np.where(plain > 0, log10 > MOST, log10 < LEAST) & np.isinf(plain)
    return ~(same | outside | (plain == log10) | (np.isnan(found) & np.isnan(log10)))


def _float(tape: Tape, ops: Float64, inputs: dict[Any, Any], binding: Binding) -> Any:
    """One point: a float, or the array of a matrix-valued quantity."""
    value, doubtful = _run(tape, ops, inputs)
    if np.ndim(value):
        return value
    if doubtful or np.isnan(value):
        return _nearest(enclose(tape, {n: binding.values[n] for n in tape.inputs}))
    if ops.beyond:
        exact = _midpoint(tape, {n: binding.values[n] for n in tape.inputs})
        return float(value) if np.isnan(exact) else exact
    return float(value)


def _run(tape: Tape, ops: Float64, inputs: dict[Any, Any]) -> tuple[Any, Any]:
    ops.doubtful = False
    with np.errstate(all="ignore", over="call", under="call", call=ops.leave):
        try:
            (value,) = tape.run(ops, inputs)
        except ValueError as error:
            if "broadcast" not in str(error):
                raise
            raise TheoryError("the formula's value is a matrix: evaluate it at one point at a time") from None
    return value, ops.doubtful


def _midpoint(tape: Tape, point: dict[str, Any]) -> float:
    """The correctly rounded value, or nan where the formula is undefined."""
    try:
        return _nearest(enclose(tape, point))
    except TheoryError:
        return float("nan")


def _nearest(found: Enclosure) -> float:
    """The float next to an enclosed value; 0 where all that is known of it is how near to 0 it is.

    Raises:
        TheoryError: Not even that is known.
    """
    ball = found.ball
    if ball.is_exact() or found.relative_width < SETTLED:
        return float(found)
    if ball.contains(0) and ball.rad() < to_ball(10) ** NEAR_ZERO:
        return 0.0
    raise TheoryError(f"the formula's value is not settled: it lies in {found}")


def enclose(tape: Tape, point: dict[str, Any]) -> Enclosure:
    """An enclosure of relative width below 1e-20, at whatever precision that takes.

    Raises:
        TheoryError: The formula is undefined at the point, or no precision up to the highest settles it.
    """
    from bounds.arithmetic.ball import Ball, Undecided

    ops, bits, ball = Ball(), 128, None
    most = INTEGRAL_BITS if any(step == "gaussian" for step, *_ in tape.steps) else MAX_BITS
    while bits <= most:
        with precision(bits):
            try:
                (ball,) = tape.run(ops, tape.load(ops, point))
            except Undecided:
                bits *= 2
                continue
            if isinstance(ball, np.ndarray):
                return np.vectorize(Enclosure, otypes=[object])(ball)
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
        (exact,) = tape.run(ops, tape.load(ops, point))
    except TheoryError:
        return wide
    return Enclosure(Ball().convert(exact))


def logarithm(tape: Tape, binding: Binding, value: Any) -> Any:
    """Decimal logarithms: through the logarithmic domain where the float64 ``value`` overflows or underflows."""
    with np.errstate(all="ignore"):
        plain = np.log10(value)
    inside = np.isfinite(value) & (np.asarray(value) != 0)
    if np.all(inside):
        return plain if np.ndim(plain) else float(plain)
    found = np.broadcast_to(_logarithms(tape, binding.values, signed=True), np.shape(value))
    with np.errstate(invalid="ignore"):  # what is rounded away, or too large for its own logarithm, is 0 or infinite
        certain = np.where(np.asarray(value) > 0, found > MOST, found < LEAST)
    merged = np.where(inside, plain, np.where(certain, found, plain))
    return merged if merged.ndim else float(merged)


def _logarithms(tape: Tape, values: Mapping[str, Any], signed: bool = False) -> Any:
    """log10 in the logarithmic domain; of the absolute value, or nan where a number is negative."""
    from bounds.arithmetic.logarithmic import Logarithmic

    ops = Logarithmic()
    with np.errstate(all="ignore"):
        (found,) = tape.run(ops, tape.load(ops, values))
        return found.log10 if signed else found.ln / math.log(10)


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
