"""Every loss, its slope and its bend against the formulas by autograd."""

import math

import naive
import pytest
import torch
from architectures import normal, targets

from bounds.errors import TheoryError
from empirics import network
from empirics.losses import LOSSES, Loss, loss_function
from empirics.measure.loss_hessian import SummedHessian


def test_every_loss_is_tested():
    assert set(LOSSES) == set(naive.LOSSES)
    assert all(loss_function(name, 1).name == name for name in LOSSES)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("n", "k"), [(1, 1), (4, 1), (3, 3), (5, 2)])
def test_values_and_derivatives(name, n, k):
    f, y, df = normal(n, k), targets(n, k, name), normal(n, k, seed=2)
    loss = LOSSES[name]

    def formula(outputs):
        return naive.LOSSES[name](outputs, y)

    torch.testing.assert_close(loss.value(f, y), formula(f), rtol=1e-13, atol=1e-14)
    slope = torch.autograd.functional.jacobian(formula, f)
    torch.testing.assert_close(loss.slope(f, y), slope, rtol=1e-12, atol=1e-14)
    bend = torch.autograd.functional.hvp(formula, f, df)[1]
    torch.testing.assert_close(loss.bend(f, y, df), bend, rtol=1e-12, atol=1e-14)


def test_entropy_of_targets_that_are_no_probabilities():
    f, y, df, loss = normal(4, 3), normal(4, 3, seed=1).abs(), normal(4, 3, seed=2), LOSSES["cross_entropy"]
    assert (y.sum(1) - 1).abs().max() > 1

    def formula(outputs):
        return -(y * (outputs - torch.log(torch.exp(outputs).sum(1, keepdim=True)))).sum()

    torch.testing.assert_close(loss.value(f, y), formula(f), rtol=1e-13, atol=0)
    torch.testing.assert_close(loss.slope(f, y), torch.autograd.functional.jacobian(formula, f), rtol=1e-12, atol=1e-14)
    bend = torch.autograd.functional.hvp(formula, f, df)[1]
    torch.testing.assert_close(loss.bend(f, y, df), bend, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_batches_are_their_members(name):
    f, df = normal(2, 4, 3), normal(2, 4, 3, seed=2)
    y, loss = targets(4, 3, name), LOSSES[name]
    for i in range(2):
        torch.testing.assert_close(loss.value(f, y)[i], loss.value(f[i], y), rtol=1e-14, atol=0)
        torch.testing.assert_close(loss.slope(f, y)[i], loss.slope(f[i], y), rtol=1e-14, atol=0)
        torch.testing.assert_close(loss.bend(f, y, df)[i], loss.bend(f[i], y, df[i]), rtol=1e-14, atol=0)


def test_by_hand():
    f, y = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [3.0, 1.0]])
    squares = 1 + 4 + 9 + 1
    values = {"mean_square": squares / 2, "half_square": squares / 2, "half_mean_square": squares / 4}
    for name, value in (values | {"sum_square": squares}).items():
        assert float(LOSSES[name].value(f, y)) == value
    even = torch.zeros(3, 4)
    assert float(LOSSES["cross_entropy"].value(even, torch.eye(4)[:3])) == pytest.approx(3 * math.log(4))


def test_large_outputs_do_not_overflow():
    f, y = torch.tensor([[1e4, 0.0]], dtype=torch.float64), torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    loss = LOSSES["cross_entropy"]
    assert float(loss.value(f, y)) == 1e4
    assert loss.slope(f, y).tolist() == [[1, -1]]
    assert loss.bend(f, y, f).tolist() == [[0, 0]]


def test_names():
    own = Loss(
        "own", "f", lambda f, y: f.sum((-2, -1)), lambda f, y: torch.ones_like(f), lambda f, y, df: 0 * df, mean=False
    )
    assert loss_function(own, 1) is own
    with pytest.raises(TheoryError, match=r"loss='half_squares' is not known; did you mean half_square"):
        loss_function("half_squares", 1)
    with pytest.raises(TheoryError, match=r"use one of mean_square, half_square"):
        loss_function(3, 1)


def own(value, mean):
    return Loss("own", "", value, lambda f, y: f, lambda f, y, df: df, mean=mean)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize(
    "value",
    [
        lambda f, y: torch.log1p(torch.exp(-f * y)).sum((-2, -1)),
        lambda f, y: (1 - f * y).clamp(min=0).float().sum((-2, -1)),  # in single precision
        lambda f, y: -(y * torch.log_softmax(f, -1)).sum((-2, -1)),  # without value for one output
    ],
)
def test_a_users_loss_must_be_what_it_says(value, k):
    mean = lambda f, y: value(f, y) / f.shape[-2]  # noqa: E731
    for right in (own(value, False), own(mean, True)):
        assert loss_function(right, k) is right
    if not torch.is_nonzero(value(torch.ones(1, k), torch.eye(k)[:1])):
        return
    for wrong, says in ((own(value, True), True), (own(mean, False), False)):
        with pytest.raises(
            TheoryError, match=rf"^loss='own' has mean={says} and is no .*, so set mean={not says}, .*$"
        ):
            loss_function(wrong, k)


def test_what_cannot_be_evaluated_is_left_alone():
    for value in (
        lambda f, y: torch.nn.functional.cross_entropy(f, y.squeeze(-1).long() + 9),  # targets of its own kind
        lambda f, y: torch.ones(7, 1) @ f,
        lambda f, y: f.sum((-2, -1)) * torch.nan,
        lambda f, y: [][0],
    ):
        assert loss_function(own(value, True), 2).mean


def test_mean_has_no_default():
    with pytest.raises(TypeError, match="mean"):
        Loss("own", "", lambda f, y: f, lambda f, y: f, lambda f, y, df: df)


@pytest.mark.parametrize("mean", [False, True])
def test_chunks_of_a_users_loss_add_up_to_the_whole(mean):
    # sum_i |f_i - y_i|^4/4, or its mean, over chunks of 1, 2 and all 5 samples against one dense Hessian by autograd
    def share(f):
        return 1 / f.shape[-2] if mean else 1.0

    fourth = Loss(
        "fourth",
        "",
        lambda f, y: (f - y).pow(4).sum((-2, -1)) / 4 * share(f),
        lambda f, y: (f - y).pow(3) * share(f),
        lambda f, y, df: 3 * (f - y).square() * df * share(f),
        mean=mean,
    )
    weights, X, y = network(L=1, m=3, d=2).weights, normal(5, 2), normal(5, 1, seed=1)

    def formula(theta):
        return (naive.output(weights, theta, X) - y).pow(4).sum() / 4 / (5 if mean else 1)

    theta = naive.flat(weights)
    dense, v = torch.autograd.functional.hessian(formula, theta), normal(1, len(theta), seed=2)
    for rows in (1, 2, 5):
        operator = SummedHessian(weights, X, y, fourth, rows)
        torch.testing.assert_close(operator.loss, formula(theta)[None], rtol=1e-12, atol=0)
        torch.testing.assert_close(operator.apply(v), v @ dense, rtol=1e-11, atol=1e-13)
