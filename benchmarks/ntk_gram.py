"""The empirical NTK Gram matrix of a tanh network, float32 on the CPU: this package, neural-tangents and torch.func.

    python3.11 -m venv nt
    nt/bin/pip install "neural-tangents==0.6.5" "jax==0.4.23" "jaxlib==0.4.23" "numpy<2" "scipy<1.13" "tf2jax==0.3.6"
    python benchmarks/ntk_gram.py --nt-python nt/bin/python [--m 1024] [--L 3] [--n 512] [--threads 2]

All get the same weights (rounded to float32) and the same digits. Every implementation of a peer is timed first; its
fastest goes on to the rounds, in which the methods run in turn, each in a process of its own: compilation and one call
are not counted, except that a call of more than 3 seconds is made once per round and counts. Every process is pinned to
the same cores. The error is relative, in the Frobenius norm, against autograd's Jacobians in float64 on some columns.

Ideal time is what the factored form costs (4 n m^2 (L-1) for the sweeps, 2 n d m for the first layer, 2 n^2 q for the
Gram matrix of each factor of width q, symmetry not used) at the measured rate of a product of (n, m) by (m, m).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import child, in_turn, ntk_gram_flops, pin, predict, ratio, relative_error, summary, timed
from torch import Tensor
from torch.func import grad, jvp, vjp, vmap

import empirics

NT_IMPLEMENTATIONS = ("STRUCTURED_DERIVATIVES", "JACOBIAN_CONTRACTION", "NTK_VECTOR_PRODUCTS")
JACOBIAN_BYTES = 6 * 2**30  # torch.func: beyond this the Jacobians are formed block by block


def problem(m: int, L: int, n: int, dtype: torch.dtype = torch.float32) -> tuple[empirics.Network, Tensor]:
    """The network and the inputs; in float64 they are the float32 ones, so that a difference is arithmetic."""
    net = empirics.network(L=L, m=m, d=64, activation="tanh", seed=0, dtype=torch.float32)
    return net.to(dtype), empirics.load("digits", samples=n).X.to(torch.float32).to(dtype)


def plain_parameters(net: empirics.Network) -> list[Tensor]:
    """The weights as `predict` wants them, (inputs, outputs), the readout last."""
    return [*(w.T.contiguous() for w in net.weights.W), net.weights.V]


def single_output(net: empirics.Network) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """f(params, x) at one input, and the parameters, as functorch's recipe wants them."""
    scales = net.weights.scales
    return lambda params, x: predict(params, x, scales, torch.tanh)[0], tuple(plain_parameters(net))


def jacobian_contraction(net: empirics.Network, X: Tensor, other: Tensor | None = None) -> Tensor:
    """K = sum_l J_l J_l^T from every parameter's Jacobian; `grad` is `jacrev` for one output, and quicker."""
    output, params = single_output(net)
    jacobian = vmap(grad(output), (None, 0))
    size = sum(p.numel() * p.element_size() for p in params)
    whole = len(X) * size <= JACOBIAN_BYTES
    rows = len(X) if whole else max(1, JACOBIAN_BYTES // (2 * size))
    blocks = X.split(rows)
    right = blocks if other is None else other.split(rows)
    bands: list[Tensor] = []
    for i, block in enumerate(blocks):
        J = jacobian(params, block)
        band = []
        for j, x in enumerate(right):
            if other is None and j < i:
                band.append(bands[j][:, sum(map(len, blocks[:i])) :][:, : len(block)].T)  # by symmetry
                continue
            J_x = J if other is None and i == j else jacobian(params, x)
            band.append(sum(a.flatten(1) @ b.flatten(1).T for a, b in zip(J, J_x, strict=True)))
            del J_x
        bands.append(torch.cat(band, 1))
    return torch.cat(bands)


def layer_by_layer(net: empirics.Network, X: Tensor) -> Tensor:
    """The same with one parameter's Jacobian in memory at a time, at one sweep each."""
    output, params = single_output(net)
    K = X.new_zeros(len(X), len(X))
    for l, value in enumerate(params):

        def of_one(p: Tensor, x: Tensor, l: int = l) -> Tensor:
            return output((*params[:l], p, *params[l + 1 :]), x)

        J = vmap(grad(of_one), (None, 0))(value, X).flatten(1)
        K.addmm_(J, J.T)
        del J
    return K


def ntk_vector_products(net: empirics.Network, X: Tensor, rows: int = 64) -> Tensor:
    """J_i (J_j^T 1) for every pair, without contracting Jacobians."""
    output, params = single_output(net)

    def entry(x: Tensor, z: Tensor) -> Tensor:
        value, pull = vjp(lambda p: output(p, x), params)[:2]
        return jvp(lambda p: output(p, z), (params,), pull(torch.ones_like(value)))[1]

    return torch.cat([vmap(vmap(entry, (None, 0)), (0, None))(block, X) for block in X.split(rows)])


def package(net: empirics.Network, X: Tensor) -> Tensor:
    """This package's matrix."""
    return torch.as_tensor(empirics.ntk_gram(net, X).value)


TORCH_FUNC: dict[str, Callable[[empirics.Network, Tensor], Tensor]] = {
    "jacobian_contraction": jacobian_contraction,
    "layer_by_layer": layer_by_layer,
    "ntk_vector_products": ntk_vector_products,
}


def gemm(n: int, k: int, m: int, repeats: int) -> float:
    """FLOP/s of (n, k) by (k, m)."""
    a, b = torch.randn(n, k), torch.randn(k, m)
    found, _ = timed(lambda: [a @ b for _ in range(10)], repeats)
    return 20 * n * k * m / statistics.median(found["seconds"])


def measure(method: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One method in this process; its matrix is saved."""
    torch.set_num_threads(options.threads)
    m, L, n = options.m, options.L, options.n
    if method == "gemm":
        return {"n_m_m": gemm(n, m, m, options.repeats), "1024": gemm(1024, 1024, 1024, options.repeats)}
    if method == "reference":
        net, X = problem(m, L, n, torch.float64)
        np.save(folder / "reference.npy", jacobian_contraction(net, X, X[: options.columns]).numpy())
        return {}
    net, X = problem(m, L, n)
    found, K = timed(partial(package if method == "package" else TORCH_FUNC[method], net, X), options.repeats)
    np.save(folder / f"{method}.npy", K.numpy())
    return found


def write_problem(folder: Path, options: argparse.Namespace) -> None:
    """What neural-tangents needs, in a file."""
    net, X = problem(options.m, options.L, options.n)
    arrays: dict[str, Any] = {f"W{l}": w.numpy() for l, w in enumerate(plain_parameters(net))}
    arrays |= {"X": X.numpy(), "scales": np.array(net.weights.scales)}
    np.savez(folder / "problem.npz", **arrays)


def run_all(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Try every implementation, then run the rounds; the table."""
    write_problem(folder, options)
    arguments = [f"--{a}={getattr(options, a)}" for a in ("m", "L", "n", "threads", "repeats", "columns")]

    def torch_child(method: str) -> dict[str, Any]:
        return child(sys.executable, __file__, *arguments, "--only", method, "--folder", folder)

    def nt_child(name: str) -> dict[str, Any]:
        paths = [Path(__file__).with_name("_nt_peer.py"), folder / "problem.npz", folder / f"{name}.npy"]
        return child(options.nt_python, *paths, "--implementation", name, "--repeats", options.repeats)

    runners: dict[str, tuple[Callable[[str], dict[str, Any]], list[str]]] = {
        "package": (torch_child, ["package"]),
        "neural_tangents": (nt_child, options.nt_implementations.split(",") if options.nt_python else []),
        "torch_func": (torch_child, options.torch_implementations.split(",")),
    }
    torch_child("reference")
    reference = np.load(folder / "reference.npy")
    rows: dict[str, dict[str, Any]] = {}
    methods: dict[str, Callable[[], dict[str, Any]]] = {"gemm": partial(torch_child, "gemm")}
    for method, (run, names) in runners.items():
        if not names:
            continue
        tries = {name: run(name) for name in names}
        best = min(tries, key=lambda name: statistics.median(tries[name]["seconds"]))
        methods[method] = partial(run, best)
        rows[method] = {
            "implementation": best,
            "errors": {name: error(folder / f"{name}.npy", reference) for name in names},
            "tried_s": {name: statistics.median(t["seconds"]) for name, t in tries.items()},
            **{key: tries[best][key] for key in ("compilation_s", "versions") if key in tries[best]},
        }
    found = in_turn(methods, options.rounds)
    rates = {key: statistics.median(r[key] for r in found["gemm"]) for key in ("n_m_m", "1024")}
    flops = ntk_gram_flops(options.m, options.L, options.n, 64)
    for method, row in rows.items():
        row |= summary(found[method]) | {"times_slower": ratio(found[method], found["package"])}
        row["share_of_gemm"] = flops / row["seconds"] / rates["n_m_m"]
    gemm_rates = {f"{key}_gflops": rate / 1e9 for key, rate in rates.items()}
    return {"ideal_gflop": flops / 1e9, "gemm": gemm_rates, "ideal_s": flops / rates["n_m_m"], "methods": rows}


def error(path: Path, reference: np.ndarray) -> float:
    """Relative error of a saved matrix on the reference's columns."""
    return relative_error(np.load(path)[:, : reference.shape[1]], reference)


def main() -> None:
    """Print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("m", 1024), ("L", 3), ("n", 512), ("threads", 2), ("repeats", 7), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--columns", type=int, default=64, help="of the float64 reference")
    parser.add_argument("--nt-python", help="Python that has neural-tangents; left out without it")
    parser.add_argument("--nt-implementations", default=",".join(NT_IMPLEMENTATIONS))
    parser.add_argument("--torch-implementations", default=",".join(TORCH_FUNC))
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.folder, options)))
        return
    how = pin(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        found = run_all(Path(folder), options)
    sizes = {name: getattr(options, name) for name in ("m", "L", "n", "threads", "rounds")}
    print(
        json.dumps(
            {**sizes, "d": 64, "dtype": "float32", "threads_by": how, "torch": torch.__version__, **found}, indent=2
        )
    )


if __name__ == "__main__":
    main()
