"""The paper's experiment (Section 6, Appendix G, Figure 1) at three of its ten initial scales."""

from __future__ import annotations

from bounds.model import Given, Scenario

SETUP = "Appendix G"
PRODUCT = 0.002259
"""omega_1 omega_2, held fixed: He's sqrt(2/784) sqrt(2/1000)."""


def _figure(omega_2: float, origin: str) -> tuple[Given, ...]:
    return (
        Given("n", 60_000, "MNIST, " + SETUP),
        Given("d_0", 784, "MNIST, " + SETUP),
        Given("d_1", 1000, "the student, " + SETUP),
        Given("d_2", 10, "one-hot labels, " + SETUP),
        Given("activation", "gelu", "the student, " + SETUP),
        Given("eta", 0.01, SETUP),
        Given("omega_1", PRODUCT / omega_2, "omega_1 omega_2 = 0.002259, " + SETUP),
        Given("omega_2", omega_2, origin),
    )


SCENARIOS = (
    Scenario("fig1", "Figure 1 at He initialisation", _figure(0.0447, "He: sqrt(2/1000), " + SETUP)),
    Scenario("fig1-low", "Figure 1 at its smallest omega_2", _figure(0.002, "left end of Figure 1")),
    Scenario("fig1-high", "Figure 1 at its largest omega_2", _figure(0.1, "right end of Figure 1")),
)
