"""Arithmetic on (sign, ln|x|) arrays: no value overflows, however large the width that a theorem asks for."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from bounds.arithmetic import special
from bounds.averages import compiled_derivative


class Signed(NamedTuple):
    """A real number as its sign (-1, 0, 1) and the natural logarithm of its size (``-inf`` for zero)."""

    sign: Any
    ln: Any

    @property
    def log10(self) -> Any:
        """The decimal logarithm; nan where the number is negative."""
        return np.where(self.sign >= 0, self.ln / math.log(10), np.nan)


def _ln(value: Any) -> float:
    """Ln of a positive int, Fraction or float of any size."""
    if isinstance(value, int | Fraction):
        return _ln_integer(int(value.numerator)) - _ln_integer(int(value.denominator))
    return math.log(value)


def _ln_integer(n: int) -> float:
    shift = max(n.bit_length() - 1000, 0)
    return math.log(n >> shift) + shift * math.log(2)


@functools.lru_cache(maxsize=256, typed=True)  # typed: 0.75 and 3/4 round differently
def _scalar(value: Any) -> Signed:
    if getattr(value, "is_Rational", False):
        value = Fraction(int(value.p), int(value.q))
    elif not isinstance(value, int | Fraction):
        value = float(value)
    sign = (value > 0) - (value < 0)
    return Signed(np.float64(sign), np.float64(_ln(abs(value)) if sign else -np.inf))


class Logarithmic:
    """The logarithmic domain; see ``bounds.arithmetic``."""

    def convert(self, value: Any) -> Signed:
        """A number of any size, or an array of floats."""
        if isinstance(value, Signed):
            return value
        if isinstance(value, np.ndarray):
            with np.errstate(divide="ignore"):
                return Signed(np.sign(value), np.log(np.abs(value.astype(np.float64))))
        return _scalar(value)

    def const(self, number: Any) -> Signed:
        """A SymPy number."""
        return self.convert(number)

    def add(self, *terms: Signed) -> Signed:
        """The sum, scaled by the largest term."""
        top = functools.reduce(np.maximum, [t.ln for t in terms])
        scale = np.where(np.isfinite(top), top, 0.0)
        total = functools.reduce(operator.add, [t.sign * np.exp(t.ln - scale) for t in terms])
        with np.errstate(divide="ignore"):
            return Signed(np.sign(total), np.where(top == np.inf, np.inf, scale + np.log(np.abs(total))))

    add_mixed = add

    def mul(self, *factors: Signed) -> Signed:
        """The product."""
        sign = functools.reduce(operator.mul, [f.sign for f in factors])
        with np.errstate(invalid="ignore"):
            ln = functools.reduce(operator.add, [f.ln for f in factors])
        return Signed(sign, np.where(sign == 0, -np.inf, ln))

    def div(self, a: Signed, b: Signed) -> Signed:
        """The quotient."""
        with np.errstate(invalid="ignore"):
            return Signed(a.sign * b.sign, np.where(a.sign == 0, -np.inf, a.ln - b.ln))

    def sqrt(self, a: Signed) -> Signed:
        """The square root; nan for negative numbers."""
        return Signed(a.sign, np.where(a.sign >= 0, a.ln / 2, np.nan))

    def value(self, a: Signed) -> Any:
        """Back to float64; ``inf`` beyond its range."""
        with np.errstate(over="ignore"):
            return a.sign * np.exp(a.ln)

    def _from(self, value: Any) -> Signed:
        with np.errstate(divide="ignore"):
            return Signed(np.sign(value), np.log(np.abs(value)))

    def power(self, a: Signed, b: Signed) -> Signed:
        """``a**b`` for a >= 0."""
        exponent = self.value(b)
        with np.errstate(invalid="ignore"):
            ln = np.where(exponent == 0, 0.0, a.ln * exponent)
        return Signed(np.where(ln == -np.inf, 0.0, 1.0), ln)

    def exp(self, a: Signed) -> Signed:
        """The exponential."""
        return Signed(np.ones_like(a.ln), self.value(a))

    def log(self, a: Signed) -> Signed:
        """The natural logarithm."""
        return self._from(np.where(a.sign > 0, a.ln, np.nan))

    def log1p(self, a: Signed) -> Signed:
        """``log(1 + a)``."""
        small = a.ln < 0
        inside = np.log1p(np.where(small, self.value(a), 0.0))
        return self._from(np.where(small, inside, self.add(self.convert(1), a).ln))

    def maximum(self, *args: Signed) -> Signed:
        """The largest."""
        top = args[0]
        for a in args[1:]:
            top = self.where(self.gt(a, top), a, top)
        return top

    def minimum(self, *args: Signed) -> Signed:
        """The smallest."""
        low = args[0]
        for a in args[1:]:
            low = self.where(self.lt(a, low), a, low)
        return low

    def absolute(self, a: Signed) -> Signed:
        """The absolute value."""
        return Signed(np.abs(a.sign), a.ln)

    def ceiling(self, a: Signed) -> Signed:
        """The least integer above; above 2^53 the number itself, to float accuracy."""
        return self.where(a.ln < 36, self._from(np.ceil(self.value(a))), a)

    def where(self, condition: Any, a: Signed, b: Signed) -> Signed:
        """``a`` where the condition holds, else ``b``."""
        return Signed(np.where(condition, a.sign, b.sign), np.where(condition, a.ln, b.ln))

    def truth(self, value: bool) -> bool:
        """A relation settled before any arithmetic."""
        return value

    def gt(self, a: Signed, b: Signed) -> Any:
        """``a > b``."""
        same = np.where(a.sign >= 0, a.ln > b.ln, a.ln < b.ln)
        return np.where(a.sign == b.sign, same & (a.sign != 0), a.sign > b.sign)

    def lt(self, a: Signed, b: Signed) -> Any:
        """``a < b``."""
        return self.gt(b, a)

    def ge(self, a: Signed, b: Signed) -> Any:
        """``a >= b``."""
        return ~self.gt(b, a)

    def le(self, a: Signed, b: Signed) -> Any:
        """``a <= b``."""
        return ~self.gt(a, b)

    def geometric(self, x: Signed, n: Signed) -> Signed:
        """``1 + x + ... + x^(n-1)`` for x > 0, as (1 - e^(-n|t|))/(1 - e^(-|t|)) with the growth factored out."""
        t, count = x.ln, self.value(n)
        size = np.abs(t)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(-np.expm1(-count * size)) - np.log(-np.expm1(-size))
            grown = np.where(t > 0, (count - 1) * t, 0.0) + ratio
        ln = np.where(t == 0, n.ln, grown)
        return Signed(np.where(count == 0, 0.0, 1.0), np.where(count == 0, -np.inf, ln))

    def bits(self, n: Signed) -> Iterator[Any]:
        """The binary digits of the integers ``n`` < 2^53, the highest first."""
        whole = np.asarray(np.rint(self.value(n))).astype(np.int64)
        for k in range(int(whole.max()).bit_length() - 1, -1, -1):
            yield (whole >> k) & 1 == 1

    def erf(self, a: Signed) -> Signed:
        """The error function."""
        return self._from(special.erf(self.value(a)))

    def factorial(self, a: Signed) -> Signed:
        """``a!`` for non-negative integers."""
        return Signed(np.ones_like(a.ln), special.log_factorial(np.rint(self.value(a))))

    def lower_lambert(self, a: Signed) -> Signed:
        """``W_{-1}(a)`` for a in [-1/e, 0): below the range of floats too."""
        return Signed(-np.ones_like(a.ln), np.log(special.lower_lambert(np.where(a.sign < 0, -a.ln - 1, np.nan))))

    def gaussian(self, *values: Any) -> Signed:
        """A mean over a standard normal variable, of given values."""
        *given, average = values
        return self._from(average.values(tuple(given)))

    def activation(self, phi: Any, a: Signed, order: int) -> Signed:
        """The activation's derivative of an order."""
        return self._from(compiled_derivative(phi, order)(self.value(a)))
