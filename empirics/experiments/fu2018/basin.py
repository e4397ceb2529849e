"""The ball around the critical point in which gradient descent is followed."""

from __future__ import annotations

from dataclasses import dataclass

from empirics.experiments.fu2018.search import remembered, worst
from empirics.experiments.fu2018.theorem2 import Estimate

FIRST = 0.1
"""Radius of the first ball tried, in units of ||W*||_F: the paper's own starts (Figure 4)."""
HALVINGS = 14
MARGIN = 0.95
"""Steps are shorter than the premises allow: points of the path may show eigenvalues that the search missed."""


@dataclass(frozen=True, eq=False)
class Basin:
    """A ball around the critical point in which the Hessian was positive definite wherever looked at.

    Attributes:
        radius: of the ball; 0 where none was found.
        low, high: the extreme eigenvalues found in it.
    """

    radius: float
    low: float
    high: float

    @property
    def rate(self) -> float:
        """A little less than 2/(H_min + H_max), the largest step that (9) allows."""
        return MARGIN * 2 / (self.low + self.high)

    @property
    def careful(self) -> float:
        """A little less than H_min/H_max^2, the largest step of Appendix B.2."""
        return MARGIN * self.low / self.high**2


def basin(found: Estimate) -> Basin:
    """The largest ball of a halving sequence in which half of the least eigenvalue is left at every point looked at.

    Args:
        found: the critical point.

    Returns:
        The ball.
    """
    loss, centre = found.seen.loss, found.point
    hessian = remembered(loss.hessian)
    radius, steps = FIRST * float(found.seen.scene.truth.norm()), found.seen.scene.setting.restart_steps
    for _ in range(HALVINGS):
        low = worst(centre.W, radius, hessian, loss.form, "least", steps=steps).value
        if low >= centre.least / 2:
            high = worst(centre.W, radius, hessian, loss.form, "greatest", steps=steps).value
            return Basin(radius, low, high)
        radius /= 2
    return Basin(0.0, centre.least, centre.greatest)
