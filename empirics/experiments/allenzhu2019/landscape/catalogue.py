"""The seven figures: which network, against which second data set, in the paper's and in reduced size.

Reduced: narrower and shallower networks on 256 images for 41 epochs; F over 64 to 128 of them;
four of the six panels where there are two trainings. Digits are not mirrored: a mirrored digit is another sign.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from empirics.experiments.allenzhu2019.landscape.figure import Landscape
from empirics.experiments.allenzhu2019.landscape.setting import Hundred, Noisy, ResidualHundred, ResidualNoisy, Setting

_VGG: dict[str, Any] = {"depth": 11, "width": 0.125, "epochs": 41, "batch_size": 64, "augment": "crop", "measured": 128}
_ONE: dict[str, Any] = {"grid": 6, "oja_steps": 60, "lanczos_steps": 12}
_TWO: dict[str, Any] = {"grid": 4, "oja_steps": 50, "lanczos_steps": 10, "panel_epochs": (5, 40, 120, 160)}
_RESNET: dict[str, Any] = _VGG | {"depth": 8, "width": 0.25, "batch_size": 32, "measured": 96}
_DEEPER: dict[str, Any] = _VGG | {"depth": 14, "width": 0.25, "batch_size": 32, "measured": 64}


def _figure(name: str, kind: str, paper: Setting, reduced: dict[str, Any]) -> Landscape:
    return Landscape(name, kind, paper, replace(paper, **reduced))


_RESNET_32: dict[str, Any] = {"depth": 32, "weight_decay": 1e-4}
_RESNET_110: dict[str, Any] = {"depth": 110, "weight_decay": 1e-4}
_ALL = (
    _figure("fig1", "VGG", Setting(), _VGG | _ONE),
    _figure("fig2", "ResNet", ResidualHundred(**_RESNET_32), _RESNET | _TWO),
    _figure("fig3", "ResNet", ResidualHundred(**_RESNET_110), _DEEPER | _TWO),
    _figure("fig4", "VGG", Hundred(), _VGG | _TWO),
    _figure("fig5", "ResNet", ResidualNoisy(**_RESNET_32), _RESNET | _TWO),
    _figure("fig6", "ResNet", ResidualNoisy(**_RESNET_110), _DEEPER | _TWO),
    _figure("fig7", "VGG", Noisy(), _VGG | _TWO),
)
FIGURES: dict[str, Landscape] = {figure.name: figure for figure in _ALL}
"""Name -> figure, as the package of an experiment exposes them."""
