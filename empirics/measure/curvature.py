"""Eigenvalues of the Hessian of each output at each sample, in all trained parameters.

Source of the quantity: banerjee2023, Theorem 4.1 (max_i ||nabla^2_theta f(theta; x_i)||_2); liu2020, Section 5. The
compact form (`CompactHessian`) makes a product cost 4 m^2 operations per sample and layer above the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.checks import check_dense, check_finite, check_inputs, check_smooth
from empirics.measure.compact import CompactHessian
from empirics.measure.forward import forward
from empirics.measure.lanczos import WARM_NOISE, lanczos
from empirics.measure.memory import budget_bytes, in_chunks, rows_that_fit
from empirics.measure.norms import spectral_norm
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, as_weights
from empirics.weights import Weights, signature, stack

_VECTORS = 20  # of D numbers per sample: the recurrence's, the operator's and, once, a copy of a part of them
_ENOUGH = {"cpu": 2**19, "cuda": 2**28}  # numbers in one vector of a chunk, beyond which products gain nothing
_LEAST = 64  # samples in a chunk below which the products are thin

Nets = Network | Weights | Sequence[Network | Weights]


@dataclass(frozen=True)
class _Options:
    tol: float
    max_iter: int
    verify: bool
    vectors: bool
    seed: int
    upper: bool
    budget: int | None
    chunk: int | None


def hessian_norms(
    net: Nets,
    X: Tensor,
    *,
    tol: float = 1e-3,
    max_iter: int = 300,
    chunk: int | None = None,
    budget: int | None = None,
    verify: bool = False,
    seed: int = 0,
    upper: bool = True,
    start: Measurement | None = None,
    keep: bool = False,
) -> Measurement:
    """||nabla^2_theta f(theta; x_i)||_2 of every sample, by batched Lanczos on the compact form.

    Args:
        net: the network, or a point of it, or a batch (`empirics.weights.stack`); or several in a list, which may
            differ in width: equals are measured together.
        X: inputs, (n, d).
        tol: residual allowed relative to the norm; the recurrence cannot promise less than 1e-7 in float64. The
            error of the norm is of the order of the residual's square over the gap to the next eigenvalue, typically
            1e-5; no residual excludes a larger eigenvalue that the start nearly misses.
        max_iter: products at most, per chunk of samples.
        chunk: samples worked on together; None: as many as make the matrix products efficient and fit the budget.
        budget: bytes that may be used beyond the weights; None: 80% of what is free.
        verify: form the Ritz vectors and report ||H x - theta x|| of these, at twice the cost (see `lanczos`).
        seed: of the start vector, the same for every sample, so that chunking changes nothing.
        upper: also compute the upper bound, in float64 (needs one exact spectral norm per layer).
        start: what `hessian_norms` with `keep` found for these samples at a point nearby, such as some steps before in
            training: the search starts from its Ritz vectors.
        keep: keep the Ritz vectors for a later `start`, in details["start"]; costs memory for every vector of the
            recurrence, no time. Implied by `start`.

    Returns:
        value (n,), or (n, k) for k > 1 outputs, or with a leading dimension for several networks: the largest |Ritz
        value|, which is at most the norm up to rounding; residual, and upper, a bound up to the rounding of the sweeps,
        likewise. details: lambda_max, lambda_min, residual_max, residual_min, converged, products, shaped as value, and
        start.

    Raises:
        TheoryError: bad inputs, outputs that are not finite, or a budget that one sample exceeds.
        NotApplicable: the activation is not twice differentiable, or a layer has windows.
    """
    check_options(tol, max_iter, chunk)
    options = _Options(tol, max_iter, verify, keep or start is not None, seed, upper, budget, chunk)
    if isinstance(net, (Network, Weights)):
        return _single(as_weights(net), X, options, start)
    points = [as_weights(one) for one in net]
    if start is not None or keep:
        raise TheoryError("start and keep work on one network or a batch made by stack: call hessian_norms for each")
    if not points:
        raise TheoryError("net is empty: give at least one network")
    if len({(p.k, str(p.V.dtype), p.V.device) for p in points}) > 1:
        raise TheoryError("nets differ in outputs, dtype or device: only widths and depths may differ in one call")
    groups: dict[Any, list[int]] = {}
    for i, point in enumerate(points):
        groups.setdefault(signature(point), []).append(i)
    parts = [_single(stack([points[i] for i in rows]), X, options, None) for rows in groups.values()]
    order = torch.as_tensor([i for rows in groups.values() for i in rows]).argsort()
    return _joined(parts, order)


def _joined(parts: list[Measurement], order: Tensor) -> Measurement:
    def join(values: list[Any]) -> Any:
        return None if values[0] is None else torch.cat(values)[order.to(values[0].device)]

    fields = {name: join([getattr(p, name) for p in parts]) for name in ("value", "lower", "upper", "residual")}
    details = {name: join([p.details[name] for p in parts]) for name in parts[0].details}
    peaks = [p.peak_bytes for p in parts if p.peak_bytes is not None]
    peak = max(peaks) if len(peaks) == len(parts) else None
    return replace(parts[0], **fields, details=details, seconds=sum(p.seconds for p in parts), peak_bytes=peak)


def _single(weights: Weights, X: Tensor, options: _Options, start: Measurement | None) -> Measurement:
    """One network, or a batch of networks of one shape."""
    check_smooth(weights, "the Hessian")
    check_dense(weights, "the per-sample Hessian")
    x = check_inputs(weights, X)
    with Stopwatch(x) as watch:
        # slopes lose their relative accuracy where phi saturates: in float32 a bound from them would be worth little
        precise = weights.to(torch.float64) if options.upper else None
        norms = None if precise is None else _norms(precise)
        size = _chunk(weights, x.shape[0], options)
        at = torch.arange(x.shape[0], device=x.device)
        before = None if start is None else _starts(start, weights, x)

        def measure(rows: Tensor) -> dict[str, Tensor]:
            found = _measure(weights, x[rows], rows, before, options)
            return found | ({} if precise is None or norms is None else _bounds(precise, x[rows].double(), norms))

        found = in_chunks(measure, at, size)
    # rows (n, S, k) of a batch of S networks, (n, 1, k) of one
    found = {name: value.transpose(0, 1) if weights.batch else value[:, 0] for name, value in found.items()}
    kept = found.pop("start", None)
    if weights.k == 1:
        found = {name: value[..., 0] for name, value in found.items()}
    low, high = found["lambda_min"], found["lambda_max"]
    residual = torch.where(high.abs() >= low.abs(), found["residual_max"], found["residual_min"])
    value, bound = torch.maximum(high.abs(), low.abs()), found.pop("upper", None)
    details = found if kept is None else found | {"start": kept}
    return Measurement("hessian_norm", value, "lower", value, bound, residual, details=details, **watch.origin)


def _chunk(weights: Weights, n: int, options: _Options) -> int:
    if options.chunk:
        return options.chunk
    device, networks = weights.V.device, max(1, *weights.batch) if weights.batch else 1
    size = 2 * sum(weights.widths) + weights.k
    vectors = _VECTORS + (min(options.max_iter, 3 * size + 20) if options.vectors else 0)
    per_row = networks * (size * vectors + 3 * weights.d) * weights.V.element_size()
    most = max(_LEAST, _ENOUGH[device.type] // (networks * size))
    return rows_that_fit(n, per_row=per_row, budget=budget_bytes(options.budget, device), device=device, most=most)


def _norms(weights: Weights) -> dict[int, Tensor]:
    """Spectral norms of the layers above the lowest trained one, the readout's per output: (..., k)."""
    found = {l: spectral_norm(weights.W[l]) for l in range(weights.lowest + 1, weights.L)}
    return found | {weights.L: weights.V.norm(dim=-2)}


def _starts(start: Measurement, weights: Weights, x: Tensor) -> Tensor:
    kept = start.details.get("start")
    size = CompactHessian(weights, forward(weights, x[:1], order=2)).size
    if kept is None or kept.shape != (*weights.batch, len(x), weights.k, size):
        raise TheoryError("start holds no Ritz vectors of these samples and widths: measure with keep=True first")
    return torch.as_tensor(kept).to(weights.V)


def _measure(
    weights: Weights,
    x: Tensor,
    rows: Tensor,
    before: Tensor | None,
    options: _Options,
) -> dict[str, Tensor]:
    """One chunk of B samples: each field (B, S, k), S = 1 for a single network."""
    cache = forward(weights, x, order=2)
    check_finite(cache.f)
    columns: list[dict[str, Tensor]] = []
    for output in range(weights.k):
        compact = CompactHessian(weights, cache, output)
        generator = torch.Generator().manual_seed(options.seed)
        noise = torch.randn(compact.size, generator=generator, dtype=torch.float64).to(x)
        start = compact.start(noise)
        if before is not None:
            start = before[..., rows, output, :].reshape(start.shape) + start * (WARM_NOISE * _lengths(compact, start))
        ritz = lanczos(
            compact,
            start,
            tol=options.tol,
            max_iter=options.max_iter,
            verify=options.verify,
            vectors=options.vectors,
            warm=before is not None,
        )
        column = ritz.columns
        if ritz.vectors is not None:
            column["start"] = ritz.vectors.sum(0)
        columns.append(column)
    return _by_sample(weights, columns)


def _bounds(weights: Weights, x: Tensor, norms: dict[int, Tensor]) -> dict[str, Tensor]:
    """The upper bounds of a chunk, (B, S, k)."""
    cache = forward(weights, x, order=2)
    columns = []
    for output in range(weights.k):
        own = norms | {weights.L: norms[weights.L][..., output]}
        columns.append({"upper": CompactHessian(weights, cache, output).upper_bound(own)})
    return _by_sample(weights, columns)


def _by_sample(weights: Weights, columns: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Results of k outputs, networks running slowest, as (B, S, k, ...)."""
    networks = weights.batch[0] if weights.batch else 1
    return {
        name: torch.stack([c[name].unflatten(0, (networks, -1)).transpose(0, 1) for c in columns], 2)
        for name in columns[0]
    }


def _lengths(compact: CompactHessian, start: Tensor) -> Tensor:
    """1/||M^T y|| of every row, (R, 1)."""
    squares = (start * compact.metric(start)).sum(1, keepdim=True)
    return torch.where(squares > 0, squares.rsqrt(), 0.0)


def check_options(tol: float, max_iter: int, chunk: int | None = None) -> None:
    """Refuse an iteration's options outside their ranges.

    Args:
        tol: in (0, 1).
        max_iter: at least 1.
        chunk: at least 1, or None.

    Raises:
        TheoryError: naming the first that is outside.
    """
    if not 0 < tol < 1:
        raise TheoryError(f"tol={tol!r} must lie strictly between 0 and 1: a relative residual such as 1e-3")
    for name, value, least in (("max_iter", max_iter, 1), ("chunk", 1 if chunk is None else chunk, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise TheoryError(f"{name}={value!r} must be an integer of at least {least}")
