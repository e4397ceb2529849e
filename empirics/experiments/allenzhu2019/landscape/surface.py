"""F on a grid through W_t along both directions, and along each of them at distances from tiny to ||W_t||.

Distances are in weight space: a step s along a direction of length 1 moves W by ||W' - W|| = s, so that both axes have
the same unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from empirics.experiments.allenzhu2019.landscape.directions import Directions, find_directions
from empirics.experiments.allenzhu2019.landscape.objective import Objective
from empirics.experiments.allenzhu2019.landscape.setting import Setting

RUNGS = 13
ALONG = ("minus gradient", "curved", "curved, other way")
"""The three ladders."""


@dataclass(frozen=True, eq=False)
class Panel:
    """The surface around one iterate.

    Attributes:
        data: Of which training.
        epoch: After how many epochs.
        norm: ||W_t||.
        here: F(W_t).
        directions: The axes.
        distances: Of the ladders' rungs, ascending, (r,): ||W_t|| times 2^-12, ..., 1.
        ladders: F at these distances along `ALONG`, (3, r).
        x: Distances along minus the gradient, (3 g/2 + 1,), from -reach/2 to reach.
        y: Distances along the curved direction, (2 g + 1,), from -reach to reach.
        F: F(W_t - x_i gradient + y_j curved), (3 g/2 + 1, 2 g + 1).
    """

    data: str
    epoch: int
    norm: float
    here: float
    directions: Directions
    distances: np.ndarray
    ladders: np.ndarray
    x: np.ndarray
    y: np.ndarray
    F: np.ndarray

    @property
    def at(self) -> tuple[int, int]:
        """Where W_t is in `F`."""
        return len(self.x) // 3, len(self.y) // 2

    @property
    def down(self) -> np.ndarray:
        """Every value of F seen along minus the gradient, forwards."""
        i, j = self.at
        return np.concatenate([self.ladders[0], self.F[i + 1 :, j]])

    @property
    def bent(self) -> np.ndarray:
        """Every value of F seen along the curved direction, both ways."""
        return np.concatenate([self.ladders[1], self.ladders[2], self.F[self.at[0]]])

    @property
    def gradient_fall(self) -> float:
        """How far F falls along minus the gradient, as a share of F(W_t); 0: nowhere."""
        return self._fall(self.down)

    @property
    def curved_fall(self) -> float:
        """How far F falls along the curved direction, as a share of F(W_t); 0: nowhere."""
        return self._fall(self.bent)

    @property
    def whole_fall(self) -> float:
        """How far F falls anywhere that was looked at, as a share of F(W_t)."""
        return self._fall(np.concatenate([self.F.ravel(), self.down, self.bent]))

    @property
    def best_distance(self) -> float:
        """Where F is least along minus the gradient, on its ladder."""
        return float(self.distances[np.nanargmin(self.ladders[0])])

    @property
    def quadratic_ratio(self) -> float:
        """|curvature| s^2/2 over ||grad F|| s at that distance, with Oja's curvature; 0 where that is not negative."""
        slope, bend = self.directions.gradient_norm, max(0.0, -self.directions.oja_curvature) * self.best_distance / 2
        return bend / slope if slope else math.inf if bend else 0.0

    def _fall(self, values: np.ndarray) -> float:
        return max(0.0, 1 - float(np.nanmin(values)) / self.here) if self.here > 0 else 0.0


def look(setting: Setting, objective: Objective, data: str, epoch: int) -> Panel:
    """Find the directions and take the surface, in full float32 on a GPU too and with repeatable sums.

    A GPU's convolutions may round their factors to 11 bits, which a difference of two near gradients does not survive.

    The axes reach twice as far as the ladder's best rung, uphill once: the least value along each lies in the panel.
    The curved direction, whose sign is arbitrary, points to its lower side. Where F falls nowhere along an axis, that
    reaches as far as the other, or, if both do not, a hundredth of ||W_t||.

    Args:
        setting: How.
        objective: F around W_t.
        data: The training's name.
        epoch: Its epochs so far.

    Returns:
        The panel.
    """
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        return _look(setting, objective, data, epoch)


def _look(setting: Setting, objective: Objective, data: str, epoch: int) -> Panel:
    directions = find_directions(
        objective,
        oja_steps=setting.oja_steps,
        lanczos_steps=setting.lanczos_steps,
        smoothing=setting.smoothing,
        seed=setting.seed,
    )
    W = objective.point
    norm = W.norm()
    distances = norm * 2.0 ** torch.arange(1 - RUNGS, 1, device=W.device, dtype=W.dtype)
    ways = (-directions.gradient, directions.oja, -directions.oja)
    here = objective.value(W)
    ladders = torch.stack([torch.stack([objective.value(W + s * way) for s in distances]) for way in ways])
    reach_x, reach_y, sign = (t.to(W) for t in _reaches(here, ladders, distances))
    x, y = (reach * _steps(behind, setting.grid, W) for behind, reach in ((2, reach_x), (1, reach_y)))
    F = _grid(objective, x, y, directions.gradient, sign * directions.oja)
    if sign < 0:
        ladders = ladders[[0, 2, 1]]
    numbers = [t.double().cpu().numpy() for t in (distances, ladders, x, y, F)]
    return Panel(data, epoch, float(norm), float(here), directions, *numbers)


def _steps(part: int, count: int, like: Tensor) -> Tensor:
    """-1/part, ..., 0, 1/count, ..., 1: W itself is a point, exactly."""
    return torch.arange(-(count // part), count + 1, device=like.device, dtype=like.dtype) / count


def _reaches(here: Tensor, ladders: Tensor, distances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How far x and y reach, and the sign of the curved direction."""
    least, at = torch.where(ladders.isfinite(), ladders, torch.inf).min(1)
    best = 2 * distances[at]
    second = least[2] < least[1]
    curved, curved_best = torch.where(second, least[2], least[1]), torch.where(second, best[2], best[1])
    fallback = distances[-1] / 100
    falls = least[0] < here
    x = torch.where(falls, best[0], torch.where(curved < here, curved_best, fallback))
    return x, torch.where(curved < here, curved_best, x), torch.where(second, -1.0, 1.0)


def _grid(objective: Objective, x: Tensor, y: Tensor, gradient: Tensor, curved: Tensor) -> Tensor:
    """F at every point, (g, g); the values wait on the device until all are there."""
    rows = []
    for a in x:
        base = objective.point - a * gradient
        rows.append(torch.stack([objective.value(base + b * curved) for b in y]))
    return torch.stack(rows)
