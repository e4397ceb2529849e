"""The papers' training losses, each with the derivatives that training and curvature need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bounds.errors import TheoryError
from bounds.registry import suggest


@dataclass(frozen=True)
class Loss:
    """A loss of outputs f and targets y, both (..., n, k), with n in the role of the number of samples.

    Attributes:
        name: how `loss_function` finds it.
        formula: what it is, in words.
        value: (f, y) -> (...,).
        slope: (f, y) -> its derivative in f, (..., n, k).
        bend: (f, y, df) -> the second derivative in f times df, (..., n, k).
        mean: True for a mean over the samples, False for a sum: chunks and mini-batches are put together by it, so that
            it has no default. A loss that is neither has no place here.
    """

    name: str
    formula: str
    value: Callable[[Tensor, Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]
    bend: Callable[[Tensor, Tensor, Tensor], Tensor]
    mean: bool

    def share(self, rows: int, n: int) -> float:
        """What the loss of some rows counts for in that of all n: a mean over them is rows/n of the whole mean."""
        return rows / n if self.mean else 1.0


def _squares(name: str, formula: str, factor: Callable[[int], float]) -> Loss:
    """factor(n) sum_ih (f_ih - y_ih)^2."""
    return Loss(
        name,
        formula,
        lambda f, y: (f - y).square().sum((-2, -1)) * factor(f.shape[-2]),
        lambda f, y: (f - y) * (2 * factor(f.shape[-2])),
        lambda f, y, df: df * (2 * factor(f.shape[-2])),
        mean=factor(2) < factor(1),
    )


def _entropy_bend(f: Tensor, y: Tensor, df: Tensor) -> Tensor:
    p = torch.softmax(f, -1)
    return p * (df - (p * df).sum(-1, keepdim=True)) * y.sum(-1, keepdim=True)


_ENTROPY = Loss(
    "cross_entropy",
    "sum_i -sum_h y_ih log softmax(f_i)_h (allenzhu2019, Theorem 6; y one-hot)",
    lambda f, y: -(y * torch.log_softmax(f, -1)).sum((-2, -1)),
    lambda f, y: torch.softmax(f, -1) * y.sum(-1, keepdim=True) - y,
    _entropy_bend,
    mean=False,
)
LOSSES = {
    loss.name: loss
    for loss in (
        _squares("mean_square", "(1/n) sum_ih (y_ih - f_ih)^2 (banerjee2023)", lambda n: 1 / n),
        _squares("half_square", "(1/2) sum_ih (y_ih - f_ih)^2 (liu2020, allenzhu2019)", lambda n: 0.5),
        _squares("half_mean_square", "(1/2n) sum_ih (y_ih - f_ih)^2 (fu2018)", lambda n: 0.5 / n),
        _squares("sum_square", "sum_ih (y_ih - f_ih)^2 (song2021)", lambda n: 1.0),
        _ENTROPY,
    )
}


def loss_function(name: str | Loss, k: int) -> Loss:
    """The loss of that name.

    Args:
        name: mean_square, half_square, half_mean_square, sum_square or cross_entropy; a Loss is returned as it is, once
            its value at random outputs and one-hot targets, if it has one, has been compared with its `mean`.
        k: outputs of the network.

    Returns:
        The loss.

    Raises:
        TheoryError: no such loss, or one that is not the mean or the sum over samples that it says it is.

    >>> loss_function("half_square", 1).slope(torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    tensor([[2.]])
    """
    if isinstance(name, Loss):
        if name is not LOSSES.get(name.name):
            _check_mean(name, k)
        return name
    if name not in LOSSES:
        raise TheoryError(f"loss={name!r} is not known{suggest(str(name), LOSSES)}; use one of {', '.join(LOSSES)}")
    return LOSSES[name]


def _check_mean(loss: Loss, k: int) -> None:
    """Refuse a loss whose value for samples given twice is not what `mean` says; one without a value is left alone."""
    f = torch.randn(4, k, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.eye(k, dtype=torch.float64)[torch.arange(4) % k]  # one-hot: fit for squares and for cross-entropies
    try:
        one, two = (float(loss.value(f.repeat(times, 1), y.repeat(times, 1))) for times in (1, 2))
    except Exception:  # of the user's code, which may want other targets or hold tensors of another device
        return
    expected = one if loss.mean else 2 * one
    if abs(two - expected) > 1e-3 * abs(two):  # it may work in float32
        kind = "mean" if loss.mean else "sum"
        raise TheoryError(
            f"loss={loss.name!r} has mean={loss.mean} and is no {kind} over samples: counted twice these give {two:g} "
            f"instead of {expected:g}, so set mean={not loss.mean}, or use a loss that is a mean or a sum"
        )
