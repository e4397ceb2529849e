"""Gradient descent on (2) from many starting points on the same samples, for several sets of samples at once.

The starts of a set share X: their K rows each make one matrix of S K rows, and a step is two products of it with X, of
4 n d S K operations, where `empirics.training.train_many` makes S products with K columns each, which a processor
cannot fill: with S = 20, K = 3 and float64 on one core a step took 0.23 against 1.1 ms at n = 1000, d = 20 and 1.7
against 5.6 ms at n = 5000, d = 40. Only W moves; nothing is recorded on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.activations import TorchActivation
from empirics.batching import keep_freed_memory
from empirics.measure.memory import budget_bytes

LOOK = 25  # steps between two looks at whether anything still moves
_ARRAYS = 8  # of n S K numbers that a step holds at once


@dataclass(frozen=True, eq=False)
class Ends:
    """Where the runs ended.

    Attributes:
        W: The last iterates, (D, S, K, d).
        steps: Taken by the runs of each set, (D,).
        left: An upper bound, where the loss is convex, of what the remaining steps would have moved any of them, (D,).
    """

    W: Tensor
    steps: Tensor
    left: Tensor


def descend(
    start: Tensor,
    X: Tensor,
    y: Tensor,
    activation: TorchActivation,
    rates: Sequence[float] | Tensor,
    *,
    steps: int,
    tolerance: float = 0.0,
) -> Ends:
    """W <- W - rate grad f_n(W), the same number of times for all starts of a set.

    A set stops early when (steps left) times (the longest last step of its runs) is at most the tolerance: while the
    Hessian is between 0 and 2/rate steps do not grow, so that no run would have moved further than that.

    Args:
        start: (D, S, K, d): S starts for each of D sets.
        X: inputs, (D, n, d).
        y: labels, (D, n, 1).
        activation: phi.
        rates: step size of each set, (D,).
        steps: at most.
        tolerance: Frobenius distance that may be left; 0: all steps are taken.

    Returns:
        The ends; a set that blew up ends with numbers that are not finite.

    >>> from empirics.activations import torch_activation
    >>> X, y = torch.randn(1, 50, 2), torch.full((1, 50, 1), 0.5)
    >>> ends = descend(torch.randn(1, 4, 1, 2), X, y, torch_activation("sigmoid"), [8.0], steps=200)
    >>> bool(ends.W.abs().max() < 1e-3)
    True
    """
    D, S, K, d = start.shape
    keep_freed_memory()
    rate = torch.as_tensor(rates, dtype=start.dtype, device=start.device)
    taken = torch.full((D,), steps, dtype=torch.int64)
    final, left = start.clone(), start.new_zeros(D)
    live = torch.arange(D, device=start.device)
    W, inputs, labels = start.reshape(D, S * K, d).clone(), X, y.mT
    turned = X.mT.contiguous()
    for t in range(1, steps + 1):
        move = _step(W, inputs, turned, labels, activation, rate / (K * X.shape[1]), K)
        if t % LOOK and t < steps:
            continue
        ahead = (steps - t) * move.view(len(W), S, -1).norm(dim=2).amax(1)
        final[live], left[live] = W.view(-1, S, K, d), ahead
        going = ahead > tolerance  # not so for nan
        if bool(going.all()) and t < steps:
            continue
        taken[live[~going].cpu()] = t
        live, W, inputs, turned = live[going], W[going], inputs[going], turned[going]
        labels, rate = labels[going], rate[going]
        if not len(live):
            break
    return Ends(final, taken, left)


def _step(W: Tensor, X: Tensor, turned: Tensor, labels: Tensor, phi: TorchActivation, rate: Tensor, K: int) -> Tensor:
    """One step in place; returns what was added. grad_k = (1/(n K)) sum_i (output_i - y_i) phi'(w_k.x_i) x_i, eq 12."""
    value, slope = phi.jet(torch.bmm(W, turned), 1)
    D, n = len(W), X.shape[1]
    residual = value.view(D, -1, K, n).mean(2, keepdim=True).sub_(labels[:, None])
    slope.view(D, -1, K, n).mul_(residual)
    move = torch.bmm(slope, X).mul_(-rate[:, None, None])
    W += move
    return move


def sets_at_once(n: int, d: int, starts: int, K: int, device: torch.device | str) -> int:
    """How many sets of samples to train together: one on the CPU, whose caches it fills, what fits on a GPU.

    Args:
        n: samples in a set.
        d: input dimension.
        starts: runs on each.
        K: neurons.
        device: where.

    Returns:
        At least 1.
    """
    if torch.device(device).type == "cpu":
        return 1
    return max(1, budget_bytes(None, device) // (8 * n * (_ARRAYS * starts * K + 3 * d)))
