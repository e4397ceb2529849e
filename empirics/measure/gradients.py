"""Norms of gradients, never forming one: d f_i/d W_l = c_l a_l^T has Frobenius norm |c_l| |a_l|.

Source: banerjee2023, Lemma 4.1 (||nabla_theta f||, ||nabla_x f||), Corollary 4.1 (||nabla calL||), Theorem 5.1 (gbar).
One forward sweep and one backward sweep of all outputs give every number here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from empirics.checks import check_finite, check_inputs, check_single, check_targets
from empirics.losses import Loss, loss_function
from empirics.measure.forward import Pass, forward, outer_norm_squared, pull, rowwise, unit_backward, weigh
from empirics.measure.memory import budget_bytes, in_chunks, rows_that_fit
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, as_weights
from empirics.weights import Weights


def gradient_norms(
    net: Network | Weights,
    X: Tensor,
    y: Tensor | None = None,
    *,
    loss: str | Loss = "mean_square",
    budget: int | None = None,
) -> Measurement:
    """||nabla_theta f(theta; x_i)||_2 of every sample and, in the details, of the sums the theorems use.

    Args:
        net: the network, or a point of it; the gradients are those in its trained parameters.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k), for the loss gradient.
        loss: which loss, see `empirics.losses`.
        budget: bytes that may be used beyond the weights; None: 80% of what is free. Samples are swept in
            chunks that fit.

    Returns:
        value (n,), or (n, k) for k > 1 outputs. details: input_grad_norm, ||nabla_x f||_2, shaped as value;
        layer_grad_norm, the norm of every weight layer's part (its bias included), shaped as value with L+1 at the end;
        gbar_norm, ||(1/(nk)) sum_ih nabla_theta f_ih||_2; with y also loss and loss_grad_norm.

    Raises:
        TheoryError: bad inputs, a batch of networks, gradients that are not finite, or a budget that one sample
            exceeds.
    """
    weights = as_weights(net)
    check_single(weights, "gradient norms")
    x = check_inputs(weights, X)
    target = None if y is None else check_targets(weights, y, x.shape[0])
    chosen = loss_function(loss, weights.k)
    n, k = len(x), weights.k
    with Stopwatch(x) as watch:
        allowed, per_row = budget_bytes(budget, x.device), sweep_bytes(weights)
        if n * per_row > allowed:  # two gradients are summed over the chunks, beside a chunk's own
            fixed = 4 * weights.parameters * x.element_size()
            rows = rows_that_fit(n, per_row=per_row, fixed=fixed, budget=allowed, device=x.device)
        else:
            rows = n
        sums = {name: _Total(weights, n) for name in ("gbar", *(() if target is None else ("loss",)))}
        value = x.new_zeros(())

        def measure(at: Tensor) -> dict[str, Tensor]:
            cache = forward(weights, x[at])
            _, c = unit_backward(weights, cache)
            ones = torch.full_like(cache.f, 1 / (n * k))
            parts = {"gbar": sums["gbar"].part(cache, c, ones)}
            if target is not None:
                share = chosen.share(len(at), n)
                parts["loss"] = sums["loss"].part(cache, c, chosen.slope(cache.f, target[at]) * share)
            inputs = pull(weights, 0, c[0]).norm(dim=-1).unflatten(-1, (k, -1)).mT
            layers = layer_grad_norms(weights, cache, c)
            here = value if target is None else chosen.value(cache.f, target[at]) * share
            for name, part in parts.items():  # last of all: a chunk that runs out of memory is measured again
                sums[name].add(part)
            if target is not None:
                value.add_(here)
            return {"layer_grad_norm": layers, "input_grad_norm": inputs}

        found = in_chunks(measure, torch.arange(n, device=x.device), rows)
        check_finite(found["layer_grad_norm"], "gradients")
        found = {name: t[:, 0] if k == 1 else t for name, t in found.items()}
        details: dict[str, Any] = found | {f"{name}_norm": float(total.norm()) for name, total in sums.items()}
    if target is not None:
        details |= {"loss": float(value), "loss_grad_norm": details.pop("loss_norm")}
    return Measurement("param_grad_norm", found["layer_grad_norm"].norm(dim=-1), details=details, **watch.origin)


class _Total:
    """||sum_ih t_ih nabla f_ih|| over chunks: in Gram form where one chunk is all, else from the summed gradient."""

    def __init__(self, weights: Weights, n: int) -> None:
        self.weights, self.n = weights, n
        self.sum: list[Tensor] = []

    def part(self, cache: Pass, c: list[Tensor], t: Tensor) -> list[Tensor]:
        """One chunk's share: the gradient's matrices and biases, or its norm where the chunk is all there is."""
        if cache.n == self.n:
            return [total_norm(self.weights, cache, c, t)]
        parts = []
        for l, (weight, bias) in enumerate(zip(self.weights.learns, self.weights.learns_bias, strict=True)):
            sent = weigh(c[l], t) if weight or bias else t
            parts += [sent.mT @ cache.a[l]] if weight else []
            parts += [sent.sum(-2)] if bias else []
        return parts

    def add(self, part: list[Tensor]) -> None:
        """Count a chunk in."""
        self.sum = [g.add_(p) for g, p in zip(self.sum, part, strict=True)] if self.sum else part

    def norm(self) -> Tensor:
        """The norm of the sum."""
        return torch.stack([g.square().sum() for g in self.sum]).sum().sqrt()


def sweep_bytes(weights: Weights) -> int:
    """Memory that a forward and a backward sweep of all outputs take per sample.

    Args:
        weights: the network.

    Returns:
        Bytes.
    """
    inputs = sum(w.shape[-1] * (1 if at is None else len(at)) for w, at in zip(weights.W, weights.windows, strict=True))
    networks = weights.V.shape[:-2].numel()
    return networks * weights.V.element_size() * (inputs + weights.m + (3 + 3 * weights.k) * sum(weights.widths))


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
