"""Derivatives of Gaussian means ``E[body]`` in the letters of their body."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from bounds.averages import Average, exact_number
from bounds.errors import TheoryError

SHIFT = 40
"""Differences, where they are needed, are taken at a distance of 2^-SHIFT."""


@lru_cache(maxsize=512)
def mean_slope(average: Average, values: tuple[Any, ...], name: str, bits: int) -> Any:
    """A ball around the derivative of a mean in a letter.

    Differentiated under the integral; where the derivative of the integrand has no enclosure (the activation has a
    kink), by central differences, whose ball is an estimate: its radius is the change from twice the distance.

    Args:
        average: The mean.
        values: The values of its letters, as they were given.
        name: The letter.
        bits: The precision wanted.
    """
    from bounds.gaussian import expectation

    place = average.names.index(name)
    letter = next(s for s in average.body.free_symbols if s.name == name)
    at = exact_number(values[place])
    digits = max(int(0.3 * bits) - 8, 20)
    try:
        body = average.integrand((*values[:place], letter, *values[place + 1 :]))
        integrand = sympy.diff(body, letter).xreplace({letter: at})
        if integrand.has(sympy.DiracDelta, sympy.Derivative, sympy.Subs, sympy.nan, sympy.zoo):
            raise TheoryError("the integrand has a kink")
        return expectation(integrand, certified=True, digits=digits).ball
    except TheoryError:
        return _difference(average, values, place, at)


def _difference(average: Average, values: tuple[Any, ...], place: int, at: Any) -> Any:
    from flint import arb

    from bounds.arb_eval import exact_ball
    from bounds.ball import precision

    def at_distance(step: Any) -> Any:
        high, low = (
            average.enclosure((*values[:place], at + sign * step, *values[place + 1 :]), 400) for sign in (1, -1)
        )
        return (high - low) / (2 * exact_ball(step))

    step = (abs(at) or sympy.S.One) * sympy.Rational(1, 2**SHIFT)
    with precision(400):
        wide, near = at_distance(step), at_distance(step / 2)
        found = (4 * near - wide) / 3
        return found if found == wide else found + arb(0, 1) * abs(near - wide).upper()
