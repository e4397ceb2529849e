"""banerjee2023's Hessian constants against a bound derived from the second derivative alone; the paper's errata."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import bounds


def quantity(name):
    return bounds.quantity(f"banerjee2023.{name}")


def block_norm(depth, gamma, phi_0, beta, rho_1, m):
    """sqrt(m) times a bound on ||Hessian of f||, from the second derivative along (V_1, ..., V_L, u) alone.

    z_l' = V_l a_l + W_l a_l' gives e_l = |z_l'| <= h(l) |V_l| + gamma e_(l-1): e = T nu. f'' = 2 u.alpha_L'/sqrt(m)
    + sum_l b_l.(phi''(z_l) z_l'^2) + 2 sum_(l>=2) c_l.(V_l a_l'), with |b_l|_inf, |c_l| <= back_l/sqrt(m) and |a_l'| <=
    e_(l-1)/sqrt(m). The form has coefficients >= 0, so its largest eigenvalue bounds it on all directions. Lemma A.5's
    term "1" replaces 1/sqrt(m) in the last sum: m = 1 is the case with nothing to spare, larger m is easier.
    """
    h = [1.0]
    for _ in range(depth):
        h.append(gamma * h[-1] + phi_0)
    reach = np.zeros((depth, depth + 1))
    for k in range(depth):
        reach[k] = gamma * reach[k - 1] if k else 0.0
        reach[k, k] += h[k]
    back = (1 + rho_1) * gamma ** np.arange(depth - 1.0, -1.0, -1.0)
    mixed = np.zeros((depth + 1, depth + 1))
    mixed[depth] = reach[-1]
    mixed[1:depth] += back[1:, None] * reach[:-1] / np.sqrt(m)
    return np.linalg.eigvalsh((reach * (beta * back)[:, None]).T @ reach + mixed + mixed.T)[-1]


def test_block_norm_bounds_a_network():
    rng, depth, m, d, h = np.random.default_rng(5), 3, 3, 2, 1e-4
    for scale, rho_1 in ((0.3, 0.0), (1.0, 1.0), (2.0, 3.0)):
        sizes = [(m, d), (m, m), (m, m)]
        theta = scale * rng.standard_normal(m * d + 2 * m * m + m)
        x = np.array([1.0, -1.0])
        theta[-m:] *= (1 + rho_1) / np.linalg.norm(theta[-m:])

        def f(t, x=x, sizes=sizes):
            a, at = x / np.sqrt(d), 0
            for rows, columns in sizes:
                z, at = t[at : at + rows * columns].reshape(rows, columns) @ a, at + rows * columns
                a = (0.5 + np.tanh(z)) / np.sqrt(m)
            return t[at:] @ a

        steps = h * np.eye(theta.size)
        hessian = [
            [(f(theta + p + q) - f(theta + p - q) - f(theta - p + q) + f(theta - p - q)) / (4 * h * h) for q in steps]
            for p in steps
        ]
        cut = np.cumsum([0, m * d, m * m, m * m])
        norms = [np.linalg.norm(theta[cut[k] : cut[k + 1]].reshape(sizes[k]), 2) for k in range(depth)]
        bound = block_norm(depth, max(norms) / np.sqrt(m), 0.5, 4 * np.sqrt(3) / 9, rho_1, m)
        assert np.sqrt(m) * np.linalg.norm(np.array(hessian), 2) <= bound * (1 + 1e-6)


def test_hessian_constants_exceed_the_block_norm():
    gammas = [0.05, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999, 1.0, 1.001, 1.05, 1.3, 2.0]
    grid = np.array(list(itertools.product(gammas, (0, 0.5, 2, 10), (0.01, 0.1, 1, 3), (0, 1, 5))))
    below = dict.fromkeys(("c_H", "c_H_chain"), 0)
    for depth, m in ((2, 1), (3, 1), (5, 1), (6, 1), (10, 1), (50, 1), (200, 1), (2, 10**6), (6, 10**6)):
        cases = grid if depth < 50 else grid[::5]
        norm = np.log10([block_norm(depth, *case, m) for case in cases])
        gamma, phi_0, beta, rho_1 = cases.T
        at = {"L": depth, "gamma": gamma, "phi_0": phi_0, "beta_phi": beta, "rho_1": rho_1}
        margin = {n: quantity(n).evaluate(log10=True, **at) - norm for n in ("c_H_safe", "c_H_tight", *below)}
        assert margin["c_H_safe"].min() > 0
        for name in ("c_H_tight", *below):
            assert margin[name][gamma >= 1].min() > 0, (name, depth)
        for name in below:
            below[name] += int((margin[name][gamma < 1] < 0).sum())
    assert min(below.values()) > 0  # erratum B5: a small gamma with a large |phi(0)|


@pytest.mark.parametrize("erratum", bounds.errata("banerjee2023"), ids=lambda e: e.name)
def test_errata_are_confirmed(erratum):
    seen = erratum.demonstrate()
    assert seen.confirmed, seen.observed
    numbers = dict(seen.numbers)
    if erratum.name == "B1":
        assert numbers["measured"] == pytest.approx(0.0662, rel=0.1)
        assert numbers["printed"] == pytest.approx(0.0326, abs=5e-5)
        assert numbers["printed"] < numbers["measured"] <= numbers["proved"]
    elif erratum.name == "B2":
        assert numbers["measured"] == pytest.approx(97.9, rel=0.1)
        assert numbers["printed"] == pytest.approx(49.7, rel=0.1)
    elif erratum.name == "B3":
        assert sorted(numbers.values()) == [2, 3, 5, 6]
        assert {numbers["c_H, |phi(0)| = 0"], numbers["c_H, |phi(0)| = 1"]} == {3, 6}
    elif erratum.name == "B4":
        assert (numbers["block"], numbers["psi_H"]) == (9, 6)
        assert numbers["measured"] > numbers["printed"] == pytest.approx(0.6)
    elif erratum.name == "B5":
        assert numbers["measured"] == pytest.approx(9.99, rel=0.05)
        assert numbers["printed"] == pytest.approx(6.09, abs=0.005)
        assert numbers["printed"] < numbers["measured"] <= numbers["proved"]


def test_errata_are_all_there():
    assert [e.name for e in bounds.errata("banerjee2023")] == [f"B{k}" for k in range(1, 15)]
