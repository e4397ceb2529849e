"""liu2020's widths: cases that can be solved by hand, certificates against the second derivation, and orders."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from derive_liu2020 import width_holds

import bounds

HAND = {
    "L": 2,
    "n": 1,
    "mu": 1,
    "lambda_min": 2,
    "residual_0": 1,
    "beta_sigma": 0,
    "c_0": 1,
    "s_0": 1,
    "C_x": 1,
    "d": 1,
}
HAND |= {"L_sigma": 1}
"""L = 2 and a linear activation: C' = L_sigma C_x = 1 at every width, L_f = L_F = 2 (1 + 1) = 4, R = 2 4/1 = 8."""


def width(tail="", **values):
    return bounds.required_width(f"liu2020.required_width{tail}", **values)


def test_linear_activation_by_hand():
    # 4/sqrt(m) < 1/(2 4 8): m > 256^2
    found = width(**HAND)
    assert (found.value, found.binding) == (65537, "Hessian")
    assert found.thresholds["Lemma 7.1"] == 129  # R_s^2 = 2 64
    assert found.certificate.holds_at == {"Hessian": True, "Lemma 7.1": True, "Lemma 7.2": True}
    assert bounds.quantity("liu2020.required_width").evaluate(**HAND) == 65537


def test_linear_activation_tight_by_hand():
    # R = 2/sqrt(1): 2/sqrt(m) < 1/(2 4 2): m > 32^2
    found = width("_tight", **HAND)
    assert (found.value, found.binding, found.thresholds["Lemma 7.1"]) == (1025, "Hessian", 9)


def test_the_lipschitz_constant_can_be_given():
    # L_F = 8: R = 16, sqrt(m) > 4 2 8 16
    given = {k: v for k, v in HAND.items() if k != "c_0"}
    assert width(**given, L_F=8).value == 1024**2 + 1
    # L_f = 2 for n = 4: L_F = 4, R = 8 and sqrt(n) = 2: sqrt(m) > 4 2 2 4 8
    assert width(**(given | {"n": 4}), L_f=2).value == 512**2 + 1


def test_each_condition_can_bind():
    assert (width(**(HAND | {"d": 10**6})).value, width(**(HAND | {"d": 10**6})).binding) == (10**6 + 1, "Lemma 7.2")
    # L_F = 1, residual 100: R = 200, R_s^2 = 80000; the Hessian needs only sqrt(m) > 4 C_x 2 200
    wide = {k: v for k, v in HAND.items() if k != "c_0"} | {"residual_0": 100, "C_x": Fraction(1, 1000), "L_F": 1}
    found = width(**wide)
    assert (found.value, found.binding) == (80001, "Lemma 7.1")


def test_curved_activation_by_hand():
    # C' = (1 + 8 sqrt 2) + 1: sqrt(m) > 4 C' 2 4 8 = 512 + 2048 sqrt 2, m > 512^2 + 2 2048^2 + 2^21 sqrt 2
    expected = 512**2 + 2 * 2048**2 + math.isqrt(2 * (2**21) ** 2) + 1
    assert width(**(HAND | {"beta_sigma": 1})).value == expected


@pytest.mark.parametrize("tail", ["", "_tight"])
@pytest.mark.parametrize("depth", [3, 4, 7])
def test_certificates_by_the_second_derivation(tail, depth):
    values = {"L": depth, "n": 5, "mu": Fraction(1, 3), "lambda_min": Fraction(3, 4), "residual_0": Fraction(2, 5)}
    values |= {"L_sigma": Fraction(1, 2), "beta_sigma": Fraction(1, 4), "s_0": 2, "C_x": Fraction(1, 2), "d": 7}
    found = width(tail, **values)
    least = int(found.value)
    assert all(width_holds(values, least, bool(tail)).values())
    assert width_holds(values, least - 1, bool(tail))[found.binding] == False  # noqa: E712 (an mpmath comparison)


@pytest.mark.parametrize("depth", [2, 5])
def test_growth_in_the_least_eigenvalue(depth):
    """With mu = lambda_min/2: lambda_min^-6 and, tight, ^-4, whatever L; eq 32 prints ^-(6L+4)."""
    for tail, power in (("", 6), ("_tight", 4)):
        first, second = (width(tail, lambda_min=v, L=depth, n=1).log10 for v in ("1e-8", "1e-9"))
        assert second - first == pytest.approx(power, abs=1e-3)
    order = bounds.quantity("liu2020.width_order")
    first, second = (order.evaluate(log10=True, defaults=True, lambda_min=v, L=depth, n=1) for v in ("1e-8", "1e-9"))
    assert second - first == pytest.approx(6 * depth + 4, abs=1e-9)


def test_activations_that_do_not_vanish_at_zero_are_not_covered():
    for name in ("sigmoid", "softplus"):
        found = width(activation=name)
        assert found.value is None
        assert any("sigma(0) = 0" in reason for reason in found.reasons)
    assert width(activation="1/(1+exp(-z))-1/2").value is not None
    with pytest.raises(bounds.NotApplicable, match="order 2"):
        width(activation="relu")


def test_mu_must_be_below_lambda_min():
    found = width(**(HAND | {"mu": 2}))
    assert found.value is None
    assert any("mu < lambda_min" in reason for reason in found.reasons)


def test_defaults_are_listed_with_their_origin():
    found = width()
    assert found.value > 10**50
    assert {"lambda_min", "mu", "n", "residual_0", "L", "activation"} <= set(found.assumed)
    assert found.probability == pytest.approx(1)


def test_the_tight_width_is_smaller():
    for depth in (2, 3, 6):
        assert width("_tight", L=depth).value < width(L=depth).value
