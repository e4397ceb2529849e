"""song2021: Khatri-Rao powers, the mean Gram matrix, the exponents of Theorem 3, the bounds on random networks."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import sympy
from derive_song2021 import PHI, coefficient

import bounds
from bounds.activations import get, names
from bounds.errors import TheoryError
from bounds.papers.song2021 import power, reference, scaling, shares


def quantity(name):
    return bounds.quantity(f"song2021.{name}")


def unit_rows(n, d, seed):
    rows = np.random.default_rng(seed).standard_normal((n, d))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def tensor_power(X, t):
    """X^{*t} itself, one flattened tensor a column."""
    columns = []
    for x in X:
        column = np.ones(1)
        for _ in range(t):
            column = np.kron(column, x)
        columns.append(column)
    return np.array(columns).T


@pytest.mark.parametrize("t", [1, 2, 3, 4])
def test_khatri_rao_power(t):
    X = np.random.default_rng(t).standard_normal((7, 4))
    explicit = tensor_power(X, t)
    np.testing.assert_allclose(power.khatri_rao_gram(X, t), explicit.T @ explicit, rtol=1e-12, atol=1e-12)
    least = np.linalg.svd(explicit, compute_uv=False)[-1] if t > 1 else 0.0  # 7 vectors in 4 dimensions
    assert power.sigma_min_power(X, t) == pytest.approx(least, rel=1e-6)
    assert power.sigma_max(X) == pytest.approx(np.linalg.svd(X, compute_uv=False)[0], rel=1e-14)


def test_dependent_powers_are_exactly_zero():
    X = unit_rows(7, 3, 0)  # binom(4, 2) = 6 < 7 <= 3^2
    assert power.sigma_min_power(X, 2) == 0.0
    assert power.sigma_min_power(X[:6], 2) > 1e-3
    np.testing.assert_array_equal(power.khatri_rao_gram(X, 0), np.ones((7, 7)))


@pytest.mark.parametrize("bad", [[[1.0, float("nan")]], [1.0, 2.0], np.zeros((0, 2))])
def test_bad_matrices(bad):
    with pytest.raises(TheoryError, match="X: a matrix"):
        power.khatri_rao_gram(bad, 2)


def test_bad_powers():
    for t in (-1, 1.5, True):
        with pytest.raises(TheoryError, match=f"t = {t}"):
            power.khatri_rao_gram([[1.0]], t)


@pytest.mark.parametrize("activation", ["tanh", "gelu", "softplus", "erf", "sin"])
def test_gram_mean_is_the_hermite_series_and_the_double_integral(activation):
    X = unit_rows(4, 3, 5)
    got = quantity("gram_mean").evaluate(X=X, d_1=7, activation=activation)
    phi = get(activation).expression
    z = next(iter(phi.free_symbols))
    function = sympy.lambdify(z, phi, ["scipy", "numpy"])
    nodes, weights = np.polynomial.hermite_e.hermegauss(180)
    weights = weights / weights.sum()
    for a in range(4):
        for b in range(4):
            rho = float(X[a] @ X[b]) if a != b else 1.0
            v = rho * nodes[:, None] + math.sqrt(max(1 - rho**2, 0.0)) * nodes[None, :]
            double = weights @ (function(nodes)[:, None] * function(v)) @ weights
            assert got[a, b] == pytest.approx(7 * double, rel=1e-9)
    assert got[0, 0] == pytest.approx(7 * quantity("phi_sq").evaluate(activation=activation), rel=1e-13)


def test_gram_mean_of_orthogonal_samples_by_hand():
    # rho = 0 leaves c_0^2, the diagonal is E phi^2
    got = quantity("gram_mean").evaluate(X=np.eye(2), d_1=1, activation="relu")
    np.testing.assert_allclose(got, [[0.5, 1 / (2 * math.pi)], [1 / (2 * math.pi), 0.5]], rtol=1e-14)
    # relu at 60 degrees: (sin + (pi - angle) cos)/(2 pi)
    X = np.array([[1.0, 0.0], [0.5, math.sqrt(3) / 2]])
    got = quantity("gram_mean").evaluate(X=X, d_1=2, activation="relu")[0, 1]
    assert got == pytest.approx((math.sqrt(3) / 2 + math.pi / 3) / math.pi, rel=1e-14)
    got = quantity("gram_mean").evaluate(X=np.array([[1.0], [-1.0]]), d_1=3, activation="tanh")
    np.testing.assert_allclose(got, 3 * 0.394294490397841174 * np.array([[1, -1], [-1, 1]]), rtol=1e-13)


def test_gram_mean_wants_unit_rows():
    with pytest.raises(TheoryError, match="row 1 has norm 2"):
        quantity("gram_mean").evaluate(X=[[1.0, 0.0], [0.0, 2.0]], d_1=1, activation="tanh")


def test_gram_mean_certified_encloses_the_series():
    X = np.array([[1.0, 0.0], [0.6, 0.8]])
    ball = quantity("gram_mean").evaluate(X=X, d_1=1, activation="tanh", certified=True)[0, 1]
    with mp.workdps(30):
        c = {i: coefficient("tanh", i) for i in range(1, 24, 2)}
        rho = mp.mpf(0.6) / mp.sqrt(mp.mpf(0.6) ** 2 + mp.mpf(0.8) ** 2)
        partial = mp.fsum(c[i] ** 2 / mp.factorial(i) * rho**i for i in c)
        left = rho**25 * (mp.mpf("0.394294490397841174") - mp.fsum(c[i] ** 2 / mp.factorial(i) for i in c))
        assert partial - mp.mpf(10) ** -18 <= ball.lo <= ball.hi <= partial + left + mp.mpf(10) ** -18
    assert ball.hi - ball.lo < 1e-15


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_certified_gram_of_equal_and_opposite_rows(activation):
    X = np.array([[0.6, 0.8, 0.0], [0.6, 0.8, 0.0], [-0.6, -0.8, 0.0]])
    ball = quantity("gram_mean").evaluate(X=X, d_1=2, activation=activation, certified=True)
    square = {"relu": 1.0, "erf": 4 / math.pi * math.asin(2 / 3)}[activation]
    opposite = {"relu": 0.0, "erf": -square}[activation]
    for (a, b), true in {(0, 1): square, (0, 2): opposite}.items():
        assert ball[a, b].hi - ball[a, b].lo < 1e-14
        assert ball[a, b].lo - 1e-15 <= true <= ball[a, b].hi + 1e-15


@pytest.mark.parametrize("activation", ["tanh", "softplus"])
def test_certified_shares(activation):
    found = shares.shares(get(activation), 10)
    with mp.workdps(30):
        for i in (0, 1, 4, 9):
            true = coefficient(activation, i) ** 2 / mp.factorial(i)
            assert abs(mp.mpf(float(found[i].mid())) - true) <= 1e-15 * true + mp.mpf(10) ** -25
            assert float(found[i].rad()) < 1e-28


def test_singularities_near_the_line_are_refused():
    with pytest.raises(TheoryError, match="singularity"):
        shares.shares(get("tanh(1000*z)"), 4)


ELASTIC = {
    "tanh": lambda a: 2 * a / mp.sinh(2 * a),
    "gelu": lambda a: 1 + a * mp.npdf(a) / mp.ncdf(a),
    "sigmoid": lambda a: a / (1 + mp.exp(a)),
    "silu": lambda a: 1 + a / (1 + mp.exp(a)),
    "softplus": lambda a: a / (1 + mp.exp(-a)) / mp.log1p(mp.exp(a)),
    "erf": lambda a: a * 2 / mp.sqrt(mp.pi) * mp.exp(-a * a) / mp.erf(a),
    "tanh01": lambda a: 2 * a / (1 + mp.exp(2 * a)),
}


@pytest.mark.parametrize("activation", ELASTIC)
def test_recorded_exponents(activation):
    top, low = scaling.ELASTICITY[activation]
    places = [s * mp.mpf(k) / 50 for k in range(1, 1500) for s in (1, -1)]
    values = [ELASTIC[activation](a) for a in places]
    assert float(max(values)) <= float(top) <= float(max(values)) + 2e-3
    if math.isfinite(low):
        assert float(low) <= float(min(values)) <= float(low) + 1e-6
    else:
        assert min(values) < -20


@pytest.mark.parametrize("activation", names())
def test_exponents_bound_the_ratio(activation):
    top, low = scaling.ELASTICITY[activation]
    phi = get(activation).expression
    function = sympy.lambdify(next(iter(phi.free_symbols)), phi, [{"Max": max}, "mpmath"])
    for tau in (0.1, 0.5, 0.9):
        for a in (-30, -5, -1, -0.1, 0.1, 1, 5, 30):
            small, large = abs(function(mp.mpf(tau * a))), abs(function(mp.mpf(a)))
            if math.isfinite(top):
                assert tau ** float(top) * large <= small * (1 + 1e-12)
            if math.isfinite(low):
                assert small <= tau ** float(low) * large * (1 + 1e-12)


def test_exponent_conditions():
    low, high, none = (quantity(f"scaling_{x}") for x in ("low", "high", "missing"))
    assert low.evaluate(omega_1="1/2", r_1=1, activation="tanh") == 0
    assert low.evaluate(omega_1="1/2", r_1="0.99", activation="tanh") == 1
    assert low.evaluate(omega_1=1, r_1=0, activation="tanh") == 0
    assert high.evaluate(omega_1="1/2", r_2=0, activation="2*tanh(3*z)") == 0
    assert high.evaluate(omega_1="1/2", r_2="0.01", activation="tanh") == 1
    assert high.evaluate(omega_1="1/2", r_2=-5, activation="gelu") == 1
    assert none.evaluate(omega_1=np.array([0.5, 1.0, 2.0]), activation="gelu").tolist() == [1, 0, 1]
    assert none.evaluate(omega_1="1/2", activation="erf") == 0
    # not the shifted one: tanh(z + 1) does not vanish with z
    assert scaling.elasticity(get("tanh(z+1)")) is None


@pytest.mark.parametrize(("activation", "t"), [("tanh", 1), ("tanh", 3), ("gelu", 2)])
@pytest.mark.parametrize("omega", [0.3, 1.0, 1.7])
def test_bounds_of_the_mean_spectrum(activation, t, omega):
    """The least eigenvalue of E M_0/d_1 is at least the t-th term, the largest at most eq 57's; at every omega_1."""
    X = unit_rows(4, 5, 3)
    phi = {"tanh": np.tanh, "gelu": reference.gelu}[activation]
    found = reference.shares(lambda z: phi(omega * z), 150)
    true = sum(share**2 * (X @ X.T) ** i for i, share in enumerate(found))
    eigenvalues = np.linalg.eigvalsh(true)
    low = quantity("gram_min_lower").evaluate(
        d_1=2, omega_1=omega, activation=activation, t=t, sigma_min_Xt=power.sigma_min_power(X, t)
    )
    top = quantity("gram_max_upper").evaluate(
        d_1=2, n=4, omega_1=omega, activation=activation, sigma_max_X=power.sigma_max(X)
    )
    assert 0 < low <= 2 * eigenvalues[0] * (1 + 1e-9)
    assert 2 * eigenvalues[-1] <= top * (1 + 1e-6)
    trace = quantity("gram_mean_eigenvalue").evaluate(d_1=2, omega_1=omega, activation=activation)
    assert trace == pytest.approx(2 * np.mean(eigenvalues), rel=1e-5)


def test_lemma_3_on_random_networks():
    """Singular values of the Jacobian within [mu, nu], and its change within beta times the distance."""
    at = {"phi1_max": 1.12890414518515, "phi2_max": 0.797884560802865}
    for seed in range(20):
        X = reference.unit_columns(5, 6, seed)
        W, V = reference.weights(20, 5, 2, 1.0, 0.5, seed)
        sizes = np.linalg.svd(reference.jacobian(W, V, X, reference.gelu, reference.gelu_slope), compute_uv=False)
        hidden = np.linalg.svd(reference.gelu(W @ X), compute_uv=False)
        readout, top = float(np.linalg.norm(V, 2)), float(np.linalg.norm(X, 2))
        mu = quantity("mu_Phi").evaluate(sigma_min_phi=float(hidden[5]))
        nu = quantity("nu_Phi").evaluate(
            phi1_max=at["phi1_max"], sigma_max_X=top, sigma_max_V0=readout, sigma_max_phi=float(hidden[0])
        )
        assert mu <= sizes[-1] * (1 + 1e-9)
        assert sizes[0] <= nu
        dW, dV = reference.weights(20, 5, 2, 0.1, 0.1, seed + 100)
        moved = reference.jacobian(W + dW, V + dV, X, reference.gelu, reference.gelu_slope)
        here = reference.jacobian(W, V, X, reference.gelu, reference.gelu_slope)
        chi = max(readout, float(np.linalg.norm(V + dV, 2)))
        beta = quantity("beta_Phi").evaluate(sigma_max_X=top, chi_max=chi, **at)
        assert np.linalg.norm(moved - here, 2) <= beta * math.sqrt(np.sum(dW**2) + np.sum(dV**2))


def test_reference_shares():
    with mp.workdps(30):
        for i in (1, 2, 8):
            for name, phi in (("tanh", np.tanh), ("gelu", reference.gelu)):
                true = coefficient(name, i) / mp.sqrt(mp.factorial(i))
                assert reference.shares(phi, 10)[i] == pytest.approx(float(true), abs=1e-14)
    assert set(PHI) >= {"tanh", "gelu"}
