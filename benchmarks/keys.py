"""Every key after its first use, an exact width of hundreds of digits, and a sweep of a million points.

python benchmarks/keys.py [--repeats 200]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import bounds
from bounds.sweep import sweep

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import generic


def median_seconds(call: Callable[[], Any], repeats: int) -> float:
    """The median time of a call, after one that does not count."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def every_key(repeats: int) -> dict[str, Any]:
    """Median seconds of ``q.evaluate(**its own parameters)`` of every key that is a formula, at one generic point."""
    times = {}
    for q in bounds.quantities():
        if not q.conditions:
            values = next(iter(points(q)))
            times[q.key] = median_seconds(lambda q=q, values=values: q.evaluate(**values), repeats)  # type: ignore[misc]
    slowest = sorted(times, key=times.__getitem__)[-5:]
    return {
        "keys": len(times),
        "median_ms": 1e3 * statistics.median(times.values()),
        "below_1_ms": sum(t < 1e-3 for t in times.values()),
        "slowest_ms": {k: 1e3 * times[k] for k in slowest},
    }


def points(q: Any) -> Any:
    """Points of a quantity's own parameters at which it is defined."""
    rng = random.Random(q.key)
    for _ in range(500):
        values = generic.point_for(rng, q.paper, q.parameters)
        try:
            if np.all(np.isfinite(q.evaluate(**values))):
                yield values
        except bounds.TheoryError:
            continue


def big_width() -> dict[str, Any]:
    """The width of allenzhu2019 at n = 10^6, L = 100, delta = 1e-6, with every side condition."""
    values = {"n": 10**6, "L": 100, "delta": "1e-6", "d": 1}
    found = bounds.required_width("allenzhu2019", **values)
    seconds = median_seconds(lambda: bounds.required_width("allenzhu2019", **values), 5)
    return {"digits": len(str(found.value)), "binding": found.binding, "seconds": seconds}


def million() -> dict[str, float]:
    """Seconds of a sweep over 10^6 points, per closed-form key of five papers."""
    found = {}
    for key, axes in {
        "banerjee2023.c_H": {"gamma": np.linspace(0.5, 2, 1000), "rho_1": np.geomspace(0.1, 10, 1000)},
        "liu2020.width_order": {"n": np.arange(1, 1001.0), "lambda_min": np.geomspace(1e-3, 1, 1000)},
        "fu2018.sample_complexity": {"d": np.arange(2, 1002.0), "K": np.arange(1, 1001.0)},
        "fu2018.sample_complexity_implicit": {"d": np.arange(2, 1002.0), "K": np.arange(1, 1001.0)},
        "allenzhu2019.step_size": {"n": np.arange(1, 1001.0), "m": np.arange(10.0, 10010, 10)},
        "song2021.gd_condition": {"mu_Phi": np.geomspace(0.1, 10, 1000), "beta_Phi": np.geomspace(0.1, 10, 1000)},
    }.items():
        q = bounds.quantity(key)
        given = {"fu2018": {"rho_sigma": 1e-3}, "song2021": {"nu_Phi": 10}}.get(q.paper.key, {})
        found[key] = median_seconds(lambda q=q, axes=axes, given=given: sweep(q, axes, given), 3)  # type: ignore[misc]
    return found


def main() -> None:
    """Run and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    print(
        json.dumps({"keys": every_key(options.repeats), "width": big_width(), "million_points_s": million()}, indent=2)
    )


if __name__ == "__main__":
    main()
