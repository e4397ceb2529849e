"""liu2020's infinite-width kernel: Mehler's expansion against Gauss-Hermite per pair and scipy's dblquad per pair.

The peers compute the same recursion pair by pair on a sample of pairs, and their time is scaled to all pairs.

python benchmarks/kernels.py
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bounds.data import load
from bounds.gaussian import gauss_hermite
from bounds.kernels import ntk

Mean = Callable[[Callable[[Any], Any], float, float, float], float]


def slope(z: Any) -> Any:
    return 1 - np.tanh(z) ** 2


def dense(points: int) -> Mean:
    """E[g(u) g(v)] by a Gauss rule with points^2 nodes."""
    z, w = gauss_hermite(points)

    def mean(g: Callable[[Any], Any], a: float, b: float, rho: float) -> float:
        second = g(b * (rho * z[:, None] + math.sqrt(max(1 - rho * rho, 0)) * z[None, :])) @ w
        return float((g(a * z) * second) @ w)

    return mean


def adaptive(g: Callable[[Any], Any], a: float, b: float, rho: float) -> float:
    """E[g(u) g(v)] by scipy's dblquad at tolerance 1e-10."""
    from scipy.integrate import dblquad

    s = math.sqrt(max(1 - rho * rho, 0))

    def integrand(w: float, z: float) -> float:
        return float(g(a * z) * g(b * (rho * z + s * w))) * math.exp(-(z * z + w * w) / 2) / (2 * math.pi)

    return float(dblquad(integrand, -9, 9, -9, 9, epsabs=1e-10, epsrel=1e-10)[0])


def pairwise(x: np.ndarray, y: np.ndarray, hidden: int, mean: Mean) -> float:
    """K(x, y), the recursion on three numbers; x is not y."""
    d = len(x)
    aa, bb, ab = float(x @ x) / d, float(y @ y) / d, float(x @ y) / d
    K = ab
    for _ in range(hidden):
        a, b = math.sqrt(aa), math.sqrt(bb)
        rho = min(1.0, ab / (a * b))
        ab, derivative = mean(np.tanh, a, b, rho), mean(slope, a, b, rho)
        aa, bb = mean(np.tanh, a, a, 1.0), mean(np.tanh, b, b, 1.0)
        K = ab + derivative * K
    return K


def peer(X: np.ndarray, hidden: int, mean: Mean, pairs: list[tuple[int, int]]) -> tuple[list[float], float]:
    """Values on ``pairs``, and seconds for all of them scaled to n(n+1)/2."""
    start = time.perf_counter()
    values = [pairwise(X[i], X[j], hidden, mean) for i, j in pairs]
    seconds = (time.perf_counter() - start) / len(pairs)
    return values, seconds * len(X) * (len(X) + 1) / 2


def main() -> None:
    """Run and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--hidden", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    X = load("digits", samples=options.samples, seed=0).X / 16
    ntk("liu2020", X[:8], L=options.hidden + 1)
    times = []
    for _ in range(options.repeats):
        start = time.perf_counter()
        kernel = ntk("liu2020", X, L=options.hidden + 1)
        times.append(time.perf_counter() - start)
    ours = statistics.median(times)
    rng = np.random.default_rng(0)
    pairs = [(int(i), int(j)) for i, j in rng.integers(0, len(X), (200, 2)) if i != j]
    report: dict[str, Any] = {
        "samples": len(X),
        "hidden_layers": options.hidden,
        "package_s": ours,
        "error_bound": kernel.error,
        "lambda_min": kernel.lambda_min,
        "lambda_min_error": kernel.extremes.error,
    }
    for name, mean, some in (
        ("gauss_hermite_64", dense(64), pairs),
        ("gauss_hermite_128", dense(128), pairs[:50]),
        ("dblquad", adaptive, pairs[:1]),
    ):
        values, seconds = peer(X, options.hidden, mean, some)
        difference = max(abs(v - kernel.value[i, j]) for v, (i, j) in zip(values, some, strict=True))
        report[name] = {"s_all_pairs": seconds, "over_package": seconds / ours, "largest_difference": difference}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
