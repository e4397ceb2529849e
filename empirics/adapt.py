"""A user's own torch model as a network to measure.

torch's Linear has no 1/sqrt(fan_in): the same function has W_paper = sqrt(fan_in) * W_torch in a paper's form.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from bounds.errors import NotApplicable, TheoryError
from empirics.activations import TorchActivation, torch_activation
from empirics.networks import Network
from empirics.weights import Weights

_MODULES: dict[type[nn.Module], str] = {
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.Softplus: "softplus",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Identity: "identity",
    nn.ReLU: "relu",
}


def from_module(
    model: nn.Module, d: int | None = None, *, dtype: torch.dtype = torch.float64, paper: str | None = "banerjee2023"
) -> Network:
    """The network computing the same function as an nn.Sequential of Linear and activation layers.

    Args:
        model: Linear, activation, ..., Linear, with one activation for all hidden layers. A leading Flatten is
            accepted; the inputs are then given flat.
        d: the data's input dimension, to check against the first layer's.
        dtype: of the measurements.
        paper: "banerjee2023": in that paper's parametrisation, and only what it covers: at least two hidden layers of
            one width, no biases (a bias that is exactly zero is accepted, but training would move it: `notes` says so).
            None: in torch's own parametrisation, so that gradients, kernels and Hessians are those of the model's own
            parameters; any widths and depth, biases, an activation after the last layer; parameters that do not require
            gradients count as fixed.

    Returns:
        The network, on the model's device; its `initial` is the model's present state. sigma_1 and seed are None.

    Raises:
        NotApplicable: the model is not covered; the message names the layer.
        TheoryError: not a Sequential, another paper, or d does not match.

    >>> net = from_module(nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 4, bias=False),
    ...                                 nn.Tanh(), nn.Linear(4, 1, bias=False)))
    >>> net.weights.L, net.weights.m
    (2, 4)
    """
    if paper not in (None, "banerjee2023"):
        raise TheoryError(f"paper={paper!r}: use banerjee2023 for its parametrisation, or None for torch's own")
    linears, activations = _split(_layers(model))
    output = activations.pop() if len(activations) == len(linears) > 0 and paper is None else None
    _check_depth(linears, activations, least=1 if paper is None else 2)
    if d is not None and linears[0][1].in_features != d:
        raise TheoryError(f"d={d} differs from the {linears[0][1].in_features} inputs of layer {linears[0][0]}")
    _check_fit(linears)
    names = {_activation_name(name, layer): name for name, layer in activations}
    if len(names) > 1:
        mixed = ", ".join(f"{a} (layer {name})" for a, name in names.items())
        raise NotApplicable(f"activations are mixed: {mixed}; the same one in every hidden layer is needed")
    phi = torch_activation(next(iter(names)))
    if paper is None:
        psi = None if output is None else torch_activation(_activation_name(*output))
        return Network(_own_form([layer for _, layer in linears], phi, psi, dtype), paper="")
    notes = tuple(note for name, layer in linears if (note := _check_bias(name, layer)))
    _check_widths(linears)
    *W, v = (_paper_form(layer, dtype) for _, layer in linears)
    scales = tuple(1 / math.sqrt(layer.in_features) for _, layer in linears)
    return Network(Weights(tuple(W), v.mT.contiguous(), scales, phi), notes=notes)


def _own_form(
    layers: list[nn.Linear], phi: TorchActivation, psi: TorchActivation | None, dtype: torch.dtype
) -> Weights:
    *W, v = (layer.weight.detach().to(dtype) for layer in layers)
    biases = [layer.bias for layer in layers]
    trainable = [layer.weight.requires_grad for layer in layers] + [b.requires_grad for b in biases if b is not None]
    kept = tuple(None if b is None else b.detach().to(dtype) for b in biases)
    return Weights(
        tuple(W), v.mT.contiguous(), (1.0,) * len(layers), phi, biases=kept, output=psi, trainable=tuple(trainable)
    )


def _paper_form(layer: nn.Linear, dtype: torch.dtype) -> Tensor:
    return layer.weight.detach().to(dtype) * math.sqrt(layer.in_features)


def _layers(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    if not isinstance(model, nn.Sequential):
        kind = type(model).__name__
        raise TheoryError(f"model of type {kind} is not an nn.Sequential: give its layers as one")
    for name, layer in model._modules.items():  # named_children would skip a module's second use
        if isinstance(layer, nn.Sequential):
            yield from _layers(layer, f"{prefix}{name}.")
        elif layer is not None and not (isinstance(layer, nn.Flatten) and f"{prefix}{name}" == "0"):
            yield f"{prefix}{name}", layer


def _split(
    layers: Iterator[tuple[str, nn.Module]],
) -> tuple[list[tuple[str, nn.Linear]], list[tuple[str, nn.Module]]]:
    linears: list[tuple[str, nn.Linear]] = []
    activations: list[tuple[str, nn.Module]] = []
    for name, layer in layers:
        expect_linear = len(linears) == len(activations)
        kind = type(layer).__name__
        if type(layer) is nn.Linear and expect_linear:
            if any(layer is other for _, other in linears):
                raise NotApplicable(f"layer {name} shares its weights with another layer: give each layer its own")
            linears.append((name, layer))
        elif type(layer) in _MODULES and not expect_linear:
            activations.append((name, layer))
        elif type(layer) is nn.Linear or type(layer) in _MODULES:
            wanted = "a Linear layer" if expect_linear else "an activation"
            raise NotApplicable(f"layer {name} ({kind}) stands where {wanted} is needed: alternate them, Linear last")
        else:
            allowed = ", ".join(["Linear", *(t.__name__ for t in _MODULES)])
            raise NotApplicable(f"layer {name} ({kind}) is not covered: use {allowed}")
    return linears, activations


def _check_depth(linears: list[tuple[str, nn.Linear]], activations: list[tuple[str, nn.Module]], least: int) -> None:
    if len(linears) <= least or len(linears) == len(activations):
        hidden = len(activations)
        raise NotApplicable(f"model has {hidden} hidden layers: give at least {least}, and a Linear layer last")


def _check_bias(name: str, layer: nn.Linear) -> str | None:
    if layer.bias is None:
        return None
    if bool(layer.bias.detach().count_nonzero()):
        raise NotApplicable(f"layer {name} has a non-zero bias, banerjee2023 has none: build it with bias=False")
    if layer.bias.requires_grad:
        return f"layer {name}: its bias is zero now, but training it leaves banerjee2023's setting; use bias=False"
    return None


def _check_widths(linears: list[tuple[str, nn.Linear]]) -> None:
    m = linears[0][1].out_features
    for name, layer in linears[1:-1]:
        if layer.out_features != m:
            raise NotApplicable(f"layer {name} has width {layer.out_features}, others {m}: give all the same width")


def _check_fit(linears: list[tuple[str, nn.Linear]]) -> None:
    for (_, before), (name, layer) in pairwise(linears):
        if layer.in_features != before.out_features:
            raise TheoryError(f"layer {name} takes {layer.in_features} inputs but is given {before.out_features}")


def _activation_name(name: str, layer: nn.Module) -> str:
    if isinstance(layer, nn.Softplus) and layer.beta != 1:
        raise NotApplicable(f"layer {name} is Softplus with beta={layer.beta}: only beta=1 is covered")
    if isinstance(layer, nn.GELU) and layer.approximate != "none":
        raise NotApplicable(f"layer {name} is GELU with approximate={layer.approximate!r}: only 'none' is covered")
    return _MODULES[type(layer)]
