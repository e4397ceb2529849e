"""Appendix C measured: products, norms and perturbed layers against naive transcriptions and the exact law of h_0."""

import itertools
import math

import naive
import numpy as np
import pytest
import torch
from scipy import stats

import bounds
from bounds.errors import NotApplicable, TheoryError
from empirics import network
from empirics.comparison import gather
from empirics.experiments.allenzhu2019 import residual, residual_change, residual_norms, residual_products
from empirics.measure.forward import forward
from empirics.verdict import HOLDS, NOT_APPLICABLE, NOT_MET

RAW = torch.rand(5, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.1
X = residual.prepare(RAW)


def built(width=12, L=4, seed=0, **more):
    return residual.build(width, seed, X, L, **more)


def recursion(weights, x):
    """g_0, ..., g_L of one sample, as Appendix C writes them."""
    A, *W = weights.W
    tau, g = weights.scales[1], [A @ x]
    for l, w in enumerate(W, start=1):
        h = g[-1].clamp(min=0)
        g.append(h + tau * (w @ h) if l < len(W) else w @ h)
    return g


def test_inputs_are_footnote_5s():
    torch.testing.assert_close(X[:, :-1] * 2**0.5 * RAW.norm(dim=1, keepdim=True), RAW)
    torch.testing.assert_close(X[:, -1], torch.full((5,), 0.5**0.5, dtype=torch.float64))


def test_the_network_has_the_papers_scale_and_recursion():
    weights = built(width=12, L=4, C=2.0)
    assert weights.scales[1:4] == pytest.approx([1 / (2 * 4 * math.log(12))] * 3)
    outputs = torch.stack([weights.V.T @ recursion(weights, x)[-1].clamp(min=0) for x in X])
    torch.testing.assert_close(forward(weights, X, 0).f, outputs)
    # the same against the recursion that the architectures are tested with
    model = naive.allenzhu2019_layers(list(weights.tensors), X, weights.activation.phi, weights.scales[1])[-1]
    torch.testing.assert_close(model.T, torch.stack([recursion(weights, x)[-1].clamp(min=0) for x in X]))


def test_products_are_those_of_dense_matrices():
    weights = built()
    cache = forward(weights, X)
    found = residual_products.largest_product(weights, cache.d1)
    assert set(found) == {(a, b) for a in (1, 2, 3) for b in range(1, a + 1)}
    tau, eye = weights.scales[1], torch.eye(12, dtype=torch.float64)
    for (a, b), (low, high) in found.items():
        norms = []
        for x in X:
            g = recursion(weights, x)
            product = eye + tau * weights.W[b]
            for l in range(b + 1, a + 1):
                product = (eye + tau * weights.W[l]) @ torch.diag((g[l - 1] >= 0).double()) @ product
            norms.append(float(torch.linalg.matrix_norm(product, 2)))
        assert low == pytest.approx(max(norms), rel=1e-3)
        assert low <= max(norms) * (1 + 1e-12) <= high * (1 + 2e-12)
        if a == b:
            assert low == pytest.approx(high, rel=1e-10)


def test_the_tail_of_the_first_norm_is_that_of_draws():
    assert residual_norms.tail(2, 1.1) == pytest.approx(
        stats.chi2.sf(1.21, 1) / 2 + stats.chi2.sf(1.21, 2) / 4, rel=1e-12
    )  # ||h_0||^2 = chi^2 with 1 degree of freedom half of the time, 2 a quarter
    rng = np.random.default_rng(0)
    h = np.maximum(rng.standard_normal((20_000, 30)) * math.sqrt(2 / 30), 0)
    seen = float((np.square(h).sum(1) > 1.2**2).mean())
    assert residual_norms.tail(30, 1.2) == pytest.approx(seen, abs=5 * math.sqrt(seen / 20_000))


def test_the_least_width_is_the_first_that_is_likely_enough():
    m = residual_norms.least_width(5, 1.2, 0.01)
    assert 5 * residual_norms.tail(m, 1.2) <= 0.01 < 5 * residual_norms.tail(m - 1, 1.2)
    # by the normal approximation ||h_0|| has standard deviation sqrt(5/m)/2: 0.2 are 2.88 of them
    assert m == pytest.approx(1.25 * (stats.norm.isf(0.002) / 0.2) ** 2, rel=0.15)


def naive_change(weights, x, omega, directions):
    """h'_l and D'_l with W_l + W'_l written out, W'_l = omega v u^T and u along h_{l-1} of the perturbed network."""
    plain, tau, h, moved, flips = recursion(weights, x), weights.scales[1], None, [], []
    h = plain[0].clamp(min=0)
    for l in range(1, weights.L - 1):
        v = directions[l - 1]
        W = weights.W[l] + omega * torch.outer(v / v.norm(), h / h.norm())
        g = h + tau * (W @ h)
        assert float(torch.linalg.matrix_norm(W - weights.W[l], 2)) <= omega * (1 + 1e-9)
        h = g.clamp(min=0)
        moved.append(float((h - plain[l].clamp(min=0)).norm()))
        flips.append(int(((g >= 0) != (plain[l] >= 0)).sum()))
    return moved, flips


def test_pushing_along_the_layers_moves_them_as_written_out():
    weights, omega = built(width=20, L=4), 0.05
    moved, flips = residual_change.largest_changes(weights, X, omega)
    along = [naive_change(weights, x, omega, [g.clamp(min=0) for g in recursion(weights, x)[1:-1]]) for x in X]
    largest = np.max([m for m, _ in along], axis=0)
    assert (np.array(moved.tolist()) >= largest - 1e-12).all()
    assert moved.tolist()[0] == pytest.approx(largest[0], rel=0.2)
    # no perturbation moves h_l by more than what ||I + tau W_l|| and tau omega allow
    tau, reach = weights.scales[1], 0.0
    top = max(float(g.clamp(min=0).norm()) for x in X for g in recursion(weights, x))
    for l, found in enumerate(moved.tolist(), start=1):
        grow = float(torch.linalg.matrix_norm(torch.eye(20, dtype=torch.float64) + tau * weights.W[l], 2)) + tau * omega
        reach = grow * reach + tau * omega * top
        assert found <= reach * (1 + 1e-12)
    assert 1 <= float(flips) <= 20


def test_one_residual_layer_flips_as_many_signs_as_any_vector_can():
    weights, omega = built(width=10, L=2), 0.3
    _, flips = residual_change.largest_changes(weights, X, omega)
    most = 0
    for x in X:  # all subsets of neurons, each flipped at the cost of its square
        g0, g1, _ = recursion(weights, x)
        room = (weights.scales[1] * omega * float(g0.clamp(min=0).norm())) ** 2
        for chosen in itertools.product((0, 1), repeat=10):
            if float((g1.square() * torch.tensor(chosen)).sum()) < room:
                most = max(most, sum(chosen))
    assert float(flips) == most > 0


def test_verdicts_at_the_papers_scale_and_at_the_one_that_a11_asks_for():
    seen, said = [], []
    for seed in (0, 1):
        found, sentences = residual.observe(
            built(seed=seed),
            X,
            {"fresh": range(3) if seed == 0 else ()},
            seed=seed,
            names=residual.MEASURED - residual_change.MEASURED,
        )
        seen += found
        said += sentences
    rows = {r.quantity.split(".")[1]: r for r in gather(seen)[0]}
    explicit = bounds.quantity("allenzhu2019.resnet_tau_explicit").evaluate(L=4)
    assert rows["resnet_tau"].verdict == HOLDS
    assert rows["resnet_tau_explicit"].verdict == NOT_MET
    assert {round(o.values["tau"], 9) for o in seen} == {round(t, 9) for t in (1 / (4 * math.log(12)), explicit)}
    spectral = [o for o in seen if o.quantity.endswith("resnet_spectral")]
    assert len(spectral) == 2 * 2 * 6
    assert all(bool(o.reasons) == (o.values["tau"] > explicit * 1.001) for o in spectral)
    assert {rows[name].verdict for name in ("resnet_spectral", "resnet_forward_lower")} == {HOLDS}
    assert rows["resnet_forward_upper"].verdict == NOT_APPLICABLE
    assert "too small" in rows["resnet_forward_upper"].reasons[0]
    assert sum("draws" in s for s in said) == 1
    assert all("fails" in s and "proved" in s for s in said if "(C.1)" in s)


def test_norms_observed_are_those_of_the_recursion():
    weights = built()
    seen, _ = residual.observe(
        weights, X, {}, seed=1, names=frozenset(("resnet_forward_lower", "resnet_forward_upper"))
    )
    own = [o for o in seen if "C log m = 2.485" in o.label]
    assert len(own) == 2 * 5
    for o in own:
        l = int(o.label[2])
        norms = [float(recursion(weights, x)[l].clamp(min=0).norm()) for x in X]
        assert o.measured == pytest.approx(min(norms) if o.quantity.endswith("lower") else max(norms), rel=1e-12)


def test_wide_enough_networks_are_judged():
    scaled = residual.Scaled(residual.build(2, 0, X, 2), X, 0)
    assert residual._too_narrow(scaled, 0)
    few = residual.Scaled(residual.build(2, 0, X, 2), X[:0], 0)  # no sample can leave the bound
    assert residual._too_narrow(few, 0) == ()


def test_depths_show_a11(monkeypatch):
    monkeypatch.setattr(residual_change, "SEEDS", 1)
    monkeypatch.setattr(residual_change, "GRID", ((3, 1.0), (5, 1.0), (5, 0.5), (9, 1.0)))
    rows = np.array(list(residual_change._at_depths(built(width=32, L=3), X, 32)))
    assert len(rows) == 4 * len(residual_change.RADII)
    change = {(layers, round(tau, 7)): moved / (tau * omega) for layers, tau, omega, moved, _ in rows}
    for (layers, _), value in change.items():
        assert 0.7 * layers < value < 1.5 * layers
    assert "(printed 0, A11: 1)" in residual_change.depth_finding(built(width=32, L=3), X)


def test_what_is_not_covered_is_named():
    with pytest.raises(NotApplicable, match="relu"):
        built(activation="tanh")
    with pytest.raises(NotApplicable, match="L = 1: no residual layer"):
        built(L=1)
    with pytest.raises(TheoryError, match="m=1"):
        built(width=1)
    shallow = network("allenzhu2019", "resnet", L=1, m=4, d_in=5).weights
    assert residual.observe(shallow, X, {}, seed=0, names=residual.MEASURED) == (
        [],
        ["no residual layer at L = 1: nothing of Appendix C is measured"],
    )


def test_a_scale_above_the_papers_is_a_choice_and_refutes_nothing():
    weights = built(C=0.5)
    seen, _ = residual.observe(weights, X, {}, seed=0, names=frozenset(("resnet_tau",)))
    (row,) = gather(seen)[0]
    assert row.verdict == NOT_APPLICABLE
    assert "was chosen larger" in row.reasons[0]
    seen, _ = residual.observe(weights, X, {"C": 0.5}, seed=0, names=frozenset(("resnet_tau",)))
    assert gather(seen)[0][0].verdict == HOLDS
