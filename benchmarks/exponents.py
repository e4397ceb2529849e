"""How the cost of three measures grows with the width m, the hidden layers L and the samples n, against the count.

    python benchmarks/exponents.py [--threads 2] [--rounds 5] [--plot FILE]

Each parameter is doubled with the others fixed; every size is timed once per round, in turn, after one call that is not
counted. The exponent is the least-squares slope of log2(median seconds) against log2(parameter) over the larger half of
the sizes, at least four, with its 95% interval (Student's t, from the residuals: curvature widens it too). Beside it
stands the slope of the counted operations of matrix products over the same sizes, in which lower terms count as they do
in the times; elementwise work is not counted. float64, tanh; the Hessian measure makes a fixed number of products.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import gradient_norms_flops, hessian_norms_flops, ntk_gram_flops, pin
from scipy.stats import t as student

import empirics

D = 64
PRODUCTS = 16
PARAMETERS = ("m", "L", "n")


@dataclass(frozen=True)
class Measure:
    """A measure, what it costs, and the sizes at which to time it.

    Attributes:
        call: from (net, X), returns when done.
        flops: of (m, L, n, d).
        fixed: the sizes while another one is doubled.
        doubled: by parameter, its values.
    """

    call: Callable[[empirics.Network, torch.Tensor], Any]
    flops: Callable[[int, int, int, int], int]
    fixed: dict[str, int]
    doubled: dict[str, list[int]]


def doubling(first: int, last: int) -> list[int]:
    """First, 2 first, ..., last."""
    return [first << i for i in range((last // first).bit_length())]


MEASURES = {
    "hessian_norms": Measure(
        partial(empirics.hessian_norms, tol=1e-14, max_iter=PRODUCTS, upper=False),
        partial(hessian_norms_flops, products=PRODUCTS),
        {"m": 512, "L": 3, "n": 64},
        {"m": doubling(32, 2048), "L": doubling(1, 32), "n": doubling(4, 256)},
    ),
    "ntk_gram": Measure(
        empirics.ntk_gram,
        ntk_gram_flops,
        {"m": 256, "L": 3, "n": 256},
        {"m": doubling(64, 4096), "L": doubling(1, 64), "n": doubling(64, 4096)},
    ),
    "gradient_norms": Measure(
        empirics.gradient_norms,
        gradient_norms_flops,
        {"m": 512, "L": 3, "n": 256},
        {"m": doubling(64, 4096), "L": doubling(1, 64), "n": doubling(64, 4096)},
    ),
}


def problem(m: int, L: int, n: int) -> tuple[empirics.Network, torch.Tensor]:
    """Network and inputs; sigma_1 = 2 keeps deep networks' signals from dying out."""
    net = empirics.network(L=L, m=m, d=D, activation="tanh", seed=0, sigma_1=2.0)
    return net, empirics.load("sphere", samples=n, d=D).X


def times(measure: Measure, parameter: str, rounds: int) -> list[list[float]]:
    """Seconds by size and round."""
    sizes = [measure.fixed | {parameter: value} for value in measure.doubled[parameter]]
    problems = [problem(**size) for size in sizes]
    found: list[list[float]] = [[] for _ in sizes]
    for k in range(rounds + 1):
        for (net, X), seconds in zip(problems, found, strict=True):
            started = time.perf_counter()
            measure.call(net, X)
            if k:
                seconds.append(time.perf_counter() - started)
    return found


def slope(values: list[int], costs: list[float]) -> tuple[float, float]:
    """Least-squares exponent and the half-width of its 95% interval."""
    x, y = np.log2(values), np.log2(costs)
    x = x - x.mean()
    spread = float(x @ x)
    exponent = float(x @ y) / spread
    rest = y - y.mean() - exponent * x
    free = len(x) - 2
    return exponent, float(student.ppf(0.975, free)) * float(rest @ rest / free / spread) ** 0.5


def row(name: str, parameter: str, rounds: int) -> dict[str, Any]:
    """One measure and one parameter."""
    measure = MEASURES[name]
    values, taken = measure.doubled[parameter], times(measure, parameter, rounds)
    seconds = [statistics.median(s) for s in taken]
    flops = [measure.flops(**(measure.fixed | {parameter: v}), d=D) for v in values]  # type: ignore[call-arg]
    start = min(len(values) // 2, len(values) - 4)
    exponent, half = slope(values[start:], seconds[start:])
    counted, _ = slope(values[start:], [float(f) for f in flops[start:]])
    return {
        "measure": name,
        "parameter": parameter,
        "fixed": {k: v for k, v in measure.fixed.items() if k != parameter},
        "values": values,
        "seconds": seconds,
        "gflops_per_s": [f / s / 1e9 for f, s in zip(flops, seconds, strict=True)],
        "fitted_from": values[start],
        "exponent": exponent,
        "interval": [exponent - half, exponent + half],
        "counted_exponent": counted,
        "counted_inside": abs(counted - exponent) <= half,
        "flops": flops,
    }


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Seconds against each parameter, with the count drawn through the largest size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(PARAMETERS), figsize=(12, 4), sharey=True, layout="constrained")
    for axis, parameter in zip(axes, PARAMETERS, strict=True):
        for colour, one in enumerate(r for r in rows if r["parameter"] == parameter):
            label = f"{one['measure']}: {one['exponent']:.2f} (counted {one['counted_exponent']:.2f})"
            axis.loglog(one["values"], one["seconds"], "o", color=f"C{colour}", label=label)
            scale = one["seconds"][-1] / one["flops"][-1]
            axis.loglog(one["values"], [scale * f for f in one["flops"]], "-", color=f"C{colour}", lw=1)
        axis.set_xlabel(parameter)
        axis.legend(fontsize=8)
    axes[0].set_ylabel("seconds")
    figure.suptitle(
        "Measured (dots); counted operations through the largest size (lines); exponents of the larger half"
    )
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measures", default=",".join(MEASURES))
    parser.add_argument("--plot", type=Path, help="write a figure, too")
    options = parser.parse_args()
    how = pin(options.threads)
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    rows = [row(name, p, options.rounds) for name in options.measures.split(",") for p in PARAMETERS]
    if options.plot:
        plot(rows, options.plot)
    settings = {"threads": options.threads, "threads_by": how, "rounds": options.rounds, "torch": torch.__version__}
    total = time.perf_counter() - started
    print(json.dumps({**settings, "d": D, "dtype": "float64", "total_s": total, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
