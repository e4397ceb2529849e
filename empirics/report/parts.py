"""The tables of a page: one for each paper and, of a study, for each setting, whose rows must not be taken together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from empirics.comparison import Comparison
from empirics.verdict import Row


@dataclass(frozen=True)
class Part:
    """One table of verdicts and what belongs to it.

    Attributes:
        paper: The key.
        comparison: Of this paper only; one without rows has notes that say why.
        where: What sets it apart from the paper's other parts, such as ``samples = 64``; "" where it is the only one.
    """

    paper: str
    comparison: Comparison
    where: str = ""

    @property
    def title(self) -> str:
        """The paper, and what sets the part apart."""
        return ", ".join(x for x in (self.paper, self.where) if x)

    def place(self, row: Row) -> Row:
        """A row or case of this part whose label says which part it is of, for where several stand together."""
        return replace(row, label=", ".join(x for x in (row.label, self.where) if x)) if self.where else row


Reported = Comparison | Sequence[Part]
"""What a page is made of: a comparison has one part for each paper."""


def parts_of(made: Reported) -> tuple[Part, ...]:
    """The parts of a page in their order.

    Args:
        made: A comparison, or parts.

    Returns:
        One for each paper of a comparison: those with rows first, in the order of the rows.
    """
    if not isinstance(made, Comparison):
        return tuple(made)
    papers = dict.fromkeys((*map(paper_of, made.rows), *made.configurations))
    return tuple(Part(paper, _only(made, paper)) for paper in papers)


def _only(made: Comparison, paper: str) -> Comparison:
    rows, cases = (tuple(r for r in found if paper_of(r) == paper) for found in (made.rows, made.cases))
    configurations = {key: c for key, c in made.configurations.items() if key == paper}
    return Comparison(rows, configurations, made.versions, cases)


def paper_of(row: Row) -> str:
    """The key of the paper that a row is about."""
    return row.quantity.split(".", 1)[0]


def by_paper(parts: Iterable[Part]) -> dict[str, list[Part]]:
    """The parts that have rows, paper by paper."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        if part.comparison.rows:
            found.setdefault(part.paper, []).append(part)
    return found


def rows_of(parts: Iterable[Part]) -> list[Row]:
    """The rows of all parts."""
    return [row for part in parts for row in part.comparison.rows]
