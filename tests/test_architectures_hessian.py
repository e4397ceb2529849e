"""The Hessian of every output of every smooth network without windows against dense ones by autograd."""

import naive
import pytest
import torch
from architectures import case, dense, names, normal

from bounds.errors import NotApplicable
from empirics import hessian_norms, hessian_spectrum, torch_activation
from empirics.weights import stack

SMOOTH = names(smooth=True, dense=True)
TOL = 1e-7  # of residuals; below sqrt(eps) round-off in the recurrence may keep them from being met
FLAT = {"readout-only", "linear"}  # their outputs are linear in what is trained


def spectra(weights, X, model):
    """Eigenvalues of each output's Hessian in ascending order, (n, k, P)."""
    rows = [[naive.output_hessian(weights, x, h, model) for h in range(weights.k)] for x in X]
    return torch.stack([torch.stack([torch.linalg.eigvalsh(H) for H in row]) for row in rows])


def ends(weights, X, model):
    """The least and the largest, (n, k) each, or (n,) for one output."""
    values = spectra(weights, X, model)
    values = values[:, 0] if weights.k == 1 else values
    return values[..., 0], values[..., -1]


def check(found, low, high):
    """Value exact, both Ritz ends inside the spectrum and the larger at its end, the upper bound above."""
    norm = torch.maximum(low.abs(), high.abs())
    slack = 1e-12 * norm + 1e-14
    torch.testing.assert_close(found.value, norm, rtol=TOL, atol=1e-13)
    assert (found.upper >= norm - slack).all()
    least, largest = found.details["lambda_min"], found.details["lambda_max"]
    assert (least >= low - slack).all()
    assert (largest <= high + slack).all()
    leads = high.abs() > low.abs()
    torch.testing.assert_close(torch.where(leads, largest, least).abs(), norm, rtol=TOL, atol=1e-13)
    assert (found.residual <= TOL * norm + 1e-14).all()
    assert found.details["converged"].all()


@pytest.mark.parametrize("name", SMOOTH)
def test_hessian_norms_are_the_dense_ones(name):
    it = case(name)
    exact = spectra(it.weights, it.X, it.model)
    low, high = (exact[:, 0] if it.weights.k == 1 else exact)[..., [0, -1]].unbind(-1)
    found = hessian_norms(it.weights, it.X, tol=TOL)
    check(found, low, high)
    flat = not exact.any()
    assert flat == (name in FLAT)
    if flat:
        assert not found.value.any()
        assert (found.upper < 1e-12).all()  # the allowance for the rounding of the sweeps
    whole = hessian_spectrum(it.weights, it.X)
    some = whole.value.reshape(3, it.weights.k, -1)
    every = torch.cat([some, some.new_zeros(3, it.weights.k, whole.details["zeros"])], 2).sort(2).values
    torch.testing.assert_close(every, exact, rtol=0, atol=1e-12)
    verified = hessian_norms(it.weights, it.X, tol=TOL, verify=True)
    torch.testing.assert_close(verified.value, found.value, rtol=1e-9, atol=1e-13)
    assert (verified.residual <= TOL * found.value + 1e-14).all()


@pytest.mark.parametrize("name", SMOOTH)
def test_networks_of_one_shape_are_measured_at_once(name):
    it = case(name)
    points, X = [it.moved(seed) for seed in (10, 20, 30)], normal(5, it.weights.d, seed=3)
    found, in_chunks = (hessian_norms(stack(points), X, tol=TOL, chunk=chunk) for chunk in (None, 2))
    for s, point in enumerate(points):
        alone = hessian_norms(point, X, tol=TOL)
        for batch in (found, in_chunks):
            torch.testing.assert_close(batch.value[s], alone.value, rtol=1e-9, atol=1e-13)
            torch.testing.assert_close(batch.upper[s], alone.upper, rtol=1e-10, atol=1e-14)
            assert batch.details["converged"][s].all()


def test_networks_of_different_shapes_in_one_call():
    """Equal ones are measured together, and the values come back in the order given."""
    narrow, wide = (dense((3, m, m, 2), "gelu", "swish", biases=(1, 3)) for m in (3, 5))
    nets = [narrow.moved(1), wide.weights, narrow.moved(2), narrow.weights, wide.moved(3)]
    found = hessian_norms(nets, narrow.X, tol=TOL)
    assert found.value.shape == found.upper.shape == found.details["lambda_max"].shape == (5, 3, 2)
    for s, net in enumerate(nets):
        low, high = ends(net, narrow.X, narrow.model if net.m == 3 else wide.model)
        torch.testing.assert_close(found.value[s], torch.maximum(low.abs(), high.abs()), rtol=TOL, atol=1e-13)


def test_samples_that_converge_early_leave_a_batch_of_networks():
    """Inputs of very different size: some samples finish long before others, of either network."""
    it = dense((3, 5, 5, 1), "tanh", biases=(1, 2), shortcuts=frozenset({2}))
    X = normal(12, 3, seed=3) * torch.logspace(-2, 1, 12, dtype=torch.float64)[:, None]
    points = [it.moved(seed) for seed in (3, 4)]
    found = hessian_norms(stack(points), X, tol=TOL)
    products = found.details["products"]
    late = (products > products.min()).sum(1)
    assert 0 < late[1] < late[0] <= 9  # a quarter and more leave, and not as many of either network
    for s, point in enumerate(points):
        norm = spectra(point, X, it.model)[:, 0].abs().amax(1)
        torch.testing.assert_close(found.value[s], norm, rtol=TOL, atol=1e-13)


@pytest.mark.parametrize("name", ["liu2020-biased-tanh", "shortcuts", "fixed-between", "first-layer-only"])
def test_a_warm_start_finds_the_same(name):
    it = case(name)
    near = it.weights.with_tensors(t + 0.01 * d for t, d in zip(it.weights.tensors, it.moved(1).tensors, strict=True))
    before = hessian_norms(it.weights, it.X, tol=TOL, keep=True)
    cold, warm = hessian_norms(near, it.X, tol=TOL), hessian_norms(near, it.X, tol=TOL, start=before)
    torch.testing.assert_close(warm.value, cold.value, rtol=TOL, atol=1e-14)


def test_zero_inputs_and_a_slope_that_vanishes():
    it = dense((3, 4, 4, 1), "gelu", biases=(1, 2, 3))
    zero = torch.zeros(1, 3, dtype=torch.float64)
    check(hessian_norms(it.weights, zero, tol=TOL), *ends(it.weights, zero, it.model))
    # f = cos(v.alpha) at v = 0: the slope is 0 and H = -alpha alpha^T in v
    W, V = normal(5, 3), torch.zeros(5, 1, dtype=torch.float64)
    weights = type(it.weights)((W,), V, (1.0, 1.0), torch_activation("tanh"), output=torch_activation("cos(z)"))
    found = hessian_norms(weights, it.X, tol=TOL)
    squares = torch.tanh(it.X @ W.T).square().sum(1)
    check(found, -squares, 0 * squares)


def test_an_identity_output_is_none():
    it = case("identity-output")
    plain = dense((3, 4, 2), "tanh", None, biases=(1,)).weights
    both = [hessian_norms(w, it.X, tol=TOL) for w in (it.weights, plain)]
    torch.testing.assert_close(both[0].value, both[1].value, rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("allenzhu2019-mlp", "activation='relu' is not twice differentiable"),
        (
            "allenzhu2019-cnn-torus",
            r"layer 1 has windows \(a convolution\), which the per-sample Hessian does not cover",
        ),
        ("windows-on-top", r"layer 2 has windows"),
    ],
)
def test_what_has_no_compact_form_is_refused(name, message):
    with pytest.raises(NotApplicable, match=message):
        hessian_norms(case(name).weights, case(name).X)
    it = dense((2, 3, 1), "tanh", "relu")
    with pytest.raises(NotApplicable, match="output='relu' is not twice differentiable"):
        hessian_norms(it.weights, it.X)
