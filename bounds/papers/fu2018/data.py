"""What a data set gives: its sizes only; the paper's inputs are N(0, I_d), used as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bounds.from_data import FromData, dimension, samples
from bounds.kernels import Kernel, Layer, chain


def ntk(X: Any, *, activation: Any = "sigmoid") -> Kernel:
    """K times the kernel of (1/K) sum_k phi(w_k^T x) as K grows, w_k ~ N(0, I), all trained.

    Each df/dw_k = phi'(w_k^T x) x/K, so their products sum to (1/K) x^T x' E[phi'(w^T x) phi'(w^T x')].

    Args:
        X: (n, d).
        activation: phi.
    """
    kernel = chain(X, [Layer(1.0, 1.0), Layer(1.0, 0.0)], activation, "fu2018's infinite-width kernel, times K")
    return replace(kernel, output=None)


FROM_DATA: FromData = {"n": samples, "d": dimension}
