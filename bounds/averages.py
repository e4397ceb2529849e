"""Gaussian means and activations inside formulas: from a formula's letters to numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from bounds.errors import TheoryError
from bounds.forms import Phi

MAX_ORDER = 256
"""The highest power or degree under a mean that is written out: its polynomial would have as many terms."""
MOST_BITS = 1100
"""Of the numerator and the denominator of a number under a mean; floats have at most 1074."""


@dataclass(frozen=True, eq=False)
class Array:
    """A vector or matrix given as the value of one parameter, as opposed to an array of points."""

    data: np.ndarray

    def __str__(self) -> str:
        return " x ".join(map(str, self.data.shape)) + " array"


@dataclass(frozen=True)
class Average:
    """``E[body]`` over a standard normal variable, in the parameters ``names``."""

    body: sympy.Expr
    names: tuple[str, ...]

    def integrand(self, values: tuple[Any, ...]) -> sympy.Expr:
        """The body with numbers for its letters and the activation's own expression for ``Phi``."""
        return _spelt(self.body, tuple(zip(self.names, values, strict=True)))

    def value(self, values: tuple[Any, ...]) -> float:
        """The mean in float64."""
        return _value(self, values)

    def values(self, columns: tuple[Any, ...]) -> Any:
        """The means at arrays of parameters, all at once; one by one only where the quadrature cannot be trusted."""
        shapes = [c.shape for c in columns if isinstance(c, np.ndarray)]
        if not shapes:
            return np.float64(self.value(columns))
        shape = np.broadcast_shapes(*shapes)
        flat = tuple(np.broadcast_to(c, shape).ravel() if isinstance(c, np.ndarray) else c for c in columns)
        out = _quick(self, flat, int(np.prod(shape)))
        for k in np.flatnonzero(np.isnan(out)):
            out[k] = self.value(tuple(float(c[k]) if isinstance(c, np.ndarray) else c for c in flat))
        return out.reshape(shape)

    def enclosure(self, values: tuple[Any, ...], bits: int) -> Any:
        """A ball around the mean, of some ``bits`` bits."""
        from bounds.gaussian import expectation

        return expectation(self.integrand(values), certified=True, digits=max(int(0.3 * bits) - 8, 20)).ball

    def exact(self, values: tuple[Any, ...]) -> sympy.Expr | None:
        """The mean as an exact number, where a closed form is known."""
        from bounds.affine import cheap, even_part
        from bounds.moments import closed_form

        integrand = self.integrand(values)
        found = closed_form(integrand)
        return closed_form(even_part(integrand)) if found is None and cheap(integrand) else found


def exact_number(value: Any) -> Any:
    """A given value as a SymPy number: floats bit by bit; integral floats, such as indices in arrays, as integers."""
    if isinstance(value, float | np.floating):
        return sympy.Rational(*float(value).as_integer_ratio())
    if hasattr(value, "numerator") and not isinstance(value, int) and not hasattr(value, "free_symbols"):
        return sympy.Rational(int(value.numerator), int(value.denominator))
    return sympy.sympify(value)


@lru_cache(maxsize=4096)
def _spelt(body: sympy.Expr, given: tuple[tuple[str, Any], ...]) -> sympy.Expr:
    """``body`` with the activation's own expression for ``Phi``, and numbers for the letters that are given."""
    activations = {n: v for n, v in given if hasattr(v, "derivative")}
    numbers = {n: exact_number(v) for n, v in given if n not in activations}
    _check_orders({n: numbers[n] for n in _orders(body) if n in numbers})
    _check_sizes(numbers)
    body = body.xreplace({s: numbers[s.name] for s in body.free_symbols if s.name in numbers})
    return body.xreplace({f: derivative(activations[f.args[0].name], f) for f in body.atoms(Phi)}).doit()


def derivative(activation: Any, node: Phi) -> sympy.Expr:
    """The activation's own expression for a ``Phi`` node."""
    from bounds.expressions import Z

    order = int(node.args[2]) if len(node.args) > 2 else 0
    return activation.derivative(order).subs(Z, node.args[1])


@lru_cache(maxsize=4096)
def _value(average: Average, values: tuple[Any, ...]) -> float:
    from bounds.gaussian import expectation

    (quick,) = _quick(average, values, 1)
    return float(expectation(average.integrand(values)) if np.isnan(quick) else quick)


def _quick(average: Average, columns: tuple[Any, ...], size: int) -> Any:
    """The means at ``size`` points by one quadrature per distinct order; nan where it cannot be trusted."""
    from bounds.quadrature import expectations

    given = list(zip(average.names, columns, strict=True))
    activations = [(n, v) for n, v in given if hasattr(v, "derivative")]
    points = {n: v if isinstance(v, np.ndarray) else _nearest(v) for n, v in given if not hasattr(v, "derivative")}
    names = _orders(average.body)
    _check_orders({n: points[n] for n in names if not isinstance(points[n], np.ndarray)})
    orders = np.array([np.broadcast_to(points.pop(n), (size,)) for n in names]).reshape(len(names), size)
    out = np.empty(size)
    for kind in sorted(set(map(tuple, orders.T.tolist()))):
        part = np.all(orders == np.array(kind).reshape(-1, 1), axis=0)
        body = _spelt(average.body, (*activations, *zip(names, kind, strict=True)))
        found = expectations(body, {n: v[part] if isinstance(v, np.ndarray) else v for n, v in points.items()})
        out[part] = np.nan if found is None else found
    return out


def _check_orders(orders: dict[str, Any]) -> None:
    """Refuse powers and degrees that would take for ever."""
    for name, order in orders.items():
        if order > MAX_ORDER:
            shown = f"{float(order):g}" if order < 1e300 else sympy.sympify(order).evalf(4)
            raise TheoryError(f"{name} = {shown}: at most {MAX_ORDER} is evaluated under a Gaussian mean")


def _check_sizes(numbers: dict[str, Any]) -> None:
    """Refuse numbers of more digits than any float has: SymPy would look for their factors."""
    for name, x in numbers.items():
        if x.is_Rational and max(int(x.p).bit_length(), int(x.q).bit_length()) > MOST_BITS:
            raise TheoryError(f"{name} = {x.evalf(6)}: under a Gaussian mean numbers have at most {MOST_BITS} bits")


def _nearest(value: Any) -> float:
    """The float next to a number; infinite beyond the range, where no quadrature is trusted."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


@lru_cache(maxsize=256)
def _orders(body: sympy.Expr) -> tuple[str, ...]:
    """The letters that are integers in a body: exponents and degrees."""
    places = [p.exp for p in body.atoms(sympy.Pow)] + [h.args[0] for h in body.atoms(sympy.hermite_prob)]
    return tuple(sorted({s.name for place in places for s in place.free_symbols}))


@lru_cache(maxsize=256)
def compiled_derivative(activation: Any, order: int) -> Any:
    """A numpy function for the activation's derivative of an order."""
    from bounds.canonical import NUMPY, canonical
    from bounds.expressions import Z

    return sympy.lambdify(Z, canonical(activation.derivative(order)), NUMPY)
