"""Exact arithmetic on SymPy numbers: settles what balls cannot, comparisons that hold with equality. Scalars only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.arithmetic.ball import Undecided
from bounds.arithmetic.operators import Scalars

MOST_BITS, ROOT_BITS = 1 << 18, 1 << 11
"""Of numbers that are written out, and of numbers whose roots SymPy simplifies: it looks for their factors."""


class Exact(Scalars):
    """Exact numbers; see ``bounds.arithmetic``. A comparison that SymPy cannot prove raises ``Undecided``."""

    def convert(self, value: Any) -> Any:
        """An exact number: ints, fractions and SymPy numbers as they are, floats bit by bit, suprema when exact."""
        value = getattr(value, "exact", value)
        if value is None:
            raise Undecided("a constant without exact value")
        return sympy.Rational(*value.as_integer_ratio()) if isinstance(value, float) else sympy.sympify(value)

    const = convert

    def sqrt(self, a: Any) -> Any:
        """The square root."""
        return self.power(a, sympy.S.Half)

    def power(self, a: Any, b: Any) -> Any:
        """``a**b``; refused where writing the digits out would take long."""
        if a in (0, 1):
            return a**b
        bits = max(int(a.p).bit_length(), int(a.q).bit_length()) if a.is_Rational else 1
        if b.is_Rational and (abs(b) > 4096 or bits * abs(b) > MOST_BITS or (bits > ROOT_BITS and not b.is_Integer)):
            raise Undecided("a high power is not written out")
        return a**b

    def exp(self, a: Any) -> Any:
        """The exponential."""
        return sympy.exp(a)

    def log(self, a: Any) -> Any:
        """The natural logarithm."""
        return sympy.log(a)

    def log1p(self, a: Any) -> Any:
        """``log(1 + a)``."""
        return sympy.log(1 + a)

    def maximum(self, *args: Any) -> Any:
        """The largest."""
        return self._extreme(sympy.Max, args)

    def minimum(self, *args: Any) -> Any:
        """The smallest."""
        return self._extreme(sympy.Min, args)

    def _extreme(self, kind: Any, args: tuple[Any, ...]) -> Any:
        try:
            return kind(*args)
        except ValueError:  # complex or undefined
            raise Undecided("the largest or least of numbers that SymPy cannot compare") from None

    def ceiling(self, a: Any) -> Any:
        """The least integer above."""
        nearest = sympy.Integer(sympy.N(a, 30).round())
        return nearest if self._zero(a - nearest) else sympy.ceiling(a)

    def _zero(self, difference: Any) -> bool:
        """Whether an exact number is zero, proved (``equals`` uses minimal polynomials); else not zero."""
        if difference.has(sympy.nan, sympy.zoo):
            raise Undecided("a comparison with an undefined number")
        answer = difference.equals(0)
        if answer is None:
            raise Undecided("whether an exact number is 0 is not settled")
        return bool(answer)

    def gt(self, a: Any, b: Any) -> bool:
        """``a > b``."""
        return not self._zero(a - b) and bool(sympy.N(a - b, 30) > 0)

    def ge(self, a: Any, b: Any) -> bool:
        """``a >= b``."""
        return self._zero(a - b) or bool(sympy.N(a - b, 30) > 0)

    def lt(self, a: Any, b: Any) -> bool:
        """``a < b``."""
        return self.gt(b, a)

    def le(self, a: Any, b: Any) -> bool:
        """``a <= b``."""
        return self.ge(b, a)

    def geometric(self, x: Any, n: Any) -> Any:
        """``1 + x + ... + x^(n-1)``."""
        return n if x == 1 else (self.power(x, n) - 1) / (x - 1)

    def bits(self, n: Any) -> Iterator[bool]:
        """The binary digits of an integer, the highest first."""
        for digit in bin(int(n))[2:] if n > 0 else "":
            yield digit == "1"

    def erf(self, a: Any) -> Any:
        """The error function."""
        return sympy.erf(a)

    def factorial(self, a: Any) -> Any:
        """``a!``."""
        return sympy.factorial(a)

    def lower_lambert(self, a: Any) -> Any:
        """``W_{-1}(a)``: never an exact number worth having."""
        raise Undecided(f"W_-1({a}) has no exact value")

    def gaussian(self, *values: Any) -> Any:
        """A mean over a standard normal variable, where a closed form is known."""
        *given, average = values
        found = average.exact(tuple(given))
        if found is None:
            raise Undecided("a Gaussian mean without closed form")
        return found

    def activation(self, phi: Any, a: Any, order: int) -> Any:
        """The activation's derivative of an order."""
        from bounds.expressions import Z

        return phi.derivative(order).subs(Z, a)
