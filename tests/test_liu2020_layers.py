"""liu2020's lemmas layer by layer against autograd, and Theorem 7.1 on tiny networks."""

from __future__ import annotations

import itertools
from dataclasses import replace

import naive
import pytest
import torch

import empirics
from empirics.experiments.liu2020 import hessian
from empirics.experiments.liu2020.constants import constants
from empirics.experiments.liu2020.hessian import HESSIANS, worst
from empirics.experiments.liu2020.layers import RUNGS, in_ball, initial
from empirics.experiments.liu2020.setting import Setting
from empirics.networks import network
from empirics.verdict import VIOLATED

X = empirics.load("sphere", samples=3, d=4).X
SETTING = Setting(L=3, restarts=1, restart_steps=3, init_seeds=6)
FRAME = {"seed": 0, "step": 5, "width": 6}


@pytest.fixture(scope="module")
def points():
    start = network("liu2020", "deep", L=3, m=6, d=4, seed=0).weights
    generator = torch.Generator().manual_seed(1)
    moved = start.with_tensors(
        t + 0.1 * torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in start.tensors
    )
    return start, moved


def seen(points, names, R=50.0, c_0=20.0):
    start, moved = points
    rest = (moved, start, X, replace(SETTING, c_0=c_0), constants(start, X), R, names, FRAME)
    found = [*in_ball(*rest), *hessian.in_ball(*rest)]
    return {(o.quantity.split(".")[1], o.label): o for o in found}


def hidden(tensors, x):
    """alphatilde^(1), alpha^(1), alphatilde^(2), alpha^(2) and f of one sample, as eq 28 writes them."""
    W1, W2, a = tensors
    z1 = W1 @ x / 4**0.5
    h1 = torch.tanh(z1)
    z2 = W2 @ h1 / 6**0.5
    h2 = torch.tanh(z2)
    return z1, h1, z2, h2, a[:, 0] @ h2 / 6**0.5


def test_every_rung_is_what_autograd_says(points):
    start, moved = points
    found = seen(points, RUNGS)
    rows = {name: [] for name in ("a1", "b1", "b1max", "move1", "z2", "g1", "grad")}
    for x in X:
        leaves = [t.clone().requires_grad_() for t in moved.tensors]
        _, h1, z2, _, f = hidden(leaves, x)
        (b1,) = torch.autograd.grad(f, h1, retain_graph=True)
        grads = torch.autograd.grad(f, leaves)
        first = [t.clone().requires_grad_() for t in start.tensors]
        _, k1, y2, _, f_0 = hidden(first, x)
        (b1_0,) = torch.autograd.grad(f_0, k1)
        rows["a1"].append(h1.norm())
        rows["b1"].append(b1.norm())
        rows["b1max"].append(b1.abs().max())
        rows["move1"].append((b1 - b1_0).norm())
        rows["z2"].append((z2 - y2).norm())
        rows["g1"].append(grads[0].norm())
        rows["grad"].append(torch.cat([g.flatten() for g in grads]).norm())
    expected = {
        ("activation_norm", "l=1"): "a1",
        ("backward_norm", "l=1"): "b1",
        ("backward_max", "l=1"): "b1max",
        ("backward_move", "l=1"): "move1",
        ("preactivation_change", "l=2"): "z2",
        ("layer_gradient", "l=1"): "g1",
        ("L_f", ""): "grad",
        ("L_f_tight", ""): "grad",
    }
    for key, name in expected.items():
        assert found[key].measured == pytest.approx(float(max(rows[name]).detach())), key
    assert found["C_b", "l=1"].measured == pytest.approx(6**0.5 * float(max(rows["b1max"]).detach()))
    assert found["weight_norm", "l=2"].measured == pytest.approx(float(torch.linalg.matrix_norm(moved.W[1], 2)))
    assert found["weight_norm", "l=3"].measured == pytest.approx(float(moved.V.norm()))
    assert {name for name, _ in found} == RUNGS


def test_the_hessian_and_its_blocks(points):
    _, moved = points
    found = seen(points, HESSIANS)
    dense = [naive.output_hessian(moved, x) for x in X]
    whole = max(float(torch.linalg.matrix_norm(h, 2)) for h in dense)
    edges = torch.tensor([0, *[t.numel() for t in moved.tensors]]).cumsum(0).tolist()
    cut = [slice(i, j) for i, j in itertools.pairwise(edges)]
    blocks = [max(float(torch.linalg.matrix_norm(h[i, j], 2)) for h in dense) for i in cut for j in cut]
    assert found["hessian_norm", ""].measured == pytest.approx(whole, rel=1e-3)
    assert found["hessian_norm", ""].upper >= whole
    (block,) = (o for (name, _), o in found.items() if name == "hessian_block")
    assert block.measured == pytest.approx(max(blocks), rel=1e-3)
    # no block of any pair of layers is larger than the upper end
    (c_prime,) = (o for (name, _), o in found.items() if name == "C_prime")
    assert c_prime.upper >= 6**0.5 * whole


def test_outside_the_ball_and_above_c_0_nothing_is_claimed(points):
    for options, text in (({"R": 1e-3}, "left the ball"), ({"c_0": 0.5}, "Assumption 7.1 fails")):
        assert all(any(text in r for r in o.reasons) for o in seen(points, RUNGS, **options).values())


def test_initialisations_are_fresh_and_rows_are_judged():
    found = list(initial(SETTING, X, 16, frozenset(("c_0", "init_output"))))
    outputs = [o for o in found if o.quantity.endswith("init_output")]
    assert [o.seed for o in outputs] == list(range(6))
    net = network("liu2020", "deep", L=3, m=16, d=4, seed=2)
    assert outputs[2].measured == pytest.approx(abs(float(net(X[:1]).detach())))
    assert sum(o.quantity.endswith("c_0") for o in found) == 6 * 3
    rows, _ = empirics.comparison.gather(found)
    assert not any(r.verdict == VIOLATED for r in rows)


def test_a_search_of_the_ball_finds_at_least_the_centre(points):
    start, _ = points
    found = {o.quantity: o for o in worst(start, X, SETTING, constants(start, X), 0.5, RUNGS | HESSIANS, {"seed": 0})}
    centre = float(torch.as_tensor(empirics.hessian_norms(start, X).value).max())
    assert found["liu2020.hessian_norm"].measured >= centre * (1 - 1e-6)
    assert found["liu2020.hessian_norm"].upper is None  # from below
