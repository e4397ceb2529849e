"""Theorem 1 and Lemmas 1 and 2: the Hessian around the ground truth, and the ball.

Three constants that the paper leaves in Omega(.), O(.) and <~ follow from its own proof and the lemmas it cites.

hessian_lower, C = 1 at W* (population). First orthonormal columns: w_i = sigma e_i, r in R^(K x K). By independence
    E(sum_ij r_ij z_j phi'(sigma z_i))^2 = sum_i r_ii^2 (beta_2 - alpha_1^2 - alpha_2^2)
        + (beta_0 - alpha_0^2) sum_{k != l} r_kl^2 + sum_i (alpha_0 c_i + alpha_2 r_ii)^2
        + alpha_1^2 (sum_i r_ii)^2 + alpha_1^2 sum_{k != l} r_kl r_lk,        c_i = sum_{k != i} r_ki,
which is at least rho(sigma) ||r||^2, since sum_{k != l} r_kl r_lk >= -sum_{k != l} r_kl^2.
Now W* = U M, U orthonormal, M (K x K). For g ~ N(0, I_K) the density of s = M^T g is at least 1/lambda times that of
sigma_K z, and p^T g = (sigma_K M^{-1} p)^T z at s = sigma_K z, where ||sigma_K M^{-1} p|| >= ||p||/kappa. Directions
orthogonal to the columns add at least (beta_0 - alpha_0^2) ||.||^2/lambda. With the 1/K^2 of (13) the least
eigenvalue is at least rho(sigma_K)/(K^2 kappa^2 lambda).

hessian_lipschitz, C = 6 sqrt(2/pi) (Lemma 1). Let u = ||u|| e_1 and a = cos t e_1 + sin t e_2; then
    E|u^T x|(a^T x)^2 = ||u|| (cos^2 t E|z|^3 + sin^2 t E|z|) <= ||u|| E|z|^3 = 2 sqrt(2/pi) ||u||.
With D_j = ||w_j - w_j*|| and g = 2 sqrt(2/pi) L_phi^2/K^2, (17) and (22) give ||Delta_jl|| <= g (D_j + D_l) off the
diagonal and g (sum_i D_i + 2 D_j) on it, so that (16) is at most
    g (sum_i D_i + 2 (sum_j D_j |a_j|)(sum_l |a_l|)) <= g (sqrt(K) + 2 sqrt(K)) ||W - W*||_F.

hessian_upper, C = 1 at W* (population): (27)-(29) with E|a^T x||b^T x| <= ||a|| ||b||.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from bounds.model import Quantity
from bounds.papers.fu2018.letters import (
    DATA,
    ENOUGH,
    IN_BALL,
    LOCAL,
    SMOOTH,
    C,
    K,
    L_phi,
    at,
    c,
    hidden,
    shape,
    symbol,
)

hessian_lipschitz, radius, distance = (symbol(x) for x in ("hessian_lipschitz", "radius", "distance"))
TEACHER = {"kappa": -1, "lam": -1, "rho_sigma": 1}
HESSIANS = "extreme eigenvalues of the empirical Hessian"


def ball() -> Iterator[Quantity]:
    """The radius, as Lemma 2 proves it, as Theorem 1 prints it, and with its constant."""
    for name, tex, formula, place, status, text, order_only in (
        (
            "radius",
            "r",
            lambda: 1 / (c * sympy.sqrt(K) * shape() * L_phi**2),
            "Lemma 2",
            "printed",
            "radius of the ball in which the loss is strongly convex",
            True,
        ),
        (
            "radius_printed",
            r"r^{\mathrm{printed}}",
            lambda: 1 / (c * shape() * sympy.sqrt(K * L_phi**2)),
            "Theorem 1",
            "printed",
            "the radius as Theorems 1 and 2 print it: L_phi in place of its square (erratum F2)",
            True,
        ),
        (
            "radius_explicit",
            r"r^{\mathrm{explicit}}",
            lambda: 1 / (12 * sympy.sqrt(2 / sympy.pi) * sympy.sqrt(K) * shape() * L_phi**2),
            "Lemma 2 with the constants of its proof",
            "derived",
            "radius within which the population Hessian keeps half of its least eigenvalue's bound at W*",
            False,
        ),
    ):
        yield Quantity(
            name,
            tex,
            formula,
            "requires",
            at(place),
            status,
            text,
            ("K", "L_phi", "kappa", "lam", "rho_sigma"),
            direction="at_most",
            assumptions=LOCAL,
            hidden=hidden("c", "large enough: Lemma 2 needs c > 6 sqrt(2/pi)", False) if order_only else (),
            order_only=order_only,
            statement=r"\|W-W^\star\|_F",
            glyph=name,
            measured_by="the distance at which the least Hessian eigenvalue reaches 0",
            monotone={"K": -1, "L_phi": -1, **TEACHER},
            orders={"K": -sympy.Rational(1, 2)} if order_only else {},
        )


def empirical() -> Iterator[Quantity]:
    """Theorem 1: the empirical Hessian in the ball."""
    yield Quantity(
        "hessian_lower",
        r"H_{\min}",
        lambda: C / (K**2 * shape()),
        "lower",
        at("Theorem 1"),
        "printed",
        "least eigenvalue of the empirical Hessian in the ball",
        ("K", "kappa", "lam", "rho_sigma"),
        assumptions=(*LOCAL, IN_BALL, ENOUGH),
        hidden=hidden("C", "in Omega; at W* the population Hessian has C = 1"),
        order_only=True,
        probability="probability",
        statement=r"\inf_{W\in\mathbb{B}(W^\star,r)}\lambda_{\min}(\nabla^2 f_n(W))",
        glyph="H_min",
        measured_by=HESSIANS,
        monotone={"K": -1, **TEACHER},
        orders={"K": -2},
    )
    yield Quantity(
        "hessian_upper",
        r"H_{\max}",
        lambda: C * L_phi**2 / K,
        "upper",
        at("Theorem 1"),
        "printed",
        "largest eigenvalue of the empirical Hessian in the ball",
        ("K", "L_phi"),
        assumptions=(*LOCAL, IN_BALL, ENOUGH),
        hidden=hidden("C", "in O; at W* the population Hessian has C = 1"),
        order_only=True,
        probability="probability",
        statement=r"\sup_{W\in\mathbb{B}(W^\star,r)}\lambda_{\max}(\nabla^2 f_n(W))",
        glyph="H_max",
        measured_by=HESSIANS,
        monotone={"K": -1, "L_phi": 1},
        orders={"K": -1},
    )


def population() -> Iterator[Quantity]:
    """Lemmas 1 and 2 with the constants of their proofs."""
    yield Quantity(
        "hessian_lipschitz",
        r"J",
        lambda: 6 * sympy.sqrt(2 / sympy.pi) * L_phi**2 / K ** sympy.Rational(3, 2),
        "upper",
        at("Lemma 1 with the constants of its proof"),
        "derived",
        "change of the population Hessian per distance from W*",
        ("K", "L_phi"),
        assumptions=(DATA, SMOOTH),
        statement=r"\|\nabla^2 f(W)-\nabla^2 f(W^\star)\|/\|W-W^\star\|_F",
        glyph="J",
        measured_by="the population Hessian at W and at W*, by quadrature or many samples",
        monotone={"K": -1, "L_phi": 1},
        orders={"K": -sympy.Rational(3, 2)},
    )
    yield Quantity(
        "population_hessian_lower",
        r"H^{\mathrm{pop}}_{\min}",
        lambda: 1 / (K**2 * shape()) - hessian_lipschitz * distance,
        "lower",
        at("Lemma 2 with the constants of its proof"),
        "derived",
        "least eigenvalue of the population Hessian at a distance from W*",
        ("K", "kappa", "lam", "rho_sigma", "hessian_lipschitz", "distance"),
        assumptions=LOCAL,
        signed=True,
        statement=r"\lambda_{\min}(\nabla^2 f(W))",
        glyph="H_min pop",
        measured_by="the population Hessian, by quadrature or many samples",
        monotone={**TEACHER, "hessian_lipschitz": -1, "distance": -1},
    )
    yield Quantity(
        "population_hessian_upper",
        r"H^{\mathrm{pop}}_{\max}",
        lambda: L_phi**2 / K + hessian_lipschitz * distance,
        "upper",
        at("(29) and Lemma 1 with the constants of their proofs"),
        "derived",
        "largest eigenvalue of the population Hessian at a distance from W*",
        ("K", "L_phi", "hessian_lipschitz", "distance"),
        assumptions=(DATA, SMOOTH),
        statement=r"\lambda_{\max}(\nabla^2 f(W))",
        glyph="H_max pop",
        measured_by="the population Hessian, by quadrature or many samples",
        monotone={"K": -1, "L_phi": 1, "hessian_lipschitz": 1, "distance": 1},
    )


def quantities() -> Iterator[Quantity]:
    """Section 3.1 and Lemmas 1 and 2."""
    yield from ball()
    yield from empirical()
    yield from population()
