"""The errata of the paper, each with a demonstration that runs."""

from __future__ import annotations

from collections.abc import Callable

from bounds.model import Demonstration, Erratum
from bounds.papers.liu2020 import counterexamples, examples, identities
from bounds.papers.liu2020.letters import at


def _erratum(
    name: str,
    place: str,
    kind: str,
    printed: str,
    proved: str,
    text: str,
    demonstrate: Callable[[], Demonstration],
    quantities: str = "",
) -> Erratum:
    return Erratum(name, at(place), printed, proved, text, kind, demonstrate, tuple(quantities.split()))


ERRATA = (
    _erratum(
        "L1",
        "Theorem 6.1",
        "wrong",
        r"\|H\|_2<C/s(P),\ C=C_s^3\beta_\alpha/s(P)",
        r"\|H\|_2\le C_s\beta_\alpha/s(P)",
        "s(P) is divided by twice; the proof has it once, and quadratic forms give C_s in place of C_s^3, which is"
        " attained.",
        counterexamples.sparse_model,
        "sparse_hessian_norm_printed sparse_hessian_norm_proof sparse_hessian_norm",
    ),
    _erratum(
        "L2",
        "eqs 73, 104, 105",
        "wrong",
        r"L_\sigma^{L-l-1}c_0^{L-l-1}R",
        r"L_\sigma^{L-l-1}(c_0+R/\sqrt m)^{L-l-1}R",
        "Lemma F.5 bounds b^(l) in the ball by powers of c_0 + R/sqrt(m), not of c_0; (104) and (105) also drop a "
        "factor R that (103) has.",
        counterexamples.backward_drift,
        "C_b_change_printed C_b_change C_b_printed C_b",
    ),
    _erratum(
        "L3",
        "Theorem 7.2, Corollary 7.1",
        "wrong",
        r"L_f",
        r"L_F\le\sqrt n\,L_f",
        "Corollary 5.1 needs the Lipschitz constant of the n-dimensional map; with the scalar network's, gradient "
        "descent diverges. The residual grows like sqrt(n) too, so that the printed n hides powers of n.",
        counterexamples.scalar_step,
        "step_size_network step_size_hessian radius_network radius_square",
    ),
    _erratum(
        "L4",
        "eqs 39-41",
        "slip",
        r"\phi''(f)x^2\,\mathbb E[v\,\phi'^2(wx)]",
        r"|\phi''(f)|x^2\,\mathbb E[v^2\sigma'(wx)^2]",
        "The hidden layer's derivatives are sigma's, the mean is over v^2, and norms need absolute values.",
        examples.output_derivatives,
        "output_hessian_limit",
    ),
    _erratum(
        "L5",
        "Lemma F.8, eqs 82-86",
        "wrong",
        r"\beta_\sigma L_\sigma^{l'}(c_0+R/\sqrt m)^{l'-1}C_x",
        r"\beta_\sigma L_\sigma^{l'-1}(c_0+R/\sqrt m)^{l'-1}C_x",
        "The second derivative meets the preactivations' change, (77), not the activations', (78): one power of "
        "L_sigma too many, and too small a bound for L_sigma < 1.",
        counterexamples.flat_activation,
        "C_prime_printed C_prime hessian_norm_printed hessian_norm",
    ),
    _erratum(
        "L6",
        "Theorem 7.1 with Theorem 4.2, eq 103",
        "gap",
        r"B(w_0,R)\text{ in both}",
        r"R_s=\sqrt L\,R",
        "Theorem 7.1's ball is in the sum of the layers' Frobenius norms, Theorem 4.2's in the Euclidean norm: it "
        "lies in the other only for a radius sqrt(L) times larger.",
        counterexamples.ball_norms,
        "radius_square radius_layers preactivation_change",
    ),
    _erratum(
        "L7",
        "eqs 83, 67, 30",
        "loose",
        r"O(R^{3L})/\sqrt m",
        r"O(R)/\sqrt m\text{ for }R\le\sqrt m",
        "Eq 83 replaces R/sqrt(m) by R. Kept, the bound is linear in R, and with mu = lambda_min/2 the width grows"
        " like lambda_min^-6 whatever L, where eq 32 prints lambda_min^-(6L+4).",
        identities.growth_in_radius,
        "C_prime_printed C_prime width_order required_width hessian_order",
    ),
    _erratum(
        "L8",
        "Theorem 4.3(b), Corollary 8.1",
        "wrong",
        r"\kappa_F/\rho^2",
        r"(L_\Phi^2L_F^2+(L_\Phi\beta_F+\beta_\Phi L_F^2)\sup\|\Phi(F)-y\|)/(\mu\rho^2)",
        "The numerator of the condition number changes with Phi too: its Jacobian and its second derivative are "
        "left out.",
        examples.scaled_output,
        "transformed_condition_number_printed transformed_condition_number",
    ),
    _erratum(
        "L9",
        "Lemma F.4 and all that follows",
        "gap",
        r"\|\alpha^{(l)}\|\le q^l\sqrt m\,C_x",
        r"\sqrt m\,(q^lC_x+|\sigma(0)|\sum_{i<l}q^i),\ q=L_\sigma(c_0+R/\sqrt m)",
        "|sigma(z)| <= L_sigma |z| needs sigma(0) = 0, which is not assumed: sigmoid and softplus are not covered.",
        counterexamples.nonzero_origin,
        "activation_norm activation_norm_shifted",
    ),
    _erratum(
        "L10",
        "Assumption 7.2",
        "gap",
        r"s_0=O(1)",
        r"s_0\approx\sqrt{2\log m}",
        "Under Gaussian initial weights the largest entry of b_0^(L-1) = a_0/sqrt(m) is about sqrt(2 log m) times "
        "its root mean square: a logarithm in Theorem 7.2.",
        counterexamples.dominance_growth,
        "C_b required_width",
    ),
    _erratum(
        "L11",
        "Theorem 4.2(b)",
        "gap",
        r"\kappa_{\mathcal L,F}=1/(\eta\mu)",
        r"\text{for the square loss only}",
        "The definition divides by lambda_min(K), the rate needs the PL* constant; they agree for the square loss.",
        examples.scaled_loss,
        "contraction condition_number",
    ),
    _erratum(
        "L12",
        "Theorem 4.4",
        "loose",
        r"\eta^*=n\mu/(n\gamma(n^2\gamma+\mu(s-1)))",
        r"\eta^*=\mu/(\gamma(n\gamma+\mu(s-1)))",
        "About n times too small (exactly at s = 1): the smoothness n gamma of the sum is counted twice. That the "
        "iterates stay in the ball, given PL* in the ball only, is asserted and not proved.",
        identities.stochastic_step,
        "sgd_step_size_printed sgd_step_size",
    ),
    _erratum(
        "L13",
        "Corollary 5.1",
        "gap",
        r"\eta\le 2\sqrt n L_F^2/(2\sqrt n L_F^4+(\lambda_{\min}-\mu)\mu)",
        r"\eta\le1/L_F^2",
        "beta_F <= sqrt(n) ||H|| in Theorem 4.2(c) gives a smaller step for n >= 5. The conclusion holds for every"
        " eta <= 1/L_F^2, by following the kernel along the path.",
        examples.controlled_step,
        "step_size_hessian step_size_proved",
    ),
    _erratum(
        "L14",
        "Theorem 4.2, eq 58",
        "loose",
        r"R=2\sqrt{2\beta\mathcal L(w_0)}/\mu",
        r"2\sqrt{2\mathcal L(w_0)/\mu};\quad 2\|F(w_0)-y\|/\sqrt\mu",
        "Summing the decrease of sqrt(loss) gives a path without beta or L_F. It covers smaller steps (Remark "
        "4.4), where the third line of (58) fails.",
        examples.path_length,
        "radius radius_tight radius_square radius_square_tight",
    ),
    _erratum(
        "L15",
        "Proposition 3.1",
        "wrong",
        r"\nabla F(w^*)\neq0",
        r"\mathrm{rank}\,\nabla F(w^*)=n",
        "False for n >= 2: the component whose Hessian has the rank need not be the one whose gradient does not "
        "vanish.",
        examples.convex_system,
    ),
    _erratum(
        "L16",
        "Section 3, after eq 9",
        "wrong",
        r"\mathrm{rank}\,H_F>1",
        r"\mathrm{rank}\,H_F>2",
        "A Hessian of rank two may vanish on the kernel of the gradient.",
        examples.convex_quotient,
    ),
    _erratum(
        "L17",
        "Remark 4.2",
        "wrong",
        r"\lambda_{\max}(K)/\lambda_{\min}(K)\le\kappa_F",
        r"\text{not in general}",
        "The residual times the second derivative may be negative and outweigh the kernel.",
        examples.negative_condition,
        "condition_number",
    ),
    _erratum(
        "L18",
        "Proposition 6.1, eq 63",
        "slip",
        r"|S_p|\le C_s",
        r"|S_p|\le C_s+1\text{ where the diagonal vanishes}",
        "A unit of C_s + 1 parameters without pure second derivatives has C_s entries per row. The last sign of "
        "(63) is a minus.",
        examples.three_factors,
        "sparse_units sparse_units_safe",
    ),
    _erratum(
        "L19",
        "Lemma 7.1",
        "loose",
        r"L\,L_\sigma^{L-1}(c_0+1)^{L-1}C_x",
        r"\sqrt L\,L_\sigma^{L-1}(c_0+1)^{L-1}C_x",
        "The Euclidean norm of the gradient adds the layers' squares.",
        counterexamples.gradient_norm,
        "L_f L_f_tight",
    ),
    _erratum(
        "L20",
        "Lemma F.2",
        "loose",
        r"L^2C'(R)/\sqrt m",
        r"L\,C'(R)/\sqrt m",
        "The norm of a block matrix is at most that of the matrix of its blocks' norms.",
        counterexamples.block_sum,
        "hessian_norm hessian_norm_tight",
    ),
)
