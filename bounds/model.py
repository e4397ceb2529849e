"""The data model: what a paper states, frozen, with its source; no numbers are computed here.

A formula exists once, as the SymPy ``expression`` of a ``Quantity``. Symbols in it are parameters, hidden constants or
other quantities of the same paper; an applied function ``h(L + 1)`` is the quantity ``h`` at another argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from bounds.errors import TheoryError
from bounds.terms import (
    COUNT as COUNT,
)
from bounds.terms import (
    NONNEGATIVE as NONNEGATIVE,
)
from bounds.terms import (
    POSITIVE as POSITIVE,
)
from bounds.terms import (
    REAL as REAL,
)
from bounds.terms import (
    UNIT_OPEN as UNIT_OPEN,
)
from bounds.terms import (
    Condition as Condition,
)
from bounds.terms import (
    Default as Default,
)
from bounds.terms import (
    Domain as Domain,
)
from bounds.terms import (
    HiddenConstant as HiddenConstant,
)
from bounds.terms import (
    Parameter as Parameter,
)
from bounds.terms import (
    Source as Source,
)

SIDES = ("upper", "lower", "equal", "requires")
DIRECTIONS = ("at_least", "at_most", None)
STATUSES = ("printed", "proved", "derived")
KINDS = ("wrong", "gap", "slip", "loose")


@dataclass(frozen=True, eq=False)
class Quantity:
    """One formula of one paper.

    Attributes:
        name: The key within its paper (``c_H``).
        latex: Its symbol.
        expression: The formula, in SymPy.
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


@dataclass(frozen=True)
class Demonstration:
    """What running an erratum's demonstration showed."""

    confirmed: bool
    observed: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Erratum:
    """A place where the printed statement and its proof (or the truth) differ.

    Attributes:
        name: ``B1``.
        source: The location.
        printed: What is printed (LaTeX or a quantity's name).
        proved: What holds instead.
        text: Why, in a sentence or two.
        kind: ``wrong``, ``gap``, ``slip`` or ``loose``.
        quantities: The names of the quantities concerned, printed first.
        demonstrate: Runs the demonstration.
    """

    name: str
    source: Source
    printed: str
    proved: str
    text: str
    kind: str
    demonstrate: Callable[[], Demonstration]
    quantities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TheoryError(f"erratum {self.name}: kind {self.kind!r} must be one of {', '.join(KINDS)}")


@dataclass(frozen=True, eq=False)
class Paper:
    """A paper: its parameters, quantities and errata; construction checks that every formula is closed.

    Attributes:
        key: The citation key.
        title, authors, venue, year, bibtex: For citing it.
        setting: Network, data, loss and ball, in a few lines.
        parameters: Its letters.
        quantities: Its formulas, in reading order.
        assumptions: What all its results need.
        errata: Where print and proof differ.
        proved: Symbol -> the quantity it stands for in other formulas, when not the one of that name.
        layers_offset: The paper's L minus the number of hidden layers; None where its network has a fixed depth.
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
    errata: tuple[Erratum, ...] = ()
    proved: Mapping[str, str] = field(default_factory=dict)
    layers_offset: int | None = 0

    def __post_init__(self) -> None:
        bound = {name: replace(q, paper=self) for name, q in self.quantities.items()}
        object.__setattr__(self, "quantities", bound)
        for quantity in bound.values():
            self._validate(quantity)

    def _validate(self, quantity: Quantity) -> None:
        known = set(self.parameters) | set(self.quantities) | {c.name for c in quantity.hidden} | set(self.proved)
        formulas = [quantity.expression, *(c.relation for c in (*quantity.conditions, *quantity.assumptions))]
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
