"""One path with the constants at which the theory predicts: measured along it, from below, or proved on the ball.

What a bound may be evaluated at decides what its verdict may claim. A constant measured at points of a ball is at most
the theorem's, so an upper bound evaluated with it is at most the theorem's bound: where the measurement lies below, the
theorem's bound holds with room to spare; where it lies above nothing follows, and the constants that the theorem's own
chain proves on the ball (Lemma 7.1, Theorem 7.1 with c_0, s_0, C_x measured on this network) take their place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bounds.registry import quantity
from empirics.comparison import predict
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.local import Local, local
from empirics.experiments.liu2020.path import Path, floor, singular
from empirics.experiments.liu2020.setting import Setting
from empirics.setting import round_up
from empirics.verdict import Observation


@dataclass(frozen=True, eq=False)
class Scene:
    """A path, its measured points, and the values at which to predict.

    Attributes:
        path: the run.
        setting: what was asked.
        constants: c_0, s_0 and C_x, measured on w_0 and the samples.
        seed: of the network.
        places: the measured points.
    """

    path: Path
    setting: Setting
    constants: Mapping[str, float]
    seed: int = 0
    places: dict[int, Local] = field(default_factory=dict)

    def at(self, step: int) -> Local:
        """What is measured at a point of the path, once."""
        if step not in self.places:
            self.places[step] = local(self.path.points[step], self.path.data.X, self.path.data.y)
        return self.places[step]

    @property
    def last(self) -> int:
        """The step of the last measured point."""
        return max(self.path.points)

    @property
    def n(self) -> int:
        """Equations."""
        return len(self.path.data.y)

    @cached_property
    def zero(self) -> tuple[str, ...]:
        """Why lambda_min(K_0) is 0, if it is."""
        found = singular(self.path.points[0], self.path.data, self.path.kernel[0])
        return (found,) if found else ()

    @cached_property
    def lambda_min(self) -> float:
        """The least eigenvalue of K_0, or what rounding leaves of it."""
        low, high = self.path.kernel[0]
        return max(float(low), floor(self.n, high))

    @property
    def mu(self) -> float:
        """The share of lambda_min(K_0) that is asked to remain."""
        return self.setting.mu_share * self.lambda_min

    @cached_property
    def R(self) -> float:
        """Radius in sum_l ||W^(l) - W_0^(l)||_F: as given, or the least that contains the path, rounded up."""
        moved = float(self.path.record("moved").max())
        return round_up(moved) if self.setting.R is None else self.setting.R

    def value(self, name: str) -> float:
        """A constant of the path: exact, or from below, and measured only when it is asked for."""
        path = self.path
        known: dict[str, Callable[[], float]] = {
            "n": lambda: self.n,
            "L": lambda: path.points[0].L + 1,
            "eta": lambda: path.eta,
            "eps": lambda: self.setting.eps,
            "mu": lambda: self.mu,
            "lambda_min": lambda: self.lambda_min,
            "loss_0": lambda: path.residual_0**2 / 2,
            "residual_0": lambda: path.residual_0,
            "L_F": lambda: path.L_F,
            "L_f": lambda: max(self.at(t).gradient for t in path.points),
            "beta": lambda: max(float(path.pl.max()), *(self.at(t).loss_hessian for t in path.points)),
            "hessian": lambda: max(self.at(t).hessian for t in path.points),
        }
        return known[name]()

    @cached_property
    def inside(self) -> np.ndarray:
        """Which iterates lie in Theorem 4.2(c)'s ball, whose radius is at least 2 ||J(w_0)||_2 ||F_0 - y||/mu."""
        radius = 2 * float(self.path.kernel[0, 1]) ** 0.5 * self.path.residual_0 / self.mu
        found = self.path.record("distance_fro") <= radius
        found[0] = True
        return found

    def in_ball(self, name: str) -> dict[str, Any]:
        """As `direct`, with L_F, L_f and ||H|| from the points that lie in Theorem 4.2(c)'s ball.

        Args:
            name: of the quantity.

        Returns:
            Constants that are at most those of that ball.
        """
        steps = [t for t in self.path.points if t < self.path.clean and self.inside[t]]
        known: dict[str, Callable[[], float]] = {
            "L_F": lambda: float(self.path.kernel[self.inside, 1].max()) ** 0.5,
            "L_f": lambda: max(self.at(t).gradient for t in steps),
            "hessian": lambda: max(self.at(t).hessian for t in steps),
            "beta_F": lambda: max(self.at(t).hessian for t in steps),
        }
        letters = quantity(f"{KEY}.{name}").parameters if name not in known else (name,)
        return {x: known[x]() if x in known else self.value(x) for x in letters}

    @cached_property
    def chain(self) -> dict[str, Any]:
        """What Lemma 7.1 and Theorem 7.1 prove their constants from, on the ball of radius R."""
        w = self.path.points[0]
        own = {"n": self.n, "L": w.L + 1, "m": w.m, "d": w.d, "activation": w.activation.name, "R": self.R}
        return own | dict(self.constants)

    def given(self, *names: str) -> dict[str, Any]:
        """Some of the path's constants.

        Args:
            names: which.

        Returns:
            They, by name.
        """
        return {name: self.value(name) for name in names}

    def direct(self, name: str) -> dict[str, Any]:
        """The path's constants that a quantity takes directly: L_F and the like in place of what they are built on.

        Args:
            name: of the quantity.

        Returns:
            They, by name.
        """
        return self.given(*quantity(f"{KEY}.{name}").parameters)

    @cached_property
    def left_ball(self) -> tuple[str, ...]:
        """The path left a ball whose radius was given."""
        moved = self.path.record("moved")
        if moved.max() <= self.R:
            return ()
        step = int((moved > self.R).argmax())
        return (f"the iterate left the ball at step {step}: sum_l ||W_t - W_0||_F > R = {self.R:g} (raise --R)",)

    def unproved(self, name: str) -> tuple[str, ...]:
        """Why a constant of Section 7 is not proved on the ball.

        Args:
            name: L_f, hessian_norm_tight, ...

        Returns:
            Reasons; none where it is.
        """
        return self.left_ball + self.path.failed + predict(f"{KEY}.{name}", self.chain).reasons

    def premises(self, *, conditioned: bool = True) -> tuple[str, ...]:
        """Why Theorem 4.2 says nothing about this path.

        Args:
            conditioned: whether it needs mu.

        Returns:
            Reasons; none where its premises were seen to hold at every step.
        """
        return self.zero + self.path.left_premises(self.mu if conditioned else 0.0)

    def see(self, name: str, measured: float, values: Mapping[str, Any], **extra: Any) -> Observation:
        """An observation; exact unless its ends are given.

        Args:
            name: of the quantity.
            measured: what was measured.
            values: at which to predict.
            extra: further fields of `Observation`.

        Returns:
            It.
        """
        extra.setdefault("upper", float(measured))
        width = self.path.points[0].m
        return Observation(f"{KEY}.{name}", dict(values), float(measured), seed=self.seed, width=width, **extra)

    def bracket(
        self,
        name: str,
        measured: float,
        below: Mapping[str, Any],
        proved: Mapping[str, Any],
        why: tuple[str, ...],
        **extra: Any,
    ) -> Observation:
        """An upper bound at constants from below; where that decides nothing, at proved ones; see the module.

        Args:
            name: of the quantity, increasing in the constants.
            measured: what was measured, exactly.
            below: constants that are at most the theorem's.
            proved: constants that the ball's chain proves.
            why: why they are not proved here.
            extra: further fields of `Observation`; its reasons hold in any case.

        Returns:
            The observation, labelled by its constants.
        """
        low = predict(f"{KEY}.{name}", below)
        if measured <= float(low.value) or extra.get("reasons"):
            return self.see(name, measured, below, label="constants measured", **extra)
        if why:
            reason = f"the ball's constants are known from below only, {float(low.value):.3g} with them; {why[0]}"
            return self.see(name, measured, below, reasons=(reason,), **extra)
        return self.see(name, measured, proved, label="constants proved", **extra)
