"""Fitted exponents, verdicts on orders, and what runs say of hidden constants."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bounds.calibration import Calibration
from bounds.errors import TheoryError
from bounds.registry import quantity
from empirics import scaling
from empirics.comparison import gather, predict
from empirics.scaling import calibration_of, fit_exponent, judge_order
from empirics.verdict import Observation, judge

ORDER = "song2021.nu_Phi_upper"
VALUES = {"activation": "gelu", "n": 20, "d_0": 5, "sigma_max_X": 2.0, "omega_1": 1, "omega_2": 0.1, "delta_2": 1}


def observed(power, widths=(64, 128, 256, 512), seeds=3, noise=0.02, c=0.7):
    """Measurements c * order * width^power, the order being evaluated by hand below."""
    rng = np.random.default_rng(0)
    for m in widths:
        for seed in range(seeds):
            size = c * by_hand(m) * (m / 64) ** power * math.exp(noise * rng.standard_normal())
            yield Observation(ORDER, {**VALUES, "d_1": m}, size, seed=seed, width=m)


def by_hand(d_1):
    """Eq 76 at C = 1 for gelu, from the reference values of its Hermite coefficients."""
    c_0, c_1, phi_sq, slope = 0.282094791773878143, 0.5, 0.425218, 1.12890414518515
    c_inf = phi_sq - c_0**2 - c_1**2
    root = math.sqrt(d_1)
    features = math.sqrt(2 * d_1) * (math.sqrt(c_1**2 + c_inf) * 2.0 + c_0 * math.sqrt(20))
    return 0.1 * slope * 2.0 * root + features


def test_an_upper_order_that_holds_bounds_its_constant_from_below():
    (row,), cases = gather(observed(0.0))
    assert row.verdict == "CONSISTENT"
    assert row.details["widths"] == (64, 128, 256, 512)
    constant = row.details["constant"]
    assert constant["relation"] == ">="
    assert constant["value"] == pytest.approx(0.7, rel=0.08)
    assert len(cases) == 12
    assert any("width^" in reason for reason in row.reasons)


def test_an_upper_order_that_is_outgrown_is_refuted_and_one_that_is_loose_is_not():
    assert gather(observed(0.3))[0][0].verdict == "VIOLATED"
    assert gather(observed(-0.3))[0][0].verdict == "CONSISTENT"
    assert gather(observed(0.3, widths=(64, 80, 96)))[0][0].verdict == "CONSISTENT"  # too short a range
    assert gather(observed(0.3, widths=(64, 512)))[0][0].verdict == "CONSISTENT"  # no interval from two widths


def test_calibration_goes_through_a_file(tmp_path):
    rows, _ = gather(observed(0.0))
    path = tmp_path / "constants of runs.json"
    assert "1 hidden constants" in calibration_of(rows, "a test").write(path)
    found = Calibration.read(path).fill(ORDER)
    assert found["C"].value == rows[0].details["constant"]["value"]
    assert "calibrated, not proved" in found["C"].origin
    assert Calibration.read(path).fill("song2021.required_width") == {}


def test_nothing_to_calibrate_is_said():
    with pytest.raises(TheoryError, match="nothing to calibrate"):
        calibration_of((), "a test")


def case(key, values, measured, **extra):
    """One case as `gather` judges it."""
    return judge(Observation(key, values, measured, **{"upper": measured, **extra}), predict(key, values))


def hessians(size, widths=(64, 128, 256), seeds=3, steps=(0,)):
    """Theorem 7.1's order, ||H|| <= C R^(3L)/sqrt(m) at L = 3: ``size(m, R, seed, step)`` -> (R, ||H||)."""
    for m in widths:
        for seed in range(seeds):
            for step in steps:
                R, norm = size(m, seed, step)
                yield case("liu2020.hessian_order", {"L": 3, "R": R, "m": m, "activation": "tanh"}, norm,
                           seed=seed, step=step, width=m)  # fmt: skip


def test_the_exponents_of_measured_and_claimed_are_named():
    noise = np.random.default_rng(1).normal(0, 0.01, (3, 3))
    row = judge_order(list(hessians(lambda m, s, _: (2.0, m**-0.8 * math.exp(noise[m // 128, s])))))
    assert row.verdict == "CONSISTENT"
    assert any("measured scales as width^-0.8" in r and "claimed width^-0.50" in r for r in row.reasons)


def test_steps_of_a_run_are_one_point():
    """Three runs that differ by chance, looked at 50 times each, show no more of a trend than looked at once."""
    drift = {(64, 0): 1.0, (64, 1): 1.5, (128, 0): 1.4, (128, 1): 1.1, (256, 0): 1.2, (256, 1): 1.6}
    size = lambda m, s, t: (2.0, drift[m, s] * m**-0.5 * (1 - 1e-3 * t))  # noqa: E731
    once, often = (judge_order(list(hessians(size, seeds=2, steps=range(k)))) for k in (1, 50))
    x, y = zip(*((m, v) for (m, _), v in drift.items()), strict=True)
    assert fit_exponent(x, y).low < 0  # six points determine nothing
    assert once.verdict == often.verdict == "CONSISTENT"
    assert once.reasons[1] == often.reasons[1]
    assert often.cases == 300


def test_a_trend_within_rounding_refutes_nothing():
    row = judge_order(list(hessians(lambda m, s, _: (2.0, m ** (-0.5 + 1e-9)), widths=(64, 128, 256, 512), seeds=1)))
    assert fit_exponent([64, 128, 256], [v**1e-9 for v in (64, 128, 256)]).low > 0
    assert row.verdict == "CONSISTENT"


def test_growth_that_is_no_line_refutes_nothing():
    """The ratio grows, and saturates: over these widths an exponent does not describe it."""
    saturates = lambda m, s, _: (2.0, m**-0.5 * (2 - 60 / m) * (1 + 0.001 * s))  # noqa: E731
    row = judge_order(list(hessians(saturates, widths=(64, 128, 256, 512))))
    assert row.verdict == "CONSISTENT"
    assert row.reasons[-1].endswith("a trend, but no line")


def test_what_another_parameter_explains_is_not_the_width():
    """||H|| = R/sqrt(m) and R falling with m: the ratio R^(1 - 9) grows with m, at fixed R it does not."""
    rng = np.random.default_rng(2)
    radius = {(m, s): 3 * (64 / m) ** 0.3 * math.exp(0.2 * rng.normal()) for m in (64, 128, 256) for s in range(4)}
    falling = lambda m, s, _: (radius[m, s], radius[m, s] / math.sqrt(m) * math.exp(0.01 * rng.normal()))  # noqa: E731
    row = judge_order(list(hessians(falling, seeds=4)))
    assert row.verdict == "CONSISTENT"
    assert any("R^-8.0" in reason for reason in row.reasons)
    rising = lambda m, s, _: (radius[m, s], falling(m, s, 0)[1] * m**0.5)  # noqa: E731
    assert judge_order(list(hessians(rising, seeds=4))).verdict == "VIOLATED"


def test_two_widths_have_an_exponent_and_no_interval():
    row = judge_order(list(hessians(lambda m, s, _: (2.0, 1.0), widths=(64, 256), seeds=2)))
    assert row.verdict == "CONSISTENT"
    assert any("their ratio width^0.50: too few widths" in reason for reason in row.reasons)


def test_parameters_that_move_together_are_not_told_apart():
    sizes = [case("song2021.row_norm", {**ROW, "d_1": m, "d_0": m // 4}, 1.0 * m, width=m) for m in (64, 128, 256)]
    row = judge_order(sizes)
    assert row.verdict == "CONSISTENT"
    assert any("d_0 cannot be told apart from the width" in reason for reason in row.reasons)


ROW = {"omega_1": 1.0, "delta_1": 0.5}


def lower(measured, **extra):
    """sigma_min(grad Phi) >= C sqrt(...): a claim from below."""
    m = extra["width"]
    values = {**VALUES, "d_1": m, "t": 1, "sigma_min_Xt": 1.0, "delta_1": 0.5}
    values = {k: v for k, v in values.items() if k in LOWER}
    return case("song2021.mu_Phi_lower_printed", values, measured, **extra)


LOWER = ("activation", "d_1", "t", "sigma_min_Xt", "delta_1", "omega_1")


def test_a_claim_from_below_needs_the_upper_end():
    exact = judge_order([lower(2.0, width=64)])
    wide = judge_order([lower(2.0, width=64, upper=3.0)])
    assert exact.details["constant"]["relation"] == "<="
    assert wide.details["constant"]["value"] == pytest.approx(1.5 * exact.details["constant"]["value"])
    open_end = judge_order([lower(2.0, width=64, upper=None)])
    assert "constant" not in open_end.details
    assert "known from one side only" in open_end.reasons[0]
    assert judge_order([lower(0.0, width=64)]).reasons[0].endswith("measured 0")
    with pytest.raises(TheoryError):
        calibration_of([judge_order([lower(0.0, width=64)])], "a test")


def test_a_claim_from_above_needs_the_lower_end():
    values = {"L": 3, "R": 2.0, "m": 64, "activation": "tanh"}
    at_most = case("liu2020.hessian_order", values, 5.0, lower=0.0, upper=5.0, width=64)
    assert "constant" not in judge_order([at_most]).details  # 5 is only an upper end
    at_least = case("liu2020.hessian_order", values, 5.0, upper=None, width=64)
    found = judge_order([at_least]).details["constant"]
    assert found["value"] == pytest.approx(5.0 * 8 / 2**9)
    assert found["relation"] == ">="


def test_a_constant_inside_the_formula_is_not_bounded():
    values = {**VALUES, "d_1": 64}
    inner = case("song2021.loss_init_derived", {k: v for k, v in values.items() if k in INITIAL}, 1.0, width=64)
    row = judge_order([inner])
    assert row.verdict == "NOT APPLICABLE"
    assert row.reasons == ("the hidden constant C is not a factor: the runs do not bound it",)
    nested = replace(inner, quantity="fu2018.contraction", details={**inner.details, "unset": ["C"]})
    assert not quantity("fu2018.contraction").hidden  # its C is that of a quantity it is built on
    assert judge_order([nested]).verdict == "NOT APPLICABLE"


INITIAL = ("n", "omega_1", "omega_2", "d_1", "activation", "sigma_max_X")


def test_a_width_that_failed_bounds_the_constant_of_a_requirement():
    """m >= C n at m = 32, 64, 128 with n = 16: failures at 32 and 64 refute every C <= 64/16."""
    runs = [case("quoted.kawaguchi2019", {"n": 16, "m": m, "L": 4}, float(m), width=m) for m in (32, 64, 128)]
    assert "constant" not in judge_order(runs).details
    ends = {32: "failed", 64: "failed", 128: ""}
    values = {"n": 16, "L": 4}
    row = judge_order(
        [case("quoted.kawaguchi2019", {**values, "m": m}, float(m), width=m, outcome=end) for m, end in ends.items()]
    )
    assert row.reasons == ("C > 4 (2 cases whose run failed)",)
    assert row.verdict == "CONSISTENT"
    assert calibration_of([row], "a test").fill("quoted.kawaguchi2019")["C"].value == 4


def test_hidden_logarithms_are_allowed(monkeypatch):
    cases = list(hessians(lambda m, s, _: (2.0, m**-0.4)))
    assert judge_order(cases).verdict == "VIOLATED"
    q = quantity("liu2020.hessian_order")
    tilde = replace(q, statement=r"\|H\|=\tilde O(R^{3L}/\sqrt m)")
    monkeypatch.setattr(scaling, "quantity", lambda _: tilde)
    row = judge_order(cases)
    assert row.verdict == "CONSISTENT"
    assert any("hides logarithms" in reason for reason in row.reasons)


def test_a_product_of_constants_is_not_calibrated(monkeypatch):
    cases = [replace(r, details={**r.details, "unset": ["C", "K"]}) for r in hessians(lambda m, s, _: (1.0, 2.0))]
    q = quantity("liu2020.hessian_order")
    both = replace(q, hidden=(*q.hidden, replace(q.hidden[0], name="K")))
    monkeypatch.setattr(scaling, "quantity", lambda _: both)
    row = judge_order(cases)
    assert row.reasons[0] == "the product C K >= 32 (9 cases)"  # 2 sqrt(256)
    assert "constant" not in row.details


def test_cases_that_do_not_count_are_said():
    good = list(hessians(lambda m, s, _: (2.0, m**-0.5)))
    bad = replace(good[0], verdict="NOT APPLICABLE", reasons=("diverged",))
    row = judge_order([bad, *good])
    assert row.cases == 10
    assert row.reasons[-1] == "1 of 10 cases left out: diverged"
    assert judge_order([bad]).verdict == "NOT APPLICABLE"
