"""The user's own network against allenzhu2019: a comparison's numbers, in any units, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import empirics
from bounds.errors import NotApplicable, TheoryError
from empirics.data import Dataset
from empirics.experiments import allenzhu2019
from empirics.experiments.allenzhu2019 import Setting
from empirics.experiments.allenzhu2019.data import samples_of
from empirics.networks import network

KEY = "allenzhu2019"
M = 24
DRAW = torch.Generator().manual_seed(1)
RAW = Dataset(
    torch.randn(6, 4, generator=DRAW, dtype=torch.float64), torch.linspace(-1, 1, 6, dtype=torch.float64), "t", "drawn"
)
X, Y = samples_of(RAW).X, RAW.y


def module(norm=1.0, widths=(M, M, M), trained=(False, True, True, False), bias=False, act=nn.ReLU, seed=0):
    """Definition 2.3's network as the user writes it, for inputs of that norm."""
    own = network(KEY, "mlp", L=max(len(widths) - 1, 1), m=widths[-1], d_in=5, seed=seed).weights
    layers, below = [], 5
    for width in (*widths, 1):
        layers += [nn.Linear(below, width, bias=bias), act()]
        below = width
    model = nn.Sequential(*layers[:-1]).double()
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, t, on in zip(linears, (*own.W[: len(widths)], own.V.T), trained, strict=True):
            if layer.weight.shape == t.shape:
                layer.weight.copy_(t / norm if layer is linears[0] else t)
            layer.weight.requires_grad_(on)
    return model


def numbers(comparison):
    return {(r.quantity, r.label): r.measured for r in comparison.rows}


def test_the_same_numbers_as_for_the_papers_network_in_a_comparison():
    eta = 1e-2
    found = allenzhu2019.compare_model(module(), X, Y, learning_rate=eta)
    only = frozenset(f"{KEY}.{name}" for name in ("movement", "movement_tuple", "chi", "loss_init", "gradient_lower"))
    setting = Setting(widths=(M,), seeds=1, steps=1, points=2, networks="mlp", learning_rate=eta, eps=1e-9)
    expected = allenzhu2019.compare(setting, RAW, only=only)
    assert len(expected.rows) == len(only)
    for key, value in numbers(expected).items():
        assert numbers(found)[key] == pytest.approx(value, rel=1e-10), key
    assert not found.violated
    assert found.configuration["runs"][0]["steps"] == 1
    assert {r.quantity for r in found.rows} >= {f"{KEY}.separateness", f"{KEY}.sign_changes", f"{KEY}.required_width"}


def test_inputs_of_another_norm_are_the_same_network():
    first = allenzhu2019.compare_model(module(), X, Y, learning_rate=1e-3)
    second = allenzhu2019.compare_model(module(norm=4.0), 4 * X, Y, learning_rate=1e-3)
    assert [(r.quantity, r.verdict) for r in first.rows] == [(r.quantity, r.verdict) for r in second.rows]
    for key, value in numbers(first).items():
        assert numbers(second)[key] == pytest.approx(value, rel=1e-7, abs=1e-12), key


def test_a_network_of_the_package_and_the_public_way_in():
    net = network(KEY, "mlp", L=2, m=M, d_in=5, seed=0)
    found = empirics.compare(net, X, Y, papers=KEY, learning_rate=1e-3)
    assert numbers(found) == pytest.approx(numbers(allenzhu2019.compare_model(module(), X, Y, learning_rate=1e-3)))


def test_equal_samples_are_named():
    twice = torch.cat([X, X[2:3]]), torch.cat([Y, Y[:1]])
    rows = {r.quantity: r for r in allenzhu2019.compare_model(module(), *twice, learning_rate=1e-3).rows}
    for name in ("gradient_lower", "movement", "separateness", "required_width"):
        assert rows[f"{KEY}.{name}"].verdict == "NOT APPLICABLE", name
        assert "samples 2 and 6 are equal" in rows[f"{KEY}.{name}"].reasons[0], name


def test_networks_that_the_paper_does_not_cover():
    wide = module()
    with torch.no_grad():
        wide[2].weight.mul_(2)
    refused = {
        "freeze them": module(trained=(True,) * 4),
        "inner layers are not trained": module(trained=(False, True, False, False)),
        "biases": module(bias=True),
        "activation = gelu": module(act=nn.GELU),
        "at least 2": module(widths=(M,), trained=(False, False)),
        "all have the same": module(widths=(12, M, M)),
        "mean square .* 2/m": wide,
        "linear output": nn.Sequential(*module(), nn.ReLU()),
        "residual": network(KEY, "resnet", L=3, m=M, d_in=5),
        "CNN": network(KEY, "cnn", L=2, m=4, positions=5),
        "powers of the width": network("banerjee2023", L=3, m=M, d=5, activation="relu"),
    }
    for words, model in refused.items():
        with pytest.raises(NotApplicable, match=words):
            allenzhu2019.compare_model(model, X, Y)


def test_data_and_steps_that_do_not_fit():
    uneven = X * torch.tensor([[1.0], [2.0], [1.0], [1.0], [1.0], [1.0]])
    for inputs, words in ((uneven, "row 1 of X has norm 2"), (X.flip(1), r"Assumption 2.1 asks for 1/sqrt\(2\)")):
        with pytest.raises(NotApplicable, match=words):
            allenzhu2019.compare_model(module(), inputs, Y)
    with pytest.raises(TheoryError, match="2 targets per sample"):
        allenzhu2019.compare_model(module(), X, torch.stack([Y, Y], 1))
    with pytest.raises(TheoryError, match="learning_rate = 0"):
        allenzhu2019.compare_model(module(), X, Y, learning_rate=0.0)
