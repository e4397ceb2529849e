"""Single samples of fu2018 against autograd, and Stein's identities integrated on a grid against the definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import bounds
from empirics.experiments.fu2018.concentration import Trial
from empirics.experiments.fu2018.data import draw, teacher
from empirics.experiments.fu2018.hessians import Empirical
from empirics.experiments.fu2018.label_moments import MOMENTS, dual, hermite, label_moments, terms
from empirics.experiments.fu2018.scene import Scene, around
from empirics.experiments.fu2018.setting import Setting
from empirics.experiments.fu2018.single import SINGLE, changes, coefficients, single
from tests import naive

SETTING = Setting(activation="sigmoid", widths=(2,), d=3, sample_sizes=(50,), seeds=1)


def one_hessian(W: Tensor, x: Tensor, y: Tensor) -> Tensor:
    def loss(theta: Tensor) -> Tensor:
        f = naive.fu2018([theta.view_as(W)], x[None], torch.sigmoid)
        return naive.LOSSES["half_mean_square"](f, y[None])

    return torch.autograd.functional.hessian(loss, W.flatten())


def test_coefficients_are_those_of_the_blocks() -> None:
    weights = teacher(0, K=2, d=3)
    X, y = draw(weights, 4, 0)
    W = weights.W[0] + 0.3
    at = coefficients(Empirical(X, y, weights.activation), W)
    for i, x in enumerate(X):
        H = one_hessian(W, x, y[i]).view(2, 3, 2, 3)
        for j in range(2):
            assert torch.allclose(H[j, :, j], at.beta[i, j] * torch.outer(x, x), atol=1e-14)
        assert torch.allclose(H[0, :, 1], at.slope[i].prod() / 4 * torch.outer(x, x), atol=1e-14)


def test_changes_are_lower_bounds_of_one_samples_lipschitz_constant() -> None:
    weights, delta = teacher(1, K=2, d=3), 1e-3
    X, y = draw(weights, 5, 0)
    W = weights.W[0]
    found = changes(Empirical(X, y, weights.activation), W, delta)
    for i, x in enumerate(X):
        for j in range(2):
            other = W.clone()
            other[j] += delta * x / x.norm()
            difference = one_hessian(other, x, y[i]) - one_hessian(W, x, y[i])
            norm = float(torch.linalg.matrix_norm(difference, 2)) / (delta * float(x.norm()) ** 3)
            block = difference.view(2, 3, 2, 3)[j, :, j]
            exact = float(torch.linalg.matrix_norm(block, 2)) / (delta * float(x.norm()) ** 3)
            assert float(found[i, j]) == pytest.approx(exact, rel=1e-8)
            assert float(found[i, j]) <= norm * (1 + 1e-9)


def wide(K: int) -> Scene:
    return around(SETTING, teacher(0, K=K, d=K, scale=2.0, condition=1.0), 0)


def test_printed_lipschitz_constant_is_too_small_for_many_neurons() -> None:
    from empirics.comparison import gather

    scene = wide(64)
    names = frozenset(("sample_hessian_lipschitz", "sample_hessian_lipschitz_printed"))
    rows, _ = gather(single(scene, scene.samples(500, "classification"), "classification", names))
    verdicts = {r.quantity.split(".")[1]: r.verdict for r in rows}
    assert verdicts == {"sample_hessian_lipschitz": "CONSISTENT", "sample_hessian_lipschitz_printed": "VIOLATED"}


def test_every_quantity_of_single_samples_is_measured_and_asked_for_alone() -> None:
    scene = around(SETTING, teacher(0, K=2, d=3), 0)
    loss = scene.samples(50, "classification")
    assert {o.quantity.split(".")[1] for o in single(scene, loss, "classification", SINGLE)} == SINGLE
    for name in SINGLE - {"block_diagonal"}:
        asked = {o.quantity.split(".")[1] for o in single(scene, loss, "classification", frozenset((name,)))}
        assert name in asked
        assert "block_diagonal" not in asked or name in ("block_offdiagonal", "gradient_coefficient")


def test_psi_norms_are_bounded_from_below_by_moments() -> None:
    from empirics.experiments.fu2018.single import _moments

    values = torch.tensor([1.0, -3.0, 2.0, 0.0], dtype=torch.float64)
    sizes = [(sum(abs(v) ** p for v in values.tolist()) / 4) ** (1 / p) for p in (1, 2, 3, 4)]
    assert _moments(values, 1.0) == pytest.approx(max(s / p for p, s in enumerate(sizes, 1)))
    assert _moments(values, 0.5) == pytest.approx(max(s / math.sqrt(p) for p, s in enumerate(sizes, 1)))


def test_hermite_polynomials_and_dual_vectors() -> None:
    x = np.linspace(-2, 2, 7)
    for j, values in enumerate(hermite(torch.from_numpy(x))):
        assert np.allclose(values.numpy(), np.polynomial.hermite_e.hermeval(x, [0] * j + [1]))
    W = teacher(2, K=3, d=5).W[0]
    u, cosine = dual(W)
    size = W.norm(dim=1)
    assert torch.allclose(u @ W.T, torch.diag(cosine * size), atol=1e-12)
    assert torch.allclose(u.norm(dim=1), torch.ones(3).double())
    assert float(cosine.min()) > 0


def on_grid(weights: Any, way: str) -> tuple[Trial, Tensor]:
    """A grid in place of samples, with its weights; labels of classification by their means."""
    z = torch.linspace(-8.5, 8.5, 121, dtype=torch.float64)
    X = torch.cartesian_prod(z, z)
    weight = torch.exp(-X.square().sum(1) / 2)
    y = naive.fu2018(weights.tensors, X, weights.activation.phi)
    scene = around(SETTING, weights, 0)
    return Trial(scene, way, Empirical(X, y, weights.activation), ()), weight / weight.sum()


@pytest.mark.parametrize("activation", ["sigmoid", "(1 + tanh(z))/2", "1/(1 + exp(-z - 1))"])
def test_moments_of_labels_are_the_papers(activation: str) -> None:
    """The third activation has no symmetry: every moment differs from 0."""
    weights = teacher(4, K=2, d=2, activation=activation, condition=2.0)
    drawn, weight = on_grid(weights, "regression")
    for i in range(2):
        sigma = float(weights.W[0][i].norm())
        for (name, order), values in terms(drawn, i).items():
            letter = "q" if name in ("alpha_q", "beta_q") else "j"
            expected = bounds.quantity(f"fu2018.{name}").evaluate(sigma=sigma, activation=activation, **{letter: order})
            assert float((weight * values).sum()) == pytest.approx(float(expected), abs=1e-8), (name, order)


def test_intervals_of_moments_hold_the_truth_and_shrink() -> None:
    weights, widths = teacher(0, K=2, d=3, scale=2.0), []
    scene = around(SETTING, weights, 0)
    for n in (500, 8000):
        drawn = Trial(scene, "classification", scene.samples(n, "classification"), ())
        seen = list(label_moments(drawn, MOMENTS))
        assert {o.quantity.split(".")[1] for o in seen} == MOMENTS
        for o in seen:
            values = {k: v for k, v in o.values.items() if k in ("sigma", "activation", "q", "j")}
            truth = float(bounds.quantity(o.quantity).evaluate(**values))
            assert o.lower is not None
            assert o.upper is not None
            assert o.lower <= truth <= o.upper
        widths.append(np.mean([float(o.upper) - float(o.lower) for o in seen]))  # type: ignore[arg-type]
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.3)
