"""liu2020 derived a second time, from the paper's text: explicit loops and recursions at 60 digits."""

from __future__ import annotations

import mpmath as mp

DIGITS = 60


def systems(v, out):
    """Section 4, along its proofs."""
    mu, n, eta, s, gamma = v["mu"], v["n"], v["eta"], v["s"], v["gamma"]
    L_F, r = out["L_F"], v["residual_0"]
    top = L_F**2  # ||grad F^T grad F||
    out["kernel_norm"] = top
    out["condition_number"] = (top + v["beta_F"] * v["residual_sup"]) / mu
    out["solution_distance"] = r / L_F
    # (58): eta sqrt(2 beta loss_0)/(1 - sqrt(1 - eta mu)) as eta -> 0
    out["radius"] = mp.sqrt(8 * v["beta"] * v["loss_0"]) / mu
    out["radius_square"] = L_F * r * 2 / mu
    out["radius_tight"] = 4 / mp.sqrt(2 * mu) * mp.sqrt(v["loss_0"])
    out["radius_square_tight"] = 4 / mp.sqrt(2 * mu) * mp.sqrt(r**2 / 2)
    out["step_size"] = 1 / (top + v["beta_F"] * r)
    out["contraction"], out["transformed_contraction"] = 1 - eta * mu, 1 - eta * mu * v["rho"] ** 2
    out["iterations"] = steps(v["loss_0"], v["eps"], eta * mu)
    out["transformed_mu"] = v["rho"] * mu * v["rho"]
    slope, bend = v["L_Phi"] * L_F, v["L_Phi"] * v["beta_F"] + v["beta_Phi"] * top
    out["transformed_condition_number"] = (slope**2 + bend * v["residual_sup"]) / out["transformed_mu"]
    out["transformed_condition_number_printed"] = v["kappa"] / v["rho"] / v["rho"]
    out["sgd_radius"] = 2 * n * mp.sqrt(2 * gamma * v["loss_0"]) / mu / v["delta"]
    # the least of 1 - 2 mu eta s/n + mu s (s-1) gamma eta^2/n + gamma^2 eta^2 s
    line, square = 2 * mu * s / n, mu * s * (s - 1) * gamma / n + gamma**2 * s
    out["sgd_step_size"] = line / (2 * square)
    out["sgd_step_size_printed"] = mu / gamma / (n * n * gamma + mu * (s - 1))
    out["sgd_contraction"] = 1 - mu * s * eta / n
    out["sgd_probability"] = out["output_probability"] = 1 - v["delta"]


def steps(loss, eps, rate):
    """The least number of factors 1 - rate that take the loss to eps, counted one by one."""
    if rate >= 1:
        return mp.nan
    count = 0
    while loss > eps:
        loss, count = loss * (1 - rate), count + 1
        if count > 200_000:
            return mp.nan
    return mp.mpf(count)


def control(v, out):
    """Section 5."""
    n, mu, gap, R, L_F = v["n"], v["mu"], v["lambda_min"] - v["mu"], v["R"], out["L_F"]
    out["gradient_change"] = mp.sqrt(n * (v["hessian"] * R) ** 2)
    out["kernel_change"] = 2 * L_F * out["gradient_change"]
    # the Hessian norm at which the kernel changes by lambda_min - mu
    out["hessian_threshold"] = gap / (2 * L_F * mp.sqrt(n) * R) if R else mp.nan
    out["hessian_threshold_linear"] = v["eps"] * mu / v["residual_0"] / (2 * L_F * mp.sqrt(n) * R) if R else mp.nan
    for name, size in (("step_size_hessian", L_F), ("step_size_network", out["L_f"])):
        out[name] = 1 / (size**2 + gap * mu / (2 * mp.sqrt(n) * size**2))
    out["step_size_proved"] = 1 / L_F / L_F


def backward(v, out, tail):
    """(102)-(106), or eqs 72 and 73, from the last hidden layer down."""
    L, R, m, c, Ls = int(v["L"]), v["R"], v["m"], v["c_0"], v["L_sigma"]
    s, beta, C = v["s_0"], v["beta_sigma"], v["C_x"]
    q = c + R / mp.sqrt(m)
    change = {L - 1: R}
    for l in range(L - 2, 0, -1):
        up = l + 1  # the step from layer l + 1 to layer l
        if tail:
            change[l] = Ls ** (L - l - 1) * c ** (L - l - 1) * R + s * beta * Ls ** (L - 2) * (c + R) ** L * C
        else:
            norm_b, norm_b0 = Ls ** (L - up - 1) * q ** (L - up), Ls ** (L - up - 1) * c ** (L - up)
            moved = Ls ** (up - 1) * q ** (up - 1) * C * R  # (103)
            change[l] = R * Ls * norm_b + c * s * norm_b0 * beta * moved
        change[l] += c * Ls * change[up]
    return change, {l: s * Ls ** (L - l - 1) * c ** (L - l) + change[l] for l in change}


def blocks(v, out):
    """Appendix F.1: the blocks' bounds, the largest over l_1 <= l_2 being l_1 = 1."""
    L, R, m, Ls, C = int(v["L"]), v["R"], v["m"], v["L_sigma"], v["C_x"]
    l, root = int(v["l"]), mp.sqrt(m)
    for tail in ("", "_printed"):
        change, entries = backward(v, out, tail)
        q = v["c_0"] + (R if tail else R / root)
        if l <= L - 1:
            out["C_b" + tail], out["C_b_change" + tail] = entries[l], change[l]
        total = mp.mpf(0)
        for k in range(1, L):
            forward = Ls ** (k - 1) * q ** (k - 1) * C  # (77), as Lemma F.8's proof uses it
            before = Ls ** (k - 1) * q ** (k - 1) * C  # ||alpha^(l_1 - 1)|| and the layers up to k
            total += before * entries[k] * v["beta_sigma"] * forward * (Ls if tail else 1)
        out["C_prime" + tail] = total + Ls ** (L - 1) * q ** (L - 2) * C
    out["hessian_block"] = out["C_prime"] / root
    out["hessian_norm"], out["hessian_norm_tight"] = L * L * out["hessian_block"], L * out["hessian_block"]
    out["hessian_norm_printed"] = L * L * out["C_prime_printed"] / root
    out["hessian_order"] = v["C"] * R ** (3 * L) / root
    if l <= L - 1:
        out["backward_max"], out["backward_move"] = out["C_b"] / root, out["C_b_change"] / root


def network(v, out):
    """Lemmas F.3 to F.7, 7.1 to 7.3, layer by layer."""
    L, l, R, m, c, Ls, C = int(v["L"]), int(v["l"]), v["R"], v["m"], v["c_0"], v["L_sigma"], v["C_x"]
    out["weight_norm"] = c * mp.sqrt(m) + R
    q = out["weight_norm"] / mp.sqrt(m)
    size, shifted, response = C * mp.sqrt(m), C * mp.sqrt(m), C
    for k in range(1, l + 1):
        response = C if k == 1 else response * Ls * q
        size, shifted = Ls * q * size, Ls * q * shifted + v["sigma_at_0"] * mp.sqrt(m)
    out["activation_norm"], out["activation_norm_shifted"] = size, shifted
    out["response"], out["activation_response"] = response, Ls * response
    out["preactivation_change"] = response * R
    if l <= L - 1:
        back = q
        for _ in range(L - 1, l, -1):
            back *= Ls * q
        out["backward_norm"] = back
    out["layer_gradient"] = (Ls * q) ** (L - 1) * C
    gradient = (Ls * (c + 1)) ** (L - 1) * C
    out["L_f"], out["L_f_tight"] = sum(gradient for _ in range(L)), mp.sqrt(sum(gradient**2 for _ in range(L)))
    out["L_F"] = mp.sqrt(v["n"] * out["L_f"] ** 2)
    out["c_0"] = mp.mpf(3)
    out["layer_probability"], out["init_probability"] = 1 - 2 * mp.e ** (-m / 2), 1 - L * 2 * mp.e ** (-m / 2)
    out["init_output"] = (Ls * c) ** (L - 1) * C * mp.sqrt(1 / v["delta"])


def rest(v, out):
    """Section 6, Theorem 7.2."""
    gap = v["lambda_min"] - v["mu"]
    out["shallow_hessian_norm"] = v["C_x"] ** 2 * v["beta_sigma"] / mp.sqrt(v["m"])
    for tail, power, times in (("", 1, 1), ("_proof", 3, 1), ("_printed", 3, 2)):
        out["sparse_hessian_norm" + tail] = v["beta_alpha"] * v["C_s"] ** power / v["s_P"] ** times
    out["sparse_units"], out["sparse_units_safe"] = v["p"] / v["C_s"], v["p"] / (1 + v["C_s"])
    for tail in ("", "_tight"):
        out["radius_layers" + tail] = out["radius_square" + tail] * mp.sqrt(v["L"])
    out["radius_network"] = 2 * v["residual_0"] * out["L_f"] / v["mu"]
    power = 6 * int(v["L"])
    out["width_order"] = v["C"] * v["n"] / v["mu"] ** (power + 2) / gap**2 if gap else mp.nan
    out["width_order_half"] = v["C"] * v["n"] / v["lambda_min"] ** (power + 4)


def reference(point):
    """Every formula without a Gaussian mean at ``point``, to ``DIGITS`` digits (c_0 is given or 3)."""
    with mp.workdps(DIGITS):
        v = {"c_0": mp.mpf(3), "C": mp.mpf(1)} | {k: mp.mpf(x.numerator) / x.denominator for k, x in point.items()}
        out = {}
        network(v, out)
        systems(v, out)
        control(v, out)
        blocks(v, out)
        rest(v, out)
        return out


def width_holds(point, m, tight=False):
    """Whether Corollary 5.1's condition, m > R_s^2 and m > d hold at m, by the derivation."""
    filled = {"l": 1, "s": 1, "p": 1, "C_s": 1, **dict.fromkeys(MISSING, 1), **point}
    with mp.workdps(DIGITS):
        first = reference({**filled, "m": m, "R": 1})
        tail = "_tight" if tight else ""
        R, R_s = first["radius_square" + tail], first["radius_layers" + tail]
        v = {k: mp.mpf(x.numerator) / x.denominator for k, x in filled.items()} | {"m": mp.mpf(m), "R": R_s}
        out = dict(first)
        blocks({"c_0": mp.mpf(3), "C": mp.mpf(1)} | v, out)
        hessian = out["hessian_norm" + tail]
        allowed = (v["lambda_min"] - v["mu"]) / (2 * mp.sqrt(v["n"]) * first["L_F"] * R)
        return {"Hessian": hessian < allowed, "Lemma 7.1": m > R_s**2, "Lemma 7.2": m > v["d"]}


MISSING = (
    *("eta", "gamma", "residual_sup", "beta", "beta_F", "loss_0", "eps", "rho", "kappa", "L_Phi", "beta_Phi"),
    *("delta", "hessian", "sigma_at_0", "beta_alpha", "s_P"),
)
