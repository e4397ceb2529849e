"""The loss Hessian of every smooth network without windows, for every loss, against dense ones by autograd."""

from functools import cache

import naive
import pytest
import torch
from architectures import case, names, normal, targets

from bounds.errors import NotApplicable
from empirics import loss_hessian_extremes, loss_hessian_trace
from empirics.losses import LOSSES
from empirics.measure.loss_hessian import LossHessian, SummedHessian
from empirics.weights import stack

SMOOTH = names(smooth=True, dense=True)
TOL = 1e-8


SHARE = {"sum_square": 1, "half_square": 1 / 2, "mean_square": 1 / 3, "half_mean_square": 1 / 6, "cross_entropy": 1}


@cache
def dense(name, loss):
    """The three samples' Hessian of the sum of squares or the cross-entropy."""
    it = case(name)
    y = targets(3, it.weights.k, loss)
    return naive.hessian(it.weights, lambda theta: naive.loss(it.weights, theta, it.X, y, loss, it.model))


def dense_hessian(name, loss):
    """The losses of squares are multiples of their sum: 1/2, 1/n and 1/(2n) at n = 3."""
    return SHARE[loss] * dense(name, loss if loss == "cross_entropy" else "sum_square")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", SMOOTH)
def test_products_and_extremes_are_the_dense_ones(name, loss):
    it, H = case(name), dense_hessian(name, loss)
    y, size = targets(3, it.weights.k, loss), max(1.0, float(H.abs().max()))
    direction = normal(1, len(H), seed=2)
    for operator in (LossHessian(it.weights, it.X, y, loss), SummedHessian(it.weights, it.X, y, loss, 2)):
        assert operator.size == len(H)
        torch.testing.assert_close(operator.apply(direction)[0], H @ direction[0], rtol=1e-10, atol=1e-12 * size)
    low, high = torch.linalg.eigvalsh(H)[[0, -1]].tolist()
    found = loss_hessian_extremes(it.weights, it.X, y, loss=loss, tol=TOL)
    norm = max(abs(low), abs(high))
    assert found.value == found.details["lambda_max"] == pytest.approx(high, abs=1e-9 * norm + 1e-14)
    assert found.details["lambda_min"] == pytest.approx(low, abs=1e-9 * norm + 1e-14)
    assert found.residual <= TOL * norm + 1e-14
    value = float(naive.loss(it.weights, naive.flat(it.weights), it.X, y, loss, it.model))
    assert found.details["loss"] == pytest.approx(value, rel=1e-12, abs=1e-14)
    trace = loss_hessian_trace(it.weights, it.X, y, loss=loss)
    assert trace.value == pytest.approx(float(H.trace()), rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("name", SMOOTH)
def test_networks_of_one_shape_are_measured_at_once(name):
    it = case(name)
    points, y = [it.moved(seed) for seed in (10, 20, 30)], targets(3, it.weights.k, "half_square")
    batch = stack(points)
    operator, alone = (
        LossHessian(batch, it.X, y, "half_square"),
        [LossHessian(p, it.X, y, "half_square") for p in points],
    )
    directions = normal(3, operator.size, seed=4)
    products = torch.cat([one.apply(d[None]) for one, d in zip(alone, directions, strict=True)])
    torch.testing.assert_close(operator.apply(directions), products, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(operator.loss, torch.cat([one.loss for one in alone]), rtol=1e-13, atol=0)
    found = loss_hessian_extremes(batch, it.X, y, loss="half_square", tol=TOL)
    for s, point in enumerate(points):
        expected = loss_hessian_extremes(point, it.X, y, loss="half_square", tol=TOL)
        size = max(abs(expected.details[end]) for end in ("lambda_min", "lambda_max"))
        assert float(found.value[s]) == pytest.approx(expected.value, abs=1e-9 * size + 1e-14)
        for end in ("lambda_min", "loss"):
            assert float(found.details[end][s]) == pytest.approx(expected.details[end], abs=1e-9 * size + 1e-14)


def test_at_the_targets_only_the_gauss_newton_part_is_left():
    """Residuals of zero leave the Gauss-Newton part, 2 J^T J of the sum of squares."""
    it = case("fixed-between")
    y = naive.output(it.weights, naive.flat(it.weights), it.X, it.model)
    J = naive.jacobian(it.weights, it.X, it.model).flatten(0, 1)
    found = loss_hessian_extremes(it.weights, it.X, y, loss="sum_square", tol=TOL)
    assert found.value == pytest.approx(2 * float(torch.linalg.matrix_norm(J, 2)) ** 2, rel=1e-9)
    assert found.details["lambda_min"] == pytest.approx(0, abs=1e-9 * found.value)
    assert found.details["loss"] == pytest.approx(0, abs=1e-25)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("liu2020-biased", "activation='relu' is not twice differentiable"),
        ("allenzhu2019-cnn-torus", r"layer 1 has windows \(a convolution\), which the loss Hessian does not cover"),
    ],
)
def test_what_has_no_form_is_refused(name, message):
    it = case(name)
    with pytest.raises(NotApplicable, match=message):
        loss_hessian_extremes(it.weights, it.X, normal(3, 1))
