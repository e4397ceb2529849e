"""Errata demonstrated on seeded networks, exact Gaussian laws and gradient descent itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy

from bounds.model import Demonstration
from bounds.papers.song2021.reference import gelu, gelu_slope, jacobian, unit_columns, weights

GELU = {"phi1_max": 1.12890414518515, "phi2_max": 0.797884560802865}


def _value(name: str, **values: Any) -> float:
    from bounds.registry import quantity

    return float(quantity(f"song2021.{name}").evaluate(**values))


def dimension_slip() -> Demonstration:
    """S3: sigma_max(phi(W_0 X)) follows d_1, whatever d_0 is."""
    n, c_0, ratios = 60, 1 / (2 * math.sqrt(math.pi)), {}
    for d_0, d_1 in ((12, 400), (48, 400), (12, 6400)):
        W, _ = weights(d_1, d_0, 1, 1.0, 1.0, 0)
        top = float(np.linalg.norm(gelu(W @ unit_columns(d_0, n, 1)), 2))
        ratios[d_0, d_1] = (top / (c_0 * math.sqrt(d_1 * n)), top / (c_0 * math.sqrt(d_0 * n)))
    steady = [r[0] for r in ratios.values()]
    growth = ratios[12, 6400][1] / ratios[12, 400][1]
    return Demonstration(
        max(steady) < 2 * min(steady) and 3.5 < growth < 4.5,
        f"gelu, n = 60: sigma_max(phi(W_0 X))/sqrt(c_0^2 d_1 n) is {min(steady):.2f} to {max(steady):.2f} at (d_0, "
        f"d_1) = (12, 400), (48, 400), (12, 6400); over sqrt(c_0^2 d_0 n) it grows {growth:.2f} times with d_1",
        {"least": min(steady), "largest": max(steady), "growth": growth},
    )


def concentration() -> Demonstration:
    """S4: Lemma 6 without sqrt(d_1), Lemma 7 and eq 66, with phi the identity; and the orders of d_1."""
    ratio = _lipschitz_ratio()
    import mpmath as mp

    lemma_7 = float(mp.gammainc(50, mp.mpf(25) / 2, regularized=True))  # P(||z||^2 > 25), z in R^100
    d_1, k_1, k_3 = 10_000, 2, 3
    kappa = _value(
        "gram_lipschitz_printed", phi1_max=1, sigma_max_X=1, k_1=k_1, omega_1=1, d_0=1, d_1=d_1
    )  # fmt: skip
    off = float(
        mp.gammainc(d_1 / 2, (d_1 + k_3 * kappa) / 2, regularized=True)
        + mp.gammainc(d_1 / 2, 0, (d_1 - k_3 * kappa) / 2, regularized=True)
    )
    long_row = d_1 * math.erfc(k_1 * math.sqrt(math.log(d_1) / 2))
    orders = _orders()
    return Demonstration(
        ratio > 4 and lemma_7 > 0.99 and off - long_row > 1000 * math.exp(-(k_3**2))
        and orders == {"Lemma 6 repaired": {"n": 2, "d_0": -1}, "matrix Chernoff": {"n": 1, "d_0": 0}},
        f"Lemma 6, d_1 = 100 equal rows: {ratio:.2f} times the printed constant; Lemma 7, z in R^100: P(||z|| > 5) = "
        f"{lemma_7:.4f}, not exp(-25); eq 66, n = d_0 = 1, d_1 = 10^4, k_3 = 3: probability {off:.2f} (rows too long: "
        f"{long_row:.1e}), not exp(-9) = {math.exp(-9):.1e}. With sqrt(d_1) restored p_2 asks for d_1 >= n^2/d_0, "
        "matrix Chernoff with eq 63 for d_1 >= n, both up to logarithms",
        {"lipschitz": ratio, "lemma_7": lemma_7, "eq_66": off},
    )  # fmt: skip


def _lipschitz_ratio() -> float:
    """All rows R u, moved alike, u the top left singular vector of X: the change over the printed bound of it."""
    d_0, d_1, n, step = 3, 100, 4, 1e-6
    X = unit_columns(d_0, n, 2)
    left, sizes, _ = np.linalg.svd(X)
    length = math.sqrt(d_0 * math.log(d_1))
    W = np.outer(np.ones(d_1), left[:, 0]) * length
    moved = W * (1 - step)
    change = np.linalg.norm((W @ X).T @ (W @ X) - (moved @ X).T @ (moved @ X)) / np.linalg.norm(W - moved)
    at = {"phi1_max": 1, "sigma_max_X": float(sizes[0]), "k_1": 1, "omega_1": 1, "d_0": d_0, "d_1": d_1}
    inside = change <= _value("gram_lipschitz", **at)
    return float(change / _value("gram_lipschitz_printed", **at)) if inside else 0.0


def _orders() -> dict[str, dict[str, int]]:
    """The powers of n and d_0 in the least d_1, logarithms apart, at sigma_max^2 = n/d_0 and gram_min = d_1."""
    n, d_0, d_1 = (sympy.Symbol(x, positive=True) for x in ("n", "d_0", "d_1"))
    kappa = n / d_0 * sympy.sqrt(d_0)
    routes = {"Lemma 6 repaired": (d_1 / (kappa * sympy.sqrt(d_1))) ** 2, "matrix Chernoff": d_1 / (n / d_0 * d_0)}
    found = {}
    for name, exponent in routes.items():
        (width,) = sympy.solve(sympy.Eq(exponent, 1), d_1)
        found[name] = {str(x): int(sympy.simplify(x * sympy.diff(sympy.log(width), x))) for x in (n, d_0)}
    return found


def too_narrow() -> Demonstration:
    """S6: below d_1 = n the map Delta -> Delta phi(W_0 X)^T is not injective, and eq 79 may ask for less."""
    n, d_0, ranks = 20, 6, {}
    for d_1 in (10, 19, 20, 40):
        W, _ = weights(d_1, d_0, 1, 1.0, 1.0, 3)
        hidden = gelu(W @ unit_columns(d_0, n, 4))
        eigenvalues = np.linalg.eigvalsh(hidden.T @ hidden)
        ranks[d_1] = int(np.sum(eigenvalues > 1e-12 * eigenvalues[-1]))
    asked = _value("required_width_simplified", xi=0.01, n=10_000, d_0=100)
    return Demonstration(
        ranks[10] == 10 and ranks[19] == 19 and ranks[20] == ranks[40] == n and asked < 10_000,
        f"n = 20: rank of phi(W_0 X) is {ranks} at those d_1, so its n-th singular value is 0 below d_1 = n; at xi = "
        f"0.01, n = 10^4, d_0 = 100 eq 80 asks for d_1 >= {asked:g} only",
        {"asked": asked, "rank_19": ranks[19]},
    )


def outputs() -> Demonstration:
    """S8: h(Theta_0) grows like d_2 at a fixed omega_1 omega_2, the bound of eq 75 does not."""
    n, d_0, d_1 = 40, 20, 200
    X = unit_columns(d_0, n, 5)
    omega_2 = 1 / (GELU["phi1_max"] * math.sqrt(d_0 * d_1) * math.log(d_1))
    top, mean_sq, seen = float(np.linalg.norm(X, 2)), _value("phi_sq", activation="gelu"), {}
    bounds = {}
    for d_2 in (10, 1000):
        W, V = weights(d_1, d_0, d_2, 1.0, omega_2, 6)
        seen[d_2] = float(np.linalg.norm(V @ gelu(W @ X)) ** 2)
        at = {"delta_3": 1, "k_1": 1, "k_2": 1, "sigma_max_X": top}
        bounds[d_2] = (_value("loss_init", **at), _value("loss_init_derived", d_2=d_2, norm_Y=0, **at))
    expected = n * d_1 * 1000 * omega_2**2 * mean_sq
    growth = seen[1000] / seen[10]
    return Demonstration(
        60 < growth < 160 and abs(seen[1000] / expected - 1) < 0.2
        and bounds[1000][0] == bounds[10][0] and abs(bounds[1000][1] / bounds[10][1] - 100) < 1e-9,
        f"gelu, Y = 0, eq 74 with equality: h(Theta_0) = {seen[10]:.3g} at d_2 = 10, {seen[1000]:.3g} at d_2 = 1000 "
        f"({growth:.0f} times; mean {expected:.3g}); eq 75 gives {bounds[10][0]:.3g} C at both, whatever C is",
        {"growth": growth, "measured": seen[1000], "printed": bounds[1000][0]},
    )  # fmt: skip


def upside_down() -> Demonstration:
    """S10: nu_Phi exceeds the norm of the Jacobian, so beta/nu^2 is below the ratio that eq 82 bounds by."""
    X = unit_columns(4, 6, 7)
    W, V = weights(30, 4, 2, 1.0, 1.0, 8)
    top = float(np.linalg.norm(jacobian(W, V, X, gelu, gelu_slope), 2))
    at = {"sigma_max_X": float(np.linalg.norm(X, 2)), "phi1_max": GELU["phi1_max"]}
    readout = float(np.linalg.norm(V, 2))
    nu = _value("nu_Phi", sigma_max_V0=readout, sigma_max_phi=float(np.linalg.norm(gelu(W @ X), 2)), **at)
    beta = _value("beta_Phi", phi2_max=GELU["phi2_max"], chi_max=readout, **at)
    size, low = sympy.Symbol("sigma", positive=True), sympy.Symbol("s", positive=True)
    omega, out, d_1, rest = (sympy.Symbol(x, positive=True) for x in ("omega_1", "omega_2", "d_1", "rest"))
    first_line = size * (out * size * size / (omega**2 * sympy.sqrt(d_1) * low**2)) / (out * size + rest) ** 2 / d_1
    second = size**2 * (out / (omega**2 * sympy.sqrt(d_1) * low**2)) / ((out * size + rest) ** 2 * d_1)
    return Demonstration(
        top < nu and beta / top**2 > beta / nu**2 and sympy.simplify(first_line / second) == size,
        f"gelu, d_0 = 4, d_1 = 30, d_2 = 2, n = 6: ||grad Phi|| = {top:.2f} < nu_Phi = {nu:.2f}: beta/||grad Phi||^2 = "
        f"{beta / top**2:.3g} exceeds the 'upper bound' beta/nu_Phi^2 = {beta / nu**2:.3g}; F.1's second line is "
        "sigma_max(X) times too small",
        {"jacobian": top, "nu": nu, "ratio": beta / top**2, "printed": beta / nu**2},
    )


def direct_route() -> Demonstration:
    """S11: descent from 99% of the direct condition's loss, far above the paper's; and the flow's extremal map."""
    mu, nu, beta = 1.0, 30.0, 1.0
    at = {"alpha_f": 1, "mu_Phi": mu, "beta_Phi": beta}
    direct, route = _value("gd_condition_direct", **at), _value("gd_condition", nu_Phi=nu, **at)
    h_0 = 0.99 * direct
    eta = _value("step_size_loss", beta_Phi=beta, beta_f=1, h_0=h_0, nu_Phi=nu)
    final, reach, length = _descend(mu, nu, beta, h_0, eta)
    bound = _value("gd_length_direct", alpha_f=1, mu_Phi=mu, h_0=h_0)
    edge = 3 * mu**2 / (8 * beta)  # Phi = mu w - beta w^2/2 reaches it exactly on the sphere
    stops = [(mu - math.sqrt(mu**2 - 2 * beta * z)) / beta for z in (0.99 * edge, 1.01 * edge)]
    sharp = _value("flow_condition_sharp", **at)
    return Demonstration(
        final < 1e-6 * h_0 and reach <= length <= bound <= mu / (2 * beta)
        and stops[0] < mu / (2 * beta) < stops[1] and abs(sharp - edge**2 / 2) < 1e-15,
        f"mu = 1, nu = 30: h_0 = {h_0:.4g}, {h_0 / route:.0f} times the paper's condition: descent reaches "
        f"{final / h_0:.0e} h_0 within {reach:.4f} of w_0, length {length:.4f} <= {bound:.4f} <= rho_Phi = 0.5. The "
        f"sharp condition {sharp:.6f} is where the flow of Phi = mu w - beta w^2/2 stops on the sphere",
        {"gain": h_0 / route, "reach": reach, "length": length, "bound": bound},
    )  # fmt: skip


def _descend(mu: float, nu: float, beta: float, h_0: float, eta: float) -> tuple[float, float, float]:
    """Loss, reach, length for Phi = (mu w_1 - beta w_1^2/2, nu w_2), f = ||z - z*||^2/2, z* mostly along the first."""
    goal, w_1, w_2 = math.sqrt(2 * h_0) * 0.999, 0.0, 0.0
    easy, length = math.sqrt(2 * h_0 - goal**2), 0.0
    for _ in range(60_000):
        r_1, r_2 = mu * w_1 - beta * w_1**2 / 2 - goal, nu * w_2 - easy
        s_1, s_2 = eta * (mu - beta * w_1) * r_1, eta * nu * r_2
        w_1, w_2, length = w_1 - s_1, w_2 - s_2, length + math.hypot(s_1, s_2)
    return (r_1**2 + r_2**2) / 2, math.hypot(w_1, w_2), length
