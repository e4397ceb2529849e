"""Errata settled by algebra: symbolic limits of the paper's own formulas."""

from __future__ import annotations

from typing import Any

import sympy

from bounds.model import Demonstration

K, L_phi, d, lam, eps = (sympy.Symbol(x, positive=True) for x in ("K", "L_phi", "d", "lam", "eps"))


def formula(name: str) -> Any:
    """A formula of the paper with every hidden constant 1."""
    from bounds.registry import quantity

    q = quantity(f"fu2018.{name}")
    return q.expression.subs({sympy.Symbol(c.name, positive=True): 1 for c in q.hidden})


def radius_power() -> Demonstration:
    """F2: Lemma 1's change of the Hessian over the ball, against the curvature at W*, as L_phi grows."""
    drift = formula("hessian_lipschitz") / formula("hessian_lower")
    seen = {}
    for name in ("radius", "radius_printed"):
        change = sympy.simplify(drift * formula(name))
        seen[name] = sympy.simplify(sympy.diff(sympy.log(change), L_phi) * L_phi)
    constant = sympy.simplify(drift * formula("radius"))
    return Demonstration(
        seen == {"radius": 0, "radius_printed": 1},
        f"the Hessian changes by {constant} H_min/c over the ball of Lemma 2, whatever L_phi, and by L_phi times that "
        "over the printed one: no c serves every L_phi",
        {name: float(power) for name, power in seen.items()},
    )


def cost_exponent() -> Demonstration:
    """F5: n d K operations a step, log(1/eps)/-log(1 - eta H_min) steps at the printed step size: the power of K."""
    slope = formula("step_size") * formula("hessian_lower")
    others = {s: 1 for s in slope.free_symbols if s != K}
    steps = -sympy.log(eps) / -sympy.log(1 - slope.subs(others))
    cost = K * steps / -sympy.log(eps)
    limits = {p: sympy.limit(sympy.simplify(cost / K**p), K, sympy.oo) for p in (2, 3)}
    return Demonstration(
        bool(limits[3].is_finite and limits[3] > 0 and limits[2] == sympy.oo),
        f"cost/(n d K^3 log(1/eps)) tends to {limits[3]}, cost/(n d K^2 log(1/eps)) to infinity",
        {"limit": float(limits[3])},
    )


def logarithms() -> Demonstration:
    """F9: the sample size of the theorem over that of its proof, log(d)^2 over log n, as lambda grows at fixed d."""
    printed = formula("sample_complexity")
    root = formula("sample_complexity_implicit")
    (wave,) = root.atoms(sympy.LambertW)
    scale = sympy.simplify(-1 / wave.args[0])
    same = sympy.simplify(printed / scale - sympy.log(d) ** 2)  # 0: n = X log n needs log n in place of log(d)^2
    # n = X log n grows at least like X log X: over X log(d)^2 without bound, since X grows with lambda
    grows = sympy.limit(scale.subs(dict.fromkeys(scale.free_symbols - {lam}, 2)), lam, sympy.oo) == sympy.oo
    at = {"d": 20, "K": 3, "L_phi": 0.25, "rho_sigma": 2.14401852726314e-3}
    numbers = {}
    for kappa in (1, 10, 100):
        point = {**at, "kappa": kappa, "lam": kappa**2}
        values = {s: sympy.Float(point[s.name], 30) for s in (*printed.free_symbols, *root.free_symbols)}
        numbers[f"kappa={kappa}"] = float(sympy.N(root.subs(values)) / sympy.N(printed.subs(values)))
    return Demonstration(
        bool(same == 0 and grows and 1 < numbers["kappa=1"] < numbers["kappa=100"]),
        "the proof asks for n = X log n, the theorem for n = X log(d)^2, and X grows with lambda: proof/theorem = "
        + ", ".join(f"{v:.2f} at {k}" for k, v in numbers.items())
        + " (d = 20, K = 3, sigmoid, unit constants, lambda = kappa^2), unbounded",
        numbers,
    )
