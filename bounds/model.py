"""The data model: what a paper states, frozen, with its source; no numbers are computed here.

A formula exists once, as the SymPy ``expression`` of a ``Quantity``. Symbols in it are parameters, hidden constants or
other quantities of the same paper; an applied function ``h(L + 1)`` is the quantity ``h`` at another argument.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from bounds.errors import TheoryError
from bounds.terms import (
    COUNT,
    NONNEGATIVE,
    POSITIVE,
    REAL,
    UNIT_OPEN,
    Condition,
    Curves,
    Default,
    Demonstration,
    Domain,
    Erratum,
    Given,
    HiddenConstant,
    Parameter,
    Rescaling,
    Scenario,
    Source,
    built,
    defer,
)

__all__ = [
    "COUNT",
    "NONNEGATIVE",
    "POSITIVE",
    "REAL",
    "UNIT_OPEN",
    "Condition",
    "Curves",
    "Default",
    "Demonstration",
    "Domain",
    "Erratum",
    "Given",
    "HiddenConstant",
    "Paper",
    "Parameter",
    "Quantity",
    "Rescaling",
    "Scenario",
    "Source",
]

SIDES = ("upper", "lower", "equal", "requires")
DIRECTIONS = ("at_least", "at_most", None)
STATUSES = ("printed", "proved", "derived")
QUESTIONS = ("", "width", "samples", "step_size", "iterations")


@dataclass(frozen=True, eq=False)
class Quantity:
    """One formula of one paper.

    Attributes:
        name: The key within its paper (``c_H``).
        latex: Its symbol.
        expression: The formula, in SymPy, or a function that builds it when it is first asked for.
        side: ``upper``, ``lower``, ``equal`` or ``requires``.
        source: Where it stands.
        status: ``printed``, ``proved`` or ``derived``.
        text: What it is, in one line.
        parameters: The names it takes directly, in the paper's order.
        arguments: Those of them that other formulas apply it at: ``h(L + 1)``.
        direction: For ``requires``: whether the value must be at least or at most the formula.
        assumptions: What the statement needs, beyond the paper's standing assumptions.
        probability: The quantity giving the probability with which it holds, or "".
        hidden: Its hidden constants.
        order_only: Whether only its order is known.
        alternatives: Pairs (relation, name): the formula is the first named quantity whose relation is true.
        algorithm: An evaluation of ``expression`` by a better route (a closed form of a sum, a recursion), written for
            any arithmetic; a contract test compares it with the expression.
        conditions: For a ``requires`` quantity that solves for ``unknown``: all that must hold.
        unknown: The parameter solved for.
        side_conditions: What ``required_width`` adds: the further requirements of the lemmas that the theorem rests on.
        answers: The question whose answer it is: one of ``QUESTIONS``, or "".
        orders: Parameter -> the exponent that the paper states, up to logarithms, where the parameter grows (or falls
            to 0, for one in (0, 1)).
        signed: Whether the value may be negative.
        activation: The one activation of the networks it speaks of, where that is not its paper's business.
        statement: LaTeX of what the formula bounds, when that is more than the symbol.
        glyph: The symbol in plain Unicode.
        measured_by: What measures it on a network, in words.
        monotone: Declared monotonicity, parameter -> +1 or -1.
        paper: Filled in by ``Paper``.
    """

    name: str
    latex: str
    expression: Any
    side: str
    source: Source
    status: str
    text: str
    parameters: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    direction: str | None = None
    assumptions: tuple[Condition, ...] = ()
    probability: str = ""
    hidden: tuple[HiddenConstant, ...] = ()
    order_only: bool = False
    alternatives: tuple[tuple[Any, str], ...] = ()
    algorithm: Callable[..., Any] | None = field(default=None, compare=False)
    conditions: tuple[Condition, ...] = ()
    unknown: str = ""
    side_conditions: tuple[Condition, ...] = ()
    answers: str = ""
    orders: Mapping[str, Any] = field(default_factory=dict, hash=False)
    signed: bool = False
    activation: str = ""
    statement: str = ""
    glyph: str = ""
    measured_by: str = ""
    monotone: Mapping[str, int] = field(default_factory=dict, hash=False)
    paper: Paper = field(default=None, repr=False, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.side not in SIDES or self.direction not in DIRECTIONS or self.status not in STATUSES:
            raise TheoryError(f"{self.key}: side {self.side!r}, direction {self.direction!r}, status {self.status!r}")
        if (self.side == "requires") != (self.direction is not None):
            raise TheoryError(f"{self.key}: a requirement, and only a requirement, has a direction")
        if self.answers not in QUESTIONS:
            raise TheoryError(f"{self.key}: answers {self.answers!r} must be one of {', '.join(QUESTIONS)}")
        defer(self, "expression")

    def __getattr__(self, name: str) -> Any:
        expression = built(self, name)
        if self.paper is not None:
            self.paper.validate(self)
        return expression

    @property
    def key(self) -> str:
        """The canonical key, ``paper.name``."""
        return f"{self.source.paper}.{self.name}"

    def evaluate(self, **values: Any) -> Any:
        """The formula's number; see ``bounds.evaluate.evaluate``."""
        from bounds.evaluate import evaluate

        return evaluate(self, **values)

    def check(self, **values: Any) -> Any:
        """The state of every assumption at ``values``; see ``bounds.assumptions.check``."""
        from bounds.assumptions import check

        return check(self, values)

    def formula(self) -> Any:
        """The expression with the paper's typography, ready for ``latex`` and ``pretty``."""
        from bounds.display import typeset

        return typeset(self)

    def to_latex(self) -> str:
        """The statement as LaTeX."""
        from bounds.display import to_latex

        return to_latex(self)

    def expand(self, keep: frozenset[str] = frozenset()) -> Any:
        """The expression with every other quantity written out, in parameters only."""
        from bounds.compile import expand

        return expand(self, keep)

    def _repr_latex_(self) -> str:
        return f"${self.to_latex()}$"


@dataclass(frozen=True, eq=False)
class Paper:
    """A paper: its parameters, quantities and errata; every formula is checked to be closed when it is built.

    Attributes:
        key: The citation key.
        title, authors, venue, year, bibtex: For citing it.
        setting: Network, data, loss and ball, in a few lines.
        parameters: Its letters.
        quantities: Its formulas, in reading order.
        assumptions: What all its results need.
        errata: Where print and proof differ, or a function that imports them: demonstrations need not be loaded.
        proved: Symbol -> the quantity it stands for in other formulas, when not the one of that name.
        layers_offset: The paper's L minus the number of hidden layers; None where its network has one hidden layer.
        activation: The one activation that its network has, where the paper fixes it, else "".
        scenarios: The paper's experiments as named parameter values.
        rescalings: The changes of units under which its statements are unchanged.
        figures: Its figures of formulas: name -> function of an activation (None: the paper's own) giving ``Curves``.
        from_data: Parameter -> function (X, y, values) giving its number for a data set, and its origin in words; or a
            function that imports this table.
    """

    key: str
    title: str
    authors: str
    venue: str
    year: int
    bibtex: str
    setting: str
    parameters: Mapping[str, Parameter]
    quantities: Mapping[str, Quantity]
    assumptions: tuple[Condition, ...]
    errata: Any = field(default_factory=tuple)
    proved: Mapping[str, str] = field(default_factory=dict)
    layers_offset: int | None = 0
    activation: str = ""
    scenarios: tuple[Scenario, ...] = ()
    rescalings: tuple[Rescaling, ...] = ()
    figures: Mapping[str, Callable[[Any], Curves]] = field(default_factory=dict)
    from_data: Any = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return built(self, name)

    def __post_init__(self) -> None:
        defer(self, "errata", "from_data")
        bound = {name: copy.copy(q) for name, q in self.quantities.items()}
        object.__setattr__(self, "quantities", bound)
        for quantity in bound.values():
            object.__setattr__(quantity, "paper", self)
            if "expression" in quantity.__dict__:  # the others are checked when they are built
                self.validate(quantity)

    def validate(self, quantity: Quantity) -> None:
        """Refuse a formula with a symbol that is neither a parameter nor hidden nor a quantity.

        Raises:
            TheoryError: A symbol is unknown, or a parameter undocumented.
        """
        known = set(self.parameters) | set(self.quantities) | {c.name for c in quantity.hidden} | set(self.proved)
        conditions = (*quantity.conditions, *quantity.assumptions, *quantity.side_conditions)
        formulas = [quantity.expression, *(c.relation for c in conditions if "relation" in c.__dict__)]
        for formula in formulas:
            expression = sympy.sympify(formula) if formula is not None else sympy.S.Zero
            used = {s.name for s in expression.free_symbols} | {f.func.__name__ for f in expression.atoms(AppliedUndef)}
            if used - known:
                raise TheoryError(
                    f"{quantity.key}: {sorted(used - known)} is neither a parameter, hidden nor a quantity"
                )
        if missing := set(quantity.parameters) - known:
            raise TheoryError(f"{quantity.key}: parameters {sorted(missing)} are not documented")

    @cached_property
    def source_line(self) -> str:
        """One line: authors, year, title, venue."""
        return f"{self.authors} ({self.year}). {self.title}. {self.venue}."
