"""The training objective F as a function of all weights: values, gradients and products with the Hessian, in chunks.

F(W) = (1/n) sum_i cross-entropy of sample i, without weight decay. The samples lie in fixed groups of nearly equal
size. Batch normalisation by "batch" uses each group's own statistics, as in training: this F is what the steps of SGD
descend on average, and, the groups being fixed, a function of W alone. By "running" it uses the averages of the
training, kept fixed while W moves; networks are used like that afterwards, but no step of SGD descended that F.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional


class Smooth(Protocol):
    """What the directions need of a function of a flat vector: sums over some of its groups, or over all."""

    groups: int
    """How many groups of samples there are."""
    point: Tensor
    """Where it is looked at, (p,)."""

    def gradient(self, at: Tensor, groups: Sequence[int] | None = None) -> Tensor:
        """The gradient of the mean over some groups, None for all, (p,)."""

    def product(self, at: Tensor, vector: Tensor, groups: Sequence[int] | None = None) -> Tensor:
        """The Hessian of the same times a vector, (p,)."""


class Objective:
    """F around the weights of a network; the network itself stays as it is.

    Args:
        model: The network.
        X: Samples, (n, ...), where the network is.
        y: Their classes, (n,).
        group: Samples per group, at most; also the largest chunk.
        batch_norm: batch or running.
        dtype: Of the arithmetic; values are summed in float64.
    """

    def __init__(
        self,
        model: nn.Module,
        X: Tensor,
        y: Tensor,
        *,
        group: int,
        batch_norm: str = "batch",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.model = copy.deepcopy(model).to(dtype)
        self.model.train(batch_norm == "batch")
        for module in self.model.modules() if batch_norm == "batch" else ():
            if isinstance(module, nn.BatchNorm2d):
                module.track_running_stats = False  # else every look at F would move the averages
                module.running_mean = module.running_var = module.num_batches_tracked = None
        self.names, tensors = zip(*self.model.named_parameters(), strict=True)
        self.shapes = [t.shape for t in tensors]
        self.point = torch.cat([t.detach().reshape(-1) for t in tensors])
        self.groups = -(-len(X) // group)
        channels_last = X.device.type == "cpu" and X.ndim == 4
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.parts = [
            (x.to(dtype).contiguous(memory_format=layout), labels)
            for x, labels in zip(X.tensor_split(self.groups), y.tensor_split(self.groups), strict=True)
        ]
        self.last = layout

    def value(self, at: Tensor) -> Tensor:
        """F, in float64; nothing waits for the device.

        Args:
            at: Weights, (p,).
        """
        weights = self._weights(at)
        total = torch.zeros((), dtype=torch.float64, device=at.device)
        with torch.no_grad():
            for part in self.parts:
                total += self._sum(weights, part).double()
        return total / sum(len(labels) for _, labels in self.parts)

    def gradient(self, at: Tensor, groups: Sequence[int] | None = None) -> Tensor:
        """The gradient of the mean over some groups.

        Args:
            at: Weights, (p,).
            groups: Which; None: all.

        Returns:
            (p,).
        """
        at = at.detach().requires_grad_()
        total = torch.zeros_like(at)
        for part in (chosen := self._chosen(groups)):
            total += torch.autograd.grad(self._sum(self._weights(at), part), at)[0]
        return total.detach() / sum(len(labels) for _, labels in chosen)

    def product(self, at: Tensor, vector: Tensor, groups: Sequence[int] | None = None) -> Tensor:
        """The Hessian of the mean over some groups, where ReLU's kinks have none, times a vector.

        Args:
            at: Weights, (p,).
            vector: (p,).
            groups: Which; None: all.

        Returns:
            (p,).
        """
        at = at.detach().requires_grad_()
        total = torch.zeros_like(at)
        for part in (chosen := self._chosen(groups)):
            (slope,) = torch.autograd.grad(self._sum(self._weights(at), part), at, create_graph=True)
            total += torch.autograd.grad(slope @ vector, at)[0]
        return total.detach() / sum(len(labels) for _, labels in chosen)

    def _chosen(self, groups: Sequence[int] | None) -> list[tuple[Tensor, Tensor]]:
        return self.parts if groups is None else [self.parts[i] for i in groups]

    def _weights(self, at: Tensor) -> dict[str, Tensor]:
        pieces = at.split([shape.numel() for shape in self.shapes])
        shaped = (
            piece.view(shape).contiguous(memory_format=self.last) if len(shape) == 4 else piece.view(shape)
            for piece, shape in zip(pieces, self.shapes, strict=True)
        )
        return dict(zip(self.names, shaped, strict=True))

    def _sum(self, weights: dict[str, Tensor], part: tuple[Tensor, Tensor]) -> Tensor:
        x, labels = part
        return functional.cross_entropy(functional_call(self.model, weights, (x,)), labels, reduction="sum")


def differenced(function: Smooth, vector: Tensor, radius: Tensor, groups: Sequence[int] | None = None) -> Tensor:
    """(grad F(W + q v) - grad F(W - q v)) / (2 q): the Hessian along v, averaged over the segment of half-length q.

    The Hessian that differentiation finds between the kinks of ReLU knows nothing of the kinks, which bend F as well;
    the gradient's difference counts those between its ends. It is how Neon2 (the paper's [3]) multiplies by the
    Hessian, and our reading of "the Hessian after smoothing", which the paper does not define.

    Args:
        function: F.
        vector: v of length 1, (p,).
        radius: q, positive.
        groups: Of the samples; None: all.

    Returns:
        (p,).
    """
    ahead, behind = (function.gradient(function.point + sign * radius * vector, groups) for sign in (1, -1))
    return (ahead - behind) / (2 * radius)
