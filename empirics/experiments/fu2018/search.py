"""The worst point of a ball for an eigenvalue of a Hessian: full steps of the conditional gradient.

At unit eigenvector v the eigenvalue's gradient in W is that of v^T H(W) v; the point of the ball furthest along it is
centre + R g/||g||. What is found is attained, so that it bounds an infimum or supremum over the ball from one side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from empirics.experiments.fu2018.hessians import steepest

Aim = Literal["least", "greatest", "size"]
Matrix = Callable[[Tensor], Tensor]
Form = Callable[[Tensor, Tensor], Tensor]
GROWTH, HALVINGS = 8.0, 5


@dataclass(frozen=True, eq=False)
class Worst:
    """A point of the ball and the eigenvalue there (its size, where sizes are searched)."""

    W: Tensor
    value: float


def worst(
    centre: Tensor, radius: float, hessian: Matrix, form: Form, aim: Aim, starts: Sequence[Tensor] = (), steps: int = 2
) -> Worst:
    """The worst point found.

    Args:
        centre: of the ball, (K, d); the first start.
        radius: in Frobenius norm.
        hessian: W to a symmetric matrix (Kd, Kd).
        form: (W, v) to v^T H(W) v up to what does not depend on W, differentiable in W; may be an estimate.
        aim: the least eigenvalue, the greatest, or the one of largest size.
        starts: further points of the ball.
        steps: full steps from each.

    Returns:
        The best of all points visited.
    """
    best: Worst | None = None
    for start in (centre, *starts):
        W = start
        for step in range(steps + 1):
            values, vectors = torch.linalg.eigh(hessian(W))
            i = 0 if aim == "least" else -1 if aim == "greatest" or values[-1] > -values[0] else 0
            found = float(values[i].abs() if aim == "size" else values[i])
            if best is None or (found < best.value if aim == "least" else found > best.value):
                best = Worst(W, found)
            if step < steps:
                gradient = steepest(form, W, vectors[:, i])
                down = aim == "least" or (aim == "size" and i == 0)
                W = vertex(centre, radius, -gradient if down else gradient)
    assert best is not None
    return best


def remembered(hessian: Matrix) -> Matrix:
    """A Hessian that is computed once for every tensor that it is asked of.

    Args:
        hessian: W to a matrix; the tensors are not to be changed.

    Returns:
        The same function.
    """
    known: dict[int, tuple[Tensor, Tensor]] = {}  # the tensor is kept too: its identity must not be used again

    def look_up(W: Tensor) -> Tensor:
        if id(W) not in known:
            known[id(W)] = (W, hessian(W))
        return known[id(W)][1]

    return look_up


def vertex(centre: Tensor, radius: float, direction: Tensor) -> Tensor:
    """The point of the ball furthest along a direction; the centre where there is none."""
    size = direction.norm()
    return centre + torch.where(size > 0, radius / size, 0.0) * direction


def sphere(centre: Tensor, radius: float, count: int, generator: torch.Generator) -> list[Tensor]:
    """Random points at a distance from the centre, uniform; drawn on the CPU."""
    noise = torch.randn((count, *centre.shape), generator=generator, dtype=torch.float64).to(centre)
    return [vertex(centre, radius, direction) for direction in noise]


def nearest(
    centre: Tensor, first: float, target: float, hessian: Matrix, form: Form, *, steps: int = 2, most: float = 1e3
) -> Worst | None:
    """The nearest point found whose least eigenvalue is at most a target: search growing balls, then bisect.

    Args:
        centre: where the eigenvalue is above the target, (K, d).
        first: radius of the first ball.
        target: the eigenvalue looked for.
        hessian: as `worst`.
        form: as `worst`.
        steps: full steps of each search.
        most: radius, in units of the centre's norm, at which to give up.

    Returns:
        The point, with ``value`` its distance; None where none was found.
    """
    low, high, at = 0.0, first, None
    while at is None:
        found = worst(centre, high, hessian, form, "least", steps=steps)
        at = found.W if found.value <= target else None
        low, high = (low, high) if at is not None else (high, GROWTH * high)
        if high > most * float(centre.norm()):
            return None
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5 if low else high / 2
        found = worst(centre, middle, hessian, form, "least", steps=steps)
        if found.value <= target:
            high, at = middle, found.W
        else:
            low = middle
    return Worst(at, float((at - centre).norm()))
