"""What a comparison with liu2020 is asked."""

from __future__ import annotations

from dataclasses import dataclass

from empirics import setting
from empirics.setting import option


@dataclass(frozen=True)
class Setting(setting.Setting):
    """The settings of every comparison, and the paper's own.

    Attributes:
        learning_rate: Step size; None: four fifths of Theorem 4.2(c)'s with the constants at w_0, rounded down.
        L: Weight layers, the readout included.
        mu_share: mu as a share of lambda_min(K_0), in (0, 1); a half in eq 32.
        delta: Admitted probability of failure.
        eps: The loss at which training stops; eq 23's distance between a network and its linearisation.
        R: Radius of the ball in sum_l ||W^(l) - W_0^(l)||_F; None: the least that contains the run, rounded up.
        c_0: Bound on ||W_0^(l)||_2/sqrt(m); Lemma 7.2's by default.
        init_seeds: Initialisations for the statements that hold with a probability.
        batch_size: Samples in a mini-batch, the paper's s.
        sgd_runs: Runs of stochastic descent per width, from one initialisation.
        sgd_steps: Steps of each.
        sgd_learning_rate: Their step size; None: Theorem 4.4's.
        sampling: How mini-batches are drawn.
        output: The non-linear output of Section 8, one that reaches every target.
    """

    learning_rate: float | None = option(None, "Step size; left open: Theorem 4.2(c)'s at w_0.", kind="positive")
    L: int = option(3, "Weight layers, the readout included.", kind="count")
    mu_share: float = option(0.5, "mu as a share of lambda_min(K_0).", kind="fraction")
    delta: float = option(0.05, "Admitted probability of failure.", kind="fraction")
    eps: float = option(1e-3, "Loss at which to stop; eq 23's distance from linear dynamics.", kind="positive")
    R: float | None = option(None, "Radius of the ball in sum_l ||W_l - W_l0||_F; open: the least.", kind="nonnegative")
    c_0: float = option(3.0, "Bound on ||W_0^(l)||_2/sqrt(m).", kind="positive")
    init_seeds: int = option(40, "Initialisations for statements with a probability.", kind="count")
    batch_size: int = option(1, "Samples in a mini-batch.", kind="count")
    sgd_runs: int = option(20, "Runs of SGD per width.", kind="count")
    sgd_steps: int = option(100, "Steps of SGD.", kind="count")
    sgd_learning_rate: float | None = option(None, "Step size of SGD; left open: Theorem 4.4's.", kind="positive")
    sampling: str = option("replacement", "Mini-batches: replacement, subset or epochs.")
    output: str = option("3*tanh(z)", "Non-linear output layer of Section 8.")
