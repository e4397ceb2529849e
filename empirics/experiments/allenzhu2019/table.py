"""What the attacks reached: the worst and the typical number for every quantity and radius."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from empirics.experiments.allenzhu2019.attack import RANDOM


@dataclass(frozen=True, eq=False)
class Reached:
    """One quantity at all radii, over some attacks.

    Attributes:
        worst: the largest over attacks, samples and layers (or outputs), (radii,).
        typical: the mean over samples, then the largest over attacks and layers, (radii,).
        attack: the worst one's name, one per radius.
        place: the worst one's layer or output, from 1, one per radius.
    """

    worst: np.ndarray
    typical: np.ndarray
    attack: tuple[str, ...]
    place: tuple[int, ...]


@dataclass
class Table:
    """Readings by quantity, as they come.

    Attributes:
        labels: the attacks, in order.
        readings: quantity -> one tensor per attack, (radii, n, places).
    """

    labels: list[str] = field(default_factory=list)
    readings: dict[str, list[Tensor]] = field(default_factory=dict)

    def add(self, label: str, found: Mapping[str, Tensor]) -> None:
        """Take what an attack reached, the same quantities for every attack; NaN where a sample has no number."""
        self.labels.append(label)
        for name, values in found.items():
            worst = values.nan_to_num(nan=-torch.inf).amax(-2)
            both = torch.stack([worst.masked_fill(worst.isneginf(), torch.nan), values.nanmean(-2)])
            self.readings.setdefault(name, []).append(both)

    def reached(self, name: str, *, random: bool) -> Reached | None:
        """The random directions' numbers, or the attacks'; None where there are none."""
        chosen = [k for k, label in enumerate(self.labels) if (label == RANDOM) == random]
        if not chosen:
            return None
        table = torch.stack([self.readings[name][k] for k in chosen], -2).cpu().numpy()  # (2, radii, attacks, places)
        worst, typical = table.reshape(*table.shape[:2], -1)
        at = np.where(np.isnan(worst), -np.inf, worst).argmax(axis=-1)
        attack, place = np.divmod(at, table.shape[-1])
        return Reached(
            worst[np.arange(len(at)), at],
            np.fmax.reduce(typical, axis=-1),
            tuple(self.labels[chosen[k]] for k in attack),
            tuple(int(p) + 1 for p in place),
        )

    def typical(self, name: str, *, random: bool) -> np.ndarray:
        """The mean over samples of the attack and layer where it is largest, (radii,); NaN where there are none."""
        found = self.reached(name, random=random)
        return np.full(len(self.readings[name][0][0]), np.nan) if found is None else found.typical
