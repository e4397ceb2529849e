"""The ball of spectral norms, and the singular values it needs: of wide matrices, most of which have low rank.

A displacement in a search is a sum of a few gradients, each of rank one or two per sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError

_Law = Callable[[Tensor, Tensor, float], Tensor]
_RANK = 16  # where the search for a matrix's rank begins


@dataclass(frozen=True)
class SpectralBall:
    """||W^(l) - W_0^(l)||_2 <= rho of every hidden layer, ||v_h - v_0,h||_2 <= rho_1 of every output.

    Source: banerjee2023, Section 3, the ball of Theorem 4.1. The last matrix is the readout, a column per
    output. The paper has no biases; one is kept within rho by itself. A layer is decomposed only where its Frobenius
    norm exceeds rho, which one must wait for a GPU to know.

    Attributes:
        rho: of the hidden layers.
        rho_1: of the readout's columns.
    """

    rho: float
    rho_1: float

    def __post_init__(self) -> None:
        check_radius("rho", self.rho)
        check_radius("rho_1", self.rho_1)

    def project(self, tensors: Sequence[Tensor], centre: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Singular values clipped at rho, columns shrunk to rho_1."""
        return self._move(
            lambda t, c, radius: clip_singular_values(t, radius, rounding(c)), _moved(tensors, centre), centre
        )

    def vertex(self, direction: Sequence[Tensor], centre: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The polar factor U V^T of every layer times rho, every column scaled to rho_1."""
        return self._move(lambda g, _, r: polar_factor(g) * r if r else torch.zeros_like(g), direction, centre)

    def sample(self, centre: Sequence[Tensor], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Layers of random singular vectors, values uniform on [0, rho] and rank at most 16; columns as random."""
        return self._move(lambda t, _, radius: low_rank_noise(t.shape, generator, t) * radius, centre, centre)

    def contains(self, tensors: Sequence[Tensor], centre: Sequence[Tensor], slack: float = 0.0) -> Tensor:
        """Whether each point lies in the ball; the rounding of the centre's entries is allowed for."""
        inside = []
        for moved, c, kind in zip(_moved(tensors, centre), centre, _kinds(centre), strict=True):
            bound = self._radius(kind) * (1 + slack) + rounding(c)
            norms = largest_singular_value(_matrices(moved, kind), bound, rounding(c))
            inside.append((norms <= bound).reshape(*moved.shape[: moved.ndim - c.ndim], -1).all(-1))
        return torch.stack(inside).all(0)

    def _move(self, law: _Law, tensors: Sequence[Tensor], centre: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Centre + law(the tensor's matrices, its centre, its radius)."""
        found = []
        for t, c, kind in zip(tensors, centre, _kinds(centre), strict=True):
            result = law(_matrices(t, kind), c, self._radius(kind))
            found.append(c + (result if kind == "layer" else result[..., 0] if kind == "bias" else result[..., 0].mT))
        return tuple(found)

    def _radius(self, kind: str) -> float:
        return self.rho_1 if kind == "readout" else self.rho


def _kinds(centre: Sequence[Tensor]) -> list[str]:
    if any(c.ndim not in (1, 2) for c in centre):
        raise NotApplicable("the spectral ball is banerjee2023's, of dense layers; this network has others")
    readout = max(l for l, c in enumerate(centre) if c.ndim == 2)
    return ["bias" if c.ndim == 1 else "readout" if l == readout else "layer" for l, c in enumerate(centre)]


def _matrices(t: Tensor, kind: str) -> Tensor:
    """What is bounded in the spectral norm: a column is a matrix whose only singular value is its length."""
    return t if kind == "layer" else t[..., None] if kind == "bias" else t.mT[..., None]


def _moved(tensors: Sequence[Tensor], centre: Sequence[Tensor]) -> list[Tensor]:
    return [t - c for t, c in zip(tensors, centre, strict=True)]


def thin_svd(matrices: Tensor, tolerance: Tensor | float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Singular value decompositions up to the tolerance, at a cost in proportion to the rank.

    With rank r a basis of the range is found from products with r random vectors, and what it leaves of the matrix is
    computed, not estimated: O(p q r) operations. r is found by trial; a matrix of high rank is decomposed whole.

    Args:
        matrices: (..., p, q).
        tolerance: what may be left out in the Frobenius norm, (...,), beyond rounding.

    Returns:
        U (..., p, r), s (..., r) in decreasing order, V^T (..., r, q).
    """
    rank, short = _RANK, min(matrices.shape[-2:])
    if short == 1:
        return _svd_of_vectors(matrices)
    allowed = tolerance + 16 * torch.finfo(matrices.dtype).eps * matrices.norm(dim=(-2, -1))
    while 4 * rank <= short:
        probe = noise((matrices.shape[-1], rank), torch.Generator().manual_seed(0), matrices)
        basis = torch.linalg.qr(matrices @ probe).Q
        core = basis.mT @ matrices
        if bool(((matrices - basis @ core).norm(dim=(-2, -1)) <= allowed).all()):
            U, s, Vh = torch.linalg.svd(core, full_matrices=False)
            return basis @ U, s, Vh
        rank *= 4
    return torch.linalg.svd(matrices, full_matrices=False)


def _svd_of_vectors(t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The decomposition of rows or columns: their lengths."""
    s = t.norm(dim=(-2, -1), keepdim=True)
    unit = torch.where(s > 0, t / s, 0.0)
    one = torch.ones_like(s)
    return (unit, s[..., 0], one) if t.shape[-1] == 1 else (one, s[..., 0], unit)


def clip_singular_values(matrices: Tensor, radius: float, tolerance: Tensor | float = 0.0) -> Tensor:
    """The nearest matrices of spectral norm at most `radius`; decomposed only where the Frobenius norm exceeds it.

    Args:
        matrices: (..., p, q).
        radius: at least 0.
        tolerance: by how much the result's norm may exceed the radius, beyond rounding.

    Returns:
        (..., p, q).
    """
    if radius == 0:
        return torch.zeros_like(matrices)
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    rows = (flat.norm(dim=(-2, -1)) > radius).nonzero()[:, 0]
    if rows.numel() == 0:
        return matrices
    U, s, Vh = thin_svd(flat[rows], tolerance)
    # the excess is taken off: what a decomposition of low rank leaves out stays as it is
    excess = (U * (s - radius).clamp(min=0)[..., None, :]) @ Vh
    return flat.index_add(0, rows, excess, alpha=-1).view_as(matrices)


def polar_factor(matrices: Tensor) -> Tensor:
    """U V^T of A = U S V^T, the maximiser of <A, X> over ||X||_2 <= 1; zero where A has no singular value.

    Args:
        matrices: (..., p, q).

    Returns:
        (..., p, q), a partial isometry of A's numerical rank.
    """
    U, s, Vh = thin_svd(matrices)
    keep = s > s[..., :1] * (torch.finfo(s.dtype).eps * max(matrices.shape[-2:]))  # the rest is rounding
    return (U * keep[..., None, :]) @ Vh


def largest_singular_value(matrices: Tensor, enough: Tensor | float, tolerance: Tensor | float = 0.0) -> Tensor:
    """||A||_2 up to the tolerance, or the Frobenius norm, which is no smaller, where all of these are at most `enough`.

    Args:
        matrices: (..., p, q).
        enough: the bound it will be compared with.
        tolerance: error allowed beyond rounding.

    Returns:
        (...,).
    """
    frobenius = matrices.norm(dim=(-2, -1))
    return thin_svd(matrices, tolerance)[1][..., 0] if bool((frobenius > enough).any()) else frobenius


def rounding(centre: Tensor) -> Tensor:
    """What rounding a point's entries, each near the centre's, may do to its distance: eps ||centre||_F.

    Args:
        centre: any shape.

    Returns:
        A number.
    """
    return torch.finfo(centre.dtype).eps * centre.norm()


def noise(shape: Sequence[int], generator: torch.Generator, like: Tensor) -> Tensor:
    """Standard normal numbers, drawn on the CPU in float64, so that every dtype and device starts alike.

    Args:
        shape: of the result.
        generator: on the CPU.
        like: whose dtype and device.

    Returns:
        The tensor.
    """
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64).to(like)


def uniform(shape: Sequence[int], generator: torch.Generator, like: Tensor) -> Tensor:
    """Numbers uniform on [0, 1], drawn as `noise` is.

    Args:
        shape: of the result.
        generator: on the CPU.
        like: whose dtype and device.

    Returns:
        The tensor.
    """
    return torch.rand(tuple(shape), generator=generator, dtype=torch.float64).to(like)


def low_rank_noise(shape: Sequence[int], generator: torch.Generator, like: Tensor) -> Tensor:
    """Matrices of random singular vectors with singular values uniform on [0, 1] and rank at most 16.

    Args:
        shape: (..., p, q).
        generator: on the CPU.
        like: whose dtype and device.

    Returns:
        (..., p, q).
    """
    *batch, p, q = shape
    rank = min(_RANK, p, q)
    U, V = (torch.linalg.qr(noise((*batch, size, rank), generator, like)).Q for size in (p, q))
    return (U * uniform((*batch, 1, rank), generator, like)) @ V.mT


def check_radius(name: str, value: object) -> None:
    """Refuse a radius that is not a finite number of at least 0.

    Args:
        name: of the parameter.
        value: to check.

    Raises:
        TheoryError: if so.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise TheoryError(f"{name}={value!r} must be a finite number of at least 0")
