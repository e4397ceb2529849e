"""The empirical loss f_n(W) = (1/2n) sum_i (f(x_i) - y_i)^2, its gradient and its exact Hessian, by eqs 12 and 13.

With J of rows vec[phi'(w_j.x) x/K] and r = f - y the Hessian is (1/n)(J^T J + blockdiag_j X^T diag(r phi''(w_j.x)/K)
X): K + 1 products of matrices, whatever the number of samples. Vectors of R^(Kd) list neuron after neuron.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.activations import TorchActivation

ENTRIES = 1 << 23
"""Numbers that a block of samples may take at once."""


@dataclass(frozen=True, eq=False)
class Empirical:
    """The empirical loss of a network of K averaged neurons.

    Attributes:
        X: inputs, (n, d).
        y: labels, (n, 1).
        phi: the activation.
    """

    X: Tensor
    y: Tensor
    phi: TorchActivation

    def _blocks(self, K: int) -> list[tuple[Tensor, Tensor]]:
        rows = max(1, ENTRIES // (K * self.X.shape[1]))
        return list(zip(self.X.split(rows), self.y.split(rows), strict=True))

    def value(self, W: Tensor) -> float:
        """f_n(W)."""
        total = sum((self.phi.phi(X @ W.T).mean(1, keepdim=True) - y).square().sum() for X, y in self._blocks(len(W)))
        return float(total) / (2 * len(self.X))

    def gradient(self, W: Tensor) -> Tensor:
        """Eq 12 averaged over the samples: (K, d) at W (K, d)."""
        total = torch.zeros_like(W)
        for X, y in self._blocks(len(W)):
            value, slope = self.phi.jet(X @ W.T, 1)
            total += (slope * (value.mean(1, keepdim=True) - y)).T @ X
        return total / (len(W) * len(self.X))

    def hessian(self, W: Tensor) -> Tensor:
        """Eq 13 averaged over the samples: (Kd, Kd) at W (K, d)."""
        K, d = W.shape
        total = W.new_zeros((K * d, K * d))
        blocks = total.view(K, d, K, d).diagonal(dim1=0, dim2=2)  # (d, d, K), a view
        for X, y in self._blocks(K):
            value, slope, bend = self.phi.jet(X @ W.T, 2)
            J = (slope[:, :, None] * X[:, None, :]).flatten(1)
            total.addmm_(J.T, J, alpha=1 / K**2)
            weight = bend * (value.mean(1, keepdim=True) - y) / K
            blocks += ((weight.T[:, :, None] * X).mT @ X).permute(1, 2, 0)
        return total / len(self.X)

    def form(self, W: Tensor, v: Tensor) -> Tensor:
        """v^T H(W) v, differentiable in W: a scalar at W (K, d) and v (Kd,)."""
        K, d = W.shape
        value, slope, bend = self.phi.jet(self.X @ W.T, 2)
        along = self.X @ v.view(K, d).T
        curved = (bend * along.square()).sum(1) * (value.mean(1) - self.y[:, 0]) / K
        return (curved + ((slope * along).sum(1) / K).square()).mean()


def ends(H: Tensor) -> tuple[float, float]:
    """The least and the largest eigenvalue of a symmetric matrix."""
    values = torch.linalg.eigvalsh(H)
    return float(values[0]), float(values[-1])


def steepest(form: Callable[[Tensor, Tensor], Tensor], W: Tensor, v: Tensor) -> Tensor:
    """The gradient in W of v^T H(W) v, (K, d): that of an eigenvalue where v is its unit eigenvector."""
    point = W.detach().requires_grad_(True)
    (found,) = torch.autograd.grad(form(point, v), point)
    return found
