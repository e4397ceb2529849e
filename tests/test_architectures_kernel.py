"""The tangent kernel of every architecture against Jacobians by autograd."""

import naive
import pytest
import torch
from architectures import CASES, case, normal

from bounds.errors import TheoryError
from bounds.kernels import ntk
from empirics import network, ntk_gram
from empirics.measure import kernel
from empirics.measure.features import Layer
from empirics.weights import stack


def exactly(features, k):
    """K of given factors, in float64 from the definition: sum over layers and positions of (c.c') (a.a' + bias)."""
    n = features.slope.shape[0]
    slope = torch.diag_embed(features.slope.double())  # the cotangents of the readout's outputs
    readout = Layer(features.a, features.scale, slope.transpose(0, 1).reshape(k * n, k), features.bias, False)
    total = torch.zeros(n, k, n, k, dtype=torch.float64)
    for part in (*features.hidden, readout):
        c = part.c.double().reshape(-1, k, n, part.c.shape[-1])
        inner = torch.full((len(c), n, n), part.bias, dtype=torch.float64)
        if part.a is not None:
            a = part.scale * part.a.double().reshape(-1, n, part.a.shape[-1])
            inner += torch.einsum("pix,pjx->pij", a, a)
        total += torch.einsum("phix,pgjx,pij->ihjg", c, c, inner)
    return total[:, 0, :, 0] if k == 1 else total


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_is_the_jacobians(name):
    it = case(name)
    expected = naive.kernel(naive.jacobian(it.weights, it.X, it.model))
    found = ntk_gram(it.weights, it.X)
    torch.testing.assert_close(found.value, expected, rtol=1e-11, atol=1e-13)
    assert found.details["trace"] == pytest.approx(float(expected.reshape(3 * it.weights.k, -1).trace()), rel=1e-12)
    assert found.details["outputs"] == it.weights.k
    for tile in (1, 2):
        torch.testing.assert_close(ntk_gram(it.weights, it.X, tile=tile).value, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_rounding_bounds_what_float32_does_to_given_factors(name):
    it = case(name)
    single, x = it.weights.to(torch.float32), it.X.float()
    exact = exactly(kernel.features(single, x), single.k)
    found, coarse = ntk_gram(single, x), ntk_gram(single, x, accumulate=torch.float32)
    assert (found.value.dtype, coarse.value.dtype) == (torch.float64, torch.float32)
    for kind in (found, coarse):
        trace = float(kind.details["trace"])
        assert float((kind.value.double() - exact).norm()) <= kind.details["rounding"] < 1e-5 * trace
    assert found.details["rounding"] < coarse.details["rounding"]
    # the factors' own rounding comes on top
    double = ntk_gram(it.weights, it.X)
    assert float((found.value - double.value).norm()) <= 1e-5 * double.details["trace"]
    assert double.details["rounding"] < 1e-13 * double.details["trace"]


@pytest.mark.parametrize("name", CASES)
def test_networks_of_one_shape_are_measured_at_once(name):
    it = case(name)
    points = [it.moved(seed) for seed in (10, 20, 30)]
    assert not torch.equal(naive.flat(points[0]), naive.flat(points[1]))
    found, tiled = (ntk_gram(stack(points), it.X, tile=tile) for tile in (None, 2))
    for s, point in enumerate(points):
        alone = ntk_gram(point, it.X)
        torch.testing.assert_close(found.value[s], alone.value, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(tiled.value[s], alone.value, rtol=1e-12, atol=1e-14)
        assert float(found.details["trace"][s]) == pytest.approx(alone.details["trace"], rel=1e-12)
        assert float(found.details["rounding"][s]) == pytest.approx(alone.details["rounding"], rel=1e-12)


def test_a_small_budget_makes_the_factors_again_block_by_block(monkeypatch):
    net, X = network(L=70, m=6, d=3, k=2, sigma_1=3.2, seed=1), normal(40, 3)  # many narrow layers: few parameters
    sizes, features = [], kernel.features
    monkeypatch.setattr(kernel, "features", lambda weights, x: sizes.append(len(x)) or features(weights, x))
    whole = ntk_gram(net, X)
    assert sizes == [40]
    parts = ntk_gram(net, X, budget=2**20)
    assert len(sizes) > 3
    assert max(sizes[1:]) < 40
    expected = naive.kernel(naive.jacobian(net.weights, X))
    scale = float(expected.abs().max())
    torch.testing.assert_close(whole.value, expected, rtol=0, atol=1e-10 * scale)
    torch.testing.assert_close(parts.value, expected, rtol=0, atol=1e-10 * scale)
    with pytest.raises(TheoryError, match="budget: one sample needs"):
        ntk_gram(net, X.repeat(10, 1), budget=2**20)  # K itself does not fit


def test_a_kernel_without_numbers_is_refused():
    weights = case("unequal-widths").weights
    broken = weights.with_tensors(t * torch.nan for t in weights.tensors)
    with pytest.raises(TheoryError, match="net has gradients that are NaN or infinite"):
        ntk_gram(broken, case("unequal-widths").X)


@pytest.mark.parametrize(
    ("paper", "kind", "limit", "options", "factor"),
    [
        ("liu2020", "deep", {"L": 3, "activation": "gelu"}, {"L": 3, "m": 900, "d": 3, "activation": "gelu"}, 1),
        ("liu2020", "shallow", {"shallow": True, "activation": "silu"}, {"m": 4000, "d": 3, "activation": "silu"}, 1),
        ("fu2018", "planted", {}, {"K": 4000, "d": 3, "scale": 3**0.5}, 4000),
        ("allenzhu2019", "mlp", {"L": 2}, {"L": 2, "m": 900, "d_in": 3}, 1 / 900),
        ("song2021", "shallow", {"activation": "gelu", "omega_1": 1.5, "omega_2": 0.7},
         {"d_0": 3, "d_1": 4000, "omega_1": 1.5, "omega_2": 0.7}, 1 / 4000),
    ],
)  # fmt: skip
def test_wide_networks_tend_to_the_infinite_width_kernel(paper, kind, limit, options, factor):
    X = torch.tensor([[1.0, 0.5, -0.3], [0.2, -0.8, 0.9], [0.9, 0.6, -0.1]])
    expected = torch.as_tensor(ntk(paper, X.numpy(), **limit).value)
    found = sum(ntk_gram(network(paper, kind, seed=s, **options), X).value for s in range(4)) / 4 * factor
    # one entry deviates by some 2/sqrt(m) of the largest, the mean of four by half as much
    assert float((found - expected).abs().max()) < 0.1 * float(expected.max())
