"""The paper's networks: fully connected, convolutional and residual; no hidden layer is scaled by its width.

The input layer A and the output layer B stay as they were drawn; W_1, ..., W_L are trained. In `Weights` A is the first
hidden layer and W_l the one after it, l+1.
Source: allenzhu2019, Section 2 (Definition 2.3), Appendix B (convolutions), Appendix C (residual).
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.activations import torch_activation
from empirics.checks import check_counts, check_scales
from empirics.weights import Weights


def mlp(generator: torch.Generator, *, L: int, m: int, d_in: int, d: int = 1, activation: str = "relu") -> Weights:
    """h_0 = phi(A x);  h_l = phi(W_l h_{l-1}), l = 1..L;  y = B h_L.

    A (m x d_in) and W_l (m x m) have entries from N(0, 2/m), B (d x m) from N(0, 1/d) (Definition 2.3).

    Args:
        generator: of the random numbers.
        L: trained layers, at least 1: L + 1 hidden layers with A's.
        m: width, at least 1.
        d_in: input dimension, at least 1 (the paper's Fraktur d).
        d: outputs, at least 1.
        activation: phi, a name or expression for `torch_activation`; the paper's is relu.

    Returns:
        The weights, B transposed.

    Raises:
        TheoryError: a value outside its range.
    """
    check_counts(L=L, m=m, d_in=d_in, d=d)
    A, *W = (_normal(generator, 2 / m, m, below) for below in [d_in] + [m] * L)
    B = _normal(generator, 1 / d, m, d)
    return Weights((A, *W), B, (1.0,) * (L + 2), torch_activation(activation), trainable=_trained(L))


def cnn(
    generator: torch.Generator,
    *,
    L: int,
    m: int,
    positions: int | tuple[int, ...],
    q: int = 3,
    d: int = 1,
    tau: float | None = None,
    activation: str = "relu",
) -> Weights:
    """P positions with m channels each; position j reads the q positions Q_j, with weights of its own.

    h_{0,j} = phi(A_j x_{Q_j});  h_{l,j} = phi(W_{l,j} h_{l-1,Q_j} + tau b_{l,j}), l = 1..L-1;  h_L = phi(W_L h_{L-1});
    y = B h_L. A_j (m x q), W_{l,j} (m x q m) and b_{l,j} have entries from N(0, 2/(q m)), W_L (P m x P m) from
    N(0, 2/(P m)), B (d x P m) from N(0, 1/d); tau b is fixed. These variances keep ||h_l|| near 1: the paper prints
    2/sqrt(q m) for A and 2/(q m) for W_L (erratum A14).

    Args:
        generator: of the random numbers.
        L: trained layers, at least 1: L - 1 convolutions and the fully connected W_L.
        m: channels of every position, at least 1.
        positions: P on a ring, or (rows, columns) on a torus of pixels, P their product; also the input dimension.
        q: positions read, at most P: the nearest ones on the ring; on the torus a square of side sqrt(q). Each position
            is read by as many (Assumption B.1).
        d: outputs, at least 1.
        tau: scale of the biases, positive; None: 1/(10 P L^3), the paper's delta^2/(10 P L) at the largest separation
            it admits, delta = 1/L.
        activation: phi, a name or expression for `torch_activation`; the paper's is relu.

    Returns:
        The weights, B transposed.

    Raises:
        TheoryError: a value outside its range.
    """
    sides = positions if isinstance(positions, tuple) else (positions,)
    check_counts(L=L, m=m, d=d, q=q, **{f"positions[{i}]": side for i, side in enumerate(sides)})
    at, P = _neighbourhoods(sides, q), math.prod(sides)
    tau = 1 / (10 * P * L**3) if tau is None else tau
    check_scales(tau=tau)
    A, *W = (_normal(generator, 2 / (q * m), P, m, below) for below in [q] + [q * m] * (L - 1))
    b = [_normal(generator, 2 / (q * m), P, m).mul_(tau) for _ in range(L - 1)]
    dense, B = _normal(generator, 2 / (P * m), P * m, P * m), _normal(generator, 1 / d, P * m, d)
    return Weights(
        (A, *W, dense),
        B,
        (1.0,) * (L + 2),
        torch_activation(activation),
        biases=(None, *b, None, None),
        windows=(at,) * L + (None,),
        trainable=_trained(L) + (False,) * (L - 1),
    )


def resnet(
    generator: torch.Generator,
    *,
    L: int,
    m: int,
    d_in: int,
    d: int = 1,
    tau: float | None = None,
    activation: str = "relu",
) -> Weights:
    """h_0 = phi(A x);  h_l = phi(h_{l-1} + tau W_l h_{l-1}), l = 1..L-1;  h_L = phi(W_L h_{L-1});  y = B h_L.

    Drawn as the fully connected network (Appendix C).

    Args:
        generator: of the random numbers.
        L: trained layers, at least 1: L - 1 residual ones and W_L.
        m: width, at least 1.
        d_in: input dimension, at least 1.
        d: outputs, at least 1.
        tau: scale of the branches, positive; None: 1/(L log m), m at least 2: the paper's 1/(C L log m) at C = 1. Its
            (C.1), products of norm at most 1.01, needs C log m >= 284.25 (erratum A11).
        activation: phi, a name or expression for `torch_activation`; the paper's is relu.

    Returns:
        The weights, B transposed.

    Raises:
        TheoryError: a value outside its range.
    """
    plain = mlp(generator, L=L, m=m, d_in=d_in, d=d, activation=activation)
    if tau is None:
        if m == 1:
            raise TheoryError("m=1 leaves tau = 1/(L log m) undefined: use m of at least 2, or give tau=...")
        tau = 1 / (L * math.log(m))
    check_scales(tau=tau)
    scales = (1.0, *[float(tau)] * (L - 1), 1.0, 1.0)
    return replace(plain, scales=scales, shortcuts=frozenset(range(2, L + 1)))


def _normal(generator: torch.Generator, variance: float, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64).mul_(math.sqrt(variance))


def _trained(L: int) -> tuple[bool, ...]:
    """A, W_1, ..., W_L, B."""
    return (False, *[True] * L, False)


def _neighbourhoods(sides: tuple[int, ...], q: int) -> Tensor:
    """The positions that every position reads, (P, q): a cube around it on the torus with these sides."""
    reach = round(q ** (1 / len(sides)))
    if reach ** len(sides) != q or reach > min(sides):
        shape = f"ring of {sides[0]}" if len(sides) == 1 else f"torus of {' x '.join(map(str, sides))}"
        what = "an integer of at most that" if len(sides) == 1 else "the square of a side that fits in it"
        raise TheoryError(f"q={q} is no neighbourhood on a {shape} positions: it must be {what}")
    grid = torch.arange(math.prod(sides)).view(sides)
    offsets = product(range(-(reach // 2), reach - reach // 2), repeat=len(sides))
    axes = tuple(range(len(sides)))
    return torch.stack([grid.roll(tuple(-o for o in shift), axes).flatten() for shift in offsets], 1)


NETWORKS = {"mlp": mlp, "cnn": cnn, "resnet": resnet}
