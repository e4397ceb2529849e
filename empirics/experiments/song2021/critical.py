"""How song2021 trains: unit rows, targets of norm at most 1 (Assumption 2), the sum of squares."""

from __future__ import annotations

from torch import Tensor

from empirics.networks import network
from empirics.recipe import Recipe
from empirics.weights import Weights


def prepare(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
    """Unit rows; targets divided by their norm where it exceeds 1."""
    factor = max(1.0, float(y.norm()))
    return X / X.norm(dim=1, keepdim=True), y / factor, factor


def build(width: int, seed: int, X: Tensor, hidden_layers: int, activation: str) -> Weights:
    """One hidden layer at omega_1 = 1 and He's product omega_1 omega_2."""
    return network("song2021", seed=seed, d_0=X.shape[1], d_1=width, activation=activation).weights


RECIPE = Recipe("song2021", "sum_square", "gelu", "omega_1 = 1, both layers trained", prepare, build, (1, 1))
