"""What song2021's comparison measures, against autograd transcriptions, loops and formulas by hand."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import partial

import naive
import numpy as np
import pytest
import torch
from torch import nn

import empirics
from empirics.experiments import song2021
from empirics.experiments.song2021 import Setting, descent, initial, mean_gram, observe
from empirics.experiments.song2021.constants import distance, start_at, unit_data
from empirics.experiments.song2021.jacobian import jacobian_distance, steepest_change
from empirics.experiments.song2021.run import MEASURED, values_of
from empirics.networks import network

MODEL = partial(naive.song2021, phi=nn.functional.gelu)
SLOPE, BEND = 1.12890414518515, 0.797884560802865  # gelu's sup|phi'| and sup|phi''|, from the formula sheet
DATA = unit_data(empirics.load("sphere", samples=3, d=5))
WIDE = Setting(widths=(512,), seeds=1, steps=12, points=3, init_seeds=3)


def net_of(seed=0, width=6, data=DATA, omega_2=0.7, **options):
    return network("song2021", d_0=data.X.shape[1], d_1=width, omega_2=omega_2, seed=seed, **options).weights


def start_of(weights, data=DATA, setting=WIDE):
    mean = mean_gram.data_values(data, "gelu", setting.omega_1, setting.t)
    return start_at(weights, data.X, data.y[:, None], values_of(setting, weights.m, data, mean))


def rows_of(comparison):
    return {(r.quantity.split(".")[1], r.width): r for r in comparison.rows}


@pytest.fixture(scope="module")
def wide():
    data = empirics.load("sphere", samples=3, d=16)
    return song2021.compare(WIDE, data), unit_data(data)


def test_jacobian_distance_against_autograd():
    a, b = net_of(0), net_of(1)
    gap = naive.jacobian(a, DATA.X, MODEL)[:, 0] - naive.jacobian(b, DATA.X, MODEL)[:, 0]
    assert float(jacobian_distance(a, b, DATA.X)) == pytest.approx(float(torch.linalg.matrix_norm(gap, 2)), rel=1e-9)


def test_steepest_change_reaches_the_largest_derivative_and_never_passes_it():
    weights, X = net_of(2, width=4), DATA.X[:2]
    H = torch.stack([naive.output_hessian(weights, x, 0, MODEL) for x in X])
    # sup over unit u of ||DJ[u]|| is that over unit z of ||z_1 H_1 + z_2 H_2||: a half circle, finely
    angles = torch.linspace(0, math.pi, 4001, dtype=torch.float64)
    mixed = angles.cos()[:, None, None] * H[0] + angles.sin()[:, None, None] * H[1]
    exact = float(torch.linalg.eigvalsh(mixed).abs().max())
    found = [float(steepest_change(weights, X, sweeps=60, seed=s)) for s in range(6)]
    assert max(found) == pytest.approx(exact, rel=1e-3)
    assert max(found) <= exact * (1 + 1e-6)


def test_constants_by_hand_and_the_readouts_of_the_ball():
    weights = net_of(3)
    start = start_of(weights)
    features = torch.linalg.svdvals(nn.functional.gelu(DATA.X @ weights.W[0].T))
    top = float(torch.linalg.svdvals(DATA.X)[0])
    chi = start.values["chi_max"]
    beta = math.sqrt(2) * top * (SLOPE + BEND * chi)
    assert start.rho == pytest.approx(float(features[-1]) / (2 * beta), rel=1e-9)
    assert chi == pytest.approx(float(weights.V.norm()) + start.rho, rel=1e-9)  # no readout in the ball exceeds it
    loss = float(naive.loss(weights, naive.flat(weights), DATA.X, DATA.y[:, None], "sum_square", MODEL))
    assert start.values["h_0"] == pytest.approx(loss)
    assert start.values["grad_f_0"] == pytest.approx(2 * math.sqrt(loss))
    assert start.values["sigma_max_phi"] == pytest.approx(float(features[0]))


def test_singular_values_and_pairs_against_autograd():
    weights, other = net_of(3), net_of(4)
    exact = torch.linalg.svdvals(naive.jacobian(weights, DATA.X, MODEL)[:, 0])
    for (value, low, high), expected in zip(
        observe.singular_values(weights, DATA.X), (exact[-1], exact[0]), strict=True
    ):
        assert value == pytest.approx(float(expected), rel=1e-9)
        assert low <= float(expected) <= high
    start = start_of(weights)
    lipschitz, bend = observe.pair(weights, other, start, seed=0, step=1, label="")
    f, g = (naive.output(w, naive.flat(w), DATA.X, MODEL) for w in (weights, other))
    apart = float((naive.flat(weights) - naive.flat(other)).norm())
    assert float(distance(other, weights)) == pytest.approx(apart)
    assert lipschitz.measured == pytest.approx(float((f - g).norm()) / apart)
    assert (lipschitz.upper, bend.upper, bend.side) == (None, None, "upper")  # suprema are seen from below only
    assert bend.values["chi_max"] == pytest.approx(max(float(weights.V.norm()), float(other.V.norm())))


def test_the_path_against_a_loop_of_autograd():
    weights = net_of(5)
    start, eta, steps = start_of(weights), 0.02, 4
    run = descent.descend(start, eta, steps, 3)
    theta, points, losses = naive.flat(weights), [naive.flat(weights)], []
    for _ in range(steps + 1):
        theta = theta.detach().requires_grad_()
        loss = naive.loss(weights, theta, DATA.X, DATA.y[:, None], "sum_square", MODEL)
        losses.append(loss.item())
        theta = theta - eta * torch.autograd.grad(loss, theta)[0]
        points.append(theta.detach())
    lengths = [float((b - a).norm()) for a, b in itertools.pairwise(points[:-1])]
    assert run.loss == pytest.approx(np.array(losses))
    assert eta * run.grad_norm[:-1] == pytest.approx(np.array(lengths))
    assert run.moved == pytest.approx([float((p - points[0]).norm()) for p in points[:-1]])
    assert sorted(run.points) == [0, 2, 4]
    assert naive.flat(run.points[4]).tolist() == pytest.approx(points[4].tolist())
    wide = replace(start, rho=(run.moved[2] + run.moved[3]) / 2)  # a ball that the third step leaves
    found = {o.quantity.split(".")[1]: o for o in descent.observe_run(run, wide, seed=0)}
    assert found["gd_length"].measured == pytest.approx(sum(lengths[:2]))
    assert found["grad_f_ball"].measured == pytest.approx(2 * math.sqrt(max(losses[:3])))
    assert found["contraction"].measured == pytest.approx(max(b / a for a, b in itertools.pairwise(losses)))
    none = replace(start, rho=run.moved[1] / 2)
    found = {o.quantity.split(".")[1]: o for o in descent.observe_run(run, none, seed=0)}
    assert any("leaves the ball" in r or "learning rate" in r for r in found["gd_length"].reasons)


def test_theorem_2_holds_where_its_premises_are_met(wide):
    comparison, data = wide
    rows, run = rows_of(comparison), comparison.configuration["runs"][0]
    assert rows["gd_condition_direct", 512].verdict == "MET"
    net = network("song2021", d_0=16, d_1=512, omega_2=1 / math.sqrt(16 * 512), seed=0).weights
    mu = float(torch.linalg.svdvals(nn.functional.gelu(data.X @ net.W[0].T))[-1])
    factor = 1 - run["learning_rate"] * 2 * mu**2 / 4
    assert rows["contraction", 512].verdict == "HOLDS"
    assert rows["contraction", 512].predicted == pytest.approx(factor)
    needed = math.ceil(math.log(run["loss_first"] / 1e-3) / -math.log(factor))
    assert rows["iterations", 512].predicted == needed
    assert rows["iterations", 512].side == "upper"  # T steps suffice
    assert rows["gd_length", 512].verdict == rows["sigma_max_ball", 512].verdict.replace("CONSISTENT", "HOLDS")
    assert not comparison.violated
    assert any("all" in f or "12 of 12 steps" in f for f in comparison.configuration["findings"])


def test_iterations_are_counted_to_the_first_step_below_eps(wide):
    _, data = wide
    start = start_of(net_of(0, width=512, data=data, omega_2=0.01), data)
    run = descent.descend(start, descent.theory_rate(dict(start.values)), 60, 2)
    eps = float(np.sqrt(run.loss[20] * run.loss[21]))
    seen = replace(start, values={**start.values, "eps": eps})
    found = {o.quantity.split(".")[1]: o for o in descent.observe_run(run, seen, seed=0)}["iterations"]
    assert (found.measured, found.upper) == (21.0, 21.0)


def test_points_outside_the_ball_and_large_steps_are_named(wide):
    _, data = wide
    found = song2021.compare(replace(WIDE, widths=(8,), learning_rate=0.1, steps=3, omega_2=2.0), data)
    rows = rows_of(found)
    for name in ("contraction", "gd_length"):
        assert rows[name, 8].verdict == "NOT APPLICABLE"
        assert any("learning rate 0.1 exceeds" in r for r in rows[name, 8].reasons), name
    outside = [c for c in found.cases if c.quantity == "song2021.sigma_max_ball" and c.step == 3]
    assert all("outside the ball" in " ".join(c.reasons) for c in outside)
    assert outside
    blown = song2021.compare(replace(WIDE, learning_rate=1e3, steps=20), data)
    assert blown.configuration["runs"][0]["reason"] in ("diverged", "nan")
    assert any(r.startswith("training ") for r in rows_of(blown)["contraction", 512].reasons)
    assert not blown.violated


def test_points_of_the_sphere_lie_on_it_and_the_worst_are_worse():
    start = start_of(net_of(6, width=12))
    points = list(observe._sphere_points(start, 0, MEASURED))
    assert len(points) == observe.RANDOM_POINTS + 3
    for _, point in points:
        assert start.distance(point) == pytest.approx(start.rho)
    ends = {label: observe.singular_values(point, DATA.X) for label, point in points}
    chance = observe.singular_values(points[0][1], DATA.X)
    assert ends["towards the worst sigma_min"][0][0] < chance[0][0]
    assert ends["towards the worst sigma_max"][1][0] > chance[1][0]
    both = {"restarts": 2, "restart_steps": 3, "only": frozenset(("sigma_min_ball", "sigma_max_ball"))}
    seen = [o for o in observe.sphere(start, seed=0, **both) if "searches" in o.label]
    assert {o.quantity.split(".")[1] for o in seen} == both["only"]
    low = next(o for o in seen if o.quantity.endswith("min_ball"))
    assert low.lower == 0.0  # the infimum is at most what a point shows


def test_draws_against_every_network_by_itself():
    setting = replace(WIDE, init_seeds=2)
    draws = initial.draw(setting, 7, 0.3, DATA)
    for seed in range(2):
        net = net_of(seed, width=7, omega_2=0.3)
        W, V, features = net.W[0], net.V[:, 0], nn.functional.gelu(DATA.X @ net.W[0].T)
        sigma = torch.linalg.svdvals(features)
        assert draws.least[seed] == pytest.approx(float(sigma[-1]) ** 2, rel=1e-6)
        assert draws.greatest[seed] == pytest.approx(float(sigma[0]) ** 2)
        assert draws.trace[seed] == pytest.approx(float((sigma**2).sum()))
        assert draws.readout[seed] == pytest.approx(math.sqrt(sum(float(v) ** 2 for v in V)))
        assert draws.row[seed] == pytest.approx(max(float(w.norm()) for w in W))
        largest = max(float(torch.outer(f, f).norm()) for f in features.T)  # A_i = phi(X w_i) phi(X w_i)^T
        assert draws.summand[seed] == pytest.approx(largest)
        assert draws.loss[seed] == pytest.approx(float((features @ V - DATA.y).square().sum()))


def test_a_readout_may_be_long_as_often_as_its_probability_says():
    values, empty = {"omega_2": 1.0, "d_1": 4}, np.zeros(20)
    readout = np.array([6.0, *[1.0] * 19])  # the bound is 2 sqrt(4) + 1 = 5, the probability 2 exp(-2)
    draws = initial.Draws(empty, empty, empty, readout, empty, empty, empty, torch.zeros(20, 1, 1))
    reasons = initial._readout_reasons(draws, values, 4)
    assert "1 of 20" in reasons[0][0]
    assert reasons[1:] == [()] * 19
    often = replace(draws, readout=np.full(20, 6.0))
    assert initial._readout_reasons(often, values, 4) == [()] * 20  # too often: a violation


def test_bias_of_a_mean_by_a_double_loop():
    rng = torch.Generator().manual_seed(0)
    mean = torch.eye(3, dtype=torch.float64)
    grams = mean + 0.1 * torch.randn(30, 3, 3, generator=rng, dtype=torch.float64)
    off, expected, z = mean_gram.bias(grams, mean)
    D, S = grams - mean, len(grams)
    inner = [float((D[s] * D[t]).sum()) for s in range(S) for t in range(S) if s != t]
    size = math.sqrt(3)
    assert off == pytest.approx(float(D.mean(0).norm()) / size)
    spread = sum(float((g - grams.mean(0)).square().sum()) for g in grams) / (S * (S - 1))
    assert expected == pytest.approx(math.sqrt(spread) / size)
    deviation = math.sqrt(2 / (S * (S - 1)) * np.mean(np.square(inner)))
    assert z == pytest.approx(np.mean(inner) / deviation)
    assert abs(z) < 4
    assert mean_gram.bias(grams + 0.2, mean)[2] > 20
    assert "MORE than chance" in mean_gram.finding(grams + 0.2, mean, 3, 1.0)


@pytest.mark.parametrize("omega_1", [1.0, 0.3])
def test_mean_gram_matrix_by_gauss_hermite(omega_1):
    found = mean_gram.data_values(DATA, "gelu", omega_1, 2)
    z, w = np.polynomial.hermite_e.hermegauss(80)
    w = w / w.sum()
    rho = float(DATA.X[0] @ DATA.X[1])
    phi = nn.functional.gelu
    u = torch.from_numpy(z)[:, None]
    v = rho * u + math.sqrt(1 - rho * rho) * torch.from_numpy(z)[None, :]
    value = float((torch.from_numpy(w[:, None] * w[None, :]) * phi(omega_1 * u) * phi(omega_1 * v)).sum())
    assert found["gram_mean"][0, 1] == pytest.approx(value, rel=1e-6)
    eigenvalues = np.linalg.eigvalsh(found["gram_mean"])
    assert (found["gram_min"], found["gram_max"]) == pytest.approx((eigenvalues[0], eigenvalues[-1]))
