"""A network with windows position by position: its hidden layers, its separateness (B.1), norms of its products."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from empirics.measure.forward import Pass, pull, spread
from empirics.measure.lanczos import lanczos, needed_rows
from empirics.weights import Weights

TOLERANCE = 1e-3
"""Relative residual of a squared norm."""


def layers(weights: Weights, cache: Pass) -> list[Tensor]:
    """h_0, ..., h_{L-1} by position, and h_L as one.

    Args:
        weights: a network whose layers but the last hidden one have windows.
        cache: its forward sweep.

    Returns:
        L tensors (P, n, m), and (1, n, P m).
    """
    found = []
    for l, at in enumerate(weights.windows[1:], start=1):
        a = cache.a[l] / weights.scales[l]
        if at is None:
            found.append(a.unflatten(-1, (weights.W[l - 1].shape[0], -1)).movedim(-2, 0))
            continue
        q = at.shape[1]
        channels = a.shape[-1] // q
        place = torch.full((len(at),), -1, device=at.device).scatter(  # of one of the windows that read a position
            0, at.flatten(), torch.arange(at.numel(), device=at.device)
        )
        by_window = a.unflatten(-1, (q, channels)).movedim(-2, 1).flatten(0, 1)  # (P q, n, channels)
        found.append(by_window[place])
    return [*found, (cache.a[-1] / weights.scales[-1])[None]]


def separateness(h: Tensor) -> Tensor:
    """(B.1)'s sum over positions of ||(I - h_i h_i^T/||h_i||^2) h_j||^2 for all pairs of samples.

    Where h_i is 0 at a position there is nothing to project on: all of h_j counts.

    Args:
        h: a layer by position, (P, n, m).

    Returns:
        Position by position, (P, n, n): row i, column j.
    """
    gram = h @ h.mT
    size = gram.diagonal(dim1=-2, dim2=-1)
    along = torch.where(size[..., :, None] > 0, gram.square() / size[..., :, None], 0.0)
    return (size[..., None, :] - along).clamp(min=0)


def least_pair(terms: Tensor) -> tuple[Tensor, Tensor]:
    """The least of (B.1)'s sums over pairs of different samples, and how much its largest position contributes.

    Args:
        terms: (P, n, n), from `separateness`.

    Returns:
        The sum, and that position's share of it; two numbers.
    """
    total = terms.sum(0)
    total.diagonal().fill_(torch.inf)
    least = total.argmin()
    value = total.flatten()[least]
    return value, terms.flatten(1)[:, least].amax() / value.clamp(min=torch.finfo(value.dtype).tiny)


def product_norms(weights: Weights, signs: Sequence[Tensor]) -> dict[tuple[int, int], Tensor]:
    """||W_b D_{b-1} ... D_a W_a||_2 of convolutions, by Lanczos and hence from below.

    Args:
        weights: a network whose layers but the last hidden one have windows.
        signs: D_{i,l} of all layers, h_0's first, (P, n, m) each: `Pass.d1`.

    Returns:
        (b, a) -> (n,), for 1 <= a <= b <= L - 1; the same for all samples where a = b.
    """
    last, found = weights.L - 2, {}
    size = weights.widths[0]
    start = torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(weights.V)
    for a in range(1, last + 1):
        for b in range(a, last + 1):
            n = signs[0].shape[1] if b > a else 1
            chain = _Chain(weights, a, b, tuple(signs[l] for l in range(a, b)))
            ritz = lanczos(chain, start.expand(n, -1), tol=TOLERANCE)
            found[b, a] = ritz.lambda_max.clamp(min=0).sqrt()
    return found


def spread_finding(layers: Sequence[Tensor]) -> str:
    """On how many positions a sample's squared norm lies, 1/sum of squared shares in the mean over samples.

    Args:
        layers: h_0, ..., h_{L-1} by position and h_L, from `layers`.

    Returns:
        A sentence.
    """
    parts = []
    for l, h in enumerate(layers[:-1]):
        share = h.square().sum(2) / h.square().sum((0, 2)).clamp(min=torch.finfo(h.dtype).tiny)
        over = (1 / share.square().sum(0)).mean()
        parts.append(
            f"h_{l} on {float(over):.3g} of {len(h)} positions (largest share {float(share.amax()):.2g}, "
            f"{float((share == 0).double().sum(0).mean()):.3g} of them 0)"
        )
    return f"{layers[0].shape[2]} channels: a sample's squared norm lies, in the mean over samples, {'; '.join(parts)}"


def separateness_finding(layers: Sequence[Tensor], delta: float) -> str:
    """(B.1) in every layer, and for h_{L-1} as a whole the separateness of Lemma 7.5.

    Args:
        layers: h_0, ..., h_{L-1} by position and h_L, from `layers`.
        delta: separation of the inputs; 0 where two are equal.

    Returns:
        A sentence.
    """
    if delta <= 0:
        return "two samples are equal: delta = 0, no layer keeps them apart (Assumption 2.1)"
    parts = []
    for l, h in enumerate(layers):
        least, share = least_pair(separateness(h))
        where = f" ({float(share):.0%} from one position)" if len(h) > 1 else " (dense)"
        parts.append(f"{float(least.sqrt()) / delta:.3g} at h_{l}{where}")
    whole = least_pair(separateness(layers[-2].movedim(0, 1).flatten(1)[None]))[0]
    return (
        f"{layers[0].shape[2]} channels: the root of (B.1)'s sum over the separation delta = {delta:.3g}, least over "
        f"all pairs of {layers[0].shape[1]} samples (at least a constant): {', '.join(parts)}; h_{{L-1}} as one "
        f"vector (Lemma 7.5): {float(whole.sqrt()) / delta:.3g}"
    )


class _Chain:
    """P^T P of P = W_b D ... D W_a for a batch of samples; D_l of shape (P, n, m)."""

    def __init__(self, weights: Weights, a: int, b: int, signs: tuple[Tensor, ...]) -> None:
        self.weights, self.a, self.b, self.signs = weights, a, b, signs

    def apply(self, g: Tensor) -> Tensor:
        """P^T P g, from (n, P m)."""
        for l in range(self.a, self.b + 1):
            z = self._convolve(l, g)
            if l < self.b:
                g = (z * self.signs[l - self.a]).movedim(0, 1).flatten(1)
        g = pull(self.weights, self.b, z)
        for l in range(self.b - 1, self.a - 1, -1):
            g = pull(self.weights, l, spread(self.weights, l, g) * self.signs[l - self.a])
        return g

    def _convolve(self, l: int, h: Tensor) -> Tensor:
        """W_l h, (P, n, m)."""
        at, w = self.weights.windows[l], self.weights.W[l]
        assert at is not None
        by_position = h.unflatten(-1, (-1, w.shape[-1] // at.shape[1]))
        return by_position[:, at].flatten(-2).movedim(1, 0) @ w.mT

    def metric(self, y: Tensor) -> Tensor:
        """The identity."""
        return y.clone()

    def keep(self, needed: Tensor) -> Tensor:
        """Any rows can be left out."""
        return needed_rows(needed)

    def take(self, rows: Tensor) -> _Chain:
        """Those of some samples."""
        return _Chain(self.weights, self.a, self.b, tuple(d[:, rows] for d in self.signs))
