"""Whole spectra and traces against dense autograd Hessians of the user's own modules."""

import pytest
import torch
from torch import nn

from bounds.errors import NotApplicable, TheoryError
from empirics import from_module, hessian_spectrum, loss_hessian_trace, network
from empirics.losses import LOSSES
from empirics.weights import stack

PLAIN = "Linear(3,4,bias=False) Tanh Linear(4,4,bias=False) Tanh Linear(4,1,bias=False)"
MODELS = {
    "plain": PLAIN,
    "biases, unequal widths, two outputs": "Linear(3,2) Softplus Linear(2,5) Softplus Linear(5,2)",
    "some biases": "Linear(3,4) Tanh Linear(4,3,bias=False) Tanh Linear(3,2)",
    "output non-linearity": "Linear(3,4) Tanh Linear(4,3) Tanh Linear(3,1) Sigmoid",
    "output non-linearity, no biases": "Linear(2,4,bias=False) GELU Linear(4,2,bias=False) SiLU",
    "one narrow layer": "Linear(5,1) Tanh Linear(1,1)",
}


def build(text, seed=0):
    torch.manual_seed(seed)
    layers = [eval(f"nn.{part}" if "(" in part else f"nn.{part}()", {"nn": nn}) for part in text.split(" ")]
    return nn.Sequential(*layers).double()


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(model, function):
    """The Hessian of function(outputs) in all parameters that require gradients."""
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    sizes = [p.numel() for p in own.values()]

    def scalar(theta):
        parts = {n: part.view_as(p) for (n, p), part in zip(own.items(), theta.split(sizes), strict=True)}
        return function(lambda x: torch.func.functional_call(model, parts, (x,)))

    return torch.autograd.functional.hessian(scalar, torch.cat([p.detach().flatten() for p in own.values()]))


@pytest.mark.parametrize("text", MODELS.values(), ids=MODELS.keys())
def test_every_eigenvalue_matches_the_dense_hessian(text):
    model = build(text)
    X = points(3, model[0].in_features)
    net = from_module(model, paper=None)
    found = hessian_spectrum(net, X)
    value = found.value[:, None] if net.weights.k == 1 else found.value
    trace = found.details["trace"].reshape(len(X), -1)
    for i, x in enumerate(X):
        for h in range(net.weights.k):
            H = dense(model, lambda f, x=x, h=h: f(x[None])[0, h])
            mine = torch.cat([value[i, h], value.new_zeros(found.details["zeros"])]).sort().values
            torch.testing.assert_close(mine, torch.linalg.eigvalsh(H), rtol=0, atol=1e-13)
            assert float(trace[i, h]) == pytest.approx(float(H.trace()), abs=1e-13)


def test_fixed_layers_have_no_curvature():
    model = build("Linear(3,4) Tanh Linear(4,3) Tanh Linear(3,1)")
    for p in (*model[0].parameters(), model[4].weight):
        p.requires_grad_(False)
    X = points(2, 3)
    found = hessian_spectrum(from_module(model, paper=None), X)
    for i, x in enumerate(X):
        H = dense(model, lambda f, x=x: f(x[None])[0, 0])
        mine = torch.cat([found.value[i], found.value.new_zeros(found.details["zeros"])]).sort().values
        torch.testing.assert_close(mine, torch.linalg.eigvalsh(H), rtol=0, atol=1e-13)


def test_only_the_readout_trained_is_linear():
    model = build(PLAIN)
    for p in (*model[0].parameters(), *model[2].parameters()):
        p.requires_grad_(False)
    found = hessian_spectrum(from_module(model, paper=None), points(2, 3))
    assert found.value.shape == (2, 0)
    assert found.details["zeros"] == 4


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("text", MODELS.values(), ids=MODELS.keys())
def test_the_trace_of_the_loss_hessian(text, loss):
    model = build(text, seed=1)
    X = points(4, model[0].in_features)
    net = from_module(model, paper=None)
    k = net.weights.k
    y = torch.eye(k, dtype=torch.float64)[torch.arange(4) % k] if loss == "cross_entropy" else points(4, k, seed=2)
    H = dense(model, lambda f: LOSSES[loss].value(f(X), y))
    found = loss_hessian_trace(net, X, y, loss=loss)
    assert found.value == pytest.approx(float(H.trace()), rel=1e-11, abs=1e-13)
    sizes = [sum(p.numel() for p in m.parameters()) for m in model if isinstance(m, nn.Linear)]
    shares = [float(part.sum()) for part in H.diagonal().split(sizes)]
    assert found.details["layers"].tolist() == pytest.approx(shares, rel=1e-10, abs=1e-13)


def test_blocks_of_samples_change_nothing():
    net, X = network(L=2, m=3, d=3), points(5, 3)
    whole, parts = hessian_spectrum(net, X), hessian_spectrum(net, X, budget=2**20)
    torch.testing.assert_close(whole.value, parts.value, rtol=0, atol=1e-15)


def test_what_has_no_spectrum_is_refused():
    X = points(2, 3)
    with pytest.raises(NotApplicable, match="activation='relu' is not twice differentiable"):
        hessian_spectrum(network(L=1, m=3, d=3, activation="relu"), X)
    batch = stack([network(L=1, m=3, d=3, seed=s).weights for s in range(2)])
    with pytest.raises(TheoryError, match="net is a batch of networks: ask for the"):
        hessian_spectrum(batch, X)
    with pytest.raises(TheoryError, match="net is a batch of networks: ask for the"):
        loss_hessian_trace(batch, X, points(2, 1))
    with pytest.raises(TheoryError, match="budget"):
        hessian_spectrum(network(L=2, m=300, d=3), X, budget=2**20)
