"""How formulas look: LaTeX, and readable Unicode for terminals; both generated from the one expression."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from bounds.compile import formula_of
from bounds.model import Paper, Quantity

SIGNS = {"upper": r"\le", "lower": r"\ge", "equal": "=", "at_least": r"\ge", "at_most": r"\le"}
GLYPHS = {r"\le": "≤", r"\ge": "≥", "=": "="}


def sign(quantity: Quantity) -> str:
    """The relation between the statement and the formula, in LaTeX."""
    return SIGNS[quantity.direction if quantity.side == "requires" and quantity.direction else quantity.side]


def _names(paper: Paper, style: str) -> dict[str, str]:
    """Symbol name -> LaTeX or glyph."""
    names = {p.name: getattr(p, style) for p in paper.parameters.values() if getattr(p, style)}
    for quantity in paper.quantities.values():
        if getattr(quantity, style) and not quantity.arguments:
            names[quantity.name] = getattr(quantity, style)
    for alias, name in paper.proved.items():
        names[alias] = alias if style == "glyph" else paper.quantities[name].latex
    return names


def _renamed(quantity: Quantity, expression: Any, style: str) -> Any:
    """The expression with its functions spelt in ``style``, and for ``glyph`` its symbols too."""
    names = _names(quantity.paper, style) if style == "glyph" else {}
    change: dict[Any, Any] = {s: sympy.Symbol(names[s.name]) for s in expression.atoms(sympy.Symbol) if s.name in names}
    for f in expression.atoms(AppliedUndef):
        target = quantity.paper.quantities[f.func.__name__]
        head = getattr(target, style).split("(")[0]
        change[f] = sympy.Function(head or target.name)(*[a.xreplace(change) for a in f.args])
    for f in expression.atoms(sympy.hermite_prob):
        degree, z = (a.xreplace(change) for a in f.args)
        name = rf"\mathrm{{He}}_{{{sympy.latex(degree)}}}" if style == "latex" else f"He_{degree}"
        change[f] = sympy.Function(name)(z)
    return expression.xreplace(change)


def typeset(quantity: Quantity) -> Any:
    """The expression with the paper's function names."""
    return _renamed(quantity, sympy.sympify(formula_of(quantity)), "latex")


def to_latex(quantity: Quantity) -> str:
    r"""The statement as LaTeX.

    >>> import bounds
    >>> bounds.quantity("banerjee2023.gamma").to_latex()
    '\\gamma = \\sigma_1 + \\frac{\\rho}{\\sqrt{m}}'
    """
    left = quantity.statement or quantity.latex
    if quantity.conditions:
        return r",\quad ".join(relation_latex(quantity, c.relation) for c in quantity.conditions)
    right = _print(quantity, typeset(quantity))
    symbol = "" if quantity.latex in (left, "", right) else f" {quantity.latex} ="
    return f"{left} {sign(quantity)}{symbol} {right}"


def _print(quantity: Quantity, expression: Any) -> str:
    names = _names(quantity.paper, "latex")
    spelt = {s: names[s.name] for s in expression.atoms(sympy.Symbol) if s.name in names}
    return str(sympy.latex(expression, symbol_names=spelt))


def relation_latex(quantity: Quantity, relation: Any) -> str:
    """A condition as LaTeX."""
    return _print(quantity, _renamed(quantity, relation, "latex"))


def to_unicode(quantity: Quantity, width: int = 110) -> str:
    """The statement in readable Unicode, over several lines where fractions and sums need them."""
    if quantity.conditions:
        lines = [_pretty(_renamed(quantity, c.relation, "glyph"), width) for c in quantity.conditions]
        return "\n\n".join(lines)
    formula = _renamed(quantity, sympy.sympify(formula_of(quantity)), "glyph")
    left = sympy.Symbol(quantity.glyph or quantity.name)
    return _pretty(_Statement(left, GLYPHS[sign(quantity)], formula), width)


def _pretty(expression: Any, width: int) -> str:
    return str(sympy.pretty(expression, use_unicode=True, wrap_line=True, num_columns=width))


class _Statement(sympy.Basic):
    """``left sign formula`` for the pretty printer."""

    def __new__(cls, left: Any, glyph: str, formula: Any) -> _Statement:
        return sympy.Basic.__new__(cls, left, sympy.Symbol(glyph), formula)

    def _pretty(self, printer: Any) -> Any:
        left, glyph, formula = self.args
        head = printer._print(sympy.Symbol(f"{left.name} {glyph.name} "))
        return head.__class__(*head.right(printer._print(formula)))


def tree(quantity: Quantity) -> tuple[str, list[Any]]:
    """The dependency graph below ``quantity`` as nested (label, children); parameters are leaves."""
    return _branch(quantity, set())


def _branch(quantity: Quantity, seen: set[str]) -> tuple[str, list[Any]]:
    label = f"{quantity.name} [{quantity.side}, {quantity.source.place}]"
    if quantity.name in seen:
        return f"{quantity.name} (as above)", []
    seen.add(quantity.name)
    paper, children, names = quantity.paper, [], set()
    formulas = [formula_of(quantity)] if not quantity.conditions else [c.relation for c in quantity.conditions]
    for formula in formulas:
        expression = sympy.sympify(formula)
        names |= {s.name for s in expression.free_symbols} | {f.func.__name__ for f in expression.atoms(AppliedUndef)}
    for name in sorted(names):
        target = paper.quantities.get(paper.proved.get(name, name))
        if target is not None and target is not quantity:
            children.append(_branch(target, seen))
        elif name in paper.parameters:
            children.append((f"{name}: {paper.parameters[name].text}", []))
        else:
            children.append((f"{name}: hidden constant", []))
    return label, children
