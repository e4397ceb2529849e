"""Closed forms of ``E[g(z)]``, z ~ N(0, 1), for sums of powers times exp, erf, sin, cos or one kink at 0."""

from __future__ import annotations

import functools

import sympy

from bounds.affine import cheap
from bounds.expressions import Z

_MAX_POWER = 64


@functools.lru_cache(maxsize=1024)
def closed_form(g: sympy.Expr) -> sympy.Expr | None:
    """``E[g(z)]`` as an exact number, or None when a term of ``g`` is outside the known families.

    The families are ``z^n f``, n >= 0, with f = 1, ``exp`` of a quadratic, ``sin``, ``cos`` or ``erf`` of something
    linear, and polynomials in ``z``, ``max(0, z)`` and ``Heaviside(z)``. Powers are lowered by Stein's identity
    ``E[z^n f] = (n-1) E[z^(n-2) f] + E[z^(n-1) f']``.

    Args:
        g: A SymPy expression in ``Z``.

    Returns:
        A SymPy number (infinite expectations give None).

    Example:
        >>> closed_form(Z * sympy.erf(Z))
        2*sqrt(3)/(3*sqrt(pi))
    """
    if not cheap(g):
        return None
    try:
        return _kinked(g) if g.has(sympy.Max, sympy.Heaviside) else _smooth(g)
    except ValueError:  # SymPy 1.14 takes some roots of perfect powers above 10^90 for prime factors, and stumbles
        return None


def _smooth(g: sympy.Expr) -> sympy.Expr | None:
    """Term by term."""
    total = sympy.S.Zero
    for term in sympy.Add.make_args(sympy.expand(g, power_exp=False)):
        value = _term(term) if term != 0 else term
        if value is None:
            return None
        total += value
    return total


def _kinked(g: sympy.Expr) -> sympy.Expr | None:
    """Half moments on each side of 0, where ``max(0, bz)`` and ``Heaviside(bz)`` are polynomials."""
    total = sympy.S.Zero
    for sign in (1, -1):
        side = sympy.Symbol("t", positive=True)  # z = sign t
        half = sympy.expand(g.subs(Z, sign * side))
        if not half.is_polynomial(side):
            return None
        for (n,), coefficient in sympy.Poly(half, side).terms():
            # E[t^n; t>0] = 2^(n/2 - 1) Gamma((n+1)/2)/sqrt(pi)
            moment = sympy.sqrt(2) ** n * sympy.gamma(sympy.Rational(n + 1, 2)) / (2 * sympy.sqrt(sympy.pi))
            total += coefficient * moment
    return total


def _term(term: sympy.Expr) -> sympy.Expr | None:
    constant, factor = term.as_independent(Z, as_Add=False)
    power, rest = 0, sympy.S.One
    for part in sympy.Mul.make_args(factor):
        base, exponent = part.as_base_exp() if not isinstance(part, sympy.exp) else (part, sympy.S.One)
        if base == Z and exponent.is_Integer and exponent > 0:
            power += int(exponent)
        else:
            rest *= part
    if power > _MAX_POWER:
        return None
    value = _moment(power, rest)
    return None if value is None else constant * value


@functools.lru_cache(maxsize=1024)
def _moment(n: int, f: sympy.Expr) -> sympy.Expr | None:
    """``E[z^n f(z)]``."""
    if f == 1:
        return sympy.S.Zero if n % 2 else sympy.factorial2(n - 1)
    if isinstance(f, sympy.exp):
        return _exponential(n, f.args[0])
    if not isinstance(f, (sympy.sin, sympy.cos, sympy.erf)) or not f.args[0].is_polynomial(Z):
        return None
    inner = sympy.Poly(f.args[0], Z)
    if inner.degree() != 1:
        return None
    b, c = inner.all_coeffs()
    if n == 0:
        if isinstance(f, sympy.erf):  # erf is a normal probability: one more normal variable
            return sympy.erf(c / sympy.sqrt(1 + 2 * b**2))
        return sympy.exp(-(b**2) / 2) * f.func(c)
    # The derivative of erf is an exp of a quadratic: the recursion ends there.
    lower: sympy.Expr = sympy.S.Zero if n == 1 else _moment(n - 2, f)
    slope = {sympy.sin: sympy.cos(b * Z + c) * b, sympy.cos: -sympy.sin(b * Z + c) * b}.get(f.func, sympy.diff(f, Z))
    steeper = _term_power(n - 1, slope)
    return None if steeper is None else (n - 1) * lower + steeper


def _term_power(n: int, f: sympy.Expr) -> sympy.Expr | None:
    constant, factor = f.as_independent(Z, as_Add=False)
    value = _moment(n, factor)
    return None if value is None else constant * value


def _exponential(n: int, exponent: sympy.Expr) -> sympy.Expr | None:
    """``E[z^n exp(a z^2 + b z + c)]``: a normal of variance ``v = 1/(1-2a)`` and mean ``v b``, renormalised."""
    if not exponent.is_polynomial(Z) or sympy.degree(exponent, Z) > 2:
        return None
    a, b, c = (exponent.expand().coeff(Z, k) for k in (2, 1, 0))
    if not (1 - 2 * a).is_positive:
        return None
    v = 1 / (1 - 2 * a)
    moments = [
        sympy.binomial(n, 2 * j) * sympy.factorial2(2 * j - 1) * v**j * (v * b) ** (n - 2 * j)
        for j in range(n // 2 + 1)
    ]
    return sympy.sqrt(v) * sympy.exp(c + v * b**2 / 2) * sympy.Add(*moments)
