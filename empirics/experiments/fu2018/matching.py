"""Distances up to a permutation of the neurons, which no data can tell apart."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def matched(W: Tensor, target: Tensor, *, signed: bool = True) -> Tensor:
    """The rows of W in the order (and with the signs) that bring it nearest to a target.

    Args:
        W: (K, d).
        target: (K, d).
        signed: False: a row's sign does not matter either, as for an even activation.

    Returns:
        (K, d): the permutation minimises the sum of squared distances exactly (Hungarian method).

    >>> matched(torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.eye(2))
    tensor([[2., 0.],
            [0., 1.]])
    """
    inner = (target @ W.mT).detach().cpu().double().numpy()
    # ||w - v||^2 = ||w||^2 + ||v||^2 - 2 w.v: only the inner products depend on who is matched with whom
    rows, columns = linear_sum_assignment(np.abs(inner) if not signed else inner, maximize=True)
    found = W[torch.as_tensor(columns, device=W.device)]
    if signed:
        return found
    signs = np.where(inner[rows, columns] < 0, -1.0, 1.0)
    return found * torch.as_tensor(signs, dtype=W.dtype, device=W.device)[:, None]


def error(W: Tensor, target: Tensor, *, signed: bool = True) -> float:
    """||W - target||_F/||target||_F after `matched`."""
    return float((matched(W, target, signed=signed) - target).norm() / target.norm())
