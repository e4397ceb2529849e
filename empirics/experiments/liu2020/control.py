"""Section 5 and Theorem 7.2 on a path: the kernel's change, the Hessian norm that is asked for, the widths.

Theorem 5.1 and eq 48 are tested at w_T with the Euclidean ball that holds the path, R = max_t ||w_t - w_0||, in which
the points measured lie. Their proof uses the suprema of ||H_i||_2 and ||J||_2 on the segment from w_0 to w_T only; the
ball of Theorem 7.1 that holds the path, being convex, holds that segment too, and there the constants can be proved.

Corollary 5.1 asks for ||H|| below a threshold that falls with L_F and with R = 2 L_F ||F_0 - y||/mu. Measured from
below, ||H|| and L_F refute it for certain, and cannot prove it; where m reaches required_width_tight it is proved.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from empirics.comparison import predict
from empirics.experiments.liu2020.descent import step_requirement
from empirics.experiments.liu2020.key import KEY
from empirics.experiments.liu2020.scene import Scene
from empirics.measure.forward import forward, unit_backward
from empirics.measure.kernel import kernel_change
from empirics.verdict import MET, Observation, judge
from empirics.weights import Weights

CHANGES = frozenset(("kernel_change", "gradient_change"))
THRESHOLDS = frozenset(("hessian_threshold", "hessian_threshold_linear"))
STEPS = frozenset(("step_size_hessian", "step_size_network", "step_size_proved"))
WIDTHS = frozenset(("required_width", "required_width_tight", "width_order"))
CONTROL = CHANGES | THRESHOLDS | STEPS | WIDTHS


def changes(scene: Scene) -> Iterator[Observation]:
    """Theorem 5.1 and eq 48 between w_0 and the last measured point.

    Args:
        scene: the path and its constants.

    Yields:
        Observations.
    """
    step, points = scene.last, scene.path.points
    still = (
        () if step else (*scene.path.failed, "only w_0 was measured: ask for 2 points or more, or a smaller eps")[:1]
    )
    distance = float(scene.path.record("distance_fro").max())
    sizes = scene.given("n") | {"R": distance}
    below = sizes | scene.given("L_F", "hessian")
    why = scene.unproved("L_f") + scene.unproved("hessian_norm_tight")
    chain = {k: v for k, v in scene.chain.items() if k != "R"}
    proved = chain | sizes | {"hessian": float(predict(f"{KEY}.hessian_norm_tight", scene.chain).value)}
    moved = float(kernel_change(scene.at(0).kernel, scene.at(step).kernel).value)
    yield scene.bracket("kernel_change", moved, below, proved, why, step=step, reasons=still)
    moved = jacobian_change(points[0], points[step], scene.path.data.X)
    yield scene.bracket("gradient_change", moved, below, proved, why, step=step, reasons=still)


def jacobian_change(before: Weights, after: Weights, X: Tensor) -> float:
    """||J(w) - J(w_0)||_F, J = nabla F, layer by layer and without a difference of large numbers.

    With df_i/dW_l = c a^T:  c a^T - c' a'^T = (c - c') a^T + c' (a - a')^T, whose squared norm is
    |c - c'|^2 |a|^2 + |c'|^2 |a - a'|^2 + 2 (c - c').c' a.(a - a').

    Args:
        before: w_0; no biases, everything trained.
        after: w.
        X: inputs, (n, d).

    Returns:
        The norm.
    """
    (first, c_0), (last, c) = (
        (cache, unit_backward(w, cache)[1]) for w in (before, after) for cache in [forward(w, X)]
    )
    total = first.f.new_zeros(())
    for a_0, a, s_0, s in zip(first.a, last.a, c_0, c, strict=True):
        da, ds = a - a_0, s - s_0
        cross = (ds * s_0).sum(1) * (a * da).sum(1)
        total += (ds.square().sum(1) * a.square().sum(1) + s_0.square().sum(1) * da.square().sum(1) + 2 * cross).sum()
    return float(total.clamp(min=0).sqrt())


def requirements(scene: Scene) -> Iterator[Observation]:
    """Corollary 5.1, eq 23, Corollary 7.1 and Theorem 7.2.

    Args:
        scene: the path and its constants.

    Yields:
        Observations.
    """
    widths = list(_widths(scene))
    yield from widths
    proved = any(judge(o, predict(o.quantity, o.values)).verdict == MET for o in widths[:2])
    thresholds = list(_thresholds(scene, proved))
    yield from thresholds
    reasons = scene.zero + _uncontrolled(thresholds[0], proved)
    for name in sorted(STEPS):
        yield step_requirement(scene, name, reasons)


def _uncontrolled(threshold: Observation, proved: bool) -> tuple[str, ...]:
    """Why Corollary 5.1's conclusions are not to be had."""
    most = float(predict(threshold.quantity, threshold.values).value)
    if proved or threshold.measured <= most:
        return ()
    return (f"Corollary 5.1: ||H|| >= {threshold.measured:.3g} in the ball, above hessian_threshold = {most:.3g}",)


def _thresholds(scene: Scene, proved: bool) -> Iterator[Observation]:
    """||H|| against Corollary 5.1's threshold and eq 23's."""
    below = scene.given("n", "mu", "lambda_min", "residual_0") | scene.in_ball("L_F")
    radius = float(predict(f"{KEY}.radius_square", scene.in_ball("radius_square")).value)
    norm, upper, label = scene.in_ball("hessian")["hessian"], None, "constants from below"
    if proved:  # by required_width_tight, with the radius and the constants that it is solved for
        chain = {k: v for k, v in scene.chain.items() if k != "R"} | scene.given("mu", "lambda_min", "residual_0")
        radius = float(predict(f"{KEY}.radius_square_tight", chain).value)
        layers = float(predict(f"{KEY}.radius_layers_tight", chain).value)
        upper = float(predict(f"{KEY}.hessian_norm_tight", chain | {"R": layers}).value)
        below, label = chain, "constants proved"
    for name in ("hessian_threshold", "hessian_threshold_linear"):
        values = below | {"R": radius, "eps": scene.setting.eps}
        yield scene.see(name, norm, values, upper=upper, label=label, reasons=scene.zero)


def _widths(scene: Scene) -> Iterator[Observation]:
    """The width against those asked for, tight one first, and the order that the paper prints."""
    own = {k: v for k, v in scene.chain.items() if k not in ("m", "R")}
    values = own | scene.given("mu", "lambda_min", "residual_0")
    m = scene.path.points[0].m
    for name in ("required_width_tight", "required_width"):
        yield scene.see(name, m, values, reasons=scene.zero)
    order = scene.given("n", "L", "mu", "lambda_min") | {"activation": scene.chain["activation"]}
    yield scene.see("width_order", m, order, reasons=scene.zero)
