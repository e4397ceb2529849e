"""The terms in which a paper is stated: ranges, parameters, hidden constants, sources, conditions, errata."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bounds.errors import TheoryError

PARAMETER_KINDS = ("number", "activation", "vector", "matrix")
ERRATUM_KINDS = ("wrong", "gap", "slip", "loose")


def is_thunk(formula: Any) -> bool:
    """Whether a formula is given as a function that builds it, so that importing a paper builds none."""
    return callable(formula) and not hasattr(formula, "free_symbols")


def defer(record: Any, *fields: str) -> None:
    """Set aside the thunks among a frozen record's ``fields``, which ``built`` fills in when they are first read."""
    thunks = {f: record.__dict__.pop(f) for f in fields if is_thunk(record.__dict__[f])}
    object.__setattr__(record, "_thunks", thunks)


def built(record: Any, name: str) -> Any:
    """``__getattr__`` of a record with deferred fields."""
    thunk = record.__dict__.get("_thunks", {}).get(name)
    if thunk is None:
        raise AttributeError(f"{type(record).__name__} has no attribute {name!r}")
    value = thunk()
    object.__setattr__(record, name, value)
    return value


@dataclass(frozen=True)
class Domain:
    """The values a parameter may take: an interval, of integers if ``integer``."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    integer: bool = False

    def __str__(self) -> str:
        kind = "an integer" if self.integer else "a real number"
        low = "" if self.low == -math.inf else f" {'>' if self.low_open else '>='} {self.low:g}"
        high = "" if self.high == math.inf else f" {'<' if self.high_open else '<='} {self.high:g}"
        return f"{kind}{low}{' and' if low and high else ''}{high}"


POSITIVE = Domain(0, low_open=True)
NONNEGATIVE = Domain(0)
COUNT = Domain(1, integer=True)
UNIT_OPEN = Domain(0, 1, low_open=True, high_open=True)
REAL = Domain()


@dataclass(frozen=True)
class Default:
    """A value assumed when none is given, and where it comes from."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Parameter:
    """A letter of a paper.

    Attributes:
        name: The canonical ASCII name, unique in its paper.
        role: The English word shared by all papers (``width``, ``samples``, ...).
        text: What it is, in one line.
        domain: The values it may take.
        latex: How the paper writes it.
        glyph: The same in plain Unicode, for terminals.
        default: The value that commands assume when none is given, with its origin.
        optional: Needed by assumptions only, never by a formula.
        kind: ``number``; ``activation`` (a name, expression or ``Activation``); ``vector`` or ``matrix`` (an array as
            one value).
    """

    name: str
    role: str
    text: str
    domain: Domain = POSITIVE
    latex: str = ""
    glyph: str = ""
    default: Default | None = None
    optional: bool = False
    kind: str = "number"

    def __post_init__(self) -> None:
        if self.kind not in PARAMETER_KINDS:
            raise TheoryError(f"{self.name}: kind {self.kind!r} must be one of {', '.join(PARAMETER_KINDS)}")


@dataclass(frozen=True)
class HiddenConstant:
    """A constant that a paper hides in O, Omega or poly; evaluated at 1 when unset, and every display says so."""

    name: str
    text: str
    latex: str = ""
    factor: bool = True


@dataclass(frozen=True)
class Source:
    """Where a statement stands: the paper's key and the place in it."""

    paper: str
    place: str

    def __str__(self) -> str:
        return f"{self.paper}, {self.place}"


@dataclass(frozen=True)
class Condition:
    """An assumption or a requirement; three-valued: true, false or undecided at given values.

    Attributes:
        name: Short name, for example ``Assumption 1``.
        text: What must hold, in words.
        relation: The SymPy relation or a function that builds it, or None when only the user or a measurement can tell.
        remedy: What to do when it fails.
        essential: The formula is undefined where the relation is false (as opposed to unproved).
    """

    name: str
    text: str
    relation: Any = field(default_factory=lambda: None)  # no class attribute: ``__getattr__`` builds what is deferred
    remedy: str = ""
    essential: bool = False

    def __post_init__(self) -> None:
        defer(self, "relation")

    def __getattr__(self, name: str) -> Any:
        return built(self, name)


@dataclass(frozen=True)
class Given:
    """A value of a scenario: for a role (``width``) or a letter of the scenario's paper, and where it comes from."""

    name: str
    value: Any
    origin: str


@dataclass(frozen=True)
class Rescaling:
    """A change of units under which the statements hold as before: parameters times a factor, outputs, the loss.

    Attributes:
        name: What is rescaled.
        powers: Parameter or quantity -> the power of the factor that it takes; what is not named does not change.
        quantities: The quantities of which this is claimed; those not in ``powers`` do not change.
    """

    name: str
    powers: Mapping[str, float]
    quantities: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Curves:
    """The numbers of a figure that needs no training: one curve per name, over common abscissae.

    Attributes:
        caption: What is drawn, with its source.
        x_label, y_label: The axes.
        x: (points,).
        series: Name -> (points,).
    """

    caption: str
    x_label: str
    y_label: str
    x: Any
    series: Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A named set of parameter values: an experiment of a paper, or a network people know."""

    name: str
    text: str
    values: tuple[Given, ...]


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
        if self.kind not in ERRATUM_KINDS:
            raise TheoryError(f"erratum {self.name}: kind {self.kind!r} must be one of {', '.join(ERRATUM_KINDS)}")
