"""Activations: one symbolic definition each, and the constants the theorems need, derived from it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

from bounds.affine import affine_match, cheap, differentiated, parity
from bounds.canonical import Softplus
from bounds.errors import NotApplicable, TheoryError
from bounds.expressions import FUNCTIONS, Z, checked, did_you_mean, parse
from bounds.suprema import Supremum

__all__ = ["Activation", "Supremum", "Z", "breaks_lipschitz", "get", "names"]


@dataclass(frozen=True)
class Activation:
    """An activation function phi and what is known of it.

    Attributes:
        name: The name, or the text it was parsed from.
        expression: ``phi(Z)``.
        summary: How smooth it is, in words.
        aliases: Other names.
        smooth: Whether phi has the second and third derivative that the theorems use.
        suprema: Exact ``sup |phi^(k)|`` for k = 1, 2, 3; None where none is recorded.
        image_of: ``(psi, a, b)`` when phi(z) = a psi(b z + c) + e for a built-in psi: the chain rule then applies.
    """

    name: str
    expression: sympy.Expr
    summary: str
    aliases: tuple[str, ...] = ()
    smooth: bool = True
    suprema: tuple[sympy.Expr | None, ...] = (None, None, None)
    image_of: tuple[Activation, sympy.Expr, sympy.Expr] | None = None

    @property
    def phi0(self) -> sympy.Expr:
        """``phi(0)``, an exact SymPy number."""
        return self.expression.subs(Z, 0)

    def derivative(self, k: int = 1) -> sympy.Expr:
        """``phi^(k)`` in ``Z``.

        Args:
            k: The order, 0 or more.

        Returns:
            A SymPy expression; logistic functions appear as ``tanh``.

        Raises:
            NotApplicable: For an order that phi does not have.
            TheoryError: For a negative order, or when the derivative becomes too long to work with.

        Example:
            >>> get("tanh").derivative()
            1 - tanh(z)**2
        """
        if k < 0:
            raise TheoryError(f"A derivative has an order of 0 or more, not {k}.")
        if k > 1 and not self.smooth:
            raise NotApplicable(f"{self.name} has a kink: its derivative of order {k} does not exist at 0.")
        if k == 0:
            return self.expression
        try:
            return differentiated(self.expression, k).replace(Softplus, FUNCTIONS["softplus"])
        except TheoryError as reason:
            raise TheoryError(f"The activation {self.name[:60]!r}: {reason}.") from None

    def sup(self, k: int = 1) -> Supremum:
        """``sup |phi^(k)|`` over the real line: phi'_max, beta_phi, and the third-order constant of fu2018.

        Args:
            k: 1, 2 or 3.

        Returns:
            The supremum; exact where a closed form exists, else certified when it is first asked for.

        Raises:
            NotApplicable: When phi has no such derivative.
            TheoryError: For another ``k``.

        Example:
            >>> get("tanh").sup(2).exact
            4*sqrt(3)/9
        """
        if k not in (1, 2, 3):
            raise TheoryError(f"The suprema are those of the derivatives 1, 2 and 3, not {k}.")
        if self.image_of is None:
            return Supremum(self.name, k, self.derivative(k), self.suprema[k - 1])
        base, a, b = self.image_of
        return base.sup(k).scaled(self.name, abs(a * b**k))

    @property
    def parity(self) -> str | None:
        """``"odd"``, ``"even"``, or None when phi is neither or when neither could be proved."""
        return parity(self.expression)

    @property
    def in_unit_interval(self) -> bool | None:
        """Whether phi maps into [0, 1], as a probability must; None when neither could be proved."""
        from bounds.ranges import in_unit_interval

        return in_unit_interval(self.expression)

    def __str__(self) -> str:
        return self.name


def _third_gelu() -> sympy.Expr:
    """In gelu, phi''' = (z^3 - 4z) n(z) is stationary where z^4 - 7 z^2 + 4 = 0; the smaller root wins."""
    square = (7 - sympy.sqrt(33)) / 2
    return sympy.sqrt(square) * (4 - square) * sympy.exp(-square / 2) / sympy.sqrt(2 * sympy.pi)


def _erf_suprema() -> tuple[sympy.Expr, ...]:
    root = sympy.sqrt(sympy.pi)
    return 2 / root, 2 * sympy.sqrt(2) * sympy.exp(-sympy.S.Half) / root, 4 / root


def _gelu_suprema() -> tuple[sympy.Expr, ...]:
    # At z = sqrt(2), where gelu'' = (2 - z^2) n(z) vanishes; then at 0; n is the normal density.
    first = (1 + sympy.erf(1)) / 2 + sympy.exp(-1) / sympy.sqrt(sympy.pi)
    return first, sympy.sqrt(2 / sympy.pi), _third_gelu()


def _numbers(*texts: str) -> Callable[[], tuple[sympy.Expr | None, ...]]:
    """``("4/9*sqrt(3)", ...)`` read when asked for, so that importing this module builds nothing."""
    return lambda: tuple(sympy.sqrt(int(r or 1)) * sympy.Rational(q) for q, _, r in (t.partition("*") for t in texts))


_SIGMOID, _ANALYTIC = ("1/4", "1/18*3", "1/8"), "analytic; every derivative is bounded"
_TANH = _numbers("1", "4/9*3", "2")
# name: (aliases, expression, exact suprema, summary)
_BUILT_IN: dict[str, tuple[tuple[str, ...], Callable[[], Any], Callable[[], tuple[Any, ...]], str]] = {
    "tanh": ((), lambda: sympy.tanh(Z), _TANH, _ANALYTIC),
    "sigmoid": (("logistic",), lambda: FUNCTIONS["sigmoid"](Z), _numbers(*_SIGMOID), _ANALYTIC),
    "softplus": ((), lambda: FUNCTIONS["softplus"](Z), _numbers("1", *_SIGMOID[:2]), _ANALYTIC),
    "gelu": ((), lambda: FUNCTIONS["gelu"](Z), _gelu_suprema, _ANALYTIC + "; slope above 1"),
    "silu": (
        ("swish",),
        lambda: FUNCTIONS["silu"](Z),
        lambda: (None, sympy.S.Half, None),
        _ANALYTIC + "; slope above 1",
    ),
    "erf": ((), lambda: sympy.erf(Z), _erf_suprema, _ANALYTIC + "; slope above 1"),
    "sin": ((), lambda: sympy.sin(Z), _numbers("1", "1", "1"), _ANALYTIC),
    "identity": (("linear",), lambda: Z, _numbers("1", "0", "0"), "linear"),
    "relu": ((), lambda: sympy.Max(0, Z), lambda: (sympy.S.One, None, None), "a kink at 0: no second derivative"),
    "tanh01": ((), lambda: (1 + sympy.tanh(Z)) / 2, _numbers("1/2", "2/9*3", "1"), _ANALYTIC),
}


def names() -> tuple[str, ...]:
    """The names of the built-in activations.

    Example:
        >>> "gelu" in names()
        True
    """
    return tuple(_BUILT_IN)


def get(activation: str | sympy.Expr | Activation) -> Activation:
    """The activation of that name, or the one that an expression in one variable defines.

    Args:
        activation: A built-in name or alias (any case), an expression such as ``"10+tanh(z/100)*100"`` (see
            ``bounds.expressions.parse``; never executed), a SymPy expression in one symbol, or an Activation.

    Returns:
        The activation. A rescaled or shifted built-in gets exact suprema by the chain rule.

    Raises:
        TheoryError: For an unknown name (with the nearest one), or an expression outside the whitelist, with kinks,
            without a finite real value at 0, or constant.

    Example:
        >>> get("gelu(x)/1.2").sup(2).exact
        5*sqrt(2)/(6*sqrt(pi))
    """
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str):
        word = activation.strip()
        for name, (aliases, *_) in _BUILT_IN.items():
            if word.lower() in (name, *aliases):
                return _built_in(name)
        if word.isidentifier() and len(word) > 1:
            known = [n for name, (aliases, *_) in _BUILT_IN.items() for n in (name, *aliases)]
            raise TheoryError(f"Unknown activation {word[:60]!r}{did_you_mean(word[:60], known)}.")
        return _defined(parse(activation), word)
    if isinstance(activation, sympy.Expr):
        return _built_in("relu") if activation == sympy.Max(0, Z) else _defined(checked(activation), str(activation))
    raise TheoryError(f"An activation is a name or an expression, not {type(activation).__name__}.")


@functools.cache
def _built_in(name: str) -> Activation:
    aliases, expression, suprema, summary = _BUILT_IN[name]
    return Activation(name, expression(), summary, aliases, name != "relu", suprema())


@functools.lru_cache(maxsize=256)
def _defined(expression: sympy.Expr, text: str) -> Activation:
    """The activation of a checked expression: a built-in, an affine image of one, or a new function."""
    at_zero = expression.subs(Z, 0)
    if not (at_zero.is_finite and at_zero.is_real):
        raise TheoryError(f"The activation {text[:60]!r} has no finite real value at 0.")
    for name in ("identity", "tanh", "softplus", "gelu", "silu", "erf", "sin") if cheap(expression) else ():
        base = _built_in(name)
        if expression == base.expression:
            return base
        match = affine_match(expression, base.expression)
        if match is not None:
            return Activation(text, expression, f"an affine image of {name}: {_ANALYTIC}", image_of=(base, *match))
    return Activation(text, expression, "given by an expression; suprema by certified search")


def breaks_lipschitz(activation: str | sympy.Expr | Activation) -> bool:
    """Whether ``sup |phi'| > 1`` is certain, against the assumption of banerjee2023 and liu2020.

    Args:
        activation: As for ``get``.

    Returns:
        True when the certified supremum exceeds 1 (gelu, silu, erf).

    Raises:
        TheoryError: When the supremum cannot be certified.

    Example:
        >>> breaks_lipschitz("gelu"), breaks_lipschitz("tanh")
        (True, False)
    """
    slope = get(activation).sup(1)
    return slope.is_infinite or bool(slope.enclosure.ball > 1)
