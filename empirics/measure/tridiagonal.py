"""Both ends of the spectra of many small symmetric tridiagonal matrices, with their eigenvectors.

On a GPU a batched dense eigensolver goes matrix by matrix beyond order 32: 0.7 s for 1024 matrices of order 40 on an
H200, many times what the Lanczos products cost. There the extreme eigenvalues are found by Sturm counts at many points
at once, and their vectors by inverse iteration without pivoting, which an extreme eigenvalue allows: T - theta is
semidefinite. Every operation is over the whole batch; only the recurrences along the diagonal are sequential.
"""

from __future__ import annotations

import torch
from torch import Tensor

DENSE = 32  # up to this order a GPU's batched solver works on all matrices together
FEW = 128  # so few matrices are done sooner one by one
_POINTS, _ROUNDS = 64, 9  # 65^-9 of the first interval: below float64's rounding
_ITERATIONS = 3  # of the inverse iteration


def ends(alpha: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest eigenvalue, and unit eigenvectors.

    Args:
        alpha: diagonals, (B, j).
        beta: off-diagonals, (B, j-1).

    Returns:
        Eigenvalues (B, 2), ascending, and their vectors (B, j, 2).

    >>> values, vectors = ends(torch.tensor([[2.0, 2.0]]), torch.tensor([[1.0]]))
    >>> values
    tensor([[1., 3.]])
    """
    if alpha.is_cuda and alpha.shape[1] > DENSE and alpha.shape[0] > FEW:
        return by_counting(alpha, beta)
    theta, s = torch.linalg.eigh(torch.diag_embed(alpha) + torch.diag_embed(beta, 1) + torch.diag_embed(beta, -1))
    return theta[:, [0, -1]], s[:, :, [0, -1]]


def by_counting(alpha: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """`ends` by Sturm counts and inverse iteration, in float64.

    Args:
        alpha: diagonals, (B, j).
        beta: off-diagonals, (B, j-1).

    Returns:
        As `ends`.
    """
    B = alpha.shape[0]
    # the largest eigenvalue of T is minus the least of -T
    a, b = (torch.cat([t, -t]).double().T.contiguous() for t in (alpha, beta))
    size = (a.abs().amax(0) + 2 * torch.cat([b, torch.zeros_like(a[:1])]).abs().amax(0)).clamp(
        min=torch.finfo(a.dtype).tiny
    )
    a, b = a / size, b / size
    least = _least(a, b)
    s = _inverse_iteration(a, b, least) if len(a) > 1 else torch.ones_like(a)
    theta, s = torch.stack([least[:B], -least[B:]], 1) * size[:B, None], torch.stack([s[:, :B], s[:, B:]], -1)
    return theta.to(alpha), s.movedim(0, 1).to(alpha)


def _least(a: Tensor, b: Tensor) -> Tensor:
    """The least eigenvalue of every column's matrix, all of norm at most 1, (B,)."""
    low, high = a.new_full(a.shape[1:], -1.0), a.new_full(a.shape[1:], 1.0)
    steps = torch.arange(1, _POINTS + 1, dtype=a.dtype, device=a.device)[:, None] / (_POINTS + 1)
    squares, floor = b.square(), torch.finfo(a.dtype).tiny ** 0.5
    for _ in range(_ROUNDS):
        x = low + steps * (high - low)  # (points, B)
        d = a[0] - x
        above = d > 0  # whether every pivot of T - x is positive: no eigenvalue lies below x
        for i in range(1, len(a)):
            d = a[i] - x - squares[i - 1] / torch.where(d.abs() < floor, floor, d)
            above &= d > 0
        count = above.cumprod(0).sum(0)
        width = (high - low) / (_POINTS + 1)
        low = low + count * width
        high = low + width
    return (low + high) / 2


def _inverse_iteration(a: Tensor, b: Tensor, theta: Tensor) -> Tensor:
    """Unit eigenvectors at the least eigenvalues, (j, B): T - theta + eps is positive definite but for rounding."""
    shift = theta - 8 * torch.finfo(a.dtype).eps
    floor = torch.finfo(a.dtype).eps
    d = [(a[0] - shift).clamp(min=floor)]
    for i in range(1, len(a)):
        d.append((a[i] - shift - b[i - 1].square() / d[-1]).clamp(min=floor))
    ratio = [b[i] / d[i] for i in range(len(b))]
    x = 1 + 0.1 * torch.sin(torch.arange(len(a), dtype=a.dtype, device=a.device))[:, None].expand_as(a)
    for _ in range(_ITERATIONS):
        y = [x[0]]
        for i in range(1, len(a)):
            y.append(x[i] - ratio[i - 1] * y[-1])
        z = [y[-1] / d[-1]]
        for i in range(len(a) - 2, -1, -1):
            z.append(y[i] / d[i] - ratio[i] * z[-1])
        x = torch.stack(z[::-1])
        x = x / torch.linalg.vector_norm(x, dim=0)
    return x
