"""Figure 1: its parts against torch's own layers, losses and optimiser, and the whole on a tiny setting."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

import empirics
from bounds.errors import TheoryError
from empirics.experiments.song2021 import fig1, students, teacher
from empirics.experiments.song2021.trend import t_interval, trend
from empirics.networks import network

DIGITS = empirics.load("digits", samples=300, **fig1.LOAD)
TINY = replace(fig1.REDUCED, seeds=3, d_1=64, epochs=150, batch_size=50, test=0.5, normalise="standard")


@pytest.fixture(scope="module")
def drawn():
    """Two ends of the paper's range, wide and long enough for the trend to stand out."""
    data = empirics.load("digits", samples=1000, **fig1.LOAD)
    return fig1.run(replace(TINY, values=2, d_1=128, epochs=350, batch_size=100, test=0.7), data)


def test_the_losses_and_rates_are_those_of_pytorch():
    f, y = torch.randn(2, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    f.requires_grad_()
    value = torch.nn.MSELoss()(f, y)
    (slope,) = torch.autograd.grad(value, f)
    torch.testing.assert_close(teacher.MSE.value(f, y), value)
    torch.testing.assert_close(teacher.MSE.slope(f, y), slope)
    df = torch.randn_like(y)
    torch.testing.assert_close(teacher.MSE.bend(f, y, df), 2 * df / 21)


@pytest.mark.parametrize("loss", ["cross_entropy", teacher.MSE])
def test_the_own_rate_is_one_over_the_gauss_newton_eigenvalue(loss):
    net = network("song2021", d_0=3, d_1=5, d_2=2, omega_1=0.8, omega_2=0.7, seed=1)
    X = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    W, V = (t.detach() for t in (net.W[0], net.V))
    J = torch.cat(
        [
            j.reshape(12, -1)
            for j in torch.autograd.functional.jacobian(lambda W, V: torch.nn.functional.gelu(X @ W.T) @ V, (W, V))
        ],
        dim=1,
    )
    p = torch.softmax(net(X).detach(), 1)
    entropy = torch.block_diag(*(torch.diag(row) - torch.outer(row, row) for row in p))
    middle = entropy if loss == "cross_entropy" else torch.eye(12, dtype=torch.float64) * (2 / 12)
    top = torch.linalg.eigvalsh(J.T @ middle @ J)[-1]
    assert teacher.own_rate(net, X, loss) == pytest.approx(float(1 / top), rel=0.02)


def test_a_student_is_trained_as_torch_would():
    parts = teacher.normalised(teacher.split(DIGITS, 0.5), "unit")
    setting = replace(TINY, omega_2=(0.1,), seeds=1, epochs=2, learning_rate=0.5)
    runs: list[students.Run] = []
    students.train_students(setting, "unit", parts, runs, None)
    net = teacher.student(parts, 64, 0.1, 0)
    W, V = net.W[0].detach().clone().requires_grad_(), net.V.detach().clone().requires_grad_()
    optimiser = torch.optim.SGD([W, V], lr=0.5)
    order = torch.Generator().manual_seed(0)
    targets = torch.nn.functional.one_hot(parts.labels, 10).float()
    for _ in range(2):
        for batch in torch.randperm(150, generator=order).split(50):
            optimiser.zero_grad()
            torch.nn.MSELoss()(torch.nn.functional.gelu(parts.X[batch] @ W.T) @ V, targets[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        f, f_test = (torch.nn.functional.gelu(X @ W.T) @ V for X in (parts.X, parts.X_test))
        assert runs[0].loss_last == pytest.approx(float((f - targets).square().mean()), rel=1e-4)
        assert runs[0].test_error == pytest.approx(float((f_test.argmax(1) != parts.labels_test).float().mean()))
    assert runs[0].omega_1 * 0.1 == pytest.approx(2 / math.sqrt(64 * 64))


def test_the_papers_own_omegas_on_mnist_and_its_ratios_elsewhere():
    paper = fig1.PAPER.omegas(784)
    assert (len(paper), paper[0], paper[-1]) == (10, pytest.approx(0.002), pytest.approx(0.1))
    assert np.diff(np.log(paper)) == pytest.approx(np.full(9, math.log(50) / 9))
    assert teacher.he_product(784, 1000) == pytest.approx(0.002259, abs=5e-7)
    digits = fig1.REDUCED.omegas(64)
    product = 2 / math.sqrt(64 * fig1.REDUCED.d_1)
    assert digits[0] ** 2 / product == pytest.approx(0.002**2 / 0.002259, rel=1e-3)
    assert digits[-1] ** 2 / product == pytest.approx(0.1**2 / 0.002259, rel=1e-3)
    assert replace(fig1.PAPER, omega_2=(0.1, 0.01)).omegas(784) == (0.01, 0.1)


def test_the_split_keeps_every_sample_once_and_the_labels():
    parts = teacher.split(DIGITS, 1 / 7)
    assert (len(parts.X), len(parts.X_test)) == (257, 43)
    from sklearn.datasets import load_digits

    known = {row.tobytes(): label for row, label in zip(*load_digits(return_X_y=True), strict=True)}
    X, labels = torch.cat([parts.X, parts.X_test]).numpy(), torch.cat([parts.labels, parts.labels_test]).tolist()
    assert [known[row.tobytes()] for row in X] == labels
    assert sorted(X.sum(1)) == sorted(DIGITS.X.numpy().sum(1))
    one_hot = empirics.load("digits", samples=300, normalise="none", outputs=10)
    assert teacher.class_labels(one_hot).tolist() == teacher.class_labels(DIGITS).tolist()


def test_normalisations():
    parts = teacher.split(DIGITS, 0.5)
    standard, unit = (teacher.normalised(parts, how) for how in ("standard", "unit"))
    assert float(standard.X.mean()) == pytest.approx(0, abs=1e-5)
    assert float(standard.X.square().mean()) == pytest.approx(1, rel=1e-5)
    expected = (parts.X_test - parts.X.mean()) / parts.X.numpy().std()  # of the training split
    torch.testing.assert_close(standard.X_test, expected.float())
    torch.testing.assert_close(unit.X_test.norm(dim=1), torch.ones(150))


def test_the_teacher_fits_and_its_labels_replace_the_true_ones():
    parts = teacher.normalised(teacher.split(DIGITS, 0.5), "standard")
    weights, wrong, epochs = teacher.train_teacher(parts, 64, 50, 3000)
    told = teacher.relabelled(parts, weights)
    assert (wrong, told.labels.tolist()) == (0, parts.labels.tolist())
    f = torch.nn.functional.gelu(parts.X_test @ weights.W[0].T) @ weights.V
    assert told.labels_test.tolist() == f.argmax(1).tolist() != parts.labels_test.tolist()
    assert epochs % teacher.CHUNK == 0
    _, early, few = teacher.train_teacher(parts, 64, 50, 1)
    assert early > 0
    assert few == 1


def test_test_error_falls_as_the_ratio_grows(drawn):
    low, high = drawn.series("standard", "test_error")
    assert low[1] > high[1] + 0.01
    assert low[3] < high[3]
    assert drawn.trend("standard").direction == -1
    assert len(drawn.runs) == 6
    assert {r.reason for r in drawn.runs} == {"steps"}
    said = drawn.summary()
    assert "the test error falls as omega_2/omega_1 grows, as the paper reports" in said
    zero = sum(r.train_error == 0 for r in drawn.runs)
    assert f"training error zero in {zero} of 6 runs" in said


def test_intervals_and_trends_against_scipy(drawn):
    values = [r.test_error for r in drawn.runs][:3]
    mean, half = t_interval(values)
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert math.isnan(t_interval([1.0])[1])
    rising = trend([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 6, 5])
    assert rising.rho == pytest.approx(1 - 6 * 2 / (6 * 35))
    assert "rises" in rising.words("error")
    assert "as the paper reports" not in rising.words("error", "as the paper reports")
    assert "no trend" in trend([1, 2], [1, 2]).words("error")
    assert "no significant trend" in trend([1, 2, 3, 4], [1, 2, 2, 1]).words("error")


def test_runs_that_learn_nothing_are_named_and_left_out():
    blown = fig1.run(replace(TINY, omega_2=(0.01, 0.1), seeds=1, epochs=3, learning_rate=1e6), DIGITS)
    assert all(r.reason in ("diverged", "nan", students.NO_BETTER) for r in blown.runs)
    assert "2 of 2 runs left out" in blown.summary()
    assert "no student learned anything" in blown.summary()
    short = fig1.run(replace(TINY, omega_2=(0.1,), seeds=1, epochs=1, teacher_epochs=1), DIGITS)
    assert "(not zero, which takes a wider d_1 or more teacher_epochs) after 1 epochs" in short.summary()
    still = fig1.run(replace(TINY, omega_2=(0.1,), seeds=1, epochs=1, learning_rate=1e-9), DIGITS)
    assert [r.reason for r in still.runs] == [students.NO_BETTER]  # its outputs at the start are large
    assert not math.isnan(still.runs[0].test_error)


def test_files(drawn, tmp_path):
    paths = fig1.save(drawn, tmp_path)
    assert [p.name for p in paths] == ["song2021.fig1.csv", "song2021.fig1.png", "song2021.fig1.svg"]
    with paths[0].open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r["test_error"]) for r in rows] == [r.test_error for r in drawn.runs]
    assert float(rows[0]["omega_1"]) * float(rows[0]["omega_2"]) == pytest.approx(2 / math.sqrt(64 * 128))
    assert paths[1].read_bytes()[:4] == b"\x89PNG"
    both = fig1.run(replace(TINY, omega_2=(0.1,), seeds=1, epochs=2, normalise="both"), DIGITS)
    assert len(fig1.save(both, tmp_path)) == 3
    assert both.summary().count("\n") == 1


def test_ctrl_c_keeps_what_is_finished(monkeypatch):
    real = students.train_many
    calls: list[int] = []

    def stops(*args, **options):
        calls.append(len(args[0]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(students, "train_many", stops)
    setting = replace(TINY, omega_2=(0.1,), seeds=2, epochs=2, normalise="both")
    found = fig1.run(setting, DIGITS)
    assert found.interrupted
    assert {r.normalise for r in found.runs} == {"standard"}
    calls[:] = [0]
    with pytest.raises(KeyboardInterrupt):
        fig1.run(setting, DIGITS)


def test_ctrl_c_within_training_keeps_the_finished_batch():
    def stop(line):
        if "step 0" in line and stop.seen:
            raise KeyboardInterrupt
        stop.seen = stop.seen or "step 3" in line

    stop.seen = False
    setting = replace(TINY, omega_2=(0.02, 0.1), seeds=24, epochs=1)  # more than one batch
    found = fig1.run(setting, DIGITS, stop)
    assert found.interrupted
    assert 0 < len(found.runs) < 48


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"normalise": "none"}, "normalise = none"),
        ({"test": 1.0}, "test = 1.0"),
        ({"omega_2": (0.1, 0.1)}, "omega_2 = 0.1,0.1"),
    ],
)
def test_bad_settings(change, said):
    with pytest.raises(TheoryError, match=said):
        replace(TINY, **change)


def test_data_without_classes_or_with_a_zero_sample():
    with pytest.raises(TheoryError, match="classes"):
        fig1.run(TINY, empirics.load("sphere", samples=8, d=3))
    dark = replace(DIGITS, X=torch.cat([torch.zeros(1, 64, dtype=torch.float64), DIGITS.X[1:]]))
    with pytest.raises(TheoryError, match="normalise = unit"):
        fig1.run(replace(TINY, normalise="unit"), dark)
    with pytest.raises(TheoryError, match="equal"):
        fig1.run(TINY, replace(DIGITS, X=torch.ones_like(DIGITS.X)))
    with pytest.raises(TheoryError, match="samples = 1"):
        fig1.run(TINY, replace(DIGITS, X=DIGITS.X[:1], y=DIGITS.y[:1]))
