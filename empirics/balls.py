"""The balls around theta_0 in which the theorems hold: what a search for a supremum needs of each.

Parameters are tuples of tensors as `Weights.tensors` gives them; dimensions in front of the centre's batch independent
points ("restarts"). Every ball is convex, contains its centre, and keeps a point whose layers move back towards it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.spectral import SpectralBall, check_radius, noise, rounding, uniform

__all__ = ["Ball", "EuclideanBall", "FrobeniusBall", "SpectralBall", "SumFrobeniusBall"]

Tensors = tuple[Tensor, ...]


@runtime_checkable
class Ball(Protocol):
    """A convex set around a centre; tensors (restarts..., *shape) go with a centre's (*shape)."""

    def project(self, tensors: Sequence[Tensor], centre: Sequence[Tensor]) -> Tensors:
        """The nearest points of the ball, in the Euclidean norm of all parameters."""

    def vertex(self, direction: Sequence[Tensor], centre: Sequence[Tensor]) -> Tensors:
        """Maximisers of <direction, theta> over the ball; a tensor without direction stays at its centre."""

    def sample(self, centre: Sequence[Tensor], generator: torch.Generator) -> Tensors:
        """One random point, to start from; the law is not uniform."""

    def contains(self, tensors: Sequence[Tensor], centre: Sequence[Tensor], slack: float = 0.0) -> Tensor:
        """Whether each point lies in the ball, its radii increased by the relative slack: (restarts...,)."""


class _Layered(ABC):
    """A ball that sees only the layers' Frobenius norms ||t - t_0||: these (..., T) are shrunk, the directions kept."""

    @abstractmethod
    def _shrink(self, norms: Tensor) -> Tensor:
        """The layers' norms after projection, (..., T)."""

    @abstractmethod
    def _split(self, shares: Tensor) -> Tensor:
        """Layers' norms on the boundary, in proportion to the shares (..., T) where the ball lets one choose."""

    @abstractmethod
    def _sizes(self, norms: Tensor) -> tuple[Tensor, Tensor]:
        """(what is bounded (..., c), its bounds (c,))."""

    def _reach(self, norms: Tensor) -> Tensor:
        """The layers' norms at the vertex of a direction with these norms."""
        return self._split(norms)

    def project(self, tensors: Sequence[Tensor], centre: Sequence[Tensor]) -> Tensors:
        """The nearest points of the ball."""
        moved = [t - c for t, c in zip(tensors, centre, strict=True)]
        norms = _norms(moved, centre)
        return _place(moved, centre, self._shrink(norms) * _inverse(norms))

    def vertex(self, direction: Sequence[Tensor], centre: Sequence[Tensor]) -> Tensors:
        """Maximisers of <direction, theta>."""
        norms = _norms(direction, centre)
        return _place(direction, centre, self._reach(norms) * _inverse(norms))

    def sample(self, centre: Sequence[Tensor], generator: torch.Generator) -> Tensors:
        """Gaussian directions, a random split between the layers and a radius uniform on [0, 1]."""
        moved = [noise(c.shape, generator, c) for c in centre]
        draws = uniform((len(centre) + 1,), generator, centre[0])
        norms = draws[-1] * self._split(-torch.log1p(-draws[:-1]))
        return _place(moved, centre, norms * _inverse(_norms(moved, centre)))

    def contains(self, tensors: Sequence[Tensor], centre: Sequence[Tensor], slack: float = 0.0) -> Tensor:
        """Whether each point lies in the ball; the rounding of the centre's entries is allowed for."""
        sizes, bounds = self._sizes(_norms([t - c for t, c in zip(tensors, centre, strict=True)], centre))
        granted = torch.stack([rounding(c) for c in centre]).sum()
        return (sizes <= bounds * (1 + slack) + granted).all(-1)


@dataclass(frozen=True)
class FrobeniusBall(_Layered):
    """||W^(l) - W_0^(l)||_F <= radius of every tensor by itself: fu2018, Lemma 2, where there is one.

    Attributes:
        radius: one for all tensors, or one each.

    >>> ball = FrobeniusBall(2.0)
    >>> ball.project([torch.tensor([[3.0, 4.0]])], [torch.zeros(1, 2)])
    (tensor([[1.2000, 1.6000]]),)
    """

    radius: float | tuple[float, ...]

    def __post_init__(self) -> None:
        for radius in self.radius if isinstance(self.radius, tuple) else (self.radius,):
            check_radius("radius", radius)

    def _radii(self, norms: Tensor) -> Tensor:
        radii = self.radius if isinstance(self.radius, tuple) else (self.radius,) * norms.shape[-1]
        if len(radii) != norms.shape[-1]:
            raise TheoryError(f"radius has {len(radii)} entries: give one number, or {norms.shape[-1]}, one per tensor")
        return norms.new_tensor(radii)

    def _shrink(self, norms: Tensor) -> Tensor:
        return torch.minimum(norms, self._radii(norms))

    def _split(self, shares: Tensor) -> Tensor:
        return self._radii(shares).expand_as(shares)

    def _sizes(self, norms: Tensor) -> tuple[Tensor, Tensor]:
        return norms, self._radii(norms)


@dataclass(frozen=True)
class EuclideanBall(_Layered):
    """||theta - theta_0||_2 <= radius, all parameters together: liu2020, Theorem 4.2; song2021, Theorem 1."""

    radius: float

    def __post_init__(self) -> None:
        check_radius("radius", self.radius)

    def _shrink(self, norms: Tensor) -> Tensor:
        total = norms.norm(dim=-1, keepdim=True)
        return norms * (self.radius * _inverse(total)).clamp(max=1)

    def _split(self, shares: Tensor) -> Tensor:
        return shares * (self.radius * _inverse(shares.norm(dim=-1, keepdim=True)))

    def _sizes(self, norms: Tensor) -> tuple[Tensor, Tensor]:
        return norms.norm(dim=-1, keepdim=True), norms.new_tensor([self.radius])


@dataclass(frozen=True)
class SumFrobeniusBall(_Layered):
    """sum_l ||W^(l) - W_0^(l)||_F <= R: liu2020, Theorem 7.1."""

    R: float

    def __post_init__(self) -> None:
        check_radius("R", self.R)

    def _shrink(self, norms: Tensor) -> Tensor:
        # onto the l1 ball: subtract the theta at which sum_l (norm_l - theta)_+ = R, found among the sorted norms
        ordered = norms.sort(dim=-1, descending=True).values
        count = torch.arange(1, norms.shape[-1] + 1, device=norms.device)
        thresholds = (ordered.cumsum(-1) - self.R) / count
        theta = thresholds.amax(-1, keepdim=True).clamp(min=0)  # the largest is the one whose support is right
        return (norms - theta).clamp(min=0)

    def _split(self, shares: Tensor) -> Tensor:
        return shares * (self.R * _inverse(shares.sum(-1, keepdim=True)))

    def _reach(self, norms: Tensor) -> Tensor:
        best = norms.argmax(-1, keepdim=True)
        return torch.zeros_like(norms).scatter(-1, best, self.R)

    def _sizes(self, norms: Tensor) -> tuple[Tensor, Tensor]:
        return norms.sum(-1, keepdim=True), norms.new_tensor([self.R])


def _norms(moved: Sequence[Tensor], centre: Sequence[Tensor]) -> Tensor:
    """Frobenius norms, (restarts..., T)."""
    # flattened: torch.norm takes at most two dimensions at once, a layer with windows has three
    return torch.stack([t.flatten(t.ndim - c.ndim).norm(dim=-1) for t, c in zip(moved, centre, strict=True)], -1)


def _place(moved: Sequence[Tensor], centre: Sequence[Tensor], scales: Tensor) -> Tensors:
    """Points centre + scale * moved; scales (restarts..., T)."""
    parts = zip(moved, centre, scales.unbind(-1), strict=True)
    return tuple(c + t * scale.reshape(scale.shape + (1,) * c.ndim) for t, c, scale in parts)


def _inverse(t: Tensor) -> Tensor:
    return torch.where(t > 0, 1 / t, 0.0)
