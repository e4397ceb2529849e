"""Theorem 4, semi-smoothness: F(W + W') beyond its first order near the initialisation, one W' for all samples.

R = F(W + W') - F(W) - <grad F(W), W'> = sum_i loss_i^T (Delta_i - lin_i) + ||Delta_i||^2/2, Delta_i being the change of
output i and lin_i its first order: no difference of losses is taken. W = W^(0) + V with ||V_l||_2 <= omega, and
||W'_l||_2 = omega.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from empirics.comparison import predict
from empirics.experiments.allenzhu2019.attack import bends, flips, random_direction
from empirics.experiments.allenzhu2019.gaps import linear_change
from empirics.experiments.allenzhu2019.initial import Frame
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.near import Dense, Direction, RankOne, Start, Sweep, cotangents, sweep
from empirics.exponents import fit_exponent
from empirics.spectral import polar_factor
from empirics.verdict import Observation

MEASURED = frozenset(("semi_smoothness", "semi_smoothness_printed"))
ROUNDS = 2
"""Vertices of the conditional gradient on R, after the first."""


def observe(
    start: Start, y: Tensor, omegas: Tensor, see: Frame, *, names: frozenset[str], restarts: int = 0
) -> tuple[list[Observation], list[str]]:
    """The remainder at random and adversarial pairs of points.

    Args:
        start: the network.
        y: targets, (n,) or (n, d).
        omegas: radii, (radii, 1, 1).
        see: makes observations.
        names: the bare names wanted.
        restarts: further random directions, beyond one.

    Returns:
        For every radius and W the largest remainder over the W' tried, and a sentence: the bound has two hidden
        constants, neither of which is a factor, so that the table gives it no verdict.
    """
    y = y.to(start.V).reshape(start.n, -1)
    kinds = []
    for where, base, steps in _pairs(start, y, omegas, see.seed, restarts):
        tried = [(label, *remainder(start, y, base, step)) for label, step in steps]
        R, place = torch.stack([r for _, r, _ in tried]).max(0)
        F = tried[0][2].expand_as(R)
        kinds.append((where, [tried[k][0] for k in place.tolist()], R.tolist(), F.tolist()))
    sizes = omegas.flatten().tolist()
    found = list(_rows(kinds, sizes, see, names))
    return found, [_finding(kinds, sizes, see, found)]


def remainder(start: Start, y: Tensor, base: tuple[Direction, ...], step: Direction) -> tuple[Tensor, Tensor]:
    """R and F(W).

    Args:
        start: the network.
        y: targets, (n, d).
        base: whose sum is W - W^(0).
        step: W'.

    Returns:
        R, (radii,), and F(W), (radii,) or, at W^(0), ().
    """
    at, there = sweep(start, *base), sweep(start, *base, step)
    loss, change = at.y - y, there.y - at.y
    R = (loss * (change - linear_change(start, at, step))).sum((-2, -1)) + change.square().sum((-2, -1)) / 2
    return R, loss.square().sum((-2, -1)) / 2


Steps = list[tuple[str, Direction]]


def _pairs(
    start: Start, y: Tensor, omegas: Tensor, seed: int, restarts: int
) -> Iterator[tuple[str, tuple[Direction, ...], Steps]]:
    """W, and the W' tried there."""
    draws = torch.Generator().manual_seed(seed)
    i = int((start.at.y - y).norm(dim=1).argmax())
    steps: Steps = [("random", random_direction(start, omegas, draws)) for _ in range(1 + restarts)]
    steps += [("ascent", ascend(start, y, omegas))]
    flipped, moved = flips(start, omegas).of(i), random_direction(start, omegas, draws)
    yield "W(0)", (), [*steps, ("bends", _bends(start, y, omegas, None).of(i))]
    for where, base in (("flips", flipped), ("random", moved)):
        own: Steps = [("bends", _bends(start, y, omegas, base).of(i)), ("back to W(0)", base.reversed())]
        yield where, (base,), [*steps, *own]


def _bends(start: Start, y: Tensor, omegas: Tensor, base: RankOne | Dense | None) -> RankOne:
    """Bend every sample's loss upwards, from W^(0) or from the base."""
    at = start.at if base is None else sweep(start, base)
    value = cotangents(start, (at.y - y) @ start.V.mT, D=at.D, direction=base)
    return bends(start, omegas, value, base)


def ascend(start: Start, y: Tensor, omegas: Tensor) -> Dense:
    """Conditional gradient on R at W^(0): each W' the vertex of the spectral ball along the gradient at the last.

    Args:
        start: the network.
        y: targets, (n, d).
        omegas: radii, (radii, 1, 1); the gradients are taken at the largest.

    Returns:
        The same directions at all radii.
    """
    first = _gradient(start.at, torch.ones_like(start.at.y))
    below = _gradient(start.at, start.at.y - y)
    N = tuple(polar_factor(g) for g in first)
    for _ in range(ROUNDS):
        seen = sweep(start, Dense(omegas.amax().view(1, 1, 1), N))
        above = _gradient(seen, seen.y - y)
        N = tuple(polar_factor(a[0] - b) for a, b in zip(above, below, strict=True))
    return Dense(omegas, N)


def _gradient(at: Sweep, loss: Tensor) -> list[Tensor]:
    """sum_ij loss_ij c_l,ij h_{l-1,i}^T, L of (..., m, m)."""
    weighted = [(c * loss.mT.unsqueeze(-1)).sum(-3) for c in at.c]
    return [c.mT @ h for c, h in zip(weighted, at.h[:-1], strict=True)]


Kind = tuple[str, list[str], list[float], list[float]]


def _rows(kinds: list[Kind], sizes: list[float], see: Frame, names: frozenset[str]) -> Iterator[Observation]:
    for where, labels, R, F in kinds:
        for omega, label, value, loss in zip(sizes, labels, R, F, strict=True):
            more = {"omega": omega, "perturbation": omega, "F": loss}
            for name in sorted(names & MEASURED):
                yield see(name, value, more=more, upper=None, label=f"{where}, {label}, omega={omega:.3g}")


def _finding(kinds: list[Kind], sizes: list[float], see: Frame, found: list[Observation]) -> str:
    """The largest part of the bound that the remainder takes up, and how it grows."""
    parts = []
    for name, depth in (("semi_smoothness", "L^3, proved"), ("semi_smoothness_printed", "L^2, printed")):
        part = [o.measured / float(predict(o.quantity, o.values).value) for o in found if o.quantity == f"{KEY}.{name}"]
        parts += [f"{max(part):.2g} of the bound ({depth})"] if part else []
    worst = [max(kind[2][k] for kind in kinds) for k in range(len(sizes))]
    grows = f"; with ||W'|| = omega it grows as omega^{fit_exponent(sizes, worst)}" if _fit(worst) else ""
    return (
        f"Theorem 4, width {see.values['m']}, seed {see.seed}: over {len(kinds) * len(sizes)} radii and centres the "
        f"largest remainder found is {' and '.join(parts)} at hidden constants 1{grows}, where the bound's terms are "
        f"omega^(4/3) and omega^2"
    )


def _fit(values: list[float]) -> bool:
    return len(values) > 1 and min(values) > 0
