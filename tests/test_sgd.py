"""Stochastic gradient descent, and many runs beside one another."""

import itertools
import weakref
from dataclasses import replace

import naive
import numpy as np
import pytest
import torch
from architectures import case, normal, targets

from bounds.errors import TheoryError
from empirics import TrainingInterrupted, network, train, train_many
from empirics.descent import Descent
from empirics.losses import LOSSES, Loss, loss_function
from empirics.sampling import SAMPLINGS, Sampler, batches
from empirics.weights import stack

MEANS = {"mean_square", "half_mean_square"}


def drawn(count, *options):
    return [batch.tolist() for batch in itertools.islice(batches(*options), count)]


def test_the_three_ways_to_draw():
    for batch in drawn(40, 5, 3, "subset", 1):
        assert len(set(batch)) == 3
        assert set(batch) <= set(range(5))
    again = drawn(40, 5, 9, "replacement", 1)
    assert {len(batch) for batch in again} == {9}
    assert {i for batch in again for i in batch} == set(range(5))
    epochs = drawn(9, 5, 2, "epochs", 1)
    assert [len(batch) for batch in epochs] == [2, 2, 1] * 3
    for e in range(3):
        assert sorted(itertools.chain(*epochs[3 * e : 3 * e + 3])) == list(range(5))
    assert epochs[:3] != epochs[3:6]
    assert drawn(9, 5, 2, "epochs", 2) != epochs


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_runs_batches_are_its_own(sampling, monkeypatch):
    monkeypatch.setattr("empirics.sampling._AHEAD", 10)  # a few steps at a time
    sampler = Sampler(7, 3, sampling, [4, 0, 9], steps=20)
    runs = [drawn(20, 7, 3, sampling, seed) for seed in (4, 0, 9)]
    for t in range(11):
        assert sampler.next().tolist() == [run[t] for run in runs]
    sampler.keep([2, 0])
    for t in range(11, 20):
        assert sampler.next().tolist() == [runs[2][t], runs[0][t]]


def by_autograd(it, weights, X, y, loss, rate, batch_sequence):
    """Full losses at every step, and the last point, of a plain loop over batches."""
    theta = naive.flat(weights)
    losses = [float(naive.loss(weights, theta, X, y, loss, it.model))]
    for batch in batch_sequence:
        theta = theta.detach().requires_grad_()
        part = naive.loss(weights, theta, X[batch], y[batch], loss, it.model)
        scale = 1 if loss in MEANS else len(X) / len(batch)
        (gradient,) = torch.autograd.grad(scale * part, theta)
        theta = (theta - rate * gradient).detach()
        losses.append(float(naive.loss(weights, theta, X, y, loss, it.model)))
    return losses, theta


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("liu2020-deep", "half_square"),
        ("allenzhu2019-resnet", "half_square"),
        ("allenzhu2019-cnn", "cross_entropy"),
        ("song2021", "sum_square"),
        ("fu2018", "half_mean_square"),
        ("shortcuts", "mean_square"),
        ("fixed-between", "mean_square"),
        ("readout-only", "mean_square"),
        ("windows", "sum_square"),
    ],
)
def test_stochastic_descent_equals_a_loop_over_the_same_batches(name, loss, sampling):
    it = case(name)
    X, y = normal(5, it.weights.d, seed=11), targets(5, it.weights.k, loss)
    nets, rates, seeds = [it.weights, it.moved(2), it.moved(5)], [0.05, 0.02, 0.03], [3, 3, 8]
    options = {"loss": loss, "batch_size": 2, "sampling": sampling, "steps": 7, "tolerance": 0, "record_every": 1}
    runs = train_many(nets, X, y, learning_rate=rates, seeds=seeds, record=("loss",), **options)
    for net, rate, seed, run in zip(nets, rates, seeds, runs, strict=True):
        sequence = drawn(7, 5, 2, sampling, seed)
        losses, theta = by_autograd(it, net, X, y, loss, rate, sequence)
        np.testing.assert_allclose(run.loss, losses, rtol=1e-10)
        torch.testing.assert_close(naive.flat(run.final), theta, rtol=1e-10, atol=1e-12)
        assert (run.batch_size, run.sampling, run.seed) == (2, sampling, seed)
        alone = train(net, X, y, learning_rate=rate, seeds=[seed], record=("loss",), **options)
        np.testing.assert_allclose(run.loss, alone.loss, rtol=1e-11)


@pytest.mark.parametrize("loss", ["mean_square", "half_square", "cross_entropy"])
@pytest.mark.parametrize(("sampling", "count"), [("subset", 6), ("epochs", 6), ("replacement", 16)])
def test_the_average_over_all_batches_is_the_full_gradient(sampling, count, loss):
    it = case("song2021")
    X, y, net = normal(4, 3), targets(4, 2, loss), it.weights
    step = {"learning_rate": 0.5, "loss": loss, "steps": 1, "tolerance": 0, "record": ()}
    full = naive.flat(train(net, X, y, **step).final) - naive.flat(net)
    seeds = list(range(120))
    runs = train_many([net] * 120, X, y, batch_size=2, sampling=sampling, seeds=seeds, **step)
    moved = {}
    for run in runs:
        (batch,) = drawn(1, 4, 2, sampling, run.seed)
        moved[tuple(batch if sampling == "replacement" else sorted(batch))] = naive.flat(run.final) - naive.flat(net)
    assert len(moved) == count
    torch.testing.assert_close(torch.stack(list(moved.values())).mean(0), full, rtol=1e-12, atol=1e-14)


def test_a_batch_of_everything_is_gradient_descent():
    net, X, y = network(L=2, m=5, d=3), normal(6, 3), normal(6)
    options = {"learning_rate": 0.3, "steps": 10, "tolerance": 0, "record_every": 1}
    full = train(net, X, y, **options)
    for sampling in ("subset", "epochs"):
        run = train(net, X, y, batch_size=6, sampling=sampling, **options)
        for name in ("loss", "grad_norm", "gbar_norm"):
            np.testing.assert_allclose(run.records[name], full.records[name], rtol=1e-11)


def test_records_once_per_epoch_and_at_the_end():
    net, X, y = network(L=2, m=5, d=3), normal(7, 3), normal(7)
    run = train(net, X, y, learning_rate=0.1, batch_size=3, steps=10, tolerance=0, sampling="epochs")
    assert run.steps.tolist() == [0, 3, 6, 9]
    it = replace(case("liu2020-deep"), weights=net.weights, model=None)
    losses, theta = by_autograd(it, net.weights, X, y[:, None], "mean_square", 0.1, drawn(10, 7, 3, "epochs", 0))
    np.testing.assert_allclose(run.loss, np.array(losses)[[0, 3, 6, 9]], rtol=1e-11)
    assert run.final_loss == pytest.approx(losses[10], rel=1e-11)
    torch.testing.assert_close(naive.flat(run.final), theta, rtol=1e-11, atol=1e-13)


def test_the_first_point_is_judged_whatever_is_recorded():
    net, X, y = network(L=2, m=6, d=3, activation="identity"), normal(5, 3), normal(5, seed=1)
    options = {"batch_size": 2, "steps": 9, "record": ("loss",), "record_at": [2]}
    lost = train(net, X, y, learning_rate=1e6, tolerance=0, **options)
    assert (lost.reason, lost.stop_step, len(lost.loss)) == ("diverged", 2, 1)
    done = train(net, X, net(X).detach(), learning_rate=0.1, **options)
    assert (done.reason, done.stop_step, len(done.loss)) == ("tolerance", 0, 0)


def test_which_losses_are_sums():
    assert {name: loss.mean for name, loss in LOSSES.items()} == {name: name in MEANS for name in LOSSES}
    for name, loss in LOSSES.items():
        assert loss_function(loss, 3) is loss
        wrong = replace(loss, mean=not loss.mean)
        with pytest.raises(TheoryError, match=f"loss='{name}' has mean={wrong.mean} and is no"):
            loss_function(wrong, 3)
    odd = Loss("root", "", lambda f, y: (f - y).norm(dim=(-2, -1)), lambda f, y: f, lambda f, y, df: df, mean=False)
    with pytest.raises(TheoryError, match="loss='root' has mean=False and is no sum over samples"):
        train(network(L=1, m=3, d=3), normal(3, 3), normal(3), learning_rate=0.1, loss=odd)


def check_same(together, nets, X, y, rates, **options):
    for i, (net, rate, run) in enumerate(zip(nets, rates, together, strict=True)):
        own = {"seeds": [run.seed]} if options.get("batch_size") else {}
        alone = train(net, X, y, learning_rate=rate, **options, **own)
        assert (run.stop_step, run.reason, run.learning_rate) == (alone.stop_step, alone.reason, rate), i
        assert run.steps.tolist() == alone.steps.tolist()
        for name in alone.records:
            np.testing.assert_allclose(run.records[name], alone.records[name], rtol=1e-8, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(run.distance, alone.distance, rtol=1e-8, atol=1e-13)
        assert run.checkpoints.tolist() == alone.checkpoints.tolist()
        for a, b in zip(run.final.tensors, alone.final.tensors, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


RECORD = ("loss", "grad_norm", "gbar_norm", "param_grad_norm", "distance_fro", "distance")


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("sync_every", [None, 7])
def test_runs_that_end_at_different_steps(batch_size, sync_every):
    widths, rates = [6, 6, 6, 8, 6, 8], [0.5, 2.0, 1.0, 0.7, 0.004, 1.5]
    nets = [network(L=2, m=m, d=3, seed=s) for s, m in enumerate(widths)]
    X, y = normal(5, 3), 0.2 * normal(5, seed=1)
    options = {"steps": 150, "tolerance": 0.004, "checkpoint_every": 40, "record_every": 2, "record": RECORD}
    options |= {"batch_size": batch_size, "sync_every": sync_every, "observe": {"V": lambda w: w.V[..., 0]}}
    runs = train_many(nets, X, y, learning_rate=rates, **options)
    assert {run.reason for run in runs} == {"tolerance", "steps"}
    assert len({run.stop_step for run in runs}) >= 4
    check_same(runs, nets, X, y, rates, **options)


@pytest.mark.parametrize("batch_size", [None, 3])
def test_a_diverged_run_leaves_the_others_and_itself_alone(batch_size):
    nets = [network(L=2, m=6, d=3, activation="softplus", seed=s) for s in range(4)]
    bad = nets[2].weights.with_tensors(t * torch.nan for t in nets[2].weights.tensors)
    nets, rates = [nets[0], nets[1], bad, nets[3]], [0.1, 1e6, 0.1, 0.2]
    X, y = normal(5, 3), normal(5, seed=1)
    options = {"steps": 60, "tolerance": 0, "batch_size": batch_size, "record_every": 1, "sync_every": 1000}
    runs = train_many(nets, X, y, learning_rate=rates, **options)
    assert [run.reason for run in runs] == ["steps", "diverged", "nan", "steps"]
    stop = runs[1].stop_step
    assert 0 < stop < 20
    assert len(runs[1].loss) == stop + 1
    theta = naive.flat(runs[1].final)  # where it was judged, though the batch went on for many steps
    assert float(naive.loss(runs[1].final, theta, X, y[:, None])) == pytest.approx(runs[1].final_loss, rel=1e-9)
    for i in (0, 3):
        alone = train(nets[i], X, y, learning_rate=rates[i], seeds=[i] if batch_size else None, **options)
        np.testing.assert_allclose(runs[i].loss, alone.loss, rtol=1e-10)


def test_looking_rarely_changes_no_bit():
    nets = [network(L=2, m=6, d=3, seed=s) for s in range(3)]
    X, y = normal(5, 3), normal(5, seed=1)
    for batch_size in (None, 2):
        options = {"learning_rate": 0.3, "steps": 25, "tolerance": 0, "batch_size": batch_size}
        often, rarely = (train_many(nets, X, y, sync_every=every, **options) for every in (1, 100))
        for a, b in zip(often, rarely, strict=True):
            assert all(a.records[name].tolist() == b.records[name].tolist() for name in a.records)
            assert all(torch.equal(s, t) for s, t in zip(a.final.tensors, b.final.tensors, strict=True))


def test_batches_within_a_budget():
    nets = [network(L=2, m=60, d=3, seed=s) for s in range(4)]
    X, y, seen = normal(200, 3), normal(200, seed=1), []
    options = {"learning_rate": 0.1, "steps": 3, "tolerance": 0, "progress": lambda t, losses: seen.append(len(losses))}
    whole = train_many(nets, X, y, **options)
    assert set(seen) == {4}
    seen.clear()
    split = train_many(nets, X, y, budget=3 * 2**20, **options)
    assert set(seen) == {2}
    for a, b in zip(whole, split, strict=True):
        np.testing.assert_allclose(a.loss, b.loss, rtol=1e-13)
    with pytest.raises(TheoryError, match=r"budget: training one network of widths \(60, 60\) on 2000 samples needs"):
        train_many(nets, normal(2000, 3), normal(2000), learning_rate=0.1, budget=2**20)


def test_out_of_memory_halves_the_batch(monkeypatch):
    nets, sizes, whole = [network(L=1, m=3, d=2, seed=s) for s in range(5)], [], Descent.run

    def run(self, progress=None):
        sizes.append(len(self.ends))
        if len(self.ends) > 2:
            raise torch.OutOfMemoryError("out of memory")
        whole(self, progress)

    X, y = normal(3, 2), normal(3)
    expected = train_many(nets, X, y, learning_rate=0.1, steps=4, tolerance=0)
    monkeypatch.setattr(Descent, "run", run)
    found = train_many(nets, X, y, learning_rate=0.1, steps=4, tolerance=0)
    assert sizes == [5, 2, 3, 1, 2]
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a.loss, b.loss, rtol=1e-13)


def test_memory_is_given_back_before_the_next_try(monkeypatch):
    whole, left, alive = Descent.run, [], []

    def run(self, progress=None):
        left.append(weakref.ref(self))
        if len(self.ends) > 1:
            raise torch.OutOfMemoryError("out of memory")
        whole(self, progress)

    monkeypatch.setattr(Descent, "run", run)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.append(left[-1]() is not None))
    nets = [network(L=1, m=3, d=2, seed=s) for s in range(3)]
    train_many(nets, normal(3, 2), normal(3), learning_rate=0.1, steps=4, tolerance=0)
    assert alive == [False, False]  # emptied once for each failure, its tensors gone


def test_out_of_memory_with_one_network_has_a_name(monkeypatch):
    def run(self, progress=None):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Descent, "run", run)
    with pytest.raises(TheoryError, match="out of memory with one network"):
        train(network(L=1, m=3, d=2), normal(3, 2), normal(3), learning_rate=0.1)


def test_interruption_between_batches_keeps_what_there_is():
    nets = [network(L=1, m=m, d=2, seed=m) for m in (3, 4, 5, 4)]
    calls = []

    def stop(step, losses):
        calls.append((step, len(losses)))
        if calls.count((2, 2)):  # the second batch, of two networks
            raise KeyboardInterrupt

    X, y = normal(3, 2), normal(3)
    with pytest.raises(TrainingInterrupted, match="interrupted at step 2") as caught:
        train_many(nets, X, y, learning_rate=0.1, steps=4, tolerance=0, progress=stop)
    runs = caught.value.trajectories
    assert [run.reason for run in runs] == ["steps", "interrupted", "interrupted", "interrupted"]
    assert [len(run.loss) for run in runs] == [5, 3, 0, 3]
    assert [run.stop_step for run in runs] == [4, 2, 0, 2]
    assert torch.equal(runs[2].final.V, nets[2].V)
    assert np.isnan(runs[2].final_loss)
    whole = train(nets[3], X, y, learning_rate=0.1, steps=2, tolerance=0)
    np.testing.assert_allclose(runs[3].loss, whole.loss, rtol=1e-13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0 must be an integer of at least 1, or None"),
        ({"batch_size": 2.0}, "batch_size=2.0 must be"),
        ({"batch_size": True}, "batch_size=True must be"),
        ({"batch_size": 4}, "batch_size=4 must be at most the 3 samples there are"),
        ({"batch_size": 4, "sampling": "epochs"}, "batch_size=4 must be at most the 3 samples"),
        ({"batch_size": 2, "sampling": "epoch"}, "sampling='epoch' is not known; did you mean epochs?; use one of"),
        ({"seeds": [1]}, "seeds are those of the mini-batches: give batch_size=... too"),
        ({"batch_size": 2, "seeds": [1, 2]}, "seeds has 2 values for 1 networks"),
        ({"batch_size": 2, "seeds": [-1]}, "seeds: -1 must be an integer from 0"),
        ({"batch_size": 2, "seeds": [1.5]}, "seeds: 1.5 must be an integer from 0"),
    ],
)
def test_bad_options_give_one_line(options, message):
    with pytest.raises(TheoryError) as caught:
        train(network(L=1, m=3, d=2), normal(3, 2), normal(3), learning_rate=0.1, **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_stack_is_not_changed_by_training_its_parts():
    parts = [network(L=1, m=3, d=2, seed=s).weights for s in range(2)]
    both = stack(parts)
    before = both.clone()
    runs = train_many([both.select(0), both.select(1)], normal(3, 2), normal(3), learning_rate=0.1, steps=3)
    assert torch.equal(both.V, before.V)
    assert not torch.equal(runs[0].final.V, both.V[0])
