"""Appendix E.2: rows of W_0, Lemma 6, and the failure probability psi of Theorem 3.

One C serves all five terms: each falls with its own constant, so the least of them is admissible everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import at_least
from bounds.model import Condition, Quantity
from bounds.papers.song2021.assumptions import ANY_C, AT_ZERO, C_SIDE, GAUSSIAN_INIT, SAMPLES, SHALLOW, TWICE, C
from bounds.papers.song2021.letters import at, symbol, symbols

constant = symbol("C")
n, d_0, d_1, d_2, k_1, k_2, omega_1 = symbols("n d_0 d_1 d_2 k_1 k_2 omega_1")
delta_1, delta_2, delta_3, phi1_max = symbols("delta_1 delta_2 delta_3 phi1_max")
sigma_max_X, sigma_min_Xt, gram_min, gram_max = symbols("sigma_max_X sigma_min_Xt gram_min gram_max")
gram_lipschitz_printed = symbol("gram_lipschitz_printed")
ROWS = ("k_1", "omega_1", "d_0", "d_1")
BASE = (SHALLOW, AT_ZERO, GAUSSIAN_INIT)


CHERNOFF = Condition(
    "concentration",
    "d_1 >= concentration_width: matrix Chernoff with eq 63 in place of Lemmas 6 and 7 (App E.2, erratum S4)",
    lambda: at_least(d_1, symbol("concentration_width")),
)
SIDE = (SAMPLES, CHERNOFF)


def rows() -> Iterator[Quantity]:
    """Eqs 60-63: the rows of W_0, and the size of the summands of M_0."""
    length = {"k_1": 1, "omega_1": 1, "d_0": 1, "d_1": 1}
    yield Quantity(
        "row_norm",
        r"\max_i\|W_{0,i}\|_2",
        lambda: constant * k_1 * omega_1 * sympy.sqrt(d_0 * sympy.log(d_1)),
        "upper",
        at("eq 60"),
        "printed",
        "largest norm of a row of W_0",
        ROWS,
        hidden=(C,),
        order_only=True,
        assumptions=(GAUSSIAN_INIT,),
        glyph="max‖W₀ᵢ‖",
        measured_by="the largest row norm of W_0",
        monotone=length,
    )
    yield Quantity(
        "summand_norm",
        r"\sigma_{\max}(A_i)",
        lambda: constant * phi1_max**2 * sigma_max_X**2 * k_1**2 * omega_1**2 * d_0 * sympy.log(d_1),
        "upper",
        at("eq 63"),
        "printed",
        "largest norm of a summand of M_0 = sum_i A_i",
        ("phi1_max", "sigma_max_X", *ROWS),
        hidden=(C,),
        order_only=True,
        assumptions=BASE,
        glyph="σ_max(Aᵢ)",
        measured_by="the largest squared norm of a row of phi(W_0 X)",
        monotone={"phi1_max": 1, "sigma_max_X": 1, **length},
    )


def lipschitz() -> Iterator[Quantity]:
    """Lemma 6: W -> phi(WX)^T phi(WX), where the rows of W obey eq 60 with constant 1.

    Each summand is ``4 phi1^2 sigma_max^2 max||w_i||``-Lipschitz in its row, and ``sum_i ||w_i - w_i'||`` is at most
    ``sqrt(d_1) ||W - W'||_F``, with equality when all rows move alike: the lemma leaves out sqrt(d_1) (erratum S4).
    """
    up = {"phi1_max": 1, "sigma_max_X": 1, "k_1": 1, "omega_1": 1, "d_0": 1, "d_1": 1}
    for tail, factor, status in (("_printed", 1, "printed"), ("", sympy.S.Half, "derived")):
        yield Quantity(
            "gram_lipschitz" + tail,
            r"\kappa",
            _lipschitz(factor),
            "upper",
            at("Lemma 6" if tail else "Lemma 6 with the sum over rows (erratum S4)"),
            status,
            "Lipschitz constant of the Gram matrix of the features in W" + (": false (erratum S4)" if tail else ""),
            ("phi1_max", "sigma_max_X", *ROWS),
            assumptions=BASE,
            statement=r"\|M(W)-M(W')\|/\|W-W'\|",
            glyph="κ",
            monotone=up,
        )


def _lipschitz(factor: Any) -> Any:
    def formula() -> Any:
        kappa = 4 * phi1_max**2 * sigma_max_X**2 * k_1 * omega_1 * sympy.sqrt(d_0 * sympy.log(d_1))
        return kappa if factor == 1 else kappa * sympy.sqrt(d_1)

    return formula


def probability() -> Iterator[Quantity]:
    """p_1 to p_5 (eqs 61, 66, 69, 73) and their sum psi, as printed."""
    kappa = ("phi1_max", "sigma_max_X", *ROWS)
    terms: tuple[tuple[str, Any, str, str, tuple[str, ...]], ...] = (
        (
            "p_1",
            lambda: d_1 ** (-constant * k_1 * d_0) + d_1 ** (-constant * k_2 * d_2),
            "eq 61",
            "the rows of W_0 or the columns of V_0 are too long",
            ("d_0", "d_1", "d_2", "k_1", "k_2"),
        ),
        (
            "p_2",
            lambda: sympy.exp(-((delta_1 * gram_min / gram_lipschitz_printed) ** 2)),
            "eq 66",
            "the least eigenvalue of M_0 is off by more than delta_1; false (erratum S4)",
            ("delta_1", "gram_min", *kappa),
        ),
        (
            "p_3",
            lambda: sympy.exp(-((delta_2 * gram_max / gram_lipschitz_printed) ** 2)),
            "eq 66",
            "the largest eigenvalue of M_0 is off by more than delta_2; false (erratum S4)",
            ("delta_2", "gram_max", *kappa),
        ),
        ("p_4", lambda: sympy.exp(-constant * d_1), "eq 69", "sigma_max(V_0) is too large", ("d_1",)),
        ("p_5", lambda: sympy.exp(-constant * delta_3**2), "eq 73", "the initial output is too large", ("delta_3",)),
    )
    for name, formula, place, text, names in terms:
        has_c = name not in ("p_2", "p_3")
        yield Quantity(
            name,
            name,
            formula,
            "upper",
            at(place),
            "printed",
            f"probability that {text}",
            names,
            hidden=(ANY_C,) if has_c else (),
            order_only=has_c,
            assumptions=BASE,
            glyph="p" + "₁₂₃₄₅"[int(name[2]) - 1],
        )
    yield Quantity(
        "failure_probability",
        r"\psi",
        lambda: sum((symbol(f"p_{k}") for k in range(2, 6)), symbol("p_1")),
        "upper",
        at("App E.7, the exact expression of psi"),
        "printed",
        "probability that Theorem 3 fails, as printed; its terms p_2, p_3 are false (erratum S4)",
        (
            "d_0",
            "d_1",
            "d_2",
            "delta_1",
            "delta_2",
            "delta_3",
            "k_1",
            "k_2",
            "omega_1",
            "phi1_max",
            "sigma_max_X",
            "gram_min",
            "gram_max",
        ),
        hidden=(ANY_C,),
        order_only=True,
        assumptions=(*BASE, TWICE),
        glyph="ψ",
        measured_by="the fraction of seeds for which training fails",
        monotone={
            "delta_1": -1,
            "delta_2": -1,
            "delta_3": -1,
            "gram_min": -1,
            "gram_max": -1,
            "phi1_max": 1,
            "sigma_max_X": 1,
        },
    )


def side() -> Iterator[Quantity]:
    """Concentration of M_0 by matrix Chernoff.

    The summands are positive semidefinite with ``||A_i|| <= R = phi1^2 sigma_max^2 k_1^2 omega_1^2 d_0 log d_1``
    (eq 63), so ``P(lambda_min(M_0) <= (1 - delta_1) lambda_min(E M_0)) <= n exp(-delta_1^2 lambda_min(E M_0)/(2R))``,
    and ``lambda_min(E M_0) >= d_1 c_t(omega_1)^2/t! sigma_min(X^{*t})^2``.
    """
    yield Quantity(
        "concentration_width",
        r"d_1^{\mathrm{conc}}",
        lambda: symbol("C_4") * d_0 * sigma_max_X**2 / sigma_min_Xt**2 * sympy.log(d_1) * sympy.log(n),
        "requires",
        at("App E.2 by matrix Chernoff (erratum S4)"),
        "derived",
        "width from which M_0 concentrates about its mean, at a width d_1 of its logarithm",
        ("d_0", "sigma_max_X", "sigma_min_Xt", "d_1", "n"),
        direction="at_least",
        hidden=(C_SIDE,),
        order_only=True,
        assumptions=BASE,
        statement="d_1",
        glyph="d₁ conc",
        measured_by="the spread of the eigenvalues of M_0 over seeds",
        monotone={"d_0": 1, "sigma_max_X": 1, "sigma_min_Xt": -1, "d_1": 1, "n": 1},
    )


def quantities() -> Iterator[Quantity]:
    """Appendix E.2."""
    yield from rows()
    yield from lipschitz()
    yield from probability()
    yield from side()
