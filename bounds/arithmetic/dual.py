"""Forward-mode differentiation in ball arithmetic: a value and its derivatives in several letters at once.

The balls enclose value and derivatives; no number overflows. Where a formula is not smooth the arithmetic says so:

* a maximum attained twice, or a comparison that holds with equality, is a kink: the derivative is the one-sided one, in
  the ``direction`` in which the letter moves;
* a letter that a recursion reads digit by digit (``bits``), or that is the degree of a polynomial, is discrete;
* a ceiling is left out: the derivative is that of the number before it is rounded up.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bounds.arithmetic.ball import Ball, Undecided
from bounds.arithmetic.slopes import mean_slope
from bounds.ball import to_ball
from bounds.errors import TheoryError


class Dual(NamedTuple):
    """A ball and the derivatives that are not exactly 0, by letter."""

    value: Any
    slopes: dict[str, Any]


class Differential:
    """Dual numbers; see ``bounds.arithmetic`` for the operations.

    Attributes:
        direction: +1 for the derivative as the letters grow, -1 as they fall (their slopes then are seeded with -1).
        ties: Whether numbers that the precision does not tell apart count as equal.
        discrete: The letters in which a formula is not defined between integers.
        kinks: The letters in which the two one-sided derivatives may differ.
        rounded: Whether a ceiling was left out.
    """

    def __init__(self, names: Iterable[str], integers: Iterable[str] = (), direction: int = 1) -> None:
        self.names, self.integers, self.direction, self.ties = frozenset(names), frozenset(integers), direction, False
        self.discrete: set[str] = set()
        self.kinks: set[str] = set()
        self.rounded = False
        self.ball = Ball()

    def seed(self, loaded: Mapping[Any, Any]) -> dict[Any, Any]:
        """What ``Tape.load`` made of the values, with derivative 1 (or -1) in the letters themselves."""
        one = to_ball(self.direction)
        return {n: Dual(v.value, {n: one}) if n in self.names else v for n, v in loaded.items()}

    def convert(self, value: Any) -> Dual:
        """A constant.

        Raises:
            TheoryError: An array: only numbers are differentiated.
        """
        if isinstance(value, Dual):
            return value
        if isinstance(value, np.ndarray):
            raise TheoryError("only numbers have elasticities, not vectors or matrices")
        return Dual(self.ball.convert(value), {})

    const = convert

    def _chain(self, value: Any, *parts: tuple[Dual, Callable[[], Any]]) -> Dual:
        """``value`` with slopes by the chain rule; a partial derivative is worked out only where it is needed."""
        total: dict[str, Any] = {}
        for dual, partial in parts:
            if dual.slopes:
                factor = partial()
                for name, slope in dual.slopes.items():
                    total[name] = total[name] + factor * slope if name in total else factor * slope
        return Dual(value, {n: s for n, s in total.items() if not s.is_zero()})

    def add(self, *terms: Dual) -> Dual:
        """The sum."""
        one = to_ball(1)
        return self._chain(self.ball.add(*[t.value for t in terms]), *[(t, lambda: one) for t in terms])

    add_mixed = add

    def mul(self, *factors: Dual) -> Dual:
        """The product."""

        def others(k: int) -> Any:
            return self.ball.mul(to_ball(1), *[f.value for j, f in enumerate(factors) if j != k])

        parts = [(f, functools.partial(others, k)) for k, f in enumerate(factors)]
        return self._chain(self.ball.mul(*[f.value for f in factors]), *parts)

    def div(self, a: Dual, b: Dual) -> Dual:
        """The quotient."""
        value = a.value / b.value
        return self._chain(value, (a, lambda: 1 / b.value), (b, lambda: -value / b.value))

    def sqrt(self, a: Dual) -> Dual:
        """The square root."""
        value = a.value.sqrt()
        return self._chain(value, (a, lambda: 1 / (2 * value)))

    def power(self, a: Dual, b: Dual) -> Dual:
        """``a**b``."""
        value = a.value**b.value

        def in_base() -> Any:
            return to_ball(0) if b.value.is_zero() else b.value * a.value ** (b.value - 1)

        def in_exponent() -> Any:
            return to_ball(0) if a.value.is_zero() and b.value > 0 else value * a.value.log()

        return self._chain(value, (a, in_base), (b, in_exponent))

    def exp(self, a: Dual) -> Dual:
        """The exponential."""
        value = a.value.exp()
        return self._chain(value, (a, lambda: value))

    def log(self, a: Dual) -> Dual:
        """The natural logarithm."""
        return self._chain(a.value.log(), (a, lambda: 1 / a.value))

    def log1p(self, a: Dual) -> Dual:
        """``log(1 + a)``."""
        return self._chain(a.value.log1p(), (a, lambda: 1 / (1 + a.value)))

    def erf(self, a: Dual) -> Dual:
        """The error function."""
        return self._chain(a.value.erf(), (a, lambda: 2 * (-a.value * a.value).exp() / type(a.value).pi().sqrt()))

    def factorial(self, a: Dual) -> Dual:
        """``a!``, between the integers by the gamma function."""
        value = a.value.fac()
        return self._chain(value, (a, lambda: value * (a.value + 1).digamma()))

    def lower_lambert(self, a: Dual) -> Dual:
        """``W_{-1}(a)``: ``W' = W/(a (1 + W))``."""
        value = a.value.lambertw(-1)
        return self._chain(value, (a, lambda: value / (a.value * (1 + value))))

    def ceiling(self, a: Dual) -> Dual:
        """The number itself: a ceiling is flat between its jumps."""
        self.rounded = True
        return a

    def absolute(self, a: Dual) -> Dual:
        """The absolute value."""
        return self.maximum(a, self._minus(a)) if a.slopes else Dual(abs(a.value), {})

    def _minus(self, a: Dual) -> Dual:
        return self._chain(-a.value, (a, lambda: to_ball(-1)))

    def maximum(self, *args: Dual) -> Dual:
        """The largest; where it is attained twice, the larger slope in the direction of each letter."""
        return self._best(args, lambda a, b: bool(a > b), self.ball.maximum)

    def minimum(self, *args: Dual) -> Dual:
        """The smallest; where it is attained twice, the smaller slope."""
        return self._best(args, lambda a, b: bool(a < b), self.ball.minimum)

    def _best(self, args: Sequence[Dual], beats: Callable[[Any, Any], bool], pick: Callable[..., Any]) -> Dual:
        left = [a for a in args if not any(beats(b.value, a.value) for b in args)]
        first = left[0]
        if all(a is first or (a.slopes == first.slopes and self._equal(a, first)) for a in left):
            return first
        if not (self.ties or all(self._equal(a, first) for a in left)):
            raise Undecided("two entries of a maximum are not told apart at this precision")
        names, zero = {n for a in left for n in a.slopes}, to_ball(0)
        slopes = {n: [a.slopes.get(n, zero) for a in left] for n in names}
        self.kinks |= {n for n, found in slopes.items() if any(s != found[0] for s in found)}
        return Dual(pick(*[a.value for a in left]), {n: pick(*found) for n, found in slopes.items()})

    def _equal(self, a: Dual, b: Dual) -> bool:
        return bool(a.value == b.value)

    def where(self, condition: bool, a: Dual, b: Dual) -> Dual:
        """``a`` if the condition holds, else ``b``."""
        return a if condition else b

    def truth(self, value: bool) -> bool:
        """A relation settled before any arithmetic."""
        return value

    def ge(self, a: Dual, b: Dual) -> bool:
        """``a >= b``; with equality, a kink in every letter in which the two sides part."""
        if bool(a.value < b.value):
            return False
        if not bool(a.value > b.value):
            if not (self.ties or self._equal(a, b)):
                raise Undecided("a comparison is not settled at this precision")
            self.kinks |= set(self.add(a, self._minus(b)).slopes)
        return True

    def le(self, a: Dual, b: Dual) -> bool:
        """``a <= b``."""
        return self.ge(b, a)

    def gt(self, a: Dual, b: Dual) -> bool:
        """``a > b``."""
        return not self.ge(b, a)

    def lt(self, a: Dual, b: Dual) -> bool:
        """``a < b``."""
        return not self.ge(a, b)

    def geometric(self, x: Dual, n: Dual) -> Dual:
        """``1 + x + ... + x^(n-1) = (x^n - 1)/(x - 1)``, for real n too."""
        base, count, gap = x.value, n.value, x.value - 1
        if gap.contains(0):
            if not (gap.is_zero() or self.ties):
                raise Undecided("x = 1 is not settled at this precision")
            return self._chain(count, (x, lambda: count * (count - 1) / 2), (n, lambda: to_ball(1)))
        if count.is_zero() and not n.slopes:
            return self.convert(0)
        top = base**count
        total = (top - 1) / gap

        def in_base() -> Any:  # of the quotient
            return (count * base ** (count - 1) - total) / gap if not count.is_zero() else to_ball(0)

        def in_count() -> Any:
            return to_ball(0) if base.is_zero() else top * base.log() / gap

        return self._chain(total, (x, in_base), (n, in_count))

    def bits(self, n: Dual) -> Iterator[bool]:
        """The binary digits of an integer, the highest first; n is discrete from here on."""
        self.discrete |= set(n.slopes)
        return self.ball.bits(n.value)

    def gaussian(self, *values: Any) -> Dual:
        """A mean over a standard normal variable, differentiated under the integral."""
        from flint import ctx

        *given, average = values
        letters = self.names & set(average.names)
        self.discrete |= letters & self.integers
        slopes = {n: mean_slope(average, tuple(given), n, ctx.prec) for n in sorted(letters - self.integers)}
        moving = {n: self.direction * s for n, s in slopes.items() if not s.is_zero()}
        return Dual(self.ball.gaussian(*values), moving)

    def activation(self, phi: Any, a: Dual, order: int) -> Dual:
        """The activation's derivative of an order."""
        value = self.ball.activation(phi, a.value, order)
        return self._chain(value, (a, lambda: self.ball.activation(phi, a.value, order + 1)))
