"""Figure 1 and the measuring commands, on tiny settings."""

from __future__ import annotations

import csv
import itertools
import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import cli
import empirics
from bounds.errors import TheoryError
from empirics.experiments import banerjee2023, figure
from empirics.experiments.banerjee2023 import Setting, figures

DATA = empirics.load("digits", samples=12)


def test_the_summary_claims_growth_only_from_runs_that_show_it():
    one = figures.run(Setting(L=3, widths=(64,), seeds=1, steps=2, learning_rate=10.0), DATA)
    assert "says nothing about growth" in one.summary()
    blown = figures.run(Setting(L=3, widths=(64, 80), seeds=1, steps=30, learning_rate=1e200), DATA)
    assert "2 runs diverged" in blown.summary()
    assert "as the paper reports" not in blown.summary()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    found = figures.run(Setting(L=3, widths=(64, 80), seeds=2, steps=4, learning_rate=10.0), DATA)
    return found, figures.save(found, folder)


def test_figure_files_hold_the_numbers(drawn):
    found, paths = drawn
    assert [p.suffix for p in paths] == [".csv", ".csv", ".png", ".svg"]
    assert paths[2].read_bytes()[:4] == b"\x89PNG"
    assert b"<svg" in paths[3].read_bytes()
    with paths[1].open() as file:
        rows = list(csv.DictReader(file))
    assert [int(r["width"]) for r in rows] == [64, 64, 80, 80]
    net = empirics.network(L=3, m=64, d=64, seed=1)
    first = float(empirics.gradient_norms(net, DATA.X).details["gbar_norm"])
    assert found.gbar[64][1, 0] == pytest.approx(first)
    assert float(rows[1]["min_gbar_norm"]) == np.nanmin(found.gbar[64][1])
    assert "min_t ||gbar_t||" in found.summary()


def test_figure_names():
    assert figure("banerjee2023.fig1") is figures
    with pytest.raises(TheoryError, match="no figure"):
        figure("banerjee2023.fig9")


def run(*arguments: str):
    return CliRunner().invoke(cli.app, arguments)


def test_compare_command():
    done = run(
        "compare", "c_H", "--L", "2", "--widths", "64", "--seeds", "1", "--samples", "8", "--steps", "1", "--json"
    )
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["quantity"], row["verdict"]) == ("banerjee2023.c_H", "HOLDS")
    table = run(
        "compare", "c_H", "--L", "2", "--widths", "64", "--seeds", "1", "--samples", "8", "--steps", "1", "--csv"
    )
    assert next(csv.DictReader(table.stdout.splitlines()))["verdict"] == "HOLDS"


@pytest.mark.parametrize(("verdict", "code"), [("HOLDS", 0), ("CONSISTENT", 0), ("VIOLATED", 1)])
def test_fail_on_violation(monkeypatch, verdict, code):
    judged = banerjee2023.run.gather

    def gather(*args, **options):
        rows, cases = judged(*args, **options)
        return tuple(replace(r, verdict=verdict) for r in rows), cases

    monkeypatch.setattr(banerjee2023.run, "gather", gather)
    small = ["--L", "2", "--widths", "64", "--seeds", "1", "--samples", "8", "--steps", "1"]
    assert run("compare", "c_H", *small, "--fail-on-violation").exit_code == code
    assert run("compare", "c_H", *small).exit_code == 0


def test_a_run_that_fails_is_one_line_and_exit_3(monkeypatch, capsys):
    def exhausted(*_):
        raise MemoryError("no memory for the weights")

    monkeypatch.setattr(banerjee2023.run, "_one_network", exhausted)
    monkeypatch.setattr(sys, "argv", ["bounds", "compare", "c_H", "--samples", "8"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert (stop.value.code, capsys.readouterr().err) == (3, "failed: no memory for the weights\n")


def test_reproduce_command(tmp_path):
    small = ["--widths", "64", "--seeds", "1", "--samples", "8", "--steps", "2"]
    done = run("reproduce", "banerjee2023.fig1", *small, "--out", str(tmp_path / "figs and more"))
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "figs and more").iterdir())) == 4


SMALL = ["--widths", "64", "--seeds", "2", "--samples", "8", "--steps", "1"]


def interrupt_after(monkeypatch, module, name, calls):
    """Ctrl-C in the call after ``calls`` of ``module.name``."""
    whole, count = getattr(module, name), itertools.count()

    def once(*args):
        if next(count) == calls:
            raise KeyboardInterrupt
        return whole(*args)

    monkeypatch.setattr(module, name, once)


def test_interrupted_comparison_shows_what_is_finished(monkeypatch):
    interrupt_after(monkeypatch, banerjee2023.run, "_one_network", 1)
    done = run("compare", "c_H", *SMALL, "--json")
    assert done.exit_code == 130
    assert json.loads(done.stdout)["rows"][0]["seeds"] == [0]
    assert "interrupted" in done.stderr


def test_interrupted_figure_writes_what_is_finished(monkeypatch, tmp_path):
    interrupt_after(monkeypatch, figures, "_train", 1)
    done = run("reproduce", "banerjee2023.fig1", *SMALL, "--widths", "64,80", "--out", str(tmp_path))
    assert done.exit_code == 130
    with (tmp_path / "banerjee2023.fig1b.csv").open() as file:
        assert {r["width"] for r in csv.DictReader(file)} == {"64"}


def test_interrupted_before_anything_is_130_and_writes_nothing(monkeypatch, tmp_path, capsys):
    interrupt_after(monkeypatch, figures, "_train", 0)
    monkeypatch.setattr(sys, "argv", ["bounds", "reproduce", "banerjee2023.fig1", *SMALL, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert "nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "banerjee2023", "--widths", "0"],
        ["compare", "banerjee2023", "--widths", "64,x"],
        ["compare", "banerjee2023", "--seeds", "0"],
        ["compare", "banerjee2023", "--steps", "0"],
        ["compare", "banerjee2023", "--samples", "0"],
        ["compare", "banerjee2023", "--samples", "99999"],
        ["compare", "banerjee2023", "--data", "nowhere.npz"],
        ["compare", "banerjee2023", "--device", "nope"],
        ["compare", "banerjee2023", "--learning-rate", "fast"],
        ["compare", "banerjee2023", "--learning-rate", "nan"],
        ["compare", "banerjee2023", "--L", "1", "--widths", "64", "--samples", "4", "--seeds", "1"],
        ["compare", "banerjee2023", "--activation", "relu", "--widths", "64", "--samples", "4", "--seeds", "1"],
        ["compare", "nonsense"],
        ["reproduce", "banerjee2023.fig7"],
        ["reproduce", "banerjee2023.fig1", "--out", os.devnull],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_and_exit_2(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bounds", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1, err
