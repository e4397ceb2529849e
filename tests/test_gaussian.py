"""Gaussian expectations: printed reference values, hand-computed moments, and mpmath."""

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.activations import Z, get
from bounds.ball import precision, to_ball
from bounds.errors import TheoryError
from bounds.gaussian import expectation, gauss_hermite, hermite_coefficient

# song2021: E[phi(z) He_i(z)], i <= 7, absent ones are 0 (computed independently at high precision).
HERMITE = {
    "tanh": {1: ".605705509602158826", 3: "-.363595376280974149", 5: ".685173793508918888", 7: "-2.23240331182711388"},
    "gelu": {
        0: ".282094791773878143",
        1: ".5",
        2: ".423142187660817215",
        4: "-.352618489717347679",
        6: ".740498828406430127",
    },
    "sigmoid": {0: ".5", 1: ".206620964141907037", 3: "-.0623964839592591935", 5: ".0643799732490441207"},
    "softplus": {0: ".806059183347439785", 1: ".5", 2: ".206620964141907037", 4: "-.0623964839592591935"},
    "relu": {0: ".398942280401432678", 1: ".5", 2: ".398942280401432678", 4: "-.398942280401432678"},
}
LISTED = [(name, i, text) for name, row in HERMITE.items() for i, text in row.items()]
ZEROS = [("tanh", i) for i in (0, 2, 4, 6)] + [("gelu", i) for i in (3, 5, 7)] + [("relu", i) for i in (3, 5, 7)]
ZEROS += [("sigmoid", i) for i in (2, 4, 6)] + [("softplus", i) for i in (3, 5, 7)]


def printed(text):
    """The interval of the numbers that print as ``text``: half a unit of the last digit on each side."""
    half = Fraction(1, 2 * 10 ** len(text.split(".")[1]))
    value = Fraction(text if not text.startswith((".", "-.")) else text.replace(".", "0."))
    return value - half, value + half


@pytest.mark.parametrize(("name", "i", "text"), LISTED)
def test_hermite_coefficients_match_the_reference(name, i, text):
    assert hermite_coefficient(name, i) == pytest.approx(float(text), rel=1e-14)
    low, high = printed(text)
    enclosure = hermite_coefficient(name, i, certified=True)
    with precision(128):
        assert to_ball(low) <= enclosure.ball
        assert enclosure.ball <= to_ball(high)
    assert enclosure.relative_width < 1e-25


@pytest.mark.parametrize(("name", "i"), ZEROS)
def test_vanishing_hermite_coefficients_are_exactly_zero(name, i):
    assert hermite_coefficient(name, i) == 0.0
    assert 0 in hermite_coefficient(name, i, certified=True)


def test_second_moment_of_tanh():
    assert expectation(sympy.tanh(Z) ** 2) == pytest.approx(0.394294490397841174, rel=1e-14)
    assert sum(hermite_coefficient("tanh", i) ** 2 / math.factorial(i) for i in range(12)) < 0.394294490397841174


def rho(name, s):
    """fu2018, Definition 1."""
    slope = get(name).derivative(1).subs(Z, s * Z)
    alpha = [expectation(slope * Z**q) for q in (0, 1, 2)]
    beta = [expectation(slope**2 * Z**q) for q in (0, 2)]
    return min(beta[0] - alpha[0] ** 2 - alpha[1] ** 2, beta[1] - alpha[1] ** 2 - alpha[2] ** 2)


@pytest.mark.parametrize(
    ("name", "s", "expected"),
    [
        ("sigmoid", sympy.Rational(1, 2), 3.17713894565827e-4),
        ("sigmoid", 1, 2.14401852726314e-3),
        ("sigmoid", 2, 3.07456475120816e-3),
        ("sigmoid", 5, 5.59548087941229e-4),
        ("tanh", sympy.Rational(1, 2), 0.0343042964362102),
        ("tanh", 1, 0.0491930360193305),
        ("tanh", 2, 0.0153886867538005),
        ("tanh", 5, 1.31699737573059e-3),
    ],
)
def test_rho_of_fu2018(name, s, expected):
    # beta_0 - alpha_0^2 cancels two figures at s = 1/2: 1e-16/3e-4 per term
    assert rho(name, s) == pytest.approx(expected, rel=2e-13)


def test_closed_forms_by_hand():
    # moments 1, 3, 15; E e^z = e^(1/2); E z sin z = e^(-1/2); E e^(z^2/4) = sqrt 2; E z erf z = 2/sqrt(3 pi)
    assert [expectation(Z**n) for n in range(7)] == [1, 0, 1, 0, 3, 0, 15]
    for certified in (False, True):

        def value(g, certified=certified):
            return float(expectation(g, certified=certified))

        assert value(sympy.exp(Z)) == pytest.approx(math.exp(0.5), rel=1e-15)
        assert value(Z * sympy.sin(Z)) == pytest.approx(math.exp(-0.5), rel=1e-15)
        assert value(sympy.exp(Z**2 / 4)) == pytest.approx(math.sqrt(2), rel=1e-15)
        assert value(Z * sympy.erf(Z)) == pytest.approx(2 / math.sqrt(3 * math.pi), rel=1e-15)
        assert value(sympy.Max(0, Z) ** 2) == pytest.approx(0.5, rel=1e-15)
        assert value(sympy.Heaviside(Z)) == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize("scale", [3, 3.0, "3", Fraction(3), sympy.Integer(3)])
def test_scale_takes_every_kind_of_number(scale):
    assert expectation(Z**2, scale=scale) == 9.0


def test_scale_must_be_a_finite_number():
    for scale in (float("nan"), float("inf"), "three", None):
        with pytest.raises(TheoryError, match="not a finite number"):
            expectation(Z**2, scale=scale)


@pytest.mark.parametrize(
    ("g", "h"),
    [
        (sympy.tanh(5 * Z + 1), lambda z: mp.tanh(5 * z + 1)),
        (sympy.log(1 + Z**2), lambda z: mp.log(1 + z**2)),
        (sympy.atan(Z) ** 2, lambda z: mp.atan(z) ** 2),
        (sympy.sqrt(1 + Z**2), lambda z: mp.sqrt(1 + z**2)),
        (sympy.cos(Z) * sympy.erf(Z) ** 2, lambda z: mp.cos(z) * mp.erf(z) ** 2),
        (sympy.sech(Z) * Z**6, lambda z: mp.sech(z) * z**6),
    ],
)
def test_quadrature_and_enclosure_agree_with_mpmath(g, h):
    with mp.workdps(30):
        exact = mp.quad(lambda z: h(z) * mp.npdf(z), [-15, -6, -3, -1, -0.2, 0, 1, 3, 6, 15])
    assert expectation(g) == pytest.approx(float(exact), rel=1e-14)
    enclosure = expectation(g, certified=True)
    assert float(enclosure) == pytest.approx(float(exact), rel=1e-15)
    assert enclosure.relative_width < 1e-25


def test_steep_integrands_are_not_skipped():
    # 1 - tanh(b(z-c))^2 has integral 2/b, concentrated in a spike of width 1/b that a coarse rule never sees
    for b in (1000, 10**6):
        value = expectation(1 - sympy.tanh(b * (Z - sympy.Rational(1, 10))) ** 2)
        assert value == pytest.approx(2 / b * math.exp(-0.005) / math.sqrt(2 * math.pi), rel=1e-4)


def test_cancellation_keeps_the_float_accurate():
    # E tanh(z) He_15(z): the integrand is 1e5 times the naive size of its mean
    value = hermite_coefficient("tanh", 15)
    enclosure = hermite_coefficient("tanh", 15, certified=True)
    assert abs(value / float(enclosure) - 1) < 1e-13
    with mp.workdps(40):
        he = sympy.lambdify(Z, sympy.hermite_prob(15, Z), "mpmath")
        exact = mp.quad(lambda z: mp.tanh(z) * he(z) * mp.npdf(z), [-16, -8, -4, -2, 0, 2, 4, 8, 16])
    assert value == pytest.approx(float(exact), rel=1e-13)


def test_what_cannot_be_bounded_is_refused():
    with pytest.raises(TheoryError, match="growth"):
        expectation(sympy.exp(Z) * sympy.tanh(Z), certified=True)
    with pytest.raises(TheoryError, match="free symbols"):
        expectation(sympy.Symbol("q") * Z)
    with pytest.raises(TheoryError):
        expectation("__import__('os')")
    with pytest.raises(TheoryError):
        expectation(1 / (Z - 3))
    with pytest.raises(TheoryError, match="degree"):
        hermite_coefficient("tanh", -1)


def test_growth_given_by_the_caller():
    # sinh(z)/cosh(z) = tanh(z) is bounded by 1, which tail arithmetic does not see
    g = (sympy.sinh(Z) / sympy.cosh(Z)) ** 2
    with pytest.raises(TheoryError, match="growth"):
        expectation(g, certified=True)
    enclosure = expectation(g, certified=True, growth=(1, 0, 0))
    assert float(enclosure) == pytest.approx(0.394294490397841174, rel=1e-15)


@pytest.mark.parametrize("n", [1, 2, 7, 64, 300])
def test_gauss_hermite_integrates_polynomials(n):
    nodes, weights = gauss_hermite(n)
    assert nodes.shape == weights.shape == (n,)
    assert weights.sum() == pytest.approx(1)
    for power in range(0, min(2 * n, 13), 2):
        assert weights @ nodes**power == pytest.approx(np.prod(np.arange(power - 1, 0, -2.0)), rel=1e-11)
    with pytest.raises(ValueError, match="read-only"):
        nodes[0] = 0.0
    assert gauss_hermite(n)[0] is nodes
    with pytest.raises(TheoryError):
        gauss_hermite(0)


@settings(max_examples=25, deadline=None)
@given(s=st.floats(0.05, 4), name=st.sampled_from(["tanh", "sigmoid", "gelu", "silu", "softplus"]))
def test_floats_lie_on_the_enclosure_and_obey_jensen(s, name):
    first, second = expectation(get(name), scale=s), expectation(get(name).expression ** 2, scale=s)
    enclosure = expectation(get(name), scale=s, certified=True)
    assert abs(first - float(enclosure)) <= 1e-14 * max(abs(first), 1e-300) + 1e-17
    assert first**2 <= second * (1 + 1e-13)


@settings(max_examples=20, deadline=None)
@given(s=st.floats(0.1, 5), i=st.integers(0, 5))
def test_stein_identity(s, i):
    # c_{i+1}(s) = s E[phi'(s z) He_i(z)], for tanh
    left = hermite_coefficient("tanh", i + 1, scale=s)
    right = s_exact(s) * get("tanh").derivative(1).subs(Z, s_exact(s) * Z) * sympy.hermite_prob(i, Z)
    assert left == pytest.approx(expectation(right), rel=1e-11, abs=1e-15)


def s_exact(s):
    return sympy.Rational(*s.as_integer_ratio())
