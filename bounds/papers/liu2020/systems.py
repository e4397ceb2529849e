"""Section 4 and Appendix C: condition numbers, existence of solutions and gradient descent."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from bounds.forms import Largest
from bounds.model import Quantity
from bounds.papers.liu2020.conditions import (
    PL,
    RATE,
    SMALL_STEP,
    SMOOTH_LOSS,
    SQUARE,
    UNIFORM,
)
from bounds.papers.liu2020.letters import symbol
from bounds.papers.liu2020.state import state

mu, beta, eta, eps = (symbol(x) for x in ("mu", "beta", "eta", "eps"))
L_F, beta_F, loss_0, residual_0, residual_sup = (
    symbol(x) for x in ("L_F", "beta_F", "loss_0", "residual_0", "residual_sup")
)
LOCAL = (PL, SMOOTH_LOSS)
DISTANCE = r"\|w^*-w_0\|"
MOVED = "distance of the iterates from the initial parameters"


def quantities() -> Iterator[Quantity]:
    """Propositions 2.2 and 4.1, Theorem 4.2."""
    yield from conditioning()
    yield from radii()
    yield from descent()


def conditioning() -> Iterator[Quantity]:
    """Proposition 4.1 and Remark 4.3."""
    yield state(
        "condition_number",
        r"\kappa_F(S)",
        lambda: (L_F**2 + beta_F * residual_sup) / mu,
        "Proposition 4.1",
        "condition number of the system for the square loss",
        "L_F beta_F residual_sup mu",
        assumptions=(UNIFORM, SQUARE),
        measured_by="largest eigenvalue of the loss Hessian over the least one of the tangent kernel, on the set",
        monotone={"L_F": 1, "beta_F": 1, "residual_sup": 1, "mu": -1},
    )
    yield state(
        "kernel_norm",
        r"\|K(w)\|_2",
        lambda: L_F**2,
        "Proposition 2.2",
        "largest eigenvalue of the tangent kernel",
        "L_F",
        measured_by="largest eigenvalue of the tangent kernel's Gram matrix",
        monotone={"L_F": 1},
    )
    yield state(
        "solution_distance",
        DISTANCE,
        lambda: residual_0 / L_F,
        "Remark 4.3",
        "distance from w_0 within which no solution lies",
        "L_F residual_0",
        side="lower",
        measured_by="distance from initialisation at convergence",
        monotone={"L_F": -1, "residual_0": 1},
    )


def radii() -> Iterator[Quantity]:
    """Theorem 4.2: how far the iterates go.

    The tight radii (erratum L14): a step eta <= 1/beta lowers the loss by eta/2 ||g||^2 at least, and PL* gives
    ||g|| >= sqrt(2 mu loss), so eta ||g|| <= 2 (loss_t - loss_{t+1})/sqrt(2 mu loss_t) <= (4/sqrt(2 mu))
    (sqrt(loss_t) - sqrt(loss_{t+1})): the path is at most 2 sqrt(2 loss_0/mu), whatever the step.
    """
    rows = (
        ("radius", lambda: 2 * sympy.sqrt(2 * beta * loss_0) / mu, "Theorem 4.2", "beta loss_0 mu", LOCAL),
        ("radius_square", lambda: 2 * L_F * residual_0 / mu, "Theorem 4.2(c)", "L_F residual_0 mu", (PL, SQUARE)),
        ("radius_tight", lambda: 2 * sympy.sqrt(2 * loss_0 / mu), "Theorem 4.2 (L14)", "loss_0 mu", LOCAL),
        (
            "radius_square_tight",
            lambda: 2 * residual_0 / sympy.sqrt(mu),
            "Theorem 4.2(c) (L14)",
            "residual_0 mu",
            (PL, SQUARE),
        ),
    )
    for name, formula, place, letters, assume in rows:
        yield state(
            name,
            "R" + (r"^{\mathrm{tight}}" if "tight" in name else "") + ("_2" if "square" in name else ""),
            formula,
            place,
            MOVED + (", for the square loss" if "square" in name else ""),
            letters,
            status="derived" if "tight" in name else "printed",
            statement=r"\|w_t-w_0\|",
            assumptions=(*assume, SMALL_STEP),
            measured_by="Euclidean distance of all parameters from initialisation along the trajectory",
            monotone={x: -1 if x == "mu" else 1 for x in letters.split()},
        )


def descent() -> Iterator[Quantity]:
    """Theorem 4.2: step size, rate, iterations."""
    yield state(
        "step_size",
        r"\eta",
        lambda: 1 / (L_F**2 + beta_F * residual_0),
        "Theorem 4.2(c)",
        "step size of gradient descent",
        "L_F beta_F residual_0",
        side="requires",
        direction="at_most",
        answers="step_size",
        assumptions=(PL, SQUARE),
        monotone={"L_F": -1, "beta_F": -1, "residual_0": -1},
    )
    yield state(
        "contraction",
        r"\mathcal L_{t+1}/\mathcal L_t",
        lambda: 1 - eta * mu,
        "Theorem 4.2",
        "factor of the loss per step",
        "eta mu",
        signed=True,
        assumptions=(*LOCAL, SMALL_STEP),
        measured_by="the loss ratio of successive steps",
        monotone={"eta": -1, "mu": -1},
    )
    yield state(
        "iterations",
        "T",
        lambda: sympy.ceiling(sympy.log(Largest(1, loss_0 / eps)) / -sympy.log(1 - eta * mu)),
        "eq 14",
        "steps until the loss is eps (none where it is so already)",
        "eta mu loss_0 eps",
        side="requires",
        direction="at_least",
        status="derived",
        answers="iterations",
        assumptions=(*LOCAL, SMALL_STEP, RATE),
        measured_by="steps taken by gradient descent",
        monotone={"loss_0": 1, "eps": -1},
    )
