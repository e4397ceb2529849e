"""Which condition binds at my n, L, delta, and what do random perturbations hide about the worst case?

allenzhu2019 asks for a width of n^24 L^12 d log(m)^5/delta^8 (Theorem 1), and Theorem 3, on which that rests, for
n^15 L^12 d log(m)^8/delta^5, each with a constant that the paper hides, here 1: the second is larger while log m
exceeds n^3/delta. Both come from omega^(2/3): a W' with ||W'||_2 <= omega changes the signs of at most
C m omega^(2/3) L neurons (Lemma 8.2b). Is that exponent real?

One layer, one sample: g = W h, and W' can add to g any vector of length omega ||h||. To change the most signs it
cancels the smallest |g_i|, so that the worst case is exact: the largest k with g_(1)^2 + ... + g_(k)^2 at most
omega^2 ||h||^2. As g_i ~ N(0, 2 ||h||^2/m) has a density at 0, k grows as omega^(2/3). A random rotation times omega
has the same norm, but adds about omega ||h||/sqrt(m) to every g_i: a share of the signs proportional to omega changes.

Run it: python examples/allenzhu2019.py
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import bounds
import empirics
from empirics.exponents import fit_exponent

CASES = ((2, 1, "1/2"), (4, 1, "1/2"), (512, 2, "1/10"), (10**6, 100, "1/1000000"))
M, SAMPLES, SEEDS = 1024, 32, 3
OMEGAS = tuple(0.01 * 2**i for i in range(5))


def layer(seed: int, X: Tensor, m: int = M) -> tuple[Tensor, Tensor]:
    """The output h (n, m) of the fixed layer A and g = W_1 h at a random initialisation."""
    net = empirics.network("allenzhu2019", L=1, m=m, d_in=X.shape[1], seed=seed)
    h = torch.relu(X @ net.W[0].detach().mT)
    return h, h @ net.W[1].detach().mT


def worst(h: Tensor, g: Tensor) -> list[float]:
    """For every omega the largest share of a layer's signs that W' can change, the mean over samples."""
    spent = g.square().sort(dim=1).values.cumsum(1) / h.square().sum(1, keepdim=True)
    return [float((spent <= omega**2).double().mean()) for omega in OMEGAS]


def random(h: Tensor, g: Tensor, seed: int) -> list[float]:
    """For every omega the share that omega times one random rotation changes."""
    noise = torch.randn(h.shape[1], h.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    push = h @ torch.linalg.qr(noise).Q
    return [float(((g + omega * push >= 0) != (g >= 0)).double().mean()) for omega in OMEGAS]


def widths() -> list[bounds.Solution]:
    """Solve and print the least widths for every case, with what each theorem alone asks for."""
    print("Least width for gradient descent, hidden constants 1")
    print(f"{'n':>9}{'L':>5}{'delta':>11}{'Theorem 1':>12}{'Theorem 3':>12}  binds")
    solutions = [bounds.required_width("allenzhu2019", n=n, L=L, delta=delta) for n, L, delta in CASES]
    for (n, L, delta), found in zip(CASES, solutions, strict=True):
        alone = "".join(f"{f'10^{math.log10(found.thresholds[name]):.1f}':>12}" for name in ("Theorem 1", "Theorem 3"))
        print(f"{n:9}{L:5}{delta:>11}{alone}  {found.binding}")
    return solutions


def main() -> tuple[dict[str, list[float]], dict[str, float]]:
    """Solve, measure and print.

    Returns:
        computed: the share of signs that change in the ``worst`` and in a ``random`` case, by omega; the ``exponents``
            of both; the ``widths``, log10, by case.
        theoretical: ``exponent`` 2/3 of Lemma 8.2b.
    """
    computed = {"widths": [found.log10 for found in widths()]}
    X = empirics.load("digits", samples=SAMPLES).X
    layers = [layer(seed, X / X.norm(dim=1, keepdim=True)) for seed in range(SEEDS)]
    for name, runs in (
        ("worst", [worst(h, g) for h, g in layers]),
        ("random", [random(h, g, seed) for seed, (h, g) in enumerate(layers)]),
    ):
        computed[name] = torch.tensor(runs, dtype=torch.float64).mean(0).tolist()
    lines = {name: fit_exponent(OMEGAS, computed[name]) for name in ("worst", "random")}
    claimed = bounds.quantity("allenzhu2019.sign_changes").orders["omega"]
    runs_of = f"m = {M}, L = 1, {SAMPLES} digits, {SEEDS} networks"
    print(f"Signs changed by ||W'||_2 = omega: {runs_of}; claimed omega^({claimed})")
    print(f"{'omega':8}" + "".join(f"{omega:8g}" for omega in OMEGAS))
    for name, line in lines.items():
        print(f"{name:8}" + "".join(f"{share:8.2%}" for share in computed[name]) + f"  as omega^{line.value:.2f}")
    return computed | {"exponents": [line.value for line in lines.values()]}, {"exponent": float(claimed)}


if __name__ == "__main__":
    main()
