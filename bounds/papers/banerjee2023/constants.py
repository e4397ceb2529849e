"""Remark 4.3 and Lemma 4.2: the elementary constants sigma_0, gamma, h, psi_H and g."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import EndpointMax, Largest
from bounds.model import Quantity
from bounds.papers.banerjee2023.letters import DEEP, at, symbol

L, l, m, a = (symbol(x) for x in ("L", "l", "m", "a"))
sigma_1, rho, phi_0, beta_phi, gamma = (symbol(x) for x in ("sigma_1", "rho", "phi_0", "beta_phi", "gamma"))
i, l1, l2 = (sympy.Symbol(x, integer=True) for x in ("i", "l_1", "l_2"))
h = sympy.Function("h")
PAIRS, ALL_PAIRS = r"1 \le l_1 < l_2 \le L", r"l_1, l_2 \in [L]"


def _powers(base: Any, count: Any, first: int = 0) -> Any:
    """``base^first + ... ``, ``count`` terms, written as the paper writes it."""
    return sympy.Sum(base ** (i - 1 + first), (i, 1, count))


def _path_sum(ops: Any, depth: Any, x: Any, p: Any) -> Any:
    """sum_{l<=L} h(l)^2 x^(2(L-l)) by doubling; every term is positive, so nothing cancels near x = 1.

    With h_n = x^n + d_n, d_n = p (1 + ... + x^(n-1)), the sum after n layers is x^(2n) E + a_n h^2 + b_n h + c_n in
    the values E, h at its start, a_n = n x^(2n-2); composing n with k layers gives the two recursions below.
    """
    one, two = ops.convert(1), ops.convert(2)
    n = b = c = ops.mul(depth, ops.convert(0))

    def shift(n: Any) -> tuple[Any, Any]:
        return ops.power(x, n), ops.mul(p, ops.geometric(x, n))

    def top(n: Any) -> Any:
        return ops.mul(n, ops.power(x, ops.add(ops.mul(two, n), ops.convert(-2))))

    def join(n: Any, b: Any, c: Any, k: Any, bk: Any, ck: Any) -> tuple[Any, Any, Any]:
        (xn, dn), ak = shift(n), top(k)
        x2k = ops.power(x, ops.mul(two, k))
        b_next = ops.add(ops.mul(x2k, b), ops.mul(two, ak, xn, dn), ops.mul(bk, xn))
        c_next = ops.add(ops.mul(x2k, c), ops.mul(ak, dn, dn), ops.mul(bk, dn), ck)
        return ops.add(n, k), b_next, c_next

    for bit in ops.bits(depth):
        n, b, c = join(n, b, c, n, b, c)
        more = join(n, b, c, one, ops.convert(0), ops.convert(0))
        n, b, c = (ops.where(bit, new, old) for new, old in zip(more, (n, b, c), strict=True))
    return ops.add(top(n), b, c)


def _psi(second: Any, third_factor: Any) -> Largest:
    """The three entries of Rem 4.3, each monotone in both indices, in h's direction."""
    return Largest(beta_phi * h(l1) ** 2, second, beta_phi * third_factor**2 * h(l1) * h(l2))


def _young() -> Any:
    """The second entry: the cross term by Young's inequality."""
    return h(l1) * (beta_phi / 2 * (gamma**2 + h(l2) ** 2) + 1)


def _cauchy() -> Any:
    """The second entry: the cross term by Cauchy-Schwarz."""
    return h(l1) * (beta_phi * gamma * h(l2) + 1)


def _over_pairs(body: Any) -> EndpointMax:
    return EndpointMax(body, (l1, l2), (1, 2), (L - 1, L), PAIRS)


def _over_all_pairs(body: Any) -> EndpointMax:
    return EndpointMax(body, (l1, l2), (1, 1), (L, L), ALL_PAIRS)


def quantities() -> Iterator[Quantity]:
    """The elementary constants: sigma_0, gamma, h, psi_H and g."""
    yield Quantity(
        "sigma_0",
        r"\sigma_0",
        lambda: sigma_1 / (2 * (1 + sympy.sqrt(sympy.log(m)) / sympy.sqrt(2 * m))),
        "equal",
        at("Assumption 2"),
        "printed",
        "standard deviation of the initial weights",
        ("sigma_1", "m"),
        glyph="σ₀",
        monotone={"sigma_1": 1},
    )
    yield Quantity(
        "gamma",
        r"\gamma",
        lambda: sigma_1 + rho / sympy.sqrt(m),
        "equal",
        at("Theorem 4.1"),
        "printed",
        "spectral norm of a layer in the ball, over sqrt(m)",
        ("sigma_1", "rho", "m"),
        glyph="γ",
        monotone={"sigma_1": 1, "rho": 1, "m": -1},
    )
    yield Quantity(
        "h",
        "h(l)",
        lambda: gamma ** (l - 1) + phi_0 * _powers(gamma, l - 1),
        "equal",
        at("Remark 4.3"),
        "printed",
        "bound on ||alpha^(l-1)||/sqrt(m)",
        ("l", "gamma", "phi_0"),
        ("l",),
        glyph="h(l)",
        monotone={"gamma": 1, "phi_0": 1},
    )
    for name, psi, place, status, text, assume in (
        (
            "psi_H",
            lambda: _over_pairs(_psi(_young(), gamma)),
            "Remark 4.3",
            "printed",
            "largest (2,2,1)-norm",
            (DEEP,),
        ),
        (
            "psi_H_tight",
            lambda: _over_pairs(_psi(_cauchy(), gamma)),
            "Lemma A.5 by Cauchy-Schwarz",
            "derived",
            "psi_H with the cross term by Cauchy-Schwarz in place of Young's inequality",
            (DEEP,),
        ),
        (
            "psi_H_safe",
            lambda: _over_all_pairs(_psi(_young(), Largest(1, gamma))),
            "Remark 4.3, errata B4, B5",
            "derived",
            "psi_H over all pairs of layers, with max(1, gamma) in its third entry",
            (),
        ),
    ):
        yield Quantity(
            name,
            {"psi_H": r"\psi_H"}.get(name, rf"\psi_H^{{\mathrm{{{name[6:]}}}}}"),
            psi,
            "equal",
            at(place),
            status,
            text,
            ("L", "gamma", "phi_0", "beta_phi"),
            assumptions=assume,
            glyph="ψ_H" + name[5:].replace("_", " "),
            monotone={"gamma": 1, "phi_0": 1, "beta_phi": 1},
        )
    yield Quantity(
        "g",
        "g(a)",
        lambda: a**L + phi_0 * _powers(a, L),
        "equal",
        at("proof of Lemma 4.2"),
        "derived",
        "bound on |f| over the last layer's norm",
        ("a", "L", "phi_0"),
        ("a",),
        glyph="g(a)",
        monotone={"a": 1, "phi_0": 1},
    )
    yield Quantity(
        "g_printed",
        r"g^{\mathrm{printed}}(a)",
        lambda: a**L + phi_0 * _powers(a, L, 1),
        "equal",
        at("Lemma 4.2"),
        "printed",
        "g as the lemma prints it: exponents one too large (erratum B2)",
        ("a", "L", "phi_0"),
        ("a",),
        glyph="g printed(a)",
        monotone={"a": 1, "phi_0": 1},
    )
    yield Quantity(
        "path_sum",
        r"\Sigma",
        lambda: sympy.Sum(h(l) ** 2 * gamma ** (2 * (L - l)), (l, 1, L)),
        "equal",
        at("Lemma 4.1"),
        "printed",
        "sum over layers of the squared weight-gradient factors",
        ("L", "gamma", "phi_0"),
        algorithm=_path_sum,
        glyph="Σ",
        monotone={"gamma": 1, "phi_0": 1},
    )
