"""fu2018: hand-solved sample sizes and rates, assumptions, limits, and its constants measured on real networks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy

import bounds
from bounds.gaussian import gauss_hermite
from bounds.papers.fu2018.reference import SIGMOID, TANH01

UNIT = {"L_phi": 1, "kappa": 1, "lam": 1, "rho_sigma": 1}


def quantity(name):
    return bounds.quantity(f"fu2018.{name}")


def test_sample_sizes_by_hand():
    # (L + 1) L = 2: C d K^3 log(d)^2 4 at d = e^2 would be 16 d K^3; here d = 100, K = 5
    at = {"d": 100, "K": 5, **UNIT}
    assert quantity("sample_complexity").evaluate(**at) == pytest.approx(4 * 100 * 125 * math.log(100) ** 2, rel=1e-14)
    # n = X log n at n = e^2: X = e^2/2, that is C = e^2/2/(d K^3 4) and, with L = 1, C = e^2/2/(d K^5)
    target = math.exp(2)
    c = sympy.exp(2) / 2 / (100 * 125 * 4)
    assert quantity("sample_complexity_implicit").evaluate(C=float(c), **at) == pytest.approx(target, rel=1e-12)
    c = sympy.exp(2) / 2 / (100 * 3125)
    assert quantity("sample_complexity_critical").evaluate(C=float(c), **at) == pytest.approx(target, rel=1e-12)


def test_the_upper_branch_is_taken():
    at = {"d": 20, "K": 3, "L_phi": 0.25, "kappa": 2, "lam": 4, "rho_sigma": 2e-3}
    for name, x in (
        ("sample_complexity_implicit", 20 * 27 * (0.3125 * 16 / 2e-3) ** 2),
        ("sample_complexity_critical", 20 * 243 * 0.25**6 * (16 / 2e-3) ** 4),
    ):
        n = quantity(name).evaluate(**at)
        assert n == pytest.approx(x * math.log(n), rel=1e-12)
        assert n > math.e * x  # the other root lies just above 1
        ball = quantity(name).evaluate(**at, certified=True)
        assert ball.lo <= n * (1 + 1e-13)
        assert n * (1 - 1e-13) <= ball.hi


def test_no_sample_size_where_every_n_is_enough():
    # X = d K^3 4 C = 2.7 < e: n >= X log n for every n
    with pytest.raises(bounds.TheoryError, match="every n satisfies"):
        quantity("sample_complexity_implicit").evaluate(d=1, K=1, C="27/40", **UNIT)
    assert quantity("sample_complexity_implicit").evaluate(d=1, K=1, C="0.68", **UNIT) == pytest.approx(2.8, abs=0.3)


def test_rates_by_hand():
    assert quantity("contraction").evaluate(eta="1/2", hessian_lower="1/5") == 0.9
    assert quantity("contraction_appendix").evaluate(eta="1/2", hessian_lower="1/5") == 0.95
    # 0.5^T <= 1/1024: ten steps, exactly; none from where eps is already reached
    assert quantity("iterations").evaluate(start=1024, eps=1, contraction="1/2") == 10.0
    assert quantity("iterations").evaluate(start=1, eps=2, contraction="1/2") == 0.0
    for bad in (1, "3/2", "-1/4"):
        with pytest.raises(bounds.TheoryError, match="undefined"):
            quantity("iterations").evaluate(start=2, eps=1, contraction=bad)
    assert quantity("probability").evaluate(d=2) == 1 - 2**-10
    assert quantity("probability_union").evaluate(d=2) == 1 - 2**-9
    step = quantity("step_size").evaluate(L_phi=2, kappa=3, lam=5, rho_sigma="1/10")
    low, high = (
        quantity("hessian_lower").evaluate(K=7, kappa=3, lam=5, rho_sigma="1/10"),
        quantity("hessian_upper").evaluate(K=7, L_phi=2),
    )
    assert step == pytest.approx(low / high**2, rel=1e-14) == pytest.approx(0.1 / (16 * 45), rel=1e-14)


def test_orders_in_the_width():
    k = np.array([1e3, 1e4])
    unit, shape = dict(UNIT), dict.fromkeys(("kappa", "lam", "rho_sigma"), 1)
    for name, order, given in (
        ("sample_complexity", 3, {"d": 784, **unit}),
        ("radius", -0.5, unit),
        ("hessian_lower", -2, shape),
        ("hessian_upper", -1, {"L_phi": 1}),
        ("hessian_lipschitz", -1.5, {"L_phi": 1}),
        ("estimation_error", 2, {"d": 784, "n": 10**6, **unit}),
    ):
        low, high = quantity(name).evaluate(K=k, **given)
        assert math.log10(high / low) == pytest.approx(order, abs=1e-9), name


def population_hessian(net, weights, teacher, points=48):
    """E of eq 13 under the teacher's labels, by a product Gauss rule; weights (2, K)."""
    nodes, mass = gauss_hermite(points)
    total = np.zeros((weights.size, weights.size))
    for a, p in zip(nodes, mass, strict=True):
        for b, q in zip(nodes, mass, strict=True):
            x = np.array([a, b])
            total += p * q * net.hessian(weights, x, float(net.output(teacher, x)))
    return total


def moments(name):
    a = [quantity("alpha_q").evaluate(q=q, sigma=1, activation=name) for q in (0, 1, 2)]
    b = [quantity("beta_q").evaluate(q=q, sigma=1, activation=name) for q in (0, 2)]
    assert a[1] == 0
    return np.array([[b[1], a[0] * a[2]], [a[0] * a[2], b[0]]])


@pytest.mark.parametrize(("net", "name"), [(SIGMOID, "sigmoid"), (TANH01, "tanh01")])
def test_population_constants_hold_on_networks(net, name):
    rng = np.random.default_rng(1)
    for trial in range(3):
        teacher = np.eye(2) if trial == 0 else np.linalg.qr(rng.standard_normal((2, 2)))[0] * [1.4, 0.8]
        shape = {"singular_values": np.linalg.svd(teacher, compute_uv=False)}
        sigma = float(shape["singular_values"].min())
        moved = teacher + 0.1 * rng.standard_normal((2, 2))
        distance = float(np.linalg.norm(moved - teacher))
        there, here = population_hessian(net, teacher, teacher), population_hessian(net, moved, teacher)
        at = {"K": 2, "activation": name, "distance": 0}
        low = quantity("population_hessian_lower").evaluate(**at, **shape, sigma=sigma)
        high = quantity("population_hessian_upper").evaluate(**at)
        eigenvalues = np.linalg.eigvalsh(there)
        assert low <= eigenvalues[0]
        if trial == 0:  # alpha_1 = 0: a form in (r_ii, r_ki)
            exact = np.linalg.eigvalsh(moments(name))[0] / 4
            assert eigenvalues[0] == pytest.approx(exact, rel=1e-4)  # the 48-point rule on tanh
            assert low > eigenvalues[0] / 1.3
        assert eigenvalues[-1] <= high
        change = np.linalg.norm(here - there, 2) / distance
        assert change <= quantity("hessian_lipschitz").evaluate(K=2, activation=name)
        drop = quantity("population_hessian_lower").evaluate(**{**at, "distance": distance}, **shape, sigma=sigma)
        assert drop <= np.linalg.eigvalsh(here)[0]


def test_blocks_bound_every_sample():
    rng = np.random.default_rng(0)
    for net, name in ((SIGMOID, "sigmoid"), (TANH01, "tanh01")):
        at = {"K": 5, "activation": name}
        diagonal, off, slope = (
            quantity(q).evaluate(**at) for q in ("block_diagonal", "block_offdiagonal", "gradient_coefficient")
        )
        for _ in range(200):
            weights, x = rng.standard_normal((3, 5)), rng.standard_normal(3)
            y = float(rng.integers(0, 2))
            beta = net.coefficients(weights, x, y)
            assert np.abs(np.diag(beta)).max() <= diagonal
            assert np.abs(beta - np.diag(np.diag(beta))).max() <= off
            assert np.abs(net.gradient(weights, x, y) / x[:, None]).max() <= slope * (1 + 1e-9)


def test_reference_network_by_differences():
    rng = np.random.default_rng(3)
    weights, x, y, h = rng.standard_normal((2, 3)), rng.standard_normal(2), 1.0, 1e-6
    for net in (SIGMOID, TANH01):

        def loss(w, net=net):
            return 0.5 * (y - float(net.output(w, x))) ** 2

        gradient, hessian = net.gradient(weights, x, y), net.hessian(weights, x, y)
        for i, j in np.ndindex(2, 3):
            step = np.zeros((2, 3))
            step[i, j] = h
            assert (loss(weights + step) - loss(weights - step)) / (2 * h) == pytest.approx(gradient[i, j], abs=1e-8)
            column = (net.gradient(weights + step, x, y) - net.gradient(weights - step, x, y)) / (2 * h)
            np.testing.assert_allclose(column.T.ravel(), hessian[:, 2 * j + i], atol=1e-8)


def test_gradient_descent_stays_at_the_threshold():
    # a quadratic with Hessian in [H_min, H_max], ||grad f_n(W*)|| = H_min r and eta = 1/H_max, from the ball's sphere
    low, high = 0.2, 1.0
    radius = quantity("gradient_threshold").evaluate(hessian_lower=low, radius=3) / low
    rng = np.random.default_rng(0)
    for _ in range(200):
        basis = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        curvature = basis @ np.diag(rng.uniform(low, high, 3)) @ basis.T
        slope = rng.standard_normal(3)
        slope *= low * radius / np.linalg.norm(slope)
        w = rng.standard_normal(3)
        w *= radius / np.linalg.norm(w)
        for _ in range(20):
            w = w - (curvature @ w + slope) / high
            assert np.linalg.norm(w) <= radius * (1 + 1e-12)
        critical = np.linalg.solve(curvature, -slope)
        bound = quantity("estimation_error_from_gradient").evaluate(gradient_norm=low * radius, hessian_lower=low)
        assert np.linalg.norm(critical) <= bound * (1 + 1e-12)


def test_scenarios_and_settings():
    paper = bounds.paper("fu2018")
    assert paper.layers_offset is None
    assert [s.name for s in paper.scenarios] == ["fig3", "fig4"]
    assert all(
        {g.name: g.value for g in s.values} == {"K": 3, "d": 20, "activation": "sigmoid"} for s in paper.scenarios
    )
