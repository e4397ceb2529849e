import naive
import pytest
import torch

from bounds.errors import NotApplicable, TheoryError
from empirics import hessian_norms, loss_hessian_extremes, network
from empirics.measure.compact import CompactHessian
from empirics.measure.forward import forward
from empirics.measure.loss_hessian import LossHessian
from empirics.measure.memory import in_chunks

SMOOTH = ["tanh", "sigmoid", "softplus", "gelu", "silu", "erf", "sin", "identity"]


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense_extremes(weights, X, h=0):
    return torch.stack([torch.linalg.eigvalsh(naive.output_hessian(weights, x, h))[[0, -1]] for x in X])


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("L", [1, 2, 3])
@pytest.mark.parametrize(("m", "k"), [(1, 1), (2, 2), (5, 1)])
def test_hessian_norms_match_dense_ones(activation, L, m, k):
    weights = network(L=L, m=m, d=3, k=k, activation=activation, sigma_1=2.0, seed=L + m).weights
    X = points(3, 3)
    found = hessian_norms(weights, X, tol=1e-9)
    exact = torch.stack([dense_extremes(weights, X, h).abs().amax(1) for h in range(k)], 1)
    exact = exact[:, 0] if k == 1 else exact
    torch.testing.assert_close(found.value, exact, rtol=1e-10, atol=1e-13)
    assert (found.upper >= exact).all()
    assert found.details["converged"].all()


def test_default_tolerance_finds_both_the_norm_and_honest_residuals():
    weights = network(L=3, m=12, d=4, sigma_1=2.0, seed=3).weights
    X = points(8, 4)
    exact = dense_extremes(weights, X)
    found, verified = (hessian_norms(weights, X, verify=v) for v in (False, True))
    norm = exact.abs().amax(1)
    assert (found.value <= norm * (1 + 1e-12)).all()
    torch.testing.assert_close(found.value, norm, rtol=1e-3, atol=0)
    assert (found.residual <= 1e-3 * norm).all()
    torch.testing.assert_close(found.residual, verified.residual, rtol=1e-4, atol=1e-12)
    assert found.details["lambda_max"].le(exact[:, 1] + 1e-14).all()
    assert found.details["lambda_min"].ge(exact[:, 0] - 1e-14).all()


def test_compact_operators_are_the_hessian_and_the_gram_matrix():
    """Spectrum of H from Q and G in full: eigenvalues of Q G are those of H, up to zeros."""
    L, m = 3, 3
    weights = network(L=L, m=m, d=2, activation="softplus", sigma_1=2.0).weights
    x = points(1, 2)
    compact = CompactHessian(weights, forward(weights, x, order=2))
    eye = torch.eye(2 * L * m, dtype=torch.float64)
    Q = torch.cat([compact.apply(e[None]).clone() for e in eye])
    G = torch.cat([compact.metric(e[None]).clone() for e in eye])
    torch.testing.assert_close(Q, Q.T, rtol=0, atol=1e-15)
    torch.testing.assert_close(G, G.T, rtol=0, atol=1e-15)
    H = torch.linalg.eigvalsh(naive.output_hessian(weights, x[0]))
    reduced = torch.linalg.eigvals(Q @ G)
    torch.testing.assert_close(reduced.abs().sort().values[-12:], H.abs().sort().values[-12:], rtol=1e-9, atol=1e-12)


def test_degenerate_inputs():
    weights = network(L=2, m=4, d=3, seed=1).weights
    row = points(1, 3)
    repeated = hessian_norms(weights, row.repeat(5, 1), tol=1e-8)
    torch.testing.assert_close(repeated.value, hessian_norms(weights, row, tol=1e-8).value.expand(5))
    zero = torch.zeros(1, 3, dtype=torch.float64)  # a_1 = 0, and all the later ones for tanh
    exact = dense_extremes(weights, zero).abs().amax(1)
    torch.testing.assert_close(hessian_norms(weights, zero, tol=1e-8).value, exact, rtol=1e-9, atol=1e-14)
    silent = weights.with_tensors([*(0 * w for w in weights.W), 0 * weights.V])
    found = hessian_norms(silent, zero)
    assert found.value.item() == 0
    assert 0 <= found.upper.item() < 1e-14  # the allowance for the rounding of the sweeps


def test_chunks_and_float32_change_nothing_but_rounding():
    net = network(L=3, m=16, d=4, seed=2)
    X = points(10, 4)
    whole, parts = hessian_norms(net, X), hessian_norms(net, X, chunk=3)
    torch.testing.assert_close(whole.value, parts.value, rtol=1e-6, atol=0)
    single = hessian_norms(network(L=3, m=16, d=4, seed=2, dtype=torch.float32), X.float())
    assert single.dtype == "float32"
    torch.testing.assert_close(single.value.double(), whole.value, rtol=1e-4, atol=0)


def test_running_out_of_memory_halves_the_chunk():
    sizes = []

    def measure(part):
        sizes.append(len(part))
        if len(part) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return {"value": part}

    x = torch.arange(7.0)
    assert torch.equal(in_chunks(measure, x, 7)["value"], x)
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    with pytest.raises(TheoryError, match="out of memory with one sample"):
        in_chunks(lambda part: (_ for _ in ()).throw(torch.OutOfMemoryError()), x, 2)


@pytest.mark.parametrize("activation", ["tanh", "softplus", "identity"])
@pytest.mark.parametrize(("L", "k"), [(1, 1), (2, 2), (3, 1)])
def test_loss_hessian_matches_the_dense_one(activation, L, k):
    weights = network(L=L, m=4, d=3, k=k, activation=activation, sigma_1=2.0, seed=k).weights
    X, y = points(5, 3), points(5, k, seed=1)
    H = naive.hessian(weights, lambda theta: naive.loss(weights, theta, X, y))
    operator = LossHessian(weights, X, y)
    direction = points(1, H.shape[0], seed=2)
    torch.testing.assert_close(operator.apply(direction)[0], H @ direction[0], rtol=1e-11, atol=1e-13)
    exact = torch.linalg.eigvalsh(H)
    found = loss_hessian_extremes(weights, X, y[:, 0] if k == 1 else y, tol=1e-7, verify=True)
    assert found.value == pytest.approx(float(exact[-1]), rel=1e-10)
    assert found.details["lambda_min"] == pytest.approx(float(exact[0]), abs=1e-10 * float(exact[-1]))
    assert found.residual <= 1e-6 * found.value
    assert found.details["loss"] == pytest.approx(float(naive.loss(weights, naive.flat(weights), X, y)), rel=1e-13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tol": 0}, "tol=0 must lie strictly between 0 and 1"),
        ({"tol": float("nan")}, "tol=nan must lie"),
        ({"max_iter": 0}, "max_iter=0 must be an integer of at least 1"),
        ({"chunk": 0}, "chunk=0 must be an integer of at least 1"),
    ],
)
def test_bad_options_give_one_line(options, message):
    with pytest.raises(TheoryError) as caught:
        hessian_norms(network(L=2, m=4, d=3), points(2, 3), **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (torch.zeros(2, 4), r"X of shape \(2, 4\) must be \(n, 3\)"),
        (torch.zeros(0, 3), r"X of shape \(0, 3\) must be \(n, 3\)"),
        (torch.full((2, 3), torch.nan), "X has entries that are NaN or infinite"),
        ("words", "X of type str is not an array of numbers"),
    ],
)
def test_bad_inputs_give_one_line(X, message):
    with pytest.raises(TheoryError, match=message):
        hessian_norms(network(L=2, m=4, d=3), X)


def test_networks_without_a_hessian_are_refused():
    with pytest.raises(
        NotApplicable, match="activation='relu' is not twice differentiable, so the Hessian is undefined"
    ):
        hessian_norms(network(L=2, m=4, d=3, activation="relu"), points(2, 3))
    weights = network(L=2, m=4, d=3).weights
    broken = weights.with_tensors(t * torch.nan for t in weights.tensors)
    with pytest.raises(TheoryError, match="net has outputs that are NaN or infinite"):
        hessian_norms(broken, points(2, 3))
    with pytest.raises(TheoryError, match="net has loss nan"):
        loss_hessian_extremes(broken, points(2, 3), points(2, 1))
    with pytest.raises(TheoryError, match=r"y of shape \(3, 1\) must be \(2, 1\)"):
        loss_hessian_extremes(weights, points(2, 3), points(3, 1))


def test_measurements_print_and_become_plain():
    found = hessian_norms(network(L=2, m=4, d=3), points(2, 3))
    assert str(found).startswith("max of 2 hessian_norm >= ")
    plain = found.to_dict()
    assert plain["side"] == "lower"
    assert len(plain["value"]) == len(plain["details"]["converged"]) == 2


@pytest.mark.parametrize("activation", ["tanh", "sin", "identity"])
def test_going_on_long_after_convergence_does_no_harm(activation):
    """No basis is kept: repeated Ritz values and round-off must not push a value beyond the norm."""
    weights = network(L=3, m=4, d=3, activation=activation, sigma_1=3.0, seed=5).weights
    X = points(6, 3)
    exact = dense_extremes(weights, X).abs().amax(1)
    for tol in (1e-6, 1e-12, 1e-16):
        torch.testing.assert_close(hessian_norms(weights, X, tol=tol).value, exact, rtol=1e-9, atol=0)
