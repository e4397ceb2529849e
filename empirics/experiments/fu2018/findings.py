"""What the runs showed that no quantity states: exponents in n, the ball of Theorem 2, one critical point."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bounds.errors import TheoryError
from empirics.experiments.fu2018.basin import Basin
from empirics.experiments.fu2018.concentration import Trial
from empirics.experiments.fu2018.descent import CAREFUL, TOO_LONG, Run, ratios
from empirics.experiments.fu2018.theorem2 import Estimate
from empirics.exponents import fit_exponent
from empirics.verdict import NOT_APPLICABLE, Row


@dataclass(frozen=True)
class Draw:
    """One set of samples in numbers.

    Attributes:
        K, seed, way, n: which.
        radius: of the ball of Lemma 2.
        least: the least eigenvalue found in it.
        hessian, gradient: the largest distances from the population's found in it.
        distance: of the critical point from W*; None where none was looked for or found.
        convex_needs, ball_needs: the samples of Section 5.1 and of erratum F4 at hidden constant 1.
    """

    K: int
    seed: int
    way: str
    n: int
    radius: float
    least: float
    hessian: float
    gradient: float
    distance: float | None
    convex_needs: float
    ball_needs: float


@dataclass(frozen=True)
class Descent:
    """Gradient descent on one set of samples in numbers.

    Attributes:
        K, way, n: which.
        radius: of the ball around the critical point.
        starts: how many.
        steps: of each.
        last: the largest distance from the critical point at the end.
        shares: per run, (1 - slowest ratio)/(eta H_min): 1 is the rate of (9), 1/2 that of Appendix B.2.
        diverged: whether the step too long on purpose led away.
    """

    K: int
    way: str
    n: int
    radius: float
    starts: int
    steps: int
    last: float
    shares: tuple[float, ...]
    diverged: bool


def draw_of(seen: Trial, found: Estimate | None) -> Draw:
    """The numbers of a set of samples."""
    distance = found.distance if found and found.point.found else None
    hessian, gradient = (max(getattr(p, name) for p in seen.places) for name in ("hessian", "gradient"))
    at = seen.scene
    needs = (at.number(f"sample_complexity_{name}") for name in ("implicit", "critical"))
    return Draw(at.K, at.seed, seen.way, seen.n, at.radius, seen.least, hessian, gradient, distance, *needs)


def descent_of(found: Estimate, ball: Basin, runs: Sequence[Run]) -> Descent:
    """The numbers of the runs on a set of samples."""
    main = [run for run in runs if run.label not in (CAREFUL, TOO_LONG)]
    shares = []
    for run in runs:
        ratio = ratios(run, found.point.error)[0]
        if run.label != TOO_LONG and len(ratio):
            shares.append(float((1 - ratio.max()) / (run.eta * ball.low)))
    last = max(float(run.distance[-1]) for run in main)
    diverged = not next(run for run in runs if run.label == TOO_LONG).converges
    steps = len(main[0].distance) - 1
    scene = found.seen.scene
    return Descent(scene.K, found.seen.way, found.seen.n, ball.radius, len(main), steps, last, tuple(shares), diverged)


def record_of(found: Estimate, ball: Basin, run: Run) -> dict[str, Any]:
    """A run as `configuration` lists it.

    Args:
        found: the critical point.
        ball: around it.
        run: the run shown.

    Returns:
        Its width, step size, length, losses and radii.
    """
    loss = run.record.records["loss"]
    return {
        "width": found.seen.scene.K,
        "seed": found.seen.scene.seed,
        "learning_rate": run.eta,
        "steps": run.record.stop_step,
        "reason": f"{found.seen.way}, n = {found.seen.n}: {run.record.reason}",
        "loss_first": float(loss[0]),
        "loss_last": float(loss[-1]),
        "radii": {"r": found.seen.scene.radius, "ball around the critical point": ball.radius},
    }


def of_geometry(cases: Iterable[Row]) -> list[str]:
    """How the population's Hessian compares with its bounds, per K."""
    lines = []
    wanted = ("fu2018.rho_sigma", "fu2018.radius")
    shown = [r for r in cases if r.quantity in wanted and r.verdict != NOT_APPLICABLE]
    for K, group in itertools.groupby(sorted(shown, key=lambda r: r.width), key=lambda r: r.width):
        rows = list(group)
        rho = [r.measured / r.predicted for r in rows if r.quantity == wanted[0] and r.predicted]
        far = [(r.measured, r.measured / r.predicted) for r in rows if r.quantity == wanted[1] and r.predicted]
        parts = []
        if rho:
            parts.append(f"orthogonal W* has K^2 lambda_min = {_range(rho)} rho(sigma_K)")
        if far:
            parts.append(
                f"the nearest point found without strong convexity is {_range([x for x, _ in far])} from W*, "
                f"{_range([x for _, x in far])} times Lemma 2's radius at c = 6 sqrt(2/pi)"
            )
        count = max(len(rho), len(far))
        lines.append(f"K = {K}, population: {'; '.join(parts)} ({count} ground truth{'s' * (count > 1)})")
    return lines


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def of_draws(draws: Sequence[Draw]) -> list[str]:
    """Exponents in n beside sqrt(log n/n), and whether the critical point lies in the ball (erratum F4)."""
    lines = []
    for (K, way), group in itertools.groupby(sorted(draws, key=lambda x: (x.K, x.way)), key=lambda x: (x.K, x.way)):
        here = list(group)
        enough = [x for x in here if x.least > 0]
        share = f"{len(enough)} of {len(here)} draws"
        text = f"K = {K}, {way}: H_n was positive definite wherever looked at in the ball in {share}"
        powers = [_power(name, here, name) for name in ("hessian", "gradient")]
        if way == "classification":
            powers.append(_power("distance", enough, "||What_n - W*||"))
        if said := ", ".join(p for p in powers if p):
            text += f"; in n: {said}, beside {_claimed(here)} for sqrt(log n/n)"
        lines.append(text)
    few = [(x.n, x.convex_needs) for x in draws if x.least <= 0]
    if few:
        lines.append(
            f"H_n had an eigenvalue <= 0 in the ball in {len(few)} draws of up to {max(n for n, _ in few)} samples: "
            f"n >= X log n with Section 5.1's X suffices only if C > {_constant(few)}"
        )
    return lines + _outside(draws)


def _power(name: str, draws: Sequence[Draw], what: str) -> str:
    pairs = [(x.n, value) for x in draws if (value := getattr(x, name)) and value > 0]
    try:
        found = fit_exponent([n for n, _ in pairs], [v for _, v in pairs])
    except TheoryError:  # a single sample size, or none
        return ""
    label = {"hessian": "||H_n - H||", "gradient": "||grad f_n - grad f||"}.get(what, what)
    interval = f"{found.value:.2f}" if math.isinf(found.low) else str(found)
    return f"{label} as n^{interval}"


def _claimed(draws: Sequence[Draw]) -> str:
    n = np.array(sorted({x.n for x in draws}), dtype=float)
    return f"n^{fit_exponent(n, np.sqrt(np.log(n) / n)).value:.2f}"


def _outside(draws: Sequence[Draw]) -> list[str]:
    noisy = [x for x in draws if x.way == "classification" and x.distance is not None]
    if not noisy:
        return []
    out = [x for x in noisy if (x.distance or 0.0) > x.radius]
    shares = [(x.distance or 0.0) / x.radius for x in noisy]
    if not out:
        return [f"classification: the critical point lay in the ball of Lemma 2 in all {len(noisy)} draws"]
    return [
        f"classification: the critical point lay outside the ball of Lemma 2 in {len(out)} of {len(noisy)} draws, at "
        f"{_range(shares)} times its radius (erratum F4): n >= X log n with F4's X puts it inside only if "
        f"C > {_constant((x.n, x.ball_needs) for x in out)}"
    ]


def _constant(failed: Iterable[tuple[int, float]]) -> str:
    """The constants refuted by runs of n samples that failed where n >= C X log n, X from the answer at C = 1."""
    return f"{max((n / math.log(n)) / (need / math.log(need)) for n, need in failed if n > 1):.2g}"


def of_descents(descents: Sequence[Descent]) -> list[str]:
    """One critical point from every start, and the rate in units of eta H_min (erratum F1)."""
    lines = []
    for (K, way), group in itertools.groupby(sorted(descents, key=lambda x: (x.K, x.way)), key=lambda x: (x.K, x.way)):
        here = list(group)
        runs, first = sum(x.starts for x in here), here[0]
        slow = [share for x in here for share in x.shares]
        lines.append(
            f"K = {K}, {way}, n = {first.n}: {runs} runs from {_range([x.radius for x in here])} away ended within "
            f"{max(x.last for x in here):.2g} of one critical point after {first.steps} steps; per step they lost at "
            f"least {min(slow, default=math.nan):.3g} eta H_min of the distance, where (9) claims 1 and Appendix B.2 "
            f"proves 1/2; steps of 2.5/lambda_max led away in {sum(x.diverged for x in here)} of {len(here)} runs"
        )
    return lines
