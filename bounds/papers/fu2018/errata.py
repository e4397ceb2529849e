"""The errata of the paper, each with a demonstration that runs."""

from __future__ import annotations

from bounds.model import Erratum
from bounds.papers.fu2018 import counterexamples, identities
from bounds.papers.fu2018.letters import at

ERRATA = (
    Erratum(
        "F1",
        at("Theorem 2, (9), against Appendix B.2"),
        r"\|W_t-\widehat W_n\|_F\le(1-\eta H_{\min})^t\|W_0-\widehat W_n\|_F,\ \eta=\Omega(\cdot)",
        r"\text{proved: }(1-\tfrac12\eta H_{\min})^t;\ \eta\le H_{\min}/H_{\max}^2",
        "The appendix proves half the rate. The printed rate is true all the same, for eta <= 2/(H_min + H_max): W_+ "
        "- What = (I - eta A)(W - What) with A the averaged Hessian. The step size must be bounded above, not below.",
        "gap",
        counterexamples.contraction_factor,
        ("contraction", "contraction_appendix", "step_size"),
    ),
    Erratum(
        "F2",
        at("Theorems 1 and 2, the radius"),
        r"r=\rho(\sigma_K)/(c\kappa^2\lambda\sqrt{KL_\phi^2})",
        r"r=\rho(\sigma_K)/(c\sqrt K\kappa^2\lambda L_\phi^2)",
        "Lemma 2 and its proof have sqrt(K) L_phi^2. For L_phi > 1 (tanh: 2) the printed ball is larger than the one "
        "proved.",
        "slip",
        identities.radius_power,
        ("radius_printed", "radius"),
    ),
    Erratum(
        "F3",
        at("Sections 2.1 and 3, tanh as an example"),
        r"\phi(z)=\tanh(z)",
        r"\phi(z)=(1+\tanh z)/2",
        "phi must map into (0, 1) for (3) to be a probability, and the proofs bound |output - y| by 1; tanh does not. "
        "Rescaled to (1 + tanh)/2 (tanh01) it does.",
        "slip",
        counterexamples.not_a_probability,
    ),
    Erratum(
        "F4",
        at("Theorem 2 and Corollary 4"),
        r"n\ge C\,dK^3\log^2 d\,((L_\phi+1)L_\phi\kappa^2\lambda/\rho)^2",
        r"n\ge X\log n,\ X=C\,dK^5L_\phi^6\kappa^8\lambda^4/\rho^4",
        "The printed sample size does not put the critical point inside the ball: by (8) its distance exceeds the "
        "radius by a factor that grows with K. Nor is it shown that the iterates stay in the ball: ||grad f_n(W*)|| "
        "<= H_min r with eta <= 1/H_max does both.",
        "gap",
        counterexamples.critical_point_outside,
        ("sample_complexity", "sample_complexity_critical", "gradient_threshold"),
    ),
    Erratum(
        "F5",
        at("Sections 1.1 and 3.2, computational complexity"),
        r"O(ndK^2\log(1/\epsilon))",
        r"O(ndK^3\log(1/\epsilon))",
        "A step costs n d K operations, and with the printed step size eta H_min is of order 1/K^2.",
        "slip",
        identities.cost_exponent,
        ("step_size", "hessian_lower"),
    ),
    Erratum(
        "F6",
        at("(61)-(63)"),
        r"(L_\phi^2+L_\phi)/K^{3/2}\cdot\|x\|_2^3",
        r"(3L_\phi^2/K^{3/2}+L_\phi/K)\cdot\|x\|_2^3",
        "The change of phi'' in one block is counted with 1/K^2 where it has 1/K, and the change of (phi')^2 is "
        "dropped. Harmless: only the logarithm of J_* enters Lemma 3.",
        "wrong",
        counterexamples.sample_lipschitz,
        ("sample_hessian_lipschitz_printed", "sample_hessian_lipschitz", "mean_hessian_lipschitz"),
    ),
    Erratum(
        "F7",
        at("Appendix C, (76)-(78)"),
        r"\beta_i=s_i^3m_{3,i}(\alpha^\top s_i\bar w_i)^2,\ s_i\text{ from the sign of }\hat\beta_i\text{ for }l_1\ge1",
        r"\beta_i=s_i^{l_1}m_{l_1,i}(\alpha^\top s_i\bar w_i)^{l_1-1},\ s_i\text{ for odd }l_1\text{ only}",
        "Written for l_1 = 3, which is neither sigmoid's nor tanh's (1). For even l_1 flipping s_i changes nothing "
        "that is computed. M_j carries the factor 1/K of the output.",
        "wrong",
        counterexamples.magnitudes,
        ("m_j",),
    ),
    Erratum(
        "F8",
        at("Theorem 2"),
        r"1-d^{-10}",
        r"1-2d^{-10}",
        "Theorem 2 uses Lemmas 3 and 4, each of which may fail with probability d^-10.",
        "slip",
        counterexamples.union_of_events,
        ("probability", "probability_union"),
    ),
    Erratum(
        "F9",
        at("Section 5.1, 'i.e.'"),
        r"n\ge C\,dK^3\log^2 d\,((L_\phi+1)L_\phi\kappa^2\lambda/\rho)^2",
        r"n\ge X\log n,\ X=C\,dK^3((L_\phi^2+L_\phi)\kappa^2\lambda/\rho)^2",
        "log(d)^2 stands where the proof needs log(n), which also grows with kappa, lambda and 1/rho: at fixed d no "
        "constant makes up for it. lambda may be as large as kappa^(K-1).",
        "gap",
        identities.logarithms,
        ("sample_complexity", "sample_complexity_implicit"),
    ),
    Erratum(
        "F10",
        at("Definition 2, M_4, with the product of Section 4.1"),
        r"\mathbf M_4=\mathbb E[y(x^{\otimes4}-(x\otimes x)\tilde\otimes I+I\tilde\otimes I)]",
        r"\mathbf M_4=\mathbb E[y(x^{\otimes4}-(x\otimes x)\tilde\otimes I+\tfrac12I\tilde\otimes I)]",
        "With M = I the six placements give each of the three pairings twice: along a unit vector 6, where m_4 = "
        "gamma_4 - 6 gamma_2 + 3 gamma_0 needs 3. As printed M_4 is not made of the w_i alone, and not 0 for sigmoid.",
        "slip",
        counterexamples.fourth_tensor,
        ("m_j",),
    ),
)
