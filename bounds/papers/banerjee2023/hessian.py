"""Theorem 4.1: c_H in its printed and proved variants, and the Hessian bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import EndpointMax, Largest, at_least
from bounds.model import Condition, Quantity
from bounds.papers.banerjee2023.letters import DEEP, IN_BALL, INITIAL, SMOOTH, WIDE, WIDE_GAMMA, at, symbol

L, l, m, rho_1, gamma, c_H = (symbol(x) for x in ("L", "l", "m", "rho_1", "gamma", "c_H"))
psi_H, psi_H_tight, psi_H_safe = (symbol(x) for x in ("psi_H", "psi_H_tight", "psi_H_safe"))
h = sympy.Function("h")
BASIC = (SMOOTH, INITIAL, IN_BALL, WIDE)


def _c_h(psi: Any, tail: Any, size: Any = gamma, outer: Any = 1) -> Any:
    """2 outer (L^2 G^2L + L G^L + tail)(1 + rho_1) psi max_l G^(L-l) + 2 L G^L max_l h(l), G = ``size``."""
    chain = outer * (L**2 * size ** (2 * L) + L * size**L + tail)
    decay = EndpointMax(size ** (L - l), (l,), (1,), (L,), r"l \in [L]")
    rise = EndpointMax(h(l), (l,), (1,), (L,), r"l \in [L]")
    return 2 * chain * (1 + rho_1) * psi * decay + 2 * L * size**L * rise


def quantities() -> Iterator[Quantity]:
    """c_H in its printed and proved variants, and the Hessian bound of Thm 4.1."""
    names = ("L", "gamma", "phi_0", "beta_phi", "rho_1")
    up = dict.fromkeys(names[1:], 1)
    rows: tuple[tuple[str, str, Any, str, str, str, tuple[Condition, ...]], ...] = (
        (
            "c_H",
            "c_H",
            lambda: _c_h(psi_H, 1, outer=L),
            "Remark 4.3",
            "printed",
            "Hessian constant as printed: the factor L multiplies the whole bracket (erratum B3)",
            (DEEP, WIDE_GAMMA),
        ),
        (
            "c_H_chain",
            r"c_H^{\mathrm{chain}}",
            lambda: _c_h(psi_H, L),
            "Theorem 4.2 inserted in its proof",
            "derived",
            "Hessian constant that the proof's own chain gives",
            (DEEP, WIDE_GAMMA),
        ),
        (
            "c_H_safe",
            r"c_H^{\mathrm{safe}}",
            lambda: _c_h(psi_H_safe, L, Largest(1, gamma)),
            "Theorem 4.1, errata B4-B6",
            "derived",
            "Hessian constant valid for every gamma",
            (),
        ),
        (
            "c_H_tight",
            r"c_H^{\mathrm{tight}}",
            lambda: _c_h(psi_H_tight, L),
            "Lemma A.5 by Cauchy-Schwarz",
            "derived",
            "c_H_chain with psi_H_tight",
            (DEEP, WIDE_GAMMA),
        ),
    )
    for name, tex, formula, place, status, text, assume in rows:
        yield Quantity(
            name,
            tex,
            formula,
            "upper",
            at(place),
            status,
            text,
            names,
            assumptions=(*BASIC, *assume),
            statement=r"\sqrt{m}\,\max_i\|\nabla^2_\theta f(\theta;x_i)\|_2",
            probability="probability",
            glyph=name,
            measured_by="per-sample Hessian norms times sqrt(m)",
            monotone=up,
        )
    yield Quantity(
        "c_H_proved",
        "c_H",
        None,
        "upper",
        at("Theorem 4.1, errata B4-B6"),
        "derived",
        "the Hessian constant that other results use: c_H_chain where at_least(gamma, 1), else c_H_safe",
        names,
        alternatives=((at_least(gamma, 1), "c_H_chain"), (sympy.true, "c_H_safe")),
        assumptions=(*BASIC, DEEP),
        statement=r"\sqrt{m}\,\max_i\|\nabla^2_\theta f(\theta;x_i)\|_2",
        probability="probability",
        glyph="c_H proved",
    )
    yield Quantity(
        "hessian_norm",
        r"c_H/\sqrt{m}",
        lambda: c_H / sympy.sqrt(m),
        "upper",
        at("Theorem 4.1"),
        "printed",
        "largest Hessian norm of the predictor over the samples",
        ("c_H", "m"),
        assumptions=(*BASIC, DEEP),
        statement=r"\max_i\|\nabla^2_\theta f(\theta;x_i)\|_2",
        probability="probability",
        glyph="‖∇²f‖",
        measured_by="per-sample Hessian norms",
        monotone={"c_H": 1},
    )
