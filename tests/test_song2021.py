"""song2021 against a second derivation from the paper's text, the sheet's reference values and cases done by hand."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy
from derive_song2021 import DIGITS, coefficient, reference

import bounds
from bounds.errors import NotApplicable, TheoryError

PAPER = bounds.papers()["song2021"]
SEPARATE = {"gram_mean", "scaling_low", "scaling_high", "scaling_missing"}
"""Tested in test_song2021_data.py."""


def quantity(name):
    return bounds.quantity(f"song2021.{name}")


def make(rng, activation, t):
    point = {name: Fraction(rng.randint(1, 200), 64) for name in [*PAPER.parameters, *PAPER.quantities]}
    point |= {x: Fraction(rng.randint(1, 63), 64) for x in ("delta_1", "eta")}
    point |= {x: rng.randint(2, 60) for x in ("n", "d_0", "d_1", "d_2")}
    point |= {"activation": activation, "t": t, "i": rng.randint(0, 7), "C": Fraction(3, 4), "C_4": Fraction(5, 4)}
    point |= {"c_0": Fraction(-1, 3), "c_t": -point["c_t"], "r_2": -point["r_2"]}
    point["nu_Phi"] = point["mu_Phi"] + point["nu_Phi"]
    point["eta"] /= point["alpha_f"] * point["mu_Phi"] ** 2  # the contraction stays above 0
    del point["X"]
    return point


RNG = random.Random(2021)
CASES = (("tanh", 1), ("tanh", 3), ("gelu", 2), ("gelu", 4), ("softplus", 2), ("sigmoid", 1))
POINTS = [make(RNG, *case) for case in CASES]
TRUE = [reference(p) for p in POINTS]


def inputs(q, point):
    names = [*q.parameters, *(c.name for c in q.hidden)]
    return {n: point[n] for n in names}


def test_every_quantity_is_compared():
    assert set(TRUE[0]) | SEPARATE == set(PAPER.quantities)


@pytest.mark.parametrize("name", sorted(TRUE[0]))
def test_values_are_the_derivations(name):
    q = quantity(name)
    for point, true in zip(POINTS, TRUE, strict=True):
        at = inputs(q, point)
        value, ball = q.evaluate(**at), q.evaluate(certified=True, **at)
        with mp.workdps(DIGITS):
            assert abs(mp.mpf(value) - true[name]) <= 1e-12 * abs(true[name]) + mp.mpf(10) ** -40
            slack = abs(true[name]) * mp.mpf(10) ** -30 + mp.mpf(10) ** -38  # of the derivation's own quadrature
            assert ball.lo - slack <= true[name] <= ball.hi + slack
        if true[name] > 1e-30:
            assert q.evaluate(log10=True, **at) == pytest.approx(float(mp.log10(true[name])), rel=1e-12, abs=1e-12)


HERMITE = {
    "tanh": {1: "0.605705509602158826", 3: "-0.363595376280974149", 5: "0.685173793508918888",
             7: "-2.23240331182711388"},
    "gelu": {0: "0.282094791773878143", 1: "0.5", 2: "0.423142187660817215", 4: "-0.352618489717347679",
             6: "0.740498828406430127"},
    "sigmoid": {0: "0.5", 1: "0.206620964141907037", 3: "-0.0623964839592591935", 5: "0.0643799732490441207"},
    "softplus": {0: "0.806059183347439785", 1: "0.5", 2: "0.206620964141907037", 4: "-0.0623964839592591935"},
    "relu": {0: "0.398942280401432678", 1: "0.5", 2: "0.398942280401432678", 4: "-0.398942280401432678"},
}  # fmt: skip


@pytest.mark.parametrize("activation", HERMITE)
def test_hermite_reference_values(activation):
    for i in range(8):
        wanted = HERMITE[activation].get(i)
        ball = quantity("hermite").evaluate(i=i, activation=activation, certified=True)
        if wanted is None and (activation, i) not in (("softplus", 6), ("sigmoid", 7), ("relu", 6)):
            assert ball.lo == ball.hi == 0
        elif wanted:
            # the sheet has 18 figures
            unit = Fraction(10) ** (-18 if abs(float(wanted)) < 1 else -17)
            assert abs(Fraction(wanted) - Fraction(ball.lo)) <= unit + Fraction(ball.hi) - Fraction(ball.lo)
    assert quantity("hermite").evaluate(i=3, activation="identity") == 0


def test_reference_constants():
    assert quantity("phi_sq").evaluate(activation="tanh") == pytest.approx(0.394294490397841174, rel=1e-15)
    gelu = bounds.result(quantity("beta_Phi"), sigma_max_X=1, chi_max=0, activation="gelu").value
    assert gelu == pytest.approx(math.sqrt(2) * 1.12890414518515, rel=1e-14)
    chi = quantity("chi_assumed").evaluate(activation="gelu")
    assert chi == pytest.approx(1.12890414518515 / 0.797884560802865, rel=1e-14)
    # E relu^2 = 1/2, c_0^2 = 1/(2 pi), c_1 = 1/2
    assert quantity("c_inf_sq").evaluate(activation="relu") == pytest.approx(0.25 - 1 / (2 * math.pi), rel=1e-14)
    assert quantity("c_inf_sq").evaluate(activation="identity") == 0


def test_limits_by_hand():
    # mu = nu = beta = alpha = 1: rho = 1/2, and 6 sqrt2 sqrt(h_0) = 1/2 at h_0 = 1/288
    one = {"alpha_f": 1, "mu_Phi": 1, "beta_Phi": 1}
    exact = {"flow_condition": 288, "flow_condition_direct": 32, "gd_condition": 1152, "gd_condition_direct": 128}
    for name, inverse in exact.items():
        nu = {"nu_Phi": 1} if name.endswith("condition") else {}
        assert quantity(name).evaluate(**one, **nu) == pytest.approx(1 / inverse, rel=1e-15)
        length = quantity(name.replace("condition", "length").replace("_printed", ""))
        assert length.evaluate(alpha_f=1, mu_Phi=1, h_0=f"1/{inverse}", **nu) == pytest.approx(0.5, rel=1e-15)
    assert quantity("flow_condition_sharp").evaluate(**one) == pytest.approx(9 / 128, rel=1e-15)
    assert quantity("gd_condition_sharp").evaluate(**one) == pytest.approx(9 / 512, rel=1e-15)
    assert quantity("step_size").evaluate(beta_Phi=1, grad_f_0=0, beta_f=1, mu_Phi=1, nu_Phi=1) == pytest.approx(
        4 / (9 + 3 * math.sqrt(10)), rel=1e-15
    )
    assert quantity("contraction").evaluate(eta="1/10", alpha_f=2, mu_Phi=2) == 0.8
    assert quantity("iterations").evaluate(eta=1, alpha_f=2, mu_Phi=1, h_0=1024, eps=1) == 10
    assert quantity("iterations").evaluate(eta=1, alpha_f=2, mu_Phi=1, h_0="1/2", eps=1) == 0


def test_step_sizes_are_ordered():
    rng = random.Random(7)
    for _ in range(200):
        mu = rng.uniform(0.01, 3)
        at = {"beta_Phi": rng.uniform(0, 5), "grad_f_0": rng.uniform(0, 5), "beta_f": rng.uniform(0.1, 5)}
        at |= {"mu_Phi": mu, "nu_Phi": mu * rng.uniform(1, 20)}
        # the paper's form is the weaker: it is a bound of the other
        assert quantity("step_size").evaluate(**at) <= quantity("step_size_explicit").evaluate(**at) * (1 + 1e-12)


def test_powers_of_a_negative_coefficient():
    at = {"delta_1": "1/2", "delta_2": 1, "delta_3": 1, "delta_4": 1, "t": 2, "phi1_max": 1, "phi2_max": 1}
    at |= {"chi_max": 0, "omega_1": 1, "r_1": 1, "r_2": 0}
    # sqrt(1/4 * 2 * 8 / (1/8 * c_t^6)), c_t = -1/2: sqrt(4 * 8 * 64)
    value = quantity("xi").evaluate(c_0="-1/2", c_t="-1/2", **at)
    assert value == pytest.approx(math.sqrt(2048), rel=1e-15)
    assert value == quantity("xi").evaluate(c_0="1/2", c_t="1/2", **at)
    lower = quantity("mu_Phi_lower").evaluate(omega_1=1, activation="tanh", delta_1="1/2", t=3, d_1=12, sigma_min_Xt=1)
    assert lower == pytest.approx(abs(float(coefficient("tanh", 3))), rel=1e-14)


def test_arrays_broadcast():
    n, d_0 = np.array([100, 400, 1600])[:, None], np.array([10, 20, 40, 80])
    got = quantity("required_width_unbounded").evaluate(n=n, d_0=d_0)
    np.testing.assert_allclose(got, n ** (5 / 3) / d_0, rtol=1e-13)
    t = np.array([1, 3, 5, 7])
    got = quantity("c_t").evaluate(t=t, activation="tanh")
    np.testing.assert_allclose(got, [float(HERMITE["tanh"][i]) for i in (1, 3, 5, 7)], rtol=1e-13)
    omega = np.array([0.02, 0.5, 1.0])
    got = quantity("c_t_scaled").evaluate(t=3, omega_1=omega, activation="tanh")
    np.testing.assert_allclose(got, [float(coefficient("tanh", 3, w)) for w in omega], rtol=1e-10)
    assert quantity("power_rank").evaluate(d_0=np.array([3, 784]), t=2).tolist() == [6.0, 307720.0]


def test_orders_and_the_estimates():
    at = {"xi": 2, "n": 10**4, "d_0": 100}
    full = quantity("required_width").evaluate(xi=2, n=10**4, sigma_max_X=10, sigma_min_Xt=1)
    assert full == quantity("required_width_simplified").evaluate(**at) == 2 * 10**6 / 100
    slope = sympy.Rational(5, 3)
    assert quantity("required_width_unbounded").orders == {"n": slope, "d_0": -1}


def states(q, **values):
    return {c.condition.name: c.state for c in q.check(**values)}


def test_applicability_is_decided_exactly():
    rest = {"delta_1": "1/2", "delta_2": 1, "delta_3": 1, "delta_4": 1, "chi_max": 1, "r_1": 1, "r_2": 0}
    xi = quantity("xi")
    assert states(xi, activation="tanh", t=3, omega_1=1, **rest)["c_0 != 0"] is False
    assert states(xi, activation="gelu", t=2, omega_1=1, **rest) == {
        "Assumption 2": None, "phi(0) = 0": True, "omega_1 <= 1": True, "r_1": True, "r_2": True, "c_0 != 0": True,
        "c_t != 0": True,
    }  # fmt: skip
    assert states(xi, activation="gelu", t=2, omega_1="1/2", **rest)["r_2"] is False
    assert states(xi, activation="gelu", t=2, omega_1="3/2", **rest)["omega_1 <= 1"] is False
    assert states(xi, activation="softplus", t=2, omega_1=1, **rest)["phi(0) = 0"] is False
    assert states(xi, activation="sigmoid", t=1, omega_1=1, **rest)["phi(0) = 0"] is False
    assert states(xi, activation="tanh(z)+1-1/cosh(z)", t=1, omega_1="1/2", **rest)["r_2"] is None
    for activation, t in (("tanh", 2), ("tanh", 4), ("gelu", 3), ("gelu", 5)):
        with pytest.raises(NotApplicable, match="c_t != 0"):
            xi.evaluate(activation=activation, t=t, omega_1=1, **rest)
        with pytest.raises(NotApplicable, match="c_t != 0"):
            quantity("required_width").evaluate(
                activation=activation, t=t, omega_1=1, n=9, sigma_max_X=1, sigma_min_Xt=1, **rest
            )
    lower = states(quantity("mu_Phi_lower"), activation="gelu", t=3, omega_1=2, delta_1="1/2", d_1=9, sigma_min_Xt=1)
    assert lower["c_t(omega_1) != 0"] is False
    with pytest.raises(TheoryError, match="kink"):
        quantity("beta_Phi").evaluate(activation="relu", sigma_max_X=1, chi_max=1)


def test_required_width_solves_with_its_side_conditions():
    solve = bounds.required_width
    base = {"activation": "gelu", "t": 2, "C_4": "1/1000"}
    # xi enters through C: 1000 n^1.5/d_0 dwarfs n and the concentration
    wide = solve("song2021.required_width_simplified", xi=1000, n=400, d_0=40, **base)
    assert (wide.value, wide.binding) == (1000 * 8000 // 40, "eqs 21 and 80")
    narrow = solve("song2021.required_width_simplified", xi="1/1000", n=400, d_0=40, **base)
    assert (narrow.value, narrow.binding) == (400, "d_1 >= n")
    crowded = solve("song2021.required_width", xi="1/1000", n=400, d_0=40, **{**base, "C_4": 1})
    assert crowded.binding == "concentration"
    m = crowded.value  # sigma_max^2 = n/d_0: d_1 >= n log(d_1) log(n)
    assert m >= 400 * math.log(m) * math.log(400) > (m - 1) - 10
    assert m - 1 < 400 * math.log(m - 1) * math.log(400)
    odd = solve("song2021.required_width", activation="tanh", t=3)
    assert odd.value is None
    assert any("c_0 != 0" in r for r in odd.reasons)
    direct = solve("song2021.required_width_direct", activation="tanh", t=3, n=400, d_0=400, C_4="1/1000")
    assert direct.value >= 400
    few = solve("song2021.required_width_direct", activation="tanh", t=3, n=400, d_0=4, C_4="1/1000")
    assert any("binom" in r for r in few.reasons)  # binom(6, 3) = 20 < 400


def test_scenarios_are_the_experiment():
    for scenario in PAPER.scenarios:
        values = {g.name: g.value for g in scenario.values}
        assert values["omega_1"] * values["omega_2"] == pytest.approx(0.002259, rel=1e-12)
        assert values["omega_1"] * values["omega_2"] == pytest.approx(
            math.sqrt(2 / 784) * math.sqrt(2 / 1000), rel=1e-3
        )
        assert all(g.origin for g in scenario.values)
    assert len(PAPER.scenarios) == 3
