"""The user's own network against banerjee2023: does it fit the setting, and what do the theorems say about it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from empirics.adapt import from_module
from empirics.comparison import Comparison, configuration, gather
from empirics.data import Dataset
from empirics.experiments.banerjee2023.observe import KEY, MEASURED, observe
from empirics.experiments.banerjee2023.setting import Setting
from empirics.measure.norms import weight_norms
from empirics.networks import Network
from empirics.setting import round_up, versions

SPHERE_TOLERANCE = 1e-6
CHOSEN = frozenset(("iterate_distance", "readout_distance", "weight_norm"))
"""sigma_1 and the radii are chosen from the network, so that these hold by construction and say nothing."""


def compare_model(model: Network | torch.nn.Module, X: Tensor, y: Tensor, *, learning_rate: float = 1.0) -> Comparison:
    """Set the theorems against one given network, at the point where it is.

    Nothing is known about how the network was initialised, so what Lemma A.1 gives with high probability is measured
    instead: sigma_1 is taken as max_l ||W^(l)||_2/sqrt(m), the ball is centred at the network with v scaled to unit
    norm (rho = 0, rho_1 = | ||v|| - 1 |), and every bound then holds surely, without a probability. The paper's m >= d
    is still asked for. Gradients, curvature and the step are those of the paper's parametrisation, in which a layer of
    ``nn.Linear`` weights times sqrt(fan-in) is W^(l): a step of plain SGD on the module is another one.

    Args:
        model: A ``Network``, or an ``nn.Sequential`` of Linear and activation layers without biases; left as it is.
        X: inputs, (n, d), each of norm sqrt(d).
        y: targets, (n,).
        learning_rate: The step looked at for the convergence results.

    Returns:
        The verdict table.

    Raises:
        NotApplicable: The network or the data do not fit the paper's setting; the message names what does not.
    """
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise TheoryError(f"learning_rate = {learning_rate}: must be a positive number")
    net = model if isinstance(model, Network) else from_module(model, int(X.shape[1]))
    point = net.weights
    data = Dataset(X.to(point.V), y.to(point.V).reshape(len(X), -1).squeeze(1), "your data", "given")
    _check_fit(point.L, point.k, data)
    norms = weight_norms(point)
    if not norms["weight_norm"].largest:
        raise NotApplicable("every hidden weight is zero: sigma_1 > 0 is needed (initialise the network)")
    length = float(point.V.norm())
    # any unit vector may be the centre; v = 0 has no direction of its own
    unit = point.V / length if length else torch.eye(point.m, 1, dtype=point.V.dtype, device=point.V.device)
    centre = point.with_tensors([*point.W, unit])
    sigma_1 = norms["weight_norm"].largest / point.m**0.5
    values: dict[str, Any] = {
        "L": point.L,
        "m": point.m,
        "d": point.d,
        "sigma_1": sigma_1,
        "rho": 0,
        "rho_1": round_up(abs(length - 1), 6),
        "activation": point.activation.name,
        "mean_y_sq": data.mean_y_sq,
        "kappa": 1,
    }
    seen = observe(point, centre, data, values, learning_rate, initialised=False, only=MEASURED - CHOSEN)
    rows, cases = gather(seen, surely=True)
    setting = Setting(
        L=point.L,
        widths=(point.m,),
        seeds=1,
        activation=point.activation.name,
        sigma_1=sigma_1,
        rho=0.0,
        rho_1=values["rho_1"],
        learning_rate=learning_rate,
        steps=1,
        points=1,
    )
    loss = next(r.measured for r in cases if r.quantity.endswith(".loss_ball"))
    record = {
        "width": point.m,
        "seed": 0,
        "learning_rate": learning_rate,
        "steps": 0,
        "reason": "as given",
        "loss_first": loss,
        "loss_last": loss,
        "radii": {"rho": 0.0, "rho_1": values["rho_1"]},
    }
    made = configuration(setting, data, [record], notes=net.notes)
    return Comparison(rows, {KEY: made}, versions(), cases)


def _check_fit(depth: int, outputs: int, data: Dataset) -> None:
    if outputs != 1:
        raise NotApplicable(f"the network has {outputs} outputs: the comparison covers one (wrap the output you mean)")
    if depth < 2:
        raise NotApplicable(f"the network has {depth} hidden layer: banerjee2023's c_H needs at least 2 (erratum B4)")
    norms = data.X.norm(dim=1) / data.X.shape[1] ** 0.5
    worst = int((norms - 1).abs().argmax())
    if abs(float(norms[worst]) - 1) > SPHERE_TOLERANCE:
        raise NotApplicable(
            f"row {worst} of X has norm {float(norms[worst]):.4g} sqrt(d): banerjee2023 needs sqrt(d) "
            "(scale with X * sqrt(d) / X.norm(dim=1, keepdim=True))"
        )
