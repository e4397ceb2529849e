"""Naive references by autograd: each a transcription of its definition, for tiny networks only.

A `Model` is a network's recursion as its paper writes it, samples in columns: from its tensors, in the order of
`Weights.tensors`, and inputs (n, d) to outputs (n, k). Nothing in it comes from `empirics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from empirics.networks import Weights

torch.set_num_threads(1)  # tiny matrices: on a busy machine the threads' barriers cost a hundred times the arithmetic

Phi = Callable[[Tensor], Tensor]
Model = Callable[[Sequence[Tensor], Tensor], Tensor]


def squares(f: Tensor, y: Tensor) -> Tensor:
    """sum_i ||f_i - y_i||^2."""
    return sum((a - b).dot(a - b) for a, b in zip(f, y, strict=True))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean_square": lambda f, y: squares(f, y) / len(f),
    "half_square": lambda f, y: squares(f, y) / 2,
    "half_mean_square": lambda f, y: squares(f, y) / (2 * len(f)),
    "sum_square": squares,
    "cross_entropy": lambda f, y: functional.cross_entropy(f, y, reduction="sum"),
}


def flat(weights: Weights) -> Tensor:
    """All trained parameters as one vector: W^(1), ..., W^(L), V, biases."""
    return torch.cat([t.reshape(-1) for t, on in zip(weights.tensors, weights.trainable, strict=True) if on])


def parts(weights: Weights, theta: Tensor) -> list[Tensor]:
    """`weights.tensors`, the trained ones taken from theta."""
    pairs = list(zip(weights.tensors, weights.trainable, strict=True))
    taken = iter(theta.split([t.numel() for t, on in pairs if on]))
    return [next(taken).view_as(t) if on else t for t, on in pairs]


def output(weights: Weights, theta: Tensor, x: Tensor, model: Model | None = None) -> Tensor:
    """f(theta; x) for inputs (n, d), straight from the paper's recursion (banerjee2023's if no other): (n, k)."""
    tensors = parts(weights, theta)
    return banerjee2023(tensors, x, weights.activation.phi) if model is None else model(tensors, x)


def hessian(weights: Weights, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Dense Hessian of a scalar function of theta at the weights, by reverse mode twice."""
    return torch.autograd.functional.hessian(function, flat(weights))


def output_hessian(weights: Weights, x: Tensor, h: int = 0, model: Model | None = None) -> Tensor:
    return hessian(weights, lambda theta: output(weights, theta, x[None], model)[0, h])


def loss(
    weights: Weights, theta: Tensor, X: Tensor, y: Tensor, name: str = "mean_square", model: Model | None = None
) -> Tensor:
    """A loss by its formula; the default is (1/n) sum_i sum_h (y_ih - f_ih)^2."""
    return LOSSES[name](output(weights, theta, X, model), y)


def jacobian(weights: Weights, X: Tensor, model: Model | None = None) -> Tensor:
    """d f_ih/d theta, (n, k, P)."""
    return torch.autograd.functional.jacobian(lambda theta: output(weights, theta, X, model), flat(weights))


def kernel(J: Tensor) -> Tensor:
    """J J^T, (n, n), or (n, k, n, k) for k > 1 outputs."""
    n, k, _ = J.shape
    rows = J.flatten(0, 1)
    return (rows @ rows.T).view(n, n) if k == 1 else (rows @ rows.T).view(n, k, n, k)


def banerjee2023(tensors: Sequence[Tensor], X: Tensor, phi: Phi) -> Tensor:
    """alpha^(l) = phi(W^(l) alpha^(l-1)/sqrt(m_{l-1})), f = V^T alpha^(L)/sqrt(m)."""
    *W, V = tensors
    alpha = X.T
    for w in W:
        alpha = phi(w @ alpha / w.shape[1] ** 0.5)
    return alpha.T @ V / V.shape[0] ** 0.5


def liu2020_deep(tensors: Sequence[Tensor], X: Tensor, sigma: Phi, psi: Phi) -> Tensor:
    """Eq 28: pre-activation l+1 is W^(l+1) alpha^(l)/sqrt(m_l), l = 0..L-1; the last is the output. Then eq 35."""
    matrices = [*tensors[:-1], tensors[-1].T]  # W^(L) is the readout
    alpha = X.T
    for l, w in enumerate(matrices):
        before = w @ alpha / math.sqrt(alpha.shape[0])
        alpha = sigma(before) if l < len(matrices) - 1 else before
    return psi(alpha).T


def liu2020_shallow(tensors: Sequence[Tensor], X: Tensor, sigma: Phi, psi: Phi) -> Tensor:
    """Eq 24, or with a bias eq 109: (1/sqrt(m)) sum_i v_i sigma(w_i x + b_i), neuron by neuron. Then eq 35."""
    w, v, *rest = tensors
    b = rest[0] if rest else torch.zeros(len(v), dtype=v.dtype)
    terms = [v_i * sigma(X @ w_i + b_i) for v_i, w_i, b_i in zip(v[:, 0], w, b, strict=True)]
    return psi(torch.stack(terms).sum(0) / math.sqrt(len(terms)))[:, None]


def song2021(tensors: Sequence[Tensor], X: Tensor, phi: Phi) -> Tensor:
    """V phi(W X), the paper's V being d_2 x d_1."""
    W, V = tensors[0], tensors[1].T
    return (V @ phi(W @ X.T)).T


def fu2018(tensors: Sequence[Tensor], X: Tensor, phi: Phi) -> Tensor:
    """(1/K) sum_k phi(w_k^T x)."""
    W = tensors[0]
    return torch.stack([phi(X @ w) for w in W]).sum(0)[:, None] / len(W)


def allenzhu2019_layers(tensors: Sequence[Tensor], X: Tensor, phi: Phi, tau: float | None = None) -> list[Tensor]:
    """h_0, ..., h_L of Section 2, or with tau of Appendix C, whose layers 1..L-1 are residual."""
    A, *W = tensors[:-1]
    h = [phi(A @ X.T)]
    for l, w in enumerate(W, start=1):
        h.append(phi(w @ h[-1]) if tau is None or l == len(W) else phi(h[-1] + tau * (w @ h[-1])))
    return h


def allenzhu2019_cnn_layers(
    tensors: Sequence[Tensor], X: Tensor, phi: Phi, reads: Sequence[Sequence[int]]
) -> list[Tensor]:
    """h_0, ..., h_L of Appendix B, Q_j given by `reads`; the last L-1 tensors are tau b_1, ..., tau b_{L-1}."""
    L = len(tensors) // 2  # A, W_1..W_L, B and L-1 biases
    A, W, dense, shifts = tensors[0], tensors[1:L], tensors[L], tensors[L + 2 :]
    points = [phi(A[j] @ X.T[list(Q)]) for j, Q in enumerate(reads)]
    h = [torch.cat(points)]
    for w, shift in zip(W, shifts, strict=True):
        points = [phi(w[j] @ torch.cat([points[k] for k in Q]) + shift[j][:, None]) for j, Q in enumerate(reads)]
        h.append(torch.cat(points))
    return [*h, phi(dense @ h[-1])]


def allenzhu2019(layers: Callable[..., list[Tensor]], readout: int, *options: object) -> Model:
    """y = B h_L, B being the transpose of the tensor with that index."""
    return lambda tensors, X: (tensors[readout].T @ layers(tensors, X, *options)[-1]).T


def general(weights: Weights, phi: Phi, psi: Phi) -> Model:
    """The definition in `empirics.weights`, sample by sample and position by position."""
    L = weights.L

    def layer(w: Tensor, at: Tensor | None, a: Tensor) -> Tensor:
        if at is None:
            return w @ a
        points = a.view(-1, w.shape[-1] // at.shape[1])
        return torch.cat([w[p] @ torch.cat([points[j] for j in at[p].tolist()]) for p in range(len(at))])

    def one(tensors: Sequence[Tensor], x: Tensor) -> Tensor:
        given = iter(tensors[L + 1 :])
        biases = [None if b is None else next(given) for b in weights.biases]
        alpha = x
        for l in range(L):
            z = layer(tensors[l], weights.windows[l], weights.scales[l] * alpha)
            if (bias := biases[l]) is not None:
                z = z + bias.reshape(-1)
            alpha = phi(z + alpha if l + 1 in weights.shortcuts else z)
        g = tensors[L].T @ (weights.scales[L] * alpha)
        return psi(g if (bias := biases[L]) is None else g + bias)

    return lambda tensors, X: torch.stack([one(tensors, x) for x in X])
