"""liu2020's comparison end to end, on tiny networks: what has a row, what is refused, what is named."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
import torch
from torch import nn

import empirics
from bounds.errors import NotApplicable, TheoryError
from bounds.registry import papers
from bounds.tables import dumps
from empirics.experiments.liu2020.constants import constants
from empirics.experiments.liu2020.own import compare_model
from empirics.experiments.liu2020.run import MEASURED, compare
from empirics.experiments.liu2020.setting import Setting
from empirics.verdict import MET, NOT_MET

DATA = empirics.load("digits", samples=6)
TINY = Setting(widths=(24, 48), seeds=2, steps=4, sgd_runs=4, sgd_steps=3, init_seeds=5)
REQUIREMENTS = {"hessian_threshold", "hessian_threshold_linear", "required_width", "required_width_tight"}


@pytest.fixture(scope="module")
def comparison():
    return compare(TINY, DATA)


def rows_of(comparison):
    return {(r.quantity.split(".")[1], r.width): r for r in comparison.rows}


def test_every_quantity_measured_has_its_rows(comparison):
    assert set(papers()["liu2020"].quantities) >= MEASURED
    names = {name for name, _ in rows_of(comparison)}
    assert names == MEASURED
    for name in MEASURED - {"width_order"}:
        found = {width for other, width in rows_of(comparison) if other == name}
        assert {24, 48} <= found, name


def test_nothing_is_violated_and_widths_are_not_met(comparison):
    assert not comparison.violated
    for (name, _), row in rows_of(comparison).items():
        if name in REQUIREMENTS:
            assert row.verdict == NOT_MET, name
    assert rows_of(comparison)["required_width", 24].measured == 24


def test_a_requirement_tested_as_a_bound_shows_the_bounds_sign(comparison):
    lines = {line[0]: line for line in comparison.table(full=True).rows}
    assert rows_of(comparison)["iterations", 24].side == "upper"
    assert lines["liu2020.iterations"][2].startswith("<=")
    assert lines["liu2020.required_width"][2].startswith(">=")


def test_theorem_6_1_as_printed_is_refuted_from_more_than_81_units_on():
    only = frozenset({"liu2020.sparse_hessian_norm_printed", "liu2020.sparse_hessian_norm"})
    rows = rows_of(compare(replace(TINY, widths=(64, 100), seeds=1), DATA, only))
    assert rows["sparse_hessian_norm_printed", 64].verdict == "HOLDS"
    assert rows["sparse_hessian_norm_printed", 100].verdict == "VIOLATED"
    assert rows["sparse_hessian_norm", 100].verdict == "HOLDS"


def test_rows_keep_the_papers_order(comparison):
    order = list(papers()["liu2020"].quantities)
    names = [r.quantity.split(".")[1] for r in comparison.rows]
    assert sorted(names, key=order.index) == names


def test_findings_say_what_no_quantity_states(comparison):
    said = "\n".join(comparison.configuration["findings"])
    for width in (24, 48):
        for text in ("PL* (Theorem 4.1)", "uniform conditioning", "4 runs of SGD", "non-convexity", "the linearised"):
            assert any(f"width {width}: " in line and text in line for line in said.splitlines()), (width, text)


def test_it_is_json_and_the_same_again(comparison):
    whole = json.loads(dumps(comparison.to_dict()))
    assert whole["configuration"]["liu2020"]["mu_share"] == 0.5
    assert {(r["width"], r["seed"]) for r in whole["configuration"]["liu2020"]["runs"]} == {
        (24, 0), (24, 1), (48, 0), (48, 1)
    }  # fmt: skip
    again = compare(replace(TINY, widths=(24,)), DATA, frozenset({"liu2020.contraction"}))
    (row,) = again.rows
    assert row.to_dict() == rows_of(comparison)["contraction", 24].to_dict()
    assert not again.configuration["findings"]


def test_only_what_is_asked_for():
    found = compare(replace(TINY, widths=(24,), seeds=1), DATA, frozenset({"liu2020.transformed_mu"}))
    assert [r.quantity for r in found.rows] == ["liu2020.transformed_mu"]


def test_equal_samples_divergence_and_targets_out_of_reach_are_named():
    one = replace(TINY, widths=(24,), seeds=1)
    twice = replace(DATA, X=DATA.X[[0, 1, 2, 3, 4, 1]])
    rows = rows_of(compare(one, twice))
    for name in ("contraction", "radius", "required_width", "transformed_mu", "sgd_radius"):
        assert rows[name, 24].verdict == "NOT APPLICABLE", name
        assert any("samples 1 and 5 are equal: lambda_min(K) = 0" in r for r in rows[name, 24].reasons), name
    wild = compare(replace(one, learning_rate=500.0), DATA)
    assert "diverged" in wild.configuration["runs"][0]["reason"]
    assert not wild.violated
    assert any("gradient descent diverged" in r for r in rows_of(wild)["contraction", 24].reasons)
    far = rows_of(compare(one, replace(DATA, y=DATA.y * 0 + 4.0)))["transformed_contraction", 24]
    assert "target 0 = 4 is outside the values -3 to 3" in far.reasons[0]


def test_a_step_given_is_judged():
    found = rows_of(compare(replace(TINY, widths=(24,), seeds=1, learning_rate=0.5), DATA))
    assert found["step_size", 24].verdict == NOT_MET
    assert found["contraction", 24].verdict == "NOT APPLICABLE"


def test_refusals_name_what_does_not_fit():
    with pytest.raises(TheoryError, match="L = 1: liu2020 counts weight layers"):
        compare(replace(TINY, L=1), DATA)
    with pytest.raises(TheoryError, match="y has 2 columns"):
        compare(TINY, replace(DATA, y=torch.zeros(6, 2, dtype=torch.float64)))
    with pytest.raises(NotApplicable, match="relu has a kink"):
        compare(replace(TINY, activation="relu"), DATA)
    with pytest.raises(TheoryError, match="sampling='all' is not known"):
        compare(replace(TINY, sampling="all"), DATA)
    with pytest.raises(TheoryError, match=r"mu_share = 1\.5: must be a number between 0 and 1"):
        Setting(mu_share=1.5)


def test_an_interrupt_keeps_the_networks_that_are_finished():
    seen = []

    def stop(line):
        seen.append(line)
        if len([text for text in seen if "training" in text]) == 2:
            raise KeyboardInterrupt

    found = compare(TINY, DATA, progress=stop)
    assert found.interrupted
    assert [(r["width"], r["seed"]) for r in found.configuration["runs"]] == [(24, 0)]
    with pytest.raises(KeyboardInterrupt):
        compare(TINY, DATA, progress=lambda line: (_ for _ in ()).throw(KeyboardInterrupt))


def test_constants_are_the_least_that_section_7_allows():
    weights = empirics.network("liu2020", L=3, m=20, d=64, seed=1).weights
    found = constants(weights, DATA.X)
    spectral = max(float(torch.linalg.matrix_norm(t, 2)) for t in weights.tensors)
    assert found["c_0"] == pytest.approx(spectral / 20**0.5, rel=1e-5)
    assert found["C_x"] == pytest.approx(float(DATA.X.abs().max()), rel=1e-5)
    spread = []
    for x in DATA.X:
        first = torch.tanh(weights.W[0] @ x / 8).requires_grad_()
        second = torch.tanh(weights.W[1] @ first / 20**0.5)
        f = weights.V[:, 0] @ second / 20**0.5
        spread += [20**0.5 * b.abs().max() / b.norm() for b in torch.autograd.grad(f, (first, second))]
    assert found["s_0"] == pytest.approx(float(max(spread)), rel=1e-5)
    for value, least in ((found["c_0"], spectral / 20**0.5), (found["s_0"], float(max(spread)))):
        assert value >= least


def module(*sizes, bias=False, last=()):
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b, bias=bias), nn.Tanh()]
    return nn.Sequential(*layers[:-1], *last).double()


def test_the_users_module():
    torch.manual_seed(0)
    model = module(64, 30, 30, 1)
    with torch.no_grad():
        for layer in model[::2]:
            layer.weight.normal_().div_(layer.in_features**0.5)
    found = compare_model(model, DATA.X, DATA.y, learning_rate=0.01)
    rows = {r.quantity.split(".")[1]: r for r in found.rows}
    grads = []
    for x in DATA.X:
        parts = torch.autograd.grad(model(x).squeeze(), list(model.parameters()))
        # W_paper = sqrt(fan-in) W_torch, so that its gradient is that of W_torch over sqrt(fan-in)
        grads.append(torch.cat([(g / g.shape[1] ** 0.5).flatten() for g in parts]))
    J = torch.stack(grads)
    top = float(torch.linalg.eigvalsh(J @ J.T)[-1])
    assert rows["kernel_norm"].measured == pytest.approx(top, rel=0.05)  # the larger of it and that after a step
    values = rows["hessian_threshold"].details["values"]
    assert values["lambda_min"] == pytest.approx(float(torch.linalg.eigvalsh(J @ J.T)[0]))
    assert rows["contraction"].verdict == "HOLDS"
    assert rows["required_width"].verdict in (MET, NOT_MET)
    assert {rows[name].verdict for name in ("activation_norm", "backward_norm", "hessian_norm", "L_f")} == {"HOLDS"}
    assert "weight_norm" not in rows  # true by the choice of c_0
    assert not found.violated
    assert found.configuration["L"] == 3


def test_what_the_users_module_must_be():
    X, y = DATA.X, DATA.y
    for model, text in (
        (module(64, 30, 20, 1), "hidden layers of widths 30, 20"),
        (module(64, 30, 1, bias=True), "has biases"),
        (module(64, 30, 2), "has 2 outputs"),
        (module(64, 30, 1, last=(nn.Tanh(),)), "an activation follows the last layer"),
    ):
        with pytest.raises(NotApplicable, match=text):
            compare_model(model, X, y, learning_rate=0.01)
    with pytest.raises(TheoryError, match="learning_rate = -1"):
        compare_model(module(64, 30, 1), X, y, learning_rate=-1)
