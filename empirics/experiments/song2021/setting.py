"""What a comparison with song2021 is asked."""

from __future__ import annotations

from dataclasses import dataclass

from empirics import setting
from empirics.setting import option


@dataclass(frozen=True)
class Setting(setting.Setting):
    """The settings of every comparison, and the paper's own.

    Attributes:
        omega_1: Standard deviation of W_0.
        omega_2: That of V_0; None: omega_1 omega_2 = 1/sqrt(d_0 d_1) (eq 19 with constant 1).
        t: Order of the Hermite coefficient and of the Khatri-Rao power.
        delta_1, delta_2: Relative error allowed to the least and largest eigenvalue of M_0.
        delta_3: Deviations of the initial output.
        delta_4: k_1 = k_2: deviations of the rows of W_0 and columns of V_0.
        eps: The loss whose first step is set against Theorem 2's iterations.
        init_seeds: Fresh initialisations per width, not trained, for what holds with high probability.
    """

    widths: tuple[int, ...] = option((512, 1024, 2048), "Hidden units d_1, separated by commas.", kind="counts")
    activation: str = option("gelu", "Name or expression in z.")
    learning_rate: float | None = option(None, "A number, or 'theory' for step_size_explicit.", kind="positive")
    omega_1: float = option(1.0, "Standard deviation of W_0.", kind="positive")
    omega_2: float | None = option(None, "That of V_0; else 1/(omega_1 sqrt(d_0 d_1)).", kind="positive")
    t: int = option(2, "Order of the Hermite coefficient.", kind="count")
    delta_1: float = option(0.5, "Relative error of the least eigenvalue of M_0.", kind="fraction")
    delta_2: float = option(1.0, "Relative error of the largest eigenvalue of M_0.", kind="positive")
    delta_3: float = option(2.0, "Deviations of the initial output.", kind="positive")
    delta_4: float = option(1.0, "Deviations of the rows of W_0 and the columns of V_0.", kind="positive")
    eps: float = option(1e-3, "The loss whose first step is looked for.", kind="positive")
    init_seeds: int = option(40, "Untrained initialisations per width.", kind="count")
