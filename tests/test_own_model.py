"""The user's own network: what fits the setting is measured, what does not is refused with the reason."""

from __future__ import annotations

import pytest
import torch

import empirics
from bounds.errors import NotApplicable, TheoryError

DATA = empirics.load("digits", samples=12)


def by_name(comparison):
    return {r.quantity.split(".")[1]: r for r in comparison.rows}


def sequential(bias: bool = False, out: int = 1) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(64, 80, bias=bias), torch.nn.Tanh(), torch.nn.Linear(80, 80, bias=bias), torch.nn.Tanh(),
        torch.nn.Linear(80, out, bias=bias),
    )  # fmt: skip


def test_own_model():
    found = empirics.compare(sequential(), DATA.X, DATA.y)
    rows = by_name(found)
    assert {"HOLDS"} == {
        rows[n].verdict for n in ("layer_jacobian", "hessian_norm", "param_grad_norm", "beta", "loss_ball")
    }
    assert not {"weight_norm", "iterate_distance", "readout_distance"} & set(rows)  # true by choice of sigma_1, rho
    assert "loss_init" not in rows  # a statement about the initialisation, which is unknown
    assert "hessian_norm" in str(found)


@pytest.mark.parametrize(
    ("model", "scale", "needle"),
    [
        (sequential(), 2.0, "has norm 2 sqrt"),
        (sequential(out=3), 1.0, "3 outputs"),
        (sequential(bias=True), 1.0, "bias"),
        (sequential()[2:], 1.0, "1 hidden"),
    ],
)  # fmt: skip
def test_own_model_that_does_not_fit(model, scale, needle):
    y = DATA.y if needle != "3 outputs" else torch.zeros(12, 3, dtype=torch.float64)
    with pytest.raises(NotApplicable, match=needle):
        empirics.compare(model, DATA.X * scale, y, papers="banerjee2023")


@pytest.mark.parametrize(
    ("X", "y", "needle"),
    [
        (["a"], [1.0], "X is not an array of numbers"),
        (DATA.X[0], DATA.y[:1], "2 dimensions"),
        (DATA.X[:0], DATA.y[:0], "X of shape"),
        (DATA.X, DATA.y[:3], "12 rows and y 3"),
        (DATA.X * float("nan"), DATA.y, "finite"),
    ],
)
def test_own_data_that_is_not_data(X, y, needle):
    with pytest.raises(TheoryError, match=needle):
        empirics.compare(sequential(), X, y)


def test_own_model_with_a_bad_rate_or_paper():
    with pytest.raises(TheoryError, match="learning_rate = nan"):
        empirics.compare(sequential(), DATA.X, DATA.y, learning_rate=float("nan"))
    with pytest.raises(TheoryError, match="no experiment for 'banerjee'"):
        empirics.compare(sequential(), DATA.X, DATA.y, papers="banerjee")


def test_own_model_whose_last_layer_is_zero():
    model = sequential()
    torch.nn.init.zeros_(model[4].weight)
    assert by_name(empirics.compare(model, DATA.X, DATA.y))["hessian_norm"].verdict == "HOLDS"
