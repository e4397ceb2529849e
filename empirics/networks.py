"""The papers' networks as torch modules, at their random initialisation.

Every paper's parametrisation is written beside its experiment, `empirics/experiments/<key>`, as NETWORKS: a function
for each kind of network, the default first. `network` finds it, draws the weights and wraps them.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import torch
from torch import Tensor, nn

from bounds.errors import TheoryError
from bounds.registry import suggest
from empirics.activations import TorchActivation
from empirics.checks import check_device
from empirics.measure.forward import forward
from empirics.weights import Weights


class Network(nn.Module):
    """The network as a torch module; `weights` is its current point, `initial` the one it started from.

    Attributes:
        W: ParameterList of W^(1), ..., W^(L); what the paper does not train has requires_grad False.
        V: readout, (m, k).
        biases: ParameterList of the biases there are, the readout's last.
        initial: copy of the weights at construction (theta_0, the centre of the papers' balls).
        paper, kind, seed: how it was initialised; seed is None for a user's own model.
        sigma_1: banerjee2023's scale of the initial weights, where it is known.
        notes: what a reader of measurements on it should know.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        paper: str = "banerjee2023",
        kind: str = "",
        sigma_1: float | None = None,
        seed: int | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        own = [nn.Parameter(t.clone(), on) for t, on in zip(weights.tensors, weights.trainable, strict=True)]
        self.W, self.V = nn.ParameterList(own[: weights.L]), own[weights.L]
        self.biases = nn.ParameterList(own[weights.L + 1 :])
        self.initial = weights.clone()
        self.paper, self.kind, self.sigma_1, self.seed, self.notes = paper, kind, sigma_1, seed, notes

    @property
    def activation(self) -> TorchActivation:
        """The activation phi with its derivatives."""
        return self.initial.activation

    @property
    def scales(self) -> tuple[float, ...]:
        """What multiplies each layer's input."""
        return self.initial.scales

    def _point(self) -> Weights:
        like = self.initial if self.initial.V.device == self.V.device else self.initial.to(self.V.device)
        return like.with_tensors([*self.W, self.V, *self.biases])

    def forward(self, X: Tensor) -> Tensor:
        """Outputs (n, k) at inputs (n, d)."""
        return forward(self._point(), X, order=0).f

    @property
    def weights(self) -> Weights:
        """The current point, detached and sharing memory with the parameters; `.clone()` it to keep it."""
        point = self._point()
        return point.with_tensors(t.detach() for t in point.tensors)

    def clone_at(self, weights: Weights) -> Network:
        """A network at other weights with the same theta_0 and metadata."""
        names = ("paper", "kind", "sigma_1", "seed", "notes")
        copy = Network(weights, **{name: getattr(self, name) for name in names})
        copy.initial = self.initial
        return copy


def builders(paper: str) -> dict[str, Any]:
    """The kinds of network of a paper, by name, the default first.

    Args:
        paper: its key.

    Returns:
        Functions from a torch.Generator and the kind's own options to Weights on the CPU in float64.

    Raises:
        TheoryError: no such paper, or none of its networks is encoded.
    """
    from empirics import experiments

    known = [info.name for info in pkgutil.iter_modules(experiments.__path__)]
    if paper in known:
        module = importlib.import_module(f"empirics.experiments.{paper}")
        if found := getattr(module, "NETWORKS", None):
            return dict(found)
    raise TheoryError(f"paper={paper!r} has no network here{suggest(paper, known)}; use one of {', '.join(known)}")


def network(
    paper: str = "banerjee2023",
    kind: str | None = None,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
    **options: Any,
) -> Network:
    """A paper's network at its random initialisation, drawn on the CPU in float64 and then moved.

    Args:
        paper: whose parametrisation and initialisation.
        kind: which of the paper's networks, for example "shallow" of liu2020; None: its main one.
        seed: of the random generator.
        dtype: float64 or float32; the numbers are the same up to rounding.
        device: where the network lives.
        options: the kind's own: L, m, d, k, activation, ... (`help(empirics.networks.builders(paper)[kind])`).

    Returns:
        The module.

    Raises:
        TheoryError: a value outside its range, an unknown option, or a device that is not there.

    >>> network(L=2, m=8, d=3)(torch.ones(5, 3, dtype=torch.float64)).shape
    torch.Size([5, 1])
    """
    kinds = builders(paper)
    kind = next(iter(kinds)) if kind is None else kind
    if kind not in kinds:
        raise TheoryError(f"kind={kind!r} is not a network of {paper}: use one of {', '.join(kinds)}")
    _check_options(f"{paper}'s {kind} network", kinds[kind], options)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise TheoryError(f"seed={seed!r} must be an integer from 0 to 2^63 - 1")
    if dtype not in (torch.float64, torch.float32):
        raise TheoryError(f"dtype={dtype} must be torch.float64 or torch.float32")
    place = check_device(device)
    weights = kinds[kind](torch.Generator().manual_seed(seed), **options)
    sigma_1 = float(options.get("sigma_1", 1.0)) if paper == "banerjee2023" else None
    return Network(weights.to(place, dtype), paper=paper, kind=kind, sigma_1=sigma_1, seed=seed)


def _check_options(what: str, builder: Any, options: dict[str, Any]) -> None:
    known = {name: p for name, p in inspect.signature(builder).parameters.items() if p.kind is p.KEYWORD_ONLY}
    for name in options:
        if name not in known:
            raise TheoryError(f"{name} is not an option of {what}{suggest(name, known)}; it has {', '.join(known)}")
    missing = [name for name, p in known.items() if p.default is p.empty and name not in options]
    if missing:
        raise TheoryError(f"{missing[0]} is needed for {what}: give {missing[0]}=...")


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
