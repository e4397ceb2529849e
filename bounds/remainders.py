"""Arithmetic of bounds ``r t^p exp(-q t)`` on a half-line ``t >= start >= 1``: the remainders of ``bounds.tails``."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from bounds.errors import TheoryError

if TYPE_CHECKING:
    from flint import arb

Rest = tuple[Any, Fraction, Any]
"""``(r, p, q)``; ``r >= 0`` and ``q >= 0`` are exact balls. None stands for no remainder."""


def total(terms: Any) -> arb:
    """The sum of balls; a ball also when there are none."""
    from flint import arb

    return sum(terms, arb(0))


def exactly(ball: arb) -> Any:
    """The rational that an exact ball is, else the ball: sums of limits then cancel to exact zeros."""
    return ball.fmpq() if ball.is_exact() else ball


def raised(base: Any, exponent: Any) -> arb:
    """``base**exponent`` for a positive base and a rational exponent."""
    from flint import arb, fmpq

    exponent = Fraction(exponent)
    return arb(base) ** arb(fmpq(exponent.numerator, exponent.denominator)) if exponent else arb(1)


def peak(p: Fraction, q: Any, start: int) -> arb:
    """An upper bound of ``t^p exp(-q t)`` over ``t >= start``: the maximum is at ``p/q``, or at ``start``."""
    from flint import arb, fmpq

    power = arb(fmpq(p.numerator, p.denominator))
    if p <= 0 or q * start > power:
        return (raised(start, p) * (-q * start).exp()).upper()
    if not q > 0:
        raise TheoryError("it grows, as far as can be proved")
    return ((power / q) ** power * (-power).exp()).upper()


def product(a: Rest | None, b: Rest | None) -> Rest | None:
    """The bound of a product of two remainders."""
    return None if a is None or b is None else ((a[0] * b[0]).upper(), a[1] + b[1], (a[2] + b[2]).lower())


def added(a: Rest | None, b: Rest | None, start: int) -> Rest | None:
    """The sum, expressed in the slower decay of the two: ``t^5 e^-t + t^-2 <= (1 + C) t^-2``."""
    if a is None or b is None:
        return a or b
    slow, fast = (a, b) if a[2] < b[2] or (a[2] == b[2] and a[1] >= b[1]) else (b, a)
    ratio = fast[0] * peak(fast[1] - slow[1], (fast[2] - slow[2]).lower(), start)
    return (slow[0] + ratio).upper(), slow[1], slow[2]
