"""Arithmetic of functions near infinity: a polynomial plus a remainder with a proved bound.

A ``Tail`` stands for all ``f`` with ``|f(t) - P(t)| <= r t^p exp(-q t)`` for every ``t >= start``. It turns
statements such as "z sigmoid'(z) is below 1e-100 for z >= 256", or "f' is unbounded", into checked arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from bounds.errors import TheoryError
from bounds.remainders import Rest, added, exactly, peak, product, raised, total

if TYPE_CHECKING:
    from flint import arb

_MAX_DEGREE = 64


@dataclass(frozen=True)
class Tail:
    """A function of ``t >= start`` known up to a remainder.

    Attributes:
        poly: Coefficients of ``P``, constant first, rational or balls; no trailing exact zero.
        rest: The remainder's bound, or None when the function is exactly ``P``.
        start: Where the bound begins, at least 1.
    """

    poly: tuple[Any, ...]
    rest: Rest | None
    start: int

    @property
    def degree(self) -> int:
        """The degree of ``P``; -1 for the zero polynomial."""
        return len(self.poly) - 1

    def limit(self) -> arb:
        """The constant term, which is the limit at infinity when ``degree <= 0`` and ``decays()``."""
        from flint import arb

        return arb(self.poly[0]) if self.poly else arb(0)

    def decays(self, degree: int = 0) -> bool:
        """Whether the remainder is ``o(t^degree)``."""
        return self.rest is None or bool(self.rest[2] > 0) or self.rest[1] < degree

    def bound(self, degree: int = 0) -> arb:
        """The least ``C`` this arithmetic proves in ``|f(t)| <= C t^degree`` for ``t >= start``.

        Raises:
            TheoryError: When ``f`` may grow faster.

        Example:
            >>> float((variable(16) * variable(16) + 256).bound(2))  # t^2 + 256 <= 2 t^2
            2.0
        """
        from flint import arb

        if self.degree > degree:
            raise TheoryError("it grows faster than is allowed")
        size = total(abs(arb(c)) * raised(self.start, i - degree) for i, c in enumerate(self.poly))
        return (size + self._rest_over(degree)).upper()

    def _rest_over(self, degree: int) -> arb:
        """An upper bound of remainder/t^degree."""
        from flint import arb

        if self.rest is None:
            return arb(0)
        r, p, q = self.rest
        return r * peak(p - degree, q, self.start)

    def _floor(self) -> arb:
        """The greatest ``b`` proved in ``|f(t)| >= b t^degree``."""
        from flint import arb

        d = self.degree
        lower = total(abs(arb(c)) * raised(self.start, i - d) for i, c in enumerate(self.poly[:-1]))
        floor = (abs(arb(self.poly[-1])) - lower - self._rest_over(d)).lower()
        if not floor > 0:
            raise TheoryError(f"its growth is not settled at {self.start}")
        return floor

    def _rate(self) -> arb:
        """``k`` with ``|f(t)| >= k t``, for a growing ``f``."""
        return (self._floor() * raised(self.start, self.degree - 1)).lower()

    def __add__(self, other: Any) -> Tail:
        other = self._lift(other)
        short, long = sorted((self.poly, other.poly), key=len)
        poly = tuple(c + (short[i] if i < len(short) else 0) for i, c in enumerate(long))
        return self._make(poly, added(self.rest, other.rest, self.start))

    __radd__ = __add__

    def __mul__(self, other: Any) -> Tail:
        from flint import fmpq

        other = self._lift(other)
        terms: list[Any] = [fmpq(0)] * (self.degree + other.degree + 1 if self.poly and other.poly else 0)
        for i, a in enumerate(self.poly):
            for j, b in enumerate(other.poly):
                terms[i + j] = terms[i + j] + a * b
        if len(terms) > _MAX_DEGREE:
            raise TheoryError(f"it grows with a power above {_MAX_DEGREE}")
        rest = added(product(self._poly_size(), other.rest), product(other._poly_size(), self.rest), self.start)
        return self._make(tuple(terms), added(rest, product(self.rest, other.rest), self.start))

    __rmul__ = __mul__

    def _poly_size(self) -> Rest | None:
        from flint import arb

        if not self.poly:
            return None
        return Tail(self.poly, None, self.start).bound(self.degree), Fraction(self.degree), arb(0)

    def power(self, exponent: Any) -> Tail:
        """``f**exponent`` for a rational exponent; a fractional power needs a positive ``f``."""
        from flint import arb, fmpq

        from bounds.arb_eval import power

        number = Fraction(int(exponent.p), int(exponent.q))
        if number.denominator == 1 and number > 0:
            result = self
            for _ in range(int(number) - 1):
                result = result * self
            return result
        if self.degree <= 0:
            ball = arb(fmpq(number.numerator, number.denominator))
            return self._near(lambda x: power(x, exponent), lambda x: ball * power(x, exponent) / x)
        if number.denominator > 1 and not self.poly[-1] > 0:
            raise TheoryError("it takes a root of a negative number")
        scale = self._floor() if number < 0 else self.bound(self.degree)
        return self._make((), (raised(scale, number).upper(), self.degree * number, arb(0)))

    def __getattr__(self, name: str) -> Callable[[], Tail]:
        if name not in _SLOPES:
            raise AttributeError(name)
        return lambda: self._call(name)

    def _call(self, name: str) -> Tail:
        from bounds.arb_eval import apply

        if self.degree <= 0:
            return self._near(lambda x: apply(name, x), _SLOPES[name])
        return self._far(name, 1 if self.poly[-1] > 0 else -1)

    def _near(self, value: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Tail:
        """Mean value theorem around the limit: ``|g(c + e) - g(c)| <= sup|g'| |e|``."""
        from flint import arb

        centre = self.limit()
        width = self._rest_over(0)
        steep = abs(slope(centre + arb(0, 1) * width)).upper() if self.rest else arb(0)
        if not (steep.is_finite() and value(centre).is_finite()):
            raise TheoryError("it is not defined near infinity")
        return self._make((exactly(value(centre)),), product((steep, Fraction(0), arb(0)), self.rest))

    def _far(self, name: str, sign: int) -> Tail:
        """``g(f)`` for a growing ``f``, with ``|f| >= k t``: the limit of ``g`` and how fast it is reached."""
        from flint import arb, fmpq

        k, zero = self._rate(), Fraction(0)
        if name == "tanh":  # 1 - tanh x <= 2 exp(-2x)
            return self._make((fmpq(sign),), (arb(2), zero, 2 * k))
        if name in ("erf", "erfc"):  # erfc x <= exp(-x^2) <= exp(1/4 - x)
            return self._make((fmpq(sign if name == "erf" else 1 - sign),), (arb(2), zero, k))
        if name == "sech":
            return self._make((), (arb(2), zero, k))
        if name in ("sin", "cos"):
            return self._make((), (arb(1), zero, arb(0)))
        if name == "atan":  # pi/2 - atan x <= 1/x
            return self._make((sign * arb.pi() / 2,), ((1 / self._floor()).upper(), Fraction(-self.degree), arb(0)))
        if name == "softplus" and sign > 0:  # log(1+e^x) = x + log(1+e^-x), and log(1+y) <= y
            return self + Tail((), (arb(1), zero, k), self.start)
        if name in ("exp", "softplus") and sign < 0:
            return self._make((), (arb(1), zero, k))
        if name == "log" and sign > 0 and self._floor() * self.start >= 1:  # 0 <= log x <= 2 sqrt(x) for x >= 1
            return self._make((), (2 * self.bound(self.degree).sqrt().upper(), Fraction(self.degree, 2), arb(0)))
        raise TheoryError(f"{name} is applied to something that grows (tanh, sigmoid, softplus, silu are understood)")

    def _lift(self, other: Any) -> Tail:
        return other if isinstance(other, Tail) else self._make((other,), None)

    def _make(self, poly: tuple[Any, ...], rest: Rest | None) -> Tail:
        while poly and poly[-1] == 0:
            poly = poly[:-1]
        return Tail(poly, rest, self.start)


def variable(start: int, scale: Any = 1) -> Tail:
    """The function ``scale * t`` for ``t >= start``; a negative scale reaches the left tail.

    Args:
        start: Where the tail begins, at least 1.
        scale: A number or ball, not zero.

    Returns:
        The tail to feed to ``arb_eval.compiled``.

    Example:
        >>> bool(variable(64).tanh().limit() == 1)
        True
    """
    from flint import fmpq

    return Tail((fmpq(0), fmpq(1) * scale), None, start)


_SLOPES: dict[str, Callable[[Any], Any]] = {
    "exp": lambda x: x.exp(),
    "log": lambda x: 1 / x,
    "tanh": lambda x: type(x)(1),
    "softplus": lambda x: type(x)(1),
    "erf": lambda x: type(x)(2),  # 2/sqrt(pi) < 2
    "erfc": lambda x: type(x)(2),
    "sin": lambda x: type(x)(1),
    "cos": lambda x: type(x)(1),
    "atan": lambda x: type(x)(1),
    "sech": lambda x: type(x)(1),
    "sinh": lambda x: x.cosh(),
    "cosh": lambda x: x.sinh(),
}
"""Bounds of the derivative, on a ball, of each function that a tail can pass through."""
