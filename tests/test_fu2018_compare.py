"""`compare` and `compare_model` of fu2018, end to end on tiny ground truths."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import nn

import bounds
from bounds.errors import NotApplicable, TheoryError
from bounds.tables import dumps
from empirics.comparison import Comparison
from empirics.experiments import fu2018
from empirics.experiments.fu2018 import run
from empirics.experiments.fu2018.concentration import CONCENTRATION
from empirics.experiments.fu2018.descent import DESCENT
from empirics.experiments.fu2018.geometry import geometry
from empirics.experiments.fu2018.label_moments import MOMENTS
from empirics.experiments.fu2018.scene import POSITIVE, scene
from empirics.experiments.fu2018.setting import Setting
from empirics.networks import network

SCALED = "(1 + tanh(z))/2"
TINY = Setting(
    widths=(2,),
    seeds=1,
    d=3,
    activation=SCALED,
    scale=1.0,
    sample_sizes=(300, 3000),
    steps=30,
    restart_steps=1,
    wide=64,
)


@lru_cache
def tiny() -> Comparison:
    return fu2018.compare(TINY, None)


def rows(result: Comparison) -> dict[str, Any]:
    return {r.quantity.split(".")[1]: r for r in result.rows if r.width == 2 or r.details.get("widths")}


def test_every_quantity_has_a_row_and_only_the_erratum_is_refuted() -> None:
    assert set(rows(tiny())) == fu2018.MEASURED
    assert {r.quantity for r in tiny().rows if r.verdict == "VIOLATED"} == {"fu2018.sample_hessian_lipschitz_printed"}
    assert {r.width for r in tiny().rows if r.verdict == "VIOLATED"} == {64}  # erratum F6 needs many neurons


def test_what_is_proved_holds() -> None:
    proved = {"hessian_lipschitz", "population_hessian_lower", "population_hessian_upper", "rho_sigma", "contraction"}
    proved |= {"contraction_appendix", "block_diagonal", "block_offdiagonal", "gradient_coefficient"}
    assert {rows(tiny())[name].verdict for name in proved} <= {"HOLDS", "CONSISTENT"}


def test_the_configuration_describes_the_draw() -> None:
    made = tiny().configuration
    assert (made["samples"], made["input_dim"]) == (3000, 3)
    assert "x ~ N(0, I_3)" in made["data"]
    assert "n = 300, 3000" in made["data"]
    assert any("c = 12 sqrt(2/pi)" in note for note in made["notes"])
    assert any("erratum F4" in said for said in made["findings"])
    assert any("one critical point" in said for said in made["findings"])
    assert json.loads(dumps(tiny().to_dict()))["configuration"]["fu2018"]["labels"] == "both"
    assert "fu2018" in str(tiny().table())


def test_the_ball_is_that_of_lemma_2() -> None:
    at = scene(TINY, 2, 0)
    values = torch.linalg.svdvals(at.truth).tolist()
    rho = float(bounds.quantity("fu2018.rho_sigma").evaluate(sigma=values[1], activation=SCALED))
    kappa, lam = values[0] / values[1], values[0] / values[1]
    assert at.radius == pytest.approx(rho / (2 * POSITIVE * 2**0.5 * kappa**2 * lam), rel=1e-9)  # L_phi = 1
    half = scene(replace(TINY, c=4 * POSITIVE), 2, 0)
    assert half.radius == pytest.approx(at.radius / 2)


def test_the_constant_of_lemma_1_would_be_refuted_if_it_were_smaller() -> None:
    """L_phi a twentieth of what it is: the searched points exceed the bound."""
    at = scene(TINY, 2, 0)
    small = replace(at, values={**at.values, "L_phi": at.values["L_phi"] / 20})
    from empirics.comparison import gather

    found = {r.quantity: r.verdict for r in gather(geometry(small, frozenset(("hessian_lipschitz",))))[0]}
    assert found["fu2018.hessian_lipschitz"] == "VIOLATED"
    assert found["fu2018.population_hessian_upper"] == "VIOLATED"


def test_what_is_not_asked_for_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("not asked for")

    for name in ("look", "estimate", "descend", "label_moments", "single"):
        monkeypatch.setattr(run, name, never)
    found = fu2018.compare(TINY, None, frozenset(("fu2018.rho_sigma",)))
    assert {r.quantity for r in found.rows} == {"fu2018.rho_sigma"}


def test_sizes_are_those_needed() -> None:
    setting = replace(TINY, sample_sizes=(10, 20, 30), descent_samples=25)
    assert run.sizes(setting, CONCENTRATION) == [10, 20, 30]
    assert run.sizes(setting, DESCENT) == [25]
    assert run.sizes(setting, MOMENTS) == [30]
    assert run.sizes(setting, fu2018.MEASURED) == [10, 20, 25, 30]
    assert run.sizes(setting, frozenset(("radius",))) == []
    assert replace(setting, descent_samples=None).descended == 20


def test_asking_for_one_quantity_gives_its_row() -> None:
    for name in ("alpha_q", "step_size", "sample_floor", "mean_hessian_lipschitz", "gradient_threshold"):
        quick = replace(TINY, sample_sizes=(300,), labels="regression", steps=5)
        found = fu2018.compare(quick, None, frozenset((f"fu2018.{name}",)))
        assert {r.quantity for r in found.rows} == {f"fu2018.{name}"}


def test_interrupted_runs_keep_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    true = run.single

    def stop_at_the_second(*args: Any) -> Any:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return true(*args)

    monkeypatch.setattr(run, "single", stop_at_the_second)
    quick = replace(TINY, seeds=2, labels="regression")
    names = frozenset(("fu2018.block_diagonal",))
    found = fu2018.compare(quick, None, names)
    assert found.interrupted
    assert found.rows[0].seeds == (0,)
    seen[:] = [1]
    with pytest.raises(KeyboardInterrupt):
        fu2018.compare(quick, None, names)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"widths": (2, 4)}, NotApplicable, "K = 4 neurons exceed d = 3"),
        ({"activation": "tanh"}, NotApplicable, "rescale it"),
        ({"activation": "gelu"}, NotApplicable, "range is not within"),
        ({"labels": "ranking"}, TheoryError, "labels = ranking"),
        ({"device": "cuda:9"}, TheoryError, "cuda:9"),
        ({"sample_sizes": (0,)}, TheoryError, "sample_sizes = 0"),
        ({"condition": 0.5}, TheoryError, "condition=0.5"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as caught:
        fu2018.compare(replace(TINY, **change), None)
    assert said in str(caught.value)


def model(K: int = 2, d: int = 3, readout: float | None = None) -> nn.Sequential:
    hidden, average = nn.Linear(d, K, bias=False), nn.Linear(K, 1, bias=False)
    found = nn.Sequential(hidden, nn.Sigmoid(), average).double()
    with torch.no_grad():
        hidden.weight.copy_(network("fu2018", K=K, d=d, scale=2.0, seed=1).weights.W[0])
        average.weight.fill_(1 / K if readout is None else readout)
    return found


def gaussian(n: int = 2000, d: int = 3) -> torch.Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def test_own_network_is_the_ground_truth() -> None:
    net, X = model(), gaussian()
    with torch.no_grad():
        y = net(X)[:, 0]
    found = fu2018.compare_model(net, X, y, learning_rate=20.0)
    seen = rows(found)
    assert seen["contraction"].verdict == "HOLDS"
    assert seen["hessian_lipschitz"].verdict == "HOLDS"
    assert seen["estimation_error"].verdict == "NOT APPLICABLE"
    assert not found.violated
    singular = torch.linalg.svdvals(next(net.parameters()).detach()).tolist()
    values = next(r.details["values"] for r in found.cases if r.quantity == "fu2018.hessian_lower")
    assert values["kappa"] == pytest.approx(singular[0] / singular[1], rel=1e-9)
    assert "your data" in found.configuration["data"]


def test_own_network_in_the_papers_form_is_the_same_function() -> None:
    weights, X = network("fu2018", K=2, d=3, scale=2.0, seed=1), gaussian(400)
    with torch.no_grad():
        y = weights(X)
        assert torch.allclose(model()(X), y)
    found = fu2018.compare_model(weights, X, y[:, 0])
    assert rows(found)["gradient_threshold"].verdict == "MET"


@pytest.mark.parametrize(
    ("net", "change", "said"),
    [
        (model(), lambda X, y: (X, y + 1e-3), r"y\[0\] = .* is not the network's output"),
        (model(), lambda X, y: (X, torch.stack([y, y], 1)), "2 targets per sample"),
        (model(), lambda X, y: (X, 2 - y), "labels for regression must be between 0 and 1"),
        (model(), lambda X, y: (X + 1.0, y), "has mean"),
        (model(), lambda X, y: (2 * X, y), "have mean product"),
        (model(readout=0.7), lambda X, y: (X, y), "neuron 0 has readout 0.7"),
        (model(K=4), lambda X, y: (X, y), "K = 4 neurons exceed d = 3"),
        (nn.Sequential(nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 1)), lambda X, y: (X, y), "biases"),
        (
            nn.Sequential(nn.Linear(3, 2, bias=False), nn.Tanh(), nn.Linear(2, 1, bias=False)),
            lambda X, y: (X, y),
            "readout|range",
        ),
        (
            nn.Sequential(
                *(layer for _ in range(2) for layer in (nn.Linear(3, 3, bias=False), nn.Sigmoid())), nn.Linear(3, 1)
            ),
            lambda X, y: (X, y),
            "2 hidden layers",
        ),
    ],
)
def test_own_networks_that_are_not_covered(net: nn.Sequential, change: Any, said: str) -> None:
    X = gaussian(500)
    with torch.no_grad():
        y = net.double()(X)[:, 0]
    with pytest.raises(NotApplicable, match=said):
        fu2018.compare_model(net, *change(X, y))
    with pytest.raises(TheoryError, match="learning_rate"):
        fu2018.compare_model(net, X, y, learning_rate=0.0)


def test_runs_repeat_and_a_single_neuron_or_no_random_point_is_fine() -> None:
    quick = replace(TINY, widths=(1,), restarts=0, sample_sizes=(400,), labels="classification", starts=1, points=1)
    names = frozenset(
        f"fu2018.{n}" for n in ("contraction", "hessian_lipschitz", "block_offdiagonal", "estimation_error")
    )
    first, second = (fu2018.compare(quick, None, names) for _ in range(2))
    assert [(r.quantity, r.measured, r.verdict) for r in first.cases] == [
        (r.quantity, r.measured, r.verdict) for r in second.cases
    ]
    verdicts = {r.quantity.split(".")[1]: r.verdict for r in first.rows if r.width in (1, 0) or r.details.get("widths")}
    assert verdicts == {
        "contraction": "HOLDS",
        "hessian_lipschitz": "HOLDS",
        "block_offdiagonal": "NOT APPLICABLE",
        "estimation_error": "CONSISTENT",
    }


def test_parts_of_a_run_are_the_run():
    only = frozenset({"fu2018.population_hessian_upper", "fu2018.sample_hessian_lipschitz_printed"})
    whole = fu2018.compare(replace(TINY, seeds=2), None, only)
    parts = [fu2018.compare(replace(TINY, first_seed=s, fresh=s == 0), None, only) for s in (0, 1)]

    def measured(cases: Any) -> list[Any]:
        return sorted((c.quantity, c.width, c.seeds, c.label, c.measured) for c in cases)

    assert measured([c for part in parts for c in part.cases]) == measured(whole.cases)
    assert {c.seeds for c in parts[1].cases} == {(1,)}
