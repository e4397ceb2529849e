"""liu2020 against a second derivation from the paper's text, and against values worked out by hand."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from derive_liu2020 import DIGITS, reference

import bounds
from bounds.ball import precision

PAPER = bounds.papers()["liu2020"]
GAUSSIAN = {"shallow_kernel", "output_kernel", "output_hessian_limit", "output_hessian_lower"}
SOLVED = {"required_width", "required_width_tight"}
FORMULAS = sorted(set(PAPER.quantities) - GAUSSIAN - SOLVED)
KEYS = """
condition_number upper - printed no; radius upper - printed no; radius_square upper - printed no
step_size requires at_most printed no; contraction upper - printed no; iterations requires at_least derived no
solution_distance lower - printed no; transformed_mu lower - printed no; transformed_condition_number upper - derived no
transformed_condition_number_printed upper - printed no; radius_tight upper - derived no
radius_square_tight upper - derived no; sgd_radius upper - printed no; sgd_step_size requires at_most derived no
sgd_step_size_printed requires at_most printed no; sgd_contraction upper - printed no; kernel_change upper - printed no
hessian_threshold requires at_most printed no; step_size_hessian requires at_most printed no
hessian_threshold_linear requires at_most printed no; shallow_hessian_norm upper - printed no
shallow_kernel equal - printed no; sparse_hessian_norm upper - derived no; sparse_hessian_norm_proof upper - proved no
c_0 upper - printed no; init_output upper - printed no; C_b upper - proved no; C_b_printed upper - printed no
C_prime upper - proved no; C_prime_printed upper - printed no; hessian_norm upper - proved no
hessian_norm_tight upper - derived no; L_f_tight upper - derived no; L_f upper - printed no
width_order requires at_least printed yes; required_width requires at_least derived no
required_width_tight requires at_least derived no; output_hessian_limit equal - derived no
weight_norm upper - printed no
activation_norm upper - printed no; backward_norm upper - printed no; hessian_block upper - proved no
hessian_norm_printed upper - printed no"""


def q(name):
    return bounds.quantity(f"liu2020.{name}")


def point(seed, depth):
    """Exact values for every letter; mu < lambda_min and eta mu < 1."""
    rng = random.Random(f"{seed} {depth}")

    def draw(low, high):
        return low + (high - low) * Fraction(rng.randint(1, 63), 64)

    names = (
        "residual_0 residual_sup loss_0 beta beta_F gamma rho kappa L_Phi beta_Phi hessian beta_alpha s_P sigma_at_0"
    )
    values = {n: draw(0, 2) for n in names.split()}
    values |= {"L": depth, "l": rng.randint(1, depth - 1), "m": rng.choice([4, 64, 1024]), "n": rng.randint(1, 30)}
    values |= {"s": rng.randint(1, 5), "p": rng.randint(1, 99), "C_s": rng.randint(1, 4), "d": rng.randint(1, 9)}
    values |= {"R": draw(0, 9), "L_sigma": draw(0, 2), "beta_sigma": draw(0, 2), "C_x": draw(0, 2), "s_0": draw(1, 3)}
    values |= {
        "delta": draw(0, 1),
        "mu": draw(0, 1),
        "eta": draw(0, 1),
        "lambda_min": 1 + draw(0, 1),
        "eps": draw(0, 1),
    }
    return values | ({"c_0": draw(0, 4)} if seed % 2 else {})


def needed(name, values):
    """Those of ``values`` that the formula written out uses."""
    free = {s.name for s in q(name).expand(frozenset({"c_0"})).free_symbols}
    return {k: v for k, v in values.items() if k in free}


def off(got, true):
    with mp.workdps(DIGITS):
        return float(abs(mp.mpf(float(got)) - true) / abs(true)) if true else abs(float(got))


@pytest.mark.parametrize("row", KEYS.replace("\n", ";").strip("; ").split(";"))
def test_keys(row):
    name, side, direction, status, order_only = row.split()
    found = q(name)
    assert (found.side, found.direction or "-", found.status) == (side, direction, status)
    assert found.order_only == (order_only == "yes")


@pytest.mark.parametrize("depth", [2, 3, 4, 7])
@pytest.mark.parametrize("name", FORMULAS)
def test_second_derivation(name, depth):
    for seed in range(4):
        values = point(seed, depth)
        true = reference(values)[name]
        got = q(name).evaluate(**needed(name, values))
        assert off(got, true) < 1e-12, (seed, values)


@pytest.mark.parametrize("name", [n for n in FORMULAS if n.startswith(("C_", "hessian_n"))])
def test_certified_encloses_the_second_derivation(name):
    values = point(1, 5)
    ball = q(name).evaluate(certified=True, **needed(name, values))
    true = reference(values)[name]
    with precision(256), mp.workdps(DIGITS):
        assert mp.mpf(ball.lo) <= true * (1 + mp.mpf(10) ** -18)
        assert mp.mpf(ball.hi) >= true * (1 - mp.mpf(10) ** -18)


def test_deep_constants_by_hand():
    at = {"R": 5, "m": 25, "L_sigma": 2, "beta_sigma": 3, "c_0": 4, "s_0": 7, "C_x": 11}  # r = 1, q = 5
    # L = 2: C_b(1) = s_0 c_0 + R = 33, C' = 3 121 33 + 2 11 = 12001
    assert q("C_b").evaluate(L=2, l=1, **at) == 33
    assert q("C_prime").evaluate(L=2, **at) == 12001
    assert q("hessian_norm").evaluate(L=2, **at) == pytest.approx(4 * 12001 / 5, rel=1e-15)
    assert q("hessian_norm_tight").evaluate(L=2, **at) == pytest.approx(2 * 12001 / 5, rel=1e-15)
    # L = 3: C_b'(1) = R 2 5 + 7 3 R 2 4^2 5 11 + 4 2 R = 50 + 184800 + 40; C_b(1) = 7 2 16 + C_b'(1)
    assert q("C_b_change").evaluate(L=3, l=1, **at) == pytest.approx(184890, rel=1e-14)
    assert q("C_b").evaluate(L=3, l=1, **at) == pytest.approx(185114, rel=1e-14)
    # C' = 3 121 (185114 + 2^2 5^2 33) + 2^2 5 11
    assert q("C_prime").evaluate(L=3, **at) == pytest.approx(3 * 121 * (185114 + 3300) + 220, rel=1e-14)


def test_printed_constants_by_hand():
    at = {"R": 5, "L_sigma": 2, "beta_sigma": 3, "c_0": 4, "s_0": 7, "C_x": 11}  # c_0 + R = 9
    # L = 3: C_b'(1) = 2 4 5 + 7 3 2 9^3 11 + 4 2 5 = 40 + 336798 + 40
    assert q("C_b_change_printed").evaluate(L=3, l=1, **at) == pytest.approx(336878, rel=1e-14)
    assert q("C_b_printed").evaluate(L=3, l=1, **at) == pytest.approx(336878 + 224, rel=1e-14)
    # C' = 3 121 (2 (336878 + 224) + 2^3 81 33) + 4 9 11
    printed = q("C_prime_printed").evaluate(L=3, **at)
    assert printed == pytest.approx(3 * 121 * (2 * 337102 + 648 * 33) + 396, rel=1e-14)


def test_initialisation_alone():
    """R = 0, L_sigma = c_0 = 1: every path counts once, C_b = s_0 and C' = beta C_x^2 s_0 (L - 1) + C_x."""
    at = {"R": 0, "m": 9, "L_sigma": 1, "beta_sigma": 1, "c_0": 1, "s_0": 2, "C_x": 3}
    depths = np.arange(2, 3000, 7)
    np.testing.assert_allclose(q("C_prime").evaluate(L=depths, **at), 18 * (depths - 1) + 3, rtol=1e-12)
    # eq 73 has no factor R in its second term: there C_b'(l) = beta s_0 C_x (L - 1 - l) = 6 (L - 1 - l) even at R = 0
    at.pop("m")
    printed = 18 * (depths - 1) + 27 * (depths - 1) * (depths - 2) + 3
    np.testing.assert_allclose(q("C_prime_printed").evaluate(L=depths, **at), printed, rtol=1e-12)


def test_the_width_takes_the_radius_out():
    """As m grows r -> 0: C' is then its value at reach c_0, linear in R."""
    at = {"L": 5, "L_sigma": 1, "beta_sigma": 1, "c_0": 2, "s_0": 1, "C_x": 1}
    zero, one, two = (q("C_prime").evaluate(R=r, m=10**40, **at) for r in (0, 1, 2))
    assert two - one == pytest.approx(one - zero, rel=1e-12)
    assert q("hessian_norm").evaluate(R=1, m=10**40, **at) == pytest.approx(25 * one / 1e20, rel=1e-12)


@pytest.mark.parametrize("depth", [60, 300, 800])
@pytest.mark.parametrize("name", ["C_prime", "C_prime_printed", "C_b", "C_b_change_printed"])
def test_deep_networks(name, depth):
    for R, slope in (
        (Fraction(1, 10**9), Fraction(1)),
        (Fraction(1, 3), Fraction(999, 1000)),
        (Fraction(2), Fraction(1, 3)),
    ):
        values = point(0, 3) | {"L": depth, "l": depth // 2, "R": R, "m": 10**6, "L_sigma": slope, "c_0": Fraction(1)}
        true = reference(values)[name]
        if abs(mp.log10(true)) < 300:
            assert off(q(name).evaluate(**needed(name, values)), true) < 1e-12
        with mp.workdps(DIGITS):
            assert q(name).evaluate(log10=True, **needed(name, values)) == pytest.approx(
                float(mp.log10(true)), rel=1e-9
            )


def test_layers_and_depths_broadcast():
    at = {"R": 0.7, "m": 50, "L_sigma": 0.9, "beta_sigma": 0.5, "s_0": 2, "C_x": 1}
    depths, layers = np.array([[6], [9], [30]]), np.array([1, 2, 5])
    got = q("C_b").evaluate(L=depths, l=layers, **at)
    assert got.shape == (3, 3)
    for (i, j), found in np.ndenumerate(got):
        assert found == pytest.approx(q("C_b").evaluate(L=int(depths[i, 0]), l=int(layers[j]), **at), rel=1e-13)


def test_a_layer_that_is_not_hidden_is_refused():
    for name, more in (("C_b", {"m": 4}), ("C_b_printed", {}), ("C_b_change", {"m": 4})):
        with pytest.raises(bounds.TheoryError, match="l <= L - 1"):
            q(name).evaluate(L=3, l=3, R=1, L_sigma=1, beta_sigma=1, s_0=1, C_x=1, **more)
    with pytest.raises(bounds.TheoryError, match="L >= 2"):
        q("C_prime").evaluate(L=1, R=1, m=4, L_sigma=1, beta_sigma=1, s_0=1, C_x=1)


def test_a_linear_network_does_not_overflow_into_nan():
    at = {"R": 1, "m": 4, "L_sigma": 1, "c_0": Fraction(5, 2), "s_0": 1, "C_x": 1, "beta_sigma": 0}
    assert q("C_prime").evaluate(L=np.array([600, 500]), **at) == pytest.approx(3.0 ** np.array([598, 498]), rel=1e-12)


def test_iterations_and_their_edges():
    assert q("iterations").evaluate(eta=1, mu=Fraction(1, 2), loss_0=1, eps=Fraction(1, 8)) == 3
    assert q("iterations").evaluate(eta=1, mu=Fraction(1, 2), loss_0=1, eps=Fraction(1, 9)) == 4
    assert q("iterations").evaluate(eta=1, mu=Fraction(1, 2), loss_0=1, eps=2) == 0
    with pytest.raises(bounds.TheoryError, match="eta mu < 1"):
        q("iterations").evaluate(eta=2, mu=1, loss_0=1, eps=2)


def test_every_level_can_be_given():
    assert q("condition_number").evaluate(L_F=3, beta_F=2, residual_sup=5, mu=1) == 19
    assert q("step_size").evaluate(L_F=2, beta_F=3, residual_0=4) == 1 / 16
    assert q("L_F").evaluate(n=9, L_f=2) == 6
    assert q("L_F").evaluate(n=9, L=2, L_sigma=1, c_0=1, C_x=1) == 12  # L_f = 2 2
    assert q("weight_norm").evaluate(m=16, R=2) == 14  # c_0 = 3 unless given
    assert q("init_output").evaluate(L=3, activation="tanh", C_x=1, delta="1/4") == 18  # 3^2/sqrt(1/4)


@pytest.mark.parametrize(
    ("activation", "x", "expected"),
    [
        ("identity", 3, 9),
        ("relu", 2, 2),  # half the neurons are on
        ("sin", Fraction(1, 2), (1 + math.exp(-0.5)) / 8),  # E cos^2(xz) = (1 + exp(-2 x^2))/2
        ("erf", 1, 4 / math.pi / math.sqrt(5)),  # (4/pi) E exp(-2 z^2) = (4/pi)/sqrt(5)
    ],
)
def test_shallow_kernel(activation, x, expected):
    assert q("shallow_kernel").evaluate(x=x, activation=activation) == pytest.approx(expected, rel=1e-12)
    f = Fraction(6, 5)
    limit = q("output_hessian_limit").evaluate(x=x, f=f, activation=activation, output_activation="sin")
    assert limit == pytest.approx(math.sin(1.2) * expected, rel=1e-12)
    kernel = q("output_kernel").evaluate(x=x, f=f, activation=activation, output_activation="sin")
    assert kernel == pytest.approx(math.cos(1.2) ** 2 * expected, rel=1e-12)
    lower = q("output_hessian_lower").evaluate(x=x, f=f, activation=activation, output_activation="sin", hessian=10)
    assert lower == pytest.approx(math.sin(1.2) * expected - 10 * math.cos(1.2), rel=1e-12)


def test_orders():
    assert q("width_order").hidden[0].name == "C"
    found = bounds.result(q("width_order"), n=3, mu=1, lambda_min=2, L=2)
    assert (found.value, found.unset) == (3.0, ("C",))
    assert q("width_order").evaluate(n=3, mu=Fraction(1, 2), lambda_min=1, L=2, C=2) == 3 * 2 * 2**14 * 4
    assert q("width_order_half").evaluate(n=3, lambda_min=Fraction(1, 2), L=2) == 3 * 2**16


def test_experiment():
    (scenario,) = PAPER.scenarios
    assert scenario.name == "fig2"
    given = {g.name: g.value for g in scenario.values}
    assert (given["samples"], given["depth"], given["width"], given["activation"]) == (20, 2, 10_000, "relu")
    assert PAPER.layers_offset == 1
