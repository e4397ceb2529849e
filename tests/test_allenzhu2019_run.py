"""allenzhu2019's comparison end to end on tiny networks: rows by kind, parts of a sweep, and outcomes with a name."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import empirics
from bounds.errors import NotApplicable, TheoryError
from bounds.registry import papers, quantity
from empirics.data import Dataset
from empirics.experiments import allenzhu2019
from empirics.experiments.allenzhu2019 import Setting, lemmas
from empirics.experiments.allenzhu2019.data import one_hot, samples_of, separation
from empirics.experiments.allenzhu2019.judging import judged, kind_of, sum_up
from empirics.gathering import gather, judge_all
from empirics.regather import regather
from empirics.verdict import CONSISTENT, NOT_APPLICABLE, VIOLATED, Observation

KEY = "allenzhu2019"
DRAW = torch.Generator().manual_seed(1)
DATA = Dataset(
    torch.randn(6, 4, generator=DRAW, dtype=torch.float64),
    torch.tensor([-1.0, 0.0, 1.0, 0.0, 1.0, -1.0], dtype=torch.float64),
    "test",
    "drawn",
    classes=3,
)
TINY = Setting(
    widths=(24, 48), channels=(3, 4), seeds=2, steps=3, sgd_steps=3, loss_steps=3, batch_size=2, omegas=(1e-2, 1e-1)
)
LIGHT = frozenset(f"{KEY}.{name}" for name in ("movement", "gradient_upper", "chi", "sgd_movement", "loss_init"))
REFUTED = {"cnn_dense_variance_printed", "cnn_input_variance_printed"}
"""A14: as printed the norms do not stay near 1."""


@pytest.fixture(scope="module")
def comparison():
    return allenzhu2019.compare(TINY, DATA)


def name_of(row):
    return row.quantity.split(".")[1]


def test_every_quantity_measured_exists_and_has_a_row_for_each_kind_that_it_is_about(comparison):
    assert set(papers()[KEY].quantities) >= allenzhu2019.MEASURED
    seen = {(name_of(r), kind_of(r)) for r in comparison.rows}
    assert {name for name, _ in seen} == allenzhu2019.MEASURED
    alike = allenzhu2019.MEASURED - frozenset().union(*lemmas.MEASURED.values())
    assert {(name, kind) for name in alike for kind in ("mlp", "cnn", "resnet")} <= seen
    for kind, own in lemmas.MEASURED.items():
        assert {n for n, k in seen if k == kind} == alike | own
    assert {name_of(r) for r in comparison.rows if r.verdict == VIOLATED} <= REFUTED


def test_orders_do_not_mix_kinds_and_calibrate_the_formulas_of_theorem_1_with_its_own_network_only(comparison):
    rows = {kind_of(r): r for r in comparison.rows if name_of(r) == "gradient_upper"}
    assert rows["mlp"].details["widths"] == rows["resnet"].details["widths"] == (24, 48)
    assert rows["cnn"].details["widths"] == (3, 4)
    assert "constant" in rows["mlp"].details
    assert "constant" not in rows["cnn"].details
    ratios = [c.details["ratio"] for c in comparison.cases if name_of(c) == "gradient_upper" and kind_of(c) == "mlp"]
    constant = comparison.calibration("a test").constants[f"{KEY}.gradient_upper", "C"]
    assert constant.value == pytest.approx(max(ratios))


def test_a_kind_is_the_same_whatever_else_is_trained(comparison):
    alone = allenzhu2019.compare(replace(TINY, networks="cnn"), DATA, only=LIGHT)
    beside = [c for c in comparison.cases if kind_of(c) == "cnn" and c.quantity in LIGHT]
    assert sorted(c.measured for c in alone.cases) == pytest.approx(sorted(c.measured for c in beside), rel=1e-12)
    assert {kind_of(c) for c in alone.cases} == {"cnn"}


def test_parts_of_a_sweep_make_the_table_of_one_run():
    setting = replace(TINY, networks="mlp,resnet", losses="none")
    whole = allenzhu2019.compare(setting, DATA, only=LIGHT)
    parts = [
        allenzhu2019.compare(replace(setting, seeds=1, first_seed=seed, widths=(width,), fresh=not seed), DATA, LIGHT)
        for seed in (0, 1)
        for width in (24, 48)
    ]
    again = regather(parts, allenzhu2019.sum_up)
    assert len(again.cases) == len(whole.cases)
    for a, b in zip(whole.rows, again.rows, strict=True):
        assert (a.quantity, a.verdict, a.label, a.width) == (b.quantity, b.verdict, b.label, b.width)
        assert a.measured == pytest.approx(b.measured, rel=1e-10)


def test_only_what_is_asked_for_is_computed():
    lines = []
    found = allenzhu2019.compare(TINY, DATA, only=frozenset((f"{KEY}.movement",)), progress=lines.append)
    assert {r.quantity for r in found.rows} == {f"{KEY}.movement"}
    assert not [line for line in lines if "SGD" in line or "loss" in line or "near" in line]
    assert found.configuration["findings"] == []


def growing(name, power):
    """Measured like width^power times the claim."""
    values = {"n": 4, "L": 2, "d": 1, "delta": 0.5, "F": 1.0}
    for m in (8, 16, 32, 64):
        for seed in (0, 1):
            claimed = float(empirics.comparison.predict(f"{KEY}.{name}", values | {"m": m}).value)
            measured = claimed * m**power * (1 + 0.01 * seed)
            yield Observation(f"{KEY}.{name}", values | {"m": m}, measured, upper=measured, seed=seed)


def test_a_trend_below_the_theorems_width_refutes_nothing():
    samples = samples_of(DATA)
    plain, _ = gather(growing("gradient_upper", 0.5))
    assert plain[0].verdict == VIOLATED
    (row,) = allenzhu2019.sum_up(judged({"mlp": growing("gradient_upper", 0.5)}, samples))
    assert row.verdict == CONSISTENT
    # m >= C_m n^24 L^12 d log(m)^5/delta^8 at n = 4, L = 2, delta = 1/2; m/log(m)^5 falls up to m = e^5
    assert f"C_m <= {64 / (4**24 * 2**12 * math.log(64) ** 5 * 2**8):.2g}" in row.reasons[0]
    (row,) = allenzhu2019.sum_up(judged({"mlp": growing("loss_init", 0.5)}, samples))  # holds at every width
    assert row.verdict == VIOLATED
    assert "C_m" not in quantity(f"{KEY}.loss_init").text


def test_equal_samples_are_named_and_no_theorem_is_applied_to_them():
    twice = replace(DATA, X=torch.cat([DATA.X, 3 * DATA.X[1:2]]), y=torch.cat([DATA.y, DATA.y[:1]]))
    found = allenzhu2019.compare(replace(TINY, widths=(24,), channels=(3,), seeds=1), twice)
    rows = {name_of(r): r for r in found.rows if kind_of(r) == "mlp"}
    for name in ("gradient_lower", "movement", "required_width", "sgd_iterations", "loss_init", "separateness"):
        assert rows[name].verdict == NOT_APPLICABLE, name
        assert "samples 1 and 6 are equal" in rows[name].reasons[0], name
    assert not any(r.verdict == VIOLATED and name_of(r) not in REFUTED for r in found.rows)


def test_inputs_are_changed_as_in_footnote_5_unless_they_are_so_already():
    samples = samples_of(DATA)
    assert samples.X.shape == (6, 5)
    assert torch.allclose(samples.X.norm(dim=1), torch.ones(6, dtype=torch.float64))
    assert torch.allclose(samples.X[:, -1], torch.full((6,), 0.5**0.5, dtype=torch.float64))
    assert torch.allclose(samples.X[:, :-1], DATA.X / (2**0.5 * DATA.X.norm(dim=1, keepdim=True)))
    assert "footnote 5" in samples.notes[0]
    least = min(float((a - b).norm()) for k, a in enumerate(samples.X) for b in samples.X[:k])
    assert samples.delta == pytest.approx(least, rel=1e-14)
    again = samples_of(samples.data)
    assert again.X.data_ptr() == samples.X.data_ptr()
    assert not again.notes
    assert separation(torch.tensor([[0.0], [5.0], [3.0], [2.0]]))[1:] == (2, 3)


def test_classes_from_targets_that_stand_for_them():
    classes, why = one_hot(DATA)
    assert classes.argmax(1).tolist() == [0, 1, 2, 1, 2, 0]
    assert not why
    for other, words in (
        (replace(DATA, classes=None), "numbers, not classes"),
        (replace(DATA, y=torch.ones(6)), "one class"),
        (replace(DATA, y=torch.full((6, 2), 0.5)), "not one-hot"),
    ):
        found, why = one_hot(other)
        assert found is None
        assert words in why
    numbers = replace(DATA, classes=None)
    only = frozenset((f"{KEY}.iterations_cross_entropy",))
    rows = allenzhu2019.compare(TINY, numbers, only=only).rows
    assert {r.verdict for r in rows} == {NOT_APPLICABLE}
    assert "numbers, not classes" in rows[0].reasons[0]


def test_a_step_that_diverges_is_an_outcome_and_no_verdict():
    only = frozenset(f"{KEY}.{name}" for name in ("movement", "chi", "sgd_movement", "step_size"))
    setting = replace(TINY, learning_rate=1e7, sgd_learning_rate=1e7, networks="mlp", steps=30, sgd_steps=30)
    rows = {name_of(r): r for r in allenzhu2019.compare(setting, DATA, only=only).rows}
    for name in ("movement", "chi", "sgd_movement"):
        assert rows[name].verdict == NOT_APPLICABLE, name
        assert "is too large" in rows[name].reasons[0], name
    assert rows["step_size"].verdict == CONSISTENT


def test_ctrl_c_keeps_the_widths_that_are_finished():
    def stop_at(word):
        def progress(line):
            if word in line and "networks" in line:
                raise KeyboardInterrupt

        return progress

    found = allenzhu2019.compare(replace(TINY, networks="mlp"), DATA, only=LIGHT, progress=stop_at("width 48"))
    assert found.interrupted
    assert {run["width"] for run in found.configuration["runs"]} == {24}
    with pytest.raises(KeyboardInterrupt):
        allenzhu2019.compare(TINY, DATA, only=LIGHT, progress=stop_at("width 24"))


def test_what_the_paper_does_not_cover_is_refused_in_one_line():
    for change, error, words in (
        ({"activation": "tanh"}, NotApplicable, "relu"),
        ({"widths": (1, 8)}, TheoryError, "at least 2"),
        ({"batch_size": 7}, TheoryError, "at most the 6 samples"),
        ({"q": 6, "networks": "cnn"}, TheoryError, "q=6"),
    ):
        with pytest.raises(error, match=words):
            allenzhu2019.compare(replace(TINY, **change), DATA)
    for change, words in (
        ({"networks": "mlp,vgg"}, "'vgg' is not known"),
        ({"networks": "mlp,mlp"}, "must differ"),
        ({"losses": "hinge"}, "'hinge' is not known"),
        ({"eps": 2.0}, "at most 1"),
        ({"loss_samples": 1}, "at least 2"),
    ):
        with pytest.raises(TheoryError, match=words):
            replace(TINY, **change)
    with pytest.raises(TheoryError, match="at least 2"):
        allenzhu2019.compare(TINY, replace(DATA, X=DATA.X[:1], y=DATA.y[:1]))
    zero = DATA.X.clone()
    zero[2] = 0
    with pytest.raises(TheoryError, match="row 2 of X is zero"):
        allenzhu2019.compare(TINY, replace(DATA, X=zero))


def test_findings_say_what_was_measured(comparison):
    said = " ".join(comparison.configuration["findings"])
    assert "mlp, 4 runs: the loss fell in 12 of 12 steps" in said
    assert "resnet, cross entropy loss (Theorem 6), 6 samples" in said
    assert str(comparison).count("footnote 5") == 1


def test_a_trend_in_the_width_does_not_refute_a_lemma_whose_premises_hide_constants():
    widths = (64, 128, 256, 512, 1024)
    seen = [
        Observation("allenzhu2019.backward_norm", {"m": m, "d": 1}, m * (1 + s / 100), upper=2.0 * m, width=m, seed=s)
        for m in widths
        for s in range(3)
    ]
    cases = judge_all(seen)  # grows as m, where sqrt(m) is claimed from a width of a hidden constant on
    (strict,), (mild,) = gather(seen)[0], sum_up(cases)
    assert strict.verdict == VIOLATED
    assert mild.verdict == CONSISTENT
    assert "only where its premises' hidden constants admit these widths" in mild.reasons[0]
