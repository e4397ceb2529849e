"""What `supremum` maximises: functions of S networks at once, with gradients by autograd through the package's sweeps.

A quantity maps (weights with a leading dimension S, X) to (S,), or to (S, r), of which the largest counts: its gradient
is that of the entry that attains it. d f_ih/d W_l = c_l a_l^T again keeps the gradients' own gradients cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from bounds.errors import TheoryError
from bounds.registry import suggest
from empirics.losses import Loss
from empirics.measure.forward import Pass, backward, forward, outer_norm_squared, pull, unit_backward
from empirics.measure.hessian_ascent import HessianAscent
from empirics.weights import Weights

Quantity = Callable[[Weights, Tensor], Tensor]


class Followed(Protocol):
    """A function of S networks, one for each of some restarts."""

    def values(self, weights: Weights) -> Tensor:
        """The function, (S,)."""

    def ascend(self, weights: Weights, own: bool = False) -> tuple[Tensor, list[Tensor]]:
        """The function, (S,), and its gradients, shaped as the tensors and zero where nothing is trained.

        own: of each restart's own entry, the restarts taking them in turn, instead of the largest one.
        """


class Objective(Protocol):
    """A function to maximise; what a restart needs for itself is kept by what `of` returns."""

    @property
    def copies(self) -> int:
        """Copies of the parameters that a restart takes: points, gradients, what products and projections hold."""

    def of(self, restarts: Sequence[int]) -> Followed:
        """The function for the restarts with these numbers."""

    def exact(self, weights: Weights) -> Tensor:
        """The function of one network without leading dimension, or a lower bound of it that is close."""


@dataclass(frozen=True, eq=False)
class Differentiable:
    """An objective from a differentiable quantity.

    Attributes:
        quantity: (weights, X) -> (S,) or (S, r).
        X: inputs, (n, d).
        restarts: whose the rows are.
        copies: of the parameters that a restart takes.
    """

    quantity: Quantity
    X: Tensor
    restarts: tuple[int, ...] = ()
    copies: int = 11

    def of(self, restarts: Sequence[int]) -> Differentiable:
        """The objective for the restarts with these numbers."""
        return replace(self, restarts=tuple(restarts))

    def values(self, weights: Weights) -> Tensor:
        """The function, (S,)."""
        return self._entries(weights).amax(1)

    def ascend(self, weights: Weights, own: bool = False) -> tuple[Tensor, list[Tensor]]:
        """The function and its gradients, as `Objective` says."""
        trained = zip(weights.tensors, weights.trainable, strict=True)
        tensors = [t.detach().requires_grad_(on) for t, on in trained]
        entries = self._entries(weights.with_tensors(tensors))
        if not entries.requires_grad:
            raise TheoryError("quantity does not depend on the trained parameters by differentiable tensor operations")
        value = entries.amax(1)
        if own:
            turn = torch.tensor(self.restarts, device=entries.device) % entries.shape[1]
            value = entries.gather(1, turn[:, None])[:, 0]
        moving = [t for t in tensors if t.requires_grad]
        found = iter(torch.autograd.grad(value.sum(), moving, allow_unused=True, materialize_grads=True))
        return value.detach(), [next(found) if t.requires_grad else torch.zeros_like(t) for t in tensors]

    def exact(self, weights: Weights) -> Tensor:
        """The function of one network."""
        return self.values(weights.with_tensors(t[None] for t in weights.tensors))[0].detach()

    def _entries(self, weights: Weights) -> Tensor:
        found = self.quantity(weights, self.X)
        S = weights.V.shape[0]
        if not isinstance(found, Tensor) or found.ndim not in (1, 2) or found.shape[0] != S or found.numel() == 0:
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise TheoryError(f"quantity returned {shape} for {S} networks: it must return a tensor ({S},) or ({S}, r)")
        return found if found.ndim == 2 else found[:, None]


def objective(
    quantity: str | Quantity, centre: Weights, X: Tensor, y: Tensor | None, loss: Loss, seed: int
) -> Objective:
    """The objective of that name, or from that function.

    Args:
        quantity: one of `QUANTITIES`, or a function.
        centre: theta_0.
        X: inputs, (n, d).
        y: targets, (n, k), or None.
        loss: for the quantities of the loss.
        seed: of what is random.

    Returns:
        The objective.

    Raises:
        TheoryError: an unknown name, or a missing y.
        NotApplicable: a Hessian of an activation without second derivative.
    """
    if callable(quantity):
        return Differentiable(quantity, X)
    if quantity == "hessian_norm":
        return HessianAscent(centre, X, seed)
    if quantity not in QUANTITIES:
        raise TheoryError(
            f"quantity={quantity!r} is not known{suggest(str(quantity), QUANTITIES)}; use one of "
            f"{', '.join(QUANTITIES)}, or a function of (weights, X)"
        )
    if quantity in ("loss", "loss_grad_norm"):
        if y is None:
            raise TheoryError(f"y is needed for quantity={quantity!r}: give targets, one row per sample")
        target, of_loss = y, _loss if quantity == "loss" else _loss_grad_norm
        return Differentiable(lambda weights, X: of_loss(weights, X, target, loss), X)
    if quantity == "kernel_change":
        start = _kernel(centre, X)
        return Differentiable(lambda weights, X: _spectrum(_kernel(weights, X) - start).abs(), X)
    return Differentiable(_SIMPLE[quantity], X)


def _pairs(weights: Weights, cache: Pass, c: list[Tensor]) -> list[tuple[Tensor, Tensor, bool]]:
    """(c_l, a_l, whether by position) of every trained matrix; a bias is one whose input is 1."""
    pairs = []
    for l, (weight, bias) in enumerate(zip(weights.learns, weights.learns_bias, strict=True)):
        positions = l < weights.L and weights.windows[l] is not None
        inputs = [cache.a[l]] * weight + [torch.ones_like(cache.a[l][..., :1])] * bias
        pairs += [(c[l], a, positions) for a in inputs]
    return pairs


def _unit_pairs(weights: Weights, X: Tensor) -> list[tuple[Tensor, Tensor, bool]]:
    """The factors of d f_ih/d W_l in rows h n + i."""
    cache = forward(weights, X)
    _, c = unit_backward(weights, cache, weights.lowest)
    return [(c_l, torch.cat([a] * weights.k, -2), by) for c_l, a, by in _pairs(weights, cache, c)]


def _param_grad_norm(weights: Weights, X: Tensor) -> Tensor:
    total = torch.zeros((), dtype=X.dtype, device=X.device)
    for c, a, positions in _unit_pairs(weights, X):
        squares = c.square().sum(-1) * a.square().sum(-1)
        total = total + (squares.sum(-2) if positions else squares)
    return _root(total)


def _kernel(weights: Weights, X: Tensor) -> Tensor:
    """(..., k n, k n)."""
    total = torch.zeros((), dtype=X.dtype, device=X.device)
    for c, a, positions in _unit_pairs(weights, X):
        part = (c @ c.mT) * (a @ a.mT)
        total = total + (part.sum(-3) if positions else part)
    return total


def _loss(weights: Weights, X: Tensor, y: Tensor, loss: Loss) -> Tensor:
    return loss.value(forward(weights, X, 0).f, y)


def _loss_grad_norm(weights: Weights, X: Tensor, y: Tensor, loss: Loss) -> Tensor:
    cache = forward(weights, X)
    _, c = backward(weights, cache, loss.slope(cache.f, y), weights.lowest)
    total = torch.zeros((), dtype=X.dtype, device=X.device)
    for c_l, a, positions in _pairs(weights, cache, c):
        square = outer_norm_squared(c_l, a)
        total = total + (square.sum(-1) if positions else square)
    return _root(total)


def _input_grad_norm(weights: Weights, X: Tensor) -> Tensor:
    _, c = unit_backward(weights, forward(weights, X))
    return pull(weights, 0, c[0]).norm(dim=-1)


def _output(weights: Weights, X: Tensor) -> Tensor:
    return forward(weights, X, 0).f.abs().flatten(-2)


def _spectrum(K: Tensor) -> Tensor:
    """Eigenvalues (..., N), NaN where an entry is not finite: the library would fail for the whole batch."""
    finite = K.isfinite().all(-1).all(-1)
    values = torch.linalg.eigvalsh(torch.where(finite[..., None, None], K, 0.0))
    return torch.where(finite[..., None], values, torch.nan)


def _root(squares: Tensor) -> Tensor:
    """The root, with derivative 0 at 0."""
    positive = squares > 0
    return torch.where(positive, squares.where(positive, 1.0).sqrt(), squares)


_SIMPLE: dict[str, Quantity] = {
    "param_grad_norm": _param_grad_norm,
    "input_grad_norm": _input_grad_norm,
    "output": _output,
    "kernel_lambda_max": lambda weights, X: _spectrum(_kernel(weights, X))[..., -1],
    "kernel_lambda_min_negative": lambda weights, X: -_spectrum(_kernel(weights, X))[..., 0],
}
QUANTITIES = (*_SIMPLE, "loss", "loss_grad_norm", "kernel_change", "hessian_norm")
"""param_grad_norm: max_ih ||nabla_theta f_ih||; input_grad_norm: max_ih ||nabla_x f_ih||; output: max_ih |f_ih|;
kernel_lambda_max and kernel_lambda_min_negative: lambda_max and -lambda_min of the tangent kernel; kernel_change:
||K(theta) - K(theta_0)||_2; loss and loss_grad_norm: calL, ||nabla calL||; hessian_norm: max_ih ||nabla^2 f_ih||_2."""
