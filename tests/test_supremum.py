"""`supremum` against suprema that linear algebra knows, and against theorems."""

import math

import naive
import pytest
import torch
from scipy.optimize import brentq

import bounds
from empirics import network
from empirics.balls import EuclideanBall, FrobeniusBall, SpectralBall, SumFrobeniusBall
from empirics.measure.supremum import supremum

BALLS = (SpectralBall(0.7, 1.3), FrobeniusBall((0.5, 0.8, 2.0)), EuclideanBall(1.1), SumFrobeniusBall(1.5))
every_ball = pytest.mark.parametrize("ball", BALLS, ids=str)
ANY = torch.zeros(1, 3, dtype=torch.float64)  # inputs of a quantity that does not look at them


def points(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sphere(n, d, seed=0):
    """Inputs of norm sqrt(d), as the theorems assume."""
    X = points(n, d, seed=seed)
    return X * (d**0.5 / X.norm(dim=1, keepdim=True))


def tiny(seed=0, **options):
    return network(**({"L": 2, "m": 4, "d": 3, "seed": seed} | options))


def minus(left, right):
    return [a - b for a, b in zip(left, right, strict=True)]


def inner(left, right):
    """Inner products by network and tensor, (S, T)."""
    return torch.stack([(a * b).flatten(1).sum(1) for a, b in zip(left, right, strict=True)], 1)


# quantities whose supremum linear algebra knows


@every_ball
def test_a_linear_form_reaches_the_dual_norm(ball):
    net = tiny()
    g = [points(*t.shape, seed=9 + i) for i, t in enumerate(net.weights.tensors)]
    found = supremum(net, lambda w, x: inner(w.tensors, [s[None] for s in g]).sum(1), ANY, ball)
    norms = torch.stack([torch.linalg.matrix_norm(s) for s in g])
    gain = {
        SpectralBall: sum(0.7 * torch.linalg.matrix_norm(s, "nuc") for s in g[:-1]) + 1.3 * norms[2],
        FrobeniusBall: 0.5 * norms[0] + 0.8 * norms[1] + 2 * norms[2],
        EuclideanBall: 1.1 * norms.norm(),
        SumFrobeniusBall: 1.5 * norms.max(),
    }[type(ball)]
    start = sum(float((t * s).sum()) for t, s in zip(net.weights.tensors, g, strict=True))
    assert found.details["start"] == pytest.approx(start, rel=1e-12)
    assert found.value == pytest.approx(start + float(gain), rel=1e-9)
    assert found.details["spread"] < 1e-9


@every_ball
def test_weighted_squares_reach_the_heaviest_corner(ball):
    net, a = tiny(), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)

    def weighted(w, x):
        u = minus(w.tensors, net.initial.tensors)
        return inner(u, u) @ a

    found = supremum(net, weighted, ANY, ball, steps=300, tol=1e-9)
    best = {
        SpectralBall: 0.49 * (3 + 2 * 4) + 1.69 * 3,  # rho^2 for every singular value
        FrobeniusBall: 0.25 + 0.64 * 2 + 4 * 3,
        EuclideanBall: 1.21 * 3,
        SumFrobeniusBall: 2.25 * 3,
    }[type(ball)]
    assert found.value <= best * (1 + 1e-10)
    assert found.value == pytest.approx(best, rel=1e-6)


@every_ball
@pytest.mark.parametrize("away", [1.0, 0.03])
def test_the_nearest_point_to_a_target_is_its_projection(ball, away):
    net = tiny()
    centre = net.initial.tensors
    target = [t + away * points(*t.shape, seed=20 + i) for i, t in enumerate(centre)]

    def closeness(w, x):
        u = minus(w.tensors, target)
        return -inner(u, u).sum(1)

    found = supremum(net, closeness, ANY, ball, steps=400, tol=0.0, restarts=4)
    nearest = ball.project([t[None] for t in target], centre)
    best = float(closeness(net.weights.with_tensors(nearest), ANY))
    assert (best < -1) == (away == 1.0)
    assert found.value == pytest.approx(best, rel=1e-7, abs=1e-12)


def trust_region(Q, b, radius):
    """The largest u^T Q u/2 + b^T u over |u| <= radius, Q semidefinite: u = (mu - Q)^-1 b where |u| = radius."""
    values, vectors = torch.linalg.eigh(Q)
    beta, top = vectors.T @ b, float(values[-1])
    length = lambda mu: float((beta / (mu - values)).norm()) - radius  # noqa: E731
    mu = brentq(length, top * (1 + 1e-12) + 1e-15, top + 2 * float(b.norm()) / radius, xtol=1e-15)
    u = vectors @ (beta / (mu - values))
    return float(u @ Q @ u / 2 + b @ u)


@pytest.mark.parametrize("seed", range(3))
def test_a_quadratic_form_reaches_the_secular_equation(seed):
    net = tiny(seed)
    theta = naive.flat(net.weights)
    A, b = points(theta.numel(), theta.numel(), seed=seed), points(theta.numel(), seed=seed + 5)
    Q = A @ A.T / theta.numel()

    def form(w, x):
        u = torch.cat([t.flatten(1) for t in w.tensors], 1) - theta
        return ((u @ Q) * u).sum(1) / 2 + u @ b

    found = supremum(net, form, ANY, EuclideanBall(0.9), steps=300, tol=1e-10)
    assert found.value == pytest.approx(trust_region(Q, b, 0.9), rel=1e-7)


# the theorems


def evaluate(key, net, rho, **more):
    w = net.weights
    known = {"L": w.L, "m": w.m, "d": w.d, "sigma_1": net.sigma_1, "rho": rho, "rho_1": 1.0, "activation": "tanh"}
    return bounds.quantity(f"banerjee2023.{key}").evaluate(**(known | more))


def readout_supremum(net, x):
    """max ||A v||/sqrt(m) over ||v - v_0|| <= 1, A = (d alpha^(L)/dx)^T: only the readout moves."""

    def hidden(x):
        for w in net.weights.W:
            x = net.weights.activation.phi(w @ x / w.shape[1] ** 0.5)
        return x

    A, v = torch.autograd.functional.jacobian(hidden, x).T / net.weights.m**0.5, net.weights.V[:, 0]
    Q = A.T @ A
    return math.sqrt(2 * trust_region(Q, Q @ v, 1.0) + float(v @ Q @ v))


def test_the_counterexample_to_the_printed_input_gradient_is_found():
    net, X = network(L=2, m=512, d=2), sphere(2, 2)  # erratum B1; the readout suffices
    found = supremum(net, "input_grad_norm", X, SpectralBall(0.0, 1.0), restarts=3, steps=40, tol=1e-8)
    assert found.value == pytest.approx(max(readout_supremum(net, x) for x in X), rel=1e-6)
    assert found.value > 1.5 * evaluate("input_grad_norm_printed", net, 0.0)
    assert found.value <= evaluate("input_grad_norm", net, 0.0)
    assert all(torch.equal(a, b) for a, b in zip(found.details["at"].W, net.initial.W, strict=True))


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("param_grad_norm", {}),
        ("input_grad_norm", {}),
        ("loss", {"mean_y_sq": 1.0}),
        ("loss_grad_norm", {"mean_y_sq": 1.0}),
        ("hessian_norm", {}),
    ],
)
@pytest.mark.parametrize("m", [4, 40])
def test_true_bounds_are_never_exceeded(key, more, m):
    rho = 0.5
    net, X, y = network(L=2, m=m, d=3, seed=1), sphere(4, 3), torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert all(torch.linalg.matrix_norm(w, 2) <= m**0.5 for w in net.weights.W)  # the event of the theorem
    found = supremum(net, key, X, SpectralBall(rho, 1.0), y=y, restarts=6, steps=40)
    bound = evaluate({"loss": "loss_ball"}.get(key, key), net, rho, **more)
    assert found.details["start"] < found.value <= bound
