"""Training liu2020's networks and gathering the verdicts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bounds.errors import TheoryError
from bounds.registry import quantity
from empirics.checks import check_device
from empirics.comparison import Comparison, configuration, gather, predict
from empirics.data import Dataset
from empirics.experiments.liu2020 import hessian, layers, responses
from empirics.experiments.liu2020.constants import constants
from empirics.experiments.liu2020.control import CONTROL, WIDTHS, changes, requirements
from empirics.experiments.liu2020.curvature import convexity, linear_dynamics
from empirics.experiments.liu2020.descent import CONDITIONING, DESCENT, conditioning, descent, findings
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.layers import INITIAL, RUNGS, initial
from empirics.experiments.liu2020.outputs import OUTPUTS, Inner, transformed
from empirics.experiments.liu2020.path import Path, descend, floor, theory_rate
from empirics.experiments.liu2020.scene import Scene
from empirics.experiments.liu2020.setting import Setting
from empirics.experiments.liu2020.shallow import BENT, SHALLOW, shallow
from empirics.experiments.liu2020.sparse import SPARSE, sparse
from empirics.experiments.liu2020.stochastic import SGD, finding, sgd, stochastic
from empirics.networks import network
from empirics.sampling import check_sampling
from empirics.setting import Progress, on_device, versions
from empirics.verdict import Observation, Row
from empirics.weights import Weights

PATHS = CONDITIONING | DESCENT | CONTROL | SGD
BALL = RUNGS | hessian.HESSIANS | responses.RESPONSES | responses.OTHERS
MEASURED = PATHS | OUTPUTS | INITIAL | BALL | SHALLOW | BENT | SPARSE
NOTES = (
    "mu is mu_share of lambda_min(K_0); PL*, the step size and the contraction were checked at every step, and Theorem "
    "4.2's conclusions are tested with the constants of the path, which is all that its proof uses",
    "constants measured: at most those of the ball, so that a bound met with them is met; constants proved: Lemma 7.1 "
    "and Theorem 7.1 with c_0, s_0 and C_x of the network; iterations: the steps taken, at most those promised",
)


@dataclass
class _Seen:
    """What a comparison has gathered so far."""

    observations: list[Observation] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    paths: list[tuple[int, int, Path, float]] = field(default_factory=list)


def compare(
    setting: Setting, data: Dataset, only: frozenset[str] = frozenset(), progress: Progress | None = None
) -> Comparison:
    """Train the paper's networks on ``data`` and set every measurable quantity against its prediction.

    Args:
        setting: Widths, seeds, step sizes, ...
        data: The samples, with one target each; C_x is the largest entry of X in size.
        only: The keys wanted; empty for all, and then with what no quantity states as findings.
        progress: Called with one line per network.

    Returns:
        The verdicts; after Ctrl-C those of the networks that were finished, with ``interrupted`` in the configuration.

    Raises:
        TheoryError: The setting or the data do not fit the paper.
        NotApplicable: The activation has no second derivative, which Section 7 needs.
        KeyboardInterrupt: Ctrl-C before the first network was finished.
    """
    check(setting, data)
    data = on_device(data, setting.device)
    names = frozenset(key.split(".")[1] for key in only) or MEASURED
    seen, interrupted = _Seen(), False
    try:
        for width, seed in itertools.product(setting.widths, setting.run_seeds):
            if progress:
                progress(f"width {width}, seed {seed}: training {setting.steps} steps, measuring {setting.points}")
            _one_network(seen, setting, data, width, seed, names, everything=not only, progress=progress)
    except KeyboardInterrupt:  # the networks that are finished still make a table
        if not seen.runs:
            raise
        interrupted = True
    said = [*(findings(seen.paths) if not only else ()), *seen.findings]
    rows, cases = judged(o for o in seen.observations if o.quantity.split(".")[1] in names)
    made = configuration(setting, data, seen.runs, interrupted=interrupted, notes=NOTES, findings=said)
    return Comparison(rows, {KEY: made}, versions(), cases)


def check(setting: Setting, data: Dataset) -> None:
    """Refuse what the paper does not cover.

    Args:
        setting: what was asked.
        data: the samples.

    Raises:
        TheoryError: one line that names what does not fit.
        NotApplicable: an activation without a second derivative.
    """
    check_device(setting.device)
    if setting.L < 2:
        raise TheoryError(f"L = {setting.L}: liu2020 counts weight layers, the readout included; use at least 2")
    if data.y.ndim != 1:
        raise TheoryError(f"y has {data.y.shape[1]} columns: one target per sample is needed (load with outputs=1)")
    check_sampling(len(data.y), setting.batch_size, setting.sampling)
    letters = {"L": setting.L, "activation": setting.activation, "m": setting.widths[0], "R": 0, "c_0": 1}
    predict(f"{KEY}.hessian_norm", letters)


def judged(observations: Iterable[Observation]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """As `gather`; the widths hold surely, as c_0, which they owe to chance, is measured on every network.

    Args:
        observations: all that was measured.

    Returns:
        (rows, cases), in the paper's order.
    """
    parts: tuple[list[Observation], list[Observation]] = ([], [])
    for o in observations:
        parts[o.quantity.split(".")[1] in WIDTHS].append(o)
    likely, sure = gather(parts[0]), gather(parts[1], surely=True)
    order = {q.key: k for k, q in enumerate(quantity(f"{KEY}.L_f").paper.quantities.values())}
    rows = sorted((*likely[0], *sure[0]), key=lambda row: order[row.quantity])
    return tuple(rows), (*likely[1], *sure[1])


def _one_network(
    seen: _Seen,
    setting: Setting,
    data: Dataset,
    width: int,
    seed: int,
    names: frozenset[str],
    *,
    everything: bool,
    progress: Progress | None,
) -> None:
    """Train one initialisation in all the ways asked for; nothing is added to ``seen`` before all are done."""
    found: list[Observation] = []
    said: list[str] = []
    scene = _scene(setting, data, build(setting, width, seed, data), seed)
    if names & PATHS:
        found += _along(scene, names)
    once = setting.fresh and seed == setting.first_seed
    if seed == setting.first_seed:  # these draw networks of their own
        found += initial(setting, data.X, width, names)
        found += shallow(setting, data.X, width, names)
        found += sparse(setting, width, names)
    found += _ball(scene, data, names)
    if names & SGD and once:
        if progress:
            progress(f"width {width}: {setting.sgd_runs} runs of SGD")
        runs = sgd(scene)
        found += stochastic(scene, runs)
        said.append(finding(scene, runs))
    if names & OUTPUTS:
        bent = build(setting, width, seed, data, output=setting.output)
        found += transformed(_scene(setting, data, bent, seed, observe={"inner": Inner(data.X)}))
    if everything and once and not scene.path.failed:
        said += [convexity(scene), linear_dynamics(scene)]
    seen.observations += found
    seen.findings += said
    seen.runs.append(record_of(scene, seed))
    seen.paths.append((width, seed, scene.path, floor(scene.n, scene.path.kernel[0, 1])))


def build(setting: Setting, width: int, seed: int, data: Dataset, output: str | None = None) -> Weights:
    """The paper's deep network at its initialisation.

    Args:
        setting: L, the activation, the device.
        width: m.
        seed: of the weights.
        data: for the input dimension.
        output: the output non-linearity, or None.

    Returns:
        w_0.
    """
    options: dict[str, Any] = {"L": setting.L, "m": width, "d": data.X.shape[1], "output": output}
    return network(KEY, "deep", seed=seed, device=setting.device, activation=setting.activation, **options).weights


def _scene(setting: Setting, data: Dataset, start: Weights, seed: int, observe: Any = None) -> Scene:
    """Descend from w_0 at the rate asked for, or at the theory's."""
    eta = setting.learning_rate or theory_rate(start, data)
    options = {"steps": setting.steps, "points": setting.points, "eps": setting.eps}
    path = descend(start, data, eta, observe=observe, **options)  # type: ignore[arg-type]
    return Scene(path, setting, constants(start, data.X), seed)


def _along(scene: Scene, names: frozenset[str]) -> Iterator[Observation]:
    """Gradient descent against Sections 4 and 5 and Theorem 7.2."""
    parts: tuple[tuple[frozenset[str], Callable[[Scene], Iterator[Observation]]], ...] = (
        (CONDITIONING, conditioning),
        (DESCENT, descent),
        (CONTROL, changes),
        (CONTROL, requirements),
    )
    for own, measure in parts:
        if own & names:
            yield from measure(scene)


def _ball(scene: Scene, data: Dataset, names: frozenset[str]) -> Iterator[Observation]:
    """Appendix F and Theorem 7.1 at the measured points of the path, and at the worst point found in its ball."""
    path, frame = scene.path, {"seed": scene.seed, "width": scene.path.points[0].m}
    if not names & BALL:
        return
    start, ball = path.points[0], (data.X, scene.setting, scene.constants, scene.R, names)
    for step, point in path.points.items():
        at = frame | {"step": step}
        known = scene.places[step].whole if step in scene.places else None
        yield from layers.in_ball(point, start, *ball, at)
        yield from responses.in_ball(point, start, *ball, at)
        yield from hessian.in_ball(point, start, *ball, at, known)
    if scene.setting.restarts:
        yield from hessian.worst(start, *ball, frame)


def record_of(scene: Scene, seed: int) -> dict[str, Any]:
    """A run as `configuration` lists it.

    Args:
        scene: the run.
        seed: of its network.

    Returns:
        Its width, step size, length, losses and radius.
    """
    path = scene.path
    return {
        "width": path.points[0].m,
        "seed": seed,
        "learning_rate": path.eta,
        "steps": path.run.stop_step,
        "reason": path.run.reason,
        "loss_first": float(path.loss[0]),
        "loss_last": float(path.run.final_loss),
        "radii": {"R": scene.R},
    }
