"""Theorem 2: SGD with a fresh random subset of b samples at every step, whose gradient counts n/b times.

The sampled gradient's norms are not sampled: its mean square over all subsets is known from the samples' own gradients
G_i, and among all subsets that of the b longest G_i is looked at, below (n/b)^2 (sum of their lengths)^2, which no
subset exceeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.experiments.allenzhu2019.data import Samples
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.watch import SQUARE, distances, slopes, trained
from empirics.losses import LOSSES
from empirics.training import Trajectory, train_many
from empirics.verdict import Observation
from empirics.weights import Weights, stack

SAMPLED = frozenset(("sgd_gradient_upper", "sgd_gradient_upper_layer", "sgd_gradient_mean"))
ALONG = frozenset(("sgd_movement", "sgd_movement_tuple", "sgd_growth", "sgd_step_size", "sgd_iterations"))
WIDTHS = frozenset(("sgd_required_width", "sgd_required_width_printed", "sgd_required_width_depth"))
MEASURED = SAMPLED | ALONG | WIDTHS


@dataclass(frozen=True, eq=False)
class Walk:
    """A run of SGD.

    Attributes:
        start: w_0.
        run: the trajectory, with the loss of all samples at every step.
        eta: its step size.
        values: the parameters at which the theory predicts.
        samples: the data.
        seed: of the network and of the batches.
    """

    start: Weights
    run: Trajectory
    eta: float
    values: Mapping[str, Any]
    samples: Samples
    seed: int

    @property
    def failed(self) -> tuple[str, ...]:
        """The run's own failure, as a reason."""
        if self.run.reason not in ("diverged", "nan"):
            return ()
        return (f"SGD {self.run.reason} at step {self.run.stop_step}: step size {self.eta:.3g} is too large",)

    @cached_property
    def loss(self) -> np.ndarray:
        """F_t at the sound points."""
        found = np.asarray(self.run.records["loss"], dtype=np.float64)
        return found[: max(1, len(found) - 1)] if self.failed else found

    @cached_property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """||W_l - W_l0||_F and ||W_l - W_l0||_2 where the run ended, (T,) each."""
        last, first = stack([self.run.final]), stack([self.start])
        found = [torch.cat(distances(last, first, l)) for l in trained(self.start)]
        frobenius, spectral = torch.stack(found, -1).cpu().numpy()
        return frobenius, spectral

    def see(self, name: str, measured: float, **extra: Any) -> Observation:
        """An observation of this run, exact unless its ends are given; ``more`` are further values."""
        extra.setdefault("upper", float(measured))
        values = {**self.values, **extra.pop("more", {})}
        if name in WIDTHS:
            del values["m"]
        width = int(self.values["m"])
        return Observation(f"{KEY}.{name}", values, float(measured), seed=self.seed, width=width, **extra)


def walk(
    starts: Sequence[Weights],
    samples: Samples,
    eta: float,
    values: Mapping[str, Any],
    *,
    seeds: Sequence[int],
    steps: int,
) -> list[Walk]:
    """SGD from several initialisations of one architecture.

    Args:
        starts: the networks.
        samples: inputs and targets.
        eta: the step size.
        values: the parameters at which the theory predicts; b and eps of the runs.
        seeds: of the networks, and of their batches.
        steps: at most.

    Returns:
        A run each.
    """
    runs = train_many(
        starts,
        samples.X,
        samples.y,
        learning_rate=eta,
        loss=SQUARE,
        steps=steps,
        tolerance=values["eps"],
        batch_size=values["b"],
        sampling="subset",
        seeds=seeds,
        record=("loss", "distance_fro"),
        record_every=1,
    )
    rows = zip(starts, runs, seeds, strict=True)
    return [Walk(start, run, eta, values, samples, seed) for start, run, seed in rows]


def observe(found: Walk, names: frozenset[str]) -> Iterator[Observation]:
    """Theorem 2 on one run.

    Args:
        found: the run.
        names: the quantities wanted.

    Yields:
        Observations.
    """
    for own, measure in ((SAMPLED, sampled), (ALONG, along), (WIDTHS, widths)):
        if own & names:
            yield from (o for o in measure(found) if o.quantity.split(".")[1] in names)


def along(found: Walk) -> Iterator[Observation]:
    """(13.1), (13.3), the step size and the steps taken."""
    taken, why = found.run.stop_step, found.failed
    yield found.see("sgd_step_size", found.eta, step=taken)
    yield found.see("sgd_iterations", taken, step=taken, reasons=why)
    if why:
        for name in ("sgd_movement", "sgd_movement_tuple", "sgd_growth"):
            yield found.see(name, float("nan"), step=taken, reasons=why, more={"eta": found.eta, "omega": 0.0})
        return
    frobenius, spectral = found.ends
    l = int(frobenius.argmax())
    yield found.see("sgd_movement", frobenius[l], step=taken, label=f"W_{l + 1}")
    far = np.asarray(found.run.records["distance_fro"], dtype=np.float64)
    yield found.see("sgd_movement_tuple", far.max(), step=int(far.argmax()))
    if len(found.loss) > 1:
        growth = found.loss[1:] / found.loss[:-1]
        more = {"eta": found.eta, "omega": float(spectral.max())}
        yield found.see("sgd_growth", growth.max(), step=int(growth.argmax()) + 1, more=more)


def widths(found: Walk) -> Iterator[Observation]:
    """Theorem 2's widths: printed, re-derived (A1) and with the sum over layers kept (A4)."""
    for name in sorted(WIDTHS):
        yield found.see(name, found.values["m"])


@dataclass(frozen=True)
class Sampled:
    """Squared norms of (n/b) sum_{i in S} G_i, per trained layer, (T,) each.

    Attributes:
        mean: over all subsets S of b samples, exactly.
        longest: of the subset with the b longest G_i.
        limit: what no subset exceeds.
    """

    mean: np.ndarray
    longest: np.ndarray
    limit: np.ndarray


def sampled_norms(weights: Weights, X: Tensor, y: Tensor, b: int) -> Sampled:
    """Sampled gradients at a point.

    A pair i != j is in S with probability b(b-1)/(n(n-1)): with a = sum_i |G_i|^2, g = |sum_i G_i|^2, p = (b-1)/(n-1)
    the mean square is (n/b) ((1 - p) a + p g).

    Args:
        weights: the network.
        X: inputs, (n, d_in), n at least 2.
        y: targets, (n, d).
        b: samples in a batch.

    Returns:
        The norms.
    """
    n, one, loss = len(X), stack([weights]), LOSSES[SQUARE]
    found = slopes(one, X, y, loss)
    total, each = found.layer[0], found.sample[0]
    p = (b - 1) / (n - 1)
    mean = n / b * ((1 - p) * each.sum(-1) + p * total)
    longest, index = each.topk(b, dim=-1)
    limit = (n / b * longest.sqrt().sum(-1)).square()
    own = [slopes(one, X[rows], y[rows], loss).layer[0, l] for l, rows in enumerate(index)]
    chosen = torch.stack(own) * (n / b) ** 2
    return Sampled(*(t.cpu().numpy() for t in (mean, chosen, limit)))


def sampled(found: Walk) -> Iterator[Observation]:
    """Sampled gradients where the run began and where it ended, against the bounds below (13.2) and (13.3)."""
    points = {0: found.start} | (
        {} if found.failed or not found.run.stop_step else {found.run.stop_step: found.run.final}
    )
    for step, point in points.items():
        F = float(found.loss[0] if step == 0 else found.run.final_loss)
        if not F > 0:
            continue
        norms = sampled_norms(point, found.samples.X, found.samples.y, found.values["b"])
        at: dict[str, Any] = {"step": step, "more": {"F": F}}
        for l, (mean, low, high) in enumerate(zip(norms.mean, norms.longest, norms.limit, strict=True), 1):
            yield found.see("sgd_gradient_mean", mean, label=f"W_{l}", **at)
            yield found.see("sgd_gradient_upper_layer", low, lower=low, upper=max(low, high), label=f"W_{l}", **at)
        # the longest gradients of one layer need not be those of another: all layers together lie between these
        low, high = float(norms.longest.max()), float(norms.limit.sum())
        yield found.see("sgd_gradient_upper", low, lower=low, upper=max(low, high), **at)
