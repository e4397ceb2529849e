"""How banerjee2023 trains: rows of norm sqrt(d), the mean of squares."""

from __future__ import annotations

from torch import Tensor

from empirics.networks import network
from empirics.recipe import Recipe
from empirics.weights import Weights


def prepare(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
    """Rows scaled to norm sqrt(d); targets as they are."""
    return X * (X.shape[1] ** 0.5 / X.norm(dim=1, keepdim=True)), y, 1.0


def build(width: int, seed: int, X: Tensor, hidden_layers: int, activation: str) -> Weights:
    """The deep network at sigma_1 = 1."""
    return network(
        "banerjee2023", seed=seed, L=hidden_layers, m=width, d=X.shape[1], activation=activation, sigma_1=1.0
    ).weights


RECIPE = Recipe("banerjee2023", "mean_square", "tanh", "sigma_1 = 1, all layers trained", prepare, build, (2, None))
