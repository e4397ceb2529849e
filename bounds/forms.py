"""The SymPy forms that the papers use and SymPy lacks."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.printing.pretty.stringpict import prettyForm

_GLYPHS = ((r"\le", "≤"), (r"\in", "∈"), ("_1", "₁"), ("_2", "₂"), ("{", ""), ("}", ""), ("\\", ""))


class EndpointMax(sympy.Expr):
    r"""A maximum over index ranges of a body that is monotone along them, hence attained at an end.

    ``EndpointMax(body, (l1, l2), (1, 2), (L - 1, L), r"1 \le l_1 < l_2 \le L")`` prints as the paper's maximum and
    is evaluated as the larger of the body at the first and at the last index tuple. That all the terms of the body
    are monotone in the same direction is the caller's claim; the contract tests compare it with brute force.
    """

    def __new__(cls, body: Any, indices: Any, first: Any, last: Any, domain: Any) -> EndpointMax:
        """Build the node; ``domain`` is LaTeX."""
        args = (sympy.sympify(body), sympy.Tuple(*indices), sympy.Tuple(*first), sympy.Tuple(*last))
        return sympy.Expr.__new__(cls, *args, sympy.Symbol(str(domain)))

    @property
    def free_symbols(self) -> set[sympy.Symbol]:
        """The free symbols, without the running indices and the domain's text."""
        body, indices, first, last, _ = self.args
        return (body.free_symbols - set(indices)) | first.free_symbols | last.free_symbols

    @property
    def ends(self) -> tuple[sympy.Expr, sympy.Expr]:
        """The body at the first and at the last index tuple."""
        body, indices, first, last, _ = self.args
        low, high = (dict(zip(indices, end, strict=True)) for end in (first, last))
        return body.xreplace(low), body.xreplace(high)

    def doit(self, **hints: Any) -> sympy.Expr:
        """The larger of the two ends."""
        return Largest(*self.ends).doit(**hints)

    def _latex(self, printer: Any) -> str:
        return rf"\max_{{{self.args[4].name}}} {printer._print(self.args[0])}"

    def _pretty(self, printer: Any) -> prettyForm:
        domain = self.args[4].name
        for tex, glyph in _GLYPHS:
            domain = domain.replace(tex, glyph)
        body = prettyForm(*printer._print(self.args[0]).parens("{", "}"))
        return prettyForm(*body.left(f"max[{domain}] "), binding=prettyForm.ATOM)


class Largest(sympy.Function):
    """``max{...}`` kept as written: SymPy's own ``Max`` compares its arguments symbolically at every substitution."""

    word = "max"

    def doit(self, **hints: Any) -> sympy.Expr:
        """SymPy's maximum."""
        return sympy.Max(*[a.doit(**hints) for a in self.args])

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return self.doit()._eval_evalf(prec)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        inner = rf"\{self.word}\left\{{" + ",\\; ".join(map(printer._print, self.args)) + r"\right\}"
        return inner if exp is None else rf"\left({inner}\right)^{{{exp}}}"

    def _pretty(self, printer: Any) -> prettyForm:
        inner = printer._print_seq(self.args, "{", "}", delimiter=";  ")
        return prettyForm(*inner.left(self.word), binding=prettyForm.ATOM)


class Smallest(Largest):
    """``min{...}`` kept as written."""

    word = "min"

    def doit(self, **hints: Any) -> sympy.Expr:
        """SymPy's minimum."""
        return sympy.Min(*[a.doit(**hints) for a in self.args])


def at_least(a: Any, b: Any) -> sympy.Rel:
    """``a >= b`` as written: SymPy would first try to decide it, which takes longer than all the rest of a paper."""
    return sympy.Ge(a, b, evaluate=False)


def at_most(a: Any, b: Any) -> sympy.Rel:
    """``a <= b`` as written."""
    return sympy.Le(a, b, evaluate=False)


def above(a: Any, b: Any) -> sympy.Rel:
    """``a > b`` as written."""
    return sympy.Gt(a, b, evaluate=False)


GAUSSIAN = sympy.Symbol("z", real=True)
"""The standard normal variable of a ``GaussianMean``; the variable of every activation."""


class Phi(sympy.Function):
    """``Phi(activation, argument, k)``: the k-th derivative of the activation named by a parameter, at an argument."""

    def _print_as(self, name: str, argument: str) -> str:
        return f"{name}{chr(39) * int(self.args[2]) if len(self.args) > 2 else ''}{argument}"

    def _latex(self, printer: Any, exp: Any = None) -> str:
        inner = rf"\left({printer._print(self.args[1])}\right)"
        if exp is None:
            return self._print_as(printer._print(self.args[0]), inner)
        return rf"{{{self._print_as(printer._print(self.args[0]), inner)}}}^{{{exp}}}"

    def _pretty(self, printer: Any) -> prettyForm:
        argument = prettyForm(*printer._print(self.args[1]).parens())
        head = self._print_as(self.args[0].name, "")
        return prettyForm(*argument.left(head), binding=prettyForm.ATOM)


class GaussianMean(sympy.Expr):
    """``GaussianMean(body)``: the mean of ``body`` over ``GAUSSIAN``, a standard normal variable."""

    def __new__(cls, body: Any, z: Any = GAUSSIAN) -> GaussianMean:
        """Build the node; ``z`` is there for SymPy, which rebuilds a node from its arguments."""
        return sympy.Expr.__new__(cls, sympy.sympify(body), z)

    @property
    def free_symbols(self) -> set[sympy.Symbol]:
        """The free symbols, without the normal variable."""
        return self.args[0].free_symbols - {self.args[1]}

    def _latex(self, printer: Any) -> str:
        return rf"\mathbb{{E}}_{{z}}\left[{printer._print(self.args[0])}\right]"

    def _pretty(self, printer: Any) -> prettyForm:
        return prettyForm(
            *prettyForm(*printer._print(self.args[0]).parens("[", "]")).left("E_z "), binding=prettyForm.ATOM
        )


class Written(sympy.Expr):
    r"""A formula in arrays, for display only: its quantity evaluates it by an ``algorithm``.

    ``Written(r"\sigma_1/\sigma_K", "σ₁/σ_K", singular_values)``: LaTeX, plain Unicode, and the symbols it depends on.
    """

    def __new__(cls, latex: Any, glyph: Any, *symbols: Any) -> Written:
        """Build the node from two texts and symbols."""
        return sympy.Expr.__new__(cls, sympy.Symbol(str(latex)), sympy.Symbol(str(glyph)), *symbols)

    @property
    def free_symbols(self) -> set[sympy.Symbol]:
        """The symbols it depends on."""
        return set(self.args[2:])

    def _latex(self, printer: Any) -> str:
        return str(self.args[0].name)

    def _pretty(self, printer: Any) -> prettyForm:
        return prettyForm(self.args[1].name)
