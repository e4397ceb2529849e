"""Appendix B measured: layers by position, products, (B.1), draws and perturbations against written-out networks."""

import math

import naive
import numpy as np
import pytest
import torch

import bounds
from bounds.errors import NotApplicable, TheoryError
from empirics import network
from empirics.comparison import gather
from empirics.experiments.allenzhu2019 import convolutional, convolutional_change, convolutional_fresh, positions
from empirics.measure.forward import forward
from empirics.verdict import CONSISTENT, HOLDS, MET, NOT_APPLICABLE, VIOLATED

RAW = torch.rand(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
RAW[0, :3] = 0  # position 1 of the first sample reads nothing
X = convolutional.prepare(RAW)
READS = [[5, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 0]]  # ring of 6, q = 3


def built(width=3, L=3, seed=0):
    return convolutional.build(width, seed, X, L)


def written_out(weights, inputs=X):
    """h_0, ..., h_L, (P m, n) each."""
    return naive.allenzhu2019_cnn_layers(list(weights.tensors), inputs, weights.activation.phi, READS)


def dense(blocks, reads=READS):
    """W_l as the matrix that Appendix B defines it to be: (P m) x (P c)."""
    P, m, qc = blocks.shape
    c = qc // len(reads[0])
    W = torch.zeros(P, m, P, c, dtype=blocks.dtype)
    for j, Q in enumerate(reads):
        for s, k in enumerate(Q):
            W[j, :, k] += blocks[j, :, s * c : (s + 1) * c]
    return W.reshape(P * m, P * c)


def test_inputs_have_norm_one_and_a_zero_row_is_named():
    torch.testing.assert_close(X * RAW.norm(dim=1, keepdim=True), RAW)
    with pytest.raises(TheoryError, match="row 1 of X is zero"):
        convolutional.prepare(torch.tensor([[1.0], [0.0]]))


def test_pixels_of_a_square_image_are_read_three_by_three():
    image = convolutional.prepare(torch.rand(3, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64))
    weights = convolutional.build(2, 0, image, 2)
    at = weights.windows[0]
    assert sorted(at[5].tolist()) == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert sorted(at[0].tolist()) == [0, 1, 3, 4, 5, 7, 12, 13, 15]  # around a corner of the torus
    delta = min(float((a - b).norm()) for i, a in enumerate(image) for b in image[:i])
    bias = torch.cat([b.flatten() for b in weights.biases if b is not None])
    tau = delta**2 / (10 * 16 * 2)
    assert convolutional.scale(image, 2) == pytest.approx(tau)
    assert float(bias.square().mean()) == pytest.approx(tau**2 * 2 / (9 * 2), rel=5 * math.sqrt(2 / len(bias)))


def test_layers_by_position_are_the_papers():
    weights = built()
    found = positions.layers(weights, forward(weights, X, 0))
    expected = written_out(weights)
    assert [tuple(h.shape) for h in found] == [(6, 5, 3)] * 3 + [(1, 5, 18)]
    for h, naively in zip(found, expected, strict=True):
        torch.testing.assert_close(h.movedim(1, 0).flatten(1), naively.T)


def test_separateness_is_b1s_sum_written_out():
    h = positions.layers(built(), forward(built(), X, 0))[0]
    assert bool((h[1, 0] == 0).all())
    terms = positions.separateness(h)
    for i in range(5):
        for j in range(5):
            for k in range(6):
                a, b = h[k, i], h[k, j]
                rest = b if float(a.norm()) == 0 else b - a * float(a @ b) / float(a @ a)
                assert float(terms[k, i, j]) == pytest.approx(float(rest @ rest), abs=1e-14)
    sums = {(i, j): float(terms[:, i, j].sum()) for i in range(5) for j in range(5) if i != j}
    least, share = positions.least_pair(terms)
    pair = min(sums, key=sums.get)
    assert float(least) == pytest.approx(sums[pair])
    assert float(share) == pytest.approx(float(terms[:, pair[0], pair[1]].max()) / sums[pair])


def test_products_of_convolutions_are_those_of_dense_matrices():
    weights = built(L=4)
    cache = forward(weights, X)
    found = positions.product_norms(weights, cache.d1[:-1])
    assert set(found) == {(b, a) for a in (1, 2, 3) for b in range(a, 4)}
    hidden = written_out(weights)
    for (b, a), norms in found.items():
        for i in range(len(norms)):
            product = dense(weights.W[a])
            for l in range(a, b):
                product = dense(weights.W[l + 1]) @ torch.diag((hidden[l][:, i] > 0).double()) @ product
            exact = float(torch.linalg.matrix_norm(product, 2))
            assert float(norms[i]) == pytest.approx(exact, rel=2e-3)
            assert float(norms[i]) <= exact * (1 + 1e-12)


def test_fresh_draws_have_the_variances_of_the_builder():
    weights = network("allenzhu2019", "cnn", L=3, m=8, positions=12, q=3, tau=0.5).weights
    fresh = convolutional_fresh.redrawn(weights, 0.5, 3)
    for ours, theirs in zip(fresh.tensors, weights.tensors, strict=True):
        if ours is not fresh.V:
            assert not torch.equal(ours, theirs)
            ratio = float(ours.square().mean() / theirs.square().mean())
            assert abs(math.log(ratio)) < 7 / math.sqrt(ours.numel())
    assert torch.equal(fresh.V, weights.V)
    assert torch.equal(convolutional_fresh.redrawn(weights, 0.5, 3).W[1], fresh.W[1])


def test_printed_variances_are_appendix_bs():
    weights = built(width=4)
    values = {"m": 4, "q": 3, "d_positions": 6}
    printed = convolutional_fresh.as_printed(weights, values)
    # A: 2/sqrt(q m) in place of 2/(q m); W_L: 2/(q m) in place of 2/(P m)
    torch.testing.assert_close(printed.W[0], weights.W[0] * (3 * 4) ** 0.25)
    torch.testing.assert_close(printed.W[-1], weights.W[-1] * 2**0.5)
    torch.testing.assert_close(printed.W[1], weights.W[1])
    squares = convolutional_fresh.squared_norms(printed, X)
    for l, h in enumerate(written_out(printed)):
        torch.testing.assert_close(squares[l], h.square().sum(0))


@pytest.fixture(scope="module")
def compared():
    weights = built(width=6)
    values = {"tau": convolutional.scale(X, 3), "fresh": range(40)}
    first = convolutional.observe(weights, X, values, seed=0, names=convolutional.MEASURED)
    values = {"tau": values["tau"]}
    second = convolutional.observe(built(width=6, seed=1), X, values, seed=1, names=convolutional.MEASURED)
    assert not second[1]
    return first[0] + second[0], first[1]


def test_verdicts_refute_the_printed_variances_and_nothing_else(compared):
    rows = {r.quantity.split(".")[1]: r for r in gather(compared[0])[0]}
    assert set(rows) == convolutional.MEASURED
    assert {n for n, r in rows.items() if r.verdict == VIOLATED} == set(convolutional_fresh.PRINTED)
    assert rows["cnn_tau"].verdict == HOLDS
    assert rows["cnn_tau_limit"].verdict == MET
    assert rows["cnn_forward_norm_failure"].verdict == NOT_APPLICABLE
    assert {rows[n].verdict for n in convolutional_fresh.VARIANCES} == {CONSISTENT}


def test_means_at_a_large_scale_show_what_the_biases_add(compared):
    means = {o.label[:3]: o for o in compared[0] if o.quantity.endswith("norm_sq") and o.values["tau"] == 1}
    for l in range(4):
        exact = 1 + min(l, 2) * 6 / 3  # every convolution adds tau^2 P/q
        low, high = means[f"h_{l}"].ends
        assert low < exact < high
        assert high - low < exact
    assert any("with the variances as printed" in s and "A14: 4.24 and 2)" in s for s in compared[1])


def test_fractions_of_draws_are_counted(compared):
    draws = convolutional_fresh.draw(
        convolutional.Scene(built(width=6), X, convolutional.scale(X, 3), 1.0, 0), range(40)
    )
    norms = np.sqrt(draws.own[:, :3, 0])
    for o in compared[0]:
        if o.quantity.endswith("failure"):
            eps = o.values["eps"]
            left = np.mean([bool((row < 1 - eps).any() or (row > 1 + eps).any()) for row in norms])
            assert o.measured == pytest.approx(left)
            assert o.ends[0] <= left <= o.ends[1]


def test_perturbations_are_in_the_ball_and_do_what_is_said():
    weights, omega = built(width=4, L=3), 0.2
    moved, flips = convolutional_change.largest_changes(weights, X, omega)
    plain, best = written_out(weights), 0.0
    for i in range(len(X)):  # along h_l, written out with dense matrices
        h = plain[0][:, i]
        for l in (1, 2):
            W, extra = dense(weights.W[l]), torch.zeros(24, 24, dtype=torch.float64)
            for j, Q in enumerate(READS):
                read = torch.zeros(6, 4, dtype=torch.float64)
                read[Q] = h.view(6, 4)[Q]
                g = (W @ plain[l - 1][:, i] + weights.biases[l].flatten()).view(6, 4)[j].clamp(min=0)
                if float(g.norm()) > 0 and float(read.norm()) > 0:
                    extra[4 * j : 4 * j + 4] = torch.outer(g / g.norm(), read.flatten() / read.norm())
            extra *= omega / 3**0.5
            assert float(torch.linalg.matrix_norm(extra, 2)) <= omega * (1 + 1e-12)
            h = ((W + extra) @ h + weights.biases[l].flatten()).clamp(min=0)
        best = max(best, float((h - plain[2][:, i]).norm()))
    assert moved >= best * (1 - 1e-9)
    assert moved == pytest.approx(best, rel=0.5)
    assert 1 <= flips <= 24


def test_one_convolution_flips_what_its_budget_allows():
    weights, omega = built(width=4, L=2), 0.3
    _, flips = convolutional_change.largest_changes(weights, X, omega)
    most = 0
    for i in range(len(X)):
        h = written_out(weights)[0][:, i]
        g = (dense(weights.W[1]) @ h + weights.biases[1].flatten()).view(6, 4)
        count = 0
        for j, Q in enumerate(READS):
            room = omega**2 / 3 * float(h.view(6, 4)[Q].square().sum())
            count += int((g[j].square().sort().values.cumsum(0) < room).sum())
        most = max(most, count)
    assert flips >= most > 0


def test_what_is_not_covered_is_named():
    with pytest.raises(NotApplicable, match="relu"):
        convolutional.build(2, 0, X, 2, activation="gelu")
    with pytest.raises(NotApplicable, match="samples 0 and 2 are equal"):
        convolutional.build(2, 0, X[[0, 1, 0]], 2)
    with pytest.raises(TheoryError, match="use at most 2730"):
        convolutional.build(3000, 0, X, 2)
    with pytest.raises(TheoryError, match="give at least 2 seeds"):
        convolutional.observe(built(), X, {"tau": 1.0, "fresh": [7]}, seed=0, names=convolutional.MEASURED)
    with pytest.raises(TheoryError, match="tau is missing"):
        convolutional.observe(built(), X, {}, seed=0, names=convolutional.MEASURED)


def test_equal_samples_and_a_larger_scale_refute_nothing():
    twice = X[[0, 1, 0]]
    weights = network("allenzhu2019", "cnn", L=2, m=2, positions=6, q=3, tau=0.5).weights
    options = {"seed": 0, "names": convolutional.MEASURED}
    seen, said = convolutional.observe(weights, twice, {"tau": 0.0, "fresh": range(2)}, **options)
    rows = {r.quantity.split(".")[1]: r for r in gather(seen)[0]}
    assert rows["cnn_tau"].verdict == NOT_APPLICABLE
    assert any("two samples are equal" in s for s in said)
    seen, _ = convolutional.observe(weights, X, {"tau": 0.5}, seed=1, names=convolutional.SCALE)
    rows = {r.quantity.split(".")[1]: r for r in gather(seen)[0]}
    assert "was chosen larger" in rows["cnn_tau"].reasons[0]
    limit = bounds.quantity("allenzhu2019.cnn_tau_limit")
    delta = min(float((a - b).norm()) for i, a in enumerate(X) for b in X[:i])
    assert rows["cnn_tau_limit"].predicted == pytest.approx(limit.evaluate(eps=delta**3, q=3, d_positions=6, L=2))


def test_one_trained_layer_has_no_convolution():
    weights = convolutional.build(2, 0, X, 1)
    values = {"tau": convolutional.scale(X, 1), "fresh": range(3)}
    seen, said = convolutional.observe(weights, X, values, seed=0, names=convolutional.MEASURED)
    assert not [o for o in seen if o.quantity.endswith(("intermediate_norm", "cnn_variance"))]
    assert any("nothing of Lemma 8.2" in s for s in said)
