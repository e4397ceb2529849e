"""fu2018's Algorithm 2: contractions against full tensors, and W* from exact moments by quadrature."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite_e import hermeval

from bounds.errors import NotApplicable, TheoryError
from bounds.gaussian import gauss_hermite
from empirics.activations import torch_activation
from empirics.experiments.fu2018.algorithm2 import PRINTED, SHARPENED, Method, initialise
from empirics.experiments.fu2018.data import draw, teacher
from empirics.experiments.fu2018.decomposition import decompose, power_method
from empirics.experiments.fu2018.matching import error, matched
from empirics.experiments.fu2018.moments import branch, tensors
from empirics.experiments.fu2018.tensors import cube_moment, matrix_moment, vector_moment, without_affine

WHOLE = Method(partition=False, residuals=False, mean=False)
D = 4


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def hermite_tensor(x: torch.Tensor, j: int) -> torch.Tensor:
    """The Hermite tensor entry by entry: the product over coordinates i of He_k(x_i), k times i among the indices."""
    found = torch.zeros((D,) * j, dtype=torch.float64)
    for index in itertools.product(range(D), repeat=j):
        orders = [index.count(i) for i in range(D)]
        found[index] = math.prod(float(hermeval(x[i], [0] * k + [1])) for i, k in enumerate(orders))
    return found


def contracted(T: torch.Tensor, alpha: torch.Tensor, axes: int) -> torch.Tensor:
    while T.ndim > axes:
        T = T @ alpha
    return T


@pytest.mark.parametrize("j", [1, 2, 3, 4])
def test_contractions_are_those_of_the_full_tensor(j):
    X, y = normal(5, D), normal(5, 1, seed=1)
    alpha = normal(D, seed=2)
    alpha /= alpha.norm()
    V = torch.linalg.qr(normal(D, 3, seed=3))[0]
    M = sum(label * hermite_tensor(x, j) for x, label in zip(X, y[:, 0], strict=True)) / 5
    torch.testing.assert_close(vector_moment(X, y, j, alpha), contracted(M, alpha, 1))
    if j > 1:
        torch.testing.assert_close(matrix_moment(X, y, j, alpha), contracted(M, alpha, 2))
    if j > 2:
        cube = torch.einsum("abc,ai,bj,ck->ijk", contracted(M, alpha, 3), V, V, V)
        torch.testing.assert_close(cube_moment(X, y, j, V, alpha), cube)


def test_rows_in_chunks_are_the_same_sum(monkeypatch):
    X, y, alpha = normal(50, D), normal(50, 1, seed=1), torch.eye(D, dtype=torch.float64)[0]
    V = torch.linalg.qr(normal(D, 2, seed=3))[0]
    whole = cube_moment(X, y, 4, V, alpha)
    monkeypatch.setattr("empirics.experiments.fu2018.tensors.ROWS", 28)
    torch.testing.assert_close(cube_moment(X, y, 4, V, alpha), whole)


def population(W: torch.Tensor, activation: str, points: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples and labels whose plain means are the Gaussian expectations of the network's output (a product rule)."""
    nodes, mass = (torch.tensor(np.asarray(v, dtype=float)) for v in gauss_hermite(points))
    grid = torch.cartesian_prod(*[nodes] * W.shape[1])
    weight = torch.cartesian_prod(*[mass] * W.shape[1]).prod(1, keepdim=True)
    return grid, len(grid) * weight * torch_activation(activation).phi(grid @ W.mT).mean(1, keepdim=True)


TRUTH = torch.tensor([[0.9, -0.5, 0.2], [0.3, 0.6, -0.7]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("activation", "indices", "signed"),
    [
        ("sigmoid", (3, 3, 1), True),
        ("(1 + tanh(z))/2", (3, 3, 1), True),
        ("1/(1 + exp(-z - 1))", (2, 3, 1), True),
        ("softplus", (2, 4, 1), True),
        ("z**3 - 3*z", (3, 3, 3), True),  # m_1(1) = 0: norms from M_3, the case that the paper writes out
        ("cos(z)", (2, 4, 2), False),
        ("1 - sigmoid(z)", (3, 3, 1), True),  # falling: s_i is the sign of beta_i times that of m_1
    ],
)
def test_exact_moments_give_the_ground_truth(activation, indices, signed):
    X, y = population(TRUTH, activation, 34)
    found = initialise(X, y, 2, activation=activation, method=WHOLE, largest=1.4)
    assert (found.tensors.j_2, found.tensors.j_3, found.tensors.l_1) == indices
    assert found.tensors.signed is signed
    assert found.doubts == ()
    assert error(found.W, TRUTH, signed=signed) < 1e-5
    torch.testing.assert_close(found.W.norm(dim=1), torch.tensor(found.norms, dtype=torch.float64))


def test_residuals_have_the_same_tensors():
    X, y = population(TRUTH, "sigmoid", 30)
    alpha = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    # the rule's weights belong to the samples: a weighted fit of the output is one of weighted rows
    weight = 2 * population(torch.zeros(1, 3, dtype=torch.float64), "sigmoid", 30)[1]  # sigmoid(0) = 1/2
    output = y / weight
    root = weight.sqrt()
    A = torch.cat([torch.ones_like(root), X], dim=1) * root
    fitted = torch.linalg.lstsq(A, output * root).solution
    rest = (output - fitted[0] - X @ fitted[1:]) * weight
    torch.testing.assert_close(matrix_moment(X, rest, 3, alpha), matrix_moment(X, y, 3, alpha), atol=1e-9, rtol=0)
    torch.testing.assert_close(fitted[1:, 0], vector_moment(X, y, 1, alpha), atol=1e-9, rtol=0)


def test_affine_fits_against_least_squares():
    X, y = normal(40, D), normal(40, 1, seed=1)
    rest, slope = without_affine(X, y)
    A = torch.cat([torch.ones(40, 1, dtype=torch.float64), X], dim=1)
    solution = torch.linalg.lstsq(A, y).solution
    torch.testing.assert_close(rest, y - A @ solution)
    torch.testing.assert_close(slope, solution[1:, 0])
    with pytest.raises(TheoryError, match="n = 5 samples"):
        without_affine(X[:5], y[:5])


def test_power_method_against_eigenvectors():
    P = normal(12, 12)
    P = P + P.mT - 2 * torch.eye(12, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(P)
    for K in (1, 3, 12):
        Q = vectors[:, values.abs().argsort(descending=True)[:K]]
        V = power_method(P, K)
        torch.testing.assert_close(V @ V.mT, Q @ Q.mT, atol=1e-7, rtol=0)
    torch.testing.assert_close(power_method(0 * P, 2).mT @ power_method(0 * P, 2), torch.eye(2, dtype=torch.float64))
    with pytest.raises(TheoryError, match="K = 13"):
        power_method(P, 13)
    with pytest.raises(TheoryError, match="not finite"):
        power_method(P / 0, 2)


@pytest.mark.parametrize("K", [1, 2, 4])
@pytest.mark.parametrize("refine", [True, False])
def test_decomposition_recovers_planted_components(K, refine):
    U = normal(K, K, seed=K)
    U = (U / U.norm(dim=0)).numpy()
    weights = np.array([1.0, -2.0, 0.3, 0.5])[:K]
    cube = torch.from_numpy(np.einsum("i,ai,bi,ci->abc", weights, U, U, U))
    found = decompose(cube, refine=refine)
    planted = (U * np.sign(weights)).T
    order = [int(i) for i in (planted @ found.directions).argmax(1)]
    assert sorted(order) == list(range(K))
    np.testing.assert_allclose(found.directions[:, order].T, planted, atol=1e-9)
    np.testing.assert_allclose(found.weights[order], abs(weights), rtol=1e-9)
    assert found.residual < 1e-10


def test_least_squares_helps_a_noisy_tensor():
    better = 0
    for seed in range(10):
        U = normal(4, 4, seed=seed)
        U = U / U.norm(dim=0)
        noise = normal(4, 4, 4, seed=100 + seed)
        noise = sum(noise.permute(p) for p in itertools.permutations(range(3))) / 6
        cube = torch.einsum("ai,bi,ci->abc", U, U, U) + 0.01 * noise
        plain, refined = (torch.from_numpy(decompose(cube, refine=r).directions.T.copy()) for r in (False, True))
        better += error(refined, U.mT) < error(plain, U.mT)
    assert better >= 8  # by chance with probability 0.05


def test_a_tensor_without_components():
    with pytest.raises(TheoryError, match="norm 0"):
        decompose(torch.zeros(2, 2, 2))


def test_norms_by_the_closed_form_of_erf():
    # E[erf'(s z)] s = 2 s/sqrt(pi (1 + 2 s^2)), by the Gaussian integral
    def m_1(s: float) -> float:
        return 2 * s / math.sqrt(math.pi * (1 + 2 * s * s))

    known = branch("erf", 1, 5.0)
    for s in (1e-4, 0.3, 1.0, 4.9):
        assert known.norm(m_1(s)) == (pytest.approx(s, rel=3e-3), "")
    assert known.norm(0.9)[0] == 5.0
    assert "beyond" in known.norm(0.9)[1]
    assert known.norm(-0.1)[0] == 0.0
    assert "sign" in known.norm(-0.1)[1]
    falling = branch("1 - erf(z)", 1, 5.0)
    assert falling.norm(-m_1(0.7))[0] == pytest.approx(0.7)
    # m_2(s) = -s^2 exp(-s^2/2) for the cosine turns at sqrt 2
    assert branch("cos(z)", 2, 5.0).top == pytest.approx(math.sqrt(2), rel=0.05)


def test_activations_without_usable_tensors():
    with pytest.raises(NotApplicable, match=r"no tensor gives the subspace.*orthogonal to He_2"):
        tensors("identity")
    with pytest.raises(NotApplicable, match="no tensor gives the directions"):
        tensors("z + z**2")
    with pytest.raises(NotApplicable, match="erratum F7"):
        tensors("z**3 - 3*z + z**2", 1.0)  # m_1(1) = 0, m_2 = 2
    assert tensors("z**3 - 3*z + z**2", 2.0).l_1 == 1
    with pytest.raises(TheoryError, match="scale"):
        tensors("sigmoid", 0.0)


def test_matching_against_all_permutations():
    W, target = normal(4, 3), normal(4, 3, seed=1)
    best = min((W[list(p)] - target).norm() for p in itertools.permutations(range(4)))
    assert float((matched(W, target) - target).norm()) == pytest.approx(float(best))
    signs = [torch.tensor(s, dtype=torch.float64)[:, None] for s in itertools.product((1.0, -1.0), repeat=4)]
    best = min((s * W[list(p)] - target).norm() for p in itertools.permutations(range(4)) for s in signs)
    assert error(W, target, signed=False) == pytest.approx(float(best / target.norm()))


@pytest.mark.parametrize(
    ("method", "labels", "n", "scale"),
    [
        (PRINTED, "regression", 200_000, 2.0),
        (SHARPENED, "regression", 5000, 1.0),
        (SHARPENED, "classification", 60_000, 2.0),
    ],
)
def test_estimates_from_samples_beat_random_starts(method, labels, n, scale):
    found, others = [], []
    for seed in range(5):
        truth = teacher(seed, K=2, d=4, scale=scale, condition=1.5)
        X, y = draw(truth, n, seed, labels)
        found.append(error(initialise(X, y[:, 0], 2, scale=scale, method=method, seed=seed).W, truth.W[0]))
        others.append(error(teacher(100 + seed, K=2, d=4, scale=scale, condition=1.5).W[0], truth.W[0]))
    assert np.median(found) < 0.4
    assert np.median(found) < np.median(others) / 2


def test_bad_samples():
    X, y = normal(30, 3), normal(30, 1, seed=1)
    with pytest.raises(NotApplicable, match="K = 4"):
        initialise(X, y, 4)
    with pytest.raises(TheoryError, match=r"y \(29, 1\)"):
        initialise(X, y[1:], 2)
    with pytest.raises(TheoryError, match="not finite"):
        initialise(X / 0, y, 2)
    with pytest.raises(TheoryError, match=r"M_1, \.\.\., M_4"):
        matrix_moment(X, y, 5, X[0])
