import naive
import pytest
import torch

from empirics import gradient_norms, network
from empirics.measure.forward import outer_norm_squared


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("activation", ["tanh", "gelu", "relu", "identity"])
@pytest.mark.parametrize("L", [1, 2, 3])
@pytest.mark.parametrize(("n", "m", "k"), [(1, 1, 1), (4, 5, 1), (6, 2, 2), (3, 6, 3)])
def test_gradient_norms_match_autograd(activation, L, n, m, k):
    weights = network(L=L, m=m, d=3, k=k, activation=activation, sigma_1=2.0, seed=1).weights
    X, y = points(n, 3), points(n, k, seed=1)
    found = gradient_norms(weights, X, y)
    J = naive.jacobian(weights, X)
    expected = J.norm(dim=2)
    torch.testing.assert_close(found.value, expected[:, 0] if k == 1 else expected, rtol=1e-11, atol=1e-13)
    assert found.details["gbar_norm"] == pytest.approx(float(J.mean((0, 1)).norm()), rel=1e-10, abs=1e-13)
    theta = naive.flat(weights).requires_grad_()
    loss = naive.loss(weights, theta, X, y)
    (gradient,) = torch.autograd.grad(loss, theta)
    assert found.details["loss"] == pytest.approx(loss.item(), rel=1e-12)
    assert found.details["loss_grad_norm"] == pytest.approx(float(gradient.norm()), rel=1e-10)


@pytest.mark.parametrize("k", [1, 2])
def test_input_gradients_match_autograd(k):
    weights = network(L=2, m=5, d=3, k=k, sigma_1=2.0).weights
    X, theta = points(4, 3), naive.flat(weights)
    J = torch.stack(
        [torch.autograd.functional.jacobian(lambda x: naive.output(weights, theta, x[None])[0], x) for x in X]
    )
    expected = J.norm(dim=2)
    found = gradient_norms(weights, X).details["input_grad_norm"]
    torch.testing.assert_close(found, expected[:, 0] if k == 1 else expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("n", "p", "q"), [(2, 50, 60), (60, 3, 4), (1, 1, 1)])
def test_both_forms_of_the_outer_norm_agree(n, p, q):
    c, a = points(n, p), points(n, q, seed=1)
    expected = (c.T @ a).square().sum()
    torch.testing.assert_close(outer_norm_squared(c, a), expected, rtol=1e-12, atol=0)


def test_duplicate_inputs_share_their_gradient():
    net, row = network(L=2, m=6, d=3), points(1, 3)
    found = gradient_norms(net, row.repeat(4, 1))
    assert found.details["gbar_norm"] == pytest.approx(found.value[0].item(), rel=1e-12)
    assert "loss" not in found.details
