"""Section 8: an output non-linearity phi on the shallow network, phi(f(w; x))."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from bounds.forms import Phi
from bounds.model import Quantity
from bounds.papers.liu2020.conditions import GAUSSIAN_UNITS, SHALLOW
from bounds.papers.liu2020.letters import real, symbol
from bounds.papers.liu2020.state import state

hessian, shallow_kernel, output_activation = (symbol(s) for s in ("hessian", "shallow_kernel", "output_activation"))
f, x = real("f"), real("x")


def quantities() -> Iterator[Quantity]:
    """Eqs 37, 40 and 41, with the derivatives of sigma where the paper prints phi (erratum L4)."""
    yield state(
        "output_kernel",
        r"\tilde K(x,x)",
        lambda: Phi(output_activation, f, 1) ** 2 * shallow_kernel,
        "eq 37",
        "tangent kernel of phi(f) at one input, as m grows",
        "x f activation output_activation",
        side="equal",
        assumptions=(SHALLOW, GAUSSIAN_UNITS),
        measured_by="squared norm of the gradient of phi(f)",
    )
    yield state(
        "output_hessian_limit",
        r"\lim_{m}\|\tilde H\|_2",
        lambda: sympy.Abs(Phi(output_activation, f, 2)) * shallow_kernel,
        "eq 41 (L4)",
        "limit of the Hessian norm of phi(f) as m grows (v_i^2 = 1)",
        "x f activation output_activation",
        side="equal",
        status="derived",
        assumptions=(SHALLOW, GAUSSIAN_UNITS),
        measured_by="Hessian norm of phi(f)",
    )
    yield state(
        "output_hessian_lower",
        r"\|\tilde H\|_2",
        lambda: (
            sympy.Abs(Phi(output_activation, f, 2)) * shallow_kernel - sympy.Abs(Phi(output_activation, f, 1)) * hessian
        ),
        "eq 40 (L4)",
        "Hessian norm of phi(f), ||H|| being that of f, with the limit of the kernel in place of its value",
        "x f activation output_activation hessian",
        side="lower",
        status="derived",
        signed=True,
        assumptions=(SHALLOW, GAUSSIAN_UNITS),
        measured_by="Hessian norm of phi(f)",
    )
