"""Figure 3: how often gradient descent reaches one point from everywhere in a ball around W*, against n.

On each set of samples L = 20 runs of at most 2000 steps; SD_n = sqrt((1/L) sum_l ||w_l - mean||^2) of their ends w_l;
the set is a success if SD_n <= 10^-2; 50 sets for each n and d = 20, 40, 60, K = 3 (Section 6). What is left open
there, and what is done about it: `local`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from empirics.experiments.fu2018.fig3_drawing import draw
from empirics.experiments.fu2018.local import Outcome, Setting, asked, measure
from empirics.figures import check_folder, save_drawing, write_csv
from empirics.setting import Progress
from empirics.verdict import clopper_pearson

__all__ = ["NEEDS_DATA", "PAPER", "REDUCED", "SAMPLES", "Figure3", "Setting", "run", "save"]

NEEDS_DATA = False
SAMPLES = 0
STEM = "fu2018.fig3"
PAPER = Setting()
"""Hours on two cores; the sample sizes are ours."""
REDUCED = replace(PAPER, dims=(10, 20), sample_sizes=(500, 1000, 2000, 4000, 8000), sets=10, starts=10)
"""Smaller inputs, fewer sets and starts: about two minutes on two cores."""


@dataclass(frozen=True)
class Share:
    """Successes at one n and d.

    Attributes:
        d, n: Where.
        hits, sets: Of how many.
    """

    d: int
    n: int
    hits: int
    sets: int

    @property
    def value(self) -> float:
        """The success rate."""
        return self.hits / self.sets

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper and Pearson's 95% interval."""
        return clopper_pearson(self.hits, self.sets)

    def __str__(self) -> str:
        """``9 of 10 [0.55, 1.00] at n = 8000``."""
        low, high = self.interval
        return f"{self.hits} of {self.sets} [{low:.2f}, {high:.2f}] at n = {self.n}"


@dataclass(frozen=True)
class Figure3:
    """The runs behind the figure.

    Attributes:
        outcomes: One for each set of samples.
        setting: What was run.
        interrupted: Whether Ctrl-C ended it early.
    """

    outcomes: tuple[Outcome, ...]
    setting: Setting
    interrupted: bool = False

    @property
    def dims(self) -> tuple[int, ...]:
        """The d there are, ascending."""
        return tuple(sorted({o.d for o in self.outcomes}))

    def shares(self, d: int) -> list[Share]:
        """The success rate at every n, ascending; runs that are not finite are no success."""
        found = []
        for n in sorted({o.n for o in self.outcomes if o.d == d}):
            here = [o for o in self.outcomes if (o.d, o.n) == (d, n)]
            found.append(Share(d, n, sum(o.spread <= self.setting.tolerance for o in here), len(here)))
        return found

    def half(self, d: int) -> float:
        """The n at which the rate last passes 1/2, between two sizes by interpolation in log n; nan if it does not."""
        shares = self.shares(d)
        for before, after in zip(shares[-2::-1], shares[:0:-1], strict=True):
            if before.value < 0.5 <= after.value:
                weight = (0.5 - before.value) / (after.value - before.value)
                return math.exp((1 - weight) * math.log(before.n) + weight * math.log(after.n))
        return math.nan

    def summary(self) -> str:
        """What was seen, in words, with the numbers."""
        return "\n".join([*(self._rate(d) for d in self.dims), *self._besides()])

    def _rate(self, d: int) -> str:
        shares, s = self.shares(d), self.setting
        first, last = shares[0], shares[-1]
        said = f"d = {d}, K = {s.K}, {s.labels}: {s.starts} runs ended with SD_n <= {s.tolerance:g} on {first}"
        if first is last:
            return f"{said}; one sample size says nothing about how the rate goes with n"
        said += f" and {last}"
        if last.interval[0] > first.interval[1]:
            how = "the rate rises with n, as the paper reports"
        elif last.interval[1] < first.interval[0]:
            how = "the rate falls with n, unlike in the paper"
        else:
            how = "the intervals overlap, so that no change with n is shown"
        whole = next((a for i, a in enumerate(shares) if all(b.hits == b.sets for b in shares[i:])), None)
        every = f"all sets succeed from n = {whole.n} on" if whole else "at no n do all sets succeed from there on"
        middle = self.half(d)
        passed = "" if math.isnan(middle) else f", it passes 1/2 near n = {middle:.3g} = {middle / d:.3g} d"
        return f"{said}: {how}{passed}; {every}"

    def _besides(self) -> list[str]:
        """What success does not say, what the theorem asks for, and runs that were lost."""
        good = [o for o in self.outcomes if o.spread <= self.setting.tolerance]
        said = []
        if good:
            far = [o for o in good if o.error > self.setting.radius * o.norm]
            away = [o.error / o.norm for o in good]
            said.append(
                f"the point that the runs of a success reach is {min(away):.2g} to {max(away):.2g} times ||W*||_F from "
                f"W*, outside the ball of the starts in {len(far)} of {len(good)} successes"
            )
        lost = [o for o in self.outcomes if o not in good]
        bent = [sum(o.lambda_min < 0 for o in group) for group in (lost, good)]
        said.append(
            f"the Hessian of f_n at W* has a negative eigenvalue in at least {bent[0]} of {len(lost)} failures and "
            f"{bent[1]} of {len(good)} successes"
        )
        for d in self.dims:
            n = asked(self.setting, d, "sample_complexity")
            said.append(f"Theorem 1 with C = 1 asks for n = {n:.2g} at this W*, d = {d}")
        broken = sum(math.isnan(o.spread) for o in self.outcomes)
        return [*said, *([f"{broken} sets with runs that are not finite count as failures"] if broken else [])]


def run(setting: Setting, data: Any = None, progress: Progress | None = None) -> Figure3:
    """Train on every set of samples.

    Args:
        setting: What to run.
        data: None: the figure makes its own.
        progress: Called with one line for each n and d.

    Returns:
        The runs; after Ctrl-C those that were finished.

    Raises:
        TheoryError: A value outside its range.
        KeyboardInterrupt: Ctrl-C before the first set was finished.
    """
    found: list[Outcome] = []
    interrupted = False
    try:
        measure(setting, found, progress)
    except KeyboardInterrupt:  # the sets that are finished still make a figure
        if not found:
            raise
        interrupted = True
    return Figure3(tuple(found), setting, interrupted)


def save(figure: Figure3, folder: Path) -> list[Path]:
    """Write the drawing as PNG and SVG, every set's numbers and the rates as CSV.

    Args:
        figure: The runs.
        folder: Where.

    Returns:
        The files.

    Raises:
        TheoryError: The folder cannot be written.
    """
    check_folder(folder)
    fields = tuple(Outcome.__dataclass_fields__)
    rows = [[getattr(o, name) for name in fields] for o in figure.outcomes]
    rates = [(s.d, s.n, s.hits, s.sets, s.value, *s.interval) for d in figure.dims for s in figure.shares(d)]
    header = ("d", "n", "successes", "sets", "rate", "low", "high")
    tables = [
        write_csv(folder / f"{STEM}.csv", fields, rows),
        write_csv(folder / f"{STEM}_rates.csv", header, rates),
    ]
    return tables + save_drawing(draw(figure), folder, STEM)
