"""Changes of units under which Theorems 1 and 2 hold as before: parameters, outputs or loss times a factor."""

from __future__ import annotations

from collections.abc import Mapping

from bounds.model import Rescaling

CONDITIONS = tuple(f"{m}_condition{tail}" for m in ("flow", "gd") for tail in ("", "_direct", "_sharp"))
LENGTHS = ("flow_length", "flow_length_direct", "gd_length", "gd_length_direct")
STEPS = ("step_size", "step_size_explicit", "step_size_loss")
BALL = ("sigma_min_ball", "sigma_max_ball", "map_lipschitz")
RATES = ("contraction", "iterations")


def _powers(**groups: float) -> dict[str, float]:
    named = {"conditions": CONDITIONS, "lengths": LENGTHS, "steps": STEPS, "ball": BALL}
    return {name: p for group, p in groups.items() for name in named.get(group, (group,))}


PARAMETERS: Mapping[str, float] = _powers(
    mu_Phi=-1, nu_Phi=-1, ball=-1, beta_Phi=-2, rho_Phi=1, lengths=1, eta=2, steps=2
)
"""Phi(w/s): a derivative loses a factor, a step is as long as its learning rate times a gradient."""
OUTPUTS: Mapping[str, float] = _powers(
    mu_Phi=1, nu_Phi=1, ball=1, beta_Phi=1, alpha_f=-2, beta_f=-2, grad_f_0=-1, grad_f_upper=-1, grad_f_ball=-1
)
"""s Phi and f(z/s)."""
LOSS: Mapping[str, float] = _powers(
    alpha_f=1, beta_f=1, h_0=1, eps=1, grad_f_0=1, grad_f_upper=1, grad_f_ball=1, conditions=1, eta=-1, steps=-1
)
"""s f."""

RESCALINGS = (
    Rescaling("parameters", PARAMETERS, (*CONDITIONS, *LENGTHS, *STEPS, *BALL, *RATES, "rho_Phi", "grad_f_ball")),
    Rescaling(
        "outputs", OUTPUTS,
        (*CONDITIONS, *LENGTHS, *STEPS, *BALL, *RATES, "flow_rate", "rho_Phi", "grad_f_ball", "grad_f_upper"),
    ),
    Rescaling("loss", LOSS, (*CONDITIONS, *LENGTHS, *STEPS, *RATES, "grad_f_ball", "grad_f_upper")),
)  # fmt: skip
