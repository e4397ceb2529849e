"""From a quantity's SymPy expression to a tape: a flat list of operations, run by any arithmetic.

One tape serves float64 arrays, the logarithmic domain, exact fractions and balls. References to other quantities are
inlined and equal subexpressions shared, so ``gamma`` is computed once however often it occurs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from bounds.averages import Average
from bounds.errors import TheoryError
from bounds.forms import EndpointMax, GaussianMean, Largest, Phi, Written
from bounds.model import Paper, Quantity
from bounds.tape import RAW, Tape

RELATIONS = {">": "gt", ">=": "ge", "<": "lt", "<=": "le"}
_FUNCTIONS = {
    "Largest": "maximum",
    "Max": "maximum",
    "Smallest": "minimum",
    "Min": "minimum",
    "ceiling": "ceiling",
    "Abs": "absolute",
    "exp": "exp",
    "erf": "erf",
    "factorial": "factorial",
}


@lru_cache(maxsize=4096)
def compile_expressions(
    paper: Paper,
    expressions: tuple[Any, ...],
    given: frozenset[str],
    top: Quantity | None = None,
    symbolic: frozenset[str] = frozenset(),
) -> Tape:
    """The tape that evaluates ``expressions`` (formulas or relations of ``paper``) together.

    Args:
        paper: The paper whose letters they use.
        expressions: What to evaluate.
        given: The names whose values are supplied; every other quantity is built up.
        top: The quantity whose formula is the expression: its own name is then an input, not a reference.
        symbolic: The parameters replaced by their default formula.
    """
    builder = _Builder(paper, given, top, symbolic)
    outputs = tuple(
        builder.node_quantity(e) if isinstance(e, Quantity) else builder.node(sympy.sympify(e)) for e in expressions
    )
    last: dict[int, int] = {}
    for k, (_, args, _) in enumerate(builder.steps):
        for a in args:
            last[a] = k
    frees: list[list[int]] = [[] for _ in builder.steps]
    for a, k in last.items():
        if a not in outputs:
            frees[k].append(a)
    raw = frozenset(payload for name, _, payload in builder.steps if name == RAW)
    inputs = raw | {payload for name, _, payload in builder.steps if name == "input"}
    return Tape(tuple(builder.steps), inputs, outputs, tuple(map(tuple, frees)), raw)


def formula_of(quantity: Quantity) -> Any:
    """The expression, or the Piecewise over its alternatives."""
    if not quantity.alternatives:
        return quantity.expression
    return sympy.Piecewise(*[(sympy.Symbol(name), relation) for relation, name in quantity.alternatives])


def expand(quantity: Quantity, keep: frozenset[str] = frozenset()) -> Any:
    """``quantity`` with all other quantities written out and maxima at their ends; ``keep`` stay symbols."""
    builder = _Builder(quantity.paper, keep, quantity)
    return builder.written_out(formula_of(quantity))


class _Builder:
    """Hash-conses operations while walking expressions."""

    def __init__(
        self, paper: Paper, given: frozenset[str], top: Quantity | None, symbolic: frozenset[str] = frozenset()
    ) -> None:
        self.paper, self.given, self.top, self.symbolic = paper, given, top, symbolic
        self.steps: list[tuple[str, tuple[int, ...], Any]] = []
        self.integral: list[bool] = []
        self._index: dict[Any, int] = {}
        self._memo: dict[Any, int] = {}

    def emit(self, name: str, args: tuple[int, ...] = (), payload: Any = None, integral: bool = False) -> int:
        key = (name, args, payload)
        if key not in self._index:
            self._index[key] = len(self.steps)
            self.steps.append(key)
            self.integral.append(integral)
        return self._index[key]

    def lookup(self, name: str) -> Quantity | None:
        """The quantity that ``name`` stands for, or None when it is an input."""
        if name in self.given:
            return None
        name = self.paper.proved.get(name, name)
        quantity = self.paper.quantities.get(name)
        return None if quantity is None or quantity is self.top else quantity

    def node(self, expression: Any) -> int:
        if expression not in self._memo:
            self._memo[expression] = self._dispatch(expression)
        return self._memo[expression]

    def _dispatch(self, e: Any) -> int:
        if e.is_Symbol:
            return self._symbol(e)
        if isinstance(e, AppliedUndef):
            return self._apply(e)
        if (e.is_number and not e.args) or e.is_Rational:
            return self.emit("const", (), e, integral=bool(e.is_Integer))
        if e.is_Add:
            return self._add(e)
        if e.is_Mul:
            return self._mul(e)
        if e.is_Pow:
            return self._power(e)
        if isinstance(e, Relational):
            return self._relation(e)
        return self._function(e)

    def _relation(self, e: Any) -> int:
        left, right = self.node(e.lhs), self.node(e.rhs)
        if left == right:  # the same register: no arithmetic is needed, and balls could not settle it
            return self.emit("truth", (), e.rel_op in (">=", "<="))
        return self.emit(RELATIONS[e.rel_op], (left, right))

    def _symbol(self, e: Any) -> int:
        quantity = self.lookup(e.name)
        if quantity is None:
            parameter = self.paper.parameters.get(e.name)
            if parameter is not None and parameter.kind != "number":
                return self.raw(e.name)
            if parameter is not None and e.name in self.symbolic and parameter.default is not None:
                return self.node(parameter.default.value)
            return self.emit("input", (), e.name, integral=bool(parameter and parameter.domain.integer))
        return self.node_quantity(quantity)

    def node_quantity(self, quantity: Quantity, arguments: tuple[Any, ...] = ()) -> int:
        """A quantity's value, at ``arguments`` if applied: by its algorithm where it has one, else by its formula."""
        if quantity.algorithm is None:
            return self.node(self.at(quantity, arguments) if arguments else formula_of(quantity))
        places = dict(zip(quantity.arguments, arguments, strict=True)) if arguments else {}
        args = tuple(self.node(places.get(p, sympy.Symbol(p))) for p in quantity.parameters)
        return self.emit("call", args, quantity.algorithm)

    def _apply(self, e: Any) -> int:
        quantity = self.paper.quantities[e.func.__name__]
        if e.func.__name__ in self.given:
            raise TheoryError(f"{quantity.key} depends on {quantity.arguments}: give its ingredients, not its value")
        return self.node_quantity(quantity, e.args)

    def at(self, quantity: Quantity, args: tuple[Any, ...]) -> Any:
        """The formula of ``quantity`` with its explicit arguments replaced."""
        symbols = {s.name: s for s in quantity.expression.free_symbols}
        change = {symbols[a]: v for a, v in zip(quantity.arguments, args, strict=True) if a in symbols}
        return quantity.expression.xreplace(change)

    def _add(self, e: Any) -> int:
        args = tuple(self.node(a) for a in e.args)
        integral = all(self.integral[a] for a in args)
        mixed = not integral and any(a.could_extract_minus_sign() for a in e.args)
        return self.emit("add_mixed" if mixed else "add", args, integral=integral)

    def _mul(self, e: Any) -> int:
        over = [a for a in e.args if a.is_Pow and a.exp.is_number and a.exp.could_extract_minus_sign()]
        if over and len(over) < len(e.args):
            # a/b as one division: exact where products with a reciprocal are not
            top = self.node(e.func(*[a for a in e.args if a not in over]))
            return self.emit("div", (top, self.node(e.func(*[1 / a for a in over]))))
        args = tuple(self.node(a) for a in e.args)
        return self.emit("mul", args, integral=all(self.integral[a] for a in args))

    def _power(self, e: Any) -> int:
        base, exponent = e.args
        if exponent == sympy.Rational(1, 2):
            return self.emit("sqrt", (self.node(base),))
        if base == sympy.E:
            return self.emit("exp", (self.node(exponent),))
        if exponent.is_number and exponent.could_extract_minus_sign():
            return self.emit("div", (self.node(sympy.S.One), self.node(1 / e)))
        if exponent.is_Integer and exponent <= 4:
            return self.emit("mul", (self.node(base),) * int(exponent), integral=self.integral[self.node(base)])
        return self.emit("power", (self.node(base), self.node(exponent)))

    def _function(self, e: Any) -> int:
        if isinstance(e, EndpointMax):
            return self.emit("maximum", tuple(self.node(end) for end in e.ends))
        if isinstance(e, sympy.Sum):
            return self.node_sum(e)
        if isinstance(e, sympy.Piecewise):
            return self._piecewise(e)
        if isinstance(e, sympy.log):
            return self._logarithm(e)
        if isinstance(e, GaussianMean):
            names = tuple(sorted(s.name for s in e.free_symbols))
            return self.emit("gaussian", tuple(self.raw(n) for n in names), Average(e.args[0], names))
        if isinstance(e, Phi):
            activation, argument, order = e.args if len(e.args) > 2 else (*e.args, 0)
            return self.emit("activation", (self.raw(activation.name), self.node(argument)), int(order))
        if isinstance(e, sympy.LambertW):
            return self._lambert(e)
        name = _FUNCTIONS.get(e.func.__name__)
        if name is None:
            raise TheoryError(f"no arithmetic for {e.func.__name__} in {e}")
        return self.emit(name, tuple(self.node(a) for a in e.args))

    def raw(self, name: str) -> int:
        """A register with a value as it was given."""
        if name not in self.paper.parameters or name in self.symbolic:
            raise TheoryError(f"{name}: a Gaussian mean depends on parameters only")
        return self.emit(RAW, (), name)

    def _lambert(self, e: Any) -> int:
        if e.args[1:] != (-1,):
            raise TheoryError(f"no arithmetic for {e}: only the branch -1 is needed")
        return self.emit("lower_lambert", (self.node(e.args[0]),))

    def _logarithm(self, e: Any) -> int:
        (arg,) = e.args
        if arg.is_Add and arg.args[0] == 1:
            return self.emit("log1p", (self.node(arg - 1),))
        return self.emit("log", (self.node(arg),))

    def _piecewise(self, e: Any) -> int:
        *cases, (otherwise, condition) = e.args
        if condition != sympy.true:
            raise TheoryError(f"{e} leaves a case open")
        result = self.node(otherwise)
        for value, relation in reversed(cases):
            result = self.emit("where", (self.node(relation), self.node(value), result))
        return result

    def node_sum(self, e: Any) -> int:
        """A geometric sum: base^(i + c) over i = a..b is base^(a + c) (1 + base + ... + base^(b - a))."""
        ((i, low, high),) = e.limits
        term = e.function
        offset = sympy.expand(term.exp - i) if term.is_Pow else i
        if i in offset.free_symbols or i in term.base.free_symbols:
            raise TheoryError(f"no closed form for {e}: give its quantity an algorithm")
        total = self.emit("geometric", (self.node(term.base), self.node(sympy.expand(high - low + 1))))
        first = sympy.expand(low + offset)
        return total if first == 0 else self.emit("mul", (self.node(term.base**first), total))

    def written_out(self, e: Any) -> Any:
        """``expand``'s recursion."""
        if e.is_Symbol:
            quantity = self.lookup(e.name)
            return e if quantity is None else self.written_out(formula_of(quantity))
        if isinstance(e, AppliedUndef):
            return self.written_out(self.at(self.paper.quantities[e.func.__name__], e.args))
        if isinstance(e, EndpointMax):
            return Largest(*map(self.written_out, e.ends))
        if isinstance(e, sympy.Sum):
            return sympy.Sum(self.written_out(e.function), e.limits[0])
        if isinstance(e, Written) or not e.args:
            return e
        return e.func(*map(self.written_out, e.args))
