"""What Section 7 says of the fully connected network at its random initialisation.

    MEASURED
    observe(weights, X, values, *, seed, names, draws=DRAWS) -> list[Observation]
    findings(weights, X, values, *, seed=0, draws=DRAWS) -> list[str]          # once per width

``weights`` are w_0, ``X`` the prepared inputs (n, d_in), ``values`` the parameters by the paper's letters (n, L, m, d,
delta, ...). `observe` also draws ``draws`` networks of the same sizes, as Lemma 7.1 states a probability: once for each
width is enough, 0 leaves them out. Premises that hide a constant are looked at with it at 1. They withhold no verdict
but one: layers nearer than Lemma 7.5's delta/2 where its width or its delta <= 1/(C L) is not met at C = 1 refute no
more than that C. A trend of the rows in the width is no refutation either: pass them through `exponents.mild`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from empirics.comparison import predict
from empirics.experiments.allenzhu2019.draws import EPS, Draws, draw, finding
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.near import Start, start_at
from empirics.experiments.allenzhu2019.products import backward_norms, product_norm
from empirics.setting import repeated
from empirics.verdict import Observation, clopper_pearson
from empirics.weights import Weights

DRAWN = frozenset(("forward_norm_failure", "forward_drift"))
PRODUCTS = frozenset(("intermediate_norm", "backward_norm", "products_width"))
APART = frozenset(("separateness", "separateness_width"))
MEASURED = DRAWN | PRODUCTS | APART
DRAWS = 40
"""Networks drawn for what is a probability or a mean."""


def observe(
    weights: Weights, X: Tensor, values: Mapping[str, Any], *, seed: int, names: frozenset[str], draws: int = DRAWS
) -> list[Observation]:
    """Set one initialisation, and many that are drawn, against Lemmas 7.1 to 7.5.

    Args:
        weights: w_0.
        X: inputs, (n, d_in): unit rows with last coordinate 1/sqrt(2).
        values: the parameters at which the theory predicts.
        seed: of w_0, for the record; the networks drawn have the seeds from ``seed * draws`` on.
        names: the bare names wanted.
        draws: how many networks are drawn; 0: none.

    Returns:
        Observations, at the sample or pair of samples that is worst; a product's norm is exact where the products are
        small, else a Ritz value, from below.

    Raises:
        TheoryError: a network of another architecture.
    """
    found: list[Observation] = []
    start, see = start_at(weights, X), Frame(values, seed)
    if names & PRODUCTS:
        found += _products(start, see)
    if names & APART and start.n > 1:
        found += _apart(start, see, X)
    if names & DRAWN and draws:
        found += _drawn(draw(weights, X, draws, seed * draws), see)
    return [o for o in found if o.quantity.split(".")[1] in names]


def findings(weights: Weights, X: Tensor, values: Mapping[str, Any], *, seed: int = 0, draws: int = DRAWS) -> list[str]:
    """What the draws say of Lemma 7.1, whose constants no row can bound.

    Args:
        weights: whose sizes.
        X: inputs, (n, d_in).
        values: the parameters at which the theory predicts.
        seed: as for `observe`.
        draws: how many networks; 0: none.

    Returns:
        At most one sentence.
    """
    return [finding(draw(weights, X, draws, seed * draws), values)] if draws else []


class Frame:
    """Makes the observations of one network."""

    def __init__(self, values: Mapping[str, Any], seed: int) -> None:
        self.values, self.seed = values, seed

    def __call__(
        self, name: str, measured: float, *, more: Mapping[str, Any] | None = None, **extra: Any
    ) -> Observation:
        """One; ``upper`` is ``measured`` unless given, ``more`` are further values."""
        extra.setdefault("upper", measured)
        values = {**self.values, **(more or {})}
        return Observation(f"{KEY}.{name}", values, measured, seed=self.seed, width=int(values["m"]), **extra)


def _products(start: Start, see: Frame) -> Iterator[Observation]:
    """Lemmas 7.3a and 7.4b."""
    for b in range(1, start.L + 1):
        for a in range(1, b + 1):
            norm, residual = product_norm(start, a, b)
            i = int(norm.argmax())
            known: dict[str, Any] = {} if residual is None else {"upper": None, "residual": float(residual[i])}
            yield see("intermediate_norm", float(norm[i]), label=f"W_{b}..W_{a}", **known)
    for a, norm in enumerate(backward_norms(start), start=1):
        yield see("backward_norm", float(norm.max()), label=f"B..W_{a}")
    yield see("products_width", float(start.m))


def _apart(start: Start, see: Frame, X: Tensor) -> Iterator[Observation]:
    """Lemma 7.5 at the nearest pair of every layer, and its width."""
    if (pair := repeated(X)) is not None:
        why = (f"samples {pair[0]} and {pair[1]} are equal: delta = 0 (Assumption 2.1)",)
        yield see("separateness", 0.0, label="l=0", reasons=why)
        yield see("separateness_width", float(start.m), reasons=why)
        return
    bound, lost = float(predict(f"{KEY}.separateness", see.values).value), False
    for l, h in enumerate(start.at.h):
        size, i, j = apart(h)
        near = size < bound
        lost = lost or near
        yield see("separateness", size, label=f"l={l}, samples {i}, {j}", reasons=_unmet(see) if near else ())
    yield see("separateness_width", float(start.m), outcome="failed" if lost else "")


def _unmet(see: Frame) -> tuple[str, ...]:
    """Which of Lemma 7.5's premises fail with their constants at 1."""
    width = float(predict(f"{KEY}.separateness_width", see.values).value)
    least = float(predict(f"{KEY}.delta_eff", see.values).value)
    m, delta = float(see.values["m"]), float(see.values["delta"])
    found = [f"m = {m:.0f} < separateness_width = {width:.3g} at C = 1"] if m < width else []
    found += [f"delta = {delta:.3g} > {least:.3g} = 1/(C L) at C = 1"] if delta > least else []
    return ("; ".join(found),) if found else ()


def apart(h: Tensor) -> tuple[float, int, int]:
    """The least ||(I - h_i h_i^T/||h_i||^2) h_j|| over i != j, and where.

    Args:
        h: a hidden layer, (n, m), n at least 2.

    Returns:
        It, from the vectors themselves, with i and j.
    """
    tiny = torch.finfo(h.dtype).tiny
    gram = h @ h.mT
    size = gram.diagonal()
    squared = (size - gram.square() / size.clamp(min=tiny)[:, None]).fill_diagonal_(torch.inf)
    i, j = divmod(int(squared.argmin()), len(h))
    unit = h[i] / h[i].norm().clamp(min=tiny)
    return float((h[j] - unit * (unit @ h[j])).norm()), i, j


def _drawn(found: Draws, see: Frame) -> Iterator[Observation]:
    """Lemma 7.1's probability with the interval of Clopper and Pearson, (7.1) with one of Student."""
    for eps in EPS:
        many = found.outside(eps)
        low, high = clopper_pearson(many, found.count)
        label = f"eps={eps:g}: {many} of {found.count} draws"
        yield see("forward_norm_failure", many / found.count, more={"eps": eps}, lower=low, upper=high, label=label)
    if found.count > 1:
        centre, low, high = found.mean_drift()
        lost = () if math.isfinite(centre) else ("a layer maps a unit vector to 0, whose logarithm has no mean",)
        label = f"mean of {found.count} draws"
        yield see("forward_drift", centre, lower=low, upper=high, label=label, reasons=lost)
