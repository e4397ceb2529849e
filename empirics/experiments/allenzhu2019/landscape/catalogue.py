"""The seven figures: which network, against which second data set, in the paper's and in reduced size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from empirics.experiments.allenzhu2019.landscape.figure import Landscape
from empirics.experiments.allenzhu2019.landscape.setting import Hundred, Noisy, ResidualHundred, ResidualNoisy, Setting

_SMALL: dict[str, Any] = {
    "epochs": 41,
    "batch_size": 64,
    "augment": "crop",
    "measured": 128,
    "grid": 6,
    "oja_steps": 60,
    "lanczos_steps": 12,
}
"""Digits are not mirrored: a mirrored digit is another sign."""
_SMALLER: dict[str, Any] = _SMALL | {"grid": 4, "panel_epochs": (5, 40, 120, 160), "oja_steps": 50, "lanczos_steps": 10}


def _figure(name: str, kind: str, paper: Setting, depth: int, width: float) -> Landscape:
    small = _SMALL if name == "fig1" else _SMALLER
    return Landscape(name, kind, paper, replace(paper, depth=depth, width=width, **small))


def _pair(names: tuple[str, str], kind: str, depth: int, small: tuple[int, float], classes: Any) -> list[Landscape]:
    decay = 5e-4 if kind == "VGG" else 1e-4
    return [_figure(n, kind, c(depth=depth, weight_decay=decay), *small) for n, c in zip(names, classes, strict=True)]


_RESIDUAL = (ResidualHundred, ResidualNoisy)
_ALL = [
    _figure("fig1", "VGG", Setting(), 11, 0.125),
    *_pair(("fig2", "fig5"), "ResNet", 32, (8, 0.25), _RESIDUAL),
    *_pair(("fig3", "fig6"), "ResNet", 110, (14, 0.25), _RESIDUAL),
    *_pair(("fig4", "fig7"), "VGG", 19, (11, 0.125), (Hundred, Noisy)),
]
FIGURES: dict[str, Landscape] = {f.name: f for f in sorted(_ALL, key=lambda f: f.name)}
"""Name -> figure, as the package of an experiment exposes them."""
