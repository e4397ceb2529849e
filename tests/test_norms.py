import pytest
import torch

from empirics import layer_norms, network, spectral_norm, weight_norms


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 5), (2, 6, 4), (40, 40)])
@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
def test_spectral_norm_is_the_largest_singular_value(shape, scale):
    A = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * scale
    torch.testing.assert_close(spectral_norm(A), torch.linalg.svdvals(A)[..., 0], rtol=1e-13, atol=0)


def test_spectral_norm_of_zero():
    assert spectral_norm(torch.zeros(3, 2)).item() == 0


def by_autograd(weights, x):
    """Each rung for one input, from its definition."""
    rungs = {
        "activation_norm": [],
        "layer_jacobian": [],
        "weight_jacobian": [],
        "backward_norm": [],
        "backward_max": [],
    }
    alpha = x
    for l, w in enumerate(weights.W):

        def layer(w, alpha, l=l):
            return weights.activation.phi(w @ alpha * weights.scales[l])

        by_w, by_alpha = torch.autograd.functional.jacobian(layer, (w, alpha))
        rungs["weight_jacobian"].append(torch.linalg.matrix_norm(by_w.flatten(1), 2))
        if l:
            rungs["layer_jacobian"].append(torch.linalg.matrix_norm(by_alpha, 2))
        alpha = layer(w, alpha)

        def rest(alpha, l=l):
            for j in range(l + 1, weights.L):
                alpha = weights.activation.phi(weights.W[j] @ alpha * weights.scales[j])
            return (alpha @ weights.V * weights.scales[-1])[0]

        b = torch.autograd.functional.jacobian(rest, alpha)
        rungs["activation_norm"].append(alpha.norm())
        rungs["backward_norm"].append(b.norm())
        rungs["backward_max"].append(b.abs().max())
    return rungs


@pytest.mark.parametrize("activation", ["tanh", "softplus", "identity", "relu"])
@pytest.mark.parametrize(("L", "m"), [(1, 4), (2, 1), (3, 6)])
def test_rungs_match_their_definitions(activation, L, m):
    weights = network(L=L, m=m, d=3, activation=activation, sigma_1=2.0, seed=2).weights
    X = points(4, 3)
    found = layer_norms(weights, X, tol=1e-9)
    reference = [by_autograd(weights, x) for x in X]
    for name in reference[0]:
        expected = torch.stack([torch.stack(r[name]) if r[name] else X.new_zeros(0) for r in reference])
        torch.testing.assert_close(found[name].value, expected, rtol=1e-9, atol=1e-13, msg=name)
    jacobian = found["layer_jacobian"]
    assert (jacobian.upper >= jacobian.value).all()
    assert "weight_distance" not in found


def test_layer_jacobian_brackets_the_norm_at_a_loose_tolerance():
    weights = network(L=2, m=50, d=3, seed=1).weights
    X = points(3, 3)
    exact = torch.stack([by_autograd(weights, x)["layer_jacobian"][0] for x in X])[:, None]
    found = layer_norms(weights, X, tol=1e-2)["layer_jacobian"]
    assert (found.value <= exact * (1 + 1e-12)).all()
    assert (exact <= found.upper).all()
    torch.testing.assert_close(found.value, exact, rtol=1e-2, atol=0)


def test_distances_from_the_initial_point():
    net = network(L=2, m=6, d=3, k=2)
    assert layer_norms(net, points(1, 3))["weight_distance"].value.tolist() == [0, 0]
    step = [points(*t.shape, seed=i) for i, t in enumerate(net.weights.tensors)]
    moved = net.clone_at(net.weights.with_tensors(t + s for t, s in zip(net.weights.tensors, step, strict=True)))
    found = weight_norms(moved, moved.initial)
    expected = torch.stack([torch.linalg.matrix_norm(s, 2) for s in step[:2]])
    torch.testing.assert_close(found["weight_distance"].value, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(found["readout_distance"].value, step[2].norm(dim=0), rtol=1e-12, atol=0)
    torch.testing.assert_close(layer_norms(moved, points(1, 3))["weight_distance"].value, expected)


def test_distances_after_a_change_of_dtype():
    net = network(L=2, m=6, d=3).float()
    assert weight_norms(net, net.initial)["readout_distance"].value.item() < 1e-6
