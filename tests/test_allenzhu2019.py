"""allenzhu2019's formulas against a second derivation, its keys, limits, orders and scenarios."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import derive_allenzhu2019 as derive
import mpmath as mp
import numpy as np
import pytest

import bounds

PAPER = bounds.papers()["allenzhu2019"]
KEYS = """
required_width | requires at_least | printed | n L d delta | C_m
step_size | requires at_most | printed | n L d delta m | C_eta
iterations | requires at_least | proved | n L delta eps m | C_T
iterations_printed | requires at_least | printed | n L delta eps | C_T
movement | upper | printed | n d delta m | C_omega
contraction | upper | printed | n d delta m eta | C
sgd_required_width | requires at_least | derived | n L d delta b | C_m
sgd_required_width_printed | requires at_least | printed | n L d delta b | C_m
sgd_step_size | requires at_most | printed | n L d delta m b | C_eta
sgd_iterations | requires at_least | printed | n L delta eps m b | C_T
sgd_movement | upper | printed | n d delta m b | C_omega
gradient_upper | upper | printed | F L n m d | C
gradient_lower | lower | printed | F_max n m d delta | c
gradient_radius | requires at_most | printed | n L delta m | C
semi_smoothness | upper | proved | n F L m d omega perturbation | C_1 C_2
semi_smoothness_printed | upper | printed | n F L m d omega perturbation | C_1 C_2
ntk_gradient_gap | upper | printed | L m omega | C
ntk_output_gap | upper | printed | L m d omega | C
ntk_kernel_gap | upper | printed | L m omega | C
intermediate_norm | upper | printed | L | C
backward_norm | upper | printed | m d | C
separateness | lower | printed | delta |
separateness_width | requires at_least | printed | n L delta | C
sign_changes | upper | printed | m L omega | C
forward_change | upper | printed | L m omega | C
intermediate_perturbed | upper | proved | L | C
intermediate_perturbed_printed | upper | printed | L | C
backward_change | upper | printed | L m d omega | C
iterations_gradient_dominant | requires at_least | printed | n L delta eps sigma | C
iterations_convex | requires at_least | printed | n L delta eps D | C
iterations_nonconvex | requires at_least | printed | n L delta eps | C
iterations_cross_entropy | requires at_least | printed | n L delta | C
cnn_tau | upper | printed | delta d_positions L |
resnet_tau | upper | printed | L m | C
resnet_spectral | upper | printed | |
resnet_forward_lower | lower | printed | |
resnet_forward_upper | upper | printed | |
forward_norm_failure | upper | printed | n L m eps | C_1 C_2
"""
"""Key, side and direction, status, parameters, hidden constants; a width has further ones in its side conditions."""
ROWS = [[part.strip() for part in line.split("|")] for line in KEYS.strip().splitlines()]
EXPLICIT = {"separateness", "cnn_tau", "resnet_spectral", "resnet_forward_lower", "resnet_forward_upper"}
WIDTHS = {name for name, q in PAPER.quantities.items() if q.conditions}


def quantity(name):
    return PAPER.quantities[name]


def draw(seed):
    """A point at which every formula is defined: small loss targets, widths above 100."""
    rng = random.Random(seed)
    whole = {x: rng.randint(2, 40) for x in ("n", "L", "d", "s", "q", "d_positions")}
    whole["b"] = rng.randint(1, whole["n"])
    loose = {x: Fraction(rng.randint(1, 4000), 1000) for x in ("eta", "F", "F_i", "F_max", "v_max_sq", "v_sq", "omega")}
    small = {x: Fraction(rng.randint(1, 900), 1000) for x in ("delta", "delta_2", "delta_inf", "eps")}
    rest = {x: Fraction(rng.randint(1, 3000), 1000) for x in ("perturbation", "sigma", "tau")}
    return {**whole, **loose, **small, **rest, "D": Fraction(rng.randint(2, 9)), "m": rng.randint(100, 10**6)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_keys(row):
    name, side, status, parameters, hidden = row
    q = quantity(name)
    assert f"{q.side} {q.direction or ''}".strip() == side
    assert q.status == status
    assert q.parameters == tuple(parameters.split())
    assert q.order_only == (name not in EXPLICIT)
    named = tuple(c.name for c in q.hidden)
    assert named[: len(hidden.split())] == tuple(hidden.split())
    assert len(named) == len(hidden.split()) or name in WIDTHS
    # the column suffices: every other value, hidden constants included, may be left out
    point = draw(name)
    given = {x: point[x] for x in q.parameters}
    assert math.isfinite(bounds.result(q, **given).log10 if name in WIDTHS else q.evaluate(**given))
    assert set(bounds.result(q, **given).unset) == set(hidden.split())


@pytest.mark.parametrize("seed", range(6))
def test_formulas_are_the_papers(seed):
    point = draw(seed)
    with mp.workdps(60):
        expected = derive.formulas(point)
        assert set(expected) | WIDTHS == set(PAPER.quantities)
        for name, true in expected.items():
            q = quantity(name)
            given = {x: point[x] for x in q.parameters}
            if not mp.mpf(10) ** -300 < abs(true) < mp.mpf(10) ** 300:
                assert q.evaluate(**given, log10=True) == pytest.approx(float(mp.log10(true)), rel=1e-12), name
                continue
            got = q.evaluate(**given)
            assert abs(mp.mpf(got) - true) < mp.mpf(10) ** -12 * abs(true), (name, got, true)


@pytest.mark.parametrize("name", [n for n, q in PAPER.quantities.items() if q.hidden and n not in WIDTHS])
def test_hidden_constants_are_where_the_paper_hides_them(name):
    """A factor scales the value; without it the value is the order, flagged."""
    q, point = quantity(name), draw(name)
    given = {x: point[x] for x in q.parameters}
    assert set(bounds.result(q, **given).unset) == {c.name for c in q.hidden}
    factors = [c.name for c in q.hidden if c.factor]
    if factors:
        lone = {c.name: 1 for c in q.hidden} | {factors[0]: 3}
        three = q.evaluate(**given, **lone, log10=True) - q.evaluate(**given, log10=True)
        assert three == pytest.approx(math.log10(3), abs=1e-9)
    assert bounds.result(q, **given, **{c.name: 2 for c in q.hidden}).unset == ()


def test_step_size_steps_and_movement_fit_together():
    """T(eta) at the theorem's eta is the theorem's T, and the contraction needs T of them; the same for SGD."""
    point = draw("fit")
    at = {x: point[x] for x in ("n", "d", "delta", "m", "eps")}
    for head, extra in (("", {}), ("sgd_", {"b": point["b"]})):
        more = {"L": point["L"], **extra}
        eta = quantity(f"{head}step_size").evaluate(**{x: at[x] for x in ("n", "d", "delta", "m")}, **more)
        by_step = quantity("iterations_at_step").evaluate(**at, eta=eta)
        steps = quantity(f"{head}iterations").evaluate(**{x: at[x] for x in ("n", "delta", "m", "eps")}, **more)
        assert by_step == pytest.approx(steps, rel=1e-12)
    chi = quantity("chi").evaluate(n=2, d=1, delta="1/2", m=8, eta="1/100")
    assert chi == 0.01
    assert quantity("contraction").evaluate(n=2, d=1, delta="1/2", m=8, eta="1/100") == 0.99
    assert quantity("contraction").evaluate(n=1, d=1, delta=1, m=8, eta=1) == -7  # a step beyond the theorem's


def test_no_steps_where_the_loss_is_reached_already():
    assert quantity("iterations").evaluate(n=1, L=2, delta="1/2", eps=1, m=2) == 0  # log 2 < 1
    assert quantity("iterations").evaluate(n=1, L=1, delta=1, eps="1/2", m=3) == pytest.approx(
        math.log(2 * math.log(3))
    )
    assert quantity("iterations_printed").evaluate(n=3, L=2, delta="1/2", eps=1) == 0


def test_values_by_hand():
    assert quantity("step_size").evaluate(n=2, L=3, d=5, delta="1/2", m=100) == 5 / 2 / (16 * 9 * 100)
    assert quantity("iterations_printed").evaluate(n=2, L=3, delta="1/2", eps="1/10") == pytest.approx(
        64 * 9 * 4 * math.log(10)
    )
    assert quantity("gradient_lower").evaluate(F_max=3, n=4, m=100, d=5, delta="1/5") == 3 * 0.2 * 100 / (5 * 4)
    assert quantity("sign_changes").evaluate(m=1000, L=3, omega="1/1000") == pytest.approx(30)
    assert quantity("forward_norm_failure").evaluate(n=3, L=2, m=100, eps="1/10") == pytest.approx(6 * math.exp(-0.5))
    assert quantity("cnn_tau").evaluate(delta="1/10", d_positions=25, L=4) == pytest.approx(1e-5)
    assert quantity("separateness").evaluate(delta="1/5") == 0.1
    assert quantity("resnet_spectral").evaluate() == 1.01
    assert quantity("resnet_forward_lower").evaluate() == pytest.approx(20**-0.5, rel=1e-15)
    assert quantity("resnet_forward_upper").evaluate() == 1.02
    assert quantity("resnet_tau_explicit").evaluate(L=1) == pytest.approx(1 / 284.2545807, rel=1e-9)


def test_the_radii_are_ordered_as_the_lemmas_are():
    """A6: Lemma 8.6's end is the smaller exactly where L > log m; Theorem 3's proof allows at least what is stated."""
    stated, added = quantity("semi_smoothness_radius"), quantity("semi_smoothness_radius_proof")
    for depth, m in ((2, 10**4), (9, 10**4), (10, 10**4), (40, 10**12), (20, 10**12)):
        assert (added.evaluate(L=depth, m=m) < stated.evaluate(L=depth, m=m)) == (depth > math.log(m))
    at = {"n": 5, "L": 3, "delta": "1/4"}
    for m in (3, 100, 10**9):
        assert quantity("gradient_radius_proof").evaluate(**at, m=m) >= quantity("gradient_radius").evaluate(**at, m=m)
    point = {"d": 3, "m": 10**6, "L": 4}
    low = quantity("semi_smoothness_radius_low").evaluate(**point)
    flips = quantity("sign_changes").evaluate(m=10**6, L=4, omega=low)
    assert flips == pytest.approx(quantity("sparsity_least").evaluate(d=3, m=10**6), rel=1e-12)
    end = quantity("semi_smoothness_radius_proof").evaluate(L=4, m=10**6)
    flips = quantity("sign_changes").evaluate(m=10**6, L=4, omega=end)
    assert flips == pytest.approx(quantity("intermediate_sparsity").evaluate(m=10**6, L=4), rel=1e-12)


def test_every_order_only_key_states_its_orders():
    for name, q in PAPER.quantities.items():
        exponential = q.hidden and all(not c.factor for c in q.hidden) and "failure" in name
        bounded = name in ("contraction", "probability", "delta_eff", "intermediate_sparse_left")
        logarithm = name in ("width_factor_convex_printed", "separateness_width")
        if q.order_only and not (exponential or bounded or logarithm):
            assert q.orders, name


@pytest.mark.parametrize("name", sorted(set(PAPER.quantities) - WIDTHS))
def test_orders_are_the_measured_slopes(name):
    """Along each letter to its far end, logarithms corrected for by a slowly growing base."""
    q = quantity(name)
    for letter, power in q.orders.items():
        point = {x: v for x, v in draw(name).items() if x in q.parameters} | {c.name: 1 for c in q.hidden}
        shrinks = letter in ("delta", "eps")
        logs = []
        for exponent in (2000, 4000):
            point[letter] = Fraction(1, 10**exponent) if shrinks else 10**exponent
            logs.append(q.evaluate(**point, log10=True))
        slope = (logs[1] - logs[0]) / 2000 * (-1 if shrinks else 1)
        # log m doubles from one point to the other: at most (log 2)/2000 a power of it
        assert slope == pytest.approx(float(power), abs=0.005), (letter, logs)


def test_arrays_and_exact_strings():
    q = quantity("movement")
    grid = q.evaluate(n=np.arange(1, 6)[:, None], d=2, delta=0.5, m=np.array([10.0, 100.0, 1e6]))
    assert grid.shape == (5, 3)
    assert grid[3, 1] == q.evaluate(n=4, d=2, delta="0.5", m=100)


def test_scenarios_state_the_figures():
    found = {s.name: {g.name: g.value for g in s.values} for s in PAPER.scenarios}
    assert sorted(found) == [f"fig{k}" for k in range(1, 8)]
    assert {k: v["L"] for k, v in found.items()} == {
        "fig1": 17, "fig2": 30, "fig3": 108, "fig4": 17, "fig5": 30, "fig6": 108, "fig7": 17
    }  # fmt: skip
    assert {k: v["outputs"] for k, v in found.items() if v["outputs"] == 100} == dict.fromkeys(
        ("fig2", "fig3", "fig4"), 100
    )
    assert all(v["samples"] == 50000 and v["eta"] == Fraction(1, 10) for v in found.values())


def test_layers():
    """L leaves out A: three hidden layers are L = 2."""
    assert PAPER.layers_offset == -1
    assert PAPER.parameters["L"].default.value == 2
    assert PAPER.activation == "relu"
