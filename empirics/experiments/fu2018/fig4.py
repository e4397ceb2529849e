"""Figure 4: the distance to W* of what gradient descent finds from a ball around it, against n.

The mean of ||W_T - W*||_F over 100 runs from ||W_0 - W*||_F <= 0.1 ||W*||_F, for K = 3 and d = 20, 40, 60 (Section 6).
Whether the samples are drawn anew for each run is not said; here 20 sets of samples have 5 runs each, because the ends
on one set hardly differ once n is large (Figure 3). What else is left open, and what is done about it: `local`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from empirics.experiments.fu2018.fig4_drawing import draw
from empirics.experiments.fu2018.local import Outcome, Setting, asked, measure
from empirics.exponents import Exponent, fit_exponent
from empirics.figures import check_folder, save_drawing, write_csv
from empirics.setting import Progress

__all__ = ["CLAIM", "NEEDS_DATA", "PAPER", "REDUCED", "SAMPLES", "Figure4", "Setting", "run", "save"]

NEEDS_DATA = False
SAMPLES = 0
STEM = "fu2018.fig4"
CLAIM = -0.5  # of n in (8), up to its sqrt(log n)
NEAR = 0.25  # of ||W*||_F: where the order is fitted, since (8) speaks of points in a ball around W*
PAPER = replace(Setting(), sample_sizes=(2000, 5000, 10_000, 20_000, 50_000, 100_000), sets=20, starts=5)
"""Hours on two cores; the sample sizes are ours."""
REDUCED = replace(PAPER, dims=(10, 20), sample_sizes=(4000, 8000, 16_000, 32_000, 64_000), sets=5, starts=3)
"""Smaller inputs, fewer sets and starts: about two minutes on two cores."""


@dataclass(frozen=True)
class Figure4:
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

    def errors(self, d: int) -> dict[int, np.ndarray]:
        """The mean error over the runs on each set, at every n, ascending; sets that blew up are left out."""
        found = {}
        for n in sorted({o.n for o in self.outcomes if o.d == d}):
            here = np.array([o.error for o in self.outcomes if (o.d, o.n) == (d, n)])
            if np.isfinite(here).any():
                found[n] = here[np.isfinite(here)]
        return found

    def interval(self, d: int, n: int) -> tuple[float, float]:
        """The mean over the sets, and half of its 95% interval by Student's t; 0 for the half of a single set."""
        values = self.errors(d)[n]
        if len(values) < 2:
            return float(values.mean()), 0.0
        quantile = float(student.ppf(0.975, len(values) - 1))
        return float(values.mean()), quantile * float(values.std(ddof=1)) / math.sqrt(len(values))

    def norm(self, d: int) -> float:
        """||W*||_F."""
        return next(o.norm for o in self.outcomes if o.d == d)

    def near(self, d: int) -> dict[int, np.ndarray]:
        """The errors at the sizes from which on their means stay within a quarter of ||W*||_F."""
        errors, kept = self.errors(d), {}
        for n in sorted(errors, reverse=True):
            if errors[n].mean() > NEAR * self.norm(d):
                break
            kept[n] = errors[n]
        return dict(sorted(kept.items()))

    def exponent(self, d: int) -> Exponent | None:
        """The exponent of the error in n at the sizes `near`, over the sets; None from fewer than three of them."""
        points = [(n, float(e)) for n, values in self.near(d).items() for e in values if e > 0]
        return fit_exponent(*zip(*points, strict=True)) if len({n for n, _ in points}) > 2 else None

    def summary(self) -> str:
        """What was seen, in words, with the numbers."""
        return "\n".join([*(self._falls(d) for d in self.dims), *(self._order(d) for d in self.dims), *self._besides()])

    def _falls(self, d: int) -> str:
        errors, s = self.errors(d), self.setting
        if not errors:
            return f"d = {d}: no run stayed finite"
        sizes = sorted(errors)
        low, high = (errors[n].mean() for n in (sizes[0], sizes[-1]))
        runs = f"means of {len(errors[sizes[-1]])} sets of samples with {s.starts} runs each"
        said = f"d = {d}, K = {s.K}, {s.labels}: the error ||W_T - W*||_F is {low:.3g} at n = {sizes[0]}"
        if len(sizes) == 1:
            return f"{said} ({runs}); one sample size says nothing about how it goes with n"
        means = [errors[n].mean() for n in sizes]
        steady = all(a > b for a, b in itertools.pairwise(means))
        how = "it falls from each n to the next, as the paper reports" if steady else "it does not fall at every n"
        return f"{said} and {high:.3g} at n = {sizes[-1]} ({runs}; ||W*||_F = {self.norm(d):.3g}): {how}"

    def _order(self, d: int) -> str:
        found, near = self.exponent(d), self.near(d)
        if found is None:
            return f"d = {d}: the mean error is within {NEAR:g} ||W*||_F at {len(near)} sizes, too few for an exponent"
        inside = "inside" if found.low <= CLAIM <= found.high else "outside"
        bent = " (a straight line does not fit)" if found.fits is False else ""
        return (
            f"d = {d}: from n = {min(near)} on, where it is within {NEAR:g} ||W*||_F, it goes as n^{found}{bent}; "
            f"the {CLAIM} of (8) is {inside} this interval"
        )

    def _besides(self) -> list[str]:
        """How far runs on one set differ, what Theorem 2 allows, and runs that were lost."""
        said = []
        for d in self.dims:
            if errors := self.errors(d):
                n = max(errors)
                bound = asked(self.setting, d, "estimation_error", n=n)
                ratio = errors[n].mean() / bound
                said.append(f"(8) with C_1 = 1 allows {bound:.2g} at n = {n}, d = {d}: the error is {ratio:.1g} of it")
        apart = [o for o in self.outcomes if o.spread > self.setting.tolerance]
        sizes = f" (n = {min(o.n for o in apart)} to {max(o.n for o in apart)})" if apart else ""
        said.append(f"on {len(apart)} of {len(self.outcomes)} sets the runs ended apart{sizes}")
        lost = sum(not np.isfinite(o.error) for o in self.outcomes)
        return [*said, *([f"{lost} sets with runs that are not finite are left out"] if lost else [])]


def run(setting: Setting, data: Any = None, progress: Progress | None = None) -> Figure4:
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
    return Figure4(tuple(found), setting, interrupted)


def save(figure: Figure4, folder: Path) -> list[Path]:
    """Write the drawing as PNG and SVG and every set's numbers as CSV.

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
    table = write_csv(folder / f"{STEM}.csv", fields, [[getattr(o, f) for f in fields] for o in figure.outcomes])
    return [table, *save_drawing(draw(figure), folder, STEM)]
