"""Many random initialisations: Lemma 7.1's probability and (7.1)'s mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from scipy.stats import t as student
from torch import Tensor

from empirics.comparison import predict
from empirics.experiments.allenzhu2019.key import KEY
from empirics.networks import network
from empirics.verdict import clopper_pearson
from empirics.weights import Weights

EPS = (0.1, 0.25, 0.5)
"""Deviations of the norms from 1 at which Lemma 7.1 is looked at."""
UNLIKELY = 1e-6
"""Probability with which a sample mean may leave the interval given for the truth."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Fresh initialisations, S of them.

    Attributes:
        least, greatest: of ||h_{i,l}|| over all samples and layers, (S,).
        drift: mean of log ||phi(W_l e_k)||^2 over all layers and coordinates k, (S,).
    """

    least: Tensor
    greatest: Tensor
    drift: Tensor

    @property
    def count(self) -> int:
        """How many."""
        return len(self.drift)

    def outside(self, eps: float) -> int:
        """In how many a norm leaves [1 - eps, 1 + eps]."""
        return int(((self.least < 1 - eps) | (self.greatest > 1 + eps)).sum())

    def mean_drift(self) -> tuple[float, float, float]:
        """The mean of the drift, and the ends of Student's interval for its expectation; at least two draws."""
        centre, spread = float(self.drift.mean()), float(self.drift.std())
        half = float(student.ppf(1 - UNLIKELY / 2, self.count - 1)) * spread / math.sqrt(self.count)
        return centre, centre - half, centre + half


def draw(weights: Weights, X: Tensor, count: int, first: int = 0) -> Draws:
    """Initialise networks of the same sizes with seeds that follow one another.

    Of log(||h_l||^2/||h_{l-1}||^2) every W_l gives m independent values, at the m unit vectors in place of h_{l-1}/
    ||h_{l-1}||: (7.1) holds at every fixed input.

    Args:
        weights: whose sizes, on whose device.
        X: inputs, (n, d_in).
        count: how many, at least 1.
        first: the first seed.

    Returns:
        What was seen, on the CPU.
    """
    options: dict[str, Any] = {"L": weights.L - 1, "m": weights.m, "d_in": weights.d}
    rows = []
    for seed in range(first, first + count):
        made = network(KEY, "mlp", seed=seed, device=weights.V.device, **options).weights
        h, norms = X.to(made.V), []
        for w in made.W:
            h = torch.relu(h @ w.mT)
            norms.append(h.norm(dim=1))
        drift = torch.stack([w.clamp(min=0).square().sum(0).log() for w in made.W[1:]]).mean()
        rows.append(torch.stack([torch.cat(norms).min(), torch.cat(norms).max(), drift]))
    return Draws(*torch.stack(rows).cpu().unbind(1))


def finding(found: Draws, values: Mapping[str, Any]) -> str:
    """How often the norms leave [1 - eps, 1 + eps], and which C_2 of Lemma 7.1 that leaves at C_1 = 1.

    Args:
        found: the draws.
        values: the parameters at which the theory predicts.

    Returns:
        A sentence; Lemma 7.1 gets no verdict in the table, as C_2 is no factor of its probability.
    """
    many = {eps: found.outside(eps) for eps in EPS}
    said = ", ".join(f"{k} at eps = {eps:g}" for eps, k in many.items())
    low, high = float(found.least.min()), float(found.greatest.max())
    head = (
        f"Lemma 7.1, width {values['m']}: a norm ||h_(i,l)|| left [1 - eps, 1 + eps] in {said} of {found.count} "
        f"initialisations; the norms lie between {low:.3g} and {high:.3g}"
    )
    most = [_largest(values, eps, clopper_pearson(k, found.count)[0]) for eps, k in many.items() if k]
    if not most:
        return f"{head}; no C_2 is refuted"
    return f"{head}; at C_1 = 1 any C_2 above {min(most):.3g} is refuted"


def _largest(values: Mapping[str, Any], eps: float, low: float) -> float:
    """The C_2 at which the bound is the fraction's lower end: its logarithm is linear in C_2."""
    at = [
        float(predict(f"{KEY}.forward_norm_failure", {**values, "eps": eps, "C_1": 1, "C_2": c}).log10) for c in (1, 2)
    ]
    slope = at[1] - at[0]
    return 1 + (math.log10(low) - at[0]) / slope
