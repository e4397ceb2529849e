"""What does omega_2/omega_1 buy: is training lazy, and which condition on the width binds?

song2021 starts Phi = V phi(W X) from W ~ N(0, omega_1^2), V ~ N(0, omega_2^2) with omega_1 omega_2 = 1/sqrt(d_0 d_1)
(eq 19), and says that training turns lazy as omega_2/omega_1 goes to 0 (Section 6): the loss h then follows that of Phi
linearised at the start. The width is the theorem's with the direct condition on h_0 (erratum S11), which holds for gelu
at every omega_1; as printed Theorem 3 covers gelu at omega_1 = 1 only (S7). It falls with the Hermite coefficient
c_2(omega_1) = E[phi(omega_1 z)(z^2 - 1)], about omega_1^2 for small omega_1: a width growing as omega_1^-4.

Run it: python examples/song2021.py
"""

from __future__ import annotations

import math
import statistics
from typing import Any

import torch
from torch import Tensor

import bounds
import empirics
from empirics.linearised import linear_gap

D_1, SAMPLES, SEEDS, STEPS, RATIOS = 256, 32, 3, 300, (1e-3, 0.1, 1.0, 10.0, 1e3)
LOOKS = tuple(range(0, STEPS + 1, 5))


def width(omega_1: float, X: Tensor, key: str = "song2021.required_width_direct") -> bounds.Solution:
    """The least width that the theorem asks for on these samples, its universal constants taken as 1."""
    top = float(torch.linalg.svdvals(X)[0])
    least = float(torch.linalg.eigvalsh((X @ X.mT).square())[0].sqrt())  # the Gram matrix of X^{*2} is the square's
    sizes: dict[str, Any] = {"n": len(X), "d_0": X.shape[1], "sigma_max_X": top, "sigma_min_Xt": least}
    return bounds.required_width(key, omega_1=omega_1, activation="gelu", **sizes)


def gap(omega_1: float, omega_2: float, X: Tensor, y: Tensor, seed: int) -> tuple[float, float]:
    """max_i |h(Theta_i) - h~(Theta~_i)|/h_0 along gradient descent, and h/h_0 where it ends."""
    given: dict[str, Any] = {
        "d_0": X.shape[1],
        "d_1": D_1,
        "omega_1": omega_1,
        "omega_2": omega_2,
        "activation": "gelu",
    }
    net = empirics.network("song2021", seed=seed, **given)
    K = empirics.ntk_gram(net, X)
    # h = ||Phi - Y||^2 has the Gauss-Newton matrix 2 K: half of the largest step that the linear system tolerates
    rate = 1 / (2 * float(torch.linalg.eigvalsh(torch.as_tensor(K.value))[-1]))
    found = linear_gap(net, X, y, learning_rate=rate, steps=STEPS, loss="sum_square", record_at=LOOKS, kernel=K)
    h = found.network.records["loss"]
    return float(found.loss_gap.max() / h[0]), float(h[-1] / h[0])


def main() -> tuple[dict[float, tuple[float, float]], dict[float, tuple[float, str]]]:
    """Train, solve and print.

    Returns:
        computed: omega_2/omega_1 -> the gap, and the loss left after the last step, over h_0 (geometric means).
        theoretical: omega_2/omega_1 -> log10 of the width asked for, and which condition binds.
    """
    data = empirics.load("digits", samples=SAMPLES)
    X, y = data.X / data.X.norm(dim=1, keepdim=True), data.y / data.y.norm()  # Assumption 2: unit columns, ||Y|| <= 1
    product = 1 / math.sqrt(X.shape[1] * D_1)
    computed, theoretical = {}, {}
    print(f"gelu, d_1 = {D_1}, {SAMPLES} digits, {SEEDS} runs of {STEPS} steps a ratio; constants of the theorem 1")
    print(f"{'w2/w1':>7}{'omega_1':>10}{'|h - h~|/h_0':>14}{'h/h_0':>8}{'width':>8}  binds")
    for ratio in RATIOS:
        omega_1, omega_2 = math.sqrt(product / ratio), math.sqrt(product * ratio)
        runs = [gap(omega_1, omega_2, X, y, seed) for seed in range(SEEDS)]
        asked = width(omega_1, X)
        apart, left = (statistics.geometric_mean(values) for values in zip(*runs, strict=True))
        computed[ratio], theoretical[ratio] = (apart, left), (asked.log10, asked.binding)
        numbers = f"{omega_1:10.2g}{apart:14.1e}{left:8.3f}{f'10^{asked.log10:.1f}':>8}"
        print(f"{ratio:7g}{numbers}  {asked.binding.split(' (')[0]}")
    print(f"lazy at both ends: the gap is largest at w2/w1 = {max(computed, key=lambda r: computed[r][0]):g}")
    printed = width(1.0, X, "song2021.required_width")
    order, rank, chernoff = (int(value) for value in printed.thresholds.values())
    print(f"Theorem 3 as printed, omega_1 = 1: {order:.1e}; concentration asks for {chernoff:.1e}, d_1 >= n for {rank}")
    return computed, theoretical


if __name__ == "__main__":
    main()
