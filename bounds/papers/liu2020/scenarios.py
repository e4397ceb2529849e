"""The paper's experiment."""

from __future__ import annotations

import sympy

from bounds.terms import Given, Scenario

APPENDIX = "Appendix H"

SCENARIOS = (
    Scenario(
        "fig2",
        "20 points x ~ U[0, 1], y = 2x + 1/2, one hidden ReLU layer with biases; outputs linear, swish and 3 tanh",
        (
            Given("samples", 20, APPENDIX),
            Given("input_dim", 1, APPENDIX),
            Given("depth", 2, APPENDIX),
            Given("width", 10_000, "Fig 2, left (right: 30, 100, .., 10^6)"),
            Given("activation", "relu", APPENDIX),
            Given("target_loss", sympy.Rational(1, 10_000), "Section 8.1, training until convergence"),
            Given("C_x", 1, "x in [0, 1]"),
        ),
    ),
)
