"""Networks near their initialisation (Section 8): W_l = W_l^(0) + W'_l with ||W'_l||_2 <= omega, l = 1..L; A, B stay.

A statement about one sample lets every sample have a W' of its own, of rank one: W'_l = omega u_l v_l^T. No matrix is
formed then, and all samples and all radii share the products with W^(0). Rows are (radii, n, m); cotangents of the d
outputs (radii, d, n, m).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.weights import Weights


class Direction(Protocol):
    """A change W' of the trained layers, at every radius."""

    def push(self, l: int, h: Tensor) -> Tensor:
        """W'_l h, (radii, n, m), from h (radii, n, m) or (n, m)."""

    def pull(self, l: int, c: Tensor) -> Tensor:
        """W'_l^T c, (radii, d, n, m), from c (radii, d, n, m) or (d, n, m)."""


@dataclass(frozen=True, eq=False)
class RankOne:
    """W'_l = omega u_l v_l^T, for every sample its own, or one for all.

    Attributes:
        omegas: radii, (radii, 1, 1).
        left: u_l, L of (radii, n, m) or (radii, 1, m), of norm at most 1.
        right: v_l, likewise.
    """

    omegas: Tensor
    left: tuple[Tensor, ...]
    right: tuple[Tensor, ...]

    def push(self, l: int, h: Tensor) -> Tensor:
        """See `Direction`."""
        u, v = self.left[l - 1], self.right[l - 1]
        return u * ((v * h).sum(-1, keepdim=True) * self.omegas)

    def pull(self, l: int, c: Tensor) -> Tensor:
        """See `Direction`."""
        u, v = (t[l - 1].unsqueeze(-3) for t in (self.left, self.right))
        return v * ((u * c).sum(-1, keepdim=True) * self.omegas[..., None])

    def of(self, i: int) -> RankOne:
        """Sample i's W', for all samples."""
        left, right = (tuple(t[:, i : i + 1] for t in part) for part in (self.left, self.right))
        return RankOne(self.omegas, left, right)

    def reversed(self) -> RankOne:
        """The change -W'."""
        return RankOne(self.omegas, tuple(-t for t in self.left), self.right)


@dataclass(frozen=True, eq=False)
class Dense:
    """W'_l = omega N_l, the same for all samples.

    Attributes:
        omegas: radii, (radii, 1, 1).
        matrices: N_l, L of (m, m), of spectral norm at most 1.
    """

    omegas: Tensor
    matrices: tuple[Tensor, ...]

    def push(self, l: int, h: Tensor) -> Tensor:
        """See `Direction`."""
        return (h @ self.matrices[l - 1].mT) * self.omegas

    def pull(self, l: int, c: Tensor) -> Tensor:
        """See `Direction`."""
        return (c @ self.matrices[l - 1]) * self.omegas[..., None]

    def reversed(self) -> Dense:
        """The change -W'."""
        return Dense(self.omegas, tuple(-t for t in self.matrices))


@dataclass(frozen=True, eq=False)
class Sweep:
    """A forward and a backward sweep at the radii, or at W^(0) without their dimension.

    Attributes:
        h: h_0, ..., h_L, each (radii, n, m).
        g: g_1, ..., g_L.
        D: whether (g_l)_k >= 0, l = 1..L (Definition 2.2).
        y: outputs, (radii, n, d).
        c: B D_L W_L ... W_{l+1} D_l for l = 1..L, each (radii, d, n, m): row j is output j's cotangent of g_l.
    """

    h: tuple[Tensor, ...]
    g: tuple[Tensor, ...]
    D: tuple[Tensor, ...]
    y: Tensor
    c: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class Start:
    """The network at its initialisation W^(0), and its sweep over the samples.

    Attributes:
        W: W_1^(0), ..., W_L^(0), each (m, m).
        V: B^T, (m, d).
        at: the sweep; rows (n, m), cotangents (d, n, m).
    """

    W: tuple[Tensor, ...]
    V: Tensor
    at: Sweep

    @property
    def L(self) -> int:
        """Trained layers."""
        return len(self.W)

    @property
    def n(self) -> int:
        """Samples."""
        return self.at.h[0].shape[-2]

    @property
    def m(self) -> int:
        """Width."""
        return self.V.shape[-2]


def start_at(weights: Weights, X: Tensor) -> Start:
    """Sweep the samples through the network as it is.

    Args:
        weights: the paper's fully connected network.
        X: inputs, (n, d_in): unit rows with last coordinate 1/sqrt(2).

    Returns:
        Where the perturbations start, in float64.

    Raises:
        TheoryError: a network of another architecture.

    >>> from empirics.networks import network
    >>> start = start_at(network("allenzhu2019", L=2, m=8, d_in=3).weights, torch.eye(3, dtype=torch.float64))
    >>> start.L, len(start.at.h), tuple(start.at.c[0].shape)
    (2, 3, (1, 3, 8))
    """
    plain = weights.L >= 2 and all(at is None for at in weights.windows) and not weights.shortcuts and not weights.batch
    if (
        not plain
        or weights.activation.name != "relu"
        or set(weights.scales) != {1.0}
        or any(b is not None for b in weights.biases)
    ):
        raise TheoryError("net is not allenzhu2019's fully connected relu network: use network('allenzhu2019', 'mlp')")
    point = weights.to(torch.float64)
    A, *W = point.W
    h_0 = torch.relu(X.to(point.V) @ A.mT)
    return Start(tuple(W), point.V, _sweep(tuple(W), point.V, h_0, ()))


def sweep(start: Start, *directions: Direction) -> Sweep:
    """The same samples through W^(0) + W', at all radii.

    Args:
        start: the network.
        directions: whose sum is W'; none: the sweep at W^(0).

    Returns:
        The sweep.
    """
    return _sweep(start.W, start.V, start.at.h[0], directions) if directions else start.at


def _sweep(W: tuple[Tensor, ...], V: Tensor, h_0: Tensor, directions: tuple[Direction, ...]) -> Sweep:
    h, g, c = [h_0], [], []
    for l, w in enumerate(W, start=1):
        z = h[-1] @ w.mT
        for direction in directions:
            z = z + direction.push(l, h[-1])
        g.append(z)
        h.append(torch.relu(z))
    D = [z >= 0 for z in g]
    back = V.mT[:, None, :]
    for l in range(len(W), 0, -1):
        c.append(back * D[l - 1].unsqueeze(-3))
        if l > 1:
            back = c[-1] @ W[l - 1]
            for direction in directions:
                back = back + direction.pull(l, c[-1])
    return Sweep(tuple(h), tuple(g), tuple(D), h[-1] @ V, tuple(reversed(c)))


def cotangents(
    start: Start,
    top: Tensor,
    *,
    of_g: bool = False,
    D: tuple[Tensor, ...] | None = None,
    direction: Direction | None = None,
) -> tuple[Tensor, ...]:
    """The cotangents of h_1, ..., h_L (or of g_1, ..., g_L) from that of h_L (or of g_L).

    Args:
        start: the network.
        top: the last one, (n, m) or (radii, n, m).
        of_g: whether those of g are given and wanted.
        D: signs, those at W^(0) where None.
        direction: W', 0 where None.

    Returns:
        L tensors like ``top``.
    """
    D = start.at.D if D is None else D
    found = [top]
    for l in range(start.L, 1, -1):
        c = found[-1] if of_g else found[-1] * D[l - 1]
        back = c @ start.W[l - 1]
        if direction is not None:
            back = back + direction.pull(l, c.unsqueeze(-3)).squeeze(-3)
        found.append(back * D[l - 2] if of_g else back)
    return tuple(reversed(found))


def radii(omegas: tuple[float, ...], like: Tensor) -> Tensor:
    """The radii as (radii, 1, 1) beside a tensor.

    Args:
        omegas: different positive numbers.
        like: whose device and dtype.

    Returns:
        The tensor.

    Raises:
        TheoryError: none, or one that is not positive and finite.
    """
    found = torch.tensor(omegas, dtype=torch.float64)
    if not omegas or not bool(((found > 0) & found.isfinite()).all()):
        raise TheoryError(f"omegas={omegas!r} must be positive finite numbers")
    return found.to(like).view(-1, 1, 1)
