import math
from itertools import pairwise

import naive
import pytest
import torch
from torch import nn

from bounds.errors import NotApplicable, TheoryError
from empirics import from_module, network
from empirics.networks import as_weights


def test_same_seed_gives_the_same_network_in_every_dtype():
    a, b = (network(L=3, m=16, d=5, seed=4) for _ in range(2))
    half = network(L=3, m=16, d=5, seed=4, dtype=torch.float32)
    other = network(L=3, m=16, d=5, seed=5)
    for x, y, z, w in zip(a.parameters(), b.parameters(), half.parameters(), other.parameters(), strict=True):
        assert torch.equal(x, y)
        assert torch.equal(x.float(), z)
        assert not torch.equal(x, w)


def test_forward_is_the_papers_recursion():
    net = network(L=2, m=7, d=3, k=2, seed=1)
    X = torch.randn(4, 3, dtype=torch.float64)
    W1, W2 = net.W
    by_hand = torch.tanh(torch.tanh(X @ W1.T / math.sqrt(3)) @ W2.T / math.sqrt(7)) @ net.V / math.sqrt(7)
    torch.testing.assert_close(net(X), by_hand, rtol=1e-14, atol=1e-15)


def test_initialisation_follows_assumption_2():
    m, sigma_1 = 400, 3.0
    net = network(L=2, m=m, d=400, k=3, sigma_1=sigma_1, seed=0)
    sigma_0 = sigma_1 / (2 * (1 + math.sqrt(math.log(m)) / math.sqrt(2 * m)))
    for w in net.W:  # 160000 entries: the sample deviation is within 4/sqrt(2*160000) = 0.7% of sigma_0
        assert float(w.detach().std()) == pytest.approx(sigma_0, rel=0.008)
    torch.testing.assert_close(net.V.detach().norm(dim=0), torch.ones(3, dtype=torch.float64))


def test_clone_at_keeps_the_initial_point_and_shares_nothing():
    net = network(L=2, m=4, d=3)
    before = net.weights.clone()
    moved = net.clone_at(net.weights.with_tensors(t + 1 for t in net.weights.tensors))
    assert torch.equal(moved.initial.V, before.V)
    assert torch.equal(moved.weights.V, before.V + 1)
    assert torch.equal(net.weights.V, before.V)
    assert net.weights.V.data_ptr() == net.V.data_ptr()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"L": 0}, "L=0 must be an integer of at least 1"),
        ({"m": -3}, "m=-3 must be"),
        ({"m": 2.5}, "m=2.5 must be"),
        ({"d": True}, "d=True must be"),
        ({"k": 0}, "k=0 must be"),
        ({"sigma_1": math.nan}, "sigma_1=nan must be"),
        ({"sigma_1": math.inf}, "sigma_1=inf must be"),
        ({"sigma_1": 0}, "sigma_1=0 must be"),
        ({"seed": -1}, "seed=-1 must be"),
        ({"seed": 1.0}, "seed=1.0 must be"),
        ({"device": "cuda:99"}, "device='cuda:99' is not available"),
        ({"device": "nope"}, "device='nope' is not available"),
        ({"device": "meta"}, "device='meta' is not supported"),
        ({"dtype": torch.int64}, "dtype=torch.int64 must be"),
        ({"paper": "nobody1999"}, "paper='nobody1999' has no network"),
        ({"activation": 3}, "activation=3 must be"),
    ],
)
def test_bad_values_give_one_line(values, message):
    with pytest.raises(TheoryError) as caught:
        network(**({"L": 2, "m": 4, "d": 3} | values))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_as_weights_refuses_other_things():
    with pytest.raises(TheoryError, match="net of type Linear is not a Network"):
        as_weights(nn.Linear(2, 2))


def layers(*widths, activation=nn.Tanh, bias=False):
    parts = []
    for before, after in pairwise(widths):
        parts += [nn.Linear(before, after, bias=bias), activation()]
    return nn.Sequential(*parts[:-1])


@pytest.mark.parametrize(
    "activation", [nn.Tanh, nn.Sigmoid, nn.Softplus, nn.GELU, nn.SiLU, nn.Identity, nn.ReLU], ids=lambda a: a.__name__
)
def test_from_module_computes_the_same_function(activation):
    torch.manual_seed(0)
    model = layers(5, 6, 6, 6, 2, activation=activation).double()
    net = from_module(model, 5)
    X = torch.randn(7, 5, dtype=torch.float64)
    torch.testing.assert_close(net(X), model(X), rtol=1e-12, atol=1e-8 if activation is nn.Softplus else 1e-14)
    torch.testing.assert_close(naive.output(net.weights, naive.flat(net.weights), X), net(X).detach())
    assert (net.weights.L, net.weights.m, net.weights.k, net.sigma_1, net.notes) == (3, 6, 2, None, ())


def test_from_module_looks_into_nested_sequences_and_past_flatten():
    model = nn.Sequential(nn.Flatten(), nn.Sequential(*layers(4, 3, 3)), nn.Tanh(), nn.Linear(3, 1, bias=False))
    X = torch.randn(5, 2, 2)
    torch.testing.assert_close(from_module(model)(X.double().flatten(1)).float(), model(X))


def zero_bias():
    model = layers(3, 4, 4, 1, bias=True)
    for p in model.parameters():
        if p.ndim == 1:
            nn.init.zeros_(p)
    return model


def test_zero_bias_is_accepted_with_a_warning_about_training():
    notes = from_module(zero_bias()).notes
    assert len(notes) == 3
    assert "training it leaves" in notes[0]


shared = nn.Linear(4, 4, bias=False)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (layers(3, 4, 4, 1, bias=True), NotApplicable, "layer 0 has a non-zero bias"),
        (layers(3, 4, 5, 1), NotApplicable, "layer 2 has width 5, others 4"),
        (layers(3, 4, 1), NotApplicable, "model has 1 hidden layers: give at least 2"),
        (nn.Sequential(*layers(3, 4, 4, 1), nn.Tanh()), NotApplicable, "model has 3 hidden layers"),
        (nn.Sequential(nn.Conv2d(1, 1, 3)), NotApplicable, "layer 0 (Conv2d) is not covered"),
        (nn.Sequential(nn.Tanh(), nn.Linear(3, 3)), NotApplicable, "layer 0 (Tanh) stands where a Linear layer"),
        (nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), NotApplicable, "layer 1 (Linear) stands where an activation"),
        (layers(3, 4, 4, 1, activation=lambda: nn.Softplus(beta=2)), NotApplicable, "layer 1 is Softplus with beta=2"),
        (
            layers(3, 4, 4, 1, activation=lambda: nn.GELU("tanh")),
            NotApplicable,
            "layer 1 is GELU with approxi",
        ),
        (
            nn.Sequential(*layers(3, 4, 4), nn.Sigmoid(), nn.Linear(4, 1, bias=False)),
            NotApplicable,
            "activations are mix",
        ),
        (nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), shared), NotApplicable, "layer 2 shares its weights"),
        (nn.Linear(3, 1), TheoryError, "model of type Linear is not an nn.Sequential"),
        (nn.Sequential(), NotApplicable, "model has 0 hidden layers"),
    ],
)
def test_from_module_refuses_what_the_paper_does_not_cover(model, error, message):
    with pytest.raises(error) as caught:
        from_module(model)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_from_module_checks_the_input_dimension():
    with pytest.raises(TheoryError, match="d=9 differs from the 3 inputs of layer 0"):
        from_module(layers(3, 4, 4, 1), 9)
