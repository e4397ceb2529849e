from __future__ import annotations

import math

import pytest
import torch
from flint import fmpq, fmpq_mat
from spectra import ONES, double, hadamard, hilbert, rational

from empirics.measure import cholesky
from empirics.measure.certified import certified_lambda_min


def test_the_rounding_bound_holds_exactly():
    for n in (3, 7):
        A = hilbert(n)
        search = cholesky.LambdaMin(A, float(A.norm()), 1e-2)
        for shift in (-0.3, -1e-3, 1e-12 if n < 7 else -1e-12):
            assert search.attempt(shift)
            L = fmpq_mat(n, n, [rational(x) for x in search.factor.tril().flatten().tolist()])
            B = fmpq_mat(n, n, [rational(x) for x in A.flatten().tolist()])
            E = B - fmpq_mat(n, n, [rational(shift) if i == j else 0 for i in range(n) for j in range(n)])
            E = E - L * L.transpose()
            bound = search.bound if search.shift == shift else math.nan
            assert sum((e * e for e in E.entries()), fmpq(0)) <= rational(bound) ** 2


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
    assert drops[1] == pytest.approx(4 * drops[0])
    assert drops[2] == pytest.approx(4 * drops[1])
    assert found.lower > -100 * drops[0]


def test_a_krylov_space_that_is_exhausted():
    A = torch.diag(double([2.0] * 5 + [3.0] * 5))
    start = torch.eye(10, dtype=torch.float64)[:, :1]
    x = cholesky._lowest(A, lambda v: v / 2, start, 1e-2)  # the next vector is exactly zero
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
    assert found.details["shift"] - found.details["rounding_bound"] == pytest.approx(found.lower, rel=1e-12)


@pytest.mark.parametrize("n", [150, 200, 320, 321])
def test_sizes_that_are_no_multiples_of_the_blocks(n):
    K = torch.full((n, n), 0.5, dtype=torch.float64)
    K.diagonal().add_(0.125)  # lambda_min = 1/8, n - 1 times
    found = certified_lambda_min(K)
    assert found.lower <= 0.125 <= found.upper
    assert found.upper - found.lower < 0.0101 * 0.125
