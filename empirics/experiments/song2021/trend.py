"""Means with confidence intervals, and whether something rises or falls: the figures' statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Mean and half of its confidence interval by Student's t; nan for the half where there is one value.

    >>> [round(x, 3) for x in t_interval([1.0, 2.0, 3.0])]
    [2.0, 2.484]
    """
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return float(np.mean(values)), math.nan
    half = float(t.ppf((1 + confidence) / 2, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return float(np.mean(values)), half


@dataclass(frozen=True)
class Trend:
    """Spearman's rank correlation with omega_2/omega_1.

    Attributes:
        rho: The correlation; nan where one side is constant or there are fewer than three runs.
        p: Two-sided p-value of no correlation, nan with rho.
        count: How many runs.
    """

    rho: float
    p: float
    count: int

    @property
    def direction(self) -> int:
        """1 where it rises, -1 where it falls, 0 where neither is shown at level 0.05."""
        return 0 if math.isnan(self.p) or self.p >= 1 - CONFIDENCE else int(math.copysign(1, self.rho))

    def words(self, what: str, falling: str = "", rising: str = "") -> str:
        """A sentence with the numbers.

        Args:
            what: what rises or falls.
            falling: what is added where it falls.
            rising: what is added where it rises.

        Returns:
            The sentence, without a full stop.
        """
        if math.isnan(self.rho):
            return f"no trend of the {what} can be told from {self.count} runs"
        verb = {-1: "falls", 0: "shows no significant trend", 1: "rises"}[self.direction]
        more = {-1: falling, 0: "", 1: rising}[self.direction]
        numbers = f"(Spearman {self.rho:+.2f}, p = {self.p:.1g}, {self.count} runs)"
        return f"the {what} {verb} as omega_2/omega_1 grows{', ' if more else ''}{more} {numbers}"


def trend(ratios: Sequence[float], values: Sequence[float]) -> Trend:
    """Spearman's rank correlation of some runs' values with their omega_2/omega_1.

    Args:
        ratios: omega_2/omega_1 of each run.
        values: what was measured.

    Returns:
        The trend.

    >>> trend([1, 2, 3, 4], [4, 3, 2, 1]).rho
    -1.0
    """
    from scipy.stats import spearmanr

    if len(values) < 3 or len(set(ratios)) < 2 or len(set(values)) < 2:
        return Trend(math.nan, math.nan, len(values))
    found = spearmanr(ratios, values)
    return Trend(round(float(found.statistic), 12), float(found.pvalue), len(values))
