"""Sections 6.1 and 8 on the shallow network of eq 24.

The paper's inputs are numbers: those of one-dimensional data as they are, else the samples' coordinates along their
leading right singular vector, scaled to max |x| = 1. Three of them are looked at: least, median and largest |x| > 0.

What holds at every width is tested at every width: eq 25; eq 37 and eq 40 with the network's own K_w(x, x). A limit
m -> infinity is tested through an interval for it at a finite width:

    eq 26   E K_w(x, x) is the limit at every m, so the mean over S networks of m neurons estimates it from N = S m
            independent values x^2 sigma'(w x)^2 in [0, B]. Maurer and Pontil (2009, Theorem 4), both sides:
            |mean - E| <= sqrt(2 V log(4/alpha)/N) + 7 B log(4/alpha)/(3 (N - 1)), V the sample variance;
    eq 41   by eq 39 | ||Htilde|| - |phi''| K_w | <= |phi'| ||H||, and K_w is as near its limit as above with N = m.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from bounds import activations
from bounds.errors import TheoryError
from empirics.activations import torch_activation
from empirics.experiments.liu2020.architecture import shallow as build
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.setting import Setting
from empirics.measure.curvature import hessian_norms
from empirics.measure.forward import forward
from empirics.measure.gradients import gradient_norms
from empirics.verdict import Observation
from empirics.weights import Weights

SHALLOW = frozenset(("shallow_hessian_norm", "shallow_kernel"))
BENT = frozenset(("output_kernel", "output_hessian_limit", "output_hessian_lower"))
ALPHA = 1e-6
"""How often an interval for a limit may miss it."""
TOLERANCE = 1e-6


def line(X: Tensor) -> Tensor:
    """The inputs of the paper's one-dimensional networks.

    Args:
        X: samples, (n, d), not all zero.

    Returns:
        Two or three numbers, (r, 1): the least, the median and the largest in size of those that are not 0.

    Raises:
        TheoryError: every sample is 0.

    >>> line(torch.tensor([[0.0], [-2.0], [1.0], [0.5]]))
    tensor([[ 0.5000],
            [ 1.0000],
            [-2.0000]])
    """
    x = X[:, 0]
    if X.shape[1] > 1:
        x = X @ torch.linalg.svd(X, full_matrices=False).Vh[0]
        x = x / x.abs().max().clamp(min=torch.finfo(x.dtype).tiny)
    # coordinates that are rounding are zero
    x = x[x.abs() > 1e-12 * x.abs().max()]
    if not len(x):
        raise TheoryError("X is zero: eq 26's kernel vanishes at x = 0; give samples that are not all 0")
    ordered = x[x.abs().argsort(stable=True)]
    return ordered[sorted({0, (len(x) - 1) // 2, len(x) - 1})][:, None]


@dataclass(frozen=True, eq=False)
class Draw:
    """What one network shows at r inputs; every field (r,).

    Attributes:
        f: outputs before psi.
        slope: the mean over neurons of sigma'(w x)^2, so that K_w(x, x) = x^2 slope.
        square: that of sigma'(w x)^4.
        hessian: ||H||_2, the largest entry of a diagonal matrix.
    """

    f: Tensor
    slope: Tensor
    square: Tensor
    hessian: Tensor


def draw(weights: Weights, x: Tensor) -> Draw:
    """Eqs 25 and 26 at some inputs, exactly.

    Args:
        weights: eq 24's network, one-dimensional and with a linear output.
        x: inputs, (r, 1).

    Returns:
        What it shows.
    """
    cache = forward(weights, x, order=2)
    squares = cache.d1[0].square()
    bend = (cache.d2[0] * weights.V[:, 0]).abs().amax(1)
    size = bend * x[:, 0].square() * weights.scales[-1]
    return Draw(cache.f[:, 0], squares.mean(1), squares.square().mean(1), size)


def radius(slope: Tensor, square: Tensor, count: int, most: float) -> Tensor:
    """Maurer and Pontil's two-sided radius for the mean of ``count`` values in [0, most], with confidence 1 - ALPHA.

    Args:
        slope: their mean.
        square: the mean of their squares.
        count: N.
        most: B.

    Returns:
        How far their expectation may be; most where a single value says nothing.
    """
    if count < 2:
        return torch.full_like(slope, most)
    log, variance = math.log(4 / ALPHA), (square - slope.square()).clamp(min=0) * count / (count - 1)
    return (2 * variance * log / count).sqrt() + 7 * most * log / (3 * (count - 1))


def shallow(setting: Setting, X: Tensor, width: int, names: frozenset[str]) -> Iterator[Observation]:
    """Eqs 25 and 26 over fresh initialisations; with a non-linear output eqs 37, 40 and 41.

    Args:
        setting: the activation, the output, init_seeds (networks for eqs 25, 26), seeds (for the others), the device.
        X: samples, (n, d); see `line`.
        width: m.
        names: the quantities wanted, of `SHALLOW` and `BENT`.

    Yields:
        Observations.

    Raises:
        TheoryError: every sample is 0.
        NotApplicable: the activation has no bounded derivative, or for a Hessian no second one.
    """
    if not names & (SHALLOW | BENT):
        return
    x = line(X)
    most = float(activations.get(setting.activation).sup(1)) ** 2
    ensemble = setting.fresh_seeds(setting.init_seeds) if names & SHALLOW else range(0)
    bent = setting.run_seeds if names & BENT else range(0)
    draws = {}
    for seed in sorted({*ensemble, *bent}):
        weights = build(torch.Generator().manual_seed(seed), m=width, activation=setting.activation).to(x)
        seen = draw(weights, x)
        if seed in ensemble:
            draws[seed] = seen
        if seed in bent:
            yield from (o for o in _bent(setting, weights, x, seen, seed, most) if _name(o) in names)
    if draws:
        yield from (o for o in _linear(setting, x, draws, width, most) if _name(o) in names)


def _name(observation: Observation) -> str:
    return observation.quantity.split(".")[1]


def _linear(setting: Setting, x: Tensor, found: dict[int, Draw], width: int, most: float) -> Iterator[Observation]:
    """Eq 25 network by network, eq 26 over all of them."""
    values: dict[str, Any] = {"activation": setting.activation, "m": width, "C_x": float(x.abs().max())}
    draws = list(found.values())
    for seed, size in zip(found, torch.stack([d.hessian.max() for d in draws]).tolist(), strict=True):
        yield Observation(f"{KEY}.shallow_hessian_norm", values, size, upper=size, seed=seed, width=width)
    slope, square = (torch.stack([getattr(d, name) for d in draws]).mean(0) for name in ("slope", "square"))
    reach = radius(slope, square, len(draws) * width, most)
    for place, mean, off in zip(x[:, 0].tolist(), slope.tolist(), reach.tolist(), strict=True):
        size, room = place**2 * mean, place**2 * off
        at = {"activation": setting.activation, "x": place}
        ends: dict[str, Any] = {"lower": size - room, "upper": size + room, "width": width}
        yield Observation(f"{KEY}.shallow_kernel", at, size, label=f"x={place:.3g}, mean of {len(draws)}", **ends)


def _bent(setting: Setting, weights: Weights, x: Tensor, seen: Draw, seed: int, most: float) -> Iterator[Observation]:
    """Eqs 37, 40 and 41 on one network under its output non-linearity."""
    bent = replace(weights, output=torch_activation(setting.output))
    squares = x[:, 0].square()
    kernel, own = squares * seen.slope, torch.as_tensor(gradient_norms(bent, x).value).square()
    assert bent.output is not None
    first, second = (t.abs() for t in bent.output.jet(seen.f, 2)[1:])
    found = hessian_norms(bent, x, tol=TOLERANCE)
    low = torch.as_tensor(found.value)
    # the rank-one term and the diagonal one of eq 39, added; 1e-12 for their rounding
    high = torch.minimum(torch.as_tensor(found.upper), (second * kernel + first * seen.hessian) * (1 + 1e-12))
    high = torch.maximum(high, low)
    room = first * seen.hessian + second * squares * radius(seen.slope, seen.square, weights.m, most)
    columns = (x[:, 0], seen.f, kernel, own, seen.hessian, low, high, room)
    for place, f, K, K_bent, H, norm, above, off in zip(*(c.tolist() for c in columns), strict=True):
        at: dict[str, Any] = {"f": f, "output_activation": setting.output}
        frame: dict[str, Any] = {"seed": seed, "width": weights.m, "label": f"x={place:.3g}"}
        yield Observation(f"{KEY}.output_kernel", {**at, "shallow_kernel": K}, K_bent, upper=K_bent, **frame)
        lower = {**at, "shallow_kernel": K, "hessian": H}
        yield Observation(f"{KEY}.output_hessian_lower", lower, norm, upper=above, **frame)
        limit = {**at, "x": place, "activation": setting.activation}
        ends = {"lower": norm - off, "upper": above + off}
        yield Observation(f"{KEY}.output_hessian_limit", limit, norm, **ends, **frame)
