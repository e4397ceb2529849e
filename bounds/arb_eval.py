"""Evaluation of one-variable SymPy expressions in ball arithmetic, real (arb), complex (acb) or asymptotic (Tail).

The same straight-line program runs on all three.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sympy

from bounds.canonical import Softplus, canonical
from bounds.errors import TheoryError
from bounds.expressions import Z

if TYPE_CHECKING:
    from flint import arb

_INCREASING = {"tanh", "erf", "exp", "atan"}
_BRANCHED = {"log", "sqrt"}


_METHODS: dict[Any, str] = {
    **{
        getattr(sympy, n): n
        for n in ("exp", "log", "tanh", "erf", "erfc", "sin", "cos", "atan", "sinh", "cosh", "sech")
    },
    Softplus: "softplus",
}


def exact_ball(constant: Any) -> arb:
    """A ball around an exact SymPy number such as ``4*sqrt(3)/9``, at the precision in force.

    Args:
        constant: A SymPy expression without symbols (or anything ``sympify`` takes).

    Returns:
        The enclosing ``flint.arb``.

    Raises:
        TheoryError: When the number uses something other than rationals, pi, E and the supported functions.

    Example:
        >>> float(exact_ball(4 * sympy.sqrt(3) / 9))
        0.7698003589195...
    """
    return compiled(canonical(sympy.sympify(constant, strict=True)))(None)


def compiled(expression: sympy.Expr) -> Callable[..., Any]:
    """A function ``run(x, analytic=False)`` that evaluates ``expression`` at ``Z = x`` with outward rounding.

    Args:
        expression: A SymPy expression in ``Z``; pass it through ``canonical`` first.

    Returns:
        The function; ``x`` is an arb, an acb or a ``Tail``. ``analytic`` asks an acb for a non-finite result on
        branch cuts, as ``acb.integral`` needs. The constants hold at the precision in force now.

    Raises:
        TheoryError: When a node of the expression is not supported.
    """
    from flint import ctx

    return _compiled(expression, ctx.prec)


@functools.lru_cache(maxsize=256)
def _compiled(expression: sympy.Expr, _bits: int) -> Callable[..., Any]:
    steps: list[tuple[Any, ...]] = []
    places: dict[Any, int] = {}

    def place(node: sympy.Expr) -> int:
        if node not in places:
            constant = not node.has(Z)
            step = _step(node, [] if constant else [place(child) for child in node.args[: 1 if node.is_Pow else None]])
            places[node] = len(steps)
            steps.append(("constant", _constant(node), []) if constant else step)
        return places[node]

    place(expression)

    def run(x: Any, analytic: bool = False) -> Any:
        values: list[Any] = []
        for kind, payload, children in steps:
            values.append(_operate(kind, payload, [values[i] for i in children], x, analytic))
        return values[-1]

    return run


def _step(node: sympy.Expr, children: list[int]) -> tuple[Any, ...]:
    if node == Z or node.is_Rational or node in (sympy.pi, sympy.E):
        return "variable", None, children
    if node.is_Add or node.is_Mul:
        return ("add" if node.is_Add else "mul"), None, children
    if node.is_Pow and node.exp.is_Rational:
        return "power", node.exp, children
    if node.func in _METHODS:
        return "call", _METHODS[node.func], children
    raise TheoryError(f"Ball arithmetic does not cover {node}.")


def _constant(node: sympy.Expr) -> tuple[Any, Any]:
    """``(ball, exact)`` of a number; ``exact`` is the rational itself where it is one, so that tails cancel exactly."""
    from flint import arb, fmpq

    if node.is_Rational:
        exact = fmpq(int(node.p), int(node.q))
        return arb(exact), exact
    if node in (sympy.pi, sympy.E):
        ball = arb.pi() if node == sympy.pi else arb(1).exp()
    else:
        kind, payload, _ = _step(node, [])
        ball = _operate(
            kind, payload, [_constant(child)[0] for child in node.args[: 1 if node.is_Pow else None]], None, False
        )
    return ball, ball


def _operate(kind: str, payload: Any, arguments: list[Any], x: Any, analytic: bool) -> Any:
    if kind == "variable":
        return x
    if kind == "constant":
        return payload[hasattr(x, "poly")]
    if kind == "call":
        return apply(payload, arguments[0], analytic)
    if kind == "power":
        return power(arguments[0], payload, analytic)
    return functools.reduce(lambda a, b: a + b if kind == "add" else a * b, arguments)


def power(base: Any, exponent: Any, analytic: bool = False) -> Any:
    """``base**exponent`` for a ball and a SymPy rational.

    Args:
        base: An arb, acb or ``Tail``.
        exponent: A SymPy Rational.
        analytic: As for ``apply``.

    Returns:
        A value of the type of ``base``.
    """
    if hasattr(base, "poly"):
        return base.power(exponent)
    if not exponent.is_Integer:
        if base.is_zero() and exponent > 0:
            return base
        if exponent.q == 2:
            return power(apply("sqrt", base, analytic), 2 * exponent, analytic)
        return (apply("log", base, analytic) * exact_ball(exponent)).exp()
    # Repeated squaring: ``ball ** 2`` is NaN for a ball around zero, because flint goes through the logarithm.
    result = type(base)(1)
    for bit in bin(abs(int(exponent)))[2:]:
        result = result * result * base if bit == "1" else result * result
    return 1 / result if exponent < 0 else result


def apply(name: str, x: Any, analytic: bool = False) -> Any:
    """The function ``name`` of a ball, tight for wide balls of the increasing functions.

    Args:
        name: A method of ``flint.arb``, or ``"softplus"``.
        x: An arb, acb or ``Tail``.
        analytic: For an acb: return a non-finite ball where the function is not analytic.

    Returns:
        A value of the type of ``x``.
    """
    from flint import acb, arb

    if isinstance(x, arb):
        if (name in _INCREASING or name == "softplus") and x.rad() > 1e-6 and x.is_finite():
            return apply(name, x.lower()).union(apply(name, x.upper()))
        if name == "softplus":
            return x + (-x).exp().log1p() if x > 0 else x.exp().log1p()
    elif isinstance(x, acb):
        if name == "softplus":
            return x + (1 + (-x).exp()).log(analytic=analytic) if x.real > 0 else (1 + x.exp()).log(analytic=analytic)
        if name in _BRANCHED:
            return getattr(x, name)(analytic=analytic)
        if name == "atan" and analytic and x.real.contains(0) and not abs(x.imag) < 1:
            return acb(arb.nan(), arb.nan())
    return getattr(x, name)()
