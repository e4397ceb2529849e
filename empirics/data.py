"""Data in the theorems' setting, as tensors: rows of norm sqrt(d), scalar targets in [-1, 1] or one-hot targets.

The sources are those of `bounds.data`: digits, OpenML, points on a sphere, the user's own .npz files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor

from bounds import data
from bounds.data import NAMES as NAMES
from bounds.data import NORMALISE as NORMALISE
from bounds.data import OPENML as OPENML
from bounds.data import TARGETS as TARGETS


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples ready for a network.

    Attributes:
        X: (n, d) float64.
        y: (n,) scalar targets, or (n, k) one-hot.
        name: what was asked for.
        source: where the data come from and how the targets were made, in words.
        classes: number of classes in the full data; None for regression.
    """

    X: Tensor
    y: Tensor
    name: str
    source: str
    classes: int | None = None

    @property
    def mean_y_sq(self) -> float:
        """(1/n) sum_i y_i^2; over samples and outputs where there are several (banerjee2023's loss constants)."""
        return float(self.y.square().mean())


def load(
    name_or_path: str | os.PathLike[str],
    *,
    samples: int = 512,
    seed: int = 0,
    normalise: str = "sqrt_d",
    targets: str = "auto",
    outputs: int = 1,
    d: int | None = None,
) -> Dataset:
    """A random subset of a data set, in the theorems' setting.

    Args:
        name_or_path: digits, mnist_784, Fashion-MNIST, CIFAR_10, sphere, or a .npz file with arrays X, y (or x_train,
            y_train, or data, target); images are flattened.
        samples: how many, drawn without replacement; at least 1.
        seed: of the draw (and of the sphere).
        normalise: "sqrt_d": every row scaled to norm sqrt(d), the papers' assumption, without centring; "none".
        targets: as for `bounds.data.load`.
        outputs: 1, or the number of classes for one-hot targets.
        d: input dimension of the sphere.

    Returns:
        The data.

    Raises:
        TheoryError: an unknown name, a file that cannot be used, too few samples, a zero row; the message says why.

    >>> load("sphere", samples=4, d=3).X.norm(dim=1)
    tensor([1.7321, 1.7321, 1.7321, 1.7321], dtype=torch.float64)
    """
    found = data.load(
        name_or_path, samples=samples, seed=seed, normalise=normalise, targets=targets, outputs=outputs, d=d
    )
    return Dataset(torch.from_numpy(found.X), torch.from_numpy(found.y), found.name, found.source, found.classes)
