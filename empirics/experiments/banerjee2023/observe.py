"""Which measurement tests which quantity of banerjee2023, on one network at one step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from empirics.comparison import predict
from empirics.data import Dataset
from empirics.measure.convergence import StepGeometry, step_geometry
from empirics.measure.curvature import hessian_norms
from empirics.measure.forward import forward
from empirics.measure.gradients import gradient_norms
from empirics.measure.loss_curvature import loss_hessian_extremes
from empirics.measure.norms import layer_norms
from empirics.measurement import Measurement
from empirics.networks import Weights
from empirics.verdict import Observation

KEY = "banerjee2023"
CONSTANTS = ("c_H", "c_H_chain", "c_H_tight")
TOLERANCE = 1e-2
"""Relative residual of the iterative measurements: their values err by about its square, with bounds above."""
RUNGS = frozenset(
    (
        "weight_norm_init",
        "weight_norm",
        "activation_norm",
        "layer_jacobian",
        "weight_jacobian",
        "backward_norm",
        "backward_max",
        "iterate_distance",
        "readout_distance",
    )
)
GRADIENTS = frozenset(
    ("param_grad_norm", "input_grad_norm", "input_grad_norm_printed", "loss_init", "loss_ball", "loss_grad_norm")
)
CURVATURES = frozenset((*CONSTANTS, "hessian_norm", "beta"))
DESCENT = frozenset(("rsc_threshold", "rsc_alpha", "contraction"))
MEASURED = RUNGS | GRADIENTS | CURVATURES | DESCENT
"""Every quantity that is measured, by what it takes to measure it."""
PER_SAMPLE_LAYERS = ("activation_norm", "weight_jacobian", "backward_norm", "backward_max")


def observe(
    point: Weights,
    initial: Weights,
    data: Dataset,
    values: dict[str, Any],
    eta: float,
    *,
    seed: int = 0,
    step: int = 0,
    initialised: bool = True,
    only: frozenset[str] = MEASURED,
) -> Iterator[Observation]:
    """Everything measurable about one network at one step.

    Args:
        point: The network at this step.
        initial: Where it started.
        data: The samples.
        values: The parameters at which the theory predicts.
        eta: The step size.
        seed: Which run, for the record.
        step: When, for the record.
        initialised: Whether step 0 is a random initialisation as in Assumption 2.
        only: The names wanted: what none of them needs is not computed.

    Yields:
        Observations; those that the theory covers in the ball only carry the reason when the point lies outside.
    """
    norms = layer_norms(point, data.X, initial=initial, tol=TOLERANCE)
    outside = _outside(norms, values) if step else ()
    frame: dict[str, Any] = {"seed": seed, "step": step}

    def see(name: str, measured: Any, more: dict[str, Any] | None = None, **extra: Any) -> Observation:
        reasons = outside if name not in ("iterate_distance", "readout_distance") else ()
        reasons += extra.pop("reasons", ())
        return Observation(
            f"{KEY}.{name}",
            {**values, **(more or {})},
            float(measured),
            reasons=reasons,
            **_ends(measured, extra),
            **frame,
        )

    at_start = initialised and not step
    parts = (
        (RUNGS, lambda: _rungs(see, norms, at_start)),
        (GRADIENTS, lambda: _gradients(see, point, data, at_start)),
        (CURVATURES, lambda: _curvatures(see, point, data)),
        (DESCENT, lambda: _descent(see, step_geometry(point, data.X, data.y, eta), values, eta)),
    )
    wanted = {f"{KEY}.{name}" for name in only}
    for names, measure in parts:
        if only & names:
            yield from (o for o in measure() if o.quantity in wanted)


def _ends(measured: Any, extra: dict[str, Any]) -> dict[str, Any]:
    """A number measured directly is exact: the truth is at most it, too."""
    extra.setdefault("upper", float(measured))
    return extra


def _outside(norms: dict[str, Measurement], values: dict[str, Any]) -> tuple[str, ...]:
    found = []
    for name, radius in (("weight_distance", "rho"), ("readout_distance", "rho_1")):
        moved = norms[name].largest
        if moved > float(values[radius]):
            found.append(
                f"A4.2: the iterate left the ball, {name.replace('_', ' ')} {moved:.3g} > {radius} = "
                f"{float(values[radius]):g} (raise --{radius})"
            )
    return tuple(found)


def _rungs(see: Any, norms: dict[str, Measurement], initial: bool) -> Iterator[Observation]:
    """The lemmas of Appendix A, layer by layer."""
    for l, norm in enumerate(torch.as_tensor(norms["weight_norm"].value).tolist(), start=1):
        if initial:
            yield see("weight_norm_init", norm, label=f"l={l}")
        yield see("weight_norm", norm, label=f"l={l}")
    for name in PER_SAMPLE_LAYERS:
        for l, norm in enumerate(torch.as_tensor(norms[name].value).amax(0).tolist(), start=1):
            yield see(name, norm, {"l": l}, label=f"l={l}")
    jacobian = norms["layer_jacobian"]
    value, upper = torch.as_tensor(jacobian.value).amax(0).tolist(), torch.as_tensor(jacobian.upper).amax(0).tolist()
    for l, (low, high) in enumerate(zip(value, upper, strict=True), start=2):
        yield see("layer_jacobian", low, upper=high, label=f"l={l}", residual=_residual(jacobian))
    yield see("iterate_distance", norms["weight_distance"].largest)
    yield see("readout_distance", norms["readout_distance"].largest)


def _residual(measurement: Measurement) -> float | None:
    return None if measurement.residual is None else float(torch.as_tensor(measurement.residual).max())


def _gradients(see: Any, point: Weights, data: Dataset, initial: bool) -> Iterator[Observation]:
    """Lemmas 4.1, 4.2 and Corollary 4.1."""
    found = gradient_norms(point, data.X, data.y)
    yield see("param_grad_norm", found.largest)
    slope = float(found.details["input_grad_norm"].max())
    yield see("input_grad_norm", slope)
    yield see("input_grad_norm_printed", slope)
    loss = found.details["loss"]
    if initial:
        yield see("loss_init", loss)
    yield see("loss_ball", loss)
    yield see("loss_grad_norm", found.details["loss_grad_norm"])


def _curvatures(see: Any, point: Weights, data: Dataset) -> Iterator[Observation]:
    """Theorems 4.1 and 5.2: the predictor's and the loss's Hessian."""
    hessian = hessian_norms(point, data.X, tol=TOLERANCE)
    top = hessian.largest
    upper = float(torch.as_tensor(hessian.upper).max())
    yield see("hessian_norm", top, upper=upper, residual=_residual(hessian))
    for name in CONSTANTS:
        root = point.m**0.5
        yield see(name, root * top, upper=root * upper, residual=_residual(hessian))
    loss = loss_hessian_extremes(point, data.X, data.y, tol=TOLERANCE)
    above = _loss_curvature_above(point, data, torch.as_tensor(hessian.upper))
    yield see("beta", loss.details["lambda_max"], upper=above, residual=_residual(loss))


def _loss_curvature_above(point: Weights, data: Dataset, hessian_upper: torch.Tensor) -> float:
    """(2/n) sum_i (||grad f_i||^2 + |f_i - y_i| ||Hess f_i||): the triangle inequality on the loss Hessian."""
    gradients = torch.as_tensor(gradient_norms(point, data.X).value)
    error = (forward(point, data.X, order=0).f.reshape(gradients.shape) - data.y.reshape(gradients.shape)).abs()
    return float((2 * (gradients.square() + error * hessian_upper)).sum() / data.X.shape[0])


def _descent(see: Any, step: StepGeometry, values: dict[str, Any], eta: float) -> Iterator[Observation]:
    """Theorems 5.1 and 5.3 on the step that gradient descent takes from here."""
    mean_sq, rho_2 = step.gbar_norm**2, step.length
    # a ball that contains the next iterate too: no layer moves further than the whole step is long
    wider = {"rho": values["rho"] + rho_2, "rho_1": values["rho_1"] + rho_2, "rho_2": rho_2, "gbar_norm_sq": mean_sq}
    yield see("rsc_threshold", mean_sq, {**wider, "kappa": 1}, label="kappa=1")  # the least that any cone asks for
    if step.cosine > 0:  # the step lies in Q_kappa for kappa up to its cosine
        low, high = step.curvature - step.rounding, step.curvature + step.rounding
        yield see("rsc_alpha", step.curvature, {**wider, "kappa": min(step.cosine, 1.0)}, lower=low, upper=high)
    beta = float(predict(f"{KEY}.beta", {**values, **wider}).value)
    omega = eta * beta
    fast = () if omega < 2 else (f"step size {eta:.3g} is not below 2/beta = {2 / beta:.3g} (Lemma 5.2)",)
    # gamma_t is not measured and taken as 0, its most favourable value: a larger ratio would refute nothing
    theory = {**wider, "omega_t": min(omega, 1.999)}
    yield see("contraction", step.next_loss / step.loss, theory, lower=0.0, reasons=fast)
