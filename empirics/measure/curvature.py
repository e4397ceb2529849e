"""Largest eigenvalues of the Hessian of each output at each sample, in all parameters (W's and readout).

Source of the quantity: banerjee2023, Theorem 4.1 (max_i ||nabla^2_theta f(theta; x_i)||_2). The algorithm: in
directions V_l (of W_l) and u (of v), with p_l = V_l a_l, s_l = V_l^T c_l, the second differential of f is

    2 u.dalpha_L/sqrt(m) + sum_l b_l.(phi''(z_l) dz_l^2) + 2 sum_{l>=2} s_l.da_l,
    dz_1 = p_1,  da_l = phi'(z_{l-1}) dz_{l-1}/sqrt(m),  dz_l = p_l + W_l da_l,  dalpha_L = phi'(z_L) dz_L :

a quadratic form y^T Q y in y = (p_1..p_L, s_2..s_L, u), which is M applied to the direction. So H = M^T Q M has at most
2 L m nonzero eigenvalues instead of L m^2, a product with Q is two sweeps, and all samples share their matrix products.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.measure.forward import Pass, backward, check_inputs, forward, output_cotangent
from empirics.measure.lanczos import lanczos
from empirics.measure.memory import chunk_size, in_chunks
from empirics.measure.norms import spectral_norm
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, Weights, as_weights, check_smooth

_VECTORS = 12  # of 2 L m numbers: three of the recurrence, two buffers, the operator's own and a copy of a part of them


class CompactHessian:
    """The Hessians of one output at B samples as H = M^T Q M; vectors y are (B, 2 L m), blocks p_1..p_L, s_2..s_L, u.

    `apply` and `metric` reuse their result's memory from call to call.
    """

    def __init__(self, weights: Weights, cache: Pass, output: int = 0) -> None:
        n = cache.f.shape[0]
        b, c = backward(weights, cache, output_cotangent(weights, n, output))
        self.W, self.L, self.m = weights.W, weights.L, weights.m
        self.c = torch.stack(c, 1)
        self.a = torch.stack(cache.a[1:-1], 1) if weights.L > 1 else self.c.new_zeros(n, 0, weights.m)
        self.a_squared = torch.stack([a.square().sum(1) for a in cache.a[:-1]], 1)
        self.c_squared = self.c.square().sum(2)
        self.slope = torch.stack(cache.d1, 1) * self.c.new_tensor(weights.scales[1:])[:, None]  # d a_{l+1}/d z_l
        self.bend = torch.stack([b_l * d2 for b_l, d2 in zip(b, cache.d2, strict=True)], 1)
        self._allocate()

    def _allocate(self) -> None:
        self.per_a, self.per_c = (_inverse(t[:, 1:, None]) for t in (self.a_squared, self.c_squared))
        self._q = self.c.new_empty(self.c.shape[0], 2 * self.L, self.m)
        self._g = torch.empty_like(self._q)

    def take(self, rows: Tensor) -> CompactHessian:
        """The Hessians of some of the samples."""
        part = copy(self)
        for name in ("c", "a", "a_squared", "c_squared", "slope", "bend"):
            setattr(part, name, getattr(self, name)[rows])
        part._allocate()
        return part

    def apply(self, y: Tensor) -> Tensor:
        """Q y: the tangent sweep, then its adjoint, whose variable lam_l is half the form's derivative in dz_l."""
        L, y, out = self.L, y.view_as(self._q), self._q
        dz = [y[:, 0]]
        for l in range(1, L):
            da = torch.mul(self.slope[:, l - 1], dz[-1], out=out[:, L + l - 1])
            dz.append(torch.addmm(y[:, l], da, self.W[l].mT))
        torch.mul(self.slope[:, -1], dz[-1], out=out[:, -1])
        back = y[:, -1]
        for l in range(L - 1, -1, -1):
            lam = torch.mul(self.slope[:, l], back, out=out[:, l]).addcmul_(self.bend[:, l], dz[l])
            if l:
                back = torch.addmm(y[:, L + l - 1], lam, self.W[l])
        return out.flatten(1)

    def metric(self, y: Tensor) -> Tensor:
        """M M^T y; per layer p' = |a|^2 p + c (s.a), s' = a (p.c) + |c|^2 s; u' = u.

        M^T maps (c, -a) to zero, and the recurrence would amplify round-off along it: that component is taken
        out of y in place, which leaves x = M^T y as it is.
        """
        L, y, out = self.L, y.view_as(self._g), self._g
        p, s, c, a = y[:, 1:L], y[:, L:-1], self.c[:, 1:], self.a
        p_c, s_a = _dot(p, c), _dot(s, a)
        null = (p_c * self.per_c - s_a * self.per_a) / 2
        p.addcmul_(c, null, value=-1)
        s.addcmul_(a, null)
        torch.mul(self.a_squared[..., None], y[:, :L], out=out[:, :L])
        out[:, 1:L].addcmul_(c, s_a + null * self.a_squared[:, 1:, None])
        torch.mul(self.c_squared[:, 1:, None], s, out=out[:, L:-1])
        out[:, L:-1].addcmul_(a, p_c - null * self.c_squared[:, 1:, None])
        out[:, -1] = y[:, -1]
        return out.flatten(1)

    def start(self, noise: Tensor) -> Tensor:
        """Start vectors (B, 2 L m) from (2 L m,) noise, scaled so that x = M^T y has parts of like size."""
        scale = torch.cat([self.a_squared, self.c_squared[:, 1:], torch.ones_like(self.a_squared[:, :1])], 1)
        return (noise.view(2 * self.L, self.m) * _inverse(scale).sqrt()[..., None]).flatten(1)

    def upper_bound(self, norms: list[Tensor]) -> Tensor:
        """Rigorous upper bound of ||H||, (B,), from the spectral norms of W^(2), ..., W^(L).

        With nu_l = ||V_l||_F and slope_l = max |da_{l+1}/dz_l|: ||dz_l|| <= (T nu)_l, where
        T_li = |a_i| prod_{i<j<=l} ||W_j|| slope_{j-1}. So |x^T H x| <= (nu, |u|)^T S (nu, |u|) with S nonnegative,
        symmetric, (L+1) x (L+1): its top eigenvalue is the bound.
        """
        a, c = self.a_squared.sqrt(), self.c_squared.sqrt()
        slope, bend = self.slope.abs().amax(2), self.bend.abs().amax(2)
        rows = [torch.zeros_like(a) for _ in range(self.L)]
        for l in range(self.L):
            if l:
                rows[l] += (norms[l - 1] * slope[:, l - 1])[:, None] * rows[l - 1]
            rows[l][:, l] = a[:, l]
        T = torch.stack(rows, 1)
        cross = torch.zeros_like(T)
        cross[:, 1:] = (c[:, 1:] * slope[:, :-1])[..., None] * T[:, :-1]
        S = T.new_zeros(T.shape[0], self.L + 1, self.L + 1)
        S[:, :-1, :-1] = T.mT @ (bend[..., None] * T) + cross + cross.mT
        S[:, -1, :-1] = S[:, :-1, -1] = slope[:, -1:] * T[:, -1]
        margin = 1 + 64 * self.m * torch.finfo(T.dtype).eps  # covers the round-off of the entries
        return torch.linalg.eigvalsh(S)[:, -1] * margin


def _inverse(t: Tensor) -> Tensor:
    return torch.where(t > 0, 1 / t, 0.0)


def _dot(x: Tensor, y: Tensor) -> Tensor:
    return torch.einsum("blm,blm->bl", x, y)[..., None]


def hessian_norms(
    net: Network | Weights,
    X: Tensor,
    *,
    tol: float = 1e-3,
    max_iter: int = 300,
    chunk: int | None = None,
    verify: bool = False,
    seed: int = 0,
    upper: bool = True,
) -> Measurement:
    """||nabla^2_theta f(theta; x_i)||_2 of every sample, by batched Lanczos on the compact form.

    Args:
        net: the network, or a point of it.
        X: inputs, (n, d).
        tol: residual allowed relative to the norm. The error of the norm is of the order of its square over the gap to
            the next eigenvalue, typically 1e-5; no residual excludes a larger eigenvalue that the start nearly misses.
        max_iter: products at most, per chunk of samples.
        chunk: samples worked on together; None: as many as keep the extra memory near twice the network's own.
        verify: form the Ritz vectors and report ||H x - theta x|| of these, at twice the cost (see `lanczos`).
        seed: of the start vector, the same for every sample, so that chunking changes nothing.
        upper: also compute the rigorous upper bound (needs one exact spectral norm per layer).

    Returns:
        value (n,), or (n, k) for k > 1 outputs: the largest |Ritz value|, which is at most the norm; residual, upper
        likewise. details: lambda_max, lambda_min, residual_max, residual_min, converged, products, shaped as value.

    Raises:
        TheoryError: bad inputs, or outputs that are not finite.
        NotApplicable: the activation is not twice differentiable.
    """
    weights = as_weights(net)
    check_smooth(weights, "the Hessian")
    x = check_inputs(weights, X)
    check_options(tol, max_iter, chunk)
    with Stopwatch(x) as watch:
        norms = [spectral_norm(w) for w in weights.W[1:]] if upper else None
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(2 * weights.L * weights.m, generator=generator, dtype=torch.float64).to(x)
        options = {"tol": tol, "max_iter": max_iter, "verify": verify}
        size = chunk or chunk_size(weights, x.shape[0], vectors=_VECTORS)
        found = in_chunks(lambda part: _measure(weights, part, noise, norms, options), x, size)
    if weights.k == 1:
        found = {name: value[:, 0] for name, value in found.items()}
    low, high = found["lambda_min"], found["lambda_max"]
    residual = torch.where(high.abs() >= low.abs(), found["residual_max"], found["residual_min"])
    value, bound = torch.maximum(high.abs(), low.abs()), found.pop("upper", None)
    return Measurement("hessian_norm", value, "lower", value, bound, residual, details=found, **watch.origin)


def _measure(
    weights: Weights, x: Tensor, noise: Tensor, norms: list[Tensor] | None, options: dict[str, Any]
) -> dict[str, Tensor]:
    """One chunk of samples: each field (B, k)."""
    cache = forward(weights, x, order=2)
    if not bool(torch.isfinite(cache.f).all()):
        raise TheoryError("net has outputs that are NaN or infinite: its weights have diverged")
    columns: list[dict[str, Tensor]] = []
    for output in range(weights.k):
        compact = CompactHessian(weights, cache, output)
        ritz = lanczos(compact, compact.start(noise), **options)
        column = {
            k: getattr(ritz, k)
            for k in ("lambda_min", "lambda_max", "residual_min", "residual_max", "converged", "products")
        }
        columns.append(column | ({} if norms is None else {"upper": compact.upper_bound(norms)}))
    return {name: torch.stack([column[name] for column in columns], 1) for name in columns[0]}


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
