"""Symbolic facts about an activation: its parity, and the built-in of which it is an affine image."""

from __future__ import annotations

import functools
import math

import sympy

from bounds.canonical import Softplus, canonical
from bounds.errors import TheoryError
from bounds.expressions import Z

MAX_OPERATIONS = 4_000


def even_part(expression: sympy.Expr) -> sympy.Expr:
    """``(f(z) + f(-z))/2``, expanded, with ``softplus(-u)`` written as ``softplus(u) - u`` so that terms cancel.

    Args:
        expression: A SymPy expression in ``Z``; ``cheap``, or the expansion may be long.

    Example:
        >>> even_part(1 / (1 + sympy.exp(-Z)))
        1/2
    """
    here = sympy.expand(canonical(expression))
    there = here.subs(Z, -Z)
    return sympy.expand(((here + there) / 2).replace(Softplus, _signed))


def _signed(u: sympy.Expr) -> sympy.Expr:
    return Softplus(-u) + u if u.could_extract_minus_sign() else Softplus(u)


@functools.lru_cache(maxsize=512)
def differentiated(expression: sympy.Expr, k: int) -> sympy.Expr:
    """``canonical(expression)`` differentiated ``k`` times in ``Z``.

    Args:
        expression: A SymPy expression in ``Z``.
        k: The order, 0 or more.

    Raises:
        TheoryError: When a derivative becomes too long to work with; compositions of many functions do.

    Example:
        >>> differentiated(Z**3, 2)
        6*z
    """
    if k == 0:
        return canonical(expression)
    before = differentiated(expression, k - 1)
    if before.count_ops() > MAX_OPERATIONS:
        raise TheoryError(f"the derivative of order {k} is too long ({MAX_OPERATIONS} operations and more)")
    return sympy.diff(before, Z)


@functools.lru_cache(maxsize=256)
def parity(expression: sympy.Expr) -> str | None:
    """``"odd"``, ``"even"``, or None when ``expression`` is neither, or neither could be proved by expansion.

    Args:
        expression: A SymPy expression in ``Z``.

    Example:
        >>> parity(sympy.tanh(Z) * Z)
        'even'
    """
    here = canonical(expression)
    there = here.subs(Z, -Z)
    for word, sign in (("odd", 1), ("even", -1)):
        if there + sign * here == 0 or (cheap(here) and sympy.expand(there + sign * here) == 0):
            return word
    return None


def cheap(expression: sympy.Expr) -> bool:
    """Whether ``expand`` of ``expression`` is quick: at most 500 terms, and functions at most two deep."""
    here = canonical(expression)
    return _depth(here) <= 2 and _terms(here) <= 500


def _depth(expression: sympy.Expr) -> int:
    """How many functions are nested; ``expand`` multiplies out the arguments of each."""
    inside = max((_depth(child) for child in expression.args), default=0)
    return inside + 1 if expression.is_Function and expression.has(Z) else inside


def _terms(expression: sympy.Expr) -> int:
    """An upper bound of the number of terms after ``expand``."""
    if expression.is_Add:
        return sum(_terms(term) for term in expression.args)
    if expression.is_Mul:
        return math.prod(_terms(factor) for factor in expression.args)
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        return math.comb(_terms(expression.base) + int(expression.exp) - 1, int(expression.exp))
    return 1


def affine_match(expression: sympy.Expr, phi: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr] | None:
    """``(a, b)`` with ``expression = a phi(b z + c) + e`` for some constants, else None.

    The inner map is read off each function in ``expression`` of the kind that ``phi`` contains once; ``a`` is then
    the ratio of the coefficients of that function, and the claim is checked by expansion.

    Args:
        expression: A SymPy expression in ``Z``.
        phi: ``Z`` itself, or an expression whose ``canonical`` form contains one function.

    Example:
        >>> affine_match(3 - sympy.tanh(Z / 2 + 1), sympy.tanh(Z))
        (-1, 1/2)
    """
    here, template = sympy.expand(canonical(expression)), canonical(phi)
    slope = sympy.diff(here, Z)
    if template == Z:
        return (slope, sympy.S.One) if slope.is_number else None
    (wave,) = template.atoms(sympy.Function)
    for atom in sorted(here.atoms(sympy.Function), key=str):
        shift = sympy.pi / 2 if isinstance(atom, sympy.cos) and isinstance(wave, sympy.sin) else 0
        if not (isinstance(atom, wave.func) or shift):
            continue
        inner = (atom.args[0] + shift) / sympy.diff(wave.args[0], Z)
        scale = _scale(here, sympy.expand(template.subs(Z, inner)), atom)
        if scale is not None and sympy.diff(inner, Z).is_number:
            return scale, sympy.diff(inner, Z)
    return None


def _scale(here: sympy.Expr, image: sympy.Expr, atom: sympy.Expr) -> sympy.Expr | None:
    """The constant ``a`` with ``here - a image`` constant, else None."""
    if image.coeff(atom) == 0:
        return None
    a = sympy.cancel(here.coeff(atom) / image.coeff(atom))
    return a if a.is_number and a != 0 and not sympy.expand(here - a * image).has(Z) else None
