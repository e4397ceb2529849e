"""What descent from Algorithm 2's estimates and from other starts shows: the runs, their fractions, and words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from empirics.exponents import Exponent, fit_exponent
from empirics.verdict import clopper_pearson

TRUE, ORIGINAL, SHARPER, RANDOM = "W*", "Algorithm 2 as printed", "Algorithm 2 with less noise", "random starts"
STARTS = (ORIGINAL, SHARPER, RANDOM)


@dataclass(frozen=True)
class Run:
    """One run of gradient descent.

    Attributes:
        n, index: Which samples.
        start: One of `STARTS`, or W*.
        first: ||W_0 - W*||_F/||W*||_F after matching the neurons; nan where Algorithm 2 found no components.
        last: ||W_T - W*||_F/||W*||_F likewise.
        apart: Distance to the end of the run from W*, likewise.
        doubts: Neurons whose norm the data did not determine.
        steps: At most so many were taken.
    """

    n: int
    index: int
    start: str
    first: float
    last: float
    apart: float
    doubts: int
    steps: int


@dataclass(frozen=True)
class Recovery:
    """The runs behind the figure.

    Attributes:
        runs: All of them.
        setting: What was run.
        interrupted: Whether Ctrl-C ended it early.
    """

    runs: tuple[Run, ...]
    setting: Any
    interrupted: bool = False

    @property
    def sizes(self) -> list[int]:
        """The n there are, ascending."""
        return sorted({r.n for r in self.runs})

    def at(self, start: str, n: int) -> list[Run]:
        """The runs from one kind of start at one n."""
        return [r for r in self.runs if (r.start, r.n) == (start, n)]

    def hits(self, start: str, n: int) -> tuple[int, int]:
        """How many recovered W*, of how many; a start that could not be made is no recovery."""
        here = self.at(start, n)
        return sum(r.apart <= self.setting.recovered for r in here), len(here)

    def first(self, start: str, n: int) -> float:
        """The median distance of the start from W*, over ||W*||_F; starts that could not be made count as infinite."""
        return float(np.median([math.inf if math.isnan(r.first) else r.first for r in self.at(start, n)]))

    def exponent(self, start: str) -> Exponent | None:
        """That of the starts' distance in n, over all sets; None from fewer than three sizes."""
        points = [(r.n, r.first) for r in self.runs if r.start == start and r.first > 0]
        return fit_exponent(*zip(*points, strict=True)) if len({n for n, _ in points}) > 2 else None

    def summary(self) -> str:
        """What was seen, in words, with the numbers."""
        return "\n".join([self._recovered(), *(self._start(s) for s in STARTS[:2]), self._reference()])

    @property
    def _ends(self) -> list[int]:
        """The least and the largest n."""
        return list(dict.fromkeys((self.sizes[0], self.sizes[-1])))

    def _recovered(self) -> str:
        s = self.setting
        parts = [
            f"from {start} in " + " and ".join(f"{_share(*self.hits(start, n))} at n = {n}" for n in self._ends)
            for start in STARTS
        ]
        return (
            f"d = {s.d}, K = {s.K}, {s.labels}: W* was recovered (within {s.recovered:g} ||W*||_F, up to a "
            f"permutation, in {s.steps} steps) {'; '.join(parts)} (Theorems 2 and 3 promise it from Algorithm 2 for n "
            "large enough; the paper has no such experiment)"
        )

    def _start(self, start: str) -> str:
        runs, found = [r for r in self.runs if r.start == start], self.exponent(start)
        medians = " and ".join(f"{self.first(start, n):.3g} at n = {n}" for n in self._ends)
        said = f"{start}: ||W_0 - W*||_F/||W*||_F has medians {medians}"
        if found is not None:
            said += f", as n^{found}{' (a straight line does not fit)' if found.fits is False else ''}"
        said += f"; random starts {self.first(RANDOM, self.sizes[-1]):.3g}"
        if doubts := sum(r.doubts for r in runs):
            said += f"; {doubts} of {self.setting.K * len(runs)} norms were not determined by the data"
        lost = sum(math.isnan(r.first) for r in runs)
        return said + (f"; {lost} times no components were found" if lost else "")

    def _reference(self) -> str:
        far = [float(np.median([r.last for r in self.at(TRUE, n)])) for n in self._ends]
        ends = " and ".join(f"{x:.2g} at n = {n}" for x, n in zip(far, self._ends, strict=True))
        return f"descent from W* itself ends {ends} times ||W*||_F away from it (medians)"


def _share(hits: int, total: int) -> str:
    low, high = clopper_pearson(hits, total)
    return f"{hits} of {total} [{low:.2f}, {high:.2f}]"
