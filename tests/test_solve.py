"""Required widths: cases solved by hand, and brute force over an independent transcription of the conditions."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from derivation import reference

import bounds

ZERO = dict.fromkeys(("phi_0", "rho", "rho_1", "rho_2", "mean_y_sq"), 0)
SIMPLE = ZERO | dict.fromkeys(("beta_phi", "d", "kappa", "sigma_1", "gbar_norm_sq"), 1)
"""gamma = 1 at every width, phi(0) = 0: h = g = 1, psi_H = max(1, 1 (1 + 1)/2 + 1, 1) = 2, loss_ball = 2."""


def width(**values):
    return bounds.required_width("banerjee2023", **values)


def derived(point, m):
    """Section 5 by the derivation, at 60 digits; what the width does not need is filled in."""
    return reference({"l": 1, "a": 1, "b": 1, "k": 1, "lambda_t": 0, "omega_t": 1, "gamma_t": 0, **point, "m": m})


def alpha(point, m):
    """alpha_t at the width m."""
    return derived(point, m)["rsc_alpha"]


def alphas(point, m):
    """The same in numpy over an array of widths, by explicit loops over layers and pairs."""
    depth, g = point["L"], point["sigma_1"] + point["rho"] / np.sqrt(m)
    h = [np.ones_like(m)]
    for _ in range(depth):
        h.append(g * h[-1] + point["phi_0"])
    b, inside = point["beta_phi"], [(i, j) for i in range(depth) for j in range(depth)]

    def largest(pairs, third):
        terms = [(b * h[i] ** 2, h[i] * (b * (g**2 + h[j] ** 2) / 2 + 1), b * third**2 * h[i] * h[j]) for i, j in pairs]
        return np.max([t for row in terms for t in row], axis=0)

    def curvature(size, psi):
        bracket = depth**2 * size ** (2 * depth) + depth * size**depth + depth
        decay = np.max([size ** (depth - 1 - i) for i in range(depth)], axis=0)
        return 2 * bracket * (1 + point["rho_1"]) * psi * decay + 2 * depth * size**depth * np.max(h[:depth], axis=0)

    large = np.maximum(1, g)
    chain = curvature(g, largest([(i, j) for i, j in inside if i < j], g))
    c = np.where(g >= 1, chain, curvature(large, largest(inside, large)))
    energy = sum((h[i] * g ** (depth - 1 - i)) ** 2 for i in range(depth))
    varrho = np.sqrt(h[depth] ** 2 + (1 + point["rho_1"]) ** 2 * energy / m)
    ball = 2 * point["mean_y_sq"] + 2 * ((1 + point["rho_1"]) * h[depth]) ** 2
    taken = 2 * c * (2 * varrho * point["rho_2"] + np.sqrt(ball)) / np.sqrt(m)
    return 2 * point["kappa"] ** 2 * point["gbar_norm_sq"] - taken


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


CASES = [
    {**SIMPLE, "L": 2},
    {**SIMPLE, "L": 3, "rho": 1, "gbar_norm_sq": 1.0},
    {**SIMPLE, "L": 2, "sigma_1": 0.98, "rho": 0.9, "gbar_norm_sq": 0.9, "beta_phi": 0.2},
    {**SIMPLE, "L": 2, "sigma_1": 0.98, "rho": 2.0, "gbar_norm_sq": 0.9, "beta_phi": 0.05},
    {**SIMPLE, "L": 2, "sigma_1": 0.9, "rho": 8.0, "gbar_norm_sq": 0.6, "beta_phi": 0.1},
    {**SIMPLE, "L": 3, "sigma_1": 0.5, "rho": 20.0, "gbar_norm_sq": 3.0, "phi_0": 1, "beta_phi": 0.01},
    {**SIMPLE, "L": 2, "rho": 0.5, "rho_1": 0.5, "rho_2": 0.25, "mean_y_sq": 0.5, "beta_phi": 0.1, "gbar_norm_sq": 3.0},
    {**SIMPLE, "L": 2, "sigma_1": 0.98, "rho": 2.0, "phi_0": 1, "beta_phi": 0.01, "gbar_norm_sq": 1.3},
]


@pytest.mark.parametrize("case", CASES)
def test_brute_force(case):
    grid = np.arange(1, 20001.0)
    good = alphas(case, grid) > 0
    failing = np.flatnonzero(~good)
    solution = width(failure="1/2", **case)
    rsc = solution.thresholds["RSC"]
    for m in {1, 17, 2592, min(rsc, 20000), 20000}:
        (near,) = alphas(case, np.array([float(m)]))
        assert float(alpha(case, m)) == pytest.approx(near, rel=1e-10, abs=1e-12)
    if good[-1]:
        assert rsc == (grid[failing[-1]] + 1 if failing.size else 1)
    else:
        assert rsc > 20000
    assert alpha(case, rsc) > 0
    assert rsc == 1 or alpha(case, rsc - 1) <= 0


def test_the_constant_switches_where_gamma_crosses_one():
    # gamma = 0.98 + 0.9/sqrt(m) = 1 at m = 2025, a width with gamma = 1 exactly
    case = {**SIMPLE, "sigma_1": "0.98", "rho": "0.9", "gbar_norm_sq": "0.9"}
    names = [bounds.result(bounds.quantity("hessian_norm"), L=2, m=m, **_net(case)).chosen for m in (2025, 2026)]
    assert names == [{"c_H": "c_H_chain"}, {"c_H": "c_H_safe"}]
    assert width(L=2, **case).chosen == {"c_H": "c_H_safe"}


def test_a_width_that_holds_by_accident_below_is_not_the_answer():
    # |phi(0)| = 1: c_H jumps from chain to safe where gamma = 0.98 + 2/sqrt(m) falls below 1, at m = 10000
    case, grid = CASES[-1], np.arange(1, 20001.0)
    good = alphas(case, grid) > 0
    assert good[9999]
    assert not good[10000]
    assert width(failure="1/2", **case).value == grid[np.flatnonzero(~good)[-1]] + 1 > 10001


def _net(case):
    return {k: case[k] for k in ("sigma_1", "rho", "phi_0", "beta_phi", "rho_1")}


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
    with pytest.raises(bounds.TheoryError, match="needs .*kappa"):
        width(L=3, defaults=False)
    full = {**SIMPLE, "L": 2, "failure": "1/2"}
    assert width(defaults=False, **full).value == 2593
    assert width(defaults=False, **full).assumed == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"L": 1}, "L >= 2"),
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


def test_required_width_by_evaluate_and_result():
    q, values = bounds.quantity("required_width"), {**SIMPLE, "L": 2, "failure": "1/2"}
    assert q.evaluate(**values) == 2593
    assert bounds.result(q, **values).value == 2593
