"""Norms of gradients, never forming one: d f_i/d W_l = c_l a_l^T has Frobenius norm |c_l| |a_l|.

Source: banerjee2023, Lemma 4.1 (||nabla_theta f||, ||nabla_x f||), Corollary 4.1 (||nabla calL||), Theorem 5.1 (gbar).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from empirics.measure.forward import (
    Pass,
    backward,
    check_inputs,
    check_targets,
    forward,
    outer_norm_squared,
    output_cotangent,
)
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, Weights, as_weights


def gradient_norms(net: Network | Weights, X: Tensor, y: Tensor | None = None) -> Measurement:
    """||nabla_theta f(theta; x_i)||_2 of every sample and, in the details, of the sums the theorems use.

    Args:
        net: the network, or a point of it.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k), for the loss gradient.

    Returns:
        value (n,), or (n, k) for k > 1 outputs. details: input_grad_norm, ||nabla_x f||_2, shaped as value; gbar_norm,
        ||(1/(nk)) sum_ih nabla_theta f_ih||_2; with y also loss, calL = (1/n) sum_i (y_i - f_i)^2, and loss_grad_norm.

    Raises:
        TheoryError: bad inputs.
    """
    weights = as_weights(net)
    x = check_inputs(weights, X)
    target = None if y is None else check_targets(weights, y, x.shape[0])
    with Stopwatch(x) as watch:
        cache = forward(weights, x)
        pairs = [_per_sample(weights, cache, h) for h in range(weights.k)]
        value, inputs = (torch.stack(t, 1) if weights.k > 1 else t[0] for t in zip(*pairs, strict=True))
        mean = torch.full_like(cache.f, 1 / cache.f.numel())
        details: dict[str, Any] = {"input_grad_norm": inputs, "gbar_norm": float(total_norm(weights, cache, mean))}
        if target is not None:
            error = cache.f - target
            details["loss"] = float(error.square().sum() / x.shape[0])
            details["loss_grad_norm"] = float(total_norm(weights, cache, error * (2 / x.shape[0])))
    return Measurement("param_grad_norm", value, details=details, **watch.origin)


def total_norm(weights: Weights, cache: Pass, cotangent: Tensor) -> Tensor:
    """||sum_ih t_ih nabla_theta f_ih||_2 by one backward sweep.

    Args:
        weights: the network.
        cache: its forward sweep.
        cotangent: t, (..., n, k).

    Returns:
        (...,).
    """
    _, c = backward(weights, cache, cotangent)
    squares = [outer_norm_squared(c_l, a_l) for c_l, a_l in zip([*c, cotangent], cache.a, strict=True)]
    return sum(squares[1:], squares[0]).sqrt()


def _per_sample(weights: Weights, cache: Pass, h: int) -> tuple[Tensor, Tensor]:
    """||nabla_theta f_ih|| and ||nabla_x f_ih|| for every i, (n,) each."""
    _, c = backward(weights, cache, output_cotangent(weights, cache.f.shape[0], h))
    squares = cache.a[-1].square().sum(1)
    for c_l, a_l in zip(c, cache.a, strict=False):
        squares += c_l.square().sum(1) * a_l.square().sum(1)
    return squares.sqrt(), (c[0] @ weights.W[0]).norm(dim=1) * weights.scales[0]
