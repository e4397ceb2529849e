"""The errata of the paper, each with a demonstration that runs."""

from __future__ import annotations

from bounds.model import Erratum
from bounds.papers.allenzhu2019 import counterexamples, gaussians, identities
from bounds.papers.allenzhu2019.letters import at

_THEOREMS = (
    Erratum(
        "A1",
        at("proof of Theorem 2, Section 13"),
        r"m\ge\Omega(n^{24}L^{12}bd\log^5 m/\delta^8)",
        r"m\ge\Omega(n^{25}L^{12}d\log^5 m/(b\delta^8))",
        "(13.1) inserted in (13.2) gives n/b^2 times the printed width: the printed one grows with the batch, "
        "against the statement's poly/b, and is too small for b < sqrt(n).",
        "wrong",
        identities.sgd_width,
        ("sgd_required_width_printed", "sgd_required_width"),
    ),
    Erratum(
        "A2",
        at("Section 9.2"),
        r"\theta=\tfrac1{5n}",
        r"\theta=\tfrac\delta{5n}",
        "theta is chosen as delta/(5n) and recalled as 1/(5n); only the first gives the probability 0.2 used.",
        "slip",
        gaussians.two_thetas,
        ("fixed_gradient_lower",),
    ),
    Erratum(
        "A3",
        at("(12.2), second line"),
        r"\eta mL^2m\,\omega^{1/3}\sqrt{\log m}/d",
        r"\eta nL^2m\,\omega^{1/3}\sqrt{\log m}/d",
        "sqrt(n F) times the gradient bound sqrt(n m F/d) gives n, as (13.2) has it.",
        "slip",
        identities.second_line,
        ("required_width",),
    ),
    Erratum(
        "A4",
        at("Theorem 4, (11.3)"),
        r"\omega^{1/3}L^2\sqrt{m\log m}/\sqrt d",
        r"\omega^{1/3}L^3\sqrt{m\log m}/\sqrt d",
        "(11.5) bounds one term of the sum over layers in (11.3); the sum is dropped (Claim 11.2 and Theorem 5b "
        "keep it). With L^3 the direct route needs n^24 L^18; gradient descent is rescued by AM-GM on the first- "
        "order term, for SGD no rescue is known.",
        "gap",
        identities.sum_over_layers,
        ("semi_smoothness_printed", "semi_smoothness", "sgd_required_width_depth"),
    ),
    Erratum(
        "A5",
        at("Lemma 8.6a"),
        r"O(\sqrt L)",
        r"O(L)",
        "The term j = 1 of the last display is (b - a) O(1): the sum is of order L.",
        "gap",
        identities.layer_sum,
        ("intermediate_perturbed_printed", "intermediate_perturbed"),
    ),
    Erratum(
        "A6",
        at("Theorems 4, 5"),
        r"\omega\le O(L^{-9/2}\log^{-3}m)",
        r"\omega\le O(\min\{L^{-9/2}\log^{-3}m,\,L^{-6}\log^{-3/2}m\})",
        "Lemmas 8.6 and 8.7 are used with s = m omega^(2/3) L and need s <= m/(L^3 log m): it binds where L > log m.",
        "gap",
        identities.missing_range,
        ("semi_smoothness_radius", "semi_smoothness_radius_proof"),
    ),
    Erratum(
        "A7",
        at("(12.1), (13.1)"),
        r"\|\vec W^{(t)}-\vec W^{(0)}\|_F\le\omega",
        r"\|W_\ell^{(t)}-W_\ell^{(0)}\|_F\le\omega\text{ for every }\ell",
        "The proofs bound each layer; the tuple norm of Section 2 costs sqrt(L) more.",
        "slip",
        counterexamples.tuple_norm,
        ("movement", "movement_tuple", "sgd_movement", "sgd_movement_tuple"),
    ),
    Erratum(
        "A8",
        at("Theorem 1, Section 12"),
        r"T=\Theta(n^6L^2\delta^{-2}\log\tfrac1\varepsilon)",
        r"T=\Theta(n^6L^2\delta^{-2}\log\tfrac{n\log m}\varepsilon)",
        "The loss starts at order n log(m)^2; the line below (12.2) and Theorem 2 have the full logarithm.",
        "slip",
        counterexamples.initial_loss,
        ("iterations_printed", "iterations"),
    ),
    Erratum(
        "A9",
        at("Section 13, martingale"),
        r"\text{one-sided concentration from }F_{t+1}\le(1+\cdot)F_t",
        r"\text{a bound on }F_{t+1}/F_t\text{ from both sides}",
        "Concentration from above needs increments bounded around their mean; an upper bound alone does not give it. "
        "Theorem 4's proof bounds F_{t+1}/F_t from below as well.",
        "gap",
        counterexamples.one_sided,
        ("sgd_growth",),
    ),
)
_LEMMAS = (
    Erratum(
        "A10",
        at("Lemma 9.3, Theorem 3"),
        r"1-e^{-\Omega(\delta m/n)}",
        r"1-e^{-\Omega(\delta m/n)}-e^{-\Omega(\delta^6 m/L)}",
        "Both use Lemma 7.5, which fails with a probability of up to exp(-Omega(delta^6 m/L)): the larger term for "
        "small delta.",
        "gap",
        identities.omitted_failure,
        ("fixed_gradient_failure", "separateness_failure"),
    ),
    Erratum(
        "A11",
        at("Appendix C.1"),
        r"\|h'_\ell\|\le O(\tau\omega)",
        r"\|h'_\ell\|\le O(L\tau\omega)",
        "Every layer adds tau omega. The bound 1.01 of (C.1) needs C log m >= 2 sqrt(2)/ln 1.01 = 284.25.",
        "wrong",
        counterexamples.residual_growth,
        (
            "resnet_forward_change_printed",
            "resnet_forward_change",
            "resnet_sign_changes_printed",
            "resnet_sign_changes",
            "resnet_tau_explicit",
        ),
    ),
    Erratum(
        "A12",
        at("Theorem 6"),
        r"m\ge\tilde\Omega(\cdot\,d\varepsilon^{-1}),\ m\ge\tilde\Omega(\cdot\,d\log\varepsilon^{-1})",
        r"m\ge\tilde\Omega(\cdot\,d\varepsilon^{-2}),\ m\ge\tilde\Omega(\cdot\,d\log^2\varepsilon^{-1})",
        "The width grows with the square of the path length: eps^-1 for a non-convex loss, log(1/eps) for a convex "
        "one. Theorem 6 says SGD for the non-convex case, Appendix A proves GD.",
        "wrong",
        counterexamples.path_lengths,
        (
            "width_factor_nonconvex_printed",
            "width_factor_nonconvex",
            "width_factor_convex_printed",
            "width_factor_convex",
        ),
    ),
    Erratum(
        "A13",
        at("Appendix A, cross-entropy"),
        r"f(z;y)=e^{z_y}/\sum_i e^{z_i},\ \partial f/\partial z_y=p_y(1-p_y)",
        r"f(z;y)=-\log(e^{z_y}/\sum_i e^{z_i}),\ \partial f/\partial z_y=-(1-p_y)",
        "The softmax itself is printed, and its derivative is small for wrong predictions too; with the cross- "
        "entropy a gradient below 1/4 means p_y > 3/4.",
        "slip",
        counterexamples.cross_entropy,
        ("iterations_cross_entropy",),
    ),
    Erratum(
        "A14",
        at("Appendix B"),
        r"A_j\sim\mathcal N(0,\tfrac2{\sqrt{qm}}),\ W_L\sim\mathcal N(0,\tfrac2{qm})",
        r"A_j\sim\mathcal N(0,\tfrac2{qm}),\ W_L\sim\mathcal N(0,\tfrac2{\mathfrak d m})",
        "With the printed variances ||h_0||^2 is about sqrt(q m) and the dense layer multiplies the squared norm by "
        "d_positions/q.",
        "wrong",
        counterexamples.convolution_variances,
        ("cnn_input_variance_printed", "cnn_input_variance", "cnn_dense_variance_printed", "cnn_dense_variance"),
    ),
    Erratum(
        "A15",
        at("Claim 7.6"),
        r"\tfrac{\delta(-2\alpha^2+\alpha-2\delta^2)}{\pi(\alpha^2+\delta^2)}+\tfrac{(1-2\alpha)\arctan(\alpha/\delta)}\pi"
        r"+(\alpha-1)\alpha+\delta^2+\tfrac12",
        r"(1-\alpha)^2+\delta^2-\tfrac2\pi(\delta-\alpha\arctan(\delta/\alpha))",
        "For g_1 >= 0 the integral leaves out alpha g_1 + delta g_2 < 0. The claimed lower bound holds for the "
        "exact form.",
        "wrong",
        gaussians.dropped_event,
        ("relu_separation",),
    ),
    Erratum(
        "A16",
        at("Section 9.2, Fact 9.6"),
        r"0.68,\ \tfrac\delta{2000n},\ \mathbb P(|x|\ge t)\le1-\tfrac23\tfrac t\sigma",
        r"0.317,\ \tfrac\delta{12000n},\ \mu=0\text{ only}",
        "A Gaussian exceeds its deviation with probability 0.317; of two rows that differ by v the larger has only "
        "|v|/2. The second part of Fact 9.6 fails for mu != 0 (its lower end, the one used, holds).",
        "wrong",
        gaussians.numbers_of_the_proof,
        ("fixed_gradient_lower_explicit_printed", "fixed_gradient_lower_explicit"),
    ),
    Erratum(
        "A17",
        at("Lemma 7.1"),
        r"\psi(h)\le\log h+\tfrac1{2h},\ O(m)\text{-subgaussian}",
        r"\psi(h)\le\log h-\tfrac1{2h},\ \text{variance proxy }O(1/m)",
        "The next line needs the minus sign, which is true; log Delta fluctuates by m^-1/2.",
        "slip",
        gaussians.digamma_bounds,
        ("forward_drift", "forward_norm_failure"),
    ),
    Erratum(
        "A18",
        at("Lemma 7.5, last display"),
        r"\|h_j\|^2+\tfrac{\Delta-\|h_i\|^2-\|h_j\|^2}{2\|h_i\|^2}",
        r"\|h_j\|^2-\tfrac{(\|h_i\|^2+\|h_j\|^2-\Delta)^2}{4\|h_i\|^2}",
        "The inner product is squared: Delta - Delta^2/4 for unit vectors, where the printed line gives Delta/2 and "
        "would lose a factor 2 in every layer.",
        "slip",
        identities.last_equality,
        ("separateness",),
    ),
)
ERRATA = _THEOREMS + _LEMMAS
