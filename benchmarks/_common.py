"""What the benchmarks with peers share: equal threads, timing, processes in turn, and counts of operations.

Imports no torch: the peers' environments have none.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SLOW = 3.0  # seconds; a call that takes longer warms itself up, and is made once per round


def pin(threads: int) -> str:
    """Restrict this process and its children to some cores: XLA has no other limit than the cores that it may use.

    Args:
        threads: how many; at most the cores that this process may use.

    Returns:
        How it was done, for the report.
    """
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    if not hasattr(os, "sched_setaffinity"):
        return f"OMP_NUM_THREADS={threads}; this system cannot pin processes, so XLA uses every core"
    cores = sorted(os.sched_getaffinity(0))[:threads]
    if len(cores) < threads:
        raise SystemExit(f"--threads {threads}: this process may use only {len(cores)} cores")
    os.sched_setaffinity(0, cores)
    return f"every process is pinned to {threads} cores, which XLA's pool follows, with OMP_NUM_THREADS={threads}"


def timed(call: Callable[[], Any], repeats: int) -> tuple[dict[str, Any], Any]:
    """Wall-clock seconds of each call after one that does not count, the threads they kept busy, and the last result.

    Args:
        call: returns when its work is done.
        repeats: calls; a call slower than `SLOW` is made only once, and counts.

    Returns:
        ({"seconds": list, "cpu_over_wall": CPU seconds of all threads per second}, result).
    """
    seconds: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()
    result = call()
    first = time.perf_counter() - started
    if first > SLOW:
        return {"seconds": [first], "cpu_over_wall": (time.process_time() - cpu) / first}, result
    cpu = time.process_time()
    for _ in range(repeats):
        started = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - started)
    return {"seconds": seconds, "cpu_over_wall": (time.process_time() - cpu) / sum(seconds)}, result


def child(*command: object) -> dict[str, Any]:
    """Run a program and read the JSON of its last line; what it says on stderr is shown only if it fails.

    Args:
        command: the program and its arguments.

    Returns:
        The object.
    """
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def in_turn(methods: Mapping[str, Callable[[], dict[str, Any]]], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Run every method once per round, in turn, so that what else the machine does falls on all of them.

    Args:
        methods: what to run, by name.
        rounds: how often.

    Returns:
        The results of each, by round.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, run in methods.items():
            found[name].append(run())
    return found


def summary(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median over all calls of all rounds, with its range."""
    seconds = [s for r in rounds for s in r["seconds"]]
    return {
        "seconds": statistics.median(seconds),
        "min_max": [min(seconds), max(seconds)],
        "calls": len(seconds),
        "cpu_over_wall": statistics.median(r["cpu_over_wall"] for r in rounds),
    }


def ratio(rounds: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many times slower than the base, round by round: median and range."""
    each = [
        statistics.median(a["seconds"]) / statistics.median(b["seconds"]) for a, b in zip(rounds, base, strict=True)
    ]
    return {"median": statistics.median(each), "min_max": [min(each), max(each)]}


def predict(params: Sequence[Any], x: Any, scales: Sequence[float], tanh: Callable[[Any], Any]) -> Any:
    """The tanh network of `empirics.network` in plain operations, for torch and for jax alike.

    Args:
        params: the hidden layers' weights and the readout, each (inputs, outputs).
        x: inputs, (n, d) or (d,).
        scales: 1/sqrt of each layer's input width, the readout's last.
        tanh: the library's.

    Returns:
        Outputs, (n, k) or (k,).
    """
    *W, V = params
    for w, scale in zip(W, scales, strict=False):
        x = tanh((x @ w) * scale)
    return (x @ V) * scales[-1]


def ntk_gram_flops(m: int, L: int, n: int, d: int) -> int:
    """Operations of the NTK Gram matrix of one output in its factored form, elementwise work apart.

    Forward and backward sweeps above the first layer 4 n m^2 (L-1), the first layer 2 n d m, and the products A_l A_l^T
    and C_l C_l^T, 2 n^2 q each: q = d and m for the first layer, m and m for L-1 layers, m for the readout.
    """
    return 4 * n * m**2 * (L - 1) + 2 * n * d * m + 2 * n**2 * (d + 2 * L * m)


def hessian_norms_flops(m: int, L: int, n: int, d: int, products: int) -> int:
    """Operations of the sweeps and of `products` products with all n Hessians, 4 n m^2 (L-1) each."""
    return 4 * n * m**2 * (L - 1) * (products + 1) + 2 * n * d * m


def gradient_norms_flops(m: int, L: int, n: int, d: int) -> int:
    """Operations of the per-sample norms (two sweeps and the inputs') and of ||gbar|| from the same sweeps.

    ||sum_i c_i a_i^T||_F costs 2 n p q by the matrix or 2 n^2 (p + q) by Gram matrices, whichever is less.
    """
    sweeps = 4 * n * m**2 * (L - 1) + 4 * n * d * m
    shapes = [(m, d), *[(m, m)] * (L - 1), (1, m)]
    return sweeps + sum(min(2 * n * p * q, 2 * n**2 * (p + q)) for p, q in shapes)


def relative_error(found: Any, reference: Any) -> float:
    """||found - reference||_F / ||reference||_F of two numpy arrays."""
    difference = (found.astype(reference.dtype) - reference).ravel()
    return math.sqrt(float(difference @ difference) / float(reference.ravel() @ reference.ravel()))
