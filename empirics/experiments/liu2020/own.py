"""The user's own network against liu2020: does it fit the setting, and what do the theorems say about it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from empirics.adapt import from_module
from empirics.comparison import Comparison, configuration
from empirics.data import Dataset
from empirics.experiments.liu2020 import hessian, layers, responses
from empirics.experiments.liu2020.constants import constants
from empirics.experiments.liu2020.control import STEPS, THRESHOLDS, WIDTHS, requirements
from empirics.experiments.liu2020.descent import CONDITIONING, conditioning, descent
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.path import descend
from empirics.experiments.liu2020.run import check, judged, record_of
from empirics.experiments.liu2020.scene import Scene
from empirics.experiments.liu2020.setting import Setting
from empirics.networks import Network
from empirics.setting import versions
from empirics.weights import Weights

OWN = (CONDITIONING - {"solution_distance"}) | THRESHOLDS | STEPS | WIDTHS | {"contraction"}
"""What one network and one step show: w_T after a single step solves nothing, and its radii are those of a step."""
STILL = {"weight_norm", "preactivation_change", "backward_move", "C_b_change", "C_b_change_printed"}
LEMMAS = (layers.RUNGS | hessian.HESSIANS | responses.RESPONSES | responses.OTHERS) - STILL
"""Appendix F at the centre of the ball, without what holds by the choice of c_0 and what does not move there."""
NOTES = (
    "the ball is centred at the network as given and holds one step of gradient descent on half the sum of squares; "
    "c_0, s_0 and C_x are measured, so that nothing here rests on how the network was initialised",
)


def compare_model(model: Network | torch.nn.Module, X: Tensor, y: Tensor, *, learning_rate: float = 1.0) -> Comparison:
    """Set the theorems against one given network, at the point where it is.

    What Lemma 7.2 gives with high probability is measured instead: c_0 = max_l ||W^(l)||_2/sqrt(m), s_0 the largest
    sqrt(m) ||b^(l)||_inf/||b^(l)||, C_x the largest entry of X. Gradients, kernels and steps are those of the paper's
    parametrisation, in which a layer of ``nn.Linear`` weights times sqrt(fan-in) is W^(l), and of its loss, half the
    sum of squares: a step of plain SGD on the module is another one.

    Args:
        model: A ``Network``, or an ``nn.Sequential`` of Linear and activation layers without biases; left as it is.
        X: inputs, (n, d).
        y: targets, (n,).
        learning_rate: The step looked at.

    Returns:
        The verdict table.

    Raises:
        NotApplicable: The network or the data do not fit the paper's setting; the message names what does not.
        TheoryError: The learning rate is not a positive number.
    """
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise TheoryError(f"learning_rate = {learning_rate}: must be a positive number")
    net = model if isinstance(model, Network) else from_module(model, int(X.shape[1]), paper=None)
    point, notes = paper_form(net.weights.to(torch.float64))
    data = Dataset(X.to(point.V), y.to(point.V).reshape(len(X), -1).squeeze(1), "your data", "given")
    found = constants(point, data.X)
    setting = Setting(
        L=point.L + 1,
        widths=(point.m,),
        seeds=1,
        activation=point.activation.name,
        learning_rate=learning_rate,
        steps=1,
        points=2,
        c_0=found["c_0"],
    )
    check(setting, data)
    path = descend(point, data, learning_rate, steps=1, points=2, eps=0.0)
    scene = Scene(path, setting, found)
    seen = [o for part in (conditioning, descent, requirements) for o in part(scene)]
    frame = {"seed": 0, "step": 0, "width": point.m}
    for part in (layers.in_ball, responses.in_ball, hessian.in_ball):
        seen += part(point, point, data.X, setting, found, scene.R, LEMMAS, frame)
    rows, cases = judged(o for o in seen if o.quantity.split(".")[1] in OWN | LEMMAS)
    made = configuration(setting, data, [record_of(scene, 0)], notes=(*NOTES, *notes, *net.notes))
    return Comparison(rows, {KEY: made}, versions(), cases)


def paper_form(weights: Weights) -> tuple[Weights, tuple[str, ...]]:
    """The same function in eq 28's parametrisation.

    Args:
        weights: a network; biases that are exactly zero are left out.

    Returns:
        Weights with scales 1/sqrt(fan-in), and what a reader should know.

    Raises:
        NotApplicable: one line that names what eq 28 does not have.
    """
    biases = [b for b in weights.biases if b is not None]
    _refuse(weights, biases)
    tensors = (*weights.W, weights.V.mT)  # (out, in)
    roots = [math.sqrt(t.shape[1]) for t in tensors]
    *W, V = (t.detach() * scale * root for t, scale, root in zip(tensors, weights.scales, roots, strict=True))
    notes = ("biases that are zero were left out: training them leaves liu2020's setting; use bias=False",)
    found = Weights(tuple(W), V.mT.contiguous(), tuple(1 / root for root in roots), weights.activation)
    return found, notes if biases else ()


def _refuse(weights: Weights, biases: list[Tensor]) -> None:
    """Name the first thing that Section 7's network does not have."""
    widths = ", ".join(map(str, weights.widths))
    reasons = (
        (weights.k != 1, f"the network has {weights.k} outputs: the comparison covers one (wrap the output you mean)"),
        (weights.L < 1, "the network has no hidden layer: liu2020 needs one"),
        (len(set(weights.widths)) > 1, f"hidden layers of widths {widths}: liu2020's all have the same"),
        (any(bool(b.count_nonzero()) for b in biases), "the network has biases, liu2020's has none: use bias=False"),
        (weights.output is not None, "an activation follows the last layer: liu2020's Section 7 has a linear output"),
        (bool(weights.shortcuts), "the network has shortcuts: liu2020's has none"),
        (any(at is not None for at in weights.windows), "a layer has windows: liu2020's are fully connected"),
        (not all(weights.learns), "some layers are not trained: liu2020's all are"),
    )
    for found, reason in reasons:
        if found:
            raise NotApplicable(reason)
