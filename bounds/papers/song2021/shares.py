"""Certified ``c_i^2/i!`` of an activation for all i below a count at once: one Gauss-Legendre rule for all degrees.

On a panel of half-width l around x, m points err by at most ``l (64/15) M R^(-2(m-1))/(1 - R^-2)`` (Trefethen,
Approximation Theory, Theorem 19.3), M the maximum of the integrand on the Bernstein ellipse of semi-axes
``l (R +- 1/R)/2``. There |phi| is bounded by a ball, ``exp(-z^2/2)`` by its modulus, and the orthonormal Hermite
polynomials by Mehler's formula: ``r^i |h_i(x + iy)|^2 <= (1 - r^2)^(-1/2) exp(r x^2/(1 + r) + r y^2/(1 - r))`` for
every 0 < r < 1. Beyond the last panel, Cauchy-Schwarz and ``|phi(z)| <= |phi(0)| + sup|phi'| |z|``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

from bounds.errors import TheoryError

REACH = 20
POINTS = 28
RATIO = 4.0
"""R: the semi-axes are 17/8 l and 15/8 l."""
NARROWEST = 2.0**-8
ROUNDED = 1e-6
"""Added to logarithms computed in float64."""


@functools.lru_cache(maxsize=32)
def shares(phi: Any, count: int) -> tuple[Any, ...]:
    """Balls around ``c_i^2/i!``, i < count.

    Args:
        phi: The activation, with ``sup|phi'|`` finite.
        count: How many.

    Raises:
        TheoryError: The slope is unbounded, or a singularity is too close to the real line.
    """
    from flint import acb, arb

    from bounds.arb_eval import compiled
    from bounds.ball import precision
    from bounds.canonical import canonical

    with precision(128 + count):
        value = compiled(canonical(phi.expression))
        slope = phi.sup(1).enclosure.hi
        rule = [arb.legendre_p_root(POINTS, k, weight=True) for k in range(POINTS)]
        sums, error = [arb(0)] * count, [0.0] * count
        for centre, half, top in _panels(lambda z: value(z, True), acb, arb):
            for node, weight in rule:
                z = centre + half * node
                mass = value(z) * (-z * z / 2).exp() * weight * half / (2 * arb.pi()).sqrt()
                _accumulate(sums, z, mass)
            for i in range(count):
                error[i] += _panel_error(i, abs(centre), half, top)
        tail = _tail(abs(float(phi.phi0)) + slope)
        balls = (s + arb(0, 1) * arb((e + tail) * 1.001) for s, e in zip(sums, error, strict=True))
        return tuple(c * c for c in balls)


def _panels(value: Any, acb: Any, arb: Any) -> Iterator[tuple[float, float, float]]:
    """(centre, half-width, bound of |phi| on the ellipse), halved until the ellipse keeps clear of singularities."""
    todo = [(-REACH + 1.0 + 2 * k, 1.0) for k in range(REACH)]
    while todo:
        centre, half = todo.pop()
        wide, high = half * (RATIO + 1 / RATIO) / 2, half * (RATIO - 1 / RATIO) / 2
        ball = value(acb(arb(centre, wide), arb(0, high)))
        top = float(ball.abs_upper()) if ball.is_finite() else math.inf
        if top < 1e6 and half <= 0.5:
            yield centre, half, top
        elif half < NARROWEST:
            raise TheoryError("a singularity is too close to the real line for certified Hermite coefficients")
        else:
            todo += [(centre - half / 2, half / 2), (centre + half / 2, half / 2)]


def _accumulate(sums: list[Any], z: Any, mass: Any) -> None:
    """Add ``mass h_i(z)`` to the i-th sum, by the three-term recursion."""
    before, here = mass * 0, mass
    for i in range(len(sums)):
        sums[i] = sums[i] + here
        before, here = here, (z * here - _root(i) * before) / _root(i + 1)


@functools.lru_cache(maxsize=1024)
def _root_at(i: int, _bits: int) -> Any:
    from flint import arb

    return arb(i).sqrt()


def _root(i: int) -> Any:
    from flint import ctx

    return _root_at(i, ctx.prec)


def _panel_error(i: int, centre: float, half: float, top: float) -> float:
    wide, high = half * (RATIO + 1 / RATIO) / 2, half * (RATIO - 1 / RATIO) / 2
    r = 1 - min(0.5, high / math.sqrt(i + 1))
    far, near = centre + wide, max(centre - wide, 0.0)
    hermite = (r * far**2 / (1 + r) + r * high**2 / (1 - r) - math.log(1 - r * r) / 2 - i * math.log(r)) / 2
    normal = (high**2 - near**2) / 2 - math.log(2 * math.pi) / 2
    rule = math.log(half * 64 / 15 / (1 - RATIO**-2)) - 2 * (POINTS - 1) * math.log(RATIO)
    return math.exp(hermite + normal + rule + math.log(max(top, 1e-300)) + ROUNDED)


def _tail(growth: float) -> float:
    """``sqrt(2 int_T^oo (growth z)^2 n(z) dz)``, at least the part of a coefficient beyond T = REACH >= 1."""
    log = 2 * math.log(growth) + math.log(2 * (REACH + 1 / REACH)) - REACH**2 / 2 - math.log(2 * math.pi) / 2
    return math.exp(log / 2 + ROUNDED)
