"""Lemma 1, Lemma 2, Theorem 1: near-isometry around the start, and gradient flow, with the constants worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.song2021.assumptions import BASIC, FLOW_START, NEAR, ORDERED, essential
from bounds.papers.song2021.letters import at, symbols

alpha_f, h_0, mu_Phi, nu_Phi, beta_Phi = symbols("alpha_f h_0 mu_Phi nu_Phi beta_Phi")
FLOW = "distance that gradient flow travels inside the ball of radius rho_Phi"
LENGTH = r"\ell(t)"


def ball() -> Iterator[Quantity]:
    """Lemmas 1 and 4: the radius, and the singular values inside it."""
    yield Quantity(
        "rho_Phi",
        r"\rho_\Phi",
        lambda: mu_Phi / (2 * beta_Phi),
        "equal",
        at("Lemma 1, eq 6"),
        "printed",
        "radius within which the singular values of grad Phi* stay in [mu_Phi/2, 3 nu_Phi/2]",
        ("mu_Phi", "beta_Phi"),
        assumptions=(BASIC, NEAR),
        glyph="ρ_Φ",
        monotone={"mu_Phi": 1, "beta_Phi": -1},
    )
    yield Quantity(
        "sigma_min_ball",
        r"\mu_\Phi/2",
        lambda: mu_Phi / 2,
        "lower",
        at("Lemma 1, eq 5"),
        "printed",
        "least singular value of grad Phi* in the ball",
        ("mu_Phi",),
        assumptions=(BASIC, NEAR),
        statement=r"\sigma_{\min}(\nabla\Phi^*(w))",
        glyph="σ_min(∇Φ*)",
        measured_by="the least singular value of the Jacobian along the trajectory",
        monotone={"mu_Phi": 1},
    )
    for name, place, statement, glyph in (
        ("sigma_max_ball", "Lemma 1, eq 5", r"\sigma_{\max}(\nabla\Phi^*(w))", "σ_max(∇Φ*)"),
        ("map_lipschitz", "Lemma 4", r"\|\Phi(u)-\Phi(v)\|/\|u-v\|", "Lip(Φ)"),
    ):
        yield Quantity(
            name,
            r"\tfrac32\nu_\Phi",
            lambda: 3 * nu_Phi / 2,
            "upper",
            at(place),
            "printed",
            "largest singular value of grad Phi*, and Lipschitz constant of Phi, in the ball",
            ("nu_Phi",),
            assumptions=(BASIC, NEAR, ORDERED),
            statement=statement,
            glyph=glyph,
            measured_by="the largest singular value of the Jacobian along the trajectory",
            monotone={"nu_Phi": 1},
        )


def lengths() -> Iterator[Quantity]:
    """How far the flow moves while it is in the ball.

    ``flow_length`` follows the paper: ``l <= (3 nu/2) int ||grad f||`` and ``-d sqrt(f)/dt = ||grad h||^2/(2 sqrt f)``,
    where ``||grad h|| >= (mu/2)||grad f||`` and ``sqrt f <= ||grad f||/sqrt(2 alpha)`` (PL), so that
    ``int ||grad f|| <= 8 sqrt(h_0)/(mu^2 sqrt(2 alpha))``; 3/2 times 8/sqrt 2 is 6 sqrt 2.

    ``flow_length_direct`` does without nu: ``-d sqrt(h)/dt = ||grad h|| ||grad h||/(2 sqrt h)`` and
    ``||grad h|| >= (mu/2) sqrt(2 alpha h)`` give ``l <= (4/(mu sqrt(2 alpha))) sqrt(h_0)``.
    """
    common: Any = {"glyph": "ℓ", "measured_by": "the length of the trajectory in parameter space", "statement": LENGTH}
    yield Quantity(
        "flow_length",
        r"\ell",
        lambda: 6 * sympy.sqrt(2) * nu_Phi * sympy.sqrt(h_0) / (mu_Phi**2 * sympy.sqrt(alpha_f)),
        "upper",
        at("Lemma 2, its constant from App B"),
        "derived",
        FLOW + ", along the paper's route",
        ("nu_Phi", "mu_Phi", "alpha_f", "h_0"),
        assumptions=(BASIC, essential(NEAR), ORDERED),
        monotone={"nu_Phi": 1, "mu_Phi": -1, "alpha_f": -1, "h_0": 1},
        **common,
    )
    yield Quantity(
        "flow_length_direct",
        r"\ell",
        lambda: 2 * sympy.sqrt(2) * sympy.sqrt(h_0) / (mu_Phi * sympy.sqrt(alpha_f)),
        "upper",
        at("Lemma 2, improved (erratum S11)"),
        "derived",
        FLOW + ", without nu_Phi",
        ("mu_Phi", "alpha_f", "h_0"),
        assumptions=(BASIC, essential(NEAR)),
        monotone={"mu_Phi": -1, "alpha_f": -1, "h_0": 1},
        **common,
    )


Row = tuple[str, Any, str, str]


def starts(rows: tuple[Row, ...], method: str, base: tuple[Condition, ...]) -> Iterator[Quantity]:
    """``h_0 <= alpha mu^6/(k beta^2 nu^2)`` for the first row (name, k, place, how), the paper's route.

    The others are ``alpha mu^4/(k beta^2)``.
    """
    for k, (name, constant, place, how) in enumerate(rows):
        yield Quantity(
            name,
            r"h(w_0)",
            _direct(constant) if k else _route(constant),
            "requires",
            at(place),
            "derived",
            f"initial loss from which {method} converges to a global minimum in the ball, {how}",
            ("alpha_f", "mu_Phi", "beta_Phi") if k else ("alpha_f", "mu_Phi", "beta_Phi", "nu_Phi"),
            direction="at_most",
            assumptions=base if k else (*base, ORDERED),
            glyph="h(w₀)",
            measured_by="the loss at initialisation",
            monotone={"alpha_f": 1, "mu_Phi": 1, "beta_Phi": -1} | ({} if k else {"nu_Phi": -1}),
        )


def _route(constant: Any) -> Callable[[], Any]:
    return lambda: alpha_f * mu_Phi**6 / (constant * beta_Phi**2 * nu_Phi**2)


def _direct(constant: Any) -> Callable[[], Any]:
    return lambda: alpha_f * mu_Phi**4 / (constant * beta_Phi**2)


def conditions() -> Iterator[Quantity]:
    """How small the initial loss must be: a length of at most ``rho_Phi = mu/(2 beta)``.

    ``flow_condition_sharp`` uses ``sigma_min >= mu - beta s`` after a path of length s, instead of mu/2 throughout:
    ``-d sqrt(h)/ds >= (mu - beta s) sqrt(2 alpha)/2``, and the integral of mu - beta s over [0, rho] is
    ``3 mu^2/(8 beta)``. No larger constant will do for staying in the ball: with ``Phi' = mu - beta w`` on the line
    and ``f = (alpha/2)(z - z*)^2`` every inequality above is an equality.
    """
    rows: tuple[Row, ...] = (
        ("flow_condition", 288, "Theorem 1, its constant from App B", "along the paper's route"),
        ("flow_condition_direct", 32, "Theorem 1, improved (erratum S11)", "without nu_Phi"),
        ("flow_condition_sharp", sympy.Rational(128, 9), "Theorem 1, improved (erratum S11)", "best possible"),
    )
    yield from starts(rows, "gradient flow", (BASIC, NEAR))


def rate() -> Iterator[Quantity]:
    """``dh/dt = -||grad h||^2 <= -(mu/2)^2 2 alpha h``."""
    yield Quantity(
        "flow_rate",
        r"h(t+1)/h(t)",
        lambda: sympy.exp(-alpha_f * mu_Phi**2 / 2),
        "upper",
        at("Theorem 1, its rate from App B"),
        "derived",
        "factor of the loss per unit of time of gradient flow: h(t) <= exp(-alpha_f mu_Phi^2 t/2) h_0",
        ("alpha_f", "mu_Phi"),
        assumptions=(BASIC, NEAR, FLOW_START),
        glyph="h(t+1)/h(t)",
        measured_by="the loss ratio over a unit of time",
        monotone={"alpha_f": -1, "mu_Phi": -1},
    )


def quantities() -> Iterator[Quantity]:
    """Sections 2 and 3."""
    yield from ball()
    yield from lengths()
    yield from conditions()
    yield from rate()
