"""One run of gradient descent on calL = (1/2)||F(w) - y||^2, and what Theorem 4.2 needs of it, checked at every step.

The theorem's constants (mu, beta, L_F) are extrema over a ball, and a ball cannot be measured. Its proof, however, uses
them only along the path, so that it holds with constants of the path, and these are measured, at every iterate:

    PL*     g_t = ||grad calL(w_t)|| has g_t^2 >= 2 mu calL_t at t < T;
    step    with c_t = 2 (calL_{t+1} - calL_t + eta g_t^2)/(eta g_t)^2, the mean curvature along step t,  eta c_t <= 1,
            which eta <= 1/sup lambda_max(H_calL) implies.  Then calL_{t+1} <= calL_t - (eta/2) g_t^2.

    contraction          both give calL_{t+1} <= (1 - eta mu) calL_t;
    radius_square        eta sum g_t <= eta sum ||J_t||_2 ||r_t||, r_t = F(w_t) - y, with L_F = max_t ||J_t||_2;
    radius               likewise with g_t^2 <= 2 beta calL_t, beta = max_t g_t^2/(2 calL_t) or more;
    radius_(square_)tight  eta g_t <= 2 (calL_t - calL_{t+1})/g_t <= (4/sqrt(2 mu)) (sqrt calL_t - sqrt calL_{t+1}).

Where a check fails the conclusions are NOT APPLICABLE. So no verdict rests on a supremum that was only sampled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from empirics.data import Dataset
from empirics.experiments.liu2020.watch import LayersMoved, Snapshots
from empirics.measure.curvature import hessian_norms
from empirics.measure.forward import forward
from empirics.measure.kernel import ntk_gram
from empirics.observers import KernelEigenvalues
from empirics.runs import Observer
from empirics.setting import repeated
from empirics.training import Trajectory, train
from empirics.weights import Weights

LOSS = "half_square"
TOLERANCE = 1e-2
"""Relative residual of the iterative measurements: their values err by about its square."""
_EPS = float(np.finfo(np.float64).eps)
_ROUNDINGS = 256  # of an output's last digit, generously: what the sweeps' sums of products leave in it
_ROOM = 0.8
_NOTHING = 1e-290


@dataclass(frozen=True, eq=False)
class Path:
    """A run and what was measured along it.

    Attributes:
        data, run: the samples, and the trajectory with every step recorded.
        points: the measured points by step, w_0 first.
        eta: the step size.
    """

    data: Dataset
    run: Trajectory
    points: dict[int, Weights]
    eta: float

    @cached_property
    def clean(self) -> int:
        """How many recorded points are sound: all, or those before the run blew up."""
        bad = self.run.reason in ("diverged", "nan")
        return max(1, len(self.run.steps) - 1) if bad else len(self.run.steps)

    def record(self, name: str) -> np.ndarray:
        """A record at the sound points, (clean, ...)."""
        return np.asarray(self.run.records[name][: self.clean], dtype=np.float64)

    @cached_property
    def loss(self) -> np.ndarray:
        """calL_t."""
        return self.record("loss")

    @cached_property
    def pl(self) -> np.ndarray:
        """||grad calL_t||^2/(2 calL_t); lambda_max(K_t), as good a value as any, where that is 0/0."""
        return np.where(self.loss > 0, self.record("pl_mu"), self.kernel[:, 1])

    @cached_property
    def kernel(self) -> np.ndarray:
        """lambda_min and lambda_max of K(w_t), (clean, 2)."""
        return self.record("kernel")

    @property
    def residual_0(self) -> float:
        """||F(w_0) - y||, or next to nothing where it is 0."""
        return math.sqrt(2 * max(float(self.loss[0]), _NOTHING))

    @property
    def L_F(self) -> float:
        """max_t ||J(w_t)||_2: a lower bound of the ball's L_F, and what the proof uses of it."""
        return math.sqrt(float(self.kernel[:, 1].max()))

    @cached_property
    def noise(self) -> np.ndarray:
        """A bound on the relative rounding error of calL_t, from that of the outputs."""
        error = _ROUNDINGS * _EPS * (1 + self.record("output_max"))
        return 2 * error * math.sqrt(len(self.data.y)) / np.sqrt(2 * np.maximum(self.loss, _NOTHING))

    @property
    def failed(self) -> tuple[str, ...]:
        """The run's own failure, as a reason."""
        if self.run.reason not in ("diverged", "nan"):
            return ()
        what = "diverged" if self.run.reason == "diverged" else "met a loss that is no number"
        return (f"gradient descent {what} at step {self.run.stop_step}: step size {self.eta:.3g} is too large",)

    def left_premises(self, mu: float) -> tuple[str, ...]:
        """Which premises of Theorem 4.2 fail along the path: PL* with this mu, and the step size."""
        found = list(self.failed)
        if not self.loss[0] > 0:
            found.append("F(w_0) = y: the loss is 0 before the first step")
        low = int(self.pl.argmin())
        if self.pl[low] < mu:
            found.append(f"PL*: ||grad||^2/(2 loss) = {self.pl[low]:.3g} < mu = {mu:.3g} at step {low}")
        bend, error = self.bend
        if len(bend) and (bend - error).max() > 1:
            t = int((bend - error).argmax())
            c = bend[t] / self.eta
            found.append(f"step size: the loss curves by {c:.3g} along step {t}, more than 1/eta = {1 / self.eta:.3g}")
        return tuple(found)

    @cached_property
    def worst_ratio(self) -> tuple[int, float, float]:
        """(t, calL_{t+1}/calL_t, its rounding) where that is largest; there must be a step."""
        ratio = self.loss[1:] / np.maximum(self.loss[:-1], _NOTHING)
        t = int(ratio.argmax())
        return t, float(ratio[t]), float(ratio[t] * (self.noise[t] + self.noise[t + 1]))

    @cached_property
    def bend(self) -> tuple[np.ndarray, np.ndarray]:
        """(eta c_t, its rounding), (clean - 1,) each."""
        drop = self.eta * self.record("grad_norm")[:-1] ** 2
        before, after, noise = self.loss[:-1], self.loss[1:], self.noise
        moves = drop > 0  # where all units are saturated nothing moves and nothing is learnt about the curvature
        error, bend = np.full_like(drop, np.inf), np.zeros_like(drop)
        np.divide(2 * (before * noise[:-1] + after * noise[1:] + 8 * _EPS * drop), drop, out=error, where=moves)
        np.divide(2 * (after - before + drop), drop, out=bend, where=moves)
        return bend, error


def singular(start: Weights, data: Dataset, kernel: np.ndarray) -> str:
    """Why lambda_min(K_0) is 0, or "".

    Args:
        start: w_0.
        data: the samples.
        kernel: lambda_min and lambda_max of K_0.

    Returns:
        Equal samples, more equations than parameters, or a value that is rounding.
    """
    if (pair := repeated(data.X)) is not None:
        return f"samples {pair[0]} and {pair[1]} are equal: lambda_min(K) = 0"
    n, p = len(data.y), start.parameters
    if n > p:
        return f"n = {n} equations in p = {p} parameters: lambda_min(K) = 0"
    if kernel[0] <= floor(n, kernel[1]):
        return f"lambda_min(K_0) = {kernel[0]:.2g} is 0 up to rounding"
    return ""


def floor(n: int, lambda_max: float) -> float:
    """What rounding can leave of a zero eigenvalue of an (n, n) kernel."""
    return 8 * n * _EPS * float(lambda_max)


def theory_rate(start: Weights, data: Dataset) -> float:
    """Four fifths of Theorem 4.2(c)'s step 1/(L_F^2 + beta_F ||F_0 - y||) with both constants at w_0.

    L_F^2 = lambda_max(K_0), and beta_F = sqrt(sum_i ||H_i||^2), the least that bounds ||sum_i u_i H_i|| over unit u
    without looking at the signs. The fifth left is for their growth along the path; the step itself is checked.

    Args:
        start: w_0.
        data: the samples.

    Returns:
        The step size.
    """
    gram = torch.as_tensor(ntk_gram(start, data.X).value)
    beta_F = float(torch.as_tensor(hessian_norms(start, data.X, tol=TOLERANCE, upper=False).value).norm())
    residual = float((forward(start, data.X, order=0).f[:, 0] - data.y).norm())
    eta = _ROOM / (float(torch.linalg.eigvalsh(gram)[-1]) + beta_F * residual)
    return round_down(eta)


def round_down(value: float) -> float:
    """A positive number rounded down to two figures.

    >>> round_down(0.0579), round_down(2.0)
    (0.057, 2.0)
    """
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / unit * (1 + 1e-12)) * unit:.2g}")


def descend(
    start: Weights,
    data: Dataset,
    eta: float,
    *,
    steps: int,
    points: int,
    eps: float,
    observe: Mapping[str, Observer] | None = None,
) -> Path:
    """Run gradient descent and record everything the premises need at every step.

    Args:
        start: w_0.
        data: the samples.
        eta: the step size.
        steps: updates at most.
        points: how many points of the trajectory to keep.
        eps: the loss at which to stop.
        observe: what else to record, as for `train_many`.

    Returns:
        The path.
    """
    marks = [round(k * steps / max(points - 1, 1)) for k in range(points)]
    kept = Snapshots(marks)
    run = train(
        start,
        data.X,
        data.y,
        learning_rate=eta,
        loss=LOSS,
        steps=steps,
        tolerance=eps,
        record=("loss", "grad_norm", "pl_mu", "distance_fro", "output_max"),
        observe={
            "kernel": KernelEigenvalues(data.X),
            "moved": LayersMoved(),
            "outputs": lambda weights: forward(weights, data.X, order=0).f[..., 0],
            "kept": kept,
            **(observe or {}),
        },
        record_every=1,
    )
    bad = run.reason in ("diverged", "nan")
    found = {t: w for t, w in kept.points.items() if t and not (bad and t == run.stop_step)}
    if points > 1 and run.stop_step and not bad:
        found[run.stop_step] = run.final
    return Path(data, run, {0: start, **found}, eta)
