"""The terms in which a paper is stated: ranges, parameters, hidden constants, sources, conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


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
    """

    name: str
    role: str
    text: str
    domain: Domain = POSITIVE
    latex: str = ""
    glyph: str = ""
    default: Default | None = None
    optional: bool = False


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
        relation: The SymPy relation, or None when only the user or a measurement can tell.
        remedy: What to do when it fails.
        essential: The formula is undefined where the relation is false (as opposed to unproved).
    """

    name: str
    text: str
    relation: Any = None
    remedy: str = ""
    essential: bool = False
