"""fu2018 derived a second time, from the paper's text, in mpmath: Gauss-Legendre, explicit sums, bisection."""

from __future__ import annotations

import functools
import itertools

import mpmath as mp

DIGITS = 40
ACTIVATIONS = {
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "tanh": mp.tanh,
    "tanh01": lambda z: (1 + mp.tanh(z)) / 2,
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "gelu": lambda z: z * mp.ncdf(z),
}
SLOPES = {
    "sigmoid": lambda z: mp.exp(-abs(z)) / (1 + mp.exp(-abs(z))) ** 2,
    "tanh": lambda z: mp.sech(z) ** 2,
    "tanh01": lambda z: mp.sech(z) ** 2 / 2,
    "softplus": lambda z: 1 / (1 + mp.exp(-z)),
    "gelu": lambda z: mp.ncdf(z) + z * mp.npdf(z),
}


@functools.lru_cache(maxsize=8)
def rule(prec):
    """Nodes z and weights times the normal density: 48-point Gauss-Legendre on panels of [-12, 12], narrow inside 4."""
    legendre = mp.calculus.quadrature.GaussLegendre(mp.mp).calc_nodes(5, prec)
    cuts = [*range(-12, -4), *[mp.mpf(k) / 2 for k in range(-8, 9)], *range(5, 13)]
    found = []
    for low, high in itertools.pairwise(cuts):
        half, middle = mp.mpf(high - low) / 2, mp.mpf(high + low) / 2
        found += [(middle + half * x, half * w * mp.npdf(middle + half * x)) for x, w in legendre]
    return found


@functools.lru_cache(maxsize=64)
def samples(name, sigma, prec):
    """(z, weight, phi(sigma z), phi'(sigma z)) over the rule."""
    return [(z, w, ACTIVATIONS[name](sigma * z), SLOPES[name](sigma * z)) for z, w in rule(prec)]


def alpha(name, q, sigma):
    """Definition 1."""
    return mp.fsum(w * slope * z**q for z, w, _, slope in samples(name, sigma, mp.mp.prec))


def beta(name, q, sigma):
    """Definition 1."""
    return mp.fsum(w * slope**2 * z**q for z, w, _, slope in samples(name, sigma, mp.mp.prec))


def rho(name, sigma):
    """Definition 1."""
    a = [alpha(name, q, sigma) for q in (0, 1, 2)]
    return min(beta(name, 0, sigma) - a[0] ** 2 - a[1] ** 2, beta(name, 2, sigma) - a[1] ** 2 - a[2] ** 2)


def gamma(name, j, sigma):
    """Definition 2."""
    return mp.fsum(w * value * z**j for z, w, value, _ in samples(name, sigma, mp.mp.prec))


def m(name, j, sigma):
    """Definition 2, the four combinations as printed."""
    g = [gamma(name, k, sigma) for k in range(5)]
    return {1: g[1], 2: g[2] - g[0], 3: g[3] - 3 * g[1], 4: g[4] + 3 * g[0] - 6 * g[2]}[j]


def geometry(values):
    """kappa and lambda (Section 3.1) by sorting and multiplying."""
    ordered = sorted(map(mp.mpf, values), reverse=True)
    product = mp.mpf(1)
    for value in ordered:
        product *= value / ordered[-1]
    return ordered[0] / ordered[-1], product


def upper_crossing(x):
    """The larger solution of n = x log n (x > e), by bisection on [x, 2 x^2]: n - x log n rises there."""
    low, high = mp.mpf(x), 2 * mp.mpf(x) ** 2
    for _ in range(int(mp.mp.prec) + 40):
        middle = (low + high) / 2
        low, high = (middle, high) if middle < x * mp.log(middle) else (low, middle)
    return (low + high) / 2


def bounds_of(v):
    """Theorems 1 and 2 and Lemmas 1-7 at the letters ``v``, every hidden constant 1."""
    d, K, n, L, kappa, lam, r = (v[k] for k in ("d", "K", "n", "L_phi", "kappa", "lam", "rho_sigma"))
    shape = kappa**2 * lam / r
    rate = mp.sqrt(d * mp.log(n) / n)
    low, high = 1 / (K**2 * shape), L**2 / K
    lipschitz = 6 * mp.sqrt(2 / mp.pi) * L**2 / mp.sqrt(K) ** 3
    radius = 1 / (mp.sqrt(K) * shape * L**2)
    return {
        "sample_complexity": d * K**3 * mp.log(d) ** 2 * ((L + 1) * L * shape) ** 2,
        # (L^2 + L) sqrt(d log n/(n K)) <= low, solved for n/log n (Section 5.1)
        "sample_complexity_implicit": upper_crossing(d / K * ((L**2 + L) / low) ** 2),
        # L sqrt(d log n/n) <= low * radius (Lemma 4 against the strong convexity on the ball)
        "sample_complexity_critical": upper_crossing(d * (L / (low * radius)) ** 2),
        "radius": radius,
        "radius_printed": 1 / (shape * mp.sqrt(K * L**2)),
        "hessian_lower": low,
        "hessian_upper": high,
        "estimation_error": L * rate / low,
        "step_size": low / high**2,
        "contraction": 1 - v["eta"] * low,
        "contraction_appendix": 1 - v["eta"] * low / 2,
        "hessian_lipschitz": lipschitz,
        "hessian_concentration": (L**2 + L) * rate / mp.sqrt(K),
        "gradient_concentration": L * rate,
        "sample_floor": d * K * mp.log(d * K),
        "probability": 1 - mp.mpf(1) / d**10,
        "probability_union": 1 - 2 * mp.mpf(1) / d**10,
        "population_hessian_lower": low - lipschitz * v["distance"],
        "population_hessian_upper": high + lipschitz * v["distance"],
        "radius_explicit": low / (2 * lipschitz),
        "gradient_threshold": low * radius,
        "estimation_error_from_gradient": v["gradient_norm"] / low,
        "hessian_subexponential": (L**2 + L) / K,
        "gradient_subgaussian": L / mp.sqrt(K),
        "mean_hessian_lipschitz": (L**2 + L) * mp.sqrt(mp.mpf(d) / K) ** 3,
        "sample_hessian_lipschitz": 3 * L**2 / mp.sqrt(K) ** 3 + L / K,
        "sample_hessian_lipschitz_printed": (L**2 + L) / mp.sqrt(K) ** 3,
        "block_offdiagonal": L**2 / K**2,
        "block_diagonal": L / K + L**2 / K**2,
        "gradient_coefficient": L / K,
    }
