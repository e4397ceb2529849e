"""(C.1): norms of (I + tau W_a) D_{a-1} ... D_b (I + tau W_b) for all samples and all L - 1 >= a >= b >= 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from empirics.measure.lanczos import lanczos, needed_rows
from empirics.measure.norms import spectral_norm
from empirics.weights import Weights

TOLERANCE = 1e-4
"""Relative residual of a squared norm."""


def branches(weights: Weights) -> list[Tensor]:
    """I + tau W_l of the residual layers l = 1..L-1, (m, m) each.

    Args:
        weights: a residual network.

    Returns:
        The matrices, the first layer's first.
    """
    found = []
    for l in sorted(weights.shortcuts):
        matrix = weights.W[l - 1] * weights.scales[l - 1]
        matrix.diagonal().add_(1)
        found.append(matrix)
    return found


def largest_product(weights: Weights, signs: Sequence[Tensor]) -> dict[tuple[int, int], tuple[float, float]]:
    """The largest norm of (C.1)'s product over the samples, for every pair of layers.

    Between the layers l+1 and l stands D_l, the signs of g_l (the paper prints other indices). A single layer has none:
    its norm is exact. From above a product is at most the product of its layers' norms; from below by Lanczos.

    Args:
        weights: a residual network.
        signs: D_{i,l} of all layers, A's first, (n, m) each: `Pass.d1`.

    Returns:
        (a, b) -> (lower, upper), up to rounding.
    """
    factors = branches(weights)
    norms = torch.stack([spectral_norm(f) for f in factors])
    start = torch.randn(weights.m, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(weights.V)
    pairs = [(a, b) for b in range(1, len(factors) + 1) for a in range(b, len(factors) + 1)]
    ends = []
    for a, b in pairs:
        above = norms[b - 1 : a].prod()
        if a == b:
            ends.append(torch.stack([above, above]))
            continue
        product = _Product(factors[b - 1 : a], [signs[l] for l in range(b, a)])
        ritz = lanczos(product, start.expand(signs[0].shape[0], -1), tol=TOLERANCE)
        ends.append(torch.stack([ritz.lambda_max.clamp(min=0).sqrt().amax(), above]))
    margin = 64 * weights.m * torch.finfo(norms.dtype).eps * len(factors)  # covers the rounding of the norms
    table = torch.stack(ends) * (1 + margin * torch.tensor([-1.0, 1.0]).to(norms))
    return {pair: (low, high) for pair, (low, high) in zip(pairs, table.tolist(), strict=True)}


class _Product:
    """P^T P of P = F_k D ... D F_1 for a batch of samples: F_l shared, D of shape (n, m)."""

    def __init__(self, factors: Sequence[Tensor], signs: Sequence[Tensor]) -> None:
        self.factors, self.signs = factors, signs

    def apply(self, g: Tensor) -> Tensor:
        """P^T P g."""
        x = g @ self.factors[0].mT
        for factor, d in zip(self.factors[1:], self.signs, strict=True):
            x = (x * d) @ factor.mT
        x = x @ self.factors[-1]
        for factor, d in zip(reversed(self.factors[:-1]), reversed(self.signs), strict=True):
            x = (x * d) @ factor
        return x

    def metric(self, y: Tensor) -> Tensor:
        """The identity."""
        return y.clone()

    def keep(self, needed: Tensor) -> Tensor:
        """Any rows can be left out."""
        return needed_rows(needed)

    def take(self, rows: Tensor) -> _Product:
        """Those of some samples."""
        return _Product(self.factors, [d[rows] for d in self.signs])
