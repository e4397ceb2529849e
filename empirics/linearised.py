"""Gradient descent of the linearised system F_lin(w) = F(w_0) + J_0 (w - w_0), followed in function space.

The weights of the linear system stay in w_0 + span of J_0^T: w_t - w_0 = J_0^T a_t with a_{t+1} = a_t - eta g_t, where
g_t is the loss's slope at F_t. So F_{t+1} = F_t - eta K_0 g_t with the tangent kernel K_0 = J_0 J_0^T, of which no
factor is needed: ||w_t - w_0||^2 = a_t^T K_0 a_t = a_t.(F_t - F_0). A step costs (n k)^2 operations whatever the width.
Sources: liu2020, Appendix A (eqs 47 to 50) and eq 23; song2021, eq 83 and Appendix F, where what is linearised is Phi
in h = f o Phi, the loss f staying as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.checks import check_inputs, check_single, check_targets, check_trained
from empirics.losses import Loss, loss_function
from empirics.measure.forward import forward
from empirics.measure.kernel import ntk_gram
from empirics.measurement import Measurement
from empirics.networks import Network, as_weights
from empirics.training import Trajectory, train_many
from empirics.weights import Weights


@dataclass(frozen=True, eq=False)
class LinearRun:
    """Gradient descent of the linearised system at T recorded steps, in float64; inf or nan where it diverges.

    Attributes:
        steps: the recorded steps, (T,).
        outputs: F_t, (T, n, k), or (T, S, n, k) for a batch of S networks, and so on below.
        loss: calL(F_t), (T,).
        distance: ||w_t - w_0||, (T,), from the kernel.
        learning_rate: eta.
        objective: the loss's name.
    """

    steps: np.ndarray
    outputs: np.ndarray
    loss: np.ndarray
    distance: np.ndarray
    learning_rate: float
    objective: str


@dataclass(frozen=True, eq=False)
class LinearGap:
    """A network beside its linearisation, at the T recorded steps that the network reached.

    Attributes:
        steps: the recorded steps, (T,).
        gap: ||F_t - F_t^lin||, the Euclidean norm over samples and outputs, (T,).
        loss_gap: |calL(F_t) - calL(F_t^lin)|, (T,).
        outputs: F_t of the network, (T, n, k).
        network: its run, with records loss, distance_fro and outputs.
        linear: the linear run; it has all the steps that were asked for.
    """

    steps: np.ndarray
    gap: np.ndarray
    loss_gap: np.ndarray
    outputs: np.ndarray
    network: Trajectory
    linear: LinearRun

    @property
    def largest(self) -> float:
        """max_t ||F_t - F_t^lin|| over the recorded steps."""
        return float(self.gap.max())

    def __str__(self) -> str:
        stopped = "" if self.network.reason == "steps" else f"; the network's run {self.network.reason}"
        return (
            f"max_t ||F_t - F_t^lin|| = {self.largest:.6g}, max_t |loss - linear loss| = {self.loss_gap.max():.6g} "
            f"at {len(self.steps)} steps up to {self.steps[-1]}{stopped}"
        )


def linearised_descent(
    net: Network | Weights,
    X: Tensor,
    y: Tensor,
    *,
    learning_rate: float,
    steps: int,
    loss: str | Loss = "half_square",
    record_at: Sequence[int] | None = None,
    kernel: Measurement | Tensor | None = None,
) -> LinearRun:
    """Gradient descent on the network linearised in its trained parameters where it is.

    Args:
        net: the network at w_0, or a batch of networks.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k).
        learning_rate: eta, positive.
        steps: updates, at least 0.
        loss: see `empirics.losses`.
        record_at: the steps to record, ascending; None: all.
        kernel: K_0 at these samples from `ntk_gram`, where it is at hand.

    Returns:
        The run, equal up to rounding to that of the linear model's weights. The distance is the root of a difference
        of order 1e-16 ||K_0|| ||a_t||^2, which matters only where ||a_t|| has grown far along K_0's null space.

    Raises:
        TheoryError: bad values, a kernel of another shape, or nothing trained.

    >>> import torch
    >>> from empirics import network
    >>> net = network(L=1, m=4, d=2)
    >>> run = linearised_descent(net, torch.eye(2), torch.ones(2), learning_rate=0.5, steps=10)
    >>> run.outputs.shape, bool(run.loss[-1] < run.loss[0]), float(run.distance[0])
    ((11, 2, 1), True, 0.0)
    """
    weights = as_weights(net)
    check_trained(weights, "the linearisation")
    x = check_inputs(weights, X)
    y = check_targets(weights, y, len(x)).double()
    _check(learning_rate, steps)
    rows = _rows(record_at, steps)
    K = _kernel(weights, x, kernel)
    chosen = loss_function(loss, weights.k)
    first = forward(weights, x, order=0).f.double()
    outputs, values, distance = _descend(K, first, y, chosen, learning_rate, steps, rows)
    F, calL, moved = (t.cpu().numpy() for t in (outputs, values, distance))
    return LinearRun(np.array(list(rows), dtype=np.int64), F, calL, moved, float(learning_rate), chosen.name)


def _descend(
    K: Tensor, first: Tensor, y: Tensor, loss: Loss, eta: float, steps: int, rows: dict[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """F, the loss and the distance at the recorded steps, whose rows are known to the host: nothing waits."""
    outputs = first.new_empty(len(rows), *first.shape)
    values, squares = (first.new_empty(len(rows), *first.shape[:-2]) for _ in range(2))
    f, a = first.clone(), torch.zeros_like(first)
    for t in range(max(rows, default=0) + 1):
        if (row := rows.get(t)) is not None:
            outputs[row], values[row], squares[row] = f, loss.value(f, y), (a * (f - first)).sum((-2, -1))
        slope = loss.slope(f, y)
        a.sub_(slope, alpha=eta)
        f.sub_((K @ slope.flatten(-2).unsqueeze(-1)).view_as(f), alpha=eta)
    return outputs, values, squares.clamp_(min=0).sqrt_()


def linear_gap(
    net: Network | Weights,
    X: Tensor,
    y: Tensor,
    *,
    learning_rate: float,
    steps: int,
    loss: str | Loss = "half_square",
    record_at: Sequence[int] | None = None,
    kernel: Measurement | Tensor | None = None,
) -> LinearGap:
    """Train a network and its linearisation with the same step: how far apart they get (liu2020, eq 50).

    Args:
        net: one network at w_0; it is left as it is.
        X: inputs, (n, d).
        y: targets, (n,) or (n, k).
        learning_rate: eta, positive.
        steps: updates, at least 0; neither run stops before, unless the network's diverges.
        loss: see `empirics.losses`.
        record_at: the steps to record, ascending; None: all.
        kernel: K_0 at these samples from `ntk_gram`, where it is at hand.

    Returns:
        Both runs and their distance at every recorded step, up to where the network diverged if it did.

    Raises:
        TheoryError: bad values, a batch of networks, a kernel of another shape, or nothing trained.

    >>> import torch
    >>> from empirics import network
    >>> net = network(L=1, m=4, d=2)
    >>> found = linear_gap(net, torch.eye(2), torch.ones(2), learning_rate=0.5, steps=10)
    >>> found.gap.shape, bool(found.gap[0] < 1e-15), found.largest > 1e-3
    ((11,), True, True)
    """
    weights = as_weights(net)
    check_single(weights, "the distance from its linearisation")
    options = {"learning_rate": learning_rate, "steps": steps, "loss": loss, "record_at": record_at}
    linear = linearised_descent(weights, X, y, kernel=kernel, **options)  # type: ignore[arg-type]
    x = check_inputs(weights, X)
    run = train_many(
        [weights],
        x,
        y,
        tolerance=0.0,
        record=("loss", "distance_fro"),
        observe={"outputs": lambda w: forward(w, x, order=0).f},
        **options,  # type: ignore[arg-type]
    )[0]
    reached = len(run.steps)
    if run.reason in ("diverged", "nan"):  # what is recorded at that step is no longer a number
        reached = int(np.searchsorted(run.steps, run.stop_step))
    outputs = run.records["outputs"][:reached]
    gap = np.linalg.norm((outputs - linear.outputs[:reached]).reshape(reached, -1), axis=1)
    loss_gap = np.abs(run.records["loss"][:reached] - linear.loss[:reached])
    return LinearGap(run.steps[:reached], gap, loss_gap, outputs, run, linear)


def _check(learning_rate: float, steps: int) -> None:
    if isinstance(learning_rate, bool) or not isinstance(learning_rate, (int, float)):
        raise TheoryError(f"learning_rate={learning_rate!r} must be one positive number")
    if not 0 < learning_rate < math.inf:
        raise TheoryError(f"learning_rate={learning_rate!r} must be a positive finite number")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise TheoryError(f"steps={steps!r} must be an integer of at least 0")


def _rows(record_at: Sequence[int] | None, steps: int) -> dict[int, int]:
    """Recorded step -> its row."""
    chosen = [int(t) for t in (range(steps + 1) if record_at is None else record_at)]
    if not chosen or chosen != sorted(set(chosen)) or chosen[0] < 0 or chosen[-1] > steps:
        raise TheoryError(f"record_at={chosen!r} must be different steps from 0 to steps={steps}, ascending")
    return {t: row for row, t in enumerate(chosen)}


def _kernel(weights: Weights, x: Tensor, kernel: Measurement | Tensor | None) -> Tensor:
    """K_0 as a matrix over samples and outputs, outputs running fastest, in float64 beside the network."""
    found = ntk_gram(weights, x) if kernel is None else kernel
    K = torch.as_tensor(found.value if isinstance(found, Measurement) else found).to(weights.V.device, torch.float64)
    n, k = len(x), weights.k
    if K.shape not in ((*weights.batch, n, k, n, k), (*weights.batch, n * k, n * k)):
        raise TheoryError(f"kernel of shape {tuple(K.shape)} is not that of {n} samples and {k} outputs: use ntk_gram")
    return K.reshape(*weights.batch, n * k, n * k)
