"""Exact rational arithmetic: settles comparisons that hold with equality. Scalars only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from bounds.errors import TheoryError


class Irrational(TheoryError):
    """The expression leaves the rational numbers."""


class Exact:
    """Fractions; see ``bounds.arithmetic``. An operation with an irrational result raises ``Irrational``."""

    def convert(self, value: Any) -> Fraction:
        """An int, float (taken bit by bit), Fraction or rational SymPy number."""
        if getattr(value, "is_Rational", False):
            return Fraction(int(value.p), int(value.q))
        if not isinstance(value, int | float | Fraction) and not hasattr(value, "numerator"):
            raise Irrational(f"{value} is not rational")
        return Fraction(int(value.numerator), int(value.denominator)) if hasattr(value, "numerator") else Fraction(value)

    const = convert

    def add(self, *terms: Fraction) -> Fraction:
        """The sum."""
        return sum(terms, Fraction(0))

    add_mixed = add

    def mul(self, *factors: Fraction) -> Fraction:
        """The product."""
        return math.prod(factors, start=Fraction(1))

    def div(self, a: Fraction, b: Fraction) -> Fraction:
        """The quotient."""
        return a / b

    def sqrt(self, a: Fraction) -> Fraction:
        """The square root of a perfect square."""
        if a < 0:
            raise Irrational(f"sqrt({a}) is not real")
        root = Fraction(math.isqrt(a.numerator), math.isqrt(a.denominator))
        if root * root != a:
            raise Irrational(f"sqrt({a}) is irrational")
        return root

    def power(self, a: Fraction, b: Fraction) -> Fraction:
        """``a**b`` for an integer b of moderate size."""
        if b.denominator != 1 or abs(b) > 4096:
            raise Irrational(f"{a}**{b} is not evaluated exactly")
        return a ** int(b)

    def _irrational(self, *args: Fraction) -> Fraction:
        raise Irrational("a transcendental function is irrational here")

    exp = log = log1p = _irrational

    def maximum(self, *args: Fraction) -> Fraction:
        """The largest."""
        return max(args)

    def minimum(self, *args: Fraction) -> Fraction:
        """The smallest."""
        return min(args)

    def absolute(self, a: Fraction) -> Fraction:
        """The absolute value."""
        return abs(a)

    def ceiling(self, a: Fraction) -> Fraction:
        """The least integer above."""
        return Fraction(math.ceil(a))

    def where(self, condition: bool, a: Fraction, b: Fraction) -> Fraction:
        """``a`` if the condition holds, else ``b``."""
        return a if condition else b

    def gt(self, a: Fraction, b: Fraction) -> bool:
        """``a > b``."""
        return a > b

    def ge(self, a: Fraction, b: Fraction) -> bool:
        """``a >= b``."""
        return a >= b

    def lt(self, a: Fraction, b: Fraction) -> bool:
        """``a < b``."""
        return a < b

    def le(self, a: Fraction, b: Fraction) -> bool:
        """``a <= b``."""
        return a <= b

    def geometric(self, x: Fraction, n: Fraction) -> Fraction:
        """``1 + x + ... + x^(n-1)``."""
        return n if x == 1 else (self.power(x, n) - 1) / (x - 1)

    def bits(self, n: Fraction) -> Iterator[bool]:
        """The binary digits of an integer, the highest first."""
        for digit in bin(int(n))[2:] if n > 0 else "":
            yield digit == "1"
