"""The sweeps of training: every layer's gradient as a product of two factors, with few passes over memory.

The numbers are those of `empirics.measure.forward` (tests compare them). Training repeats them thousands of times, so
the scales are left to the matrix products (z_l = scale_l W_l alpha^(l-1) costs nothing more), cotangents are multiplied
where they lie, and those of single outputs start from the readout's rows instead of a product with the identity.
Layers with windows take the general sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.measure.forward import Pass, backward, forward, unit_backward
from empirics.weights import Weights


@dataclass(frozen=True, eq=False)
class Sweep:
    """A forward sweep; the gradient of sum_ih t_ih f_ih in W_l is scales[l] sum_i c_l,i a_l,i^T.

    Attributes:
        a: inputs of the L hidden layers and of the readout before scaling, (..., n, m_{l-1}), the first one maybe
            shared, (n, d); (..., P, n, q c) and scaled already where a layer has windows.
        scales: what the inputs still have to be multiplied with.
        d1: phi'(z_l), (..., n, m_l), or (..., P, n, m); empty at order 0.
        f: outputs, (..., n, k).
        out: psi'(g) at the outputs before psi, (..., n, k); empty at order 0 and where psi is the identity.
    """

    a: tuple[Tensor, ...]
    scales: tuple[float, ...]
    d1: tuple[Tensor, ...]
    f: Tensor
    out: tuple[Tensor, ...] = ()


def sweep(weights: Weights, x: Tensor, order: int = 1) -> Sweep:
    """Sweep the inputs through the network.

    Args:
        weights: the network, with at most one leading dimension.
        x: inputs, (n, d), or (S, n, d) where each of S networks has its own.
        order: 0 for outputs only, 1 with the slopes that `cotangents` needs.

    Returns:
        The cache; nothing in it shares memory with the weights.
    """
    if _windows(weights):
        cache = forward(weights, x, order)
        return Sweep(cache.a, (1.0,) * (weights.L + 1), cache.d1, cache.f, cache.out)
    hidden, a, d1 = x, [], []
    for l, w in enumerate(weights.W):
        a.append(hidden)
        z = product(hidden, w.mT, weights.scales[l], add=weights.biases[l])
        if l + 1 in weights.shortcuts:
            z.add_(hidden)
        hidden, *slope = weights.activation.jet(z, order)
        d1 += slope
    g = product(hidden, weights.V, weights.scales[-1], add=weights.biases[-1])
    f, *out = (g,) if weights.output is None else weights.output.jet(g, order)
    return Sweep((*a, hidden), weights.scales, tuple(d1), f, tuple(out))


def cotangents(weights: Weights, s: Sweep, t: Tensor, lowest: int = 0) -> list[Tensor]:
    """The cotangents of z_l of sum_ih t_ih f_ih.

    Args:
        weights: the network.
        s: its sweep, of order 1.
        t: weights of the outputs, (..., n, k).
        lowest: leave the layers below this index out.

    Returns:
        c[l-1], l = 1..L+1, shaped as z_l, or (0,) where left out.
    """
    if _windows(weights):
        return backward(weights, _general(s), t, lowest)[1]
    top = t * s.out[0] if s.out else t
    c = [*[t.new_empty(0)] * weights.L, top]
    if lowest < weights.L:
        c[-2] = product(top, weights.V.mT, weights.scales[-1]).mul_(s.d1[-1])
        _descend(weights, s, c, lowest)
    return c


def unit_cotangents(weights: Weights, s: Sweep, lowest: int = 0) -> list[Tensor]:
    """The cotangents of z_l of every single output f_ih, in row h n + i.

    Args:
        weights: the network.
        s: its sweep, of order 1.
        lowest: leave the layers below this index out.

    Returns:
        c[l-1], l = 1..L+1, (..., [P,] k n, m_l), and (..., k n, k) for the readout, or (0,) where left out.
    """
    if _windows(weights):
        return unit_backward(weights, _general(s), lowest)[1]
    n, k = s.f.shape[-2:]
    eye = torch.eye(k, dtype=s.f.dtype, device=s.f.device).repeat_interleave(n, 0)
    slope = s.out[0].mT.flatten(-2)[..., None] if s.out else None  # psi'(g_ih) in row h n + i
    c = [*[eye.new_empty(0)] * weights.L, eye.expand(*s.f.shape[:-2], -1, -1) if slope is None else eye * slope]
    if lowest < weights.L:
        rows = weights.V.mT * weights.scales[-1]
        c[-2] = (s.d1[-1].unsqueeze(-3) * rows.unsqueeze(-2)).flatten(-3, -2)
        if slope is not None:
            c[-2].mul_(slope)
        _descend(weights, s, c, lowest)
    return c


def gradients(
    weights: Weights, s: Sweep, c: list[Tensor], t: Tensor | None = None, out: list[Tensor | None] | None = None
) -> list[Tensor | None]:
    """The gradient of sum_ih t_ih f_ih in every tensor that is trained.

    Args:
        weights: the network.
        s: its sweep.
        c: cotangents of that sum, or those of the single outputs of a network with k = 1 where t is given.
        t: (..., n, 1); None: c has these weights already.
        out: memory to put the results of `weights.tensors` into, or None for fresh memory.

    Returns:
        One for each of `weights.tensors`, None where it is not trained.
    """
    found: list[Tensor | None] = []
    room = out or [None] * len(weights.tensors)
    for l, (c_l, a) in enumerate(zip(c, s.a, strict=True)):
        if not weights.learns[l]:
            found.append(None)
            continue
        left, right = c_l, a
        if t is not None:  # into the narrower factor
            weight = t if c_l.ndim == t.ndim else t.unsqueeze(-3)
            left, right = (c_l, a * weight) if a.shape[-1] < c_l.shape[-1] else (c_l * weight, a)
        if l == weights.L:
            left, right = right, left  # V is (m, k), its layer's inputs first
        found.append(product(left.mT, right, s.scales[l], out=room[l]))
    for l, bias in enumerate(weights.biases):
        if bias is not None:
            found.append(bias_gradient(c[l], t) if weights.learns_bias[l] else None)
    return found


def bias_gradient(c: Tensor, t: Tensor | None = None) -> Tensor:
    """sum_i t_i c_i: the gradient in a layer's bias.

    Args:
        c: cotangents, (..., [P,] n, m).
        t: (..., n, 1), or None for ones.

    Returns:
        (..., [P,] m).
    """
    if t is None:
        return c.sum(-2)
    return (c.mT @ (t if c.ndim == t.ndim else t.unsqueeze(-3)))[..., 0]


def product(a: Tensor, b: Tensor, scale: float, *, add: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """One matrix product, scale a @ b + add: it scales for nothing.

    Args:
        a: (..., p, q).
        b: (..., q, r); either factor may lack the other's leading dimensions.
        scale: a number.
        add: (..., r), for every row, or None.
        out: where to put the result, or None.

    Returns:
        (..., p, r), in memory of its own.
    """
    lead = max(a.shape[:-2], b.shape[:-2], key=len)
    if len(lead) > 1:
        found = torch.matmul(a, b, out=out).mul_(scale)
        return found if add is None else found.add_(add.unsqueeze(-2))
    # with beta=0 the summand is not read: any tensor that broadcasts will do
    base, beta = (a.new_empty((1,) * (2 + len(lead))), 0) if add is None else (add.unsqueeze(-2), 1)
    if not lead:
        return torch.addmm(base, a, b, beta=beta, alpha=scale, out=out)
    return torch.baddbmm(base, a.expand(*lead, -1, -1), b.expand(*lead, -1, -1), beta=beta, alpha=scale, out=out)


def _descend(weights: Weights, s: Sweep, c: list[Tensor], lowest: int) -> None:
    """From the top hidden layer's cotangents to those of the layers below, down to `lowest`."""
    for l in range(weights.L - 1, lowest, -1):
        back = product(c[l], weights.W[l], weights.scales[l])
        if l + 1 in weights.shortcuts:
            back.add_(c[l])
        slope = s.d1[l - 1]
        if back.shape[-2] == slope.shape[-2]:
            back.mul_(slope)
        else:  # r rows for each of the slope's
            back.unflatten(-2, (-1, slope.shape[-2])).mul_(slope.unsqueeze(-3))
        c[l - 1] = back


def _general(s: Sweep) -> Pass:
    return Pass(s.a, s.d1, (), s.f, s.out)


def _windows(weights: Weights) -> bool:
    return any(at is not None for at in weights.windows)
