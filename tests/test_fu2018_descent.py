"""fu2018's critical point and gradient descent: against hand formulas, autograd and conditions for optimality."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from empirics.comparison import gather
from empirics.experiments.fu2018.basin import basin
from empirics.experiments.fu2018.concentration import concentration, look
from empirics.experiments.fu2018.data import draw, teacher
from empirics.experiments.fu2018.descent import (
    CAREFUL,
    DESCENT,
    TOO_LONG,
    Run,
    along,
    descend,
    observe,
    ratios,
    refuse,
)
from empirics.experiments.fu2018.hessians import Empirical, ends
from empirics.experiments.fu2018.newton import critical_point
from empirics.experiments.fu2018.scene import around
from empirics.experiments.fu2018.setting import Setting
from empirics.experiments.fu2018.theorem2 import Estimate, estimate, estimation

SETTING = Setting(
    widths=(2,), seeds=1, d=3, activation="(1 + tanh(z))/2", sample_sizes=(3000,), steps=60, restarts=1, restart_steps=1
)


@lru_cache
def found(way: str, n: int = 3000) -> Estimate:
    scene = around(SETTING, teacher(0, K=2, d=3, activation=SETTING.activation, condition=1.2), 0)
    return estimate(look(scene, way, scene.samples(n, way)))


def test_newton_returns_to_the_ground_truth_where_labels_are_noiseless() -> None:
    weights = teacher(1, K=2, d=4, scale=2.0)
    loss = Empirical(*draw(weights, 600, 0, "regression"), weights.activation)
    point = critical_point(loss, weights.W[0] + 0.2)
    assert point.found
    assert float((point.W - weights.W[0]).norm()) <= max(point.error, 1e-12)


def test_newton_finds_a_minimum_of_the_noisy_loss() -> None:
    weights = teacher(0, K=2, d=3, activation=SETTING.activation, scale=1.5)
    loss = Empirical(*draw(weights, 4000, 0), weights.activation)
    point = critical_point(loss, weights.W[0])
    assert point.found
    assert point.gradient < 1e-14
    assert point.least == pytest.approx(ends(loss.hessian(point.W))[0])
    below = loss.value(point.W)
    for seed in range(5):
        noise = torch.randn(point.W.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert loss.value(point.W + 1e-3 * noise) > below


def test_search_that_leaves_the_neighbourhood_is_no_critical_point() -> None:
    weights = teacher(0, K=3, d=5)
    loss = Empirical(*draw(weights, 40, 0), weights.activation)  # sigmoid at norm 1 is nearly linear: all noise
    point = critical_point(loss, weights.W[0])
    assert not point.found
    assert point.error == float("inf")


def test_regression_has_the_ground_truth_as_critical_point() -> None:
    seen = found("regression")
    assert seen.distance < 1e-12
    assert seen.gradient < 1e-15
    assert seen.inside
    names = {o.quantity.split(".")[1] for o in estimation(seen)}
    assert names == {"gradient_threshold", "sample_complexity_critical"}  # its distance from itself tests nothing
    only = replace(seen.seen.scene, setting=replace(SETTING, labels="regression"))
    alone = list(estimation(replace(seen, seen=replace(seen.seen, scene=only))))
    refused = [o for o in alone if o.quantity.endswith("estimation_error")]
    assert [o.reasons for o in refused] == [("regression: W* itself is the critical point (Corollary 2)",)]
    rows, _ = gather(alone)
    assert {r.quantity: r.verdict for r in rows}["fu2018.estimation_error_from_gradient"] == "NOT APPLICABLE"


def test_estimates_are_bounded_by_the_gradient_over_the_curvature() -> None:
    seen = found("classification")
    rows = {r.quantity.split(".")[1]: r for r in gather([*estimation(seen), *concentration(seen.seen)])[0]}
    row = rows["estimation_error_from_gradient"]
    assert row.verdict == "HOLDS"
    loss, truth = seen.seen.loss, seen.seen.scene.truth
    lows = [ends(loss.hessian(truth + t * (seen.point.W - truth)))[0] for t in (0, 0.25, 0.5, 0.75, 1)]
    assert row.predicted == pytest.approx(float(loss.gradient(truth).norm()) / min(lows))
    assert row.measured == pytest.approx(float((seen.point.W - truth).norm()))
    assert not seen.inside
    assert rows["gradient_threshold"].verdict == "NOT MET"
    assert rows["gradient_threshold"].predicted == pytest.approx(seen.seen.least * seen.seen.scene.radius)


def test_descent_meets_both_rates_and_finds_one_critical_point() -> None:
    for way in ("classification", "regression"):
        seen = found(way)
        ball = basin(seen)
        assert 0 < ball.low <= seen.point.least <= 2 * ball.low
        assert ball.high >= seen.point.greatest
        runs = descend(seen, ball)
        ball = along(seen, ball, runs[0])
        rows = {r.quantity.split(".")[1]: r for r in gather(observe(seen, ball, runs))[0]}
        assert rows["contraction"].verdict == rows["contraction_appendix"].verdict == "HOLDS"
        assert rows["iterations"].verdict in ("HOLDS", "CONSISTENT")
        for run in runs:
            if run.label not in (CAREFUL, TOO_LONG):
                assert run.distance[0] == pytest.approx(ball.radius)
                assert run.distance[-1] < 0.02 * ball.radius
        long = next(run for run in runs if run.label == TOO_LONG)
        assert not long.converges
        assert long.eta * seen.point.greatest == pytest.approx(2.5)


def test_a_step_is_that_of_the_loss() -> None:
    seen = found("classification")
    run = descend(seen, basin(seen))[0]
    W = torch.as_tensor(run.path[0])
    expected = W - run.eta * seen.seen.loss.gradient(W)
    assert torch.allclose(torch.as_tensor(run.path[1]), expected, atol=1e-14)


def test_a_wrong_rate_would_be_refuted() -> None:
    """Twice the least eigenvalue as H_min: the slowest start then falls more slowly than (9) claims."""
    seen = found("regression")
    ball = basin(seen)
    runs = descend(seen, ball)
    wrong = replace(ball, low=2.2 * seen.point.least)
    rows = {r.quantity.split(".")[1]: r for r in gather(observe(seen, wrong, runs))[0]}
    assert rows["contraction"].verdict == "VIOLATED"


def test_too_long_a_step_is_no_premise_of_the_rate() -> None:
    seen = found("regression")
    ball = basin(seen)
    scene = replace(seen.seen.scene, setting=replace(SETTING, learning_rate=1.2 * 2 / (ball.low + ball.high)))
    eager = replace(seen, seen=replace(seen.seen, scene=scene))
    runs = [run for run in descend(eager, ball) if run.label != CAREFUL]
    (row,) = [r for r in gather(observe(eager, ball, runs))[0] if r.quantity == "fu2018.contraction"]
    assert row.verdict == "NOT APPLICABLE"


def test_ratios_stop_where_distances_are_rounding() -> None:
    distance = np.array([1.0, 0.5, 1e-3, 1e-12, 5e-13, 4e-13])
    ratio, room = ratios(Run("", 1.0, distance, np.zeros(6), SimpleNamespace()), 1e-14)  # type: ignore[arg-type]
    assert ratio.tolist() == pytest.approx([0.5, 2e-3, 1e-9])
    assert room.tolist() == pytest.approx([1e-14 + 2e-14, 2e-14 + 1e-11, 1e-11 + 1e-2])
    assert not len(ratios(Run("", 1.0, distance[3:], np.zeros(3), SimpleNamespace()), 1e-14)[0])  # type: ignore[arg-type]


def test_refusals_have_a_reason_and_no_number() -> None:
    rows, _ = gather(refuse(found("classification"), ("no minimum",)))
    assert {r.quantity.split(".")[1] for r in rows} == DESCENT
    for row in rows:
        assert row.verdict == "NOT APPLICABLE"
        assert row.reasons[0] == "no minimum"


def test_few_samples_bound_the_constant_of_the_sample_size_only() -> None:
    scene = around(SETTING, teacher(0, K=2, d=3, activation=SETTING.activation, condition=1.2), 0)
    short: Any = look(scene, "classification", scene.samples(12, "classification"))
    assert short.least < 0
    rows = {r.quantity.split(".")[1]: r for r in gather(concentration(short))[0]}
    assert rows["hessian_lower"].verdict == "NOT APPLICABLE"
    assert "n = 12 does not suffice" in rows["hessian_lower"].reasons[0]
    assert rows["sample_complexity"].reasons[0].startswith("C > ")
    assert rows["hessian_concentration"].verdict == "CONSISTENT"


def test_deviations_are_those_of_the_two_losses() -> None:
    seen = found("classification").seen
    place = next(p for p in seen.places if p.label == "random in the ball")
    assert float((place.W - seen.scene.truth).norm()) == pytest.approx(seen.scene.radius)
    off = seen.loss.hessian(place.W) - seen.scene.loss.hessian(place.W)
    assert place.hessian == pytest.approx(float(torch.linalg.eigvalsh(off).abs().max()))
    assert (place.least, place.greatest) == pytest.approx(ends(seen.loss.hessian(place.W)))
    apart = seen.loss.gradient(place.W) - seen.scene.loss.gradient(place.W)
    assert place.gradient == pytest.approx(float(apart.square().sum().sqrt()))
