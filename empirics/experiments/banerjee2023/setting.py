"""What a comparison with banerjee2023 is asked."""

from __future__ import annotations

from dataclasses import dataclass

from empirics import setting
from empirics.setting import option


@dataclass(frozen=True)
class Setting(setting.Setting):
    """The settings of every comparison, and the paper's own.

    Attributes:
        L: Hidden layers.
        sigma_1: Scale of the initial weights.
        rho, rho_1: Radii of the ball; None: the least that contain the points measured, rounded up.
    """

    learning_rate: float | None = option(1.0, "A number, or 'theory' for Lemma 5.2's 1/beta.", kind="positive")
    L: int = option(3, "Hidden layers.", kind="count")
    sigma_1: float = option(1.0, "Scale of the initial weights.", kind="positive")
    rho: float | None = option(None, "Radius of the ball; else the least that contains the run.", kind="nonnegative")
    rho_1: float | None = option(None, "Radius for the last layer; else likewise.", kind="nonnegative")
