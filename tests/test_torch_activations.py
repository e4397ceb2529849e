import mpmath
import pytest
import sympy
import torch

from bounds.errors import TheoryError
from empirics import torch_activation

NAMES = ["tanh", "sigmoid", "softplus", "gelu", "silu", "erf", "sin", "identity", "relu"]
POINTS = [-50.0, -7.5, -2.0, -0.3, 0.0, 0.1, 1.0, 3.25, 19.0, 25.0, 50.0]


def exact(expression, symbol, z):
    """30-digit value: float64 formulas cancel at |z| = 50."""
    with mpmath.workdps(60):
        return float(sympy.N(expression.subs(symbol, sympy.Rational(z)), 30, maxn=400))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "relu"])
def test_derivatives_match_the_symbolic_ones(name):
    activations = pytest.importorskip("bounds.activations")
    entry, ours = activations.get(name), torch_activation(name)
    z = torch.tensor(POINTS, dtype=torch.float64)
    for k, values in enumerate(ours.jet(z, 2)):
        expression = entry.derivative(k)
        reference = torch.tensor(
            [exact(sympy.sympify(expression), activations.Z, p) for p in POINTS], dtype=torch.float64
        )
        torch.testing.assert_close(values, reference, rtol=1e-13, atol=4e-15)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_match_autograd(name):
    a = torch_activation(name)
    z = torch.linspace(-3, 3, 20, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(a.phi(z).sum(), z, create_graph=True)
    torch.testing.assert_close(a.d1(z), first, rtol=1e-12, atol=1e-14)
    if a.smooth and name != "identity":
        (second,) = torch.autograd.grad(first.sum(), z)
        torch.testing.assert_close(a.d2(z), second, rtol=1e-11, atol=1e-13)


def test_relu_is_marked_not_smooth():
    relu = torch_activation("relu")
    assert not relu.smooth
    assert relu.d2(torch.tensor([-1.0, 2.0])).tolist() == [0, 0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_dtype_are_kept(name, dtype):
    z = torch.randn(2, 3, dtype=dtype)
    assert all(t.shape == z.shape and t.dtype == dtype for t in torch_activation(name).jet(z, 2))


def test_expressions_go_through_sympy():
    pytest.importorskip("bounds.activations")
    a = torch_activation("sqrt(2)*z*tanh(z) + 1")
    z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    root = 2**0.5  # a float32 sqrt(2) would be off by 1e-8
    torch.testing.assert_close(a.phi(z), root * z * z.tanh() + 1, rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(a.d1(z), root * (z.tanh() + z / z.cosh() ** 2), rtol=1e-13, atol=1e-15)
    constant = torch_activation("3*z")
    assert constant.d1(z).tolist() == [3.0] * 9
    assert constant.d2(z).tolist() == [0.0] * 9


@pytest.mark.parametrize("name", ["no such thing", "z +", "", "besselj(0, z)"])
def test_unknown_expressions_give_one_line(name):
    pytest.importorskip("bounds.activations")
    with pytest.raises(TheoryError) as caught:
        torch_activation(name)
    assert "\n" not in str(caught.value)
