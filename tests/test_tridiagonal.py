"""The extreme eigenpairs of tridiagonal matrices by counting, against a dense solver."""

from __future__ import annotations

import pytest
import torch

from empirics.measure.lanczos import lanczos
from empirics.measure.tridiagonal import by_counting, ends


def dense(alpha, beta):
    return torch.diag_embed(alpha) + torch.diag_embed(beta, 1) + torch.diag_embed(beta, -1)


@pytest.mark.parametrize("order", [1, 2, 3, 33, 70])
def test_against_a_dense_solver(order):
    generator = torch.Generator().manual_seed(order)
    alpha = torch.randn(20, order, generator=generator, dtype=torch.float64) * 10 ** torch.linspace(-6, 6, 20)[:, None]
    beta = torch.randn(20, order - 1, generator=generator, dtype=torch.float64) * alpha.abs().amax(1, keepdim=True)
    theta, s = by_counting(alpha, beta)
    values, vectors = torch.linalg.eigh(dense(alpha, beta))
    size = values.abs().amax(1, keepdim=True)
    assert float(((theta - values[:, [0, -1]]).abs() / size).max()) < 1e-13
    moved = dense(alpha, beta) @ s - theta[:, None, :] * s
    assert float((moved.norm(dim=1) / size).max()) < 1e-12
    assert torch.allclose(s.norm(dim=1), torch.ones(20, 2, dtype=torch.float64))
    cosine = (vectors[:, :, [0, -1]] * s).sum(1).abs()
    assert float(cosine.min()) > 1 - 1e-8


def test_small_last_components_are_resolved():
    """The residual of a Ritz pair is beta times the last component: it must be right when tiny."""
    order = 40
    alpha = torch.linspace(0, 1, order, dtype=torch.float64)[None].clone()
    beta = torch.full((1, order - 1), 0.01, dtype=torch.float64)
    alpha[0, 0] = -1.0
    _, s = by_counting(alpha, beta)
    mine = s[0, :, 0] * s[0, 0, 0].sign()
    # the eigenvector of an isolated eigenvalue decays like prod_i beta/(theta - alpha_i): take it from the recurrence
    theta = torch.linalg.eigvalsh(dense(alpha, beta))[0, 0]
    ratios = torch.zeros(order, dtype=torch.float64)
    ratios[-1] = 0.01 / (theta - alpha[0, -1])
    for i in range(order - 2, 0, -1):
        ratios[i] = 0.01 / (theta - alpha[0, i] - 0.01 * ratios[i + 1])
    expected = torch.cumprod(torch.cat([torch.ones(1, dtype=torch.float64), ratios[1:]]), 0)
    assert torch.allclose(mine / mine[0], expected, rtol=1e-6)


def test_blocks_zeros_and_equal_eigenvalues():
    alpha = torch.tensor([[1.0, 1, 1, 1], [0, 0, 0, 0], [5, -3, 5, -3]], dtype=torch.float64)
    beta = torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 2, 0]], dtype=torch.float64)
    theta, s = by_counting(alpha, beta)
    assert torch.allclose(theta, torch.linalg.eigvalsh(dense(alpha, beta))[:, [0, -1]], atol=1e-14)
    assert torch.isfinite(s).all()
    assert torch.allclose(dense(alpha, beta) @ s, theta[:, None] * s, atol=1e-12)


def test_lanczos_gives_the_same_with_either(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(6, 200, 200, generator=generator, dtype=torch.float64)
    A = A + A.mT

    class Dense:
        def __init__(self, matrices):
            self.matrices = matrices

        def apply(self, g):
            return (self.matrices @ g[..., None])[..., 0]

        def metric(self, y):
            return y.clone()

        def keep(self, needed):
            return needed.nonzero()[:, 0]

        def take(self, rows):
            return Dense(self.matrices[rows])

    start = torch.randn(6, 200, generator=generator, dtype=torch.float64)
    usual = lanczos(Dense(A), start, both=True, tol=1e-6, vectors=True, verify=True)
    monkeypatch.setattr("empirics.measure.lanczos.ends", by_counting)
    counted = lanczos(Dense(A), start, both=True, tol=1e-6, vectors=True, verify=True)
    exact = torch.linalg.eigvalsh(A)
    for found in (usual, counted):
        assert torch.allclose(found.lambda_min, exact[:, 0], rtol=1e-10)
        assert torch.allclose(found.lambda_max, exact[:, -1], rtol=1e-10)
    assert torch.equal(usual.products, counted.products)
    assert ends(A[:, 0, :1], A[:, 0, :0])[0].shape == (6, 2)
