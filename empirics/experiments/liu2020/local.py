"""What is measured at one point of a path."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.experiments.liu2020.path import LOSS, TOLERANCE
from empirics.measure.curvature import hessian_norms
from empirics.measure.gradients import gradient_norms
from empirics.measure.kernel import ntk_gram
from empirics.measure.loss_curvature import loss_hessian_extremes
from empirics.measurement import Measurement
from empirics.weights import Weights


@dataclass(frozen=True, eq=False)
class Local:
    """What is measured at one point of the path.

    Attributes:
        kernel: K, (n, n).
        whole: ||H_i||_2 of every sample, with both ends.
        beta_F: sqrt(sum_i ||H_i||_2^2), from above: ||sum_i u_i H_i||_2 is at most that for every unit u.
        loss_hessian: lambda_max of the loss's Hessian, from below.
        gradient: max_i ||nabla f_i||.
    """

    kernel: Tensor
    whole: Measurement
    beta_F: float
    loss_hessian: float
    gradient: float

    @property
    def hessian(self) -> float:
        """max_i ||H_i||_2, from below."""
        return self.whole.largest


def local(point: Weights, X: Tensor, y: Tensor) -> Local:
    """Measure a point.

    Args:
        point: the network.
        X: inputs, (n, d).
        y: targets, (n,).

    Returns:
        Its kernel, Hessian norms, the loss's curvature and the outputs' gradients.
    """
    hessian = hessian_norms(point, X, tol=TOLERANCE)
    return Local(
        torch.as_tensor(ntk_gram(point, X).value),
        hessian,
        float(torch.as_tensor(hessian.upper).norm()),
        float(loss_hessian_extremes(point, X, y, loss=LOSS, tol=TOLERANCE).value),
        gradient_norms(point, X).largest,
    )
