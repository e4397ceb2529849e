"""Section 4: constants, the Hessian bound (Thm 4.1), gradient and loss bounds (Lem 4.1, 4.2, Cor 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import EndpointMax, Largest
from bounds.model import Condition, Quantity
from bounds.papers.banerjee2023.letters import DEEP, IN_BALL, INITIAL, SMOOTH, SQUARE, WIDE, WIDE_GAMMA, at, symbol

L, l, m, d, a = (symbol(x) for x in ("L", "l", "m", "d", "a"))
sigma_1, rho, rho_1, phi_0, beta_phi = (symbol(x) for x in ("sigma_1", "rho", "rho_1", "phi_0", "beta_phi"))
gamma, c_H, varrho, loss_ball, mean_y_sq = (symbol(x) for x in ("gamma", "c_H", "varrho", "loss_ball", "mean_y_sq"))
psi_H, psi_H_tight, psi_H_safe = (symbol(x) for x in ("psi_H", "psi_H_tight", "psi_H_safe"))
i, l1, l2 = sympy.Symbol("i", integer=True), sympy.Symbol("l_1", integer=True), sympy.Symbol("l_2", integer=True)
h, g, g_printed = sympy.Function("h"), sympy.Function("g"), sympy.Function("g_printed")
BASIC = (SMOOTH, INITIAL, IN_BALL, WIDE)
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


def _psi(third_factor: Any, second: Any, domain: str, ends: tuple[Any, Any]) -> EndpointMax:
    """The three-entry maximum of Rem 4.3: every entry is monotone in both indices, in h's direction."""
    body = Largest(beta_phi * h(l1) ** 2, second, beta_phi * third_factor**2 * h(l1) * h(l2))
    return EndpointMax(body, (l1, l2), *ends, domain)


def _c_h(chain: Any, psi: Any, size: Any) -> Any:
    """2 (L^2 G^2L + L G^L + tail)(1 + rho_1) psi max_l G^(L-l) + 2 L G^L max_l h(l)."""
    decay = EndpointMax(size ** (L - l), (l,), (1,), (L,), r"l \in [L]")
    rise = EndpointMax(h(l), (l,), (1,), (L,), r"l \in [L]")
    return 2 * chain * (1 + rho_1) * psi * decay + 2 * L * size**L * rise


def constants() -> Iterator[Quantity]:
    """The elementary constants: sigma_0, gamma, h, psi_H and g."""
    pairs = ((1, 2), (L - 1, L))
    young = h(l1) * (beta_phi / 2 * (gamma**2 + h(l2) ** 2) + 1)
    cauchy = h(l1) * (beta_phi * gamma * h(l2) + 1)
    safe = Largest(1, gamma)
    yield Quantity(
        "sigma_0",
        r"\sigma_0",
        sigma_1 / (2 * (1 + sympy.sqrt(sympy.log(m)) / sympy.sqrt(2 * m))),
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
        sigma_1 + rho / sympy.sqrt(m),
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
        gamma ** (l - 1) + phi_0 * _powers(gamma, l - 1),
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
        ("psi_H", _psi(gamma, young, PAIRS, pairs), "Remark 4.3", "printed", "largest (2,2,1)-norm", (DEEP,)),
        (
            "psi_H_tight",
            _psi(gamma, cauchy, PAIRS, pairs),
            "Lemma A.5 by Cauchy-Schwarz",
            "derived",
            "psi_H with the cross term by Cauchy-Schwarz in place of Young's inequality",
            (DEEP,),
        ),
        (
            "psi_H_safe",
            _psi(safe, young, ALL_PAIRS, ((1, 1), (L, L))),
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
        a**L + phi_0 * _powers(a, L),
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
        a**L + phi_0 * _powers(a, L, 1),
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
        sympy.Sum(h(l) ** 2 * gamma ** (2 * (L - l)), (l, 1, L)),
        "equal",
        at("Lemma 4.1"),
        "printed",
        "sum over layers of the squared weight-gradient factors",
        ("L", "gamma", "phi_0"),
        algorithm=_path_sum,
        glyph="Σ",
        monotone={"gamma": 1, "phi_0": 1},
    )


def hessian_constants() -> Iterator[Quantity]:
    """c_H in its printed and proved variants, and the Hessian bound of Thm 4.1."""
    size = Largest(1, gamma)
    factor = L**2 * gamma ** (2 * L) + L * gamma**L
    safe = L**2 * size ** (2 * L) + L * size**L + L
    names = ("L", "gamma", "phi_0", "beta_phi", "rho_1")
    up = dict.fromkeys(names[1:], 1)
    rows: tuple[tuple[str, str, Any, str, str, str, tuple[Condition, ...]], ...] = (
        (
            "c_H",
            "c_H",
            _c_h(L * (factor + 1), psi_H, gamma),
            "Remark 4.3",
            "printed",
            "Hessian constant as printed: the factor L multiplies the whole bracket (erratum B3)",
            (DEEP, WIDE_GAMMA),
        ),
        (
            "c_H_chain",
            r"c_H^{\mathrm{chain}}",
            _c_h(factor + L, psi_H, gamma),
            "Theorem 4.2 inserted in its proof",
            "derived",
            "Hessian constant that the proof's own chain gives",
            (DEEP, WIDE_GAMMA),
        ),
        (
            "c_H_safe",
            r"c_H^{\mathrm{safe}}",
            _c_h(safe, psi_H_safe, size),
            "Theorem 4.1, errata B4-B6",
            "derived",
            "Hessian constant valid for every gamma",
            (),
        ),
        (
            "c_H_tight",
            r"c_H^{\mathrm{tight}}",
            _c_h(factor + L, psi_H_tight, gamma),
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
        "the Hessian constant that other results use: c_H_chain where gamma >= 1, else c_H_safe",
        names,
        alternatives=((gamma >= 1, "c_H_chain"), (sympy.true, "c_H_safe")),
        assumptions=(*BASIC, DEEP),
        statement=r"\sqrt{m}\,\max_i\|\nabla^2_\theta f(\theta;x_i)\|_2",
        probability="probability",
        glyph="c_H proved",
    )
    yield Quantity(
        "hessian_norm",
        r"c_H/\sqrt{m}",
        c_H / sympy.sqrt(m),
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


def gradient_bounds() -> Iterator[Quantity]:
    """Lemma 4.1: the predictor's gradients in its parameters and its input."""
    energy = symbol("path_sum")
    grad = r"\|\nabla_\theta f(\theta;x)\|_2"
    yield Quantity(
        "varrho",
        r"\varrho",
        sympy.sqrt(h(L + 1) ** 2 + (1 + rho_1) ** 2 * energy / m),
        "upper",
        at("Lemma 4.1"),
        "printed",
        "Lipschitz constant of the predictor in its parameters",
        ("L", "gamma", "phi_0", "rho_1", "m"),
        assumptions=BASIC,
        statement=grad,
        probability="probability",
        glyph="ϱ",
        measured_by="per-sample gradient norms",
        monotone={"gamma": 1, "phi_0": 1, "rho_1": 1, "m": -1},
    )
    yield Quantity(
        "param_grad_norm",
        r"\varrho",
        varrho,
        "upper",
        at("Lemma 4.1"),
        "printed",
        "largest gradient of the predictor in its parameters",
        ("varrho",),
        assumptions=BASIC,
        statement=grad,
        probability="probability",
        glyph="‖∇θ f‖",
        measured_by="per-sample gradient norms",
        monotone={"varrho": 1},
    )
    slope = r"\|\nabla_x f(\theta;x)\|_2"
    for name, size, status, text in (
        ("input_grad_norm", d, "derived", "largest input gradient: the first layer is divided by sqrt(d) (B1)"),
        ("input_grad_norm_printed", m, "printed", "input gradient as printed, with sqrt(m): false (erratum B1)"),
    ):
        yield Quantity(
            name,
            slope,
            gamma**L * (1 + rho_1) / sympy.sqrt(size),
            "upper",
            at("Lemma 4.1"),
            status,
            text,
            ("L", "gamma", "rho_1", str(size)),
            assumptions=BASIC,
            statement=slope,
            probability="probability",
            glyph="‖∇ₓ f‖",
            measured_by="per-sample input gradients",
            monotone={"gamma": 1, "rho_1": 1, str(size): -1},
        )


def loss_bounds() -> Iterator[Quantity]:
    """Lemma 4.2 and Corollary 4.1: the square loss and its gradient in the ball."""
    assume = (*BASIC, SQUARE)
    for tail, bound, status in (("", g, "derived"), ("_printed", g_printed, "printed")):
        note = " with g as printed (erratum B2)" if tail else ""
        yield Quantity(
            "loss_ball" + tail,
            r"c_{\rho_1,\gamma}" + ("^{\\mathrm{printed}}" if tail else ""),
            2 * mean_y_sq + 2 * (1 + rho_1) ** 2 * bound(gamma) ** 2,
            "upper",
            at("Lemma 4.2"),
            status,
            "loss anywhere in the ball" + note,
            ("L", "gamma", "phi_0", "rho_1", "mean_y_sq"),
            assumptions=assume,
            statement=r"\mathcal L(\theta)",
            probability="probability",
            glyph="c_ρ₁,γ",
            measured_by="the loss along the trajectory",
            monotone={"gamma": 1, "phi_0": 1, "rho_1": 1, "mean_y_sq": 1},
        )
        yield Quantity(
            "loss_init" + tail,
            r"c_{0,\sigma_1}" + ("^{\\mathrm{printed}}" if tail else ""),
            2 * mean_y_sq + 2 * bound(sigma_1) ** 2,
            "upper",
            at("Lemma 4.2"),
            status,
            "loss at initialisation" + note,
            ("L", "sigma_1", "phi_0", "mean_y_sq"),
            assumptions=assume,
            statement=r"\mathcal L(\theta_0)",
            probability="probability",
            glyph="c_0,σ₁",
            measured_by="the loss at initialisation",
            monotone={"sigma_1": 1, "phi_0": 1, "mean_y_sq": 1},
        )
    yield Quantity(
        "loss_grad_norm",
        r"2\sqrt{c_{\rho_1,\gamma}}\,\varrho",
        2 * sympy.sqrt(loss_ball) * varrho,
        "upper",
        at("Corollary 4.1"),
        "printed",
        "gradient of the loss in the ball",
        ("loss_ball", "varrho"),
        assumptions=assume,
        statement=r"\|\nabla_\theta\mathcal L(\theta)\|_2",
        probability="probability",
        glyph="‖∇𝓛‖",
        measured_by="the loss gradient along the trajectory",
        monotone={"loss_ball": 1, "varrho": 1},
    )


def quantities() -> Iterator[Quantity]:
    """Everything in Section 4."""
    yield from constants()
    yield from hessian_constants()
    yield from gradient_bounds()
    yield from loss_bounds()
