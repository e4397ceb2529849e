"""The paper's network: biases absent, every layer divided by the square root of its input width.

alpha^(0) = x;  z^(l) = W^(l) alpha^(l-1)/sqrt(m_{l-1}),  alpha^(l) = phi(z^(l)), l = 1..L, m_0 = d, m_l = m;
f = V^T alpha^(L)/sqrt(m).  Source: banerjee2023, Section 3 and Assumption 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from bounds.errors import NotApplicable, TheoryError
from empirics.activations import TorchActivation, torch_activation

PAPERS = ("banerjee2023",)


@dataclass(frozen=True, eq=False)
class Weights:
    """A point in parameter space, detached from autograd: what measurements and training work on.

    Attributes:
        W: the L weight matrices, W[l-1] of shape (..., m, m_{l-1}); leading dimensions batch independent networks.
        V: the readout, (..., m, k).
        scales: (1/sqrt(d), 1/sqrt(m), ..., 1/sqrt(m)), one per weight layer, the readout's last.
        activation: phi with its derivatives.
    """

    W: tuple[Tensor, ...]
    V: Tensor
    scales: tuple[float, ...]
    activation: TorchActivation

    @property
    def L(self) -> int:
        """Number of hidden layers."""
        return len(self.W)

    @property
    def m(self) -> int:
        """Width."""
        return self.V.shape[-2]

    @property
    def d(self) -> int:
        """Input dimension."""
        return self.W[0].shape[-1]

    @property
    def k(self) -> int:
        """Number of outputs."""
        return self.V.shape[-1]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """W^(1), ..., W^(L), V."""
        return (*self.W, self.V)

    def with_tensors(self, tensors: Iterable[Tensor]) -> Weights:
        """The same network with other values of (W^(1), ..., W^(L), V)."""
        *W, V = tensors
        return replace(self, W=tuple(W), V=V)

    def clone(self) -> Weights:
        """A copy that later updates in place do not reach."""
        return self.with_tensors(t.clone() for t in self.tensors)

    def to(self, *args: object, **kwargs: object) -> Weights:
        """The same point in another dtype or on another device, as `Tensor.to`."""
        return self.with_tensors(t.to(*args, **kwargs) for t in self.tensors)  # type: ignore[call-overload]


class Network(nn.Module):
    """The network as a torch module; `weights` is its current point, `initial` the one it started from.

    Attributes:
        W: ParameterList of W^(1), ..., W^(L).
        V: readout, (m, k).
        scales: 1/sqrt of each layer's input width.
        activation: phi with its derivatives.
        initial: copy of the weights at construction (theta_0, the centre of the paper's ball).
        paper, sigma_1, seed: how it was initialised; sigma_1 and seed are None for a user's own model.
        notes: what a reader of measurements on it should know.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        paper: str = "banerjee2023",
        sigma_1: float | None = None,
        seed: int | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.W = nn.ParameterList([nn.Parameter(w.clone()) for w in weights.W])
        self.V = nn.Parameter(weights.V.clone())
        self.scales = weights.scales
        self.activation = weights.activation
        self.initial = weights.clone()
        self.paper, self.sigma_1, self.seed, self.notes = paper, sigma_1, seed, notes

    def forward(self, X: Tensor) -> Tensor:
        """Outputs (n, k) at inputs (n, d)."""
        alpha = X
        for w, scale in zip(self.W, self.scales, strict=False):
            alpha = self.activation.phi(alpha @ w.mT * scale)
        return alpha @ self.V * self.scales[-1]

    @property
    def weights(self) -> Weights:
        """The current point, detached and sharing memory with the parameters; `.clone()` it to keep it."""
        return Weights(tuple(w.detach() for w in self.W), self.V.detach(), self.scales, self.activation)

    def clone_at(self, weights: Weights) -> Network:
        """A network at other weights with the same theta_0 and metadata."""
        copy = Network(weights, paper=self.paper, sigma_1=self.sigma_1, seed=self.seed, notes=self.notes)
        copy.initial = self.initial
        return copy


def network(
    paper: str = "banerjee2023",
    *,
    L: int,
    m: int,
    d: int,
    activation: str = "tanh",
    sigma_1: float = 1.0,
    k: int = 1,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
) -> Network:
    """The paper's network at its random initialisation.

    W0 has entries N(0, sigma_0^2), sigma_0 = sigma_1/(2 (1 + sqrt(log m)/sqrt(2m))); each column of V0 is uniform on
    the unit sphere. Drawn on the CPU in float64 and then moved, so that every dtype and device starts alike.

    Args:
        paper: whose parametrisation and initialisation; "banerjee2023".
        L: hidden layers, at least 1.
        m: width, at least 1.
        d: input dimension, at least 1.
        activation: a name or expression for `torch_activation`.
        sigma_1: scale of the initial weights, positive.
        k: outputs, at least 1.
        seed: of the random generator.
        dtype: float64 or float32.
        device: where the network lives.

    Returns:
        The module.

    Raises:
        TheoryError: a value outside its range, or a device that is not there.

    >>> network(L=2, m=8, d=3)(torch.ones(5, 3, dtype=torch.float64)).shape
    torch.Size([5, 1])
    """
    if paper not in PAPERS:
        raise TheoryError(f"paper={paper!r} has no network here: use one of {', '.join(PAPERS)}")
    for name, value in (("L", L), ("m", m), ("d", d), ("k", k)):
        _check_count(name, value)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise TheoryError(f"seed={seed!r} must be an integer from 0 to 2^63 - 1")
    if isinstance(sigma_1, bool) or not isinstance(sigma_1, (int, float)) or not 0 < sigma_1 < math.inf:
        raise TheoryError(f"sigma_1={sigma_1!r} must be a positive finite number")
    if dtype not in (torch.float64, torch.float32):
        raise TheoryError(f"dtype={dtype} must be torch.float64 or torch.float32")
    place = check_device(device)
    generator = torch.Generator().manual_seed(seed)
    sigma_0 = sigma_1 / (2 * (1 + math.sqrt(math.log(m)) / math.sqrt(2 * m)))
    widths = [d] + [m] * L
    shapes = [(widths[i + 1], widths[i]) for i in range(L)] + [(m, k)]
    *W, V = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    V /= V.norm(dim=0, keepdim=True)
    scales = tuple(1 / math.sqrt(width) for width in widths)
    weights = Weights(tuple(w.mul_(sigma_0) for w in W), V, scales, torch_activation(activation))
    return Network(weights.to(place, dtype), paper=paper, sigma_1=float(sigma_1), seed=seed)


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TheoryError(f"{name}={value!r} must be an integer of at least 1")


def check_device(device: str | torch.device) -> torch.device:
    """The device, if it is there.

    Args:
        device: "cpu", "cuda", "cuda:1", ...

    Returns:
        It, as a torch.device.

    Raises:
        TheoryError: no such device on this machine.
    """
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        count = torch.cuda.device_count()
        there = ", ".join(["cpu", *(f"cuda:{i}" for i in range(count))])
        raise TheoryError(f"device={str(device)!r} is not available: use one of {there}") from error
    if place.type not in ("cpu", "cuda"):
        raise TheoryError(f"device={str(device)!r} is not supported: use cpu or cuda")
    return place


def as_weights(net: Network | Weights) -> Weights:
    """The point at which to measure.

    Args:
        net: a network, or weights.

    Returns:
        Its weights, sharing memory.

    Raises:
        TheoryError: anything else.
    """
    if isinstance(net, Network):
        return net.weights
    if isinstance(net, Weights):
        return net
    raise TheoryError(f"net of type {type(net).__name__} is not a Network: use network(...) or from_module(model)")


def check_smooth(weights: Weights, what: str) -> None:
    """Refuse second derivatives of an activation that has none.

    Args:
        weights: whose activation to check.
        what: the measurement, for the message.

    Raises:
        NotApplicable: the activation is not smooth.
    """
    if not weights.activation.smooth:
        name = weights.activation.name
        raise NotApplicable(f"activation={name!r} is not twice differentiable, so {what} is undefined: use e.g. tanh")
