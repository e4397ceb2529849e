"""The changes of units under which the results on optimisation hold as before, and the experiment's parameters."""

from __future__ import annotations

import sympy

from bounds.model import Given, Rescaling, Scenario

LOSS = {
    **dict.fromkeys(("a", "b", "beta", "rsc_alpha", "loss_0", "loss_star", "eps"), 1),
    "lambda_t": 2,  # a square of the loss's slope
    "rsc_alpha_general": 1,
    "beta_general": 1,
    "step_size": -1,
}
RATES = ("rsc_alpha_general", "beta_general", "step_size", "local_contraction", "contraction", "iterations")
RESCALINGS = (Rescaling("loss", LOSS, RATES),)

_TEXT = "Section 6, Figure 1"
SCENARIOS = (
    Scenario(
        "fig1",
        "Figure 1: 3-layer tanh networks on 512 points of CIFAR-10 (panels a, b), MNIST (c) or Fashion-MNIST (d)",
        (
            Given("samples", 512, f"{_TEXT}: 512 random training points"),
            Given("L", 3, f"{_TEXT}: 3-layer network"),
            Given("activation", "tanh", f"{_TEXT}: tanh"),
            Given("d", 3072, f"{_TEXT}, panels a and b: CIFAR-10, 32 x 32 pixels in three colours"),
            Given("eps", sympy.Rational(1, 1000), f"{_TEXT}: training stops at a loss of 1e-3"),
        ),
    ),
)
