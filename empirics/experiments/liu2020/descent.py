"""Section 4 on a path of gradient descent: Propositions 2.2 and 4.1, Theorem 4.2, Remark 4.3.

Theorem 4.2's conclusions are tested in the form that its proof gives along the path, see `path`. Proposition 2.2 and
Remark 4.3 speak of a Lipschitz constant, which no finite number of points gives: they are tested with the one that
Lemma 7.1 proves, L_F = sqrt(n) L_f. For Remark 4.3 the equation is F(w) = F(w_T), of which w_T is a solution exactly.
Proposition 4.1 holds on any set S, here that of the measured points, where ||J||_2 and ||sum_i u_i H_i||_2 are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from empirics.comparison import predict
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.path import Path
from empirics.experiments.liu2020.scene import Scene
from empirics.verdict import Observation

CONDITIONING = frozenset(("kernel_norm", "condition_number", "solution_distance", "step_size"))
RADII = frozenset(("radius", "radius_square", "radius_tight", "radius_square_tight"))
LAYER_RADII = frozenset(("radius_layers", "radius_layers_tight"))
DESCENT = frozenset(("contraction", "iterations", "radius_network")) | RADII | LAYER_RADII


def conditioning(scene: Scene) -> Iterator[Observation]:
    """Propositions 2.2 and 4.1, Remark 4.3, and Theorem 4.2(c)'s step size.

    Args:
        scene: the path and its constants.

    Yields:
        Observations.
    """
    path, why = scene.path, scene.unproved("L_f")
    top = int(path.kernel[:, 1].argmax())
    yield scene.see("kernel_norm", path.kernel[top, 1], scene.chain, step=top, reasons=why)
    outputs = path.record("outputs")
    distance = path.record("distance_fro")[-1]
    target = scene.chain | {"residual_0": max(float(np.linalg.norm(outputs[-1] - outputs[0])), 1e-300)}
    still = () if distance > 0 else ("w_T = w_0: no step was taken",)
    last = path.clean - 1
    yield scene.see("solution_distance", distance, target, step=last, label="y = F(w_T)", reasons=why + still)
    yield _condition_number(scene)
    yield step_requirement(scene, "step_size")


def _condition_number(scene: Scene) -> Observation:
    """kappa_F(S) on the measured points S: from below, as lambda_max of the loss's Hessian is."""
    steps = [t for t in scene.path.points if t < scene.path.clean]
    least = float(scene.path.kernel[steps, 0].min())
    top = max(scene.at(t).loss_hessian for t in steps)
    there = {
        "L_F": float(scene.path.kernel[steps, 1].max()) ** 0.5,
        "beta_F": max(scene.at(t).beta_F for t in steps),
        "residual_sup": max(float(2 * scene.path.loss[steps].max()) ** 0.5, scene.path.residual_0),
        "mu": max(least, scene.lambda_min * 1e-12),
    }
    reasons = scene.zero or (() if least > 0 else (f"lambda_min(K) = {least:.2g} at a measured point",))
    return scene.see(
        "condition_number", top / there["mu"], there, upper=None, reasons=reasons, label=f"{len(steps)} points"
    )


def step_requirement(scene: Scene, name: str, reasons: tuple[str, ...] = ()) -> Observation:
    """The step used against a largest step that falls with the constants of the ball.

    Constants from below (beta_F >= ||H||) give a threshold from above: a step beyond it is refused for certain, one
    below it is not settled.

    Args:
        scene: the path and its constants.
        name: of the quantity.
        reasons: why the theorem says nothing.

    Returns:
        The observation.
    """
    eta, below = scene.path.eta, scene.in_ball(name)
    most = float(predict(f"{KEY}.{name}", below).value)
    more = {"upper": eta if eta > most else None, "reasons": reasons}
    return scene.see(name, eta, below, label="constants from below", **more)


def descent(scene: Scene) -> Iterator[Observation]:
    """Theorem 4.2: rate, iterations and how far the iterates go.

    Args:
        scene: the path and its constants.

    Yields:
        Observations.
    """
    path, reasons = scene.path, scene.premises()
    yield from _rate(scene, reasons)
    for names, record in ((RADII, "distance_fro"), (LAYER_RADII, "moved")):
        moved = path.record(record)
        step = int(moved.argmax())
        for name in sorted(names):
            letters = scene.direct(name) if names is RADII else scene.given("L", "L_F", "residual_0", "mu")
            yield scene.see(name, moved[step], letters, step=step, reasons=reasons)
    moved = path.record("distance_fro")
    rest = scene.given("residual_0", "mu")
    below, proved = scene.given("L_f") | rest, scene.chain | rest
    step = int(moved.argmax())
    yield scene.bracket("radius_network", moved[step], below, proved, scene.unproved("L_f"), step=step, reasons=reasons)


def _rate(scene: Scene, reasons: tuple[str, ...]) -> Iterator[Observation]:
    """The loss's ratio per step, and the steps to the loss eps."""
    path = scene.path
    if path.clean > 1:
        t, ratio, error = path.worst_ratio
        around = {"lower": ratio - error, "upper": ratio + error}
        yield scene.see("contraction", ratio, scene.given("eta", "mu"), step=t + 1, reasons=reasons, **around)
    elif not path.failed:
        below = (f"the loss starts below eps = {scene.setting.eps:g}: no step was taken",)
        yield scene.see("contraction", 0.0, scene.given("eta", "mu"), reasons=reasons + below)
    taken, values = path.run.stop_step, scene.given("eta", "mu", "loss_0", "eps")
    fast = values["eta"] * values["mu"] < 1
    if not fast:
        values |= {"eta": 0.5 / values["mu"]}
        reasons = (*reasons, f"eta mu >= 1 at eta = {path.eta:.3g}")
    reached = path.run.reason == "tolerance"
    ends = {"upper": float(taken) if reached else None, "lower": float(taken if reached else taken + 1)}
    yield scene.see("iterations", taken, values, side="upper", step=taken, reasons=reasons, **ends)


def findings(paths: list[tuple[int, int, Path, float]]) -> list[str]:
    """Theorem 4.1 and uniform conditioning, which no quantity states, in sentences with numbers.

    Args:
        paths: (width, seed, path, rounding of a kernel's eigenvalue) of every run.

    Returns:
        Two sentences per width.
    """
    said = []
    for width in dict.fromkeys(w for w, *_ in paths):
        own = [(p, rounding) for w, _, p, rounding in paths if w == width and not p.failed]
        if not own:
            continue
        held = sum(int((p.pl >= p.kernel[:, 0] - rounding).sum()) for p, rounding in own)
        total = sum(len(p.pl) for p, _ in own)
        least = min(float((p.pl / np.maximum(p.kernel[:, 0], 1e-300)).min()) for p, _ in own)
        said.append(
            f"width {width}: PL* (Theorem 4.1), ||grad||^2/(2 loss) >= lambda_min(K_t), held at {held} of {total} "
            f"iterates of {len(own)} runs; the least ratio of the two was {least:.3g}"
        )
        low = "; ".join(_course(p.kernel[:, 0]) for p, _ in own)
        high = "; ".join(_course(p.kernel[:, 1]) for p, _ in own)
        said.append(
            f"width {width}: uniform conditioning along the path, first (least to largest): lambda_min(K_t) {low}, "
            f"lambda_max(K_t) {high}"
        )
    return said


def _course(values: np.ndarray) -> str:
    return f"{values[0]:.3g} ({values.min():.3g} to {values.max():.3g})"
