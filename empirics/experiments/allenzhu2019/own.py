"""The user's own network against allenzhu2019: does it fit Definition 2.3, and what do the theorems say about it."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from empirics.adapt import from_module
from empirics.comparison import Comparison, configuration
from empirics.data import Dataset
from empirics.experiments.allenzhu2019 import descent, initial, perturbed
from empirics.experiments.allenzhu2019.data import samples_of, values_of
from empirics.experiments.allenzhu2019.findings import records
from empirics.experiments.allenzhu2019.judging import judged, sum_up
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.setting import Setting
from empirics.networks import Network
from empirics.setting import versions
from empirics.weights import Weights

STEP = descent.MEASURED - {"iterations", "iterations_printed", "iterations_at_step"}
"""What one network and one step show."""
LEMMAS = initial.MEASURED | perturbed.MEASURED
EQUAL_NORMS = 1e-6
VARIANCE = 0.1
"""Relative deviation of a layer's mean square from Definition 2.3's that passes, beside that of random draws."""
_DEVIATIONS = 5
NOTES = ("w_0 is your network; the step is one of gradient descent on half the sum of squares",)


def compare_model(model: Network | torch.nn.Module, X: Tensor, y: Tensor, *, learning_rate: float = 1.0) -> Comparison:
    """Set the theorems against one given network, at the point where it is, and one step of gradient descent.

    Args:
        model: a ``Network`` of allenzhu2019's mlp, or an ``nn.Sequential`` of Linear layers without biases and ReLUs,
            the first and the last Linear frozen (``requires_grad_(False)``); left as it is.
        X: inputs, (n, d_in), of one norm r and with the last coordinate r/sqrt(2) (Assumption 2.1); r is taken into A.
        y: targets, (n,) or (n, d).
        learning_rate: of the step looked at.

    Returns:
        The verdict table.

    Raises:
        NotApplicable: the network or the data do not fit the paper's setting; the message names what does not.
        TheoryError: a learning rate that is no positive number, or data of another dimension.
    """
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise TheoryError(f"learning_rate = {learning_rate}: must be a positive number")
    net = model if isinstance(model, Network) else from_module(model, int(X.shape[1]), paper=None)
    point = net.weights.to(torch.float64)
    refuse(point)
    unit, norm = unit_inputs(X.to(point.V))
    point = replace(point, W=(point.W[0] * norm, *point.W[1:]))
    check_scale(point)
    target = y.to(point.V).reshape(len(unit), -1)
    if target.shape[1] != point.k:
        raise TheoryError(f"y has {target.shape[1]} targets per sample, the network {point.k} outputs")
    samples = samples_of(Dataset(unit, target, "your data", f"given, of norm {norm:.4g}"))
    setting = Setting(L=point.L - 1, widths=(point.m,), networks="mlp", seeds=1, learning_rate=learning_rate, steps=1)
    values = values_of("mlp", setting, point, samples)
    paths = descent.descend([point], samples, learning_rate, values, seeds=[0], steps=1, points=2, eps=0.0)
    found = list(descent.observe(paths[0], STEP))
    found += initial.observe(point, unit, values, seed=0, names=LEMMAS, draws=0)
    seen, said = perturbed.observe(point, unit, target, values, seed=0, names=LEMMAS, omegas=setting.omegas)
    cases = judged({"mlp": [*found, *seen]}, samples)
    notes = (*NOTES, *net.notes, *samples.notes, *samples.equal)
    runs = records("mlp", point.m, paths, [], [])
    made = configuration(setting, samples.data, runs, notes=notes, findings=said)
    return Comparison(sum_up(cases), {KEY: made}, versions(), cases)


def refuse(weights: Weights) -> None:
    """Name the first thing that Definition 2.3's network does not have.

    Args:
        weights: the network.

    Raises:
        NotApplicable: it does not fit.
    """
    widths = ", ".join(map(str, weights.widths))
    learns = weights.learns
    reasons = (
        (weights.L < 2, f"{weights.L} hidden layers: allenzhu2019 trains those beyond the first, give at least 2"),
        (weights.activation.name != "relu", f"activation = {weights.activation.name}: allenzhu2019's is relu"),
        (any(at is not None for at in weights.windows), "a layer has windows: your own CNN is not compared"),
        (any(b is not None for b in weights.biases), "the network has biases, allenzhu2019's has none: use bias=False"),
        (weights.output is not None, "an activation follows the last layer: allenzhu2019 has a linear output"),
        (bool(weights.shortcuts), "the network has shortcuts: your own residual network is not compared"),
        (len(set(weights.widths)) > 1, f"hidden layers of widths {widths}: allenzhu2019's all have the same"),
        (weights.m < 2, "width 1: the orders have log m"),
        (any(s != 1 for s in weights.scales), "layers are divided by powers of the width: allenzhu2019's are not"),
        (learns[0] or learns[-1], "the first and the last layer are trained: allenzhu2019 keeps A and B as drawn "
         "(freeze them with requires_grad_(False))"),
        (not all(learns[1:-1]), "some inner layers are not trained: allenzhu2019 trains them all"),
    )  # fmt: skip
    for found, reason in reasons:
        if found:
            raise NotApplicable(reason)


def unit_inputs(X: Tensor) -> tuple[Tensor, float]:
    """Inputs of norm 1, whose last coordinate is 1/sqrt(2), and the norm that they had.

    Args:
        X: inputs, (n, d_in).

    Returns:
        Both.

    Raises:
        NotApplicable: norms that differ, or another last coordinate.
    """
    remedy = "give torch.cat([X/X.norm(dim=1, keepdim=True), torch.ones(len(X), 1)], 1)/2**0.5 (footnote 5)"
    norms = X.norm(dim=1)
    norm = float(norms.mean())
    worst = int((norms - norm).abs().argmax())
    if not norm or abs(float(norms[worst]) / norm - 1) > EQUAL_NORMS:
        raise NotApplicable(
            f"row {worst} of X has norm {float(norms[worst]):.4g}, the mean is {norm:.4g}: allenzhu2019 needs one "
            f"norm; {remedy}"
        )
    unit = X / norms[:, None]
    off = (unit[:, -1] - 0.5**0.5).abs()
    if float(off.max()) > EQUAL_NORMS:
        i = int(off.argmax())
        raise NotApplicable(
            f"row {i} of X, scaled to norm 1, ends with {float(unit[i, -1]):.4g}: Assumption 2.1 asks for 1/sqrt(2) in "
            f"every row; {remedy}"
        )
    return unit, norm


def check_scale(weights: Weights) -> None:
    """Refuse layers whose entries are not of the size that Definition 2.3 draws: 2/m, and 1/d in B.

    Args:
        weights: the network on inputs of norm 1.

    Raises:
        NotApplicable: a layer whose mean square is another one, beyond chance and a tenth.
    """
    names = ("A", *(f"W_{l}" for l in range(1, weights.L)), "B")
    for name, t in zip(names, (*weights.W, weights.V), strict=True):
        expected, says = (1 / weights.k, "1/d") if name == "B" else (2 / weights.m, "2/m")
        mean = float(t.square().mean())
        if abs(mean / expected - 1) > VARIANCE + _DEVIATIONS * math.sqrt(2 / t.numel()):
            raise NotApplicable(
                f"the entries of {name} have mean square {mean:.3g}, Definition 2.3 draws them with variance {says} = "
                f"{expected:.3g}, on inputs of norm 1"
            )
