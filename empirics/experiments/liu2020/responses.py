"""Lemma F.7, and what else of Appendix F `layers` leaves out: eqs 72 and 73 as printed, Lemma F.4 for any sigma(0).

A change V of W^(l) moves alphatilde^(l) by V a_l, a_l = alpha^(l-1)/sqrt(m_(l-1)), and with ||V||_F = 1 that is any
vector of norm |a_l| or less: the largest response at layer l' is |a_l| ||d alphatilde^(l')/d alphatilde^(l)||_2, and
likewise for alpha^(l'). For l' = l it is exact, and for l' = L, where alphatilde^(L) = f, it is ||df/dW^(l)||_F.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.layers import Sweep, premises, sweep, values_of
from empirics.experiments.liu2020.setting import Setting
from empirics.measure.forward import Pass, forward
from empirics.measure.lanczos import lanczos, needed_rows
from empirics.measure.norms import spectral_norm
from empirics.verdict import Observation
from empirics.weights import Weights

RESPONSES = frozenset(("response", "activation_response"))
OTHERS = frozenset(("activation_norm_shifted", "C_b_printed", "C_b_change_printed"))


@dataclass(frozen=True)
class Reached:
    """The largest response of a layer, over the samples and over the layers that are changed.

    Attributes:
        value: from below; exact up to rounding where `upper` is the same.
        upper: from above, over all of the layers that are changed.
        layer: l, the layer whose change moves it most, from 1.
    """

    value: float
    upper: float
    layer: int


class _Product:
    """J J^T of a product J of layers, samples in rows: slopes below each matrix, and one above the last or None."""

    def __init__(self, slopes: list[Tensor], matrices: list[Tensor], last: Tensor | None) -> None:
        self.slopes, self.matrices, self.last = slopes, matrices, last

    def apply(self, g: Tensor) -> Tensor:
        """J J^T g."""
        found = g if self.last is None else g * self.last
        for slope, w in zip(reversed(self.slopes), reversed(self.matrices), strict=True):
            found = (found @ w) * slope
        for slope, w in zip(self.slopes, self.matrices, strict=True):
            found = (found * slope) @ w.mT
        return found if self.last is None else found * self.last

    def metric(self, y: Tensor) -> Tensor:
        """The identity."""
        return y.clone()

    def keep(self, needed: Tensor) -> Tensor:
        """Any rows can be left out."""
        return needed_rows(needed)

    def take(self, rows: Tensor) -> _Product:
        """Those of some samples."""
        last = None if self.last is None else self.last[rows]
        return _Product([s[rows] for s in self.slopes], self.matrices, last)


def responses(point: Weights, X: Tensor, *, outputs: bool, tol: float = 1e-3) -> list[Reached]:
    """The largest response of every layer to a unit change of one at or below it.

    Args:
        point: a network with one linear output, without biases.
        X: inputs, (n, d).
        outputs: whether alpha^(l'), l' = 1..L-1, is meant, (78); else alphatilde^(l'), l' = 1..L, (77).
        tol: relative residual of the squared norm where two layers are involved.

    Returns:
        One for each l'.
    """
    cache = forward(point, X)
    matrices = [*point.W, point.V.mT]
    scaled = [w * s for w, s in zip(matrices, point.scales, strict=True)]
    norms = [spectral_norm(w) for w in scaled]
    return [
        _most([_reach(cache, scaled, norms, l, to, outputs, tol) for l in range(to + 1)])
        for to in range(point.L + (0 if outputs else 1))
    ]


def _most(ends: list[tuple[Tensor, Tensor]]) -> Reached:
    low, high = (torch.stack(part).tolist() for part in zip(*ends, strict=True))
    best = max(range(len(low)), key=low.__getitem__)
    return Reached(low[best], max(high), best + 1)


def _reach(
    cache: Pass, scaled: list[Tensor], norms: list[Tensor], l: int, to: int, outputs: bool, tol: float
) -> tuple[Tensor, Tensor]:
    """Over all samples, the response at layer index `to` to a change of `l`: (from below, from above)."""
    size = cache.a[l].norm(dim=1)
    last = cache.d1[to] if outputs else None
    above = size if last is None else size * last.abs().amax(1)
    if l == to:
        return above.max(), above.max()
    for k in range(l + 1, to + 1):
        above = above * cache.d1[k - 1].abs().amax(1) * norms[k]
    product = _Product(list(cache.d1[l:to]), scaled[l + 1 : to + 1], last)
    width = len(scaled[to])
    noise = torch.randn(width, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(size)
    ritz = lanczos(product, noise.expand(len(size), -1), tol=tol)
    low = (ritz.lambda_max.clamp(min=0).sqrt() * size).max()
    if width == 1:  # f: a gradient, whose norm a single product gives
        return low, low
    margin = 1 + 64 * width * torch.finfo(size.dtype).eps  # covers the round-off of the norms
    return low, torch.maximum(above.max() * margin, low)


def in_ball(
    point: Weights,
    start: Weights,
    X: Tensor,
    setting: Setting,
    found: Mapping[str, float],
    R: float,
    names: frozenset[str],
    frame: Mapping[str, Any],
) -> Iterator[Observation]:
    """Lemma F.7, eqs 72 and 73 as printed and Lemma F.4 for any sigma(0), at a point of the ball.

    Args:
        point: the network.
        start: w_0, the centre of the ball.
        X: inputs, (n, d).
        setting: c_0, the activation.
        found: what `constants` found at w_0.
        R: radius of the ball.
        names: the quantities wanted, of `RESPONSES` and `OTHERS`.
        frame: seed, step and width, for the record.

    Yields:
        Observations, NOT APPLICABLE where the point lies outside the ball or c_0 is exceeded.
    """
    if not names & (RESPONSES | OTHERS):
        return
    values = values_of(point, setting, found, R)
    more = {**frame, "reasons": premises(point, start, R, setting, found)}
    for name in sorted(names & RESPONSES):
        reached = responses(point, X, outputs=name == "activation_response")
        for l, r in enumerate(reached, start=1):
            at, label = {**values, "l": l}, f"l={r.layer} to {l}"
            yield Observation(f"{KEY}.{name}", at, r.value, upper=r.upper, label=label, **more)
    if names & OTHERS:
        for name, l, size in _others(sweep(point, X), sweep(start, X)):
            if name in names:
                yield Observation(f"{KEY}.{name}", {**values, "l": l}, size, upper=size, label=f"l={l}", **more)


def _others(now: Sweep, then: Sweep) -> Iterator[tuple[str, int, float]]:
    root = now.b[0].shape[1] ** 0.5
    for l, (alpha, b, b_0) in enumerate(zip(now.alpha, now.b, then.b, strict=True), start=1):
        yield "activation_norm_shifted", l, float(alpha.max())
        yield "C_b_printed", l, root * float(b.abs().max())
        yield "C_b_change_printed", l, root * float((b - b_0).norm(dim=1).max())
