"""Appendix B (Theorem 7): convolutional networks with a dense last hidden layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from bounds.forms import at_most
from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import constant, formula, law, symbol

L, m, delta, eps, q, tau = (symbol(x) for x in ("L", "m", "delta", "eps", "q", "tau"))
positions = symbol("d_positions")
CNN = Condition(
    "Assumption B.1", "every position reads q positions and is read by q; W_L and B are dense, the rest convolutions"
)
READS = Condition(
    "q <= d_positions", "a position reads at most all positions", lambda: at_most(q, positions), "give a smaller q"
)
SCALE = Condition("tau", "tau is at most cnn_tau_limit")
FORWARD = "norms of hidden layers at initialisation"


def quantities() -> Iterator[Quantity]:
    """Theorem 7's network."""
    yield from convolutions()
    yield from norms()
    yield from variances()


def convolutions() -> Iterator[Quantity]:
    """Appendix B.1: the scale of the biases."""
    yield formula(
        "cnn_tau",
        r"\tau",
        lambda: delta**2 / (10 * positions * L),
        "upper",
        "Appendix B",
        "scale of the convolutions' biases",
        "delta d_positions L",
        assumptions=(CNN,),
        glyph="τ",
        monotone={"delta": 1, "d_positions": -1, "L": -1},
    )
    yield formula(
        "cnn_tau_limit",
        r"\tau",
        lambda: sympy.sqrt(eps * q / (10 * positions * L)),
        "at_most",
        "Appendix B.1, Lemma 7.1",
        "scale of the biases at which the norms stay in [1 - eps, 1 + eps]",
        "eps q d_positions L",
        assumptions=(CNN, READS),
        glyph="τ",
        monotone={"eps": 1, "q": 1, "d_positions": -1, "L": -1},
    )


def norms() -> Iterator[Quantity]:
    """Appendix B.1: norms of layers and of their products."""
    yield formula(
        "cnn_forward_norm_sq",
        r"\mathbb{E}\|h_{i,\ell}\|^2",
        lambda: 1 + L * tau**2 * positions / q,
        "upper",
        "Appendix B.1, Lemma 7.1",
        "mean squared norm of a convolutional layer: every layer adds tau^2 d_positions/q to the input's 1",
        "L tau d_positions q",
        status="proved",
        assumptions=(CNN, READS),
        glyph="E‖hₗ‖²",
        measured_by=FORWARD,
        monotone={"L": 1, "tau": 1, "d_positions": 1, "q": -1},
    )
    yield formula(
        "cnn_forward_norm_failure",
        "p",
        lambda: sympy.exp(-symbol("C") * m * eps**2 / L**2),
        "upper",
        "Appendix B.1, Lemma 7.1",
        "probability with which a norm leaves [1 - eps, 1 + eps], one sample's as printed",
        "L m eps",
        hidden=(constant(factor=False),),
        assumptions=(CNN, SCALE),
        glyph="p",
        measured_by=FORWARD,
        monotone={"L": 1, "m": -1, "eps": -1},
    )
    yield law(
        "cnn_intermediate_norm",
        r"\|W_b D_{i,b-1}\cdots D_{i,a}W_a\|_2",
        {"L": 1},
        "upper",
        "Appendix B.1, Lemma 7.3a",
        "spectral norm of a product of convolutional layers",
        assumptions=(CNN,),
        glyph="‖W_b D … W_a‖",
        measured_by="products of layers at initialisation",
    )


def variances() -> Iterator[Quantity]:
    """The variances that keep the norms at 1 (A14).

    The mean square of a neuron is the variance times the squared norm of what it reads, and ReLU halves it. A
    convolution has m neurons at every position and reads every position q times: 2/(q m) keeps the norm. The dense
    layer has d_positions m neurons that read everything: 2/(d_positions m).
    """
    derived, printed = "Appendix B (A14)", "Appendix B"
    for name, place, text, letter in (
        ("cnn_input_variance", derived, "variance of the input convolution's entries", "q"),
        ("cnn_variance", printed, "variance of the convolutions' entries", "q"),
        ("cnn_dense_variance", derived, "variance of the entries of the dense layer W_L", "d_positions"),
        (
            "cnn_dense_variance_printed",
            printed,
            "variance of the entries of the dense layer W_L as printed: too large by d_positions/q (A14)",
            "q",
        ),
    ):
        yield _variance(name, place, text, letter, lambda letter=letter: 2 / (symbol(letter) * m))
    yield _variance(
        "cnn_input_variance_printed",
        printed,
        "variance of the input convolution's entries as printed: too large (A14)",
        "q",
        lambda: 2 / sympy.sqrt(q * m),
    )


def _variance(name: str, place: str, text: str, letter: str, expression: Any) -> Quantity:
    return formula(
        name,
        r"\sigma^2",
        expression,
        "equal",
        place,
        text,
        f"{letter} m",
        status="derived" if "A14" in place else "printed",
        assumptions=(CNN,),
        glyph="σ²",
        monotone={letter: -1, "m": -1},
    )
