"""Lemmas 4.1, 4.2 and Corollary 4.1: gradients of the predictor, the loss and its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import sympy

from bounds.model import Quantity
from bounds.papers.banerjee2023.letters import IN_BALL, INITIAL, SMOOTH, SQUARE, WIDE, at, symbol

L, m, d, sigma_1, rho_1, gamma = (symbol(x) for x in ("L", "m", "d", "sigma_1", "rho_1", "gamma"))
varrho, loss_ball, mean_y_sq, path_sum = (symbol(x) for x in ("varrho", "loss_ball", "mean_y_sq", "path_sum"))
h, g, g_printed = sympy.Function("h"), sympy.Function("g"), sympy.Function("g_printed")
BASIC = (SMOOTH, INITIAL, IN_BALL, WIDE)


def _input_slope(size: Any) -> Any:
    return gamma**L * (1 + rho_1) / sympy.sqrt(size)


def _loss_ball(bound: Any) -> Any:
    return 2 * mean_y_sq + 2 * (1 + rho_1) ** 2 * bound(gamma) ** 2


def _loss_init(bound: Any) -> Any:
    return 2 * mean_y_sq + 2 * bound(sigma_1) ** 2


def gradient_bounds() -> Iterator[Quantity]:
    """Lemma 4.1: the predictor's gradients in its parameters and its input."""
    grad = r"\|\nabla_\theta f(\theta;x)\|_2"
    yield Quantity(
        "varrho",
        r"\varrho",
        lambda: sympy.sqrt(h(L + 1) ** 2 + (1 + rho_1) ** 2 * path_sum / m),
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
            partial(_input_slope, size),
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
            partial(_loss_ball, bound),
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
            partial(_loss_init, bound),
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
        lambda: 2 * sympy.sqrt(loss_ball) * varrho,
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
    """Lemmas 4.1, 4.2 and Corollary 4.1."""
    yield from gradient_bounds()
    yield from loss_bounds()
