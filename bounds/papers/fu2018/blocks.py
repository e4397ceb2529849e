"""Bounds on one sample's gradient and Hessian (eqs 12-13, 41-43, 53, 61-64): what the concentration rests on.

F6, re-derived: one sample's block (j, j) changes by three terms, per ||x||^3 and with D_j = ||w_j - w_j'||: the output,
(L_phi^2/K^2) sum_i D_i; phi'', at most (L_phi/K) D_j since |output - y| <= 1; and (phi')^2, (2 L_phi^2/K^2) D_j. Off
the diagonal (60) gives (L_phi^2/K^2)(D_j + D_l). As in (25) the quadratic form is at most
(L_phi^2/K^2)(sum_i D_i + 2 (sum_j D_j a_j)(sum_l a_l)) + (L_phi/K) max_j D_j <= (3 L_phi^2/K^(3/2) + L_phi/K) ||W -
W'||_F. Equation (61) divides the second term by K once more and drops the third.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.model import Quantity
from bounds.papers.fu2018.letters import BASIC, C, K, L_phi, at, d, hidden

THREE_HALVES = sympy.Rational(3, 2)


def coefficients() -> tuple[tuple[Any, ...], ...]:
    """Name, symbol, formula, place, status, text and glyph of what bounds eqs 12 and 13 at every sample."""
    return (
        (
            "block_offdiagonal",
            r"\max_{j\ne l}|\beta_{j,l}|",
            lambda: L_phi**2 / K**2,
            "(13), (41)",
            "proved",
            "coefficient of x x^T in an off-diagonal block of one sample's Hessian",
            "|β_jl|",
        ),
        (
            "block_diagonal",
            r"\max_j|\beta_{j,j}|",
            lambda: L_phi / K + L_phi**2 / K**2,
            "(13)",
            "proved",
            "coefficient of x x^T in a diagonal block of one sample's Hessian",
            "|β_jj|",
        ),
        (
            "gradient_coefficient",
            r"\max_j|\alpha_j|",
            lambda: L_phi / K,
            "(12)",
            "proved",
            "coefficient of x in a block of one sample's gradient",
            "|α_j|",
        ),
        (
            "sample_hessian_lipschitz",
            r"J_x",
            lambda: 3 * L_phi**2 / K**THREE_HALVES + L_phi / K,
            "proof of Lemma 6, erratum F6",
            "derived",
            "change of one sample's Hessian per distance and per ||x||^3",
            "J_x",
        ),
        (
            "sample_hessian_lipschitz_printed",
            r"J_x^{\mathrm{printed}}",
            lambda: (L_phi**2 + L_phi) / K**THREE_HALVES,
            "(62)",
            "printed",
            "the same as the paper prints it, too small for large K (erratum F6)",
            "J_x printed",
        ),
    )


def tails() -> tuple[tuple[Any, ...], ...]:
    """Name, symbol, formula, place, text, parameters and glyph of what is known up to a constant."""
    return (
        (
            "hessian_subexponential",
            r"\tau^2",
            lambda: C * (L_phi**2 + L_phi) / K,
            "(43)",
            "sub-exponential norm of a quadratic form of one sample's Hessian",
            ("K", "L_phi"),
            "τ²",
        ),
        (
            "gradient_subgaussian",
            r"\|u^\top\nabla\ell\|_{\psi_2}",
            lambda: C * L_phi / sympy.sqrt(K),
            "Lemma 7",
            "sub-Gaussian norm of one sample's gradient in a unit direction",
            ("K", "L_phi"),
            "‖uᵀ∇ℓ‖",
        ),
        (
            "mean_hessian_lipschitz",
            r"J_\star",
            lambda: C * (L_phi**2 + L_phi) * (d / K) ** THREE_HALVES,
            "Lemma 6",
            "mean of the largest change of one sample's Hessian per distance; its proof gives C (L_phi^2/K^(3/2) + "
            "L_phi/K) d^(3/2) (erratum F6)",
            ("d", "K", "L_phi"),
            "J*",
        ),
    )


def quantities() -> Iterator[Quantity]:
    """Coefficients of the per-sample Hessian, their Lipschitz constants, and the tails of both."""
    change = r"\|\nabla^2\ell(W;x)-\nabla^2\ell(W';x)\|/(\|W-W'\|_F\|x\|_2^3)"
    for name, tex, formula, place, status, text, glyph in coefficients():
        yield Quantity(
            name,
            tex,
            formula,
            "upper",
            at(place),
            status,
            text,
            ("K", "L_phi"),
            assumptions=BASIC,
            statement=change if tex.startswith("J_x") else tex,
            glyph=glyph,
            measured_by="eqs 12 and 13 at a sample",
            monotone={"K": -1, "L_phi": 1},
        )
    for name, tex, formula, place, text, names, glyph in tails():
        yield Quantity(
            name,
            tex,
            formula,
            "upper",
            at(place),
            "printed",
            text,
            names,
            assumptions=BASIC,
            hidden=hidden("C", f"the constant of {place}"),
            order_only=True,
            glyph=glyph,
            monotone={"K": -1, "L_phi": 1},
        )
