"""What a data set gives: inputs are scaled to norm 1 (unit columns of the paper's X; rows here)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bounds.dual import dual
from bounds.errors import TheoryError
from bounds.from_data import (
    Found,
    FromData,
    dimension,
    least_singular_power,
    number,
    outputs,
    samples,
    separation,
    unit_rows,
)
from bounds.kernels import Extremes, Kernel, Layer, chain, extremes


def rows(X: np.ndarray, values: Mapping[str, Any] | None = None) -> np.ndarray:
    """The inputs in the paper's normalisation, ||x_i|| = 1."""
    return unit_rows(X)


def ntk(X: Any, *, activation: Any = "tanh", omega_1: float = 1.0, omega_2: float = 1.0) -> Kernel:
    """1/d_1 times the kernel of one row of V phi(W x), both layers trained, in the limit of d_1.

    W ~ N(0, omega_1^2), V ~ N(0, omega_2^2), no factor of the width: V adds E[phi phi'], W adds
    omega_2^2 x^T x' E[phi'(w^T x) phi'(w^T x')].

    Args:
        X: (n, d_0).
        activation: phi.
        omega_1: Deviation of W's entries.
        omega_2: Deviation of V's entries.
    """
    layers = [Layer(float(omega_1) ** 2, 1.0), Layer(float(omega_2) ** 2, 1.0)]
    return chain(X, layers, activation, "song2021's infinite-width kernel over d_1")


def largest_singular(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found:
    """sigma_max(X)."""
    return float(np.linalg.norm(unit_rows(X), 2)), "largest singular value of the data, unit rows"


def least_power(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found | None:
    """sigma_min(X^{*t})."""
    t = number(values, "t")
    return None if t is None else least_singular_power(unit_rows(X), t)


def _gram(X: np.ndarray, values: Mapping[str, Any]) -> tuple[Extremes, float] | None:
    """The extreme eigenvalues of E M_0/d_1, and d_1."""
    d_1, omega_1 = number(values, "d_1"), number(values, "omega_1")
    if d_1 is None or omega_1 is None or "activation" not in values:
        return None
    unit = unit_rows(X)
    mean = dual(values["activation"], omega_1**2 * (unit @ unit.T), error=omega_1**2 * X.shape[1] * 2.0**-52)
    return extremes(mean.value, mean.error), d_1


def gram_min(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found | None:
    """The least eigenvalue of E M_0 = d_1 E[phi(u) phi(u)^T]."""
    if (found := _gram(X, values)) is None:
        return None
    if len(X) > 1:
        separation(unit_rows(X), "E M_0 is singular")
    eigenvalues, d_1 = found
    if eigenvalues.least <= eigenvalues.error:
        raise TheoryError("the least eigenvalue of E M_0 is within rounding of 0: use fewer or more distinct samples")
    return d_1 * eigenvalues.least, "least eigenvalue of E M_0 for the data, unit rows"


def gram_max(X: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Found | None:
    """The greatest eigenvalue of E M_0."""
    found = _gram(X, values)
    return None if found is None else (found[1] * found[0].greatest, "greatest eigenvalue of E M_0, unit rows")


FROM_DATA: FromData = {
    "n": samples,
    "d_0": dimension,
    "d_2": outputs,
    "sigma_max_X": largest_singular,
    "sigma_min_Xt": least_power,
    "gram_min": gram_min,
    "gram_max": gram_max,
}
