"""allenzhu2019's errata: every demonstration runs, confirms, and gives the numbers worked out by hand."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest

import bounds
from bounds.papers.allenzhu2019.reference import data, initialise, residual_layers

ERRATA = {e.name: e for e in bounds.errata("allenzhu2019")}
NUMBERS = {
    "A1": {"ratio at n = 100, b = 1": 100},
    "A2": {"delta/(5n)": 0.2149, "1/(5n)": 0.02504},
    "A3": {"printed over proved at n = 10, m = 1000": 100},
    "A4": {"direct over printed at L = 10": 10**6},
    "A5": {"L = 10": 30.13, "L = 100": 300.4, "L = 1000": 3001.4},
    "A6": {"L = 5": 0.5**1.5, "L = 10": 1, "L = 20": 2**1.5},
    "A7": {"allowed": 4},
    "A8": {"printed": 0},
    "A9": {"probability": 0.99**60, "claimed": math.exp(-30)},
    "A10": {"stated": -10000, "with Lemma 7.5": -0.5},
    "A11": {"C log m": 284.25, "half": 20, "all": 40},
    "A12": {"nonconvex power": 2},
    "A13": {"printed": 0.0639, "cross-entropy": 1.347},
    "A15": {"quadrature": 0.00978905762, "printed": 0.00957937051},
    "A16": {"P(|z| >= 1)": 0.31731, "Fact 9.6": 0.56854, "constant": 1 / 12000},
    "A18": {"fraction": 0.5},
}


@pytest.mark.parametrize("name", [f"A{k}" for k in range(1, 19)])
def test_confirmed_with_its_numbers(name):
    found = ERRATA[name].demonstrate()
    assert found.confirmed, found.observed
    for key, value in NUMBERS.get(name, {}).items():
        assert found.numbers[key] == pytest.approx(value, rel=1e-3, abs=1e-12), key


def test_all_of_them():
    assert list(ERRATA) == [f"A{k}" for k in range(1, 19)]


def test_sampled_numbers_are_near_what_they_estimate():
    convolution = ERRATA["A14"].demonstrate().numbers
    assert convolution["h_0 printed"] == pytest.approx(36, rel=0.1)  # sqrt(9 * 144)
    assert convolution["h_0"] == pytest.approx(1, rel=0.1)
    assert convolution["h_L printed"] == pytest.approx(4, rel=0.15)  # 36/9
    assert 3 < ERRATA["A7"].demonstrate().numbers["ratio"] <= 4
    entropy = ERRATA["A13"].demonstrate().numbers
    assert 0.75 < entropy["least p_y"] < 0.85
    variance = ERRATA["A17"].demonstrate().numbers["m Var(log Delta)"]
    assert variance == pytest.approx(5, rel=0.02)  # Var(chi^2_w) = 2w and Var(w) = m/4: (m + m/4) 4/m^2 = 5/m
    assert 3.9 < ERRATA["A12"].demonstrate().numbers["convex growth"] < 4.2


def test_claim_7_6_by_simulation():
    """The exact form against plain sampling, at a point where the printed one is 60 deviations off."""
    alpha, delta, size = 1.0, 0.5, 4_000_000
    g = np.sqrt(2) * np.random.default_rng(5).standard_normal((2, size))
    square = (np.maximum(g[0], 0) - np.maximum(alpha * g[0] + delta * g[1], 0)) ** 2
    mean, error = float(square.mean()), float(square.std() / math.sqrt(size))
    exact = (1 - alpha) ** 2 + delta**2 - 2 / math.pi * (delta - alpha * math.atan(delta / alpha))
    total = alpha**2 + delta**2
    printed = delta * (-2 * alpha**2 + alpha - 2 * delta**2) / (math.pi * total)
    printed += (1 - 2 * alpha) * math.atan(alpha / delta) / math.pi + (alpha - 1) * alpha + delta**2 + 0.5
    assert abs(mean - exact) < 4 * error
    assert abs(mean - printed) > 20 * error


def test_section_9_2_by_counting():
    """The proof's chain for n = 2, its fractions measured on Gaussians: the derived shares stay below them."""
    rng, n, delta, m = np.random.default_rng(3), 2, 0.5, 2_000_000
    theta = delta / (5 * n)
    first = math.sqrt(2 * (1 - theta**2)) * rng.standard_normal(m)
    # the other sample at the least angle that Lemma 7.5 leaves: variance delta^2/2 around a fixed mean
    other = first + delta / math.sqrt(2) * rng.standard_normal(m)
    near = np.abs(first) <= delta / (10 * n)
    kept = near & (np.abs(other) >= delta / (4 * n))
    large = kept & (np.abs(rng.standard_normal(m)) >= 1)
    flip = math.sqrt(2) * theta * np.abs(rng.standard_normal(m))
    event = large & (flip > delta / (9 * n)) & (flip < delta / (5 * n)) & (rng.random(m) < 0.5)
    fractions = [float(x.mean()) for x in (near, kept, large, event)]
    assert fractions[0] > delta / (28 * n)
    assert fractions[1] > delta / (40 * n)
    assert fractions[2] > delta / (160 * n)
    assert fractions[2] < fractions[1] / 2  # Claim 9.5 asks for half
    assert fractions[3] * 0.2 > delta / (12000 * n)


def test_reference_gradient_is_the_derivative():
    net, (X, Y) = initialise(3, 12, 5, 2), data(4, 5, 2)
    gradient, step = net.gradient(X, Y), 1e-6
    rng = np.random.default_rng(0)
    for k in range(3):
        direction = rng.standard_normal(net.weights[k].shape)

        def loss(sign, k=k, direction=direction):
            moved = [w + sign * step * direction if i == k else w for i, w in enumerate(net.weights)]
            return type(net)(net.A, tuple(moved), net.B).loss(X, Y)

        slope = (loss(1) - loss(-1)) / (2 * step)
        assert slope == pytest.approx(float(np.sum(gradient[k] * direction)), rel=1e-6)
    assert np.allclose(np.linalg.norm(X, axis=1), 1)
    assert np.allclose(X[:, -1], 2**-0.5)


def test_reference_norms_are_those_of_lemma_7_1():
    net, (X, _) = initialise(4, 2000, 6, 1), data(3, 6, 1)
    norms = [float(np.linalg.norm(h)) for x in X for h in net.layers(x)]
    assert max(abs(x - 1) for x in norms) < 0.15
    assert len(residual_layers(np.ones(3), [np.eye(3)] * 2, 0.5)) == 3
    assert np.allclose(residual_layers(np.ones(3), [np.eye(3)] * 2, 0.5)[-1], 2.25)


def test_spectral_bound_needs_284():
    assert float(2 * mp.sqrt(2) / mp.log(mp.mpf("1.01"))) == pytest.approx(284.25, abs=0.01)
