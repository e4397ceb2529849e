"""Per-sample Hessian norms of a tanh network: this package against Lanczos on Hessian-vector products.

    pip install curvlinops-for-pytorch==3.0.1
    python benchmarks/hessian_norms.py [--m 1024] [--L 3] [--n 64] [--device cpu]

The peers solve one sample at a time (scipy's eigsh, largest magnitude, tolerance 1e-3) and are timed on a few samples;
their time for all n is that median times n. Peak memory is measured in a process of its own for each method.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

import empirics

TOLERANCE = 1e-3
METHODS = ("package", "autograd", "curvlinops")


def problem(options: argparse.Namespace) -> tuple[Any, torch.Tensor]:
    """The network and the inputs."""
    net = empirics.network(L=options.L, m=options.m, d=64, activation="tanh", seed=0, device=options.device)
    data = empirics.load("digits", samples=options.n)
    return net, data.X.to(options.device)


def flat_parameters(net: Any) -> list[torch.Tensor]:
    """The parameters, to be differentiated."""
    return [p for p in net.parameters() if p.requires_grad]


def autograd_norm(net: Any, x: torch.Tensor) -> float:
    """Scipy's eigsh on double-backward products."""
    parameters = flat_parameters(net)
    grad = torch.autograd.grad(net(x[None]).sum(), parameters, create_graph=True)
    flat = torch.cat([g.reshape(-1) for g in grad])

    def product(vector: np.ndarray) -> np.ndarray:
        v = torch.from_numpy(vector.reshape(-1)).to(flat)
        found = torch.autograd.grad(flat @ v, parameters, retain_graph=True)
        return torch.cat([g.reshape(-1) for g in found]).cpu().numpy()

    return largest(LinearOperator((flat.numel(),) * 2, matvec=product, dtype=np.float64))


class Output(torch.nn.Module):
    """A 'loss' that is the network's output, so that the Hessian operator is the predictor's."""

    reduction = "sum"

    def forward(self, f: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        """The sum of the outputs."""
        return f.sum()


def curvlinops_norm(net: Any, x: torch.Tensor) -> float:
    """Scipy's eigsh on curvlinops' Hessian operator."""
    from curvlinops import HessianLinearOperator

    operator = HessianLinearOperator(
        net,
        Output(),
        flat_parameters(net),
        [(x[None], torch.zeros(1, 1, dtype=x.dtype, device=x.device))],
        check_deterministic=False,
    )
    return largest(operator.to_scipy(dtype=np.float64))


def largest(operator: Any) -> float:
    """The largest eigenvalue in magnitude, from a fixed start."""
    start = np.random.default_rng(0).standard_normal(operator.shape[0])
    return float(abs(eigsh(operator, k=1, which="LM", tol=TOLERANCE, v0=start, return_eigenvectors=False)[0]))


def measure(method: str, options: argparse.Namespace) -> dict[str, Any]:
    """Time one method in this process, and its peak memory above the network's."""
    net, X = problem(options)
    before, used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, None
    times, values = [], []
    if method == "package":
        for _ in range(options.repeats + 1):
            start = time.perf_counter()
            found = empirics.hessian_norms(net, X, tol=TOLERANCE, upper=False)
            times.append(time.perf_counter() - start)
            used = used or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        values, seconds = torch.as_tensor(found.value).tolist(), statistics.median(times[1:])
    else:
        solve = autograd_norm if method == "autograd" else curvlinops_norm
        for x in X[: options.peer_samples]:
            start = time.perf_counter()
            values.append(solve(net, x))
            times.append(time.perf_counter() - start)
            used = used or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        seconds = statistics.median(times) * options.n
    return {"method": method, "seconds": seconds, "memory_mib": (used or 0) / 1024, "values": values}


def main() -> None:
    """Run every method in a process of its own, in turn, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("m", 1024), ("L", 3), ("n", 64), ("repeats", 5), ("peer-samples", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--only")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options)))
        return
    arguments = [a for a in sys.argv[1:] if not a.startswith("--methods")]
    rows = [
        json.loads(
            subprocess.run(
                [sys.executable, __file__, *arguments, "--only", m], check=True, text=True, stdout=subprocess.PIPE
            ).stdout
        )
        for m in options.methods.split(",")
    ]
    ours = rows[0]
    for row in rows:
        row["times_slower"] = row["seconds"] / ours["seconds"]
        few = min(len(row["values"]), len(ours["values"]))
        row["largest_relative_difference"] = max(
            abs(a - b) / b for a, b in zip(row["values"][:few], ours["values"][:few], strict=True)
        )
    for row in rows:
        del row["values"]
    weights = 8 * (64 * options.m + (options.L - 1) * options.m**2 + options.m) / 2**20
    allowance = 3 * (weights + 8 * options.n * 2 * options.L * options.m / 2**20)
    print(
        json.dumps(
            {
                "m": options.m,
                "L": options.L,
                "n": options.n,
                "device": options.device,
                "threads": torch.get_num_threads(),
                "weights_mib": weights,
                "three_times_weights_and_vectors_mib": allowance,
                "rows": rows,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
