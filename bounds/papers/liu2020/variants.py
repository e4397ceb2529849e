"""Theorems 4.3 and 4.4: a transformed output, and stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Quantity
from bounds.papers.liu2020.conditions import (
    INVERTIBLE,
    PL,
    SGD_STEP,
    SMALL_STEP,
    SMOOTH_SAMPLES,
    SQUARE,
    UNIFORM,
)
from bounds.papers.liu2020.letters import symbol
from bounds.papers.liu2020.state import state

n, mu, eta, delta, gamma, s = (symbol(x) for x in ("n", "mu", "eta", "delta", "gamma", "s"))
L_F, beta_F, loss_0, residual_sup = (symbol(x) for x in ("L_F", "beta_F", "loss_0", "residual_sup"))
rho, kappa, L_Phi, beta_Phi = (symbol(x) for x in ("rho", "kappa", "L_Phi", "beta_Phi"))
LOCAL = (PL, SMOOTH_SAMPLES)


def quantities() -> Iterator[Quantity]:
    """Theorems 4.3 and 4.4."""
    yield from transformed()
    yield from stochastic()


def transformed() -> Iterator[Quantity]:
    """Theorem 4.3 and Corollary 8.1 (there L_Phi = sup |phi'|, beta_Phi = sup |phi''|, rho = min |phi'|).

    Phi o F is L_Phi L_F-Lipschitz and (L_Phi beta_F + beta_Phi L_F^2)-smooth; Proposition 4.1 does the rest.
    """
    yield state(
        "transformed_mu",
        r"\lambda_{\min}(K_{\Phi\circ F})",
        lambda: mu * rho**2,
        "Theorem 4.3(a), Corollary 8.1",
        "least eigenvalue of the transformed system's kernel",
        "mu rho",
        side="lower",
        assumptions=(UNIFORM, INVERTIBLE),
        measured_by="least eigenvalue of the tangent kernel with the output non-linearity",
        monotone={"mu": 1, "rho": 1},
    )
    yield state(
        "transformed_contraction",
        r"\mathcal L_{t+1}/\mathcal L_t",
        lambda: 1 - eta * mu * rho**2,
        "eqs 17, 45",
        "factor of the loss per step for the transformed system",
        "eta mu rho",
        signed=True,
        assumptions=(UNIFORM, SQUARE, INVERTIBLE, SMALL_STEP),
        measured_by="the loss ratio of successive steps",
        monotone={"eta": -1, "mu": -1, "rho": -1},
    )
    for name, formula, place, status, letters in (
        (
            "transformed_condition_number",
            lambda: (L_Phi**2 * L_F**2 + (L_Phi * beta_F + beta_Phi * L_F**2) * residual_sup) / (mu * rho**2),
            "Proposition 4.1 for the transformed system (L8)",
            "derived",
            "L_F beta_F L_Phi beta_Phi residual_sup mu rho",
        ),
        (
            "transformed_condition_number_printed",
            lambda: kappa / rho**2,
            "Theorem 4.3(b), Corollary 8.1",
            "printed",
            "kappa rho",
        ),
    ):
        yield state(
            name,
            r"\kappa_{\Phi\circ F}(S)",
            formula,
            place,
            "condition number of the transformed system (residual_sup is that of Phi(F))",
            letters,
            status=status,
            assumptions=(UNIFORM, SQUARE, INVERTIBLE),
            monotone={x: -1 if x in ("mu", "rho") else 1 for x in letters.split()},
        )


def stochastic() -> Iterator[Quantity]:
    """Theorem 4.4.

    The step (erratum L12): with s indices drawn independently, E loss_+ <= loss [1 - 2 mu eta s/n + mu s (s-1) gamma
    eta^2/n + gamma^2 eta^2 s], least at eta = mu/(gamma (n gamma + mu (s-1))), where it is 1 - mu s eta/n; it is
    at most that at smaller steps and more at larger ones.
    """
    more: dict[str, Any] = {"assumptions": LOCAL, "probability": "sgd_probability"}
    yield state(
        "sgd_radius",
        r"R_{\mathrm{SGD}}",
        lambda: 2 * n * sympy.sqrt(2 * gamma) * sympy.sqrt(loss_0) / (mu * delta),
        "Theorem 4.4",
        "distance of the iterates from the initial parameters, for SGD",
        "n gamma loss_0 mu delta",
        statement=r"\|w_t-w_0\|",
        measured_by="Euclidean distance of all parameters from initialisation along the trajectory",
        monotone={"n": 1, "gamma": 1, "loss_0": 1, "mu": -1, "delta": -1},
        **more,
    )
    for tail, place, status, formula in (
        ("", "Theorem 4.4, its derivation in [4] (L12)", "derived", lambda: mu / (gamma * (n * gamma + mu * (s - 1)))),
        ("_printed", "Theorem 4.4", "printed", lambda: n * mu / (n * gamma * (n**2 * gamma + mu * (s - 1)))),
    ):
        yield state(
            "sgd_step_size" + tail,
            r"\eta^*" + (r"_{\mathrm{printed}}" if tail else ""),
            formula,
            place,
            "step size of SGD",
            "n mu gamma s",
            side="requires",
            direction="at_most",
            status=status,
            answers="" if tail else "step_size",
            monotone={"n": -1, "gamma": -1, "s": -1},
            **more,
        )
    yield state(
        "sgd_contraction",
        r"\mathbb E\mathcal L_{t+1}/\mathbb E\mathcal L_t",
        lambda: 1 - mu * s * eta / n,
        "Theorem 4.4",
        "factor of the expected loss per step of SGD at the step eta* or a smaller one",
        "mu s eta n",
        signed=True,
        monotone={"mu": -1, "s": -1, "eta": -1, "n": 1},
        **{**more, "assumptions": (*LOCAL, SGD_STEP)},
    )
    yield state(
        "sgd_probability",
        r"\mathbb P_{\mathrm{SGD}}",
        lambda: 1 - delta,
        "Theorem 4.4",
        "probability that SGD stays in the ball",
        "delta",
        side="lower",
        monotone={"delta": -1},
    )
