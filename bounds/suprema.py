"""Suprema over the real line of the derivatives of an activation: exact where known, certified otherwise."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy

from bounds.affine import differentiated
from bounds.arb_eval import compiled, exact_ball
from bounds.ball import PRECISION, precision
from bounds.canonical import canonical
from bounds.errors import TheoryError
from bounds.expressions import Z

if TYPE_CHECKING:
    from flint import arb

    from bounds.enclosure import Enclosure

BITS = 192
"""Working precision of the search."""


@dataclass(frozen=True)
class Supremum:
    """``sup |phi^(k)|`` over the real line.

    Attributes:
        activation: The name of phi.
        order: The number ``k`` of derivatives.
        expression: ``phi^(k)`` in ``Z``, up to ``factor`` and an affine change of variable.
        exact: The exact SymPy number, or None when no closed form is known.
        factor: The supremum is ``factor * sup |expression|``; not 1 for a rescaled built-in without closed form.
    """

    activation: str
    order: int
    expression: sympy.Expr
    exact: sympy.Expr | None = None
    factor: sympy.Expr = sympy.S.One

    def scaled(self, activation: str, factor: sympy.Expr) -> Supremum:
        """This supremum times the positive number ``factor``, for the activation of that name."""
        exact = None if self.exact is None else self.exact * factor
        return Supremum(activation, self.order, self.expression, exact, self.factor * factor)

    @property
    def enclosure(self) -> Enclosure:
        """The certified enclosure, of relative width below 1e-25 (exactly 0 when the supremum is 0).

        Raises:
            TheoryError: When the supremum is infinite, or cannot be certified; the message says why.
        """
        from bounds.enclosure import Enclosure
        from bounds.search import UnboundedError

        if self.exact is not None:
            return Enclosure(_exact(self.exact))
        try:
            return Enclosure(self._certified())
        except UnboundedError as reason:
            raise UnboundedError(f"{self} is infinite: {reason}.") from None
        except TheoryError as reason:
            raise TheoryError(f"{self} is not certified: {reason}.") from None

    @property
    def is_infinite(self) -> bool:
        """Whether the supremum is proved infinite (``enclosure`` then raises, with the growth as the reason).

        Raises:
            TheoryError: When neither a bound nor its absence can be certified.
        """
        from bounds.search import UnboundedError

        try:
            return not self.enclosure.ball.is_finite()
        except UnboundedError:
            return True

    def _certified(self) -> arb:
        with precision(BITS):
            return exact_ball(self.factor) * certified_supremum(self.expression)

    def __float__(self) -> float:
        return _nearest(self.exact) if self.exact is not None else float(self.enclosure)

    def __str__(self) -> str:
        return f"sup|phi{chr(39) * self.order}| of {self.activation}"


@functools.lru_cache(maxsize=256)
def _nearest(number: sympy.Expr) -> float:
    return float(number)


@functools.lru_cache(maxsize=256)
def _exact(number: sympy.Expr) -> arb:
    with precision(PRECISION):
        return exact_ball(number)


def certified_supremum(expression: sympy.Expr) -> arb:
    """A ball around ``sup |expression|`` over all real ``Z``, of relative width below 1e-25.

    A half-line is bounded by asymptotic arithmetic (``bounds.tails``), the rest by bisection with three prunings:
    Taylor enclosures of order 2 below the best value found, monotone boxes (the maximum is at an end), and boxes
    where the second derivative has one sign (the one critical point is enclosed by interval Newton steps).

    Args:
        expression: A smooth SymPy expression in ``Z``.

    Returns:
        The enclosing ``flint.arb``.

    Raises:
        UnboundedError: When the function is proved unbounded.
        TheoryError: When the tails cannot be bounded, or the budget of boxes ends first.

    Example:
        >>> float(certified_supremum(Z * sympy.exp(-(Z**2) / 2)))  # exp(-1/2), at Z = 1
        0.60653065971263...
    """
    return _certified(canonical(expression))


@functools.lru_cache(maxsize=128)
def _certified(expression: sympy.Expr) -> arb:
    from bounds.search import Search

    with precision(BITS):
        if not expression.has(Z):
            return abs(compiled(expression)(None))
        f, f1, f2 = (compiled(_tidied(differentiated(expression, k))) for k in (0, 1, 2))
        search = Search(f, f1, f2)
        period = _period(expression)
        if period is None:
            search.cover_line()
        else:
            search.cover_period(period)
        return search.result()


def _tidied(expression: sympy.Expr) -> sympy.Expr:
    """Algebraic functions factored: ``1/w - z**2/w**3`` cancels in the tails, ``1/w**3`` does not."""
    return sympy.factor(expression) if expression.is_algebraic_expr(Z) else expression


def _period(expression: sympy.Expr) -> sympy.Expr | None:
    """A period when ``Z`` only occurs in sines and cosines of commensurable frequencies, else None."""
    waves = [wave for wave in sorted(expression.atoms(sympy.sin, sympy.cos), key=str) if wave.has(Z)]
    frequencies = [sympy.diff(wave.args[0], Z) for wave in waves]
    outside = expression.subs({wave: sympy.Dummy() for wave in waves})
    if outside.has(Z) or any(frequency.has(Z) for frequency in frequencies):
        return None
    ratios = [frequency / frequencies[0] for frequency in frequencies]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    return 2 * sympy.pi * sympy.ilcm(1, *[ratio.q for ratio in ratios]) / frequencies[0]
