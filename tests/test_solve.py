"""Required widths: cases solved by hand, certificates checked by the second derivation."""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction

import mpmath as mp
import pytest
from derivation import SIMPLE, alpha, derived

import bounds


def width(**values):
    return bounds.required_width("banerjee2023", **values)


def certified_by_hand(solution, point):
    """alpha(m*) > 0 >= alpha(m* - 1), decided by the derivation, not by the solver."""
    return alpha(point, solution.value) > 0 >= alpha(point, solution.value - 1)


def test_tie_at_2592():
    # c_H = 2 (4 + 2 + 2) 2 + 4 = 36: alpha = 2 - 2 36 sqrt(2)/sqrt(m) is zero at m = 2592 exactly
    solution = width(L=2, failure="1/2", **SIMPLE)
    assert (solution.value, solution.binding) == (2593, "RSC")
    assert solution.certificate.fails_below == "RSC"
    assert solution.certificate.holds_at == {"RSC": True, "probability": True, "m >= d": True}
    assert solution.chosen == {"c_H": "c_H_chain"}
    assert solution.log10 == pytest.approx(math.log10(2593), rel=1e-15)
    assert solution.probability == pytest.approx(1 - 6 / 2593, rel=1e-15)
    assert (solution.thresholds["probability"], solution.thresholds["m >= d"]) == (12, 1)
    assert certified_by_hand(solution, {**SIMPLE, "L": 2})


@pytest.mark.parametrize(("depth", "c_h"), [(2, 36), (3, 66), (4, 104), (7, 266)])
def test_ties_at_every_depth(depth, c_h):
    # c_H = 2 (L^2 + 2 L) 2 + 2 L = 4 L^2 + 10 L: alpha(m) = 0 at m = 2 c_H^2
    assert c_h == 4 * depth**2 + 10 * depth
    assert width(L=depth, failure="1/2", **SIMPLE).value == 2 * c_h**2 + 1


def test_kappa_and_gradient_scale_by_hand():
    # 2 kappa^2 gbar = 2/8: sqrt(m) = 8 36 sqrt(2)
    assert width(L=2, **{**SIMPLE, "kappa": "1/2", "gbar_norm_sq": "1/2"}).value == 2 * (8 * 36) ** 2 + 1
    # mean y^2 = 7: loss_ball = 16, sqrt(m) = 36 4 = 144, a tie
    assert width(L=2, **{**SIMPLE, "mean_y_sq": 7}).value == 144**2 + 1


@pytest.mark.parametrize("given", ["0.05", "1/20", Fraction(1, 20)])
@pytest.mark.parametrize("depth", [2, 5, 11])
def test_probability_binds_exactly(depth, given):
    # a linear activation and h = 1: c_H = 2 (L^2 + 2 L) + 2 L, beaten by asking for a small failure
    easy = {**SIMPLE, "beta_phi": 0}
    rsc = 2 * (2 * (depth**2 + 2 * depth) + 2 * depth) ** 2 + 1
    scale = 10**6
    solution = width(L=depth, failure=Fraction(given) / scale, **easy)
    assert (solution.value, solution.binding) == (2 * (depth + 1) * 20 * scale, "probability")
    assert solution.certificate.fails_below == "probability"
    assert solution.thresholds["RSC"] == rsc
    assert width(L=depth, failure=given, **easy).thresholds["probability"] == 40 * (depth + 1)


def test_input_dimension_binds():
    solution = width(L=2, **{**SIMPLE, "d": 5000})
    assert (solution.value, solution.binding, solution.certificate.fails_below) == (5000, "m >= d", "m >= d")
    assert width(L=2, **{**SIMPLE, "d": 10**40}).value == 10**40


def test_impossible_gradient_is_not_applicable():
    # varrho^2 = 1 + (1/m) L at gamma = 1, phi(0) = 0: above 1 + 2/m* no network has such a mean gradient
    solution = width(L=2, **{**SIMPLE, "gbar_norm_sq": 2})
    assert solution.value is None
    assert not solution.applicable
    assert any("Lemma 4.1" in r and "varrho" in r for r in solution.reasons)
    edge = width(L=2, failure="1/2", **{**SIMPLE, "gbar_norm_sq": "1.0001"})  # 2/2592 leaves room for it
    assert edge.applicable
    assert edge.value <= 2593


def test_no_gradient_no_width():
    solution = width(L=2, **{**SIMPLE, "gbar_norm_sq": 0})
    assert (solution.value, solution.applicable) == (None, False)
    assert "RSC" in solution.reasons[0]


def test_gelu_is_not_applicable():
    solution = width(L=2, activation="gelu")
    assert (solution.value, solution.applicable) == (None, False)
    assert "Assumption 1" in " ".join(solution.reasons)
    assert width(L=2, activation="gelu(z)/1.13").applicable


def test_huge_widths_are_exact_integers():
    case = {"L": 40, **SIMPLE, "sigma_1": 2, "gbar_norm_sq": 1}
    solution = width(**case)
    assert isinstance(solution.value, int)
    assert solution.log10 == pytest.approx(float(mp.log10(solution.value)), rel=1e-14)
    # phi(0) = 0, gamma = 2, l_1 = L - 1, l_2 = L: alpha > 0 <=> m > (c_H sqrt(loss_ball))^2 = 2 c_H^2 4^L, an integer
    h1, h2 = 2**38, 2**39
    psi = max(h1**2, Fraction(h1) * (Fraction(4 + h2**2, 2) + 1), 4 * h1 * h2)
    c_h = 2 * (1600 * 4**40 + 40 * 2**40 + 40) * psi * 2**39 + 80 * 2**40 * h2
    assert solution.value == 2 * c_h**2 * 4**40 + 1
    assert width(L=60, **{**SIMPLE, "sigma_1": 2}).value > solution.value


def test_widths_of_thousands_of_digits():
    solution = width(L=10, **{**SIMPLE, "d": 10**5000})
    assert solution.value == 10**5000
    assert "RSC" in str(solution.thresholds)
    assert str(solution.certificate)


def test_deep_networks_are_solved_in_seconds():
    code = "import bounds; print(bounds.required_width('banerjee2023', sigma_1=2, L=400).log10)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=15)
    assert float(done.stdout) > 2000 * math.log10(2), done.stderr


def test_deeper_networks_need_more_width():
    for values in ({}, {"activation": "softplus"}, {"sigma_1": 0.8}, {"sigma_1": 1.2}):
        widths = [width(L=depth, **values).value for depth in (2, 3, 5, 8)]
        assert widths == sorted(set(widths))


def test_default_problem_is_certified_independently():
    solution = width()
    with mp.workdps(60):
        tanh = {"phi_0": 0, "beta_phi": 4 / (3 * mp.sqrt(3)), "d": 784, "L": 3}
    point = {**tanh, **dict.fromkeys(("sigma_1", "rho", "rho_1", "rho_2", "kappa", "mean_y_sq"), 1)}
    for m, sign in ((solution.value, 1), (solution.value - 1, -1)):
        found = derived(point | {"gbar_norm_sq": 1}, m)
        with mp.workdps(60):  # the default ||gbar||^2 is varrho^2
            assert sign * (found["c_1"] * found["varrho"] ** 2 - found["c_2"] / mp.sqrt(m)) > 0


def test_defaults_are_listed_or_refused():
    solution = width()
    names = {
        "activation",
        "L",
        "d",
        "failure",
        "kappa",
        "gbar_norm_sq",
        "mean_y_sq",
        "rho",
        "rho_1",
        "rho_2",
        "sigma_1",
    }
    assert set(solution.assumed) == names
    assert all(d.origin for d in solution.assumed.values())
    assert set(width(L=4, rho=2).assumed) == names - {"L", "rho"}
    with pytest.raises(bounds.TheoryError, match=r"needs .*kappa"):
        width(L=3, defaults=False)
    full = {**SIMPLE, "L": 2, "failure": "1/2"}
    assert width(defaults=False, **full).value == 2593
    assert width(defaults=False, **full).assumed == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"m": 100}, "m is what is solved for"),
        ({"L": [2, 3]}, "one value at a time"),
        ({"failure": 0}, "failure = 0"),
        ({"sigma_1": -1}, "sigma_1 = -1"),
        ({"depth": 3}, "no parameter 'depth'"),
        ({"omega_t": 1}, "does not depend on omega_t"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(bounds.TheoryError, match=message):
        width(**values)


def test_a_depth_that_is_not_covered_has_no_width():
    found = width(L=1)
    assert (found.value, found.applicable) == (None, False)
    assert "L >= 2" in found.reasons[0]


def test_required_width_by_evaluate_and_result():
    q, values = bounds.quantity("banerjee2023.required_width"), {**SIMPLE, "L": 2, "failure": "1/2"}
    assert q.evaluate(**values) == 2593
    assert bounds.result(q, **values).value == 2593


@pytest.mark.parametrize("excess", ["1e-5", "1e-6", "1e-7"])
def test_a_gap_between_two_points_of_the_scan_is_found(excess):
    # m >= K log(m)^8 with K just above (e/8)^8 fails only near m = e^8 = 2981, between points 1.5 % apart
    constant = (mp.e / 8) ** 8 * (1 + mp.mpf(excess))
    last = max(m for m in range(2000, 5000) if m < constant * mp.log(m) ** 8)
    found = bounds.required_width(
        "allenzhu2019.required_width", n=1, L=1, d=1, delta=1, C_3=mp.nstr(constant, 30), C_delta=1
    )
    assert found.thresholds["Theorem 3"] == last + 1


def test_check_leaves_undecided_what_is_not_given():
    states = {
        c.condition.name: c.state for c in bounds.quantity("banerjee2023.required_width").check(activation="gelu")
    }
    assert (states["Assumption 1"], states["L >= 2"]) == (False, None)
