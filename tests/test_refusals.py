"""What measures refuse, or must not get wrong in silence: found by review, one test each."""

import math

import pytest
import torch
from torch import nn

from bounds.errors import TheoryError
from empirics import (
    from_module,
    gradient_norms,
    hessian_norms,
    kernel_change,
    kernel_eigenvalues,
    layer_norms,
    loss_hessian_extremes,
    loss_hessian_trace,
    network,
    ntk_gram,
    weight_norms,
)
from empirics.measure.convergence import step_geometry
from empirics.weights import stack


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, Y = points(4, 3), points(4, 1, seed=1)
NET = network(L=2, m=6, d=3)


@pytest.mark.parametrize("tile", [-1, 0, 2.5, True])
def test_blocks_of_no_size(tile):
    with pytest.raises(TheoryError, match=r"tile=.* must be an integer of at least 1"):
        ntk_gram(NET, X, tile=tile)


def test_sums_in_no_precision():
    with pytest.raises(TheoryError, match=r"accumulate=torch\.float16 must be"):
        ntk_gram(NET, X, accumulate=torch.float16)


@pytest.mark.parametrize("setting", ["high", "medium"])
def test_coarse_products_are_counted(setting):
    """torch may round float32 factors to 11 or 8 bits: the bound then says so, and stays finite at ordinary widths."""
    net, x = network(L=2, m=256, d=3, dtype=torch.float32), X.float()
    before = torch.get_float32_matmul_precision()
    try:
        fine = ntk_gram(net, x).details["rounding"]
        torch.set_float32_matmul_precision(setting)
        coarse = ntk_gram(net, x).details
    finally:
        torch.set_float32_matmul_precision(before)
    assert 10 * fine < coarse["rounding"] < coarse["trace"] / 10
    exact = ntk_gram(net.double(), X).details
    assert exact["rounding"] < 1e-10 * exact["trace"]


def test_a_kernels_rounding_reaches_its_eigenvalues():
    kernel = ntk_gram(network(L=2, m=64, d=3, dtype=torch.float32), X.float())
    found = kernel_eigenvalues(kernel)
    assert found.side == "interval"
    assert (found.upper - found.lower >= 2 * kernel.details["rounding"]).all()


def test_kernels_of_several_outputs_are_compared_as_matrices():
    nets = [network(L=2, m=6, d=3, k=2, seed=s) for s in range(2)]
    first, second = (torch.as_tensor(ntk_gram(net, X[:2]).value) for net in nets)
    expected = torch.linalg.matrix_norm((second - first).reshape(4, 4), 2)
    torch.testing.assert_close(kernel_change(first, second).value, expected)
    with pytest.raises(TheoryError, match=r"kernel of shape \(2, 3\) must be"):
        kernel_change(torch.zeros(2, 3), torch.zeros(2, 3))


@pytest.mark.parametrize(
    "measure",
    [
        gradient_norms,
        layer_norms,
        lambda net, x: weight_norms(net),
        lambda net, x: step_geometry(net, x, Y, 0.1),
        lambda net, x: loss_hessian_trace(net, x, Y),
    ],
)
def test_batches_where_one_network_is_measured(measure):
    with pytest.raises(TheoryError, match="net is a batch of networks: ask for"):
        measure(stack([NET.weights, NET.weights]), X)


@pytest.mark.parametrize(
    "measure", [gradient_norms, layer_norms, ntk_gram, hessian_norms, lambda net, x: loss_hessian_trace(net, x, Y)]
)
def test_not_a_number_is_no_result(measure):
    broken = NET.weights.with_tensors(t * math.nan for t in NET.weights.tensors)
    with pytest.raises(TheoryError, match="that are NaN or infinite: its weights have diverged"):
        measure(broken, X)


def test_nothing_is_trained():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double().requires_grad_(False)
    with pytest.raises(TheoryError, match="net has no trained parameters"):
        loss_hessian_extremes(from_module(model, paper=None), X, Y)


def test_networks_of_several_kinds_in_one_call():
    wider = network(L=2, m=9, d=3)
    with pytest.raises(TheoryError, match="nets differ in outputs, dtype or device"):
        hessian_norms([NET, network(L=2, m=6, d=3, k=2)], X)
    with pytest.raises(TheoryError, match="start holds no Ritz vectors of these samples and widths"):
        hessian_norms(wider, X, start=hessian_norms(NET, X, keep=True))
    both = hessian_norms([NET, wider], X)
    for row, net in zip(both.value, (NET, wider), strict=True):
        torch.testing.assert_close(row, hessian_norms(net, X).value, rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("z", [4.3, 8.3, 9.3, 10.3, 17.1, 19.5])
def test_the_upper_bound_where_the_activation_saturates(dtype, z):
    """One tanh unit far out: f = v tanh(w x), whose Hessian in (w, v) is [[v phi'' x^2, phi' x], [phi' x, 0]]."""
    z, v = (torch.tensor(number, dtype=dtype).item() for number in (z, 0.7))  # as the network holds them
    sech_sq = 1 / math.cosh(z) ** 2
    point = network(L=1, m=1, d=1).weights.with_tensors(torch.tensor([[t]], dtype=dtype) for t in (z, v))
    H = torch.tensor([[-2 * v * math.tanh(z) * sech_sq, sech_sq], [sech_sq, 0.0]], dtype=torch.float64)
    found = hessian_norms(point, torch.ones(1, 1))
    assert found.upper.item() >= float(torch.linalg.eigvalsh(H).abs().max())
