"""What the landscapes are asked: the recipe of the paper's training code, and how the surface is taken.

The paper says: SGD with momentum 0.9; rate 0.1, 0.01 from epoch 81, 0.001 from epoch 122; training code unchanged from
[58], bearpaw/pytorch-classification; panels at epochs 5, 40, 90, 120, 130 and 160 (Figure 1; the others do not say).
[58] says: 164 epochs, batches of 128, images cropped at random from a padding of 4 black pixels and mirrored at random,
weight decay 5e-4 for VGG19 and 1e-4 for residual networks (its TRAINING.md, which lists ResNet-110 and not ResNet-32).
Neither says how far the axes reach, on how many samples F is taken, what "after smoothing" is, nor how batch
normalisation is treated while W moves: those are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from bounds.errors import TheoryError
from empirics.experiments.allenzhu2019.landscape.models import SHORTCUTS
from empirics.setting import check_fields, option

TOTAL = 164
DROPS = (81, 122)
PANELS = (5, 40, 90, 120, 130, 160)
AUGMENT = ("crop+flip", "crop", "none")
BATCH_NORM = ("batch", "running")
LAYOUTS = ("auto", "planes", "pixels")


@dataclass(frozen=True)
class Setting:
    """One training and its panels.

    Attributes:
        depth, width: Of the network; width is a multiple of the full one's.
        epochs: Of the whole recipe; its drops and panels are at the same fractions of it as in the paper.
        panel_epochs: Where the panels are, of 164 epochs.
        batch_size: Samples per step, and per group that batch normalisation sees.
        learning_rate, momentum, weight_decay: Of SGD; the rate at the start, a tenth and a hundredth of it later.
        augment: crop+flip, crop or none.
        batch_norm: How F(W) normalises: batch or running.
        measured: Training samples that F is taken over; None: all.
        grid: Points from W to the end of an axis, even; uphill the surface goes half as far.
        oja_steps, lanczos_steps: Products with the Hessian, of one batch and of F.
        smoothing: Distance over which gradients are differenced, as a fraction of ||W||.
        layout: How rows of 3072 numbers hold pixels: planes, pixels or auto.
        checkpoints: Folder of the training's checkpoints; None: none.
        seed: Of the weights, the order, the crops, the directions' starts.
        device: cpu or cuda.
    """

    depth: int = option(19, "Layers of the network.", kind="count")
    width: float = option(1.0, "Channels, as a multiple of the full network's.", kind="positive")
    epochs: int = option(TOTAL, "Epochs of each training.", kind="count")
    panel_epochs: tuple[int, ...] = option(PANELS, "Epochs of 164 that have a panel.", kind="counts")
    batch_size: int = option(128, "Samples per step.", kind="count")
    learning_rate: float = option(0.1, "Step size, or 'theory' where a figure has one.", kind="positive")
    momentum: float = option(0.9, "Momentum of SGD.", kind="nonnegative")
    weight_decay: float = option(5e-4, "Weight decay of SGD.", kind="nonnegative")
    augment: str = option("crop+flip", "Training images: crop+flip, crop or none.")
    batch_norm: str = option("batch", "Statistics on the surface: batch (as trained) or running (kept fixed).")
    measured: int | None = option(None, "Training samples that the surface is taken over; else all.", kind="count")
    grid: int = option(12, "Points of a surface from W to the end of an axis, even.", kind="count")
    oja_steps: int = option(1000, "Steps of Oja's method, each on one batch.", kind="count")
    lanczos_steps: int = option(40, "Products with the Hessian of F for the cross-check.", kind="count")
    smoothing: float = option(1e-3, "Gradients are differenced over this share of the weights' norm.", kind="positive")
    layout: str = option("auto", "Rows of 3072 numbers: planes (red, green, blue), pixels, or auto.")
    checkpoints: str | None = option(None, "Folder for checkpoints after every epoch; training goes on from them.")
    seed: int = option(0, "Of weights, order and crops.", kind="whole")
    device: str = option("cpu", "cpu or cuda.", kind="device")

    def __post_init__(self) -> None:
        check_fields(self)
        for name, allowed in (("augment", AUGMENT), ("batch_norm", BATCH_NORM), ("layout", LAYOUTS)):
            if getattr(self, name) not in allowed:
                raise TheoryError(f"{name} = {getattr(self, name)}: must be {', '.join(allowed)}")
        if max(self.panel_epochs) > TOTAL:
            raise TheoryError(f"panel_epochs = {max(self.panel_epochs)}: must be at most {TOTAL}, the whole recipe")
        if self.momentum >= 1:
            raise TheoryError(f"momentum = {self.momentum}: must be at least 0 and below 1")
        if self.grid % 2:
            raise TheoryError(f"grid = {self.grid}: must be even, as half as many points lie behind W as before it")

    @property
    def drops(self) -> tuple[int, int]:
        """Epochs after which the rate is a tenth and a hundredth.

        >>> Setting(epochs=41).drops
        (20, 30)
        """
        first, second = (round(t * self.epochs / TOTAL) for t in DROPS)
        return first, second

    @property
    def panels(self) -> tuple[int, ...]:
        """Epochs after which the surface is taken, of this many; those that fall together once.

        >>> Setting(epochs=41).panels
        (1, 10, 22, 30, 32, 40)
        """
        return tuple(sorted({max(1, round(t * self.epochs / TOTAL)) for t in self.panel_epochs}))

    def rate(self, epoch: int) -> float:
        """The step size of the epoch after `epoch` epochs."""
        return self.learning_rate * 0.1 ** sum(epoch >= drop for drop in self.drops)


@dataclass(frozen=True)
class Hundred(Setting):
    """Figures 2 to 4, beside data with 100 classes.

    Attributes:
        second: A .npz file with these; None: pairs of the first data's images.
    """

    second: str | None = option(None, "CIFAR100 as a .npz file with X and y; else pairs of the data's own classes.")


@dataclass(frozen=True)
class Noisy(Setting):
    """Figures 5 to 7, beside the same data with wrong labels.

    Attributes:
        noise: The share of labels that are wrong.
    """

    noise: float = option(0.2, "Share of the labels that are replaced by others.", kind="fraction")


def _check_shortcuts(shortcuts: str) -> None:
    if shortcuts not in SHORTCUTS:
        raise TheoryError(f"shortcuts = {shortcuts}: must be {' or '.join(SHORTCUTS)}")


@dataclass(frozen=True)
class ResidualHundred(Hundred):
    """As `Hundred`, for a residual network.

    Attributes:
        shortcuts: Between stages: projection or identity.
    """

    shortcuts: str = option("projection", "Between stages: projection (the training code's) or identity.")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shortcuts(self.shortcuts)


@dataclass(frozen=True)
class ResidualNoisy(Noisy):
    """As `Noisy`, for a residual network.

    Attributes:
        shortcuts: Between stages: projection or identity.
    """

    shortcuts: str = option("projection", "Between stages: projection (the training code's) or identity.")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shortcuts(self.shortcuts)
