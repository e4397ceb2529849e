"""liu2020's SGD, output non-linearities, non-convexity and linear dynamics against autograd transcriptions."""

from __future__ import annotations

import naive
import numpy as np
import pytest
import torch
from liu2020_paths import DATA, X, Y, build, model, naive_path, scene_of, verdict

from empirics.comparison import predict
from empirics.experiments.liu2020.curvature import Jacobian, bends, convexity, linear_dynamics, moved
from empirics.experiments.liu2020.outputs import Inner, outside, transformed
from empirics.experiments.liu2020.stochastic import sgd, smoothness, stochastic


def test_negative_curvature_is_that_of_the_dense_hessian():
    point = build(m=6)
    targets = naive.output(point, naive.flat(point), X, model())
    for found in bends(point, X, (0.3, 0.03)):
        dense = naive.hessian(
            found.point, lambda t, w=found.point: naive.loss(w, t, X, targets, "half_square", model())
        )
        v, values = found.along, torch.linalg.eigvalsh(dense)
        assert float(v.norm()) == pytest.approx(1)
        assert found.quotient == pytest.approx(float(v @ dense @ v), rel=1e-8)
        assert float(values[0]) <= found.quotient < 0
        J = naive.jacobian(found.point, X, model())[:, 0]
        assert float((J @ v).norm()) < 1e-9
        null = torch.linalg.svd(J, full_matrices=True).Vh[4:]
        assert found.quotient == pytest.approx(float(torch.linalg.eigvalsh(null @ dense @ null.T)[0]), rel=1e-3)
        assert float((naive.flat(found.point) - naive.flat(point)).norm()) == pytest.approx(found.distance)


def test_jacobian_products():
    point = build(m=6)
    J, fast = naive.jacobian(point, X, model())[:, 0], Jacobian(point, X)
    v, q = torch.randn(J.shape[1]).double(), torch.randn(4).double()
    assert fast.times(v) == pytest.approx(J @ v)
    assert fast.adjoint(q) == pytest.approx(J.T @ q)
    assert naive.flat(moved(point, v)) == pytest.approx(naive.flat(point) + v)


def test_linear_dynamics_against_descent_on_the_linearised_system():
    start = build()
    scene = scene_of(start, eta=0.05, steps=20)
    J, f = naive.jacobian(start, X, model())[:, 0], naive.output(start, naive.flat(start), X, model())[:, 0]
    shift, gaps = torch.zeros(J.shape[1]).double(), []
    for theta, *_ in naive_path(start, 0.05, 20):
        gaps.append(float((naive.output(start, theta, X, model())[:, 0] - (f + J @ shift)).norm()))
        shift = shift - 0.05 * J.T @ (f + J @ shift - Y)
    assert f"within {max(gaps):.3g} of F(w_t)" in linear_dynamics(scene)
    assert "rank(H_i) > 2n = 8" in convexity(scene)


@pytest.mark.parametrize(("name", "psi"), [("3*tanh(z)", lambda z: 3 * torch.tanh(z)), ("swish", None)])
def test_transformed_kernels(name, psi):
    psi = psi or torch.nn.functional.silu
    start = build(m=20, output=name)
    scene = scene_of(start, observe={"inner": Inner(X)}, steps=10)
    rows = {o.quantity.split(".")[1]: o for o in transformed(scene)}
    seen, ratios, expected = rows["transformed_mu"], [], []
    for theta in _bent(start, scene.path.eta, 10, psi):
        point = start.with_tensors(naive.parts(start, theta))
        outer, inner = (naive.kernel(naive.jacobian(point, X, model(p))) for p in (psi, lambda z: z))
        f = naive.output(point, theta, X, model()).requires_grad_()
        (slope,) = torch.autograd.grad(psi(f).sum(), f)
        low, bare = (float(torch.linalg.eigvalsh(K)[0]) for K in (outer, inner))
        expected.append((low, bare, float(slope.abs().min())))
        ratios.append(low / (bare * expected[-1][2] ** 2))
    assert seen.step == int(np.argmin(ratios))  # where Corollary 8.1 is tightest
    assert (seen.measured, seen.values["mu"], seen.values["rho"]) == pytest.approx(expected[seen.step], rel=1e-6)
    assert verdict(seen).verdict == "HOLDS"
    contraction = verdict(rows["transformed_contraction"])
    if name == "swish":  # whose least value is -0.278
        assert contraction.verdict == "NOT APPLICABLE"
        assert "target 3 = -1 is outside the values -0.2785 to" in contraction.reasons[0]
    else:
        assert contraction.verdict == "HOLDS", contraction.reasons
    assert verdict(rows["transformed_condition_number"]).verdict in ("CONSISTENT", "NOT APPLICABLE")


def _bent(start, eta, steps, psi):
    theta = naive.flat(start)
    for _ in range(steps + 1):
        yield theta
        theta = theta.requires_grad_()
        (grad,) = torch.autograd.grad(naive.loss(start, theta, X, Y[:, None], "half_square", model(psi)), theta)
        theta = (theta - eta * grad).detach()


def test_targets_out_of_reach():
    bounded = build(output="3*tanh(z)")
    assert outside(bounded, torch.tensor([2.9, -3.5])).startswith("target 1 = -3.5 is outside the values -3 to 3")
    assert not outside(bounded, torch.tensor([2.9]))
    assert not outside(build(), torch.tensor([1e9]))


def test_a_step_of_sgd_is_the_papers_and_its_expectation_keeps_the_bound():
    start = build(m=30)
    scene = scene_of(start, sgd_runs=12, sgd_steps=1)
    found = sgd(scene)
    theta, losses = naive.flat(start).requires_grad_(), []
    for i in range(4):
        own = naive.loss(start, theta, X[[i]], Y[[i], None], "half_square", model())
        (grad,) = torch.autograd.grad(own, theta)
        losses.append(naive.loss(start, theta - found.eta * grad, X, Y[:, None], "half_square", model()).item())
    for run in found.runs:
        assert min(abs(run.final_loss - x) for x in losses) < 1e-13
    assert len({round(run.final_loss, 12) for run in found.runs}) > 1
    rows = {o.quantity.split(".")[1]: o for o in stochastic(scene, found) if o.seed == 0}
    bound = predict("liu2020.sgd_contraction", rows["sgd_contraction"].values)
    assert not bound.reasons  # the step is at most eta*
    assert np.mean(losses) / scene.path.loss[0] <= float(bound.value)
    verdicts = {name: verdict(o).verdict for name, o in rows.items()}
    assert verdicts == {
        "sgd_step_size": "CONSISTENT",
        "sgd_step_size_printed": "NOT MET",
        "sgd_contraction": "CONSISTENT",
        "sgd_radius": "HOLDS",
    }


def test_sample_smoothness_against_dense_hessians():
    point = build()
    found = smoothness(point, DATA)
    tops, slopes = [], []
    for x, y in zip(X, Y, strict=True):
        dense = naive.hessian(
            point, lambda t, x=x, y=y: naive.loss(point, t, x[None], y.view(1, 1), "half_square", model())
        )
        tops.append(float(torch.linalg.eigvalsh(dense)[-1]))
        slopes.append(float(naive.jacobian(point, x[None], model()).square().sum()))
    assert found.least == pytest.approx(max(slopes))
    assert max(tops) <= found.most


def test_sgd_beyond_its_step_and_epochs_are_not_covered():
    scene = scene_of(build(m=30), sgd_runs=3, sgd_steps=2, sgd_learning_rate=0.05, sampling="epochs")
    found = sgd(scene)
    rows = {o.quantity.split(".")[1]: verdict(o) for o in stochastic(scene, found) if o.seed == 0}
    assert rows["sgd_step_size"].verdict == "NOT MET"
    assert rows["sgd_contraction"].verdict == "NOT APPLICABLE"
    assert "draws every mini-batch afresh" in rows["sgd_radius"].reasons[0]
    wild = scene_of(build(m=30), sgd_runs=3, sgd_steps=20, sgd_learning_rate=300.0)
    rows = {o.quantity.split(".")[1]: verdict(o) for o in stochastic(wild, sgd(wild))}
    assert "diverged in 3 of 3 runs" in rows["sgd_radius"].reasons[0]
