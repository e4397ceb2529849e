"""Definition 4 and Appendix E.1: Hermite coefficients and norms of the activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy
from sympy.printing.pretty.stringpict import prettyForm

from bounds.forms import GAUSSIAN, GaussianMean, Phi
from bounds.model import Quantity
from bounds.papers.song2021.letters import at, symbol, symbols

activation, i, t = symbols("activation i t")
c_0, c_1 = symbols("c_0 c_1")
omega_1 = symbol("omega_1")
phi_sq = symbol("phi_sq")


class HermitePolynomial(sympy.hermite_prob):
    """The probabilists' Hermite polynomial, printed as ``He_i(z)``."""

    def _latex(self, printer: Any) -> str:
        return rf"He_{{{printer._print(self.args[0])}}}\left({printer._print(self.args[1])}\right)"

    def _pretty(self, printer: Any) -> prettyForm:
        argument = prettyForm(*printer._print(self.args[1]).parens())
        return prettyForm(*argument.left(f"He[{self.args[0]}]"), binding=prettyForm.FUNC)


def _coefficient(degree: Any, scale: Any = 1) -> GaussianMean:
    """``E[phi(scale z) He_degree(z)]``."""
    return GaussianMean(Phi(activation, scale * GAUSSIAN) * HermitePolynomial(degree, GAUSSIAN))


def coefficients() -> Iterator[Quantity]:
    """``c_i = E[phi(z) He_i(z)]``, probabilists' Hermite polynomials, and the same of phi(omega_1 z) (erratum S5)."""
    yield Quantity(
        "hermite",
        "c(i)",
        lambda: _coefficient(i),
        "equal",
        at("Definition 4 and eq 48"),
        "printed",
        "Hermite coefficient of the activation, E[phi(z) He_i(z)]",
        ("i", "activation"),
        ("i",),
        signed=True,
        glyph="c(i)",
    )
    rows: tuple[tuple[str, str, Callable[[], Any], str, tuple[str, ...], str, str], ...] = (
        ("c_0", "c_0", lambda: sympy.Function("hermite")(0), "mean of phi(z)", ("activation",), "c₀", "printed"),
        ("c_1", "c_1", lambda: sympy.Function("hermite")(1), "E[phi(z) z]", ("activation",), "c₁", "printed"),
        ("c_t", "c_t", lambda: sympy.Function("hermite")(t), "E[phi(z) He_t(z)]", ("t", "activation"), "cₜ", "printed"),
        (
            "c_0_scaled",
            r"c_0(\omega_1)",
            lambda: _coefficient(0, omega_1),
            "mean of phi(omega_1 z)",
            ("omega_1", "activation"),
            "c₀(ω₁)",
            "derived",
        ),
        (
            "c_t_scaled",
            r"c_t(\omega_1)",
            lambda: _coefficient(t, omega_1),
            "E[phi(omega_1 z) He_t(z)]",
            ("t", "omega_1", "activation"),
            "cₜ(ω₁)",
            "derived",
        ),
    )
    for name, latex, formula, text, names, glyph, status in rows:
        yield Quantity(
            name,
            latex,
            formula,
            "equal",
            at("Definition 4" if status == "printed" else "eq 58, erratum S5"),
            status,
            "Hermite coefficient: " + text,
            names,
            signed=True,
            glyph=glyph,
        )


def norms() -> Iterator[Quantity]:
    """``E phi^2 = sum_i c_i^2/i!`` (erratum S1: Definition 4 leaves out the 1/i!) and its part beyond degree 1."""
    for tail, scale, names, status in (
        ("", 1, ("activation",), "proved"),
        ("_scaled", omega_1, ("omega_1", "activation"), "derived"),
    ):
        yield Quantity(
            "phi_sq" + tail,
            r"\mathbb{E}\phi(\omega_1z)^2" if tail else r"\|\phi\|_{\mathcal H}^2",
            _square(scale),
            "equal",
            at("Definition 4, normalised as in eq 47 (erratum S1)"),
            status,
            "squared Hermite norm, E phi(omega_1 z)^2" if tail else "squared Hermite norm, E phi(z)^2",
            names,
            glyph="E φ(ω₁z)²" if tail else "‖φ‖²",
        )
    yield Quantity(
        "c_inf_sq",
        r"c_\infty^2",
        lambda: phi_sq - c_0**2 - c_1**2,
        "equal",
        at("App E.1, below eq 57"),
        "printed",
        "sum over i >= 2 of c_i^2/i!, the part of E phi^2 beyond degree 1",
        ("activation",),
        glyph="c∞²",
    )


def _square(scale: Any) -> Callable[[], Any]:
    return lambda: GaussianMean(Phi(activation, scale * GAUSSIAN) ** 2)


def quantities() -> Iterator[Quantity]:
    """Appendix E.1, up to eq 56."""
    yield from coefficients()
    yield from norms()
