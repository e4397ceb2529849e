"""Whether a function stays within [0, 1], as a probability must: proved, refuted, or undecided."""

from __future__ import annotations

import functools
from typing import Any

import sympy

from bounds.affine import cheap
from bounds.arb_eval import compiled
from bounds.canonical import canonical
from bounds.errors import TheoryError
from bounds.expressions import Z

_BOUNDED = (sympy.tanh, sympy.erf, sympy.sin, sympy.cos)
_PLACES = (0, 1, -1, 4, -4, 64, -64)


@functools.lru_cache(maxsize=256)
def in_unit_interval(expression: sympy.Expr) -> bool | None:
    """Whether ``0 <= f(z) <= 1`` for every real ``z``.

    Args:
        expression: A SymPy expression in ``Z``.

    Returns:
        False where a value outside was found in ball arithmetic; True where ``f`` is a constant plus multiples of
        tanh, erf, sin and cos that cannot leave the interval, or where the certified ``sup |f - 1/2|`` is at most
        1/2; else None.

    Example:
        >>> in_unit_interval((1 + sympy.tanh(Z)) / 2), in_unit_interval(sympy.tanh(Z))
        (True, False)
    """
    from flint import arb

    from bounds.ball import precision

    with precision(128):
        try:
            values = [compiled(canonical(expression))(arb(place)) for place in _PLACES]
        except TheoryError:  # a kink: relu, which is unbounded, has no ball arithmetic
            return False if expression.has(sympy.Max) and sympy.limit(expression, Z, sympy.oo) == sympy.oo else None
        if any(bool(v < 0) or bool(v > 1) for v in values):
            return False
        return True if _bounded_sum(expression) else _by_supremum(expression)


def _bounded_sum(expression: sympy.Expr) -> bool:
    """Whether the sizes of bounded terms add up to no more than the constant's distance from 0 and from 1."""
    if not cheap(expression):
        return False
    constant, wave = sympy.expand(canonical(expression)).as_independent(Z, as_Add=True)
    sizes: list[Any] = []
    for term in sympy.Add.make_args(wave):
        factor, function = term.as_independent(Z, as_Add=False)
        if not isinstance(function, _BOUNDED):
            return False
        sizes.append(abs(factor))
    spread = sympy.Add(*sizes)
    return bool(constant - spread >= 0) and bool(constant + spread <= 1)


def _by_supremum(expression: sympy.Expr) -> bool | None:
    from bounds.search import UnboundedError
    from bounds.suprema import certified_supremum

    try:
        spread = certified_supremum(expression - sympy.S.Half)
    except UnboundedError:
        return False
    except TheoryError:
        return None
    return True if spread <= 0.5 else False if spread > 0.5 else None
