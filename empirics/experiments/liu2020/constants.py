"""c_0, s_0 and C_x of one network and its samples: what Section 7 assumes of an initialisation, measured."""

from __future__ import annotations

import torch
from torch import Tensor

from empirics.measure.forward import forward, unit_backward
from empirics.measure.norms import spectral_norm
from empirics.setting import round_up
from empirics.weights import Weights

_DIGITS = 6


def constants(start: Weights, X: Tensor) -> dict[str, float]:
    """The least constants of Assumptions 7.1 and 7.2 and of Lemma 7.1 that a network and its samples allow.

    Args:
        start: W_0, a network with one output.
        X: inputs, (n, d).

    Returns:
        c_0, the largest ||W_0^(l)||_2/sqrt(m) of all weight layers; s_0, with b^(l) = df/d alpha^(l) the largest
        sqrt(m) ||b_0^(l)||_inf/||b_0^(l)|| over hidden layers and samples, at least 1 as for every vector, zero ones
        left out; C_x, the largest |x_ij|. All are rounded up to six figures: rounding must not break what they bound.
    """
    root = start.m**0.5
    cache = forward(start, X)
    b, _ = unit_backward(start, cache)
    ratios = [t.abs().amax(-1) / t.norm(dim=-1) for t in b]
    spread = torch.cat(ratios).nan_to_num(nan=0.0).max() * root
    top = torch.stack([spectral_norm(t) for t in (*start.W, start.V)]).max() / root
    largest = X.abs().max()
    return {
        "c_0": round_up(float(top), _DIGITS),
        "s_0": max(1.0, round_up(float(spread), _DIGITS)),
        "C_x": round_up(float(largest), _DIGITS),
    }
