"""Lazy training: the gap against autograd and a linear model in weight space, its finding, files and interruptions."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import empirics
from bounds.errors import NotApplicable, TheoryError
from empirics.experiments.song2021 import lazy
from empirics.experiments.song2021.gaps import Gap, finding, means
from empirics.verdict import NOT_APPLICABLE

DIGITS = empirics.load("digits", samples=8)
TINY = lazy.Setting(ratios=(0.01, 1.0, 100.0), seeds=3, d_1=32, steps=150)


@pytest.fixture(scope="module")
def drawn():
    return lazy.run(TINY, DIGITS)


@pytest.mark.parametrize("ratio", [0.1, 5.0])
def test_the_gap_against_a_linear_model_of_the_weights(ratio):
    setting = replace(TINY, d_1=6, steps=40, learning_rate=0.05, activation="tanh")
    (found,) = lazy.lazy_gaps(setting, DIGITS, ratios=(ratio,), seeds=1)
    X = DIGITS.X / DIGITS.X.norm(dim=1, keepdim=True)
    y = DIGITS.y / max(1.0, float(DIGITS.y.norm()))
    net = lazy.build(setting, ratio, 0, 64)
    start = torch.cat([net.W[0].detach().flatten(), net.V.detach().flatten()])

    def outputs(theta):
        return torch.tanh(X @ theta[:384].view(6, 64).T) @ theta[384:]

    J, first = torch.autograd.functional.jacobian(outputs, start), outputs(start)
    real, linear, gaps, apart, moved = start.clone(), start.clone(), [], [], []
    for _ in range(41):
        f, g = outputs(real), first + J @ (linear - start)
        gaps.append(float(((f - y).square().sum() - (g - y).square().sum()).abs()))
        apart.append(float((f - g).norm()))
        moved.append(float((real - start).norm()))
        slope = torch.autograd.functional.jacobian(outputs, real).T @ (2 * (f - y))
        real, linear = real - 0.05 * slope, linear - 0.05 * (J.T @ (2 * (g - y)))
    assert found.gap == pytest.approx(max(gaps), rel=1e-6)
    assert found.step == int(np.argmax(gaps))
    assert found.outputs == pytest.approx(max(apart), rel=1e-6)
    assert found.chi_max == pytest.approx(float(start[384:].norm()) + max(moved))
    assert found.loss_last == pytest.approx(float((f - y).square().sum()))
    assert found.linear_last == pytest.approx(float((g - y).square().sum()))
    assert found.relative == pytest.approx(max(gaps) / float((first - y).square().sum()))
    assert found.relative_outputs == pytest.approx(max(apart) / float((first - y).norm()))


def test_eq_82_with_the_constants_of_lemma_3():
    (found,) = lazy.lazy_gaps(TINY, DIGITS, ratios=(2.0,), seeds=1)
    X = DIGITS.X / DIGITS.X.norm(dim=1, keepdim=True)
    net = lazy.build(TINY, 2.0, 0, 64)
    top = float(torch.linalg.matrix_norm(X, 2))
    slope, bend = 1.12890414518515, 0.797884560802865  # sup|phi'| and sup|phi''| of gelu
    hidden = torch.nn.functional.gelu(X @ net.W[0].detach().T)
    beta = math.sqrt(2) * top * (slope + bend * found.chi_max)
    nu = slope * top * float(net.V.detach().norm()) + float(torch.linalg.matrix_norm(hidden, 2))
    assert found.bound == pytest.approx(beta / nu**2)
    kernel = empirics.ntk_gram(net, X).value
    assert found.learning_rate == pytest.approx(float(0.5 / torch.linalg.eigvalsh(kernel)[-1]))


def test_scales_keep_ratio_and_product():
    one, two = replace(TINY, product=2.0).omegas(9.0, 64)
    assert two / one == pytest.approx(9)
    assert one * two == pytest.approx(2 / math.sqrt(64 * 32))


def test_the_gap_is_largest_where_neither_layer_dominates(drawn):
    gap = means(drawn.gaps)
    assert gap[1.0] > 30 * gap[0.01]
    assert gap[1.0] > 30 * gap[100.0]
    bound = means(drawn.gaps, "bound")
    assert bound[1.0] > max(bound[0.01], bound[100.0])
    said = drawn.summary()
    assert "largest at 1," in said
    assert "up to that ratio the gap rises" in said
    assert "beyond, the gap falls" in said
    assert len(drawn.gaps) == 9


def _gap(ratio: float, gap: float, seed: int = 0, reason: str = "steps") -> Gap:
    omegas = (1.0, ratio, 0.1, gap, 5, 1.0)
    return Gap(ratio, seed, *omegas, 2.0, 0.1, 0.2, 1.5, 0.3, reason, 9)


def test_the_finding_claims_no_more_than_the_runs_show():
    rising = [_gap(r, r * (1 + s), s) for r in (1.0, 10.0, 100.0) for s in (0, 1, 2)]
    said = finding(rising)
    assert "largest at 100," in said
    assert "beyond, there is no other ratio" in said
    assert "still largest at the last step in 0 of 9 runs" in said
    assert "1 of 10 runs blew up" in finding([*rising, _gap(1.0, 1e9, 3, "diverged")])
    assert "no run can be compared" in finding([_gap(1.0, 1.0, 0, "nan")])
    assert means([_gap(1.0, 1.0), _gap(1.0, 4.0, 1), _gap(1.0, 9.0, 2, "nan")]) == {1.0: pytest.approx(2.0)}


def test_observations_of_eq_83():
    from empirics.comparison import gather

    unit = replace(TINY, product=math.sqrt(64 * 32))  # omega_1 omega_2 = 1: at ratio 1 both are 1
    (found,) = lazy.lazy_gaps(unit, DIGITS, ratios=(1.0,), seeds=1)
    (row,), _ = gather([found.observation()])
    v = found.values
    phi = 1.12890414518515 + 0.797884560802865 * found.chi_max
    nu = 1.12890414518515 * v["sigma_max_X"] * math.sqrt(32) + math.sqrt(2 * 32 * 8) / math.sqrt(4 * math.pi)
    assert row.predicted == pytest.approx(math.sqrt(2) * v["sigma_max_X"] * phi / nu**2)
    assert row.verdict != NOT_APPLICABLE
    assert row.details["ratio"] == pytest.approx(found.gap / row.predicted)
    (other,) = lazy.lazy_gaps(TINY, DIGITS, ratios=(1.0,), seeds=1)
    assert gather([other.observation()])[0][0].verdict == NOT_APPLICABLE  # no r_2 for gelu: erratum S7


def test_runs_that_blow_up_are_named():
    blown = lazy.run(replace(TINY, seeds=1, learning_rate=1e4), DIGITS)
    assert {g.reason for g in blown.gaps} <= {"diverged", "nan"}
    assert "3 of 3 runs blew up" in blown.summary()
    assert any("training" in r for r in blown.gaps[0].observation().reasons)


def test_looks():
    assert lazy.looks(5) == (0, 1, 2, 3, 4, 5)
    many = lazy.looks(10_000)
    assert (many[0], many[1], many[-1]) == (0, 1, 10_000)
    assert list(many) == sorted(set(many))
    assert len(many) <= 121


def test_files(drawn, tmp_path):
    paths = lazy.save(drawn, tmp_path)
    assert [p.name for p in paths] == ["song2021.lazy.csv", "song2021.lazy.png", "song2021.lazy.svg"]
    with paths[0].open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r["gap"]) for r in rows] == [g.gap for g in drawn.gaps]
    assert paths[1].read_bytes()[:4] == b"\x89PNG"


def test_ctrl_c():
    lines: list[str] = []

    def stop(line):
        lines.append(line)
        if len(lines) == 3:
            raise KeyboardInterrupt

    found = lazy.run(TINY, DIGITS, stop)
    assert found.interrupted
    assert [(g.ratio, g.seed) for g in found.gaps] == [(0.01, 0), (0.01, 1)]
    lines[:] = ["", ""]
    with pytest.raises(KeyboardInterrupt):
        lazy.run(TINY, DIGITS, stop)


def test_bad_requests():
    with pytest.raises(TheoryError, match="ratios = 1,1"):
        replace(TINY, ratios=(1, 1))
    with pytest.raises(TheoryError, match="targets per sample"):
        lazy.run(TINY, empirics.load("digits", samples=8, outputs=10))
    with pytest.raises(NotApplicable):
        lazy.run(replace(TINY, activation="relu", steps=1), DIGITS)
