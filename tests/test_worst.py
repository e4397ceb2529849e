"""The search for the worst point, seen from the comparison: a printed bound is refuted, the proved one is not."""

import json

import pytest

import empirics
from bounds.errors import TheoryError
from empirics.experiments import banerjee2023
from empirics.experiments.banerjee2023 import Setting
from empirics.experiments.banerjee2023.worst import SEARCHED

PRINTED = ("--data", "sphere", "--input-dim", "2", "--samples", "2", "--widths", "512", "--L", "2", "--seeds", "1")
BALL = ("--steps", "1", "--rho", "0", "--rho_1", "1", "--restarts", "2", "--restart-steps", "10")


def test_erratum_b1_is_found_by_searching(bash):
    code, out, _ = bash(
        "compare", "banerjee2023.input_grad_norm_printed", "banerjee2023.input_grad_norm", *PRINTED, *BALL, "--json"
    )
    rows = {r["quantity"].split(".")[1]: r for r in json.loads(out)["rows"]}
    assert code == 0
    assert rows["input_grad_norm_printed"]["verdict"] == "VIOLATED"
    assert rows["input_grad_norm"]["verdict"] == "CONSISTENT"  # a search never proves a bound
    # by hand: sigma_1 = 1, rho = 0, so gamma = 1, and (1 + rho_1)/sqrt(m) = 2/sqrt(512), true only with sqrt(d)
    assert rows["input_grad_norm_printed"]["predicted"] == pytest.approx(2 / 512**0.5)
    assert rows["input_grad_norm"]["predicted"] == pytest.approx(2 / 2**0.5)


def test_every_search_observes_its_quantities():
    setting = Setting(L=2, widths=(16,), seeds=1, steps=2, restarts=2, restart_steps=2)
    found = banerjee2023.compare(setting, empirics.load("digits", samples=6))
    searched = {c.quantity.split(".")[1] for c in found.cases if c.label == "worst of 2 searches"}
    assert searched == {key for keys in SEARCHED.values() for key in keys}
    sampled = {c.quantity: c.measured for c in found.cases if not c.label and c.step == 0}
    for case in found.cases:
        if case.label:
            continue
        same = [c for c in found.cases if c.quantity == case.quantity and c.label.startswith("worst")]
        assert all(c.measured >= sampled[c.quantity] * (1 - 1e-3) for c in same)  # theta_0 is one of the starts


def test_searching_needs_a_count(bash):
    with pytest.raises(TheoryError, match="restarts = -1: must be an integer >= 0"):
        Setting(restarts=-1)
    code, _, err = bash("compare", "banerjee2023", "--restarts", "-1")
    assert (code, err.count("\n")) == (2, 1)
