"""How allenzhu2019 trains: unit rows whose last coordinate is 1/sqrt(2), half the sum of squares, inner layers only."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from empirics.networks import network
from empirics.recipe import Recipe
from empirics.weights import Weights


def prepare(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
    """Unit rows divided by sqrt(2), and a constant 1/sqrt(2) appended (footnote 5); targets as they are."""
    unit = X / X.norm(dim=1, keepdim=True)
    return torch.cat([unit, torch.ones_like(unit[:, :1])], 1) / 2**0.5, y, 1.0


def build(width: int, seed: int, X: Tensor, hidden_layers: int, activation: str) -> Weights:
    """A is the first hidden layer and stays as it is, so that W_1 needs a second."""
    options: dict[str, Any] = {"L": hidden_layers - 1, "m": width, "d_in": X.shape[1]}
    return network("allenzhu2019", "mlp", seed=seed, activation=activation, **options).weights


RECIPE = Recipe("allenzhu2019", "half_square", "relu", "W_1, ..., W_L trained", prepare, build, (2, None))
