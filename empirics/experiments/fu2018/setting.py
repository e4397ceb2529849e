"""What a comparison with fu2018 is asked."""

from __future__ import annotations

from dataclasses import dataclass

from bounds.errors import TheoryError
from empirics import setting
from empirics.experiments.fu2018.data import LABELS
from empirics.setting import option


@dataclass(frozen=True)
class Setting(setting.Setting):
    """The settings of every comparison, and the paper's own: the data are drawn from its model.

    Attributes:
        widths: Neurons K, each at most d.
        seeds: Ground truths per K, each with samples of its own.
        learning_rate: Step size; None: 2/(H_min + H_max), the largest that (9) allows.
        restarts: Random points of a ball, from which the worst one is also searched.
        restart_steps: Full steps of each search.
        d: Input dimension.
        sample_sizes: Sample sizes n.
        labels: ``classification`` (eq 3), ``regression`` (eq 4) or ``both``.
        scale: Size of the rows of W*, or the geometric mean of its singular values.
        condition: kappa of W*, whose singular values are then in geometric progression; 0: as W* is drawn.
        c: The constant of the radius; None: 12 sqrt(2/pi), the least that Lemma 2's proof gives.
        descent_samples: Samples of gradient descent; None: the middle one of ``sample_sizes``.
        starts: Starts of gradient descent around the critical point.
        eps: The distance from the critical point whose first step is looked for.
        wide: Neurons of the network whose single samples are looked at besides (erratum F6).
    """

    widths: tuple[int, ...] = option((2, 4, 8), "Neurons K, separated by commas.", kind="counts")
    seeds: int = option(2, "Ground truths per width.", kind="count")
    activation: str = option("sigmoid", "Name or expression in z.")
    learning_rate: float | None = option(None, "A number, or 'theory' for 2/(H_min + H_max).", kind="positive")
    steps: int = option(200, "Steps of gradient descent.", kind="count")
    restarts: int = option(1, "Random points of a ball, and searches from them.", kind="whole")
    restart_steps: int = option(2, "Steps of each search.", kind="count")
    d: int = option(10, "Input dimension.", kind="count")
    sample_sizes: tuple[int, ...] = option((2000, 8000, 32000), "Sample sizes, separated by commas.", kind="counts")
    labels: str = option("both", "classification, regression or both.")
    scale: float = option(2.0, "Size of the ground truth's rows.", kind="positive")
    condition: float = option(1.5, "Condition number of the ground truth; 0: as drawn.", kind="nonnegative")
    c: float | None = option(None, "The constant of the radius; else 12 sqrt(2/pi).", kind="positive")
    descent_samples: int | None = option(None, "Samples of gradient descent; else the middle size.", kind="count")
    starts: int = option(2, "Starts of gradient descent.", kind="count")
    eps: float = option(1e-3, "Distance from the critical point whose first step is looked for.", kind="positive")
    wide: int = option(64, "Neurons of a network whose single samples are looked at besides.", kind="count")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.labels not in (*LABELS, "both"):
            raise TheoryError(f"labels = {self.labels}: must be {', '.join(LABELS)} or both")

    def conditioned(self, K: int) -> float | None:
        """The condition number to give W*, or None: a single neuron has 1."""
        return self.condition or None if K > 1 else None

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways of making labels that are asked for."""
        return LABELS if self.labels == "both" else (self.labels,)

    @property
    def descended(self) -> int:
        """Samples of gradient descent."""
        sizes = sorted(self.sample_sizes)
        return self.descent_samples or sizes[len(sizes) // 2]
