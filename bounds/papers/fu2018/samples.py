"""How many samples: Theorem 1, its proof (Section 5.1), and what Theorem 2 needs (erratum F4).

A condition ``n >= X log n`` holds at n = 1 and again from the larger root of ``n = X log n`` on, which exists for X
>= e: ``n = -X W_{-1}(-1/X)``. The answers are real numbers, not rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import above
from bounds.model import Condition, Quantity
from bounds.papers.fu2018.letters import LOCAL, C, K, L_phi, at, d, hidden, shape

NAMES = ("d", "K", "L_phi", "kappa", "lam", "rho_sigma")


def hessian_scale() -> Any:
    """X of Section 5.1: (L_phi^2 + L_phi) sqrt(C d log n/(n K)) <= rho/(K^2 kappa^2 lambda) is n >= X log n."""
    return C * d * K**3 * ((L_phi**2 + L_phi) * shape()) ** 2


def critical_scale() -> Any:
    """X of erratum F4: L_phi sqrt(C d log n/n) <= H_min r, with H_min = rho/(K^2 kappa^2 lambda) and Lemma 2's r."""
    return C * d * K**5 * L_phi**6 * shape() ** 4


def upper_root(scale: Any) -> Any:
    """The larger root of ``n = scale log n``."""
    return -scale * sympy.LambertW(-1 / scale, -1)


def _branch(scale: Any) -> Condition:
    # X > e: at equality the two roots meet at n = e; below, every n satisfies n >= X log n
    return Condition(
        "X > e",
        "n = X log n has two roots",
        lambda: above(scale(), sympy.E),
        "every n satisfies n >= X log n here: no sample size is asked for",
        essential=True,
    )


def quantities() -> Iterator[Quantity]:
    """The three sample sizes."""
    rows: tuple[tuple[Any, ...], ...] = (
        (
            "sample_complexity",
            lambda: C * d * K**3 * sympy.log(d) ** 2 * ((L_phi + 1) * L_phi * shape()) ** 2,
            "Theorem 1",
            "printed",
            "samples for strong convexity in the ball; log(d)^2 stands for the log(n) of the proof (erratum F9)",
            (),
            {"K": 3, "d": 1},
        ),
        (
            "sample_complexity_implicit",
            lambda: upper_root(hessian_scale()),
            "Section 5.1",
            "printed",
            "samples for strong convexity in the ball, from the proof's own condition on n",
            (_branch(hessian_scale),),
            {"K": 3, "d": 1},
        ),
        (
            "sample_complexity_critical",
            lambda: upper_root(critical_scale()),
            "Theorem 2, erratum F4",
            "derived",
            "samples for the critical point to lie in the ball and gradient descent to stay there",
            (_branch(critical_scale),),
            {"K": 5, "d": 1},
        ),
    )
    for name, formula, place, status, text, further, orders in rows:
        yield Quantity(
            name,
            "n",
            formula,
            "requires",
            at(place),
            status,
            text,
            NAMES,
            direction="at_least",
            assumptions=(*LOCAL, *further),
            hidden=hidden("C", "the constant of the sample size", factor=not further),
            order_only=True,
            probability="probability_union" if "critical" in name else "probability",
            unknown="n",
            answers="samples",
            glyph="n",
            measured_by="the samples at which the Hessian in the ball stays positive definite",
            # it falls with rho_sigma, but to where no sample size is asked for any more
            monotone={"d": 1, "K": 1, "L_phi": 1, "kappa": 1, "lam": 1},
            orders=orders,
        )
