"""Figures 1 to 7: one object each, which trains, takes the surfaces, says what they show and writes them down.

Source: allenzhu2019, Figure 1 (Section 4.1) and Figures 2 to 7 (appendix).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import empirics.data
from empirics.checks import check_device
from empirics.data import Dataset
from empirics.experiments.allenzhu2019.landscape.directions import NUMBERS
from empirics.experiments.allenzhu2019.landscape.drawing import draw
from empirics.experiments.allenzhu2019.landscape.images import Images, noisy, pairs, prepare
from empirics.experiments.allenzhu2019.landscape.objective import Objective
from empirics.experiments.allenzhu2019.landscape.setting import Hundred, Noisy, Setting
from empirics.experiments.allenzhu2019.landscape.surface import ALONG, Panel, look
from empirics.experiments.allenzhu2019.landscape.train import states
from empirics.experiments.allenzhu2019.landscape.words import summary
from empirics.figures import check_folder, save_drawing, write_csv
from empirics.setting import Progress


@dataclass(frozen=True, eq=False)
class Landscapes:
    """The panels behind a figure.

    Attributes:
        name: fig1, ..., fig7.
        title: Of the drawing.
        panels: Training by training, epoch by epoch.
        data: Training -> what it was trained on.
        lost: Trainings that ended early, with the reason.
        setting: What was asked.
        full: The paper's own network and data, in words.
        interrupted: Whether Ctrl-C ended it before the last panel.
    """

    name: str
    title: str
    panels: tuple[Panel, ...]
    data: dict[str, str]
    lost: dict[str, str]
    setting: Setting
    full: str
    interrupted: bool = False

    def summary(self) -> str:
        """What was seen, in words, with the numbers."""
        return summary(self)


@dataclass(frozen=True)
class Landscape:
    """A figure, with what every figure module has.

    Attributes:
        name: fig1, ..., fig7.
        kind: VGG or ResNet.
        PAPER: The paper's sizes; its data are --data CIFAR_10 (or a .npz file) --samples 50000.
        REDUCED: A minute or two on two cores.
        SAMPLES: How many training samples, unless said.
    """

    name: str
    kind: str
    PAPER: Setting
    REDUCED: Setting
    SAMPLES: int = 256
    NEEDS_DATA: ClassVar[bool] = True
    LOAD: dict[str, Any] = field(default_factory=lambda: {"normalise": "none", "targets": "index"})

    def run(self, setting: Setting, data: Dataset, progress: Progress | None = None) -> Landscapes:
        """Train on each data set and take the surface at each panel's epoch.

        Args:
            setting: What to do.
            data: Images with classes, as `LOAD` loads them.
            progress: Called with one line now and then.

        Returns:
            The panels; after Ctrl-C those that were finished.

        Raises:
            TheoryError: Data that are no images, settings that do not fit, a checkpoint that cannot be used.
            KeyboardInterrupt: Ctrl-C before the first panel was finished.
        """
        check_device(setting.device)
        panels: list[Panel] = []
        said: dict[str, str] = {}
        lost: dict[str, str] = {}
        interrupted = False
        try:
            for name, images in self._trainings(setting, data):
                said[name] = f"{images.name}: {len(images.X)} training samples, {images.classes} classes"
                before = len(panels)
                for panel in self._panels(setting, name, images.to(setting.device), progress):
                    panels.append(panel)  # one by one: Ctrl-C keeps those that are there
                if len(panels) - before < len(setting.panels):
                    lost[name] = f"diverged before epoch {setting.panels[len(panels) - before]}"
        except KeyboardInterrupt:  # the panels that are finished still make a figure
            if not panels:
                raise
            interrupted = True
        title = f"{self.kind} of depth {setting.depth}, width {setting.width:g}: F around the iterates of SGD"
        title += f" ({setting.epochs} epochs)"
        return Landscapes(self.name, title, tuple(panels), said, lost, setting, self._full, interrupted)

    def save(self, result: Landscapes, folder: Path) -> list[Path]:
        """Write the surfaces, the ladders and the directions' numbers as CSV, and the drawing as PNG and SVG.

        Args:
            result: What `run` returned.
            folder: Where.

        Returns:
            The files.

        Raises:
            TheoryError: The folder cannot be written.
        """
        check_folder(folder)
        stem = f"allenzhu2019.{self.name}"
        tables = [
            write_csv(folder / f"{stem}.surface.csv", (*WHOSE, "minus_gradient", "curved", "F"), _points(result)),
            write_csv(folder / f"{stem}.lines.csv", (*WHOSE, "direction", "distance", "F"), _lines(result)),
            write_csv(folder / f"{stem}.directions.csv", (*OWN, *NUMBERS), _numbers(result)),
        ]
        return tables + (save_drawing(draw(result), folder, stem) if result.panels else [])

    @property
    def _full(self) -> str:
        p, second = self.PAPER, {Hundred: " and of CIFAR100", Noisy: ", and with 20% of the labels wrong"}
        beside = next((words for cls, words in second.items() if isinstance(p, cls)), "")
        return f"{self.kind} of depth {p.depth}, width 1, 50000 images of CIFAR10{beside}, {p.epochs} epochs"

    def _trainings(self, setting: Setting, data: Dataset) -> Iterator[tuple[str, Images]]:
        """Name and samples of each training."""
        images = prepare(data, setting.layout)
        name = Path(data.name).stem
        yield name, images
        if isinstance(setting, Noisy):
            yield f"{name}, {setting.noise:.0%} wrong", noisy(images, setting.noise, setting.seed)
        elif isinstance(setting, Hundred) and setting.second is None:
            yield f"pairs of {name}", pairs(data, setting.layout, setting.seed)
        elif isinstance(setting, Hundred):
            assert setting.second is not None
            other = empirics.data.load(setting.second, samples=len(data.X), seed=setting.seed, **self.LOAD)
            yield Path(other.name).stem, prepare(other, setting.layout)

    def _panels(self, setting: Setting, name: str, images: Images, progress: Progress | None) -> Iterator[Panel]:
        """One training's panels."""
        few = images.first(setting.measured)
        for epoch, model in states(setting, self.kind, images, f"{self.kind}{setting.depth}.{name}", progress):
            if progress:
                progress(f"{name}: surface after epoch {epoch}")
            F = Objective(model, few.X, few.y, group=setting.batch_size, batch_norm=setting.batch_norm)
            yield look(setting, F, name, epoch)


WHOSE = ("data", "epoch")
FALLS = ("gradient_fall", "curved_fall", "whole_fall", "best_distance", "quadratic_ratio")
OWN = (*WHOSE, "weights_norm", "F", *FALLS)


def _points(result: Landscapes) -> Iterator[tuple[Any, ...]]:
    for p in result.panels:
        for i, x in enumerate(p.x):
            for j, y in enumerate(p.y):
                yield p.data, p.epoch, float(x), float(y), float(p.F[i, j])


def _lines(result: Landscapes) -> Iterator[tuple[Any, ...]]:
    for p in result.panels:
        for name, values in zip(ALONG, p.ladders, strict=True):
            for s, value in zip(p.distances, values, strict=True):
                yield p.data, p.epoch, name, float(s), float(value)


def _numbers(result: Landscapes) -> Iterator[tuple[Any, ...]]:
    for p in result.panels:
        own = (p.data, p.epoch, p.norm, p.here, *(getattr(p, name) for name in FALLS))
        yield (*own, *(getattr(p.directions, name) for name in NUMBERS))
