"""song2021, Theorems 1 and 2, by following flows and descents of small near-isometric maps."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bounds


def value(name, **at):
    return bounds.quantity(f"song2021.{name}").evaluate(**at)


class Line:
    """Phi(w) = mu w - beta w^2/2 and f = (alpha/2)(z - z*)^2: every inequality of the sharp route is an equality."""

    def __init__(self, mu, beta, alpha, h_0):
        self.mu, self.beta, self.alpha = mu, beta, alpha
        self.goal = math.sqrt(2 * h_0 / alpha)
        self.stop = (mu - math.sqrt(max(mu**2 - 2 * beta * self.goal, 0))) / beta


@pytest.mark.parametrize(("mu", "beta", "alpha"), [(1.0, 1.0, 1.0), (0.3, 2.0, 5.0), (4.0, 0.1, 0.2)])
def test_the_sharp_flow_condition_is_best_possible(mu, beta, alpha):
    sharp = value("flow_condition_sharp", alpha_f=alpha, mu_Phi=mu, beta_Phi=beta)
    rho = value("rho_Phi", mu_Phi=mu, beta_Phi=beta)
    assert Line(mu, beta, alpha, sharp).stop == pytest.approx(rho, rel=1e-12)
    assert Line(mu, beta, alpha, 0.999 * sharp).stop < rho < Line(mu, beta, alpha, 1.001 * sharp).stop
    # beyond mu^2/(2 beta) the target is out of reach altogether: no condition exceeds alpha mu^4/(8 beta^2)
    assert sharp < alpha * mu**4 / (8 * beta**2)


class Map:
    """Phi(w) = A w + (beta/2) (q_1(w), ..): each q_k a quadratic form, the whole beta-smooth; f = (a/2)|z - z*|^2.

    The last third of the loss's curvatures is larger than alpha, so that beta_f > alpha_f.
    """

    def __init__(self, seed, out=3, dim=6):
        rng = np.random.default_rng(seed)
        self.A = rng.standard_normal((out, dim)) @ np.diag(rng.uniform(0.3, 3.0, dim))
        forms = rng.standard_normal((out, dim, dim))
        forms = (forms + forms.transpose(0, 2, 1)) / 2
        # ||sum_k u_k B_k w|| <= sqrt(sum ||B_k||^2) |u||w|
        self.B = forms / math.sqrt(sum(np.linalg.norm(b, 2) ** 2 for b in forms)) * rng.uniform(0.2, 2.0)
        self.beta = math.sqrt(sum(np.linalg.norm(b, 2) ** 2 for b in self.B))
        sizes = np.linalg.svd(self.A, compute_uv=False)
        self.mu, self.nu = float(sizes[-1]), float(sizes[0])
        self.curves = np.linspace(0.7, 2.0, out)
        self.alpha, self.beta_f = float(self.curves[0]), float(self.curves[-1])
        self.direction = rng.standard_normal(out)

    def aim(self, h_0):
        """Put the goal at loss h_0 from w_0 = 0."""
        raw = float(self.curves @ self.direction**2 / 2)
        self.goal = self.direction * math.sqrt(h_0 / raw)

    def at(self, w):
        z = self.A @ w + np.einsum("kij,i,j->k", self.B, w, w) / 2
        jacobian = self.A + np.einsum("kij,i->kj", self.B, w)
        gradient_f = self.curves * (z - self.goal)
        return float(self.curves @ (z - self.goal) ** 2 / 2), jacobian.T @ gradient_f, gradient_f

    def known(self):
        return {"alpha_f": self.alpha, "mu_Phi": self.mu}


def descend(system, eta, steps):
    w, length, losses, reach = np.zeros(6), 0.0, [], 0.0
    for _ in range(steps):
        loss, gradient, _ = system.at(w)
        losses.append(loss)
        w, length = w - eta * gradient, length + eta * float(np.linalg.norm(gradient))
        reach = max(reach, float(np.linalg.norm(w)))
    return np.array(losses), length, reach


CONDITIONS = ("gd_condition", "gd_condition_direct", "gd_condition_sharp")


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("step", ["step_size", "step_size_explicit", "step_size_loss"])
def test_descent_converges_inside_the_ball(condition, step):
    for seed in range(12):
        system = Map(seed)
        nu = {"nu_Phi": system.nu}
        h_0 = value(condition, beta_Phi=system.beta, **system.known(), **(nu if condition == CONDITIONS[0] else {}))
        system.aim(h_0)
        at = {"beta_Phi": system.beta, "beta_f": system.beta_f, **nu}
        start = float(np.linalg.norm(system.at(np.zeros(6))[2]))
        eta = value(step, **at, **({"h_0": h_0} if step.endswith("loss") else {"grad_f_0": start, "mu_Phi": system.mu}))
        losses, length, reach = descend(system, eta, 300)
        assert losses[0] == pytest.approx(h_0, rel=1e-12)
        rate = value("contraction", eta=eta, **system.known())
        assert np.all(losses[1:] <= rate * losses[:-1] * (1 + 1e-9) + 1e-25)
        assert reach <= length
        assert reach <= value("rho_Phi", mu_Phi=system.mu, beta_Phi=system.beta)
        for name in ("gd_length_direct", "gd_length"):
            bound = value(name, h_0=h_0, **system.known(), **(nu if name == "gd_length" else {}))
            assert length <= bound * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_gradient_bounds_and_singular_values_in_the_ball(seed):
    system, rng = Map(seed), np.random.default_rng(seed)
    system.aim(1.0)
    rho = value("rho_Phi", mu_Phi=system.mu, beta_Phi=system.beta)
    start = float(np.linalg.norm(system.at(np.zeros(6))[2]))
    at = {"beta_f": system.beta_f, "mu_Phi": system.mu, "nu_Phi": system.nu, "beta_Phi": system.beta}
    ball = value("grad_f_ball", grad_f_0=start, **at)
    for _ in range(50):
        w = rng.standard_normal(6)
        w *= rho * rng.uniform() / np.linalg.norm(w)
        loss, _, gradient = system.at(w)
        assert np.linalg.norm(gradient) <= ball
        assert np.linalg.norm(gradient) <= value("grad_f_upper", beta_f=system.beta_f, h_0=loss) * (1 + 1e-12)
        sizes = np.linalg.svd(system.A + np.einsum("kij,i->kj", system.B, w), compute_uv=False)
        assert sizes[-1] >= value("sigma_min_ball", mu_Phi=system.mu)
        assert sizes[0] <= value("sigma_max_ball", nu_Phi=system.nu)


@pytest.mark.parametrize("condition", ["flow_condition", "flow_condition_direct", "flow_condition_sharp"])
def test_flow_converges_inside_the_ball(condition):
    for seed in range(4):
        system = Map(seed)
        nu = {"nu_Phi": system.nu}
        extra = nu if condition == "flow_condition" else {}
        h_0 = value(condition, beta_Phi=system.beta, **system.known(), **extra)
        system.aim(h_0)
        dt = 0.02 / (system.beta_f * (1.5 * system.nu) ** 2)
        losses, length, reach = descend(system, dt, 4000)  # Euler's method at a fiftieth of the stable step
        rate = value("flow_rate", **system.known())
        times = dt * np.arange(4000)
        assert np.all(losses <= h_0 * rate**times * (1 + 1e-3))
        assert reach <= value("rho_Phi", mu_Phi=system.mu, beta_Phi=system.beta)
        assert length <= value("flow_length_direct", h_0=h_0, **system.known()) * 1.001
        assert length <= value("flow_length", h_0=h_0, **system.known(), **nu) * 1.001


def test_iterations_suffice():
    system = Map(3)
    h_0 = value("gd_condition_direct", beta_Phi=system.beta, **system.known())
    system.aim(h_0)
    eta = value("step_size_loss", beta_Phi=system.beta, beta_f=system.beta_f, h_0=h_0, nu_Phi=system.nu)
    steps = value("iterations", h_0=h_0, eps=h_0 / 1000, eta=eta, **system.known())
    assert descend(system, eta, int(steps) + 1)[0][-1] <= h_0 / 1000
