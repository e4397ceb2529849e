"""Lemma 7.1 on residual networks over fresh draws, and the exact law of ||h_0||.

Each of m entries of A x is N(0, 2/m) for ||x|| = 1, and half of them are cut off: ||h_0||^2 = (2/m) chi^2 with
Binomial(m, 1/2) degrees of freedom (Fact 7.2), of mean 1 and variance 5/m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from empirics.experiments.allenzhu2019.architecture import resnet
from empirics.measure.forward import forward
from empirics.verdict import clopper_pearson
from empirics.weights import Weights

LIKELY = 0.05
"""Failure probability for which the least width is worked out."""


def tail(m: int, t: float) -> float:
    """P(||h_0|| > t) for one input of norm 1, exact up to rounding.

    Args:
        m: neurons.
        t: positive.

    Returns:
        The probability.

    >>> round(tail(1, 1.0), 4)  # half of P(|N(0, 2)| > 1)
    0.2398
    """
    middle, reach = m / 2, 20 * math.sqrt(m) + 20  # beyond, the binomial weights are below 1e-300
    degrees = np.arange(max(1, math.floor(middle - reach)), min(m, math.ceil(middle + reach)) + 1)
    return float(np.sum(stats.binom.pmf(degrees, m, 0.5) * stats.chi2.sf(m * t * t / 2, degrees)))


def least_width(n: int, bound: float, failure: float) -> int:
    """The least m with n P(||h_0|| > bound) <= failure: by the union bound all samples stay below.

    Args:
        n: samples.
        bound: above 1, where the probability falls with m.
        failure: in (0, 1).

    Returns:
        The width.
    """
    high = 2
    while n * tail(high, bound) > failure:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if n * tail(middle, bound) > failure else (low, middle)
    return high


def draws_finding(weights: Weights, X: Tensor, limits: tuple[float, float], seeds: Sequence[int]) -> str:
    """How many fresh networks keep all norms of h_0, ..., h_{L-1} between the limits, beside the exact law of h_0.

    Args:
        weights: a residual network: its L, m, tau.
        X: inputs of norm 1, (n, d_in).
        limits: the lower and the upper one.
        seeds: of the networks, at least one.

    Returns:
        A sentence.
    """
    least, largest, first = _norms(weights, X, seeds)
    (low, high), draws = limits, len(seeds)
    inside, below = int(((least >= low) & (largest <= high)).sum()), int((least >= low).sum())
    one = int((first > high).sum())
    a, b = clopper_pearson(one, draws)
    n, m = len(X), weights.m
    return (
        f"width {m}, {draws} draws at tau = {weights.scales[1]:.3g}: ||h_0||, ..., ||h_{{L-1}}|| of all {n} samples "
        f"were at least {low:.4g} in {below}, and within [{low:.4g}, {high:g}] in {inside} (norms from "
        f"{least.min():.3g} to {largest.max():.3g}); ||h_0|| of one sample is above {high:g} with probability "
        f"{tail(m, high):.3g} exactly (seen {one} of {draws} times, interval {a:.2g} to {b:.2g}); "
        f"m >= {least_width(n, high, LIKELY)} keeps all {n} below with probability {1 - LIKELY:g}"
    )


def _norms(weights: Weights, X: Tensor, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and largest ||h_l||, l < L, over layers and samples, and the first sample's ||h_0||; (S,) each."""
    rows = []
    for seed in seeds:
        options = {"L": weights.L - 1, "m": weights.m, "d_in": weights.d, "tau": weights.scales[1]}
        fresh = resnet(torch.Generator().manual_seed(seed), **options).to(weights.V)  # type: ignore[arg-type]
        cache = forward(fresh, X, 0)
        norms = torch.stack([a.norm(dim=1) / s for a, s in zip(cache.a[1:-1], fresh.scales[1:-1], strict=True)])
        rows.append(torch.stack([norms.amin(), norms.amax(), norms[0, 0]]))
    least, largest, first = torch.stack(rows).cpu().numpy().T
    return least, largest, first
