"""Algorithm 2: a first estimate of W* from the data alone, by the method of moments.

Steps 1 and 2 find the span V of the neurons from P_2, steps 3 and 4 their directions up to signs from
R_3 = P_3(V, V, V), step 5 signs and norms from Q_1 (Appendix C, (73)-(78), with erratum F7). There, with uhat_i for
s_i wbar_i,

    Q_1 = (1/K) sum_i beta_i uhat_i,   beta_i = s_i^l m_l(||w_i||) (alpha.uhat_i)^(l-1),   l = l_1.

Cost: the contractions of `tensors` over the samples, 2 n d^2 at most; the rest does not grow with n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from empirics.checks import check_counts, check_scales
from empirics.experiments.fu2018.decomposition import decompose, power_method
from empirics.experiments.fu2018.moments import Branch, Tensors, branch, tensors
from empirics.experiments.fu2018.tensors import cube_moment, matrix_moment, vector_moment, without_affine

REACH = 5.0  # norms are sought up to so many times the scale
PARTS = 3


@dataclass(frozen=True)
class Method:
    """How the moments are estimated; the expectations are the same in every case.

    Attributes:
        partition: Each step sees a third of the samples of its own, as the proof needs; else all of them.
        residuals: The labels without their least-squares affine fit, which M_2, M_3 and M_4 do not see.
        mean: alpha along the estimate of M_1, a combination of the neurons; else random, where a neuron's alpha.wbar_i,
            to which its eigenvalue in P_2 is proportional for j_2 = 3, is about 1/sqrt(d), or nearly 0.
    """

    partition: bool
    residuals: bool
    mean: bool


PRINTED = Method(partition=True, residuals=False, mean=False)
"""Algorithm 2 as printed."""
SHARPENED = Method(partition=False, residuals=True, mean=True)
"""The same moments with less noise."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """What Algorithm 2 says.

    Attributes:
        W: The estimate, (K, d), rows in no definite order.
        directions: The uhat_i before their signs, (K, d).
        V: An orthonormal basis of their span, (d, K).
        norms: Of the rows.
        tensors: Which were used, and whether signs are known.
        doubts: What the data did not determine, one line for each neuron concerned.
    """

    W: Tensor
    directions: Tensor
    V: Tensor
    norms: tuple[float, ...]
    tensors: Tensors
    doubts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """Samples of one step: labels for M_j, j >= 2, and the estimate of M_1."""

    X: Tensor
    y: Tensor
    first: Tensor


def initialise(
    X: Tensor,
    y: Tensor,
    K: int,
    *,
    activation: str = "sigmoid",
    scale: float = 1.0,
    method: Method = PRINTED,
    largest: float | None = None,
    seed: int = 0,
) -> Estimate:
    """Algorithm 2.

    Args:
        X: inputs, (n, d).
        y: labels, (n,) or (n, 1).
        K: neurons, at most d.
        activation: phi, a name or expression.
        scale: what norms are expected, to choose the tensors at.
        method: as printed, or with less noise.
        largest: norms are sought up to this; None: 5 times the scale.
        seed: of alpha and of the decompositions.

    Returns:
        The estimate, where the samples are.

    Raises:
        NotApplicable: the activation has no usable tensors, or K > d.
        TheoryError: sizes that do not fit, or a tensor that has no K components.

    >>> from empirics.experiments.fu2018.data import draw, teacher
    >>> truth = teacher(0, K=2, d=4)
    >>> X, y = draw(truth, 20000, 0, "regression")
    >>> from empirics.experiments.fu2018.matching import error
    >>> error(initialise(X, y, 2, method=SHARPENED).W, truth.W[0]) < 0.2
    True
    """
    labels = _check(X, y, K)
    check_scales(scale=scale, largest=REACH if largest is None else largest)
    which = tensors(activation, scale)
    subspace, cube, rest = _parts(X, labels, method)
    alpha = _alpha(subspace, which, method, seed)
    V = power_method(matrix_moment(subspace.X, subspace.y, which.j_2, alpha), K, seed=seed).to(X)
    components = decompose(cube_moment(cube.X, cube.y, which.j_3, V, alpha), seed=seed)
    directions = (V @ torch.from_numpy(components.directions).to(X)).mT
    signs, norms, doubts = _magnitudes(
        rest, directions, alpha, which, branch(activation, which.l_1, largest or REACH * scale)
    )
    sizes = torch.tensor(signs * norms).to(X)
    return Estimate(sizes[:, None] * directions, directions, V, tuple(norms.tolist()), which, doubts)


def _parts(X: Tensor, y: Tensor, method: Method) -> list[_Part]:
    """The samples of the three steps: each third sample, or all of them each time."""
    pieces = [(X[i::PARTS], y[i::PARTS]) for i in range(PARTS)] if method.partition else [(X, y)]
    parts = []
    for part_X, part_y in pieces:
        if method.residuals:
            parts.append(_Part(part_X, *without_affine(part_X, part_y)))
        else:
            parts.append(_Part(part_X, part_y, part_X.mT @ part_y[:, 0] / len(part_X)))
    return parts if method.partition else parts * PARTS


def _alpha(part: _Part, which: Tensors, method: Method, seed: int) -> Tensor:
    """The vector of Definition 3; M_1 serves where it is not 0."""
    size = part.first.norm()
    if method.mean and which.l_1 == 1:
        return part.first / size
    numbers = torch.randn(part.X.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(
        part.X
    )
    return numbers / numbers.norm()


def _magnitudes(
    part: _Part, directions: Tensor, alpha: Tensor, which: Tensors, known: Branch
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Step 5: beta by least squares (76), then s_i^l m_l(norm) = beta_i/(alpha.uhat_i)^(l-1), solved for both."""
    l = which.l_1
    Q = part.first if l == 1 else vector_moment(part.X, part.y, l, alpha)
    basis = directions.mT.detach().cpu().double().numpy()
    beta = np.linalg.lstsq(basis / basis.shape[1], Q.detach().cpu().double().numpy(), rcond=None)[0]
    values = beta / (basis.T @ alpha.detach().cpu().double().numpy()) ** (l - 1)
    signs = np.where(values * which.m[l - 1] < 0, -1.0, 1.0) if which.signed else np.ones(len(values))
    found = [known.norm(float(v)) for v in signs * values]
    doubts = tuple(f"neuron {i}: {why}" for i, (_, why) in enumerate(found) if why)
    return signs, np.array([norm for norm, _ in found]), doubts


def _check(X: Tensor, y: Tensor, K: int) -> Tensor:
    """The labels as (n, 1), if everything fits."""
    check_counts(K=K)
    if X.ndim != 2 or y.numel() != len(X):
        raise TheoryError(f"X {tuple(X.shape)} and y {tuple(y.shape)}: must be (n, d) and (n,) or (n, 1)")
    if X.shape[1] < K:
        raise NotApplicable(f"K = {K} neurons exceed d = {X.shape[1]} inputs: fu2018 covers K <= d (Section 1)")
    if not bool(torch.isfinite(X).all() & torch.isfinite(y).all()):
        raise TheoryError("X or y has entries that are not finite: look at the samples")
    return y.reshape(-1, 1).to(X)
