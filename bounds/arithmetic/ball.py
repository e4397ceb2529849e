"""Ball arithmetic by python-flint: every result encloses the exact value. Scalars only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bounds.arithmetic.operators import Scalars
from bounds.ball import to_ball
from bounds.errors import TheoryError


class Undecided(TheoryError):
    """A comparison whose answer the working precision does not settle."""


class Ball(Scalars):
    """Balls; see ``bounds.arithmetic``. Comparisons raise ``Undecided`` when the balls overlap."""

    def convert(self, value: Any) -> Any:
        """A ball around the value: exact for int and float, enclosing for exact constants and suprema."""
        exact = getattr(value, "exact", None)
        if exact is not None:
            value = exact
        if hasattr(value, "enclosure"):
            return value.enclosure.ball
        if getattr(value, "is_Rational", True):
            return to_ball(value)
        from bounds.arb_eval import exact_ball

        return exact_ball(value)

    const = convert

    def sqrt(self, a: Any) -> Any:
        """The square root."""
        return a.sqrt()

    def power(self, a: Any, b: Any) -> Any:
        """``a**b``."""
        return a**b

    def exp(self, a: Any) -> Any:
        """The exponential."""
        return a.exp()

    def log(self, a: Any) -> Any:
        """The natural logarithm."""
        return a.log()

    def log1p(self, a: Any) -> Any:
        """``log(1 + a)``."""
        return a.log1p()

    def maximum(self, *args: Any) -> Any:
        """The largest."""
        top = args[0]
        for a in args[1:]:
            top = top.max(a)
        return top

    def minimum(self, *args: Any) -> Any:
        """The smallest."""
        low = args[0]
        for a in args[1:]:
            low = low.min(a)
        return low

    def ceiling(self, a: Any) -> Any:
        """The least integer above (a ball of two integers where it is not settled)."""
        return a.ceil()

    def _decide(self, yes: bool, no: bool, a: Any, b: Any) -> bool:
        if yes == no:
            raise Undecided(f"{a.str(12)} against {b.str(12)} is not settled at this precision")
        return yes

    def gt(self, a: Any, b: Any) -> bool:
        """``a > b``, proved or refuted."""
        return self._decide(bool(a > b), bool(a <= b), a, b)

    def ge(self, a: Any, b: Any) -> bool:
        """``a >= b``, proved or refuted."""
        return self._decide(bool(a >= b), bool(a < b), a, b)

    def lt(self, a: Any, b: Any) -> bool:
        """``a < b``, proved or refuted."""
        return self.gt(b, a)

    def le(self, a: Any, b: Any) -> bool:
        """``a <= b``, proved or refuted."""
        return self.ge(b, a)

    def geometric(self, x: Any, n: Any) -> Any:
        """``1 + x + ... + x^(n-1)``: the quotient away from 1, doubling of all-positive sums near it."""
        if not x.overlaps(to_ball(1)) and not (abs(x - 1) < to_ball(2) ** -40):
            return (x**n - 1) / (x - 1)
        total, power = to_ball(0), to_ball(1)
        for bit in self.bits(n):
            total, power = total * (1 + power), power * power
            if bit:
                total, power = total * x + 1, power * x
        return total

    def bits(self, n: Any) -> Iterator[bool]:
        """The binary digits of an exact integer, the highest first."""
        whole = n.unique_fmpz()
        if whole is None:
            raise Undecided(f"{n.str(12)} is not one integer")
        for digit in bin(int(whole))[2:] if whole > 0 else "":
            yield digit == "1"

    def erf(self, a: Any) -> Any:
        """The error function."""
        return a.erf()

    def factorial(self, a: Any) -> Any:
        """``a!``."""
        return a.fac()

    def lower_lambert(self, a: Any) -> Any:
        """``W_{-1}(a)``."""
        return a.lambertw(-1)

    def gaussian(self, *values: Any) -> Any:
        """A mean over a standard normal variable, of given values."""
        from flint import ctx

        *given, average = values
        return average.enclosure(tuple(given), ctx.prec)

    def activation(self, phi: Any, a: Any, order: int) -> Any:
        """The activation's derivative of an order."""
        from bounds.arb_eval import compiled
        from bounds.canonical import canonical

        return compiled(canonical(phi.derivative(order)))(a)
