"""The user's own network as fu2018's ground truth: K neurons averaged, with Gaussian inputs and its own outputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from empirics.adapt import from_module
from empirics.checks import check_inputs
from empirics.comparison import Comparison, configuration, gather
from empirics.data import Dataset
from empirics.experiments.fu2018 import findings
from empirics.experiments.fu2018.data import check_labels, check_teacher
from empirics.experiments.fu2018.geometry import geometry
from empirics.experiments.fu2018.hessians import Empirical
from empirics.experiments.fu2018.key import KEY
from empirics.experiments.fu2018.run import MEASURED, NOTES, Seen, sample
from empirics.experiments.fu2018.scene import around
from empirics.experiments.fu2018.setting import Setting
from empirics.experiments.fu2018.single import single
from empirics.measure.forward import forward
from empirics.networks import Network
from empirics.setting import versions
from empirics.weights import Weights

EQUAL = 1e-6
DEVIATIONS = 8.0
"""Standard errors by which a mean or covariance of N(0, I) may be off."""


def compare_model(model: Network | torch.nn.Module, X: Tensor, y: Tensor, *, learning_rate: float = 1.0) -> Comparison:
    """Set the theorems against a given network that planted the labels itself: regression (eq 4, Corollaries 1 and 2).

    Args:
        model: a ``Network`` of fu2018, or an ``nn.Sequential`` Linear, activation, Linear without biases whose readout
            is 1/K for every neuron; left as it is.
        X: inputs, (n, d), drawn from N(0, I_d); mean and covariance are checked.
        y: its own outputs, (n,).
        learning_rate: of gradient descent back to it.

    Returns:
        The verdict table.

    Raises:
        NotApplicable: the network or the data do not fit the paper's setting; the message names what does not.
        TheoryError: a learning rate that is no positive number, or data of another dimension.
    """
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise TheoryError(f"learning_rate = {learning_rate}: must be a positive number")
    net = model if isinstance(model, Network) else from_module(model, int(X.shape[1]), paper=None)
    weights = averaged(net.weights.to(torch.float64))
    X = check_inputs(weights, X)
    check_gaussian(X)
    target = own_outputs(weights, X, y)
    K, d = weights.W[0].shape
    setting = Setting(
        widths=(K,),
        seeds=1,
        activation=weights.activation.name,
        learning_rate=learning_rate,
        d=d,
        sample_sizes=(len(X),),
        labels="regression",
        condition=0,
        device=str(X.device),
    )
    at, loss = around(setting, weights, 0), Empirical(X, target, weights.activation)
    seen = Seen([*geometry(at, MEASURED), *single(at, loss, "regression", MEASURED)])
    sample(seen, at, "regression", loss, MEASURED)
    rows, cases = gather(seen.observations)
    said = [*findings.of_geometry(cases), *findings.of_draws(seen.draws), *findings.of_descents(seen.descents)]
    data = Dataset(X, target[:, 0], "your data", "given; the labels are your network's own outputs (eq 4)")
    planted = "W* is your network; its readout counts as fixed, and of X mean and covariance were checked"
    made = configuration(setting, data, seen.runs, notes=(*NOTES, *net.notes, planted), findings=said)
    return Comparison(rows, {KEY: made}, versions(), cases)


def averaged(weights: Weights) -> Weights:
    """The network in the paper's form, if it has one.

    Args:
        weights: of the user's network.

    Returns:
        (1/K) sum_k phi(w_k.x) of the same outputs.

    Raises:
        NotApplicable: another architecture, readout, range or rank.
    """
    if weights.L != 1:
        raise NotApplicable(f"the network has {weights.L} hidden layers: fu2018 covers one")
    if weights.k != 1:
        raise NotApplicable(f"the network has {weights.k} outputs: fu2018 covers one")
    if any(b is not None for b in weights.biases):
        raise NotApplicable("the network has biases, fu2018's has none: build its layers with bias=False")
    if weights.output is not None or weights.windows[0] is not None:
        raise NotApplicable("fu2018 covers a dense layer and an average: leave out what follows the readout")
    K, readout = weights.m, weights.V[:, 0] * weights.scales[1]
    if bool(((readout * K - 1).abs() > EQUAL).any()):
        k = int((readout * K - 1).abs().argmax())
        raise NotApplicable(f"neuron {k} has readout {float(readout[k]):.4g}: fu2018 averages, with 1/K = {1 / K:.4g}")
    found = Weights(
        (weights.W[0] * weights.scales[0],),
        torch.ones_like(weights.V),
        (1.0, 1 / K),
        weights.activation,
        trainable=(True, False),
    )
    check_teacher(found)
    return found


def check_gaussian(X: Tensor) -> None:
    """Refuse inputs whose mean or covariance is not that of N(0, I_d).

    Args:
        X: inputs, (n, d).

    Raises:
        NotApplicable: naming the entry that is off by more than 8 standard errors.
    """
    n, d = X.shape
    mean, covariance = X.mean(0), X.T @ X / n
    off = covariance - torch.eye(d).to(X)
    room = DEVIATIONS / math.sqrt(n)
    j = int(mean.abs().argmax())
    if float(mean[j].abs()) > room:
        raise NotApplicable(f"column {j} of X has mean {float(mean[j]):.3g}: fu2018 needs x ~ N(0, I)")
    i, k = divmod(int(off.abs().argmax()), d)
    if float(off[i, k].abs()) > room * (math.sqrt(2) if i == k else 1):
        raise NotApplicable(
            f"columns {i} and {k} of X have mean product {float(covariance[i, k]):.3g}: fu2018 needs x ~ N(0, I)"
        )


def own_outputs(weights: Weights, X: Tensor, y: Tensor) -> Tensor:
    """The labels, if they are the network's own outputs.

    Args:
        weights: the network.
        X: inputs, (n, d).
        y: labels, (n,) or (n, 1).

    Returns:
        The outputs, (n, 1).

    Raises:
        NotApplicable: they differ, naming the first sample that does.
    """
    if y.ndim > 1 and y.shape[1] != 1:
        raise NotApplicable(f"y has {y.shape[1]} targets per sample: fu2018 covers one output")
    target, f = check_labels(weights, y, len(X), "regression"), forward(weights, X, order=0).f
    wrong = ((target - f).abs() > EQUAL)[:, 0]
    if bool(wrong.any()):
        i = int(wrong.nonzero()[0])
        raise NotApplicable(
            f"y[{i}] = {float(target[i, 0]):.4g} is not the network's output {float(f[i, 0]):.4g}: fu2018's ground "
            "truth is planted, so that the labels must be the network's own (for eq 3 use 'bounds compare fu2018')"
        )
    return f
