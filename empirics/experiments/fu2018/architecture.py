"""The paper's network: K neurons averaged, whose weights W* are planted and then to be recovered.

f = (1/K) sum_k phi(w_k.x).  Source: fu2018, Section 2.1 (eqs 3, 4 and 6).
"""

from __future__ import annotations

import math

import torch

from empirics.activations import torch_activation
from empirics.checks import check_counts, check_scales
from empirics.weights import Weights


def planted(generator: torch.Generator, *, K: int, d: int, activation: str = "sigmoid", scale: float = 1.0) -> Weights:
    """The point is W*, K x d with entries from N(0, scale^2/d), which is trained; the average is fixed.

    The paper does not say how its experiments (Section 6) draw W*. Here its rows have norms near `scale`, and its
    singular values, on which every theorem depends, lie near scale (1 +- sqrt(K/d)). The theorems need K <= d and
    phi in (0, 1): an activation of another range is rescaled by an expression such as "(1 + tanh(z))/2".

    Args:
        generator: of the random numbers.
        K: neurons, at least 1.
        d: input dimension, at least 1.
        activation: phi, a name or expression for `torch_activation`.
        scale: size of the rows of W*, positive.

    Returns:
        The weights.

    Raises:
        TheoryError: a value outside its range.
    """
    check_counts(K=K, d=d)
    check_scales(scale=scale)
    W = torch.randn((K, d), generator=generator, dtype=torch.float64).mul_(scale / math.sqrt(d))
    V = torch.ones((K, 1), dtype=torch.float64)
    return Weights((W,), V, (1.0, 1 / K), torch_activation(activation), trainable=(True, False))


NETWORKS = {"planted": planted}
