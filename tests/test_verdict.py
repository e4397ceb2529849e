"""Verdicts on made-up numbers, whose answers are known beforehand."""

from __future__ import annotations

import math

import pytest

import bounds
from empirics.comparison import predict
from empirics.verdict import Observation, Row, clopper_pearson, combine, judge, slack

AT = {"L": 3, "m": 100, "gamma": 1.0}


def verdict(name: str, measured: float, **changes: object) -> Row:
    q = bounds.quantity(f"banerjee2023.{name}")
    observation = Observation(q.key, AT, measured, **changes)
    values = {"layer_jacobian": {"gamma": 1}, "rsc_threshold": {"c_1": 2, "c_2": 20, "m": 100}}.get(name, {})
    values = values or {"rsc_alpha": {"c_1": 2, "c_2": 10, "gbar_norm_sq": 1, "m": 100}}[name]
    return judge(observation, bounds.result(q, **values))


def test_an_upper_bound_of_one():
    assert verdict("layer_jacobian", 0.5, upper=0.5).verdict == "HOLDS"  # exact
    assert verdict("layer_jacobian", 0.5, upper=0.9).verdict == "HOLDS"  # bounded from above
    assert verdict("layer_jacobian", 0.5, upper=1.1).verdict == "CONSISTENT"
    assert verdict("layer_jacobian", 0.5).verdict == "CONSISTENT"  # one-sided
    assert verdict("layer_jacobian", 1.5).verdict == "VIOLATED"  # a lower estimate above refutes
    assert verdict("layer_jacobian", 1.5, lower=0.0, upper=1.5).verdict == "CONSISTENT"
    assert verdict("layer_jacobian", 1.0, upper=1.0).verdict == "HOLDS"  # equality, up to rounding
    assert verdict("layer_jacobian", math.nan).verdict == "NOT APPLICABLE"


def test_a_lower_bound_of_one():
    # alpha = 2 * 1 - 10/sqrt(100) = 1
    assert verdict("rsc_alpha", 2.0, upper=2.0).verdict == "HOLDS"
    assert verdict("rsc_alpha", 0.5, upper=0.5).verdict == "VIOLATED"
    assert verdict("rsc_alpha", 2.0).verdict == "HOLDS"  # at least 2 is enough
    assert verdict("rsc_alpha", 0.5).verdict == "CONSISTENT"  # at least 0.5 settles nothing


def test_an_equation():
    q = bounds.quantity("banerjee2023.c_1")
    two = bounds.result(q, kappa=1)

    def seen(measured: float, **ends: float) -> str:
        return judge(Observation(q.key, AT, measured, **ends), two).verdict

    assert seen(2.0, upper=2.0) == "HOLDS"
    assert seen(2.5, upper=2.5) == "VIOLATED"
    assert seen(1.5, upper=1.5) == "VIOLATED"
    assert seen(1.5, upper=2.5) == "CONSISTENT"


def test_a_requirement_of_one():
    # 20/(2 sqrt(100)) = 1
    assert verdict("rsc_threshold", 2.0, upper=2.0).verdict == "MET"
    assert verdict("rsc_threshold", 0.5, upper=0.5).verdict == "NOT MET"
    assert verdict("rsc_threshold", 0.5).verdict == "CONSISTENT"


def test_a_reason_makes_it_not_applicable():
    row = verdict("layer_jacobian", 1.5, reasons=("the iterate left the ball",))
    assert (row.verdict, row.slack, row.reasons) == ("NOT APPLICABLE", None, ("the iterate left the ball",))


@pytest.mark.parametrize(
    ("side", "direction", "predicted", "measured", "expected"),
    [
        ("upper", None, 100, 1, 2),
        ("upper", None, 1, 100, -2),
        ("lower", None, 1, 100, 2),
        ("requires", "at_least", 10, 1000, 2),
        ("requires", "at_most", 1000, 10, 2),
        ("lower", None, -1, 1, None),
        ("upper", None, 1, 0, None),
        ("upper", None, math.inf, 1, None),
    ],
)
def test_slack_is_positive_when_satisfied(side, direction, predicted, measured, expected):
    assert slack(side, direction, predicted, measured) == (expected if expected is None else pytest.approx(expected))


def rows(*measured: float) -> list[Row]:
    return [verdict("layer_jacobian", x, upper=x, seed=k) for k, x in enumerate(measured)]


def test_the_worst_case_is_shown_and_seeds_are_counted():
    row = combine(rows(0.1, 0.9, 0.5))
    assert (row.measured, row.seeds, row.cases, row.verdict) == (0.9, (0, 1, 2), 3, "HOLDS")


def test_a_statement_with_probability_is_refuted_by_the_interval_only():
    assert combine(rows(1.5, 0.5, 0.5), failure=0.3).verdict == "CONSISTENT"  # one in three may be chance
    assert combine(rows(*[1.5] * 10), failure=0.3).verdict == "VIOLATED"
    assert combine(rows(1.5, 0.5, 0.5)).verdict == "VIOLATED"  # without a probability one case is enough
    assert "1 of 3 seeds" in combine(rows(1.5, 0.5, 0.5), failure=0.3).reasons[0]


def test_cases_left_out_are_said():
    mixed = [*rows(0.5), verdict("layer_jacobian", 1.5, reasons=("outside",), seed=1)]
    row = combine(mixed)
    assert row.verdict == "HOLDS"
    assert "1 of 2 cases not applicable: outside" in row.reasons


def test_clopper_pearson_against_the_binomial_tails():
    # the ends p solve P(X >= k) = 0.025 and P(X <= k) = 0.025; summed by hand here
    low, high = clopper_pearson(2, 5)
    upper_tail = 1 - (1 - low) ** 5 - 5 * low * (1 - low) ** 4
    lower_tail = (1 - high) ** 5 + 5 * high * (1 - high) ** 4 + 10 * high**2 * (1 - high) ** 3
    assert (upper_tail, lower_tail) == (pytest.approx(0.025), pytest.approx(0.025))
    assert clopper_pearson(0, 4)[0] == 0
    assert clopper_pearson(4, 4)[1] == 1


def test_a_requirement_tested_as_a_bound_has_the_bounds_slack():
    # at most 1 is needed, and up to 100 would do: satisfied by two powers of ten
    values = {"K": 4, "L_phi": 1, "kappa": 1, "lam": 1, "rho_sigma": 1, "c": 0.5}
    row = judge(Observation("fu2018.radius", values, 100.0, side="lower", width=4), predict("fu2018.radius", values))
    assert row.predicted == pytest.approx(1)
    assert row.slack == pytest.approx(2)
