"""allenzhu2019 derived a second time, from the paper's text, every hidden constant 1.

The widths are not written as widths: the movement omega is built from the step size, the steps and the loss of Sections
12 and 13, and each lemma's requirement is stated on omega, s or a failure exponent, as the lemma has it.
"""

from __future__ import annotations

import mpmath as mp


def real(x):
    """An mpf of an exact number."""
    return mp.mpf(x.numerator) / x.denominator if hasattr(x, "numerator") else mp.mpf(x)


def closest(delta, depth):
    """Lemma 7.5's delta <= 1/L: a larger separation is also this one."""
    return min(real(delta), 1 / mp.mpf(depth))


def movement(v, m, delta):
    """The two displays below (12.2), and the last two of Section 13 where there is a batch."""
    n, d, depth, log = mp.mpf(v["n"]), mp.mpf(v["d"]), mp.mpf(v["L"]), mp.log(m)
    loss = n * log**2
    if "b" not in v:
        eta = d * delta / (n**4 * depth**2 * m)
        return eta * mp.sqrt(n * m / d) * (d * n**2 / (eta * delta * m)) * mp.sqrt(loss)
    b = mp.mpf(v["b"])
    eta = b * delta * d / (n**5 * depth**2 * m * log**2)
    phase = depth**2 * n**7 / (b * delta**2) * log**2
    return eta * mp.sqrt(n**2 * m / (b * d)) * phase * mp.sqrt(loss)


def main_line(v, m, delta, layers=2):
    """(12.2), (13.2): the first-order term against the gradient's decrease, per unit of eta F."""
    n, d, depth, log = mp.mpf(v["n"]), mp.mpf(v["d"]), mp.mpf(v["L"]), mp.log(m)
    omega = movement(v, m, delta)
    term = mp.sqrt(n) * mp.cbrt(omega) * depth**layers * mp.sqrt(m * log / d) * mp.sqrt(n * m / d)
    return delta * m / (d * n**2) - term


def lemmas(v, m, delta):
    """Name of the condition -> slack, nonnegative where the lemma's requirement holds."""
    n, d, depth, log = mp.mpf(v["n"]), mp.mpf(v["d"]), mp.mpf(v["L"]), mp.log(m)
    omega = movement(v, m, delta)
    stated = delta ** mp.mpf("1.5") / (n ** mp.mpf("4.5") * depth**6 * log**3)
    drift = n * n * (m * log / d) * mp.cbrt(omega) ** 2 * depth**4  # (10.2), ||v||^2 <= n max ||v_i||^2
    s = m * mp.cbrt(omega) ** 2 * depth
    return {
        "Theorem 3": stated - omega,
        "(10.2)": m * delta / (d * n) - drift,
        "Theorems 4, 5": 1 / (depth ** mp.mpf("4.5") * log**3) - omega,
        "Lemmas 8.6, 8.7": m / (depth**3 * log) - s,
        "Theorem 5c": 1 / (depth**9 * log ** mp.mpf("1.5")) - omega,
        "Lemmas 7.3, 7.4": m - n * depth * mp.log(n * depth),
        "Lemma 7.4b": m / (depth * log) - d,
        "Lemma 7.5": m - depth * mp.log(n * depth) / delta**6,
        "net of Theorem 3": delta * m / n - n * d * mp.log(n / delta),
        "sparsity of Theorem 3": m * mp.cbrt(stated) ** 2 * depth - d / log,
    }


def roots(k):
    """Both roots of m = k log(m)^5, from y = log m: y^5 k = e^y."""
    w = -1 / (5 * mp.root(k, 5))
    return [mp.exp(-5 * mp.lambertw(w, branch).real) for branch in (0, -1)]


def formulas(v):
    """Every explicit formula, read off the page; v has every letter."""
    g = {k: real(x) for k, x in v.items()}
    n, m, d, delta, b, eta, eps = (g[k] for k in ("n", "m", "d", "delta", "b", "eta", "eps"))
    depth, omega, loss, s, tau, q = (g[k] for k in ("L", "omega", "F", "s", "tau", "q"))
    places, move, sigma, reach = g["d_positions"], g["perturbation"], g["sigma"], g["D"]
    log, root, third = mp.log(m), mp.sqrt, mp.cbrt(omega)
    steps = mp.log(n * log / eps)
    gd = n**6 * depth**2 / delta**2
    sgd = n**7 * depth**2 * log**2 / (b * delta**2)
    gap = root(log) * third * depth**3
    wide = move**2 * n * depth**2 * m / d
    out = {
        "delta_eff": min(delta, 1 / depth),
        "width_scale": n**24 * depth**12 * d / delta**8,
        "width_root": roots(n**24 * depth**12 * d / delta**8)[1],
        # Theorems 1 and 2
        "step_size": d * delta / (n**4 * depth**2 * m),
        "iterations": gd * steps,
        "iterations_printed": gd * -mp.log(eps),
        "iterations_at_step": d * n**2 / (eta * delta * m) * steps,
        "movement": movement({"n": n, "d": d, "L": depth}, m, delta),
        "movement_tuple": root(depth) * movement({"n": n, "d": d, "L": depth}, m, delta),
        "chi": eta * delta * m / (d * n**2),
        "contraction": 1 - eta * delta * m / (d * n**2),
        "loss_init": n * log**2,
        "probability": 1 - m**-log,
        "sgd_step_size": b * delta * d / (n**5 * depth**2 * m * log**2),
        "sgd_iterations": sgd * steps,
        "sgd_movement": movement({"n": n, "d": d, "L": depth, "b": b}, m, delta),
        "sgd_movement_tuple": root(depth) * movement({"n": n, "d": d, "L": depth, "b": b}, m, delta),
        "sgd_gradient_upper_layer": n**2 / b * m * loss / d,
        "sgd_gradient_upper": depth * n**2 / b * m * loss / d,
        "sgd_gradient_mean": n * m * loss / d,
    }
    # (13.3): Cauchy-Schwarz, then Theorem 4 with the sum over layers; per unit of F
    cauchy = root(depth * m * n / d) * root(n**2 * m * depth / (b * d))
    first = root(n) * depth * third * depth**2 * root(m * log / d) * root(n**2 * m / (b * d))
    out["sgd_growth"] = 1 + eta * (cauchy + first) + eta**2 * (n * depth**2 * m / d) * (n**2 * m / (b * d))
    # Theorem 3
    out |= {
        "gradient_upper": loss * depth * n * m / d,
        "gradient_upper_layer": loss / d * m * n,
        "gradient_upper_sample": g["F_i"] / d * m,
        "gradient_lower": g["F_max"] / (d * n / delta) * m,
        "gradient_lower_total": loss * delta * m / (d * n**2),
        "fixed_gradient_upper": g["v_sq"] / d * m * n,
        "fixed_gradient_lower": g["v_max_sq"] / (d * n / delta) * m,
        "fixed_gradient_lower_explicit_printed": g["v_max_sq"] / d * delta / (2000 * n) * m,
        "fixed_gradient_lower_explicit": g["v_max_sq"] / d * m * delta / (40 * n) / 4 / 15 * mp.mpf(2) / 10,
        "gradient_drift": n * g["v_sq"] * (third * depth**2 * root(m * log) / root(d)) ** 2,
        "fixed_gradient_failure": mp.exp(-delta * m / n) + mp.exp(-(delta**6) * m / depth),
        "gradient_radius": delta ** mp.mpf("1.5") / (n ** mp.mpf("4.5") * depth**6 * log**3),
        "gradient_radius_proof": min(
            (delta / (n**3 * depth**4 * log)) ** mp.mpf("1.5"), 1 / (root(depth) ** 9 * log**3)
        ),
        "perturbation_failure": mp.exp(-m * third**2 * depth),
        # Theorems 4 and 5
        "semi_smoothness": depth * root(n * loss) * third * depth**2 * root(m * log) / root(d) * move + wide,
        "semi_smoothness_printed": root(n * loss) * third * depth**2 * root(m * log) / root(d) * move + wide,
        "output_difference": depth * root(m / d) * move,
        "hidden_difference": root(depth) ** 3 * move,
        "semi_smoothness_radius": 1 / (root(depth) ** 9 * log**3),
        "semi_smoothness_radius_low": root(d / (m * depth * log)) ** 3,
        "semi_smoothness_radius_proof": root(1 / (depth**4 * log)) ** 3,
        "ntk_kernel_radius": 1 / (depth**9 * root(log) ** 3),
        "ntk_gradient_gap": gap,
        "ntk_kernel_gap": gap,
        "ntk_output_gap": depth**3 * third**4 * root(m * log) / root(d),
    }
    return out | _rest(g, log, root, third, gd, sgd, steps, sigma, reach, tau, q, places, s)


def _rest(g, log, root, third, gd, sgd, steps, sigma, reach, tau, q, places, s):
    """Sections 7 and 8 and the appendices."""
    n, m, d, delta, eps, depth, omega = (g[k] for k in ("n", "m", "d", "delta", "eps", "L", "omega"))
    dense, most = g["delta_2"], g["delta_inf"]
    return {
        "forward_norm_failure": n * depth * mp.exp(-m * eps**2 / depth),
        "forward_drift": -4 / m,
        "intermediate_norm": root(depth),
        "intermediate_sparse_right": mp.mpf(2),
        "intermediate_sparse_left": mp.mpf(1),
        "intermediate_sparse_both": root(s * log) / root(m),
        "intermediate_failure": mp.exp(-m / depth),
        "sparse_failure": m**-s,
        "backward_norm": root(m / d),
        "backward_sparse": root(s * log) / root(d),
        "sparsity_limit": m / (depth * log),
        "sparsity_least": d / log,
        "products_width": n * depth * mp.log(n * depth),
        "separateness_width": depth * mp.log(n * depth) / delta**6,
        "separateness": delta / 2,
        "separateness_failure": mp.exp(-(delta**6) * m / depth),
        "relu_separation": delta**2 - delta**3,
        "sign_changes": m * third**2 * depth,
        "sign_change_norm": omega * root(depth) ** 3,
        "forward_change": omega * root(depth) ** 5 * root(log),
        "forward_change_dense": omega * root(depth) ** 3,
        "forward_change_spread": omega * root(depth) ** 5 * root(log) / root(m),
        "claim_sign_changes": m * mp.cbrt(dense) ** 2 + most * root(m) ** 3,
        "claim_change_norm": dense + root(most) ** 3 * root(root(m)) ** 3,
        "claim_sparse_dense": root(s / m) * log,
        "claim_sparse_spread": 2 * root(log) / root(m),
        "intermediate_perturbed": depth,
        "intermediate_perturbed_printed": root(depth),
        "backward_change": third * depth**2 * root(m * log) / root(d),
        "backward_change_sparse": root(depth**3 * s * log + omega**2 * depth**3 * m) / root(d),
        "forward_radius": 1 / (root(depth) ** 9 * log**3),
        "intermediate_radius": 1 / root(depth) ** 3,
        "intermediate_radius_proof": depth**-2,
        "intermediate_sparsity": m / (depth**3 * log),
        "iterations_gradient_dominant": gd / sigma * -mp.log(eps),
        "iterations_convex": n * gd * reach**2 / eps,
        "iterations_nonconvex": gd / eps**2,
        "iterations_cross_entropy": gd,
        "width_factor_gradient_dominant": sigma**-2,
        "width_factor_convex_printed": -mp.log(eps),
        "width_factor_nonconvex_printed": 1 / eps,
        # squared path lengths over that of the square loss, sqrt(n) log m
        "width_factor_convex": (root(n) * reach * mp.log(n * reach**2 / eps) / (root(n) * log)) ** 2,
        "width_factor_nonconvex": (n / eps / (root(n) * log)) ** 2,
        "cnn_tau": delta**2 / (10 * places * depth),
        "cnn_tau_limit": root(eps * q / (10 * places * depth)),
        "cnn_forward_norm_sq": 1 + depth * tau**2 * places / q,
        "cnn_forward_norm_failure": mp.exp(-m * eps**2 / depth**2),
        "cnn_intermediate_norm": depth,
        "cnn_input_variance": 2 / (q * m),
        "cnn_input_variance_printed": 2 / root(q * m),
        "cnn_variance": 2 / (q * m),
        "cnn_dense_variance": 2 / (places * m),
        "cnn_dense_variance_printed": 2 / (q * m),
        "resnet_tau": 1 / (depth * log),
        "resnet_tau_explicit": mp.log(mp.mpf("1.01")) / (root(8) * depth),
        "resnet_spectral": mp.mpf("1.01"),
        "resnet_forward_lower": 1 / root(20),
        "resnet_forward_upper": mp.mpf("1.02"),
        "resnet_forward_change": depth * tau * omega,
        "resnet_forward_change_printed": tau * omega,
        # Claim 8.3 scaled by 1/tau: ||g'||/tau = L omega as corrected, omega as printed
        "resnet_sign_changes": m * mp.cbrt(depth * omega) ** 2,
        "resnet_sign_changes_printed": m * third**2,
        "resnet_iterations": gd * steps,
        "resnet_sgd_iterations": sgd * steps,
    }
