"""A tape's numbers under a binding: float64 with repair, decimal logarithms, certified enclosures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bounds.arithmetic.float64 import Float64
from bounds.ball import MAX_BITS, precision, to_ball
from bounds.binding import Binding
from bounds.enclosure import Enclosure
from bounds.errors import TheoryError
from bounds.tape import RAW, Tape
from bounds.values import show

BLOCK = 1 << 14
"""Points evaluated at a time: some forty arrays of this size stay in the second-level cache."""


def floats(tape: Tape, binding: Binding) -> Any:
    """float64 values; points where cancellation is detected are done again in ball arithmetic."""
    ops = Float64()
    inputs = tape.load(ops, binding.values)
    shape = np.broadcast_shapes(*[v.shape for v in inputs.values() if isinstance(v, np.ndarray)])
    if not shape:
        return _float(tape, ops, inputs, binding)
    size = int(np.prod(shape))
    flat = {n: np.broadcast_to(v, shape).reshape(-1) if np.ndim(v) else v for n, v in inputs.items()}
    out = np.empty(size)
    for start in range(0, size, BLOCK):
        block = {n: v[start : start + BLOCK] if np.ndim(v) else v for n, v in flat.items()}
        out[start : start + BLOCK], doubtful = _run(tape, ops, block)
        for k in np.flatnonzero(np.broadcast_to(doubtful, out[start : start + BLOCK].shape)):
            out[start + k] = _midpoint(tape, _point(tape, flat, binding, start + int(k)))
    return out.reshape(shape)


def _point(tape: Tape, flat: dict[Any, Any], binding: Binding, k: int) -> dict[str, Any]:
    """The inputs at one of the points, exact where they do not vary."""
    columns = {n: flat[n] if n in flat else flat[RAW, n] for n in tape.inputs}
    return {n: v[k] if np.ndim(v) else binding.values[n] for n, v in columns.items()}


def _float(tape: Tape, ops: Float64, inputs: dict[Any, Any], binding: Binding) -> Any:
    """One point: a float, or the array of a matrix-valued quantity."""
    value, doubtful = _run(tape, ops, inputs)
    if np.ndim(value):
        return value
    if not (doubtful or np.isnan(value)):
        return float(value)
    return float(enclose(tape, {n: binding.values[n] for n in tape.inputs}))


def _run(tape: Tape, ops: Float64, inputs: dict[Any, Any]) -> tuple[Any, Any]:
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
    from bounds.arithmetic.logarithmic import Logarithmic

    ops = Logarithmic()
    with np.errstate(all="ignore"):
        (signed,) = tape.run(ops, tape.load(ops, binding.values))
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
