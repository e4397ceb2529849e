"""The NTK Gram matrix by neural-tangents, in an environment of its own; `ntk_gram.py` runs it.

The network is a plain jax function of the same weights, which are arguments of the compiled function: XLA cannot fold
them. Compilation is ahead of time, and its seconds are reported apart.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import numpy as np
from _common import predict, timed


def main() -> None:
    """Time one implementation, save its matrix, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "problem", help="npz with X, scales and the weights W0, W1, ..., each (inputs, outputs), the readout last"
    )
    parser.add_argument("save", help="where to save the matrix")
    parser.add_argument("--implementation", required=True)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # its dependencies' deprecations
    import jax  # type: ignore[import-not-found, unused-ignore]
    import jax.numpy as jnp  # type: ignore[import-not-found, unused-ignore]
    import neural_tangents as nt  # type: ignore[import-not-found, unused-ignore]

    problem = np.load(options.problem)
    scales = problem["scales"].tolist()
    params, x = jax.device_put([problem[f"W{l}"] for l in range(len(scales))]), jax.device_put(problem["X"])
    kernel = nt.empirical_ntk_fn(
        lambda params, x: predict(params, x, scales, jnp.tanh),
        trace_axes=(-1,),
        vmap_axes=0,
        implementation=nt.NtkImplementation[options.implementation],
    )
    started = time.perf_counter()
    compiled = jax.jit(lambda p, x: kernel(x, None, p)).lower(params, x).compile()
    compilation = time.perf_counter() - started
    found, K = timed(lambda: compiled(params, x).block_until_ready(), options.repeats)
    np.save(options.save, np.asarray(K))
    versions = {"neural-tangents": nt.__version__, "jax": jax.__version__, "device": str(x.device())}
    print(json.dumps({**found, "compilation_s": compilation, "versions": versions}))


if __name__ == "__main__":
    main()
