"""On a GPU: per-sample Hessian norms, the NTK Gram matrix and its certified least eigenvalue.

    python benchmarks/gpu.py [--sections hessian_norms,ntk_gram,torch_func,large_kernel,lambda_min]

Times are medians of 5 calls (fewer once they have taken 8 seconds) after one that is not counted. A share is counted
operations per second over the measured rate of a product of (n, m) by (m, m) in the same dtype, as torch is set by
default (no TF32). One product with all n Hessians costs 4 (L - 1) n m^2 operations (a tangent sweep and its adjoint,
each one m x m product per layer above the first); the Gram matrix costs `_common.ntk_gram_flops`, symmetry not used.
The rest of both is elementwise. Without a CUDA device it says so and exits with 2.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from _common import ntk_gram_flops
from ntk_gram import TORCH_FUNC, jacobian_contraction
from torch import Tensor

import empirics
from empirics.measure.certified import certified_lambda_min

DEVICE = "cuda"
DEPTH, D = 3, 64
HESSIANS = ((1024, 64, "float64"), (1024, 512, "float32"), (4096, 1024, "float32"), (8192, 4096, "float32"))
KERNELS = ((1024, 512, "float32"), (4096, 2048, "float32"), (8192, 4096, "float32"))
SMALL = KERNELS[0]
LARGE = (2048, 20000, "float32")
TIGHT_GIB = 4.0  # a budget that holds the large kernel, but not the factors of all its samples
SPECTRA = ((1024, 2000), (1024, 8000))


def problem(m: int, n: int, name: str) -> tuple[empirics.Network, Tensor]:
    """Network and inputs on the device."""
    dtype = getattr(torch, name)
    net = empirics.network(L=DEPTH, m=m, d=D, activation="tanh", seed=0, device=DEVICE, dtype=dtype)
    return net, empirics.load("sphere", samples=n, d=D).X.to(DEVICE, dtype)


def seconds(function: Callable[[], Any], repeats: int = 5) -> float:
    """The median time of ``repeats`` calls after one that is not counted, with the device idle at both ends."""
    times: list[float] = []
    for k in range(repeats + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
        if k and sum(times) > 8:
            break
    return statistics.median(times[1:])


def with_peak(function: Callable[[], Any]) -> tuple[Any, float]:
    """A call's result, and the device memory in MiB that it took at most."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = function()
    return result, (torch.cuda.max_memory_allocated() - before) / 2**20


def told(row: dict[str, Any]) -> dict[str, Any]:
    """The row, which is also printed on stderr as soon as it is there: a run that is cut short leaves something."""
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def share(m: int, n: int, name: str, flops: float, whole: float) -> dict[str, float]:
    """The rate, and its part of the rate of (n, m) @ (m, m) on random data."""
    a, b = (torch.randn(k, m, dtype=getattr(torch, name), device=DEVICE) for k in (n, m))
    ceiling = 2 * n * m * m * 20 / seconds(lambda: [a @ b for _ in range(20)])
    rate = flops / whole
    return {"tflops": rate / 1e12, "gemm_tflops": ceiling / 1e12, "share_of_gemm": rate / ceiling}


def hessian_case(m: int, n: int, name: str) -> dict[str, Any]:
    """One size."""
    net, X = problem(m, n, name)
    found, peak = with_peak(lambda: empirics.hessian_norms(net, X, tol=1e-3, upper=False))
    whole = seconds(lambda: empirics.hessian_norms(net, X, tol=1e-3, upper=False))
    products = float(torch.as_tensor(found.details["products"]).double().mean())
    return {
        "m": m,
        "n": n,
        "dtype": name,
        "seconds": whole,
        "products": products,
        **share(m, n, name, 4 * (DEPTH - 1) * n * m**2 * products, whole),
        "peak_extra_mib": peak,
        "weights_mib": sum(t.numel() * t.element_size() for t in net.weights.tensors) / 2**20,
        "converged": bool(torch.as_tensor(found.details["converged"]).all()),
        "largest": found.largest,
    }


def hessian_norms() -> dict[str, Any]:
    """Agreement of CPU and GPU on one network, then the cases."""
    net = empirics.network(L=DEPTH, m=256, d=D, seed=0)
    X = empirics.load("digits", samples=64).X
    here = torch.as_tensor(empirics.hessian_norms(net, X).value)
    there = torch.as_tensor(empirics.hessian_norms(net.to(DEVICE), X.to(DEVICE)).value).cpu()
    gap = float(((here - there).abs() / here).max())
    return {"largest_relative_difference_cpu_gpu": gap, "cases": [told(hessian_case(*case)) for case in HESSIANS]}


def kernel_case(m: int, n: int, name: str, budget: int | None = None) -> dict[str, Any]:
    """One size; the diagonal is checked against the squared norms of the samples' gradients."""
    net, X = problem(m, n, name)
    found, peak = with_peak(lambda: empirics.ntk_gram(net, X, budget=budget))
    diagonal = torch.as_tensor(found.value).diagonal().double()
    squares = torch.as_tensor(empirics.gradient_norms(net, X).value).double().square()
    gap = float(((diagonal - squares).abs() / squares).max())
    size = diagonal.element_size() * n * n / 2**20
    del found, diagonal
    whole = seconds(lambda: empirics.ntk_gram(net, X, budget=budget))
    return {
        "m": m,
        "n": n,
        "dtype": name,
        "seconds": whole,
        **share(m, n, name, ntk_gram_flops(m, DEPTH, n, D), whole),
        "kernel_mib": size,
        "peak_extra_mib": peak,
        "diagonal_relative_difference": gap,
    }


def torch_func() -> dict[str, Any]:
    """The small case against functorch's ways of making the same matrix, both against float64 on some columns."""
    net, X = problem(*SMALL)
    reference = jacobian_contraction(net.to(torch.float64), X.double(), X[:64].double())
    net, X = problem(*SMALL)

    def error(K: Tensor) -> float:
        return float((K[:, :64].double() - reference).norm() / reference.norm())

    def ours() -> Tensor:
        return torch.as_tensor(empirics.ntk_gram(net, X).value)

    rows = {"package": {"seconds": seconds(ours), "error": error(ours())}}
    for name, method in TORCH_FUNC.items():
        K, peak = with_peak(partial(method, net, X))
        row = {"seconds": seconds(partial(method, net, X)), "error": error(K), "peak_extra_mib": peak}
        rows[name] = row | {"times_slower": row["seconds"] / rows["package"]["seconds"]}
    return rows


def large_kernel() -> dict[str, Any]:
    """A kernel of many samples, with the samples' factors kept and, in a tight budget, made again for every block."""
    tight = {"budget_gib": TIGHT_GIB, **kernel_case(*LARGE, budget=int(TIGHT_GIB * 2**30))}
    return {"kept": kernel_case(*LARGE), "made_again": tight}


def spectrum_case(m: int, n: int) -> dict[str, Any]:
    """Certified least eigenvalue against all eigenvalues, float64."""
    kernel = empirics.ntk_gram(*problem(m, n, "float64"))
    K = torch.as_tensor(kernel.value)
    found = certified_lambda_min(K)
    least = float(torch.linalg.eigvalsh(K)[0])
    ours, theirs = seconds(lambda: certified_lambda_min(K)), seconds(lambda: torch.linalg.eigvalsh(K))
    return {
        "m": m,
        "n": n,
        "certified_s": ours,
        "eigvalsh_s": theirs,
        "eigvalsh_over_certified": theirs / ours,
        "lower": found.lower,
        "upper": found.upper,
        "eigvalsh": least,
        "kernel_rounding": kernel.details["rounding"],
    }


SECTIONS: dict[str, Callable[[], Any]] = {
    "hessian_norms": hessian_norms,
    "ntk_gram": lambda: [told(kernel_case(*case)) for case in KERNELS],
    "torch_func": torch_func,
    "large_kernel": large_kernel,
    "lambda_min": lambda: [told(spectrum_case(*case)) for case in SPECTRA],
}


def main() -> None:
    """Print JSON: a line per section as it is done on stderr, all of them together at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", default=",".join(SECTIONS))
    options = parser.parse_args()
    if unknown := [name for name in options.sections.split(",") if name not in SECTIONS]:
        parser.error(f"--sections {unknown[0]!r} must be out of {', '.join(SECTIONS)}")
    if not torch.cuda.is_available():
        print("benchmarks/gpu.py needs a CUDA device, and torch sees none here", file=sys.stderr)
        raise SystemExit(2)
    report: dict[str, Any] = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "L": DEPTH, "d": D}
    for name in options.sections.split(","):
        started = time.perf_counter()
        report[name] = SECTIONS[name]()
        torch.cuda.empty_cache()
        print(json.dumps({name: report[name], "took_s": time.perf_counter() - started}), file=sys.stderr)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
