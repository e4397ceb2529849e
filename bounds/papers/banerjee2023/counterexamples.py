"""Errata demonstrated on seeded networks; each runs in about a second."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bounds.model import Demonstration
from bounds.papers.banerjee2023.reference import Reference, initialise, sphere_point, tanh_slope


def _typical(net: Reference, sigma_1: float) -> bool:
    """Whether the initial layers are as Lemma A.1 says, so that a counterexample is not one of the rare events."""
    return all(float(np.linalg.norm(w, 2)) <= sigma_1 * math.sqrt(len(w)) for w in net.weights)


def _value(name: str, **values: Any) -> float:
    from bounds.registry import quantity

    return float(quantity(f"banerjee2023.{name}").evaluate(**values))


def input_gradient() -> Demonstration:
    """B1: only v moves, by rho_1 = 1, along the top left singular vector of d alpha^(L)/dx."""
    d, m, depth = 10, 4000, 2
    net, x = initialise(depth, m, d, 1.0, np.tanh, tanh_slope), sphere_point(d)
    pre, _ = net.layers(x)
    jacobian = net.weights[0] / np.sqrt(d) * tanh_slope(pre[0])[:, None]
    jacobian = tanh_slope(pre[1])[:, None] * (net.weights[1] @ jacobian) / np.sqrt(m)
    top = np.linalg.svd(jacobian, full_matrices=False)[0][:, 0]
    moved = Reference(net.weights, net.v + top * np.sign(top @ net.v), np.tanh, tanh_slope)
    measured = float(np.linalg.norm(moved.input_gradient(x)))
    at = {"L": depth, "sigma_1": 1, "rho": 1, "rho_1": 1, "m": m}
    printed, proved = _value("input_grad_norm_printed", **at), _value("input_grad_norm", **at, d=d)
    return Demonstration(
        printed < measured <= proved,
        f"inside the ball (only v moved): ||grad_x f|| = {measured:.4f}, printed {printed:.4f}, with d {proved:.4f}",
        {"measured": measured, "printed": printed, "proved": proved},
    )


def loss_bound() -> Demonstration:
    """B2: phi = 1 + tanh, sigma_1 = 0.05: g with the printed exponents is too small."""
    m, d, depth, rho_1 = 400, 5, 2, 5.0
    net = initialise(depth, m, d, 0.05, lambda z: 1 + np.tanh(z), tanh_slope)
    x = sphere_point(d)
    last = net.layers(x)[1][-1]
    moved = Reference(net.weights, net.v + rho_1 * last / np.linalg.norm(last), net.phi, net.slope)
    y = -moved.value(x)
    loss = (y - moved.value(x)) ** 2
    at = {"L": depth, "gamma": 0.05, "phi_0": 1, "rho_1": rho_1, "mean_y_sq": y * y}
    printed, proved = _value("loss_ball_printed", **at), _value("loss_ball", **at)
    return Demonstration(
        printed < loss <= proved and _typical(net, 0.05),
        f"at y = -f: loss {loss:.1f}, printed bound {printed:.1f}, bound of the proof {proved:.1f}",
        {"measured": loss, "printed": printed, "proved": proved},
    )


def missing_block() -> Demonstration:
    """B4: the diagonal block l = L is left out of psi_H, and at L = 1 there is no pair at all."""
    psi = _value("psi_H", L=2, gamma=1, phi_0=2, beta_phi=1)
    block = _value("h", l=2, gamma=1, phi_0=2) ** 2
    net, x = initialise(1, 100, 10, 0.3, np.tanh, tanh_slope), sphere_point(10)
    measured = math.sqrt(100) * net.hessian_norm(x)
    tail = 2 * 1 * 0.3
    return Demonstration(
        block > psi and measured > tail,
        f"L=2, gamma=beta=1, phi(0)=2: block {block:.0f} > psi_H = {psi:.0f}; L=1, tanh, gamma=.3, m=100: "
        f"sqrt(m)||H|| = {measured:.3f} > {tail:.1f}, what remains of c_H when psi_H is taken as 0",
        {"block": block, "psi_H": psi, "measured": measured, "printed": tail},
    )


def small_gamma() -> Demonstration:
    """B5: for gamma < 1 neither C_2 <= L delta^L nor the tail 2 L gamma^L max h holds."""
    m, d = 30, 10

    def phi(z: Any) -> Any:
        return 10 + np.tanh(0.01 * z) / 0.01

    net = initialise(2, m, d, 0.1, phi, lambda z: tanh_slope(0.01 * z))
    measured = math.sqrt(m) * net.hessian_norm(sphere_point(d))
    at = {"L": 2, "gamma": 0.1, "phi_0": 10, "beta_phi": 0.01 * 4 * math.sqrt(3) / 9, "rho_1": 0}
    printed, chain, safe = (_value(n, **at) for n in ("c_H", "c_H_chain", "c_H_safe"))
    return Demonstration(
        max(printed, chain) < measured <= safe and _typical(net, 0.1),
        f"L=2, phi=10+tanh(z/100)*100, gamma=.1, m=30: sqrt(m)||H|| = {measured:.2f} > c_H = {printed:.2f} "
        f"(c_H_chain {chain:.2f}); c_H_safe = {safe:.1f} holds",
        {"measured": measured, "printed": printed, "chain": chain, "proved": safe},
    )


def gap_ratio() -> Demonstration:
    """B8: kappa = 1 and the loss gradient orthogonal to gbar: nothing in B_t improves on theta_t, so gamma_t = 1."""
    n, m, d, rho_2 = 3, 20, 4, 0.1
    net = initialise(2, m, d, 1.0, np.tanh, tanh_slope)
    points = [sphere_point(d, seed) for seed in range(n)]
    gradients = np.array([net.gradient(x) for x in points])
    mean = gradients.mean(axis=0)
    # residuals r with sum_i r_i <grad f_i, gbar> = 0: the loss gradient (2/n) sum_i r_i grad f_i is orthogonal to gbar
    weights = gradients @ mean
    r = np.cross(weights, [1.0, 2.0, -1.0])
    targets = np.array([net.value(x) for x in points]) - r

    def loss(step: float) -> float:
        moved = net.at(net.flat() + step * mean / np.linalg.norm(mean))
        return float(np.mean([(y - moved.value(x)) ** 2 for x, y in zip(points, targets, strict=True)]))

    slope = 2 / n * r @ gradients
    cosine = abs(slope @ mean) / np.linalg.norm(slope) / np.linalg.norm(mean)
    best = min(loss(step) for step in np.linspace(-rho_2, rho_2, 2001))
    return Demonstration(
        bool(cosine < 1e-12 and np.linalg.norm(slope) > 1e-3 and best >= loss(0.0)),
        f"|cos(grad loss, gbar)| = {cosine:.1e} with ||grad loss|| = {np.linalg.norm(slope):.1e}: over B_t "
        f"(the segment along gbar) the least loss is {best:.6f} = loss(theta_t), so gamma_t = 1, not below 1 "
        "(Theorem 5.1 says the same where it applies: on that segment the loss is at least loss(theta_t) + "
        "alpha_t/2 ||theta - theta_t||^2)",
        {"cosine": cosine, "least": best, "loss": loss(0.0)},
    )


def narrow_first_layer() -> Demonstration:
    """B10: Lemma A.1 at m < d."""
    d, m, seeds = 400, 50, 20
    nets = [initialise(1, m, d, 1.0, np.tanh, tanh_slope, seed) for seed in range(seeds)]
    norms, bound = [float(np.linalg.norm(net.weights[0], 2)) for net in nets], math.sqrt(m)
    failed = sum(norm > bound for norm in norms)
    return Demonstration(
        failed == seeds,
        f"d={d}, m={m}, sigma_1=1: ||W_0^(1)|| > sigma_1 sqrt(m) = {bound:.2f} in {failed} of {seeds} seeds (least "
        f"{min(norms):.2f}), where the lemma allows a fraction 2/m = {2 / m:.2f}",
        {"measured": min(norms), "printed": bound, "failed": failed},
    )


def backward_indices() -> Demonstration:
    """B13: row i of d alpha^(L)/d alpha^(l) runs through column i of W^(l+1), not of W^(l)."""
    net, x = initialise(2, 6, 6, 1.0, np.tanh, tanh_slope), sphere_point(6)
    pre, _ = net.layers(x)
    root, h = math.sqrt(6), 1e-6

    def output(first: Any) -> Any:
        return np.tanh(net.weights[1] @ first / root)

    first = np.tanh(pre[0])
    true = np.array([(output(first + h * e) - output(first - h * e)) / (2 * h) for e in np.eye(6)])
    error = {k: float(np.abs(true - (tanh_slope(pre[1])[:, None] * net.weights[k] / root).T).max()) for k in (0, 1)}
    return Demonstration(
        error[1] < 1e-8 < 0.01 < error[0],
        f"L=2, l=1: d alpha^(2)/d alpha^(1) with W^(2) is off by {error[1]:.1e}, with the printed W^(1) by "
        f"{error[0]:.2f}",
        {"shifted": error[1], "printed": error[0]},
    )
