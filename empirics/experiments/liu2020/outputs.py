"""Section 8: the deep network under an output non-linearity phi, Phi o F with Phi = diag(phi, ..., phi).

Theorem 4.3(a) holds at every point by itself: K~ = D K D, D = diag(phi'(f_i)), so that lambda_min(K~) >= rho^2
lambda_min(K) with rho = min_i |phi'(f_i)| there. Its contraction is that of Theorem 4.2 for the transformed system,
along the path as in `path`, with mu the least lambda_min(K_t) and rho the least |phi'| on the path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from empirics.experiments.liu2020.local import local
from empirics.experiments.liu2020.path import floor, singular
from empirics.experiments.liu2020.scene import Scene
from empirics.measure.forward import forward
from empirics.observers import KernelEigenvalues
from empirics.verdict import Observation
from empirics.weights import Weights

OUTPUTS = frozenset(("transformed_mu", "transformed_contraction", "transformed_condition_number"))
_GRID = 400_001
_FAR = 16.0  # sinh(16) = 4e6
_TINY = 1e-100


class Inner:
    """Both ends of the linear network's kernel, and the ends of |phi'| and |phi''|, along training: (S, 5).

    Args:
        X: inputs, (n, d).
    """

    def __init__(self, X: Tensor) -> None:
        self.X, self._kernel = X, KernelEigenvalues(X)

    def __call__(self, weights: Weights) -> Tensor:
        """(lambda_min(K), lambda_max(K), min |phi'|, max |phi'|, max |phi''|) of S networks."""
        slope, bend = (t.abs().flatten(1) for t in forward(weights, self.X, order=2).out)
        kernel = self._kernel(replace(weights, output=None)).to(slope)
        return torch.cat([kernel, torch.stack([slope.amin(1), slope.amax(1), bend.amax(1)], 1)], 1)


def outside(start: Weights, y: Tensor) -> str:
    """The first target that the output never takes, or "".

    The values of phi on a fine grid out to +-4e6 are all taken; between two of them so is everything, phi being
    continuous.

    Args:
        start: a network with an output non-linearity.
        y: targets, (n,).

    Returns:
        A reason.
    """
    if start.output is None:
        return ""
    grid = torch.sinh(torch.linspace(-_FAR, _FAR, _GRID, dtype=torch.float64))
    taken = start.output.phi(grid)
    taken = taken[taken.isfinite()]
    low, high = float(taken.min()), float(taken.max())
    room = 1e-7 * max(1.0, abs(low), abs(high))
    for i, value in enumerate(y.tolist()):
        if not low - room <= value <= high + room:
            name = start.output.name
            return f"target {i} = {value:.3g} is outside the values {low:.4g} to {high:.4g} of {name}: no solution"
    return ""


def transformed(scene: Scene) -> Iterator[Observation]:
    """Theorem 4.3 and Corollary 8.1 on a path of the transformed network, recorded with `Inner` as "inner".

    Args:
        scene: the path and its constants.

    Yields:
        Observations.
    """
    inner = _Ends(*scene.path.record("inner").T)
    zero = _zero(scene, inner)
    yield _pointwise(scene, inner, zero)
    if scene.path.clean > 1:
        yield _contraction(scene, inner, zero)
    yield _condition_number(scene, inner, zero)


class _Ends(NamedTuple):
    """What `Inner` recorded, (clean,) each."""

    low: np.ndarray
    high: np.ndarray
    slope: np.ndarray
    steepest: np.ndarray
    bend: np.ndarray


def _zero(scene: Scene, inner: _Ends) -> tuple[str, ...]:
    """Why K or D is singular."""
    path = scene.path
    if found := singular(path.points[0], path.data, np.array([inner.low[0], inner.high[0]])):
        return (found,)
    step = int(inner.slope.argmin())
    return (f"phi' vanishes at step {step}: rho = 0",) if inner.slope[step] < _TINY else ()


def _pointwise(scene: Scene, inner: _Ends, zero: tuple[str, ...]) -> Observation:
    """lambda_min(K~_t) against lambda_min(K_t) min |phi'|^2: the step with the least ratio."""
    outer = scene.path.kernel
    ratio = outer[:, 0] / np.maximum(inner.low * inner.slope**2, _TINY)
    step = int(ratio.argmin())
    values = {"mu": max(float(inner.low[step]), _TINY), "rho": max(float(inner.slope[step]), _TINY)}
    low = float(outer[step, 0])
    error = floor(scene.n, outer[step, 1]) + floor(scene.n, inner.high[step]) * values["rho"] ** 2
    ends = {"lower": low - error, "upper": low + error}
    return scene.see("transformed_mu", low, values, step=step, reasons=zero, **ends)


def _contraction(scene: Scene, inner: _Ends, zero: tuple[str, ...]) -> Observation:
    path = scene.path
    values = {"mu": max(float(inner.low.min()), _TINY), "rho": max(float(inner.slope.min()), _TINY)}
    t, ratio, error = path.worst_ratio
    reach = outside(path.points[0], path.data.y)
    reasons = ((reach,) if reach else ()) + zero + path.left_premises(values["mu"] * values["rho"] ** 2)
    ends = {"lower": ratio - error, "upper": ratio + error}
    return scene.see("transformed_contraction", ratio, values | {"eta": path.eta}, step=t + 1, reasons=reasons, **ends)


def _condition_number(scene: Scene, inner: _Ends, zero: tuple[str, ...]) -> Observation:
    """The condition number of Phi o F on the measured points, from below, as the largest eigenvalue of a Hessian is."""
    path = scene.path
    steps = [t for t in path.points if t < path.clean]
    linear = [local(replace(path.points[t], output=None), path.data.X, path.data.y) for t in steps]
    values = {
        "L_F": float(inner.high[steps].max()) ** 0.5,
        "beta_F": max(bare.beta_F for bare in linear),
        "L_Phi": float(inner.steepest[steps].max()),
        "beta_Phi": float(inner.bend[steps].max()),
        "residual_sup": max(float(2 * path.loss[steps].max()) ** 0.5, path.residual_0),
        "mu": max(float(inner.low[steps].min()), _TINY),
        "rho": max(float(inner.slope[steps].min()), _TINY),
    }
    kappa = max(scene.at(t).loss_hessian for t in steps) / max(float(path.kernel[steps, 0].min()), _TINY)
    more = {"upper": None, "reasons": zero, "label": f"{len(steps)} points"}
    return scene.see("transformed_condition_number", kappa, values, **more)
