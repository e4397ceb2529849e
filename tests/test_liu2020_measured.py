"""liu2020's Hessian blocks, Lemma F.7's responses and the printed recursion, against autograd on tiny networks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import naive
import pytest
import torch

import empirics
from empirics.comparison import predict
from empirics.experiments.liu2020 import responses as rungs
from empirics.experiments.liu2020.constants import constants
from empirics.experiments.liu2020.hessian import BLOCKS, block_norms, in_ball, worst
from empirics.experiments.liu2020.responses import OTHERS, RESPONSES, responses
from empirics.experiments.liu2020.setting import Setting
from empirics.networks import network
from empirics.verdict import CONSISTENT, HOLDS, NOT_APPLICABLE, VIOLATED, judge

X = empirics.load("sphere", samples=3, d=4).X
SETTING = Setting(L=4, restarts=2, restart_steps=3, c_0=20.0)
FRAME = {"seed": 0, "step": 5, "width": 5}
MODEL = partial(naive.liu2020_deep, sigma=torch.tanh, psi=lambda z: z)


def pair(L=4, m=5, activation="tanh"):
    start = network("liu2020", "deep", L=L, m=m, d=4, seed=0, activation=activation).weights
    noise = torch.Generator().manual_seed(1)
    return start, start.with_tensors(
        t + 0.1 * torch.randn(t.shape, generator=noise, dtype=t.dtype) for t in start.tensors
    )


def name(o):
    return o.quantity.split(".")[1]


def verdict(o):
    return judge(o, predict(o.quantity, o.values)).verdict


def dense_blocks(weights):
    """Spectral norms of the L x L blocks, the largest over the samples."""
    edges = torch.tensor([0, *[t.numel() for t in weights.tensors]]).cumsum(0).tolist()
    cut = [slice(a, b) for a, b in pairwise(edges)]
    dense = [naive.output_hessian(weights, x, model=MODEL) for x in X]
    return torch.tensor([[max(float(torch.linalg.matrix_norm(h[i, j], 2)) for h in dense) for j in cut] for i in cut])


@pytest.mark.parametrize("L", [2, 4])
def test_every_block_of_the_hessian(L):
    _, point = pair(L)
    found = block_norms(point, X, tol=1e-7)
    torch.testing.assert_close(found, dense_blocks(point).double(), rtol=1e-5, atol=1e-7)
    assert found[-1, -1] == 0


def test_blocks_do_not_depend_on_chunks(monkeypatch):
    _, point = pair()
    whole = block_norms(point, X, tol=1e-7)
    monkeypatch.setattr("empirics.experiments.liu2020.hessian._MOST", 1)
    torch.testing.assert_close(block_norms(point, X, tol=1e-7), whole, rtol=1e-6, atol=1e-12)


def test_the_largest_block_is_judged_between_its_ends():
    start, point = pair()
    found = {name(o): o for o in in_ball(point, start, X, SETTING, constants(start, X), 50.0, BLOCKS, FRAME)}
    dense, root = dense_blocks(point), 5**0.5
    assert set(found) == BLOCKS
    assert found["hessian_block"].measured == pytest.approx(float(dense.max()), rel=1e-3)
    for each in ("C_prime", "C_prime_printed"):
        assert found[each].measured == pytest.approx(root * found["hessian_block"].measured)
    first, second = sorted(divmod(int(dense.argmax()), len(dense)))
    assert found["hessian_block"].label == f"block ({first + 1}, {second + 1})"
    assert first != second  # what a look at the diagonal misses
    whole = max(float(torch.linalg.matrix_norm(naive.output_hessian(point, x, model=MODEL), 2)) for x in X)
    assert found["hessian_block"].upper >= whole
    assert {verdict(o) for o in found.values()} == {HOLDS}


def test_c_prime_as_printed_is_refuted_where_l_sigma_is_small():
    # erratum L5: sigma = e^2 sin(z/e) has L_sigma = e and beta_sigma = 1, and eq 83 has one power of L_sigma too many
    e, width = 0.03, 150
    start = network("liu2020", "deep", L=2, m=width, d=3, seed=0, activation=f"{e}**2*sin(z/{e})").weights
    x = torch.tensor([[1.0, -0.8, 0.9]], dtype=torch.float64)
    known = constants(start, x)
    setting = replace(SETTING, L=2, c_0=known["c_0"], activation=f"{e}**2*sin(z/{e})")
    found = {name(o): o for o in in_ball(start, start, x, setting, known, 0.0, BLOCKS, {**FRAME, "width": width})}
    assert verdict(found["C_prime_printed"]) == VIOLATED
    assert verdict(found["C_prime"]) in (HOLDS, CONSISTENT)
    (cell,) = (o for o in found.values() if name(o) == "C_prime_printed")
    # H^(1,1) is block-diagonal over the neurons: |a_i sigma''(z_i)| |x|^2/(d sqrt(m))
    z = start.W[0] @ x[0] / 3**0.5
    diagonal = (start.V[:, 0] * torch.sin(z / e)).abs().max() * x[0].square().sum() / 3
    assert cell.measured >= float(diagonal) * (1 - 1e-3)


def test_a_search_of_the_ball_finds_blocks_at_least_as_large_as_some_point_s():
    start, _ = pair()
    seen = worst(start, X, SETTING, constants(start, X), 0.5, BLOCKS, {"seed": 0, "width": 5})
    found = {name(o): o for o in seen}
    assert set(found) == BLOCKS
    assert found["hessian_block"].upper is None
    assert "worst of 2 searches" in found["hessian_block"].label
    # its Hessian is no smaller than that of w_0, and L blocks a row are no smaller than the whole
    centre = max(float(torch.linalg.matrix_norm(naive.output_hessian(start, x, model=MODEL), 2)) for x in X)
    assert 4 * found["hessian_block"].measured >= centre * (1 - 1e-3)
    assert {verdict(o) for o in found.values()} == {CONSISTENT}


def layers(tensors, x, last):
    """alphatilde^(l) for l = 1..L, or alpha^(l) for l = 1..L-1, as eq 28 writes them."""
    *W, V = tensors
    alpha, found = x, []
    for w in [*W, V.T]:
        before = w @ alpha / alpha.numel() ** 0.5
        alpha = torch.tanh(before)
        found.append(alpha if last else before)
    return found[:-1] if last else found


@pytest.mark.parametrize("outputs", [False, True])
def test_responses_are_the_norms_of_jacobians(outputs):
    _, point = pair()
    found = responses(point, X, outputs=outputs, tol=1e-9)
    assert len(found) == (3 if outputs else 4)
    for to, reached in enumerate(found):
        norms = []
        for l in range(to + 1):

            def moved(w, x, l=l, to=to):
                tensors = [w if k == l else t for k, t in enumerate(point.tensors)]
                return layers(tensors, x, outputs)[to]

            each = [torch.autograd.functional.jacobian(partial(moved, x=x), point.tensors[l]) for x in X]
            norms.append(max(float(torch.linalg.matrix_norm(J.flatten(1), 2)) for J in each))
        assert reached.value == pytest.approx(max(norms), rel=1e-7)
        assert reached.layer == norms.index(max(norms)) + 1
        assert reached.upper >= max(norms) * (1 - 1e-12)
    assert found[0].upper == found[0].value  # one layer: exact
    if not outputs:
        assert found[-1].upper == pytest.approx(found[-1].value)  # f: the gradient's norm


def test_responses_hold_and_carry_their_layer():
    start, point = pair()
    names = RESPONSES | OTHERS
    found = list(rungs.in_ball(point, start, X, SETTING, constants(start, X), 50.0, names, FRAME))
    assert {name(o) for o in found} == names
    counts = {each: [o.values["l"] for o in found if name(o) == each] for each in names}
    assert counts == {each: [1, 2, 3] for each in names} | {"response": [1, 2, 3, 4]}
    assert {verdict(o) for o in found if name(o) in RESPONSES} <= {HOLDS, CONSISTENT}
    only = rungs.in_ball(point, start, X, SETTING, constants(start, X), 50.0, frozenset({"C_b_printed"}), FRAME)
    assert {name(o) for o in only} == {"C_b_printed"}


def test_the_printed_rungs_and_the_shifted_one():
    start, point = pair()
    found = {
        (name(o), o.values["l"]): o
        for o in rungs.in_ball(point, start, X, SETTING, constants(start, X), 50.0, OTHERS, FRAME)
    }
    for l in (1, 2, 3):
        now, then, sizes = [], [], []
        for x in X:
            for weights, to in ((point, now), (start, then)):
                hidden = layers(weights.tensors, x, True)
                alpha = hidden[l - 1].clone().requires_grad_()
                rest = alpha
                for w in weights.W[l:]:
                    rest = torch.tanh(w @ rest / 5**0.5)
                f = weights.V[:, 0] @ rest / 5**0.5
                to.append(torch.autograd.grad(f, alpha)[0])
                if weights is point:
                    sizes.append(float(hidden[l - 1].norm()))
        assert found["activation_norm_shifted", l].measured == pytest.approx(max(sizes))
        largest = max(float(b.abs().max()) for b in now)
        change = max(float((b - b_0).norm()) for b, b_0 in zip(now, then, strict=True))
        assert found["C_b_printed", l].measured == pytest.approx(5**0.5 * largest)
        assert found["C_b_change_printed", l].measured == pytest.approx(5**0.5 * change)


def test_a_linear_network_refutes_the_printed_change():
    # erratum L2: sigma(z) = z, L = 3, aligned rank-one changes of the last two layers by R/2 each, R = 20 sqrt(m)
    m, R = 50, 20 * 50**0.5
    start = network("liu2020", "deep", L=3, m=m, d=5, seed=0, activation="identity").weights
    x = torch.ones(1, 5, dtype=torch.float64)
    known = constants(start, x)
    a = start.V / start.V.norm()
    u = (start.W[1].mT @ a) / (start.W[1].mT @ a).norm()
    W2, V = start.W[1] + R / 2 * a @ u.mT, start.V + R / 2 * a
    point = start.with_tensors([start.W[0], W2, V])
    setting = replace(SETTING, L=3, c_0=known["c_0"], activation="identity")
    known = known | {"s_0": 1.0}  # beta_sigma = 0: it does not enter the change
    (found, *_) = rungs.in_ball(point, start, x, setting, known, R, frozenset({"C_b_change_printed"}), FRAME)
    assert found.reasons == ()
    assert verdict(found) == VIOLATED
    # as proved, with R/sqrt(m) in (102), it stands
    assert verdict(replace(found, quantity="liu2020.C_b_change", values={**found.values, "m": m})) == HOLDS


def test_the_shifted_rung_is_the_one_that_a_sigmoid_needs():
    start, _ = pair(3, 40, "sigmoid")
    small = 0.01 * torch.ones(1, 4, dtype=torch.float64)
    setting, known = replace(SETTING, L=3, activation="sigmoid"), constants(start, small)
    found = {
        (name(o), o.values["l"]): o
        for o in rungs.in_ball(start, start, small, setting, known, 0.0, OTHERS | RESPONSES, FRAME)
    }
    assert verdict(found["activation_norm_shifted", 1]) == HOLDS
    # without the shift the same number refutes Lemma F.4 (erratum L9), which is why that is not applicable
    unshifted = replace(found["activation_norm_shifted", 1], quantity="liu2020.activation_norm")
    assert unshifted.measured > 2 * float(predict(unshifted.quantity, unshifted.values).value)
    assert verdict(found["response", 1]) == NOT_APPLICABLE


def test_outside_the_ball_and_above_c_0_nothing_is_claimed():
    start, point = pair()
    known = constants(start, X)
    for R, c_0, text in ((1e-3, 20.0, "left the ball"), (50.0, 0.5, "Assumption 7.1 fails")):
        setting = replace(SETTING, c_0=c_0)
        seen = [*in_ball(point, start, X, setting, known, R, BLOCKS, FRAME)]
        seen += rungs.in_ball(point, start, X, setting, known, R, RESPONSES | OTHERS, FRAME)
        assert all(text in o.reasons[0] for o in seen)
        assert {verdict(o) for o in seen} == {NOT_APPLICABLE}
