"""Errata demonstrated on systems of one, two or three equations, and on iterations that can be followed by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy

from bounds.model import Demonstration
from bounds.papers.liu2020.counterexamples import value

Array = Any


def scaled_output() -> Demonstration:
    """L8: a linear F with condition number 11.75, and Phi(z) = 2z, whose rho is 2."""
    a = np.diag([math.sqrt(11.75), 1.0])
    before = float(np.linalg.eigvalsh(a.T @ a)[-1] / np.linalg.eigvalsh(a @ a.T)[0])
    doubled = 2 * a
    after = float(np.linalg.eigvalsh(doubled.T @ doubled)[-1] / np.linalg.eigvalsh(doubled @ doubled.T)[0])
    claim = value("transformed_condition_number_printed", kappa=before, rho=2)
    bound = value(
        "transformed_condition_number", L_F=math.sqrt(11.75), beta_F=0, L_Phi=2, beta_Phi=0, residual_sup=1, mu=1, rho=2
    )
    return Demonstration(
        claim < after <= bound * (1 + 1e-12),
        f"F linear with kappa_F = {before:.2f}, Phi(z) = 2z: kappa = {after:.2f}, claimed at most {claim:.2f}; "
        f"with L_Phi, {bound:.2f}",
        {"measured": after, "printed": claim, "proved": bound},
    )


def scaled_loss() -> Demonstration:
    """L11: the loss c/2 ||A w - y||^2 with c = 1/4: kappa_{L,F} = c kappa_F, and (14) promises too much."""
    c, top = 0.25, 10.0
    a = np.diag([math.sqrt(top), 1.0])
    eta, w = 1 / (c * top), np.array([1.0, 1.0])  # y = 0
    condition = c * top / 1.0  # sup lambda_max(H_L)/inf lambda_min(K)
    losses = []
    for _ in range(3):
        losses.append(c / 2 * float((a @ w) @ (a @ w)))
        w = w - eta * c * a.T @ a @ w
    claimed, slow = 1 - 1 / condition, losses[2] / losses[1]
    inverse = 1 / (eta * c * 1.0)  # 1/(eta mu), mu = c lambda_min(K) being the PL* constant
    return Demonstration(
        slow > claimed and not math.isclose(inverse, condition),
        f"loss {c}/2 ||Aw||^2, kappa(K) = {top:.0f}: per step {slow:.2f}, eq 14 with kappa_L,F = {condition} claims "
        f"{claimed:.2f}; 1/(eta mu) = {inverse:.0f} is not kappa_L,F",
        {"measured": slow, "claimed": claimed, "kappa": condition, "inverse": inverse},
    )


def controlled_step() -> Demonstration:
    """L13: with beta_F <= sqrt(n) ||H||, Theorem 4.2(c) gives a smaller step than Corollary 5.1 prints from n = 5 on.

    And the step 1/L_F^2 works on a system at the Hessian threshold: F_i = w_i + h w_i^2/2, n = 9.
    """
    n, lam, mu, L_F, rho_0 = (sympy.Symbol(x, positive=True) for x in ("n", "lambda", "mu", "L_F", "rho_0"))
    threshold = (lam - mu) / (2 * sympy.sqrt(n) * L_F * (2 * L_F * rho_0 / mu))
    follows = 1 / (L_F**2 + sympy.sqrt(n) * threshold * rho_0)
    printed = 2 * sympy.sqrt(n) * L_F**2 / (2 * sympy.sqrt(n) * L_F**4 + (lam - mu) * mu)
    gap = sympy.simplify((1 / follows - 1 / printed) / ((lam - mu) * mu / L_F**2))  # > 0: the printed step is larger
    larger = [k for k in range(1, 12) if gap.subs(n, k) > 0]
    ratios = _at_threshold()
    return Demonstration(
        larger == list(range(5, 12)) and max(ratios) <= 1,
        f"1/step: Theorem 4.2(c) exceeds the printed one by (lambda - mu) mu/L_F^2 times {gap}: positive from n = "
        f"{larger[0]} on; at the threshold with n = 9 and step 1/L_F^2 the loss is at most {max(ratios):.3f} "
        "(1 - eta mu)^t loss_0",
        {"first": larger[0], "worst": max(ratios)},
    )


def _at_threshold() -> list[float]:
    """loss_t/((1 - eta mu)^t loss_0) along gradient descent with eta = 1/L_F^2, at the Hessian threshold."""
    n, mu, rho_0 = 9, 0.5, 0.3
    h, top = 0.0, 1.0
    for _ in range(200):  # L_F = sup |F_i'| in the ball depends on h, and h on L_F
        radius = 2 * top * rho_0 / mu
        h = (1 - mu) / (2 * math.sqrt(n) * top * radius) * (1 - 1e-9)
        top = 1 + h * radius
    w, y = np.zeros(n), np.full(n, rho_0 / math.sqrt(n))
    eta, ratios, first = 1 / top**2, [], rho_0**2 / 2
    for t in range(30):
        r = w + h * w**2 / 2 - y
        ratios.append(float(r @ r) / 2 / ((1 - eta * mu) ** t * first))
        w = w - eta * (1 + h * w) * r
    return ratios[1:]


def path_length() -> Demonstration:
    """L14: 2 sqrt(2 loss_0/mu) bounds the path at every step below 1/beta; (58)'s third line fails at small steps."""
    beta, mu, found = 20.0, 1.0, {}
    scale, broken, worst = np.array([beta, mu]), False, 0.0
    for share in (1.0, 0.2, 0.05):
        w, eta, length = np.array([1.0, 1.0]), share / beta, 0.0
        for _ in range(int(20 / (eta * mu))):
            g = scale * w
            before, w = float(scale @ w**2) / 2, w - eta * g
            length += eta * float(np.linalg.norm(g))
            broken |= share < 0.5 and float(g @ g) > 2 * beta * (before - float(scale @ w**2) / 2) * (1 + 1e-9)
        found[f"path at {share}/beta"] = length
        worst = max(worst, length)
    loss = float(scale.sum()) / 2
    tight, printed = value("radius_tight", loss_0=loss, mu=mu), value("radius", beta=beta, loss_0=loss, mu=mu)
    return Demonstration(
        worst <= tight < printed and broken,
        f"beta = {beta:.0f}, mu = {mu:.0f}: paths at most {worst:.2f} <= {tight:.1f}, printed radius {printed:.0f}; at "
        "steps below 1/(2 beta) ||grad||^2 > 2 beta (loss_t - loss_{t+1}), against (58)",
        {**found, "tight": tight, "printed": printed},
    )


def output_derivatives() -> Demonstration:
    """L4: the Hessian of phi(f), f the shallow tanh network, by differences of its values, against eq 41."""
    m, x, step, rng = 1000, 1.0, 1e-4, np.random.default_rng(0)
    w, v = rng.standard_normal(m), rng.choice([-1.0, 1.0], m)
    f = 1.2  # phi is sin shifted so that its argument is 1.2 at these weights: any output value would do
    up, down = (v * (np.tanh((w + h) * x) - np.tanh(w * x)) / math.sqrt(m) for h in (step, -step))
    moved = {(i, j): np.sin(f + a[:, None] + b) for i, a in enumerate((up, down)) for j, b in enumerate((up, down))}
    hessian = (moved[0, 0] - moved[0, 1] - moved[1, 0] + moved[1, 1]) / (4 * step**2)
    np.fill_diagonal(hessian, (np.sin(f + up) - 2 * math.sin(f) + np.sin(f + down)) / step**2)
    measured = float(np.abs(np.linalg.eigvalsh(hessian)[[0, -1]]).max())
    limit = value("output_hessian_limit", x=x, f=f, activation="tanh", output_activation="sin")
    printed = -math.sin(f) * x**2 * float(np.mean(v * np.cos(w * x) ** 2))
    return Demonstration(
        abs(measured - limit) < 0.05 * limit and abs(printed) < 0.1 * limit,
        f"m={m}, sigma = tanh, phi = sin: ||H|| = {measured:.4f}; |phi''| x^2 E[v^2 sigma'^2] = {limit:.4f}; as "
        f"printed, phi'' x^2 E[v phi'^2] = {printed:.4f}, a mean over signs that tends to 0",
        {"measured": measured, "derived": limit, "printed": printed},
    )


def convex_system() -> Demonstration:
    """L15: F = (w_1, ||w||^2/2), y = 0, in five parameters: rank H_2 = 5 > 2n, grad F(0) != 0, and a convex loss."""
    w = sympy.symbols("w_1:6", real=True)
    square = sum(c**2 for c in w)
    system = (w[0], square / 2)
    loss = sum(c**2 for c in system) / 2
    hessian = sympy.hessian(loss, w)
    column = sympy.Matrix(w)
    first = sympy.zeros(5, 5)
    first[0, 0] = 1
    # positive semidefinite by inspection: e_1 e_1^T + ||w||^2/2 I + w w^T
    split = first + square / 2 * sympy.eye(5) + column * column.T
    rank = sympy.hessian(system[1], w).rank()
    slope = sympy.Matrix(system).jacobian(w).subs(dict.fromkeys(w, 0))
    same = sympy.simplify(hessian - split) == sympy.zeros(5, 5)
    return Demonstration(
        bool(same and rank > 4 and slope.rank() == 1),
        f"F = (w_1, ||w||^2/2), y = 0, p = 5: rank H_2 = {rank} > 2n = 4, grad F(0) has rank {slope.rank()} (not 0), "
        "and the loss Hessian is e_1 e_1^T + ||w||^2/2 I + w w^T, positive semidefinite everywhere",
        {"rank": rank},
    )


def convex_quotient() -> Demonstration:
    """L16: F = w_1/sqrt(1 - w_2 - w_2^2), y = 0: rank H_F(0) = 2, no extremum of F, and a convex loss near 0."""
    a, b = sympy.symbols("w_1 w_2", real=True)
    system = a / sympy.sqrt(1 - b - b**2)
    origin = {a: 0, b: 0}
    rank = sympy.hessian(system, (a, b)).subs(origin).rank()
    slope = system.diff(a).subs(origin)
    g = 1 - b - b**2
    hessian = sympy.hessian(system**2 / 2, (a, b)).applyfunc(sympy.factor)
    # det = -a^2 g''/(2 g^3) = a^2/g^3 for g'' = -2: both it and the first entry 1/g are nonnegative where g > 0
    determinant = sympy.simplify(hessian.det() - a**2 / g**3)
    first = sympy.simplify(hessian[0, 0] - 1 / g)
    return Demonstration(
        bool(rank == 2 and slope != 0 and determinant == 0 and first == 0),
        f"F = w_1/sqrt(1-w_2-w_2^2), y = 0: rank H_F(0) = {rank}, dF/dw_1 = {slope}, loss Hessian with first entry 1/g "
        "and determinant w_1^2/g^3, g = 1-w_2-w_2^2: convex near 0",
        {"rank": int(rank)},
    )


def negative_condition() -> Demonstration:
    """L17: F = e^w, y = 10 on [0, .1]: the definition's condition number is negative."""
    w = np.linspace(0, 0.1, 1001)
    curved = 2 * np.exp(2 * w) - 10 * np.exp(w)
    kappa = float(curved.max() / np.exp(2 * w).min())
    return Demonstration(
        kappa < 1,
        f"F = e^w, y = 10 on [0, .1]: kappa_F = {kappa:.0f}, below lambda_max(K)/lambda_min(K) = 1",
        {"kappa": kappa},
    )


def three_factors() -> Demonstration:
    """L18: f = w_1 w_2 w_3 has two entries per row of its Hessian, and is no sum of units in two parameters."""
    w = sympy.symbols("w_1:4", real=True)
    f = sympy.prod(w)
    hessian = sympy.hessian(f, w)
    entries = max(sum(e != 0 for e in hessian.row(k)) for k in range(3))
    mixed = sympy.diff(f, *w)  # vanishes for every sum of functions of two parameters each
    units, safe = (value("sparse_units" + tail, p=3, C_s=entries) for tail in ("", "_safe"))
    pair = w[0] + w[1] + 1  # d^2/dw_1 dw_2 = 0
    zero = {0: pair.subs(w[0], 0), 1: pair.subs(w[1], 0), 2: pair.subs({w[0]: 0, w[1]: 0})}
    right, printed = zero[0] + zero[1] - zero[2] - pair, zero[0] + zero[1] + zero[2] - pair
    return Demonstration(
        bool(entries == 2 and mixed == 1 and right == 0 and printed != 0 and units > 1 >= safe),
        f"f = w_1 w_2 w_3: {entries} entries per row, so C_s = 2, but d^3 f = {mixed} where units of two parameters "
        f"give 0: one unit, not {units}; (63) with its printed sign misses w_1 + w_2 + 1 by {printed}",
        {"entries": entries, "mixed": int(mixed)},
    )
