"""Extreme eigenvalues of the full-batch loss Hessian, by analytic Hessian-vector products.

Source of the quantity: banerjee2023, Theorem 5.2 (smoothness: lambda_max <= beta). A product is the tangent of the
gradient: one tangent sweep forward and one back, six matrix products per layer where the gradient itself takes three.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.checks import check_dense, check_inputs, check_smooth, check_targets, check_trained
from empirics.losses import Loss
from empirics.measure.curvature import check_options
from empirics.measure.lanczos import WARM_NOISE, Ritz, lanczos
from empirics.measure.loss_hessian import LossHessian, SummedHessian
from empirics.measure.memory import budget_bytes, halving, rows_that_fit
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, as_weights
from empirics.weights import Weights

_VECTORS = 8  # of P numbers that the recurrence and a product hold at once
_SWEEPS = 14  # of a number per unit and sample: the sweeps' results and a product's own


def loss_hessian_extremes(
    net: Network | Weights,
    X: Tensor,
    y: Tensor,
    *,
    loss: str | Loss = "mean_square",
    tol: float = 1e-3,
    max_iter: int = 300,
    verify: bool = False,
    seed: int = 0,
    start: Measurement | None = None,
    keep: bool = False,
    budget: int | None = None,
) -> Measurement:
    """Largest and smallest eigenvalue of the Hessian of a loss in all trained parameters; by default of banerjee2023's.

    Args:
        net: the network, or a point of it, or a batch of points (`empirics.weights.stack`).
        X: inputs, (n, d).
        y: targets, (n,) or (n, k).
        loss: which loss, see `empirics.losses`.
        tol: residual allowed at both ends, relative to the largest |eigenvalue|.
        max_iter: products at most.
        verify: form the Ritz vectors and report their true residuals, at twice the cost (see `lanczos`).
        seed: of the start vector.
        start: an earlier measurement with `keep` at a point nearby: the search starts from its Ritz vectors.
        keep: keep the Ritz vectors for a later `start`; holds every vector of the recurrence, of P numbers each.
        budget: bytes that may be used beyond the weights; None: 80% of what is free. Where the sweeps of all samples
            exceed it they are made again, chunk by chunk, for every product: half as fast.

    Returns:
        value: the largest Ritz value, at most lambda_max; residual: an eigenvalue lies within it. details: lambda_min
        (at least the true one), lambda_max, residual_min, residual_max, converged, products, loss; start. All are
        numbers, or (S,) for a batch of S networks.

    Raises:
        TheoryError: bad inputs, or a loss that is not finite.
        NotApplicable: the activation is not twice differentiable, or a layer has windows.
    """
    weights = as_weights(net)
    check_smooth(weights, "the loss Hessian")
    check_dense(weights, "the loss Hessian")
    check_trained(weights, "the loss Hessian")
    check_options(tol, max_iter)
    x = check_inputs(weights, X)
    target = check_targets(weights, y, x.shape[0])
    with Stopwatch(x) as watch:
        follow = {"vectors": keep or start is not None, "warm": start is not None}
        options = {"both": True, "tol": tol, "max_iter": max_iter, "verify": verify, **follow}

        def search(rows: int) -> tuple[Tensor, Ritz]:
            hessian = _operator(weights, x, target, loss, rows)
            if not bool(torch.isfinite(hessian.loss).all()):
                raise TheoryError(f"net has loss {float(hessian.loss.sum())}: its weights have diverged")
            return hessian.loss, lanczos(hessian, _first(weights, seed, start), **options)  # type: ignore[arg-type]

        value, ritz = halving(search, _rows(weights, len(x), budget, max_iter if follow["vectors"] else 0))
        columns = ritz.columns | {"loss": value}
        details: dict[str, Any] = {name: t if weights.batch else t[0].item() for name, t in columns.items()}
    if ritz.vectors is not None:
        details["start"] = ritz.vectors.sum(0)
    top, residual = details["lambda_max"], details["residual_max"]
    return Measurement("loss_hessian", top, "lower", top, None, residual, details=details, **watch.origin)


def _operator(weights: Weights, x: Tensor, y: Tensor, loss: str | Loss, rows: int) -> LossHessian | SummedHessian:
    whole = rows >= len(x)
    return LossHessian(weights, x, y, loss) if whole else SummedHessian(weights, x, y, loss, rows)


def _rows(weights: Weights, n: int, budget: int | None, kept: int) -> int:
    """Samples whose sweeps fit the budget beside the recurrence's vectors."""
    device, item = weights.V.device, weights.V.element_size()
    networks = weights.V.shape[:-2].numel()
    fixed = networks * weights.parameters * item * (_VECTORS + min(kept, 3 * weights.parameters + 20))
    per_row = networks * item * (_SWEEPS * (sum(weights.widths) + weights.k) + weights.d)
    return rows_that_fit(n, per_row=per_row, fixed=fixed, budget=budget_bytes(budget, device), device=device)


def _first(weights: Weights, seed: int, start: Measurement | None) -> Tensor:
    """A random vector, or the earlier Ritz vectors with a little of it."""
    shape = (weights.V.shape[:-2].numel(), weights.parameters)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(weights.V)
    if start is None:
        return noise
    kept = start.details.get("start")
    if kept is None or kept.shape != shape:
        raise TheoryError("start holds no Ritz vectors of this network: measure with keep=True first")
    return torch.as_tensor(kept).to(weights.V) + noise * (WARM_NOISE / noise.norm(dim=1, keepdim=True))
