"""A memory budget changes how a measure works, not what it finds."""

import pytest
import torch

from bounds.errors import TheoryError
from empirics import gradient_norms, hessian_norms, loss_hessian_extremes, loss_hessian_trace, network, ntk_gram
from empirics.measure import kernel, loss_curvature

SMALL = 2**20


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def problem():
    return network(L=2, m=24, d=3, k=2, sigma_1=2.0), points(900, 3), points(900, 2, seed=1)


def test_gradients_in_chunks(problem):
    net, X, y = problem
    whole, parts = gradient_norms(net, X, y), gradient_norms(net, X, y, budget=SMALL)
    torch.testing.assert_close(parts.value, whole.value, rtol=1e-13, atol=0)
    for name, value in whole.details.items():
        torch.testing.assert_close(
            torch.as_tensor(parts.details[name], dtype=torch.float64),
            torch.as_tensor(value, dtype=torch.float64),
            rtol=1e-12,
            atol=0,
        )


@pytest.mark.parametrize("loss", ["mean_square", "half_square"])
def test_loss_curvature_in_chunks(problem, loss, monkeypatch):
    net, X, y = problem
    built = []
    real = loss_curvature.SummedHessian
    monkeypatch.setattr(loss_curvature, "SummedHessian", lambda *a: built.append(a[-1]) or real(*a))
    whole, parts = (loss_hessian_extremes(net, X, y, loss=loss, tol=1e-8, budget=b) for b in (None, SMALL))
    assert len(built) == 1  # only the second was short of memory
    assert built[0] < len(X)
    assert parts.value == pytest.approx(whole.value, rel=1e-9)
    for name in ("lambda_min", "loss"):
        assert parts.details[name] == pytest.approx(whole.details[name], rel=1e-9)
    traces = [loss_hessian_trace(net, X, y, loss=loss, budget=b).value for b in (None, SMALL)]
    assert traces[0] == pytest.approx(traces[1], rel=1e-12)


def test_hessians_and_kernels_in_chunks(problem):
    net, X, _ = problem
    whole, parts = hessian_norms(net, X[:60], tol=1e-6), hessian_norms(net, X[:60], tol=1e-6, budget=SMALL)
    torch.testing.assert_close(parts.value, whole.value, rtol=1e-9, atol=0)
    n = 120  # K itself is 0.44 MiB of the budget
    torch.testing.assert_close(
        ntk_gram(net, X[:n], budget=SMALL).value, ntk_gram(net, X[:n]).value, rtol=1e-12, atol=1e-15
    )


def test_what_no_budget_can_hold_is_said_before_it_is_allocated(problem):
    net, X, _ = problem
    # K is (900 * 2)^2 * 8 bytes = 24.7 MiB, and one sample comes on top
    with pytest.raises(TheoryError, match=r"budget: one sample needs 24\.8 MiB on cpu, 1 MiB is allowed"):
        ntk_gram(net, X, budget=SMALL)
    for measure in (hessian_norms, ntk_gram, gradient_norms):
        with pytest.raises(TheoryError, match=r"budget=1000 must be at least 2\*\*20 bytes"):
            measure(net, X[:2], budget=1000)


def test_running_out_of_memory_makes_the_chunks_smaller(problem, monkeypatch):
    net, X, _ = problem
    exact = ntk_gram(net, X[:50]).value
    sizes, fill = [], kernel._fill

    def limited(K, weights, x, size, keep):
        sizes.append(size)
        if size > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return fill(K, weights, x, size, keep)

    monkeypatch.setattr(kernel, "_fill", limited)
    torch.testing.assert_close(ntk_gram(net, X[:50]).value, exact, rtol=1e-12, atol=1e-15)
    assert sizes == [50, 25, 12]
    monkeypatch.setattr(kernel, "_fill", lambda *a: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    with pytest.raises(TheoryError, match="out of memory with one sample"):
        ntk_gram(net, X[:50])
    monkeypatch.setattr(kernel, "_fill", lambda *a: (_ for _ in ()).throw(RuntimeError("something else")))
    with pytest.raises(RuntimeError, match="something else"):
        ntk_gram(net, X[:50])
