"""The rungs of banerjee2023's lemmas A.1-A.7, measured one by one on a network.

Each name is the theory's key (banerjee2023.weight_norm, ...), so a loose theorem can be traced to its loose lemma.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from empirics.checks import check_dense, check_finite, check_inputs, check_single
from empirics.measure.forward import Pass, backward, forward
from empirics.measure.lanczos import lanczos, needed_rows
from empirics.measure.memory import budget_bytes, in_chunks, rows_that_fit
from empirics.measurement import Measurement, Stopwatch
from empirics.networks import Network, as_weights
from empirics.weights import Weights

_VECTORS = 12  # of m numbers per sample, an upper estimate of what the Lanczos recurrence holds


def spectral_norm(matrix: Tensor) -> Tensor:
    """||A||_2 = sqrt(lambda_max(A A^T)), accurate to round-off for the largest singular value and cheaper than an SVD.

    Args:
        matrix: (..., p, q).

    Returns:
        (...,); NaN where an entry is not finite.
    """
    scale = matrix.abs().amax((-2, -1), keepdim=True)
    usable = (scale > 0) & scale.isfinite()
    safe = torch.where(usable, matrix / scale, 0.0)  # squares can neither overflow nor vanish
    gram = safe @ safe.mT if safe.shape[-2] <= safe.shape[-1] else safe.mT @ safe
    top = torch.linalg.eigvalsh(gram)[..., -1].clamp(min=0).sqrt()
    return torch.where(scale.isfinite(), top[..., None, None] * scale, torch.nan)[..., 0, 0]


def layer_norms(
    net: Network | Weights,
    X: Tensor,
    *,
    initial: Weights | None = None,
    output: int = 0,
    tol: float = 1e-3,
    max_iter: int = 300,
) -> dict[str, Measurement]:
    """Every lemma rung at once.

    Args:
        net: the network, or a point of it.
        X: inputs, (n, d).
        initial: theta_0; a Network's own `initial` by default.
        output: which output b^(l) = d f_h/d alpha^(l) belongs to.
        tol: relative residual for the layer Jacobians.
        max_iter: products at most for each layer's Jacobians.

    Returns:
        weight_norm (L,): ||W^(l)||_2.  weight_distance (L,): ||W^(l) - W_0^(l)||_2.  readout_distance (k,):
        ||v - v_0||_2 of each output (the distances only where theta_0 is known).
        activation_norm (n, L): ||alpha^(l)||_2.  layer_jacobian (n, L-1): ||d alpha^(l)/d alpha^(l-1)||_2, l >= 2, from
        below, with an upper bound.  weight_jacobian (n, L): ||d alpha^(l)/d w^(l)||_2.
        backward_norm and backward_max (n, L): ||b^(l)||_2 and ||b^(l)||_inf.

    Raises:
        TheoryError: bad inputs, a batch of networks, or outputs that are not finite.
        NotApplicable: a layer has windows.
    """
    weights = as_weights(net)
    check_single(weights, "the norms of every layer")
    check_dense(weights, "the norms of every layer")
    x = check_inputs(weights, X)
    if initial is None and isinstance(net, Network):
        initial = net.initial
    cache = forward(weights, x)
    check_finite(cache.f)
    cotangent = torch.zeros_like(cache.f)
    cotangent[:, output] = 1
    b, _ = backward(weights, cache, cotangent)
    inputs = torch.stack([a.norm(dim=1) for a in cache.a], 1)
    slopes = torch.stack([d1.abs().amax(1) for d1 in cache.d1], 1)
    root = x.new_tensor(weights.scales[1:]).reciprocal()  # a_{l+1} = alpha^(l)/sqrt(m)
    return weight_norms(weights, initial) | {
        "layer_jacobian": layer_jacobians(weights, cache, tol=tol, max_iter=max_iter),
        "activation_norm": _exact("activation_norm", inputs[:, 1:] * root),
        # row i of W^(l) moves only alpha_i, by phi'(z_i) a^T: the blocks are independent
        "weight_jacobian": _exact("weight_jacobian", slopes * inputs[:, :-1]),
        "backward_norm": _exact("backward_norm", torch.stack([b_l.norm(dim=1) for b_l in b], 1)),
        "backward_max": _exact("backward_max", torch.stack([b_l.abs().amax(1) for b_l in b], 1)),
    }


def weight_norms(net: Network | Weights, initial: Weights | None = None) -> dict[str, Measurement]:
    """Spectral norms of the layers and their distances from theta_0.

    Args:
        net: the network, or a point of it.
        initial: theta_0, or None to leave the distances out.

    Returns:
        weight_norm and, with theta_0, weight_distance and readout_distance, as in `layer_norms`.

    Raises:
        TheoryError: a batch of networks.
        NotApplicable: a layer has windows.
    """
    weights = as_weights(net)
    check_single(weights, "the spectral norm of every layer")
    check_dense(weights, "the spectral norm of every layer")
    with Stopwatch(weights.V) as watch:
        found = {"weight_norm": torch.stack([spectral_norm(w) for w in weights.W])}
        if initial is not None:
            initial = initial.to(weights.V)  # the network may have been moved since
            pairs = zip(weights.W, initial.W, strict=True)
            found["weight_distance"] = torch.stack([spectral_norm(w - w0) for w, w0 in pairs])
            found["readout_distance"] = (weights.V - initial.V).norm(dim=0)
    return {name: Measurement(name, value, **watch.origin) for name, value in found.items()}


def layer_jacobians(weights: Weights, cache: Pass, *, tol: float = 1e-3, max_iter: int = 300) -> Measurement:
    """||d alpha^(l)/d alpha^(l-1)||_2 = ||diag(phi'(z_l)) (scale_l W_l + I at a shortcut)||_2, l = 2..L.

    Args:
        weights: the network.
        cache: its forward sweep.
        tol: relative residual of the squared norm.
        max_iter: products at most per layer.

    Returns:
        value (n, L-1): Ritz values, from below; upper: max_i |phi'(z_i)| times the matrix's norm, up to the rounding
        of the sweep.

    Raises:
        TheoryError: a budget that one sample exceeds.
    """
    columns, device = [], weights.V.device
    with Stopwatch(weights.V) as watch:
        for l in range(1, weights.L):
            w = weights.W[l] * weights.scales[l]
            if l + 1 in weights.shortcuts:
                w.diagonal().add_(1)
            start = torch.randn(len(w), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(w)
            measure = partial(_layer_jacobian, w, spectral_norm(w), start, tol, max_iter)
            per_row = _VECTORS * len(w) * w.element_size()
            size = rows_that_fit(cache.n, per_row=per_row, budget=budget_bytes(None, device), device=device, most=256)
            columns.append(in_chunks(measure, cache.d1[l], size))
    empty = {name: cache.f.new_zeros(cache.f.shape[0], 0) for name in ("value", "upper", "residual")}
    value, upper, residual = (torch.stack([c[k] for c in columns], 1) if columns else empty[k] for k in empty)
    return Measurement("layer_jacobian", value, "interval", value, upper, residual, **watch.origin)


class _Jacobian:
    """J J^T, J = diag(slope) W, for a batch of slopes (B, m)."""

    def __init__(self, w: Tensor, slope: Tensor) -> None:
        self.w, self.slope = w, slope

    def apply(self, g: Tensor) -> Tensor:
        """J J^T g."""
        return self.slope * (((self.slope * g) @ self.w) @ self.w.mT)

    def metric(self, y: Tensor) -> Tensor:
        """The identity."""
        return y.clone()

    def keep(self, needed: Tensor) -> Tensor:
        """Any rows can be left out."""
        return needed_rows(needed)

    def take(self, rows: Tensor) -> _Jacobian:
        """Those of some samples."""
        return _Jacobian(self.w, self.slope[rows])


def _layer_jacobian(
    w: Tensor, norm: Tensor, start: Tensor, tol: float, max_iter: int, slope: Tensor
) -> dict[str, Tensor]:
    """||J||_2 for a chunk of samples; w includes the layer's scale."""
    ritz = lanczos(_Jacobian(w, slope), start.expand(slope.shape[0], -1), tol=tol, max_iter=max_iter)
    value = ritz.lambda_max.clamp(min=0).sqrt()
    residual = ritz.residual_max / (2 * value).clamp(min=torch.finfo(value.dtype).tiny)  # d sqrt(x) = dx/(2 sqrt(x))
    margin = 1 + 64 * w.shape[0] * torch.finfo(w.dtype).eps  # covers the round-off of the norm
    return {
        "value": value,
        "upper": (slope.abs().amax(1) + 16 * torch.finfo(w.dtype).eps) * norm * margin,
        "residual": residual,
    }


def _exact(name: str, value: Tensor) -> Measurement:
    return Measurement(name, value, dtype=str(value.dtype).removeprefix("torch."), device=str(value.device))
