"""The Jacobian of Phi = V phi(W X) for one output, and how fast it changes; no Jacobian is ever formed.

Row i of J is (s_i x_i^T, phi(W x_i)), s_i = V o phi'(W x_i), so J J^T = (S S^T) o (X X^T) + F F^T, and likewise for
differences and directional derivatives of J: their rows have the same form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from empirics.measure.forward import forward
from empirics.weights import Weights

POWER_STEPS = 4


def jacobian_distance(a: Weights, b: Weights, X: Tensor) -> Tensor:
    """||J(a) - J(b)||_2, without cancellation beyond that of the factors' differences.

    Args:
        a: a point.
        b: another.
        X: inputs, (n, d_0).

    Returns:
        A number, ().
    """
    (s, f), (s_b, f_b) = (_factors(w, X) for w in (a, b))
    return torch.linalg.eigvalsh(_gram(s - s_b, f - f_b, X @ X.mT))[-1].clamp(min=0).sqrt()


def steepest_change(weights: Weights, X: Tensor, *, sweeps: int = 12, seed: int = 0) -> Tensor:
    """A lower bound of sup ||D J(w)[u]||_2 over ||u|| = 1, which no Lipschitz constant of J can be below.

    sum_i z_i u^T (Hess f_i) v is linear in each of u, v and z and symmetric in u and v: for fixed u the best v is
    D J[u]^T z/||.|| with z the top left singular vector, and that v serves as the next u. Every sweep increases it.

    Args:
        weights: w, one hidden layer and one output.
        X: inputs, (n, d_0).
        sweeps: how many times u is replaced.
        seed: of the first u.

    Returns:
        A number, ().
    """
    cache = forward(weights, X, 2)
    d1, d2, inner, v = cache.d1[0], cache.d2[0], X @ X.mT, weights.V[:, 0]
    draws = torch.Generator().manual_seed(seed)
    A, b = (torch.randn(t.shape, generator=draws, dtype=torch.float64).to(t) for t in (weights.W[0], v))
    z = torch.randn(len(X), generator=draws, dtype=torch.float64).to(X)
    best = X.new_zeros(())
    for _ in range(sweeps):
        size = torch.sqrt(A.square().sum() + b.square().sum())
        moved = X @ (A / size).mT
        s, f = d2 * v * moved + d1 * (b / size), d1 * moved
        gram = _gram(s, f, inner)
        for _ in range(POWER_STEPS):
            z = gram @ z
            z = z / z.norm().clamp(min=torch.finfo(z.dtype).tiny)
        best = torch.maximum(best, (z @ (gram @ z)).clamp(min=0).sqrt())
        A, b = (s * z[:, None]).mT @ X, z @ f
    return best


def _factors(weights: Weights, X: Tensor) -> tuple[Tensor, Tensor]:
    """(S, F), both (n, d_1)."""
    cache = forward(weights, X)
    return cache.d1[0] * weights.V[:, 0], cache.a[-1]


def _gram(s: Tensor, f: Tensor, inner: Tensor) -> Tensor:
    return (s @ s.mT) * inner + f @ f.mT
