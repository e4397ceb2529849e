"""Which measurement tests which quantity of song2021 at a point of the trajectory, and in the ball of Lemma 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from empirics.balls import EuclideanBall
from empirics.experiments.song2021.constants import KEY, ROUND, Start
from empirics.experiments.song2021.jacobian import jacobian_distance, steepest_change
from empirics.losses import LOSSES
from empirics.measure.certified import kernel_eigenvalues
from empirics.measure.convergence import parameter_gradient
from empirics.measure.forward import forward
from empirics.measure.kernel import ntk_gram
from empirics.measure.objectives import objective
from empirics.measure.supremum import supremum
from empirics.verdict import Observation
from empirics.weights import Weights

LEMMA_3 = frozenset(("mu_Phi", "nu_Phi", "beta_Phi"))
BALL = frozenset(("sigma_min_ball", "sigma_max_ball", "map_lipschitz"))
RANDOM_POINTS = 2
"""Random points of the sphere of radius rho_Phi."""
VERTICES = 3
"""Full steps of the conditional gradient towards the worst point of that ball."""
SEARCHES = {"sigma_min_ball": "kernel_lambda_min_negative", "sigma_max_ball": "kernel_lambda_max"}


class Frame:
    """Makes the observations of one network: adds its values, width and seed, and why mu_Phi > 0 fails."""

    def __init__(self, start: Start, seed: int) -> None:
        self.start, self.seed = start, seed

    def __call__(
        self, name: str, measured: float, *, reasons: tuple[str, ...] = (), more: Any = None, **extra: Any
    ) -> Observation:
        """An observation; ``upper`` is ``measured`` unless given, ``more`` are further values."""
        key = f"{KEY}.{name}"
        extra.setdefault("upper", measured)
        width = self.start.weights.m
        why = self.start.reasons(key) + reasons
        values = {**self.start.values, **(more or {})}
        return Observation(key, values, measured, reasons=why, seed=self.seed, width=width, **extra)


def singular_values(weights: Weights, X: Tensor) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """(value, lower, upper) of sigma_min and sigma_max of grad Phi*, from the tangent kernel and its rounding.

    Args:
        weights: the point.
        X: inputs, (n, d_0).

    Returns:
        Two triples, the least singular value first.
    """
    found = kernel_eigenvalues(ntk_gram(weights, X))
    ends = [torch.as_tensor(found.value if t is None else t) for t in (found.value, found.lower, found.upper)]
    least, greatest = torch.stack(ends).clamp(min=0).sqrt().T.tolist()
    return tuple(least), tuple(greatest)


def observe(point: Weights, start: Start, *, seed: int, step: int, only: frozenset[str]) -> Iterator[Observation]:
    """Lemmas 1, 3 and 4 at one point of the trajectory.

    Args:
        point: the network at this step.
        start: w_0 and its constants.
        seed: which run, for the record.
        step: when.
        only: the names wanted.

    Yields:
        Observations; outside the ball of radius rho_Phi those of Lemmas 1 and 4 carry the reason.
    """
    see, moved = Frame(start, seed), start.distance(point)
    outside = outside_ball(start, moved)
    if only & {"mu_Phi", "nu_Phi", "sigma_min_ball", "sigma_max_ball"}:
        least, greatest = (_ends(found) for found in singular_values(point, start.X))
        if not step:
            yield see("mu_Phi", **least, side="lower", step=step)
            yield see("nu_Phi", **greatest, side="upper", step=step)
        yield see("sigma_min_ball", **least, reasons=outside, step=step)
        yield see("sigma_max_ball", **greatest, reasons=outside, step=step)
    if only & {"beta_Phi"}:
        steep = float(steepest_change(point, start.X, seed=seed))
        yield _smoothness(see, steep, float(point.V.norm()), "derivative of the Jacobian", step)
    if moved and only & {"beta_Phi", "map_lipschitz"}:
        yield from pair(start.weights, point, start, seed=seed, step=step, label="w_0, w_t", reasons=outside)


def _ends(found: tuple[float, float, float]) -> dict[str, Any]:
    return dict(zip(("measured", "lower", "upper"), found, strict=True))


def outside_ball(start: Start, moved: float) -> tuple[str, ...]:
    """Why Lemmas 1 and 4 say nothing at that distance from w_0; nothing inside the ball."""
    if start.singular or moved <= start.rho * (1 + ROUND):
        return ()
    return (f"outside the ball of Lemma 1: ||w - w_0|| = {moved:.3g} > rho_Phi = {start.rho:.3g}",)


def pair(
    a: Weights, b: Weights, start: Start, *, seed: int, step: int, label: str, reasons: tuple[str, ...] = ()
) -> Iterator[Observation]:
    """The Lipschitz quotients of Phi (Lemma 4) and of its Jacobian (Lemma 3) between two points.

    Both bound a supremum, of which a pair shows a lower bound only; the difference of outputs may be rounded.

    Args:
        a: a point, in the ball unless ``reasons`` say otherwise.
        b: a different one, likewise.
        start: w_0 and its constants.
        seed: which run, for the record.
        step: when.
        label: what the pair is.
        reasons: why Lemma 4 does not cover it.

    Yields:
        map_lipschitz and beta_Phi.
    """
    see = Frame(start, seed)
    apart = float(torch.stack([(s - t).norm() for s, t in zip(a.tensors, b.tensors, strict=True)]).norm())
    f, g = (forward(w, start.X, 0).f for w in (a, b))
    rise, noise = float((f - g).norm()), 64 * torch.finfo(f.dtype).eps * float(f.norm() + g.norm())
    low = max(rise - noise, 0.0) / apart
    yield see("map_lipschitz", rise / apart, lower=low, upper=None, reasons=reasons, step=step, label=label)
    bend = float(jacobian_distance(a, b, start.X)) / apart
    yield _smoothness(see, bend, max(float(a.V.norm()), float(b.V.norm())), label, step)


def _smoothness(see: Frame, measured: float, chi: float, label: str, step: int) -> Observation:
    """Against beta_Phi with chi_max the largest readout that occurs: sigma_max(V) is convex along the segment."""
    more = {"chi_max": chi}
    return see("beta_Phi", measured, more=more, side="upper", upper=None, label=label, step=step)


def sphere(
    start: Start, *, seed: int, restarts: int, restart_steps: int, only: frozenset[str]
) -> Iterator[Observation]:
    """Lemmas 1 and 4 at random and adversarial points of the sphere ||w - w_0|| = rho_Phi.

    Args:
        start: w_0 and its constants.
        seed: of the random points.
        restarts: searches of the ball besides, by `supremum`; 0: none.
        restart_steps: steps of each.
        only: the names wanted.

    Yields:
        One-sided observations: they can refute the lemmas and never prove them.
    """
    if not start.rho or not only & (BALL | {"beta_Phi"}):
        return
    see = Frame(start, seed)
    for label, point in _sphere_points(start, seed, only):
        yield from _extremes(see, point, label, only)
        yield from pair(start.weights, point, start, seed=seed, step=0, label=label)
    for name, searched in SEARCHES.items() if restarts else ():
        if name in only:
            options = {"restarts": restarts, "steps": restart_steps, "seed": seed}
            found = supremum(start.weights, searched, start.X, EuclideanBall(start.rho), **options)  # type: ignore[arg-type]
            yield from _extremes(see, found.details["at"], f"worst of {restarts} searches", frozenset((name,)))


def _extremes(see: Frame, point: Weights, label: str, only: frozenset[str]) -> Iterator[Observation]:
    if not only & set(SEARCHES):
        return
    (_, _, high), (value, low, _) = singular_values(point, see.start.X)
    # the infimum over the ball is at most what one point shows, the supremum at least
    yield see("sigma_min_ball", high, lower=0.0, label=label)
    yield see("sigma_max_ball", value, lower=low, upper=None, label=label)


def _sphere_points(start: Start, seed: int, only: frozenset[str]) -> Iterator[tuple[str, Weights]]:
    draws, centre = torch.Generator().manual_seed(seed), start.weights.tensors
    for _ in range(RANDOM_POINTS):
        noise = [torch.randn(t.shape, generator=draws, dtype=torch.float64).to(t) for t in centre]
        yield "random, on the sphere", _towards(start, noise)
    for name, searched in SEARCHES.items():
        if name in only or "map_lipschitz" in only:
            yield f"towards the worst {name.removesuffix('_ball')}", _worst(start, searched)
    if "map_lipschitz" in only:
        yield "along the top singular vector", _towards(start, _top_direction(start))


def _towards(start: Start, direction: Any) -> Weights:
    return start.weights.with_tensors(EuclideanBall(start.rho).vertex(direction, start.weights.tensors))


def _top_direction(start: Start) -> list[torch.Tensor]:
    """The right singular vector of J(w_0) along which Phi changes most."""
    left = torch.linalg.eigh(torch.as_tensor(ntk_gram(start.weights, start.X).value))[1][:, -1:]
    return parameter_gradient(start.weights, start.X, left)


def _worst(start: Start, searched: str) -> Weights:
    """Full steps of the conditional gradient: the maximiser over the ball of the linear form at the last point."""
    aim = objective(searched, start.weights, start.X, None, LOSSES["sum_square"], 0).of((0,))
    point = start.weights
    for _ in range(VERTICES):
        _, gradient = aim.ascend(point.with_tensors(t[None] for t in point.tensors))
        point = _towards(start, [g[0] for g in gradient])
    return point
