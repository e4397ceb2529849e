"""Planting fu2018's ground truths, drawing samples, and gathering the verdicts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from empirics.checks import check_device
from empirics.comparison import Comparison, configuration, gather
from empirics.data import Dataset
from empirics.experiments.fu2018 import findings
from empirics.experiments.fu2018.basin import basin
from empirics.experiments.fu2018.concentration import CONCENTRATION, Trial, concentration, look
from empirics.experiments.fu2018.data import teacher
from empirics.experiments.fu2018.descent import DESCENT, along, descend, observe, refuse
from empirics.experiments.fu2018.geometry import POPULATION, geometry
from empirics.experiments.fu2018.hessians import Empirical
from empirics.experiments.fu2018.key import KEY
from empirics.experiments.fu2018.label_moments import MOMENTS, label_moments
from empirics.experiments.fu2018.scene import POSITIVE, Scene, around, scene
from empirics.experiments.fu2018.setting import Setting
from empirics.experiments.fu2018.single import CHANGES, COEFFICIENTS, SINGLE, single
from empirics.experiments.fu2018.theorem2 import ESTIMATION, Estimate, estimate, estimation
from empirics.setting import Progress, versions
from empirics.verdict import Observation

MEASURED = POPULATION | CONCENTRATION | ESTIMATION | DESCENT | SINGLE | MOMENTS
EVERY = CONCENTRATION | ESTIMATION
"""What needs samples of every size asked for."""
WIDE = COEFFICIENTS | CHANGES
"""What is looked at on the wide network besides: bounds on single samples, of which (62) fails there (erratum F6)."""
NOTES = (
    "the population Hessian is exact up to quadrature; worst points of balls are searched, so that what holds there is "
    "not refuted, not proved; where the empirical Hessian is not positive definite, n does not suffice",
    "(9) and Appendix B.2 are tested around the critical point, in a ball in which the Hessian was positive definite "
    "wherever looked at: all that their proofs use of the ball of Lemma 2; eta, H_min and H_max are those of that ball",
    "moments (Definitions 1 and 2) are measured on labels and gradients through Stein's identity, within 5 standard "
    "errors; not measured, being the definitions themselves: kappa, lam, sigma_K, gamma_j for even j",
)


@dataclass
class Seen:
    """What a comparison has gathered so far."""

    observations: list[Observation] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    draws: list[findings.Draw] = field(default_factory=list)
    descents: list[findings.Descent] = field(default_factory=list)

    def add(self, other: Seen) -> None:
        """Take in what was seen of one more ground truth."""
        for name in self.__dataclass_fields__:
            getattr(self, name).extend(getattr(other, name))


def compare(
    setting: Setting, data: Dataset | None = None, only: frozenset[str] = frozenset(), progress: Progress | None = None
) -> Comparison:
    """Plant ground truths, draw samples of the paper's model, and set every measurable quantity against its prediction.

    Args:
        setting: Neurons, seeds, sample sizes, labels, ...
        data: Not used: the theorems are about data of their own model, which are drawn here.
        only: The keys wanted; empty for all.
        progress: Called with one line per set of samples.

    Returns:
        The verdicts; after Ctrl-C those of the ground truths that were finished, with ``interrupted`` in the
        configuration.

    Raises:
        TheoryError: The setting does not fit the paper.
        NotApplicable: The activation or the shape of W* is not covered.
        KeyboardInterrupt: Ctrl-C before the first ground truth was finished.
    """
    check(setting)
    names = frozenset(key.split(".")[1] for key in only) or MEASURED
    seen, interrupted = Seen(), False
    try:
        for K, seed in itertools.product(setting.widths, setting.run_seeds):
            seen.add(_one(scene(setting, K, seed), names, progress))
        if names & WIDE and setting.fresh and setting.shared:  # of one size and seed, whatever K
            seen.observations += _wanted(_wide(setting), names)
    except KeyboardInterrupt:  # what is finished still makes a table
        if not seen.observations:
            raise
        interrupted = True
    rows, cases = gather(seen.observations)
    said = [*findings.of_geometry(cases), *findings.of_draws(seen.draws), *findings.of_descents(seen.descents)]
    made = configuration(
        setting, describe(setting), seen.runs, interrupted=interrupted, notes=_notes(setting), findings=said
    )
    return Comparison(rows, {KEY: made}, versions(), cases)


def check(setting: Setting) -> None:
    """Refuse what the paper does not cover, before anything is measured.

    Args:
        setting: what was asked.

    Raises:
        TheoryError: a device that is not there, or a value outside its range.
        NotApplicable: K > d, or an activation without three bounded derivatives or of another range.
    """
    check_device(setting.device)
    for K in setting.widths:
        shape: dict[str, Any] = {"scale": setting.scale, "condition": setting.conditioned(K)}
        teacher(0, K=K, d=setting.d, activation=setting.activation, **shape)


def describe(setting: Setting) -> Dataset:
    """What was drawn, as data: the largest sample of the first ground truth.

    Args:
        setting: what was asked.

    Returns:
        A data set whose name and source say how it came about.
    """
    first = scene(setting, setting.widths[0], 0).samples(max(setting.sample_sizes), setting.ways[0])
    shape = f"kappa = {setting.condition:g}" if setting.condition else "as drawn"
    sizes = ", ".join(map(str, setting.sample_sizes))
    source = (
        f"x ~ N(0, I_{setting.d}), labels of {' and '.join(setting.ways)} by a planted W* of size {setting.scale:g}, "
        f"{shape}; n = {sizes}"
    )
    return Dataset(first.X, first.y[:, 0], "drawn", source)


def _notes(setting: Setting) -> tuple[str, ...]:
    c = f"{setting.c:g}" if setting.c else f"12 sqrt(2/pi) = {2 * POSITIVE:.3g}"
    return (f"the ball of Lemma 2 is taken at c = {c}; gradient descent at n = {setting.descended}", *NOTES)


def _wanted(observations: Iterator[Observation], names: frozenset[str]) -> list[Observation]:
    return [o for o in observations if o.quantity.split(".")[1] in names]


def _wide(setting: Setting) -> Iterator[Observation]:
    """Single samples of a wide network with orthogonal neurons, whose population Hessian is not needed."""
    planted = {"K": setting.wide, "d": max(setting.wide, setting.d), "scale": setting.scale, "condition": 1.0}
    wide = around(setting, teacher(0, activation=setting.activation, device=setting.device, **planted), 0)  # type: ignore[arg-type]
    for way in setting.ways:
        yield from single(wide, wide.samples(max(setting.sample_sizes), way), way, WIDE)


def _one(at: Scene, names: frozenset[str], progress: Progress | None) -> Seen:
    """One ground truth: the population, then its samples of every size with both kinds of labels."""
    seen, setting = Seen(), at.setting
    if progress and names & POPULATION:
        progress(f"K = {at.K}, seed {at.seed}: the population Hessian")
    seen.observations += _wanted(geometry(at, names), names)
    for way in setting.ways:
        if names & SINGLE:
            samples = at.samples(max(setting.sample_sizes), way)
            seen.observations += _wanted(single(at, samples, way, names), names)
        for n in sizes(setting, names):
            if progress:
                progress(f"K = {at.K}, seed {at.seed}: {way}, n = {n}")
            sample(seen, at, way, at.samples(n, way), names)
    return seen


def sizes(setting: Setting, names: frozenset[str]) -> list[int]:
    """The sample sizes that the quantities wanted need.

    Args:
        setting: the sizes asked for, and that of gradient descent.
        names: the quantities.

    Returns:
        They, ascending.
    """
    found = set(setting.sample_sizes) if names & EVERY else set()
    found |= {setting.descended} if names & DESCENT else set()
    return sorted(found | ({max(setting.sample_sizes)} if names & MOMENTS else set()))


def sample(seen: Seen, at: Scene, way: str, loss: Empirical, names: frozenset[str]) -> None:
    """One set of samples: Theorem 1, then the critical point, gradient descent at one size, moments at the largest.

    Args:
        seen: what is added to.
        at: the ground truth.
        way: classification or regression.
        loss: the samples.
        names: the quantities wanted.
    """
    n, setting = len(loss.X), at.setting
    if n == max(setting.sample_sizes) and names & MOMENTS:
        seen.observations += label_moments(Trial(at, way, loss, ()), names)
    goes_down = bool(names & DESCENT) and n == setting.descended
    if not (names & EVERY or goes_down):
        return
    drawn = look(at, way, loss)
    found = estimate(drawn) if names & ESTIMATION or goes_down else None
    seen.observations += _wanted(concentration(drawn), names)
    seen.draws.append(findings.draw_of(drawn, found))
    if found:
        seen.observations += _wanted(estimation(found), names)
    if found and goes_down:
        _descend(seen, found, names)


def _descend(seen: Seen, found: Estimate, names: frozenset[str]) -> None:
    ball = basin(found) if found.point.found else None
    if ball is None or not ball.radius:
        why = found.missing or ("no ball around the critical point keeps half of the least eigenvalue",)
        seen.observations += _wanted(refuse(found, why), names)
        return
    runs = descend(found, ball)
    ball = along(found, ball, runs[0])
    seen.observations += _wanted(observe(found, ball, runs), names)
    seen.runs.append(findings.record_of(found, ball, runs[0]))
    seen.descents.append(findings.descent_of(found, ball, runs))
