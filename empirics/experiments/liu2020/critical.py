"""How liu2020 trains: half the sum of squares; inputs as they are, divided by their largest entry (C_x = 1)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from empirics.networks import network
from empirics.recipe import Recipe
from empirics.weights import Weights


def prepare(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
    """The inputs whose kernel and C_x the theorem is evaluated at; targets as they are."""
    return X / X.abs().max(), y, 1.0


def build(width: int, seed: int, X: Tensor, hidden_layers: int, activation: str) -> Weights:
    """The deep network, whose L counts the readout too."""
    options: dict[str, Any] = {"L": hidden_layers + 1, "m": width, "d": X.shape[1]}
    return network("liu2020", "deep", seed=seed, activation=activation, **options).weights


RECIPE = Recipe("liu2020", "half_square", "tanh", "N(0, 1), all layers trained", prepare, build)
