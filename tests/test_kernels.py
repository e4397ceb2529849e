"""Infinite-width kernels against finite networks with gradients by backpropagation, and against hand calculation."""

import math
import subprocess
import sys

import numpy as np
import pytest
import sympy
from finite import INPUTS, NETWORKS, draw_banerjee2023, draw_liu2020, drawn, gradient

from bounds.activations import Z
from bounds.errors import TheoryError
from bounds.gaussian import expectation
from bounds.kernels import Layer, chain, extremes, ntk


def test_the_gradients_are_those_of_finite_differences():
    weights, scales, trained, phi, slope, _ = draw_liu2020(np.random.default_rng(0), 3, 4)
    exact = gradient(INPUTS[0], weights, scales, trained, phi, slope)[0]
    numbers = []
    for W in weights[::-1]:
        for index in np.ndindex(W.shape):
            values = []
            for h in (1e-6, -2e-6):
                W[index] += h
                values.append(gradient(INPUTS[0], weights, scales, trained, phi, slope)[1])
            W[index] += 1e-6
            numbers.append((values[0] - values[1]) / 2e-6)
    np.testing.assert_allclose(exact, numbers, atol=1e-8)


@pytest.mark.parametrize("name", NETWORKS)
def test_wide_networks_tend_to_the_kernel(name):
    draw, paper, options = NETWORKS[name]
    limit = ntk(paper, INPUTS, **options)
    width, seeds = 384, 100
    finite, outputs = drawn(draw, width, seeds)
    error = finite.std(axis=0, ddof=1) / math.sqrt(seeds)
    # the mean is off by O(1/width): 1 % of the scale at most, beside five standard errors
    allowed = 5 * error + limit.value.max() * 4 / width
    assert (np.abs(finite.mean(axis=0) - limit.value) <= allowed).all()
    assert (error < 0.03 * limit.value.max()).all()
    assert (limit.output is None) == (name in ("allenzhu2019", "fu2018"))
    if limit.output is not None and limit.output.any():  # banerjee2023's output tends to 0
        squares = outputs**2 - limit.output.diagonal()
        assert (np.abs(squares.mean(0)) < 5 * squares.std(0, ddof=1) / math.sqrt(seeds)).all()


@pytest.mark.parametrize("name", ["liu2020", "allenzhu2019", "song2021"])
def test_the_error_falls_like_one_over_root_width(name):
    draw, paper, options = NETWORKS[name]
    limit = ntk(paper, INPUTS, **options).value
    narrow, wide = (np.sqrt(np.mean((drawn(draw, m, 40)[0] - limit) ** 2)) for m in (32, 512))
    assert 4 / 1.6 < narrow / wide < 4 * 1.6


def test_hidden_layers_of_banerjee2023_add_one_over_m():
    width, seeds = 256, 60
    hidden = []
    for seed in range(seeds):
        weights, scales, _, phi, slope, _ = draw_banerjee2023(np.random.default_rng(seed), 3, width)
        J = np.array([gradient(x, weights, scales, (1, 1, 0), phi, slope)[0] for x in INPUTS])
        hidden.append(width * J @ J.T)
    options = {"L": 2, "sigma_1": 1.8}
    limit = 10**6 * (
        ntk("banerjee2023", INPUTS, m=10**6, **options).value - ntk("banerjee2023", INPUTS, **options).value
    )
    error = np.std(hidden, axis=0, ddof=1) / math.sqrt(seeds)
    assert (np.abs(np.mean(hidden, axis=0) - limit) <= 5 * error + limit.max() * 4 / width).all()


def test_linear_networks_by_hand():
    gram = INPUTS @ INPUTS.T
    for L in (2, 3, 5):  # every layer contributes x x'/d
        np.testing.assert_allclose(ntk("liu2020", INPUTS, activation="identity", L=L).value, L * gram / 3, rtol=1e-14)
    linear = ntk("banerjee2023", INPUTS, activation="identity", L=2, sigma_1=1).value
    np.testing.assert_allclose(linear, gram / 3 / 16, rtol=1e-14)  # (1/2)^4 x x'/d
    linear = ntk("song2021", INPUTS, activation="identity", omega_1=2, omega_2=3).value
    np.testing.assert_allclose(linear, (4 + 9) * gram, rtol=1e-14)
    assert ntk("fu2018", [[2.0]], activation="identity").value.item() == 4


def test_relu_networks_by_hand():
    unit = INPUTS / np.linalg.norm(INPUTS, axis=1, keepdims=True)
    for L in (1, 2, 5):  # every trained layer adds 1/2: q = 1, D = 1/2, doubled by each layer above
        np.testing.assert_allclose(ntk("allenzhu2019", unit, L=L).value.diagonal(), L / 2, rtol=1e-14)
    # two orthogonal inputs, one trained layer: q_0 = 1/pi; D_1 from rho = 1/pi
    K = ntk("allenzhu2019", np.eye(2), L=1).value
    assert K[0, 1] == pytest.approx((math.pi - math.acos(1 / math.pi)) / (2 * math.pi) / math.pi, rel=1e-14)
    # one hidden layer, x = (1, 0), x' = (1, 1): 45 degrees
    K = ntk("liu2020", [[1.0, 0.0], [1.0, 1.0]], activation="relu", L=2).value
    lower = 1 / 2 * 3 / 8  # x x'/d times (pi - pi/4)/(2 pi)
    upper = math.sqrt(2) / 2 * (math.sin(math.pi / 4) + math.cos(math.pi / 4) * 3 * math.pi / 4) / (2 * math.pi)
    assert K[0, 1] == pytest.approx(lower + upper, rel=1e-14)
    # scalar x (eq 26): x^2 E[sigma'(wx)^2]
    K = ntk("liu2020", [[0.7]], activation="tanh", shallow=True).value.item()
    mean = expectation((1 - sympy.tanh(Z) ** 2) ** 2, scale=0.7)
    assert pytest.approx(0.49 * mean, rel=1e-13) == K


@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_are_symmetric_positive_and_follow_permutations(name):
    _, paper, options = NETWORKS[name]
    X = np.random.default_rng(2).standard_normal((20, 6))
    K = ntk(paper, X, **options)
    assert (K.value == K.value.T).all()
    assert K.error < 1e-11 * K.value.max()
    assert K.lambda_min > 0
    order = np.random.default_rng(3).permutation(20)
    moved = ntk(paper, X[order], **options)
    assert np.abs(moved.value - K.value[np.ix_(order, order)]).max() <= K.error + moved.error
    # a sub-block is the kernel of those samples: nothing depends on the others but the number of terms
    part = ntk(paper, X[:5], **options)
    assert np.abs(part.value - K.value[:5, :5]).max() <= K.error + part.error


def test_extremes_by_hand():
    found = extremes(np.array([[2.0, 1.0], [1.0, 2.0]]), 1e-9)
    assert found.least == pytest.approx(1)
    assert found.greatest == pytest.approx(3)
    assert 2e-9 < found.error < 2.1e-9


def test_a_singular_kernel_has_no_least_eigenvalue():
    X = np.array([[1.0, 2.0], [-1.0, -2.0], [0.5, 0.3]])  # tanh is odd: K(x, -x) = -K(x, x)
    with pytest.raises(TheoryError, match="least eigenvalue of liu2020's infinite-width kernel is"):
        _ = ntk("liu2020", X).lambda_min
    assert ntk("liu2020", X, activation="gelu").lambda_min > 0


def test_layers_below_a_dead_one_do_not_count():
    X = np.array([[1.0, 0.0], [0.6, 0.8]])
    dead = chain(X, [Layer(1, 1), Layer(1, 1), Layer(0, 1)], "tanh")
    only = chain(X, [Layer(1, 0), Layer(1, 0), Layer(1, 1)], "tanh")
    np.testing.assert_array_equal(dead.value, only.value)
    assert (dead.output == 0).all()


@pytest.mark.parametrize(
    ("paper", "options", "message"),
    [
        ("nobody2020", {}, "has no infinite-width kernel"),
        ("liu2020", {"sigma_1": 1}, "liu2020's kernel takes activation, L, shallow, not sigma_1"),
        ("liu2020", {"L": 1}, "L counts weight layers"),
        ("allenzhu2019", {"L": 0}, "must be at least 1"),
        ("banerjee2023", {"L": 0}, "must be at least 1"),
        ("allenzhu2019", {"activation": "tanh"}, "needs relu"),
    ],
)
def test_bad_requests_give_one_line(paper, options, message):
    with pytest.raises(TheoryError, match=message) as caught:
        ntk(paper, INPUTS, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("X", [[1.0, 2.0], [[]], [[math.inf]], [["a"]]])
def test_inputs_are_a_matrix_of_numbers(X):
    for paper in ("fu2018", "liu2020", "banerjee2023", "allenzhu2019", "song2021"):
        with pytest.raises(TheoryError, match="must be an"):
            ntk(paper, X)


def test_no_torch():
    code = "import sys, bounds.kernels; bounds.kernels.ntk('liu2020', [[1.0]]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
