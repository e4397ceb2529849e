"""Errata demonstrated on seeded networks, recursions and finite probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bounds.model import Demonstration
from bounds.papers.allenzhu2019.reference import data, initialise, residual_layers


def _quantity(name: str) -> Any:
    from bounds.registry import quantity

    return quantity(f"allenzhu2019.{name}")


def tuple_norm() -> Demonstration:
    """A7: the first step's norm, layer by layer and all layers together."""
    depth = 16
    net, (X, Y) = initialise(depth, 128, 6, 2), data(5, 6, 2)
    layers = [float(np.linalg.norm(g)) for g in net.gradient(X, Y)]
    ratio = math.sqrt(sum(x * x for x in layers)) / max(layers)
    at = {"n": 5, "d": 2, "delta": "1/2", "m": 128}
    allowed = _quantity("movement_tuple").evaluate(L=depth, **at) / _quantity("movement").evaluate(**at)
    return Demonstration(
        0.6 * math.sqrt(depth) < ratio <= allowed * (1 + 1e-12) and abs(allowed - math.sqrt(depth)) < 1e-12,
        f"L = {depth}: the gradient of all layers is {ratio:.2f} times the largest layer's; sqrt(L) = {allowed:.0f}",
        {"ratio": ratio, "allowed": allowed},
    )


def initial_loss() -> Demonstration:
    """A8: at eps = 1 the printed number of steps is zero, whatever the initial loss."""
    n, m = 20, 256
    net, (X, Y) = initialise(2, m, 6, 4), data(n, 6, 4)
    loss, bound = net.loss(X, Y), _quantity("loss_init").evaluate(n=n, m=m)
    at = {"n": n, "L": 2, "delta": "1/2", "eps": 1}
    printed, proved = _quantity("iterations_printed").evaluate(**at), _quantity("iterations").evaluate(**at, m=m)
    return Demonstration(
        1 < loss <= bound and printed == 0 < proved,
        f"n = {n}, m = {m}: F_0 = {loss:.2f} > eps = 1, yet log(1/eps) gives 0 steps; log(n log(m)/eps) gives "
        f"{proved:.3g} C_T",
        {"loss": loss, "bound": bound, "printed": printed, "proved": proved},
    )


def one_sided() -> Demonstration:
    """A9: increments +1 with probability 0.99, else -199: both displays of Section 13 hold, the conclusion does not."""
    p, up, t = 0.01, 1.0, 60
    mean = -1.0
    down = (mean - (1 - p) * up) / p
    stays = (1 - p) ** t  # then log F has risen by t, t - mean t above its mean
    claimed = math.exp(-((t * up - t * mean) ** 2) / (2 * t * (up - mean) ** 2))
    return Demonstration(
        (1 - p) * up + p * down == mean and stays > 0.5 > 1e6 * claimed,
        f"increments 1 or {down:.0f}, mean {mean:.0f}: after {t} steps log F has risen by {t} with probability "
        f"{stays:.3f}, where one-sided concentration with the upper bound alone would allow {claimed:.1e}",
        {"probability": stays, "claimed": claimed},
    )


def residual_growth() -> Demonstration:
    """A11: W'_l = omega u_l u_l^T along the hidden layer; and the scale that (C.1) needs."""
    depth, m, omega = 40, 120, 0.01
    rng = np.random.default_rng(0)
    needed = 2 * math.sqrt(2) / math.log(1.01)
    tau = 1 / (depth * needed)
    branches = [math.sqrt(2 / m) * rng.standard_normal((m, m)) for _ in range(depth)]
    first = np.maximum(rng.standard_normal(m), 0)
    hidden = residual_layers(first / np.linalg.norm(first), branches, tau)
    unit = [h / np.linalg.norm(h) for h in hidden]
    moved = [w + omega * np.outer(u, u) for w, u in zip(branches, unit[:-1], strict=True)]
    change = [float(np.linalg.norm(a - b)) for a, b in zip(residual_layers(hidden[0], moved, tau), hidden, strict=True)]
    scaled = [x / (tau * omega) for x in change]
    product = math.exp(2 * math.sqrt(2) * tau * depth)
    explicit = _quantity("resnet_tau_explicit").evaluate(L=depth)
    return Demonstration(
        0.9 * depth < scaled[-1] < 1.1 * depth
        and abs(scaled[depth // 2] / (depth // 2) - 1) < 0.1
        and abs(product - 1.01) < 1e-12
        and abs(explicit / tau - 1) < 1e-12,
        f"||h'_l||/(tau omega) = {scaled[depth // 2]:.1f} at l = {depth // 2}, {scaled[-1]:.1f} at l = {depth}; "
        f"(C.1) by norms ||W|| = 2 sqrt 2 needs C log m >= {needed:.2f}",
        {"half": scaled[depth // 2], "all": scaled[-1], "C log m": needed},
    )


def path_lengths() -> Demonstration:
    """A12: the extremal trajectories of (A.2), F falling by c ||loss||^2 a step."""
    c = 0.1
    # non-convex: ||loss_t|| = eps until the loss is used up
    nonconvex = {eps: eps * math.floor(1 / (c * eps**2)) for eps in (1e-1, 1e-2, 1e-3)}
    power = math.log((nonconvex[1e-3] / nonconvex[1e-2]) ** 2, 10)
    # convex: ||loss_t|| = gap (n = D = 1), so the gap falls by c gap^2
    gap, path, convex, marks = 1.0, 0.0, [], [1e-1, 1e-2, 1e-3, 1e-4]
    while marks:
        if gap <= marks[0]:
            convex.append(path)
            marks.pop(0)
        path, gap = path + gap, gap - c * gap * gap
    growth = (convex[3] / convex[1]) ** 2
    factor = {tail: _quantity(f"width_factor_nonconvex{tail}") for tail in ("", "_printed")}
    ours = [factor[""].evaluate(n=1, m=100, eps=eps) for eps in ("1/1000", "1/100")]
    stated = [factor["_printed"].evaluate(eps=eps) for eps in ("1/1000", "1/100")]
    return Demonstration(
        abs(power - 2) < 0.01
        and abs(growth - 4) < 0.2
        and abs(math.log10(ours[0] / ours[1]) - power) < 0.01
        and math.log10(stated[0] / stated[1]) < 0.6 * power,
        f"non-convex: from eps = 1e-2 to 1e-3 the squared path grows like eps^-{power:.2f} (printed eps^-1); convex: "
        f"from 1e-2 to 1e-4 it grows by {growth:.2f}, like log(1/eps)^2 (printed: log, 2)",
        {"nonconvex power": power, "convex growth": growth},
    )


def cross_entropy() -> Demonstration:
    """A13: the gradient of the printed f, and that of -log of it."""

    def softmax(z: np.ndarray) -> np.ndarray:
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    z = np.array([0.0, 3.0])
    p = softmax(z)[0]
    printed = float(np.linalg.norm([p * (1 - p), -p * softmax(z)[1]]))
    true = float(np.linalg.norm(softmax(z) - [1.0, 0.0]))
    step = 1e-6
    sides = [softmax(np.array([sign * step, z[1]]))[0] for sign in (-1, 1)]
    slope = (math.log(sides[0]) - math.log(sides[1])) / (2 * step)
    many = softmax(np.random.default_rng(0).normal(0, 4, (20_000, 5)))
    norms = np.sqrt(((many - np.eye(5)[0]) ** 2).sum(axis=1))
    least = float(many[norms < 0.25, 0].min())
    return Demonstration(
        printed < 0.25 < true and p < 0.5 and abs(slope + (1 - p)) < 1e-8 and least > 0.75,
        f"z = (0, 3), y = 1: p_y = {p:.3f} is wrong, yet the printed f has a gradient of {printed:.3f} < 1/4; that of "
        f"-log f is {true:.3f}, with -(1 - p_y) on z_y. Below 1/4 it leaves p_y >= {least:.3f} > 3/4",
        {"printed": printed, "cross-entropy": true, "least p_y": least},
    )


def convolution_variances() -> Demonstration:
    """A14: squared norms of h_0 and h_L, 3 x 3 neighbourhoods on a torus."""
    side, q, m, rng = 6, 9, 144, np.random.default_rng(0)
    positions = side * side
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    grid = np.arange(positions).reshape(side, side)
    reads = np.stack([np.roll(grid, shift, (0, 1)).ravel() for shift in shifts], axis=1)
    x = rng.standard_normal(positions)
    x /= np.linalg.norm(x)
    draw = np.maximum(np.einsum("jmq,jq->jm", rng.standard_normal((positions, m, q)), x[reads]), 0)
    first = {
        tail: float((draw**2).sum()) * _quantity(f"cnn_input_variance{tail}").evaluate(q=q, m=m)
        for tail in ("", "_printed")
    }
    channels, h = 20, np.abs(rng.standard_normal(positions * 20))
    h /= np.linalg.norm(h)
    last = float((np.maximum(rng.standard_normal((h.size, h.size)) @ h, 0) ** 2).sum())
    dense = {
        "": last * _quantity("cnn_dense_variance").evaluate(d_positions=positions, m=channels),
        "_printed": last * _quantity("cnn_dense_variance_printed").evaluate(q=q, m=channels),
    }
    return Demonstration(
        abs(first[""] - 1) < 0.1
        and abs(first["_printed"] / 36 - 1) < 0.1
        and abs(dense[""] - 1) < 0.15
        and abs(dense["_printed"] * q / positions - 1) < 0.15,
        f"q = {q}, m = {m}: ||h_0||^2 = {first['_printed']:.1f} as printed, {first['']:.3f} with 2/(q m); {positions} "
        f"positions: the dense layer gives {dense['_printed']:.2f} as printed, {dense['']:.3f} with 2/(d_positions m)",
        {"h_0 printed": first["_printed"], "h_0": first[""], "h_L printed": dense["_printed"], "h_L": dense[""]},
    )
