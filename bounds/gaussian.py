"""Gaussian expectations ``E[g(z)]``, z ~ N(0, 1): closed forms, quadrature in float64, certified enclosures."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import sympy

from bounds.activations import Activation, get
from bounds.affine import cheap, even_part
from bounds.arb_eval import compiled, exact_ball
from bounds.canonical import NUMPY, canonical
from bounds.errors import TheoryError
from bounds.expressions import Z, parse
from bounds.moments import closed_form

if TYPE_CHECKING:
    from bounds.enclosure import Enclosure

_MAX_POINTS = 2**18
_CANCELLATION = 0.05


@overload
def expectation(
    g: Any, *, scale: Any = 1, certified: Literal[False] = False, digits: int = 30, growth: Any = None
) -> float: ...
@overload
def expectation(
    g: Any, *, scale: Any = 1, certified: Literal[True], digits: int = 30, growth: Any = None
) -> Enclosure: ...
def expectation(
    g: Any, *, scale: Any = 1, certified: bool = False, digits: int = 30, growth: Any = None
) -> float | Enclosure:
    """``E[g(scale z)]`` for a standard normal ``z``.

    A closed form is used where one is known (``bounds.moments``). Otherwise the float is the trapezoidal rule on the
    real line, whose error falls geometrically for an analytic ``g``, halved until it settles to rounding; where the
    integrand cancels, or is too steep, it is the middle of the enclosure. The enclosure integrates
    ``g(scale z) n(z)`` over [-T, T] in ball arithmetic (``acb.integral``) and adds a bound of the rest:
    ``|g(scale z)| <= C |z|^p`` for ``|z| >= T``, proved by ``bounds.tails`` or given by ``growth``, and, by parts,
    ``int_T^oo z^p n(z) dz <= T^(p-1) n(T)/(1 - (p-1)/T^2)`` for ``T^2 > p - 1 >= 0`` (no denominator for p <= 1).

    Args:
        g: A SymPy expression in ``Z``, text for ``bounds.expressions.parse``, an Activation, or a number.
        scale: The standard deviation: int, float (taken bit by bit), Fraction, decimal string or SymPy number.
        certified: Whether to return an enclosure.
        digits: Decimal digits asked of the enclosure, relative to ``E|g|``.
        growth: ``(A, B, p)`` with ``|g(u)| <= A + B |u|^p`` for all real ``u``, where it cannot be derived.

    Returns:
        A float of relative error about 1e-14, or an ``Enclosure``.

    Raises:
        TheoryError: For a kink without closed form, growth that cannot be bounded, or an integral that does not settle.

    Example:
        >>> expectation(Z**4, scale=2)
        48.0
        >>> expectation(sympy.tanh(Z) ** 2)
        0.39429449039784...
    """
    integrand = _integrand(g, scale)
    exact = closed_form(integrand)
    if exact is None and cheap(integrand):
        exact = closed_form(even_part(integrand))  # the odd part integrates to 0: E sigmoid(z) is exactly 1/2
    if certified:
        return _exact_enclosure(exact, digits) if exact is not None else _enclosure(integrand, scale, growth, digits)
    if exact is not None:
        return float(sympy.N(exact, 17))
    value = _trapezoid(integrand)
    return _careful(integrand, scale, growth) if value is None else value


def hermite_coefficient(activation: Any, i: int, *, scale: Any = 1, certified: bool = False) -> Any:
    """The probabilists' Hermite coefficient ``c_i(scale) = E[phi(scale z) He_i(z)]`` (song2021, eqs 56 and 68).

    Args:
        activation: As for ``bounds.activations.get``.
        i: The degree, 0 or more; ``E[He_i^2] = i!``.
        scale: omega_1, as for ``expectation``.
        certified: Whether to return an enclosure.

    Returns:
        A float, or an ``Enclosure``.

    Raises:
        TheoryError: For a negative degree, or as ``expectation`` does.

    Example:
        >>> hermite_coefficient("gelu", 1)
        0.5
    """
    if i < 0:
        raise TheoryError(f"A Hermite coefficient has a degree of 0 or more, not {i}.")
    phi = _integrand(get(activation), scale)
    return expectation(phi * sympy.hermite_prob(i, Z), certified=certified)  # type: ignore[call-overload]


@functools.lru_cache(maxsize=64)
def gauss_hermite(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the ``n``-point Gauss rule for N(0, 1).

    Args:
        n: The number of points, at least 1.

    Returns:
        Two read-only float64 arrays of shape (n,); the weights sum to 1, and the rule is exact to degree 2n - 1.

    Raises:
        TheoryError: When ``n`` is not positive.

    Example:
        >>> nodes, weights = gauss_hermite(3)
        >>> float(weights @ nodes**4)
        3.0...
    """
    if n < 1:
        raise TheoryError(f"A Gauss rule has at least one point, not {n}.")
    from scipy.special import roots_hermitenorm

    nodes, weights = roots_hermitenorm(n)
    weights = weights / weights.sum()
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights


def _integrand(g: Any, scale: Any) -> sympy.Expr:
    if isinstance(g, str):
        g = parse(g)
    expression = g.expression if isinstance(g, Activation) else sympy.sympify(g, strict=True)
    if expression.free_symbols - {Z}:
        extra = ", ".join(sorted(map(str, expression.free_symbols - {Z})))
        raise TheoryError(f"The integrand has free symbols besides z: {extra}.")
    return expression.subs(Z, _exact(scale) * Z)


def _exact(number: Any) -> sympy.Expr:
    """The exact SymPy number that ``number`` denotes; a float is a binary fraction."""
    if isinstance(number, sympy.Expr):
        return number
    try:
        fraction = Fraction(number if isinstance(number, (str, int, Fraction)) else float(number))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        raise TheoryError(f"scale = {number!r} is not a finite number.") from None
    return sympy.Rational(fraction.numerator, fraction.denominator)


def _careful(integrand: sympy.Expr, scale: Any, growth: Any) -> float:
    """The middle of an enclosure that is narrow beside its middle; 0 for a mean below 1e-320 that may be 0."""
    for digits in (30, 120, 330):
        found = _enclosure(integrand, scale, growth, digits)
        if found.relative_width < 1e-15:
            break
    return 0.0 if 0 in found else float(found)


def _exact_enclosure(exact: sympy.Expr, digits: int) -> Enclosure:
    from bounds.ball import precision
    from bounds.enclosure import Enclosure

    with precision(int(3.33 * digits) + 64):
        return Enclosure(exact_ball(exact))


@functools.lru_cache(maxsize=1024)
def _trapezoid(integrand: sympy.Expr) -> float | None:
    """The trapezoidal rule, halved until it settles; None where it does not, or where the terms cancel."""
    g = sympy.lambdify(Z, canonical(integrand), NUMPY)
    last, step = math.nan, _first_step(integrand)
    while step * _MAX_POINTS > 16:
        terms = _terms(g, step)
        value, size = math.fsum(terms), math.fsum(abs(terms))
        if not math.isfinite(size) or max(abs(terms[0]), abs(terms[-1])) > 1e-20 * size:
            return None
        if abs(value - last) <= 2e-15 * size:
            return value if abs(value) >= _CANCELLATION * size else None
        last, step = value, step / 2
    return None


def _first_step(integrand: sympy.Expr) -> float:
    """A step that no feature slips through: the inverse of the steepest inner function on [-6, 6]."""
    inner = [f.args[0] for f in integrand.atoms(sympy.Function)]
    inner += [p.base for p in integrand.atoms(sympy.Pow) if p.exp.is_Rational and not (p.exp.is_Integer and p.exp > 0)]
    slopes = [sympy.diff(u, Z) for u in inner]
    steepest = max((abs(float(s.subs(Z, z))) for s in slopes for z in (-6, -3, 0, 3, 6)), default=1.0)
    return 2.0 ** -max(math.ceil(math.log2(max(steepest, 1.0))) + 1, 2) if math.isfinite(steepest) else 0.0


def _terms(g: Any, step: float) -> np.ndarray:
    count = int(16 / step)
    z = step * np.arange(-count, count + 1)
    with np.errstate(all="ignore"):
        return g(z) * np.exp(-z * z / 2) * (step / math.sqrt(2 * math.pi))


@functools.lru_cache(maxsize=1024)
def _enclosure(integrand: sympy.Expr, scale: Any, growth: Any, digits: int) -> Enclosure:
    from flint import acb, arb

    from bounds.ball import precision
    from bounds.enclosure import Enclosure

    with precision(int(3.33 * digits) + 64):
        g = compiled(canonical(integrand))
        start, constant, power = _growth(g, scale, growth, math.ceil(math.sqrt(2 * math.log(10) * (digits + 8))))
        root = (2 * arb.pi()).sqrt()

        def weighted(z: Any, analytic: bool) -> Any:
            return g(z, analytic) * (-z * z / 2).exp() / root

        goal = arb(10) ** (-digits - 3)
        inside = acb.integral(weighted, -start, start, rel_tol=goal, abs_tol=goal, eval_limit=200_000)
        ball = inside.real + arb(0, 1) * (2 * constant * _normal_tail(start, power)).upper()
        if not ball.is_finite() or ball.rad() > arb(10) ** -(digits // 2) * (1 + abs(ball.mid())):
            raise TheoryError("The Gaussian integral is not certified: the integrand may have a singularity.")
        return Enclosure(ball)


def _growth(g: Any, scale: Any, growth: Any, start: int) -> tuple[int, Any, int]:
    """``(T, C, p)`` with ``|g(scale z)| <= C |z|^p`` for ``|z| >= T``; ``T`` is at least ``start``."""
    from flint import arb

    from bounds.tails import variable

    if growth is not None:
        a, b, p = growth
        stretch, p = arb(1).max(abs(exact_ball(_exact(scale)))), max(math.ceil(p), 0)
        return start, exact_ball(_exact(a)) + exact_ball(_exact(b)) * stretch**p, p
    for attempt in (start, 4 * start, 32 * start, 1024 * start):
        try:
            tails = [g(variable(attempt, sign)) for sign in (-1, 1)]
            power = max(0, *(tail.degree for tail in tails))
            power = max(power, *(math.ceil(tail.rest[1]) for tail in tails if tail.rest is not None), 0)
            return attempt, tails[0].bound(power).max(tails[1].bound(power)), power
        except TheoryError as error:
            reason = str(error)
    raise TheoryError(f"The tails of the integrand are not bounded ({reason}): pass growth=(A, B, p).")


def _normal_tail(start: int, power: int) -> Any:
    """An upper bound of the integral of ``z^power n(z)`` over ``z >= start``."""
    from flint import arb

    if power > 1 and start * start <= power - 1:
        raise TheoryError(f"The integrand grows like z^{power}: ask for more digits.")
    bound = arb(start) ** (power - 1) * (-arb(start * start) / 2).exp() / (2 * arb.pi()).sqrt()
    return bound / (1 - arb(max(power - 1, 0)) / start**2)
