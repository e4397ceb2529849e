"""The exponents r_1, r_2 of Theorem 3: ``tau^r_1 |phi(a)| <= |phi(tau a)| <= tau^r_2 |phi(a)|`` for 0 < tau < 1.

With the elasticity ``e(a) = a phi'(a)/phi(a)``, ``log|phi(a)/phi(tau a)|`` is the integral of ``e`` over ``log a``
from ``tau a`` to ``a``: the least r_1 is ``sup e``, the largest r_2 is ``inf e``, and tau -> 1 shows that no others do.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

INFINITE = math.inf
LARGE = 30.0
ELASTICITY: dict[str, tuple[Fraction | float, Fraction | float]] = {
    "identity": (Fraction(1), Fraction(1)),
    "relu": (Fraction(1), Fraction(1)),
    "tanh": (Fraction(1), Fraction(0)),  # 2a/sinh(2a)
    "erf": (Fraction(1), Fraction(0)),  # decreasing in |a|, from 1 to 0
    "gelu": (Fraction(1_294_529, 10**6), -INFINITE),  # 1 + a n(a)/N(a), about 1 - a^2 as a -> -oo
    "silu": (Fraction(1_278_465, 10**6), -INFINITE),  # 1 + a/(1 + e^a) >= 1 + a as a -> -oo; sup 1 + W(1/e)
    "sigmoid": (Fraction(278_465, 10**6), -INFINITE),  # a/(1 + e^a)
    "softplus": (Fraction(1), -INFINITE),  # about a as a -> -oo
    "tanh01": (Fraction(278_465, 10**6), -INFINITE),  # the sigmoid of 2a
    "sin": (INFINITE, -INFINITE),  # zero at pi
}
"""``(sup e, inf e)``; the irrational suprema rounded up in the sixth digit."""


def elasticity(phi: Any) -> tuple[Fraction | float, Fraction | float] | None:
    """``(sup e, inf e)`` of an activation, also of ``a phi(b z)``; None where none is recorded."""
    from bounds.expressions import Z

    if phi.image_of is not None:
        base, a, b = phi.image_of
        if (phi.expression - a * base.expression.subs(Z, b * Z)).expand() == 0 and b.is_positive:
            return elasticity(base)
    return ELASTICITY.get(phi.name)


def _defect(ops: Any, exponent: Any, omega_1: Any, bound: Any, low: bool) -> Any:
    """0 where the exponent is on the right side of the bound or omega_1 = 1, else 1."""
    zero, one = ops.convert(0), ops.convert(1)
    if abs(bound) == INFINITE:
        wrong = one
    else:
        limit = ops.convert(bound)
        wrong = ops.where(ops.ge(exponent, limit) if low else ops.le(exponent, limit), zero, one)
    return ops.where(ops.ge(omega_1, one), ops.where(ops.le(omega_1, one), zero, wrong), wrong)


def low_defect(ops: Any, omega_1: Any, r_1: Any, activation: Any) -> Any:
    """Whether r_1 is too small for the activation: the algorithm of ``scaling_low``."""
    return _defect(ops, r_1, omega_1, _known(activation, omega_1, r_1)[0], True)


def high_defect(ops: Any, omega_1: Any, r_2: Any, activation: Any) -> Any:
    """Whether r_2 is too large for the activation: the algorithm of ``scaling_high``."""
    return _defect(ops, r_2, omega_1, _known(activation, omega_1, r_2)[1], False)


def missing(ops: Any, omega_1: Any, activation: Any) -> Any:
    """Whether there are no exponents at all: the algorithm of ``scaling_missing``."""
    bad = any(abs(bound) == INFINITE for bound in _known(activation, omega_1))
    return _defect(ops, omega_1, omega_1, INFINITE if bad else 0, True)


def _known(activation: Any, *values: Any) -> tuple[Any, Any]:
    """``(sup e, inf e)``: recorded, or estimated on arrays of values; at a point an estimate decides nothing."""
    from bounds.arithmetic.ball import Undecided

    found = elasticity(activation)
    if found is None and not any(np.ndim(v) for v in values):
        raise Undecided(f"undefined: no exponents r_1, r_2 are recorded for {activation.name}")
    return estimate(activation) if found is None else found


def estimate(phi: Any) -> tuple[float, float]:
    """``(sup e, inf e)`` over a grid of both half-lines; infinite where e grows beyond 30."""
    from bounds.averages import compiled_derivative

    half = np.geomspace(1e-3, 40, 4001)
    a = np.concatenate([-half, half])
    with np.errstate(all="ignore"):
        value = a * compiled_derivative(phi, 1)(a) / compiled_derivative(phi, 0)(a)
    value = value[np.isfinite(value)]
    top, low = float(value.max(initial=-math.inf)), float(value.min(initial=math.inf))
    return top if abs(top) < LARGE else INFINITE, low if abs(low) < LARGE else -INFINITE
