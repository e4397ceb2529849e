"""The linearised system in function space against its weights trained by autograd, and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from naive import LOSSES, flat, jacobian, liu2020_deep, output
from naive import loss as naive_loss

import empirics
from bounds.errors import TheoryError
from empirics.linearised import linear_gap, linearised_descent
from empirics.weights import stack

N, D = 5, 3


def problem(k, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(N, D, generator=generator, dtype=torch.float64)
    return X, torch.eye(k, dtype=torch.float64)[torch.arange(N) % k] if k > 1 else X[:, :1].sin()


def trained_linear_model(net, X, y, name, eta, steps):
    """(F, loss, ||w - w_0||) at every step of gradient descent on the weights of F_0 + J (w - w_0), by autograd."""
    weights = net.weights
    w_0, J, F_0 = flat(weights), jacobian(weights, X), output(weights, flat(weights), X)
    w, rows = w_0.clone().requires_grad_(), []
    for _ in range(steps + 1):
        F = F_0 + J @ (w - w_0)
        value = LOSSES[name](F, y)
        (gradient,) = torch.autograd.grad(value, w)
        rows.append((F.detach().numpy(), value.item(), (w - w_0).detach().norm().item()))
        w = (w - eta * gradient).detach().requires_grad_()
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_it_is_the_linear_model_trained_on_its_weights(name, k):
    net = empirics.network(L=2, m=6, d=D, k=k, seed=2)
    X, y = problem(k)
    F, loss, distance = trained_linear_model(net, X, y, name, 0.05, 30)
    run = linearised_descent(net, X, y, learning_rate=0.05, steps=30, loss=name)
    assert run.outputs == pytest.approx(F, rel=1e-10, abs=1e-12)
    assert run.loss == pytest.approx(loss, rel=1e-10, abs=1e-14)
    assert run.distance == pytest.approx(distance, rel=1e-8, abs=1e-12)
    assert (run.steps.tolist(), run.objective) == (list(range(31)), name)


def test_chosen_steps_and_a_kernel_at_hand():
    net = empirics.network(L=2, m=6, d=D, k=2, seed=1)
    X, y = problem(2)
    whole = linearised_descent(net, X, y, learning_rate=0.1, steps=20)
    kernel = empirics.ntk_gram(net, X)
    for given in (kernel, kernel.value, kernel.value.reshape(2 * N, 2 * N)):
        some = linearised_descent(net, X, y, learning_rate=0.1, steps=20, record_at=[0, 3, 17], kernel=given)
        assert some.steps.tolist() == [0, 3, 17]
        assert np.array_equal(some.outputs, whole.outputs[[0, 3, 17]])
        assert np.array_equal(some.distance, whole.distance[[0, 3, 17]])


def test_closed_form_of_the_square_loss_for_a_batch():
    """F_t - y = (1 - eta K)^t (F_0 - y) and ||w_t - w_0||^2 = (F_t - F_0)^T K^-1 (F_t - F_0)."""
    nets = [empirics.network("liu2020", "deep", L=3, m=8, d=D, seed=s) for s in range(3)]
    X, y = problem(1)
    run = linearised_descent(stack([n.weights for n in nets]), X, y, learning_rate=0.03, steps=50, record_at=[50])
    assert run.outputs.shape == (1, 3, N, 1)
    for i, net in enumerate(nets):
        w = net.weights

        def model(tensors, inputs, phi=w.activation.phi):
            return liu2020_deep(tensors, inputs, phi, lambda z: z)

        J, F_0 = jacobian(w, X, model)[:, 0], output(w, flat(w), X, model)
        K = J @ J.T
        F = y + torch.linalg.matrix_power(torch.eye(N) - 0.03 * K, 50) @ (F_0 - y)
        moved = (F - F_0)[:, 0] @ torch.linalg.solve(K, (F - F_0)[:, 0])
        assert run.outputs[0, i] == pytest.approx(F.numpy(), rel=1e-9)
        assert run.distance[0, i] == pytest.approx(float(moved.sqrt()), rel=1e-7)
        assert run.loss[0, i] == pytest.approx(float(LOSSES["half_square"](F, y)), rel=1e-9)


@pytest.mark.parametrize("name", ["half_square", "cross_entropy"])
def test_the_gap_is_between_both_trained_models(name):
    net = empirics.network(L=2, m=6, d=D, k=2, seed=3)
    X, y = problem(2)
    linear, linear_loss, _ = trained_linear_model(net, X, y, name, 0.2, 12)
    weights = net.weights
    theta, gaps, losses = flat(weights).clone(), [], []
    for t in range(13):
        theta = theta.detach().requires_grad_()
        value = naive_loss(weights, theta, X, y, name)
        gaps.append((output(weights, theta, X) - torch.as_tensor(linear[t])).detach().norm().item())
        losses.append(abs(value.item() - linear_loss[t]))
        theta = theta - 0.2 * torch.autograd.grad(value, theta)[0]
    found = linear_gap(net, X, y, learning_rate=0.2, steps=12, loss=name, record_at=[0, 5, 12])
    assert found.gap == pytest.approx([gaps[t] for t in (0, 5, 12)], rel=1e-9, abs=1e-13)
    assert found.loss_gap == pytest.approx([losses[t] for t in (0, 5, 12)], rel=1e-9, abs=1e-13)
    assert found.largest == max(found.gap) > 1e-3
    assert f"{found.largest:.6g}" in str(found)
    assert not np.array_equal(found.outputs[0], found.outputs[-1])


def test_a_model_that_is_linear_in_what_is_trained_has_no_gap():
    net = empirics.network(L=2, m=6, d=D, seed=3)
    readout = empirics.Weights(
        net.weights.W, net.weights.V, net.weights.scales, net.weights.activation, trainable=(False, False, True)
    )
    found = linear_gap(readout, *problem(1), learning_rate=0.1, steps=40)
    assert found.largest < 1e-13
    assert found.network.records["distance_fro"] == pytest.approx(found.linear.distance, abs=1e-8)
    assert found.linear.distance[-1] > 0.05


def test_the_gap_falls_with_the_width():
    X, y = problem(1)
    gaps = [
        linear_gap(empirics.network("liu2020", "deep", L=2, m=m, d=D), X, y, learning_rate=0.1, steps=50).largest
        for m in (20, 2000)
    ]
    assert gaps[1] < gaps[0] / 3


def test_a_network_that_diverges_is_compared_up_to_there():
    net = empirics.network(L=2, m=6, d=D)
    found = linear_gap(net, *problem(1), learning_rate=60.0, steps=400)
    assert found.network.reason in ("diverged", "nan")
    assert len(found.steps) == len(found.gap) == found.network.stop_step < 401
    assert np.isfinite(found.gap).all()
    assert found.network.reason in str(found)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"learning_rate": [0.1]}, "one positive number"),
        ({"steps": -1}, "steps=-1"),
        ({"record_at": [3, 2]}, "ascending"),
        ({"record_at": [99]}, "steps=4"),
        ({"kernel": torch.eye(3)}, "kernel of shape"),
        ({"loss": "no_loss"}, "no_loss"),
    ],
)
@pytest.mark.parametrize("function", [linearised_descent, linear_gap])
def test_bad_values_are_refused(function, options, word):
    given = {"learning_rate": 0.1, "steps": 4, **options}
    with pytest.raises(TheoryError, match=word):
        function(empirics.network(L=1, m=4, d=D), *problem(1), **given)


def test_batches_and_untrained_networks_are_refused():
    net = empirics.network(L=1, m=4, d=D)
    with pytest.raises(TheoryError, match="batch"):
        linear_gap(stack([net.weights]), *problem(1), learning_rate=0.1, steps=1)
    w = net.weights
    still = empirics.Weights(w.W, w.V, w.scales, w.activation, trainable=(False, False))
    with pytest.raises(TheoryError, match="no trained parameters"):
        linearised_descent(still, *problem(1), learning_rate=0.1, steps=1)
