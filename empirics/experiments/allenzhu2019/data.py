"""The samples as Assumption 2.1 wants them, the networks on them, and the values at which the theory predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.comparison import predict
from empirics.data import Dataset
from empirics.experiments.allenzhu2019.critical import prepare
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.setting import Setting
from empirics.measure.kernel import ntk_gram
from empirics.networks import network
from empirics.weights import Weights

BATCH = 8
NORMALISED = 1e-9
EQUAL = 1e-12
"""Unit rows whose rounding alone may set them so far apart."""
_ROWS = 1024  # rows of the kernel whose largest eigenvalue sets the step
_PRODUCTS = 30


@dataclass(frozen=True, eq=False)
class Samples:
    """Unit inputs whose last coordinate is 1/sqrt(2).

    Attributes:
        data: X, (n, d_in), and y, (n,) or (n, d), for regression.
        delta: the least distance between two inputs, 0 where two are equal.
        equal: why Assumption 2.1 fails, or empty.
        classes: one-hot targets, (n, classes), or None.
        no_classes: why there are none, or "".
        notes: what a reader should know.
    """

    data: Dataset
    delta: float
    equal: tuple[str, ...]
    classes: Tensor | None
    no_classes: str
    notes: tuple[str, ...]

    @property
    def X(self) -> Tensor:
        """The inputs, (n, d_in)."""
        return self.data.X

    @property
    def y(self) -> Tensor:
        """The targets of regression, (n, d)."""
        return self.data.y.reshape(len(self.data.X), -1)


def samples_of(data: Dataset) -> Samples:
    """The samples in the paper's normalisation.

    Args:
        data: as loaded; inputs that do not satisfy Assumption 2.1 are changed as in footnote 5.

    Returns:
        Samples.

    Raises:
        TheoryError: a single sample, or one that is zero.
    """
    if len(data.X) < 2:
        raise TheoryError("samples = 1: the separation delta is the distance between two samples, give at least 2")
    norms = data.X.norm(dim=1)
    if not bool((norms > 0).all()):
        raise TheoryError(f"row {int(norms.argmin())} of X is zero: it has no direction to be scaled to norm 1")
    notes: tuple[str, ...] = ()
    ready = (norms - 1).abs().amax() + (data.X[:, -1] - 0.5**0.5).abs().amax() <= NORMALISED
    X = data.X
    if not bool(ready):
        X, _, _ = prepare(data.X, data.y)
        notes = ("inputs x were changed to (x/||x||, 1)/sqrt(2), of norm 1 and last coordinate 1/sqrt(2) (footnote 5)",)
    delta, i, j = separation(X)
    equal = (f"samples {i} and {j} are equal: delta = 0 (Assumption 2.1)",) if delta <= EQUAL else ()
    classes, reason = one_hot(data)
    return Samples(replace(data, X=X), 0.0 if equal else delta, equal, classes, reason, notes)


def first(samples: Samples, count: int) -> Samples:
    """Some of the samples, with their own separation and classes.

    Args:
        samples: all.
        count: how many, at least 2; the first ones.

    Returns:
        They; all where there are fewer.
    """
    data = samples.data
    return samples_of(replace(data, X=data.X[:count], y=data.y[:count]))


def separation(X: Tensor) -> tuple[float, int, int]:
    """The least distance between two rows, and which they are.

    Args:
        X: at least two rows, (n, d).

    Returns:
        The distance and two positions, the smaller first.

    >>> separation(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    (1.0, 0, 2)
    """
    distances = torch.pdist(X)  # of differences: exact for equal rows, unlike the Gram form
    least = int(distances.argmin())
    rows, columns = torch.triu_indices(len(X), len(X), 1)[:, least].tolist()
    return float(distances[least]), rows, columns


def one_hot(data: Dataset) -> tuple[Tensor | None, str]:
    """Targets for classification, from those of regression.

    Args:
        data: whose targets stand for classes where it says so.

    Returns:
        One-hot targets, (n, classes drawn), or None and why.
    """
    if data.y.ndim == 2 and data.y.shape[1] > 1:
        single = (data.y.amax(1) == 1) & (data.y.sum(1) == 1) & (data.y.amin(1) == 0)
        return (data.y, "") if bool(single.all()) else (None, "the targets are not one-hot: no classes")
    if data.classes is None:
        return None, "the targets are numbers, not classes: cross-entropy needs classes"
    values, index = data.y.reshape(-1).unique(return_inverse=True)
    if len(values) < 2:
        return None, "all samples are of one class"
    return torch.nn.functional.one_hot(index, len(values)).to(data.y), ""


def build(kind: str, setting: Setting, width: int, seed: int, samples: Samples, outputs: int) -> Weights:
    """A network of the paper at its random initialisation.

    Args:
        kind: mlp, cnn or resnet.
        setting: L, q, tau, the device.
        width: m.
        seed: of the weights.
        samples: for the input dimension and the separation.
        outputs: d.

    Returns:
        Its weights.
    """
    options: dict[str, Any] = {"L": setting.L, "m": width, "d": outputs}
    if kind == "cnn":
        options |= {"positions": samples.X.shape[1], "q": setting.q, "tau": _bias_scale(setting, samples)}
    else:
        options |= {"d_in": samples.X.shape[1]}
    if kind == "resnet":
        options["tau"] = setting.tau
    return network(KEY, kind, seed=seed, device=setting.device, activation=setting.activation, **options).weights


def _bias_scale(setting: Setting, samples: Samples) -> float:
    """Appendix B's delta^2/(10 P L), at the largest separation that it admits where samples are equal."""
    if samples.equal:
        return 1 / (10 * samples.X.shape[1] * setting.L**3)
    return float(predict(f"{KEY}.cnn_tau", {**_sizes(samples), "L": setting.L, "delta": samples.delta}).value)


def _sizes(samples: Samples) -> dict[str, Any]:
    return {"n": len(samples.X), "d_positions": samples.X.shape[1]}


def values_of(kind: str, setting: Setting, weights: Weights, samples: Samples) -> dict[str, Any]:
    """The parameters at which the theory predicts.

    Args:
        kind: mlp, cnn or resnet.
        setting: L, eps, batch_size, ...
        weights: one of its networks, or a stack of them.
        samples: n and delta.

    Returns:
        Values by the paper's letters; m counts a CNN's channels.
    """
    found: dict[str, Any] = {
        "n": len(samples.X),
        "L": weights.L - 1,
        "m": weights.W[0].shape[-2],
        "d": weights.k,
        "d_in": samples.X.shape[1],
        "delta": samples.delta,
        "eps": setting.eps,
        "b": batch_size(setting, samples),
    }
    if kind == "cnn":
        found |= {"d_positions": samples.X.shape[1], "q": setting.q, "tau": _bias_scale(setting, samples)}
    if kind == "resnet":
        found["tau"] = setting.tau or 1 / (setting.L * math.log(max(found["m"], 2)))
    return found


def batch_size(setting: Setting, samples: Samples) -> int:
    """Samples in a mini-batch.

    Raises:
        TheoryError: more than there are samples.
    """
    n = len(samples.X)
    if setting.batch_size is not None and setting.batch_size > n:
        raise TheoryError(f"batch_size = {setting.batch_size}: must be at most the {n} samples (Theorem 2)")
    return setting.batch_size or min(BATCH, n)


def rates(weights: Weights, X: Tensor) -> tuple[float, float]:
    """Steps that suit the linearised square loss: 1/lambda_max(K) for gradient descent, 1/(n max_i K_ii) for SGD.

    A batch S moves the outputs by eta n/b K_SS: lambda_max(K_SS) <= b max_i K_ii, so that no batch's step is unstable;
    max_i is taken over outputs too, a lower bound of the block's norm where there are several. Of a kernel with more
    than 1024 rows the first samples stand for all, in proportion.

    Args:
        weights: w_0.
        X: inputs, (n, d).

    Returns:
        Both step sizes.
    """
    few = min(len(X), max(1, _ROWS // weights.k))
    K = torch.as_tensor(ntk_gram(weights, X[:few]).value).reshape(few * weights.k, -1)
    most = float(K.diagonal().amax())
    if not most > 0:
        return 1.0, 1.0  # no unit is active at any sample: nothing moves
    v = torch.rand(len(K), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(K)
    for _ in range(_PRODUCTS):  # power iteration: the kernel's top eigenvalue stands far apart from the rest
        v = K @ (v / v.norm())
    top = float(v.norm())
    return few / (len(X) * top), 1 / (len(X) * most)
