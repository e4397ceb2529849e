"""The critical point of the empirical loss near W*, by Newton's method with the exact Hessian."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.experiments.fu2018.hessians import Empirical

STEPS, SHRINKINGS = 40, 12
SMALL = 1e-11
"""The last step, relative to W."""
AWAY = 5.0
"""Distance from the start, in units of its norm, at which the search has left the neighbourhood."""
FLOOR = 1e-3
"""Eigenvalues smaller than this share of the largest are replaced by it, in size."""


@dataclass(frozen=True, eq=False)
class Critical:
    """Where the search ended.

    Attributes:
        W: the point, (K, d).
        gradient: norm of the gradient there.
        least, greatest: extreme eigenvalues of the Hessian there.
        converged: whether the last step was negligible.
    """

    W: Tensor
    gradient: float
    least: float
    greatest: float
    converged: bool

    @property
    def found(self) -> bool:
        """Whether it is a minimum with a positive definite Hessian."""
        return self.converged and self.least > 0

    @property
    def error(self) -> float:
        """How far the critical point itself may be, to first order; infinite where none was found."""
        rounding = 64 * torch.finfo(torch.float64).eps * float(self.W.norm())
        return self.gradient / self.least + rounding if self.found else torch.inf


def critical_point(loss: Empirical, start: Tensor) -> Critical:
    """Newton's method from a point; steps are shortened until the loss falls, along descent directions.

    Args:
        loss: the empirical loss.
        start: W*, (K, d).

    Returns:
        The point reached, whether or not it is critical.
    """
    W, value, converged = start, loss.value(start), False
    for _ in range(STEPS):
        gradient = loss.gradient(W)
        values, vectors = torch.linalg.eigh(loss.hessian(W))
        curved = values.abs().clamp(min=FLOOR * float(values.abs().max()))
        sure = bool(values[0] > 0)
        step = -(vectors @ ((vectors.T @ gradient.flatten()) / (values if sure else curved))).view_as(W)
        if sure and float(step.norm()) <= SMALL * float(W.norm()):
            W, converged = W + step, True
            break
        for _ in range(SHRINKINGS):
            below = loss.value(W + step)
            if below <= value * (1 + 1e-15):
                break
            step = step / 2
        W, value = W + step, below
        if float((W - start).norm()) > AWAY * float(start.norm()):
            break
    values = torch.linalg.eigvalsh(loss.hessian(W))
    return Critical(W, float(loss.gradient(W).norm()), float(values[0]), float(values[-1]), converged)
