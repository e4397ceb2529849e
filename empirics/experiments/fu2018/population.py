"""The population loss: its gradient and Hessian by Gaussian quadrature in two dimensions.

The label enters linearly and E[y|x] is the output at W* in both settings, so that every entry is a sum of
E[g(a.x) h(b.x) p(x)], p of degree at most 2 and a, b rows of W or W*. In an orthonormal basis Q of span(a, b) the pair
(a.x, b.x) is a function of z = Q^T x ~ N(0, I_2), and x - Qz is independent of it:

    E[g h x] = Q E[g h z],    E[g h x x^T] = E[g h] I + Q (E[g h z z^T] - E[g h] I) Q^T.

The trapezoidal rule converges like exp(-2 pi s/h) for step h and functions analytic within s of the real line, where
sigmoid(c z) has its poles at pi/c; Gauss-Hermite's exp(-s sqrt(8 nodes)) is far slower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from empirics.activations import TorchActivation

REACH = 9.0
"""The Gaussian has 1e-18 of its mass beyond."""
NODES = (48, 192)
"""Nodes per dimension, even: at first, and at most."""
GOAL = 1e-7
"""Relative distance of the Hessian at W* from a coarser rule's that is small enough: the finer rule is far closer."""
PARALLEL = 1e-12

Function = Callable[[Tensor], Tensor]


@lru_cache(maxsize=8)
def _rule(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    z = np.linspace(-REACH, REACH, nodes)
    weight = np.exp(-z * z / 2)
    return z, weight / weight.sum()


@dataclass(frozen=True, eq=False)
class Moments:
    """E[g h], E[g h z], E[g h z z^T] of P pairs, and the bases: (P,), (P, 2), (P, 2, 2), (P, 2, d)."""

    zero: Tensor
    one: Tensor
    two: Tensor
    basis: Tensor

    def vectors(self) -> Tensor:
        """E[g h x], (P, d)."""
        return (self.one[:, None] @ self.basis)[:, 0]

    def matrices(self) -> Tensor:
        """E[g h x x^T], (P, d, d)."""
        plane = self.two - self.zero[:, None, None] * torch.eye(2).to(self.two)
        whole = self.basis.mT @ plane @ self.basis
        whole.diagonal(dim1=1, dim2=2).add_(self.zero[:, None])
        return whole


def moments(a: Tensor, b: Tensor, g: Function, h: Function, nodes: int = NODES[0]) -> Moments:
    """Moments of g(a.x) h(b.x), x ~ N(0, I_d).

    Args:
        a: (P, d), no row zero.
        b: (P, d).
        g: an elementwise function, smooth.
        h: likewise.
        nodes: of the rule, per dimension.

    Returns:
        The moments of the P pairs.
    """
    size = a.norm(dim=1, keepdim=True)
    first = a / size
    across, shift = b, torch.zeros_like(size)
    for _ in range(2):  # once more: the rest may be as small as the rounding of the first pass
        part = (across * first).sum(1, keepdim=True)
        across, shift = across - part * first, shift + part
    rest = across.norm(dim=1, keepdim=True)
    turned = rest > PARALLEL * b.norm(dim=1, keepdim=True)
    second = torch.where(turned, across / torch.where(turned, rest, 1), 0)
    z, w = (torch.as_tensor(t, dtype=a.dtype, device=a.device) for t in _rule(nodes))
    left = g(size * z)[:, :, None]
    right = h(shift[:, :, None] * z[:, None] + rest[:, :, None] * z)
    powers = w * torch.stack([torch.ones_like(z), z, z.square()])
    table = powers @ ((left * right) @ powers.T)  # E[g h z_1^a z_2^b]
    two = torch.stack([table[:, 2, 0], table[:, 1, 1], table[:, 1, 1], table[:, 0, 2]], 1).view(-1, 2, 2)
    one = torch.stack([table[:, 1, 0], table[:, 0, 1]], 1)
    return Moments(table[:, 0, 0], one, two, torch.stack([first, second], 1))


@dataclass(frozen=True, eq=False)
class Population:
    """The population loss around a ground truth.

    Attributes:
        truth: W*, (K, d).
        phi: the activation.
        nodes: of the rule, per dimension.
    """

    truth: Tensor
    phi: TorchActivation
    nodes: int = NODES[0]

    def _pairs(self, W: Tensor, g: Function, h: Function) -> tuple[Moments, Moments]:
        """Moments of g(w_i.x) h(w_j.x) and of g(w*_i.x) h(w_j.x), pair (i, j) in row i K + j."""
        K, right = len(W), W.repeat(len(W), 1)
        own, planted = (moments(M.repeat_interleave(K, 0), right, g, h, self.nodes) for M in (W, self.truth))
        return own, planted

    def gradient(self, W: Tensor) -> Tensor:
        """E of eq 12: (K, d) at W (K, d)."""
        K, d = W.shape
        own, planted = self._pairs(W, self.phi.phi, self.phi.d1)
        return (own.vectors() - planted.vectors()).view(K, K, d).sum(0) / K**2

    def hessian(self, W: Tensor) -> Tensor:
        """E of eq 13: (Kd, Kd) at W (K, d)."""
        K, d = W.shape
        i, j = torch.triu_indices(K, K, device=W.device)
        slopes = moments(W[i], W[j], self.phi.d1, self.phi.d1, self.nodes).matrices()
        total = W.new_empty((K, K, d, d))
        total[i, j] = total[j, i] = slopes  # each symmetric, for x x^T is
        own, planted = self._pairs(W, self.phi.phi, self.phi.d2)
        total.diagonal(dim1=0, dim2=1).add_(
            (own.matrices() - planted.matrices()).view(K, K, d, d).sum(0).permute(1, 2, 0)
        )
        return total.permute(0, 2, 1, 3).reshape(K * d, K * d) / K**2

    def error(self, W: Tensor) -> float:
        """How far the Hessian at W may be off, in spectral norm: its distance from what a coarser rule gives."""
        # one rule has a node at 0 and the other none: both too coarse, they do not agree by chance on a narrow peak
        coarse = replace(self, nodes=(2 * self.nodes // 3) | 1)
        return float(torch.linalg.matrix_norm(self.hessian(W) - coarse.hessian(W), 2))


def population(truth: Tensor, phi: TorchActivation) -> Population:
    """The population loss, with as many nodes as the Hessian at W* needs.

    Args:
        truth: W*, (K, d).
        phi: the activation.

    Returns:
        The population; `error` says what is left where the most nodes do not suffice.

    >>> from empirics.activations import torch_activation
    >>> loss = population(torch.eye(2, 3, dtype=torch.float64), torch_activation("sigmoid"))
    >>> loss.nodes, bool(loss.error(loss.truth) < 1e-9)
    (48, True)
    """
    found = Population(truth, phi)
    while found.nodes < NODES[1]:
        size = float(torch.linalg.matrix_norm(found.hessian(truth), 2))
        if found.error(truth) <= GOAL * size:
            break
        found = replace(found, nodes=min(2 * (2 * found.nodes // 3), NODES[1]))
    return found
