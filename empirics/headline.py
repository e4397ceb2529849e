"""The critical widths of networks beside the widths that theorems ask for, on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import log10
from typing import Any

from bounds.across import Question, required_widths
from bounds.ball import decimal
from bounds.errors import NotApplicable
from bounds.solve import Solution
from bounds.sources import filled
from bounds.tables import Table, figures
from bounds.views import NA, hidden_factors, status, width_row
from empirics.critical import CriticalWidth, critical_width
from empirics.data import load
from empirics.recipe import Search, recipe, recipes
from empirics.scaling import Exponent, fit_exponent
from empirics.setting import Progress

QUOTED = "quoted"


@dataclass(frozen=True)
class Line:
    """One theorem at one number of samples.

    Attributes:
        solution: What it asks for.
        n: Samples.
        critical: The search on its own paper's network; None for a quoted order.
    """

    solution: Solution
    n: int
    critical: CriticalWidth | None

    @property
    def gap(self) -> float | None:
        """Powers of ten between the width asked for and the critical one."""
        width = self.critical.width if self.critical else None
        if width is None or self.solution.value is None or not self.solution.applicable:
            return None
        return float(self.solution.log10) - log10(width)

    def to_dict(self) -> dict[str, Any]:
        """The JSON row."""
        critical = self.critical.width if self.critical else None
        return width_row(self.solution) | {"n": self.n, "critical_width": critical, "gap": self.gap}


@dataclass(frozen=True)
class Headline:
    """All searches and all theorems.

    Attributes:
        lines: One per theorem and number of samples.
        found: Every search.
        search: What counted as success.
        data: On what.
        refused: Paper -> why its network was not searched.
        interrupted: Whether Ctrl-C ended it early.
    """

    lines: tuple[Line, ...]
    found: tuple[CriticalWidth, ...]
    search: Search
    data: str
    refused: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False

    def series(self, paper: str) -> list[tuple[int, int]]:
        """(n, critical width) of a paper's network, where there is one."""
        return [(c.n, c.width) for c in self.found if c.paper == paper and c.width]

    def growth(self, paper: str) -> Exponent | None:
        """The exponent of the critical width in n; None from fewer than two widths."""
        points = self.series(paper)
        return fit_exponent(*zip(*points, strict=True)) if len(points) > 1 else None

    def table(self, full: bool = False) -> Table:
        """One line per theorem, at every number of samples.

        Args:
            full: Unrounded numbers, for spreadsheets.
        """
        rows = []
        for line in self.lines:
            s, critical = line.solution, line.critical
            known = s.applicable and s.value is not None
            asked = NA if not known else decimal(s.value or 0) if full else figures(s.value)
            constants = hidden_factors(s.order_of, s.quantity) if known else ""
            width = "-" if critical is None else str(critical.width or "none")
            gap = "-" if line.gap is None else f"{line.gap:.4f}" if full else f"{line.gap:+.1f}"
            rows.append((str(line.n), s.quantity.key, asked + constants, status(s.quantity), width, gap))
        columns = ("n", "theorem", "asks for", "status", "critical width", "gap")
        return Table(columns, tuple(rows), f"Critical width against theorems: {self.data}", tuple(self._notes()))

    def _notes(self) -> list[str]:
        s = self.search
        within = f"{s.steps} steps" if s.steps else f"{s.patience:g} T steps, T those that the linearised network of "
        within += "" if s.steps else f"width {s.max_width} needs"
        notes = [
            f"critical width: the least found at which at least {s.fraction:g} of {s.seeds} seeds reach a mean squared "
            f"error below {s.eps:g} within {within}, as at twice and four times that width (up to {s.max_width}), a "
            "narrower one failing; gap: powers of ten",
        ]
        for paper in dict.fromkeys(c.paper for c in self.found):
            r, found = recipe(paper), [c for c in self.found if c.paper == paper]
            depth = r.depth(s)
            network = f"{depth} hidden layer{'s' if depth > 1 else ''}, {s.activation or r.activation}, {r.network}"
            notes.append(f"{paper} ({network}): {'; '.join(map(_searched, found))}")
            if e := self.growth(paper):
                grown = str(e) if e.places > 2 else f"{e.value:.2f}, from two points only"
                notes.append(f"{paper}: critical width grows as n^{grown}")
        notes += [f"{paper}: not searched: {reason}" for paper, reason in self.refused.items()]
        reasons = {line.solution.quantity.key: "; ".join(line.solution.reasons) for line in self.lines}
        return notes + [f"{key}: {NA}: {reason}" for key, reason in reasons.items() if reason]

    def to_dict(self) -> dict[str, Any]:
        """``rows``, ``critical`` with every trial, ``growth``, ``search`` and ``data``."""
        growth = {p: self.growth(p) for p in dict.fromkeys(c.paper for c in self.found)}
        return {
            "rows": [line.to_dict() for line in self.lines],
            "critical": [
                {
                    "paper": c.paper,
                    "n": c.n,
                    "width": c.width,
                    "reason": c.reason,
                    "reference": c.reference,
                    "budget": c.budget,
                    "trials": [asdict(t) for t in c.trials],
                }
                for c in self.found
            ],
            "growth": {p: asdict(e) for p, e in growth.items() if e},
            "search": asdict(self.search),
            "data": self.data,
            "not_searched": dict(self.refused),
            "interrupted": self.interrupted,
        }


def _searched(c: CriticalWidth) -> str:
    """``n=64: 12 (T = 711; 5 of 5 seeds, median 812 steps; at 11: 3 of 5)``."""
    reference = f"T = {c.reference}; " if c.reference is not None else ""
    if c.width is None:
        return f"n={c.n}: none, {reference}{c.reason}"
    here, below = c.at(c.width), c.at(c.width - 1)
    assert here is not None
    steps = "" if here.steps is None else f", median {here.steps:.0f} steps"
    again = f", {here.restarted} of them at a smaller step" if here.restarted else ""
    under = f"; at {c.width - 1}: {below.successes} of {below.seeds}" if below else ""
    return f"n={c.n}: {c.width} ({reference}{here.successes} of {here.seeds} seeds{steps}{again}{under})"


def theorems(paper: str, data: str, n: int, search: Search, seed: int = 0) -> list[Solution]:
    """The widths that a paper's theorems ask for, with all that the same samples determine.

    Args:
        paper: The key.
        data: The data set's name or file.
        n: Samples.
        search: For the hidden layers and the activation.
        seed: Of the draw of samples.

    Returns:
        One for each theorem on width.
    """
    values: dict[str, Any] = {"samples": n}
    layers = search.hidden_layers or 1
    if paper != QUOTED:
        values["activation"] = search.activation or recipe(paper).activation
        layers = recipe(paper).depth(search)
    question = Question([paper], values, layers)
    return required_widths(filled(question, "width", None, data, seed))


def headline(
    papers: Sequence[str],
    data: str,
    samples: Sequence[int],
    search: Search,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Headline:
    """Search every paper's network at every number of samples, and ask the theorems.

    Args:
        papers: Whose networks; empty: all that have one.
        data: The data set's name or file; fewer samples are a part of more.
        samples: How many.
        search: What counts as success.
        seed: Of the draw.
        progress: Called with one line per width.

    Returns:
        What was finished, also after Ctrl-C.

    Raises:
        NotApplicable: No paper covers the network asked for.
        TheoryError: A value is wrong.
    """
    chosen = [recipe(p) for p in papers or recipes()]
    lines: list[Line] = []
    found: list[CriticalWidth] = []
    refused: dict[str, str] = {}
    source, interrupted = "", False
    try:
        for n in samples:
            drawn = load(data, samples=n, seed=seed, normalise="none")
            source = f"{drawn.name} in dimension {drawn.X.shape[1]}, {drawn.source}"
            for r in chosen:
                try:
                    found.append(critical_width(r, drawn.X, drawn.y, search, progress))
                except NotApplicable as reason:
                    refused[r.paper] = str(reason)
                    continue
                lines += [Line(s, n, found[-1]) for s in theorems(r.paper, data, n, search, seed)]
            lines += [Line(s, n, None) for s in theorems(QUOTED, data, n, search, seed)] if not papers else []
    except KeyboardInterrupt:
        if not found:
            raise
        interrupted = True
    if not found:
        raise NotApplicable("; ".join(refused.values()))
    return Headline(tuple(lines), tuple(found), search, source, refused, interrupted)
