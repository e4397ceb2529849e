"""One forward and one backward sweep over n samples, in the form every measure shares.

a_l = scale_l alpha^(l-1) is layer l's scaled input, z_l = W_l a_l + ...; b_l = d f/d alpha^(l); c_l = phi'(z_l) b_l
= d f/d z_l.  Hence d f/d W_l = c_l a_l^T: norms and inner products of gradients never need the matrix itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.weights import Weights


@dataclass(frozen=True, eq=False)
class Pass:
    """A forward sweep; index l-1 holds layer l. A layer with windows has its positions before n.

    Attributes:
        a: scaled inputs of the L hidden layers and of the readout, (..., n, m_{l-1}), or (..., P, n, q c).
        d1: phi'(z_l), (..., n, m_l), or (..., P, n, m); empty at order 0.
        d2: phi''(z_l), likewise; empty below order 2.
        f: outputs, (..., n, k).
        out: psi', psi'' at the outputs, (..., n, k) each, as far as `order` asks; empty where psi is the identity.
    """

    a: tuple[Tensor, ...]
    d1: tuple[Tensor, ...]
    d2: tuple[Tensor, ...]
    f: Tensor
    out: tuple[Tensor, ...] = ()

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.f.shape[-2]


def forward(weights: Weights, X: Tensor, order: int = 1) -> Pass:
    """Sweep the inputs through the network.

    Args:
        weights: the network.
        X: inputs, (n, d), or (..., n, d) for a batch of networks with samples of their own.
        order: how many derivatives of phi (and psi) to keep: 0, 1 or 2.

    Returns:
        The cache.
    """
    hidden, a, d1, d2 = X, [], [], []
    for l, w in enumerate(weights.W):
        a.append(_read(weights, l, hidden) * weights.scales[l])
        z = a[-1] @ w.mT
        if (bias := weights.biases[l]) is not None:
            z = z + bias[..., None, :]
        if l + 1 in weights.shortcuts:
            z = z + hidden
        value, *slopes = weights.activation.jet(z, order)
        hidden = _write(weights, l, value)
        d1 += slopes[:1]
        d2 += slopes[1:]
    a.append(hidden * weights.scales[-1])
    g = a[-1] @ weights.V
    if (bias := weights.biases[-1]) is not None:
        g = g + bias[..., None, :]
    f, *out = (g,) if weights.output is None else weights.output.jet(g, order)
    return Pass(tuple(a), tuple(d1), tuple(d2), f, tuple(out))


def backward(weights: Weights, cache: Pass, cotangent: Tensor, lowest: int = 0) -> tuple[list[Tensor], list[Tensor]]:
    """Sweep an output cotangent back.

    Args:
        weights: the network.
        cache: its forward sweep, at least of order 1.
        cotangent: weight of each output in the function differentiated, (..., n, k), or (..., r n, k) for r functions
            at once, the samples running fastest.
        lowest: stop above the layers with a lower index: theirs are left empty.

    Returns:
        (b, c): b[l-1], l = 1..L, cotangents of alpha^(l), (..., r n, m_l); c[l-1], l = 1..L+1, those of z_l,
        (..., r n, m_l), or (..., P, r n, m) where the layer has windows, and the readout's (..., r n, k).
    """
    empty = cotangent.new_empty(0)
    b, c = [empty] * weights.L, [empty] * (weights.L + 1)
    c[-1] = rowwise(cotangent, cache.out[0]) if cache.out else cotangent
    if lowest == weights.L:
        return b, c
    back = (c[-1] @ weights.V.mT).mul_(weights.scales[-1])
    for l in range(weights.L - 1, lowest - 1, -1):
        b[l] = back
        c[l] = rowwise(spread(weights, l, back), cache.d1[l])
        if l > lowest:
            back = pull(weights, l, c[l])
    return b, c


def pull(weights: Weights, l: int, c: Tensor) -> Tensor:
    """The cotangent of alpha^(l), the input of the layer with index l, from that of its z.

    Args:
        weights: the network.
        l: index of the layer, 0..L-1.
        c: cotangent of its z, as `backward` gives it.

    Returns:
        (..., rows, m_{l-1}).
    """
    back = _unread(weights, l, (c @ weights.W[l]).mul_(weights.scales[l]))
    return back + c if l + 1 in weights.shortcuts else back


def unit_backward(weights: Weights, cache: Pass, lowest: int = 0) -> tuple[list[Tensor], list[Tensor]]:
    """The cotangents of every single output: one sweep of k n rows, sample i of output h in row h n + i.

    Args:
        weights: the network.
        cache: its forward sweep.
        lowest: as for `backward`.

    Returns:
        (b, c) as `backward` gives them, with r = k.
    """
    k = weights.k
    eye = torch.eye(k, dtype=cache.f.dtype, device=cache.f.device)
    return backward(weights, cache, eye.repeat_interleave(cache.n, 0).expand(*cache.f.shape[:-2], -1, -1), lowest)


def weigh(c: Tensor, t: Tensor) -> Tensor:
    """sum_h t_ih c_ih from the rows of `unit_backward`: the cotangents of sum_ih t_ih f_ih.

    Args:
        c: (..., [P,] k n, m).
        t: (..., n, k).

    Returns:
        (..., [P,] n, m).
    """
    n, k = t.shape[-2:]
    if k == 1:
        return c * (t if c.ndim == t.ndim else t.unsqueeze(-3))
    weight = t.mT[..., None] if c.ndim == t.ndim else t.mT[..., None, :, :, None]
    return (c.unflatten(-2, (k, n)) * weight).sum(-3)


def rowwise(c: Tensor, factor: Tensor) -> Tensor:
    """The product c * factor where c has r rows for each of factor's.

    Args:
        c: (..., r n, m).
        factor: (..., n, m).

    Returns:
        (..., r n, m).
    """
    n = factor.shape[-2]
    if c.shape[-2] == n:
        return c * factor
    return (c.unflatten(-2, (-1, n)) * factor.unsqueeze(-3)).flatten(-3, -2)


def _read(weights: Weights, l: int, hidden: Tensor) -> Tensor:
    """What the layer reads of alpha^(l), (..., n, m) or (..., P, n, q c)."""
    at = weights.windows[l]
    if at is None:
        return hidden
    grouped = hidden.unflatten(-1, (-1, weights.W[l].shape[-1] // at.shape[1]))
    return grouped[..., at, :].flatten(-2).transpose(-3, -2)


def _unread(weights: Weights, l: int, back: Tensor) -> Tensor:
    """The adjoint of `_read`: every position sums what its readers send back."""
    at = weights.windows[l]
    if at is None:
        return back
    below = weights.d if l == 0 else weights.widths[l - 1]
    rows, channels = back.shape[-2], back.shape[-1] // at.shape[1]
    parts = back.transpose(-3, -2).unflatten(-1, (at.shape[1], channels)).flatten(-3, -2)
    out = back.new_zeros(*back.shape[:-3], rows, below // channels, channels)
    return out.index_add(-2, at.flatten(), parts).flatten(-2)


def _write(weights: Weights, l: int, value: Tensor) -> Tensor:
    """A layer's values as alpha^(l): (..., P, n, m) becomes (..., n, P m)."""
    return value if weights.windows[l] is None else value.transpose(-3, -2).flatten(-2)


def spread(weights: Weights, l: int, hidden: Tensor) -> Tensor:
    """The adjoint of `_write`: alpha^(l)'s shape back to the layer's own.

    Args:
        weights: the network.
        l: index of the layer.
        hidden: (..., rows, m_l).

    Returns:
        (..., rows, m_l), or (..., P, rows, m) where the layer has windows.
    """
    at = weights.windows[l]
    return hidden if at is None else hidden.unflatten(-1, (at.shape[0], -1)).transpose(-3, -2)


def outer_norm_squared(c: Tensor, a: Tensor) -> Tensor:
    """||sum_i c_i a_i^T||_F^2 = sum_ij (c_i.c_j)(a_i.a_j), by whichever side costs fewer operations.

    The matrix costs n p q operations, the Gram form n^2 (p + q): the latter wins for few samples and wide layers.

    Args:
        c: (..., n, p).
        a: (..., n, q).

    Returns:
        (...,).
    """
    n, p, q = c.shape[-2], c.shape[-1], a.shape[-1]
    if p * q < n * (p + q):
        return (c.mT @ a).square().sum((-2, -1))
    return ((c @ c.mT) * (a @ a.mT)).sum((-2, -1)).clamp(min=0)
