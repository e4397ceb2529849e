"""What a data set gives: rows are scaled to ||x_i|| = sqrt(d), as Section 3 asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bounds.errors import TheoryError
from bounds.from_data import (
    Found,
    FromData,
    dimension,
    kernel_of,
    mean_target_square,
    number,
    outputs,
    unit_rows,
)
from bounds.kernels import Kernel, Layer, chain, inputs


def rows(X: np.ndarray, values: Mapping[str, Any] | None = None) -> np.ndarray:
    """The inputs in the paper's normalisation, ||x_i|| = sqrt(d)."""
    return unit_rows(X) * math.sqrt(X.shape[1])


def ntk(X: Any, *, activation: Any = "tanh", L: int = 3, sigma_1: float = 1.0, m: float | None = None) -> Kernel:
    """The limit of <df/dtheta, df/dtheta'> at initialisation.

    sigma_0 tends to sigma_1/2, slowly: below it by a fraction sqrt(log(m)/(2m)). v_0 has unit norm, so its entries
    are of order 1/sqrt(m), and with the factor 1/sqrt(m) of f, df/dalpha^(L) has norm 1/sqrt(m): f is of order
    1/sqrt(m), and all hidden layers together add O(1/m) to the kernel. The readout alone survives: K = q_L, the limit
    of alpha^(L)^T alpha'^(L)/m.

    Args:
        X: (n, d).
        activation: phi.
        L: Hidden layers.
        sigma_1: Scale of the initial weights.
        m: A width: adds the leading term of the hidden layers, 1/m times its limit. (q_L itself fluctuates by
            O(1/sqrt(m)) about its limit.) None: the limit.
    """
    variance, readout = (float(sigma_1) / 2) ** 2, 0.0 if m is None else 1 / float(m)
    if int(L) < 1:
        raise TheoryError(f"L={L} must be at least 1")
    d = inputs(X).shape[1]
    hidden = [Layer(variance / d, 1 / d), *[Layer(variance, 1.0)] * (int(L) - 1)]
    return chain(X, [*hidden, Layer(readout, 1.0)], activation, "banerjee2023's infinite-width kernel")


def mean_gradient_square(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found | None:
    """||gbar||^2 = 1^T K 1/n^2 of the infinite-width kernel."""
    L, sigma_1 = number(values, "L"), number(values, "sigma_1")
    if L is None or sigma_1 is None or "activation" not in values:
        return None
    kernel = kernel_of("banerjee2023", rows(X), activation=values["activation"], L=int(L), sigma_1=sigma_1)
    return float(kernel.value.mean()), "1^T K 1/n^2 of the data's infinite-width kernel, at initialisation"


FROM_DATA: FromData = {
    "d": dimension,
    "k": outputs,
    "mean_y_sq": mean_target_square,
    "gbar_norm_sq": mean_gradient_square,
}
