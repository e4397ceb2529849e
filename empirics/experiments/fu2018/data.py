"""The paper's data: a ground truth W* is planted, x ~ N(0, I_d), labels by eq 3 or eq 4.

Weights are K x d here, one row per neuron; the paper's W is the transpose.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from bounds.activations import get
from bounds.errors import NotApplicable, TheoryError
from empirics.checks import check_counts, check_device, check_scales, check_targets
from empirics.experiments.fu2018.architecture import planted
from empirics.measure.forward import forward
from empirics.weights import Weights

LABELS = ("classification", "regression")
TEACHER, SAMPLES = 1, 2
RANK = 1e-12


def stream(seed: int, *purpose: int) -> torch.Generator:
    """A generator of its own for each purpose: the same numbers must not make the ground truth and the samples.

    Args:
        seed: at least 0.
        purpose: integers of at least 0 that tell streams of one seed apart.

    Returns:
        A generator on the CPU.

    Raises:
        TheoryError: the seed is no integer of at least 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise TheoryError(f"seed={seed!r} must be an integer of at least 0")
    state = np.random.SeedSequence((seed, *purpose)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)


def teacher(
    seed: int,
    *,
    K: int,
    d: int,
    activation: str = "sigmoid",
    scale: float = 1.0,
    condition: float | None = None,
    device: str | torch.device = "cpu",
) -> Weights:
    """A ground truth W*: random, or with random singular vectors and singular values in geometric progression.

    Args:
        seed: of the draw.
        K: neurons, at most d.
        d: input dimension.
        activation: phi, a name or expression of range (0, 1), such as "sigmoid" or "(1 + tanh(z))/2".
        scale: size of the rows of W*; with a `condition` the geometric mean of its singular values.
        condition: kappa(W*), at least 1; None: as drawn from N(0, scale^2/d).
        device: where it lives.

    Returns:
        The weights, K x d in float64.

    Raises:
        NotApplicable: K > d, an activation of another range, or a W* without full rank.
        TheoryError: a value outside its range.

    >>> W = teacher(0, K=2, d=5, condition=4.0).W[0]
    >>> [round(float(s), 6) for s in torch.linalg.svdvals(W)]
    [2.0, 0.5]
    """
    check_counts(K=K, d=d)
    check_scales(scale=scale)
    place = check_device(device)
    _check_narrow(K, d)
    if condition is not None and not (isinstance(condition, int | float) and 1 <= condition < math.inf):
        raise TheoryError(f"condition={condition!r} must be a finite number of at least 1: it is sigma_1/sigma_K of W*")
    if condition is not None and K == 1 and condition != 1:
        raise TheoryError(f"condition={condition:g} with K=1: a single neuron has condition number 1")
    found = planted(stream(seed, TEACHER), K=K, d=d, activation=activation, scale=scale)
    if condition is not None:
        left, _, right = torch.linalg.svd(found.W[0], full_matrices=False)
        span = torch.linspace(0.5, -0.5, K, dtype=torch.float64) if K > 1 else torch.zeros(1, dtype=torch.float64)
        found = found.with_tensors([(left * (scale * float(condition) ** span)) @ right, found.V])
    check_teacher(found)
    return found.to(place)


def check_teacher(weights: Weights) -> None:
    """Refuse a ground truth that the theorems do not cover.

    Args:
        weights: the candidate, W (K, d).

    Raises:
        NotApplicable: K > d, an activation that leaves (0, 1) or has no second derivative, or W* of rank below K.
    """
    K, d = weights.W[0].shape
    _check_narrow(K, d)
    name = weights.activation.name
    if not weights.activation.smooth:
        raise NotApplicable(f"activation = {name}: fu2018 needs three bounded derivatives (Assumption 1); use sigmoid")
    if get(name).in_unit_interval is False:
        raise NotApplicable(
            f"activation = {name}: its range is not within (0, 1), so eq 3 is no probability (erratum F3); rescale it, "
            "as (1 + tanh(z))/2 does"
        )
    values = torch.linalg.svdvals(weights.W[0])
    if float(values[-1]) <= RANK * float(values[0]):
        raise NotApplicable(
            f"W* has rank below K = {K} (singular values {float(values[0]):.3g} to {float(values[-1]):.3g}): "
            "fu2018's kappa is infinite"
        )


def _check_narrow(K: int, d: int) -> None:
    if d < K:
        raise NotApplicable(f"K = {K} neurons exceed d = {d} inputs: fu2018 covers K <= d (Section 1)")


def draw(
    weights: Weights, n: int, seed: int, setting: str = "classification", device: str | torch.device = "cpu"
) -> tuple[Tensor, Tensor]:
    """Samples of the model: x ~ N(0, I_d); y ~ Bernoulli(f(x)) (eq 3) or y = f(x) (eq 4), f the output at W*.

    Inputs and labels are drawn on the CPU, so that every device sees the same samples.

    Args:
        weights: the ground truth.
        n: samples, at least 1.
        seed: of the draw; other than the ground truth's numbers even if the seeds are equal.
        setting: "classification" or "regression".
        device: where the samples live.

    Returns:
        (X, y): (n, d) and (n, 1), float64.

    Raises:
        TheoryError: a value outside its range.
        NotApplicable: outputs outside [0, 1], which are no probabilities.
    """
    check_counts(n=n)
    check_setting(setting)
    place, own = check_device(device), weights.to("cpu", torch.float64)
    numbers = stream(seed, SAMPLES)
    X = torch.randn((n, own.d), generator=numbers, dtype=torch.float64)
    f = forward(own, X, order=0).f
    low, high = torch.aminmax(f)
    if low < 0 or high > 1:
        raise NotApplicable(f"outputs from {float(low):.3g} to {float(high):.3g} are no probabilities (erratum F3)")
    if setting == "classification":
        f = (torch.rand(f.shape, generator=numbers, dtype=torch.float64) < f).to(f)
    return X.to(place), f.to(place)


def check_setting(setting: str) -> None:
    """Refuse a way of making labels that the paper does not have.

    Raises:
        TheoryError: neither classification nor regression.
    """
    if setting not in LABELS:
        raise TheoryError(f"setting={setting!r}: must be {' or '.join(LABELS)}")


def check_labels(weights: Weights, y: Tensor, n: int, setting: str) -> Tensor:
    """Labels of the model as a (n, 1) tensor.

    Args:
        weights: whose dtype and device they get.
        y: labels, (n,) or (n, 1).
        n: samples.
        setting: "classification" (0 or 1) or "regression" (between 0 and 1).

    Returns:
        They, checked.

    Raises:
        TheoryError: another shape, or labels that are not finite.
        NotApplicable: labels that the model cannot produce, naming the first.
    """
    check_setting(setting)
    t = check_targets(weights, y, n)
    bad = (t != 0) & (t != 1) if setting == "classification" else (t < 0) | (t > 1)
    if bool(bad.any()):
        i = int(bad[:, 0].nonzero()[0])
        allowed = "0 or 1 (eq 3)" if setting == "classification" else "between 0 and 1 (eq 4)"
        raise NotApplicable(f"y[{i}] = {float(t[i, 0]):.4g}: labels for {setting} must be {allowed}")
    return t
