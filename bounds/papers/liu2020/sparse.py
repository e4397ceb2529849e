"""Section 6: shallow networks and sparse models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import GAUSSIAN, GaussianMean, Phi
from bounds.model import Quantity
from bounds.papers.liu2020.conditions import GAUSSIAN_UNITS, NONLINEAR, SHALLOW, SPARSE, TWICE
from bounds.papers.liu2020.letters import real, symbol
from bounds.papers.liu2020.state import state

m, p, C_x, C_s, s_P = (symbol(x) for x in ("m", "p", "C_x", "C_s", "s_P"))
beta_sigma, beta_alpha, activation = (symbol(x) for x in ("beta_sigma", "beta_alpha", "activation"))
x = real("x")


def kernel() -> Any:
    """x^2 E[sigma'(x z)^2], the limit of the shallow network's tangent kernel."""
    return x**2 * GaussianMean(Phi(activation, x * GAUSSIAN, 1) ** 2)


def quantities() -> Iterator[Quantity]:
    """Eqs 25 and 26, Theorem 6.1, Proposition 6.1."""
    yield state(
        "shallow_hessian_norm",
        r"\|H\|_2",
        lambda: beta_sigma * C_x**2 / sympy.sqrt(m),
        "eq 25",
        "Hessian norm of the shallow network",
        "beta_sigma C_x m",
        assumptions=(SHALLOW, TWICE),
        measured_by="Hessian norm of the output",
        monotone={"beta_sigma": 1, "C_x": 1, "m": -1},
    )
    yield state(
        "shallow_kernel",
        "K(x,x)",
        kernel,
        "eq 26",
        "tangent kernel of the shallow network at one input, as m grows",
        "x activation",
        side="equal",
        assumptions=(SHALLOW, GAUSSIAN_UNITS),
        measured_by="squared norm of the gradient of f",
    )
    for tail, formula, place, status, text in (
        ("", lambda: C_s * beta_alpha / s_P, "Theorem 6.1 (L1)", "derived", "by quadratic forms; attained"),
        ("_proof", lambda: C_s**3 * beta_alpha / s_P, "proof of Theorem 6.1", "proved", "by row sums"),
        ("_printed", lambda: C_s**3 * beta_alpha / s_P**2, "Theorem 6.1", "printed", "with s(P) twice, false (L1)"),
    ):
        yield state(
            "sparse_hessian_norm" + tail,
            r"\|H\|_2",
            formula,
            place,
            "Hessian norm of a sparse model, " + text,
            "C_s beta_alpha s_P",
            status=status,
            assumptions=(SPARSE,),
            measured_by="Hessian norm of the output",
            monotone={"C_s": 1, "beta_alpha": 1, "s_P": -1},
        )
    for tail, formula, place, status in (
        ("", lambda: p / C_s, "Proposition 6.1, Remark 6.3", "printed"),
        ("_safe", lambda: p / (C_s + 1), "Proposition 6.1 (L18)", "derived"),
    ):
        yield state(
            "sparse_units" + tail,
            "P" + (r"_{\mathrm{safe}}" if tail else ""),
            formula,
            place,
            "number of units of a model whose Hessian has at most C_s non-zero entries per row",
            "p C_s",
            side="lower",
            status=status,
            assumptions=(NONLINEAR,),
            monotone={"p": 1, "C_s": -1},
        )
