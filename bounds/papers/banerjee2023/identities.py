"""Errata demonstrated by symbolic limits, identities and counts."""

from __future__ import annotations

from typing import Any

import sympy

from bounds.forms import EndpointMax, Largest
from bounds.model import Demonstration

L, gamma, k = (sympy.Symbol(x, positive=True) for x in ("L", "gamma", "k"))


def depth_orders() -> Demonstration:
    """B3: the exact power of L at gamma = 1, by symbolic limits."""
    depth, phi_0, seen = L, sympy.Symbol("phi_0", positive=True), {}
    for name in ("c_H", "c_H_chain"):
        # written out for gamma >= 1, where h increases and every maximum sits at its last end
        formula = last_end(name)
        for at_zero in (0, 1):
            value = formula.subs({sympy.Symbol("gamma", positive=True): 1}).doit().subs(phi_0, at_zero)
            value = value.subs({sympy.Symbol("beta_phi", positive=True): 1, sympy.Symbol("rho_1", positive=True): 0})
            order = sympy.limit(sympy.log(value) / sympy.log(depth), depth, sympy.oo)
            seen[f"{name}, |phi(0)| = {at_zero}"] = int(order)
    expected = {
        "c_H, |phi(0)| = 0": 3,
        "c_H, |phi(0)| = 1": 6,
        "c_H_chain, |phi(0)| = 0": 2,
        "c_H_chain, |phi(0)| = 1": 5,
    }
    text = "; ".join(f"{k}: L^{v}" for k, v in seen.items())
    return Demonstration(seen == expected, f"orders in L at gamma = 1: {text}; Theorem 4.1 claims L^5", seen)


def last_end(name: str, entry: int = 1) -> Any:
    """A Hessian constant for gamma >= 1, every maximum of layers at its end and psi_H at one entry.

    The second entry (1) dominates for beta_phi = 1 and gamma = 1: with a = h(l_1) <= b = h(l_2), a (1 + b^2)/2 + a is
    at least a b, and at least a^2 because (1 + b^2)/2 >= b >= a.
    """
    from bounds.registry import quantity

    def pick(e: Any) -> Any:
        if isinstance(e, EndpointMax):  # gamma^(L - l) falls with l, everything else rises
            return pick(e.ends[0 if e.args[0].is_Pow else 1])
        if isinstance(e, Largest):
            return pick(e.args[entry])
        return e.func(*map(pick, e.args)) if e.args else e

    q = quantity(f"banerjee2023.{name}")
    formula = pick(
        q.expression.xreplace(
            {
                s: pick(quantity(f"banerjee2023.{s.name}").expression)
                for s in q.expression.free_symbols
                if s.name.startswith("psi")
            }
        )
    )
    phi_0, i = sympy.Symbol("phi_0", positive=True), sympy.Dummy("i")

    def h(at: Any) -> Any:
        return gamma ** (at - 1) + phi_0 * sympy.Sum(gamma ** (i - 1), (i, 1, at - 1))

    return formula.replace(sympy.Function("h"), h)


def block_count() -> Demonstration:
    """B6: at delta = 1 the blocks (l1 <= l2) bring 1 + (L - l2) terms each, more in all than C_1 admits from L = 6 on.

    One row brings at most L + (L-1) + ... + 1 = L(L+1)/2 of them, which C_1 does admit: the row sum rescues the chain.
    """
    l2 = sympy.Symbol("l_2", positive=True, integer=True)
    total = sympy.factor(sympy.summation(l2 * (1 + L - l2), (l2, 1, L)))
    row = sympy.factor(sympy.summation(1 + L - l2, (l2, 1, L)))
    allowed = L**2 + 2 * L
    first = next(n for n in range(1, 50) if total.subs(L, n) > allowed.subs(L, n))
    rescued = sympy.expand(allowed - row).as_poly(L).all_coeffs()
    return Demonstration(
        first == 6 and all(c >= 0 for c in rescued),
        f"blocks at delta = 1: {total} terms against C_1 = L^2 + 2 L, more from L = {first} on; "
        f"a row: {row}, always less",
        {"first_failure": first},
    )


def growth_in_gamma() -> Demonstration:
    """B7: the power of gamma in c_H_chain, against the gamma^(2L) of Thm C.1 and the gamma^(6L) of Thm 4.1."""
    b, r, p = (sympy.Symbol(x, positive=True) for x in ("beta_phi", "rho_1", "phi_0"))
    powers = {}
    for depth in (2, 3, 5, 8):
        formulas = [last_end("c_H_chain", k).subs({L: depth, b: 1, r: 0, p: 0}).doit() for k in range(3)]
        powers[depth] = max(int(sympy.degree(sympy.expand(f), gamma)) for f in formulas)
    text = ", ".join(f"gamma^{v} at L={k}" for k, v in powers.items())
    return Demonstration(
        all(2 * n < v <= 6 * n for n, v in powers.items()),
        f"c_H_chain grows like {text}: more than the gamma^(2L) of Theorem C.1, within Theorem 4.1's gamma^(6L)",
        {str(n): v for n, v in powers.items()},
    )


def circular_step() -> Demonstration:
    """B9: the path bound T eta c of Rem 5.4 does not shrink with eta, since chi shrinks as fast as eta."""
    eta, alpha, beta, c, ratio, g = (sympy.Symbol(x, positive=True) for x in ("eta", "alpha", "beta", "c", "R", "g"))
    chi = alpha * eta * (1 - g) * (2 - eta * beta)  # omega = eta beta
    steps = sympy.log(ratio) / -sympy.log(1 - chi)
    path = sympy.limit(eta * c * steps, eta, 0, "+")
    expected = c * sympy.log(ratio) / (2 * alpha * (1 - g))
    return Demonstration(
        sympy.simplify(path - expected) == 0,
        f"eta T c tends to {sympy.simplify(path)} as eta -> 0, not to 0: no step size makes it smaller than the ball",
    )


def curvature_constant() -> Demonstration:
    """B11: for l'' = a the curvature along a unit step is a kappa^2 ||gbar||^2, not 2 kappa^2 ||gbar||^2.

    One sample, f linear in theta (no Hessian) and the loss (a/2)(y - f)^2: the loss has curvature a <step, grad f>^2.
    """
    from bounds.registry import quantity

    a, kappa, gbar_sq, t, slope = (sympy.Symbol(x, positive=True) for x in ("a", "kappa", "gbar_norm_sq", "t", "s"))
    y = sympy.Symbol("y", real=True)
    true = sympy.diff(a / 2 * (y - slope * t) ** 2, t, 2).subs(slope, kappa * sympy.sqrt(gbar_sq))
    stated = quantity("banerjee2023.rsc_alpha_general").expression.subs(sympy.Symbol("c_H", positive=True), 0)
    printed = 2 * kappa**2 * gbar_sq
    excess = sympy.simplify((printed / true).subs(a, sympy.Rational(1, 4)))
    return Demonstration(
        sympy.simplify(stated - true) == 0 and excess == 8,
        f"linear predictor, loss (a/2)(y-f)^2: curvature {true}, the theorem's {stated}; the proof's printed constants "
        f"would give {printed}, {excess} times too much at a = 1/4",
    )


def outputs_factor() -> Demonstration:
    """B12: mean over i of sum over h Q_ih^2 <= k (c_H/sqrt m)^2, so k outputs cost sqrt(k) where k is printed."""
    from bounds.registry import quantity

    c, m, ball = (sympy.Symbol(x, positive=True) for x in ("c_H", "m", "loss_ball"))
    total = k * ball  # the loss is the sum over the outputs, each at most loss_ball
    proved = 2 * sympy.sqrt(total) * sympy.sqrt(k * (c / sympy.sqrt(m)) ** 2)
    flat = {sympy.Symbol("varrho", positive=True): 0}  # leaves the Hessian's part of beta
    printed, tight = (quantity(f"banerjee2023.{n}").expression.subs(flat) for n in ("beta_multi", "beta_multi_tight"))
    ratio = sympy.simplify(printed / proved)
    return Demonstration(
        ratio == sympy.sqrt(k) and sympy.simplify(tight - proved) == 0,
        f"printed/proved = {ratio}: sqrt(k loss_ball) may be sqrt(loss_ball)",
    )


def event_count() -> Demonstration:
    """B14: the only random event is Lemma A.1's, once per hidden layer, and ||v_0|| = 1 is not random."""
    from bounds.registry import quantity

    m = sympy.Symbol("m", positive=True)
    gain = sympy.simplify(
        quantity("banerjee2023.probability_tight").expression - quantity("banerjee2023.probability").expression
    )
    per_layer, layers = 2 / m, L
    union = sympy.simplify(1 - layers * per_layer - quantity("banerjee2023.probability_tight").expression)
    return Demonstration(gain == 2 / m and union == 0, f"the union bound over L layers gives 1 - 2L/m: {gain} more")
