"""Tiny networks of every paper and with every feature of `Weights`, each beside its naive recursion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import naive
import torch
from torch import Tensor

from empirics import network, torch_activation
from empirics.weights import Weights

PHI: dict[str | None, naive.Phi] = {
    None: lambda z: z,
    "identity": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": lambda z: torch.log1p(torch.exp(z)),
    "gelu": torch.nn.functional.gelu,
    "swish": lambda z: z * torch.sigmoid(z),
    "sin": torch.sin,
    "relu": lambda z: torch.where(z > 0, z, torch.zeros_like(z)),
    "3*tanh(z)": lambda z: 3 * torch.tanh(z),
    "(1 + tanh(z))/2": lambda z: (1 + torch.tanh(z)) / 2,
}
RING = [[3, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 0]]  # of 4 positions, q = 3
TORUS = [  # of 2 x 3 positions, q = 4: each reads the one diagonally above left, the one above, the one left, itself
    [5, 3, 2, 0],
    [3, 4, 0, 1],
    [4, 5, 1, 2],
    [2, 0, 5, 3],
    [0, 1, 3, 4],
    [1, 2, 4, 5],
]


@dataclass(frozen=True, eq=False)
class Case:
    """A network and its recursion."""

    weights: Weights
    model: naive.Model

    @property
    def X(self) -> Tensor:
        """Three samples."""
        return normal(3, self.weights.d, seed=7)

    def moved(self, seed: int) -> Weights:
        """The same network after some training: the fixed tensors are as they were."""
        w = self.weights
        pairs = enumerate(zip(w.tensors, w.trainable, strict=True))
        return w.with_tensors(t + 0.3 * normal(*t.shape, seed=seed + i) if on else t for i, (t, on) in pairs)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(n: int, k: int, loss: str) -> Tensor:
    """Real numbers, or one-hot rows for the cross-entropy."""
    return torch.eye(k, dtype=torch.float64)[torch.arange(n) % k] if loss == "cross_entropy" else normal(n, k, seed=5)


def drawn(paper: str, kind: str | None, model: naive.Model, **options: Any) -> Case:
    return Case(network(paper, kind, seed=1, **options).weights.clone(), model)


def liu2020(kind: str, phi: str, psi: str | None = None, **options: Any) -> Case:
    recursion = naive.liu2020_deep if kind == "deep" else naive.liu2020_shallow
    model = partial(recursion, sigma=PHI[phi], psi=PHI[psi])
    return drawn("liu2020", kind, model, activation=phi, output=psi, **options)


def song2021(phi: str, **options: Any) -> Case:
    return drawn("song2021", None, partial(naive.song2021, phi=PHI[phi]), activation=phi, **options)


def fu2018(phi: str, **options: Any) -> Case:
    return drawn("fu2018", None, partial(naive.fu2018, phi=PHI[phi]), activation=phi, **options)


def allenzhu2019(kind: str, phi: str, *extra: Any, **options: Any) -> Case:
    """Extra: what the recursion needs beyond phi, tau of a resnet or the neighbourhoods of a cnn."""
    layers = naive.allenzhu2019_cnn_layers if kind == "cnn" else naive.allenzhu2019_layers
    model = naive.allenzhu2019(layers, options["L"] + 1, PHI[phi], *extra)
    return drawn("allenzhu2019", kind, model, activation=phi, **options)


def dense(
    widths: tuple[int, ...], phi: str, psi: str | None = None, biases: tuple[int, ...] = (), **fields: Any
) -> Case:
    """Widths with the inputs' and outputs'; biases at the weight layers named, 1..L+1."""
    *W, V = (normal(b, a, seed=a + 10 * b) / a**0.5 for a, b in pairwise(widths))
    shifts = tuple(normal(b, seed=b) if l in biases else None for l, b in enumerate(widths[1:], start=1))
    scales = tuple(1.2 - 0.3 * l for l in range(len(widths) - 1))
    return by_hand(tuple(W), V.T.contiguous(), scales, phi, psi, biases=shifts, **fields)


def by_hand(
    W: tuple[Tensor, ...], V: Tensor, scales: tuple[float, ...], phi: str, psi: str | None, **fields: Any
) -> Case:
    output = None if psi is None else torch_activation(psi)
    weights = Weights(W, V, scales, torch_activation(phi), output=output, **fields)
    return Case(weights, naive.general(weights, PHI[phi], PHI[psi]))


def windows(phi: str) -> Case:
    """Two layers with windows, 2 channels each, then a dense one; a position that is read twice; biases trained."""
    at = (torch.tensor([[0, 1], [1, 2], [2, 2]]), torch.tensor([[0, 2], [2, 1]]), None)
    W = (normal(3, 2, 4) / 2, normal(2, 3, 4, seed=1) / 2, normal(4, 6, seed=2) / 2)
    shifts = (normal(3, 2, seed=3), normal(2, 3, seed=4), None, normal(2, seed=5))
    return by_hand(W, normal(4, 2, seed=6), (0.9, 1.1, 1.2, 0.7), phi, "swish", windows=at, biases=shifts)


def windows_on_top(phi: str) -> Case:
    """A dense layer read as 3 positions of 2 channels; only the layer with windows is trained."""
    W = (normal(6, 2), normal(2, 3, 4, seed=1))
    at = (None, torch.tensor([[0, 1], [1, 2]]))
    return by_hand(W, normal(6, 2, seed=2), (1.0, 0.8, 0.6), phi, None, windows=at, trainable=(False, True, False))


T, F = True, False
CASES: dict[str, Callable[[], Case]] = {
    "liu2020-deep": lambda: liu2020("deep", "tanh", L=3, m=4, d=3),
    "liu2020-deep-swish": lambda: liu2020("deep", "gelu", "swish", L=2, m=3, d=3, k=2),
    "liu2020-deep-relu": lambda: liu2020("deep", "relu", "3*tanh(z)", L=4, m=4, d=3, k=2),
    "liu2020-shallow": lambda: liu2020("shallow", "tanh", m=5),
    "liu2020-shallow-sin": lambda: liu2020("shallow", "softplus", "sin", m=4, d=3),
    "liu2020-biased": lambda: liu2020("biased", "relu", m=6),
    "liu2020-biased-tanh": lambda: liu2020("biased", "gelu", "3*tanh(z)", m=4, d=2),
    "song2021": lambda: song2021("gelu", d_0=3, d_1=5, d_2=2, omega_1=0.7, omega_2=0.4),
    "song2021-relu": lambda: song2021("relu", d_0=3, d_1=6),
    "fu2018": lambda: fu2018("sigmoid", K=3, d=4, scale=2.0),
    "fu2018-tanh": lambda: fu2018("(1 + tanh(z))/2", K=2, d=3),
    "allenzhu2019-mlp": lambda: allenzhu2019("mlp", "relu", L=2, m=6, d_in=3, d=2),
    "allenzhu2019-mlp-tanh": lambda: allenzhu2019("mlp", "tanh", L=2, m=3, d_in=3),
    "allenzhu2019-resnet": lambda: allenzhu2019("resnet", "relu", 0.6, L=3, m=6, d_in=3, d=2, tau=0.6),
    "allenzhu2019-resnet-gelu": lambda: allenzhu2019("resnet", "gelu", 0.3, L=3, m=3, d_in=3, d=2, tau=0.3),
    "allenzhu2019-cnn": lambda: allenzhu2019("cnn", "relu", RING, L=3, m=2, positions=4, d=2, tau=0.4),
    "allenzhu2019-cnn-torus": lambda: allenzhu2019("cnn", "tanh", TORUS, L=2, m=1, positions=(2, 3), q=4, tau=0.9),
    "unequal-widths": lambda: dense((3, 5, 2, 4, 2), "softplus", "3*tanh(z)", biases=(1, 3, 4)),
    "unequal-widths-relu": lambda: dense((3, 5, 2, 4, 2), "relu", None, biases=(2, 4)),
    "shortcuts": lambda: dense((3, 4, 4, 4, 2), "tanh", "swish", biases=(2, 4), shortcuts=frozenset({2, 3})),
    "shortcut-on-a-fixed-layer": lambda: dense(
        (2, 3, 3, 3, 1), "gelu", shortcuts=frozenset({2, 3}), trainable=(T, F, T, T)
    ),
    "fixed-between": lambda: dense((3, 4, 3, 4, 2), "gelu", biases=(2,), trainable=(T, F, T, F, T)),
    "lowest-is-a-bias": lambda: dense((2, 3, 4, 1), "sin", biases=(1, 2), trainable=(F, T, T, T, F)),
    "biases-only": lambda: dense((2, 3, 4, 2), "tanh", biases=(1, 2, 3), trainable=(F, F, F, T, T, T)),
    "readout-only": lambda: dense((3, 4, 2), "gelu", biases=(2,), trainable=(F, T, T)),
    "readout-only-sin": lambda: dense((3, 4, 2), "gelu", "sin", biases=(2,), trainable=(F, T, T)),
    "readout-weights-only-sin": lambda: dense((3, 4, 2), "gelu", "sin", trainable=(F, T)),
    "readout-bias-only": lambda: dense((3, 4, 2), "tanh", "swish", biases=(2,), trainable=(F, F, T)),
    "first-layer-only": lambda: dense((3, 4, 2), "gelu", trainable=(T, F)),
    "linear": lambda: dense((3, 4, 2), "identity", trainable=(T, F)),
    "bilinear": lambda: dense((3, 3, 2, 1), "identity", trainable=(T, T, F)),
    "identity-output": lambda: dense((3, 4, 2), "tanh", "identity", biases=(1,)),
    "windows": lambda: windows("softplus"),
    "windows-relu": lambda: windows("relu"),
    "windows-on-top": lambda: windows_on_top("gelu"),
}


@cache
def case(name: str) -> Case:
    return CASES[name]()


def names(*, smooth: bool = False, dense: bool = False) -> list[str]:
    """Those whose activations are smooth, whose layers have no windows."""
    kinked, convolved = "relu", ("cnn", "windows")
    relu = {"liu2020-biased", "allenzhu2019-mlp", "allenzhu2019-resnet", "allenzhu2019-cnn"}
    found = [n for n in CASES if not (smooth and (kinked in n or n in relu))]
    return [n for n in found if not (dense and any(word in n for word in convolved))]
