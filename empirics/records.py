"""What training records at a point: one forward and one backward sweep over the data serve every quantity.

A `Point` computes each thing that a record or the update needs when it is first asked for, and once. What is recorded
never changes the run: the update's gradient is computed in the same way whatever else is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from bounds.errors import TheoryError
from bounds.registry import suggest
from empirics.factors import Sweep, bias_gradient, cotangents, gradients, sweep, unit_cotangents
from empirics.losses import Loss
from empirics.measure.forward import outer_norm_squared, pull, rowwise, weigh
from empirics.weights import Weights


class Point:
    """S networks (or one, without a leading dimension) at a step of their training.

    Attributes:
        weights, x, y: the networks, inputs and targets, (n, d) and (n, k), or (S, n, d) and (S, n, k).
        names: the records that will be asked for.
        start: where the networks started, for distances.
    """

    def __init__(
        self,
        weights: Weights,
        x: Tensor,
        y: Tensor,
        loss: Loss,
        *,
        names: Iterable[str] = (),
        moves: bool = True,
        start: Weights | None = None,
        room: list[Tensor | None] | None = None,
    ) -> None:
        self.weights, self.x, self.y, self.start = weights, x, y, start
        self.names, self._loss, self._room = frozenset(names), loss, room
        self._order = int(moves or any(REGISTRY[name].backward for name in self.names))

    @cached_property
    def sweep(self) -> Sweep:
        """The forward sweep."""
        return sweep(self.weights, self.x, self._order)

    @property
    def n(self) -> int:
        """Samples."""
        return self.y.shape[-2]

    @cached_property
    def loss(self) -> Tensor:
        """The loss, (S,) or ()."""
        return self._loss.value(self.sweep.f, self.y)

    @cached_property
    def slope(self) -> Tensor:
        """Its derivative in the outputs, (..., n, k)."""
        return self._loss.slope(self.sweep.f, self.y)

    @cached_property
    def unit(self) -> list[Tensor]:
        """The cotangents of every single output, see `unit_cotangents`."""
        lowest = 0 if "input_grad_norm" in self.names else self.weights.lowest
        return unit_cotangents(self.weights, self.sweep, lowest)

    @cached_property
    def gradients(self) -> list[Tensor | None]:
        """The loss's gradient in every trained tensor; for k = 1 its cotangents are the output's times the slope."""
        if self.weights.k == 1:
            return gradients(self.weights, self.sweep, self.unit, self.slope, self._room)
        c = cotangents(self.weights, self.sweep, self.slope, self.weights.lowest)
        return gradients(self.weights, self.sweep, c, out=self._room)

    @cached_property
    def grad_norm(self) -> Tensor:
        """||nabla calL||, (S,) or ()."""
        return self.norm(self.gradients)

    def norm(self, tensors: Iterable[Tensor | None]) -> Tensor:
        """The Frobenius norm of one tensor per parameter, all together, of each network; None is left out."""
        each = [torch.linalg.vector_norm(t.flatten(len(self.weights.batch)), dim=-1) for t in tensors if t is not None]
        return torch.linalg.vector_norm(torch.stack(each, -1), dim=-1) if each else torch.zeros_like(self.loss)


@dataclass(frozen=True)
class Record:
    """A quantity that training can record at a step.

    Attributes:
        name: how it is asked for.
        meaning: in words and symbols.
        value: its value, (S,) or ().
        backward: whether it needs the slopes of the forward sweep.
    """

    name: str
    meaning: str
    value: Callable[[Point], Tensor]
    backward: bool = False


def _gbar_norm(p: Point) -> Tensor:
    w, count = p.weights, p.n * p.weights.k
    if w.k == 1:
        sent = p.unit
    elif p.names & {"param_grad_norm", "input_grad_norm"}:
        ones = torch.ones_like(p.sweep.f)
        sent = [weigh(c, ones) if c.numel() else c for c in p.unit]
    else:
        sent = cotangents(w, p.sweep, torch.ones_like(p.sweep.f), w.lowest)
    squares = [torch.zeros_like(p.loss)]
    for l, (c, a) in enumerate(zip(sent, p.sweep.a, strict=True)):
        if w.learns[l]:
            squares.append(outer_norm_squared(c, a) * p.sweep.scales[l] ** 2)
        if w.learns_bias[l]:
            squares.append(bias_gradient(c).square().sum(-1))
    each = [s if s.ndim == p.loss.ndim else s.sum(-1) for s in squares]  # over positions
    return torch.stack(each).sum(0).sqrt() / count


def _param_grad_norm(p: Point) -> Tensor:
    w, total = p.weights, None
    for l, (c, a) in enumerate(zip(p.unit, p.sweep.a, strict=True)):
        if not (w.learns[l] or w.learns_bias[l]):
            continue
        reach = _squares(a) * (p.sweep.scales[l] ** 2 * w.learns[l]) + float(w.learns_bias[l])
        squares = rowwise(_squares(c)[..., None], reach[..., None])[..., 0]
        if squares.ndim == p.sweep.f.ndim:  # positions
            squares = squares.sum(-2)
        total = squares if total is None else total + squares
    return torch.zeros_like(p.loss) if total is None else total.amax(-1).sqrt()


def _squares(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=-1).square()


def _input_grad_norm(p: Point) -> Tensor:
    return torch.linalg.vector_norm(pull(p.weights, 0, p.unit[0]), dim=-1).amax(-1)


def _activation_norm(p: Point) -> Tensor:
    top = p.sweep.a[-1]
    return torch.linalg.vector_norm(top, dim=-1).amax(-1) * (p.sweep.scales[-1] / p.weights.scales[-1])


def _accuracy(p: Point) -> Tensor:
    f, y = p.sweep.f, p.y
    right = f.sign() == y.sign() if f.shape[-1] == 1 else (f.argmax(-1) == y.argmax(-1))[..., None]
    return right.to(f.dtype).mean((-2, -1))


def _distance_fro(p: Point) -> Tensor:
    if p.start is None:
        raise RuntimeError("the starting point was not kept")
    moved = zip(p.weights.tensors, p.start.tensors, p.weights.trainable, strict=True)
    return p.norm(t - t0 if trained else None for t, t0, trained in moved)


REGISTRY = {
    record.name: record
    for record in (
        Record("loss", "calL(theta_t)", lambda p: p.loss),
        Record("gbar_norm", "||gbar_t||, gbar = (1/(nk)) sum_ih nabla_theta f_ih (banerjee2023)", _gbar_norm, True),
        Record("grad_norm", "||nabla calL(theta_t)||", lambda p: p.grad_norm, True),
        Record("param_grad_norm", "max_ih ||nabla_theta f_h(x_i)||", _param_grad_norm, True),
        Record("input_grad_norm", "max_ih ||nabla_x f_h(x_i)||", _input_grad_norm, True),
        Record("activation_norm", "max_i ||alpha^(L)(x_i)||", _activation_norm),
        Record("output_max", "max_ih |f_h(x_i)|", lambda p: p.sweep.f.abs().amax((-2, -1))),
        Record("accuracy", "share of samples whose sign (k = 1) or largest output is the target's", _accuracy),
        Record("distance_fro", "||theta_t - theta_0|| over the trained tensors", _distance_fro),
        Record(
            "pl_mu",
            "||nabla calL||^2/(2 calL) (liu2020's mu at theta_t)",
            lambda p: p.grad_norm**2 / (2 * p.loss),
            True,
        ),
    )
}
"""What can be recorded at every step, by name. `distance`, per layer and at checkpoints only, stands apart."""


def check_records(record: Iterable[str], observed: Iterable[str]) -> tuple[str, ...]:
    """The names of what is to be recorded, if they can be.

    Args:
        record: names from `REGISTRY`, or "distance".
        observed: the user's own names.

    Returns:
        The records.

    Raises:
        TheoryError: a name that is not known, or one that has two meanings.
    """
    known = (*REGISTRY, "distance")
    names = () if isinstance(record, str) else tuple(record)
    for name in (record,) if isinstance(record, str) else names:
        if isinstance(record, str) or name not in known:
            hint = "" if isinstance(record, str) else suggest(str(name), known)
            raise TheoryError(f"record={record!r} must be a tuple of names out of {', '.join(known)}{hint}")
    for name in observed:
        if name in known:
            raise TheoryError(f"observe: {name!r} is the name of a record: choose another one")
    return tuple(dict.fromkeys(names))
