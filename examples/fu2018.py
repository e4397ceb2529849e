"""Does Algorithm 2 give a start in the ball of Theorem 1, and how many samples would that take?

fu2018 proves that gradient descent converges from any start in a ball around W* in which the loss is strongly convex,
and that Algorithm 2 (moments of the data, no training) gives a W_0 near W* if n is large. Moments of n samples err by
about 1/sqrt(n), and so does W_0: its error e at one n says that it enters a ball of radius r at about n (e/r)^2.
Labels are those of regression (eq 4). "Less noise" estimates the same moments from all samples instead of a third, and
from the labels less their affine fit, which the higher moments do not see.

Run it: python examples/fu2018.py
"""

from __future__ import annotations

import math
import statistics

import torch

import bounds
import empirics
from empirics.experiments.fu2018.algorithm2 import PRINTED, SHARPENED, initialise
from empirics.experiments.fu2018.data import draw, teacher
from empirics.experiments.fu2018.matching import error, matched
from empirics.exponents import fit_exponent

K, D, SETS, SIZES, CONDITION = 2, 10, 6, (1000, 4000, 16_000, 64_000), 1.5
METHODS = {"as printed": PRINTED, "with less noise": SHARPENED}


def theory(W: torch.Tensor) -> dict[str, float]:
    """What the theorems say of a ground truth (K, d): the ball's radius over ||W*||_F, and the samples asked for."""
    values = torch.linalg.svdvals(W).tolist()
    at = {"K": len(W), "sigma": min(values), "singular_values": values, "activation": "sigmoid"}
    size, d = math.sqrt(sum(s * s for s in values)), W.shape[1]
    return {
        # Lemma 2 with the constant that its proof gives: there the population Hessian keeps half of its bound at W*
        "radius": bounds.quantity("fu2018.radius_explicit").evaluate(**at) / size,
        "samples": bounds.quantity("fu2018.sample_complexity_implicit").evaluate(d=d, C=1, **at),
    }


def start(net: empirics.Weights, n: int, seed: int, method: str) -> tuple[float, float]:
    """Algorithm 2 on n fresh samples: ||W_0 - W*||_F/||W*||_F, neurons matched, and lambda_min(H_n) at W_0."""
    X, y = draw(net, n, seed, "regression")
    found = initialise(X, y, K, method=METHODS[method], seed=seed).W
    at = net.with_tensors([matched(found, net.W[0]), net.V])
    curvature = empirics.loss_hessian_extremes(at, X, y, loss="half_mean_square")
    return error(found, net.W[0]), float(curvature.details["lambda_min"])


def report(method: str, runs: dict[int, list[tuple[float, float]]], radii: list[float]) -> dict[str, float]:
    """Print what one method's runs show, by n and ground truth, and return the numbers behind it."""
    points = [(n, e, r) for n, found in runs.items() for (e, _), r in zip(found, radii, strict=True)]
    line = fit_exponent([n for n, _, _ in points], [e for _, e, _ in points])
    errors = [e for _, e, _ in points]
    convex = [sum(low > 0 for _, low in found) for found in runs.values()]
    numbers = {"exponent": line.value, "low": line.low, "high": line.high, "convex": convex[-1] / SETS}
    numbers["inside"] = sum(e <= r for _, e, r in points)
    inside = f"{numbers['inside']} of {len(points)} starts in the ball"
    print(f"Algorithm 2 {method}, n = {', '.join(map(str, runs))}: {inside}")
    print(f"  ||W_0 - W*|| is {min(errors):.1g} to {max(errors):.1g} ||W*||;", end=" ")
    print(f"lambda_min(H_n) > 0 at W_0 in {', '.join(map(str, convex))} of {SETS}")
    if line.high >= 0:  # the fits to hopeless moments depend on rounding: no digits of theirs are worth printing
        print("  it does not fall with n")
        return numbers
    medians = ", ".join(f"{statistics.median(e for e, _ in found):.2g}" for found in runs.values())
    print(f"  its medians {medians} fall as n^{line}")
    if line.low <= -0.5 <= line.high:
        numbers["samples"] = statistics.geometric_mean(n * (e / r) ** 2 for n, e, r in points)
        print(f"  in the ball from about n = {numbers['samples']:.0e} on, if n^-0.5 goes on")
    return numbers


def main() -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Measure and print.

    Returns:
        computed: by method, the ``exponent`` of the error in n with its 95% interval ``low``, ``high``; how many starts
            are ``inside`` the ball; the share ``convex`` of them at the largest n with a positive definite Hessian;
            where the exponent may be -1/2, the ``samples`` from which they would be inside.
        theoretical: ``exponent`` -1/2; ``radius`` and ``samples``, geometric means over the ground truths.
    """
    truths = [teacher(seed, K=K, d=D, condition=CONDITION) for seed in range(SETS)]
    told = [theory(net.W[0]) for net in truths]
    theoretical = {name: statistics.geometric_mean(t[name] for t in told) for name in told[0]} | {"exponent": -0.5}
    many = f"{SETS} ground truths, {len(SIZES) * SETS} runs a method"
    print(f"K = {K}, d = {D}, sigmoid, condition number {CONDITION}: {many}")
    print(
        f"Theorem 1: a ball of {theoretical['radius']:.1e} ||W*|| (Lemma 2), from n = {theoretical['samples']:.0e} C on"
    )
    computed = {}
    for method in METHODS:
        runs = {n: [start(net, n, seed, method) for seed, net in enumerate(truths)] for n in SIZES}
        computed[method] = report(method, runs, [t["radius"] for t in told])
    return computed, theoretical


if __name__ == "__main__":
    main()
