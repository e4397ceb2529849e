"""What a data set gives: inputs become (x/(sqrt(2) ||x||), 1/sqrt(2)), of norm 1 and last coordinate 1/sqrt(2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bounds.activations import get
from bounds.errors import NotApplicable, TheoryError
from bounds.from_data import Found, FromData, outputs, samples, separation, unit_rows
from bounds.kernels import Kernel, Layer, chain


def rows(X: np.ndarray, values: Mapping[str, Any] | None = None) -> np.ndarray:
    """The inputs in the paper's normalisation: one coordinate more."""
    return np.hstack([unit_rows(X), np.ones((len(X), 1))]) / math.sqrt(2)


def ntk(X: Any, *, activation: Any = "relu", L: int = 2) -> Kernel:
    """d/m times the kernel of one output (d outputs: the identity in outputs), W_1..W_L trained, A and B fixed.

    Entries of A and W have variance 2/m. With sqrt(m) h_l for h_l, which relu's homogeneity allows, pre-activations
    are of order 1 and every layer doubles: v = 2. <dy/dW_l, dy'/dW_l> = <h_{l-1}, h'_{l-1}> <b_l, b'_l>, where the
    first factor tends to q_{l-1} and the second, m/d at the readout since B has variance 1/d, is m/d times D_l and
    2 D_k for the layers above.

    Args:
        X: (n, d_in).
        activation: relu; no other is positively homogeneous.
        L: Hidden layers after the first, all trained.
    """
    if get(activation).name != "relu":
        raise NotApplicable(f"activation={activation}: allenzhu2019's network is relu, and its scaling needs relu")
    if int(L) < 1:
        raise TheoryError(f"L={L} must be at least 1")
    layers = [Layer(2.0, 0.0), *[Layer(2.0, 1.0)] * int(L), Layer(1.0, 0.0)]
    return replace(chain(X, layers, activation, "allenzhu2019's infinite-width kernel, times d/m"), output=None)


def least_distance(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found | None:
    """Delta."""
    if len(X) < 2:
        return None
    distance, i, j = separation(rows(X), "allenzhu2019 needs distinct directions")
    return distance, f"samples {i} and {j}, as drawn, as (x/(sqrt(2)||x||), 1/sqrt(2))"


FROM_DATA: FromData = {"n": samples, "d": outputs, "delta": least_distance}
