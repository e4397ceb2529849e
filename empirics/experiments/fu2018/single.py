"""Single samples: the coefficients of eqs 12 and 13, how fast they change (erratum F6), and their tails.

A pair W, W' that differs in neuron j by delta x/||x|| changes one sample's Hessian B(x) x x^T by (B' - B) x x^T, whose
norm is at least |beta'_jj - beta_jj| ||x||^2: divided by delta ||x||^3 a lower bound of the Lipschitz constant J_x.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from empirics.experiments.fu2018.hessians import Empirical
from empirics.experiments.fu2018.scene import Scene
from empirics.verdict import Observation

COEFFICIENTS = frozenset(("block_offdiagonal", "block_diagonal", "gradient_coefficient"))
CHANGES = frozenset(("sample_hessian_lipschitz", "sample_hessian_lipschitz_printed"))
TAILS = frozenset(("hessian_subexponential", "gradient_subgaussian"))
LEMMA_6 = "mean_hessian_lipschitz"
SINGLE = COEFFICIENTS | CHANGES | TAILS | {LEMMA_6}
COUNT = 4000
"""Samples looked at one by one."""
ORDERS = 4
"""Moments up to this order bound the psi norms from below."""
DELTA = 1e-2
"""Size of the change of a neuron, in units of the radius where that is smaller than 1."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Eqs 12 and 13 sample by sample, (n, K) each: z, phi', alpha, beta_jj; and the residuals (n, 1)."""

    z: Tensor
    slope: Tensor
    residual: Tensor
    alpha: Tensor
    beta: Tensor


def coefficients(loss: Empirical, W: Tensor) -> Sample:
    """The coefficients of x and x x^T.

    Args:
        loss: samples.
        W: the point, (K, d).

    Returns:
        They, with beta_jl = slope_j slope_l/K^2 off the diagonal.
    """
    z, K = loss.X @ W.T, len(W)
    value, slope, bend = loss.phi.jet(z, 2)
    residual = value.mean(1, keepdim=True) - loss.y
    return Sample(z, slope, residual, residual * slope / K, residual * bend / K + slope.square() / K**2)


def changes(loss: Empirical, W: Tensor, delta: float) -> Tensor:
    """|beta_jj' - beta_jj|/(delta ||x||), (n, K), where neuron j moves by delta x/||x|| and the others stay.

    Args:
        loss: samples.
        W: the point, (K, d).
        delta: how far.

    Returns:
        Lower bounds of one sample's J_x.
    """
    K, here = len(W), coefficients(loss, W)
    shift = delta * loss.X.norm(dim=1, keepdim=True)
    before = loss.phi.phi(here.z)
    value, slope, bend = loss.phi.jet(here.z + shift, 2)
    beta = (here.residual + (value - before) / K) * bend / K + slope.square() / K**2
    return (beta - here.beta).abs() / shift


def single(scene: Scene, loss: Empirical, way: str, names: frozenset[str]) -> Iterator[Observation]:
    """Coefficients, changes and tails at W*.

    Args:
        scene: the ground truth.
        loss: its samples; the first `COUNT` are looked at.
        way: classification or regression.
        names: the quantities wanted, of `SINGLE`.

    Yields:
        Observations.
    """
    loss = replace(loss, X=loss.X[:COUNT], y=loss.y[:COUNT])
    label: dict[str, Any] = {"label": f"{way}, {len(loss.X)} samples"}
    if names & COEFFICIENTS:
        yield from _coefficients(scene, loss, label)
    if names & (CHANGES | {LEMMA_6}):
        yield from (o for o in _changes(scene, loss, label) if o.quantity.split(".")[1] in names)
    if names & TAILS:
        yield from _tails(scene, loss, label)


def _coefficients(scene: Scene, loss: Empirical, label: dict[str, Any]) -> Iterator[Observation]:
    at = coefficients(loss, scene.truth)
    if scene.K > 1:
        pairs = at.slope.abs().topk(2, 1).values.prod(1) / scene.K**2
        yield scene.see("block_offdiagonal", float(pairs.max()), **label)
    else:
        yield scene.see("block_offdiagonal", 0.0, reasons=("a single neuron has no off-diagonal block",), **label)
    yield scene.see("block_diagonal", float(at.beta.abs().max()), **label)
    yield scene.see("gradient_coefficient", float(at.alpha.abs().max()), **label)


def _changes(scene: Scene, loss: Empirical, label: dict[str, Any]) -> Iterator[Observation]:
    change = changes(loss, scene.truth, DELTA * min(1.0, scene.radius))
    most = float(change.max())
    # differences of coefficients of size 1/K that agree to DELTA r: their rounding
    noise = 64 * torch.finfo(torch.float64).eps / (DELTA * min(1.0, scene.radius) * scene.K)
    for name in ("sample_hessian_lipschitz", "sample_hessian_lipschitz_printed"):
        yield scene.see(name, most, lower=max(most - noise, 0.0), upper=None, **label)
    cubes = loss.X.norm(dim=1) ** 3
    yield scene.see(LEMMA_6, float((change.amax(1) * cubes).mean()), upper=None, **label)


def _tails(scene: Scene, loss: Empirical, label: dict[str, Any]) -> Iterator[Observation]:
    """psi_1 of v^T H(x) v and psi_2 of u^T grad: sup_p E|.|^p^(1/p)/p^s, s = 1 and 1/2, over a few p."""
    (K, d), at = scene.truth.shape, coefficients(loss, scene.truth)
    top = torch.linalg.eigh(loss.hessian(scene.truth))[1][:, -1].view(K, d)
    noise = torch.randn((K, d), generator=scene.stream(3), dtype=torch.float64).to(top)
    for v in (top, noise / noise.norm()):
        along = loss.X @ v.T
        gn = (at.slope * along).sum(1).square() / K**2
        diagonal = ((at.beta - at.slope.square() / K**2) * along.square()).sum(1)
        form, slope = gn + diagonal, (at.alpha * along).sum(1)
        psi = [_moments(form - form.mean(), 1.0), _moments(slope, 0.5)]
        yield scene.see("hessian_subexponential", psi[0], upper=None, **label)
        yield scene.see("gradient_subgaussian", psi[1], upper=None, **label)


def _moments(values: Tensor, power: float) -> float:
    sizes = values.abs()
    return max(float((sizes**p).mean() ** (1 / p)) / p**power for p in range(1, ORDERS + 1))
