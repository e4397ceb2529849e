"""Every paper's network against its recursion as the paper writes it, and its initialisation."""

import math

import naive
import pytest
import torch
from architectures import CASES, RING, TORUS, case, names, normal

from bounds.errors import TheoryError
from empirics import network
from empirics.networks import Network, builders


def unit(n, d, seed=0):
    return torch.nn.functional.normalize(normal(n, d, seed=seed), dim=1)


def close_in_variance(t, variance):
    """Within five standard errors, variance sqrt(2/N) for Gaussians; the mean likewise."""
    N = t.numel()
    assert abs(float(t.square().mean()) / variance - 1) < 5 * math.sqrt(2 / N)
    assert abs(float(t.mean())) < 5 * math.sqrt(variance / N)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_the_papers_recursion(name):
    it = case(name)
    expected = naive.output(it.weights, naive.flat(it.weights), it.X, it.model)
    found = Network(it.weights)(it.X)
    assert found.shape == (3, it.weights.k)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


def test_the_smooth_and_the_dense_are_those():
    for name in CASES:
        weights = case(name).weights
        assert weights.activation.smooth == (name in names(smooth=True))
        assert all(at is None for at in weights.windows) == (name in names(dense=True))


@pytest.mark.parametrize("name", CASES)
def test_only_what_is_trained_has_gradients(name):
    it = case(name)
    net = Network(it.weights)
    net(it.X).sum().backward()
    got = [p.grad is not None for p in (*net.W, net.V, *net.biases)]
    assert got == list(it.weights.trainable)
    assert it.weights.parameters == naive.flat(it.weights).numel()


def test_what_each_paper_trains_and_its_default_network():
    trained = {
        ("liu2020", "deep"): ({"L": 3, "m": 4, "d": 3}, 4 * 3 + 4 * 4 + 4),  # Section 7: dm + (L-2) m^2 + m
        ("liu2020", "shallow"): ({"m": 4}, 4),
        ("liu2020", "biased"): ({"m": 4}, 12),
        ("song2021", "shallow"): ({"d_0": 3, "d_1": 4, "d_2": 2}, 12 + 8),
        ("fu2018", "planted"): ({"K": 3, "d": 5}, 15),
        ("allenzhu2019", "mlp"): ({"L": 2, "m": 4, "d_in": 3}, 2 * 16),
        ("allenzhu2019", "cnn"): ({"L": 3, "m": 2, "positions": 4}, 2 * 4 * 2 * 6 + 8 * 8),
        ("allenzhu2019", "resnet"): ({"L": 3, "m": 4, "d_in": 3}, 3 * 16),
    }
    first = {"liu2020": "deep", "song2021": "shallow", "fu2018": "planted", "allenzhu2019": "mlp"}
    assert {paper: next(iter(builders(paper))) for paper in first} == first
    assert {(paper, kind) for paper in first for kind in builders(paper)} == set(trained)
    for (paper, kind), (options, count) in trained.items():
        assert network(paper, kind, **options).weights.parameters == count


def test_initialisation_of_liu2020():
    deep = network("liu2020", L=3, m=60, d=50, k=30).weights
    for t in deep.tensors:
        close_in_variance(t, 1)
    shallow = network("liu2020", "shallow", m=4000).weights
    close_in_variance(shallow.W[0], 1)
    assert set(shallow.V.unique().tolist()) == {-1, 1}
    assert abs(float(shallow.V.mean())) < 5 / math.sqrt(4000)
    for t in network("liu2020", "biased", m=4000).weights.tensors:
        close_in_variance(t, 1)


def test_initialisation_of_song2021():
    weights = network("song2021", d_0=784, d_1=1000, d_2=10, omega_1=0.02).weights
    close_in_variance(weights.W[0], 0.02**2)
    close_in_variance(weights.V, (0.002259 / 0.02) ** 2)  # Appendix G prints omega_1 omega_2 = 0.002259
    given = network("song2021", d_0=5, d_1=3000, omega_1=2.0, omega_2=3.0).weights
    close_in_variance(given.W[0], 4)
    close_in_variance(given.V, 9)


def test_initialisation_of_fu2018():
    weights = network("fu2018", K=4, d=4000, scale=1.5).weights
    torch.testing.assert_close(weights.W[0].norm(dim=1), torch.full((4,), 1.5, dtype=torch.float64), rtol=0.06, atol=0)
    values = torch.linalg.svdvals(weights.W[0])
    assert (values / 1.5 - 1).abs().max() < 2 * math.sqrt(4 / 4000)
    torch.testing.assert_close(weights.scales[1] * weights.V, torch.full((4, 1), 0.25, dtype=torch.float64))


def test_initialisation_of_allenzhu2019():
    m, d, q = 60, 40, 3
    for kind in ("mlp", "resnet"):
        weights = network("allenzhu2019", kind, L=2, m=m, d_in=30, d=d).weights
        for w in weights.W:
            close_in_variance(w, 2 / m)
        close_in_variance(weights.V, 1 / d)
    cnn = network("allenzhu2019", "cnn", L=3, m=20, positions=10, d=d, tau=0.5).weights
    for w in cnn.W[:-1]:
        close_in_variance(w, 2 / (q * 20))
    close_in_variance(cnn.W[-1], 2 / (10 * 20))
    close_in_variance(cnn.V, 1 / d)
    shifts = [b for b in cnn.biases if b is not None]
    assert len(shifts) == 2
    for b in shifts:
        close_in_variance(b, 0.25 * 2 / (q * 20))
    by_default = network("allenzhu2019", "cnn", L=3, m=400, positions=10).weights.biases[1]
    close_in_variance(by_default, (1 / 9 / (10 * 10 * 3)) ** 2 * 2 / (q * 400))  # tau = delta^2/(10 P L), delta = 1/L


def test_neighbourhoods_are_regular():
    for positions, q, by_hand in ((4, 3, RING), ((2, 3), 4, TORUS), (7, 7, None), ((4, 5), 9, None), (5, 1, None)):
        windows = network("allenzhu2019", "cnn", L=2, m=1, positions=positions, q=q).weights.windows
        assert windows[2] is None
        assert torch.equal(windows[0], windows[1])
        at = windows[0].tolist()
        assert by_hand is None or at == by_hand
        assert {len(set(Q)) for Q in at} == {q}  # Assumption B.1: q distinct ones, each read q times
        assert {sum(k in Q for Q in at) for k in range(len(at))} == {q}
        assert all(j in Q for j, Q in enumerate(at))


def test_forward_norms_of_allenzhu2019_are_near_1():
    """Lemma 7.1 and its convolutional form (Appendix B): ||h_l|| in [1 - eps, 1 + eps]."""
    mlp = network("allenzhu2019", L=4, m=1500, d_in=10).weights
    layers = naive.allenzhu2019_layers(mlp.tensors, unit(5, 10), torch.relu)
    assert len(layers) == 5
    assert max(float((h.norm(dim=0) - 1).abs().max()) for h in layers) < 0.15
    cnn = network("allenzhu2019", "cnn", L=3, m=150, positions=8).weights
    reads = [[(j - 1) % 8, j, (j + 1) % 8] for j in range(8)]
    layers = naive.allenzhu2019_cnn_layers(cnn.tensors, unit(5, 8), torch.relu, reads)
    assert len(layers) == 4
    assert max(float((h.norm(dim=0) - 1).abs().max()) for h in layers) < 0.15


def test_a_residual_network_grows_by_at_most_a_hundredth():
    """Appendix C at tau = ln(1.01)/(2 sqrt(2) L) (erratum A11): (C.1), and norms in [1/sqrt(20), 1.02]."""
    L, m = 6, 1500
    tau = math.log(1.01) / (2 * math.sqrt(2) * L)
    weights = network("allenzhu2019", "resnet", L=L, m=m, d_in=10, tau=tau).weights
    norms = [h.norm(dim=0) for h in naive.allenzhu2019_layers(weights.tensors, unit(5, 10), torch.relu, tau)]
    error = 5 * math.sqrt(5 / m) / 2  # five deviations of ||relu(A x)||: its square has variance 5/m
    assert (norms[0] - 1).abs().max() < error
    assert all((norm <= 1.01 * norms[0]).all() for norm in norms[:-1])
    assert all((norm >= 1 / math.sqrt(20)).all() for norm in norms)
    assert (norms[-1] / norms[-2] - 1).abs().max() < error


def test_products_of_residual_layers_keep_their_bound():
    L, m = 6, 80
    tau = math.log(1.01) / (2 * math.sqrt(2) * L)
    weights = network("allenzhu2019", "resnet", L=L, m=m, d_in=10, tau=tau).weights
    total = eye = torch.eye(m, dtype=torch.float64)
    layers = naive.allenzhu2019_layers(weights.tensors, unit(1, 10), torch.relu, tau)
    for w, h in zip(weights.W[1:L], layers[: L - 1], strict=True):
        total = (eye + tau * w) @ torch.diag((h[:, 0] > 0).to(w.dtype)) @ total
    assert 0.5 < float(torch.linalg.matrix_norm(total, 2)) <= 1.01


@pytest.mark.parametrize(
    ("paper", "kind", "options", "message"),
    [
        ("liu2020", "deep", {"L": 1, "m": 2, "d": 2}, "L=1 must be at least 2: liu2020's L counts weight layers"),
        ("liu2020", "deep", {"L": 2, "m": 0, "d": 2}, "m=0 must be"),
        ("liu2020", "shallow", {"m": 2, "output": 3}, "output=3 must be a name"),
        ("liu2020", "shallow", {"m": 2, "output": "foo(z)"}, "The output 'foo(z)'"),
        ("liu2020", "shallow", {"m": 2, "k": 2}, "k is not an option of liu2020's shallow network"),
        ("liu2020", "deep", {"L": 2, "m": 2}, "d is needed for liu2020's deep network"),
        ("song2021", None, {"d_0": 2, "d_1": 2, "omega_2": 0.0}, "omega_2=0.0 must be"),
        ("song2021", None, {"d_0": 2, "d_1": 2, "omega_1": -1}, "omega_1=-1 must be"),
        ("fu2018", None, {"K": 2, "d": 2, "scale": math.inf}, "scale=inf must be"),
        ("allenzhu2019", "cnn", {"L": 1, "m": 2, "positions": 2}, "q=3 is no neighbourhood on a ring of 2 positions"),
        ("allenzhu2019", "cnn", {"L": 1, "m": 2, "positions": (3, 4)}, "q=3 is no neighbourhood on a torus of 3 x 4"),
        ("allenzhu2019", "cnn", {"L": 1, "m": 2, "positions": (3, 0)}, "positions[1]=0 must be"),
        ("allenzhu2019", "cnn", {"L": 1, "m": 2, "positions": 4, "tau": -1}, "tau=-1 must be"),
        ("allenzhu2019", "resnet", {"L": 1, "m": 2, "d_in": 2, "tau": 0}, "tau=0 must be"),
        ("allenzhu2019", "resnet", {"L": 1, "m": 1, "d_in": 2}, "m=1 leaves tau = 1/(L log m) undefined"),
        ("allenzhu2019", "transformer", {}, "kind='transformer' is not a network of allenzhu2019"),
    ],
)
def test_bad_options_give_one_line(paper, kind, options, message):
    with pytest.raises(TheoryError) as caught:
        network(paper, kind, **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
