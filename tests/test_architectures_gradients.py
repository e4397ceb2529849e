"""Norms of gradients of every architecture and loss against autograd."""

import naive
import pytest
import torch
from architectures import CASES, case, targets

from empirics import gradient_norms
from empirics.losses import LOSSES


def by_layer(weights, J):
    """Norms of the parts of (n, k, P) Jacobians that belong to each of the L+1 weight layers, biases included."""
    pairs = list(zip(weights.tensors, weights.trainable, strict=True))
    pieces = iter(J.split([t.numel() for t, on in pairs if on], 2))
    squares = [next(pieces).square().sum(2) if on else J.new_zeros(J.shape[:2]) for _, on in pairs]
    layers, rest = squares[: weights.L + 1], iter(squares[weights.L + 1 :])
    shifts = [0 if b is None else next(rest) for b in weights.biases]
    return torch.stack([(w + b).sqrt() for w, b in zip(layers, shifts, strict=True)], 2)


@pytest.mark.parametrize("name", CASES)
def test_norms_of_the_outputs_gradients(name):
    it = case(name)
    w, k = it.weights, it.weights.k
    found, J = gradient_norms(w, it.X), naive.jacobian(it.weights, it.X, it.model)
    theta = naive.flat(w)
    inputs = [
        torch.autograd.functional.jacobian(lambda x: naive.output(w, theta, x[None], it.model)[0], x) for x in it.X
    ]
    expected = (J.norm(dim=2), torch.stack(inputs).norm(dim=2), by_layer(w, J))
    got = (found.value, found.details["input_grad_norm"], found.details["layer_grad_norm"])
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b[:, 0] if k == 1 else b, rtol=1e-11, atol=1e-13)
    assert found.details["gbar_norm"] == pytest.approx(float(J.mean((0, 1)).norm()), rel=1e-10, abs=1e-13)
    assert "loss" not in found.details


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", CASES)
def test_norms_of_the_losses_gradients(name, loss):
    it = case(name)
    y = targets(3, it.weights.k, loss)
    found = gradient_norms(it.weights, it.X, y, loss=loss).details
    theta = naive.flat(it.weights).requires_grad_()
    value = naive.loss(it.weights, theta, it.X, y, loss, it.model)
    (gradient,) = torch.autograd.grad(value, theta)
    assert found["loss"] == pytest.approx(value.item(), rel=1e-12, abs=1e-14)
    assert found["loss_grad_norm"] == pytest.approx(float(gradient.norm()), rel=1e-10, abs=1e-13)


def test_targets_may_be_a_vector_where_there_is_one_output():
    it = case("song2021-relu")
    y = targets(3, 1, "half_square")
    both = [gradient_norms(it.weights, it.X, t, loss="half_square").details["loss_grad_norm"] for t in (y, y[:, 0])]
    assert both[0] == both[1] > 0
