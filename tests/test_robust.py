"""Where eigenvalue methods usually break: clusters, zeros, ties, duplicates, one of everything, extreme scales."""

import naive
import pytest
import torch
from torch import nn

from bounds.errors import TheoryError
from empirics import (
    from_module,
    gradient_norms,
    hessian_norms,
    hessian_spectrum,
    loss_hessian_extremes,
    loss_hessian_trace,
    network,
    ntk_gram,
)


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_clustered_eigenvalues():
    """Equal hidden units give eigenvalues of high multiplicity."""
    weights = network(L=2, m=6, d=3, sigma_1=2.0, seed=1).weights
    W1, W2, V = weights.tensors
    equal = weights.with_tensors([W1[:1].expand(6, 3).clone(), torch.full_like(W2, 0.7), torch.full_like(V, 0.4)])
    X = points(3, 3)
    exact = torch.stack([torch.linalg.eigvalsh(naive.output_hessian(equal, x)) for x in X])
    repeated = (exact[:, 1:] - exact[:, :-1]).abs() < 1e-9
    assert (repeated & (exact[:, 1:].abs() > 1e-3)).any()  # the case is what it says
    torch.testing.assert_close(hessian_norms(equal, X, tol=1e-9).value, exact.abs().amax(1), rtol=1e-9, atol=0)
    spectrum = hessian_spectrum(equal, X).value
    torch.testing.assert_close(spectrum[:, [0, -1]], exact[:, [0, -1]], rtol=1e-10, atol=1e-13)


def test_zero_hessians():
    """A linear model: no curvature at all, and methods must say zero rather than divide by it."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Identity(), nn.Linear(4, 1)).double()
    for p in model[2].parameters():
        p.requires_grad_(False)
    net, X = from_module(model, paper=None), points(4, 3)
    found = hessian_norms(net, X)
    for value in (found.value, found.residual):
        assert torch.equal(value, torch.zeros(4, dtype=torch.float64))
    assert (found.upper < 1e-12).all()  # the allowance for the rounding of the sweeps
    assert found.details["converged"].all()
    kept = hessian_norms(net, X, keep=True)
    assert torch.equal(hessian_norms(net, X, start=kept).value, found.value)
    assert (hessian_spectrum(net, X).value == 0).all()
    y = points(4, 1, seed=1)
    a = torch.cat([X, torch.ones(4, 1, dtype=torch.float64)], 1)  # the loss itself is a quadratic in (W, bias)
    H = torch.kron(2 / 4 * model[2].weight.T @ model[2].weight, a.T @ a).detach()
    assert loss_hessian_extremes(net, X, y, tol=1e-8).value == pytest.approx(float(torch.linalg.eigvalsh(H)[-1]))
    assert loss_hessian_trace(net, X, y).value == pytest.approx(float(H.trace()))


def test_duplicate_inputs_give_a_singular_kernel():
    net, X = network(L=2, m=30, d=4), points(5, 4)
    found = ntk_gram(net, torch.cat([X, X[:2]]))
    K = torch.as_tensor(found.value)
    torch.testing.assert_close(K[5:], K[:2], rtol=1e-15, atol=0)  # a product may round equal rows differently
    eigenvalues = torch.linalg.eigvalsh(K)
    assert (eigenvalues[:2].abs() <= 1e-13 * eigenvalues[-1]).all()
    assert eigenvalues[2] > 1e-6 * eigenvalues[-1]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("L", "m", "d"), [(1, 1, 1), (1, 1, 7), (3, 2, 9), (4, 1, 2)])
def test_one_sample_and_fewer_units_than_inputs(activation, L, m, d):
    net, X, y = network(L=L, m=m, d=d, activation=activation, sigma_1=3.0), points(1, d), points(1, 1, seed=1)
    J = naive.jacobian(net.weights, X)[:, 0]
    assert ntk_gram(net, X).value.item() == pytest.approx(float(J.square().sum()), rel=1e-12)
    assert gradient_norms(net, X, y).value.item() == pytest.approx(float(J.norm()), rel=1e-12)
    if activation == "relu":
        return
    exact = torch.linalg.eigvalsh(naive.output_hessian(net.weights, X[0]))
    assert hessian_norms(net, X, tol=1e-9).value.item() == pytest.approx(float(exact.abs().max()), rel=1e-9)
    H = naive.hessian(net.weights, lambda theta: naive.loss(net.weights, theta, X, y))
    found = loss_hessian_extremes(net, X, y, tol=1e-9)
    assert found.value == pytest.approx(float(torch.linalg.eigvalsh(H)[-1]), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-60, 1e60])
@pytest.mark.parametrize("which", [0, -1])
def test_extreme_scales(scale, which):
    """One layer scaled by 10^+-60: values are those of the naive way, or exceed the range and are refused."""
    weights = network(L=2, m=4, d=3, activation="identity", sigma_1=2.0).weights
    tensors = list(weights.tensors)
    tensors[which] = tensors[which] * scale
    weights, X = weights.with_tensors(tensors), points(3, 3)
    exact = torch.stack([torch.linalg.eigvalsh(naive.output_hessian(weights, x)).abs().max() for x in X])
    found = hessian_norms(weights, X, tol=1e-6)
    torch.testing.assert_close(found.value, exact, rtol=1e-6, atol=0)
    assert (found.upper >= exact * (1 - 1e-12)).all()
    J = naive.jacobian(weights, X)[:, 0]
    torch.testing.assert_close(torch.as_tensor(ntk_gram(weights, X).value), J @ J.T, rtol=1e-10, atol=0)
    torch.testing.assert_close(gradient_norms(weights, X).value, J.norm(dim=1), rtol=1e-12, atol=0)


def test_what_overflows_is_named():
    weights = network(L=2, m=4, d=3, activation="identity").weights
    huge = weights.with_tensors(t * 1e100 for t in weights.tensors)
    with pytest.raises(TheoryError, match="net has gradients that are NaN or infinite"):
        ntk_gram(huge, points(2, 3))
    with pytest.raises(TheoryError, match="net has outputs that are NaN or infinite"):
        hessian_norms(weights.with_tensors(t * 1e160 for t in weights.tensors), points(2, 3))
