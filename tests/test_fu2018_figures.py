"""fu2018's Figures 3 and 4 and the recovery from data, on tiny settings; descent against the general trainer."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bounds.errors import NotApplicable, TheoryError
from empirics.experiments.fu2018 import fig3, fig4, local, recover
from empirics.experiments.fu2018.data import draw, teacher
from empirics.experiments.fu2018.local import Outcome, Setting, ball, measure
from empirics.experiments.fu2018.recovered import ORIGINAL, RANDOM, SHARPER, TRUE
from empirics.experiments.fu2018.restarts import descend
from empirics.training import train_many

SMALL = Setting(K=2, dims=(3,), sample_sizes=(60, 4000), sets=8, starts=3, steps=400)


@pytest.fixture(scope="module")
def samples():
    truth = teacher(0, K=2, d=3, scale=2.0)
    X, y = (torch.stack(parts) for parts in zip(*(draw(truth, 40, seed) for seed in range(2)), strict=True))
    start = truth.W[0] + torch.randn(2, 4, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return truth, start, X, y


@pytest.mark.parametrize("activation", ["sigmoid", "(1 + tanh(z))/2"])
def test_descent_is_that_of_the_general_trainer(samples, activation):
    _, start, X, y = samples
    truth = teacher(0, K=2, d=3, activation=activation)
    ends = descend(start, X, y, truth.activation, [3.0, 5.0], steps=60)
    assert ends.steps.tolist() == [60, 60]
    for i, rate in enumerate((3.0, 5.0)):
        nets = [truth.with_tensors([W, truth.V]) for W in start[i]]
        options = {"loss": "half_mean_square", "steps": 60, "tolerance": 0, "record": ()}
        runs = train_many(nets, X[i], y[i], learning_rate=rate, **options)
        torch.testing.assert_close(ends.W[i], torch.stack([r.final.W[0] for r in runs]))


def test_stopping_early_leaves_no_more_than_the_tolerance(samples):
    truth, start, X, y = samples
    y = truth.activation.phi(X @ truth.W[0].mT).mean(2, keepdim=True)  # without noise runs converge
    near = truth.W[0] + 0.05 * (start - truth.W[0])
    whole = descend(near, X, y, truth.activation, [10.0, 10.0], steps=5000)
    short = descend(near, X, y, truth.activation, [10.0, 10.0], steps=5000, tolerance=1e-2)
    assert (short.steps < 5000).all()
    assert ((short.W - whole.W).flatten(2).norm(dim=2).amax(1) <= short.left).all()
    assert (short.left <= 1e-2).all()
    # a set that goes on is not touched by one that has ended
    start = torch.stack([truth.W[0].expand(4, 2, 3), start[1]])
    both = descend(start, X, y, truth.activation, [10.0, 10.0], steps=100, tolerance=1e-9)
    alone = descend(start[1:], X[1:], y[1:], truth.activation, [10.0], steps=100, tolerance=1e-9)
    assert both.steps.tolist() == [25, 100]
    torch.testing.assert_close(both.W[1:], alone.W)


def test_starts_are_uniform_in_the_ball():
    lengths = ball(replace(SMALL, starts=4000, radius=0.2), 3, 60, 0).flatten(1).norm(dim=1)
    assert float(lengths.max()) <= 0.2
    # the volume within half of the radius is 2^-6 of the ball's in K d = 6 dimensions
    inside = int((lengths < 0.1).sum())
    assert abs(inside - 4000 / 64) < 4 * math.sqrt(4000 / 64)


@pytest.fixture(scope="module")
def third():
    return fig3.run(SMALL)


def test_spread_and_error_by_their_definitions(third):
    o = next(o for o in third.outcomes if (o.n, o.index) == (60, 1))
    truth = local.ground_truth(SMALL, 3)
    W = truth.W[0]
    seed = int(torch.randint(2**62, (), generator=local.stream(0, local.SETS, 3, 60, 1)))
    X, y = draw(truth, 60, seed)
    start = W + float(W.norm()) * ball(SMALL, 3, 60, 1)
    nets = [truth.with_tensors([w, truth.V]) for w in start]
    options = {"loss": "half_mean_square", "steps": 400, "tolerance": 0, "record": ()}
    runs = train_many(nets, X, y, learning_rate=o.learning_rate, **options)
    ends = np.stack([r.final.W[0].numpy().ravel() for r in runs])
    assert o.spread == pytest.approx(math.sqrt(np.mean(((ends - ends.mean(0)) ** 2).sum(1))), rel=1e-6)
    assert o.error == pytest.approx(np.mean(np.linalg.norm(ends - W.numpy().ravel(), axis=1)), rel=1e-6)
    # the step size is 1/lambda_max of the loss's Hessian at W*
    z = X @ W.mT
    f, slope, bend = (t / 2 for t in truth.activation.jet(z, 2))
    J = torch.einsum("nk,nd->nkd", slope, X).flatten(1)
    rest = torch.einsum("n,nk,nd,ne->kde", f.sum(1) - y[:, 0], bend, X, X)
    H = (J.mT @ J + torch.block_diag(*rest)) / 60
    values = torch.linalg.eigvalsh(H)
    assert o.learning_rate == pytest.approx(1 / float(values[-1]), rel=1e-3)
    assert o.lambda_min == pytest.approx(float(values[0]), abs=1e-3 * float(values[-1]))


def test_success_rate_rises_with_the_samples(third):
    few, many = third.shares(3)
    assert few.interval[1] < many.interval[0]
    assert many.value == 1.0
    assert 60 < third.half(3) < 4000
    said = third.summary()
    assert said.startswith(f"d = 3, K = 2, classification: 3 runs ended with SD_n <= 0.01 on {few.hits} of 8")
    assert "the rate rises with n, as the paper reports" in said
    assert "Theorem 1 with C = 1 asks for" in said


def outcome(n: int, index: int, spread: float, error: float = 1.0) -> Outcome:
    return Outcome(3, n, index, spread, error, 5.0, 1.0, 400, 1.0, 0.1)


def test_claims_are_only_those_of_the_runs():
    flat = fig3.Figure3(tuple(outcome(n, i, 1e-3 if i else 1.0) for n in (10, 100) for i in range(4)), SMALL)
    assert "the intervals overlap" in flat.summary()
    assert math.isnan(flat.half(3))
    falls = fig3.Figure3(tuple(outcome(n, i, 1e-3 if n == 10 else 1.0) for n in (10, 100) for i in range(20)), SMALL)
    assert "falls with n, unlike in the paper" in falls.summary()
    single = fig3.Figure3((outcome(10, 0, math.nan),), SMALL)
    assert "says nothing" in single.summary()
    assert "1 sets with runs that are not finite" in single.summary()
    rises = fig3.Figure3(
        tuple(outcome(n, i, 1e-3 if i < k else 1.0) for n, k in ((10, 0), (40, 4)) for i in range(4)), SMALL
    )
    assert rises.half(3) == pytest.approx(20)  # halfway in log n


def test_estimation_error_falls_like_the_root_of_n():
    setting = replace(SMALL, K=1, sample_sizes=(500, 2000, 8000), sets=12, starts=2)
    found = fig4.run(setting)
    exponent = found.exponent(3)
    assert exponent.low <= -0.5 <= exponent.high
    assert -1 < exponent.low < exponent.high < -0.2
    said = found.summary()
    assert "it falls from each n to the next, as the paper reports" in said
    assert "the -0.5 of (8) is inside this interval" in said
    mean, half = found.interval(3, 2000)
    errors = [o.error for o in found.outcomes if o.n == 2000]
    assert mean == pytest.approx(np.mean(errors))
    assert half == pytest.approx(2.200985 * np.std(errors, ddof=1) / math.sqrt(12), rel=1e-6)  # t(0.975, 11 degrees)


def test_figure_4_fits_only_near_the_ground_truth():
    far = fig4.Figure4(
        tuple(outcome(n, i, 0.0, e) for n, e in ((10, 9.0), (20, 1.0), (40, 0.5)) for i in range(2)), SMALL
    )
    assert list(far.near(3)) == [20, 40]
    assert far.exponent(3) is None
    assert "too few for an exponent" in far.summary()
    up = fig4.Figure4((outcome(10, 0, 0.0, 0.1), outcome(20, 0, 0.0, 0.2), outcome(40, 0, 0.0, math.nan)), SMALL)
    assert "does not fall at every n" in up.summary()
    assert "1 sets with runs that are not finite are left out" in up.summary()


@pytest.fixture(scope="module")
def recovery():
    tiny = replace(recover.PAPER, K=2, d=4, sample_sizes=(300, 3000), sets=3, starts=2, steps=400, scale=2.0)
    return recover.run(tiny)


def test_recovery_from_data_alone(recovery):
    assert recovery.hits(SHARPER, 3000) == (3, 3)
    assert recovery.hits(RANDOM, 3000)[1] == 6
    assert recovery.first(SHARPER, 3000) < min(recovery.first(SHARPER, 300), recovery.first(RANDOM, 3000) / 2)
    assert all(r.last < 1e-9 and r.apart == 0 for r in recovery.runs if r.start == TRUE)  # W* is critical (Corollary 2)
    said = recovery.summary()
    assert said.startswith("d = 4, K = 2, regression: W* was recovered")
    assert "from Algorithm 2 with less noise in" in said
    assert "3 of 3 [0.29, 1.00] at n = 3000" in said


def test_a_start_that_cannot_be_made_is_no_recovery(monkeypatch):
    def fails(*_, **__):
        raise TheoryError("R_3 has no K independent components")

    monkeypatch.setattr(recover, "initialise", fails)
    tiny = replace(recover.PAPER, K=2, d=3, sample_sizes=(50,), sets=1, starts=1, steps=5)
    found = recover.run(tiny)
    assert found.hits(ORIGINAL, 50) == (0, 1)
    assert math.isinf(found.first(ORIGINAL, 50))
    assert "1 times no components were found" in found.summary()


def test_files(third, recovery, tmp_path):
    fourth = fig4.Figure4(third.outcomes, third.setting)
    paths = [*fig3.save(third, tmp_path), *fig4.save(fourth, tmp_path), *recover.save(recovery, tmp_path)]
    stems = [p.stem for p in paths if p.suffix == ".csv"]
    assert stems == ["fu2018.fig3", "fu2018.fig3_rates", "fu2018.fig4", "fu2018.recovery"]
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in paths if p.suffix == ".png")
    with paths[0].open() as file:
        assert [float(r["spread"]) for r in csv.DictReader(file)] == [o.spread for o in third.outcomes]
    with (tmp_path / "fu2018.recovery.csv").open() as file:
        assert [float(r["apart"]) for r in csv.DictReader(file)] == [r.apart for r in recovery.runs]


@pytest.mark.parametrize("module", [fig3, fig4])
def test_ctrl_c_keeps_the_sets_that_are_finished(module, monkeypatch):
    setting = replace(SMALL, sample_sizes=(20, 40), sets=1, steps=2)

    def stop(line: str) -> None:
        if "n = 40" in line:
            raise KeyboardInterrupt

    found = module.run(setting, None, stop)
    assert found.interrupted
    assert [o.n for o in found.outcomes] == [20]

    def at_once(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.run(setting, None, at_once)


def test_ctrl_c_in_the_recovery():
    setting = replace(recover.PAPER, K=2, d=3, sample_sizes=(40, 80), sets=1, starts=1, steps=2)

    def stop(line: str) -> None:
        if "n = 80" in line:
            raise KeyboardInterrupt

    found = recover.run(setting, None, stop)
    assert found.interrupted
    assert found.sizes == [40]


def test_the_same_seed_gives_the_same_numbers():
    setting = replace(SMALL, sample_sizes=(40,), sets=2, steps=10)
    one, two, other = ([] for _ in range(3))
    for found, at in ((one, setting), (two, setting), (other, replace(setting, draw=1))):
        measure(at, found)
    assert one == two
    assert one[0].spread != one[1].spread
    assert one[0].norm != other[0].norm


def test_bad_settings():
    with pytest.raises(TheoryError, match="labels = both"):
        replace(SMALL, labels="both")
    with pytest.raises(TheoryError, match="labels = both"):
        replace(recover.PAPER, labels="both")
    with pytest.raises(TheoryError, match=r"recovered = 1\.0"):
        replace(recover.PAPER, recovered=1.0)
    with pytest.raises(NotApplicable, match="no tensor gives the subspace"):
        recover.run(replace(recover.PAPER, activation="identity"))
    with pytest.raises(NotApplicable, match="K = 5 neurons exceed d = 3"):
        fig3.run(replace(SMALL, K=5))
    with pytest.raises(TheoryError, match="not available"):
        fig4.run(replace(SMALL, device="cuda:77"))
