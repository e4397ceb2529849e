"""Appendix E.1: ``E M_0`` with bounds of its spectrum, and what decides the conditions on data and activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sympy

from bounds.errors import TheoryError
from bounds.forms import Written
from bounds.model import Condition, Quantity
from bounds.papers.song2021.assumptions import (
    GAUSSIAN_INIT,
    HERMITE_SCALED,
    POWER_RANK,
    SCALING_HIGH,
    SHALLOW,
    SMALL_OMEGA,
    C,
)
from bounds.papers.song2021.letters import at, symbol, symbols

activation, t, n, d_0, d_1 = symbols("activation t n d_0 d_1")
c_0, c_1, c_t_scaled, c_0_scaled = symbols("c_0 c_1 c_t_scaled c_0_scaled")
omega_1, r_1, r_2, sigma_max_X, sigma_min_Xt = symbols("omega_1 r_1 r_2 sigma_max_X sigma_min_Xt")
phi_sq_scaled, c_inf_sq, gram_max_upper = symbols("phi_sq_scaled c_inf_sq gram_max_upper")

MOST_FACTORS = 1 << 16
"""So many factors of a binomial coefficient are multiplied, in less than a second."""


def spectrum() -> Iterator[Quantity]:
    """``E M_0`` and bounds of its eigenvalues.

    Its entries are ``d_1 sum_i c_i(omega_1)^2/i! <x_a, x_b>^i`` for unit x: every term is positive semidefinite, so
    the least eigenvalue is at least the t-th term's. A Schur product with a Gram matrix of unit diagonal does not
    raise the norm: the terms i >= 1 are at most ``sigma_max(X)^2 sum_{i>=1} c_i^2/i!`` together, the term 0 is n c_0^2.
    """
    base: tuple[Condition, ...] = (SHALLOW, GAUSSIAN_INIT)
    yield Quantity(
        "gram_mean",
        r"\mathbb E\tilde M_0",
        lambda: Written(
            r"d_1\sum_{i\ge0}\frac{c(i)^2}{i!}(XX^{\top})^{\circ i}",
            "d₁ Σ_i c(i)²/i! (X Xᵀ)^∘i",
            *(symbol(x) for x in ("X", "d_1", "activation")),
        ),
        "equal",
        at("eq 56"),
        "printed",
        "mean Gram matrix of the features at omega_1 = 1, (n, n); X has one sample a row (the paper's transpose)",
        ("X", "d_1", "activation"),
        algorithm=_gram_mean,
        glyph="E M̃₀",
        measured_by="the Gram matrix of the hidden features at initialisation, averaged over seeds",
    )
    yield Quantity(
        "gram_min_lower",
        r"\lambda_{\min}(\mathbb E M_0)",
        lambda: d_1 * c_t_scaled**2 / sympy.factorial(t) * sigma_min_Xt**2,
        "lower",
        at("eq 58, with c_t(omega_1) (erratum S5)"),
        "derived",
        "least eigenvalue of E M_0",
        ("d_1", "omega_1", "activation", "t", "sigma_min_Xt"),
        assumptions=(*base, HERMITE_SCALED, POWER_RANK),
        glyph="λ_min(E M₀)",
        measured_by="the least eigenvalue of the mean Gram matrix",
        monotone={"d_1": 1, "sigma_min_Xt": 1},
    )
    yield Quantity(
        "gram_max_upper",
        r"\lambda_{\max}(\mathbb E M_0)",
        lambda: d_1 * (n * c_0_scaled**2 + (phi_sq_scaled - c_0_scaled**2) * sigma_max_X**2),
        "upper",
        at("eqs 56-57 at omega_1"),
        "derived",
        "largest eigenvalue of E M_0",
        ("d_1", "n", "omega_1", "activation", "sigma_max_X"),
        assumptions=base,
        glyph="λ_max(E M₀)",
        measured_by="the largest eigenvalue of the mean Gram matrix",
        monotone={"d_1": 1, "n": 1, "sigma_max_X": 1},
    )
    yield Quantity(
        "gram_max_upper_printed",
        r"\lambda_{\max}(\mathbb E M_0)",
        lambda: symbol("C") * omega_1 ** (2 * r_2) * d_1 * (n * c_0**2 + (c_1**2 + c_inf_sq) * sigma_max_X**2),
        "upper",
        at("eq 58"),
        "printed",
        "largest eigenvalue of E M_0, by scaling with r_2: false except at omega_1 = 1 (erratum S5)",
        ("omega_1", "r_2", "d_1", "n", "c_0", "c_1", "c_inf_sq", "sigma_max_X"),
        hidden=(C,),
        order_only=True,
        assumptions=(*base, SMALL_OMEGA, SCALING_HIGH),
        glyph="λ_max(E M₀)",
        monotone={"d_1": 1, "n": 1, "sigma_max_X": 1},
    )
    yield Quantity(
        "gram_mean_eigenvalue",
        r"\operatorname{tr}\mathbb E M_0/n",
        lambda: d_1 * phi_sq_scaled,
        "equal",
        at("the trace of eq 56 at omega_1"),
        "derived",
        "mean eigenvalue of E M_0",
        ("d_1", "omega_1", "activation"),
        assumptions=base,
        glyph="tr E M₀/n",
        monotone={"d_1": 1},
    )
    yield Quantity(
        "feature_norm",
        r"\|\mathbb E M_0\|^{1/2}",
        lambda: sympy.sqrt(gram_max_upper),
        "upper",
        at("eqs 56-57 at omega_1"),
        "derived",
        "root of the bound on the norm of E M_0: the size of sigma_max(phi(W_0 X)) up to fluctuations",
        ("gram_max_upper",),
        assumptions=base,
        glyph="‖E M₀‖^½",
        monotone={"gram_max_upper": 1},
    )


def helpers() -> Iterator[Quantity]:
    """What the conditions on data and activation are decided by."""
    yield Quantity(
        "power_rank",
        r"\binom{d_0+t-1}{t}",
        lambda: sympy.factorial(d_0 + t - 1) / (sympy.factorial(t) * sympy.factorial(d_0 - 1)),
        "upper",
        at("App E.1, erratum S12"),
        "derived",
        "rank of X^{*t}: the dimension of the symmetric tensors of order t",
        ("d_0", "t"),
        algorithm=_binomial,
        statement=r"\operatorname{rank}X^{*t}",
        glyph="rank X*ᵗ",
        monotone={"d_0": 1, "t": 1},
    )
    rows: tuple[tuple[str, str, Any, Any, str, str], ...] = (
        ("scaling_low", "r_1", r_1, _low, r"\sup_a a\phi'(a)/\phi(a)", "≥ sup aφ'/φ"),
        ("scaling_high", "r_2", r_2, _high, r"\inf_a a\phi'(a)/\phi(a)", "≤ inf aφ'/φ"),
    )
    for name, letter, exponent, algorithm, bound, glyph in rows:
        sign, short = (r"\ge", "r₁") if letter == "r_1" else (r"\le", "r₂")
        yield Quantity(
            name,
            rf"\mathbf{{1}}[{letter}\not{sign}{bound}]",
            _written(rf"\mathbf{{1}}[\omega_1\ne1,\ {letter}\not{sign}{bound}]", f"1[not {short} {glyph}]", exponent),
            "equal",
            at("Theorem 3, errata S5, S7"),
            "derived",
            f"0 where {letter} is admissible for the activation, or omega_1 = 1; else 1",
            ("omega_1", letter, "activation"),
            algorithm=algorithm,
            glyph=f"not {short}",
        )


def existence() -> Iterator[Quantity]:
    """Whether Theorem 3 can be scaled to an omega_1 < 1 at all."""
    bounded = r"\sup_a,\inf_a a\phi'(a)/\phi(a)\ \mathrm{finite}"
    yield Quantity(
        "scaling_missing",
        r"\mathbf{1}[\not\exists r_1,r_2]",
        lambda: Written(rf"\mathbf{{1}}[\omega_1\ne1,\ \neg({bounded})]", "1[not: aφ'/φ bounded]", omega_1, activation),
        "equal",
        at("Theorem 3, erratum S7"),
        "derived",
        "0 where the activation has exponents r_1 and r_2, or omega_1 = 1; else 1",
        ("omega_1", "activation"),
        algorithm=_missing,
        glyph="no r₁, r₂",
    )


def _gram_mean(*args: Any) -> Any:
    from bounds.papers.song2021.gram import gram_mean

    return gram_mean(*args)


def _low(*args: Any) -> Any:
    from bounds.papers.song2021.scaling import low_defect

    return low_defect(*args)


def _high(*args: Any) -> Any:
    from bounds.papers.song2021.scaling import high_defect

    return high_defect(*args)


def _missing(*args: Any) -> Any:
    from bounds.papers.song2021.scaling import missing

    return missing(*args)


def _written(latex: str, glyph: str, exponent: Any) -> Callable[[], Any]:
    return lambda: Written(latex, glyph, omega_1, exponent, activation)


def _binomial(ops: Any, d_0: Any, t: Any) -> Any:
    """C(d_0 - 1 + t, t): the product over j <= k of (n - k + j)/j, which does not overflow where factorials do.

    C(n, k) = C(n, n - k): the shorter of the two products.
    """
    one = ops.convert(1)
    rest = ops.add(d_0, ops.convert(-1))
    k, top = ops.minimum(t, rest), ops.maximum(t, rest)
    if np.any(ops.gt(k, ops.convert(MOST_FACTORS))):
        raise TheoryError(f"the rank is a product of min(t, d_0 - 1) factors: more than {MOST_FACTORS} are not handled")
    total = one
    for j in range(1, 2 ** len(list(ops.bits(k)))):
        here = ops.convert(j)
        factor = ops.div(ops.add(top, here), here)
        total = ops.mul(total, ops.where(ops.ge(k, here), factor, one))
    return total


def quantities() -> Iterator[Quantity]:
    """Appendix E.1, from eq 56 on."""
    yield from spectrum()
    yield from helpers()
    yield from existence()
