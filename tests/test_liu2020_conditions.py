"""What liu2020's statements assume: where they apply, and what decides it."""

from __future__ import annotations

from fractions import Fraction

import pytest

import bounds


def q(name):
    return bounds.quantity(f"liu2020.{name}")


def assumed(name):
    return {c.name for c in q(name).assumptions}


def test_backward_norm_needs_a_hidden_layer_and_no_more():
    """Lemma F.5: b^(l), l <= L - 1, holds derivatives of sigma only, so that sigma(0) does not matter."""
    at = {"L": 3, "R": 0, "m": 4, "c_0": 2}
    with pytest.raises(bounds.TheoryError, match="l <= L - 1"):
        q("backward_norm").evaluate(l=3, L_sigma=1, **at)
    found = bounds.result(q("backward_norm"), l=1, activation="sigmoid", **at)
    assert (found.value, found.reasons) == (1, ())  # 1/4 2^2
    assert bounds.result(q("layer_gradient"), activation="sigmoid", C_x=1, **at).reasons


def test_the_rate_of_sgd_holds_up_to_its_step():
    """gamma = 1, n = 2, s = mu = 1: eta* = 1/2; beyond it the factor 1 - eta + eta^2 exceeds 1 - eta/2."""
    at = {"mu": 1, "s": 1, "n": 2, "gamma": 1}
    for eta in (Fraction(1, 4), Fraction(1, 2)):
        found = bounds.result(q("sgd_contraction"), eta=eta, **at)
        assert found.reasons == ()
        assert 1 - eta + eta**2 <= found.value
    assert any("eta*" in r for r in bounds.result(q("sgd_contraction"), eta=Fraction(3, 4), **at).reasons)
    names = {c.name for name in ("sgd_radius", "sgd_step_size", "sgd_contraction") for c in q(name).assumptions}
    assert names == {"PL*", "smooth samples", "eta*"}


def test_what_the_statements_assume():
    """Theorem 4.2(c) starts from PL*; Lemma 7.3 is about W_0; eq 26 averages over w ~ N(0, 1); Remark 6.3."""
    assert assumed("step_size") == {"PL*", "square loss"}
    assert "ball" not in assumed("init_output")
    assert {"sigma(0) = 0", "Assumption 7.1", "Lemma 7.3"} <= assumed("init_output")
    for name in ("shallow_kernel", "output_kernel", "output_hessian_limit"):
        assert "initialisation of eq 24" in assumed(name)
    assert assumed("sparse_units") == assumed("sparse_units_safe") == {"Remark 6.3"}
    assert "PL*" in assumed("radius_network")


def test_a_linear_model_is_no_counterexample():
    """f = w_1 + .. + w_9 has one (linear) unit and an empty Hessian: without the proviso 1 >= 9 is false."""
    assert q("sparse_units").evaluate(p=9, C_s=1) > 1
    assert "none only through linear units" in q("sparse_units").assumptions[0].text


@pytest.mark.parametrize(
    ("name", "m", "expected"),
    [
        ("C_b_change", 25, 184890),
        ("C_b", 25, 185114),
        ("C_prime", 25, 3 * 121 * (185114 + 3300) + 220),
        ("C_b_change_printed", None, 336878),
        ("C_b_printed", None, 337102),
        ("C_prime_printed", None, 3 * 121 * (2 * 337102 + 648 * 33) + 396),
    ],
)
def test_the_formula_shown_is_the_one_evaluated(name, m, expected):
    """The sums as displayed, term by term, at the values worked out by hand in test_liu2020.py (L = 3, l = 1)."""
    at = {"L": 3, "R": 5, "m": m, "L_sigma": 2, "beta_sigma": 3, "c_0": 4, "s_0": 7, "C_x": 11, "l": 1}
    shown = q(name).expand(frozenset({"c_0"}))
    numbers = {s: at[s.name] for s in shown.free_symbols}
    assert shown.subs(numbers).doit() == expected
