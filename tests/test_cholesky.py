from __future__ import annotations

import math

import pytest
import torch
from flint import fmpq_mat
from spectra import ONES, double, hadamard, hilbert, rational

from empirics.measure import cholesky
from empirics.measure.certified import certified_lambda_min


def exact(A):
    return fmpq_mat(*A.shape, [rational(x) for x in A.flatten().tolist()])


@pytest.mark.parametrize("n", [3, 7, 64, 320])
@pytest.mark.parametrize("shift", [-0.3, -1e-3])
def test_the_rounding_bound_holds_exactly(n, shift):
    A = hilbert(n) + 0.1 * torch.outer(torch.arange(n).double().sin(), torch.arange(n).double().sin())
    search = cholesky.LambdaMin(A, float(A.norm()), 1e-2)
    assert search.attempt(shift)
    L = exact(search.factor.tril())
    E = exact(A) - rational(shift) * exact(torch.eye(n)) - L * L.transpose()
    error = math.sqrt(sum(float(int(e.p) / int(e.q)) ** 2 for e in E.entries()))  # at least ||E||_2
    assert 0 < error <= search.bound


def test_a_factorisation_beyond_the_least_eigenvalue_proves_nothing_false():
    A = hadamard([0.0] * 32 + [1.0] * 32)
    search = cholesky.LambdaMin(A, float(A.norm()), 1e-2)
    succeeded = [search.attempt(2.0**-k) for k in range(60, 40, -1)]
    assert succeeded[0]  # rounding hides that A - 2^-60 I has 32 negative eigenvalues
    assert not succeeded[-1]
    assert -1e-12 < search.lower <= 0


def test_solves_in_float32_may_overflow():
    entries = torch.ones(200, dtype=torch.float64)
    entries[7] = least = 2.0**-132
    found = certified_lambda_min(torch.diag(entries))
    assert found.lower <= least <= found.upper
    assert found.upper - found.lower < 1e-11


def test_no_solver_is_trusted(monkeypatch):
    spectrum = [2.0**-6, *ONES]
    K, solve = hadamard(spectrum), torch.linalg.solve_triangular
    honest = certified_lambda_min(K)

    def sloppy(a, b, **options):
        return solve(a, b, **options) * (1 + 1e-6)

    monkeypatch.setattr(torch.linalg, "solve_triangular", sloppy)
    found = certified_lambda_min(K)
    assert found.lower <= 2.0**-6 <= found.upper
    assert found.details["rounding_bound"] > 1e3 * honest.details["rounding_bound"]


def test_the_search_goes_on_where_factorisations_fail(monkeypatch):
    spectrum = [0.0, *ONES[:63]]
    K, attempt, failures = hadamard(spectrum), cholesky.LambdaMin.attempt, []

    def reluctant(search, shift):
        if len(failures) < 3:
            failures.append(shift)
            return False
        return attempt(search, shift)

    monkeypatch.setattr(cholesky.LambdaMin, "attempt", reluctant)
    found = certified_lambda_min(K)
    assert found.lower <= 0 <= found.upper
    drops = [found.value - shift for shift in failures]
    assert drops[1] == pytest.approx(4 * drops[0], rel=0.02, abs=0)
    assert drops[2] == pytest.approx(4 * drops[1], rel=0.02, abs=0)
    assert found.lower > -100 * drops[0]


def test_a_krylov_space_that_is_exhausted():
    A = torch.diag(double([2.0] * 5 + [3.0] * 5))
    start = torch.eye(10, dtype=torch.float64)[:, :1]
    theta, x = cholesky._lowest(A, lambda v: v / 2, start, 1e-2)  # the next vector is exactly zero
    assert theta == 2
    assert torch.equal(x.abs(), start)


def test_a_tridiagonal_matrix():
    n = 300  # eigenvalues 2 - 2 cos(k pi/(n + 1))
    K = 2 * torch.eye(n, dtype=torch.float64) - torch.diag_embed(double([1.0] * (n - 1)), 1)
    K -= torch.diag_embed(double([1.0] * (n - 1)), -1)
    found = certified_lambda_min(K, tol=1e-4)
    least = 4 * math.sin(math.pi / (2 * n + 2)) ** 2
    assert found.lower < least * (1 - 1e-13) < least * (1 + 1e-13) < found.upper
    assert found.upper - found.lower < 1.1e-4 * least
    assert found.residual < 1e-3 * least
    assert found.details["shift"] - found.details["rounding_bound"] == pytest.approx(found.lower, rel=1e-12, abs=0)


@pytest.mark.parametrize("n", [150, 200, 320, 321])
def test_sizes_that_are_no_multiples_of_the_blocks(n):
    K = torch.full((n, n), 0.5, dtype=torch.float64)
    K.diagonal().add_(0.125)  # lambda_min = 1/8, n - 1 times
    found = certified_lambda_min(K)
    assert found.lower <= 0.125 <= found.upper
    assert found.upper - found.lower < 0.0101 * 0.125
