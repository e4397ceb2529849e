"""What a data set gives. The paper does not normalise inputs: they are taken as they are, C_x = max |x|_inf.

Where C_x is given, the data are scaled to it, one factor for all: C_x = 1 is data in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bounds.errors import TheoryError
from bounds.from_data import Found, FromData, dimension, kernel_of, number, separation
from bounds.kernels import Kernel, Layer, chain, inputs


def rows(X: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
    """The inputs, scaled by one factor so that max |x|_inf is the C_x given, or 1."""
    bound = number(values, "C_x") or 1.0
    top = float(np.abs(X).max())
    if top == 0:
        raise TheoryError("all inputs are zero")
    return X * (bound / top)


def ntk(X: Any, *, activation: Any = "tanh", L: int = 4, shallow: bool = False) -> Kernel:
    """The limit of K(W_0) for one output: no factor of the width is left.

    Deep (eq 28): L weight layers, entries N(0, 1), each with 1/sqrt(fan-in), the first with 1/sqrt(d); all trained.
    Shallow (eq 24): f = (1/sqrt(m)) sum_i v_i sigma(w_i^T x), v_i = +-1 fixed, w ~ N(0, I), no 1/sqrt(d):
    K = x^T x' E[sigma'(w^T x) sigma'(w^T x')] (eq 26 for scalar x).

    Args:
        X: (n, d).
        activation: sigma.
        L: Weight layers, 2 or more: L - 1 hidden layers.
        shallow: The network of Section 6 instead.
    """
    if shallow:
        return chain(X, [Layer(1.0, 1.0), Layer(1.0, 0.0)], activation, "liu2020's shallow infinite-width kernel")
    if int(L) < 2:
        raise TheoryError(f"L={L} must be at least 2: liu2020's L counts weight layers")
    d = inputs(X).shape[1]
    layers = [Layer(1 / d, 1 / d), *[Layer(1.0, 1.0)] * (int(L) - 1)]
    return chain(X, layers, activation, "liu2020's infinite-width kernel")


def _deep(X: np.ndarray, values: Mapping[str, Any]) -> Kernel | None:
    L = number(values, "L")
    if L is None or "activation" not in values:
        return None
    return kernel_of("liu2020", rows(X, values), activation=values["activation"], L=int(L))


def largest_entry(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found:
    """C_x: the data are scaled to it."""
    return 1.0, f"the data divided by their largest entry, {np.abs(X).max():g}"


def lambda_min(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found | None:
    """The least eigenvalue of the infinite-width kernel."""
    if len(X) > 1:
        separation(X, "the kernel is singular")
    kernel = _deep(X, values)
    return None if kernel is None else (kernel.lambda_min, "least eigenvalue of the data's infinite-width kernel")


def equations(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found:
    """n: one equation per sample and output."""
    return y.size, "samples of the data" if y.size == len(X) else "samples times outputs: one equation each"


def residual(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found:
    """The root mean square of ||F_0 - y|| over infinitely wide networks: F_0 ~ N(0, output), independent of y."""
    kernel, targets = _deep(X, values), float(np.sum(y**2))
    if kernel is None or kernel.output is None:
        return math.sqrt(targets), "||y||: F_0 taken as 0"
    output = y.size / len(X) * float(np.trace(kernel.output))
    return math.sqrt(targets + output), "root mean square of ||F_0 - y|| over infinitely wide initial networks"


FROM_DATA: FromData = {
    "n": equations,
    "d": dimension,
    "C_x": largest_entry,
    "lambda_min": lambda_min,
    "residual_0": residual,
}
