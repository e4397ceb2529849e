"""fu2018's conditions: each assumption of a theorem is there, the right way round, and named where it fails."""

from __future__ import annotations

import math

import pytest

import bounds

UNIT = {"L_phi": 1, "kappa": 1, "lam": 1, "rho_sigma": 1}


def quantity(name):
    return bounds.quantity(f"fu2018.{name}")


def states(name, **values):
    return {c.condition.name: c.state for c in quantity(name).check(**values)}


def test_the_activation_must_be_a_probability():
    at = {"d": 20, "K": 3, "kappa": 1, "lam": 1, "sigma": 1}
    for activation, expected in (("tanh", False), ("sigmoid", True), ("tanh01", True), ("softplus", False)):
        seen = states("sample_complexity", activation=activation, **at)
        assert seen["phi in [0, 1]"] is expected, activation
        assert seen["Assumption 2"] is True
    with pytest.raises(bounds.NotApplicable, match="tanh01"):
        quantity("sample_complexity").evaluate(activation="tanh", strict=True, **at)
    assert states("sample_complexity", activation="exp(-z**2)", **at)["phi in [0, 1]"] is None
    assert "phi in [0, 1]" not in states("hessian_lipschitz", activation="tanh", K=3)
    assert states("hessian_lower", activation="identity", K=3, kappa=1, lam=1, sigma=1)["Assumption 2"] is False
    with pytest.raises(bounds.NotApplicable, match="kink"):
        quantity("radius").evaluate(activation="relu", K=3, kappa=1, lam=1, sigma=1)


def test_rho_is_taken_at_the_least_singular_value():
    at = {"activation": "sigmoid", "K": 2}
    seen = states("hessian_lower", singular_values=[2, 1], sigma=2, **at)
    assert seen["sigma = sigma_K"] is False
    seen = states("hessian_lower", singular_values=[2, 1], sigma=1, **at)
    assert seen["sigma = sigma_K"] is True
    assert states("hessian_lower", K=2, kappa="1/2", lam=1, rho_sigma=1)["kappa, lambda >= 1"] is False
    assert states("sample_complexity", d=2, K=3, **UNIT)["K <= d"] is False


def test_steps_must_be_short():
    # H_min = 1/5, H_max = 4/5: 2/(1/5 + 4/5) = 2, and (1/5)/(4/5)^2 = 5/16
    at = {"hessian_lower": "1/5", "hessian_upper": "4/5"}
    for name, condition, largest in (
        ("contraction", "step size", 2.0),
        ("contraction_appendix", "step size of App B.2", 0.3125),
    ):
        assert states(name, eta=largest * (1 - 1e-12), **at)[condition] is True
        assert states(name, eta=largest * (1 + 1e-12), **at)[condition] is False


def test_concentration_needs_enough_samples():
    floor = 20 * 3 * math.log(60)  # 245.7
    for name, given in (("hessian_concentration", {"K": 3}), ("gradient_concentration", {"K": 3})):
        for n, expected in ((math.floor(floor), False), (math.ceil(floor), True)):
            assert states(name, d=20, n=n, L_phi=1, C_n=1, **given)["Lemmas 3 and 4"] is expected


GIVEN = {
    "contraction": {"eta": "1/2"},
    "contraction_appendix": {"eta": "1/2"},
    "iterations": {"eta": "1/2", "start": 1, "eps": "1/2"},
    "estimation_error_from_gradient": {"gradient_norm": 1},
    "gradient_threshold": {},
}


@pytest.mark.parametrize("name", GIVEN)
def test_the_descent_has_the_theorems_assumptions(name):
    # Theorem 2 is stated for (3) under Assumptions 1 and 2: not for tanh, nor for a linear activation
    for activation, key in (("tanh", "phi in [0, 1]"), ("identity", "Assumption 2")):
        at = {"activation": activation, "K": 3, "kappa": 1, "lam": 1, "sigma": 1, **GIVEN[name]}
        assert states(name, **at)[key] is False
