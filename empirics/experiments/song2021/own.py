"""The user's own network against song2021: Lemma 3's constants at the point where it is, and Theorem 2 from there."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from bounds.activations import get
from bounds.errors import NotApplicable, TheoryError
from empirics.adapt import from_module
from empirics.comparison import Comparison, configuration, gather
from empirics.data import Dataset
from empirics.experiments.song2021.constants import KEY, start_at
from empirics.experiments.song2021.run import NOTES, TRAINED, check_activation, measured
from empirics.experiments.song2021.setting import Setting
from empirics.networks import Network
from empirics.setting import versions
from empirics.weights import Weights

EQUAL_NORMS = 1e-6


def compare_model(model: Network | torch.nn.Module, X: Tensor, y: Tensor, *, learning_rate: float = 1.0) -> Comparison:
    """Set Lemmas 1, 3, 4 and Theorem 2 against one given network, with w_0 the point where it is.

    Inputs of one norm r are scaled to norm 1 and W by r, which is the same function; gradients and steps are those in
    r W. The loss is ||Phi - Y||_F^2, a sum over the samples. Nothing is asked of how the network was initialised, and
    ||Y|| <= 1 is not needed for what is looked at.

    Args:
        model: a ``Network`` of song2021, or an ``nn.Sequential`` Linear, activation, Linear without biases; left as it
            is.
        X: inputs, (n, d_0), all of the same norm.
        y: targets, (n,).
        learning_rate: of the one step that is looked at.

    Returns:
        The verdict table.

    Raises:
        NotApplicable: the network or the data do not fit the paper's setting; the message names what does not.
        TheoryError: a learning rate that is no positive number, or data of another dimension.
    """
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise TheoryError(f"learning_rate = {learning_rate}: must be a positive number")
    net = model if isinstance(model, Network) else from_module(model, int(X.shape[1]), paper=None)
    _check_network(net.weights)
    unit, point, norm = _unit(net.weights, X.to(net.weights.V))
    target = y.to(unit).reshape(len(unit), -1)
    if target.shape[1] != 1:
        raise NotApplicable(f"y has {target.shape[1]} targets per sample: the comparison covers one output")
    setting = Setting(
        widths=(point.m,), seeds=1, activation=point.activation.name, learning_rate=learning_rate, steps=1, init_seeds=1
    )
    values: dict[str, Any] = {
        "n": len(unit),
        "d_0": point.d,
        "d_1": point.m,
        "d_2": 1,
        "activation": setting.activation,
        "norm_Y": float(target.norm()),
        "eps": setting.eps,
    }
    start = start_at(point, unit, target, values)
    seen, record = measured(start, learning_rate, setting, 0, TRAINED)
    rows, cases = gather(seen, surely=True)
    data = Dataset(unit, target[:, 0], "your data", "given, scaled to norm 1")
    scaled = f"inputs of norm {norm:.4g} were scaled to norm 1 and the first layer by {norm:.4g}; w_0 is your network"
    made = configuration(setting, data, [record], notes=(*NOTES, *net.notes, scaled))
    return Comparison(rows, {KEY: made}, versions(), cases)


def _check_network(weights: Weights) -> None:
    if weights.L != 1:
        raise NotApplicable(f"the network has {weights.L} hidden layers: song2021 covers one")
    if weights.k != 1:
        raise NotApplicable(
            f"the network has {weights.k} outputs: the comparison covers one (wrap the output you mean)"
        )
    if any(b is not None for b in weights.biases):
        raise NotApplicable("the network has biases, song2021's has none: build its layers with bias=False")
    if weights.output is not None or weights.windows[0] is not None:
        raise NotApplicable("song2021 covers a dense layer and a linear output: leave out what follows the readout")
    if not all(weights.trainable):
        raise NotApplicable("song2021 trains both layers: some weights here do not require gradients")
    if any(scale != 1 for scale in weights.scales):
        raise NotApplicable("the network's layers are divided by powers of the width: song2021's are not")
    check_activation(weights.activation.name)
    if float(get(weights.activation.name).phi0):
        raise NotApplicable(
            f"activation = {weights.activation.name}: phi(0) = 0 is needed (Assumption 2, erratum S2); subtract phi(0)"
        )


def _unit(weights: Weights, X: Tensor) -> tuple[Tensor, Weights, float]:
    """Inputs of norm 1, the same function with the norm taken into W, and the norm."""
    norms = X.norm(dim=1)
    norm = float(norms.mean())
    worst = int((norms - norm).abs().argmax())
    if not norm or abs(float(norms[worst]) / norm - 1) > EQUAL_NORMS:
        raise NotApplicable(
            f"row {worst} of X has norm {float(norms[worst]):.4g}, the mean is {norm:.4g}: song2021 needs one norm "
            "(scale with X / X.norm(dim=1, keepdim=True))"
        )
    return X / norms[:, None], weights.with_tensors([weights.W[0] * norm, weights.V]), norm
