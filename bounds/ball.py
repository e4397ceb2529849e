"""Exact numbers and python-flint balls: the one place that imports flint for scalars, and only when called."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flint import arb

PRECISION = 128
"""Working precision in bits; callers that need more raise it with ``precision``."""
MAX_BITS, INTEGRAL_BITS = 1 << 14, 1 << 8
"""The working precision at which an enclosure that is still too wide is given up; with integrals, which would take
tens of seconds beyond."""


@contextlib.contextmanager
def precision(bits: int) -> Iterator[None]:
    """Run the block at ``bits`` of working precision and restore what was set before."""
    from flint import ctx

    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def to_ball(value: Any) -> arb:
    """A ball around ``value``: exact for int and float (taken bit by bit), rounded outward for a Fraction.

    Args:
        value: An int, float, numpy scalar, ``fractions.Fraction``, SymPy number, ``Enclosure`` or ball.

    Returns:
        The enclosing ``flint.arb``.
    """
    from flint import arb, fmpq

    if isinstance(value, arb):
        return value
    if hasattr(value, "ball"):
        return value.ball
    if isinstance(value, Fraction) or (hasattr(value, "numerator") and not isinstance(value, int)):
        return arb(fmpq(int(value.numerator), int(value.denominator)))
    if isinstance(value, int):
        return arb(value)
    if hasattr(value, "p") and hasattr(value, "q"):  # sympy.Rational
        return arb(fmpq(int(value.p), int(value.q)))
    return arb(float(value))


def decimal(n: int) -> str:
    """All digits of an integer of any size (Python's own ``str`` refuses beyond 4300).

    >>> len(decimal(10**5000))
    5001
    """
    try:
        return str(int(n))
    except ValueError:
        from flint import fmpz

        return str(fmpz(n))
