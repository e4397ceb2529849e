"""allenzhu2019 at its random initialisation, against the paper's recursion, dense products and loops."""

from __future__ import annotations

import itertools
import math

import naive
import numpy as np
import pytest
import torch
from scipy.special import digamma
from scipy.stats import binom

from bounds.errors import TheoryError
from empirics.comparison import gather
from empirics.experiments.allenzhu2019 import draws, exponents, initial, products
from empirics.experiments.allenzhu2019.critical import prepare
from empirics.experiments.allenzhu2019.near import start_at
from empirics.networks import network
from empirics.verdict import CONSISTENT, HOLDS, NOT_APPLICABLE, clopper_pearson

KEY = "allenzhu2019"
X = prepare(torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64), None)[0]
SMALL = frozenset(("intermediate_norm", "backward_norm", "products_width"))


def net_of(seed=0, L=3, m=9, d=2):
    return network(KEY, "mlp", seed=seed, L=L, m=m, d_in=4, d=d).weights


def values_of(weights, **more):
    delta = min(float((a - b).norm()) for a, b in itertools.combinations(X, 2))
    return {"n": len(X), "L": weights.L - 1, "m": weights.m, "d": weights.k, "delta": delta, **more}


def layers_of(weights):
    return [h.T for h in naive.allenzhu2019_layers(weights.tensors, X, torch.relu)]


def product(weights, i, a, b, readout=False):
    """W_b D_{b-1} ... D_a W_a for sample i, and with the readout B D_L W_L ... D_a W_a (Definition 2.5)."""
    h = layers_of(weights)
    P = torch.eye(weights.m, dtype=torch.float64)
    for l in range(a, b + 1):
        P = weights.W[l] @ P
        if l < b or readout:
            P = torch.diag((weights.W[l] @ h[l - 1][i] >= 0).double()) @ P
    return weights.V.T @ P if readout else P


@pytest.mark.parametrize("whole", [products.WHOLE, 0.0])
def test_products_of_layers_against_dense_matrices(whole, monkeypatch):
    monkeypatch.setattr(products, "WHOLE", whole)  # 0: by Lanczos
    monkeypatch.setattr(products, "TOLERANCE", 1e-6)
    weights = net_of()
    start = start_at(weights, X)
    for b in range(1, 4):
        for a in range(1, b + 1):
            exact = [float(torch.linalg.matrix_norm(product(weights, i, a, b), 2)) for i in range(len(X))]
            found, residual = products.product_norm(start, a, b)
            assert found.tolist() == pytest.approx(exact, rel=1e-5)
            assert (residual is None) == (a == b or whole > 0)
            assert all(x <= y * (1 + 1e-9) for x, y in zip(found.tolist(), exact, strict=True))


def test_backward_products_against_autograd():
    weights = net_of(1)
    found = products.backward_norms(start_at(weights, X))
    for a in range(1, 4):
        h = layers_of(weights)[a - 1]
        for i in range(len(X)):

            def above(z, a=a):
                for w in weights.W[a:]:
                    z = torch.relu(w @ z)
                return weights.V.T @ z

            J = torch.autograd.functional.jacobian(above, h[i])
            assert float(found[a - 1][i]) == pytest.approx(float(torch.linalg.matrix_norm(J, 2)), rel=1e-10)
            assert float(torch.linalg.matrix_norm(product(weights, i, a, 3, True), 2)) == pytest.approx(
                float(found[a - 1][i]), rel=1e-10
            )


def test_observations_are_the_worst_sample_and_one_sided_where_lanczos_is(monkeypatch):
    weights = net_of(2)
    seen = {o.label: o for o in initial.observe(weights, X, values_of(weights), seed=3, names=SMALL)}
    worst = max(float(torch.linalg.matrix_norm(product(weights, i, 1, 3), 2)) for i in range(len(X)))
    assert seen["W_3..W_1"].measured == pytest.approx(worst)
    assert seen["W_3..W_1"].upper == seen["W_3..W_1"].measured
    assert (seen["W_3..W_1"].seed, seen["W_3..W_1"].width, seen["W_3..W_1"].residual) == (3, 9, None)
    assert len(seen) == 6 + 3 + 1  # pairs a <= b, layers a, the width
    monkeypatch.setattr(products, "WHOLE", 0.0)
    again = {o.label: o for o in initial.observe(weights, X, values_of(weights), seed=3, names=SMALL)}
    assert again["W_3..W_1"].upper is None
    assert again["W_3..W_1"].residual < 0.01 * worst
    assert again["W_2..W_2"].upper == again["W_2..W_2"].measured


def test_separation_against_a_double_loop():
    weights = net_of(3)
    for h in layers_of(weights):
        exact = {
            (i, j): float(((torch.eye(len(h[0])) - torch.outer(h[i], h[i]) / h[i].dot(h[i])) @ h[j]).norm())
            for i, j in itertools.permutations(range(len(h)), 2)
        }
        size, i, j = initial.apart(h)
        assert size == pytest.approx(min(exact.values()), rel=1e-9)
        assert exact[i, j] == pytest.approx(size, rel=1e-9)


def test_separation_of_nearly_equal_samples_keeps_its_digits():
    h = torch.tensor([[1.0, 0.0], [1.0, 1e-9]], dtype=torch.float64)
    assert initial.apart(h)[0] == pytest.approx(1e-9, rel=1e-6)  # the Gram form would lose it all: 1 - 1


def test_lemma_7_5_is_not_refuted_where_its_premises_fail_at_constants_of_1():
    weights, names = net_of(4, m=64), frozenset(("separateness", "separateness_width"))
    fine = initial.observe(weights, X, values_of(weights, delta=0.01), seed=1, names=names)
    assert not any(o.reasons or o.outcome for o in fine)
    assert {r.verdict for r in gather(fine)[0] if r.quantity.endswith("separateness")} == {HOLDS}
    far = initial.observe(weights, X, values_of(weights, delta=1.4), seed=1, names=names)
    width = far[-1]
    assert width.quantity.endswith("separateness_width")
    assert (width.measured, width.outcome) == (64.0, "failed")
    needed = 3 * math.log(5 * 3) / 1.4**6
    assert needed < 64  # the width is met at C = 1, delta <= 1/(C L) is not
    assert all(o.reasons == ("delta = 1.4 > 0.333 = 1/(C L) at C = 1",) for o in far[:-1] if o.measured < 0.7)
    assert any(o.measured < 0.7 for o in far[:-1])
    assert "VIOLATED" not in {r.verdict for r in gather(far)[0]}
    near = initial.observe(weights, X, values_of(weights, delta=0.3), seed=1, names=names)
    below = [o for o in near if o.measured < 0.15]
    wide = 3 * math.log(15) / 0.3**6
    assert all(o.reasons == (f"m = 64 < separateness_width = {wide:.3g} at C = 1",) for o in below)


def test_equal_samples_are_named():
    weights, twice = net_of(), torch.cat([X, X[1:2]])
    ask = {"seed": 1, "names": initial.MEASURED, "draws": 0}
    seen = initial.observe(weights, twice, values_of(weights, delta=0.0), **ask)
    apart = [o for o in seen if "separateness" in o.quantity]
    assert len(apart) == 2
    assert all(o.reasons == ("samples 1 and 5 are equal: delta = 0 (Assumption 2.1)",) for o in apart)
    assert {r.verdict for r in gather(apart)[0]} == {NOT_APPLICABLE}


def test_draws_against_the_recursion():
    weights = net_of(d=1)
    found = draws.draw(weights, X, 3)
    for seed in range(3):
        made = net_of(seed, d=1)
        norms = [float(row.norm()) for h in layers_of(made) for row in h]
        assert float(found.least[seed]) == pytest.approx(min(norms))
        assert float(found.greatest[seed]) == pytest.approx(max(norms))
        logs = [2 * math.log(float(torch.relu(w[:, k]).norm())) for w in made.W[1:] for k in range(9)]
        assert float(found.drift[seed]) == pytest.approx(sum(logs) / len(logs))
    outside = sum(float(a) < 0.75 or float(b) > 1.25 for a, b in zip(found.least, found.greatest, strict=True))
    assert found.outside(0.25) == outside


def test_drift_is_the_mean_of_a_logarithm_of_chi_square():
    m = 64
    k = np.arange(1, m + 1)  # neurons that are active; none at all has probability 2^-64
    exact = float((binom.pmf(k, m, 0.5) * (digamma(k / 2) + math.log(2))).sum() - math.log(m / 2))
    centre, low, high = draws.draw(net_of(L=2, m=m), X, 20).mean_drift()
    assert low < exact < high
    assert high - low < 0.1
    assert centre == pytest.approx(exact, abs=0.01)


def test_lemma_7_1_is_a_fraction_of_draws_with_its_interval():
    weights, names = net_of(d=1), frozenset(("forward_norm_failure",))
    seen = initial.observe(weights, X, values_of(weights, eps=1e-3), seed=0, names=names, draws=12)
    found = draws.draw(weights, X, 12)
    for o, eps in zip(seen, draws.EPS, strict=True):
        many = found.outside(eps)
        assert o.values["eps"] == eps
        assert (o.measured, o.lower, o.upper) == (many / 12, *clopper_pearson(many, 12))
        assert o.label == f"eps={eps:g}: {many} of 12 draws"
    again = initial.observe(weights, X, values_of(weights), seed=2, names=names, draws=12)
    other = draws.draw(weights, X, 12, 24)  # other networks, so that runs with other seeds add to these
    assert [o.measured for o in again] == [other.outside(eps) / 12 for eps in draws.EPS]
    assert float(other.least[0]) not in found.least.tolist()
    assert not initial.observe(weights, X, values_of(weights), seed=0, names=names, draws=0)
    assert not initial.findings(weights, X, values_of(weights), draws=0)


def test_largest_constant_of_lemma_7_1_is_where_the_bound_meets_the_interval():
    weights = net_of(d=1, m=16)
    found, values = draws.draw(weights, X, 12), values_of(weights)
    sentence = draws.finding(found, values)
    least = min(
        3 / (16 * eps**2) * math.log(5 * 3 / clopper_pearson(found.outside(eps), 12)[0])
        for eps in draws.EPS
        if found.outside(eps)
    )  # n L exp(-C_2 m eps^2/L) = the lower end
    assert sentence.endswith(f"at C_1 = 1 any C_2 above {least:.3g} is refuted")
    still = draws.Draws(torch.ones(4), torch.ones(4), torch.zeros(4))
    assert draws.finding(still, values).endswith("no C_2 is refuted")


def test_a_layer_that_is_zero_has_no_mean_logarithm():
    dead = draws.Draws(torch.zeros(3), torch.ones(3), torch.tensor([-1.0, -math.inf, -1.0]))
    seen = list(initial._drawn(dead, initial.Frame(values_of(net_of()), 0)))
    assert seen[-1].reasons == ("a layer maps a unit vector to 0, whose logarithm has no mean",)
    assert gather(seen[-1:])[0][0].verdict == NOT_APPLICABLE


def test_a_trend_in_the_width_is_mild():
    """Norms 1 - m^(-2/3) of many seeds: a trend that `gather` calls VIOLATED, and that refutes nothing."""
    at = [({"L": 2, "n": 4, "m": m}, seed) for m in (16, 64, 256) for seed in range(12)]
    norms = [3 * (1 - values["m"] ** (-2 / 3)) + 0.2 * (-1) ** seed for values, seed in at]
    seen = [initial.Frame(*where)("intermediate_norm", norm) for where, norm in zip(at, norms, strict=True)]
    row = gather(seen)[0][0]
    assert row.verdict == "VIOLATED"
    soft = exponents.mild(row)
    assert soft.verdict == CONSISTENT
    assert soft.reasons[0].startswith("; ".join(row.reasons))
    assert exponents.mild(soft) is soft


def test_everything_measured_is_observed_and_networks_of_other_kinds_are_refused():
    weights = net_of(d=1)
    seen = initial.observe(weights, X, values_of(weights), seed=0, names=initial.MEASURED, draws=3)
    assert {o.quantity for o in seen} == {f"{KEY}.{name}" for name in initial.MEASURED}
    rows, _ = gather(seen)
    assert "VIOLATED" not in {r.verdict for r in rows}
    residual = network(KEY, "resnet", L=3, m=8, d_in=4).weights
    with pytest.raises(TheoryError, match="not allenzhu2019's fully connected relu network"):
        initial.observe(residual, X, values_of(weights), seed=0, names=initial.MEASURED)
