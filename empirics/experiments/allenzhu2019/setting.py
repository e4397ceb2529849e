"""What a comparison with allenzhu2019 is asked."""

from __future__ import annotations

from dataclasses import dataclass

from bounds.errors import TheoryError
from bounds.registry import suggest
from empirics import setting
from empirics.experiments.allenzhu2019.key import KINDS
from empirics.setting import option

LOSSES = ("cross_entropy", "gradient_dominant", "convex", "nonconvex")
"""The losses of Theorem 6, by the names of its iterations."""
RADII = (1e-3, 3e-3, 1e-2, 2e-2, 4e-2, 8e-2)


@dataclass(frozen=True)
class Setting(setting.Setting):
    """The settings of every comparison, and the paper's own.

    Attributes:
        learning_rate: Step size of gradient descent; None: 1/lambda_max of the tangent kernel at w_0, network by
            network. Theorem 1's own is known up to its constant only.
        L: Trained layers W_1, ..., W_L: hidden layers beyond the first.
        networks: Which of mlp, cnn and resnet, separated by commas.
        channels: The CNN's m: channels at every position; its last hidden layer has as many units as all positions.
        q: Positions that a convolution reads.
        tau: Scale of the ResNet's branches; None: 1/(L log m).
        eps: The loss at which training stops, in (0, 1]; of a non-convex loss the norm of its gradient in the outputs.
        batch_size: Samples in a mini-batch, the paper's b; None: 8, or all where there are fewer.
        sgd_steps: Steps of SGD.
        sgd_learning_rate: Their step size; None: 1/(n max_i K_ii), K the tangent kernel at w_0.
        losses: Which of Theorem 6's losses, separated by commas; "none".
        loss_steps: Steps with each of these losses.
        loss_samples: How many samples they are trained on, the first ones: few, so that the goals come into reach.
        omegas: Radii of the perturbations (Section 8, Theorems 4 and 5).
        perturbed_samples: At how many samples networks are perturbed, the first ones: every sample is attacked apart.
    """

    widths: tuple[int, ...] = option((64, 128, 256), "Widths, separated by commas.", kind="counts")
    activation: str = option("relu", "The paper's is relu.")
    learning_rate: float | None = option(None, "Step size; left open: 1/lambda_max of the kernel.", kind="positive")
    steps: int = option(60, "Steps of gradient descent.", kind="count")
    points: int = option(5, "Measured points of the trajectory, the first and the last among them.", kind="count")
    L: int = option(2, "Trained layers: hidden layers beyond the first.", kind="count")
    networks: str = option("mlp,cnn,resnet", "Which of mlp, cnn and resnet, separated by commas.")
    channels: tuple[int, ...] = option((2, 4, 8), "Channels of the CNNs, their m.", kind="counts")
    q: int = option(3, "Positions that a convolution reads.", kind="count")
    tau: float | None = option(None, "Scale of the ResNet's branches; else 1/(L log m).", kind="positive")
    eps: float = option(0.1, "Loss at which to stop, at most 1.", kind="positive")
    batch_size: int | None = option(None, "Samples in a mini-batch; else 8.", kind="count")
    sgd_steps: int = option(60, "Steps of SGD.", kind="count")
    sgd_learning_rate: float | None = option(None, "Step size of SGD; left open: 1/(n max_i K_ii).", kind="positive")
    losses: str = option(",".join(LOSSES), "Losses of Theorem 6, separated by commas, or none.")
    loss_steps: int = option(400, "Steps with each of these losses.", kind="count")
    loss_samples: int = option(16, "Samples that these losses are trained on.", kind="count")
    omegas: tuple[float, ...] = option(RADII, "Radii of the perturbations.", kind="positives")
    perturbed_samples: int = option(64, "Samples at which networks are perturbed, the first ones.", kind="count")

    def __post_init__(self) -> None:
        super().__post_init__()
        _words("networks", self.networks, KINDS)
        if self.losses != "none":
            _words("losses", self.losses, LOSSES)
        for name in ("loss_samples", "perturbed_samples"):
            if getattr(self, name) < 2:
                raise TheoryError(f"{name} = {getattr(self, name)}: must be at least 2, delta is a distance")
        if self.eps > 1:
            raise TheoryError(f"eps = {self.eps}: must be at most 1")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The networks, in the paper's order; CNNs, whose sizes are `channels` at any width, where `shared` is on."""
        chosen = _words("networks", self.networks, KINDS)
        return tuple(kind for kind in KINDS if kind in chosen and (self.shared or kind != "cnn"))

    @property
    def idle(self) -> bool:
        """Whether only CNNs are asked for, and they are trained elsewhere."""
        return not self.kinds

    @property
    def other_losses(self) -> tuple[str, ...]:
        """The losses besides the square."""
        return () if self.losses == "none" else _words("losses", self.losses, LOSSES)

    def widths_of(self, kind: str) -> tuple[int, ...]:
        """The paper's m for a kind of network: units, or channels.

        Args:
            kind: mlp, cnn or resnet.
        """
        return self.channels if kind == "cnn" else self.widths


def _words(name: str, text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    for word in words:
        if word not in allowed:
            known = ", ".join(allowed)
            raise TheoryError(f"{name} = {text}: {word!r} is not known{suggest(word, allowed)}; there is {known}")
    if len(set(words)) < len(words):
        raise TheoryError(f"{name} = {text}: names must differ")
    return words
