"""Gaussian means at arrays of parameters: closed forms by hand, the certified scalar route, and what it must refuse."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from bounds.activations import Z, get
from bounds.gaussian import expectation
from bounds.quadrature import expectations, integrand
from bounds.ranges import in_unit_interval

S = sympy.Symbol("s", positive=True)
SCALES = np.array([0.02, 0.3, 1.0, 2.5, 9.0, 40.0])


@pytest.mark.parametrize(
    ("body", "exact"),
    [
        (sympy.cos(S * Z), lambda s: np.exp(-(s**2) / 2)),
        (sympy.exp(-S * Z**2), lambda s: 1 / np.sqrt(1 + 2 * s)),
        (Z * sympy.erf(S * Z), lambda s: 2 * s / np.sqrt(np.pi * (1 + 2 * s**2))),
        (Z**2 * sympy.exp(S * Z / 20), lambda s: (1 + (s / 20) ** 2) * np.exp((s / 20) ** 2 / 2)),
        (S**2 + Z**4, lambda s: s**2 + 3),
    ],
)
def test_closed_forms(body, exact):
    found = expectations(body, {"s": SCALES})
    settled = ~np.isnan(found)
    assert settled.sum() >= 4
    np.testing.assert_allclose(found[settled], exact(SCALES)[settled], rtol=1e-13)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "gelu", "silu", "atan(z)", "tanh(9*z-3)"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_activations_agree_with_the_enclosures(name, order):
    body = get(name).derivative(order).subs(Z, S * Z)
    for shape in (body**2, body * (Z**2 + Z)):
        found = expectations(shape, {"s": SCALES[:5]})
        for s, value in zip(SCALES[:5], found, strict=True):
            if not np.isnan(value):
                true = float(expectation(shape.subs(S, sympy.Rational(*s.as_integer_ratio())), certified=True))
                assert value == pytest.approx(true, rel=2e-13, abs=0)
        assert np.isfinite(found).sum() >= 3


def test_zero_by_symmetry_is_exact():
    slope = get("sigmoid").derivative(1).subs(Z, S * Z)
    assert expectations(slope * Z, {"s": SCALES}).tolist() == [0.0] * 6
    assert expectations(get("sigmoid").expression.subs(Z, S * Z) * (Z**2 - 1), {"s": SCALES}).tolist() == [0.0] * 6
    assert expectations(Z**3, {"s": SCALES}).shape == (6,)


def test_doubtful_points_are_left_open():
    # E[cos(3z) z^2] cancels to -8 e^(-4.5) of E|.| ~ 0.7; 1e-3-wide features are not stepped over; kinks are refused
    assert np.isnan(expectations(sympy.cos(S * Z) * Z**2, {"s": np.array([8.0])})).all()
    steep = sympy.tanh(1000 * (Z - sympy.Rational(1, 10))) ** 2
    (value,) = expectations(steep, {})
    true = float(expectation(steep, certified=True))
    assert np.isnan(value) or value == pytest.approx(true, rel=1e-12)
    assert expectations(sympy.Max(0, S * Z), {"s": SCALES}) is None
    assert integrand(sympy.Abs(Z)) is None
    assert np.isnan(expectations(sympy.exp(Z**2), {})).all()  # an infinite mean


def test_several_parameters_broadcast():
    t = sympy.Symbol("t", positive=True)
    found = expectations(sympy.exp(S * Z - t), {"s": np.array([0.5, 1.0]), "t": 2.0})
    np.testing.assert_allclose(found, np.exp(np.array([0.125, 0.5]) - 2), rtol=1e-13)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sigmoid", True),
        ("tanh01", True),
        ("sin(z)/2 + 1/2", True),
        ("tanh(z)/4 + erf(z)/4 + 1/2", True),
        ("sigmoid(sigmoid(z))", True),
        ("tanh", False),
        ("softplus", False),
        ("relu", False),
        ("2*sigmoid(z)", False),
        ("sigmoid(z) - 1/1000", False),
        ("sin(z)/2 + 51/100", False),
        ("exp(-z**2)", None),  # reaches 1 at 0: the certified supremum cannot tell 1/2 from a little more
    ],
)
def test_the_unit_interval(text, expected):
    assert get(text).in_unit_interval is expected
    assert in_unit_interval(get(text).expression) is expected
