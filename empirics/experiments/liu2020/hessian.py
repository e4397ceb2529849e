"""Theorem 7.1 and, block by block, Lemma F.1: the output's Hessian in the ball, its own layers and between two.

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
from empirics.experiments.liu2020.layers import premises, values_of
from empirics.experiments.liu2020.setting import Setting
from empirics.measure.compact import CompactHessian
from empirics.measure.curvature import hessian_norms
from empirics.measure.forward import forward
from empirics.measure.lanczos import lanczos
from empirics.measure.memory import budget_bytes, in_chunks, rows_that_fit
from empirics.measure.supremum import supremum
from empirics.measurement import Measurement
from empirics.verdict import Observation
from empirics.weights import Weights

TOLERANCE = 1e-2
NORMS = frozenset(("hessian_norm", "hessian_norm_tight", "hessian_norm_printed"))
BLOCKS = frozenset(("hessian_block", "C_prime", "C_prime_printed"))
HESSIANS = NORMS | BLOCKS
SEARCHED = {"hessian_norm": HESSIANS, "param_grad_norm": frozenset(("L_f", "L_f_tight"))}
"""What is climbed in a search of the ball, and the quantities that it tests."""
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


def in_ball(
    point: Weights,
    start: Weights,
    X: Tensor,
    setting: Setting,
    found: Mapping[str, float],
    R: float,
    names: frozenset[str],
    frame: Mapping[str, Any],
    whole: Measurement | None = None,
) -> Iterator[Observation]:
    """Theorem 7.1 and Lemma F.1 at a point of the ball.

    Args:
        point: the network.
        start: w_0, the centre of the ball.
        X: inputs, (n, d).
        setting: c_0, the activation.
        found: what `constants` found at w_0.
        R: radius of the ball.
        names: the quantities wanted, of `HESSIANS`.
        frame: seed, step and width, for the record.
        whole: `hessian_norms` at the point, where it is known.

    Yields:
        Observations, NOT APPLICABLE where the point lies outside the ball or c_0 is exceeded.
    """
    if not names & HESSIANS:
        return
    whole = whole or hessian_norms(point, X, tol=TOLERANCE)
    values, high = values_of(point, setting, found, R), float(torch.as_tensor(whole.upper).max())
    more: dict[str, Any] = {**frame, "reasons": premises(point, start, R, setting, found)}
    residual = float(torch.as_tensor(whole.residual).max())
    for name in sorted(names & NORMS):
        yield Observation(f"{KEY}.{name}", values, whole.largest, upper=high, residual=residual, **more)
    if names & BLOCKS:
        yield from _largest(point, X, values, names, high, more)


def worst(
    start: Weights,
    X: Tensor,
    setting: Setting,
    found: Mapping[str, float],
    R: float,
    names: frozenset[str],
    frame: Mapping[str, Any],
) -> Iterator[Observation]:
    """Search the ball for the largest Hessian and gradient: from below, it can refute a bound and never prove it.

    Args:
        start: w_0.
        X: inputs, (n, d).
        setting: how many restarts, at least 1, of how many steps; c_0, the activation.
        found: what `constants` found at w_0.
        R: radius of the ball.
        names: the quantities wanted, of `SEARCHED`.
        frame: seed and width, for the record.

    Yields:
        One observation for each quantity tested.
    """
    values, text = values_of(start, setting, found, R), f"worst of {setting.restarts} searches"
    more: dict[str, Any] = {**frame, "reasons": premises(start, start, R, setting, found)}
    options: dict[str, Any] = {"restarts": setting.restarts, "steps": setting.restart_steps, "seed": frame["seed"]}
    for target, tested in SEARCHED.items():
        if not names & tested:
            continue
        search = supremum(start, target, X, SumFrobeniusBall(R), **options)
        for name in sorted(names & tested - BLOCKS):
            yield Observation(f"{KEY}.{name}", values, float(search.value), label=text, **more)
        if names & tested & BLOCKS:
            at = search.details["at"]
            yield from _largest(at, X.to(at.V), values, names, None, more, f", {text}")


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
