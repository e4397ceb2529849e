"""E M_0 of the data, and eq 56 on the average of M_0 = phi(W_0 X)^T phi(W_0 X) over seeds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bounds.dual import dual
from bounds.errors import TheoryError
from bounds.from_data import least_singular_power
from bounds.kernels import extremes
from empirics.data import Dataset
from empirics.setting import repeated


def data_values(data: Dataset, activation: str, omega_1: float, t: int) -> dict[str, Any]:
    """What the data determine: sigma_max_X, sigma_min_Xt, and gram_min, gram_max of E M_0/d_1 with gram_error.

    Args:
        data: inputs of norm 1.
        activation: phi.
        omega_1: standard deviation of W_0.
        t: the Khatri-Rao power.

    Returns:
        The numbers, and gram_mean, E M_0/d_1, (n, n); what is 0 or lost in rounding is left out.
    """
    X = data.X.cpu().numpy()
    mean = dual(activation, omega_1**2 * (X @ X.T), error=omega_1**2 * X.shape[1] * 2.0**-52)
    ends = extremes(mean.value, mean.error)
    found = {"sigma_max_X": float(np.linalg.norm(X, 2)), "gram_max": ends.greatest, "gram_error": ends.error}
    if ends.least > ends.error and repeated(data.X) is None:
        found["gram_min"] = ends.least
    try:
        power = least_singular_power(X, t)[0]
    except TheoryError:  # repeated samples, or an eigenvalue within rounding of 0
        power = 0.0
    return {**found, **({"sigma_min_Xt": power} if power else {}), "gram_mean": mean.value}


def bias(grams: Tensor, mean: Tensor) -> tuple[float, float, float]:
    """How far the average of S Gram matrices is from a mean, and from what chance explains.

    With D_s = M_s - mean, the average of <D_s, D_t> over pairs s != t has expectation ||E D||_F^2, and where E D = 0
    the variance 2/(S(S-1)) E<D_s, D_t>^2, which the pairs estimate.

    Args:
        grams: (S, k, k), S >= 2.
        mean: (k, k).

    Returns:
        (||average - mean||_F/||mean||_F, its root mean square where the mean is right, z): z is the average of the
        pairs in units of its standard deviation where the mean is right; that law has a heavier right tail than a
        normal one.
    """
    S = len(grams)
    D = (grams - mean).flatten(1)
    inner = D @ D.mT
    own = inner.diagonal()
    pairs = inner - torch.diag(own)
    centre = pairs.sum() / (S * (S - 1))
    spread = (2 / (S * (S - 1)) * pairs.square().sum() / (S * (S - 1))).sqrt()
    size = mean.norm()
    # sum_s ||M_s - average||^2/(S(S-1)) estimates E||average - E M||^2
    within = (own.sum() - inner.sum() / S) / (S * (S - 1))
    off, expected, z = torch.stack(
        [D.mean(0).norm() / size, within.clamp(min=0).sqrt() / size, centre / spread]
    ).tolist()
    return off, expected, z


def finding(grams: Tensor, mean: Tensor, width: int, omega_1: float) -> str:
    """One sentence on eq 56 at a width.

    Args:
        grams: (S, k, k).
        mean: E M_0 of these samples, (k, k).
        width: d_1.
        omega_1: standard deviation of W_0.

    Returns:
        The sentence with its numbers.
    """
    S, k = grams.shape[:2]
    where = "eq 56" if omega_1 == 1 else f"eq 56 with c_i(omega_1), omega_1 = {omega_1:g} (erratum S5)"
    head = f"{where}, width {width}: the mean of M_0 over {S} seeds on {k} samples"
    if S < 2:
        return f"{head} cannot be told from chance (raise --init_seeds)"
    off, expected, z = bias(grams, mean)
    words = "is what chance gives" if z < 5 else "is MORE than chance gives" if math.isfinite(z) else "has no spread"
    return (
        f"{head} is off by {off:.2e} of ||E M_0||_F, where the spread of the seeds explains {expected:.2e} "
        f"(z = {z:+.1f}): this {words}"
    )
