"""song2021: which assumptions its quantities carry, and where they fail."""

from __future__ import annotations

import pytest

import bounds
from bounds.errors import NotApplicable

PAPER = bounds.papers()["song2021"]


def quantity(name):
    return bounds.quantity(f"song2021.{name}")


def states(q, **values):
    return {c.condition.name: c.state for c in q.check(**values)}


def test_relu_is_covered_by_no_width():
    widths = [q for q in PAPER.quantities if q.startswith("required_width")]
    assert len(widths) == 5
    for name in [*widths, "failure_probability", "lazy_gap", "lazy_gap_large_readout", "chi_trajectory"]:
        with pytest.raises(NotApplicable, match="kink"):
            bounds.result(quantity(name), defaults=True, activation="relu")
    # the bound of mu_Phi needs no second derivative
    at = {"omega_1": 1, "delta_1": "1/2", "t": 2, "d_1": 9, "sigma_min_Xt": 1}
    assert bounds.result(quantity("mu_Phi_lower"), activation="relu", **at).applicable


def test_a_trajectory_needs_mu_Phi_of_the_printed_kind():
    at = dict.fromkeys(("omega_2", "sigma_max_X", "sigma_min_Xt", "d_1", "n"), 1) | {"r_2": 0, "activation": "tanh"}
    for name in ("chi_trajectory", "lazy_gap_large_readout", "lazy_gap_large_readout_printed"):
        q = quantity(name)
        found = states(q, omega_1="1/2", r_1="1/2", t=2, **at)
        assert (found["r_1"], found["r_2"], found["c_t != 0"]) == (False, True, False)
        found = states(q, omega_1="1/2", r_1=1, t=3, **at)
        assert (found["r_1"], found["r_2"], found["c_t != 0"]) == (True, True, True)


def test_too_few_hidden_units_have_no_mu_Phi():
    at = {"omega_1": 1, "activation": "gelu", "delta_1": "1/2", "t": 2, "sigma_min_Xt": 1, "n": 10, "d_0": 30}
    for name, more in (("mu_Phi_lower", {}), ("mu_Phi_lower_printed", {"r_1": 1})):
        for d_1, good in ((9, False), (10, True)):
            assert states(quantity(name), d_1=d_1, **at, **more)["d_1 >= n"] is good


def test_theorem_2_pairs_start_and_step():
    named = {n: [c.name for c in q.assumptions] for n, q in PAPER.quantities.items()}
    both = {"initial loss", "learning rate"}
    for tail in ("", "_direct", "_sharp"):
        assert both & set(named[f"gd_condition{tail}"]) == {"learning rate"}
        assert both & set(named[f"flow_condition{tail}"]) == set()
    for name in ("step_size", "step_size_explicit", "step_size_loss", "flow_rate"):
        assert both & set(named[name]) == {"initial loss"}
    assert both <= set(named["contraction"]) & set(named["iterations"])
    # Lemma 4's 3 nu_Phi/2 is at least nu_Phi + mu_Phi/2 only then
    at = {"beta_Phi": 1, "grad_f_0": 1, "beta_f": 1, "h_0": 1}
    for name in ("step_size", "step_size_explicit", "step_size_loss"):
        given = {x: at[x] for x in at if x in quantity(name).parameters}
        assert states(quantity(name), mu_Phi=2, nu_Phi=1, **given)["mu_Phi <= nu_Phi"] is False
