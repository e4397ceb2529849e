"""Gaussian means and activations inside formulas: from a formula's letters to numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from bounds.forms import Phi


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
        return _integrand(self, values)

    def value(self, values: tuple[Any, ...]) -> float:
        """The mean in float64."""
        return _value(self, values)

    def values(self, columns: tuple[Any, ...]) -> Any:
        """The means at arrays of parameters, each distinct point once."""
        shapes = [c.shape for c in columns if isinstance(c, np.ndarray)]
        if not shapes:
            return np.float64(self.value(columns))
        shape = np.broadcast_shapes(*shapes)
        flat = [np.broadcast_to(c, shape).ravel() if isinstance(c, np.ndarray) else c for c in columns]
        axes = [k for k, c in enumerate(flat) if isinstance(c, np.ndarray)]
        points, places = np.unique(np.stack([flat[k] for k in axes], axis=1), axis=0, return_inverse=True)
        found = []
        for point in points:
            at = list(flat)
            for k, v in zip(axes, point, strict=True):
                at[k] = float(v)
            found.append(self.value(tuple(at)))
        return np.array(found)[places.ravel()].reshape(shape)

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
def _integrand(average: Average, values: tuple[Any, ...]) -> sympy.Expr:
    given = dict(zip(average.names, values, strict=True))
    activations = {n: v for n, v in given.items() if hasattr(v, "derivative")}
    numbers = {
        s: exact_number(given[s.name]) for s in average.body.free_symbols if s.name in given.keys() - activations
    }
    body = average.body.xreplace(numbers)
    spelt = {f: derivative(activations[f.args[0].name], f) for f in body.atoms(Phi)}
    return body.xreplace(spelt).doit()


def derivative(activation: Any, node: Phi) -> sympy.Expr:
    """The activation's own expression for a ``Phi`` node."""
    from bounds.expressions import Z

    order = int(node.args[2]) if len(node.args) > 2 else 0
    return activation.derivative(order).subs(Z, node.args[1])


@lru_cache(maxsize=4096)
def _value(average: Average, values: tuple[Any, ...]) -> float:
    from bounds.gaussian import expectation

    return float(expectation(average.integrand(values)))


@lru_cache(maxsize=256)
def compiled_derivative(activation: Any, order: int) -> Any:
    """A numpy function for the activation's derivative of an order."""
    from bounds.canonical import canonical
    from bounds.expressions import Z

    softplus = {"Softplus": lambda u: np.logaddexp(0, u)}
    return sympy.lambdify(Z, canonical(activation.derivative(order)), [softplus, "scipy", "numpy"])
