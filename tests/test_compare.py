"""The comparison end to end, on tiny networks: what is measured, what is refused, what is written."""

from __future__ import annotations

import csv
import itertools
import json
import os
import sys

import naive
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import bounds
import cli
import empirics
from bounds.errors import NotApplicable, TheoryError
from empirics.comparison import Setting, gather
from empirics.experiments import banerjee2023, chosen, experiments, figure
from empirics.experiments.banerjee2023 import figures
from empirics.experiments.banerjee2023.observe import observe
from empirics.measure.convergence import step_geometry

TINY = Setting(L=2, widths=(64,), seeds=2, steps=3)
DATA = empirics.load("digits", samples=12)


@pytest.fixture(scope="module")
def comparison():
    return banerjee2023.compare(TINY, DATA)


def by_name(comparison):
    return {r.quantity.split(".")[1]: r for r in comparison.rows}


def test_every_lemma_and_theorem_has_a_row(comparison):
    expected = {
        "weight_norm_init",
        "weight_norm",
        "activation_norm",
        "layer_jacobian",
        "weight_jacobian",
        "backward_norm",
        "backward_max",
        "hessian_norm",
        "c_H",
        "c_H_chain",
        "c_H_tight",
        "param_grad_norm",
        "input_grad_norm",
        "input_grad_norm_printed",
        "loss_init",
        "loss_ball",
        "loss_grad_norm",
        "beta",
        "rsc_threshold",
        "rsc_alpha",
        "contraction",
    }  # fmt: skip; the distances are requirements only where a radius is given
    assert set(by_name(comparison)) == expected


def test_bounds_hold_and_the_convergence_theorem_is_silent(comparison):
    rows = by_name(comparison)
    silent = {"contraction": "NOT APPLICABLE", "rsc_threshold": "NOT MET"}
    for name, row in rows.items():
        if name in silent:
            assert row.verdict == silent[name], name
        else:
            assert row.verdict in ("HOLDS", "MET"), (name, row)
    assert "alpha_t > 0" in " ".join(rows["contraction"].reasons)
    assert not comparison.violated


def test_measured_numbers_are_the_naive_ones():
    net = empirics.network(L=2, m=8, d=5, seed=3)
    X, y = DATA.X[:3, :5], DATA.y[:3]
    data = empirics.Dataset(X * 5**0.5 / X.norm(dim=1, keepdim=True), y, "part", "digits")
    values = {"L": 2, "m": 8, "d": 5, "sigma_1": 1, "rho": 0, "rho_1": 0, "activation": "tanh", "mean_y_sq": 1}
    seen = {o.quantity.split(".")[1]: o for o in observe(net.weights, net.weights, data, values, 0.1)}
    weights, theta = net.weights, naive.flat(net.weights).requires_grad_()
    exact = max(float(torch.linalg.matrix_norm(naive.output_hessian(weights, x), 2)) for x in data.X)
    assert seen["hessian_norm"].measured == pytest.approx(exact, rel=1e-3)
    assert exact <= seen["hessian_norm"].upper
    loss = naive.loss(weights, theta, data.X, y[:, None])
    (gradient,) = torch.autograd.grad(loss, theta)
    assert seen["loss_grad_norm"].measured == pytest.approx(float(gradient.norm()))
    assert seen["loss_ball"].measured == pytest.approx(loss.item())
    dense = naive.hessian(weights, lambda t: naive.loss(weights, t, data.X, y[:, None]))
    top = float(torch.linalg.eigvalsh(dense)[-1])
    assert seen["beta"].measured == pytest.approx(top, rel=1e-3)
    assert top <= seen["beta"].upper


def test_step_geometry_against_autograd():
    weights = empirics.network(L=2, m=10, d=64, seed=1).weights
    X, y, eta = DATA.X[:4], DATA.y[:4, None], 0.5
    seen = step_geometry(weights, X, y, eta)
    theta = naive.flat(weights).requires_grad_()
    loss = naive.loss(weights, theta, X, y)
    (grad,) = torch.autograd.grad(loss, theta)
    (mean,) = torch.autograd.grad(naive.output(weights, theta, X).mean(), theta)
    after = naive.loss(weights, theta.detach() - eta * grad, X, y).item()
    cosine, length = abs(grad @ mean).item() / (grad.norm() * mean.norm()).item(), eta * grad.norm().item()
    curvature = 2 * (after - loss.item() + length**2 / eta) / length**2
    expected = (loss.item(), after, grad.norm().item(), mean.norm().item(), cosine, length, curvature)
    *measured, rounding = (getattr(seen, name) for name in seen.__dataclass_fields__)
    assert tuple(measured) == pytest.approx(expected, rel=1e-7)
    assert 0 < rounding < 1e-9


def test_a_step_too_short_to_measure_refutes_nothing():
    """The curvature along a step of 1e-11 is all rounding: it must not be called a violation."""
    setting = Setting(L=2, widths=(64,), seeds=2, steps=1, learning_rate=1e-9)
    assert by_name(banerjee2023.compare(setting, DATA))["rsc_alpha"].verdict in ("CONSISTENT", "HOLDS")


def test_leaving_a_given_ball_is_not_applicable():
    found = by_name(banerjee2023.compare(Setting(L=2, widths=(64,), seeds=1, steps=3, rho=1e-6, rho_1=1e-6), DATA))
    assert found["iterate_distance"].verdict == "NOT MET"
    assert any("left the ball" in r for r in found["hessian_norm"].reasons)


def test_narrow_networks_are_not_applicable():
    found = banerjee2023.compare(Setting(L=2, widths=(32,), seeds=1, steps=1), DATA)
    assert {r.verdict for r in found.rows if r.quantity.endswith("hessian_norm")} == {"NOT APPLICABLE"}
    assert "m >= d" in " ".join(by_name(found)["hessian_norm"].reasons)


def test_same_seed_same_result(comparison):
    again = banerjee2023.compare(TINY, DATA)
    assert [r.to_dict() for r in again.rows] == [r.to_dict() for r in comparison.rows]


def test_to_dict_is_json_with_the_documented_fields(comparison):
    from bounds.tables import dumps

    data = json.loads(dumps(comparison.to_dict()))
    assert set(data) == {"rows", "configuration", "versions"}
    fields = {"quantity", "side", "predicted", "measured", "slack", "verdict", "reasons", "seeds", "width", "step"}
    assert fields | {"residual", "exact"} <= set(data["rows"][0])
    assert data["configuration"]["runs"][0]["learning_rate"] == 1.0
    assert len(comparison.to_dataframe()) == len(comparison.rows)
    assert "<table>" in comparison._repr_html_()


def test_chosen_keys():
    ((module, only),) = chosen(["hessian_norm", "banerjee2023.beta"])
    assert module is experiments()["banerjee2023"]
    assert only == {"banerjee2023.hessian_norm", "banerjee2023.beta"}
    with pytest.raises(TheoryError, match=r"did you mean banerjee2023\.hessian_norm"):
        chosen(["hesian_norm"])


def test_gather_keeps_the_papers_order(comparison):
    order = [q.key for q in bounds.quantities("banerjee2023")]
    names = [r.quantity for r in comparison.rows]
    assert sorted(names, key=order.index) == names
    assert gather([], lambda _: 0.0) == ((), ())


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
        rows[n].verdict for n in ("weight_norm", "hessian_norm", "param_grad_norm", "beta", "loss_ball")
    }
    assert "loss_init" not in rows  # a statement about the initialisation, which is unknown
    assert "weight_norm" in str(found)


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
        empirics.compare(model, DATA.X * scale, y)


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


def test_a_quantity_that_no_network_shows_is_refused_before_training():
    with pytest.raises(TheoryError, match=r"banerjee2023\.gamma is not measured"):
        chosen(["gamma"])
    ((_, only),) = chosen(["banerjee2023", "c_H"])
    assert only == frozenset()  # the paper's key asks for everything


def test_the_summary_claims_growth_only_from_runs_that_show_it():
    one = figures.run(Setting(L=3, widths=(64,), seeds=1, steps=2, learning_rate=10.0), DATA)
    assert "says nothing about growth" in one.summary()
    blown = figures.run(Setting(L=3, widths=(64, 80), seeds=1, steps=30, learning_rate=1e200), DATA)
    assert "2 runs diverged" in blown.summary()
    assert "as the paper reports" not in blown.summary()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    found = figures.run(Setting(L=3, widths=(64, 80), seeds=2, steps=4, learning_rate=10.0), DATA)
    return found, figures.save(found, folder)


def test_figure_files_hold_the_numbers(drawn):
    found, paths = drawn
    assert [p.suffix for p in paths] == [".csv", ".csv", ".png", ".svg"]
    assert paths[2].read_bytes()[:4] == b"\x89PNG"
    assert b"<svg" in paths[3].read_bytes()
    with paths[1].open() as file:
        rows = list(csv.DictReader(file))
    assert [int(r["width"]) for r in rows] == [64, 64, 80, 80]
    net = empirics.network(L=3, m=64, d=64, seed=1)
    first = float(empirics.gradient_norms(net, DATA.X).details["gbar_norm"])
    assert found.gbar[64][1, 0] == pytest.approx(first)
    assert float(rows[1]["min_gbar_norm"]) == np.nanmin(found.gbar[64][1])
    assert "min_t ||gbar_t||" in found.summary()


def test_figure_names():
    assert figure("banerjee2023.fig1") is figures
    with pytest.raises(TheoryError, match="no figure"):
        figure("banerjee2023.fig9")


def run(*arguments: str):
    return CliRunner().invoke(cli.app, arguments)


def test_compare_command():
    done = run(
        "compare", "c_H", "--L", "2", "--widths", "64", "--seeds", "1", "--samples", "8", "--steps", "1", "--json"
    )
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["quantity"], row["verdict"]) == ("banerjee2023.c_H", "HOLDS")
    table = run(
        "compare", "c_H", "--L", "2", "--widths", "64", "--seeds", "1", "--samples", "8", "--steps", "1", "--csv"
    )
    assert next(csv.DictReader(table.stdout.splitlines()))["verdict"] == "HOLDS"


def test_fail_on_violation_leaves_0_when_nothing_is_violated():
    small = ["--L", "2", "--widths", "64", "--seeds", "1", "--samples", "8", "--steps", "1"]
    assert run("compare", "c_H", *small, "--fail-on-violation").exit_code == 0


def test_reproduce_command(tmp_path):
    small = ["--widths", "64", "--seeds", "1", "--samples", "8", "--steps", "2"]
    done = run("reproduce", "banerjee2023.fig1", *small, "--out", str(tmp_path / "figs and more"))
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "figs and more").iterdir())) == 4


SMALL = ["--widths", "64", "--seeds", "2", "--samples", "8", "--steps", "1"]


def interrupt_after(monkeypatch, module, name, calls):
    """Ctrl-C in the call after ``calls`` of ``module.name``."""
    whole, count = getattr(module, name), itertools.count()

    def once(*args):
        if next(count) == calls:
            raise KeyboardInterrupt
        return whole(*args)

    monkeypatch.setattr(module, name, once)


def test_interrupted_comparison_shows_what_is_finished(monkeypatch):
    interrupt_after(monkeypatch, banerjee2023.run, "_one_network", 1)
    done = run("compare", "c_H", *SMALL, "--json")
    assert done.exit_code == 130
    assert json.loads(done.stdout)["rows"][0]["seeds"] == [0]
    assert "interrupted" in done.stderr


def test_interrupted_figure_writes_what_is_finished(monkeypatch, tmp_path):
    interrupt_after(monkeypatch, figures, "_train", 1)
    done = run("reproduce", "banerjee2023.fig1", *SMALL, "--widths", "64,80", "--out", str(tmp_path))
    assert done.exit_code == 130
    with (tmp_path / "banerjee2023.fig1b.csv").open() as file:
        assert {r["width"] for r in csv.DictReader(file)} == {"64"}


def test_interrupted_before_anything_is_130_and_writes_nothing(monkeypatch, tmp_path, capsys):
    interrupt_after(monkeypatch, figures, "_train", 0)
    monkeypatch.setattr(sys, "argv", ["bounds", "reproduce", "banerjee2023.fig1", *SMALL, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert "nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "--widths", "0"],
        ["compare", "--widths", "64,x"],
        ["compare", "--seeds", "0"],
        ["compare", "--steps", "0"],
        ["compare", "--samples", "0"],
        ["compare", "--samples", "99999"],
        ["compare", "--data", "nowhere.npz"],
        ["compare", "--device", "nope"],
        ["compare", "--learning-rate", "fast"],
        ["compare", "--learning-rate", "nan"],
        ["compare", "--L", "1", "--widths", "64", "--samples", "4", "--seeds", "1"],
        ["compare", "--activation", "relu", "--widths", "64", "--samples", "4", "--seeds", "1"],
        ["compare", "nonsense"],
        ["reproduce", "banerjee2023.fig7"],
        ["reproduce", "banerjee2023.fig1", "--out", os.devnull],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_and_exit_2(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bounds", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1, err
