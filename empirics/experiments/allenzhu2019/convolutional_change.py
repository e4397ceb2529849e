"""Lemma 8.2 on convolutional networks: perturbations of the convolutions' weights, of their own shape.

W'_{l,j} = (omega/sqrt(q)) v_j u_j^T with ||v_j|| = 1 and u_j along h_{l-1,Q_j}: every position is read q times, hence
||W'_l x||^2 <= (omega^2/q) sum_j ||x_{Q_j}||^2 = omega^2 ||x||^2. It adds any vector of length (omega/sqrt(q))
||h_{l-1,Q_j}|| to g_{l,j}; as in the dense case the sum over positions of their squares is omega^2 ||h_{l-1}||^2.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from empirics.exponents import fit_exponent
from empirics.measure.forward import forward
from empirics.weights import Weights

OMEGAS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
MARGIN = 1e-6
"""How far beyond 0 a neuron is pushed."""


def finding(weights: Weights, X: Tensor, tau: float) -> str:
    """How the change of h_{L-1} and its sign changes grow with omega.

    Args:
        weights: a convolutional network at its initialisation.
        X: inputs, (n, P).
        tau: scale of its biases.

    Returns:
        A sentence with fitted exponents.
    """
    if weights.L < 3:
        return "no convolution is trained at L = 1: nothing of Lemma 8.2 is measured on it"
    moved, flips = np.array([largest_changes(weights, X, omega) for omega in OMEGAS]).T
    P, m, _ = weights.W[0].shape
    seen = flips >= 3  # fewer are no power of omega: a neuron is whole
    unit = flips[-1] / (P * m * OMEGAS[-1] ** (2 / 3))
    factor = f", whose factor tau^(-2/3) would be {tau ** (-2 / 3):.2g}" if tau else ""
    return (
        f"{m} channels, convolutions perturbed by omega = {OMEGAS[0]:g} to {OMEGAS[-1]:g}: ||h'_{{L-1}}|| grows "
        f"{_power(OMEGAS, moved)} and is {moved[-1] / OMEGAS[-1]:.3g} omega at the largest (Lemma 8.2: omega); up to "
        f"{flips[-1]:g} of {P * m} neurons of h_{{L-1}} change sign, {unit:.3g} P m omega^(2/3), "
        f"{_power(np.array(OMEGAS)[seen], flips[seen])} (2/3 in the bound{factor})"
    )


def _power(omegas: np.ndarray | tuple[float, ...], values: np.ndarray) -> str:
    if len(values) < 2 or not (values > 0).all():
        return "at too few omegas for an exponent"
    return f"as omega^{fit_exponent(omegas, values)}"


def largest_changes(weights: Weights, X: Tensor, omega: float) -> tuple[float, float]:
    """The largest ||h'_{i,L-1}|| and ||D'_{i,L-1}||_0 over samples, of two perturbations: along h_l, and against signs.

    Args:
        weights: a convolutional network, L at least 2.
        X: inputs, (n, P).
        omega: spectral norm of every W'_l at most.

    Returns:
        Both.
    """
    cache = forward(weights, X, 0)
    last = weights.L - 2
    plain = [_pre_activation(weights, l, cache.a[l]) for l in range(last + 1)]
    reached = [_perturbed(weights, plain, omega, flip) for flip in (False, True)]
    h = plain[-1].clamp(min=0)
    moved = torch.stack([(g.clamp(min=0) - h).square().sum((0, 2)).amax() for g in reached]).amax().sqrt()
    flips = torch.stack([((g >= 0) != (plain[-1] >= 0)).sum((0, 2)).amax() for g in reached]).amax()
    return float(moved), float(flips)


def _pre_activation(weights: Weights, l: int, a: Tensor) -> Tensor:
    """g_l of a layer with windows from what its positions read, (P, n, q c)."""
    bias = weights.biases[l]
    g = a @ weights.W[l].mT
    return g if bias is None else g + bias[:, None, :]


def _perturbed(weights: Weights, plain: list[Tensor], omega: float, flip: bool) -> Tensor:
    """g_{L-1} where every W'_l, l < L, pushes along h_l, or the last one against its signs and none below it."""
    last = len(plain) - 1
    h = plain[0].clamp(min=0)
    for l in range(1, last + 1):
        at = weights.windows[l]
        assert at is not None
        read = h[at].movedim(1, 2).flatten(-2)  # (P, q, n, m) to (P, n, q m)
        z = _pre_activation(weights, l, read)
        length = omega / at.shape[1] ** 0.5 * read.norm(dim=-1, keepdim=True)
        v = _against(z, length) if flip and l == last else torch.zeros_like(z) if flip else plain[l].clamp(min=0)
        size = v.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(v.dtype).tiny)
        z = z + v * (length / size)
        h = z.clamp(min=0)
    return z


def _against(z: Tensor, length: Tensor) -> Tensor:
    """Minus z on a position's neurons of least |z|, as many as the length allows."""
    cost, order = z.square().sort(dim=-1)
    taken = cost.cumsum(-1) * (1 + MARGIN) <= length.square()
    return torch.where(torch.zeros_like(taken).scatter(-1, order, taken), -z, 0.0)
