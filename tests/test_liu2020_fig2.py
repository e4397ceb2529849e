"""liu2020's Figure 2: the kernel stays with a linear output and moves with the others."""

from __future__ import annotations

import csv
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from naive import flat, jacobian, kernel, liu2020_shallow

import bounds.activations
import cli
import empirics
from empirics.experiments.liu2020 import fig2
from empirics.weights import stack

SMALL = fig2.Setting(widths=(30, 300, 3000), seeds=6, steps=200)


@pytest.fixture(scope="module")
def found():
    return fig2.run(SMALL)


def start(name, m, run):
    psi = fig2.OUTPUTS[name]
    return empirics.network("liu2020", "biased", m=m, d=1, output=psi, seed=1000 * m + run)


def exact_kernel(net, X):
    """J J^T by autograd from eq 110."""
    w = net.weights
    psi = (lambda z: z) if w.output is None else w.output.phi
    return kernel(jacobian(w, X, lambda tensors, x: liu2020_shallow(tensors, x, torch.relu, psi)))


def test_the_kernel_changes_less_with_the_width_for_the_linear_output_only(found):
    linear = found.exponent("linear")
    assert -0.9 < linear.low < linear.high < -0.3
    for name in ("swish", "3 tanh"):
        assert found.exponent(name).value > -0.2, name
        assert found.largest(name)[3000].min() > 10 * found.largest("linear")[3000].max(), name


def power(p, spread=0.0, widths=(1000, 10_000, 100_000)):
    """Width -> runs whose Delta K_t climbs to m^p, three a width, apart by a factor of e^spread."""
    return {
        m: [
            SimpleNamespace(
                records={"change": np.array([0.0, m**p * math.exp(s * spread)])},
                reason="tolerance",
                final_loss=0.0,
                learning_rate=1.0,
                stop_step=1,
                steps=np.arange(2),
            )
            for s in (-1, 0, 1)
        ]
        for m in widths
    }


@pytest.mark.parametrize(
    ("linear", "other", "words"),
    [
        (-0.5, power(0.0, 0.1), ("m^-0.50", "is inside this", "no fall beyond the interval, as the paper reports")),
        (-0.25, power(-0.5, 0.1), ("m^-0.25", "is outside this", "it falls with the width, unlike in the paper")),
        (-0.5, power(0.0, 9.0), ("holds 0 and -0.5 alike, so that these runs do not tell",)),
    ],
)
def test_words_say_what_the_runs_show(linear, other, words):
    runs = {("linear", m): group for m, group in power(linear, 0.05).items()}
    made = fig2.Figure2(runs | {("swish", m): group for m, group in other.items()}, 10)
    for word in words:
        assert word in made.summary()


@pytest.mark.parametrize("name", fig2.OUTPUTS)
def test_the_change_and_the_step_follow_from_the_kernels(found, name):
    X, y = fig2.data()
    assert 0 <= X.min() < X.max() <= 1
    assert torch.equal(y, 2 * X[:, 0] + 1 / 2)
    r = found.runs[name, 30][1]
    net = start(name, 30, 1)
    K_0, K = exact_kernel(net, X), exact_kernel(net.clone_at(r.final), X)
    assert not torch.equal(flat(net.weights), flat(r.final))
    assert r.records["change"][-1] == pytest.approx(float((K - K_0).norm() / K_0.norm()), rel=1e-9)
    assert r.records["change"][0] == 0
    L_F = fig2.steepest(name) * float(torch.linalg.matrix_norm(exact_kernel(start("linear", 30, 1), X), 2)) ** 0.5
    assert r.learning_rate == pytest.approx(1 / L_F**2)
    assert len(r.records["change"]) == r.stop_step + 1


@pytest.mark.parametrize("name", fig2.OUTPUTS)
def test_largest_slopes_of_the_outputs(name):
    psi, slope = fig2.OUTPUTS[name], fig2.steepest(name)
    if psi is not None:
        assert slope == pytest.approx(float(bounds.activations.get(psi).sup(1).enclosure.hi), rel=1e-9)
    z = torch.linspace(-20, 20, 400_001, dtype=torch.float64)
    seen = torch.ones(()) if psi is None else empirics.torch_activation(psi).d1(z).abs().max()
    assert float(seen) == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize("name", fig2.OUTPUTS)
def test_it_observes_what_the_general_observer_does(name):
    X, _ = fig2.data(1)
    first, then = (stack([start(name, 12, r).weights for r in runs]) for runs in ((0, 1, 2), (3, 4, 5)))
    short, general = fig2.KernelChangeShallow(X), empirics.KernelChange(X)
    for observer in (short, general):
        observer.begin(first)
    assert torch.allclose(short(then), general(then), rtol=1e-12, atol=0)
    for observer in (short, general):
        observer.keep([0, 2])
    two = stack([then.select(0), then.select(2)])
    assert torch.allclose(short(two), general(two), rtol=1e-12, atol=0)


def test_files_hold_every_run(found, tmp_path):
    paths = fig2.save(found, tmp_path)
    assert [p.suffix for p in paths] == [".csv", ".csv", ".png", ".svg"]
    along, ends = ([*csv.DictReader(p.read_text().splitlines())] for p in paths[:2])
    assert len(ends) == 3 * 3 * 6
    for row in ends:
        r = found.runs[row["output"], int(row["width"])][int(row["run"])]
        assert float(row["largest_change"]) == np.max(r.records["change"])
        assert (int(row["steps"]), row["stopped"]) == (r.stop_step, r.reason)
    assert found.left == 3000
    assert len(along) == sum(len(r.steps) for (_, m), runs in found.runs.items() for r in runs if m == 3000)


def test_runs_above_the_tolerance_are_counted_and_said(found):
    for name in fig2.OUTPUTS:
        runs = [r for (output, _), group in found.runs.items() if output == name for r in group]
        reached = sum(r.final_loss < 1e-4 for r in runs)
        assert f"{name}: {reached} of 18 runs reached a loss below 0.0001, {18 - reached} stopped" in found.summary()


def test_runs_that_blow_up_are_left_out_and_said(tmp_path):
    blown = fig2.run(fig2.Setting(widths=(30, 40, 50), seeds=1, steps=50, share=1e9))
    assert {r.reason for (name, _), runs in blown.runs.items() for r in runs if name == "linear"} <= {"diverged", "nan"}
    assert "3 diverged and are left out" in blown.summary()
    assert blown.largest("linear") == {}
    assert all(p.exists() for p in fig2.save(blown, tmp_path))


def test_left_panel_is_the_papers_width():
    assert fig2.Figure2({("linear", m): [] for m in fig2.PAPER.widths}, 1).left == 10_000


def test_command_and_data_that_it_does_not_want(tmp_path):
    small = ["--widths", "30,40", "--seeds", "1", "--steps", "2", "--out", str(tmp_path)]
    done = CliRunner().invoke(cli.app, ["reproduce", "liu2020.fig2", *small])
    assert done.exit_code == 0, done.output
    assert "fewer than three widths" in done.stdout
    refused = CliRunner().invoke(cli.app, ["reproduce", "liu2020.fig2", "--data", "digits", *small])
    assert "makes its own data" in str(refused.exception)


def test_ctrl_c_keeps_what_is_finished(monkeypatch):
    whole, calls = fig2._train, []

    def once(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(fig2, "_train", once)
    found = fig2.run(fig2.Setting(widths=(30, 40), seeds=1, steps=2))
    assert found.interrupted
    assert {m for _, m in found.runs} == {30}
