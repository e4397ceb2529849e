"""What the statements need, as conditions."""

from __future__ import annotations

import sympy

from bounds.forms import above, at_least, at_most
from bounds.model import Condition
from bounds.papers.liu2020.letters import symbol

L, l, m, d, mu, lambda_min, eta = (symbol(x) for x in ("L", "l", "m", "d", "mu", "lambda_min", "eta"))

SQUARE = Condition("square loss", "the loss is 1/2 ||F(w) - y||^2, a sum over the samples")
UNIFORM = Condition("Definition 4.2", "lambda_min(K(w)) >= mu everywhere in the ball")
PL = Condition("PL*", "1/2 ||grad loss||^2 >= mu loss everywhere in the ball (Definition 2.2)")
SMOOTH_LOSS = Condition("smooth loss", "the loss is beta-smooth in the ball")
SMOOTH_SAMPLES = Condition(
    "smooth samples", "the loss is a sum of sample losses, each >= 0 and gamma-smooth in the ball"
)
SGD_STEP = Condition(
    "eta*",
    "the step is Theorem 4.4's eta* or smaller",
    lambda: at_most(eta, symbol("sgd_step_size")),
    "give an eta of at most sgd_step_size",
)
SMALL_STEP = Condition(
    "step size", "the step is at most one over the largest eigenvalue of the loss Hessian in the ball"
)
BELOW = Condition("mu < lambda_min", "0 < mu < lambda_min(K_0)", lambda: above(lambda_min, mu), "give a smaller mu")
RATE = Condition(
    "eta mu < 1",
    "the step is below 1/mu, so that the loss bound is positive",
    lambda: above(sympy.S.One, eta * mu),
    "give a smaller step",
    essential=True,
)
INVERTIBLE = Condition("eq 16", "||J_Phi^-1|| <= 1/rho in the ball; for an output non-linearity, |phi'| >= rho there")

IN_BALL = Condition(
    "ball", "sum_l ||W^(l) - W_0^(l)||_F <= R; a Euclidean ball of radius r lies in the one of sqrt(L) r"
)
INITIAL = Condition("Assumption 7.1", "||W_0^(l)||_2 <= c_0 sqrt(m) in every layer")
SPREAD = Condition("Assumption 7.2", "no entry of b_0^(l) exceeds s_0/sqrt(m) ||b_0^(l)||")
GAUSSIAN_INIT = Condition("Lemma 7.2", "all initial weights are independent N(0, 1)")
GAUSSIAN_TOP = Condition("Lemma 7.3", "the last layer's initial weights are N(0, 1), independent of all others")
TWICE = Condition(
    "activation",
    "sigma is L_sigma-Lipschitz and beta_sigma-smooth",
    lambda: at_least(symbol("beta_sigma"), 0),  # decided by whether the activation has such a constant: relu has none
    "use an activation with a bounded second derivative",
)
ZERO = Condition(
    "sigma(0) = 0",
    "the activation vanishes at 0, which the proofs use and the paper does not say (erratum L9)",
    lambda: at_most(symbol("sigma_at_0"), 0),
    "subtract sigma(0), for example --activation '1/(1+exp(-z))-1/2'",
)
DEEP = Condition("L >= 2", "there is a hidden layer", lambda: at_least(L, 2), "use L >= 2", essential=True)
HIDDEN = Condition(
    "l <= L - 1",
    "the layer is a hidden one",
    lambda: at_most(l, L - 1),
    "use l <= L - 1",
    essential=True,
)
WIDE = Condition("m > d", "the width exceeds the input dimension (Lemma 7.2)", lambda: above(m, d), "widen the network")
NEAR = Condition(
    "m > R^2", "the width exceeds the squared radius", lambda: above(m, symbol("R") ** 2), "widen the network"
)
SHALLOW = Condition("eq 24", "one hidden layer, one-dimensional input, fixed v_i = +-1, trainable w_i")
GAUSSIAN_UNITS = Condition("initialisation of eq 24", "the w_i are independent N(0, 1)")
SPARSE = Condition(
    "eq 27", "f = (1/s(P)) sum_p v_p alpha_p, |v_p| <= 1; a unit has C_s parameters, a parameter C_s units, at most"
)
NONLINEAR = Condition("Remark 6.3", "f depends on every parameter, and on none only through linear units")

NETWORK = (TWICE, ZERO, INITIAL, IN_BALL)
CURVED = (*NETWORK, SPREAD, DEEP)
