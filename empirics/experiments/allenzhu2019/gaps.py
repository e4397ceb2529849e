"""Theorem 5: the network near its initialisation against its linearisation there.

With c_l the cotangents of g_l and the gradients c_l h_{l-1}^T, everything is sums over layers of products of inner
products: no gradient is formed. dc and dh being the changes of c_l and h_{l-1},
c h^T - c_0 h_0^T = dc h^T + c_0 dh^T, whose norm this form gives without cancellation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from empirics.experiments.allenzhu2019.near import Direction, RankOne, Start, Sweep

MEASURED = frozenset(("ntk_gradient_gap", "ntk_output_gap", "ntk_kernel_gap"))


def gaps(start: Start, seen: Sweep, direction: Direction, names: frozenset[str]) -> dict[str, Tensor]:
    """The three gaps of Theorem 5 at every radius, for every sample and output.

    Args:
        start: the network at W^(0).
        seen: the sweep at W^(0) + W'.
        direction: W'.
        names: those wanted.

    Returns:
        Name -> (radii, n, d): the relative change of the gradient of output j; |y_j - y_j^(0) - <grad y_j^(0), W'>|;
        the relative change of K_j(x, x'), the largest over x' where W' is the same for all samples, else at x' = x.
    """
    found = {}
    if "ntk_gradient_gap" in names:
        found["ntk_gradient_gap"] = gradient_gap(start, seen)
    if "ntk_output_gap" in names:
        found["ntk_output_gap"] = output_gap(start, seen, direction)
    if "ntk_kernel_gap" in names:
        own = isinstance(direction, RankOne) and direction.left[0].shape[-2] > 1
        found["ntk_kernel_gap"] = own_kernel_gap(start, seen) if own else kernel_gap(start, seen)
    return found


def gradient_gap(start: Start, seen: Sweep) -> Tensor:
    """||grad y_j(W^(0) + W') - grad y_j(W^(0))||_F/||grad y_j(W^(0))||_F, (radii, n, d)."""
    total: Tensor | float = 0.0
    for c_0, c, h_0, h in zip(start.at.c, seen.c, start.at.h[:-1], seen.h[:-1], strict=True):
        dc, dh = c - c_0, (h - h_0).unsqueeze(-3)
        h = h.unsqueeze(-3)
        total = total + _square(dc) * _square(h) + _square(c_0) * _square(dh)
        total = total + 2 * (dc * c_0).sum(-1) * (h * dh).sum(-1)
    return _ratio(torch.as_tensor(total).clamp(min=0).sqrt().mT, _own(start.at).sqrt().mT)


def output_gap(start: Start, seen: Sweep, direction: Direction) -> Tensor:
    """|y_j(W^(0) + W') - y_j(W^(0)) - <grad y_j(W^(0)), W'>|, (radii, n, d)."""
    return (seen.y - start.at.y - linear_change(start, start.at, direction)).abs()


def linear_change(start: Start, at: Sweep, direction: Direction) -> Tensor:
    """<grad y_j(W), W'> = sum_l c_l^T W'_l h_{l-1} for every sample and output, (radii, n, d).

    Args:
        start: the network.
        at: the sweep at W.
        direction: W'.
    """
    total: Tensor | float = 0.0
    for l in range(1, start.L + 1):
        pushed = direction.push(l, at.h[l - 1]).unsqueeze(-3)
        total = total + (at.c[l - 1] * pushed).sum(-1).mT
    return torch.as_tensor(total)


def own_kernel_gap(start: Start, seen: Sweep) -> Tensor:
    """|K_j(x, x) - K_j^(0)(x, x)|/K_j^(0)(x, x), (radii, n, d)."""
    before = _own(start.at)
    return _ratio((_own(seen) - before).abs().mT, before.mT)


def kernel_gap(start: Start, seen: Sweep) -> Tensor:
    """The relative change of K_j(x, x'), by sqrt(K_j^(0)(x, x) K_j^(0)(x', x')), largest over x': (radii, n, d)."""
    before = _kernel(start.at)
    size = before.diagonal(dim1=-2, dim2=-1).sqrt()
    return _ratio((_kernel(seen) - before).abs(), size[..., :, None] * size[..., None, :]).amax(-1).mT


def _own(at: Sweep) -> Tensor:
    """K_j(x, x), (..., d, n)."""
    total: Tensor | float = 0.0
    for c, h in zip(at.c, at.h[:-1], strict=True):
        total = total + _square(c) * _square(h).unsqueeze(-2)
    return torch.as_tensor(total)


def _kernel(at: Sweep) -> Tensor:
    """K_j(x, x'), (..., d, n, n)."""
    total: Tensor | float = 0.0
    for c, h in zip(at.c, at.h[:-1], strict=True):
        total = total + (c @ c.mT) * (h @ h.mT).unsqueeze(-3)
    return torch.as_tensor(total)


def _square(t: Tensor) -> Tensor:
    return t.square().sum(-1)


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """The quotient; NaN where the gradient at W^(0) vanishes and the gap is not defined."""
    return a / torch.where(b > 0, b, torch.nan)
