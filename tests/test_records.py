"""What training records, step by step, against autograd on the papers' recursions."""

import itertools

import naive
import numpy as np
import pytest
import torch
from architectures import CASES, PHI, case, normal, targets

from bounds.errors import TheoryError
from empirics import network, train, train_many
from empirics.losses import LOSSES
from empirics.records import REGISTRY

EVERYTHING = (*REGISTRY, "distance")


def expected(it, weights, theta, start, X, y, loss):
    """Every record of the registry but activation_norm, transcribed from its meaning, and the loss's gradient."""
    theta = theta.detach().requires_grad_()
    value = naive.loss(weights, theta, X, y, loss, it.model)
    (gradient,) = torch.autograd.grad(value, theta)
    J = naive.jacobian(weights.with_tensors(naive.parts(weights, theta.detach())), X, it.model)
    f = naive.output(weights, theta, X, it.model).detach()
    at = [
        torch.autograd.functional.jacobian(lambda x: naive.output(weights, theta, x[None], it.model)[0], x) for x in X
    ]
    right = [
        np.sign(a[0]) == np.sign(b[0]) if len(a) == 1 else np.argmax(a) == np.argmax(b)
        for a, b in zip(f.numpy(), y.numpy(), strict=True)
    ]
    return gradient, {
        "loss": value.item(),
        "grad_norm": gradient.norm(),
        "gbar_norm": J.mean((0, 1)).norm(),
        "param_grad_norm": max(row.norm() for rows in J for row in rows),
        "input_grad_norm": max(row.norm() for rows in at for row in rows),
        "output_max": max(abs(v) for v in f.flatten().tolist()),
        "accuracy": sum(right) / len(right),
        "distance_fro": (theta.detach() - start).norm(),
        "pl_mu": gradient.norm() ** 2 / (2 * value.item()),
    }


def by_autograd(it, weights, X, y, loss, rate, steps):
    """Rows of the records and the last point of a plain loop."""
    theta = start = naive.flat(weights)
    rows = []
    for t in range(steps + 1):
        gradient, row = expected(it, weights, theta, start, X, y, loss)
        rows.append({name: float(value) for name, value in row.items()})
        theta = theta if t == steps else theta - rate * gradient
    return rows, theta


@pytest.mark.parametrize(("name", "loss"), list(zip(CASES, itertools.cycle(LOSSES), strict=False)))
def test_every_record_of_every_architecture(name, loss):
    it = case(name)
    nets, X, y = [it.weights, it.moved(1)], it.X, targets(3, it.weights.k, loss)
    runs = train_many(nets, X, y, learning_rate=[0.05, 0.1], loss=loss, steps=2, tolerance=0, record=EVERYTHING)
    for net, rate, run in zip(nets, (0.05, 0.1), runs, strict=True):
        if loss == "cross_entropy" and net.k == 1:  # constant: the run is over at once
            assert run.loss.tolist() == [0.0] * 3
            continue
        rows, theta = by_autograd(it, net, X, y, loss, rate, 2)
        assert run.steps.tolist() == [0, 1, 2]
        for key in rows[0]:
            wanted = [row[key] for row in rows]
            np.testing.assert_allclose(run.records[key], wanted, rtol=1e-9, atol=1e-12, err_msg=key)
        torch.testing.assert_close(naive.flat(run.final), theta, rtol=1e-10, atol=1e-12)
        fixed = zip(run.final.tensors, net.tensors, net.trainable, strict=True)
        assert all(torch.equal(a, b) for a, b, trained in fixed if not trained)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["unequal-widths", "windows", "song2021"])
def test_every_loss(name, loss):
    it = case(name)
    X, y = it.X, targets(3, it.weights.k, loss)
    run = train(it.weights, X, y, learning_rate=0.1, loss=loss, steps=3, tolerance=0, record=("loss", "grad_norm"))
    rows, theta = by_autograd(it, it.weights, X, y, loss, 0.1, 3)
    np.testing.assert_allclose(run.loss, [row["loss"] for row in rows], rtol=1e-11)
    np.testing.assert_allclose(run.grad_norm, [row["grad_norm"] for row in rows], rtol=1e-10)
    torch.testing.assert_close(naive.flat(run.final), theta, rtol=1e-11, atol=1e-13)
    assert run.objective == loss


def test_activation_norms():
    net = network(L=2, m=5, d=3, seed=1)
    X, (W1, W2) = normal(4, 3), net.weights.W
    top = torch.tanh(torch.tanh(X @ W1.T / 3**0.5) @ W2.T / 5**0.5)
    run = train(net, X, normal(4), learning_rate=0.1, steps=0, record=("activation_norm",))
    assert run.activation_norm[0] == pytest.approx(float(top.norm(dim=1).max()), rel=1e-13)
    it = case("windows-on-top")  # scales 1, 0.8; positions 0 and 1, then 1 and 2, of 2 channels each
    below, (_, w) = PHI["gelu"](it.X @ it.weights.W[0].T), it.weights.W
    parts = [PHI["gelu"](0.8 * below[:, at] @ w[p].T) for p, at in enumerate((slice(0, 4), slice(2, 6)))]
    run = train(it.weights, it.X, normal(3, 2), learning_rate=0.1, steps=0, record=("activation_norm",))
    assert run.activation_norm[0] == pytest.approx(float(torch.cat(parts, 1).norm(dim=1).max()), rel=1e-12)


@pytest.mark.parametrize("name", ["liu2020-deep", "liu2020-deep-swish", "windows"])
def test_what_is_recorded_does_not_change_the_run(name):
    it = case(name)
    X, y, nets = it.X, targets(3, it.weights.k, "half_square"), [it.weights, it.moved(3)]
    options = {"learning_rate": 0.1, "loss": "half_square", "steps": 20, "tolerance": 0}
    bare = train_many(nets, X, y, record=(), **options)
    for record, every in [(EVERYTHING, 1), (EVERYTHING, 7), (("loss", "grad_norm"), 3), (("gbar_norm",), 2)]:
        for a, b in zip(bare, train_many(nets, X, y, record=record, record_every=every, **options), strict=True):
            assert all(torch.equal(s, t) for s, t in zip(a.final.tensors, b.final.tensors, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_nothing_that_was_given_is_written_to(name):
    it = case(name)
    X, y, before = it.X, targets(3, it.weights.k, "sum_square"), it.weights.clone()
    x, t = X.clone(), y.clone()
    run = train(it.weights, x, t, learning_rate=0.1, loss="sum_square", steps=3, record=EVERYTHING)
    assert torch.equal(x, X)
    assert torch.equal(t, y)
    assert all(torch.equal(a, b) for a, b in zip(before.tensors, it.weights.tensors, strict=True))
    kept = {a.data_ptr() for a in it.weights.tensors}
    assert not kept & {a.data_ptr() for a in run.final.tensors}


def test_weights_that_ask_for_gradients_are_trained_without_autograd():
    net = network(L=2, m=4, d=3).weights
    live = net.with_tensors(t.clone().requires_grad_() for t in net.tensors)
    X, y = normal(3, 3), normal(3)
    runs = [train(w, X, y, learning_rate=0.1, steps=4, tolerance=0) for w in (net, live)]
    assert runs[0].loss.tolist() == runs[1].loss.tolist()
    assert not any(t.requires_grad for t in runs[1].final.tensors)


def test_chosen_steps():
    net, X, y = network(L=1, m=4, d=3), normal(3, 3), normal(3)
    options = {"learning_rate": 0.1, "steps": 12, "tolerance": 0, "record": ("loss", "pl_mu", "distance")}
    every = train(net, X, y, **options)
    some = train(net, X, y, record_at=[0, 3, 4, 12], checkpoint_every=5, **options)
    assert some.steps.tolist() == [0, 3, 4, 12]
    for name in ("loss", "pl_mu"):
        assert some.records[name].tolist() == every.records[name][[0, 3, 4, 12]].tolist()
    assert some.checkpoints.tolist() == [0, 5, 10, 12]
    none = train(net, X, y, record_at=(), **options)
    assert none.loss.tolist() == []
    assert none.final_loss == every.loss[-1]


def test_layer_distances_with_windows():
    it = case("windows")
    y = targets(3, 2, "mean_square")
    run = train(it.weights, it.X, y, learning_rate=0.3, steps=5, tolerance=0, record=("distance",), checkpoint_every=4)
    moved = [a - b for a, b in zip(run.final.tensors, it.weights.tensors, strict=True)]
    layers = [max(np.linalg.norm(w, 2) for w in (layer if layer.ndim == 3 else [layer])) for layer in moved[:3]]
    assert run.checkpoints.tolist() == [0, 4, 5]
    np.testing.assert_allclose(run.distance[-1], [*layers, moved[3].norm(dim=0).max()], rtol=1e-11)
    assert run.distance[0].tolist() == [0.0] * 4


def test_numbers_may_come_from_numpy():
    nets, X, y = [network(L=1, m=4, d=3, seed=s) for s in range(2)], normal(3, 3), normal(3)
    options = {"steps": 6, "tolerance": 0, "batch_size": 2}
    a = train_many(nets, X, y, learning_rate=[0.1, 0.2], seeds=[5, 6], record_at=[0, 2, 4], **options)
    given = {"learning_rate": np.array([0.1, 0.2]), "seeds": np.array([5, 6]), "record_at": np.arange(0, 6, 2)}
    b = train_many(nets, X, y, **given, **options)
    assert [run.loss.tolist() for run in a] == [run.loss.tolist() for run in b]
    assert b[1].to_dict()["seed"] == 6


def test_a_trajectory_knows_its_records():
    run = train(network(L=1, m=4, d=3), normal(3, 3), normal(3), learning_rate=0.1, steps=2, record=("pl_mu",))
    assert run.pl_mu is run.records["pl_mu"]
    assert run.loss is None
    assert run.accuracy is None
    assert run.to_dict()["pl_mu"] == run.pl_mu.tolist()
    assert run.to_dict()["objective"] == "mean_square"
    with pytest.raises(AttributeError, match="no attribute 'speed': its records are loss"):
        run.speed


def test_observed_quantities():
    nets = [network(L=2, m=m, d=3, seed=s) for s, m in enumerate((4, 5, 4))]
    observe = {
        "corner": lambda w: w.V[..., 0, 0],  # shares memory with the weights, which go on moving
        "norms": lambda w: torch.stack([t.flatten(1).norm(dim=1) for t in w.W], 1),
        "sign": lambda w: w.V[..., 0, 0] > 0,
    }
    X, y = normal(3, 3), normal(3)
    options = {"learning_rate": 0.2, "tolerance": 0, "record": ("loss",)}
    runs = train_many(nets, X, y, steps=6, observe=observe, record_every=3, **options)
    for net, run in zip(nets, runs, strict=True):
        points = [train(net, X, y, steps=t, **options).final for t in (0, 3, 6)]
        np.testing.assert_allclose(run.records["corner"], [p.V[0, 0] for p in points], rtol=1e-12)
        np.testing.assert_allclose(run.records["norms"], [[w.norm() for w in p.W] for p in points], rtol=1e-12)
        assert run.records["sign"].tolist() == [float(p.V[0, 0] > 0) for p in points]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"record": ("grad_nrom",)}, "record=('grad_nrom',) must be a tuple of names out of loss, gbar_norm"),
        ({"record_at": [3, 1]}, "record_at=[3, 1] must ascend, no step twice"),
        ({"record_at": [1, 1]}, "record_at=[1, 1] must ascend"),
        ({"record_at": [0, 9]}, "record_at: 9 must be an integer from 0 to steps=8"),
        ({"record_at": [0.5]}, "record_at: 0.5 must be an integer"),
        ({"record_at": [1], "record_every": 2}, "record_every=2 and record_at are both given"),
        ({"observe": {"loss": lambda w: w.V}}, "observe: 'loss' is the name of a record"),
        ({"observe": {"mine": lambda w: w.V[0]}}, "observe: 'mine' gave shape (4, 1) for 1 networks: return one row"),
        ({"observe": {"mine": lambda w: 3.0}}, "observe: 'mine' gave shape () for 1 networks"),
        ({"loss": "mean_sqare"}, "loss='mean_sqare' is not known; did you mean mean_square"),
        ({"budget": 7}, "budget=7 must be at least 2**20 bytes"),
    ],
)
def test_bad_options_give_one_line(options, message):
    with pytest.raises(TheoryError) as caught:
        train(network(L=2, m=4, d=3), normal(2, 3), normal(2), **({"learning_rate": 0.1, "steps": 8} | options))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    if "record" in options:
        assert str(caught.value).endswith("did you mean grad_norm, param_grad_norm, input_grad_norm?")
