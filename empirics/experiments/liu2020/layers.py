"""The lemmas behind Theorem 7.1, layer by layer: initialisation (Lemmas 7.2, 7.3) and the ball (Appendix F).

b^(l) = d f/d alpha^(l), l = 1..L-1; the ball is sum_l ||W^(l) - W_0^(l)||_F <= R. The statements are evaluated at c_0
as asked for (Lemma 7.2's 3), at the least s_0 that Assumption 7.2 admits on this network and these samples, and at C_x,
the largest entry of X in size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.setting import Setting
from empirics.measure.forward import backward, forward
from empirics.measure.norms import spectral_norm
from empirics.networks import network
from empirics.verdict import Observation
from empirics.weights import Weights

INITIAL = frozenset(("c_0", "init_output"))
RUNGS = frozenset(
    (
        "weight_norm",
        "activation_norm",
        "backward_norm",
        "backward_max",
        "backward_move",
        "C_b",
        "C_b_change",
        "preactivation_change",
        "layer_gradient",
        "L_f",
        "L_f_tight",
    )
)


@dataclass(frozen=True, eq=False)
class Sweep:
    """One point's sweeps over the samples.

    Attributes:
        weights: the L weight layers' spectral norms, (L,).
        z: what enters the hidden layers, L-1 of (n, m).
        alpha: the norms of the hidden layers' outputs, L-1 of (n,).
        b: the gradients of f in these, L-1 of (n, m).
        layers: the Frobenius norms of the gradient in each weight layer, (n, L).
    """

    weights: Tensor
    z: list[Tensor]
    alpha: list[Tensor]
    b: list[Tensor]
    layers: Tensor


def sweep(point: Weights, X: Tensor) -> Sweep:
    """Sweep the samples through a network and back.

    Args:
        point: the network, with one linear output.
        X: inputs, (n, d).

    Returns:
        What the lemmas speak of.
    """
    cache = forward(point, X)
    b, c = backward(point, cache, torch.ones_like(cache.f))
    norms = torch.stack([*map(spectral_norm, point.W), point.V.norm()])
    z = [a @ w.mT for a, w in zip(cache.a, point.W, strict=False)]
    alpha = [a.norm(dim=1) / s for a, s in zip(cache.a[1:], point.scales[1:], strict=True)]
    layers = torch.stack([cl.norm(dim=1) * a.norm(dim=1) for cl, a in zip(c, cache.a, strict=True)], 1)
    return Sweep(norms, z, alpha, b, layers)


def initial(setting: Setting, X: Tensor, width: int, names: frozenset[str]) -> Iterator[Observation]:
    """Lemmas 7.2 and 7.3 over fresh initialisations, so that their probabilities can be tested.

    Lemma 7.3 speaks of a given input: it is tested at the first sample.

    Args:
        setting: L, the activation, delta and how many initialisations.
        X: inputs, (n, d).
        width: m.
        names: the quantities wanted.

    Yields:
        One observation per layer and one output, for every initialisation.
    """
    if not names & INITIAL:
        return
    shape: dict[str, Any] = {"L": setting.L, "m": width, "d": X.shape[1]}
    values = {**shape, "activation": setting.activation, "delta": setting.delta, "C_x": float(X[0].abs().max())}
    for seed in setting.fresh_seeds(setting.init_seeds):
        start = network(KEY, "deep", seed=seed, device=setting.device, activation=setting.activation, **shape).weights
        norms = torch.stack([*map(spectral_norm, start.W), start.V.norm()]) / width**0.5
        for l, size in enumerate(norms.tolist(), start=1):
            yield Observation(f"{KEY}.c_0", values, size, upper=size, seed=seed, label=f"l={l}", width=width)
        above = float(norms.max()) > setting.c_0
        reasons = (f"eq 33 fails: a layer's norm is {float(norms.max()):.3g} sqrt(m)",) if above else ()
        output = abs(float(forward(start, X[:1], order=0).f))
        at = {**values, "c_0": setting.c_0}
        yield Observation(f"{KEY}.init_output", at, output, upper=output, seed=seed, reasons=reasons, width=width)


def in_ball(
    point: Weights,
    start: Weights,
    X: Tensor,
    setting: Setting,
    found: Mapping[str, float],
    R: float,
    names: frozenset[str],
    frame: Mapping[str, Any],
) -> Iterator[Observation]:
    """The lemmas of Appendix F at a point.

    Args:
        point: the network.
        start: w_0, the centre of the ball.
        X: inputs, (n, d).
        setting: c_0, the activation.
        found: what `constants` found at w_0.
        R: radius of the ball.
        names: the quantities wanted.
        frame: seed, step and width, for the record.

    Yields:
        Observations, NOT APPLICABLE where the point lies outside the ball or c_0 is exceeded.
    """
    reasons = premises(point, start, R, setting, found)
    values = values_of(point, setting, found, R)

    def see(name: str, size: float, *, upper: float | None = None, **extra: Any) -> Observation:
        at = {**values, **extra.pop("at", {})}
        high = size if upper is None else upper
        return Observation(f"{KEY}.{name}", at, size, upper=high, reasons=reasons, **extra, **frame)

    if names & RUNGS:
        yield from (o for o in _rungs(see, sweep(point, X), sweep(start, X)) if o.quantity.split(".")[1] in names)


def premises(point: Weights, start: Weights, R: float, setting: Setting, found: Mapping[str, float]) -> tuple[str, ...]:
    """Why Appendix F does not speak of a point: it is not in the ball, or Assumption 7.1 fails at c_0.

    Args:
        point: the network.
        start: w_0.
        R: radius in sum_l ||W^(l) - W_0^(l)||_F.
        setting: c_0 as asked for.
        found: c_0 as measured.

    Returns:
        The reasons; none where it is covered.
    """
    moved = sum(float((w - w0).norm()) for w, w0 in zip(point.tensors, start.tensors, strict=True))
    left = moved > R * (1 + 1e-9)
    reasons = (f"the iterate left the ball: {moved:.3g} > R = {R:.3g}",) if left else ()
    if found["c_0"] <= setting.c_0:
        return reasons
    norm = f"a layer's norm is {found['c_0']:.3g} sqrt(m) > c_0 = {setting.c_0:g}"
    return (*reasons, f"Assumption 7.1 fails: {norm}")


def values_of(point: Weights, setting: Setting, found: Mapping[str, float], R: float) -> dict[str, Any]:
    """The parameters at which Appendix F predicts.

    Args:
        point: the network, for its sizes.
        setting: c_0, the activation.
        found: s_0 and C_x.
        R: the radius.
    """
    sizes = {"L": point.L + 1, "m": point.m, "d": point.d}
    own = {"R": R, "c_0": setting.c_0, "s_0": found["s_0"] * (1 + 1e-9), "C_x": found["C_x"]}
    return {**sizes, **own, "activation": setting.activation}


def _rungs(see: Any, now: Sweep, then: Sweep) -> Iterator[Observation]:
    """Lemmas F.3 to F.6 and 7.1."""
    root = now.b[0].shape[1] ** 0.5
    for l, norm in enumerate(now.weights.tolist(), start=1):
        yield see("weight_norm", norm, label=f"l={l}")
    for l, parts in enumerate(zip(now.alpha, now.b, then.b, now.z, then.z, strict=True), start=1):
        alpha, b, b_0, z, z_0 = parts
        at: dict[str, Any] = {"at": {"l": l}, "label": f"l={l}"}
        largest, change = float(b.abs().max()), float((b - b_0).norm(dim=1).max())
        yield see("activation_norm", float(alpha.max()), **at)
        yield see("backward_norm", float(b.norm(dim=1).max()), **at)
        yield see("backward_max", largest, **at)
        yield see("C_b", root * largest, **at)
        yield see("backward_move", change, **at)
        yield see("C_b_change", root * change, **at)
        yield see("preactivation_change", float((z - z_0).norm(dim=1).max()), **at)
    for l, size in enumerate(now.layers.amax(0).tolist(), start=1):
        yield see("layer_gradient", size, label=f"l={l}")
    whole = float(now.layers.norm(dim=1).max())
    yield see("L_f", whole)
    yield see("L_f_tight", whole)
