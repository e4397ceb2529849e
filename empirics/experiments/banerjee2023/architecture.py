"""The paper's network: biases absent, every layer divided by the square root of its input width.

z^(l) = W^(l) alpha^(l-1)/sqrt(m_{l-1}),  alpha^(l) = phi(z^(l)), l = 1..L, m_0 = d, m_l = m;
f = V^T alpha^(L)/sqrt(m).
Source: banerjee2023, Section 3 and Assumption 2.
"""

from __future__ import annotations

import math

import torch

from empirics.activations import torch_activation
from empirics.checks import check_counts, check_scales
from empirics.weights import Weights


def deep(
    generator: torch.Generator,
    *,
    L: int,
    m: int,
    d: int,
    activation: str = "tanh",
    sigma_1: float = 1.0,
    k: int = 1,
) -> Weights:
    """W0 has entries N(0, sigma_0^2), sigma_0 = sigma_1/(2 (1 + sqrt(log m)/sqrt(2m))); v0 is uniform on the sphere.

    Args:
        generator: of the random numbers.
        L: hidden layers, at least 1.
        m: width, at least 1.
        d: input dimension, at least 1.
        activation: a name or expression for `torch_activation`.
        sigma_1: scale of the initial weights, positive.
        k: outputs, at least 1; each column of V is a unit vector.

    Returns:
        The weights.

    Raises:
        TheoryError: a value outside its range.
    """
    check_counts(L=L, m=m, d=d, k=k)
    check_scales(sigma_1=sigma_1)
    sigma_0 = sigma_1 / (2 * (1 + math.sqrt(math.log(m)) / math.sqrt(2 * m)))
    widths = [d] + [m] * L
    shapes = [(widths[i + 1], widths[i]) for i in range(L)] + [(m, k)]
    *W, V = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    V /= V.norm(dim=0, keepdim=True)
    scales = tuple(1 / math.sqrt(width) for width in widths)
    return Weights(tuple(w.mul_(sigma_0) for w in W), V, scales, torch_activation(activation))


NETWORKS = {"deep": deep}
