"""song2021's comparison end to end on tiny networks, its constants against autograd, and named outcomes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import naive
import pytest
import torch
from torch import nn

import empirics
from bounds.errors import NotApplicable, TheoryError
from bounds.registry import papers
from empirics.experiments import song2021
from empirics.experiments.song2021 import Setting
from empirics.experiments.song2021.constants import unit_data
from empirics.networks import network

DATA = empirics.load("digits", samples=8)
FEW = unit_data(empirics.load("sphere", samples=3, d=5))
TINY = Setting(widths=(24, 48), seeds=2, steps=4, init_seeds=6)


@pytest.fixture(scope="module")
def comparison():
    return song2021.compare(TINY, DATA)


def rows_of(comparison):
    return {(r.quantity.split(".")[1], r.width): r for r in comparison.rows}


def test_every_quantity_measured_exists_and_has_a_row(comparison):
    assert set(papers()["song2021"].quantities) >= song2021.MEASURED
    assert {r.quantity.split(".")[1] for r in comparison.rows} == song2021.MEASURED
    assert not comparison.violated


def test_lemma_3_against_autograd(comparison):
    net = network("song2021", d_0=64, d_1=24, omega_2=1 / (64 * 24) ** 0.5, seed=0).weights
    X = DATA.X / DATA.X.norm(dim=1, keepdim=True)
    model = partial(naive.song2021, phi=nn.functional.gelu)
    singular = torch.linalg.svdvals(naive.jacobian(net, X, model)[:, 0])
    case = {c.quantity: c for c in comparison.cases if c.width == 24 and c.seeds == (0,) and c.step == 0}
    assert case["song2021.mu_Phi"].measured == pytest.approx(float(singular[-1]), rel=1e-6)
    assert case["song2021.nu_Phi"].measured == pytest.approx(float(singular[0]), rel=1e-6)
    features = nn.functional.gelu(X @ net.W[0].T)
    found = torch.linalg.svdvals(features)
    assert case["song2021.mu_Phi"].predicted == pytest.approx(float(found[-1]), rel=1e-6)
    # Lemma 3: phi'_max sigma_max(X) sigma_max(V_0) + sigma_max(phi(W_0 X)), gelu's slope being at most 1.12890...
    top = 1.12890414518515 * float(torch.linalg.svdvals(X)[0]) * float(net.V.norm()) + float(found[0])
    assert case["song2021.nu_Phi"].predicted == pytest.approx(top, rel=1e-6)
    assert case["song2021.mu_Phi"].side == "lower"


def test_orders_have_one_row_over_all_widths_and_bound_their_constants(comparison):
    rows = [r for r in comparison.rows if r.details.get("widths")]
    assert {"song2021.nu_Phi_upper", "song2021.row_norm"} <= {r.quantity for r in rows}
    assert all(r.details["widths"] == (24, 48) for r in rows)
    assert "song2021.nu_Phi_upper" in {key for key, _ in comparison.calibration("a test").constants}


def test_conclusions_without_their_premise_are_not_applicable(comparison):
    row = rows_of(comparison)["contraction", 48]
    assert row.verdict == "NOT APPLICABLE"
    assert "exceeds gd_condition" in " ".join(row.reasons)
    assert rows_of(comparison)["gd_condition", 48].verdict == "NOT MET"


def test_equal_samples_and_narrow_networks_are_named():
    twice = replace(DATA, X=torch.cat([DATA.X, DATA.X[:1]]), y=torch.cat([DATA.y, DATA.y[:1]]))
    found = rows_of(song2021.compare(replace(TINY, widths=(24,), seeds=1), twice))
    assert found["mu_Phi", 24].verdict == "NOT APPLICABLE"
    narrow = rows_of(song2021.compare(replace(TINY, widths=(4,), seeds=1), DATA))
    assert narrow["mu_Phi", 4].verdict == "NOT APPLICABLE"


def test_the_users_own_network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 24, bias=False), nn.GELU(), nn.Linear(24, 1, bias=False))
    found = {r.quantity: r for r in empirics.compare(model, DATA.X, DATA.y, papers="song2021").rows}
    assert found["song2021.nu_Phi"].verdict == "HOLDS"
    deep = nn.Sequential(*model[:2], nn.Linear(24, 24, bias=False), nn.GELU(), model[2])
    with pytest.raises(NotApplicable):
        empirics.compare(deep, DATA.X, DATA.y, papers="song2021")


def test_outcomes_with_a_name():
    tiny = replace(TINY, widths=(24,), seeds=1, steps=2, init_seeds=3)
    odd = rows_of(song2021.compare(replace(tiny, activation="tanh"), FEW))
    assert odd["mu_Phi_lower", 24].verdict == odd["required_width", 24].verdict == "NOT APPLICABLE"
    assert "c_t" in " ".join(odd["mu_Phi_lower", 24].reasons)
    assert odd["required_width", 24].predicted is None  # xi divides by c_t
    assert odd["nu_Phi", 24].verdict == "HOLDS"
    shifted = rows_of(song2021.compare(replace(tiny, activation="sigmoid"), FEW))
    assert "phi(0) = 0" in " ".join(shifted["nu_Phi_upper", 24].reasons)
    with pytest.raises(NotApplicable):
        song2021.compare(replace(tiny, activation="relu"), FEW)
    with pytest.raises(TheoryError, match="row 1 of X is zero"):
        song2021.compare(tiny, replace(FEW, X=FEW.X * torch.tensor([[1.0], [0.0], [1.0]])))
    narrow = rows_of(song2021.compare(replace(tiny, widths=(2,)), FEW))
    for name in ("mu_Phi", "gd_length", "contraction", "iterations", "mu_Phi_lower", "sigma_min_ball"):
        assert narrow[name, 2].verdict == "NOT APPLICABLE", name
        assert "erratum S6" in " ".join(narrow[name, 2].reasons), name
    assert narrow["nu_Phi", 2].verdict == "HOLDS"


def test_ctrl_c_keeps_what_is_finished():
    def stop_at(seed):
        def progress(line):
            if f"seed {seed}:" in line:
                raise KeyboardInterrupt

        return progress

    setting = replace(TINY, widths=(24,), steps=2)
    found = song2021.compare(setting, FEW, progress=stop_at(1))
    assert found.interrupted
    assert [run["seed"] for run in found.configuration["runs"]] == [0]
    with pytest.raises(KeyboardInterrupt):
        song2021.compare(setting, FEW, progress=stop_at(0))


def test_your_own_network_in_other_units_and_what_is_refused():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 24, bias=False), nn.GELU(), nn.Linear(24, 1, bias=False)).double()
    first = song2021.compare_model(model, FEW.X, FEW.y, learning_rate=0.01)
    scaled = nn.Sequential(nn.Linear(5, 24, bias=False), nn.GELU(), model[2]).double()
    with torch.no_grad():
        scaled[0].weight.copy_(model[0].weight / 4)
    second = song2021.compare_model(scaled, 4 * FEW.X, FEW.y, learning_rate=0.01)
    assert len(first.rows) > 15
    for a, b in zip(first.rows, second.rows, strict=True):
        assert (a.quantity, a.verdict) == (b.quantity, b.verdict)
        assert a.measured == pytest.approx(b.measured, rel=1e-9)
    refused = {
        "biases": nn.Sequential(nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 1)),
        r"phi\(0\) = 0": nn.Sequential(nn.Linear(5, 4, bias=False), nn.Sigmoid(), nn.Linear(4, 1, bias=False)),
        "2 outputs": nn.Sequential(nn.Linear(5, 4, bias=False), nn.GELU(), nn.Linear(4, 2, bias=False)),
        "kink": nn.Sequential(nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 1, bias=False)),
        "linear output": nn.Sequential(*model, nn.Tanh()),
    }
    for words, other in refused.items():
        with pytest.raises(NotApplicable, match=words):
            song2021.compare_model(other, FEW.X, FEW.y)
    with pytest.raises(NotApplicable, match="needs one norm"):
        song2021.compare_model(model, FEW.X * torch.tensor([[1.0], [2.0], [1.0]]), FEW.y)
    with pytest.raises(TheoryError, match="learning_rate = 0"):
        song2021.compare_model(model, FEW.X, FEW.y, learning_rate=0)


def test_seeds_without_concentration_are_set_aside():
    data = unit_data(empirics.load("sphere", samples=8, d=16))
    setting = replace(TINY, widths=(10, 256))
    rows = rows_of(song2021.compare(setting, data, frozenset(("song2021.mu_Phi_lower", "song2021.p_2"))))
    assert {name for name, _ in rows} == {"mu_Phi_lower", "p_2"}
    assert rows["mu_Phi_lower", 10].verdict == "NOT APPLICABLE"
    assert "concentration fails" in rows["mu_Phi_lower", 10].reasons[0]
    assert rows["mu_Phi_lower", 256].verdict == "HOLDS"
    assert (rows["p_2", 10].measured, rows["p_2", 256].measured) == (1.0, 0.0)
