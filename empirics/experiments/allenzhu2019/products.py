"""Spectral norms of products of layers: at W^(0) (Lemmas 7.3, 7.4), and the worst near it (Lemma 8.6)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from empirics.experiments.allenzhu2019.near import Start
from empirics.measure.lanczos import lanczos, needed_rows
from empirics.measure.norms import spectral_norm
from empirics.spectral import noise

TOLERANCE = 1e-2
"""Residual of the squared norm of a product, relative to it."""
WHOLE = 3e8
"""Operations up to which products are formed and decomposed."""
ROUNDS, SETTLED = 6, 4
"""Sweeps of the worst product: while W' and D'' are chosen anew, and with them as they are."""
LARGEST = 3.0
"""The entries of D'' lie in [-3, 3] (Lemma 8.6)."""


def backward_norms(start: Start) -> list[Tensor]:
    """||B D_{i,L} W_L ... D_{i,a} W_a||_2 for a = 1..L, each (n,)."""
    return [spectral_norm((c @ w).movedim(0, 1)) for c, w in zip(start.at.c, start.W, strict=True)]


def product_norm(start: Start, a: int, b: int) -> tuple[Tensor, Tensor | None]:
    """||W_b D_{i,b-1} W_{b-1} ... D_{i,a} W_a||_2.

    Args:
        start: the network.
        a: lowest layer, 1 <= a <= b.
        b: highest layer.

    Returns:
        The norms, (n,), with what Lanczos left of them, or with None where they are exact.
    """
    if a == b:  # the same for all samples
        return spectral_norm(start.W[a - 1]).expand(start.n), None
    D = tuple(signs.to(start.V.dtype) for signs in start.at.D[a - 1 : b - 1])
    if 20 * start.n * start.m**3 <= WHOLE:
        product = start.W[a - 1].expand(start.n, -1, -1)
        for w, signs in zip(start.W[a:b], D, strict=True):
            product = w @ (signs[:, :, None] * product)
        return spectral_norm(product), None
    first = noise((start.m,), torch.Generator().manual_seed(0), start.V)
    found = lanczos(_Product(start.W[a - 1 : b], D), first.expand(start.n, -1), tol=TOLERANCE)
    norm = found.lambda_max.clamp(min=0).sqrt()
    return norm, found.residual_max / (2 * norm)


class _Product:
    """P^T P for every sample's P = W_b D_{b-1} W_{b-1} ... D_a W_a, on (samples, m)."""

    def __init__(self, W: tuple[Tensor, ...], D: tuple[Tensor, ...]) -> None:
        self.W, self.D = W, D

    def apply(self, g: Tensor) -> Tensor:
        """P^T P g."""
        for w, signs in zip(self.W[:-1], self.D, strict=True):
            g = (g @ w.mT) * signs
        g = (g @ self.W[-1].mT) @ self.W[-1]
        for w, signs in zip(reversed(self.W[:-1]), reversed(self.D), strict=True):
            g = (g * signs) @ w
        return g

    def metric(self, y: Tensor) -> Tensor:
        """The identity."""
        return y.clone()

    def keep(self, needed: Tensor) -> Tensor:
        """Any samples can be left out."""
        return needed_rows(needed)

    def take(self, rows: Tensor) -> _Product:
        """Those of some samples."""
        return _Product(self.W, tuple(signs[rows] for signs in self.D))


@dataclass(frozen=True, eq=False)
class Worst:
    """A choice of W' and D'' for every sample and radius, and the norm that it reaches.

    Attributes:
        D: signs to which D'' is added.
        left, right: W'_l = omega u_l v_l^T: unit u_l and v_l, L of (radii, n, m) each.
        extra: D''_l, L - 1 of (radii, n, m), at most s entries of 3 or -3 each.
        norm: ||(W_L + W'_L)(D_{L-1} + D''_{L-1}) ... (W_1 + W'_1) v|| at a unit v, (radii, n): from below.
    """

    D: tuple[Tensor, ...]
    left: tuple[Tensor, ...]
    right: tuple[Tensor, ...]
    extra: tuple[Tensor, ...]
    norm: Tensor


def worst_product(start: Start, omegas: Tensor, D: tuple[Tensor, ...], s: int = 0, *, seed: int = 0) -> Worst:
    """Lemma 8.6's product of all L layers at W' and D'' chosen against it.

    y^T (W_L + W'_L)(D_{L-1} + D''_{L-1}) ... (W_1 + W'_1) x is linear in every W'_l and D''_l. With the vectors that
    reach a factor from below and from above, the best W'_l is omega times their outer product, the best D''_l has 3
    times the sign of their product in the s coordinates where that is largest in size; power iteration moves x and y.

    Args:
        start: the network.
        omegas: radii, (radii, 1, 1).
        D: signs D_1, ..., D_L of W^(0), (n, m), or of a perturbed network, (radii, n, m).
        s: entries of every D_l that D''_l may change by up to 3.
        seed: of the first x.

    Returns:
        What was found.
    """
    shape = (len(omegas), start.n, start.m)
    x = noise((start.n, start.m), torch.Generator().manual_seed(seed), start.V).expand(shape)
    zero = x.new_zeros(shape)
    found = Worst(D, (zero,) * start.L, (zero,) * start.L, (zero,) * (start.L - 1), zero[..., 0])
    for k in range(ROUNDS + SETTLED):
        up = _up(start, omegas, found, _unit(x))
        down = _down(start, omegas, found, up[-1])
        x = down[0]
        if k < ROUNDS:
            found = _choose(start, D, up, down, s)
    norm = _up(start, omegas, found, _unit(x))[-1].norm(dim=-1)
    return replace(found, norm=norm)


def _up(start: Start, omegas: Tensor, worst: Worst, x: Tensor) -> list[Tensor]:
    """x, then what every factor W_1 + W'_1, D_1 + D''_1, ..., W_L + W'_L makes of it."""
    found = [x]
    for l, w in enumerate(start.W):
        along = (worst.right[l] * found[-1]).sum(-1, keepdim=True)
        found.append(found[-1] @ w.mT + omegas * along * worst.left[l])
        if l + 1 < start.L:
            found.append(found[-1] * (worst.D[l] + worst.extra[l]))
    return found


def _down(start: Start, omegas: Tensor, worst: Worst, y: Tensor) -> list[Tensor]:
    """The same from above: what reaches the places of `_up`, in their order."""
    found = [y]
    for l in range(start.L - 1, -1, -1):
        along = (worst.left[l] * found[-1]).sum(-1, keepdim=True)
        found.append(found[-1] @ start.W[l] + omegas * along * worst.right[l])
        if l:
            found.append(found[-1] * (worst.D[l - 1] + worst.extra[l - 1]))
    return found[::-1]


def _choose(start: Start, D: tuple[Tensor, ...], up: list[Tensor], down: list[Tensor], s: int) -> Worst:
    left = tuple(_unit(down[2 * l + 1]) for l in range(start.L))
    right = tuple(_unit(up[2 * l]) for l in range(start.L))
    extra = []
    for l in range(start.L - 1):
        gain = up[2 * l + 1] * down[2 * l + 2]
        at = gain.abs().topk(min(s, start.m), dim=-1).indices
        extra.append(torch.zeros_like(gain).scatter(-1, at, LARGEST * gain.gather(-1, at).sign()))
    return Worst(D, left, right, tuple(extra), up[0].new_zeros(()))


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
