"""Lemma 7.1 on convolutional networks over fresh draws: means, failures, variances that keep the norms (A14)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

from bounds.errors import TheoryError
from empirics.comparison import predict
from empirics.experiments.allenzhu2019.convolutional_fresh import LARGE, PRINTED, VARIANCES, Draws, draw
from empirics.experiments.allenzhu2019.key import KEY
from empirics.verdict import Observation, clopper_pearson

NORMS = ("cnn_forward_norm_sq", "cnn_forward_norm_failure")
MEASURED = frozenset((*NORMS, *VARIANCES, *PRINTED))
DEVIATIONS = (0.1, 0.2, 0.4)
"""Eps."""
UNLIKELY = 1e-6
"""Probability with which a mean may leave the interval given for the truth."""


def over_draws(scene: Any, seeds: Sequence[int]) -> tuple[list[Observation], list[str]]:
    """What the draws of one width say.

    Args:
        scene: the network, its inputs and tau (`convolutional.Scene`).
        seeds: of the draws, at least 2.

    Returns:
        Observations and sentences.

    Raises:
        TheoryError: a single draw.
    """
    if len(seeds) < 2:
        raise TheoryError(f"fresh = {len(seeds)} network: a mean over networks has no interval, give at least 2 seeds")
    draws = draw(scene, seeds)
    seen = [*_means(scene, draws), *_variances(scene, draws), *_failures(scene, draws)]
    return seen, [_growth(scene, draws), _a14(scene, draws), _constant(scene, draws)]


def interval(per_draw: np.ndarray) -> tuple[float, float, float]:
    """The mean over draws, with Student's interval that the truth leaves with probability `UNLIKELY`.

    Args:
        per_draw: (S,), S at least 2.

    Returns:
        (mean, lower end, upper end).
    """
    count, centre = len(per_draw), float(per_draw.mean())
    half = float(student.ppf(1 - UNLIKELY / 2, count - 1) * per_draw.std(ddof=1) / math.sqrt(count))
    return centre, centre - half, centre + half


def _means(scene: Any, draws: Draws) -> Iterator[Observation]:
    """E||h_l||^2 at both scales; every sample's expectation is the same, so that their mean over a draw has it too."""
    for tau, table in ((scene.tau, draws.own), (LARGE, draws.large)):
        for l, layer in enumerate(table.mean(2).T):
            centre, low, high = interval(layer)
            label = f"h_{l}, tau = {tau:.2g}, {len(layer)} draws"
            yield scene.see("cnn_forward_norm_sq", centre, lower=low, upper=high, more={"tau": tau}, label=label)


def _added(scene: Any, tau: float) -> float:
    """What a convolution adds to the mean squared norm, tau^2 P/q, off the formula for L of them."""
    values = scene.values | {"tau": tau, "L": 1}
    return float(predict(f"{KEY}.cnn_forward_norm_sq", values).value) - 1


def _variances(scene: Any, draws: Draws) -> Iterator[Observation]:
    """The variance used over the factor by which it changes the mean squared norm: what keeps that.

    Given the layers below, the mean of ||h_l||^2 over its own weights is that factor times ||h_{l-1}||^2 + tau^2 P/q
    (no biases in A and W_L), so that the ratio of sums over samples has it for its mean.
    """
    S, layers, _ = draws.own.shape
    sums = draws.own.sum(2)
    for l in range(layers):
        name = "cnn_input_variance" if l == 0 else "cnn_dense_variance" if l == layers - 1 else "cnn_variance"
        below = np.full(S, draws.own.shape[2]) if l == 0 else sums[:, l - 1]
        if name == "cnn_variance":
            below = below + _added(scene, scene.tau) * draws.own.shape[2]
        centre, low, high = interval(sums[:, l] / below)
        used = float(predict(f"{KEY}.{name}", scene.values).value)
        ends = {"lower": used / high, "upper": used / low if low > 0 else None}
        label = f"keeps E||h_{l}||^2, {S} draws"
        for key in (name, f"{name}_printed") if name != "cnn_variance" else (name,):
            yield scene.see(key, used / centre, label=label, **ends)


def outside(draws: Draws, eps: float) -> int:
    """Draws in which the first sample's ||h_l|| leaves [1 - eps, 1 + eps] at some l < L.

    Args:
        draws: of one width.
        eps: the deviation.

    Returns:
        How many.
    """
    return int((np.abs(np.sqrt(draws.own[:, :-1, 0]) - 1) > eps).any(1).sum())


def _failures(scene: Any, draws: Draws) -> Iterator[Observation]:
    count = len(draws.own)
    for eps in DEVIATIONS:
        many = outside(draws, eps)
        low, high = clopper_pearson(many, count)
        label = f"eps = {eps:g}: {many} of {count} draws"
        yield scene.see("cnn_forward_norm_failure", many / count, lower=low, upper=high, more={"eps": eps}, label=label)


def _constant(scene: Any, draws: Draws) -> str:
    """What the fractions say of the constant in exp(-C m eps^2/L^2)."""
    count, parts, largest = len(draws.own), [], math.inf
    for eps in DEVIATIONS:
        many = outside(draws, eps)
        low, _ = clopper_pearson(many, count)
        unit = -math.log(float(predict(f"{KEY}.cnn_forward_norm_failure", scene.values | {"eps": eps, "C": 1}).value))
        largest = min(largest, -math.log(low) / unit if low else math.inf)
        parts.append(f"{many} at eps = {eps:g}")
    bounded = f"so that C <= {largest:.3g}" if math.isfinite(largest) else "which does not bound C"
    return (
        f"{scene.values['m']} channels: one sample's norm left [1 - eps, 1 + eps] at some convolution in "
        f"{', '.join(parts)} of {count} draws; Appendix B allows exp(-C m eps^2/L^2), {bounded}"
    )


def _growth(scene: Any, draws: Draws) -> str:
    """What every layer of biases adds at a large tau, and how a sample's squared norm fluctuates at the network's."""
    m, L = scene.values["m"], scene.values["L"]
    spread = draws.own[:, L - 1].std(0, ddof=1).mean() * math.sqrt(m)
    text = (
        f"{m} channels, {len(draws.own)} draws: ||h_{{L-1}}||^2 has standard deviation {spread:.3g}/sqrt(m) over draws"
    )
    if L == 1:
        return text
    steps = np.diff(draws.large[:, :-1].mean(2), axis=1).mean(1) / _added(scene, LARGE)
    centre, low, high = interval(steps)
    return f"{text}; at tau = {LARGE:g} a layer adds {centre:.3g} (interval {low:.3g} to {high:.3g}) times tau^2 P/q"


def _a14(scene: Any, draws: Draws) -> str:
    """Norms with the printed variances of A and W_L beside those that keep them."""
    parts = []
    for table in (draws.printed, draws.own):
        mean = table.mean((0, 2))
        parts.append(f"||h_0||^2 = {mean[0]:.3g} and ||h_L||^2/||h_{{L-1}}||^2 = {mean[-1] / mean[-2]:.3g}")
    v = scene.values
    first, dense = (
        float(predict(f"{KEY}.{name}", v).value) / float(predict(f"{KEY}.{name[:-8]}", v).value) for name in PRINTED
    )
    return (
        f"{v['m']} channels, {v['d_positions']} positions, q = {v['q']}, means over {len(draws.own)} draws: with the "
        f"variances as printed {parts[0]} (A14: {first:.3g} and {dense:.3g}), with those that keep the norms {parts[1]}"
    )
