"""Theorem 2's critical point: where it lies, how far from W*, and whether that is inside the ball (erratum F4)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from empirics.experiments.fu2018.concentration import Trial
from empirics.experiments.fu2018.hessians import ends
from empirics.experiments.fu2018.newton import Critical, critical_point
from empirics.verdict import Observation

ESTIMATION = frozenset(
    ("estimation_error", "estimation_error_from_gradient", "gradient_threshold", "sample_complexity_critical")
)
SHARES = (0.25, 0.5, 0.75)
"""Points of the segment from W* to the critical point at which the Hessian is looked at, besides its ends."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """The critical point of one set of samples.

    Attributes:
        seen: the samples.
        point: where Newton's method from W* ended; W* itself in regression.
        distance: from W*.
        gradient: norm of the empirical gradient at W*.
        convex: the least eigenvalue found on the segment between the two.
    """

    seen: Trial
    point: Critical
    distance: float
    gradient: float
    convex: float

    @property
    def inside(self) -> bool:
        """Whether it is there, and in the ball of Lemma 2."""
        return self.point.found and self.distance <= self.seen.scene.radius

    @property
    def missing(self) -> tuple[str, ...]:
        """Why there is no critical point to speak of; nothing where there is."""
        if self.point.found:
            return ()
        return (f"no minimum was found near W* at n = {self.seen.n} ({self.seen.way})",)


def estimate(seen: Trial) -> Estimate:
    """Find the critical point.

    Args:
        seen: the samples.

    Returns:
        It, with its distance from W*.
    """
    truth, loss = seen.scene.truth, seen.loss
    point = critical_point(loss, truth)
    moved = point.W - truth
    between = [ends(loss.hessian(truth + share * moved))[0] for share in SHARES]
    convex = min(*between, seen.places[0].least, point.least)
    return Estimate(seen, point, float(moved.norm()), float(loss.gradient(truth).norm()), convex)


def estimation(found: Estimate) -> Iterator[Observation]:
    """(8), its source (66)-(69), and what puts the critical point into the ball.

    In regression W* is the critical point (Corollary 2): its distance is no estimate, and the gradient there is 0.

    Args:
        found: the critical point.

    Yields:
        Observations.
    """
    seen, noisy = found.seen, found.seen.way == "classification"
    low, high = max(found.distance - found.point.error, 0.0), found.distance + found.point.error
    if noisy:
        why = seen.short or found.missing
        yield seen.see("estimation_error", found.distance, lower=low, upper=high, reasons=why)
        flat = (f"lambda_min = {found.convex:.2g} on the segment to the critical point",) if found.convex <= 0 else ()
        more = {"gradient_norm": found.gradient, "hessian_lower": _positive(found.convex)}
        frame = {"lower": low, "upper": high, "reasons": found.missing or flat, "label": "H_min on the segment"}
        yield seen.see("estimation_error_from_gradient", found.distance, more, **frame)
    elif found.seen.scene.setting.labels == "regression":
        why = ("regression: W* itself is the critical point (Corollary 2)",)
        for name in ("estimation_error", "estimation_error_from_gradient"):
            yield seen.see(name, found.distance, {"hessian_lower": None}, reasons=why)
    # L_phi enters through the radius only, which is given
    least = {"hessian_lower": _positive(seen.least), "radius": seen.scene.radius, "L_phi": None}
    yield seen.see("gradient_threshold", found.gradient, least, reasons=seen.short)
    yield seen.see("sample_complexity_critical", float(seen.n), outcome="" if found.inside else "failed")


def _positive(eigenvalue: float) -> float:
    """Itself, or NaN: the formulas have no value where the Hessian is not positive definite."""
    return eigenvalue if eigenvalue > 0 else math.nan
