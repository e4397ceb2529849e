from __future__ import annotations

import math

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spectra import SPECTRA, double, encloses, hadamard, hilbert

from bounds.errors import TheoryError
from empirics import network, ntk_gram
from empirics.measure import certified
from empirics.measure.certified import certified_lambda_min, kernel_eigenvalues
from empirics.weights import stack


def test_the_exact_check_tells_right_from_wrong():
    K = double([[2, 1, 0], [1, 2, 1], [0, 1, 2]])  # eigenvalues 2 - sqrt(2), 2, 2 + sqrt(2)
    least = 2 - math.sqrt(2)

    def interval(low, high):
        return certified.Measurement("x", 0.0, "interval", low, high)

    assert encloses(K, interval(least - 1e-9, least + 1e-9))
    assert not encloses(K, interval(least + 1e-9, least + 2e-9))
    assert not encloses(K, interval(least - 2e-9, least - 1e-9))


@pytest.mark.parametrize("n", [2, 4, 8, 10, 14])
def test_hilbert_matrices(n):
    K = hilbert(n)
    found = certified_lambda_min(K)
    assert encloses(K, found)
    assert found.lower <= found.value <= found.upper
    assert found.details["positive_definite_proved"] == (found.lower > 0) == (n < 14)  # lambda_min(H_14) is 1e-19
    if n <= 8:
        assert found.upper - found.lower <= 0.011 * found.value


def test_a_known_value():
    found = certified_lambda_min(hilbert(4), tol=1e-6)  # 9.67023040e-5, tabulated
    assert found.lower < 9.670230402e-5 + 1e-14
    assert found.upper == pytest.approx(9.670230402e-5, rel=1e-6, abs=0)


@pytest.mark.parametrize("least", ["1e-6", "0", "-0.25"])
def test_designed_spectra_in_fifty_digits(least):
    with mpmath.workdps(50):
        spectrum = [mpmath.mpf(least), *(mpmath.mpf(k) / 7 for k in range(1, 12))]
        Q, _ = mpmath.qr(mpmath.matrix([[mpmath.sin(3 * i * i + 5 * j + 1) for j in range(12)] for i in range(12)]))
        exact = Q * mpmath.diag(spectrum) * Q.T
        K = double([[float(exact[max(i, j), min(i, j)]) for j in range(12)] for i in range(12)])
        error = float(mpmath.mnorm(exact - mpmath.matrix(K.tolist()), "f")) * (1 + 1e-9)
        found = certified_lambda_min(K, entry_error=error)
        assert found.lower <= spectrum[0] <= found.upper
    assert found.upper - found.lower <= 0.011 * abs(float(least)) + 1e-13


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("n", [64, 512])
def test_exact_spectra(name, n):
    spectrum = SPECTRA[name][:n] if n < 512 and name != "rank one" else SPECTRA[name][-n:]
    K, least = hadamard(spectrum), min(spectrum)
    found = certified_lambda_min(K)
    assert found.lower <= least <= found.upper
    # what rounding forbids is counted in units of gamma_n tr|K|, Demmel's bound
    unit = n * 2.0**-53 * sum(map(abs, spectrum))
    assert found.value - found.lower <= 0.0101 * abs(least) + 8 * unit
    assert found.upper - found.value <= 5 * n * 2.0**-53 * math.hypot(*spectrum)
    assert found.details["positive_definite_proved"] == (least > 0)
    assert found.details["rounding_bound"] <= 3 * unit
    easy = name in ("isolated", "degenerate", "dense", "dense and a large one")
    assert found.details["cholesky_count"] <= (1 if easy else 4)


def test_one_by_one_and_zero():
    for value in (3.7, -(2.0**-1074), 1.7e308, 0.0):
        found = certified_lambda_min(double([[value]]))
        assert (found.lower, found.value, found.upper) == (value, value, value)
        assert found.details["positive_definite_proved"] == (value > 0)
    found = certified_lambda_min(double([[0.0] * 5] * 5))
    assert (found.lower, found.value, found.upper) == (0, 0, 0)
    assert found.details["cholesky_count"] == 0
    found = certified_lambda_min(double([[1.0]]), entry_error=0.25)
    assert found.lower == pytest.approx(0.75)
    assert found.upper == pytest.approx(1.25)


@pytest.mark.parametrize("power", [-1000, -700, 300, 900])
def test_powers_of_two_change_nothing_but_the_scale(power):
    K = hilbert(5)
    one = certified_lambda_min(K * 2.0**210)  # far enough from 1 to be scaled as well
    other = certified_lambda_min(K * 2.0**210 * 2.0 ** ((power - 210) // 2) * 2.0 ** (power - 210 - (power - 210) // 2))
    for name in ("lower", "value", "upper"):
        assert getattr(other, name) == math.ldexp(getattr(one, name), power - 210)


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1e-305, 1e305, 5e-324])
def test_extreme_scales(scale):
    K = double([[3, 1, 1], [1, 2, 1], [1, 1, 4]]) * scale
    found = certified_lambda_min(K)
    assert encloses(K, found)
    if scale > 1e-300:
        assert found.upper - found.lower <= 0.011 * found.value
        assert found.lower > 0


def test_the_lower_end_may_overflow():
    K = torch.full((3, 3), 1.7e308, dtype=torch.float64)
    K.diagonal().mul_(-1)  # lambda_min = -3.4e308
    found = certified_lambda_min(K)
    assert found.lower == -math.inf
    assert found.upper <= -1.7e308


def test_duplicates_are_reported_as_unproved():
    x = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(10, 3).sin()
    x = torch.cat([x, x[:4], x[:1]])
    K = (x @ x.mT).exp()
    K = (K + K.mT) / 2
    found = certified_lambda_min(K)
    assert encloses(K, found)
    assert found.lower <= 0
    assert found.details["positive_definite_proved"] is False
    assert found.upper - found.lower < 1e-12


rows = st.lists(st.integers(-8, 8), min_size=3, max_size=3)


@settings(max_examples=60)
@given(
    st.lists(rows, min_size=1, max_size=4),
    st.integers(0, 2),
    st.integers(-10, 60),
    st.sampled_from([1.0, 1 / 3, 1e-9, 1e9]),
)
def test_random_grams(points, copies, ridge, scale):
    x = double(points + points[:copies]) * scale
    K = x @ x.mT + (2.0**-ridge - 2.0**-50) * torch.eye(len(x), dtype=torch.float64)
    K = (K + K.mT) / 2
    assert encloses(K, certified_lambda_min(K))


@settings(max_examples=60)
@given(st.integers(1, 5), st.data())
def test_random_symmetric_matrices(n, data):
    entry = st.floats(-1e3, 1e3) | st.sampled_from([0.0, 1e-170, -1e-160, 1.0])
    K = double([[data.draw(entry) for _ in range(n)] for _ in range(n)]).tril()
    K = K + K.tril(-1).mT
    found = certified_lambda_min(K)
    assert encloses(K, found)
    assert found.lower <= found.value <= found.upper


def test_error_of_the_entries_widens_both_ends():
    K, e = hilbert(4), 1e-6
    found = certified_lambda_min(K, entry_error=e)
    least = 9.670230402e-5
    assert found.lower < least - e
    assert found.upper > least + e
    assert found.upper - found.lower < 2 * e + 0.011 * least
    assert found.details["entry_error"] >= e


def test_asymmetry_within_rounding_covers_both_triangles():
    K = hilbert(5)
    noisy = K * (1 + 1e-13 * torch.sin(torch.arange(25.0, dtype=torch.float64)).view(5, 5))
    for matrix in (noisy, noisy.mT):
        found = certified_lambda_min(matrix)
        for triangle in (noisy.tril(), noisy.mT.tril()):
            assert encloses(triangle + triangle.tril(-1).mT, found)
        assert 0 < found.details["entry_error"] < 1e-12
    found = certified_lambda_min(noisy, entry_error=1e-9)  # covered: only the rounding of the average comes on top
    assert found.details["entry_error"] == pytest.approx(1e-9, rel=1e-6, abs=0)


def test_asymmetry_beyond_rounding():
    K = double([[2.0, 1.0], [1.001, 2.0]])
    with pytest.raises(TheoryError, match=r"^K is not symmetric: .* entry_error that covers the difference$"):
        certified_lambda_min(K)
    found = certified_lambda_min(K, entry_error=1e-3)
    assert found.lower < 0.9995 - 1e-3  # of the average, less and plus the error
    assert found.upper > 0.9995 + 1e-3


def test_other_shapes_and_precisions():
    K = hadamard([2.0**-k for k in range(8)])
    whole = certified_lambda_min(K)
    blocks = certified_lambda_min(K.reshape(4, 2, 4, 2))
    single = certified_lambda_min(K.float())  # exact: few digits
    for found in (blocks, single):
        assert (found.lower, found.upper) == (whole.lower, whole.upper)
    assert single.dtype == "float64"
    assert whole.peak_bytes is None or whole.peak_bytes >= 0


@pytest.mark.parametrize(
    ("K", "message"),
    [
        (double([[1.0, math.nan], [math.nan, 1.0]]), "NaN or infinite"),
        (double([[math.inf]]), "NaN or infinite"),
        (torch.ones(2, 3), r"shape \(2, 3\) must be"),
        (torch.ones(2, 3, 3, 2), r"shape \(2, 3, 3, 2\) must be"),
        (torch.ones(3), r"shape \(3,\) must be"),
        (torch.ones(0, 0), r"shape \(0, 0\) must be"),
        (torch.eye(2, dtype=torch.int64), "torch.int64 must be a tensor of real"),
        (torch.eye(2, dtype=torch.complex128), "torch.complex128 must be a tensor of real"),
        ([[1.0]], "list must be a tensor"),
    ],
)
def test_bad_matrices(K, message):
    for measure in (certified_lambda_min, kernel_eigenvalues):
        with pytest.raises(TheoryError, match=message) as error:
            measure(K)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "options",
    [{"entry_error": v} for v in (-1, math.inf, math.nan, True, "0")] + [{"tol": v} for v in (0, 1, math.nan, True)],
)
def test_bad_options(options):
    with pytest.raises(TheoryError, match=f"^{next(iter(options))}=.* must"):
        certified_lambda_min(torch.eye(2), **options)


def test_eigenvalues_by_decomposition():
    spectrum = sorted([-1.0, 3.0, 0.5, 2.0])
    K = hadamard(spectrum)
    both, every = kernel_eigenvalues(K), kernel_eigenvalues(K * 2.0**900, "all")
    assert both.value.tolist() == pytest.approx([-1, 3], abs=1e-14)
    assert (every.value / 2.0**900).tolist() == pytest.approx(spectrum, abs=1e-14)
    assert both.side == "exact"
    assert float(both.residual) == pytest.approx(4 * 2.0**-52 * 3, rel=1e-12, abs=0)
    with pytest.raises(TheoryError, match="which='least' must be 'both'"):
        kernel_eigenvalues(K, "least")


def test_extreme_eigenvalues_of_larger_matrices(monkeypatch):
    monkeypatch.setattr(certified, "_DECOMPOSE", 100)
    spectrum = [2.0 ** -(k // 8) for k in range(256)]
    found = kernel_eigenvalues(hadamard(spectrum) * 3)
    assert found.side == "interval"
    for low, exact, high in zip(found.lower, (3 * min(spectrum), 3.0), found.upper, strict=True):
        assert low <= exact <= high
        assert high - low <= 1.1e-3 * exact + 1e-11
    assert (found.lower <= found.value).all()
    assert (found.value <= found.upper).all()


def test_a_measured_kernel_brings_its_own_rounding():
    net = network(L=2, m=40, d=3, seed=1)
    X = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kernel = ntk_gram(net, X)
    found, bare = certified_lambda_min(kernel), certified_lambda_min(kernel.value)
    assert bare.details["entry_error"] == 0 < kernel.details["rounding"]
    assert found.details["entry_error"] == kernel.details["rounding"]
    assert found.lower < bare.lower
    assert found.lower == pytest.approx(bare.lower, rel=1e-6)
    assert torch.equal(kernel_eigenvalues(kernel).value, kernel_eigenvalues(kernel.value).value)
    with pytest.raises(TheoryError, match="K is a batch of kernels"):
        certified_lambda_min(ntk_gram(stack([net.weights, net.weights]), X))
