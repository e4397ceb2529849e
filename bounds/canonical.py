"""One form for the activations that people write in many: by tanh, softplus and sech, which do not overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy


class Softplus(sympy.Function):
    """``log(1 + exp(u))`` as one node, so that it neither overflows nor hides its linear growth."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The logistic function, by ``tanh``."""
        return (1 + sympy.tanh(self.args[0] / 2)) / 2

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return sympy.log(1 + sympy.exp(self.args[0]))._eval_evalf(prec)


NUMPY: tuple[Any, ...] = ({"Softplus": lambda u: np.logaddexp(0, u)}, "scipy", "numpy")
"""Where ``sympy.lambdify`` finds the functions of a canonical expression."""


def canonical(expression: sympy.Expr) -> sympy.Expr:
    """The same function, written without the exponentials that overflow in the tails.

    ``1/(1+exp(u))`` becomes ``(1-tanh(u/2))/2``, ``log(1+exp(u))`` a ``Softplus`` and ``1/cosh`` a ``sech``.

    Args:
        expression: A SymPy expression in ``Z``.

    Returns:
        An equal expression that ``compiled`` evaluates well everywhere.

    Example:
        >>> z = sympy.Symbol("z")
        >>> canonical(1 / (1 + sympy.exp(-z)))
        tanh(z/2)/2 + 1/2
    """
    expression = expression.replace(lambda e: e.is_Mul, _pair_exponentials)
    return expression.replace(lambda e: e.is_Pow or isinstance(e, sympy.log), _rewrite)


def _one_plus_exp(expression: sympy.Expr) -> sympy.Expr | None:
    """The ``u`` of ``1 + exp(u)``, else None."""
    if expression.is_Add and len(expression.args) == 2 and sympy.S.One in expression.args:
        other = expression - 1
        return other.args[0] if isinstance(other, sympy.exp) else None
    return None


def _pair_exponentials(product: sympy.Expr) -> sympy.Expr:
    """``exp(u)/(1+exp(u))`` -> logistic(u), ``exp(u) exp(v)`` -> ``exp(u+v)``: apart, one factor may grow."""
    exponents = [factor.args[0] for factor in product.args if isinstance(factor, sympy.exp)]
    if len(exponents) > 1:
        rest = [factor for factor in product.args if not isinstance(factor, sympy.exp)]
        return sympy.Mul(sympy.exp(sympy.Add(*exponents)), *rest)
    for power in product.args:
        u = _one_plus_exp(power.base) if power.is_Pow and power.exp.is_Integer and power.exp < 0 else None
        if u is None:
            continue
        for factor in product.args:
            times = factor.args[0] / u if isinstance(factor, sympy.exp) else sympy.S.Zero
            if times.is_Integer and 1 <= times <= -power.exp:
                half = sympy.tanh(u / 2) / 2
                rest = product / factor / power
                return rest * (half + sympy.S.Half) ** times * (sympy.S.Half - half) ** (-power.exp - times)
    return product


def _rewrite(node: sympy.Expr) -> sympy.Expr:
    if isinstance(node, sympy.log):
        u = _one_plus_exp(node.args[0])
        return node if u is None else Softplus(u)
    if not (node.exp.is_Integer and node.exp < 0):
        return node
    u = _one_plus_exp(node.base)
    if u is not None:
        return ((1 - sympy.tanh(u / 2)) / 2) ** (-node.exp)
    return sympy.sech(node.base.args[0]) ** (-node.exp) if isinstance(node.base, sympy.cosh) else node
