"""Appendix B, convolutional networks: scale of the biases, norms over fresh draws (erratum A14), products, (B.1).

h_{0,j} = relu(A_j x_{Q_j}); h_{l,j} = relu(W_{l,j} h_{l-1,Q_j} + tau b_{l,j}), l < L; h_L = relu(W_L h_{L-1}), dense.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from empirics.comparison import predict
from empirics.experiments.allenzhu2019 import convolutional_change, convolutional_draws, positions
from empirics.experiments.allenzhu2019.data import EQUAL, separation
from empirics.experiments.allenzhu2019.key import KEY
from empirics.measure.forward import Pass, forward
from empirics.networks import network
from empirics.verdict import Observation
from empirics.weights import Weights

SCALE = frozenset(("cnn_tau", "cnn_tau_limit"))
PRODUCTS = frozenset(("cnn_intermediate_norm",))
MEASURED = SCALE | PRODUCTS | convolutional_draws.MEASURED
FURTHEST = math.sqrt(2)
"""The largest delta of Assumption 2.1; samples further apart satisfy it with that one."""
DENSE = 2**28
"""Entries of W_L at most: 2 GiB."""
DRAWS = 40
"""Fresh networks where it is left open."""
SAMPLES = 32
"""Of which products of layers and perturbations are measured."""


def prepare(X: Tensor) -> Tensor:
    """Inputs of norm 1 whose positions are their coordinates, the pixels of an image.

    Appendix B asks for ||x|| = 1 only. The last coordinate of Assumption 2.1, 1/sqrt(2), would be a position beside the
    pixels; inputs that have it are covered too (as P = d + 1 positions).

    Args:
        X: (n, d), no zero row.

    Returns:
        (n, d).

    Raises:
        TheoryError: a row is zero.
    """
    norms = X.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()):
        raise TheoryError(f"row {int(norms.argmin())} of X is zero: it has no direction to be scaled to norm 1")
    return X / norms


def layout(d: int, q: int | None = None) -> tuple[int | tuple[int, int], int]:
    """Where the positions are, and how many each reads: 3 x 3 pixels of a square image, else 3 on a ring.

    Args:
        d: positions.
        q: positions read, on a ring; None: as above.

    Returns:
        ``positions`` and ``q`` of the builder.

    >>> layout(64), layout(65), layout(64, q=5)
    (((8, 8), 9), (65, 3), (64, 5))
    """
    side = math.isqrt(d)
    if q is None and side * side == d and side >= 3:
        return (side, side), 9
    return d, min(3 if q is None else q, d)


def scale(X: Tensor, L: int) -> float:
    """Tau = delta^2/(10 P L), delta the least distance between two inputs.

    Args:
        X: inputs, at least two and all different, (n, P).
        L: trained layers.

    Returns:
        The scale of the biases.

    Raises:
        NotApplicable: two inputs are equal.
    """
    delta, i, j = separation(X)
    if delta <= EQUAL:
        raise NotApplicable(f"samples {i} and {j} are equal: delta = 0 (Assumption 2.1)")
    return float(predict(f"{KEY}.cnn_tau", {"delta": min(delta, FURTHEST), "d_positions": X.shape[1], "L": L}).value)


def build(
    width: int,
    seed: int,
    X: Tensor,
    L: int,
    activation: str = "relu",
    device: str | torch.device = "cpu",
    q: int | None = None,
) -> Weights:
    """Appendix B's network on the inputs' coordinates, with tau = `scale`.

    Args:
        width: m, channels of every position; W_L is (P m) x (P m).
        seed: of the weights.
        X: inputs as `prepare` gives them, all different.
        L: trained layers, L - 1 convolutions and W_L.
        activation: relu, the only one that the paper covers.
        device: where the network lives.
        q: positions read, on a ring; None: as `layout`.

    Returns:
        Theta_0.

    Raises:
        NotApplicable: another activation, or equal inputs.
        TheoryError: a value outside its range.
    """
    if activation != "relu":
        raise NotApplicable(f"activation = {activation}: allenzhu2019's convolutional network is relu's (Appendix B)")
    P = X.shape[1]
    if (P * width) ** 2 > DENSE:
        most = math.isqrt(DENSE) // P
        raise TheoryError(f"width = {width} channels at {P} positions: W_L has (P m)^2 entries; use at most {most}")
    where, reads = layout(P, q)
    options: dict[str, Any] = {"L": L, "m": width, "positions": where, "q": reads, "tau": scale(X, L)}
    return network(KEY, "cnn", seed=seed, device=device, **options).weights


@dataclass(frozen=True, eq=False)
class Scene:
    """The network, its inputs and what the theory needs to know of them.

    Attributes:
        weights: as Appendix B's `cnn` has them.
        X: inputs of norm 1, (n, P).
        tau: scale of the biases.
        delta: separation of the inputs.
        seed: of the network.
    """

    weights: Weights
    X: Tensor
    tau: float
    delta: float
    seed: int

    @property
    def values(self) -> dict[str, Any]:
        """The parameters at which the theory predicts, read off the network."""
        at, (P, m, q) = self.weights.windows[0], self.weights.W[0].shape
        assert at is not None
        sizes = {"L": self.weights.L - 1, "m": m, "d_positions": P, "q": q, "n": self.X.shape[0]}
        return {**sizes, "tau": self.tau, "delta": self.delta}

    @cached_property
    def cache(self) -> Pass:
        """One forward sweep."""
        return forward(self.weights, self.X)

    @cached_property
    def layers(self) -> list[Tensor]:
        """h_0, ..., h_{L-1} by position, (P, n, m), and h_L, (1, n, P m)."""
        return positions.layers(self.weights, self.cache)

    def see(self, name: str, measured: float, **extra: Any) -> Observation:
        """An observation; ``upper`` is ``measured`` unless given."""
        extra.setdefault("upper", measured)
        values = self.values | extra.pop("more", {})
        return Observation(f"{KEY}.{name}", values, measured, seed=self.seed, width=values["m"], **extra)


def observe(
    weights: Weights, X: Tensor, values: Mapping[str, Any], *, seed: int, names: frozenset[str]
) -> tuple[list[Observation], list[str]]:
    """Set Appendix B against one network at its initialisation, and against fresh draws of it.

    Args:
        weights: a convolutional network at its initialisation (`build`).
        X: inputs of norm 1, as many coordinates as there are positions.
        values: "tau", the scale of its biases; L, m, q, d_positions and n are read off the network. "delta": the least
            distance between two inputs, worked out if left out. "fresh": seeds of untrained networks for the statements
            over seeds, at least 2, or none; left out: 40 at seed 0, else none.
        seed: of the network.
        names: bare names wanted of `MEASURED`.

    Returns:
        The observations, and what no quantity states, in sentences.

    Raises:
        TheoryError: tau is not given.
    """
    if "tau" not in values:
        raise TheoryError("tau is missing: the scale of the biases cannot be read off a network; give values['tau']")
    delta = min(float(values["delta"]) if "delta" in values else separation(X)[0], FURTHEST)
    scene = Scene(weights, X, float(values["tau"]), delta, seed)
    seen = [o for o in (*_scales(scene), *_products(scene, names)) if o.quantity.split(".")[1] in names]
    said: list[str] = []
    fresh = values.get("fresh", range(0 if seed else DRAWS))
    if len(fresh) and names & convolutional_draws.MEASURED:
        found, said = convolutional_draws.over_draws(scene, fresh)
        seen += [o for o in found if o.quantity.split(".")[1] in names]
        said += [
            positions.spread_finding(scene.layers),
            positions.separateness_finding(scene.layers, delta if delta > EQUAL else 0.0),
            convolutional_change.finding(weights, X[:SAMPLES], scene.tau),
        ]
    return seen, said


def _scales(scene: Scene) -> Iterator[Observation]:
    """The biases' scale against the paper's, and against the largest that Lemma 7.1 admits at eps = delta^3."""
    if scene.delta <= EQUAL:
        yield scene.see("cnn_tau", scene.tau, reasons=("two samples are equal: delta = 0 (Assumption 2.1)",))
        return
    allowed, tau = float(predict(f"{KEY}.cnn_tau", scene.values).value), scene.tau
    above = (
        (f"tau = {tau:.3g} was chosen larger than the paper's {allowed:.3g}",) if tau > allowed * (1 + 1e-12) else ()
    )
    yield scene.see("cnn_tau", tau, reasons=above)
    # footnote 22: the least eps of any use of Lemma 7.1
    yield scene.see("cnn_tau_limit", tau, more={"eps": min(scene.delta, 1.0) ** 3}, label="eps = delta^3")


def _products(scene: Scene, names: frozenset[str]) -> Iterator[Observation]:
    if not names & PRODUCTS:
        return
    signs = [d[:, :SAMPLES] for d in scene.cache.d1[:-1]]
    for (b, a), norms in positions.product_norms(scene.weights, signs).items():
        yield scene.see("cnn_intermediate_norm", float(norms.amax()), upper=None, label=f"a={a} b={b}")
