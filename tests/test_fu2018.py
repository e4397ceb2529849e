"""fu2018 against a second derivation from the paper's text, hand calculations and the limits of its formulas."""

from __future__ import annotations

import random

import mpmath as mp
import numpy as np
import pytest
from derive_fu2018 import ACTIVATIONS, DIGITS, alpha, beta, bounds_of, gamma, geometry, m, rho

import bounds
from bounds.papers.fu2018.plots import figure_2

TEACHER = "kappa lam rho_sigma"
INPUTS = {
    **dict.fromkeys(
        ("sample_complexity", "sample_complexity_implicit", "sample_complexity_critical"), f"d K L_phi {TEACHER}"
    ),
    **dict.fromkeys(("radius", "radius_printed", "radius_explicit", "gradient_threshold"), f"K L_phi {TEACHER}"),
    "hessian_lower": f"K {TEACHER}",
    "hessian_upper": "K L_phi",
    "hessian_lipschitz": "K L_phi",
    "population_hessian_lower": f"K L_phi {TEACHER} distance",
    "population_hessian_upper": "K L_phi distance",
    "hessian_concentration": "d K n L_phi",
    "gradient_concentration": "d n L_phi",
    "sample_floor": "d K",
    "estimation_error": f"d K n L_phi {TEACHER}",
    "estimation_error_from_gradient": f"K {TEACHER} gradient_norm",
    "step_size": f"L_phi {TEACHER}",
    "contraction": f"K {TEACHER} eta",
    "contraction_appendix": f"K {TEACHER} eta",
    "probability": "d",
    "probability_union": "d",
    **dict.fromkeys(
        (
            *("hessian_subexponential", "gradient_subgaussian", "block_offdiagonal", "block_diagonal"),
            *("gradient_coefficient", "sample_hessian_lipschitz", "sample_hessian_lipschitz_printed"),
        ),
        "K L_phi",
    ),
    "mean_hessian_lipschitz": "d K L_phi",
}
MOMENTS = {"alpha_q", "beta_q", "rho_sigma", "gamma_j", "m_j", "m_j_slope", "kappa", "lam", "sigma_K", "iterations"}


def quantity(name):
    return bounds.quantity(f"fu2018.{name}")


def make(rng):
    values = {"d": rng.randint(2, 500), "K": rng.randint(2, 40), "n": rng.randint(3, 10**6)}
    values |= {"L_phi": rng.uniform(0.2, 3), "kappa": rng.uniform(1, 9), "lam": rng.uniform(1, 90)}
    return values | {"rho_sigma": 10 ** rng.uniform(-4, -1), "eta": rng.uniform(0, 1), "distance": rng.uniform(0, 1),
                     "gradient_norm": rng.uniform(0, 1)}  # fmt: skip


RNG = random.Random(20180224)
POINTS = [make(RNG) for _ in range(12)]


@pytest.mark.parametrize("name", INPUTS)
def test_formulas_match_the_derivation(name):
    q, names = quantity(name), INPUTS[name].split()
    with mp.workdps(DIGITS):
        true = [bounds_of({k: mp.mpf(v) for k, v in p.items()})[name] for p in POINTS]
    scalars = [q.evaluate(**{k: p[k] for k in names}) for p in POINTS]
    np.testing.assert_allclose(scalars, [float(t) for t in true], rtol=1e-12)
    stacked = q.evaluate(**{k: np.array([p[k] for p in POINTS]) for k in names})
    np.testing.assert_allclose(stacked, scalars, rtol=1e-13)
    for p, t in list(zip(POINTS, true, strict=True))[:3]:
        ball = q.evaluate(certified=True, **{k: p[k] for k in names})
        assert ball.lo <= float(t) <= ball.hi or abs(float(t) / float(ball) - 1) < 1e-15


def test_every_quantity_is_compared():
    assert set(INPUTS) | MOMENTS == {q.name for q in bounds.quantities("fu2018")}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("sigma", [0.3, 1, 4.5])
def test_moments_match_the_derivation(name, sigma):
    at = {"sigma": sigma, "activation": name}
    with mp.workdps(25):
        # near 0 the rows of Definition 1 cancel: absolute accuracy is what quadrature has
        expected = {("alpha_q", q): alpha(name, q, sigma) for q in (0, 1, 2)}
        expected |= {("beta_q", q): beta(name, q, sigma) for q in (0, 2)}
        expected |= {("gamma_j", j): gamma(name, j, sigma) for j in range(5)}
        expected |= {("m_j", j): m(name, j, sigma) for j in (1, 2, 3, 4)}
        for (key, order), true in expected.items():
            letter = "q" if key.endswith("q") else "j"
            assert quantity(key).evaluate(**at, **{letter: order}) == pytest.approx(float(true), rel=1e-12, abs=1e-15)
            ball = quantity(key).evaluate(**at, **{letter: order}, certified=True)
            assert float(ball) == pytest.approx(float(true), rel=1e-15, abs=1e-20)
        assert quantity("rho_sigma").evaluate(**at) == pytest.approx(float(rho(name, sigma)), rel=1e-12)


def test_slope_of_the_tensor_size_is_its_derivative():
    for name in ("sigmoid", "gelu"):
        for j in (1, 2, 3, 4):
            with mp.workdps(25):
                h = mp.mpf(10) ** -8
                true = float((m(name, j, 1.3 + h) - m(name, j, 1.3 - h)) / (2 * h))
            at = {"sigma": 1.3, "activation": name}
            assert quantity("m_j_slope").evaluate(j=j, **at) == pytest.approx(true, rel=1e-9, abs=1e-12)
            if j == 1:  # by Stein: E[phi'(s z) z^2]
                assert quantity("m_j_slope").evaluate(j=1, **at) == quantity("alpha_q").evaluate(q=2, **at)


REFERENCE = {
    "sigmoid": (3.17713894565827e-4, 2.14401852726314e-3, 3.07456475120816e-3, 5.59548087941229e-4),
    "tanh": (0.0343042964362102, 0.0491930360193305, 0.0153886867538005, 1.31699737573059e-3),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_rho_has_the_reference_values(name):
    for sigma, expected in zip((0.5, 1, 2, 5), REFERENCE[name], strict=True):
        at = {"sigma": sigma, "activation": name}
        assert quantity("rho_sigma").evaluate(**at) == pytest.approx(expected, rel=2e-14)
        ball = quantity("rho_sigma").evaluate(**at, certified=True)
        assert abs(float(ball) / expected - 1) < 1e-14
        assert ball.relative_width < 1e-20
    curve = figure_2([name], (0.5, 1, 2, 5))
    np.testing.assert_allclose(curve[name], REFERENCE[name], rtol=2e-14)
    assert list(curve) == ["sigma", name]


@pytest.mark.parametrize("sigma", [1e9, 1e12, 1e30])
def test_moments_at_large_scales(sigma):
    # u = sigma z: sigma^3 beta_2 tends to the integral of (u phi'(u))^2 / sqrt(2 pi), and rho to that row (the other
    # falls like 1/sigma); the next term is smaller by 1/sigma^2
    with mp.workdps(30):
        cuts = [0, 1, 3, 10, 30, 100]
        whole = 2 * mp.quad(lambda u: (u / (4 * mp.cosh(u / 2) ** 2)) ** 2, cuts) / mp.sqrt(2 * mp.pi)
    for name, at in (("beta_q", {"q": 2}), ("rho_sigma", {})):
        value = quantity(name).evaluate(sigma=sigma, activation="sigmoid", **at)
        assert value * sigma**3 == pytest.approx(float(whole), rel=1e-11)


def test_rho_by_hand():
    # identity: phi' = 1, so 1 - 1 - 0 = 0 and 1 - 0 - 1 = 0. relu: phi' = [z > 0]: 1/2 - 1/4 - 1/(2 pi) twice
    assert quantity("rho_sigma").evaluate(sigma=3, activation="identity") == pytest.approx(0, abs=1e-15)
    expected = 0.25 - 1 / (2 * np.pi)
    assert quantity("rho_sigma").evaluate(sigma=3, activation="relu") == pytest.approx(expected, rel=1e-13)
    # sin: phi' = cos; E cos(s z) = e^(-s^2/2), E cos^2 = (1 + e^(-2 s^2))/2, E z^2 cos = (1 - s^2) e^(-s^2/2),
    # E z^2 cos^2 = (1 + (1 - 4 s^2) e^(-2 s^2))/2
    s = np.array([0.7, 1.0, 2.0])
    zero = (1 + np.exp(-2 * s**2)) / 2 - np.exp(-(s**2))
    two = (1 + (1 - 4 * s**2) * np.exp(-2 * s**2)) / 2 - (1 - s**2) ** 2 * np.exp(-(s**2))
    np.testing.assert_allclose(
        quantity("rho_sigma").evaluate(sigma=s, activation="sin"), np.minimum(zero, two), rtol=1e-12
    )


def test_constants_of_activations():
    # sup|phi'|, |phi''|, |phi'''|: sigmoid 1/4, .., 1/8; tanh 1, .., 2; (1 + tanh)/2 halves tanh's
    for name, expected in (("sigmoid", 0.25), ("tanh", 2), ("tanh01", 1)):
        at = {"activation": name, "kappa": 1, "lam": 1, "K": 1, "c": 1, "rho_sigma": 1}
        assert 1 / quantity("radius").evaluate(**at) == pytest.approx(expected**2, rel=1e-14)


def test_singular_values_in_any_order():
    values = [0.5, 3.0, 2.0, 0.75]
    with mp.workdps(30):
        kappa, lam = map(float, geometry(values))
    assert (kappa, lam) == (6.0, 36.0)  # 3/0.5; 1 * 6 * 4 * 1.5
    for order in (values, values[::-1], "0.5,3,2,0.75"):
        assert quantity("kappa").evaluate(singular_values=order) == kappa
        assert quantity("lam").evaluate(singular_values=order) == lam
        assert quantity("sigma_K").evaluate(singular_values=order) == 0.5
    assert 36 in quantity("lam").evaluate(singular_values=values, certified=True)
    assert quantity("lam").evaluate(singular_values=[1e-3] * 200) == 1.0
    for bad in ([1.0, 0.0], [1.0, -2.0], []):
        with pytest.raises(bounds.TheoryError):
            quantity("kappa").evaluate(singular_values=bad)
    at = {"K": 4, "rho_sigma": "1/100"}
    given = quantity("hessian_lower").evaluate(singular_values=values, **at)
    assert given == quantity("hessian_lower").evaluate(kappa=6, lam=36, **at) == pytest.approx(1 / (16 * 36 * 36 * 100))


def test_formulas_read_as_the_paper_writes_them():
    assert (
        quantity("m_j")
        .to_latex()
        .endswith(r"\mathbb{E}_{z}\left[\phi\left(\sigma z\right) \mathrm{He}_{j}{\left(z \right)}\right]")
    )
    assert r"= \min\left\{" in quantity("rho_sigma").to_latex()
    assert r"\max" not in quantity("rho_sigma").to_latex()
    assert quantity("lam").to_latex() == r"\lambda = \prod_{i=1}^K \sigma_i/\sigma_K"
