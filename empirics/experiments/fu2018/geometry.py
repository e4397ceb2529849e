"""Definition 1 and Lemmas 1 and 2 on the population loss, whose Hessian is computed by quadrature."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from empirics.experiments.fu2018.hessians import ends
from empirics.experiments.fu2018.population import population
from empirics.experiments.fu2018.scene import POSITIVE, Scene
from empirics.experiments.fu2018.search import Aim, Matrix, Worst, nearest, remembered, sphere, worst
from empirics.verdict import Observation

HESSIANS = frozenset(("hessian_lipschitz", "population_hessian_lower", "population_hessian_upper"))
RADII = frozenset(("radius", "radius_printed", "radius_explicit"))
POPULATION = HESSIANS | RADII | {"rho_sigma"}
FAR = 0.1
"""The paper's own starts (Figure 4) lie within this share of ||W*||_F."""


def geometry(scene: Scene, names: frozenset[str]) -> Iterator[Observation]:
    """The population's Hessian at W*, at random points and at the worst ones found.

    Args:
        scene: the ground truth.
        names: the quantities wanted, of `POPULATION`.

    Yields:
        Observations; those at points are exact up to the quadrature's error, which their ends hold.
    """
    if "rho_sigma" in names:
        yield _orthonormal(scene)
    if names & HESSIANS:
        yield from _at_points(scene)
    if names & RADII:
        yield from radii(scene)


def _orthonormal(scene: Scene) -> Observation:
    """K^2 times the least eigenvalue where W* has orthogonal rows of norm sigma_K: at least rho, by (26)."""
    left, _, right = torch.linalg.svd(scene.truth, full_matrices=False)
    sigma = float(scene.values["sigma"])
    loss = population(sigma * left @ right, scene.weights.activation)
    off = scene.K**2 * loss.error(loss.truth)
    least = scene.K**2 * ends(loss.hessian(loss.truth))[0]
    more, frame = {"activation": scene.weights.activation.name}, {"side": "lower", "label": "orthogonal W*"}
    return scene.see("rho_sigma", least, more, lower=least - off, upper=least + off, **frame)


def _points(scene: Scene) -> Iterator[tuple[str, Tensor]]:
    """W*, and in two balls random points and the worst ones found."""
    hessian, form, steps = remembered(scene.loss.hessian), scene.probe().form, scene.setting.restart_steps
    start = hessian(scene.truth)
    aims: tuple[tuple[Aim, Matrix], ...] = (
        ("least", hessian),
        ("greatest", hessian),
        ("size", lambda W: hessian(W) - start),
    )
    yield "W*", scene.truth
    for where, radius in (("at r", scene.radius), ("at ||W*||/10", FAR * float(scene.truth.norm()))):
        starts = sphere(scene.truth, radius, scene.setting.restarts, scene.stream(1))
        yield from ((f"random, {where}", W) for W in starts)
        for aim, matrix in aims:
            yield f"worst found, {where}", worst(scene.truth, radius, matrix, form, aim, starts, steps).W


def _at_points(scene: Scene) -> Iterator[Observation]:
    loss = scene.loss
    start, off = loss.hessian(scene.truth), loss.error(scene.truth)
    for label, W in _points(scene):
        H = loss.hessian(W)
        off = max(off, loss.error(W)) if label.startswith("worst") else off
        distance, (least, greatest) = float((W - scene.truth).norm()), ends(H)
        at: dict[str, Any] = {"label": label, "more": {"distance": distance}}
        yield scene.see("population_hessian_lower", least, lower=least - off, upper=least + off, **at)
        yield scene.see("population_hessian_upper", greatest, lower=greatest - off, upper=greatest + off, **at)
        if distance:
            change, room = float(torch.linalg.matrix_norm(H - start, 2)) / distance, 2 * off / distance
            frame: dict[str, Any] = {"lower": max(change - room, 0.0), "upper": change + room, "label": label}
            yield scene.see("hessian_lipschitz", change, **frame)


def radii(scene: Scene) -> Iterator[Observation]:
    """The nearest points found at which the least eigenvalue is 0, or half of its bound at W*.

    Lemma 2 says that no such point is nearer than its radius; the distance found bounds theirs from above.

    Args:
        scene: the ground truth.

    Yields:
        Observations, one-sided.
    """
    hessian, form, steps = remembered(scene.loss.hessian), scene.probe().form, scene.setting.restart_steps
    half = scene.number("population_hessian_lower", distance=0.0) / 2
    flat = nearest(scene.truth, scene.radius, 0.0, hessian, form, steps=steps)
    first = scene.radius if flat is None else flat.value  # the second target is met nearer
    halved = nearest(scene.truth, first, half, hessian, form, steps=steps)
    yield from _distance(scene, ("radius", "radius_printed"), flat, "lambda_min = 0, c = 6 sqrt(2/pi)", c=POSITIVE)
    yield from _distance(scene, ("radius_explicit",), halved, "lambda_min = half of its bound at W*")


def _distance(
    scene: Scene, names: tuple[str, ...], found: Worst | None, label: str, **more: float
) -> Iterator[Observation]:
    distance, why = (math.nan, ("no such point was found",)) if found is None else (found.value, ())
    for name in names:
        yield scene.see(name, distance, more, lower=0.0, side="lower", label=label, reasons=why)
