"""What a measure asks of a network, its inputs and the device, each with one line that says what is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from empirics.weights import Weights


def check_counts(**counts: object) -> None:
    """Refuse sizes that are not integers of at least 1.

    Args:
        counts: by name.

    Raises:
        TheoryError: naming the first that is not.
    """
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise TheoryError(f"{name}={value!r} must be an integer of at least 1")


def check_scales(**scales: object) -> None:
    """Refuse scales that are not positive finite numbers.

    Args:
        scales: by name.

    Raises:
        TheoryError: naming the first that is not.
    """
    for name, value in scales.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise TheoryError(f"{name}={value!r} must be a positive finite number")


def check_device(device: str | torch.device) -> torch.device:
    """The device, if it is there.

    Args:
        device: "cpu", "cuda", "cuda:1", ...

    Returns:
        It, as a torch.device.

    Raises:
        TheoryError: no such device on this machine.
    """
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        count = torch.cuda.device_count()
        there = ", ".join(["cpu", *(f"cuda:{i}" for i in range(count))])
        raise TheoryError(f"device={str(device)!r} is not available: use one of {there}") from error
    if place.type not in ("cpu", "cuda"):
        raise TheoryError(f"device={str(device)!r} is not supported: use cpu or cuda")
    return place


def check_single(weights: Weights, what: str) -> None:
    """Refuse a batch of networks where one is measured at a time.

    Args:
        weights: the network.
        what: the measurement, for the message.

    Raises:
        TheoryError: it is a batch.
    """
    if weights.batch:
        raise TheoryError(f"net is a batch of networks: ask for {what} of one at a time (weights.select(i))")


def check_trained(weights: Weights, what: str) -> None:
    """Refuse a network without trained parameters.

    Args:
        weights: the network.
        what: the measurement, for the message.

    Raises:
        TheoryError: nothing is trained.
    """
    if not weights.parameters:
        raise TheoryError(f"net has no trained parameters: {what} is taken in these (set requires_grad or trainable)")


def check_finite(values: Tensor, what: str = "outputs") -> None:
    """Refuse networks that have diverged; waits for the device.

    Args:
        values: what must be finite.
        what: its name, for the message.

    Raises:
        TheoryError: some are NaN or infinite.
    """
    if not bool(torch.isfinite(values).all()):
        raise TheoryError(f"net has {what} that are NaN or infinite: its weights have diverged")


def check_smooth(weights: Weights, what: str) -> None:
    """Refuse second derivatives of an activation that has none.

    Args:
        weights: whose activation to check.
        what: the measurement, for the message.

    Raises:
        NotApplicable: the activation is not smooth.
    """
    for name, phi in (("activation", weights.activation), ("output", weights.output)):
        if phi is not None and not phi.smooth:
            raise NotApplicable(
                f"{name}={phi.name!r} is not twice differentiable, so {what} is undefined: use e.g. tanh"
            )


def check_dense(weights: Weights, what: str) -> None:
    """Refuse layers with windows where a measure has no form for them.

    Args:
        weights: the network.
        what: the measurement, for the message.

    Raises:
        NotApplicable: a layer has windows.
    """
    for l, at in enumerate(weights.windows, start=1):
        if at is not None:
            raise NotApplicable(f"layer {l} has windows (a convolution), which {what} does not cover: use dense layers")


def check_inputs(weights: Weights, X: Tensor | np.ndarray | Sequence[Sequence[float]]) -> Tensor:
    """Inputs as a finite (n, d) tensor in the network's dtype, on its device.

    Args:
        weights: the network.
        X: inputs, (n, d).

    Returns:
        The tensor.

    Raises:
        TheoryError: wrong shape, no rows, or entries that are not finite.
    """
    x = _as_tensor("X", X, weights)
    if x.ndim != 2 or x.shape[1] != weights.d or x.shape[0] == 0:
        raise TheoryError(f"X of shape {tuple(x.shape)} must be (n, {weights.d}) with n at least 1, one row per sample")
    return x


def check_targets(weights: Weights, y: Tensor | np.ndarray | Sequence[float], n: int) -> Tensor:
    """Targets as a finite (n, k) tensor in the network's dtype, on its device.

    Args:
        weights: the network.
        y: targets, (n, k), or (n,) where k = 1.
        n: samples.

    Returns:
        The tensor.

    Raises:
        TheoryError: wrong shape, or entries that are not finite.
    """
    t = _as_tensor("y", y, weights)
    t = t[:, None] if t.ndim == 1 else t
    if t.shape != (n, weights.k):
        raise TheoryError(
            f"y of shape {tuple(t.shape)} must be ({n}, {weights.k}): one row per sample, one column per output"
        )
    return t


def _as_tensor(name: str, value: object, weights: Weights) -> Tensor:
    try:
        t = torch.as_tensor(value, dtype=weights.V.dtype, device=weights.V.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TheoryError(f"{name} of type {type(value).__name__} is not an array of numbers: give a tensor") from error
    if not bool(torch.isfinite(t).all()):
        raise TheoryError(f"{name} has entries that are NaN or infinite: remove those samples")
    return t.detach()
