"""Searches that start from what an earlier one found: the same answers, in fewer products."""

import pytest
import torch

from bounds.errors import TheoryError
from empirics import hessian_norms, loss_hessian_extremes, network
from empirics.measure.convergence import parameter_gradient
from empirics.measure.forward import forward
from empirics.measure.lanczos import WARM_NOISE, lanczos
from empirics.weights import stack


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def descend(weights, X, y, rate, steps):
    for _ in range(steps):
        slope = (forward(weights, X, order=0).f - y) * (2 / len(X))
        pairs = zip(weights.tensors, parameter_gradient(weights, X, slope), strict=True)
        weights = weights.with_tensors(t - rate * g for t, g in pairs)
    return weights


def mean_products(found):
    return torch.as_tensor(found.details["products"]).double().mean().item()


@pytest.mark.parametrize(("k", "networks"), [(1, 0), (2, 0), (1, 2), (2, 2)])
def test_hessian_norms_along_a_trajectory(k, networks):
    nets = [network(L=3, m=40, d=5, k=k, sigma_1=2.0, seed=s).weights for s in range(networks or 1)]
    weights, X, y = stack(nets) if networks else nets[0], points(6, 5), points(6, k, seed=1)
    last = hessian_norms(weights, X, keep=True, upper=False)
    for _ in range(4):
        weights = descend(weights, X, y, 0.5, 2)
        cold, last = hessian_norms(weights, X, upper=False), hessian_norms(weights, X, start=last, upper=False)
        exact = hessian_norms(weights, X, tol=1e-10, upper=False).value
        assert (last.value <= exact * (1 + 1e-12)).all()
        torch.testing.assert_close(last.value, exact, rtol=2e-3, atol=0)
        assert last.details["converged"].all()
        assert mean_products(last) < mean_products(cold) / 2


def test_a_start_from_far_away_is_no_trap():
    """Another network's eigenvectors: the search still finds this one's norm."""
    X = points(8, 5)
    for seed in range(4):
        elsewhere = hessian_norms(network(L=2, m=12, d=5, sigma_1=3.0, seed=seed + 50), X, keep=True)
        net = network(L=2, m=12, d=5, sigma_1=3.0, seed=seed)
        exact = hessian_norms(net, X, tol=1e-10).value
        torch.testing.assert_close(hessian_norms(net, X, start=elsewhere).value, exact, rtol=2e-3, atol=0)


class Diagonal:
    """Diagonal operators, for a spectrum of one's choice."""

    def __init__(self, values):
        self.values = values

    def apply(self, g):
        return self.values * g

    def metric(self, y):
        return y.clone()

    def keep(self, needed):
        return needed.nonzero()[:, 0]

    def take(self, rows):
        return Diagonal(self.values[rows])


@pytest.mark.parametrize("drift", [0.01, 0.03, 0.1])
@pytest.mark.parametrize("tol", [1e-2, 1e-3])
def test_an_eigenvalue_that_takes_the_lead_is_followed(drift, tol):
    """The second eigenvalue grows past the first; the old eigenvector stays one, with a residual of nothing."""
    generator = torch.Generator().manual_seed(0)
    bulk = 0.2 * torch.rand(1, 2000, generator=generator, dtype=torch.float64) - 0.1
    noise = torch.randn(1, 2000, generator=generator, dtype=torch.float64)
    bulk[0, 0], start = 1.0, None
    for step in range(30):
        bulk[0, 1] = 0.7 + drift * step
        first = noise if start is None else start + noise * (WARM_NOISE / noise.norm())
        found = lanczos(Diagonal(bulk), first, tol=tol, vectors=True, warm=start is not None)
        assert found.lambda_max.item() == pytest.approx(float(bulk.max()), rel=2 * tol)
        start = found.vectors.sum(0)


def test_at_the_same_point_hardly_any_work_is_left():
    net, X = network(L=3, m=40, d=5, sigma_1=2.0), points(6, 5)
    first = hessian_norms(net, X, keep=True, tol=1e-6)
    again = hessian_norms(net, X, start=first)
    assert mean_products(again) <= 8 < mean_products(first)
    torch.testing.assert_close(again.value, first.value, rtol=1e-5, atol=0)


@pytest.mark.parametrize("networks", [0, 3])
def test_sharpness_along_a_trajectory(networks):
    X, y = points(6, 5), points(6, 1, seed=1)
    nets = [network(L=2, m=20, d=5, sigma_1=2.0, seed=s).weights for s in range(networks or 1)]
    weights = stack(nets) if networks else nets[0]
    last = loss_hessian_extremes(weights, X, y, keep=True)
    for _ in range(3):
        weights = descend(weights, X, y, 0.2, 2)
        cold, last = loss_hessian_extremes(weights, X, y), loss_hessian_extremes(weights, X, y, start=last)
        exact = torch.as_tensor(loss_hessian_extremes(weights, X, y, tol=1e-9).value)
        torch.testing.assert_close(torch.as_tensor(last.value, dtype=exact.dtype), exact, rtol=1e-3, atol=0)
        assert mean_products(last) < mean_products(cold)


def test_a_start_that_does_not_fit_is_refused():
    net, X, y = network(L=2, m=4, d=3), points(3, 3), points(3, 1)
    without, other = hessian_norms(net, X), hessian_norms(net, X[:2], keep=True)
    for start in (without, other):
        with pytest.raises(TheoryError, match="start holds no Ritz vectors of these samples and widths"):
            hessian_norms(net, X, start=start)
    with pytest.raises(TheoryError, match="start holds no Ritz vectors of this network"):
        loss_hessian_extremes(net, X, y, start=loss_hessian_extremes(net, X, y))
    with pytest.raises(TheoryError, match="start and keep work on one network"):
        hessian_norms([net, net], X, keep=True)
