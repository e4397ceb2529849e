"""The named quantities and their gradients against definitions that see a network only through its outputs."""

import pytest
import torch

from bounds.errors import NotApplicable, TheoryError
from empirics import network
from empirics.losses import loss_function
from empirics.measure.forward import forward
from empirics.measure.objectives import QUANTITIES, Differentiable, objective
from empirics.weights import Weights, stack

HALF_SQUARE = loss_function("half_square", 1)
FIRST_ORDER = [name for name in QUANTITIES if name != "hessian_norm"]


def points(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def biased():
    base = network(L=3, m=3, d=3, k=2).weights
    biases = tuple(torch.zeros(size, dtype=torch.float64) for size in (3, 3, 3, 2))
    return Weights(base.W, base.V, base.scales, base.activation, biases, base.activation, frozenset({2}))


def windowed():
    base = network(L=2, m=4, d=3).weights
    W = (points(2, 2, 2), points(3, 4))
    return Weights(W, points(3, 1), base.scales, base.activation, windows=(torch.tensor([[0, 1], [1, 2]]), None))


def frozen():
    base = network(L=3, m=3, d=3).weights
    return Weights(base.W, base.V, base.scales, base.activation, trainable=(False, True, True, False))


BUILD = {
    "dense": lambda: network(L=2, m=4, d=3).weights,
    "two outputs": lambda: network(L=3, m=3, d=3, k=2, activation="gelu").weights,
    "biases, psi, shortcut": biased,
    "windows": windowed,
    "frozen": frozen,
}
every_network = pytest.mark.parametrize("case", list(BUILD))


def at(case, seed):
    """The architecture at weights of size 1."""
    weights = BUILD[case]()
    return weights.with_tensors(points(*t.shape, seed=10 * seed + i) for i, t in enumerate(weights.tensors))


def trained(weights):
    return tuple(t for t, on in zip(weights.tensors, weights.trainable, strict=True) if on)


def outputs(weights, X):
    """The outputs (n, k) as a function of the trained tensors."""

    def f(*values):
        rest, parts = iter(values), zip(weights.tensors, weights.trainable, strict=True)
        return forward(weights.with_tensors(next(rest) if on else t for t, on in parts), X, 0).f

    return f


def jacobian(weights, X):
    parts = torch.autograd.functional.jacobian(outputs(weights, X), trained(weights))
    return torch.cat([p.flatten(2) for p in parts], 2).flatten(0, 1)


def by_definition(name, weights, X, y, centre):
    if name == "output":
        return forward(weights, X, 0).f.abs().max()
    if name == "input_grad_norm":
        return torch.autograd.functional.jacobian(lambda x: forward(weights, x, 0).f.sum(0), X).norm(dim=-1).max()
    if name == "loss":
        return (forward(weights, X, 0).f - y).square().sum() / 2
    J, start = jacobian(weights, X), jacobian(centre, X)
    if name == "loss_grad_norm":
        return (J.T @ (forward(weights, X, 0).f - y).flatten()).norm()
    if name == "param_grad_norm":
        return J.norm(dim=1).max()
    if name == "kernel_change":
        return torch.linalg.matrix_norm(J @ J.T - start @ start.T, 2)
    values = torch.linalg.eigvalsh(J @ J.T)
    return values[-1] if name == "kernel_lambda_max" else -values[0]


def dense_hessian(weights, X, i, h):
    sizes = [t.shape for t in trained(weights)]

    def f(flat):
        parts = flat.split([s.numel() for s in sizes])
        return outputs(weights, X[i : i + 1])(*(p.view(s) for p, s in zip(parts, sizes, strict=True)))[0, h]

    return torch.autograd.functional.hessian(f, torch.cat([t.flatten() for t in trained(weights)]))


@every_network
@pytest.mark.parametrize("name", FIRST_ORDER)
def test_values_match_the_definition(case, name):
    X, centre, nets = points(3, 3), at(case, 0), [at(case, 1), at(case, 2)]
    y = points(3, centre.k, seed=7)
    found = objective(name, centre, X, y, HALF_SQUARE, 0)
    expected = torch.stack([by_definition(name, net, X, y, centre) for net in nets])
    torch.testing.assert_close(found.of((0, 1)).values(stack(nets)), expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.exact(nets[1]), expected[1], rtol=1e-10, atol=1e-12)


@every_network
@pytest.mark.parametrize("name", FIRST_ORDER)
def test_gradients_match_differences(case, name):
    X, centre, nets = points(3, 3), at(case, 0), stack([at(case, 1), at(case, 2)])
    y = points(3, centre.k, seed=7)
    followed = objective(name, centre, X, y, HALF_SQUARE, 0).of((0, 1))
    check_gradient(followed, nets, 1e-7)


def check_gradient(followed, nets, tolerance):
    """<gradient, u> of each network against a central difference along u; nothing where nothing is trained."""
    value, gradient = followed.ascend(nets)
    u = [points(*t.shape, seed=50 + i) * on for i, (t, on) in enumerate(zip(nets.tensors, nets.trainable, strict=True))]
    step = 1e-5
    ahead, behind = (
        followed.values(nets.with_tensors(t + s * v for t, v in zip(nets.tensors, u, strict=True)))
        for s in (step, -step)
    )
    slope = sum((g * v).flatten(1).sum(1) for g, v in zip(gradient, u, strict=True))
    torch.testing.assert_close(slope, (ahead - behind) / (2 * step), rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(followed.values(nets), value, rtol=1e-6, atol=0)
    assert all(on or not g.any() for g, on in zip(gradient, nets.trainable, strict=True))


@pytest.mark.parametrize("case", [c for c in BUILD if c != "windows"])
def test_the_hessian_norm_is_found_and_differentiated(case):
    X, centre, nets = points(2, 3), at(case, 0), [at(case, 1), at(case, 2)]
    whole = objective("hessian_norm", centre, X, None, HALF_SQUARE, 0)
    pairs = [(i, h) for i in range(2) for h in range(centre.k)]
    norms = torch.stack([torch.linalg.matrix_norm(dense_hessian(centre, X, i, h), 2) for i, h in pairs])
    order = norms.argsort(descending=True)
    followed = whole.of((0, len(pairs) + 1))  # the largest at theta_0, and, in turn again, the second largest
    for _ in range(60):
        found, _ = followed.ascend(stack(nets))
    own = [pairs[order[0]], pairs[order[1]]]
    expected = [torch.linalg.matrix_norm(dense_hessian(n, X, *p), 2) for n, p in zip(nets, own, strict=True)]
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-6, atol=0)
    assert bool((found <= torch.stack(expected) * (1 + 1e-12)).all())
    check_gradient(followed, stack(nets), 1e-4)
    largest = max(torch.linalg.matrix_norm(dense_hessian(nets[0], X, *p), 2) for p in pairs)
    torch.testing.assert_close(whole.exact(nets[0]), largest, rtol=1e-6, atol=0)


def test_power_steps_only_raise_the_value():
    nets = stack([at("dense", 1), at("dense", 2)])
    followed = objective("hessian_norm", at("dense", 0), points(2, 3), None, HALF_SQUARE, 0).of((0, 1))
    values = torch.stack([followed.ascend(nets)[0] for _ in range(8)])
    assert bool((values[1:] >= values[:-1] * (1 - 1e-14)).all())


def test_a_hessian_that_vanishes_is_zero_with_gradient_zero():
    base = network(L=1, m=3, d=3).weights  # linear in what is trained
    weights = Weights(base.W, base.V, base.scales, base.activation, trainable=(False, True))
    found = objective("hessian_norm", weights, points(2, 3), None, HALF_SQUARE, 0)
    value, gradient = found.of((0,)).ascend(stack([weights]))
    assert float(value) == 0 == float(found.exact(weights))
    assert not any(g.any() for g in gradient)


def test_restarts_take_the_entries_in_turn():
    X, nets = points(3, 3), stack([at("dense", 1)] * 4)
    found = Differentiable(lambda w, x: forward(w, x, 0).f[..., 0], X).of((0, 1, 5, 6))
    values, gradient = found.ascend(nets, own=True)
    f = forward(at("dense", 1), X, 0).f[:, 0]
    torch.testing.assert_close(values, f[[0, 1, 2, 0]])
    torch.testing.assert_close(gradient[2][0], forward(at("dense", 1), X, 0).a[-1][0][:, None])
    torch.testing.assert_close(found.values(nets), f.max().expand(4))


def test_a_network_that_is_not_finite_spoils_no_other():
    X, good = points(3, 3), at("dense", 1)
    bad = good.with_tensors(t * torch.nan for t in good.tensors)
    for name in ("kernel_lambda_max", "param_grad_norm", "kernel_change"):
        found = objective(name, good, X, None, HALF_SQUARE, 0).of((0, 1))
        value, gradient = found.ascend(stack([bad, at("dense", 2)]))
        alone, only = found.of((1,)).ascend(stack([at("dense", 2)]))
        assert value.isnan().tolist() == [True, False]
        torch.testing.assert_close(value[1:], alone)
        torch.testing.assert_close([g[1:] for g in gradient], only)


def test_dead_networks_have_a_gradient():
    # every unit of a relu network off: ||nabla f|| = 0 has the derivative 0, not NaN
    base = network(L=2, m=3, d=2, activation="relu").weights
    dead = base.with_tensors([-torch.ones_like(base.W[0]), *base.tensors[1:]])
    found = objective("param_grad_norm", dead, torch.ones(2, 2, dtype=torch.float64), None, HALF_SQUARE, 0)
    value, gradient = found.of((0,)).ascend(stack([dead]))
    assert float(value) == 0
    assert all(bool(g.isfinite().all()) for g in gradient)


def test_bad_quantities_are_refused_in_one_line():
    X, net = points(3, 3), at("dense", 1)
    with pytest.raises(TheoryError, match=r"^quantity='input_grad' is not known; did you mean input_grad_norm"):
        objective("input_grad", net, X, None, HALF_SQUARE, 0)
    with pytest.raises(TheoryError, match=r"^y is needed for quantity='loss'"):
        objective("loss", net, X, None, HALF_SQUARE, 0)
    for bad in (lambda w, x: w.V, lambda w, x: w.V.sum(), lambda w, x: 1.0, lambda w, x: w.V.new_zeros(2, 0)):
        with pytest.raises(TheoryError, match=r"^quantity returned .* for 2 networks"):
            objective(bad, net, X, None, HALF_SQUARE, 0).of((0, 1)).values(stack([net, net]))
    with pytest.raises(TheoryError, match="does not depend on the trained parameters"):
        objective(lambda w, x: w.V.detach().sum((1, 2)), net, X, None, HALF_SQUARE, 0).of((0,)).ascend(stack([net]))
    relu = network(L=2, m=3, d=3, activation="relu").weights
    with pytest.raises(NotApplicable, match="twice differentiable"):
        objective("hessian_norm", relu, X, None, HALF_SQUARE, 0)
    with pytest.raises(NotApplicable):
        objective("hessian_norm", windowed(), X, None, HALF_SQUARE, 0).of((0,))
