"""How wide must the network be: as printed, as the tight proof needs it, and how does ||H|| really fall with the width?

liu2020 keeps the tangent kernel's least eigenvalue above mu = lambda_min/2 in a ball of radius R, in which gradient
descent then converges. Corollary 5.1: it is enough that ||H|| <= (lambda_min - mu)/(2 sqrt(n) L_F R) there. Theorem 7.1
says ||H|| = O(1/sqrt(m)), so that a width suffices. Four answers to "which": the order of Theorem 7.2, the width that
follows from its proof, the one with the proof's two improvements (errata L14: the radius, L20: blocks of the Hessian),
and the least that *any* bound on ||H|| can give by this route, with ||H|| and L_F as they are at initialisation.

Run it: python examples/liu2020.py
"""

from __future__ import annotations

import math
from typing import Any

import torch

import bounds
import empirics
from empirics.exponents import Exponent, fit_exponent

L, SAMPLES, SEEDS, WIDTHS, NARROW = 3, 64, 3, (64, 128, 256, 512), 16
ROUTES = {
    "order": "as printed (Theorem 7.2, eq 30; its constant taken as 1)",
    "required_width": "as its proof gives it",
    "required_width_tight": "the same with L14's radius and L20's blocks",
    "exact": "with ||H|| and L_F measured at w_0 and L14's radius, at least",
}


def constants(net: empirics.Network, X: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
    """What the theorem takes from a network and its data, at w_0."""
    eigenvalues = torch.linalg.eigvalsh(torch.as_tensor(empirics.ntk_gram(net, X).value))
    lambda_min, top = float(eigenvalues[0]), float(eigenvalues[-1])
    residual = float((net(X).detach()[:, 0] - y).norm())
    hessian = empirics.hessian_norms(net, X, upper=False).largest
    return {"lambda_min": lambda_min, "residual_0": residual, "L_F": math.sqrt(top), "hessian": hessian}


def widths(at: dict[str, float], m: int, X: torch.Tensor) -> dict[str, float]:
    """log10 of the width by each route, from the constants measured at width m."""
    n, mu = len(X), at["lambda_min"] / 2
    data: dict[str, Any] = {"L": L, "n": n, "lambda_min": at["lambda_min"], "mu": mu}
    found = {"order": float(bounds.quantity("liu2020.width_order").evaluate(log10=True, C=1, **data))}
    more: dict[str, Any] = {
        "residual_0": at["residual_0"],
        "C_x": float(X.abs().max()),
        "d": X.shape[1],
        "activation": "tanh",
    }
    for name in ("required_width", "required_width_tight"):
        found[name] = bounds.required_width(f"liu2020.{name}", **data, **more).log10
    R = bounds.quantity("liu2020.radius_square_tight").evaluate(residual_0=at["residual_0"], mu=mu)
    most = bounds.quantity("liu2020.hessian_threshold").evaluate(
        n=n, lambda_min=at["lambda_min"], mu=mu, L_F=at["L_F"], R=R
    )
    # ||H|| = a/sqrt(m) <= most from m (||H||/most)^2 on: a is taken from the network at hand
    found["exact"] = math.log10(m) + 2 * math.log10(at["hessian"] / most)
    return found


def narrow(X: torch.Tensor, y: torch.Tensor) -> list[int]:
    """Steps until the mean squared error is 0.01, of narrow networks, at the step 1/lambda_max(K_0)."""
    nets = [empirics.network("liu2020", L=L, m=NARROW, d=X.shape[1], seed=seed) for seed in range(SEEDS)]
    rates = [constants(net, X, y)["L_F"] ** -2 for net in nets]
    runs = empirics.train_many(
        nets, X, y, learning_rate=rates, loss="half_square", steps=2000, tolerance=0.01 * len(X) / 2, record=("loss",)
    )
    return [run.stop_step for run in runs if run.reason == "tolerance"]


def main() -> tuple[dict[str, float], dict[str, float]]:
    """Measure and print.

    Returns:
        computed: ``exponent`` of ||H|| in m with its 95% interval ``low``, ``high``; ``exact``, log10 of a width;
            ``trained`` of the narrow networks, and their ``steps`` at most.
        theoretical: ``exponent`` -1/2 of Theorem 7.1; log10 of the widths of the other routes.
    """
    data = empirics.load("digits", samples=SAMPLES)
    found: dict[int, list[dict[str, float]]] = {}
    for m in WIDTHS:
        nets = [empirics.network("liu2020", L=L, m=m, d=data.X.shape[1], seed=seed) for seed in range(SEEDS)]
        found[m] = [constants(net, data.X, data.y) for net in nets]
    line: Exponent = fit_exponent(
        [m for m in WIDTHS for _ in found[m]], [c["hessian"] for m in WIDTHS for c in found[m]]
    )
    at = [widths(c, WIDTHS[-1], data.X) for c in found[WIDTHS[-1]]]
    mean = {route: sum(w[route] for w in at) / SEEDS for route in ROUTES}
    steps = narrow(data.X, data.y)
    print(f"Widths from {SAMPLES} digits, {L} weight layers, tanh; constants of {SEEDS} networks of width {WIDTHS[-1]}")
    for route, what in ROUTES.items():
        print(f"  10^{mean[route]:.1f}  {what}")
    print(f"  {NARROW}       trains to a mean squared error of 0.01 within 2000 steps in {len(steps)} of {SEEDS} runs")
    runs = f"{len(WIDTHS) * SEEDS} networks, m = {WIDTHS[0]} to {WIDTHS[-1]}"
    print(f"max ||H_i|| falls as m^{line.value:.2f} (95%: {line.low:.2f} to {line.high:.2f}; {runs}), claimed m^-0.5")
    computed = {"exponent": line.value, "low": line.low, "high": line.high, "exact": mean["exact"]}
    theoretical = {"exponent": -0.5} | {route: mean[route] for route in ROUTES if route != "exact"}
    return computed | {"trained": len(steps), "steps": max(steps, default=0)}, theoretical


if __name__ == "__main__":
    main()
