"""Lemma 8.2 on residual networks: what perturbations of spectral norm omega do to h_l and to signs (erratum A11).

W'_l = omega v_l u_l^T is of rank one and made for one sample, u_l = h_{l-1}/||h_{l-1}||, so that it adds any vector of
length tau omega ||h_{l-1}|| to g_l; all samples are worked on together, each with its own. What is reached is a lower
bound of the supremum over ||W'_l|| <= omega:

* along: v_l = h_l/||h_l||, so that every residual layer adds tau omega in about the same direction.
* across: layer L-1 flips its neurons, those of least |g| first, as many as the length allows; the layers below push
  neurons that are active there in the direction that flips them in layer L-1, or do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.comparison import predict
from empirics.experiments.allenzhu2019.architecture import resnet
from empirics.experiments.allenzhu2019.key import KEY
from empirics.exponents import fit_exponent, fit_exponents
from empirics.verdict import Observation
from empirics.weights import Weights

CHANGE = ("resnet_forward_change", "resnet_forward_change_printed")
SIGNS = ("resnet_sign_changes", "resnet_sign_changes_printed")
MEASURED = frozenset((*CHANGE, *SIGNS))
MARGIN = 1e-6
"""How far beyond 0 a neuron is pushed."""
RADII = (1e-3, 1e-2, 1e-1)
"""Omega."""
GRID = ((3, 1.0), (9, 1.0), (9, 0.25), (33, 1.0))
"""L of the networks among which exponents are fitted, and tau as a share of `resnet_tau_explicit`."""
WIDEST, SAMPLES, SEEDS = 512, 32, 2
"""Of these networks."""


def changes(scaled: Any) -> Iterator[Observation]:
    """Forward change and sign changes at every omega, the largest over samples and residual layers.

    Args:
        scaled: the network at its branch scale, with `weights`, `X` and `see` (`residual.Scaled`).

    Yields:
        Observations from below.
    """
    for omega in RADII:
        found = largest_changes(scaled.weights, scaled.X, omega)
        moved, flips = found[0].tolist(), float(found[1])
        layer = int(np.argmax(moved)) + 1
        label = f"omega={omega:g}"
        more = {"omega": omega}
        for name in CHANGE:
            yield scaled.see(name, moved[layer - 1], upper=None, label=f"h_{layer}, {label}", more=more)
        for name in SIGNS:
            yield scaled.see(name, flips, upper=None, label=f"D_{len(moved)}, {label}", more=more)


def largest_changes(weights: Weights, X: Tensor, omega: float) -> tuple[Tensor, Tensor]:
    """The largest ||h'_{i,l}|| of all perturbations, l = 1..L-1, and the largest ||D'_{i,L-1}||_0.

    Args:
        weights: a residual network, L - 1 residual layers at scale tau.
        X: inputs, (n, d_in).
        omega: spectral norm of every W'_l.

    Returns:
        (L-1,) over samples, and a number.
    """
    g = pre_activations(weights, X)
    h = [x.clamp(min=0) for x in g]
    length = weights.scales[1] * omega * h[-2].norm(dim=1, keepdim=True)
    reached = [_perturbed(weights, h[0], lambda l, z, _: h[l], omega)]
    for share in (0.0, 0.25, 0.5, 1.0):  # of what the layers below could add, if nothing of it were lost
        target = _flip(g[-1], g[-1], share * len(h) * length)

        def push(l: int, z: Tensor, room: Tensor, target: Tensor = target) -> Tensor:
            return _flip(z, g[-1], room) if l == len(h) - 1 else target * (z > 0)

        reached.append(_perturbed(weights, h[0], push, omega))
    moved = [
        torch.stack([(p.clamp(min=0) - x).norm(dim=1).amax() for p, x in zip(q, h[1:], strict=True)]) for q in reached
    ]
    flips = [((q[-1] >= 0) != (g[-1] >= 0)).sum(1).amax() for q in reached]  # D has ones where g >= 0
    return torch.stack(moved).amax(0), torch.stack(flips).amax()


def pre_activations(weights: Weights, X: Tensor) -> list[Tensor]:
    """g_0, ..., g_{L-1}, (n, m) each.

    Args:
        weights: a residual network.
        X: inputs, (n, d_in).

    Returns:
        g_0 = A x and g_l = h_{l-1} + tau W_l h_{l-1}.
    """
    g = [X @ weights.W[0].mT]
    for w in weights.W[1:-1]:
        h = g[-1].clamp(min=0)
        g.append(h + weights.scales[1] * (h @ w.mT))
    return g


def _perturbed(
    weights: Weights, first: Tensor, direction: Callable[[int, Tensor, Tensor], Tensor], omega: float
) -> list[Tensor]:
    """g_1, ..., g_{L-1} where every W'_l adds a vector of length at most tau omega ||h_{l-1}||.

    The direction is asked for with l, g_l as the layers below leave it and that length; what is longer is shortened,
    what lies along h_l is lengthened to it.
    """
    h, found, tau = first, [], weights.scales[1]
    for l, w in enumerate(weights.W[1:-1], start=1):
        z, length = h + tau * (h @ w.mT), tau * omega * h.norm(dim=1, keepdim=True)
        v = direction(l, z, length)
        size = v.norm(dim=1, keepdim=True)
        shortest = size.clamp(min=torch.finfo(size.dtype).tiny)
        found.append(z + v * (length / shortest))
        h = found[-1].clamp(min=0)
    return found


def _flip(z: Tensor, original: Tensor, length: Tensor) -> Tensor:
    """Minus z on the neurons of least |z| whose squares sum to at most length^2, those that have flipped left alone."""
    cost = torch.where((z >= 0) != (original >= 0), 0.0, z.square())
    order = cost.argsort(dim=1)
    taken = cost.gather(1, order).cumsum(1) * (1 + MARGIN) <= length.square()
    return torch.where(torch.zeros_like(taken).scatter(1, order, taken) & (cost > 0), -z, 0.0)


def depth_finding(weights: Weights, X: Tensor) -> str:
    """How ||h'||/(tau omega) and the sign changes grow with the number of residual layers, tau ensuring (C.1).

    Args:
        weights: the network, for its width.
        X: inputs, (n, d_in).

    Returns:
        A sentence with fitted exponents, in L - 1, in tau and in omega.
    """
    m = min(weights.m, WIDEST)
    layers, tau, omega, moved, flips = np.array(list(_at_depths(weights, X, m))).T
    scaled = moved / (tau * omega)
    depth = fit_exponent(layers, scaled)
    ends = [f"{scaled[layers == end].mean():.3g}" for end in (layers.min(), layers.max())]
    others = fit_exponents({"L": layers, "tau": tau, "omega": omega}, moved)
    seen = flips >= 3  # fewer are no power of omega: a neuron is whole
    apart = min(len(np.unique(column[seen])) for column in (layers, omega)) > 1  # narrow networks flip too few
    signs = fit_exponents({"L": layers[seen], "omega": omega[seen]}, flips[seen]) if apart else {}
    flipped = " ".join(f"{n}^{e}" for n, e in zip(("(L-1)", "omega"), signs.values(), strict=False)) or "too few to say"
    return (
        f"residual networks of width {m}, {layers.min():g} to {layers.max():g} residual layers and {SEEDS} seeds, tau "
        f"as (C.1) needs it, perturbed by omega = {RADII[0]:g} to {RADII[-1]:g}: ||h'_{{L-1}}||/(tau omega) goes "
        f"from {ends[0]} to {ends[1]}, as (L-1)^{depth} (printed 0, A11: 1), and ||h'|| as (L-1)^{others['L']} "
        f"tau^{others['tau']} omega^{others['omega']}; the sign changes of D_{{L-1}} that attacks reached go as "
        f"{flipped} (the bounds: omega^(2/3), times (L-1)^(2/3) with A11)"
    )


def _at_depths(weights: Weights, X: Tensor, m: int) -> Iterator[tuple[float, ...]]:
    """(L - 1, tau, omega, largest change, sign changes) of layer L - 1, for fresh networks of several depths."""
    for (L, share), seed in product(GRID, range(SEEDS)):
        tau = share * float(predict(f"{KEY}.resnet_tau_explicit", {"L": L}).value)
        generator = torch.Generator().manual_seed(seed)
        net = resnet(generator, L=L, m=m, d_in=X.shape[1], tau=tau).to(weights.V)
        for omega in RADII:
            moved, flips = largest_changes(net, X[:SAMPLES], omega)
            yield L - 1, tau, omega, float(moved[-1]), float(flips)
