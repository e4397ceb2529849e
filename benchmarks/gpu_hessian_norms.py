"""Per-sample Hessian norms on a GPU: time, share of the measured matrix-product rate, peak memory.

    python benchmarks/gpu_hessian_norms.py

One product with all n Hessians costs 4 (L - 1) n m^2 operations (a tangent sweep and its adjoint, each one m x m
product per layer above the first); the rest is elementwise.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import torch

import empirics

CASES = ((1024, 64, "float64"), (1024, 512, "float32"), (4096, 1024, "float32"), (8192, 4096, "float32"))
DEPTH = 3


def seconds(function: Any, repeats: int) -> float:
    """The median time of ``repeats`` calls after one that is not counted, with the device idle at both ends."""
    times = []
    for k in range(repeats + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
        if k and sum(times) > 60:
            break
    return statistics.median(times[1:])


def gemm_rate(m: int, n: int, dtype: torch.dtype) -> float:
    """FLOP/s of (n, m) @ (m, m) on random data."""
    a, b = (torch.randn(k, m, dtype=dtype, device="cuda") for k in (n, m))
    return 2 * n * m * m / seconds(lambda: [a @ b for _ in range(20)], 5) * 20


def case(m: int, n: int, name: str) -> dict[str, Any]:
    """One size."""
    dtype = getattr(torch, name)
    net = empirics.network(L=DEPTH, m=m, d=64, activation="tanh", seed=0, device="cuda", dtype=dtype)
    X = empirics.load("sphere", samples=n, d=64).X.to("cuda", dtype)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    found = empirics.hessian_norms(net, X, tol=1e-3, upper=False)
    peak = torch.cuda.max_memory_allocated() - before
    whole = seconds(lambda: empirics.hessian_norms(net, X, tol=1e-3, upper=False), 5)
    products = float(torch.as_tensor(found.details["products"]).double().mean())
    rate = products * 4 * (DEPTH - 1) * n * m * m / whole
    ceiling = gemm_rate(m, n, dtype)
    return {
        "m": m,
        "n": n,
        "dtype": name,
        "seconds": whole,
        "products": products,
        "tflops": rate / 1e12,
        "gemm_tflops": ceiling / 1e12,
        "share_of_gemm": rate / ceiling,
        "peak_extra_mib": peak / 2**20,
        "weights_mib": sum(t.numel() * t.element_size() for t in net.weights.tensors) / 2**20,
        "converged": bool(torch.as_tensor(found.details["converged"]).all()),
        "largest": found.largest,
    }


def agreement() -> dict[str, float]:
    """CPU and GPU on the same network."""
    net = empirics.network(L=DEPTH, m=256, d=64, seed=0)
    X = empirics.load("digits", samples=64).X
    here = torch.as_tensor(empirics.hessian_norms(net, X).value)
    there = torch.as_tensor(empirics.hessian_norms(net.to("cuda"), X.to("cuda")).value).cpu()
    return {"largest_relative_difference_cpu_gpu": float(((here - there).abs() / here).max())}


def main() -> None:
    """Run and print JSON."""
    print(
        json.dumps(
            {
                "device": torch.cuda.get_device_name(),
                "torch": torch.__version__,
                "L": DEPTH,
                **agreement(),
                "cases": [case(*c) for c in CASES],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
