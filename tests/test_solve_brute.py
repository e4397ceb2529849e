"""Required widths against every width up to 20000, by a transcription of alpha_t in numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from derivation import SIMPLE, alpha

import bounds


def width(**values):
    return bounds.required_width("banerjee2023", **values)


def alphas(point, m):
    """The same in numpy over an array of widths, by explicit loops over layers and pairs."""
    depth, g = point["L"], point["sigma_1"] + point["rho"] / np.sqrt(m)
    h = [np.ones_like(m)]
    for _ in range(depth):
        h.append(g * h[-1] + point["phi_0"])
    b, inside = point["beta_phi"], [(i, j) for i in range(depth) for j in range(depth)]

    def largest(pairs, third):
        terms = [(b * h[i] ** 2, h[i] * (b * (g**2 + h[j] ** 2) / 2 + 1), b * third**2 * h[i] * h[j]) for i, j in pairs]
        return np.max([t for row in terms for t in row], axis=0)

    def curvature(size, psi):
        bracket = depth**2 * size ** (2 * depth) + depth * size**depth + depth
        decay = np.max([size ** (depth - 1 - i) for i in range(depth)], axis=0)
        return 2 * bracket * (1 + point["rho_1"]) * psi * decay + 2 * depth * size**depth * np.max(h[:depth], axis=0)

    large = np.maximum(1, g)
    chain = curvature(g, largest([(i, j) for i, j in inside if i < j], g))
    c = np.where(g >= 1, chain, curvature(large, largest(inside, large)))
    energy = sum((h[i] * g ** (depth - 1 - i)) ** 2 for i in range(depth))
    varrho = np.sqrt(h[depth] ** 2 + (1 + point["rho_1"]) ** 2 * energy / m)
    ball = 2 * point["mean_y_sq"] + 2 * ((1 + point["rho_1"]) * h[depth]) ** 2
    taken = 2 * c * (2 * varrho * point["rho_2"] + np.sqrt(ball)) / np.sqrt(m)
    return 2 * point["kappa"] ** 2 * point["gbar_norm_sq"] - taken


CASES = [
    {**SIMPLE, "L": 2},
    {**SIMPLE, "L": 3, "rho": 1, "gbar_norm_sq": 1.0},
    {**SIMPLE, "L": 2, "sigma_1": 0.98, "rho": 0.9, "gbar_norm_sq": 0.9, "beta_phi": 0.2},
    {**SIMPLE, "L": 2, "sigma_1": 0.98, "rho": 2.0, "gbar_norm_sq": 0.9, "beta_phi": 0.05},
    {**SIMPLE, "L": 2, "sigma_1": 0.9, "rho": 8.0, "gbar_norm_sq": 0.6, "beta_phi": 0.1},
    {**SIMPLE, "L": 3, "sigma_1": 0.5, "rho": 20.0, "gbar_norm_sq": 3.0, "phi_0": 1, "beta_phi": 0.01},
    {**SIMPLE, "L": 2, "rho": 0.5, "rho_1": 0.5, "rho_2": 0.25, "mean_y_sq": 0.5, "beta_phi": 0.1, "gbar_norm_sq": 3.0},
    {**SIMPLE, "L": 2, "sigma_1": 0.98, "rho": 2.0, "phi_0": 1, "beta_phi": 0.01, "gbar_norm_sq": 1.3},
]


@pytest.mark.parametrize("case", CASES)
def test_brute_force(case):
    grid = np.arange(1, 20001.0)
    good = alphas(case, grid) > 0
    failing = np.flatnonzero(~good)
    solution = width(failure="1/2", **case)
    rsc = solution.thresholds["RSC"]
    for m in {1, 17, 2592, min(rsc, 20000), 20000}:
        (near,) = alphas(case, np.array([float(m)]))
        assert float(alpha(case, m)) == pytest.approx(near, rel=1e-10, abs=1e-12)
    if good[-1]:
        assert rsc == (grid[failing[-1]] + 1 if failing.size else 1)
    else:
        assert rsc > 20000
    assert alpha(case, rsc) > 0
    assert rsc == 1 or alpha(case, rsc - 1) <= 0


def test_the_constant_switches_where_gamma_crosses_one():
    # gamma = 0.98 + 0.9/sqrt(m) = 1 at m = 2025, a width with gamma = 1 exactly
    case = {**SIMPLE, "sigma_1": "0.98", "rho": "0.9", "gbar_norm_sq": "0.9"}
    names = [
        bounds.result(bounds.quantity("banerjee2023.hessian_norm"), L=2, m=m, **_net(case)).chosen for m in (2025, 2026)
    ]
    assert names == [{"c_H": "c_H_chain"}, {"c_H": "c_H_safe"}]
    assert width(L=2, **case).chosen == {"c_H": "c_H_safe"}


def test_a_width_that_holds_by_accident_below_is_not_the_answer():
    # |phi(0)| = 1: c_H jumps from chain to safe where gamma = 0.98 + 2/sqrt(m) falls below 1, at m = 10000
    case, grid = CASES[-1], np.arange(1, 20001.0)
    good = alphas(case, grid) > 0
    assert good[9999]
    assert not good[10000]
    assert width(failure="1/2", **case).value == grid[np.flatnonzero(~good)[-1]] + 1 > 10001


def _net(case):
    return {k: case[k] for k in ("sigma_1", "rho", "phi_0", "beta_phi", "rho_1")}


def test_a_jump_narrower_than_the_scan_is_not_stepped_over():
    """At gamma = 1, m = (rho/(1 - sigma_1))^2, c_H jumps from chain to safe; the width moves smoothly with rho."""
    widths = [
        bounds.required_width(
            "banerjee2023", L=2, activation="sigmoid", sigma_1="0.5", rho=rho, gbar_norm_sq="0.5"
        ).value
        for rho in range(598, 605)
    ]
    steps = [b - a for a, b in itertools.pairwise(widths)]
    assert all(2000 < step < 3000 for step in steps), widths


def test_a_failure_far_above_an_accidental_success_is_seen():
    """With sigma_1 = 1e-12 and rho = 1e8, gamma falls to sigma_1 only near 10^40, and alpha_t < 0 long after."""
    solution = bounds.required_width("banerjee2023", L=2, sigma_1="1e-12", rho=10**8)
    assert solution.log10 > 80
    alpha = bounds.quantity("rsc_alpha")
    at = {"L": 2, "sigma_1": "1e-12", "rho": 10**8, "defaults": True, "activation": "tanh", "certified": True}
    assert alpha.evaluate(**at, m=solution.value).lo > 0 > alpha.evaluate(**at, m=solution.value - 1).hi
    assert all(alpha.evaluate(**at, m=10**k).hi < 0 for k in (40, 80))
