"""What one step of gradient descent shows: the loss ratio, and the curvature of the loss along the step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.checks import check_inputs, check_single, check_targets
from empirics.measure.forward import backward, forward
from empirics.networks import Network, as_weights
from empirics.weights import Weights

ROUNDINGS = 64
"""Units in the last place granted to each of the three numbers whose difference the curvature is."""


@dataclass(frozen=True)
class StepGeometry:
    """The step theta_(t+1) = theta_t - eta grad L(theta_t), seen from theta_t.

    Attributes:
        loss, next_loss: calL(theta_t) and calL(theta_(t+1)).
        grad_norm, gbar_norm: ||grad calL(theta_t)|| and ||gbar_t||.
        cosine: |cos(theta_(t+1) - theta_t, gbar_t)|: the step lies in Q_kappa^t for every kappa up to it.
        length: ||theta_(t+1) - theta_t||.
        curvature: 2 (calL(theta_(t+1)) - calL(theta_t) - <step, grad>)/||step||^2, what alpha_t bounds from below.
        rounding: What the rounding of that difference may amount to in ``curvature``: everything, for tiny steps.
    """

    loss: float
    next_loss: float
    grad_norm: float
    gbar_norm: float
    cosine: float
    length: float
    curvature: float
    rounding: float


def parameter_gradient(weights: Weights, X: Tensor, cotangent: Tensor) -> list[Tensor]:
    """The gradient of sum_ih cotangent_ih f_h(x_i).

    Args:
        weights: the network.
        X: inputs, (n, d).
        cotangent: (n, k).

    Returns:
        Shaped like `weights.tensors`, zero in those not trained.
    """
    cache = forward(weights, X)
    _, c = backward(weights, cache, cotangent)
    found = [c_l.mT @ a for c_l, a in zip(c[:-1], cache.a, strict=False)] + [cache.a[-1].mT @ c[-1]]
    found += [c_l.sum(-2) for c_l, bias in zip(c, weights.biases, strict=True) if bias is not None]
    return [g if on else torch.zeros_like(g) for g, on in zip(found, weights.trainable, strict=True)]


def step_geometry(net: Network | Weights, X: Tensor, y: Tensor, learning_rate: float) -> StepGeometry:
    """Take one step of gradient descent on calL = (1/n) sum_i (y_i - f_i)^2 and look at it.

    Args:
        net: the network, or a point of it; left as it is.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k).
        learning_rate: the step size eta.

    Returns:
        The step's geometry; ``curvature`` is exact up to ``rounding``.

    Raises:
        TheoryError: bad inputs.
    """
    weights = as_weights(net)
    check_single(weights, "the step")
    x = check_inputs(weights, X)
    target = check_targets(weights, y, x.shape[0])
    n = x.shape[0]
    f = forward(weights, x, order=0).f
    grad = parameter_gradient(weights, x, (f - target) * (2 / n))
    mean = parameter_gradient(weights, x, torch.full_like(f, 1 / f.numel()))
    moved = weights.with_tensors(t - learning_rate * g for t, g in zip(weights.tensors, grad, strict=True))
    loss, after = _loss(f, target), _loss(forward(moved, x, order=0).f, target)
    grad_sq, mean_sq, inner = _dot(grad, grad), _dot(mean, mean), _dot(grad, mean)
    length = learning_rate * grad_sq**0.5
    square = length * length
    rise, size = after - loss + learning_rate * grad_sq, after + loss + learning_rate * grad_sq
    eps = ROUNDINGS * torch.finfo(x.dtype).eps
    return StepGeometry(
        loss,
        after,
        grad_sq**0.5,
        mean_sq**0.5,
        abs(inner) / max((grad_sq * mean_sq) ** 0.5, 1e-300),
        length,
        2 * rise / square if square else float("nan"),
        2 * eps * size / square if square else float("inf"),
    )


def _loss(f: Tensor, target: Tensor) -> float:
    return float((f - target).square().sum() / f.shape[0])


def _dot(a: list[Tensor], b: list[Tensor]) -> float:
    return float(sum((s * t).sum() for s, t in zip(a, b, strict=True)))
