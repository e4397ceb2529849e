"""The climb of `supremum`: S restarts as one batch, without waiting for the device but every ten steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from empirics.balls import Ball
from empirics.measure.hessian_ascent import length
from empirics.measure.objectives import Followed
from empirics.weights import Weights

_CHECK_EVERY = 10  # a step length that fails so often in a row has shrunk by a million: nothing more is to be gained


class Ascent:
    """S points of a ball that climb.

    Attributes:
        points: the parameters, a leading dimension S each; tensors that are not trained stay at the centre.
        alive: (S,), False once a value or a gradient was not finite.
        steps: iterations done.
        evaluations: of the function, for one network each.
    """

    def __init__(self, centre: Weights, ball: Ball, followed: Followed, points: Sequence[Tensor]) -> None:
        self.centre, self.ball, self.followed = centre, ball, followed
        parts = zip(points, centre.tensors, centre.trainable, strict=True)
        self.points = [t if on else c.expand_as(t) for t, c, on in parts]
        S, device = points[0].shape[0], points[0].device
        self.alive, self.active = (torch.ones(S, dtype=torch.bool, device=device) for _ in range(2))
        self.value = torch.full((S,), -torch.inf, dtype=points[0].dtype, device=device)
        self.stride, self.part = torch.ones_like(self.value), torch.ones_like(self.value)  # of the way to the vertex
        self.gradient: list[Tensor] = []
        self.steps = self.evaluations = 0

    def scatter(self, which: Tensor, far: Tensor) -> None:
        """Send some restarts towards the vertex of the gradient of their own sample, so that they explore.

        Args:
            which: (S,), the restarts concerned.
            far: (S,), those that go all the way instead of half.
        """
        self._look(own=True)
        share = 0.5 + 0.5 * far.to(self.value)
        share = torch.where(which.to(self.alive.device) & self.alive, share, 0.0)
        vertex = self.ball.vertex(self.gradient, self.centre.tensors)
        self.points = self._towards(vertex, share)

    def climb(self, steps: int, tol: float, progress: Callable[[int, list[float]], None] | None) -> None:
        """Iterate until the steps are spent or no restart gains any more.

        Args:
            steps: at most.
            tol: relative gain over ten steps below which a restart stops.
            progress: called every ten steps with (step, values).
        """
        mark = torch.full_like(self.value, -torch.inf)
        for self.steps in range(1, steps + 1):
            self._look()
            self._move()
            if self.steps % _CHECK_EVERY:
                continue
            if progress is not None:
                progress(self.steps, self.value.tolist())
            self.active = self.active & self.alive & (self.value - mark > tol * self.value.abs())
            mark = self.value
            if not bool(self.active.any()):
                break

    def _look(self, own: bool = False) -> None:
        """Value and gradient where each restart stands; those that have stopped have a gradient of zero."""
        value, gradient = self.followed.ascend(self.centre.with_tensors(self.points), own)
        finite = value.isfinite()
        for g in gradient:
            finite = finite & g.flatten(1).isfinite().all(1)
        self.alive = self.alive & (finite | ~self.active)
        go = self.active & self.alive
        self.value = torch.where(go, value, self.value)
        self.gradient = [torch.where(_per_row(go, g), g, 0.0) for g in gradient]
        self.evaluations += value.numel()

    def _move(self) -> None:
        """Try both points; go to the better one where it is better than the present one."""
        centre, go = self.centre.tensors, self.active & self.alive
        vertex = self.ball.vertex(self.gradient, centre)
        reach, slope = length([v - c for v, c in zip(vertex, centre, strict=True)]), length(self.gradient)
        stride = torch.where(slope > 0, self.stride * reach / slope, 0.0)
        parts = zip(self.points, self.gradient, strict=True)
        ahead = self.ball.project([p + _per_row(stride, p) * g for p, g in parts], centre)
        first = self.followed.values(self.centre.with_tensors(ahead))
        across = self._towards(vertex, self.part)
        second = self.followed.values(self.centre.with_tensors(across))
        finite = first.isfinite() & second.isfinite()
        self.alive = self.alive & (finite | ~self.active)
        best = torch.maximum(first, second)
        moves = go & finite & (best > self.value)
        self.stride = torch.where(first > self.value, self.stride * 2, self.stride / 4).clamp(max=2)
        self.part = torch.where(second > self.value, self.part * 2, self.part / 4).clamp(max=1)
        self.value = torch.where(moves, best, self.value)
        straight = first >= second
        for l, (p, a, b) in enumerate(zip(self.points, ahead, across, strict=True)):
            self.points[l] = torch.where(_per_row(moves, p), torch.where(_per_row(straight, p), a, b), p)
        self.evaluations += 2 * best.numel()

    def _towards(self, vertex: Sequence[Tensor], part: Tensor) -> list[Tensor]:
        return [p + _per_row(part, p) * (v - p) for p, v in zip(self.points, vertex, strict=True)]


def _per_row(values: Tensor, like: Tensor) -> Tensor:
    """(S,) as (S, 1, ..., 1), to broadcast over each restart's tensor."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))
