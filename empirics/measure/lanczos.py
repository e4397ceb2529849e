"""Batched Lanczos: the extreme eigenvalues of many symmetric operators at once.

The operator is A = Q G, self-adjoint in <x, y>_G = x^T G y. With G = I it is the ordinary method; with G = M M^T it is
Lanczos on H = M^T Q M run on coefficient vectors y that stand for x = M^T y: neither x nor a root of G is ever formed.

No basis is kept: the three-term recurrence loses orthogonality only to Ritz vectors that have converged to round-off
(Paige, 1976), which repeats their values and moves no extreme one, and its residuals |beta_j s_j| stay true.
Keeping and reorthogonalising a basis would cost more than the products do, and a restart some 40% more products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from empirics.measure.tridiagonal import ends

WARM_NOISE = 0.03  # of a warm start: what an eigenvector that has taken the lead grows from


class Operator(Protocol):
    """B symmetric operators A = Q G on vectors (B, D); `apply` and `metric` may reuse their result's memory."""

    def apply(self, g: Tensor) -> Tensor:
        """Q g, in other memory than g's."""

    def metric(self, y: Tensor) -> Tensor:
        """G y, in other memory than y's; G positive semidefinite. May take null vectors of G out of y, in place."""

    def keep(self, needed: Tensor) -> Tensor:
        """Indices of operators that `take` can go on with: those needed, (B,) bool, and perhaps a few more."""

    def take(self, rows: Tensor) -> Self:
        """The operators with these indices, as `keep` gave them."""


@dataclass(frozen=True, eq=False)
class Ritz:
    """Outermost Ritz values of B operators, each inside its spectrum; all fields (B,).

    Attributes:
        lambda_min, lambda_max: the Ritz values.
        residual_min, residual_max: ||A x - theta x|| for unit x: an eigenvalue lies within this distance.
        converged: whether the stopping rule was met.
        products: operator products spent.
        vectors: the Ritz vectors of both ends, (2, B, D), lambda_min's first, where they were asked for.
    """

    lambda_min: Tensor
    lambda_max: Tensor
    residual_min: Tensor
    residual_max: Tensor
    converged: Tensor
    products: Tensor
    vectors: Tensor | None = None

    @property
    def columns(self) -> dict[str, Tensor]:
        """The fields of shape (B,), by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "vectors"}


def lanczos(
    operator: Operator,
    start: Tensor,
    *,
    both: bool = False,
    tol: float = 1e-3,
    max_iter: int = 300,
    verify: bool = False,
    vectors: bool = False,
    warm: bool = False,
) -> Ritz:
    """Extreme eigenvalues of every operator of a batch; those that have converged leave it.

    Args:
        operator: the B operators.
        start: (B, D), random.
        both: stop when both ends have converged; else when the larger in magnitude has, and the other cannot beat it.
        tol: residual allowed, relative to the largest |Ritz value|.
        max_iter: products at most.
        verify: run the recurrence a second time to form the Ritz vectors, and report ||A x - theta x|| of these instead
            of the recurrence's own estimate: twice the cost, for a residual that trusts nothing.
        vectors: also return the Ritz vectors; every vector of the recurrence is kept for it.
        warm: the start lies near the eigenvectors of both ends: look for convergence early and often.

    Returns:
        The Ritz values and residuals.
    """
    B, most = start.shape[0], min(max_iter, 3 * start.shape[1] + 20)
    run = _Recurrence(operator, start, 0.01 * tol, keep=vectors)
    alpha, beta = start.new_zeros(B, most), start.new_zeros(B, most)
    outer, coefficients = start.new_zeros(B, 4), start.new_zeros(B, most if verify else 0, 2)
    found = start.new_zeros(2, *start.shape) if vectors else None
    converged, products = (torch.zeros(B, dtype=t, device=start.device) for t in (torch.bool, torch.int64))
    rows, check = torch.arange(B, device=start.device), 6 if warm else 12  # sooner, a pair may seem to have converged
    for j in range(1, most + 1):
        alpha[rows, j - 1], beta[rows, j - 1] = run.step()
        if j != check and j != most:
            continue
        check = j + (1 if warm and j < 12 else max(2, j // 6))  # an eigendecomposition of T costs about one product
        theta, s = ends(alpha[rows, :j], beta[rows, : j - 1])
        residual = run.residual(s)
        done = _converged(theta, residual, both, tol)
        fresh = ~converged[rows]  # what has converged is kept as it was then: later steps can only add round-off
        at = rows[fresh]
        outer[at] = torch.cat([theta, residual], 1)[fresh]
        if verify:
            coefficients[at, :j] = s[fresh]
        if found is not None:
            settled = fresh & done if j < most else fresh
            found[:, rows[settled]] = run.ritz_vectors(s, settled)
        converged[at], products[at] = done[fresh], j
        left = run.operator.keep(~converged[rows])
        if left.numel() == 0:
            break
        if 4 * left.numel() <= 3 * rows.numel():  # not worth copying the operators for a few
            rows = rows[left]
            run.take(left)
    if verify:
        outer[:, 2:] = _true_residuals(operator, start, alpha, beta, coefficients, outer)
    return Ritz(outer[:, 0], outer[:, 1], outer[:, 2], outer[:, 3], converged, products, found)


def _converged(theta: Tensor, residual: Tensor, both: bool, tol: float) -> Tensor:
    """Stopping rule from (B, 2) Ritz values and residuals of the two ends."""
    size = theta.abs()
    norm, leader = size.max(1)
    if both:
        return residual.amax(1) <= tol * norm
    # the other end may still be growing: it must not be able to overtake by more than the tolerance
    contender = (size + residual).amax(1)
    return (residual.gather(1, leader[:, None])[:, 0] <= tol * norm) & (contender <= (1 + 2 * tol) * norm)


class _Recurrence:
    """beta_j y_{j+1} = A y_j - alpha_j y_j - beta_{j-1} y_{j-1} for a batch; where beta vanishes, y stays zero."""

    def __init__(self, operator: Operator, start: Tensor, threshold: float, keep: bool = False) -> None:
        self.operator = operator
        self.basis: list[Tensor] | None = [] if keep else None
        # below it every Ritz pair has converged, and what is left of the vector is largely round-off: a length is the
        # root of y^T G y, so that cancellation leaves some root of eps (1 to 3 of them seen, where it should be 0)
        self.threshold = max(threshold, 4 * torch.finfo(start.dtype).eps ** 0.5)
        self.largest = start.new_zeros(start.shape[0])
        self.length = torch.zeros(start.shape[0], dtype=torch.int64, device=start.device)
        self.alive = torch.ones_like(self.length, dtype=torch.bool)
        self.first: Tensor | None = None
        self.y, self.previous = start.clone(), torch.zeros_like(start)
        self.beta = self.last = self.largest
        self._normalise()
        self.beta = torch.zeros_like(self.largest)

    def _normalise(self) -> None:
        g = self.operator.metric(self.y)
        beta = _dot(self.y, g).clamp(min=0).sqrt()
        self.last = torch.where(self.alive, beta, self.last)
        self.alive = self.alive & (beta > self.threshold * self.largest)
        inverse = torch.where(self.alive, 1 / beta, 0.0)[:, None]
        self.beta = torch.where(self.alive, beta, 0.0)
        self.y.mul_(inverse)
        self.g = g.mul_(inverse)

    def step(self) -> tuple[Tensor, Tensor]:
        """(alpha_j, beta_j), each (B,)."""
        if self.basis is not None:
            self.basis.append(self.y.clone())  # the next step works in place
        w = self.operator.apply(self.g)
        alpha = _dot(self.g, w)
        if self.first is None:
            self.first = alpha
        # a zero vector's diagonal entry is put inside the spectrum: it cannot pose as an extreme eigenvalue
        alpha = torch.where(self.alive, alpha, self.first)
        self.length += self.alive
        self.largest = torch.maximum(self.largest, alpha.abs() + self.beta)
        new = self.previous.mul_(-self.beta[:, None]).add_(w).addcmul_(self.y, alpha[:, None], value=-1)
        self.previous, self.y = self.y, new
        self._normalise()
        return alpha, self.beta

    def residual(self, vectors: Tensor) -> Tensor:
        """||A x - theta x|| = beta |s_j| of every Ritz vector, (B, j), j being the last step before y vanished."""
        index = (self.length - 1).clamp(min=0)[:, None, None].expand(-1, 1, vectors.shape[2])
        return self.last[:, None] * vectors.gather(1, index)[:, 0].abs()

    def ritz_vectors(self, s: Tensor, which: Tensor) -> Tensor:
        """sum_j s_j y_j, (2, B', D), for those of (B, j, 2) coefficients that are wanted."""
        assert self.basis is not None
        s, found = s[which], None
        for j, y in enumerate(self.basis):
            term = s[:, j].T[..., None] * y[which]
            found = term if found is None else found.add_(term)
        return torch.as_tensor(found)

    def take(self, rows: Tensor) -> None:
        """Go on with these samples only."""
        self.operator = self.operator.take(rows)
        if self.basis is not None:
            self.basis = [y[rows] for y in self.basis]
        for name in ("y", "previous", "g", "beta", "largest", "first", "alive", "last", "length"):
            setattr(self, name, getattr(self, name)[rows])


def _true_residuals(
    operator: Operator, start: Tensor, alpha: Tensor, beta: Tensor, coefficients: Tensor, theta: Tensor
) -> Tensor:
    """||A x - theta x||/||x|| of the Ritz vectors x = sum_j s_j y_j at both ends, (B, 2), from y_j rebuilt."""
    y, previous, last = start.clone(), torch.zeros_like(start), torch.zeros_like(alpha[:, 0])
    y *= _dot(y, operator.metric(y)).clamp(min=torch.finfo(y.dtype).tiny).rsqrt()[:, None]
    x = start.new_zeros(2, *start.shape)
    for a, b, s in zip(alpha.T, beta.T, coefficients.transpose(0, 1), strict=True):
        x += s.T[..., None] * y
        w = operator.apply(operator.metric(y)) - a[:, None] * y - last[:, None] * previous
        previous, y, last = y, w * torch.where(b > 0, 1 / b, 0.0)[:, None], b
    residuals = []
    for end in range(2):
        gx = operator.metric(x[end])
        size = _dot(x[end], gx).clamp(min=torch.finfo(y.dtype).tiny)
        r = operator.apply(gx) - theta[:, end, None] * x[end]
        residuals.append((_dot(r, operator.metric(r)).clamp(min=0) / size).sqrt())
    return torch.stack(residuals, 1)


def needed_rows(needed: Tensor) -> Tensor:
    """What `Operator.keep` returns where any rows can be left out.

    Args:
        needed: (B,) bool.

    Returns:
        Their indices.
    """
    return needed.nonzero()[:, 0]


def _dot(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] @ y[..., None])[:, 0, 0]
