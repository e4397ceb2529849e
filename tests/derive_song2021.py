"""song2021 derived a second time, from the paper's text, in mpmath: every constant rebuilt from its steps."""

from __future__ import annotations

import mpmath as mp

DIGITS = 50
PHI = {
    "tanh": mp.tanh,
    "gelu": lambda z: z * mp.ncdf(z),
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "softplus": lambda z: mp.log1p(mp.exp(z)),
}
ENDS = [-18, -9, -4, -2, -1, 0, 1, 2, 4, 9, 18]


def polynomial(i, z):
    """He_i by its recursion."""
    before, here = mp.mpf(0), mp.mpf(1)
    for k in range(i):
        before, here = here, z * here - k * before
    return here


def mean(f):
    """E f(z), z standard normal."""
    return mp.quad(lambda z: f(z) * mp.npdf(z), ENDS)


def coefficient(name, i, scale=1):
    """E[phi(scale z) He_i(z)]."""
    return mean(lambda z: PHI[name](scale * z) * polynomial(i, z))


def general(v, out):
    """Appendices A to C: a path inside the ball, where the singular values are in [mu/2, 3 nu/2]."""
    mu, nu, beta, alpha, h_0 = (v[x] for x in ("mu_Phi", "nu_Phi", "beta_Phi", "alpha_f", "h_0"))
    low, high = mu / 2, 3 * nu / 2
    rho = out["rho_Phi"] = (mu - low) / beta  # Weyl: sigma_min falls by at most beta per unit of distance
    out["sigma_min_ball"], out["sigma_max_ball"], out["map_lipschitz"] = low, high, high
    slope = mp.sqrt(2 * alpha)  # PL: ||grad f|| >= slope sqrt f
    # flow: d sqrt(f)/dt = -||grad h||^2/(2 sqrt f); per unit of int ||grad f|| and per unit of length
    per_gradient, per_length = low**2 * slope / 2, low * slope / 2
    out["flow_length"] = high * mp.sqrt(h_0) / per_gradient
    out["flow_length_direct"] = mp.sqrt(h_0) / per_length
    out["flow_condition"] = (rho * per_gradient / high) ** 2
    out["flow_condition_direct"] = (rho * per_length) ** 2
    shrinking = mp.quad(lambda s: (mu - beta * s) * slope / 2, [0, rho])
    out["flow_condition_sharp"] = shrinking**2
    out["flow_rate"] = mp.exp(-(low**2) * slope**2)
    # descent: a step of eta <= 1/M keeps half of the first-order decrease, and a difference of roots loses 2 sqrt f
    for name, factor in (("gd_length", "flow_length"), ("gd_length_direct", "flow_length_direct")):
        out[name] = 2 * out[factor]
    for tail in ("", "_direct", "_sharp"):
        out["gd_condition" + tail] = out["flow_condition" + tail] / 4
    out["contraction"] = 1 - v["eta"] / 2 * low**2 * slope**2
    out["iterations"] = mp.ceil(mp.log(max(1, h_0 / v["eps"])) / -mp.log(out["contraction"]))


def steps(v, out):
    """Learning rates: M = beta max||grad f|| + beta_f (3 nu/2)^2."""
    mu, nu, beta, curve, h_0 = (v[x] for x in ("mu_Phi", "nu_Phi", "beta_Phi", "beta_f", "h_0"))
    quadratic = curve * (3 * nu / 2) ** 2
    out["grad_f_upper"] = mp.sqrt(2 * curve * h_0)
    out["grad_f_ball"] = v["grad_f_0"] + curve * (3 * nu / 2) * mu / (2 * beta)
    out["step_size_explicit"] = 1 / (beta * out["grad_f_ball"] + quadratic)
    out["step_size_loss"] = 1 / (beta * out["grad_f_upper"] + quadratic)
    worst = mp.findroot(lambda x: mp.diff(lambda y: (0.75 * y + 2.25) / (1 + y * y), x), 0.16)
    c = (1 + worst**2) / (mp.mpf(3) / 4 * worst + mp.mpf(9) / 4)
    out["step_size"] = c / (beta * v["grad_f_0"] + curve * (mu**2 + nu**2))


def hermite(v, out):
    """Appendix E.1 at the point's activation."""
    name, t, w = v["activation"], int(v["t"]), v["omega_1"]
    out["hermite"] = coefficient(name, int(v["i"]))
    c_0, c_1 = coefficient(name, 0), coefficient(name, 1)
    out["c_0"], out["c_1"], out["c_t"] = c_0, c_1, coefficient(name, t)
    out["c_0_scaled"], out["c_t_scaled"] = coefficient(name, 0, w), coefficient(name, t, w)
    out["phi_sq"] = mean(lambda z: PHI[name](z) ** 2)
    out["phi_sq_scaled"] = mean(lambda z: PHI[name](w * z) ** 2)
    out["c_inf_sq"] = out["phi_sq"] - c_0**2 - c_1**2
    d_1, top = v["d_1"], v["sigma_max_X"] ** 2
    scaled = out["c_t_scaled"] ** 2 / mp.factorial(t)
    out["gram_min_lower"] = d_1 * scaled * v["sigma_min_Xt"] ** 2
    out["mu_Phi_lower"] = mp.sqrt((1 - v["delta_1"]) * out["gram_min_lower"])
    rest = out["phi_sq_scaled"] - out["c_0_scaled"] ** 2
    out["gram_max_upper"] = d_1 * v["n"] * out["c_0_scaled"] ** 2 + d_1 * rest * top
    out["gram_mean_eigenvalue"] = d_1 * out["phi_sq_scaled"]


def shallow(v, out):
    """Lemma 3 and Appendices E.3 to E.5; the point's own c_0, c_1, c_t, c_inf_sq."""
    n, d_1, s, phi1, root = v["n"], v["d_1"], v["sigma_max_X"], v["phi1_max"], mp.sqrt(v["d_1"])
    out["mu_Phi"] = v["sigma_min_phi"]
    out["nu_Phi"] = phi1 * s * v["sigma_max_V0"] + v["sigma_max_phi"]
    slope = phi1 + v["phi2_max"] * v["chi_max"]
    out["beta_Phi"] = mp.sqrt(2 * s**2 * slope**2)
    out["chi_assumed"] = phi1 / v["phi2_max"]
    w_low, w_high = v["omega_1"] ** v["r_1"], v["omega_1"] ** v["r_2"]
    gram = (1 - v["delta_1"]) * v["c_t"] ** 2 / mp.factorial(int(v["t"])) * d_1 * v["sigma_min_Xt"] ** 2
    mu = w_low * mp.sqrt(gram)
    out["mu_Phi_lower_printed"] = v["C"] * mu
    spread = mp.sqrt((v["c_1"] ** 2 + v["c_inf_sq"]) * d_1) * s + abs(v["c_0"]) * mp.sqrt(d_1 * n)
    features = w_high * mp.sqrt(1 + v["delta_2"]) * spread
    out["sigma_max_phi_upper"] = v["C"] * features
    out["nu_Phi_upper"] = v["C"] * (v["omega_2"] * phi1 * s * root + features)
    out["V0_norm"] = v["omega_2"] * (root + mp.sqrt(v["d_2"]) + root)
    plain = v["c_0"] ** 2 * n + (v["c_1"] ** 2 + v["c_inf_sq"]) * s**2
    out["gram_max_upper_printed"] = v["C"] * w_high**2 * d_1 * plain
    out["feature_norm"] = mp.sqrt(v["gram_max_upper"])
    out["init_scale"] = v["C"] / mp.sqrt(v["d_0"] * d_1)
    out["init_scale_proof"] = out["init_scale"] / (phi1 * mp.log(d_1))
    out["omega_2_balanced"] = 1 / mp.sqrt(v["omega_1"] ** 2 * v["d_0"] * d_1)
    out["sigma_max_estimate"] = mp.sqrt(n / v["d_0"])
    deviation = v["delta_3"] * v["k_1"] * v["k_2"] * s
    out["loss_init"] = v["C"] * deviation**2
    out["loss_init_derived"] = 2 * v["C"] * v["d_2"] * deviation**2 + 2 * v["norm_Y"] ** 2
    lazy(v, out, w_low, w_high, slope)


def lazy(v, out, w_low, w_high, slope):
    """Appendix F."""
    n, d_1, s, low, phi1 = v["n"], v["d_1"], v["sigma_max_X"], v["sigma_min_Xt"], v["phi1_max"]
    mean_part, omega_2 = w_high * abs(v["c_0"]) * mp.sqrt(n), v["omega_2"]
    nu = omega_2 * phi1 * s * mp.sqrt(d_1) + mean_part * mp.sqrt((1 + v["delta_2"]) * d_1)
    out["lazy_gap"] = v["C"] * mp.sqrt(2) * s * slope / nu**2
    along = s * omega_2 * s * s / (w_low**2 * mp.sqrt(d_1) * low**2)  # first line of F.1, its first term
    out["lazy_gap_large_readout"] = v["C"] * along / ((omega_2 * s + mean_part) ** 2 * d_1)
    out["lazy_gap_large_readout_printed"] = out["lazy_gap_large_readout"] / s
    readout = phi1 + omega_2 * v["phi2_max"] * mp.sqrt(d_1)
    out["lazy_gap_large_hidden"] = v["C"] * mp.sqrt(2) * s * readout / (mean_part**2 * d_1)
    moved = (omega_2 * phi1 * s + mean_part) * s / (w_low**2 * mp.sqrt(d_1) * low**2)
    out["chi_trajectory"] = v["C"] * (moved + omega_2 * mp.sqrt(d_1))


def width(v, out):
    """Appendices E.2, E.6, E.7: the widths solved from the condition ``h_0 beta^2 nu^2 = mu^6``, constants apart."""
    n, s, low, d_0, d_1 = v["n"], v["sigma_max_X"], v["sigma_min_Xt"], v["d_0"], v["d_1"]
    slope = v["phi1_max"] + v["phi2_max"] * v["chi_max"]
    fact, w = mp.factorial(int(v["t"])), v["omega_1"]
    loss = (v["delta_3"] * v["delta_4"] ** 2) ** 2
    nu_sq = w ** (2 * v["r_2"]) * v["c_0"] ** 2 * (1 + v["delta_2"])
    mu_sq = w ** (2 * v["r_1"]) * (1 - v["delta_1"]) * v["c_t"] ** 2 / fact
    out["xi"] = mp.sqrt(loss * slope**2 * nu_sq / mu_sq**3)
    out["xi_direct"] = mp.sqrt(loss * slope**2 / ((1 - v["delta_1"]) * v["c_t_scaled"] ** 2 / fact) ** 2)
    out["required_width"] = v["C"] * v["xi"] * mp.sqrt(s**4 * n / low**6)
    out["required_width_simplified"] = v["C"] * v["xi"] * mp.sqrt((n / d_0) ** 2 * n)
    out["required_width_direct"] = v["C"] * v["xi_direct"] * (s / low) ** 2
    out["required_width_unbounded_data"] = v["C"] * mp.cbrt(n**2 * s**6 / low**10)
    out["required_width_unbounded"] = v["C"] * mp.cbrt(n**2 * (n / d_0) ** 3)
    out["concentration_width"] = v["C_4"] * d_0 * (s / low) ** 2 * mp.log(d_1) * mp.log(n)
    row = v["k_1"] * w * mp.sqrt(d_0) * mp.sqrt(mp.log(d_1))
    out["row_norm"] = v["C"] * row
    out["summand_norm"] = v["C"] * (v["phi1_max"] * s * row) ** 2
    kappa = out["gram_lipschitz_printed"] = 4 * (v["phi1_max"] * s) ** 2 * row
    out["gram_lipschitz"] = kappa * mp.sqrt(d_1)
    log_d = mp.log(d_1)
    out["p_1"] = mp.exp(-v["C"] * v["k_1"] * d_0 * log_d) + mp.exp(-v["C"] * v["k_2"] * v["d_2"] * log_d)
    out["p_2"] = mp.exp(-(v["delta_1"] ** 2) * v["gram_min"] ** 2 / kappa**2)
    out["p_3"] = mp.exp(-(v["delta_2"] ** 2) * v["gram_max"] ** 2 / kappa**2)
    out["p_4"], out["p_5"] = mp.exp(-v["C"] * d_1), mp.exp(-v["C"] * v["delta_3"] ** 2)
    out["failure_probability"] = mp.fsum(out[f"p_{k}"] for k in range(1, 6))
    out["power_rank"] = mp.binomial(d_0 + int(v["t"]) - 1, int(v["t"]))


def reference(point):
    """Every quantity at ``point``, quantities below it taken from the point too, to ``DIGITS`` digits."""
    with mp.workdps(DIGITS):
        v = {k: x if isinstance(x, str) else mp.mpf(x.numerator) / x.denominator for k, x in point.items()}
        out = {}
        for part in (general, steps, hermite, shallow, width):
            part(v, out)
        return out
