"""Eqs 12 and 13 against autograd, the population's against autograd of a loss on a grid, searches by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import integrate
from torch import Tensor

from empirics.activations import torch_activation
from empirics.experiments.fu2018 import hessians
from empirics.experiments.fu2018.data import draw, teacher
from empirics.experiments.fu2018.hessians import Empirical, ends, steepest
from empirics.experiments.fu2018.population import Population, population
from empirics.experiments.fu2018.search import nearest, remembered, sphere, vertex, worst
from tests import naive

SCALED = "(1 + tanh(z))/2"


def moved(seed: int, K: int, d: int, activation: str) -> tuple[Any, Tensor]:
    weights = teacher(seed, K=K, d=d, activation=activation)
    noise = torch.randn((K, d), generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return weights, weights.W[0] + 0.5 * noise


@pytest.mark.parametrize("activation", ["sigmoid", SCALED])
@pytest.mark.parametrize("way", ["classification", "regression"])
@pytest.mark.parametrize(("K", "d"), [(1, 3), (3, 4)])
def test_empirical_derivatives_are_those_of_the_loss(
    activation: str, way: str, K: int, d: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, W = moved(1, K, d, activation)
    X, y = draw(weights, 11, 0, way)
    monkeypatch.setattr(hessians, "ENTRIES", 4 * K * d)  # blocks of 4, 4 and 3 samples
    loss = Empirical(X, y, weights.activation)

    def naively(theta: Tensor) -> Tensor:
        f = naive.fu2018([theta.view(K, d)], X, weights.activation.phi)
        return naive.LOSSES["half_mean_square"](f, y)

    theta = W.flatten().requires_grad_(True)
    (gradient,) = torch.autograd.grad(naively(theta), theta)
    assert torch.allclose(loss.gradient(W).flatten(), gradient, atol=1e-15)
    expected = torch.autograd.functional.hessian(naively, W.flatten())
    assert torch.allclose(loss.hessian(W), expected, atol=1e-15)
    assert loss.value(W) == pytest.approx(float(naively(W.flatten())), abs=1e-15)
    v = torch.linspace(-1, 2, K * d, dtype=torch.float64)
    assert float(loss.form(W, v)) == pytest.approx(float(v @ expected @ v), abs=1e-13)


def test_direction_of_the_steepest_change_of_an_eigenvalue() -> None:
    weights, W = moved(2, 2, 3, "sigmoid")
    loss = Empirical(*draw(weights, 40, 0), weights.activation)
    v = torch.linalg.eigh(loss.hessian(W))[1][:, 0]
    gradient, step = steepest(loss.form, W, v), 1e-5
    for i, j in ((0, 1), (1, 2)):
        E = torch.zeros_like(W)
        E[i, j] = step
        slope = (ends(loss.hessian(W + E))[0] - ends(loss.hessian(W - E))[0]) / (2 * step)
        assert float(gradient[i, j]) == pytest.approx(slope, rel=1e-5)


def on_grid(truth: Tensor, activation: str) -> Any:
    """theta -> the population's loss for d = 2, integrated on a fine grid of x."""
    phi, z = torch_activation(activation).phi, torch.linspace(-8.5, 8.5, 181, dtype=torch.float64)
    x = torch.cartesian_prod(z, z)
    weight = torch.exp(-x.square().sum(1) / 2)
    weight = weight / weight.sum()
    planted = naive.fu2018([truth], x, phi)[:, 0]

    def loss(theta: Tensor) -> Tensor:
        f = naive.fu2018([theta.view_as(truth)], x, phi)[:, 0]
        return (weight * (f - planted).square()).sum() / 2

    return loss


@pytest.mark.parametrize("activation", ["sigmoid", SCALED])
@pytest.mark.parametrize("where", ["truth", "near", "parallel"])
def test_population_derivatives_are_those_of_the_integrated_loss(activation: str, where: str) -> None:
    truth = torch.tensor([[1.0, 0.5], [-0.4, 0.8]], dtype=torch.float64)
    moved_to = {
        "truth": truth,
        "near": truth + torch.tensor([[0.2, -0.3], [0.1, 0.4]]).double(),
        "parallel": torch.stack([truth[1], -2 * truth[1]]),  # rows parallel to each other and to one of W*
    }
    W, loss = moved_to[where].clone(), population(truth, torch_activation(activation))
    grid = on_grid(truth, activation)
    theta = W.flatten().requires_grad_(True)
    (gradient,) = torch.autograd.grad(grid(theta), theta)
    assert torch.allclose(loss.gradient(W).flatten(), gradient, atol=1e-11)
    off = float((loss.hessian(W) - torch.autograd.functional.hessian(grid, W.flatten())).norm())
    assert off < (1e-7 if where == "parallel" else 1e-10)  # the rule is fitted to W*, and this W is twice as large
    assert off < loss.error(W) + 1e-12 < 1e-3


def test_population_in_many_dimensions_is_what_samples_tend_to() -> None:
    weights, W = moved(3, 3, 6, "sigmoid")
    loss, count = population(weights.W[0], weights.activation), 40
    draws = [Empirical(*draw(weights, 1000, s), weights.activation) for s in range(count)]  # noisy labels
    for name in ("gradient", "hessian"):
        seen = torch.stack([getattr(e, name)(W) for e in draws])
        off = (seen.mean(0) - getattr(loss, name)(W)) / (seen.std(0) / math.sqrt(count))
        assert float(off.abs().max()) < 6  # standard errors, Student with 39 degrees of freedom
        assert float(off.square().mean()) == pytest.approx(1, abs=0.6)  # a bias would add to the variance


def test_single_neuron_has_the_moments_as_eigenvalues() -> None:
    w = torch.tensor([[0.0, 1.5, 0.0]], dtype=torch.float64)

    def beta(q: int) -> float:
        def integrand(z: float) -> float:
            s = 1 / (1 + math.exp(-1.5 * z))
            return (s * (1 - s)) ** 2 * z**q * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

        return float(integrate.quad(integrand, -12, 12, epsabs=1e-14)[0])

    H = population(w, torch_activation("sigmoid")).hessian(w)
    expected = torch.diag(torch.tensor([beta(0), beta(2), beta(0)], dtype=torch.float64))
    assert torch.allclose(H, expected, atol=1e-12)


def test_error_tells_a_rule_that_is_too_coarse() -> None:
    truth = torch.tensor([[5.0, 0.0]], dtype=torch.float64)
    coarse, fine = (Population(truth, torch_activation(SCALED), n) for n in (16, 160))
    off = float((coarse.hessian(truth) - fine.hessian(truth)).norm())
    assert off > 1e-2
    assert coarse.error(truth) > off / 10
    assert fine.error(truth) < 1e-3


def test_worst_point_of_a_linear_family() -> None:
    A = torch.tensor([[3.0, 0.0], [0.0, 4.0]], dtype=torch.float64)
    B = torch.diag(torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64))

    def hessian(W: Tensor) -> Tensor:
        return (A * W).sum() * B + torch.eye(4, dtype=torch.float64)

    def form(W: Tensor, v: Tensor) -> Tensor:
        return v @ hessian(W) @ v

    centre = torch.zeros(2, 2, dtype=torch.float64)
    start = [vertex(centre, 0.1, A)]
    low = worst(centre, 0.1, hessian, form, "least", start)
    assert low.value == pytest.approx(1 - 2 * 0.5)  # <A, W> = R ||A||_F at best
    assert torch.allclose(low.W, 0.1 * A / 5)
    assert worst(centre, 0.1, hessian, form, "greatest", [-s for s in start]).value == pytest.approx(2.0)
    flat = worst(centre, 0.2, lambda W: hessian(W) - torch.eye(4).double(), form, "size", start)
    assert flat.value == pytest.approx(2.0)


def test_nearest_point_without_convexity_by_hand() -> None:
    a = torch.tensor([[0.6, 0.8]], dtype=torch.float64)

    def hessian(W: Tensor) -> Tensor:  # least eigenvalue 1 - (a.w), so that 0 is met at distance 1 at the nearest
        return torch.diag(torch.stack([1 - (a * W).sum(), torch.tensor(3.0, dtype=torch.float64)]))

    def form(W: Tensor, v: Tensor) -> Tensor:
        return v @ hessian(W) @ v

    centre = torch.zeros(1, 2, dtype=torch.float64)
    for first in (1e-3, 5.0):  # from below, and from a ball that is too large
        found = nearest(centre + 1e-9, first, 0.0, hessian, form, most=1e12)
        assert found is not None
        assert 1.0 <= found.value + 1e-8 < 1.08
        assert ends(hessian(found.W))[0] <= 0
    assert nearest(centre + 1, 1e-3, -1e9, hessian, form) is None


def test_random_points_lie_on_the_sphere_and_hessians_are_remembered() -> None:
    centre, calls = torch.ones(2, 3, dtype=torch.float64), []
    points = sphere(centre, 0.3, 4, torch.Generator().manual_seed(0))
    assert [float((p - centre).norm()) for p in points] == pytest.approx([0.3] * 4)
    assert torch.equal(vertex(centre, 0.3, torch.zeros_like(centre)), centre)

    def counted(W: Tensor) -> Tensor:
        calls.append(W)
        return W @ W.T

    same = remembered(counted)
    assert torch.equal(same(centre), same(centre))
    assert len(calls) == 1
    same(points[0])
    assert len(calls) == 2
