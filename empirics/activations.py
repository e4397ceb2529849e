"""The papers' activations on tensors, each with two derivatives.

Each activation is one generator that yields phi, phi', phi'' in turn: a derivative reuses what the value already cost
(tanh' is 1 - tanh^2), and asking for fewer computes fewer. Any other SymPy expression is differentiated symbolically.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional

from bounds.errors import TheoryError

Derivatives = Callable[[Tensor], Iterator[Tensor]]


@dataclass(frozen=True)
class TorchActivation:
    """An activation with its first two derivatives, elementwise on tensors of any shape, dtype and device.

    Attributes:
        name: the canonical name, or the SymPy expression as given.
        derivatives: generator function yielding phi(z), phi'(z), phi''(z).
        smooth: False where phi'' does not exist everywhere; `d2` is then its value almost everywhere.
    """

    name: str
    derivatives: Derivatives
    smooth: bool = True

    def phi(self, z: Tensor) -> Tensor:
        """Value of the activation."""
        return next(self.derivatives(z))

    def d1(self, z: Tensor) -> Tensor:
        """First derivative."""
        return self.jet(z, 1)[1]

    def d2(self, z: Tensor) -> Tensor:
        """Second derivative; zero for relu, whose own does not exist at 0."""
        return self.jet(z, 2)[2]

    def jet(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """(phi, ..., phi^(order)) at z for order 0, 1 or 2, sharing what they have in common.

        >>> torch_activation("tanh").jet(torch.zeros(1), 1)
        (tensor([0.]), tensor([1.]))
        """
        return tuple(islice(self.derivatives(z), order + 1))


def _tanh(z: Tensor) -> Iterator[Tensor]:
    t = torch.tanh(z)
    yield t
    slope = torch.addcmul(t.new_ones(()), t, t, value=-1)
    yield slope
    yield (t * slope).mul_(-2)


def _sigmoid(z: Tensor) -> Iterator[Tensor]:
    s = torch.sigmoid(z)
    yield s
    slope = torch.addcmul(s, s, s, value=-1)
    yield slope
    yield slope * (1 - 2 * s)


def _softplus(z: Tensor) -> Iterator[Tensor]:
    # torch's default threshold of 20 drops e^-z, an error of 1e-9: visible in float64
    yield functional.softplus(z, threshold=40.0)
    yield from islice(_sigmoid(z), 2)


def _gelu(z: Tensor) -> Iterator[Tensor]:
    cdf = torch.special.ndtr(z)  # keeps relative accuracy in the left tail, which 1 + erf loses
    yield z * cdf
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    yield torch.addcmul(cdf, z, density)
    yield density * (2 - z * z)


def _silu(z: Tensor) -> Iterator[Tensor]:
    s = torch.sigmoid(z)
    yield z * s
    yield s * (1 + z * (1 - s))
    yield s * (1 - s) * (2 + z * (1 - 2 * s))


def _erf(z: Tensor) -> Iterator[Tensor]:
    yield torch.erf(z)
    slope = torch.exp(-z * z) * (2 / math.sqrt(math.pi))
    yield slope
    yield (z * slope).mul_(-2)


def _sin(z: Tensor) -> Iterator[Tensor]:
    value = torch.sin(z)
    yield value
    yield torch.cos(z)
    yield -value


def _identity(z: Tensor) -> Iterator[Tensor]:
    yield z
    yield torch.ones_like(z)
    yield torch.zeros_like(z)


def _relu(z: Tensor) -> Iterator[Tensor]:
    yield torch.relu(z)
    yield (z > 0).to(z.dtype)
    yield torch.zeros_like(z)


_BUILT_IN: dict[str, Derivatives] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "gelu": _gelu,
    "silu": _silu,
    "erf": _erf,
    "sin": _sin,
    "identity": _identity,
    "relu": _relu,
}
_FUNCTIONS = "exp log sqrt tanh sinh cosh sin cos tan asin acos atan asinh acosh atanh erf erfc"
_ALIASES = {"swish": "silu", "linear": "identity", "logistic": "sigmoid"}


@lru_cache(maxsize=64)
def torch_activation(name_or_expr: str) -> TorchActivation:
    """The activation of that name, or of that SymPy expression in `z`.

    Args:
        name_or_expr: tanh, sigmoid, softplus, gelu (exact), silu (swish), erf, sin, identity, relu, any other name that
            `bounds.activations.get` knows, or an expression such as "z*tanh(z)".

    Returns:
        Its values and derivatives on tensors; hand-written where the name is built in, else from SymPy.

    Raises:
        TheoryError: unknown name, or an expression that SymPy cannot turn into tensor operations.

    >>> torch_activation("swish").name
    'silu'
    """
    if not isinstance(name_or_expr, str):
        raise TheoryError(f"activation={name_or_expr!r} must be a name or an expression in z, as a string")
    name = name_or_expr.strip()
    name = _ALIASES.get(name.lower(), name)
    if name.lower() in _BUILT_IN:
        return TorchActivation(name.lower(), _BUILT_IN[name.lower()], smooth=name.lower() != "relu")
    return _from_sympy(name)


def _from_sympy(name: str) -> TorchActivation:
    from bounds import activations  # SymPy is slow to import: only where an expression is asked for

    entry = activations.get(name)
    functions = [_compile(activations.Z, entry.derivative(k), name) for k in range(3)]

    def derivatives(z: Tensor) -> Iterator[Tensor]:
        return (torch.as_tensor(g(z), dtype=z.dtype, device=z.device).expand_as(z) for g in functions)

    return TorchActivation(entry.name, derivatives)


def _compile(symbol: object, expression: object, name: str) -> Callable[[Tensor], Tensor]:
    import sympy

    # constants such as sqrt(2) reach these functions as numbers: torch would round them to float32
    table: dict[str, object] = {f: _either(getattr(torch, f), getattr(math, f)) for f in _FUNCTIONS.split()}
    table |= {"Abs": torch.abs, "abs": torch.abs, "sign": torch.sign, "pi": math.pi, "e": math.e}
    try:
        function = sympy.lambdify(symbol, expression, modules=[table], cse=True)
        function(torch.linspace(-1, 1, 3, dtype=torch.float64))
    except (TypeError, NameError, AttributeError, ValueError, RuntimeError) as error:
        detail = str(error).splitlines()[0]
        raise TheoryError(
            f"activation={name!r} cannot be evaluated on tensors ({detail}): use elementary functions"
        ) from error
    return function


def _either(on_tensor: Callable[..., Tensor], on_number: Callable[..., float]) -> Callable[..., object]:
    return lambda x: on_tensor(x) if isinstance(x, Tensor) else on_number(x)
