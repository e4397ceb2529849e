"""The errata of the paper, each with a demonstration that runs."""

from __future__ import annotations

from bounds.model import Erratum
from bounds.papers.song2021 import counterexamples, identities
from bounds.papers.song2021.letters import at

ERRATA = (
    Erratum(
        "S1",
        at("Definition 4"),
        r"\|\phi\|_{\mathcal H}^2=\sum_i c_i^2",
        r"\|\phi\|_{\mathcal H}^2=\sum_i c_i^2/i!=\mathbb E\phi(z)^2",
        "The appendix normalises by <q_i, q_i> = i! (eq 47); without the 1/i! the sum diverges for tanh, which the "
        "paper says is covered.",
        "slip",
        identities.hermite_norm,
        ("phi_sq", "c_inf_sq"),
    ),
    Erratum(
        "S2",
        at("Assumption 2, eqs 78 and 79"),
        r"\text{GeLU, sigmoid and tanh are covered}",
        r"\phi(0)=0,\ c_0\neq0,\ c_t\neq0",
        "Sigmoid and softplus do not vanish at 0. An odd activation has c_0 = 0, so xi = 0: a width of 0 from a "
        "bound that assumed c_0 to dominate. Where c_t = 0 (tanh at even t; gelu, softplus, relu at odd t >= 3) xi "
        "divides by 0.",
        "gap",
        identities.vanishing,
        ("xi", "required_width", "required_width_direct"),
    ),
    Erratum(
        "S3",
        at("Section 5.3"),
        r"\sigma_{\max}(\phi(W_0X))\lesssim\sqrt{c_0^2dn}",
        r"\sqrt{c_0^2d_1n}",
        "d is the number of parameters or a dimension of the data; the mean part of phi(W_0 X) has size |c_0| "
        "sqrt(d_1 n), as in eq 67.",
        "slip",
        counterexamples.dimension_slip,
        ("sigma_max_phi_upper",),
    ),
    Erratum(
        "S4",
        at("Lemmas 6 and 7, eq 66"),
        r"\kappa=4\dot\phi_{\max}^2\sigma_{\max}(X)^2k_1\omega_1\sqrt{d_0\log d_1},\quad"
        r"\Pr\{\|z-\mathbb Ez\|>t\}\lesssim e^{-t^2}",
        r"\kappa\sqrt{d_1};\quad d_1\gtrsim n\text{ by matrix Chernoff}",
        "Blocks add: the sum over rows costs sqrt(d_1). Lemma 7 is false for a Gaussian vector, whose norm is about "
        "sqrt(d), and with it eq 66 and p_2, p_3 (which also lack one omega_1). With sqrt(d_1) restored p_2 asks for "
        "d_1 >= n^2/d_0; matrix Chernoff with eq 63 restores max(n polylog n, n^1.5/d_0).",
        "wrong",
        counterexamples.concentration,
        ("gram_lipschitz_printed", "gram_lipschitz", "p_2", "p_3", "failure_probability"),
    ),
    Erratum(
        "S5",
        at("eqs 58 and 68"),
        r"\mu_\Phi\ge\omega_1^{r_1}\sqrt{(1-\delta_1)\tfrac{c_t^2}{t!}d_1}\,\sigma_{\min}(X^{*t})",
        r"\sqrt{(1-\delta_1)\tfrac{c_t(\omega_1)^2}{t!}d_1}\,\sigma_{\min}(X^{*t})",
        "An elementwise bound on |phi(omega_1 z)| orders no positive semidefinite matrices. The Hermite expansion of "
        "phi(omega_1 z) itself does. The upper half fails likewise: c_0(omega_1) need not vanish with c_0. For "
        "omega_1 > 1 the exponents r_1 and r_2 also swap.",
        "wrong",
        identities.scaled_coefficients,
        ("mu_Phi_lower_printed", "mu_Phi_lower", "gram_max_upper_printed", "sigma_max_phi_upper", "nu_Phi_upper"),
    ),
    Erratum(
        "S6",
        at("Theorem 3, Lemma 3"),
        r"d_1\gtrsim\xi\sqrt n\,\sigma_{\max}(X)^2/\sigma_{\min}(X^{*t})^3",
        r"\text{and } d_1\ge n",
        "mu_Phi is the n-th singular value of a d_1 x n matrix: 0 when d_1 < n. Theorem 3 does not say so.",
        "gap",
        counterexamples.too_narrow,
        ("required_width", "required_width_simplified", "mu_Phi"),
    ),
    Erratum(
        "S7",
        at("Theorem 3, footnote 3"),
        r"|\phi(\tau a)|\le\tau^{r_2}|\phi(a)|\text{ for sigmoid, tanh and ELU}",
        r"\omega_1=1",
        "For sigmoid, softplus and gelu phi(tau a)/phi(a) is unbounded as a -> -oo: no r_2 exists, and Theorem 3 "
        "covers the paper's own gelu experiment only at omega_1 = 1.",
        "wrong",
        identities.no_exponent,
        ("nu_Phi_upper", "xi"),
    ),
    Erratum(
        "S8",
        at("eqs 75 and 78"),
        r"h(\Theta_0)\le\delta_3^2k_1^2k_2^2\sigma_{\max}(X)^2",
        r"2C\delta_3^2k_1^2k_2^2d_2\sigma_{\max}(X)^2+2\|Y\|^2",
        "Inserting eq 74 in eq 73 leaves the factor d_2 (and ||Y||^2); d_2 = o(d_1) does not remove it.",
        "wrong",
        counterexamples.outputs,
        ("loss_init", "loss_init_derived"),
    ),
    Erratum(
        "S9",
        at("eqs 29, 34 and 35"),
        r"\ge\sqrt{\alpha_f}\mu_\Phi^2\|\nabla f\|",
        r"\ge\tfrac{\sqrt2}{8}\sqrt{\alpha_f}\mu_\Phi^2\|\nabla f\|",
        "Eq 29 drops the factors 1/4 (Lemma 1), 1/2 and sqrt 2 (PL); eq 34 has mu_Phi for nu_Phi in one line; eq 35 "
        "ends on a larger learning rate than eq 31 allows. Constants only.",
        "slip",
        identities.lost_constants,
        ("flow_length", "grad_f_ball", "step_size"),
    ),
    Erratum(
        "S10",
        at("eq 83, App F.1"),
        r"\|h-\tilde h\|\lesssim\beta_\Phi/\nu_\Phi^2",
        r"\beta_\Phi/\mathrm{Lip}(\Phi)^2\ge\beta_\Phi/\nu_\Phi^2",
        "nu_Phi is an upper bound on the Lipschitz constant, and is put into a denominator: what results is no upper "
        "bound. F.1 loses one sigma_max(X) from its first line to its second.",
        "wrong",
        counterexamples.upside_down,
        ("lazy_gap", "lazy_gap_large_readout_printed", "lazy_gap_large_readout"),
    ),
    Erratum(
        "S11",
        at("Theorems 1 and 2"),
        r"h(w_0)\lesssim\alpha_f\mu_\Phi^6/(\beta_\Phi^2\nu_\Phi^2)",
        r"h(w_0)\le\alpha_f\mu_\Phi^4/(128\beta_\Phi^2)",
        "||grad h|| itself bounds the decrease of sqrt h: nu_Phi is not needed. For the shallow network the "
        "condition then asks only for d_1 >= sigma_max(X)^2/sigma_min(X^{*t})^2; the n^1.5 of Theorem 3 comes from "
        "nu_Phi.",
        "loose",
        counterexamples.direct_route,
        ("gd_condition", "gd_condition_direct", "flow_condition_sharp", "required_width_direct"),
    ),
    Erratum(
        "S12",
        at("App E.1"),
        r"d_0^t\ge n",
        r"\tbinom{d_0+t-1}{t}\ge n",
        "The columns of X^{*t} are symmetric tensors.",
        "slip",
        identities.power_dimension,
        ("power_rank",),
    ),
)
