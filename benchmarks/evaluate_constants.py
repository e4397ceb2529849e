"""c_H on a million points: this package, a hand-written numpy expression, and SymPy's evalf point by point.

python benchmarks/evaluate_constants.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

import bounds


def hand_written(L: Any, gamma: Any, phi_0: Any, beta_phi: Any, rho_1: Any) -> Any:
    """Remark 4.3 as a numpy user would write it, geometric sums in closed form away from gamma = 1."""

    def h(l: Any) -> Any:
        gap = gamma - 1
        total = np.where(gap == 0, l - 1, (gamma ** (l - 1) - 1) / np.where(gap == 0, 1, gap))
        return gamma ** (l - 1) + phi_0 * total

    def psi(a: Any, b: Any) -> Any:
        return np.maximum(
            np.maximum(beta_phi * a**2, a * (beta_phi / 2 * (gamma**2 + b**2) + 1)), beta_phi * gamma**2 * a * b
        )

    top, below, second = h(L), h(L - 1), h(2)
    psi_H = np.maximum(psi(1.0, second), psi(below, top))
    bracket = L * (L**2 * gamma ** (2 * L) + L * gamma**L + 1)
    first = 2 * bracket * (1 + rho_1) * psi_H * np.maximum(1, gamma ** (L - 1))
    return first + 2 * L * gamma**L * np.maximum(1, top)


def symbolic() -> tuple[Any, dict[str, Any]]:
    """The same formula as a SymPy expression with closed-form sums, the best case for evalf (gamma != 1)."""
    names = {x: sympy.Symbol(x, positive=True) for x in ("L", "gamma", "phi_0", "beta_phi", "rho_1")}
    L, gamma, phi_0, beta_phi, rho_1 = names.values()

    def h(l: Any) -> Any:
        return gamma ** (l - 1) + phi_0 * (gamma ** (l - 1) - 1) / (gamma - 1)

    def psi(a: Any, b: Any) -> list[Any]:
        return [beta_phi * a**2, a * (beta_phi / 2 * (gamma**2 + b**2) + 1), beta_phi * gamma**2 * a * b]

    psi_H = sympy.Max(*psi(sympy.S.One, h(2)), *psi(h(L - 1), h(L)), evaluate=False)
    bracket = L * (L**2 * gamma ** (2 * L) + L * gamma**L + 1)
    decay = sympy.Max(1, gamma ** (L - 1), evaluate=False)
    rise = sympy.Max(1, h(L), evaluate=False)
    return 2 * bracket * (1 + rho_1) * psi_H * decay + 2 * L * gamma**L * rise, names


def median_seconds(function: Callable[[], Any], repeats: int) -> float:
    """The median wall-clock time of ``repeats`` calls, after one that is not counted."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Run and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10**6)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    rng, n = np.random.default_rng(0), options.points
    values = {
        "L": rng.integers(2, 40, n).astype(float),
        "gamma": rng.uniform(0.5, 1.5, n),
        "phi_0": rng.uniform(0, 1, n),
        "beta_phi": rng.uniform(0.1, 1, n),
        "rho_1": rng.uniform(0, 2, n),
    }
    q = bounds.quantity("banerjee2023.c_H")
    ours, theirs = q.evaluate(**values), hand_written(**values)
    error = float(np.max(np.abs(ours - theirs) / ours))
    formula, names = symbolic()
    few = 50

    def evalf() -> list[Any]:
        points = ({names[x]: sympy.Float(v[k]) for x, v in values.items()} for k in range(few))
        return [formula.xreplace(point).evalf() for point in points]

    exact = np.array(evalf(), dtype=float)
    against_evalf = float(np.max(np.abs(exact - ours[:few]) / exact))
    package = median_seconds(lambda: q.evaluate(**values), options.repeats)
    numpy_time = median_seconds(lambda: hand_written(**values), options.repeats)
    per_point = median_seconds(evalf, 5) / few
    print(
        json.dumps(
            {
                "points": n,
                "package_s": package,
                "numpy_s": numpy_time,
                "package_over_numpy": package / numpy_time,
                "evalf_s_per_point": per_point,
                "evalf_over_package_per_point": per_point / (package / n),
                "difference_from_evalf": against_evalf,
                "difference_from_numpy": error,  # its (gamma^l - 1)/(gamma - 1) cancels near gamma = 1
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
