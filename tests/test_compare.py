"""The comparison end to end, on tiny networks: what is measured, what is refused, what is written."""

from __future__ import annotations

import json

import naive
import pytest
import torch
from click.testing import CliRunner

import bounds
import cli
import empirics
from bounds.errors import NotApplicable, TheoryError
from empirics.comparison import gather
from empirics.experiments import banerjee2023, chosen, experiments
from empirics.experiments.banerjee2023 import Setting
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
    assert set(data) == {"rows", "configuration", "versions", "cases"}
    assert {(c["seeds"][0], c["step"]) for c in data["cases"]} == {(s, t) for s in (0, 1) for t in (0, 3)}
    assert data["cases"][0]["details"]["values"]["m"] == 64
    fields = {"quantity", "side", "predicted", "measured", "slack", "verdict", "reasons", "seeds", "width", "step"}
    assert fields | {"residual", "exact"} <= set(data["rows"][0])
    assert data["configuration"]["banerjee2023"]["runs"][0]["learning_rate"] == 1.0
    assert len(comparison.to_dataframe()) == len(comparison.rows)
    assert "<table>" in comparison._repr_html_()


def test_chosen_keys():
    ((module, only),) = chosen(["banerjee2023.hessian_norm", "banerjee2023.beta"])
    assert module is experiments()["banerjee2023"]
    assert only == {"banerjee2023.hessian_norm", "banerjee2023.beta"}
    with pytest.raises(TheoryError, match=r"did you mean banerjee2023\.hessian_norm"):
        chosen(["hesian_norm"])


def test_gather_keeps_the_papers_order(comparison):
    order = [q.key for q in bounds.quantities("banerjee2023")]
    names = [r.quantity for r in comparison.rows]
    assert sorted(names, key=order.index) == names
    assert gather([]) == ((), ())


def test_a_quantity_that_no_network_shows_is_refused_before_training():
    with pytest.raises(TheoryError, match=r"banerjee2023\.gamma is not measured"):
        chosen(["gamma"])
    ((_, only),) = chosen(["banerjee2023", "c_H"])
    assert only == frozenset()  # the paper's key asks for everything


def test_a_paper_that_does_not_cover_the_request_is_named_and_the_others_go_on():
    tiny = ["--activation", "tanh", "--widths", "8", "--seeds", "1", "--steps", "1", "--samples", "4"]
    done = CliRunner().invoke(cli.app, ["compare", "fu2018.rho_sigma", "banerjee2023.layer_jacobian", *tiny, "--json"])
    assert done.exit_code == 0, done.output
    assert {r["quantity"] for r in json.loads(done.stdout)["rows"]} == {"banerjee2023.layer_jacobian"}
    assert "fu2018: NOT APPLICABLE: activation = tanh" in done.stderr
    with pytest.raises(NotApplicable, match="activation = tanh"):
        CliRunner().invoke(cli.app, ["compare", "fu2018", "--activation", "tanh"], catch_exceptions=False)
