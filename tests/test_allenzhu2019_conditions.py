"""allenzhu2019's conditions: which the values decide, which each lemma states, and the ends of the domains."""

from __future__ import annotations

import bounds

PAPER = bounds.papers()["allenzhu2019"]


def quantity(name):
    return PAPER.quantities[name]


def states(name, **values):
    """Assumption name -> whether it holds at the values."""
    return {c.condition.name: c.state for c in quantity(name).check(**values)}


def test_conditions_that_the_values_decide():
    """Theorem 4's change inside the ball, Claim 8.3's largest entry, a batch of the samples, q of the positions."""
    point = {"n": 4, "F": 1, "L": 2, "m": 100, "d": 1, "omega": "1/50"}
    for change, inside in (("1/50", True), ("1/49", False)):
        for tail in ("", "_printed"):
            assert states(f"semi_smoothness{tail}", **point, perturbation=change)["||W'||_2 <= omega"] is inside
    for entry, small in (("1/40", True), ("1/39", False)):  # 1/(4 sqrt(100))
        for name in ("claim_sign_changes", "claim_change_norm"):
            assert states(name, m=100, delta_2=1, delta_inf=entry)["Claim 8.3"] is small
    for batch, within in ((4, True), (5, False)):
        assert states("sgd_step_size", n=4, L=2, d=1, delta="1/2", m=100, b=batch)["b <= n"] is within
        assert bounds.required_width("allenzhu2019.sgd_required_width", n=4, b=batch).applicable is within
    for q, fits in ((9, True), (10, False)):
        assert states("cnn_tau_limit", eps=1, q=q, d_positions=9, L=2)["q <= d_positions"] is fits
        assert states("cnn_forward_norm_sq", L=2, tau=1, q=q, d_positions=9)["q <= d_positions"] is fits
    assert states("relu_separation", delta="1/6")["Claim 7.6"] is True
    assert states("relu_separation", delta="1/5")["Claim 7.6"] is False


def test_every_lemma_has_its_conditions():
    """Those of Lemmas 7.3 to 7.5, 8.7, Claim 8.5, Theorems 3 to 5 that only hidden constants decide."""
    needs = {
        "width, products": "intermediate_norm intermediate_sparse_right intermediate_sparse_left "
        "intermediate_sparse_both intermediate_failure sparse_failure backward_norm backward_sparse",
        "output dimension": "backward_norm backward_change backward_change_sparse",
        "sparsity": "intermediate_sparse_both claim_sparse_dense claim_sparse_spread backward_change",
        "width": "separateness separateness_failure step_size sgd_step_size",
        "Assumption 2.4": "gradient_upper gradient_lower fixed_gradient_lower gradient_drift semi_smoothness",
        "omega": "forward_change semi_smoothness ntk_gradient_gap ntk_kernel_gap ntk_output_gap output_difference",
        "omega, kernel": "ntk_kernel_gap",
    }
    for condition, names in needs.items():
        for name in names.split():
            assert condition in [c.name for c in quantity(name).assumptions], (condition, name)
    (wide,) = [c.text for c in quantity("sgd_step_size").assumptions if c.name == "width"]
    assert "sgd_required_width" in wide


def test_at_initialisation_and_at_zero_loss():
    """A radius of 0 and a loss of 0 are points of the theorems' domains."""
    at = {"n": 4, "L": 2, "m": 100, "d": 1}
    assert quantity("semi_smoothness").evaluate(**at, F=0, omega="1/2", perturbation="1/2") == 4 * 4 * 100 / 4
    assert quantity("semi_smoothness").evaluate(**at, F=1, omega=0, perturbation=0) == 0
    assert quantity("gradient_upper").evaluate(**at, F=0) == 0
    assert quantity("gradient_lower").evaluate(F_max=0, n=4, m=100, d=1, delta="1/2") == 0
    assert quantity("sign_changes").evaluate(m=100, L=2, omega=0) == 0
    assert quantity("claim_change_norm").evaluate(m=16, delta_2=2, delta_inf=0) == 2
