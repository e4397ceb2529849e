"""The paper's networks, deep and shallow, in the parametrisation that keeps the tangent kernel of order 1.

Source: liu2020, Section 6.1 (eq 24), Section 7 (eq 28), Section 8.1 (eq 35: a non-linear output), Appendix H (eq 109).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bounds.errors import TheoryError
from empirics.activations import TorchActivation, torch_activation
from empirics.checks import check_counts
from empirics.weights import Weights


def deep(
    generator: torch.Generator,
    *,
    L: int,
    m: int,
    d: int,
    activation: str = "tanh",
    output: str | None = None,
    k: int = 1,
) -> Weights:
    """Eq 28 with L weight layers, all trained, every entry from N(0, 1) (Section 7).

    alpha^(0) = x;  alpha^(l) = sigma(W^(l) alpha^(l-1)/sqrt(m_{l-1})), l = 1..L-1, m_0 = d, m_l = m;
    f = psi(W^(L) alpha^(L-1)/sqrt(m)), psi the identity unless `output` is given.

    Args:
        generator: of the random numbers.
        L: weight layers, at least 2: L - 1 hidden ones and the readout.
        m: width, at least 1.
        d: input dimension, at least 1.
        activation: sigma, a name or expression for `torch_activation`.
        output: psi likewise, for example "swish" or "3*tanh(z)"; None: the identity.
        k: outputs, at least 1.

    Returns:
        The weights.

    Raises:
        TheoryError: a value outside its range.
    """
    check_counts(L=L, m=m, d=d, k=k)
    if L < 2:
        raise TheoryError(f"L={L} must be at least 2: liu2020's L counts weight layers, the readout included")
    widths = [d] + [m] * (L - 1)
    *W, V = (_normal(generator, *shape) for shape in [*zip(widths[1:], widths, strict=False), (m, k)])
    scales = tuple(1 / math.sqrt(width) for width in widths)
    return Weights(tuple(W), V, scales, torch_activation(activation), output=_output(output))


def shallow(
    generator: torch.Generator, *, m: int, d: int = 1, activation: str = "tanh", output: str | None = None
) -> Weights:
    """Eq 24: f = psi((1/sqrt(m)) sum_i v_i sigma(w_i.x)); only w is trained.

    w_i has entries from N(0, 1), v_i is +1 or -1 with equal odds and stays fixed; the input is not scaled.

    Args:
        generator: of the random numbers.
        m: width, at least 1.
        d: input dimension, 1 in the paper.
        activation: sigma, a name or expression for `torch_activation`.
        output: psi likewise (Section 8.1); None: the identity.

    Returns:
        The weights.

    Raises:
        TheoryError: a value outside its range.
    """
    check_counts(m=m, d=d)
    w = _normal(generator, m, d)
    v = torch.randint(2, (m, 1), generator=generator).to(torch.float64) * 2 - 1
    scales, trainable = (1.0, 1 / math.sqrt(m)), (True, False)
    return Weights((w,), v, scales, torch_activation(activation), output=_output(output), trainable=trainable)


def biased(
    generator: torch.Generator, *, m: int, d: int = 1, activation: str = "relu", output: str | None = None
) -> Weights:
    """Eq 109: f = psi((1/sqrt(m)) sum_i v_i sigma(w_i.x + b_i)), the network of Figure 2; w, b and v are trained.

    All entries are drawn from N(0, 1), the paper's choice in Section 7: Appendix H does not say how.

    Args:
        generator: of the random numbers.
        m: width, at least 1.
        d: input dimension, 1 in the paper.
        activation: sigma, a name or expression for `torch_activation`.
        output: psi likewise, "swish" and "3*tanh(z)" in Figure 2; None: the identity.

    Returns:
        The weights.

    Raises:
        TheoryError: a value outside its range.
    """
    check_counts(m=m, d=d)
    w, v, b = (_normal(generator, *shape) for shape in ((m, d), (m, 1), (m,)))
    scales = (1.0, 1 / math.sqrt(m))
    return Weights((w,), v, scales, torch_activation(activation), biases=(b, None), output=_output(output))


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _output(name: str | None) -> TorchActivation | None:
    try:
        return None if name is None else torch_activation(name)
    except TheoryError as error:
        raise TheoryError(str(error).replace("activation", "output", 1)) from error


NETWORKS = {"deep": deep, "shallow": shallow, "biased": biased}
