"""What all measurements on one ground truth share: W*, its population loss, its ball, and the formulas' inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from bounds.activations import get
from empirics.comparison import predict
from empirics.experiments.fu2018.data import draw, stream, teacher
from empirics.experiments.fu2018.hessians import Empirical
from empirics.experiments.fu2018.key import KEY
from empirics.experiments.fu2018.population import Population, population
from empirics.experiments.fu2018.setting import Setting
from empirics.verdict import Observation
from empirics.weights import Weights

POSITIVE = 6 * math.sqrt(2 / math.pi)
"""Lemma 2's c at which the bound of the least eigenvalue reaches 0; at twice this, half of it is left."""
PROBE = 16384
"""Samples on which the directions of searches over the population loss are computed; values are by quadrature."""
SPHERE, PROBES = 3, 4


@dataclass(frozen=True, eq=False)
class Scene:
    """One ground truth.

    Attributes:
        setting: what was asked.
        weights: the ground truth.
        seed: of it and its samples.
        radius: of the ball at the constant c asked for.
        values: inputs of the formulas.
    """

    setting: Setting
    weights: Weights
    seed: int
    radius: float
    values: Mapping[str, Any]

    @cached_property
    def loss(self) -> Population:
        """The population's loss."""
        return population(self.truth, self.weights.activation)

    @property
    def truth(self) -> Tensor:
        """W*, (K, d)."""
        return self.weights.W[0]

    @property
    def K(self) -> int:
        """Neurons."""
        return len(self.truth)

    def samples(self, n: int, way: str) -> Empirical:
        """The empirical loss of n samples."""
        X, y = draw(self.weights, n, self.seed, way, self.setting.device)
        return Empirical(X, y, self.weights.activation)

    def probe(self) -> Empirical:
        """Noiseless samples that stand for the population where a direction is needed."""
        noise = stream(self.seed, PROBES)
        X = torch.randn((PROBE, self.weights.d), generator=noise, dtype=torch.float64).to(self.truth)
        f = self.weights.activation.phi(X @ self.truth.T).mean(1, keepdim=True)
        return Empirical(X, f, self.weights.activation)

    def stream(self, *purpose: int) -> torch.Generator:
        """Random numbers for one purpose."""
        return stream(self.seed, SPHERE, self.K, *purpose)

    def number(self, name: str, **more: Any) -> float:
        """The value of a quantity at this ground truth."""
        return float(predict(f"{KEY}.{name}", {**self.values, **more}).value)

    def see(self, name: str, measured: float, more: Mapping[str, Any] | None = None, **extra: Any) -> Observation:
        """An observation; exact unless ``upper`` says otherwise."""
        extra.setdefault("upper", measured)
        values = {**self.values, **(more or {})}
        return Observation(f"{KEY}.{name}", values, measured, seed=self.seed, width=self.K, **extra)


def scene(setting: Setting, K: int, seed: int) -> Scene:
    """Plant a ground truth of K neurons.

    Args:
        setting: d, the activation, the shape of W*, c.
        K: neurons.
        seed: of the ground truth and its samples.

    Returns:
        The scene.

    Raises:
        NotApplicable: a ground truth that the paper does not cover.
    """
    options: dict[str, Any] = {"activation": setting.activation, "scale": setting.scale}
    options["condition"] = setting.conditioned(K)
    return around(setting, teacher(seed, K=K, d=setting.d, device=setting.device, **options), seed)


def around(setting: Setting, weights: Weights, seed: int) -> Scene:
    """The scene of a given ground truth.

    Args:
        setting: c, the device.
        weights: the ground truth, checked.
        seed: of the samples.

    Returns:
        The scene.
    """
    K, d = weights.W[0].shape
    # ground truths of one shape must not differ by rounding: that is no variation to fit exponents in
    singular = tuple(float(f"{s:.11g}") for s in torch.linalg.svdvals(weights.W[0]).tolist())
    shape = {"singular_values": singular, "sigma": singular[-1], "activation": weights.activation.name}
    numbers = {name: float(predict(f"{KEY}.{name}", shape).value) for name in ("kappa", "lam", "sigma_K", "rho_sigma")}
    values = {"K": K, "d": d, "sigma": singular[-1], **numbers, **_constants(weights.activation.name)}
    radius = float(predict(f"{KEY}.radius", {**values, "c": setting.c or 2 * POSITIVE}).value)
    return Scene(setting, weights, seed, radius, values)


def _constants(activation: str) -> dict[str, Any]:
    """L_phi, and whether phi maps into [0, 1] where that is known."""
    phi = get(activation)
    found: dict[str, Any] = {"L_phi": max(float(phi.sup(k)) for k in (1, 2, 3))}
    return found if phi.in_unit_interval is None else found | {"in_unit_interval": int(phi.in_unit_interval)}
