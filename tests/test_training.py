import naive
import numpy as np
import pytest
import torch

from bounds.errors import TheoryError
from empirics import TrainingInterrupted, gradient_norms, network, train, train_many
from empirics.weights import stack


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_autograd(weights, X, y, rate, steps):
    """Losses, gradient norms, ||gbar|| and the last weights of a plain loop."""
    theta, losses, norms, means = naive.flat(weights), [], [], []
    for t in range(steps + 1):
        theta = theta.detach().requires_grad_()
        loss = naive.loss(weights, theta, X, y)
        (gradient,) = torch.autograd.grad(loss, theta)
        (mean,) = torch.autograd.grad(naive.output(weights, theta, X).mean(), theta)
        losses.append(loss.item())
        norms.append(float(gradient.norm()))
        means.append(float(mean.norm()))
        theta = theta if t == steps else theta - rate * gradient
    return losses, norms, means, theta.detach()


@pytest.mark.parametrize("activation", ["tanh", "softplus", "relu"])
@pytest.mark.parametrize(("L", "n", "m", "k"), [(1, 4, 3, 1), (2, 5, 6, 1), (3, 4, 5, 2), (2, 40, 3, 1), (2, 1, 1, 1)])
def test_training_equals_an_autograd_loop(activation, L, n, m, k):
    net = network(L=L, m=m, d=3, k=k, activation=activation, sigma_1=2.0, seed=1)
    before = net.weights.clone()
    X, y = points(n, 3), points(n, k, seed=1)
    run = train(net, X, y, learning_rate=0.3, steps=25, tolerance=0)
    losses, norms, means, theta = by_autograd(before, X, y, 0.3, 25)
    np.testing.assert_allclose(run.loss, losses, rtol=1e-10, atol=1e-20)  # residuals of 1e-7 know 9 digits
    np.testing.assert_allclose(run.grad_norm, norms, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(run.gbar_norm, means, rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(naive.flat(run.final), theta, rtol=1e-10, atol=1e-13)
    assert run.steps.tolist() == list(range(26))
    assert (run.reason, run.stop_step) == ("steps", 25)
    assert run.final_loss == run.loss[-1]
    assert all(torch.equal(a, b) for a, b in zip(before.tensors, net.weights.tensors, strict=True))


def test_records_agree_with_the_measurements():
    net, X, y = network(L=2, m=8, d=3, seed=2), points(6, 3), points(6, 1, seed=1)[:, 0]
    run = train(net, X, y, learning_rate=0.1, steps=7, tolerance=0)
    there = gradient_norms(run.final, X, y).details
    assert run.gbar_norm[-1] == pytest.approx(there["gbar_norm"], rel=1e-11)
    assert run.grad_norm[-1] == pytest.approx(there["loss_grad_norm"], rel=1e-11)


def test_batched_runs_equal_single_ones():
    nets = [network(L=2, m=6, d=3, seed=s) for s in range(3)]
    X, y, rates = points(5, 3), 0.2 * points(5, 1, seed=1)[:, 0], [0.5, 2.0, 1.0]
    options = {"steps": 400, "tolerance": 0.02, "checkpoint_every": 50}
    together = train_many(nets, X, y, learning_rate=rates, **options)
    for net, rate, run in zip(nets, rates, together, strict=True):
        alone = train(net, X, y, learning_rate=rate, **options)
        assert (run.stop_step, run.reason, run.learning_rate) == (alone.stop_step, alone.reason, rate)
        for name in ("loss", "gbar_norm", "grad_norm", "distance"):
            np.testing.assert_allclose(getattr(run, name), getattr(alone, name), rtol=1e-9, atol=1e-12)
        assert run.checkpoints.tolist() == alone.checkpoints.tolist()
        for a, b in zip(run.final.tensors, alone.final.tensors, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sync_every", [1, 7, 1000])
def test_the_stopping_step_is_exact_whenever_it_is_looked_at(sync_every):
    net, X, y = network(L=2, m=20, d=3), points(5, 3), 0.2 * points(5, 1, seed=1)
    run = train(net, X, y, learning_rate=1.0, steps=900, tolerance=5e-3, sync_every=sync_every)
    assert run.reason == "tolerance"
    assert len(run.loss) == run.stop_step + 1
    assert run.loss[-1] < 5e-3 <= run.loss[-2]
    measured = naive.loss(run.final, naive.flat(run.final), X, y)
    assert float(measured) == pytest.approx(run.loss[-1], rel=1e-12)


def test_sparse_records_and_distances():
    net, X, y = network(L=2, m=6, d=3, k=2), points(5, 3), points(5, 2, seed=1)
    run = train(net, X, y, learning_rate=0.1, steps=25, tolerance=0, record_every=10, checkpoint_every=10)
    assert run.steps.tolist() == [0, 10, 20]
    assert len(run.loss) == 3
    assert run.checkpoints.tolist() == [0, 10, 20, 25]
    assert run.distance[0].tolist() == [0, 0, 0]
    moved = [a - b for a, b in zip(run.final.tensors, net.weights.tensors, strict=True)]
    expected = [torch.linalg.matrix_norm(t, 2) for t in moved[:2]] + [moved[2].norm(dim=0).max()]
    np.testing.assert_allclose(run.distance[-1], expected, rtol=1e-12)
    bare = train(net, X, y, learning_rate=0.1, steps=3, record=("loss",))
    assert bare.distance is None
    assert bare.gbar_norm is None
    assert bare.to_dict()["loss"] == bare.loss.tolist()


def test_no_steps_and_immediate_success():
    net, X = network(L=2, m=6, d=3), points(5, 3)
    still = train(net, X, torch.ones(5), learning_rate=0.1, steps=0)
    assert (still.stop_step, still.reason, len(still.grad_norm)) == (0, "steps", 1)
    done = train(net, X, net(X).detach(), learning_rate=0.1)
    assert (done.stop_step, done.reason) == (0, "tolerance")
    assert torch.equal(done.final.V, net.weights.V)


def test_divergence_has_a_name():
    net, X, y = network(L=2, m=6, d=3, activation="softplus"), points(5, 3), points(5, 1, seed=1)
    run = train(net, X, y, learning_rate=1e6, steps=200, checkpoint_every=1)
    assert run.reason == "diverged"
    assert run.stop_step < 20
    broken = net.weights.with_tensors(t * torch.nan for t in net.weights.tensors)
    assert train(broken, X, y, learning_rate=0.1, steps=5).reason == "nan"


def test_a_diverged_run_does_not_disturb_its_neighbours():
    nets = [network(L=2, m=6, d=3, activation="softplus", seed=s) for s in range(2)]
    X, y = points(5, 3), points(5, 1, seed=1)
    bad, good = train_many(nets, X, y, learning_rate=[1e6, 0.1], steps=60, tolerance=0)
    assert (bad.reason, good.reason) == ("diverged", "steps")
    alone = train(nets[1], X, y, learning_rate=0.1, steps=60, tolerance=0)
    np.testing.assert_allclose(good.loss, alone.loss, rtol=1e-10)


def test_interruption_keeps_the_record():
    def stop(step, losses):
        assert len(losses) == 1
        if step == 6:
            raise KeyboardInterrupt

    net, X, y = network(L=2, m=6, d=3), points(5, 3), points(5, 1, seed=1)
    with pytest.raises(TrainingInterrupted, match="interrupted at step 6") as caught:
        train(net, X, y, learning_rate=0.1, steps=50, tolerance=0, progress=stop)
    (kept,) = caught.value.trajectories
    whole = train(net, X, y, learning_rate=0.1, steps=6, tolerance=0)
    assert kept.reason == "interrupted"
    np.testing.assert_array_equal(kept.loss, whole.loss)
    assert isinstance(caught.value, KeyboardInterrupt)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0}, "learning_rate=0.0 must be a positive finite number"),
        ({"learning_rate": float("nan")}, "learning_rate=nan must be"),
        ({"learning_rate": [0.1, 0.2]}, "learning_rate has 2 values for 1 networks"),
        ({"learning_rate": "fast"}, "learning_rate='fast' must be a number, or one for each network"),
        ({"steps": -1}, "steps=-1 must be an integer of at least 0"),
        ({"tolerance": -1.0}, "tolerance=-1.0 must be"),
        ({"tolerance": float("nan")}, "tolerance=nan must be"),
        ({"record_every": 0}, "record_every=0 must be"),
        ({"checkpoint_every": 1.5}, "checkpoint_every=1.5 must be"),
        ({"sync_every": 0}, "sync_every=0 must be"),
        ({"record": ("speed",)}, "record=('speed',) must be a tuple of names out of loss, gbar_norm"),
        ({"record": "loss"}, "record='loss' must be a tuple"),
    ],
)
def test_bad_options_give_one_line(options, message):
    with pytest.raises(TheoryError) as caught:
        train(network(L=2, m=4, d=3), points(2, 3), points(2, 1), **({"learning_rate": 0.1} | options))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_networks_of_different_shapes_are_grouped_and_come_back_in_order():
    sizes, rates = [(2, 4), (1, 6), (2, 5), (2, 4), (1, 6)], [0.1, 0.2, 0.3, 0.4, 0.5]
    nets = [network(L=L, m=m, d=3, seed=s) for s, (L, m) in enumerate(sizes)]
    X, y = points(4, 3), points(4, 1, seed=1)
    runs = train_many(nets, X, y, learning_rate=rates, steps=9, tolerance=0)
    for net, rate, run in zip(nets, rates, runs, strict=True):
        losses, norms, _, theta = by_autograd(net.weights, X, y, rate, 9)
        np.testing.assert_allclose(run.loss, losses, rtol=1e-11)
        np.testing.assert_allclose(run.grad_norm, norms, rtol=1e-11)
        torch.testing.assert_close(naive.flat(run.final), theta, rtol=1e-11, atol=1e-13)
        assert run.learning_rate == rate


def test_no_networks_and_stacked_networks_are_refused():
    X, y = points(2, 3), points(2, 1)
    with pytest.raises(TheoryError, match="nets is empty"):
        train_many([], X, y, learning_rate=0.1)
    both = stack([network(L=2, m=4, d=3, seed=s).weights for s in range(2)])
    with pytest.raises(TheoryError, match=r"nets\[0\] is a batch of 2 networks: give each one"):
        train_many([both], X, y, learning_rate=0.1)
