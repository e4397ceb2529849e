"""liu2020's Figure 2: the kernel stays with a linear output and moves with the others."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import cli
import empirics
from empirics.experiments.liu2020 import fig2
from empirics.scaling import fit_exponent

SMALL = fig2.Setting(widths=(30, 300, 3000), seeds=2, steps=300)


@pytest.fixture(scope="module")
def found():
    return fig2.run(SMALL)


def slope(found, name):
    points = [(m, x) for m, values in found.largest(name).items() for x in values]
    return fit_exponent(*zip(*points, strict=True))


def test_the_kernel_changes_less_with_the_width_for_the_linear_output_only(found):
    assert slope(found, "linear").high < -0.2
    for name in ("swish", "3 tanh"):
        ends = found.largest(name)
        assert ends[3000].mean() > 0.5 * ends[300].mean(), name
    assert found.largest("3 tanh")[3000].mean() > 5 * found.largest("linear")[3000].mean()


def test_the_change_is_that_of_the_kernels(found):
    X, _ = fig2.data()
    r = found.runs["swish", 30][1]
    start = empirics.network("liu2020", "biased", m=30, d=1, output="swish", seed=1)
    K_0, K = (torch.as_tensor(empirics.ntk_gram(w, X).value) for w in (start, r.final))
    assert r.records["change"][-1] == pytest.approx(float((K - K_0).norm() / K_0.norm()))
    assert r.records["change"][0] == 0


def test_files_and_words(found, tmp_path):
    paths = fig2.save(found, tmp_path)
    assert [p.suffix for p in paths] == [".csv", ".csv", ".png", ".svg"]
    with paths[1].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 3 * 2
    assert float(rows[0]["largest_change"]) == np.max(found.runs["linear", 30][0].records["change"])
    assert "of 18 runs reached" in found.summary()


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
