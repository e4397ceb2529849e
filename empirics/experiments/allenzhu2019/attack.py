"""Adversarial perturbations of the initialisation: what a W' with ||W'_l||_2 <= omega in every layer does at most.

The vectors W'_l h with ||W'_l||_2 <= omega are those of length at most omega ||h||, all reached by W'_l = u h^T/||h||:
what W'_l can do to one sample is to add such a vector to its pre-activation. Each attack chooses it, layer by layer;
the sweep through the network then says what came of it, so that every number is one that a W' reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from empirics.experiments.allenzhu2019.near import Dense, Direction, RankOne, Start, Sweep, cotangents, sweep
from empirics.spectral import noise

MARGIN = 1e-6
"""How far beyond 0 a pre-activation is pushed, relative to its size: enough for rounding, too little to cost."""
ROUNDS = 4
"""Vertices of the conditional gradient."""
RANDOM = "random"


def attacks(start: Start, omegas: Tensor, *, seed: int, restarts: int = 0) -> Iterator[tuple[str, Direction]]:
    """Every perturbation tried.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).
        seed: of what is random.
        restarts: further random directions, and further starts of the ascent, beyond one.

    Yields:
        What it does, and the direction; random ones are called `RANDOM`.
    """
    draws = torch.Generator().manual_seed(seed)
    for _ in range(1 + restarts):
        yield RANDOM, random_direction(start, omegas, draws)
    value = cotangents(start, start.V[:, 0].expand_as(start.at.h[-1]))
    yield "flips", flips(start, omegas)
    yield "flips that count", flips(start, omegas, tuple(b.square() for b in value))
    worth = tuple(b.square() * signs for b, signs in zip(value, start.at.D, strict=True))
    yield "switches off", flips(start, omegas, worth)
    yield "flips of layer L", aimed(start, omegas)
    yield "output's gradient", steepest(start, omegas, tuple(c[0] for c in start.at.c))
    yield "bends", bends(start, omegas, value)
    for _ in range(1 + restarts):
        first = noise(start.at.g[-1].shape, draws, start.V)
        yield "ascent", stretch(start, omegas, first, ROUNDS)


def random_direction(start: Start, omegas: Tensor, generator: torch.Generator) -> Dense:
    """Random rotations times omega: of all singular values allowed the largest, in no direction in particular.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).
        generator: on the CPU.

    Returns:
        The direction, the same for all samples.
    """
    return Dense(omegas, tuple(torch.linalg.qr(noise(w.shape, generator, w)).Q for w in start.W))


def climb(
    start: Start, omegas: Tensor, add: Callable[[int, Tensor, Tensor], Tensor], base: Direction | None = None
) -> RankOne:
    """Go up the layers, at each of them adding a vector of length at most omega ||h_{l-1}|| to the pre-activation.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).
        add: from l, the pre-activation W_l^(0) h_{l-1} above the perturbed layers, (radii, n, m), and the length
            allowed, (radii, n, 1), to what is added.
        base: W - W^(0) where the climb does not begin at W^(0).

    Returns:
        W'_l = omega u_l v_l^T with v_l along h_{l-1}, for every sample its own.
    """
    h = start.at.h[0].expand(len(omegas), -1, -1)
    left, right = [], []
    for l, w in enumerate(start.W, start=1):
        size = h.norm(dim=-1, keepdim=True)
        length, z = omegas * size, h @ w.mT
        if base is not None:
            z = z + base.push(l, h)
        added = add(l, z, length)
        left.append(_over(added, length))
        right.append(_over(h, size))
        h = torch.relu(z + added)
    return RankOne(omegas, tuple(left), tuple(right))


def flips(start: Start, omegas: Tensor, worth: tuple[Tensor, ...] | None = None) -> RankOne:
    """Change the signs of the neurons nearest 0, as many as the length allows.

    No W' changes more signs in layer 1, whose input does not depend on W': of the sets of coordinates that a vector of
    given length can carry across 0, those with the smallest |g_1| are the largest. Above, changes from below add.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).
        worth: what each neuron's flip is worth, L of (n, m), nonnegative; None: all the same.

    Returns:
        The direction.
    """

    def add(l: int, z: Tensor, length: Tensor) -> Tensor:
        return _cheapest(z, start.at.D[l - 1], length, None if worth is None else worth[l - 1])

    return climb(start, omegas, add)


def _cheapest(z: Tensor, D: Tensor, length: Tensor, worth: Tensor | None = None) -> Tensor:
    """Minus z in the coordinates that cost least for what they are worth; those that have already changed stay."""
    cost = torch.where((z >= 0) != D, 0.0, z.square())
    order = (cost if worth is None else torch.where(worth > 0, cost / worth, torch.inf)).argsort(dim=-1)
    spent = cost.gather(-1, order).cumsum(-1).mul_((1 + MARGIN) ** 2)
    taken = torch.zeros_like(z, dtype=torch.bool).scatter(-1, order, spent <= length.square() * (1 - MARGIN))
    return torch.where(taken & (cost > 0), z * -(1 + MARGIN), 0.0)


def aimed(start: Start, omegas: Tensor) -> RankOne:
    """Change signs in layer L with all layers: those below push along the vector that layer L would add.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).

    Returns:
        The direction: u_l along D_l W_{l+1}^T ... W_L^T u_L below, the smallest pre-activations flipped in layer L.
    """
    below = cotangents(start, flips(start, omegas).left[-1], of_g=True)

    def add(l: int, z: Tensor, length: Tensor) -> Tensor:
        return _along(below[l - 1], length) if l < start.L else _cheapest(z, start.at.D[l - 1], length)

    return climb(start, omegas, add)


def steepest(start: Start, omegas: Tensor, of_g: tuple[Tensor, ...]) -> RankOne:
    """u_l along a cotangent of g_l: the vertex of the spectral ball in a sample's gradient c_l h_{l-1}^T.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).
        of_g: L of (radii, n, m) or (n, m).

    Returns:
        The direction.
    """
    return climb(start, omegas, lambda l, z, length: _along(of_g[l - 1].expand_as(z), length))


def stretch(start: Start, omegas: Tensor, first: Tensor, rounds: int) -> RankOne:
    """Move g_L as far as W' can: conditional gradient on ||g'_L||^2/2, each time the vertex of the spectral ball.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).
        first: where g_L is first pushed, (n, m).
        rounds: vertices after the first.

    Returns:
        The direction that moved g_L furthest, sample by sample and radius by radius.
    """
    best = tried = steepest(start, omegas, cotangents(start, first, of_g=True))
    seen = sweep(start, tried)
    size = _moved(start, seen)
    for _ in range(rounds):
        top = seen.g[-1] - start.at.g[-1]
        tried = steepest(start, omegas, cotangents(start, top, of_g=True, D=seen.D, direction=tried))
        seen = sweep(start, tried)
        moved = _moved(start, seen)
        best, size = _keep(moved > size, tried, best), torch.maximum(moved, size)
    return best


def _moved(start: Start, seen: Sweep) -> Tensor:
    return (seen.g[-1] - start.at.g[-1]).norm(dim=-1, keepdim=True)


def _keep(where: Tensor, a: RankOne, b: RankOne) -> RankOne:
    """Of two attacks the first for the rows marked, (radii, n, 1), the second for the others."""
    left, right = (
        tuple(torch.where(where, s, t) for s, t in zip(p, q, strict=True))
        for p, q in ((a.left, b.left), (a.right, b.right))
    )
    return RankOne(a.omegas, left, right)


def bends(start: Start, omegas: Tensor, value: tuple[Tensor, ...], base: Direction | None = None) -> RankOne:
    """Push neurons across 0 where that bends the output most, all in the same direction.

    phi(g + s) - phi(g) - phi'(g) s is (|s| - |g|)_+ where s points across 0. Of the vectors of length r that push a set
    of neurons the best for sum b (|s| - |g|), b > 0 being their cotangents, has |s| = r b/||b|| and reaches
    r ||b|| - b.|g|, norm and product over the set: of the sets {|g|/b <= t} the best is taken.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).
        value: the cotangents of h_1, ..., h_L, each (n, m) or (radii, n, m); neurons with b <= 0 are left alone.
        base: W - W^(0) where it is not 0.

    Returns:
        The direction.
    """

    def add(l: int, z: Tensor, length: Tensor) -> Tensor:
        b = value[l - 1].clamp(min=0).expand_as(z)
        order = torch.where(b > 0, z.abs() / b, torch.inf).argsort(dim=-1)
        norm = b.square().gather(-1, order).cumsum(-1).sqrt_()
        reached = length * norm - (b * z.abs()).gather(-1, order).cumsum(-1)
        best, last = reached.max(dim=-1, keepdim=True)
        rank = torch.arange(z.shape[-1], device=z.device).expand_as(order)
        pushed = torch.zeros_like(order).scatter(-1, order, rank) <= last
        size = _over(length, norm.gather(-1, last)) * (1 - MARGIN)
        return torch.where(pushed & (best > 0), torch.where(z >= 0, -b, b) * size, 0.0)

    return climb(start, omegas, add, base)


def _along(vector: Tensor, length: Tensor) -> Tensor:
    return vector * _over(length, vector.norm(dim=-1, keepdim=True))


def _over(a: Tensor, b: Tensor) -> Tensor:
    """The quotient, 0 where b is."""
    return torch.where(b > 0, a / torch.where(b > 0, b, 1.0), 0.0)
