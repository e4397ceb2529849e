"""Norms of gradients, never forming one: d f_i/d W_l = c_l a_l^T has Frobenius norm |c_l| |a_l|.

Source: banerjee2023, Lemma 4.1 (||nabla_theta f||, ||nabla_x f||), Corollary 4.1 (||nabla calL||), Theorem 5.1 (gbar).
One forward sweep and one backward sweep of all outputs give every number here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from empirics.losses import Loss, loss_function
from empirics.measure.forward import (
    Pass,
    check_inputs,
    check_targets,
    forward,
    outer_norm_squared,
    pull,
    rowwise,
    unit_backward,
    weigh,
)
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, as_weights
from empirics.weights import Weights


def gradient_norms(
    net: Network | Weights, X: Tensor, y: Tensor | None = None, *, loss: str | Loss = "mean_square"
) -> Measurement:
    """||nabla_theta f(theta; x_i)||_2 of every sample and, in the details, of the sums the theorems use.

    Args:
        net: the network, or a point of it; the gradients are those in its trained parameters.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k), for the loss gradient.
        loss: which loss, see `empirics.losses`.

    Returns:
        value (n,), or (n, k) for k > 1 outputs. details: input_grad_norm, ||nabla_x f||_2, shaped as value;
        layer_grad_norm, the norm of every weight layer's part (its bias included), shaped as value with L+1 at the end;
        gbar_norm, ||(1/(nk)) sum_ih nabla_theta f_ih||_2; with y also loss and loss_grad_norm.

    Raises:
        TheoryError: bad inputs.
    """
    weights = as_weights(net)
    x = check_inputs(weights, X)
    target = None if y is None else check_targets(weights, y, x.shape[0])
    chosen = loss_function(loss)
    with Stopwatch(x) as watch:
        cache = forward(weights, x)
        _, c = unit_backward(weights, cache)
        layers = layer_grad_norms(weights, cache, c)
        inputs = pull(weights, 0, c[0]).norm(dim=-1).unflatten(-1, (weights.k, -1)).mT
        mean = torch.full_like(cache.f, 1 / (cache.n * weights.k))
        details: dict[str, Any] = {"gbar_norm": float(total_norm(weights, cache, c, mean))}
        if target is not None:
            details["loss"] = float(chosen.value(cache.f, target))
            details["loss_grad_norm"] = float(total_norm(weights, cache, c, chosen.slope(cache.f, target)))
        squeeze = 0 if weights.k == 1 else slice(None)
        details |= {"input_grad_norm": inputs[:, squeeze], "layer_grad_norm": layers[:, squeeze]}
        value = layers[:, squeeze].norm(dim=-1)
    return Measurement("param_grad_norm", value, details=details, **watch.origin)


def layer_grad_norms(weights: Weights, cache: Pass, c: list[Tensor]) -> Tensor:
    """||d f_ih/d (W_l, bias_l)||_F of every weight layer, zero where nothing is trained.

    Args:
        weights: the network.
        cache: its forward sweep.
        c: cotangents of `unit_backward`.

    Returns:
        (..., n, k, L+1).
    """
    zero = cache.f.new_zeros(*cache.f.shape[:-2], weights.k * cache.n)
    parts = []
    for l, (weight, bias) in enumerate(zip(weights.learns, weights.learns_bias, strict=True)):
        if not (weight or bias):
            parts.append(zero)
            continue
        reach = cache.a[l].square().sum(-1) * weight + float(bias)
        squares = rowwise(c[l].square().sum(-1)[..., None], reach[..., None])[..., 0]
        parts.append(squares if squares.ndim == zero.ndim else squares.sum(-2))
    return torch.stack(parts, -1).unflatten(-2, (weights.k, -1)).transpose(-3, -2).sqrt()


def total_norm(weights: Weights, cache: Pass, c: list[Tensor], t: Tensor) -> Tensor:
    """||sum_ih t_ih nabla_theta f_ih||_2 from one backward sweep of all outputs.

    Args:
        weights: the network.
        cache: its forward sweep.
        c: cotangents of `unit_backward`.
        t: (..., n, k).

    Returns:
        (...,).
    """
    total = torch.zeros_like(cache.f[..., 0, 0])
    for l, (weight, bias) in enumerate(zip(weights.learns, weights.learns_bias, strict=True)):
        if not (weight or bias):
            continue
        sent = weigh(c[l], t)
        if weight:
            squares = outer_norm_squared(sent, cache.a[l])
            total = total + (squares if squares.ndim == total.ndim else squares.sum(-1))
        if bias:
            squares = sent.sum(-2).square().sum(-1)
            total = total + (squares if squares.ndim == total.ndim else squares.sum(-1))
    return total.sqrt()
