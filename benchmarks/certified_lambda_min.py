"""The certified least eigenvalue of a kernel matrix against numpy's eigvalsh, which certifies nothing.

    OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 python benchmarks/certified_lambda_min.py [--n 2000] [--repeats 7]

Operations, counted before timing: certified, one Cholesky factorisation in float32 and one in float64, n^3/3 each, the
latter with n^2 64 for its defects, and 4 n^2 per step of the iteration; eigvalsh, 4 n^3/3 for the reduction to
tridiagonal form, half of it in matrix-vector products, which wait for memory. The two run in turn, in one process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.measure.certified import certified_lambda_min

FEATURES = 8000


def sphere(n: int, d: int) -> tuple[Tensor, torch.Generator]:
    """Points X (n, d) on the unit sphere, and the generator for what follows."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return X / X.norm(dim=1, keepdim=True), generator


def ntk(n: int, d: int) -> Tensor:
    """The NTK Gram matrix of a ReLU network with one hidden layer: its least eigenvalues lie dense."""
    X, generator = sphere(n, d)
    Z = X @ torch.randn(d, FEATURES, generator=generator, dtype=torch.float64)
    H, S = Z.relu() * (2 / FEATURES) ** 0.5, (Z > 0).double() / FEATURES**0.5
    return H @ H.mT + (X @ X.mT) * (S @ S.mT)


def features(n: int, d: int, ridge: float) -> Tensor:
    """The Gram matrix of random tanh features plus a small diagonal."""
    X, generator = sphere(n, d)
    H = (X @ torch.randn(d, FEATURES, generator=generator, dtype=torch.float64)).tanh() / FEATURES**0.5
    K = H @ H.mT
    K.diagonal().add_(ridge)
    return K


CASES: dict[str, Callable[[int], Tensor]] = {
    "ntk, d=6": lambda n: ntk(n, 6),
    "ntk, d=20": lambda n: ntk(n, 20),
    "features, ridge 1e-2": lambda n: features(n, 20, 1e-2),
    "features, ridge 1e-4": lambda n: features(n, 20, 1e-4),
}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    call()  # wakes the threads, while those of the other library, which spin for a while when idle, fall asleep
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def measure(K: Tensor, repeats: int) -> dict[str, Any]:
    """Both methods in turn."""
    ours, peers = [], []
    array = K.numpy()
    for _ in range(repeats):
        seconds, found = timed(lambda: certified_lambda_min(K))
        ours.append(seconds)
        seconds, values = timed(lambda: np.linalg.eigvalsh(array))
        peers.append(seconds)
    certified, eigvalsh = statistics.median(ours), statistics.median(peers)
    return {
        "lambda_min_over_mean_diagonal": float(values[0] / K.diagonal().mean()),
        "certified_s": certified,
        "certified_min_max_s": [min(ours), max(ours)],
        "eigvalsh_s": eigvalsh,
        "eigvalsh_min_max_s": [min(peers), max(peers)],
        "times_faster": eigvalsh / certified,
        "times_faster_round_by_round": statistics.median(p / o for p, o in zip(peers, ours, strict=True)),
        "relative_width": (found.upper - found.lower) / found.value,
        "encloses_eigvalsh": bool(found.lower <= values[0] <= found.upper),
        "difference_from_eigvalsh": float(found.value / values[0] - 1),
        "rounding_bound_over_value": found.details["rounding_bound"] / found.value,
        "cholesky_count": found.details["cholesky_count"],
    }


def main() -> None:
    """Run every case and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    n = options.n
    report: dict[str, Any] = {
        "n": n,
        "threads": torch.get_num_threads(),
        "certified_flops": 2 * n**3 / 3 + 64 * n**2 + 15 * 4 * n**2,
        "eigvalsh_flops": 4 * n**3 / 3,
    }
    for name in options.cases:
        K = CASES[name](n)
        report[name] = measure((K + K.mT) / 2, options.repeats)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
