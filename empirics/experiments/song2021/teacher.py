"""Figure 1's data and networks: a teacher that relabels the samples, and the students that learn from it.

Source: song2021, Section 6 and Appendix G. What they leave open is decided here: see `NORMALISATIONS`, `MSE`,
`own_rate` and `train_teacher`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.data import Dataset
from empirics.losses import Loss
from empirics.measure.forward import forward
from empirics.measure.loss_curvature import loss_hessian_extremes
from empirics.networks import Network, network
from empirics.training import train_many
from empirics.weights import Weights

KEY = "song2021"
NORMALISATIONS: Mapping[str, str] = {
    "standard": "pixels standardised (mean 0, variance 1 over all pixels)",
    "unit": "samples of norm 1",
}
"""Appendix G says only "normalised": torchvision's usual Normalize, with one mean and one deviation for all pixels,
taken from the training split; or the columns of norm 1 that the theorems assume (Section 5.1)."""
MSE = Loss(
    "mse",
    "(1/(nk)) sum_ih (f_ih - y_ih)^2, torch.nn.MSELoss: a mean over samples and outputs",
    lambda f, y: (f - y).square().mean((-2, -1)),
    lambda f, y: (f - y) * (2 / (f.shape[-2] * f.shape[-1])),
    lambda f, _, df: df * (2 / (f.shape[-2] * f.shape[-1])),
    mean=True,
)
"""The paper says mean square and uses PyTorch, so its learning rate is taken to go with PyTorch's mean."""
CURVATURE_SAMPLES = 512
CHUNK = 10  # epochs between two looks at the teacher's training error


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test samples with labels.

    Attributes:
        X, labels: Training inputs (n, d_0) and class indices (n,).
        X_test, labels_test: Those for testing.
        classes: How many.
    """

    X: Tensor
    labels: Tensor
    X_test: Tensor
    labels_test: Tensor
    classes: int

    @property
    def y(self) -> Tensor:
        """One-hot training targets, (n, classes)."""
        return one_hot(self.labels, self.classes, self.X.dtype)


def one_hot(labels: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """Class indices (n,) as rows of the identity, (n, classes)."""
    return torch.eye(classes, dtype=dtype, device=labels.device)[labels]


def class_labels(data: Dataset) -> Tensor:
    """Class indices (n,), from one-hot targets or from an index mapped to [-1, 1].

    Raises:
        TheoryError: the targets are no classes.
    """
    if data.classes is None or data.classes < 2:
        raise TheoryError(f"data {data.name}: the teacher needs classes, at least two; it has {data.classes}")
    if data.y.ndim == 2:
        return data.y.argmax(1)
    return ((data.y + 1) * ((data.classes - 1) / 2)).round().long()


def split(data: Dataset, test: float, seed: int = 0) -> Split:
    """A seeded random split.

    Args:
        data: all samples.
        test: the share for testing, between 0 and 1; at least one sample stays on either side.
        seed: of the permutation.

    Returns:
        Both parts.

    Raises:
        TheoryError: fewer than two samples, or targets that are no classes.
    """
    n, labels = len(data.X), class_labels(data)
    if n < 2:
        raise TheoryError(f"samples = {n}: at least 2 are needed, one to train on and one to test")
    kept = min(max(n - round(test * n), 1), n - 1)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).to(data.X.device)
    first, rest = order[:kept], order[kept:]
    return Split(data.X[first], labels[first], data.X[rest], labels[rest], int(data.classes or 0))


def normalised(parts: Split, how: str) -> Split:
    """The split with its inputs normalised, in single precision, as PyTorch trains.

    Args:
        parts: as they are.
        how: one of `NORMALISATIONS`.

    Raises:
        TheoryError: constant training pixels, or a sample that is zero.
    """
    if how == "unit":
        norms = [x.norm(dim=1, keepdim=True) for x in (parts.X, parts.X_test)]
        if not all(bool((norm > 0).all()) for norm in norms):
            raise TheoryError("normalise = unit: a sample is zero and has no direction; use standard")
        return replace(parts, X=(parts.X / norms[0]).float(), X_test=(parts.X_test / norms[1]).float())
    mean, deviation = parts.X.mean(), parts.X.std(correction=0)
    if not float(deviation):
        raise TheoryError("normalise = standard: all training pixels are equal")
    centred = [((X - mean) / deviation).float() for X in (parts.X, parts.X_test)]
    return replace(parts, X=centred[0], X_test=centred[1])


def he_product(d_0: int, d_1: int) -> float:
    """omega_1 omega_2 of He's initialisation, 2/sqrt(d_0 d_1).

    >>> round(he_product(784, 1000), 6)
    0.002259
    """
    return 2 / math.sqrt(d_0 * d_1)


def student(parts: Split, d_1: int, omega_2: float, seed: int) -> Network:
    """1000 (d_1) GELU units without biases, omega_1 omega_2 = 2/sqrt(d_0 d_1), at its initialisation."""
    d_0 = parts.X.shape[1]
    omega_1 = he_product(d_0, d_1) / omega_2
    scales = {"omega_1": omega_1, "omega_2": omega_2}
    size = {"d_0": d_0, "d_1": d_1, "d_2": parts.classes}
    return network(KEY, "shallow", seed=seed, dtype=parts.X.dtype, device=parts.X.device, **size, **scales)


def own_rate(net: Network, X: Tensor, loss: Loss | str) -> float:
    """1/lambda_max of the Gauss-Newton matrix of a loss at the start: half the rate beyond which descent is unstable.

    Targets that make the loss's slope vanish leave of its Hessian the Gauss-Newton matrix alone.

    Args:
        net: where training starts.
        X: training inputs; the first 512 are used, a sum over samples is scaled to all.
        loss: `MSE` or cross_entropy.

    Returns:
        The rate.
    """
    part = X[:CURVATURE_SAMPLES]
    f = net(part).detach()
    entropy = loss == "cross_entropy"
    top = loss_hessian_extremes(net, part, torch.softmax(f, 1) if entropy else f, loss=loss, tol=1e-2)
    return 1 / (float(top.value) * (len(X) / len(part) if entropy else 1.0))


def error(weights: Weights, X: Tensor, labels: Tensor) -> float:
    """The share of samples whose largest output is not their label's."""
    return float((forward(weights, X, order=0).f.argmax(-1) != labels).double().mean())


def train_teacher(parts: Split, d_1: int, batch_size: int, epochs: int) -> tuple[Weights, float, int]:
    """Train the teacher by SGD until its training error is zero.

    It is a student with He's own omega_1 and omega_2, trained on the cross-entropy; its rate is not in the paper and is
    taken from the curvature (`own_rate`).

    Args:
        parts: with the true labels.
        d_1: its width.
        batch_size: samples per step.
        epochs: at most.

    Returns:
        (weights, training error reached, epochs used).

    Raises:
        TheoryError: its training diverges.
    """
    net = student(parts, d_1, math.sqrt(2 / d_1), seed=2**31)  # a seed that no student has
    point, rate = net.weights, own_rate(net, parts.X, "cross_entropy")
    b = min(batch_size, len(parts.X))
    used, wrong = 0, error(point, parts.X, parts.labels)
    while wrong > 0 and used < epochs:
        chunk = min(CHUNK, epochs - used)
        steps = chunk * -(-len(parts.X) // b)
        (run,) = train_many(
            [point],
            parts.X,
            parts.y,
            learning_rate=rate,
            loss="cross_entropy",
            steps=steps,
            tolerance=0,
            batch_size=b,
            sampling="epochs",
            seeds=[used],
            record=(),
        )
        if run.reason in ("diverged", "nan"):
            raise TheoryError(f"the teacher's training {run.reason} at rate {rate:.3g}: use another normalise")
        point, used = run.final, used + chunk
        wrong = error(point, parts.X, parts.labels)
    return point, wrong, used


def relabelled(parts: Split, teacher: Weights) -> Split:
    """Both parts with the labels that the teacher predicts."""
    told = [forward(teacher, X, order=0).f.argmax(-1) for X in (parts.X, parts.X_test)]
    return replace(parts, labels=told[0], labels_test=told[1])


def rates(nets: Sequence[Network], X: Tensor, learning_rate: float | None) -> list[float]:
    """The rate asked for, or each student's own."""
    return [own_rate(net, X, MSE) if learning_rate is None else learning_rate for net in nets]
