"""The paper's network: one hidden layer, no biases and no factor of the width.

Phi = V phi(W x).  Source: song2021, Section 5.1 (eqs 15 and 17).
"""

from __future__ import annotations

import math

import torch

from empirics.activations import torch_activation
from empirics.checks import check_counts, check_scales
from empirics.weights import Weights


def shallow(
    generator: torch.Generator,
    *,
    d_0: int,
    d_1: int,
    d_2: int = 1,
    omega_1: float = 1.0,
    omega_2: float | None = None,
    activation: str = "gelu",
) -> Weights:
    """W (d_1 x d_0) has entries from N(0, omega_1^2), V (d_2 x d_1) from N(0, omega_2^2); both are trained.

    Args:
        generator: of the random numbers.
        d_0: input dimension, at least 1.
        d_1: width, at least 1.
        d_2: outputs, at least 1.
        omega_1: standard deviation of W's entries, positive.
        omega_2: that of V's, positive; None: 2/(omega_1 sqrt(d_0 d_1)), He's product omega_1 omega_2, which the paper's
            experiments keep (Section 6: 0.002259 at d_0 = 784, d_1 = 1000).
        activation: phi, a name or expression for `torch_activation`.

    Returns:
        The weights, V transposed.

    Raises:
        TheoryError: a value outside its range.
    """
    check_counts(d_0=d_0, d_1=d_1, d_2=d_2)
    check_scales(omega_1=omega_1)
    if omega_2 is None:
        omega_2 = 2 / (omega_1 * math.sqrt(d_0 * d_1))
    check_scales(omega_2=omega_2)
    W, V = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((d_1, d_0), (d_1, d_2)))
    return Weights((W.mul_(omega_1),), V.mul_(omega_2), (1.0, 1.0), torch_activation(activation))


NETWORKS = {"shallow": shallow}
