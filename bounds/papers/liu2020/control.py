"""Section 5 and appendix A: the kernel's change, and what the Hessian norm must be for it to stay small."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import sympy

from bounds.model import Condition, Quantity
from bounds.papers.liu2020.conditions import BELOW, SQUARE
from bounds.papers.liu2020.letters import symbol
from bounds.papers.liu2020.state import state

n, mu, lambda_min, R, eps, hessian = (symbol(x) for x in ("n", "mu", "lambda_min", "R", "eps", "hessian"))
L_F, L_f, residual_0, radius_square = (symbol(x) for x in ("L_F", "L_f", "residual_0", "radius_square"))
CONTROLLED = Condition("Corollary 5.1", "||H|| is below hessian_threshold in the ball of radius 2 L_F ||F_0 - y||/mu")
KERNEL = "spectral norm of the kernel's change from initialisation"


def quantities() -> Iterator[Quantity]:
    """Theorem 5.1, Corollary 5.1, eq 23."""
    yield from change()
    yield from thresholds()
    yield from steps()


def change() -> Iterator[Quantity]:
    """Theorem 5.1."""
    yield state(
        "kernel_change",
        r"\|K(w)-K(w_0)\|_2",
        lambda: 2 * L_F * sympy.sqrt(n) * R * hessian,
        "Theorem 5.1",
        "change of the tangent kernel in the ball",
        "L_F n R hessian",
        measured_by=KERNEL,
        monotone={"L_F": 1, "n": 1, "R": 1, "hessian": 1},
    )
    yield state(
        "gradient_change",
        r"\|\nabla F(w)-\nabla F(w_0)\|_F",
        lambda: sympy.sqrt(n) * R * hessian,
        "proof of Theorem 5.1, eq 48",
        "change of F's derivative in the ball",
        "n R hessian",
        measured_by="Frobenius norm of the Jacobian's change from initialisation",
        monotone={"n": 1, "R": 1, "hessian": 1},
    )


def threshold(radius: Any) -> Any:
    """Corollary 5.1's Hessian norm in a Euclidean ball of that radius."""
    return (lambda_min - mu) / (2 * sympy.sqrt(n) * L_F * radius)


def thresholds() -> Iterator[Quantity]:
    """Corollary 5.1 and eq 23."""
    yield state(
        "hessian_threshold",
        r"\|\mathbf H\|",
        lambda: threshold(R),
        "Corollary 5.1",
        "Hessian norm below which the system is mu-uniformly conditioned in the ball",
        "lambda_min mu n L_F R",
        side="requires",
        direction="at_most",
        signed=True,
        assumptions=(BELOW,),
        measured_by="largest Hessian norm of the outputs in the ball",
        monotone={"lambda_min": 1, "mu": -1},
    )
    yield state(
        "hessian_threshold_linear",
        r"\|\mathbf H\|",
        lambda: eps * mu / (2 * L_F * sympy.sqrt(n) * R * residual_0),
        "eq 23, Appendix A, eq 46",
        "Hessian norm below which a step of the dynamics is linear up to O(eps)",
        "eps mu L_F n R residual_0",
        side="requires",
        direction="at_most",
        assumptions=(CONTROLLED,),
        measured_by="largest Hessian norm of the outputs in the ball",
        monotone={"eps": 1, "mu": 1, "L_F": -1, "n": -1, "R": -1, "residual_0": -1},
    )


def step(size: Any) -> Any:
    """Corollary 5.1's step for a Lipschitz constant."""
    return 2 * sympy.sqrt(n) * size**2 / (2 * sympy.sqrt(n) * size**4 + (lambda_min - mu) * mu)


def steps() -> Iterator[Quantity]:
    """The step sizes of Corollaries 5.1 and 7.1, and the one that holds (erratum L13).

    Any eta <= 1/L_F^2 will do. With h = ||H||, r = F(w) - y and k = r^T K r/|r|^2, |r_+| <= sqrt(1 - eta k) |r| +
    (sqrt(n) h/2) eta^2 k |r|^2. While every step so far took |r|^2 to (1 - eta mu) |r|^2 or less, the path is at most
    R (1 - |r_t|/|r_0|), so that k - mu >= (lambda_min - mu) |r_t|/|r_0|, and this slack pays for the second term four
    times over: sqrt(n) h eta^2 k |r|/2 < eta (k - mu)/8 <= (sqrt(1 - eta mu) - sqrt(1 - eta k))/4.
    """
    rows = (
        ("step_size_hessian", L_F, "Corollary 5.1", "n L_F lambda_min mu", "printed"),
        ("step_size_network", L_f, "Corollary 7.1", "n L_f lambda_min mu", "printed"),
    )
    for name, size, place, letters, status in rows:
        yield state(
            name,
            r"\eta" + (r"_{\mathbf H}" if size is L_F else r"_f"),
            partial(step, size),
            place,
            "step size of gradient descent" + ("" if size is L_F else ", with L_f as printed: false for n > 1 (L3)"),
            letters,
            side="requires",
            direction="at_most",
            status=status,
            signed=True,
            answers="step_size" if size is L_F else "",
            assumptions=(BELOW, CONTROLLED, SQUARE),
        )
    yield state(
        "step_size_proved",
        r"\eta_{\mathrm{proved}}",
        lambda: 1 / L_F**2,
        "Corollary 5.1 (L13)",
        "step size of gradient descent that Corollary 5.1's conditions admit",
        "L_F",
        side="requires",
        direction="at_most",
        status="derived",
        assumptions=(BELOW, CONTROLLED, SQUARE),
        monotone={"L_F": -1},
    )
