"""banerjee2023 against a second derivation from the paper's text: loops and brute force at 60 digits."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from derivation import DIGITS, exact, off, reference
from hypothesis import given, settings
from hypothesis import strategies as st

import bounds
from bounds.ball import precision

NET, CURVE = "L sigma_1 rho m phi_0", "L sigma_1 rho m phi_0 beta_phi rho_1"
LOSS, ALPHA = NET + " rho_1 mean_y_sq", CURVE + " mean_y_sq rho_2 kappa gbar_norm_sq"
STEP = ALPHA + " omega_t"
INPUTS = {
    "sigma_0": "sigma_1 m",
    "gamma": "sigma_1 rho m",
    "h": "l sigma_1 rho m phi_0",
    **dict.fromkeys(("psi_H", "psi_H_tight", "psi_H_safe"), NET + " beta_phi"),
    **dict.fromkeys(("c_H", "c_H_chain", "c_H_safe", "c_H_tight", "c_H_proved", "hessian_norm"), CURVE),
    **dict.fromkeys(("varrho", "param_grad_norm"), NET + " rho_1"),
    "path_sum": NET,
    "input_grad_norm": "L sigma_1 rho m rho_1 d",
    "input_grad_norm_printed": "L sigma_1 rho m rho_1",
    **dict.fromkeys(("g", "g_printed"), "a L phi_0"),
    **dict.fromkeys(("loss_ball", "loss_ball_printed", "loss_grad_norm"), LOSS),
    **dict.fromkeys(("loss_init", "loss_init_printed"), "L sigma_1 phi_0 mean_y_sq"),
    "c_1": "kappa",
    "c_2": CURVE + " mean_y_sq rho_2",
    "rsc_alpha": ALPHA,
    "rsc_threshold": CURVE + " mean_y_sq rho_2 kappa",
    "beta": CURVE + " mean_y_sq",
    "rsc_alpha_general": CURVE + " a kappa gbar_norm_sq rho_2 lambda_t",
    "beta_general": CURVE + " b lambda_t",
    "rsc_alpha_multi": ALPHA + " k",
    **dict.fromkeys(("beta_multi", "beta_multi_tight"), CURVE + " mean_y_sq k"),
    "step_size": CURVE + " mean_y_sq omega_t",
    "local_contraction": STEP,
    **dict.fromkeys(("contraction", "chi"), STEP + " gamma_t"),
    "iterate_distance": "rho",
    "readout_distance": "rho_1",
    **dict.fromkeys(("probability", "probability_tight"), "L m"),
    "weight_norm_init": "sigma_1 m",
    "weight_norm": "sigma_1 rho m",
    "activation_norm": "l sigma_1 rho m phi_0",
    "layer_jacobian": "sigma_1 rho m",
    "weight_jacobian": "l sigma_1 rho m phi_0",
    **dict.fromkeys(("backward_norm", "backward_max"), "l L sigma_1 rho m rho_1"),
}


def make(rng, depth, kind, zero):
    """A random point; ``kind`` places gamma below, at, or above 1, or beside 1 by its value."""
    m, rho = rng.choice([4, 64, 1024, 4096]), rng.uniform(0, 1)
    sigma_1 = {"below": rng.uniform(0.1, 0.6) - rho / m**0.5 / 2, "above": rng.uniform(1.0, 1.9)}.get(kind)
    if kind == "one":
        sigma_1, rho = 0.5, m**0.5 / 2
    if sigma_1 is None or sigma_1 <= 0:
        sigma_1, rho = (kind if isinstance(kind, float) else 0.3), 0.0
    point = {x: rng.uniform(0.05, 2) for x in ("beta_phi", "rho_1", "rho_2", "mean_y_sq", "gbar_norm_sq", "a", "b")}
    point |= {"lambda_t": rng.uniform(0, 3), "kappa": rng.uniform(0.1, 1), "omega_t": rng.uniform(0.05, 1.95)}
    point |= {"gamma_t": rng.uniform(0, 1), "L": depth, "l": rng.randint(1, depth), "m": m, "d": rng.randint(1, 900)}
    return point | {"k": rng.randint(1, 9), "sigma_1": sigma_1, "rho": rho, "phi_0": 0 if zero else rng.uniform(0, 3)}


RNG = random.Random(20230501)
KINDS = ("below", "one", "above")
NEAR = tuple(1 + s * e for e in (1e-9, 1e-13) for s in (1, -1))
POINTS = [make(RNG, n, kind, zero) for n in range(2, 13) for kind in KINDS for zero in (True, False)]
POINTS += [make(RNG, n, near, zero) for n in (2, 7, 12) for near in NEAR for zero in (True, False)]
POINTS.append({**POINTS[-1], "m": 1, "rho": 0.25})
TRUE = [reference(p) for p in POINTS]


def quantity(name):
    return bounds.quantity(f"banerjee2023.{name}")


def inputs(name, point):
    return {k: point[k] for k in INPUTS[name].split()}


@pytest.mark.parametrize("name", INPUTS)
def test_scalars_and_arrays_match_the_derivation(name):
    q = quantity(name)
    scalars = np.array([q.evaluate(**inputs(name, p)) for p in POINTS])
    worst = max(zip((off(s, t[name]) for s, t in zip(scalars, TRUE, strict=True)), range(len(POINTS)), strict=True))
    assert worst[0] < 1e-12, (name, worst, POINTS[worst[1]])
    arrays = q.evaluate(**{k: np.array([p[k] for p in POINTS]) for k in INPUTS[name].split()})
    assert np.shape(arrays) == (len(POINTS),)
    np.testing.assert_allclose(arrays, scalars, rtol=4e-14, atol=0)


@pytest.mark.parametrize("name", INPUTS)
def test_certified_contains_and_log10_agrees(name):
    q = quantity(name)
    for point, true in list(zip(POINTS, TRUE, strict=True))[::5]:
        ball, value = q.evaluate(certified=True, **inputs(name, point)), exact(true[name])
        assert Fraction(ball.lo) <= value <= Fraction(ball.hi)
        with precision(400):  # the membership of a 200-bit fraction, decided with its digits
            assert value in ball
        log10 = q.evaluate(log10=True, **inputs(name, point))
        if value > 0:
            assert log10 == pytest.approx(float(mp.log10(true[name])), rel=1e-12, abs=1e-12)


def test_membership_does_not_depend_on_the_surrounding_precision():
    ball = quantity("gamma").evaluate(sigma_1="1/3", rho=0, m=4, certified=True)
    assert Fraction(1, 3) in ball
    assert Fraction(1, 3) + Fraction(1, 10**30) not in ball


def test_every_quantity_is_compared():
    others = {"iterations", "required_width"}
    assert set(INPUTS) | others == {q.name for q in bounds.quantities("banerjee2023")}


def test_hessian_norm_says_which_constant_it_used():
    base = {"L": 3, "m": 100, "phi_0": 0, "beta_phi": 1, "rho_1": 0}
    for sigma_1, rho, chosen in ((1, 0, "chain"), (1, 1, "chain"), ("0.9", 1, "chain"), ("0.9", "0.99", "safe")):
        seen = bounds.result(quantity("hessian_norm"), sigma_1=sigma_1, rho=rho, **base).chosen
        assert seen == {"c_H": f"c_H_{chosen}"}


def test_deep_and_wide_networks_do_not_overflow():
    at = {"L": 10000, "gamma": 2.0, "phi_0": 0.5, "beta_phi": 0.7, "rho_1": 1}
    with mp.workdps(DIGITS):
        # gamma > 1: h rises, so the best pair is (L - 1, L); h(l) = 2^(l-1) + (2^(l-1) - 1)/2
        h = [mp.mpf(2) ** e + (mp.mpf(2) ** e - 1) / 2 for e in (9998, 9999)]
        b, size = mp.mpf(0.7), mp.mpf(2) ** 10000
        psi = max(b * h[0] ** 2, h[0] * (b * (4 + h[1] ** 2) / 2 + 1), 4 * b * h[0] * h[1])
        lead, tail = 2 * 2 * psi * (size / 2), 2 * 10000 * size * h[1]
        printed = 10000 * (10000**2 * size**2 + 10000 * size + 1) * lead + tail
        chain = (10000**2 * size**2 + 10000 * size + 10000) * lead + tail
        for name, true in (("c_H", printed), ("c_H_chain", chain), ("c_H_safe", None)):
            assert quantity(name).evaluate(**at) == np.inf
            log10 = quantity(name).evaluate(log10=True, **at)
            assert np.isfinite(log10)
            assert true is None or log10 == pytest.approx(float(mp.log10(true)), rel=1e-13)
            stacked = quantity(name).evaluate(log10=True, **{**at, "L": np.array([3, 10000])})
            assert stacked[1] == pytest.approx(log10, rel=1e-14)


def test_iterations_rounds_up_exactly():
    q = quantity("iterations")
    assert q.evaluate(chi="1/2", loss_0=1024, loss_star=0, eps=1) == 10.0  # an exact tie: 2^-10
    assert q.evaluate(chi="1/2", loss_0=1025, loss_star=0, eps=1) == 11.0
    assert q.evaluate(chi="9/10", loss_0=2, loss_star=1, eps="1e-3") == 3.0
    tiny = q.evaluate(chi=1e-9, loss_0=1, loss_star=0, eps=1e-3)
    with mp.workdps(DIGITS):
        assert off(tiny, mp.ceil(mp.log(1 / mp.mpf(1e-3)) / -mp.log1p(-mp.mpf(1e-9)))) == 0
    for point in POINTS[::4]:
        full = {**point, "m": 10**22, "rho": 1.0, "gamma_t": 0.25, "sigma_1": 0.9}
        full["gbar_norm_sq"] = float(reference(full)["varrho"] ** 2) / 2  # beyond varrho^2, chi may exceed 1
        true = reference(full)
        with mp.workdps(DIGITS):
            steps = mp.ceil(mp.log((mp.mpf(7) - mp.mpf(0.5)) / mp.mpf(0.01)) / mp.log(1 / (1 - true["chi"])))
        given_ = inputs("chi", full)
        assert 0 < true["chi"] < 1
        assert q.evaluate(loss_0=7, loss_star=0.5, eps=0.01, **given_) == float(steps)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 12),
    st.floats(0.01, 3),
    st.floats(0, 20),
    st.floats(0, 20),
    st.floats(0, 50),
)
def test_constants_over_ranges(depth, gamma, phi_0, beta_phi, rho_1):
    point = {**POINTS[0], "L": depth, "sigma_1": gamma, "rho": 0, "phi_0": phi_0, "beta_phi": beta_phi, "rho_1": rho_1}
    true, at = reference(point), {"L": depth, "gamma": gamma, "phi_0": phi_0, "beta_phi": beta_phi}
    for name in ("psi_H", "psi_H_safe", "c_H", "c_H_chain", "c_H_safe", "c_H_tight", "c_H_proved"):
        got = quantity(name).evaluate(**at, **({"rho_1": rho_1} if name[0] == "c" else {}))
        assert off(got, true[name]) < 1e-12, name
    assert true["c_H_tight"] <= true["c_H_chain"] <= true["c_H"]
    assert true["c_H_chain"] <= true["c_H_safe"]
