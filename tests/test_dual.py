"""Dual activations against quadrature in the plane, sampling and hand calculation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf, expit

from bounds.activations import get
from bounds.dual import dual
from bounds.errors import NotApplicable, TheoryError
from bounds.gaussian import expectation
from bounds.mehler import mehler, vectorised

GRID = 0.1 * np.arange(-90, 91)
WEIGHT = 0.1 * np.exp(-(GRID**2) / 2) / math.sqrt(2 * math.pi)


def normal(z):
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


FUNCTIONS = {  # name: (phi, phi'), written again by hand
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid": (expit, lambda z: expit(z) * expit(-z)),
    "softplus": (lambda z: np.logaddexp(0, z), expit),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) + z * expit(z) * expit(-z)),
    "gelu": (
        lambda z: z * (1 + erf(z / math.sqrt(2))) / 2,
        lambda z: (1 + erf(z / math.sqrt(2))) / 2 + z * normal(z),
    ),
    "erf": (erf, lambda z: 2 / math.sqrt(math.pi) * np.exp(-z * z)),
    "sin": (np.sin, np.cos),
    "identity": (lambda z: z, np.ones_like),
    "tanh01": (lambda z: (1 + np.tanh(z)) / 2, lambda z: 0.5 / np.cosh(z) ** 2),
    "z**3 - 2*z": (lambda z: z**3 - 2 * z, lambda z: 3 * z**2 - 2),
    "exp(z/2)": (lambda z: np.exp(z / 2), lambda z: np.exp(z / 2) / 2),
}


def plane(g, a, b, rho):
    """E[g(u) g(v)] by the trapezoidal rule in the plane, (u, v) = (a z, b (rho z + sqrt(1-rho^2) w))."""
    second = g(b * (rho * GRID[:, None] + math.sqrt(1 - rho**2) * GRID[None, :])) @ WEIGHT
    return float((g(a * GRID) * second) @ WEIGHT)


def covariance(a, b, rho):
    return np.array([[a * a, a * b * rho], [a * b * rho, b * b]])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [0, 1])
def test_duals_match_quadrature_in_the_plane(name, order):
    for a, b, rho in [(1, 1, 0.3), (0.5, 1.5, -0.8), (0.1, 2.0, 0.95), (1.3, 1.3, 0.999), (1, 0.7, 0)]:
        found = dual(name, covariance(a, b, rho), order)
        expected = plane(FUNCTIONS[name][order], a, b, rho)
        assert found.value[0, 1] == pytest.approx(expected, rel=1e-10, abs=1e-12)
        assert abs(found.value[0, 1] - expected) <= found.error + 3e-13 * found.value.max()
        assert found.error < 1e-12 * max(1, found.value.max())
        for k, s in enumerate((a, b)):
            assert found.value[k, k] == pytest.approx(plane(FUNCTIONS[name][order], s, s, 1.0), rel=1e-11)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["erf", "sin", "identity", "gelu"]),
    order=st.sampled_from([0, 1]),
    a=st.floats(0.05, 2),
    b=st.floats(0.05, 2),
    rho=st.floats(-1, 1),
)
def test_closed_forms_match_mehler(name, order, a, b, rho):
    S = covariance(a, b, rho)
    closed = dual(name, S, order)
    correlation = np.array([[1, rho], [rho, 1]])
    series, error = mehler(vectorised(get(name).derivative(order)), np.array([a, b]), correlation)
    assert np.abs(closed.value - series).max() <= 1e-10
    assert np.abs(closed.value - series).max() <= closed.error + error


def test_relu_is_the_arc_cosine_kernel():
    # at correlation 0, 1/2 (60 degrees) and -1, unit variances: by hand
    S = np.array([[1, 0, 0.5, -1], [0, 1, 0, 0], [0.5, 0, 1, -0.5], [-1, 0, -0.5, 1]])
    value, slope = dual("relu", S).value, dual("relu", S, 1).value
    assert value[0, 0] == slope[0, 0] == 0.5
    assert value[0, 1] == pytest.approx(1 / (2 * math.pi), rel=1e-15)
    assert slope[0, 1] == pytest.approx(1 / 4, rel=1e-15)
    assert value[0, 2] == pytest.approx((math.sqrt(3) / 2 + math.pi / 3) / (2 * math.pi), rel=1e-14)
    assert slope[0, 2] == pytest.approx(1 / 3, rel=1e-14)
    assert value[0, 3] == slope[0, 3] == 0
    scaled = np.diag([1.0, 2, 3, 4]) @ S @ np.diag([1.0, 2, 3, 4])
    np.testing.assert_allclose(dual("relu", scaled).value, value * np.outer([1, 2, 3, 4], [1, 2, 3, 4]), rtol=1e-14)
    np.testing.assert_allclose(dual("relu", scaled, 1).value, slope, rtol=1e-14)


def test_relu_by_sampling():
    z = np.random.default_rng(0).standard_normal((2, 10**6))
    u, v = 0.7 * z[0], 1.5 * (0.6 * z[0] + 0.8 * z[1])
    S = covariance(0.7, 1.5, 0.6)
    for order, g in ((0, lambda t: np.maximum(t, 0)), (1, lambda t: (t > 0).astype(float))):
        drawn = g(u) * g(v)
        assert abs(drawn.mean() - dual("relu", S, order).value[0, 1]) < 5 * drawn.std() / 1000


def test_erf_and_its_slope_by_hand():
    # E[erf(u) erf(v)] = (2/pi) asin(2c/sqrt((1+2a)(1+2b))): a=b=1, c=1/2 gives asin(1/3)
    S = np.array([[1, 0.5], [0.5, 1]])
    assert dual("erf", S).value[0, 1] == pytest.approx(2 / math.pi * math.asin(1 / 3), rel=1e-15)
    assert dual("erf", S, 1).value[0, 1] == pytest.approx(4 / math.pi / math.sqrt(8), rel=1e-15)


@pytest.mark.parametrize("name", ["tanh", "gelu", "sigmoid", "log(1+z**2)", "tanh(5*z)"])
def test_the_diagonal_is_a_one_dimensional_mean(name):
    std = np.array([0.1, 0.5, 1, 2])
    found = dual(name, np.diag(std**2))
    one = [expectation(get(name).expression ** 2, scale=float(s)) for s in std]
    np.testing.assert_allclose(found.value.diagonal(), one, rtol=1e-13)
    means = [expectation(get(name), scale=float(s)) for s in std]
    np.testing.assert_allclose(found.value[0, 1:], np.array(means[1:]) * means[0], rtol=1e-11, atol=1e-15)


def test_a_row_of_variance_zero_is_a_constant():
    S = np.array([[0, 0], [0, 4.0]])
    found = dual("sigmoid", S).value
    assert found[0, 0] == pytest.approx(0.25)
    assert found[0, 1] == pytest.approx(0.25)  # 1/2 E sigmoid(2z) = 1/4 by symmetry
    with pytest.raises(TheoryError, match="row 0 has variance 0"):
        dual("relu", S)


@pytest.mark.parametrize(("name", "order"), [("tanh", 0), ("tanh", 1), ("gelu", 0), ("relu", 0), ("relu", 1)])
def test_an_error_of_the_covariance_is_carried_on(name, order):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((12, 5))
    S, e = X @ X.T / 5, 1e-6
    noise = rng.uniform(-e, e, S.shape)
    change = np.abs(dual(name, S + (noise + noise.T) / 2, order).value - dual(name, S, order).value).max()
    carried = dual(name, S, order, error=e).error
    assert change <= carried <= 100 * change


def test_what_is_no_covariance_or_has_no_mean():
    for bad in ([[1, 2], [2, 1]], [[1, 0.5], [0.4, 1]], [[-1.0]], [[1, 2]], [[math.nan]], [], [1.0]):
        with pytest.raises(TheoryError, match="covariance"):
            dual("tanh", bad)
    with pytest.raises(TheoryError, match="grows too fast"):
        dual("exp(z**2/3)", [[4.0]])
    with pytest.raises(TheoryError, match="too steep"):
        dual("tanh(10000*z)", [[1.0]])
    with pytest.raises(NotApplicable, match="kink"):
        dual("relu", [[1.0]], 2)


def test_slow_series_say_how_far_off_they_are():
    # phi'(u) phi'(v) for tanh(30 z) at correlation 0.9999: by sums over z of step 0.001, a thirtieth of the scale
    rho = 0.9999
    z = 0.001 * np.arange(-1500, 1501)
    w = 0.1 * np.arange(-90, 91)
    across = np.array([WEIGHT @ (30 / np.cosh(30 * (rho * x + math.sqrt(1 - rho**2) * w)) ** 2) for x in z])
    exact = float((30 / np.cosh(30 * z) ** 2 * across) @ normal(z)) * 0.001
    found = dual("tanh(30*z)", covariance(1, 1, rho), 1)
    assert abs(found.value[0, 1] - exact) <= found.error + 1e-9 * exact
    assert found.error > 1e-6 * exact
