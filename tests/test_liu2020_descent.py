"""liu2020's Sections 4, 5 and 7 on a path of gradient descent, against autograd transcriptions of the definitions."""

from __future__ import annotations

import math
from dataclasses import replace

import naive
import numpy as np
import pytest
import torch
from liu2020_paths import DATA, X, Y, build, everything, model, naive_path, scene_of, verdict

import empirics
from empirics.experiments.liu2020.control import CONTROL, jacobian_change
from empirics.experiments.liu2020.descent import CONDITIONING, DESCENT, findings
from empirics.experiments.liu2020.path import floor, theory_rate


def test_the_records_of_a_path_are_the_naive_ones():
    start = build()
    scene = scene_of(start, eta=0.05, steps=3, points=3)
    path, expected = scene.path, naive_path(start, 0.05, 3)
    assert path.loss == pytest.approx([loss for _, loss, _, _ in expected])
    assert path.pl == pytest.approx([float(g @ g) / (2 * loss) for _, loss, g, _ in expected])
    assert path.kernel == pytest.approx(np.array([[float(e[0]), float(e[-1])] for *_, e in expected]), rel=1e-8)
    layers = [naive.parts(start, theta) for theta, *_ in expected]
    by_hand = [sum(float((t - t0).norm()) for t, t0 in zip(p, layers[0], strict=True)) for p in layers]
    assert path.record("moved") == pytest.approx(by_hand)
    for t, (_, loss, g, _) in enumerate(expected[:-1]):
        after, square = expected[t + 1][1], 0.05**2 * float(g @ g)
        assert path.bend[0][t] / 0.05 == pytest.approx(2 * (after - loss + 0.05 * float(g @ g)) / square, rel=1e-6)
    assert sorted(path.points) == [0, 2, 3]
    assert naive.flat(path.points[2]) == pytest.approx(expected[2][0])


def test_the_rate_keeps_below_theorem_4_2_with_dense_hessians():
    start = build()
    hessians = torch.stack([naive.output_hessian(start, x, model=model()) for x in X])
    residual = (naive.output(start, naive.flat(start), X, model())[:, 0] - Y).norm()
    units = torch.nn.functional.normalize(torch.randn(200, 4, generator=torch.Generator().manual_seed(0)).double())
    beta_F = max(float(torch.linalg.matrix_norm(torch.einsum("i,ijk", u, hessians), 2)) for u in units)
    top = float(torch.linalg.eigvalsh(naive.kernel(naive.jacobian(start, X, model())))[-1])
    norms = torch.linalg.matrix_norm(hessians, 2)
    assert theory_rate(start, DATA) <= 0.8 / (top + beta_F * residual)
    assert theory_rate(start, DATA) == pytest.approx(float(0.8 / (top + norms.norm() * residual)), rel=0.1)


def test_change_of_the_jacobian_and_the_kernel():
    before, after = build(), build(seed=3)
    J_0, J = (naive.jacobian(w, X, model())[:, 0] for w in (before, after))
    assert jacobian_change(before, after, X) == pytest.approx(float((J - J_0).norm()))
    near = before.with_tensors(t + 1e-9 * s for t, s in zip(before.tensors, after.tensors, strict=True))
    derivative = sum(
        float((naive.output_hessian(before, x, model=model()) @ naive.flat(after)).square().sum()) for x in X
    )
    assert jacobian_change(before, near, X) == pytest.approx(1e-9 * math.sqrt(derivative), rel=1e-5)
    scene = scene_of(before)
    seen = everything(scene)
    J_T = naive.jacobian(scene.path.points[30], X, model())[:, 0]
    change = torch.linalg.matrix_norm(J_T @ J_T.T - J_0 @ J_0.T, 2)
    assert seen["kernel_change"].measured == pytest.approx(float(change))
    assert verdict(seen["kernel_change"]).verdict == "HOLDS"


def test_conclusions_hold_on_a_converging_path_and_their_numbers_are_by_hand():
    start = build(m=40)
    scene = scene_of(start, steps=2000)
    seen, path = everything(scene), scene.path
    assert path.run.reason == "tolerance"
    assert set(seen) == CONDITIONING | DESCENT | CONTROL
    mu = 0.5 * float(torch.linalg.eigvalsh(naive.kernel(naive.jacobian(start, X, model())))[0])
    residual = float((naive.output(start, naive.flat(start), X, model())[:, 0] - Y).norm())
    promised = math.ceil(math.log(residual**2 / 2 / 1e-3) / -math.log(1 - path.eta * mu))
    found = {name: verdict(o) for name, o in seen.items()}
    assert found["iterations"].predicted == promised >= found["iterations"].measured == path.run.stop_step
    assert found["radius_square_tight"].predicted == pytest.approx(2 * residual / math.sqrt(mu))
    L_F = math.sqrt(path.kernel[:, 1].max())
    assert found["radius_layers"].predicted == pytest.approx(math.sqrt(3) * 2 * L_F * residual / mu)
    gone = float((naive.flat(path.run.final) - naive.flat(start)).norm())
    assert found["solution_distance"].measured == pytest.approx(gone)
    for name in DESCENT | {"kernel_norm", "solution_distance"}:
        assert found[name].verdict == "HOLDS", (name, found[name].reasons)
    for name in ("hessian_threshold", "hessian_threshold_linear", "required_width", "required_width_tight"):
        assert found[name].verdict == "NOT MET", name
    assert found["step_size"].verdict == found["condition_number"].verdict == "CONSISTENT"
    for name in ("step_size_hessian", "step_size_network", "step_size_proved"):
        assert found[name].verdict == "NOT APPLICABLE"
        assert "Corollary 5.1: ||H||" in found[name].reasons[0]


def test_a_mu_that_the_path_does_not_keep_is_named():
    path = scene_of(build()).path
    least = float(path.pl.min())
    assert not path.left_premises(0.99 * least)
    (reason,) = path.left_premises(1.01 * least)
    assert reason == f"PL*: ||grad||^2/(2 loss) = {least:.3g} < mu = {1.01 * least:.3g} at step {path.pl.argmin()}"


def test_a_step_that_is_too_long_is_named_and_refutes_nothing():
    start = build()
    top = float(torch.linalg.eigvalsh(naive.kernel(naive.jacobian(start, X, model())))[-1])
    seen = everything(scene_of(start, eta=1.9 / top))
    assert verdict(seen["step_size"]).verdict == "NOT MET"
    for name in DESCENT:
        row = verdict(seen[name])
        assert row.verdict == "NOT APPLICABLE", name
        assert "step size: the loss curves by" in " ".join(row.reasons)


def test_divergence_is_named():
    scene = scene_of(build(), eta=50.0)
    assert scene.path.run.reason in ("diverged", "nan")
    rows = {name: verdict(o) for name, o in everything(scene).items()}
    for name in DESCENT | {"kernel_norm", "solution_distance", "kernel_change"}:
        assert rows[name].verdict == "NOT APPLICABLE", name
        assert "gradient descent diverged at step" in " ".join(rows[name].reasons), name
    assert rows["hessian_threshold"].verdict == "NOT MET"


def test_equal_samples_are_named():
    data = replace(DATA, X=X[[0, 1, 1, 2]])
    rows = {name: verdict(o) for name, o in everything(scene_of(build(), data)).items()}
    for name in DESCENT | CONTROL - {"kernel_change", "gradient_change", "width_order"}:
        assert rows[name].verdict == "NOT APPLICABLE", name
        assert "samples 1 and 2 are equal: lambda_min(K) = 0" in rows[name].reasons, name
    assert rows["kernel_norm"].verdict == "HOLDS"


def test_a_network_that_fits_already_is_named():
    *W, V = build().tensors
    still = build().with_tensors([*W, 0 * V])
    rows = {n: verdict(o) for n, o in everything(scene_of(still, replace(DATA, y=0 * Y), eta=0.01)).items()}
    for name in DESCENT:
        assert "F(w_0) = y: the loss is 0 before the first step" in rows[name].reasons, name
    assert "only w_0 was measured" in rows["kernel_change"].reasons[0]
    assert not any(row.verdict == "VIOLATED" for row in rows.values())


def test_more_equations_than_parameters_are_named():
    data = empirics.Dataset(torch.randn(9, 5).double(), torch.randn(9).double(), "random", "here")
    scene = scene_of(build(m=1, L=2), data)
    assert "9 equations in p = 6 parameters" in scene.zero[0]


def test_leaving_a_given_ball_and_an_activation_that_is_not_zero_at_zero():
    rows = {n: verdict(o) for n, o in everything(scene_of(build(), R=1e-6)).items()}
    assert "left the ball at step 1" in rows["kernel_norm"].reasons[0]
    rows = {n: verdict(o) for n, o in everything(scene_of(build(activation="sigmoid"))).items()}
    assert "sigma(0) = 0" in " ".join(rows["kernel_norm"].reasons)


def test_constants_from_below_never_refute():
    """Where they decide nothing the ball's own take their place, and without those there is no verdict."""
    scene = scene_of(build(m=40))
    low, high = {"L_f": 1e-9, "residual_0": 1.0, "mu": 1.0}, {"L_f": 10.0, "residual_0": 1.0, "mu": 1.0}
    settled = scene.bracket("radius_network", 1.0, low, high, ())
    assert (settled.label, verdict(settled).verdict) == ("constants proved", "HOLDS")
    refuted = scene.bracket("radius_network", 100.0, low, high, ())
    assert verdict(refuted).verdict == "VIOLATED"
    open_ = verdict(scene.bracket("radius_network", 1.0, low, high, ("no ball",)))
    assert open_.verdict == "NOT APPLICABLE"
    assert "known from below only" in open_.reasons[0]


def test_requirements_are_met_where_the_residual_is_tiny():
    """y next to F(w_0): the ball shrinks, and m exceeds the width that Theorem 7.1's chain asks for."""
    start = build(m=128, L=2)
    one = X[:1]
    y = naive.output(start, naive.flat(start), one, model())[:, 0] + 1e-9
    rows = everything(scene_of(start, empirics.Dataset(one, y, "one", "here"), eps=1e-30))
    for name in ("required_width_tight", "hessian_threshold"):
        assert verdict(rows[name]).verdict == "MET", verdict(rows[name])
    assert not rows["step_size_proved"].reasons


def test_findings_state_theorem_4_1():
    scene = scene_of(build())
    said = findings([(12, 0, scene.path, floor(4, scene.path.kernel[0, 1]))])
    assert "held at 31 of 31 iterates of 1 runs" in said[0]
    assert f"{scene.path.kernel[0, 0]:.3g}" in said[1]
