"""banerjee2023 derived a second time, from the paper's text: explicit loops, recursions and brute-force maxima."""

from __future__ import annotations

import itertools
from fractions import Fraction

import mpmath as mp

DIGITS = 60
ZERO = dict.fromkeys(("phi_0", "rho", "rho_1", "rho_2", "mean_y_sq"), 0)
SIMPLE = ZERO | dict.fromkeys(("beta_phi", "d", "kappa", "sigma_1", "gbar_norm_sq"), 1)
"""gamma = 1 at every width, phi(0) = 0: h = g = 1, psi_H = max(1, 1 (1 + 1)/2 + 1, 1) = 2, loss_ball = 2."""


def forward(weight, offset, layers):
    """Lemma A.2's recursion: ||alpha^(l)|| <= weight ||alpha^(l-1)|| + |phi(0)|, over sqrt(m), from layer 0 on."""
    norms = [mp.mpf(1)]
    for _ in range(layers):
        norms.append(weight * norms[-1] + offset)
    return norms


def curvature(v, depth, out):
    """Appendix A.4 and Theorem 4.2, over explicit pairs of layers."""
    g, beta, h = out["gamma"], v["beta_phi"], [None, *out["_h"]]
    layers, large = range(1, depth + 1), max(mp.mpf(1), out["gamma"])
    ordered = [(i, j) for i in layers for j in layers if i < j]

    def psi(pairs, third, cross):
        return max(max(beta * h[i] ** 2, h[i] * cross(h[j]), beta * third**2 * h[i] * h[j]) for i, j in pairs)

    def young(x):
        return beta * (g * g + x * x) / 2 + 1

    def chain(c_1, psi_value, delta):  # sqrt(m) (2 C_1 Q_221 Q_inf + (2/sqrt m) C_2 Q_2)
        q_inf = max(delta ** (depth - i) for i in layers) * (1 + v["rho_1"])
        return 2 * c_1 * psi_value * q_inf + 2 * depth * delta**depth * max(h[1 : depth + 1])

    def c_1(delta, last):
        return depth**2 * delta ** (2 * depth) + depth * delta**depth + last

    out["psi_H"] = psi(ordered, g, young)
    out["psi_H_tight"] = psi(ordered, g, lambda x: beta * g * x + 1)
    out["psi_H_safe"] = psi(list(itertools.product(layers, layers)), large, young)
    out["c_H"] = chain(depth * c_1(g, 1), out["psi_H"], g)
    out["c_H_chain"] = chain(c_1(g, depth), out["psi_H"], g)
    out["c_H_tight"] = chain(c_1(g, depth), out["psi_H_tight"], g)
    out["c_H_safe"] = chain(c_1(large, depth), out["psi_H_safe"], large)
    out["c_H_proved"] = out["c_H_chain"] if g >= 1 else out["c_H_safe"]


def gradients(v, depth, out):
    """Lemmas 4.1 and 4.2 and the rungs of Appendix A, each layer by its factors."""
    g, m, h, y, top = out["gamma"], v["m"], out["_h"], v["mean_y_sq"], 1 + v["rho_1"]
    back = [top / mp.sqrt(m)]  # ||b^(L)||, ||b^(L-1)||, ...
    for _ in range(depth):
        back.append(back[-1] * g)
    out["path_sum"] = sum((h[i] * g ** (depth - 1 - i)) ** 2 for i in range(depth))
    squares = [h[i] ** 2 * back[depth - 1 - i] ** 2 for i in range(depth)]
    out["varrho"] = out["param_grad_norm"] = mp.sqrt(sum(squares) + h[depth] ** 2)
    out["input_grad_norm_printed"] = back[depth]
    out["input_grad_norm"] = back[depth] * mp.sqrt(m / v["d"])
    for tail, shift in (("", 0), ("_printed", 1)):

        def read(a, shift=shift):
            return a**depth + v["phi_0"] * sum(a ** (i - 1 + shift) for i in range(1, depth + 1))

        out["g" + tail] = read(v["a"])
        out["loss_ball" + tail] = 2 * y + 2 * (top * read(g)) ** 2
        out["loss_init" + tail] = 2 * y + 2 * read(v["sigma_1"]) ** 2
    assert mp.almosteq(out["g"], forward(v["a"], v["phi_0"], depth)[depth])
    place = int(v["l"])
    deep = forward(g, v["phi_0"], place)
    out["h"] = out["weight_jacobian"] = deep[place - 1]
    out["activation_norm"] = deep[place] * mp.sqrt(m)
    out["weight_norm_init"], out["weight_norm"] = v["sigma_1"] * mp.sqrt(m), v["sigma_1"] * mp.sqrt(m) + v["rho"]
    out["iterate_distance"], out["readout_distance"] = v["rho"], v["rho_1"]
    out["layer_jacobian"], out["backward_norm"] = g, back[depth - place]
    out["backward_max"] = out["backward_norm"]


def descent(v, depth, out):
    """Section 5, Appendices B and C."""
    m, k, c, ball, rho = v["m"], v["k"], out["c_H_proved"], out["loss_ball"], out["varrho"]
    hessian = out["hessian_norm"] = c / mp.sqrt(m)
    curved = v["kappa"] ** 2 * v["gbar_norm_sq"]
    out["loss_grad_norm"] = 2 * mp.sqrt(ball) * rho
    out["c_1"], out["c_2"] = 2 * v["kappa"] ** 2, 4 * c * rho * v["rho_2"] + 2 * c * mp.sqrt(ball)
    alpha = out["rsc_alpha"] = 2 * curved - 4 * hessian * rho * v["rho_2"] - 2 * hessian * mp.sqrt(ball)
    out["rsc_threshold"] = hessian * (2 * rho * v["rho_2"] + mp.sqrt(ball)) / v["kappa"] ** 2
    beta = out["beta"] = 2 * rho**2 + 2 * hessian * mp.sqrt(ball)
    slope = mp.sqrt(v["lambda_t"])
    out["rsc_alpha_general"] = v["a"] * curved - 2 * v["a"] * rho * hessian * v["rho_2"] - hessian * slope
    out["beta_general"] = v["b"] * rho**2 + hessian * slope
    out["rsc_alpha_multi"] = k * (2 * curved - 2 * hessian * (2 * rho * v["rho_2"] + mp.sqrt(k * ball)))
    out["beta_multi"] = k * (2 * rho**2 + 2 * hessian * mp.sqrt(k * ball))
    out["beta_multi_tight"] = k * beta
    eta = out["step_size"] = v["omega_t"] / beta
    out["local_contraction"] = 1 - 2 * alpha * eta * (1 - beta * eta / 2)
    out["chi"] = (1 - out["local_contraction"]) * (1 - v["gamma_t"])
    out["contraction"] = 1 - out["chi"]
    out["probability"], out["probability_tight"] = 1 - 2 * (depth + 1) / m, 1 - 2 * depth / m


def reference(point):
    """Every quantity at ``point``, to ``DIGITS`` digits."""
    with mp.workdps(DIGITS):
        v, depth = {k: mp.mpf(x) for k, x in point.items()}, int(point["L"])
        out = {"gamma": v["sigma_1"] + v["rho"] / mp.sqrt(v["m"])}
        out["_h"] = forward(out["gamma"], v["phi_0"], depth)
        # sigma_0 (2 sqrt(m) + sqrt(2 log m)) = sigma_1 sqrt(m): what Lemma A.1 needs
        out["sigma_0"] = v["sigma_1"] * mp.sqrt(v["m"]) / (2 * mp.sqrt(v["m"]) + mp.sqrt(2 * mp.log(v["m"])))
        curvature(v, depth, out)
        gradients(v, depth, out)
        descent(v, depth, out)
        return out


def off(got, true):
    with mp.workdps(DIGITS):
        return float(abs(mp.mpf(float(got)) - true) / abs(true)) if true else abs(float(got))


def exact(value):
    """An mpmath number as the Fraction it is."""
    sign, mantissa, exponent, _ = value._mpf_
    return Fraction((-1) ** sign * int(mantissa)) * Fraction(2) ** int(exponent)


def derived(point, m):
    """Section 5 by the derivation, at 60 digits; what the width does not need is filled in."""
    return reference({"l": 1, "a": 1, "b": 1, "k": 1, "lambda_t": 0, "omega_t": 1, "gamma_t": 0, **point, "m": m})


def alpha(point, m):
    """alpha_t at the width m."""
    return derived(point, m)["rsc_alpha"]
