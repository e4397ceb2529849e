"""Data sets as NumPy arrays, in the theorems' setting or as they are.

Sources: scikit-learn's bundled digits; OpenML (mnist_784, Fashion-MNIST, CIFAR_10), fetched when first asked for;
points uniform on a sphere; the user's own .npz files.
"""

from __future__ import annotations

import importlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bounds.errors import TheoryError
from bounds.npz import read_pair

OPENML = ("mnist_784", "Fashion-MNIST", "CIFAR_10")
NAMES = ("digits", *OPENML, "sphere")
TARGETS = ("auto", "index", "parity", "range", "raw", "natural")
NORMALISE = ("sqrt_d", "none")
_KEYS = (("X", "y"), ("x_train", "y_train"), ("data", "target"))


@dataclass(frozen=True, eq=False)
class Arrays:
    """Samples.

    Attributes:
        X: (n, d) float64.
        y: (n,) scalar targets, or (n, k) one-hot.
        name: What was asked for.
        source: Where the data come from and how the targets were made, in words.
        classes: Number of classes in the full data; None for regression.
    """

    X: np.ndarray
    y: np.ndarray
    name: str
    source: str
    classes: int | None = None


def load(
    name_or_path: str | os.PathLike[str],
    *,
    samples: int | None = 512,
    seed: int = 0,
    normalise: str = "none",
    targets: str = "auto",
    outputs: int = 1,
    d: int | None = None,
) -> Arrays:
    """A random subset of a data set.

    Args:
        name_or_path: digits, mnist_784, Fashion-MNIST, CIFAR_10, sphere, or a .npz file with arrays X, y (or x_train,
            y_train, or data, target); images are flattened.
        samples: how many, drawn without replacement; at least 1. None: 512, or all where there are fewer.
        seed: of the draw (and of the sphere).
        normalise: "none": as they are; "sqrt_d": every row scaled to norm sqrt(d), without centring.
        targets: for one output. "index": the class index, centred and scaled to [-1, 1] (2c/(C-1) - 1 for C classes):
            all samples of a class share a target, and the mean square is about 1/3. "parity": +1 for an even class
            index, -1 for an odd one. "range": real labels, their range mapped to [-1, 1]. "raw": as they are. "auto":
            index for integer labels, else range; raw for the sphere, whose labels are cosines. "natural": index for
            integer labels, else raw.
        outputs: 1, or the number of classes for one-hot targets.
        d: input dimension of the sphere.

    Returns:
        The data.

    Raises:
        TheoryError: an unknown name, a file that cannot be used, too few samples, a zero row; the message says why.

    Example:
        >>> float(load("sphere", samples=4, d=9).X[0] @ load("sphere", samples=4, d=9).X[0])
        9.0...
    """
    _check_choices(512 if samples is None else samples, seed, normalise, targets, outputs, d)
    name = os.fspath(name_or_path)
    if d is not None and name != "sphere":
        raise TheoryError(f"d={d} is for the sphere only: {name} has its own dimension")
    inputs, labels, source = _read(name, samples or 512, seed, d)
    samples = min(512, len(inputs)) if samples is None else samples
    if samples > len(inputs):
        raise TheoryError(f"samples={samples} exceeds the {len(inputs)} of {name}: ask for at most {len(inputs)}")
    chosen = np.arange(samples) if name == "sphere" else np.random.default_rng(seed).permutation(len(inputs))[:samples]
    y, classes, how = _targets(labels, "raw" if name == "sphere" and targets == "auto" else targets, outputs)
    X = inputs[chosen].astype(np.float64)
    if normalise == "sqrt_d":
        X = _normalise(X, chosen)
    return Arrays(X, y[chosen], name, f"{source}; targets: {how}", classes)


def _read(name: str, samples: int, seed: int, d: int | None) -> tuple[np.ndarray, np.ndarray, str]:
    """(inputs (n, d), labels (n,), source)."""
    if name == "sphere":
        if d is None:
            raise TheoryError("d is missing: the sphere needs its dimension, for example d=64")
        return _sphere(samples, seed, d)
    if name == "digits":
        bundle = _sklearn("digits").load_digits()
        return bundle.data, bundle.target, "scikit-learn load_digits (8x8 images of the UCI optical digits)"
    if name in OPENML:
        return _fetch(name)
    if name.endswith(".npz") or os.path.exists(name):
        return _read_npz(Path(name))
    raise TheoryError(f"data {name!r} is unknown: use {', '.join(NAMES)}, or a path to a .npz file")


def _sphere(n: int, seed: int, d: int) -> tuple[np.ndarray, np.ndarray, str]:
    rng = np.random.default_rng(seed)
    X, teacher = rng.standard_normal((n, d)), rng.standard_normal(d)
    X *= math.sqrt(d) / np.linalg.norm(X, axis=1, keepdims=True)
    y = X @ (teacher / np.linalg.norm(teacher)) / math.sqrt(d)  # a cosine: in [-1, 1]
    return X, y, f"uniform on the sphere of radius sqrt({d}), seed {seed}, cosine with a random linear teacher"


def _sklearn(name: str) -> Any:
    try:
        return importlib.import_module("sklearn.datasets")
    except ImportError:
        raise TheoryError(f"data {name!r} needs scikit-learn: pip install 'bounds[empirics]'") from None


def _fetch(name: str) -> tuple[np.ndarray, np.ndarray, str]:
    fetch_openml = _sklearn(name).fetch_openml
    try:
        bundle = fetch_openml(name, version=1, as_frame=False, parser="liac-arff")
    except Exception as error:  # whatever the network, the cache or the site's format comes up with
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise TheoryError(
            f"data {name!r} could not be fetched from OpenML ({reason}): give a path to a .npz file"
        ) from error
    return _flat(bundle.data, name), _numeric(np.asarray(bundle.target), "labels", name), f"OpenML {name}, version 1"


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    inputs, labels = read_pair(path, _KEYS)
    inputs, labels = _flat(inputs, str(path)), _numeric(labels, "labels", str(path))
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or len(labels) != len(inputs):
        shapes = f"{inputs.shape} and {labels.shape}"
        raise TheoryError(f"file {path} has inputs and labels of shapes {shapes}: give one scalar label per row")
    return inputs, labels, f"file {path.name}"


def _flat(inputs: np.ndarray, where: str) -> np.ndarray:
    inputs = _numeric(np.asarray(inputs), "inputs", where)
    if inputs.ndim < 2 or inputs.size == 0:
        raise TheoryError(f"{where} has inputs of shape {inputs.shape}: they must be (n, d) or images, and not empty")
    return inputs.reshape(len(inputs), -1)


def _numeric(values: np.ndarray, what: str, where: str) -> np.ndarray:
    try:
        if values.dtype.kind == "c":
            raise TypeError
        if values.dtype.kind not in "buif" or values.dtype.itemsize > 8:
            with np.errstate(over="ignore"):  # a long double beyond float64's range: infinite, and refused as such
                values = values.astype(np.float64)
        finite = bool(np.isfinite(values).all())
    except (ValueError, TypeError) as error:
        raise TheoryError(
            f"{where} has {what} that are not real numbers ({values.dtype}): encode them as numbers"
        ) from error
    if not finite:
        raise TheoryError(f"{where} has {what} that are NaN or infinite: remove those samples")
    return values


def _normalise(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    X = X / np.maximum(np.abs(X).max(axis=1, keepdims=True), np.finfo(float).tiny)  # no overflow in squares
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    if not norms.all():
        raise TheoryError(f"row {rows[int(np.argmin(norms))]} is zero and cannot have norm sqrt(d): remove it")
    return X * (math.sqrt(X.shape[1]) / norms)


def _targets(labels: np.ndarray, targets: str, outputs: int) -> tuple[np.ndarray, int | None, str]:
    """(y for every sample, number of classes, description)."""
    values = labels.astype(np.float64)
    whole = bool((values == np.rint(values)).all())
    if targets in ("auto", "natural"):
        targets = "index" if whole else {"auto": "range", "natural": "raw"}[targets]
    if outputs == 1 and targets == "raw":
        return values, None, "as given"
    if outputs == 1 and targets == "range":
        low, high = values.min(), values.max()
        half = high / 2 - low / 2 or 1.0  # no overflow in the difference
        return (values - (low / 2 + high / 2)) / half, None, f"[{low:g}, {high:g}] mapped to [-1, 1]"
    if not whole:
        raise TheoryError(f"targets={targets!r}, outputs={outputs} need integer class labels: use range or raw")
    names, index = np.unique(values, return_inverse=True)
    classes = len(names)
    if outputs > 1:
        if outputs != classes:
            raise TheoryError(f"outputs={outputs} must be 1 or the number of classes, {classes}")
        return np.eye(classes)[index], classes, f"one-hot over {classes} classes"
    if targets == "parity":
        return 1.0 - 2.0 * (index % 2), classes, "+1 for an even class index, -1 for an odd one"
    return 2.0 * index / max(classes - 1, 1) - (classes > 1), classes, f"index of {classes} classes mapped to [-1, 1]"


def _check_choices(samples: int, seed: int, normalise: str, targets: str, outputs: int, d: int | None) -> None:
    counts = {"samples": (samples, 1), "seed": (seed, 0), "outputs": (outputs, 1), "d": (1 if d is None else d, 1)}
    for name, (value, least) in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise TheoryError(f"{name}={value!r} must be an integer of at least {least}")
    for name, choice, allowed in (("normalise", normalise, NORMALISE), ("targets", targets, TARGETS)):
        if choice not in allowed:
            raise TheoryError(f"{name}={choice!r} must be one of {', '.join(allowed)}")
