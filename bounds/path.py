"""Where a number comes from: its formula taken apart, and followed down to the leaf that drives it."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from bounds.ball import precision, to_ball
from bounds.binding import Binding
from bounds.compile import formula_of
from bounds.errors import TheoryError
from bounds.forms import EndpointMax, GaussianMean, Phi, Written
from bounds.model import Paper, Quantity
from bounds.numeric import enclose
from bounds.shares import Share, Step, completed, numbers, ratio, short

MOST_STEPS = 64
"""A path that is longer is cut."""
MOST_TERMS = 64
"""A sum over more indices is not taken apart."""
_LEAVES = (GaussianMean, Phi, Written)
_KINDS = {"Largest": "maximum", "Max": "maximum", "Smallest": "minimum", "Min": "minimum"}


class Path:
    """Follows the dominating parts of a formula of ``paper`` down to a parameter."""

    def __init__(self, paper: Paper, binding: Binding, top: Quantity | None = None) -> None:
        self.paper, self.binding, self.top = paper, binding, top

    def of_quantity(self, quantity: Quantity) -> tuple[Step, ...]:
        """The path from a quantity's own formula."""
        return self._follow(quantity.name, quantity)

    def of_condition(self, name: str, relation: Any) -> tuple[Step, ...]:
        """The path from a condition ``gap > 0``: its terms, then the largest of those that stand in its way."""
        terms = self.gap_terms(relation)
        total = self.number(sympy.Add(*terms, evaluate=False))
        parts, balls = self._sum(terms, total)
        against = [k for k, b in enumerate(balls) if b < 0] or list(range(len(balls)))
        driver = max(against, key=lambda k: parts[k].log10)
        head = Step(f"{name}: {self.text(relation)}", "condition", *numbers(total), parts, driver)
        return (head, *self._follow(self.text(terms[driver]), terms[driver]))

    def gap_terms(self, relation: Any) -> list[Any]:
        """The terms of left minus right, or right minus left for ``<``: what must be positive."""
        left, right = (relation.lhs, relation.rhs) if relation.rel_op in (">", ">=") else (relation.rhs, relation.lhs)
        left, right = (self._opened(side) if other == 0 else side for side, other in ((left, right), (right, left)))
        return [*_terms(left), *(-t for t in _terms(right))]

    def _opened(self, side: Any) -> Any:
        """The formula of a quantity that is a condition's whole side."""
        quantity = self._quantity(side.name) if side.is_Symbol else None
        return side if quantity is None or quantity.alternatives or quantity.algorithm else quantity.expression

    def _follow(self, of: str, expression: Any) -> tuple[Step, ...]:
        steps: list[Step] = []
        below: Any = expression
        while below is not None and len(steps) < MOST_STEPS:
            step, below = self._step(of, below)
            steps.append(step)
            of = "" if below is None else self.text(below)
        return tuple(steps)

    def _step(self, of: str, e: Any) -> tuple[Step, Any]:
        total = self.number(e)  # by the quantity's algorithm where it has one
        while (inner := self._inside(e)) is not None:  # a name stands for its formula
            e = inner
        kind, parts = self._parts(e)
        if not parts:
            return Step(of, kind, *numbers(total)), None
        if kind == "sum":
            shares, _ = self._sum(parts, total)
            driver = max(range(len(parts)), key=lambda k: shares[k].log10)
            return Step(of, kind, *numbers(total), shares, driver), parts[driver]
        balls = completed([self.number(p) for p in parts], total, kind)
        sizes = [numbers(b) for b in balls]
        shares = tuple(
            Share(self.text(p), *n, n[1] if kind == "product" else None) for p, n in zip(parts, sizes, strict=True)
        )
        driver = self._driver(kind, parts, shares)
        return Step(of, kind, *numbers(total), shares, driver), parts[driver]

    def _driver(self, kind: str, parts: list[Any], shares: tuple[Share, ...]) -> int:
        if kind == "maximum":
            return max(range(len(parts)), key=lambda k: shares[k].value)
        if kind == "minimum":
            return min(range(len(parts)), key=lambda k: shares[k].value)
        named = [k for k, p in enumerate(parts) if p.free_symbols or p.atoms(AppliedUndef)] or [0]
        if kind == "product":
            return max(named, key=lambda k: abs(shares[k].log10))
        return named[0]

    def _parts(self, e: Any) -> tuple[str, list[Any]]:
        """What an expression is made of."""
        if isinstance(e, EndpointMax):
            return "maximum", list(e.ends)
        if isinstance(e, sympy.Piecewise):
            return "choice", [self._chosen(e)]
        if isinstance(e, sympy.Sum):
            return "sum", self._unrolled(e)
        if e.is_Add:
            return "sum", list(e.args)
        if e.is_Mul:
            return "product", list(e.args)
        if e.is_Pow:
            return "power", list(e.args)
        if not e.args or isinstance(e, (*_LEAVES, AppliedUndef)):
            return "leaf", []
        return _KINDS.get(type(e).__name__, "function"), list(e.args)

    def _chosen(self, e: Any) -> Any:
        """The case of a Piecewise that applies."""
        from bounds.assumptions import holds

        return next(value for value, relation in e.args if holds(self.paper, relation, self.binding))

    def _unrolled(self, e: Any) -> list[Any]:
        ((index, low, high),) = e.limits
        first, last = (self.number(end) for end in (low, high))
        ends = [ball.unique_fmpz() for ball in (first, last)]
        if None in ends or not 0 <= last - first < MOST_TERMS:
            return []
        return [e.function.xreplace({index: sympy.Integer(k)}) for k in range(int(ends[0]), int(ends[1]) + 1)]

    def _quantity(self, name: str) -> Quantity | None:
        if name in self.binding.given:
            return None
        quantity = self.paper.quantities.get(self.paper.proved.get(name, name))
        return None if quantity is self.top else quantity

    def _inside(self, e: Any) -> Any:
        """The formula behind a quantity, its name, an applied quantity or a parameter with a symbolic default."""
        if isinstance(e, Quantity):
            return formula_of(e)
        if e.is_Symbol:
            quantity = self._quantity(e.name)
            if quantity is not None:
                return formula_of(quantity)
            default = self.paper.parameters[e.name].default if e.name in self.binding.symbolic else None
            return default.value if default is not None else None
        if isinstance(e, AppliedUndef):
            quantity = self.paper.quantities[e.func.__name__]
            symbols = {s.name: s for s in quantity.expression.free_symbols}
            places = zip(quantity.arguments, e.args, strict=True)
            return quantity.expression.xreplace({symbols[a]: v for a, v in places if a in symbols})
        return None

    def number(self, expression: Any) -> Any:
        """A ball around an expression's number; nan where it is undefined."""
        from flint import arb

        try:
            tape = self.binding.tape(self.paper, (expression,), self.top)
        except TheoryError:  # a sum that only its quantity's algorithm adds up
            return self._by_terms(expression)
        try:
            ball = enclose(tape, {n: self.binding.values[n] for n in tape.inputs})
        except TheoryError:
            return arb.nan()
        return ball.ball if hasattr(ball, "ball") else arb.nan()

    def _by_terms(self, expression: Any) -> Any:
        """The number of a formula whose sums are written out."""
        from flint import arb

        sums = {s: self._unrolled(s) for s in getattr(expression, "atoms", lambda *_: ())(sympy.Sum)}
        outer = [s for s in sums if not any(s in other.atoms(sympy.Sum) for other in sums if other is not s)]
        if not outer or not all(sums[s] for s in outer):
            return arb.nan()
        return self.number(expression.xreplace({s: sympy.Add(*sums[s], evaluate=False) for s in outer}))

    def _sum(self, terms: list[Any], total: Any) -> tuple[tuple[Share, ...], list[Any]]:
        balls = completed([self.number(t) for t in terms], total, "sum")
        with precision(256):
            size = sum((abs(b) for b in balls), to_ball(0))
            shares = tuple(
                Share(self.text(t), *numbers(b), ratio(b, total), ratio(abs(b), size))
                for t, b in zip(terms, balls, strict=True)
            )
        return shares, balls

    def text(self, expression: Any) -> str:
        """An expression on one line, in the letters that options take."""
        return short(expression)


def _terms(e: Any) -> list[Any]:
    return list(e.args) if e.is_Add else [] if e == 0 else [e]
