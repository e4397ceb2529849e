"""Matrices of known spectra, and an exact judge of bounds of the least eigenvalue."""

from __future__ import annotations

import math

import torch
from flint import fmpq, fmpq_mat


def double(rows):
    return torch.tensor(rows, dtype=torch.float64)


def rational(x):
    return fmpq(*float(x).as_integer_ratio())


def elementary(K, c):
    """The elementary symmetric functions e_1, ..., e_n of the eigenvalues of K - c I, exact."""
    n = len(K)
    M = fmpq_mat(n, n, [rational(K[i][j]) - (rational(c) if i == j else 0) for i in range(n) for j in range(n)])
    coefficients = M.charpoly().coeffs()  # det(t I - M) = sum_k (-1)^k e_k t^(n-k)
    return [(-1) ** k * coefficients[n - k] for k in range(1, n + 1)]


def encloses(K, found):
    """Whether lower <= lambda_min(K) <= upper: all roots are real, so Descartes' rule of signs decides exactly."""
    rows = K.tolist()
    at_least = found.lower == -math.inf or all(e >= 0 for e in elementary(rows, found.lower))
    beyond = found.upper < math.inf and all(e > 0 for e in elementary(rows, found.upper))
    return at_least and not beyond


def hilbert(n):
    return double([[1 / (i + j + 1) for j in range(n)] for i in range(n)])


def hadamard(spectrum):
    """H diag(spectrum) H^T/n, exact for dyadic spectra: H is Sylvester's, its entries +-1."""
    H = torch.ones(1, 1, dtype=torch.float64)
    while len(H) < len(spectrum):
        H = torch.cat([torch.cat([H, H], 1), torch.cat([H, -H], 1)])
    return (H * (double(spectrum) / len(spectrum))) @ H


ONES = [1.0] * 511
SPECTRA = {
    "isolated": [2.0**-12, *ONES],
    "degenerate": [2.0**-12] * 256 + [1.0] * 256,
    "dense": [0.25 + k / 512 for k in range(512)],
    "dense and a large one": [0.25 + k / 512 for k in range(511)] + [2.0**10],
    "too ill-conditioned for float32": [2.0**-30, *ONES],
    "geometric": [2.0 ** -(k // 16) for k in range(512)],
    "singular": [0.0, *ONES],
    "rank one": [0.0] * 511 + [1.0],
    "slightly indefinite": [-(2.0**-30), *ONES],
    "indefinite": [-0.5, *ONES],
    "negative": [-1.0 - k / 512 for k in range(512)],
}
