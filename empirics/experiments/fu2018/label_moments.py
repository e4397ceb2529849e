"""Definitions 1 and 2 measured on labels and gradients, neuron by neuron, through Stein's identity.

Let u_i be the unit vector orthogonal to every neuron but w_i, c_i = u_i.w_i/||w_i|| > 0 and s = ||w_i||. Hermite
polynomials of u_i.x see neuron i alone: E[y He_j(u_i.x)] = m_j(s) c_i^j/K for j >= 1, in both settings. Then, with
E[phi'(sz) p(z)] s = E[phi(sz)(z p(z) - p'(z))],

    gamma_1 = m_1, gamma_3 = m_3 + 3 m_1;   s alpha_0 = m_1, s alpha_1 = m_2, s alpha_2 = m_3 + m_1;
    s m_j' = m_{j+2} + j m_j;   beta_q = E[(K u.df/dw_i)^2], u = w_i/s for q = 2, u orthogonal to w_i for q = 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from empirics.experiments.fu2018.concentration import Trial
from empirics.verdict import Observation

MOMENTS = frozenset(("alpha_q", "beta_q", "gamma_j", "m_j", "m_j_slope"))
DEVIATIONS = 5.0
"""Standard errors on either side: a normal mean misses this interval once in two million."""

CENTRE = 0.5
"""Taken from the labels: E[He_j] = 0, and less is left to vary."""

Terms = dict[tuple[str, int], Tensor]


def hermite(x: Tensor) -> list[Tensor]:
    """He_0, ..., He_4 at x."""
    found = [torch.ones_like(x), x]
    for j in range(1, 4):
        found.append(x * found[j] - j * found[j - 1])
    return found


def dual(W: Tensor) -> tuple[Tensor, Tensor]:
    """(u_i, c_i): unit vectors orthogonal to all neurons but one, and their cosines with it.

    Args:
        W: (K, d) of full rank.

    Returns:
        (K, d) and (K,).
    """
    rows = torch.linalg.pinv(W).T
    sizes = rows.norm(dim=1)
    return rows / sizes[:, None], 1 / (sizes * W.norm(dim=1))


def terms(seen: Trial, i: int) -> Terms:
    """Per-sample numbers whose means are the moments of neuron i.

    Args:
        seen: the samples.
        i: which neuron.

    Returns:
        (name, q or j) -> (n,).
    """
    W, X, y = seen.scene.truth, seen.loss.X, seen.loss.y[:, 0] - CENTRE
    u, cosine = dual(W)
    K, s = len(W), W[i].norm()
    m = [K * y * he / cosine[i] ** j for j, he in enumerate(hermite(X @ u[i]))]
    found: Terms = {("m_j", j): m[j] for j in range(1, 5)}
    found |= {("gamma_j", 1): m[1], ("gamma_j", 3): m[3] + 3 * m[1]}
    found |= {("alpha_q", 0): m[1] / s, ("alpha_q", 1): m[2] / s, ("alpha_q", 2): (m[3] + m[1]) / s}
    found |= {("m_j_slope", j): (m[j + 2] + j * m[j]) / s for j in (1, 2)}
    slope = seen.loss.phi.d1(X @ W[i]).square()
    away = torch.linalg.qr(W[i][:, None], mode="complete").Q[:, 1:]  # the d - 1 directions orthogonal to w_i
    found["beta_q", 2] = slope * (X @ W[i] / s).square()
    if away.shape[1]:
        found["beta_q", 0] = slope * (X @ away).square().mean(1)
    return found


def label_moments(seen: Trial, names: frozenset[str]) -> Iterator[Observation]:
    """Every moment of the shortest and of the longest neuron, with an interval of its mean.

    Args:
        seen: the samples.
        names: the quantities wanted, of `MOMENTS`.

    Yields:
        Observations.
    """
    sizes = seen.scene.truth.norm(dim=1)
    for i in sorted({int(sizes.argmin()), int(sizes.argmax())}):
        for (name, order), values in terms(seen, i).items():
            if name not in names:
                continue
            mean, room = float(values.mean()), DEVIATIONS * float(values.std()) / len(values) ** 0.5
            letter = "q" if name in ("alpha_q", "beta_q") else "j"
            more = {"sigma": float(sizes[i]), letter: order, "activation": seen.loss.phi.name}
            ends = {"lower": mean - room, "upper": mean + room}
            yield seen.see(name, mean, more, label=f"neuron {i}, {letter}={order}", **ends)
