"""Gaussian means at many values of their parameters at once: one compiled integrand, one array of points by nodes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from bounds.affine import cheap, even_part, parity
from bounds.canonical import NUMPY, canonical
from bounds.expressions import Z
from bounds.moments import closed_form

REACH = 16
"""Half-width of the interval of integration: the normal density is 1e-56 there."""
FINEST = 2.0**-12
CANCELLATION = 2.0**-6
"""A mean below this fraction of the mean size loses digits: it is left to a more careful method."""
BLOCK = 1 << 18
"""Values of the integrand at a time: a few arrays of this size stay in the second-level cache."""
_KINKED = (sympy.Max, sympy.Min, sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Piecewise)
_PLACES = np.array([-6.0, -3.0, 0.0, 3.0, 6.0])


@dataclass(frozen=True)
class Integrand:
    """A compiled integrand.

    Attributes:
        names: The parameters it takes after ``Z``.
        value: ``value(z, *parameters)``, on arrays that broadcast; None where the mean is 0 by symmetry, whatever
        they are. slopes: The slopes in ``z`` of what its functions are applied to: how fast it can vary.
    """

    names: tuple[str, ...]
    value: Callable[..., Any] | None
    slopes: tuple[Callable[..., Any], ...] = ()


@functools.lru_cache(maxsize=256)
def integrand(body: sympy.Expr) -> Integrand | None:
    """``body`` compiled for arrays; None for one with kinks, on which the trapezoidal rule converges slowly.

    Args:
        body: A SymPy expression in ``Z`` and parameters; integer orders and degrees are numbers in it.
    """
    form = canonical(body)
    if form.has(*_KINKED):
        return None
    symbols = sorted(form.free_symbols - {Z}, key=str)
    names = tuple(s.name for s in symbols)
    if parity(form) == "odd" or (cheap(form) and closed_form(even_part(form)) == 0):
        return Integrand(names, None)
    singular = [p.base for p in form.atoms(sympy.Pow) if not (p.exp.is_Integer and p.exp > 0)]
    slopes = {_slope(f.args[0], f.func) for f in form.atoms(sympy.Function)} | {_slope(u, sympy.log) for u in singular}

    def compiled(expression: sympy.Expr) -> Any:
        return sympy.lambdify([Z, *symbols], expression, NUMPY)

    return Integrand(names, compiled(form), tuple(compiled(s) for s in slopes - {sympy.S.Zero}))


def _slope(u: sympy.Expr, function: Any) -> sympy.Expr:
    """How fast ``function(u)`` varies: the slope of ``u``, or of a quadratic ``u`` the inverse of a length.

    ``exp(-a z^2)`` has the width ``1/sqrt(2 a)``, and a logarithm or a root of ``a z^2 + b z + c`` its singularities
    at the distance ``sqrt(4 a c - b^2)/(2 a)`` from the real line: nan when they lie on it.
    """
    if function in (sympy.exp, sympy.log) and u.is_polynomial(Z) and sympy.degree(u, Z) == 2:
        a, b, c = sympy.Poly(u, Z).all_coeffs()
        return sympy.sqrt(2 * abs(a)) if function == sympy.exp else 2 * abs(a) / sympy.sqrt(4 * a * c - b**2)
    return sympy.diff(u, Z)


def expectations(body: sympy.Expr, values: Mapping[str, Any]) -> np.ndarray | None:
    """``E[body]`` over ``Z ~ N(0, 1)`` at arrays of parameters, by the trapezoidal rule on the real line.

    The rule's error falls geometrically for an analytic integrand. The step starts below the inverse of the steepest
    inner function and is halved until every point has settled to rounding; the coarser rule is every other node of
    the finer.

    Args:
        body: A SymPy expression in ``Z`` and the names of ``values``.
        values: Name -> float or (points,) float64 array.

    Returns:
        (points,) float64, of relative error about 1e-14 (1e-13 where terms cancel); nan where they cancel by more than
        that or the rule does not settle (a careful method is then needed). None when the body has kinks.

    Example:
        >>> s = sympy.Symbol("s", positive=True)
        >>> expectations(sympy.cos(s * Z), {"s": np.array([1.0, 2.0])})  # exp(-s^2/2)
        array([0.60653066, 0.13533528])
    """
    found = integrand(body)
    if found is None:
        return None
    shape = np.broadcast_shapes((1,), *[np.shape(v) for v in values.values()])
    if found.value is None:
        return np.zeros(shape)
    columns = [np.broadcast_to(np.asarray(values[n], dtype=np.float64), shape) for n in found.names]
    out = np.full(shape, np.nan)
    with np.errstate(all="ignore"):
        steps = _first_steps(found, columns, shape)
        while (open_ := np.flatnonzero(np.isnan(out) & (steps >= FINEST))).size:
            finest = np.max(steps[open_])
            part = open_[steps[open_] == finest]
            part = part[: max(1, int(BLOCK * finest / (2 * REACH)))]
            settled = _trapezoid(found.value, [c[part, None] for c in columns], float(finest))
            out[part] = settled
            steps[part] = np.where(np.isnan(settled), finest / 2, 0.0)
    return np.where(np.isinf(out), np.nan, out)


def _first_steps(found: Integrand, columns: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """For each point a power of 2, at most 1/16, so that twice it still resolves the steepest inner function."""
    steep = np.ones(shape)
    for slope in found.slopes:
        at_places = np.abs(slope(_PLACES, *[c[:, None] for c in columns])) * np.ones((*shape, 1))
        steep = np.maximum(steep, at_places.max(axis=-1))
    return np.where(np.isfinite(steep), np.minimum(0.0625, 2.0 ** (-np.ceil(np.log2(steep)) - 3)), 0.0)


def _trapezoid(value_at: Callable[..., Any], columns: list[np.ndarray], step: float) -> np.ndarray:
    """The rule at a step: nan where it differs from the rule at twice the step, ``inf`` where the terms cancel."""
    count = int(REACH / step)
    z = step * np.arange(-count, count + 1)
    weight = np.exp(-z * z / 2) * (step / np.sqrt(2 * np.pi))
    terms = value_at(z, *columns) * weight * np.ones((len(columns[0]) if columns else 1, 1))
    value, size = terms.sum(axis=-1), np.abs(terms).sum(axis=-1)
    coarse = 2 * terms[:, ::2].sum(axis=-1)
    ends = np.maximum(np.abs(terms[:, 0]), np.abs(terms[:, -1]))
    settled = (np.abs(value - coarse) <= 4e-15 * size) & (ends <= 1e-20 * size) & np.isfinite(size)
    cancels = (np.abs(value) < CANCELLATION * size) | ~np.isfinite(size)
    return np.where(settled & ~cancels, value, np.where(settled | ~np.isfinite(size), np.inf, np.nan))
