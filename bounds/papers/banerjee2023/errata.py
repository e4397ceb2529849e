"""The errata of the paper, each with a demonstration that runs."""

from __future__ import annotations

from bounds.model import Erratum
from bounds.papers.banerjee2023 import counterexamples, identities
from bounds.papers.banerjee2023.letters import at

ERRATA = (
    Erratum("B1", at("Lemma 4.1"), r"\gamma^L(1+\rho_1)/\sqrt m", r"\gamma^L(1+\rho_1)/\sqrt d",
            "Lemma A.3 covers l >= 2 only; the first layer is divided by sqrt(d), not sqrt(m), so the input gradient "
            "carries 1/sqrt(d).", "wrong", counterexamples.input_gradient,
            ("input_grad_norm_printed", "input_grad_norm")),
    Erratum("B2", at("Lemma 4.2"), r"g(a)=a^L+|\phi(0)|\sum_{i=1}^L a^i", r"g(a)=a^L+|\phi(0)|\sum_{i=1}^L a^{i-1}",
            "The lemma's exponent is i, its proof's i - 1; for a < 1 the printed g is too small.", "wrong",
            counterexamples.loss_bound, ("g_printed", "g")),
    Erratum("B3", at("Remark 4.3 against Theorem 4.1"), r"c_H=O(L^5(1+\gamma^{6L})(1+\rho_1))",
            r"c_H=O(L^6),\ c_H^{\mathrm{chain}}=O(L^5)\text{ at }\gamma=1,\phi(0)\neq0",
            "The printed c_H multiplies the whole bracket by L: O(L^6) at gamma = 1 (O(L^3) when phi(0) = 0). What the "
            "proof's chain gives is O(L^5) (O(L^2)).", "slip", identities.depth_orders, ("c_H", "c_H_chain")),
    Erratum("B4", at("Remark 4.3, psi_H"), r"1\le l_1<l_2\le L", r"l_1,l_2\in[L]",
            "The index range leaves out the diagonal block l = L and is empty at L = 1. For gamma >= 1 the row sum behind "
            "c_H_chain has the slack to cover it; L >= 2 is needed.", "gap", counterexamples.missing_block,
            ("psi_H", "psi_H_safe")),
    Erratum("B5", at("Theorem 4.2"), r"C_2\le L\delta^L", r"C_2\le\sum_l\delta^{L-l}",
            "False for gamma < 1: the true C_2 is at least 1. It shows at small gamma and large |phi(0)|.", "wrong",
            counterexamples.small_gamma, ("c_H", "c_H_safe")),
    Erratum("B6", at("Theorem 4.2"), r"C_1\le L^2\delta^{2L}+L\delta^L+L\text{ by summing blocks}",
            r"\text{by the row sum, for }\gamma\ge1",
            "Summing the norms of all blocks exceeds C_1 from L = 6 on; the largest row sum does not, for gamma >= 1.",
            "gap", identities.block_count, ("c_H_chain",)),
    Erratum("B7", at("Theorem C.1"), r"O(\mathrm{poly}(L)(1+\gamma^{2L}))", r"O(L^5(1+\gamma^{6L}))",
            "The k-output theorem prints a smaller power of gamma than the one-output theorem it is built on.", "slip",
            identities.growth_in_gamma, ("c_H_chain",)),
    Erratum("B8", at("Theorem 5.3"), r"\gamma_t\in[0,1)", r"\gamma_t\in[0,1]",
            "With kappa = 1 and grad L orthogonal to gbar the infimum over B_t is L(theta_t), so gamma_t = 1; also where "
            "grad L = 0 or theta_t lies on the sphere. The contraction inequality itself still holds.", "wrong",
            counterexamples.gap_ratio, ("contraction",)),
    Erratum("B9", at("Remark 5.4"), r"\eta_t\le\min\{\rho,\rho_1\}/\Theta(\log\tfrac1\epsilon)",
            r"\min(\rho,\rho_1)\gtrsim 2\varrho\sqrt{\mathcal L_0}/(\alpha(1-\gamma_t))",
            "Circular: chi shrinks with eta, so T grows like 1/eta and the path length eta T c does not shrink.", "gap",
            identities.circular_step, ("iterations",)),
    Erratum("B10", at("Lemma A.1"), r"\text{no condition on }m", r"m\ge d",
            "The first layer's norm is sigma_0 (sqrt d + sqrt m): m >= d is needed, and said in the proof only.", "gap",
            counterexamples.narrow_first_layer, ("weight_norm_init",)),
    Erratum("B11", at("proofs of Theorems 5.1, B.1"), r"2/n,\ 4/n,\ Q^t_{\kappa/2}", r"a/n,\ 2a/n,\ Q^t_\kappa",
            "The constants of the square loss are left in the general proof, and both proofs open with kappa/2.", "slip",
            identities.curvature_constant, ("rsc_alpha_general",)),
    Erratum("B12", at("Theorems C.2, C.3"), r"\sqrt{k\,c_{\rho_1,\gamma}}", r"\sqrt{c_{\rho_1,\gamma}}",
            "Loose by sqrt(k): the norm of the k n quadratic forms is bounded with k where sqrt(k) suffices.", "loose",
            identities.outputs_factor, ("beta_multi", "beta_multi_tight")),
    Erratum("B13", at("proofs of Lemmas A.6, A.7"), r"W^{(l)}_{:,i}", r"W^{(l+1)}_{:,i}",
            "The Jacobian of layer l+1 in entry i of layer l is a column of W^(l+1).", "slip",
            counterexamples.backward_indices, ("backward_max",)),
    Erratum("B14", at("Theorem 4.1"), r"1-2(L+1)/m", r"1-2L/m",
            "Loose: Lemma A.1 is used once per hidden layer, and v_0 has norm one surely.", "loose",
            identities.event_count, ("probability", "probability_tight")),
)
