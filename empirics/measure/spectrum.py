"""The whole spectrum of per-sample Hessians, and the exact trace of the loss Hessian.

The nonzero eigenvalues of H = M^T Q M are those of G^(1/2) Q G^(1/2), G = M M^T, of the size of the compact form (about
2 L m): a dense problem of O((L m)^3) operations per sample, for networks that are small.
"""

from __future__ import annotations

import torch
from torch import Tensor

from empirics.checks import check_dense, check_finite, check_inputs, check_single, check_smooth, check_targets
from empirics.losses import Loss, loss_function
from empirics.measure.compact import CompactHessian
from empirics.measure.forward import backward, forward
from empirics.measure.memory import budget_bytes, in_chunks, rows_that_fit
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, as_weights
from empirics.weights import Weights

_COPIES = 12  # of a D x D matrix per sample: the operator's repeated rows, its products, the eigensolver's


def hessian_spectrum(net: Network | Weights, X: Tensor, *, budget: int | None = None) -> Measurement:
    """Every eigenvalue of nabla^2_theta f(theta; x_i) that is not zero for want of rank, by a dense eigensolver.

    Args:
        net: the network, or a point of it.
        X: inputs, (n, d).
        budget: bytes that may be used beyond the weights; None: 80% of what is free.

    Returns:
        value (n, D), or (n, k, D) for k > 1 outputs, ascending, D = min(size of the compact form, parameters); all
        other eigenvalues are zero. residual: D times machine precision times the norm, an estimate of the round-off in
        every eigenvalue. details: zeros, how many more eigenvalues there are; trace, shaped as value without D.

    Raises:
        TheoryError: bad inputs, outputs that are not finite, or a budget that one sample exceeds.
        NotApplicable: the activation is not twice differentiable, or a layer has windows.

    >>> from empirics.networks import network
    >>> found = hessian_spectrum(network(L=1, m=3, d=2), torch.ones(1, 2))
    >>> tuple(found.value.shape), found.details["zeros"]
    ((1, 6), 3)
    """
    weights = as_weights(net)
    check_single(weights, "the spectrum")
    check_smooth(weights, "the Hessian")
    check_dense(weights, "the per-sample Hessian")
    x = check_inputs(weights, X)
    with Stopwatch(x) as watch:
        size = 2 * sum(weights.widths) + 2
        per_row, device = _COPIES * size * size * x.element_size(), x.device
        rows = rows_that_fit(len(x), per_row=per_row, budget=budget_bytes(budget, device), device=device, most=64)
        found = in_chunks(lambda part: {"value": _spectra(weights, part)}, x, rows)["value"]
        found = found[:, 0] if weights.k == 1 else found
    norm = found.abs().amax(-1, keepdim=True) if found.shape[-1] else found.new_zeros(*found.shape[:-1], 1)
    residual = (norm * found.shape[-1] * torch.finfo(x.dtype).eps).expand_as(found)
    details = {"zeros": weights.parameters - found.shape[-1], "trace": found.sum(-1)}
    return Measurement("hessian_spectrum", found, residual=residual, details=details, **watch.origin)


def _spectra(weights: Weights, x: Tensor) -> Tensor:
    """(B, k, D) for a chunk of samples."""
    cache = forward(weights, x, order=2)
    check_finite(cache.f)
    columns = []
    for output in range(weights.k):
        compact = CompactHessian(weights, cache, output)
        size, count = compact.size, len(x)
        every = compact.take(torch.arange(count, device=x.device).repeat_interleave(size))
        eye = torch.eye(size, dtype=x.dtype, device=x.device).repeat(count, 1)
        dense = every.root(every.apply(every.root(eye))).view(count, size, size)
        values = torch.linalg.eigvalsh((dense + dense.mT) / 2)
        if (spare := size - weights.parameters) > 0:  # more coordinates than parameters: so many are zero for certain
            kept = values.abs().argsort(1, stable=True)[:, spare:].sort(1).values
            values = values.gather(1, kept)
        columns.append(values)
    return torch.stack(columns, 1)


def loss_hessian_trace(
    net: Network | Weights,
    X: Tensor,
    y: Tensor,
    *,
    loss: str | Loss = "mean_square",
    budget: int | None = None,
) -> Measurement:
    """The trace of the Hessian of a loss in all trained parameters, exactly, without random probes.

    The Hessian in one layer's weights is (d^2 loss_i/dz_l^2) kron (a_l a_l^T), so its trace is |a_l|^2 (+ 1 for a bias)
    times that of S_l = d^2 loss_i/dz_l^2, and S_l = diag(b_l phi''(z_l)) + J^T S_{l+1} J, J = d z_{l+1}/d z_l: about
    4 n m^3 (L - 1) operations.

    Args:
        net: the network, or a point of it.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k).
        loss: which loss, see `empirics.losses`.
        budget: bytes that may be used beyond the weights; None: 80% of what is free.

    Returns:
        value: the trace. details: layers, the share of each of the L+1 weight layers.

    Raises:
        TheoryError: bad inputs, or a budget that one sample exceeds.
        NotApplicable: the activation is not twice differentiable, or a layer has windows.
    """
    weights = as_weights(net)
    check_single(weights, "the trace")
    check_smooth(weights, "the loss Hessian")
    check_dense(weights, "the loss Hessian")
    x = check_inputs(weights, X)
    target, kind = check_targets(weights, y, len(x)), loss_function(loss, weights.k)
    with Stopwatch(x) as watch:
        per_row = (4 * max(weights.widths) ** 2 + 8 * (sum(weights.widths) + weights.d)) * x.element_size()
        rows = rows_that_fit(len(x), per_row=per_row, budget=budget_bytes(budget, x.device), device=x.device, most=256)
        at = torch.arange(len(x), device=x.device)
        layers = in_chunks(
            lambda i: {"s": _layer_traces(weights, x[i], target[i], kind, kind.share(len(i), len(x)))}, at, rows
        )["s"].sum(0)
        check_finite(layers, "curvatures")
    return Measurement("loss_hessian_trace", float(layers.sum()), details={"layers": layers}, **watch.origin)


def _layer_traces(weights: Weights, x: Tensor, y: Tensor, kind: Loss, share: float) -> Tensor:
    """|a_l|^2 tr S_l of every sample and weight layer, (B, L+1), zero where nothing is trained."""
    cache, L = forward(weights, x, order=2), weights.L
    slope = kind.slope(cache.f, y) * share
    units = torch.eye(weights.k, dtype=x.dtype, device=x.device)
    bend = torch.stack([kind.bend(cache.f, y, unit.expand_as(y)) for unit in units], 2) * share  # (B, k, k)
    b, _ = backward(weights, cache, slope, weights.lowest)
    S = bend
    if cache.out:
        S = cache.out[0][:, :, None] * bend * cache.out[0][:, None, :] + torch.diag_embed(slope * cache.out[1])
    found = x.new_zeros(len(x), L + 1)
    for l in range(L, weights.lowest - 1, -1):
        reach = cache.a[l].square().sum(1) * weights.learns[l] + float(weights.learns_bias[l])
        found[:, l] = reach * S.diagonal(dim1=1, dim2=2).sum(1)
        if l > weights.lowest:
            J = (weights.V.mT if l == L else weights.W[l]) * weights.scales[l]
            if l + 1 in weights.shortcuts:
                J = J + torch.eye(len(J), dtype=J.dtype, device=J.device)
            J = J * cache.d1[l - 1][:, None, :]
            S = J.mT @ (S @ J)
            S.diagonal(dim1=1, dim2=2).add_(b[l - 1] * cache.d2[l - 1])
    return found
