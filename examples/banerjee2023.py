"""How loose is c_H, and which factor makes it so?

banerjee2023, Theorem 4.1: max_i ||grad^2 f(theta; x_i)||_2 <= c_H/sqrt(m) in a ball around theta_0. Here the ball is
the single point theta_0 (rho = rho_1 = 0), where the bound is smallest and the norm can be measured. Between the two
stand rungs, each a bound that forgets less than the one above it: the ratio of neighbours is what one step of the proof
costs, and their product is the whole.

Run it: python examples/banerjee2023.py
"""

from __future__ import annotations

import math

import torch

import bounds
import empirics

M, SAMPLES, SEEDS, DEPTHS = 256, 32, 3, (2, 3, 5)
STEPS = (
    "the factor L set before the bracket (erratum B3)",
    "Lemma A.1: sigma_1 sqrt(m) for ||W||",
    "one worst case for the blocks of all layers",
    "norms of blocks added up (from bound to norm)",
)


def rungs(net: empirics.Network, X: torch.Tensor) -> list[float]:
    """Bounds on the largest Hessian norm over the samples, from the printed one down to the measured norm itself."""
    L, m = net.weights.L, net.weights.m
    point = {"L": L, "m": m, "sigma_1": 1, "rho": 0, "rho_1": 0, "activation": "tanh"}
    printed, proved = (bounds.quantity(f"banerjee2023.{name}").evaluate(**point) for name in ("c_H", "c_H_chain"))
    # the proof uses sigma_1 only through gamma >= ||W||/sqrt(m): the network's own norms may take its place
    gamma = empirics.layer_norms(net, X)["weight_norm"].largest / math.sqrt(m)
    own = bounds.quantity("banerjee2023.c_H_proved").evaluate(L=L, gamma=gamma, rho_1=0, activation="tanh")
    # `upper` adds up the same blocks, each with the activations, slopes and gradients that its own layers have
    found = empirics.hessian_norms(net, X)
    return [c / math.sqrt(m) for c in (printed, proved, own)] + [
        float(torch.as_tensor(found.upper).max()),
        found.largest,
    ]


def lemmas(net: empirics.Network, X: torch.Tensor) -> dict[str, float]:
    """The looser lemmas behind one block: bound over measured norm, in the layer and sample where it is tightest."""
    L, m, found = net.weights.L, net.weights.m, empirics.layer_norms(net, X)
    tops = {name: torch.as_tensor(found[name].value).amax(0).tolist() for name in ("activation_norm", "backward_max")}
    forward, backward = (bounds.quantity(f"banerjee2023.{name}") for name in tops)
    outputs = [forward.evaluate(l=l, m=m, gamma=1, phi_0=0) / top for l, top in enumerate(tops["activation_norm"], 1)]
    slopes = [backward.evaluate(L=L, l=l, m=m, gamma=1, rho_1=0) / s for l, s in enumerate(tops["backward_max"], 1)]
    return {"||alpha^(l)|| (Lemma A.2)": min(outputs), "||df/dalpha^(l)||_inf (Lemma A.7)": min(slopes)}


def growth(L: int) -> float:
    """The elasticity d log c_H/d log L of the proved constant: the factor L^2 that counts blocks drives it."""
    found = bounds.explain("banerjee2023.c_H_chain", L=L, m=M, sigma_1=1, rho=0, rho_1=0, activation="tanh")
    return next(float(e.elasticity or 0) for e in found.elasticities if e.name == "L")


def main() -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """Measure and print.

    Returns:
        computed: depth L -> the four factors and their product (geometric means over networks), and the measured norm.
        theoretical: depth L -> printed bound, proved bound, and the proved one's elasticity in L.
    """
    X = empirics.load("digits", samples=SAMPLES).X
    computed, theoretical = {}, {}
    for L in DEPTHS:
        nets = [empirics.network("banerjee2023", L=L, m=M, d=X.shape[1], seed=seed) for seed in range(SEEDS)]
        found = torch.tensor([rungs(net, X) for net in nets], dtype=torch.float64).log().mean(0).exp()
        ratios = found[:-1] / found[1:]  # of neighbours: their product telescopes
        computed[L] = [*ratios.tolist(), float(ratios.prod()), float(found[-1])]
        theoretical[L] = [*found[:2].tolist(), growth(L)]
    print(f"c_H/sqrt(m) over max ||grad^2 f|| at theta_0: tanh, m = {M}, {SAMPLES} digits, {SEEDS} networks a depth")
    print(f"{'too large by':50}" + "".join(f"{f'L = {L}':>8}" for L in DEPTHS))
    for row, name in enumerate((*STEPS, "all together")):
        print(f"{name:50}" + "".join(f"{float(f'{computed[L][row]:.2g}'):8g}" for L in DEPTHS))
    worst = ", ".join(f"{name} {slack:.2g} times" for name, slack in lemmas(nets[0], X).items())
    print(f"inside a block, at L = {DEPTHS[-1]}, 1 network: {worst}")
    low, high = DEPTHS[0], DEPTHS[-1]
    fall = math.log(computed[high][-1] / computed[low][-1]) / math.log(high / low)
    print(f"with depth the proved bound grows as L^{growth(3):.1f} (at L = 3), the norm falls as L^{fall:.1f}")
    return computed, theoretical


if __name__ == "__main__":
    main()
