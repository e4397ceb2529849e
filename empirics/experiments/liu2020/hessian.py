"""Lemma F.1 block by block: `layers` measures the Hessian and its diagonal blocks, here are those between two layers.

A block H^(l1,l2), l1 < l2, is what is left of the Hessian in both layers once their own blocks are taken out: in the
compact form H = M^T Q M, where M works layer by layer, the entries of Q between the two. Its largest |eigenvalue| is
the block's norm. Found by Lanczos, blocks are known from below; the whole Hessian's upper bound bounds each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from empirics.balls import SumFrobeniusBall
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.layers import values_of
from empirics.experiments.liu2020.setting import Setting
from empirics.measure.compact import CompactHessian
from empirics.measure.curvature import hessian_norms
from empirics.measure.forward import forward
from empirics.measure.lanczos import lanczos
from empirics.measure.memory import budget_bytes, in_chunks, rows_that_fit
from empirics.measure.supremum import supremum
from empirics.verdict import Observation
from empirics.weights import Weights

TOLERANCE = 1e-2
BLOCKS = frozenset(("hessian_block", "C_prime", "C_prime_printed"))
_VECTORS = 24  # of D numbers per sample that the recurrence and the operator hold
_MOST = 4096  # samples in a chunk


class _Cross:
    """The part of the compact Hessian between two layers, as an operator on all of its vectors (B, D)."""

    def __init__(self, compact: CompactHessian, first: Tensor) -> None:
        self.compact, self.first = compact, first

    def apply(self, g: Tensor) -> Tensor:
        """Q g without what goes from a layer to itself."""
        onto_second = self.compact.apply(torch.where(self.first, g, 0.0)).clone()  # apply reuses its result's memory
        return torch.where(self.first, self.compact.apply(torch.where(self.first, 0.0, g)), onto_second)

    def metric(self, y: Tensor) -> Tensor:
        """M M^T y."""
        return self.compact.metric(y)

    def keep(self, needed: Tensor) -> Tensor:
        """As the whole."""
        return self.compact.keep(needed)

    def take(self, rows: Tensor) -> _Cross:
        """The blocks of some of the samples."""
        return _Cross(self.compact.take(rows), self.first)


def block_norms(point: Weights, X: Tensor, tol: float = TOLERANCE) -> Tensor:
    """max_i ||H^(l1,l2)(x_i)||_2 of all blocks, from below.

    Args:
        point: a network with one linear output, without biases.
        X: inputs, (n, d).
        tol: relative residual.

    Returns:
        (L, L) over the weight layers, symmetric; the readout's own block is zero, f being linear in it.

    Raises:
        TheoryError: memory for not even one sample.
        NotApplicable: the activation is not twice differentiable.
    """
    layers = point.L + 1
    found = X.new_zeros(layers, layers)
    size = 2 * sum(point.widths) * _VECTORS * X.element_size()
    rows = rows_that_fit(len(X), per_row=size, budget=budget_bytes(None, X.device), device=X.device, most=_MOST)
    for l in range(point.L):
        found[l, l] = torch.as_tensor(hessian_norms(_only(point, l), X, tol=tol, upper=False).value).max()
        for k in range(l + 1, layers):
            between = in_chunks(partial(_between, _only(point, l, k), l, tol), X, rows)
            found[l, k] = found[k, l] = between["norm"].max()
    return found


def _between(pair: Weights, first: int, tol: float, x: Tensor) -> dict[str, Tensor]:
    compact = CompactHessian(pair, forward(pair, x, order=2))
    inside = torch.zeros(compact.size, dtype=torch.bool, device=x.device)
    for blocks in (compact.p, compact.s):
        if first in blocks:
            inside[blocks[first]] = True
    noise = torch.randn(compact.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(x)
    ritz = lanczos(_Cross(compact, inside), compact.start(noise), tol=tol)
    return {"norm": torch.maximum(ritz.lambda_max.abs(), ritz.lambda_min.abs())}


def _only(point: Weights, *trained: int) -> Weights:
    return replace(point, trainable=tuple(k in trained for k in range(len(point.tensors))))


def blocks(
    point: Weights,
    start: Weights,
    X: Tensor,
    setting: Setting,
    found: Mapping[str, float],
    R: float,
    names: frozenset[str],
    frame: Mapping[str, Any],
) -> Iterator[Observation]:
    """Lemma F.1 at a point of the ball, with every block.

    Args:
        point: the network.
        start: w_0, the centre of the ball.
        X: inputs, (n, d).
        setting: c_0, the activation.
        found: what `constants` found at w_0.
        R: radius of the ball.
        names: the quantities wanted, of `BLOCKS`.
        frame: seed, step and width, for the record.

    Yields:
        Observations, NOT APPLICABLE where the point lies outside the ball or c_0 is exceeded.
    """
    if names & BLOCKS:
        high = float(torch.as_tensor(hessian_norms(point, X, tol=TOLERANCE).upper).max())
        why = left(point, start, R) + exceeded(setting, found)
        yield from _largest(point, X, values_of(point, setting, found, R), names, high, {**frame, "reasons": why})


def worst_blocks(
    start: Weights,
    X: Tensor,
    setting: Setting,
    found: Mapping[str, float],
    R: float,
    names: frozenset[str],
    frame: Mapping[str, Any],
) -> Iterator[Observation]:
    """Lemma F.1 where a search of the ball found the largest Hessian: it can refute a bound and never prove it.

    Args:
        start: w_0.
        X: inputs, (n, d).
        setting: how many restarts, at least 1, of how many steps; c_0, the activation.
        found: what `constants` found at w_0.
        R: radius of the ball.
        names: the quantities wanted, of `BLOCKS`.
        frame: seed and width, for the record.

    Yields:
        One observation for each quantity.
    """
    if names & BLOCKS:
        options: dict[str, Any] = {"restarts": setting.restarts, "steps": setting.restart_steps, "seed": frame["seed"]}
        at = supremum(start, "hessian_norm", X, SumFrobeniusBall(R), **options).details["at"]
        more = {**frame, "reasons": exceeded(setting, found)}
        values, text = values_of(start, setting, found, R), f", worst of {setting.restarts} searches"
        yield from _largest(at, X.to(at.V), values, names, None, more, text)


def _largest(
    point: Weights,
    X: Tensor,
    values: Mapping[str, Any],
    names: frozenset[str],
    upper: float | None,
    frame: Mapping[str, Any],
    text: str = "",
) -> Iterator[Observation]:
    """The largest block as an observation of each quantity wanted."""
    norms = block_norms(point, X)
    first, second = sorted(divmod(int(norms.argmax()), len(norms)))
    low, label = float(norms.max()), f"block ({first + 1}, {second + 1}){text}"
    for name in sorted(names & BLOCKS):
        scale = 1.0 if name == "hessian_block" else point.m**0.5
        high = None if upper is None else scale * upper
        yield Observation(f"{KEY}.{name}", values, scale * low, upper=high, label=label, **frame)


def left(point: Weights, start: Weights, R: float) -> tuple[str, ...]:
    """Why a point is not in the ball.

    Args:
        point: the network.
        start: w_0.
        R: radius in sum_l ||W^(l) - W_0^(l)||_F.

    Returns:
        A reason, or none.
    """
    moved = sum(float((w - w0).norm()) for w, w0 in zip(point.tensors, start.tensors, strict=True))
    return (f"the iterate left the ball: {moved:.3g} > R = {R:.3g}",) if moved > R * (1 + 1e-9) else ()


def exceeded(setting: Setting, found: Mapping[str, float]) -> tuple[str, ...]:
    """Why Assumption 7.1 fails.

    Args:
        setting: c_0 as asked for.
        found: c_0 as measured.

    Returns:
        A reason, or none.
    """
    if found["c_0"] <= setting.c_0:
        return ()
    return (f"Assumption 7.1 fails: a layer's norm is {found['c_0']:.3g} sqrt(m) > c_0 = {setting.c_0:g}",)
