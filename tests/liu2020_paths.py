"""What the tests of liu2020's experiment share: tiny networks, their paths, and plain gradient descent by autograd."""

from __future__ import annotations

import naive
import torch

import empirics
from empirics.comparison import predict
from empirics.experiments.liu2020.control import changes, requirements
from empirics.experiments.liu2020.descent import conditioning, descent
from empirics.experiments.liu2020.path import descend, theory_rate
from empirics.experiments.liu2020.scene import Scene
from empirics.experiments.liu2020.setting import Setting
from empirics.verdict import judge

X = empirics.load("sphere", samples=4, d=5, seed=1).X
Y = torch.tensor([0.5, -0.25, 1.0, -1.0], dtype=torch.float64)
DATA = empirics.Dataset(X, Y, "part", "sphere")
CONSTANTS = {"c_0": 3.0, "s_0": 3.0, "C_x": float(X.abs().max())}


def build(m=12, seed=0, L=3, output=None, activation="tanh"):
    net = empirics.network("liu2020", L=L, m=m, d=5, seed=seed, output=output, activation=activation)
    return net.weights


def model(psi=lambda z: z):
    return lambda tensors, inputs: naive.liu2020_deep(tensors, inputs, torch.tanh, psi)


def scene_of(start, data=DATA, eta=None, observe=None, steps=30, points=2, constants=CONSTANTS, **options):
    setting = Setting(steps=steps, points=points, **options)
    rate = theory_rate(start, data) if eta is None else eta
    path = descend(start, data, rate, steps=steps, points=points, eps=setting.eps, observe=observe)
    return Scene(path, setting, constants)


def everything(scene):
    parts = (conditioning, descent, changes, requirements)
    return {o.quantity.split(".")[1]: o for part in parts for o in part(scene)}


def verdict(observation):
    return judge(observation, predict(observation.quantity, observation.values))


def naive_path(start, eta, steps):
    """theta_t by plain gradient descent on half the sum of squares."""
    theta, seen = naive.flat(start).requires_grad_(), []
    for _ in range(steps + 1):
        loss = naive.loss(start, theta, X, Y[:, None], "half_square", model())
        (grad,) = torch.autograd.grad(loss, theta)
        point = start.with_tensors(naive.parts(start, theta.detach()))
        K = naive.kernel(naive.jacobian(point, X, model()))
        seen.append((theta.detach(), loss.item(), grad, torch.linalg.eigvalsh(K)))
        theta = (theta.detach() - eta * grad).requires_grad_()
    return seen
