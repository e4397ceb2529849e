"""Definitions 1 and 2 and Section 3.1: Gaussian moments of the activation, and the shape of the ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import GAUSSIAN, GaussianMean, Phi, Smallest, Written
from bounds.model import Condition, Quantity
from bounds.papers.fu2018.letters import activation, at, sigma, symbol

q, j = symbol("q"), symbol("j")
singular_values = symbol("singular_values")
DIFFERENTIABLE = Condition("phi'", "phi has a derivative almost everywhere")
NAMES = ("sigma", "activation")


def _phi(order: int) -> Any:
    return Phi(activation, sigma * GAUSSIAN, order) if order else Phi(activation, sigma * GAUSSIAN)


def _rho() -> Any:
    """The smaller of two variances left over by projections, as Definition 1 writes them."""
    alpha, beta = (sympy.Function(name) for name in ("alpha_q", "beta_q"))
    zero, one, two = (alpha(power, sigma) ** 2 for power in range(3))
    return Smallest(beta(0, sigma) - zero - one, beta(2, sigma) - one - two)


def slopes() -> Iterator[Quantity]:
    """Definition 1."""
    yield Quantity(
        "alpha_q",
        r"\alpha_q(\sigma)",
        lambda: GaussianMean(_phi(1) * GAUSSIAN**q),
        "equal",
        at("Definition 1"),
        "printed",
        "Gaussian moment of phi'(sigma z), q = 0, 1, 2",
        ("q", *NAMES),
        ("q", "sigma"),
        assumptions=(DIFFERENTIABLE,),
        signed=True,
        glyph="α_q(σ)",
    )
    yield Quantity(
        "beta_q",
        r"\beta_q(\sigma)",
        lambda: GaussianMean(_phi(1) ** 2 * GAUSSIAN**q),
        "equal",
        at("Definition 1"),
        "printed",
        "Gaussian moment of phi'(sigma z)^2; the paper uses q = 0, 2",
        ("q", *NAMES),
        ("q", "sigma"),
        assumptions=(DIFFERENTIABLE,),
        signed=True,
        glyph="β_q(σ)",
    )
    yield Quantity(
        "rho_sigma",
        r"\rho(\sigma)",
        _rho,
        "equal",
        at("Definition 1"),
        "printed",
        "the activation's curvature at scale sigma: what the least eigenvalue of the Hessian at W* is proportional to",
        NAMES,
        assumptions=(DIFFERENTIABLE,),
        signed=True,
        glyph="ρ(σ)",
        measured_by="the least Hessian eigenvalue at an orthonormal W*, times K^2",
    )


def tensors() -> Iterator[Quantity]:
    """Definition 2; m_1, ..., m_4 are the moments against the Hermite polynomials: He_3 = z^3 - 3z, for example."""
    yield Quantity(
        "gamma_j",
        r"\gamma_j(\sigma)",
        lambda: GaussianMean(_phi(0) * GAUSSIAN**j),
        "equal",
        at("Definition 2"),
        "printed",
        "Gaussian moment of phi(sigma z), j = 0, ..., 4",
        ("j", *NAMES),
        ("j", "sigma"),
        signed=True,
        glyph="γ_j(σ)",
    )
    yield Quantity(
        "m_j",
        r"m_j(\sigma)",
        lambda: GaussianMean(_phi(0) * sympy.hermite_prob(j, GAUSSIAN)),
        "equal",
        at("Definition 2"),
        "printed",
        "size of a neuron of norm sigma in the tensor M_j: gamma_1, gamma_2 - gamma_0, gamma_3 - 3 gamma_1, "
        "gamma_4 + 3 gamma_0 - 6 gamma_2",
        ("j", *NAMES),
        ("j", "sigma"),
        signed=True,
        glyph="m_j(σ)",
        measured_by="the tensor M_j estimated from samples",
    )
    # d/ds E[phi(s z) He_j(z)] = E[phi'(s z) z He_j(z)]; for j = 1 it is alpha_2(s)
    yield Quantity(
        "m_j_slope",
        r"m_j'(\sigma)",
        lambda: GaussianMean(_phi(1) * GAUSSIAN * sympy.hermite_prob(j, GAUSSIAN)),
        "equal",
        at("Assumption 4"),
        "derived",
        "derivative of m_j, which Assumption 4 wants bounded away from 0 at the neurons' norms for j = l_1",
        ("j", *NAMES),
        ("j", "sigma"),
        assumptions=(DIFFERENTIABLE,),
        signed=True,
        glyph="m_j'(σ)",
    )


def _sorted_out(ops: Any, values: Any) -> tuple[list[Any], Any]:
    """The singular values in an arithmetic, and the least of them; their order does not matter."""
    found = [ops.convert(float(v)) for v in values.data]
    return found, ops.minimum(*found)


def _kappa(ops: Any, values: Any) -> Any:
    found, least = _sorted_out(ops, values)
    return ops.div(ops.maximum(*found), least)


def _lam(ops: Any, values: Any) -> Any:
    found, least = _sorted_out(ops, values)
    return ops.mul(*[ops.div(v, least) for v in found])


def _least(ops: Any, values: Any) -> Any:
    return _sorted_out(ops, values)[1]


def teacher() -> Iterator[Quantity]:
    """Section 3.1: what the theorems see of the ground truth W*."""
    for name, tex, glyph, formula, plain, text, place, algorithm in (
        ("kappa", r"\kappa", "κ", r"\sigma_1/\sigma_K", "σ₁/σ_K", "condition number of W*", "Section 3.1", _kappa),
        (
            "lam",
            r"\lambda",
            "λ",
            r"\prod_{i=1}^K \sigma_i/\sigma_K",
            "∏ᵢ σᵢ/σ_K",
            "product of the singular values of W* over the least one",
            "Section 3.1",
            _lam,
        ),
        (
            "sigma_K",
            r"\sigma_K",
            "σ_K",
            r"\min_i \sigma_i",
            "minᵢ σᵢ",
            "least singular value of W*",
            "Section 3.1",
            _least,
        ),
    ):
        yield Quantity(
            name,
            tex,
            lambda formula=formula, plain=plain: Written(formula, plain, singular_values),
            "equal",
            at(place),
            "printed",
            text,
            ("singular_values",),
            algorithm=algorithm,
            glyph=glyph,
            measured_by="the singular values of the ground truth",
        )


def quantities() -> Iterator[Quantity]:
    """Definitions 1 and 2, and the shape of W*."""
    yield from slopes()
    yield from tensors()
    yield from teacher()
