"""What a run beside its linearisation gives: its numbers, its observation of eq 83, and a finding over many of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from empirics.experiments.song2021.trend import trend
from empirics.verdict import Observation

LOST = ("diverged", "nan")


@dataclass(frozen=True)
class Gap:
    """A network beside its linearisation at Theta_0.

    Attributes:
        ratio: omega_2/omega_1.
        seed: Of the network.
        omega_1: Deviation of W_0.
        omega_2: Deviation of V_0.
        learning_rate: Of both.
        gap: max_i |h(Theta_i) - h~(Theta~_i)| over the steps looked at.
        step: Where it was taken.
        outputs: max_i ||Phi(Theta_i) - Phi~(Theta~_i)||.
        loss_first: h(Theta_0).
        loss_last: h where the network's run ended.
        linear_last: h~ at that step.
        chi_max: ||V_0|| plus the largest ||Theta_i - Theta_0||: at least sigma_max(V_i).
        bound: beta_Phi/nu_Phi^2, eq 82 with Lemma 3's constants at Theta_0 and this chi_max, up to its constant.
        reason: steps, diverged or nan.
        steps: How many were made.
        values: The parameters at which eq 83 predicts.
    """

    ratio: float
    seed: int
    omega_1: float
    omega_2: float
    learning_rate: float
    gap: float
    step: int
    outputs: float
    loss_first: float
    loss_last: float
    linear_last: float
    chi_max: float
    bound: float
    reason: str
    steps: int
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether the run did not blow up."""
        return self.reason not in LOST

    @property
    def relative(self) -> float:
        """The gap in units of h(Theta_0)."""
        return self.gap / self.loss_first

    @property
    def relative_outputs(self) -> float:
        """The outputs' distance in units of ||Phi(Theta_0) - Y||."""
        return float(self.outputs / np.sqrt(self.loss_first))

    def observation(self) -> Observation:
        """What it says of eq 83: an upper bound up to a constant, for every step; some of them were looked at."""
        lost = () if self.sound else (f"training {self.reason}: the gap grows without limit",)
        width = int(self.values["d_1"])
        label = f"ratio {self.ratio:g}"
        return Observation(
            "song2021.lazy_gap",
            self.values,
            self.gap,
            reasons=lost,
            seed=self.seed,
            step=self.step,
            label=label,
            width=width,
        )


def means(gaps: Sequence[Gap], name: str = "gap") -> dict[float, float]:
    """Ratio -> geometric mean over the sound runs of an attribute, ratios ascending.

    Args:
        gaps: runs.
        name: of a positive attribute of `Gap`.
    """
    kept = sorted((g for g in gaps if g.sound), key=lambda g: g.ratio)
    groups = itertools.groupby(kept, key=lambda g: g.ratio)
    return {r: float(np.exp(np.mean(np.log([getattr(g, name) for g in of])))) for r, of in groups}


def finding(gaps: Sequence[Gap]) -> str:
    """The gap at each ratio, where it is largest, and whether it falls on either side, against the paper's limits.

    Args:
        gaps: runs at several ratios.

    Returns:
        A sentence with the numbers; what blew up is left out and said.
    """
    kept, lost = [g for g in gaps if g.sound], [g for g in gaps if not g.sound]
    away = f"; {len(lost)} of {len(gaps)} runs blew up and are left out" if lost else ""
    if not kept:
        return f"lazy training: no run can be compared with its linearisation{away}"
    gap, relative, bound = (means(kept, name) for name in ("gap", "relative", "bound"))
    shown = ", ".join(f"{v:.2g} ({relative[r]:.1g} of h_0) at {r:g}" for r, v in gap.items())
    top = max(gap, key=lambda r: gap[r])
    below, above = _side(kept, lambda r: r <= top), _side(kept, lambda r: r >= top)
    growing = sum(g.step == g.steps for g in kept)
    ends = f"{bound[min(bound)]:.2g} at the least ratio and {bound[max(bound)]:.2g} at the largest"
    return (
        f"lazy training: max_i |h - h~| by omega_2/omega_1 (geometric means over seeds): {shown}; it is largest at "
        f"{top:g}, and was still largest at the last step in {growing} of {len(kept)} runs; up to that ratio {below} "
        f"(the paper: lazy training as the ratio goes to 0); beyond, {above} (the paper's bound goes to infinity with "
        f"the ratio, by what App F.1 allows chi_max; it bounds nothing from below); beta_Phi/nu_Phi^2 with measured "
        f"constants (eq 82) is {ends}{away}"
    )


def _side(gaps: Sequence[Gap], inside: Any) -> str:
    here = [g for g in gaps if inside(g.ratio)]
    if len({g.ratio for g in here}) < 2:
        return "there is no other ratio"
    return trend([g.ratio for g in here], [g.gap for g in here]).words("gap")
