"""The changes of units under which the general results (Sections 3 to 5) hold as before."""

from __future__ import annotations

from bounds.model import Rescaling

GENERAL = (
    "condition_number",
    "radius",
    "radius_square",
    "radius_tight",
    "radius_square_tight",
    "step_size",
    "step_size_hessian",
    "contraction",
    "iterations",
    "solution_distance",
    "sgd_radius",
    "sgd_step_size",
    "sgd_contraction",
    "kernel_change",
    "hessian_threshold",
)
"""What follows from F alone, whatever its scale."""

OUTPUTS = {
    **dict.fromkeys(("L_F", "beta_F", "residual_0", "residual_sup", "hessian"), 1),
    **dict.fromkeys(("mu", "lambda_min", "loss_0", "eps", "beta", "gamma", "kernel_change"), 2),
    **dict.fromkeys(("eta", "step_size", "step_size_hessian", "sgd_step_size"), -2),
    "hessian_threshold": 1,
}
PARAMETERS = {
    "L_F": -1,
    **dict.fromkeys(("beta_F", "hessian", "mu", "lambda_min", "beta", "gamma"), -2),
    **dict.fromkeys(("kernel_change", "hessian_threshold"), -2),
    **dict.fromkeys(("R", "radius", "radius_square", "radius_tight", "radius_square_tight"), 1),
    **dict.fromkeys(("solution_distance", "sgd_radius"), 1),
    **dict.fromkeys(("eta", "step_size", "step_size_hessian", "sgd_step_size"), 2),
}

RESCALINGS = (Rescaling("outputs", OUTPUTS, GENERAL), Rescaling("parameters", PARAMETERS, GENERAL))
