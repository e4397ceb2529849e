"""The hidden constants and assumptions of the paper."""

from __future__ import annotations

import sympy

from bounds.forms import above, at_least, at_most
from bounds.model import Condition, HiddenConstant
from bounds.papers.song2021.letters import symbol

C = HiddenConstant("C", "the universal constant of the paper's order notation", "C")
INNER_C = HiddenConstant("C", "the universal constant of the paper's order notation", "C", factor=False)
ANY_C = HiddenConstant("C", "the least of the universal constants in its exponents", "C", factor=False)
C_SIDE = HiddenConstant(
    "C_4", "the constant of the concentration (S4), (omega_1 sup|phi'|/c_t(omega_1))^2 t! included", "C_4"
)

BASIC = Condition("Assumption 1", "Phi is twice differentiable and beta_Phi-smooth; f is alpha_f-PL with least value 0")
SMOOTH_LOSS = Condition("beta_f-smooth loss", "f is beta_f-smooth (Theorem 2)")
NEAR = Condition(
    "near-isometry",
    "sigma_min of grad Phi*(w_0) is at least mu_Phi > 0",
    lambda: above(symbol("mu_Phi"), 0),
    "a wider network, or a t with c_t != 0",
)
ORDERED = Condition(
    "mu_Phi <= nu_Phi", "sigma_min <= sigma_max (Definition 1)", lambda: at_most(symbol("mu_Phi"), symbol("nu_Phi"))
)
SMALL_STEP = Condition("learning rate", "eta is at most step_size, step_size_explicit or step_size_loss (Theorem 2)")
SMALL_START = Condition("initial loss", "h_0 meets a gd_condition, so that descent stays in the ball (Theorem 2)")
FLOW_START = Condition("initial loss", "h_0 meets a flow_condition, so that the flow stays in the ball (Theorem 1)")
SHALLOW = Condition(
    "Assumption 2", "phi twice differentiable, sup|phi'| and sup|phi''| finite; unit columns of X; ||Y|| <= 1"
)
TWICE = Condition(
    "phi''",
    "the activation has a bounded second derivative (Assumption 2; relu has none, Remark 2)",
    lambda: at_least(symbol("phi2_max"), 0),
    "a smooth approximation, as gelu",
)
FEW_OUTPUTS = Condition("few outputs", "d_2 is at most of the order of d_1 (eq 69)")
AT_ZERO = Condition(
    "phi(0) = 0",
    "the activation vanishes at 0 (Assumption 2; sigmoid and softplus do not, erratum S2)",
    lambda: at_most(symbol("phi_0"), 0),
    "subtract phi(0), as in sigmoid(z) - 1/2",
)
BOUNDED = Condition("bounded readout", "sigma_max(V_k) <= chi_max at every step (Assumption 2)")
GAUSSIAN_INIT = Condition("initialisation", "W_0 ~ N(0, omega_1^2), V_0 ~ N(0, omega_2^2) entrywise (eq 17)")
NOT_ODD = Condition(
    "c_0 != 0",
    "the activation has a mean: c_0 = E phi(z) != 0 (App E.7, footnote 5; 0 gives a spurious width of 0, erratum S2)",
    lambda: above(sympy.Abs(symbol("c_0")), 0),
    "use required_width_direct, which does not need it",
)
OTHER_T = "another t: odd for an odd activation, even (or 1) for gelu, softplus, relu"
HERMITE_T = Condition(
    "c_t != 0",
    "the Hermite coefficient of order t does not vanish (erratum S2)",
    lambda: above(sympy.Abs(symbol("c_t")), 0),
    OTHER_T,
)
HERMITE_SCALED = Condition(
    "c_t(omega_1) != 0",
    "the Hermite coefficient of order t of phi(omega_1 z) does not vanish (erratum S2)",
    lambda: above(sympy.Abs(symbol("c_t_scaled")), 0),
    OTHER_T,
)
POWER_RANK = Condition(
    "binom(d_0 + t - 1, t) >= n",
    "X^{*t} can have full column rank (erratum S12)",
    lambda: at_least(symbol("power_rank"), symbol("n")),
    "a larger t",
)
SMALL_OMEGA = Condition(
    "omega_1 <= 1",
    "r_1 and r_2 are defined for scaling down; above 1 they swap (erratum S5)",
    lambda: at_most(symbol("omega_1"), 1),
    "use the variants in c_t(omega_1)",
)
SCALING_LOW = Condition(
    "r_1",
    "tau^r_1 |phi(a)| <= |phi(tau a)| for all a and 0 < tau < 1, or omega_1 = 1 (Theorem 3)",
    lambda: at_most(symbol("scaling_low"), 0),
    "omega_1 = 1, or a larger r_1",
)
SCALING_HIGH = Condition(
    "r_2",
    "|phi(tau a)| <= tau^r_2 |phi(a)| for all a and 0 < tau < 1, or omega_1 = 1 (Theorem 3); no r_2 exists for gelu, "
    "silu, sigmoid, softplus (erratum S7)",
    lambda: at_most(symbol("scaling_high"), 0),
    "omega_1 = 1, or a smaller r_2",
)
EXPONENTS = Condition(
    "r_1, r_2",
    "exponents with tau^r_1 |phi(a)| <= |phi(tau a)| <= tau^r_2 |phi(a)| exist, or omega_1 = 1 (Theorem 3, erratum S7)",
    lambda: at_most(symbol("scaling_missing"), 0),
    "omega_1 = 1",
)
SCALE = Condition("initial scale", "omega_1 omega_2 <= C/(sup|phi'| sqrt(d_0 d_1) log d_1) (eq 74)")
SAMPLES = Condition(
    "d_1 >= n",
    "phi(W_0 X) can have n singular values away from 0 (Lemma 3; missing in Theorem 3, erratum S6)",
    lambda: at_least(symbol("d_1"), symbol("n")),
)
DOMINANT = Condition("dominant c_0", "|c_0| sqrt(n) dominates nu_Phi (App E.7)")
CONCENTRATED = Condition("concentration", "M_0 is within delta_1, delta_2 of its mean (App E.2; see erratum S4)")


def essential(condition: Condition) -> Condition:
    """The same condition where the formula divides by what it keeps from 0."""
    return Condition(condition.name, condition.text, lambda: condition.relation, condition.remedy, essential=True)
