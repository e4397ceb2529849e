"""Theorem 1 and Lemmas 3 and 4: the empirical Hessian and gradient in the ball B(W*, r), beside the population's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from empirics.experiments.fu2018.hessians import Empirical, ends
from empirics.experiments.fu2018.scene import Scene
from empirics.experiments.fu2018.search import Aim, remembered, sphere, worst
from empirics.verdict import Observation

CONVEXITY = frozenset(("hessian_lower", "hessian_upper", "sample_complexity", "sample_complexity_implicit"))
DEVIATIONS = frozenset(("hessian_concentration", "gradient_concentration", "sample_floor"))
CONCENTRATION = CONVEXITY | DEVIATIONS


@dataclass(frozen=True, eq=False)
class Place:
    """A point of the ball and what was measured there.

    Attributes:
        label: which point.
        W: the point, (K, d).
        least, greatest: extreme eigenvalues of the empirical Hessian.
        hessian, gradient: distances of the empirical from the population's Hessian and gradient.
    """

    label: str
    W: Tensor
    least: float
    greatest: float
    hessian: float
    gradient: float


@dataclass(frozen=True, eq=False)
class Trial:
    """One set of samples of a ground truth.

    Attributes:
        scene: the ground truth.
        way: classification or regression.
        loss: the empirical loss.
        places: points of the ball, W* first.
    """

    scene: Scene
    way: str
    loss: Empirical
    places: tuple[Place, ...]

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.loss.X)

    @property
    def least(self) -> float:
        """The least eigenvalue found in the ball."""
        return min(place.least for place in self.places)

    @property
    def short(self) -> tuple[str, ...]:
        """Why Theorem 1 says nothing of so few samples; nothing where the Hessian was positive wherever looked at."""
        if self.least > 0:
            return ()
        return (f"n = {self.n} does not suffice: lambda_min = {self.least:.2g} in the ball ({self.way})",)

    def see(self, name: str, measured: float, more: dict[str, Any] | None = None, **extra: Any) -> Observation:
        """An observation at this number of samples."""
        label = ", ".join(x for x in (self.way, f"n={self.n}", extra.pop("label", "")) if x)
        return self.scene.see(name, measured, {"n": self.n, **(more or {})}, label=label, **extra)


def look(scene: Scene, way: str, loss: Empirical) -> Trial:
    """Look at the ball of Lemma 2: at W*, at random points, and at the worst ones found.

    Args:
        scene: the ground truth.
        way: classification or regression.
        loss: the empirical loss of its samples.

    Returns:
        What was measured.
    """
    truth, r, steps = scene.truth, scene.radius, min(scene.setting.restart_steps, 1)  # so small a ball is linear
    starts = sphere(truth, r, scene.setting.restarts, scene.stream(2))
    points, hessian = [("W*", truth), *(("random in the ball", W) for W in starts)], remembered(loss.hessian)
    aims: tuple[Aim, ...] = ("least", "greatest")
    points += [(f"{aim} found in the ball", worst(truth, r, hessian, loss.form, aim, steps=steps).W) for aim in aims]
    return Trial(scene, way, loss, tuple(_place(scene, loss, label, W, hessian(W)) for label, W in points))


def _place(scene: Scene, loss: Empirical, label: str, W: Tensor, H: Tensor) -> Place:
    off = float(torch.linalg.matrix_norm(H - scene.loss.hessian(W), 2))
    return Place(label, W, *ends(H), off, float((loss.gradient(W) - scene.loss.gradient(W)).norm()))


def concentration(seen: Trial) -> Iterator[Observation]:
    """Theorem 1 and Lemmas 3 and 4.

    Where the Hessian is not positive definite in the ball the samples do not suffice: that bounds the constant of the
    sample size, and not those of the eigenvalues.

    Args:
        seen: the samples and what was measured.

    Yields:
        Observations; deviations at points bound a supremum from below.
    """
    for place in seen.places:
        yield seen.see("hessian_lower", place.least, label=place.label, reasons=seen.short)
        yield seen.see("hessian_upper", place.greatest, label=place.label, reasons=seen.short)
        yield seen.see("hessian_concentration", place.hessian, upper=None, label=place.label)
        yield seen.see("gradient_concentration", place.gradient, upper=None, label=place.label)
    outcome = "failed" if seen.short else ""
    for name in ("sample_complexity", "sample_complexity_implicit"):
        yield seen.see(name, float(seen.n), outcome=outcome)
    yield seen.see("sample_floor", float(seen.n))
