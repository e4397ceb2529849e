"""The empirical tensors M_j of Definition 2, contracted sample by sample: no array of d^3 or d^4 numbers is formed.

M_j = E[y He_j(x)], He_j the Hermite tensor (erratum F10: the fourth has three pairings where the paper's product counts
six), estimated by the mean over samples. With t = x.alpha for a unit alpha and the scalar He_k, contracting k vectors
alpha leaves

    He_j(x)(u, alpha^(j-1))             = (u.x) He_(j-1)(t) - (j-1) (u.alpha) He_(j-2)(t)
    He_j(x)(u, v, alpha^k), k = j-2     = H2(u, v) He_k(t) - k [(u.x)(v.alpha) + (v.x)(u.alpha)] He_(k-1)(t)
                                          + k (k-1) (u.alpha)(v.alpha) He_(k-2)(t)
    He_j(x)(u, v, w, alpha^k), k = j-3  = H3(u, v, w) He_k(t) - k [(u.alpha) H2(v, w) + two more] He_(k-1)(t),  k <= 1
    H2(u, v) = (u.x)(v.x) - u.v,   H3(u, v, w) = (u.x)(v.x)(w.x) - (u.x)(v.w) - (v.x)(u.w) - (w.x)(u.v)

so that every estimate is a few products of X with itself under weights y He_k(t).

Cost for n samples in floating-point operations: `vector_moment` 4 n d; `matrix_moment` 2 n d^2 (j = 2, 3 and 4 alike);
`cube_moment` 2 n d K for the projections and 2 n K^3, in chunks of rows that keep K^2 numbers per sample in memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bounds.errors import TheoryError

ROWS = 2**20  # numbers of a chunk of products


def vector_moment(X: Tensor, y: Tensor, j: int, alpha: Tensor) -> Tensor:
    """M_j(I, alpha, ..., alpha): the Q_1 of eq 73 for j = l_1.

    Args:
        X: inputs, (n, d).
        y: labels, (n, 1).
        j: 1, ..., 4.
        alpha: of norm 1, (d,); without effect for j = 1.

    Returns:
        (d,).

    Raises:
        TheoryError: another j.

    >>> X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> vector_moment(X, torch.ones(2, 1), 1, torch.tensor([1.0, 0.0]))
    tensor([2., 3.])
    """
    _check(j, 1)
    t, label = X @ alpha, y[:, 0]
    found = X.mT @ (label * hermite(j - 1, t)) / len(X)
    return found if j == 1 else found - (j - 1) * (label * hermite(j - 2, t)).mean() * alpha


def matrix_moment(X: Tensor, y: Tensor, j: int, alpha: Tensor) -> Tensor:
    """M_j(I, I, alpha, ..., alpha): the P_2 of Definition 3 for j = j_2.

    Args:
        X: inputs, (n, d).
        y: labels, (n, 1).
        j: 2, 3 or 4.
        alpha: of norm 1, (d,); without effect for j = 2.

    Returns:
        (d, d), symmetric.

    Raises:
        TheoryError: another j.
    """
    _check(j, 2)
    k, t, label = j - 2, X @ alpha, y[:, 0]
    weight = label * hermite(k, t)
    found = (X * weight[:, None]).mT @ X / len(X) - weight.mean() * torch.eye(
        len(alpha), dtype=X.dtype, device=X.device
    )
    if k:
        mixed = torch.outer(X.mT @ (label * hermite(k - 1, t)) / len(X), alpha)
        found = found - k * (mixed + mixed.mT)
    if k > 1:
        found = found + k * (k - 1) * (label * hermite(k - 2, t)).mean() * torch.outer(alpha, alpha)
    return (found + found.mT) / 2


def cube_moment(X: Tensor, y: Tensor, j: int, V: Tensor, alpha: Tensor) -> Tensor:
    """M_j(V, V, V, alpha, ..., alpha): the R_3 = P_3(V, V, V) of Algorithm 2 for j = j_3.

    Args:
        X: inputs, (n, d).
        y: labels, (n, 1).
        j: 3 or 4.
        V: K orthonormal columns, (d, K).
        alpha: of norm 1, (d,); without effect for j = 3.

    Returns:
        (K, K, K), symmetric.

    Raises:
        TheoryError: another j.
    """
    _check(j, 3)
    P, t, label = X @ V, X @ alpha, y[:, 0]
    found = _third(P, label * hermite(j - 3, t))
    if j == 4:
        eye = torch.eye(V.shape[1], dtype=X.dtype, device=X.device)
        second = (P * label[:, None]).mT @ P / len(X) - label.mean() * eye
        found = found - three(V.mT @ alpha, second)
    return found


def hermite(k: int, t: Tensor) -> Tensor:
    """The probabilists' Hermite polynomial He_k: 1, t, t^2 - 1, t^3 - 3 t."""
    before, now = torch.zeros_like(t), torch.ones_like(t)
    for order in range(k):
        before, now = now, t * now - order * before
    return now


def three(vector: Tensor, matrix: Tensor) -> Tensor:
    """The three placements of a vector beside a symmetric matrix, (K, K, K): v_a M_bc + v_b M_ac + v_c M_ab."""
    first = vector[:, None, None] * matrix
    return first + first.transpose(0, 1) + first.permute(1, 2, 0)


def _third(P: Tensor, weight: Tensor) -> Tensor:
    """Mean of weight H3 of the projections: products of pairs against single ones, a chunk of samples at a time."""
    n, K = P.shape
    total = P.new_zeros(K * K, K)
    for start in range(0, n, size := max(1, ROWS // K**2)):
        part = P[start : start + size]
        pairs = (part[:, :, None] * part[:, None, :]).view(-1, K * K)
        total += pairs.mT @ (part * weight[start : start + size, None])
    eye = torch.eye(K, dtype=P.dtype, device=P.device)
    return total.view(K, K, K) / n - three(P.mT @ weight / n, eye)


def without_affine(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The labels less their least-squares fit by 1 and x, and the fit's slope.

    Hermite tensors of order 2 and above are orthogonal to affine functions, so that the residuals have the same M_j,
    j >= 2, with less noise: at norms about 1 the output of sigmoids is nearly affine. The slope estimates E[y x] = M_1.

    Args:
        X: inputs, (n, d).
        y: labels, (n, 1).

    Returns:
        (n, 1) and (d,).

    Raises:
        TheoryError: fewer samples than d + 2.
    """
    n, d = X.shape
    if n < d + 2:
        raise TheoryError(f"n = {n} samples in each part: an affine fit in d = {d} needs at least {d + 2}")
    mean, middle = X.mean(0), y.mean()
    centred = X - mean
    slope = torch.linalg.solve(centred.mT @ centred, centred.mT @ (y - middle))
    return y - middle - centred @ slope, slope[:, 0]


def _check(j: int, least: int) -> None:
    if j not in range(least, 5):
        raise TheoryError(f"j = {j}: Definition 2 has M_1, ..., M_4, and this contraction needs j >= {least}")
