"""Errata demonstrated by Hermite coefficients, exact arithmetic, symbolic limits and identities."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import sympy

from bounds.errors import NotApplicable
from bounds.model import Demonstration
from bounds.papers.song2021.reference import shares, unit_columns


def _value(name: str, **values: Any) -> float:
    from bounds.registry import quantity

    return float(quantity(f"song2021.{name}").evaluate(**values))


def hermite_norm() -> Demonstration:
    """S1: for tanh, sum c_i^2 diverges (its terms grow), and sum c_i^2/i! is E phi^2."""
    normal = shares(np.tanh, 131)
    total, mean = float(np.sum(normal**2)), _value("phi_sq", activation="tanh")
    terms = [2 * math.log10(abs(normal[i])) + math.lgamma(i + 1) / math.log(10) for i in range(3, 64, 2)]
    return Demonstration(
        bool(np.all(np.diff(terms) > 0) and terms[2] > 0 and abs(total - mean) < 1e-10),
        f"tanh: sum of c_i^2/i! over i <= 130 is {total:.12f}, E phi^2 = {mean:.12f}; c_i^2 grows with odd i from 3 "
        f"on: {10 ** terms[2]:.3g} at i = 7, 10^{terms[-1]:.0f} at i = 63, so that sum c_i^2 diverges",
        {"sum": total, "mean": mean, "log10_c63_sq": terms[-1]},
    )


def vanishing() -> Demonstration:
    """S2: phi(0) != 0, c_0 = 0 and c_t = 0."""
    from bounds.activations import get
    from bounds.registry import quantity

    at_zero = {name: float(get(name).phi0) for name in ("sigmoid", "softplus")}
    rest: dict[str, Any] = dict.fromkeys(("delta_2", "delta_3", "delta_4", "omega_1", "chi_max", "r_1", "r_2"), 1)
    rest |= {"delta_1": sympy.Rational(1, 2), "n": 100, "sigma_max_X": 3, "sigma_min_Xt": 1}
    width = _value("required_width", activation="tanh", t=3, **rest)
    zeros = [
        quantity("song2021.hermite").evaluate(i=i, activation=a, certified=True)
        for a, i in (("tanh", 0), ("tanh", 2), ("tanh", 4), ("gelu", 3), ("softplus", 3), ("relu", 3), ("gelu", 5))
    ]
    try:
        refused = not _value("required_width", activation="gelu", t=3, **rest)
    except NotApplicable:
        refused = True
    return Demonstration(
        at_zero["sigmoid"] == 0.5 and at_zero["softplus"] > 0.69 and width == 0 and refused
        and all(z.lo == z.hi == 0 for z in zeros),
        f"phi(0) = {at_zero['sigmoid']:g} (sigmoid), {at_zero['softplus']:.4f} (softplus); c_0 of tanh is exactly 0, "
        f"so that xi = 0 and eq 79 asks for d_1 >= {width:g}; c_2, c_4 of tanh and c_3 of gelu, softplus, relu are "
        "exactly 0: xi divides by them",
        {"sigmoid": at_zero["sigmoid"], "softplus": at_zero["softplus"], "width": width},
    )  # fmt: skip


def scaled_coefficients() -> Demonstration:
    """S5: c_t(omega_1) against omega_1^r_1 c_t, and the least eigenvalue itself on four points of a circle."""
    omega, gram = 0.02, {}
    true = {i: _value("c_t_scaled", t=i, omega_1=omega, activation="tanh") for i in (1, 3, 5)}
    c_3 = _value("c_t", t=3, activation="tanh")
    ratio = (true[3] / (omega * c_3)) ** 2
    angle = np.array([0.0, 0.7, 1.3, 2.2])
    rho = np.cos(angle[:, None] - angle[None, :])
    gram["true"] = sum(true[i] ** 2 / math.factorial(i) * rho**i for i in true)
    least = float(np.linalg.eigvalsh(gram["true"])[0])
    printed = omega**2 * c_3**2 / 6 * float(np.linalg.eigvalsh(rho**3)[0])
    above = math.tanh(2 * 5.0) / math.tanh(5.0)
    exponent, top, bound = _upper_half(1000, 0.2, 0.8)
    return Demonstration(
        4e-6 < ratio < 6e-6 and 0 < least < 1e-4 * printed and above < 2 and exponent > 0.8 and top > 10 * bound,
        f"tanh, t = 3, r_1 = 1, omega_1 = 0.02: (c_t(omega_1)/(omega_1^r_1 c_t))^2 = {ratio:.2g}; least eigenvalue of "
        f"E M_0/d_1 for four points on a circle: {least:.2g}, eq 58's lower bound {printed:.2g}. At omega_1 = 2 the "
        f"scaling itself fails: tanh(2a)/tanh(a) = {above:.4f} < 2 at a = 5. The upper half: phi = a(1 - .45 tanh a "
        f"+ b tanh 10a), b such that c_0 = 0, r_2 = 0.8, X = I, n = 1000, omega_1 = 0.2: largest eigenvalue {top:.3f}, "
        f"eq 58's bound {bound:.3f} C, and the first grows with n",
        {"ratio": ratio, "least": least, "printed": printed, "top": top, "bound": bound},
    )


def _upper_half(n: int, omega: float, r_2: float) -> tuple[float, float, float]:
    """The least a phi'/phi, the top eigenvalue of E M_0/d_1 for orthonormal samples, eq 58's bound of it at C = 1."""
    z = np.arange(-14, 14, 1 / 256)
    weight = np.exp(-z * z / 2) / np.sum(np.exp(-z * z / 2))
    b = 0.45 * float(weight @ (z * np.tanh(z)) / (weight @ (z * np.tanh(10 * z))))

    def phi(a: Any) -> Any:
        return a * (1 - 0.45 * np.tanh(a) + b * np.tanh(10 * a))

    a = np.concatenate([-np.geomspace(1e-6, 1e3, 40_001), np.geomspace(1e-6, 1e3, 40_001)])
    with np.errstate(over="ignore"):
        slope = 10 * b / np.cosh(10 * a) ** 2 - 0.45 / np.cosh(a) ** 2
    exponent = float(np.min(1 + a * a * slope / phi(a)))
    mean, square = float(weight @ phi(omega * z)), float(weight @ phi(omega * z) ** 2)
    c_0, total = float(weight @ phi(z)), float(weight @ phi(z) ** 2)
    return exponent, n * mean**2 + square - mean**2, omega ** (2 * r_2) * (n * c_0**2 + total - c_0**2)


def no_exponent() -> Demonstration:
    """S7: phi(a/2)/phi(a) is unbounded as a -> -oo: no tau^r_2 is above it."""
    z = sympy.Symbol("z", real=True)
    forms = {
        "sigmoid": 1 / (1 + sympy.exp(-z)),
        "softplus": sympy.log(1 + sympy.exp(z)),
        "gelu": z * sympy.erfc(-z / sympy.sqrt(2)) / 2,
    }
    ratios = {
        name: [float(sympy.N((phi.subs(z, -a / 2) / phi.subs(z, -a)), 30)) for a in (10, 20, 40)]
        for name, phi in forms.items()
    }
    # the logistic tail e^a gives e^(|a|/2), the normal one more: the logarithm at least doubles with |a|
    growing = all(math.log(b) > 1.99 * math.log(a) > 9 for r in ratios.values() for a, b in pairwise(r))
    text = "; ".join(f"{name} {r[0]:.3g}, {r[1]:.3g}, {r[2]:.3g}" for name, r in ratios.items())
    return Demonstration(
        growing,
        f"phi(a/2)/phi(a) at a = -10, -20, -40: {text}: above every constant 2^-r_2. At omega_1 = 1 no exponent is "
        "needed",
        {f"{name} at -40": r[2] for name, r in ratios.items()},
    )


def lost_constants() -> Demonstration:
    """S9: the chain of eq 29 loses sqrt2/8; eqs 34 and 35 mix mu and nu."""
    w, mu, beta, alpha, goal = (sympy.Symbol(x, positive=True) for x in ("w", "mu", "beta", "alpha", "z"))
    slope, f = mu - beta * w, alpha / 2 * (goal - mu * w + beta * w**2 / 2) ** 2
    grad_f = sympy.sqrt(2 * alpha * f)  # |f'| for this f
    falls = (slope * grad_f) ** 2 / (2 * sympy.sqrt(f))
    printed = sympy.sqrt(alpha) * mu**2 * grad_f
    lost = sympy.simplify((falls / printed).subs(w, mu / (2 * beta)))
    beta_f, nu = sympy.Symbol("beta_f", positive=True), sympy.Symbol("nu", positive=True)
    radius = mu / (2 * beta)
    middle, last = 3 * beta_f * mu / 2 * radius, 3 * beta_f * mu * nu / (4 * beta)
    x = sympy.Symbol("x", positive=True)
    excess = (sympy.Rational(3, 4) * x + sympy.Rational(9, 4)) / (1 + x**2)
    worst = sympy.simplify(excess.subs(x, sympy.sqrt(10) - 3))
    stationary = sympy.simplify(sympy.diff(excess, x).subs(x, sympy.sqrt(10) - 3)) == 0
    return Demonstration(
        lost == sympy.sqrt(2) / 8
        and sympy.simplify(last / middle) == nu / mu
        and stationary
        and sympy.simplify(worst - (9 + 3 * sympy.sqrt(10)) / 8) == 0,
        f"on the sphere, Phi' = mu/2: the decrease of sqrt f is {lost} of eq 29's last line; eq 34's last two lines "
        f"differ by {sympy.simplify(last / middle)}; eq 35's last step raises the learning rate, up to "
        f"{float(worst):.4f} times eq 31's at mu/nu = sqrt(10) - 3",
        {"lost": float(lost), "excess": float(worst)},
    )


def power_dimension() -> Demonstration:
    """S12: 8 points in 3 dimensions: 3^2 = 9 >= 8, but the symmetric tensors of order 2 have dimension 6."""
    X = unit_columns(3, 8, 0)
    power = np.array([np.kron(x, x) for x in X.T])
    rank, least = int(np.linalg.matrix_rank(power)), float(np.linalg.svd(power, compute_uv=False)[-1])
    dimension = _value("power_rank", d_0=3, t=2)
    return Demonstration(
        rank == dimension == 6 and least < 1e-12,
        f"n = 8, d_0 = 3, t = 2: d_0^t = 9 >= n, yet X^{{*2}} has rank {rank} = binom(d_0 + t - 1, t) and sigma_min = "
        f"{least:.1e}",
        {"rank": rank, "dimension": dimension},
    )
