"""What `supremum` returns: values attained in the ball, restarts that are independent, errors that name their cause."""

import json
import weakref

import naive
import pytest
import torch

from bounds.errors import NotApplicable, TheoryError
from empirics import Measurement, network
from empirics.balls import EuclideanBall, FrobeniusBall, SpectralBall, SumFrobeniusBall
from empirics.measure import supremum as module
from empirics.measure.memory import is_out_of_memory
from empirics.measure.objectives import QUANTITIES
from empirics.measure.supremum import supremum
from empirics.weights import Weights

BALLS = (SpectralBall(0.7, 1.3), FrobeniusBall((0.5, 0.8, 2.0)), EuclideanBall(1.1), SumFrobeniusBall(1.5))
every_ball = pytest.mark.parametrize("ball", BALLS, ids=str)
ANY = torch.zeros(1, 3, dtype=torch.float64)  # inputs of a quantity that does not look at them


def points(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tiny(seed=0, **options):
    return network(**({"L": 2, "m": 4, "d": 3, "seed": seed} | options))


def minus(left, right):
    return [a - b for a, b in zip(left, right, strict=True)]


def inner(left, right):
    """Inner products by network and tensor, (S, T)."""
    return torch.stack([(a * b).flatten(1).sum(1) for a, b in zip(left, right, strict=True)], 1)


@pytest.mark.parametrize("name", QUANTITIES)
def test_the_value_is_attained_in_the_ball_and_better_than_chance(name):
    net, X, y, ball = tiny(k=2), points(3, 3), points(3, 2, seed=4), SpectralBall(0.7, 1.3)
    found = supremum(net, name, X, ball, y=y, restarts=8, steps=20)
    assert isinstance(found, Measurement)
    assert (found.name, found.side, found.dtype) == (name, "lower", "float64")
    assert found.details["ball"] == "SpectralBall(rho=0.7, rho_1=1.3)"
    assert found.details["diverged"] == 0
    centre, best = net.initial, found.details["at"]
    *W, V = minus(best.tensors, centre.tensors)
    assert all(torch.linalg.matrix_norm(w, 2) <= 0.7 + 1e-11 for w in W)
    assert bool((V.norm(dim=0) <= 1.3 + 1e-11).all())
    define = definition(name, X, y, centre)
    assert found.value == pytest.approx(define(best), rel=1e-6)
    assert found.details["start"] == pytest.approx(define(centre), rel=1e-6, abs=1e-12)
    values = found.details["restarts"]
    assert values.shape == (8,)
    assert found.value == float(values.max())
    assert found.details["spread"] == pytest.approx(float(values.max() - values.min()) / abs(found.value))
    g = torch.Generator().manual_seed(3)
    chance = max(define(centre.with_tensors(ball.sample(centre.tensors, g))) for _ in range(10))
    assert found.value >= max(chance, found.details["start"])


def definition(name, X, y, centre):
    """The quantity of an unbatched network from naive references."""

    def kernel(w):
        J = naive.jacobian(w, X).flatten(0, 1)
        return J @ J.T

    def input_gradient(w):
        slopes = torch.autograd.functional.jacobian(lambda x: naive.output(w, naive.flat(w), x).sum(0), X)
        return slopes.norm(dim=2).max()

    def loss_gradient(w):
        return torch.autograd.functional.jacobian(lambda t: naive.loss(w, t, X, y), naive.flat(w)).norm()

    def hessian(w):
        return max(torch.linalg.matrix_norm(naive.output_hessian(w, x, h), 2) for x in X for h in range(2))

    table = {
        "param_grad_norm": lambda w: naive.jacobian(w, X).norm(dim=2).max(),
        "input_grad_norm": input_gradient,
        "output": lambda w: naive.output(w, naive.flat(w), X).abs().max(),
        "loss": lambda w: naive.loss(w, naive.flat(w), X, y),
        "loss_grad_norm": loss_gradient,
        "kernel_lambda_max": lambda w: torch.linalg.eigvalsh(kernel(w))[-1],
        "kernel_lambda_min_negative": lambda w: -torch.linalg.eigvalsh(kernel(w))[0],
        "kernel_change": lambda w: torch.linalg.matrix_norm(kernel(w) - kernel(centre), 2),
        "hessian_norm": hessian,
    }
    return lambda w: float(table[name](w))


def test_a_seed_decides_the_starts():
    net, X = tiny(), points(3, 3)
    first, again, other = (
        supremum(net, "output", X, EuclideanBall(1.0), seed=s, steps=5).details["restarts"] for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first[1:], other[1:])
    assert first[0] == other[0]  # theta_0 itself


@pytest.mark.parametrize("name", ["param_grad_norm", "hessian_norm"])
def test_restarts_one_by_one_equal_the_batch(name, monkeypatch):
    net, X, sizes = network(L=2, m=6, d=3), points(3, 3), []
    climb = module._climb
    monkeypatch.setattr(module, "_climb", lambda search, group: sizes.append(len(group)) or climb(search, group))
    options = {"restarts": 5, "steps": 6}  # further on, rounding decides ties between candidates
    whole = supremum(net, name, X, SpectralBall(0.5, 0.5), **options)
    monkeypatch.setattr(module, "_group_size", lambda *_: 1)
    single = supremum(net, name, X, SpectralBall(0.5, 0.5), **options)
    assert sizes == [5, 1, 1, 1, 1, 1]
    torch.testing.assert_close(single.details["restarts"], whole.details["restarts"], rtol=1e-9, atol=0)


def test_the_budget_decides_how_many_climb_at_once(monkeypatch):
    net, X, sizes = network(L=2, m=64, d=3), points(2, 3), []
    climb = module._climb
    monkeypatch.setattr(module, "_climb", lambda search, group: sizes.append(len(group)) or climb(search, group))
    found = supremum(net, "output", X, EuclideanBall(1.0), restarts=6, steps=2, budget=2**20)
    assert sum(sizes) == 6
    assert 1 < len(sizes) < 6
    assert found.details["evaluations"] == 6 * (1 + 2 * 3)  # a look to scatter, then one look and two tries a step
    with pytest.raises(TheoryError, match="budget: one restart needs"):
        supremum(network(L=2, m=300, d=3), "output", X, EuclideanBall(1.0), budget=2**20)


def test_groups_that_do_not_fit_are_halved(monkeypatch):
    net, X, sizes = tiny(), points(3, 3), []
    climb, expected = module._climb, supremum(tiny(), "output", points(3, 3), EuclideanBall(1.0), restarts=6)

    def failing(search, group):
        sizes.append(len(group))
        if len(group) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return climb(search, group)

    monkeypatch.setattr(module, "_climb", failing)
    limit = 2
    found = supremum(net, "output", X, EuclideanBall(1.0), restarts=6)
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]
    torch.testing.assert_close(found.details["restarts"], expected.details["restarts"], rtol=1e-7, atol=0)
    limit = 0
    with pytest.raises(TheoryError, match="out of memory with one restart"):
        supremum(net, "output", X, EuclideanBall(1.0))


def test_memory_is_given_back_before_the_next_try(monkeypatch):
    climb, left, alive = module._climb, [], []

    def failing(search, group):
        scratch = torch.ones(1)
        left.append(weakref.ref(scratch))
        if len(group) > 1:
            raise MemoryError
        return climb(search, group)

    monkeypatch.setattr(module, "_climb", failing)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.append(left[-1]() is not None))
    supremum(tiny(), "output", points(3, 3), EuclideanBall(1.0), restarts=4, steps=2)
    assert alive == [False, False]  # once at four and once at two, the failed climb's tensors gone


@pytest.mark.parametrize("last", [False, True], ids=["at theta_0", "where a climb ended"])
@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA"), RuntimeError("no such kernel")], ids=str
)
def test_exhaustion_outside_the_climb_is_one_line(error, last):
    calls = []

    def hungry(w, x):
        calls.append(w.V.dtype)
        if w.V.dtype == torch.float64 and calls.count(torch.float64) > last:  # float64 looks: theta_0, then each end
            raise error
        return w.V.sum((1, 2))

    expected = (
        (TheoryError, "^out of memory with one restart: .*$") if is_out_of_memory(error) else (RuntimeError, "no such")
    )
    with pytest.raises(expected[0], match=expected[1]):
        supremum(tiny(dtype=torch.float32), hungry, ANY, EuclideanBall(1.0), restarts=2, steps=2)
    assert (torch.float32 in calls) == last


@pytest.mark.parametrize("quantity", [*QUANTITIES, lambda w, x: w.V.sum((1, 2))])
def test_networks_of_which_nothing_is_trained_are_refused(quantity):
    base = tiny().weights
    still = Weights(base.W, base.V, base.scales, base.activation, trainable=(False, False, False))
    with pytest.raises(TheoryError, match=r"^net has no trained parameters: the supremum is taken in these .*$"):
        supremum(still, quantity, points(3, 3), EuclideanBall(1.0), y=points(3))


def test_hessians_of_networks_with_windows_are_refused():
    net = network("allenzhu2019", "cnn", L=2, m=3, positions=5, activation="tanh")
    with pytest.raises(NotApplicable, match="has windows"):
        supremum(net, "hessian_norm", points(2, net.weights.d), EuclideanBall(1.0))


def test_restarts_that_meet_nan_are_dropped_and_counted():
    net = tiny()

    def cliff(w, x):
        height = (w.V - net.initial.V)[:, 0, 0]
        return torch.where(height > 0.2, torch.nan, height + 0.1 * w.W[0].sum((1, 2)))

    def narrow(w, x):
        return torch.sqrt(0.5 - (w.V - net.initial.V).square().sum((1, 2))) + w.W[0][:, 0, 0]

    with pytest.raises(TheoryError, match="NaN or infinite in all 4 restarts: take a smaller ball"):
        supremum(net, cliff, ANY, FrobeniusBall((0.1, 0.0, 1.0)), restarts=4, steps=200)
    found = supremum(net, narrow, ANY, FrobeniusBall((1.0, 0.0, 2.0)), restarts=12, steps=200)
    dropped = found.details["restarts"].isnan()
    assert 0 < int(dropped.sum()) == found.details["diverged"] < 12
    best = 0.5**0.5 + float(net.initial.W[0][0, 0]) + 1
    assert found.value == pytest.approx(best, rel=1e-5)
    with pytest.raises(TheoryError, match=r"quantity is -?inf at theta_0"):
        supremum(net, lambda w, x: w.V.sum((1, 2)) / 0, ANY, EuclideanBall(1.0))


@every_ball
def test_tensors_that_are_not_trained_never_move(ball):
    base = tiny().weights
    weights = Weights(base.W, base.V, base.scales, base.activation, trainable=(False, True, False))
    best = supremum(weights, "output", points(3, 3), ball, steps=10, restarts=4).details["at"]
    assert torch.equal(best.W[0], base.W[0])
    assert torch.equal(best.V, base.V)
    assert not torch.equal(best.W[1], base.W[1])


def test_single_precision_is_judged_in_double():
    net, X, ball = tiny(dtype=torch.float32), points(3, 3), SpectralBall(0.3, 0.4)
    found = supremum(net, "param_grad_norm", X, ball, restarts=6)
    centre, best = net.initial.to(torch.float64), found.details["at"]
    assert best.V.dtype == torch.float64
    assert bool(ball.contains(best.tensors, centre.tensors, 1e-12))
    x = X.to(torch.float32).to(torch.float64)
    assert found.value == pytest.approx(float(naive.jacobian(best, x).norm(dim=2).max()), rel=1e-12)
    double = supremum(tiny().clone_at(centre), "param_grad_norm", x, ball, centre=centre, restarts=6)
    assert found.value == pytest.approx(double.value, rel=1e-3)


def test_the_networks_own_point_is_a_start():
    net, X = tiny(), points(3, 3)
    away = net.weights.with_tensors(t + 0.1 for t in net.weights.tensors)
    here = float(naive.output(away, naive.flat(away), X).abs().max())
    for given, centre in ((net.clone_at(away), None), (away, net.weights)):
        found = supremum(given, "output", X, FrobeniusBall(5.0), centre=centre, restarts=2, steps=0)
        assert float(found.details["restarts"][1]) == pytest.approx(here, rel=1e-12)
        assert found.details["steps"] == 0
    assert not torch.equal(supremum(away, "output", X, FrobeniusBall(5.0)).details["at"].V, away.V)


def test_entries_compete_and_progress_is_told():
    net, seen = tiny(), []
    found = supremum(
        net,
        lambda w, x: torch.stack([w.V.sum((1, 2)), -2 * w.V.sum((1, 2))], 1),
        ANY,
        EuclideanBall(2.0),
        restarts=4,
        steps=25,
        progress=lambda step, values: seen.append((step, len(values))),
    )
    assert found.value == pytest.approx(
        2 * (4 - float(net.initial.V.sum()))
    )  # against all four entries: 2 |(1, 1, 1, 1)|
    assert seen[0] == (10, 4)
    assert len(seen) == -(-found.details["steps"] // 10)
    assert json.dumps(found.to_dict()["details"]["restarts"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"restarts": 0}, "restarts=0 must be an integer of at least 1"),
        ({"steps": -1}, "steps=-1 must be"),
        ({"seed": True}, "seed=True must be"),
        ({"tol": 1.0}, r"tol=1.0 must lie in \[0, 1\)"),
        ({"budget": 5}, "budget=5 must"),
        ({"ball": 1.0}, "ball=1.0 is not a ball"),
        ({"ball": SpectralBall}, "ball=<class.* is not a ball"),
        ({"quantity": "hessian"}, "did you mean hessian_norm"),
        ({"quantity": "loss"}, "y is needed"),
        ({"X": ANY[:, :2]}, r"X of shape \(1, 2\)"),
        ({"centre": tiny(m=5).weights}, "net and centre must be single networks of one shape"),
        ({"loss": "huber"}, "loss='huber' is not known"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    options = {"quantity": "output", "X": ANY, "ball": EuclideanBall(1.0)} | change
    with pytest.raises(TheoryError, match=message) as caught:
        supremum(tiny(), **options)
    assert "\n" not in str(caught.value)
