"""allenzhu2019 along descent: gradients, movement, sampled gradients, losses, against autograd and enumeration."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import naive
import pytest
import torch
from torch import nn

from empirics.data import Dataset
from empirics.experiments.allenzhu2019 import descent, losses, stochastic
from empirics.experiments.allenzhu2019.data import build, first, rates, samples_of, values_of
from empirics.experiments.allenzhu2019.setting import Setting
from empirics.experiments.allenzhu2019.watch import SQUARE, distances, slopes, trained
from empirics.losses import LOSSES, loss_function
from empirics.weights import stack

KINDS = ("mlp", "cnn", "resnet")
DRAW = torch.Generator().manual_seed(1)
RAW = Dataset(
    torch.randn(5, 4, generator=DRAW, dtype=torch.float64),
    torch.tensor([-1.0, 0.0, 1.0, 0.0, 1.0], dtype=torch.float64),
    "test",
    "drawn",
    classes=3,
)
SAMPLES = samples_of(RAW)
SETTING = Setting(L=2, widths=(6,), channels=(3,), seeds=1)


def net_of(kind, seed=0, outputs=1):
    return build(kind, SETTING, SETTING.widths_of(kind)[0], seed, SAMPLES, outputs)


def model_of(weights):
    return naive.general(weights, torch.relu, lambda z: z)


def layer_gradients(weights, X, y):
    """grad_{W_l} F by autograd on the definition in `empirics.weights`, l = 1..L."""
    tensors = [t.clone().requires_grad_() for t in weights.tensors]
    F = (model_of(weights)(tensors, X) - y).square().sum() / 2
    return torch.autograd.grad(F, [tensors[l] for l in trained(weights)]), F.detach()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outputs", [1, 2])
def test_gradient_norms_layer_by_layer_and_sample_by_sample(kind, outputs):
    weights = net_of(kind, outputs=outputs)
    y = torch.randn(5, outputs, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = slopes(stack([weights]), SAMPLES.X, y, LOSSES[SQUARE])
    whole, F = layer_gradients(weights, SAMPLES.X, y)
    assert found.loss[0] == pytest.approx(float(F), rel=1e-12)
    for l, gradient in enumerate(whole):
        assert found.layer[0, l] == pytest.approx(float(gradient.square().sum()), rel=1e-10)
    for i in range(5):
        own, F_i = layer_gradients(weights, SAMPLES.X[i : i + 1], y[i : i + 1])
        assert found.residual[0, i] / 2 == pytest.approx(float(F_i), rel=1e-12)
        for l, gradient in enumerate(own):
            assert found.sample[0, l, i] == pytest.approx(float(gradient.square().sum()), rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_distances_of_a_layer_are_those_of_the_matrix_that_acts_on_all_positions(kind):
    start, end = net_of(kind, 0), net_of(kind, 1)
    for l in trained(start):
        moved, at = end.W[l] - start.W[l], start.windows[l]
        if at is not None:  # column k: what the k-th unit of the layer below sends to every position
            c = moved.shape[-1] // at.shape[1]
            full = torch.zeros(start.widths[l], start.widths[l - 1], dtype=torch.float64)
            for p, (j, unit) in itertools.product(range(len(at)), itertools.product(range(at.shape[1]), range(c))):
                rows = slice(p * moved.shape[1], (p + 1) * moved.shape[1])
                full[rows, int(at[p, j]) * c + unit] += moved[p, :, j * c + unit]
            moved = full
        frobenius, spectral = distances(stack([end]), stack([start]), l)
        assert float(frobenius) == pytest.approx(float(moved.norm()), rel=1e-12)
        assert float(spectral) == pytest.approx(float(torch.linalg.matrix_norm(moved, 2)), rel=1e-10)


def by_hand(weights, eta, steps):
    """Losses and layers along w <- w - eta grad F."""
    W, F = [weights], []
    for _ in range(steps + 1):
        gradients, loss = layer_gradients(W[-1], SAMPLES.X, SAMPLES.y)
        F.append(float(loss))
        tensors = list(W[-1].tensors)
        for l, g in zip(trained(weights), gradients, strict=True):
            tensors[l] = tensors[l] - eta * g
        W.append(weights.with_tensors(tensors))
    return W[:-1], F


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_of_gradient_descent_against_one_by_hand(kind):
    weights, steps = net_of(kind), 6
    eta = rates(weights, SAMPLES.X)[0]
    values = values_of(kind, SETTING, weights, SAMPLES)
    (path,) = descent.descend([weights], SAMPLES, eta, values, seeds=[7], steps=steps, points=3, eps=1e-9)
    W, F = by_hand(weights, eta, steps)
    assert path.loss.tolist() == pytest.approx(F, rel=1e-9)
    assert [look.step for look in path.looks] == [0, 3, 6]
    seen = {}
    for o in descent.observe(path, descent.MEASURED):
        seen.setdefault(o.quantity.split(".")[1], []).append(o)
    far = [[float((w.W[l] - weights.W[l]).norm()) for l in trained(weights)] for w in W]
    assert seen["movement"][0].measured == pytest.approx(max(map(max, far)), rel=1e-8)
    tuple_norm = max(math.sqrt(sum(x * x for x in row)) for row in far)
    assert seen["movement_tuple"][0].measured == pytest.approx(tuple_norm, rel=1e-8)
    worst = max(b / a for a, b in itertools.pairwise(F))
    assert seen["contraction"][0].measured == pytest.approx(worst, rel=1e-9)
    assert seen["chi"][0].measured == pytest.approx(1 - worst, rel=1e-6)
    assert {o.seed for group in seen.values() for o in group} == {7}
    for o in seen["gradient_lower"]:
        gradients, loss = layer_gradients(W[o.step], SAMPLES.X, SAMPLES.y)
        assert o.measured == pytest.approx(float(gradients[-1].square().sum()), rel=1e-7)
        residual = (model_of(weights)(W[o.step].tensors, SAMPLES.X) - SAMPLES.y).square()
        assert o.values["F_max"] == pytest.approx(float(residual.max()) / 2, rel=1e-7)
        assert o.values["F"] == pytest.approx(float(loss), rel=1e-8)
    assert set(seen) == descent.MEASURED


def test_a_run_that_reaches_eps_says_when_and_one_that_does_not_is_known_from_below():
    weights = net_of("mlp")
    eta, values = rates(weights, SAMPLES.X)[0], values_of("mlp", SETTING, weights, SAMPLES)
    _, F = by_hand(weights, eta, 30)
    eps = (F[20] + F[21]) / 2
    (path,) = descent.descend([weights], SAMPLES, eta, values, seeds=[0], steps=30, points=2, eps=eps)
    (o,) = descent.observe(path, frozenset(("iterations_at_step",)))
    assert (o.measured, o.ends, o.reasons) == (21, (21, 21), ())
    (path,) = descent.descend([weights], SAMPLES, eta, values, seeds=[0], steps=10, points=2, eps=eps)
    (o,) = descent.observe(path, frozenset(("iterations_at_step",)))
    assert o.ends == (11, math.inf)
    assert "has not reached eps" in o.reasons[0]


def test_a_step_that_is_too_long_is_named_and_measures_no_movement():
    weights = net_of("mlp")
    values = values_of("mlp", SETTING, weights, SAMPLES)
    (path,) = descent.descend([weights], SAMPLES, 1e6, values, seeds=[0], steps=20, points=3, eps=0.1)
    seen = {o.quantity.split(".")[1]: o for o in descent.observe(path, descent.MEASURED)}
    for name in ("movement", "movement_tuple", "iterations", "iterations_at_step"):
        assert "too large" in seen[name].reasons[0], name
    assert not seen["loss_init"].reasons


def test_rates_against_the_kernel_of_autograds_jacobian():
    for kind, outputs in (("mlp", 1), ("cnn", 1), ("resnet", 2)):
        weights = net_of(kind, outputs=outputs)
        J = naive.jacobian(weights, SAMPLES.X, model_of(weights)).flatten(0, 1)
        K = J @ J.T
        descent_rate, sgd_rate = rates(weights, SAMPLES.X)
        assert descent_rate == pytest.approx(1 / float(torch.linalg.eigvalsh(K)[-1]), rel=1e-3)
        assert sgd_rate == pytest.approx(1 / (5 * float(K.diagonal().max())), rel=1e-9)


@pytest.mark.parametrize("b", [1, 2, 4, 5])
def test_sampled_gradients_against_all_subsets(b):
    weights = net_of("mlp")
    found = stochastic.sampled_norms(weights, SAMPLES.X, SAMPLES.y, b)
    norms = []
    for rows in itertools.combinations(range(5), b):
        own, _ = layer_gradients(weights, SAMPLES.X[list(rows)], SAMPLES.y[list(rows)])
        norms.append([(5 / b) ** 2 * float(g.square().sum()) for g in own])
    columns = list(zip(*norms, strict=True))
    assert found.mean.tolist() == pytest.approx([sum(c) / len(c) for c in columns], rel=1e-10)
    for longest, limit, column in zip(found.longest, found.limit, columns, strict=True):
        assert any(longest == pytest.approx(x, rel=1e-9) for x in column)
        assert max(column) <= limit * (1 + 1e-12)


def test_sgd_follows_the_batches_of_its_seed():
    weights, b = net_of("mlp"), 2
    values = values_of("mlp", SETTING, weights, SAMPLES) | {"b": b, "eps": 1e-9}
    eta = rates(weights, SAMPLES.X)[1]
    options = {"eta": eta, "values": values, "steps": 5}
    (run,) = stochastic.walk([weights], SAMPLES, seeds=[3], **options)
    point, generator = weights, torch.Generator().manual_seed(3)
    for _ in range(5):
        rows = torch.randperm(5, generator=generator)[:b]
        gradients, _ = layer_gradients(point, SAMPLES.X[rows], SAMPLES.y[rows])
        tensors = list(point.tensors)
        for l, g in zip(trained(weights), gradients, strict=True):
            tensors[l] = tensors[l] - eta * 5 / b * g
        point = weights.with_tensors(tensors)
    seen = {o.quantity.split(".")[1]: o for o in stochastic.observe(run, stochastic.MEASURED)}
    far = max(float((point.W[l] - weights.W[l]).norm()) for l in trained(weights))
    assert seen["sgd_movement"].measured == pytest.approx(far, rel=1e-8)
    assert set(seen) == stochastic.MEASURED
    assert "m" not in seen["sgd_required_width"].values


@pytest.mark.parametrize("name", losses.OTHERS)
def test_losses_have_their_derivatives_and_are_1_smooth(name):
    loss = loss_function(losses.OTHERS[name], 3)
    f = (3 * torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).requires_grad_()
    y = torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0]]
    (slope,) = torch.autograd.grad(loss.value(f, y), f, create_graph=True)
    assert torch.allclose(slope, loss.slope(f, y), rtol=1e-12, atol=1e-12)
    df = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (bent,) = torch.autograd.grad((slope * df).sum(), f)
    assert torch.allclose(bent, loss.bend(f.detach(), y, df), rtol=1e-10, atol=1e-12)
    for scale in (0.1, 1.0, 10.0):
        z = scale * f.detach()
        H = torch.stack([loss.bend(z, y, e.expand(4, 3)) for e in torch.eye(3, dtype=torch.float64)], 1)
        assert float(torch.linalg.eigvalsh(H)[:, -1].max()) <= 1 + 1e-12


def test_losses_are_what_theorem_6_calls_them():
    u, zero = torch.linspace(-60, 60, 200_001, dtype=torch.float64)[:, None], torch.zeros(1, 1, dtype=torch.float64)
    values = {
        name: (torch.stack([losses.OTHERS[name].value(x, zero) for x in u[::400, None]]), losses.OTHERS[name])
        for name in ("gradient_dominant", "convex", "nonconvex")
    }
    assert float(values["nonconvex"][0].max()) < 0.5
    ones = torch.ones_like(u)
    bends = {name: loss.bend(u, 0 * u, ones) for name, (_, loss) in values.items()}
    assert float(bends["convex"].min()) > 0
    assert float(bends["nonconvex"].min()) < 0
    assert float(bends["gradient_dominant"].min()) < 0
    # f'^2/f, f itself from its formula; beyond |u| = 60 it exceeds (2 u - 3)^2/(8 (u^2 + 3)) > 0.4
    f = (u.square() + 3 * u.sin().square()) / 8
    ratio = (values["gradient_dominant"][1].slope(u, 0 * u).square() / f)[u != 0]
    assert losses.SIGMA < float(ratio.min()) < 1.2 * losses.SIGMA


def test_the_step_of_full_accuracy_against_training_by_hand():
    setting = replace(SETTING, loss_steps=40, widths=(32,))
    found = losses.trial("cross_entropy", "mlp", setting, 32, SAMPLES)
    weights = build("mlp", setting, 32, 0, SAMPLES, 3)
    labels = torch.tensor([0, 1, 2, 1, 2])
    eta, tensors = found.run.learning_rate, [t.clone() for t in weights.tensors]
    steps = 0
    while steps < 40:
        leaves = [w.clone().requires_grad_() for w in tensors]
        out = model_of(weights)(leaves, SAMPLES.X)
        if bool((out.argmax(1) == labels).all()):
            break
        loss = nn.functional.cross_entropy(out, labels, reduction="sum")
        own = torch.autograd.grad(loss, [leaves[l] for l in trained(weights)])
        for l, g in zip(trained(weights), own, strict=True):
            tensors[l] = tensors[l] - eta * g
        steps += 1
    assert found.reached
    assert found.steps == steps
    assert found.values["d"] == 3
    (o,) = losses.observe(found)
    assert (o.measured, o.label, o.outcome) == (steps, "reached", "")


def test_the_goals_of_the_other_losses():
    setting = replace(SETTING, loss_steps=4, eps=1e-6)
    for name in ("gradient_dominant", "convex", "nonconvex"):
        found = losses.trial(name, "mlp", setting, 6, SAMPLES)
        assert (found.steps, found.reached) == (4, False), name
        easy = losses.trial(name, "mlp", replace(setting, eps=1.0), 6, first(SAMPLES, 2))
        loss, weights = losses.OTHERS[name], build("mlp", setting, 6, 0, first(SAMPLES, 2), 1)
        out = model_of(weights)(weights.tensors, SAMPLES.X[:2])
        start = loss.slope(out, SAMPLES.y[:2]).norm() if name == "nonconvex" else loss.value(out, SAMPLES.y[:2])
        assert easy.course[0] == pytest.approx(float(start), rel=1e-9), name
        assert (easy.steps == 0 and easy.reached) == bool(start < 1), name
    assert found.values["n"] == 5
