"""Naive references by autograd: each a transcription of its definition, for tiny networks only."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from empirics.networks import Weights

torch.set_num_threads(1)  # tiny matrices: on a busy machine the threads' barriers cost a hundred times the arithmetic


def flat(weights: Weights) -> Tensor:
    """All parameters as one vector: W^(1), ..., W^(L), V."""
    return torch.cat([t.reshape(-1) for t in weights.tensors])


def output(weights: Weights, theta: Tensor, x: Tensor) -> Tensor:
    """f(theta; x) for inputs (n, d), straight from the paper's recursion: (n, k)."""
    parts = theta.split([t.numel() for t in weights.tensors])
    *W, V = (p.view_as(t) for p, t in zip(parts, weights.tensors, strict=True))
    alpha = x
    for w in W:
        alpha = weights.activation.phi(alpha @ w.T / w.shape[1] ** 0.5)
    return alpha @ V / V.shape[0] ** 0.5


def hessian(weights: Weights, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Dense Hessian of a scalar function of theta at the weights, by reverse mode twice."""
    return torch.autograd.functional.hessian(function, flat(weights))


def output_hessian(weights: Weights, x: Tensor, h: int = 0) -> Tensor:
    return hessian(weights, lambda theta: output(weights, theta, x[None])[0, h])


def loss(weights: Weights, theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """(1/n) sum_i sum_h (y_ih - f_ih)^2."""
    return (output(weights, theta, X) - y).square().sum() / X.shape[0]


def jacobian(weights: Weights, X: Tensor) -> Tensor:
    """d f_ih/d theta, (n, k, P)."""
    return torch.autograd.functional.jacobian(lambda theta: output(weights, theta, X), flat(weights))
