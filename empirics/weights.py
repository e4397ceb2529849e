"""A point in the parameter space of the papers' networks: what measurements and training work on.

alpha^(0) = x;  a_l = scale_l * alpha^(l-1);  z_l = W_l a_l + bias_l (+ alpha^(l-1) where l is a shortcut);
alpha^(l) = phi(z_l), l = 1..L;  f = psi(V^T a_{L+1} + bias_{L+1}), psi the identity unless `output` is given.

A layer with windows (allenzhu2019, Appendix B) has P positions, each with weights of its own: position p reads the
positions windows[p] of alpha^(l-1), so W_l is (P, m, q c), c being the channels below. Its inputs and cotangents carry
the positions in front, (..., P, n, q c) and (..., P, n, m): whatever holds for one matrix holds position by position.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.activations import TorchActivation


@dataclass(frozen=True, eq=False)
class Weights:
    """A point in parameter space, detached from autograd.

    Attributes:
        W: the L hidden layers' weights, W[l-1] of shape (..., m_l, m_{l-1}), or (..., P, m, q c) where the layer has
            windows; leading dimensions batch independent networks.
        V: the readout, (..., m_L, k).
        scales: what multiplies the input of each of the L+1 weight layers, for example 1/sqrt(m_{l-1}).
        activation: phi with its derivatives.
        biases: one per weight layer, (..., m_l) or (..., P, m) or None, the readout's last; empty where there are none.
        output: psi with its derivatives, or None for the identity.
        shortcuts: the layers l in 2..L that add their input to z_l.
        windows: per hidden layer (P, q) positions read, or None for a dense layer; empty where all are dense.
        trainable: whether each of `tensors` is trained; empty: all are. Derivatives are taken in these only.
        input_dim: d; 0: what the first layer reads, all positions up to the last one read where it has windows.
    """

    W: tuple[Tensor, ...]
    V: Tensor
    scales: tuple[float, ...]
    activation: TorchActivation
    biases: tuple[Tensor | None, ...] = ()
    output: TorchActivation | None = None
    shortcuts: frozenset[int] = frozenset()
    windows: tuple[Tensor | None, ...] = ()
    trainable: tuple[bool, ...] = ()
    input_dim: int = 0

    def __post_init__(self) -> None:
        defaults = {
            "biases": (None,) * (self.L + 1),
            "windows": (None,) * self.L,
            "trainable": (True,) * (self.L + 1 + sum(b is not None for b in self.biases)),
        }
        for name, default in defaults.items():
            if not getattr(self, name):
                object.__setattr__(self, name, default)  # a frozen dataclass's way to fill in a default
        _check_lengths(self)
        if not self.input_dim:  # known from here on, `replace` carries it: reading it off a GPU would wait for it
            at, read = self.windows[0] if self.windows else None, (*self.W, self.V.mT)[0].shape[-1]
            found = read if at is None else (int(at.max()) + 1) * (read // at.shape[1])
            object.__setattr__(self, "input_dim", found)

    @property
    def L(self) -> int:
        """Number of hidden layers."""
        return len(self.W)

    @property
    def m(self) -> int:
        """Width of the last hidden layer, all positions together."""
        return self.V.shape[-2]

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the L hidden layers, all positions together."""
        return tuple(
            w.shape[-2] * (1 if at is None else at.shape[0]) for w, at in zip(self.W, self.windows, strict=True)
        )

    @property
    def d(self) -> int:
        """Input dimension."""
        return self.input_dim

    @property
    def k(self) -> int:
        """Number of outputs."""
        return self.V.shape[-1]

    @property
    def batch(self) -> tuple[int, ...]:
        """Leading dimensions, those of independent networks."""
        return tuple(self.V.shape[:-2])

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """W^(1), ..., W^(L), V, then the biases there are."""
        return (*self.W, self.V, *(b for b in self.biases if b is not None))

    @property
    def parameters(self) -> int:
        """How many numbers are trained in one network."""
        count = 1
        for size in self.batch:
            count *= size
        return sum(t.numel() for t, on in zip(self.tensors, self.trainable, strict=True) if on) // count

    @property
    def learns(self) -> tuple[bool, ...]:
        """Whether each of the L+1 weight layers is trained."""
        return self.trainable[: self.L + 1]

    @property
    def learns_bias(self) -> tuple[bool, ...]:
        """Whether each of the L+1 weight layers has a bias that is trained."""
        flags = iter(self.trainable[self.L + 1 :])
        return tuple(b is not None and next(flags) for b in self.biases)

    @property
    def lowest(self) -> int:
        """Index of the first layer with anything trained, L for the readout."""
        trained = (w or b for w, b in zip(self.learns, self.learns_bias, strict=True))
        return next((l for l, on in enumerate(trained) if on), self.L)

    def with_tensors(self, tensors: Iterable[Tensor]) -> Weights:
        """The same network with other values of `tensors`."""
        new = list(tensors)
        rest = iter(new[self.L + 1 :])
        biases = tuple(None if b is None else next(rest) for b in self.biases)
        return replace(self, W=tuple(new[: self.L]), V=new[self.L], biases=biases)

    def clone(self) -> Weights:
        """A copy that later updates in place do not reach."""
        return self.with_tensors(t.clone() for t in self.tensors)

    def to(self, *args: object, **kwargs: object) -> Weights:
        """The same point in another dtype or on another device, as `Tensor.to`."""
        moved = self.with_tensors(t.to(*args, **kwargs) for t in self.tensors)  # type: ignore[call-overload]
        return replace(moved, windows=tuple(None if at is None else at.to(moved.V.device) for at in self.windows))

    def select(self, index: int) -> Weights:
        """One network of a batch, in memory of its own."""
        return self.with_tensors(t[index].clone() for t in self.tensors)


def stack(parts: list[Weights]) -> Weights:
    """Networks of one architecture as one batch.

    Args:
        parts: at least one; a single one comes back with a leading dimension of 1.

    Returns:
        Weights whose tensors have a leading dimension len(parts).

    Raises:
        TheoryError: none, or networks that differ in more than their numbers.
    """
    if not parts:
        raise TheoryError("nets is empty: give at least one network")
    if any(signature(other) != signature(parts[0]) for other in parts[1:]):
        raise TheoryError("nets differ in shape or activation: batch networks of each shape in a call of their own")
    return parts[0].with_tensors(torch.stack(group) for group in zip(*(p.tensors for p in parts), strict=True))


def signature(weights: Weights) -> tuple[object, ...]:
    """What two networks must share to be batched: everything but their numbers.

    Args:
        weights: the network.

    Returns:
        A hashable key.
    """
    windows = tuple(None if at is None else tuple(at.flatten().tolist()) for at in weights.windows)
    psi = None if weights.output is None else weights.output.name
    shapes = tuple(tuple(t.shape) for t in weights.tensors)
    present = tuple(b is not None for b in weights.biases)
    static = (weights.scales, weights.activation.name, psi, weights.shortcuts, windows, weights.trainable)
    return (shapes, present, str(weights.V.dtype), str(weights.V.device), *static)


def _check_lengths(weights: Weights) -> None:
    L = weights.L
    lengths = {
        "scales": (len(weights.scales), L + 1),
        "biases": (len(weights.biases), L + 1),
        "windows": (len(weights.windows), L),
        "trainable": (len(weights.trainable), len(weights.tensors)),
    }
    for name, (length, wanted) in lengths.items():
        if length != wanted:
            raise TheoryError(f"{name} has {length} entries: {wanted} are needed for {L} hidden layers")
    for l in weights.shortcuts:
        if not 2 <= l <= L or weights.widths[l - 1] != weights.widths[l - 2] or weights.windows[l - 1] is not None:
            raise TheoryError(
                f"shortcuts={sorted(weights.shortcuts)}: layer {l} cannot add its input, of another width"
            )
