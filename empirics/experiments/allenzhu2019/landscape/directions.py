"""The two axes: the gradient of F, and its most negatively curved direction by Oja's method, which Lanczos checks.

Source: allenzhu2019, Figure 1's caption; Oja's method as in its [2, 3]: v <- (I - eta A_i) v, normalised, with A_i the
Hessian of one random group of samples; I - eta A_i is the shifted operator whose leading vectors are those of A's least
eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.experiments.allenzhu2019.landscape.objective import Smooth, differenced
from empirics.measure.lanczos import lanczos

_SCOUTS = 10  # products that look for the size of the groups' Hessians
_TINY = 1e-30  # a length below it is none


@dataclass(frozen=True, eq=False)
class Directions:
    """The axes of one panel and what is known of them; every curvature of a unit vector v is v^T A v.

    Attributes:
        gradient: grad F / ||grad F||, (p,).
        oja: The direction of Oja's method, (p,), length 1.
        gradient_norm: ||grad F||.
        gradient_curvature: Along the gradient, of the smoothed Hessian.
        oja_curvature: Along Oja's direction, of the smoothed Hessian: an upper bound of its least eigenvalue.
        oja_hessian: The same of the Hessian between kinks.
        lanczos_curvature: Along Lanczos's direction, of the smoothed Hessian.
        lanczos_hessian: The same of the Hessian between kinks, for which Lanczos looks: its least Ritz value.
        lanczos_residual: ||A v - theta v|| of it: an eigenvalue lies within this distance.
        largest: The largest Ritz value of the Hessian between kinks.
        overlap: |<Oja's direction, Lanczos's>|.
        slant: |<gradient, Oja's direction>|.
    """

    gradient: Tensor
    oja: Tensor
    gradient_norm: float
    gradient_curvature: float
    oja_curvature: float
    oja_hessian: float
    lanczos_curvature: float
    lanczos_hessian: float
    lanczos_residual: float
    largest: float
    overlap: float
    slant: float


NUMBERS = tuple(name for name in Directions.__dataclass_fields__ if name not in ("gradient", "oja"))


def oja(function: Smooth, steps: int, radius: Tensor, generator: torch.Generator) -> Tensor:
    """The most negatively curved direction of F, approximately.

    The step is eta = 1/rho, with rho the largest ||A_i v|| met so far, at first by a power iteration over random
    groups: one group may be curved far more than F, and only what exceeds 2 rho would grow. The last half of the
    vectors is averaged, as the draws of groups make them wander.

    Args:
        function: F.
        steps: How many; with least eigenvalue -mu it takes about (rho/mu) log(p)/2.
        radius: Of the gradients' differences.
        generator: On the CPU.

    Returns:
        (p,), of length 1.
    """
    rho, v = torch.zeros_like(function.point[0]) + _TINY, _random(function, generator)
    for group in _draws(function, _SCOUTS, generator):
        image = differenced(function, v, radius, [group])
        rho, v = torch.maximum(rho, image.norm()), _unit(image)
    v, mean = _random(function, generator), torch.zeros_like(function.point)
    for k, group in enumerate(_draws(function, steps, generator)):
        image = differenced(function, v, radius, [group])
        rho = torch.maximum(rho, image.norm())
        v = _unit(v - image / rho)
        if 2 * k >= steps:
            mean += v
    return _unit(mean)


class _WholeHessian:
    """The Hessian of F as an operator for `lanczos`, a batch of one."""

    def __init__(self, function: Smooth) -> None:
        self.function = function

    def apply(self, g: Tensor) -> Tensor:
        return self.function.product(self.function.point, g[0])[None]

    def metric(self, y: Tensor) -> Tensor:
        return y.clone()

    def keep(self, needed: Tensor) -> Tensor:
        return needed.nonzero()[:, 0]

    def take(self, rows: Tensor) -> _WholeHessian:
        return self


def find_directions(function: Smooth, *, oja_steps: int, lanczos_steps: int, smoothing: float, seed: int) -> Directions:
    """Both axes, and Lanczos's answer beside Oja's.

    Args:
        function: F.
        oja_steps: Steps of Oja's method.
        lanczos_steps: Products with the Hessian of F.
        smoothing: Half-length of the differences, as a fraction of ||W||.
        seed: Of the starts and of Oja's groups.

    Returns:
        The directions.
    """
    generator = torch.Generator().manual_seed(seed)
    radius = smoothing * function.point.norm()
    gradient = function.gradient(function.point)
    found = oja(function, oja_steps, radius, generator)
    ritz = lanczos(
        _WholeHessian(function), _random(function, generator)[None], both=True, max_iter=lanczos_steps, vectors=True
    )
    assert ritz.vectors is not None
    least, unit = _unit(ritz.vectors[0, 0]), _unit(gradient)
    curved = [v @ differenced(function, v, radius) for v in (unit, found, least)]
    numbers = [
        gradient.norm(),
        *curved[:2],
        found @ function.product(function.point, found),
        curved[2],
        ritz.lambda_min[0],
        ritz.residual_min[0],
        ritz.lambda_max[0],
        (found @ least).abs(),
        (unit @ found).abs(),
    ]
    return Directions(unit, found, *torch.stack([x.double() for x in numbers]).tolist())


def _random(function: Smooth, generator: torch.Generator) -> Tensor:
    v = torch.randn(len(function.point), generator=generator, dtype=torch.float64).to(function.point)
    return _unit(v)


def _unit(v: Tensor) -> Tensor:
    """V / ||v||; zero stays zero."""
    return v / v.norm().clamp(min=_TINY)


def _draws(function: Smooth, count: int, generator: torch.Generator) -> list[int]:
    return torch.randint(function.groups, (count,), generator=generator).tolist()
