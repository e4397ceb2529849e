"""The empirical neural tangent kernel K_ij = <nabla f(x_i), nabla f(x_j)>, without a Jacobian.

With d f_i/d W_l = c_l,i a_l,i^T,  K = sum_l (A_l A_l^T + 1 for a bias) o (C_l C_l^T)  over the trained layers, position
by position where a layer has windows. For n samples, width m, L hidden layers and k outputs that is two sweeps,
2 (1 + k) n m^2 (L-1) operations, and the Gram matrices, (1 + k^2) n^2 m L operations since K is symmetric, in place of
n k P numbers held and n^2 k^2 P operations.
Sources: liu2020, Section 2; song2021, Section 4; allenzhu2019, Theorem 5.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.checks import check_finite, check_inputs
from empirics.measure.features import Features, features
from empirics.measure.gradients import sweep_bytes
from empirics.measure.memory import budget_bytes, halving, rows_that_fit
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, as_weights
from empirics.weights import Weights

_TILE = {"cpu": 256, "cuda": 2048}  # rows of K at a time: large enough for the products, small enough to skip a half
_COARSE = {"ieee": 0.0, "tf32": 2.0**-11, "bf16": 2.0**-8}  # what float32 products round their factors to


def ntk_gram(
    net: Network | Weights,
    X: Tensor,
    *,
    accumulate: torch.dtype | None = None,
    budget: int | None = None,
    tile: int | None = None,
) -> Measurement:
    """The tangent kernel's Gram matrix at the samples, in the trained parameters.

    Args:
        net: the network, or a point of it, or a batch of points.
        X: inputs, (n, d).
        accumulate: dtype of K and of the sum over layers; None: float64. The products are taken in the network's dtype.
        budget: bytes that K and all intermediate results may take; None: 80% of what is free. Where the factors of all
            samples exceed it they are made again for every pair of blocks.
        tile: samples per block of K; None: chosen.

    Returns:
        value: (n, n), or (n, k, n, k) for k > 1 outputs, with the networks of a batch in front. details: rounding, a
        bound on the Frobenius norm of what the rounding of the products and sums did to K, for the layers' inputs and
        cotangents as they were computed; trace.

    Raises:
        TheoryError: bad inputs, outputs that are not finite, or a kernel that the budget cannot hold.

    >>> from empirics.networks import network
    >>> tuple(ntk_gram(network(L=2, m=8, d=3), torch.ones(4, 3)).value.shape)
    (4, 4)
    """
    weights = as_weights(net)
    x = check_inputs(weights, X)
    dtype = accumulate or torch.float64
    if dtype not in (torch.float32, torch.float64):
        raise TheoryError(f"accumulate={accumulate} must be torch.float64 or torch.float32")
    if tile is not None and (isinstance(tile, bool) or not isinstance(tile, int) or tile < 1):
        raise TheoryError(f"tile={tile!r} must be an integer of at least 1, or None")
    with Stopwatch(x) as watch:
        K = _assemble(weights, x, dtype, budget, tile)
        trace = K.flatten(-4, -3).flatten(-2).diagonal(dim1=-2, dim2=-1).sum(-1, dtype=torch.float64)
        rounding = _rounding(weights, trace, dtype)
    check_finite(trace, "gradients")
    value = K[..., 0, :, 0] if weights.k == 1 else K
    details: dict[str, Any] = {"rounding": rounding, "trace": trace}
    if not weights.batch:
        details = {name: float(number) for name, number in details.items()}
    details["outputs"] = weights.k
    return Measurement("ntk_gram", value, residual=None, details=details, **watch.origin)


def _assemble(weights: Weights, x: Tensor, dtype: torch.dtype, budget: int | None, tile: int | None) -> Tensor:
    """K, (..., n, k, n, k), block by block above the diagonal; smaller blocks where memory runs out."""
    n, k = x.shape[0], weights.k
    size, keep = _plan(weights, n, dtype, budget)
    size = tile or size
    K = torch.empty(*weights.batch, n, k, n, k, dtype=dtype, device=x.device)
    return halving(lambda rows: _fill(K, weights, x, rows, keep and rows == size), size)


def _plan(weights: Weights, n: int, dtype: torch.dtype, budget: int | None) -> tuple[int, bool]:
    """Samples per block, and whether the factors of all samples are kept."""
    device, k = weights.V.device, weights.k
    networks = weights.V.shape[:-2].numel()
    factors = sweep_bytes(weights)
    held = networks * (n * k) ** 2 * dtype.itemsize
    positions = max(1, *(1 if at is None else len(at) for at in weights.windows))
    tiles = 4 * networks * k * k * positions * dtype.itemsize  # per pair of samples in a block
    most = -(-n // -(-n // _TILE[device.type]))  # blocks of equal size
    total = budget_bytes(budget, device)
    if held + n * factors + most * n * tiles <= total:
        return most, True
    return rows_that_fit(
        n, per_row=2 * factors + most * tiles, fixed=held, budget=total, device=device, most=most
    ), False


def _fill(K: Tensor, weights: Weights, x: Tensor, size: int, keep: bool) -> Tensor:
    n = x.shape[0]
    blocks = [slice(i, min(i + size, n)) for i in range(0, n, size)]
    whole = features(weights, x) if keep else None

    def of(block: slice) -> Features:
        return features(weights, x[block]) if whole is None else whole.rows(block)

    for i, rows in enumerate(blocks):
        left = of(rows)
        # with all factors at hand a row of blocks is one product: few and large ones, and still half of K is skipped
        for columns in [slice(rows.start, n)] if keep else blocks[i:]:
            block = _block(left, left if columns == rows else of(columns), K.dtype, weights.k)
            K[..., rows, :, columns, :] = block
            if columns.stop > rows.stop:
                ahead = slice(max(columns.start, rows.stop), columns.stop)
                beyond = block[..., ahead.start - columns.start :, :]
                K[..., ahead, :, rows, :] = beyond.movedim((-4, -3), (-2, -1))
    return K


def _block(left: Features, right: Features, dtype: torch.dtype, k: int) -> Tensor:
    """K between two sets of samples, (..., n, k, n', k), a view."""
    shape = (*left.slope.shape[:-2], k, left.slope.shape[-2], k, right.slope.shape[-2])
    total = torch.zeros(shape, dtype=dtype, device=left.slope.device)
    for p, q in zip(left.hidden, right.hidden, strict=True):
        term = (p.c @ q.c.mT).unflatten(-1, (k, -1)).unflatten(-3, (k, -1))
        inner = _inner(p.a, q.a, p.scale, p.bias)
        term = term if inner is None else term.mul_(inner[..., None, :, None, :])
        total += term.sum(-5, dtype=dtype) if p.positions else term.to(dtype)
    if left.a is not None or left.bias:
        slopes = left.slope[..., :, None, :] * right.slope[..., None, :, :]
        inner = _inner(left.a, right.a, left.scale, left.bias)
        total.diagonal(dim1=-4, dim2=-2).add_(slopes if inner is None else slopes * inner[..., None])
    return total.movedim((-4, -3, -2, -1), (-3, -4, -1, -2))


def _inner(a: Tensor | None, b: Tensor | None, scale: float, bias: float) -> Tensor | None:
    """The sum scale^2 a b^T + bias; None stands for ones."""
    if a is None or b is None:
        return None
    gram = (a @ b.mT).mul_(scale * scale)
    return gram.add_(bias) if bias else gram


def _rounding(weights: Weights, trace: Tensor, dtype: torch.dtype) -> Tensor:
    """Bound on the Frobenius norm of what rounding did to K, given the factors; underflow apart.

    |fl(x.y) - x.y| <= gamma_n |x| |y| for inner products of length n, gamma_n = n u/(1 - n u), and 2 v + v^2 more where
    the factors are first rounded to v; the Frobenius norm of |x_i| |x_j| is sum_i |x_i|^2, and over the layers those
    add up to the trace. The products' product rounds in their own dtype, the sum over layers and positions in K's.
    """
    u, own = (torch.finfo(t).eps / 2 for t in (weights.V.dtype, dtype))
    v = _coarse(weights.V)
    inner, outer = (max(w.shape[side] for w in (*weights.W, weights.V)) for side in (-1, -2))
    positions = sum(0 if at is None else len(at) for at in weights.windows)
    total = 1.0
    for t in ((max(inner, weights.m) + 4) * u, (outer + 2) * u, 3 * u, (3 + weights.L + positions) * own):
        total *= 1 + (t / (1 - t) if t < 1 else float("inf"))
    relative = (total * (1 + v) ** 4 - 1) * (1 + 1e-9)  # and this line's own rounding
    # the trace was computed with this error; from 1 on the bound says nothing
    return trace * (relative / (1 - relative) if relative < 1 else float("inf"))


def _coarse(like: Tensor) -> float:
    """What torch is set to round the factors of float32 products to, relatively; 0 for float64."""
    if like.dtype != torch.float32:
        return 0.0
    backend = torch.backends.cuda if like.is_cuda else torch.backends.mkldnn
    for level in (backend.matmul, backend, torch.backends):  # the nearest setting counts
        if (setting := getattr(level, "fp32_precision", "none")) != "none":
            return _COARSE.get(setting, max(_COARSE.values()))
    if hasattr(torch.backends, "fp32_precision"):
        return 0.0
    legacy = {"highest": "ieee", "high": "tf32", "medium": "bf16"}  # before torch 2.9
    return _COARSE[legacy[torch.get_float32_matmul_precision()]]


def kernel_change(before: Measurement | Tensor, after: Measurement | Tensor) -> Measurement:
    """How far the tangent kernel has moved: ||K - K_0||_2, what liu2020's Theorem 5.1 bounds.

    Args:
        before: K_0, from `ntk_gram`.
        after: K at the same samples.

    Returns:
        value: the spectral norm of the difference. details: frobenius; relative, ||K - K_0||_F/||K_0||_F (liu2020,
        Figure 2); relative_spectral.

    Raises:
        TheoryError: kernels of different shapes, or not square.
    """
    first, second = (_matrix(kernel) for kernel in (before, after))
    if first.shape != second.shape:
        raise TheoryError(f"kernels of shapes {tuple(first.shape)} and {tuple(second.shape)}: measure the same samples")
    with Stopwatch(first) as watch:
        moved = second.to(first) - first
        spectral = torch.linalg.eigvalsh(moved).abs().amax(-1)
        frobenius, size = (torch.linalg.matrix_norm(t) for t in (moved, first))
        base = torch.linalg.eigvalsh(first).abs().amax(-1)
    details: dict[str, Any] = {
        "frobenius": frobenius,
        "relative": frobenius / size,
        "relative_spectral": spectral / base,
    }
    return Measurement("kernel_change", spectral, details=details, **watch.origin)


def _matrix(kernel: Measurement | Tensor) -> Tensor:
    """The kernel as a square matrix, outputs running fastest."""
    K = torch.as_tensor(kernel.value if isinstance(kernel, Measurement) else kernel)
    if K.ndim >= 4 and K.shape[-4:-2] == K.shape[-2:]:
        K = K.flatten(-4, -3).flatten(-2)
    if K.ndim < 2 or K.shape[-1] != K.shape[-2]:
        raise TheoryError(f"kernel of shape {tuple(K.shape)} must be (n, n) or (n, k, n, k)")
    return K
