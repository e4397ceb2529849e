"""allenzhu2019 near its initialisation, against dense matrices, autograd and exhaustive search."""

from __future__ import annotations

import itertools
import math
from functools import partial

import naive
import numpy as np
import pytest
import torch

from bounds.errors import TheoryError
from empirics.comparison import gather
from empirics.experiments.allenzhu2019 import attack, exponents, gaps, perturbed, products, smooth
from empirics.experiments.allenzhu2019.critical import prepare
from empirics.experiments.allenzhu2019.near import Dense, RankOne, cotangents, radii, start_at, sweep
from empirics.experiments.allenzhu2019.table import Table
from empirics.networks import network
from empirics.verdict import CONSISTENT, NOT_APPLICABLE

KEY = "allenzhu2019"
DRAWS = torch.Generator().manual_seed(0)
X = prepare(torch.randn(4, 3, generator=DRAWS, dtype=torch.float64), None)[0]
Y = torch.randn(4, 2, generator=DRAWS, dtype=torch.float64)
OMEGAS = (0.05, 0.4)


def net_of(seed=0, L=3, m=8, d=2):
    return network(KEY, "mlp", seed=seed, L=L, m=m, d_in=4, d=d).weights


def values_of(weights):
    return {"n": len(X), "L": weights.L - 1, "m": weights.m, "d": weights.k, "delta": 0.1}


def matrices(direction, k, i):
    """W'_1, ..., W'_L of sample i at radius k, as matrices."""
    omega = direction.omegas[k]
    if isinstance(direction, Dense):
        return [omega * N for N in direction.matrices]
    i = 0 if direction.left[0].shape[1] == 1 else i
    return [omega * torch.outer(u[k, i], v[k, i]) for u, v in zip(direction.left, direction.right, strict=True)]


def moved(weights, *changes):
    """The network at W^(0) + the sum of some W'."""
    W = [w + sum(parts) for w, *parts in zip(weights.W[1:], *changes, strict=True)]
    return weights.with_tensors([weights.W[0], *W, weights.V])


def gradients(weights, i, L):
    """d y_j/d W_l, (d, L, m, m), by autograd."""
    model = naive.allenzhu2019(naive.allenzhu2019_layers, L + 1, torch.relu)
    return naive.jacobian(weights, X[i : i + 1], model)[0].view(weights.k, L, weights.m, weights.m)


def everything(start, scale, seed=0):
    return list(attack.attacks(start, scale, seed=seed, restarts=1))


@pytest.mark.parametrize("L", [1, 3])
def test_sweeps_are_those_of_the_perturbed_network(L):
    weights = net_of(L=L)
    start = start_at(weights, X)
    scale = radii(OMEGAS, start.V)
    for _, direction in everything(start, scale):
        seen = sweep(start, direction)
        for k, i in itertools.product(range(2), range(len(X))):
            near = moved(weights, matrices(direction, k, i))
            h = [t[:, i] for t in naive.allenzhu2019_layers(near.tensors, X, torch.relu)]
            J = gradients(near, i, L)
            for l in range(1, L + 1):
                assert torch.allclose(seen.h[l][k, i], h[l], atol=1e-12)
                assert torch.allclose(seen.g[l - 1][k, i], near.W[l] @ h[l - 1], atol=1e-12)
                assert bool((seen.D[l - 1][k, i] == (near.W[l] @ h[l - 1] >= 0)).all())
                for j in range(2):  # the gradient is c_l h_{l-1}^T
                    assert torch.allclose(torch.outer(seen.c[l - 1][k, j, i], h[l - 1]), J[j, l - 1], atol=1e-12)
            assert torch.allclose(seen.y[k, i], weights.V.T @ h[L], atol=1e-12)


def test_no_attack_leaves_the_ball():
    start = start_at(net_of(1), X)
    for label, direction in everything(start, radii(OMEGAS, start.V)):
        for (k, omega), i in itertools.product(enumerate(OMEGAS), range(len(X))):
            norms = [float(torch.linalg.matrix_norm(N, 2)) for N in matrices(direction, k, i)]
            assert max(norms) <= omega * (1 + 1e-9), label
            if label == attack.RANDOM or "gradient" in label:
                assert min(norms) == pytest.approx(omega)


def test_no_vector_of_that_length_flips_more_signs_of_layer_1():
    start = start_at(net_of(2, L=1, m=9), X)
    scale = radii((0.1, 0.3, 1.0), start.V)
    seen = sweep(start, attack.flips(start, scale))
    for (k, omega), i in itertools.product(enumerate((0.1, 0.3, 1.0)), range(len(X))):
        g, length = start.at.g[0][i], omega * float(start.at.h[0][i].norm())
        sets = itertools.chain.from_iterable(itertools.combinations(range(9), s) for s in range(10))
        most = max(len(s) for s in sets if float(g[list(s)].norm()) < length)  # what crosses 0 moves by |g| or more
        assert int((seen.D[0][k, i] != start.at.D[0][i]).sum()) == most


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_bends_are_the_best_vector_of_that_length(seed):
    weights = net_of(seed, L=1, m=7, d=1)
    start = start_at(weights, X)
    scale = radii((0.3, 1.0), start.V)
    direction = attack.bends(start, scale, cotangents(start, start.V[:, 0].expand(4, -1)))
    found = gaps.output_gap(start, sweep(start, direction), direction)[..., 0]
    b = weights.V[:, 0]
    usable = [k for k in range(7) if b[k] > 0]
    sets = [list(s) for r in range(1, len(usable) + 1) for s in itertools.combinations(usable, r)]
    for (k, omega), i in itertools.product(enumerate((0.3, 1.0)), range(len(X))):
        g, length = start.at.g[0][i], omega * float(start.at.h[0][i].norm())
        # sum over a set of b (s - |g|) with ||s|| = r is at most r ||b|| - b.|g|, and at s = r b/||b|| equal to it
        best = max(0.0, *(length * float(b[s].norm()) - float(b[s] @ g[s].abs()) for s in sets))
        assert float(found[k, i]) <= best * (1 + 1e-9)
        if omega == 1.0:  # at the smaller length the best neuron alone may be another than the one nearest 0
            assert float(found[k, i]) == pytest.approx(best, rel=1e-5)


def test_attacks_are_stronger_than_random_directions():
    wide = network(KEY, "mlp", seed=0, L=3, m=96, d_in=4).weights
    start = start_at(wide, X)
    table = perturbed._fill(start, radii((0.03,), start.V), perturbed.TABLE, 0, 3)
    for name in perturbed.TABLE:
        random, attacked = (table.reached(name, random=kind).worst[0] for kind in (True, False))
        assert attacked > 1.5 * random, name


def test_stretch_moves_the_last_layer_further_than_its_first_guess():
    start = start_at(net_of(4, m=24), X)
    scale = radii((0.05,), start.V)
    first = torch.randn(4, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    far = [attack._moved(start, sweep(start, attack.stretch(start, scale, first, rounds))) for rounds in (0, 1, 6)]
    assert bool((far[1] >= far[0]).all())
    assert bool((far[2] > 1.2 * far[0]).all())
    # one layer alone moves its pre-activation by omega ||h||
    assert bool((far[2][0, :, 0] > 1.5 * 0.05 * start.at.h[2].norm(dim=1)).all())


def test_gaps_against_autograd():
    weights = net_of(5)
    start = start_at(weights, X)
    scale, before = radii(OMEGAS, start.V), [gradients(net_of(5), i, 3) for i in range(4)]
    y_0 = start.at.y
    for _, direction in everything(start, scale):
        seen = sweep(start, direction)
        found = gaps.gaps(start, seen, direction, gaps.MEASURED)
        for k, i, j in itertools.product(range(2), range(4), range(2)):
            W = matrices(direction, k, i)
            near, G_0 = moved(weights, W), before[i][j]
            G = gradients(near, i, 3)[j]
            gradient = float((G - G_0).norm() / G_0.norm())
            assert float(found["ntk_gradient_gap"][k, i, j]) == pytest.approx(gradient, rel=1e-9, abs=1e-12)
            output = float(seen.y[k, i, j] - y_0[i, j]) - float((G_0 * torch.stack(W)).sum())
            assert float(found["ntk_output_gap"][k, i, j]) == pytest.approx(abs(output), rel=1e-9, abs=1e-13)
            others = range(4) if isinstance(direction, Dense) else [i]
            kernel = max(
                abs(float((G * gradients(near, o, 3)[j]).sum() - (G_0 * before[o][j]).sum()))
                / float(G_0.norm() * before[o][j].norm())
                for o in others
            )
            assert float(found["ntk_kernel_gap"][k, i, j]) == pytest.approx(kernel, rel=1e-9, abs=1e-12)


def test_gradient_gap_keeps_its_digits():
    weights = net_of(6, d=1)
    start = start_at(weights, X)
    tiny = Dense(radii((1e-11,), start.V), tuple(torch.eye(8, dtype=torch.float64) for _ in range(3)))
    twice = Dense(radii((2e-11,), start.V), tiny.matrices)  # no sign changes so near: the gap is linear
    small, large = (gaps.gradient_gap(start, sweep(start, d)) for d in (tiny, twice))
    assert (large / small).flatten().tolist() == pytest.approx([2.0] * 4, rel=1e-4)


def backward(weights, h, i, l):
    """B D_L W_L ... W_{l+1} D_l at sample i."""
    P = weights.V.T
    for up in range(3, l - 1, -1):
        P = P @ torch.diag((weights.W[up] @ h[up - 1][i] >= 0).double())
        P = P @ weights.W[up] if up > l else P
    return P


def test_readings_by_their_definitions():
    weights = net_of(7)
    start = start_at(weights, X)
    scale = radii(OMEGAS, start.V)
    direction = attack.flips(start, scale)
    found = perturbed._readings(start, sweep(start, direction), direction, perturbed.LAYERS)
    before = [t.T for t in naive.allenzhu2019_layers(weights.tensors, X, torch.relu)]
    for k, i in itertools.product(range(2), range(4)):
        near = moved(weights, matrices(direction, k, i))
        after = [t.T for t in naive.allenzhu2019_layers(near.tensors, X, torch.relu)]
        for l in range(1, 4):
            g_0, g = weights.W[l] @ before[l - 1][i], near.W[l] @ after[l - 1][i]
            changed = (g >= 0) != (g_0 >= 0)
            assert int(found["sign_changes"][k, i, l - 1]) == int(changed.sum())
            assert float(found["sign_change_norm"][k, i, l - 1]) == pytest.approx(float(g[changed].norm()), abs=1e-14)
            assert float(found["forward_change"][k, i, l - 1]) == pytest.approx(float((g - g_0).norm()))
            apart = float((after[l][i] - before[l][i]).norm())
            assert float(found["hidden_difference"][k, i, l - 1]) == pytest.approx(apart)
            products_ = [
                w.V.T @ torch.diag((w.W[3] @ h[2][i] >= 0).double()) for w, h in ((weights, before), (near, after))
            ]
            for up in range(2, l - 1, -1):
                products_ = [
                    P @ w.W[up + 1] @ torch.diag((w.W[up] @ h[up - 1][i] >= 0).double())
                    for P, w, h in zip(products_, (weights, near), (before, after), strict=True)
                ]
            change = float(torch.linalg.matrix_norm(products_[1] - products_[0], 2))
            assert float(found["backward_change"][k, i, l - 1]) == pytest.approx(change, abs=1e-12)
        out = float((weights.V.T @ (after[3][i] - before[3][i])).norm())
        assert float(found["output_difference"][k, i, 0]) == pytest.approx(out)


@pytest.mark.parametrize("s", [0, 2])
def test_worst_product_is_reached_by_its_matrices(s):
    weights = net_of(8)
    start = start_at(weights, X)
    scale = radii(OMEGAS, start.V)
    worst = products.worst_product(start, scale, start.at.D, s, seed=1)
    for (k, omega), i in itertools.product(enumerate(OMEGAS), range(4)):
        P, plain = (torch.eye(8, dtype=torch.float64) for _ in range(2))
        for l in range(3):
            u, v = worst.left[l][k, i], worst.right[l][k, i]
            assert max(float(u.norm()), float(v.norm())) <= 1 + 1e-12
            P, plain = (weights.W[l + 1] + omega * torch.outer(u, v)) @ P, weights.W[l + 1] @ plain
            if l < 2:
                extra, D = worst.extra[l][k, i], start.at.D[l][i].double()
                assert int((extra != 0).sum()) <= s
                assert float(extra.abs().max()) == (3.0 if s else 0.0)
                P, plain = torch.diag(D + extra) @ P, torch.diag(D) @ plain
        norm, unmoved = (float(torch.linalg.matrix_norm(t, 2)) for t in (P, plain))
        assert 0.98 * norm < float(worst.norm[k, i]) <= norm * (1 + 1e-12)
        assert float(worst.norm[k, i]) > unmoved + omega


def loss_of(weights):
    return naive.loss(
        weights, naive.flat(weights), X, Y, "half_square", naive.allenzhu2019(naive.allenzhu2019_layers, 4, torch.relu)
    )


def test_remainder_is_that_of_the_loss():
    weights = net_of(9)
    start = start_at(weights, X)
    model = naive.allenzhu2019(naive.allenzhu2019_layers, 4, torch.relu)
    kinds = list(smooth._pairs(start, Y, radii(OMEGAS, start.V), 0, 0))
    assert [where for where, _, _ in kinds] == ["W(0)", "flips", "random"]
    for _, base, steps in kinds:
        for _, step in steps:
            R, F = smooth.remainder(start, Y, base, step)
            for k in range(2):
                changes = [matrices(d, k, 0) for d in (*base, step)]
                here, there = moved(weights, *changes[:-1]) if base else weights, moved(weights, *changes)
                theta = naive.flat(here).requires_grad_()
                (slope,) = torch.autograd.grad(naive.loss(here, theta, X, Y, "half_square", model), theta)
                first = float(slope @ torch.cat([t.reshape(-1) for t in changes[-1]]))
                exact = float(loss_of(there) - loss_of(here)) - first
                assert float(R[k]) == pytest.approx(exact, rel=1e-8, abs=1e-10)
                assert float(F.expand(2)[k]) == pytest.approx(float(loss_of(here)))


def test_ascent_leaves_more_of_the_loss_than_random_directions():
    start = start_at(net_of(10, m=32), X)
    scale = radii((0.02,), start.V)
    random = max(
        float(
            smooth.remainder(start, Y, (), attack.random_direction(start, scale, torch.Generator().manual_seed(s)))[0]
        )
        for s in range(10)
    )
    assert float(smooth.remainder(start, Y, (), smooth.ascend(start, Y, scale))[0]) > 3 * abs(random)


def test_observations_carry_radius_and_attack_and_refute_nothing():
    weights = net_of(11, m=16)
    seen, said = perturbed.observe(weights, X, Y, values_of(weights), seed=0, names=perturbed.MEASURED, omegas=OMEGAS)
    assert {o.quantity for o in seen} == {f"{KEY}.{name}" for name in perturbed.MEASURED}
    assert {o.values["omega"] for o in seen} == set(OMEGAS)
    assert all(o.upper is None and not o.reasons and (o.seed, o.width) == (0, 16) for o in seen)
    assert all(o.values["perturbation"] == o.values["omega"] for o in seen if "perturbation" in o.values)
    flipped = [o for o in seen if o.quantity.endswith("sign_changes")]
    assert [o.label.split(",")[0] == attack.RANDOM for o in flipped] == [False, False, True, True]
    assert flipped[1].measured >= flipped[0].measured > 0
    verdicts = {r.quantity.split(".")[1]: r.verdict for r in gather(seen)[0]}
    assert {verdicts.pop(name) for name in smooth.MEASURED} == {NOT_APPLICABLE}  # C_1 and C_2 are no factors
    assert set(verdicts.values()) == {CONSISTENT}
    assert any("premises with hidden constants at 1" in line for line in said)
    assert any(line.startswith("Lemma 8.6, width 16: D'' with 1 entries") for line in said)


def test_findings_with_seed_0_only_and_nothing_that_is_not_asked_for():
    weights = net_of(12, m=16, d=1)
    ask = partial(perturbed.observe, weights, X, Y[:, 0], values_of(weights), omegas=OMEGAS)
    seen, said = ask(seed=1, names=frozenset(("sign_changes",)))
    assert {o.quantity for o in seen} == {f"{KEY}.sign_changes"}
    assert not said
    assert ask(seed=0, names=frozenset()) == ([], [])
    again, _ = ask(seed=1, names=frozenset(("sign_changes", "semi_smoothness")))
    assert {o.quantity.split(".")[1] for o in again} == {"sign_changes", "semi_smoothness"}
    assert [o for o in again if o.quantity.endswith("sign_changes")] == seen  # the same seed, the same numbers


def test_a_trained_point_is_measured_at_its_own_distance():
    weights = net_of(13, d=1)
    noise = [0.01 * torch.randn(8, 8, generator=DRAWS, dtype=torch.float64) for _ in range(3)]
    point = moved(weights, noise)
    names = frozenset(("sign_changes", "ntk_output_gap"))
    ask = partial(perturbed.at_point, weights, X=X, values=values_of(weights), seed=2, step=5, names=names)
    gap, flipped = ask(point)
    omega = max(float(torch.linalg.matrix_norm(t, 2)) for t in noise)
    assert flipped.values["omega"] == pytest.approx(omega)
    assert (flipped.step, flipped.seed, flipped.upper) == (5, 2, None)
    counts = [
        int(((w @ h).sign() != (v @ k).sign()).sum(0).max())
        for w, h, v, k in zip(
            weights.W[1:],
            naive.allenzhu2019_layers(weights.tensors, X, torch.relu),
            point.W[1:],
            naive.allenzhu2019_layers(point.tensors, X, torch.relu),
            strict=False,
        )
    ]
    assert flipped.measured == max(counts)
    assert gap.quantity == f"{KEY}.ntk_output_gap"
    assert ask(weights) == []


def table_of(power, random=None):
    omegas = (0.001, 0.01, 0.1)
    table = Table()
    flat = torch.tensor(omegas, dtype=torch.float64).view(-1, 1, 1)
    counts = torch.full((3, 2, 1), 9.0, dtype=torch.float64)
    table.add("flips", {"forward_change": 5 * flat**power, "sign_changes": counts})
    if random is not None:
        table.add(attack.RANDOM, {"forward_change": flat**random, "sign_changes": counts})
    return table, omegas


@pytest.mark.parametrize(("power", "below"), [(0.8, True), (0.97, False), (1.0, False), (1.4, False)])
def test_only_an_exponent_below_the_claim_speaks_against_an_upper_bound(power, below):
    table, omegas = table_of(power, 1.5)
    (found,), used = exponents.growths(table, omegas, frozenset(("forward_change",)))
    assert (found.claimed, used) == (1.0, list(omegas))
    assert found.attacked.value == pytest.approx(power)
    assert found.random.value == pytest.approx(1.5)
    assert found.share == pytest.approx(0.1**1.5 / (5 * 0.1**power))
    assert found.below == below
    see = perturbed.Frame({"m": 64}, 0)
    said = exponents.findings(table, see, omegas, frozenset(("forward_change",)))
    assert ("below the claim on these radii, the direction that would refute: change of a layer" in said[0]) == below


def test_radii_without_signs_to_change_do_not_count():
    table, omegas = table_of(1.0, 1.0)
    table.readings["sign_changes"][0][1] *= torch.tensor([0.1, 1.0, 1.0], dtype=torch.float64)[:, None]
    (found,), used = exponents.growths(table, omegas, frozenset(("forward_change",)))
    assert used == [0.01, 0.1]
    assert found.attacked is None
    said = exponents.findings(table, perturbed.Frame({"m": 64}, 0), omegas, frozenset(("forward_change",)))
    assert said == ["width 64, seed 0: at 2 of 3 radii can 4 signs of a layer be changed on average, too few for "
                    "exponents in omega"]  # fmt: skip


def test_flips_grow_as_the_two_thirds_power():
    """The s smallest g^2 of m Gaussians of variance 2/m add up to (pi/3) (s/m)^3, of which there are omega^2 h^2."""
    wide = network(KEY, "mlp", seed=0, L=1, m=2048, d_in=4).weights
    start = start_at(wide, X)
    omegas = (0.003, 0.01, 0.03)
    seen = sweep(start, attack.flips(start, radii(omegas, start.V)))
    counts = (seen.D[0] != start.at.D[0]).sum(-1).double()
    h = start.at.h[0].norm(dim=1)
    claimed = 2048 * (3 / math.pi * np.array(omegas)[:, None] ** 2 * h.numpy() ** 2) ** (1 / 3)
    assert counts.numpy().mean(1) == pytest.approx(claimed.mean(1), rel=0.1)


@pytest.mark.parametrize("omegas", [(), (0.1, -0.1), (math.inf,)])
def test_radii_that_are_none_are_refused(omegas):
    weights = net_of()
    with pytest.raises(TheoryError, match=r"omegas=.* must be positive finite numbers"):
        perturbed.observe(weights, X, Y, values_of(weights), seed=0, names=perturbed.MEASURED, omegas=omegas)


def test_one_rank_one_change_for_all_samples_and_its_reverse():
    start = start_at(net_of(14), X)
    own = attack.flips(start, radii(OMEGAS, start.V))
    common = own.of(2)
    assert isinstance(common, RankOne)
    back = sweep(start, common, common.reversed())
    assert torch.allclose(back.y, start.at.y.expand(2, -1, -1), atol=1e-14)
    assert torch.allclose(sweep(start, common).h[3][:, 2], sweep(start, own).h[3][:, 2], atol=1e-14)


def test_a_sample_without_a_gradient_has_no_gap_and_hides_no_other():
    table = Table()
    values = torch.tensor([[[1.0], [math.nan], [3.0]], [[math.nan]] * 3], dtype=torch.float64)
    table.add("flips", {"ntk_gradient_gap": values})
    found = table.reached("ntk_gradient_gap", random=False)
    assert found.worst[0] == 3.0
    assert found.typical[0] == 2.0
    assert math.isnan(found.worst[1])
    assert math.isnan(found.typical[1])
    assert table.reached("ntk_gradient_gap", random=True) is None


def test_a_network_whose_units_are_all_off_has_no_gaps():
    off = torch.outer(torch.ones(8, dtype=torch.float64), torch.tensor([0.0, 0.0, 0.0, -1.0], dtype=torch.float64))
    weights = net_of(15)
    dead = weights.with_tensors([off, *weights.tensors[1:]])  # the last coordinate of every input is 1/sqrt(2)
    seen, said = perturbed.observe(dead, X, Y, values_of(dead), seed=0, names=perturbed.MEASURED, omegas=OMEGAS)
    rows = {r.quantity.split(".")[1]: r for r in gather(seen)[0]}
    assert math.isnan(rows["ntk_gradient_gap"].measured)
    assert rows["forward_change"].measured == 0.0
    assert "VIOLATED" not in {r.verdict for r in rows.values()}
    assert said[0].endswith("too few for exponents in omega")
