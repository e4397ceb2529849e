"""float64 arithmetic on numpy arrays, with a record of the points where cancellation made it doubtful."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from bounds.arithmetic import special
from bounds.arithmetic.operators import Operators
from bounds.averages import compiled_derivative

LOSS = 2.0**-8
"""A sum smaller than this fraction of its terms has lost digits: its points are done again in ball arithmetic."""
TINY = float(np.finfo(np.float64).tiny)
"""The least number of full precision."""
FAR = 1e100
"""Beyond it, or below its inverse, a mean over a standard normal variable may leave the range of float64 on the way."""
GROWTH = 512.0
"""A power above this exponent, of a computed base, multiplies the base's rounding error by as much."""


class Float64(Operators):
    """Arrays of float64; ``doubtful`` collects where the result may miss 1e-12 relative accuracy.

    ``beyond`` says that some number left the range of float64: an input, or a step where numpy is told to ``leave``.
    """

    def __init__(self) -> None:
        self.doubtful: Any = False
        self.beyond = False

    def leave(self, _kind: str, _flag: int) -> None:
        """What numpy calls on overflow and underflow."""
        self.beyond = True

    def convert(self, value: Any) -> Any:
        """A float64 scalar or array; integers and fractions beyond its range become ``inf``."""
        if isinstance(value, np.ndarray):
            return value.astype(np.float64, copy=False)
        try:
            found = float(value)
        except OverflowError:
            self.beyond = True
            return np.float64(np.inf if value > 0 else -np.inf)
        self.beyond |= (abs(found) < TINY and value != 0) or (found == 1 and value != 1)  # log(1) is 0
        return np.float64(found)

    def const(self, number: Any) -> Any:
        """A SymPy number."""
        return np.float64(float(number))

    def add_mixed(self, *terms: Any) -> Any:
        """The sum of terms of several signs; marks the points that cancel."""
        total = self.add(*terms)
        size = self.add(*[np.abs(t) for t in terms])
        self.doubtful = self.doubtful | (np.abs(total) < LOSS * size)
        return total

    def sqrt(self, a: Any) -> Any:
        """The square root."""
        return np.sqrt(a)

    def power(self, a: Any, b: Any) -> Any:
        """``a**b``; large exponents amplify the rounding error of ``a``."""
        if np.max(np.abs(b)) > GROWTH:
            self.doubtful = self.doubtful | ((np.abs(b) > GROWTH) & (a != 1))
        return np.power(a, b)

    def exp(self, a: Any) -> Any:
        """The exponential."""
        return np.exp(a)

    def log(self, a: Any) -> Any:
        """The natural logarithm; near 1 the argument's rounding dominates."""
        self.doubtful = self.doubtful | ((np.abs(a - 1) < LOSS) & (a != 1))
        return np.log(a)

    def log1p(self, a: Any) -> Any:
        """``log(1 + a)``."""
        return np.log1p(a)

    def maximum(self, *args: Any) -> Any:
        """The largest."""
        top = args[0]
        for a in args[1:]:
            top = np.maximum(top, a)
        return top

    def minimum(self, *args: Any) -> Any:
        """The smallest."""
        low = args[0]
        for a in args[1:]:
            low = np.minimum(low, a)
        return low

    def ceiling(self, a: Any) -> Any:
        """The least integer above; doubtful within rounding of an integer."""
        self.doubtful = self.doubtful | (np.abs(a - np.rint(a)) < 1e-9 * np.maximum(1, np.abs(a)))
        return np.ceil(a)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """``a`` where the condition holds, else ``b``."""
        return np.where(condition, a, b) if np.ndim(condition) else (a if condition else b)

    def gt(self, a: Any, b: Any) -> Any:
        """``a > b``."""
        return a > b

    def ge(self, a: Any, b: Any) -> Any:
        """``a >= b``."""
        return a >= b

    def lt(self, a: Any, b: Any) -> Any:
        """``a < b``."""
        return a < b

    def le(self, a: Any, b: Any) -> Any:
        """``a <= b``."""
        return a <= b

    def geometric(self, x: Any, n: Any) -> Any:
        """``1 + x + ... + x^(n-1)`` for x > 0: by expm1 and log1p, so that x near 1 loses nothing."""
        gap = x - 1.0
        if np.max(n) > GROWTH:
            self.doubtful = self.doubtful | ((n > GROWTH) & (gap != 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            total = np.expm1(n * np.log1p(gap)) / gap
        return np.where((gap == 0) | (n == 0), n, total)

    def bits(self, n: Any) -> Iterator[Any]:
        """The binary digits of the integers ``n``, the highest first, as boolean arrays."""
        whole = np.asarray(n).astype(np.int64)
        for k in range(int(whole.max()).bit_length() - 1, -1, -1):
            yield (whole >> k) & 1 == 1

    def erf(self, a: Any) -> Any:
        """The error function."""
        return special.erf(a)

    def factorial(self, a: Any) -> Any:
        """``a!`` for non-negative integers."""
        return special.factorial(a)

    def lower_lambert(self, a: Any) -> Any:
        """``W_{-1}(a)`` for a in [-1/e, 0); nan elsewhere."""
        excess = -np.log(-a) - 1
        self.doubtful = self.doubtful | ((excess < special.BRANCH_POINT) & (excess > -special.BRANCH_POINT))
        return -special.lower_lambert(excess)

    def gaussian(self, *values: Any) -> Any:
        """A mean over a standard normal variable, of given values."""
        *given, average = values
        found = average.values(tuple(given))
        numbers = [np.abs(v) for v in given if isinstance(v, float | np.ndarray)]
        extreme = functools.reduce(np.logical_or, [(v != 0) & ((v < 1 / FAR) | (v > FAR)) for v in numbers], False)
        lost = (np.abs(found) < TINY) & ((found != 0) | extreme)  # 0 is what odd functions have anyway
        self.doubtful = self.doubtful | lost | np.isinf(found)
        return found

    def activation(self, phi: Any, a: Any, order: int) -> Any:
        """The activation's derivative of an order; a small one may be the difference of terms that cancel."""
        value = compiled_derivative(phi, order)(a)
        small = ((np.abs(value) < LOSS) & (a != 0)) | (np.isnan(value) & np.isfinite(a))
        self.doubtful = self.doubtful | (small if phi.smooth else small & (value != 0))  # relu's 0 is no rounding
        return value
