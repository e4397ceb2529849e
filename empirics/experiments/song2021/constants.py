"""Lemma 3's constants measured at a point w_0, and the ball of Lemma 1 around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bounds.binding import relevant
from bounds.errors import TheoryError
from bounds.registry import quantity
from empirics.comparison import predict
from empirics.data import Dataset
from empirics.measure.forward import forward
from empirics.setting import repeated
from empirics.weights import Weights

KEY = "song2021"
ROUND = 1e-12
"""Relative: chi_max is increased, and a distance may exceed rho_Phi, by so much."""


@dataclass(frozen=True, eq=False)
class Start:
    """A point w_0 with the constants measured there.

    Attributes:
        weights: w_0.
        X, y: inputs of norm 1, (n, d_0), and targets, (n, 1).
        values: the parameters at which the theory predicts, measured ones among them.
        rho: rho_Phi.
        singular: why mu_Phi = 0, or nothing.
    """

    weights: Weights
    X: Tensor
    y: Tensor
    values: Mapping[str, Any]
    rho: float
    singular: tuple[str, ...]

    def reasons(self, key: str) -> tuple[str, ...]:
        """Why a quantity that depends on mu_Phi > 0 does not apply here."""
        return self.singular if self.singular and relevant(quantity(key), {"sigma_min_phi": 0}) else ()

    def number(self, name: str) -> float:
        """A quantity of the paper at these constants, by its bare name."""
        return float(predict(f"{KEY}.{name}", self.values).value)

    def distance(self, point: Weights) -> float:
        """||w - w_0||."""
        return float(distance(point, self.weights))


def unit_data(data: Dataset) -> Dataset:
    """The data in the paper's normalisation (Assumption 2): ||x_i|| = 1, and Y divided by ||Y|| where that exceeds 1.

    Raises:
        TheoryError: a row is zero, or there are several targets per sample.
    """
    norms = data.X.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()):
        raise TheoryError(f"row {int(norms.argmin())} of X is zero: song2021 needs inputs of norm 1")
    y = data.y.reshape(len(data.X), -1)
    if y.shape[1] != 1:
        raise TheoryError(f"y has {y.shape[1]} targets per sample: the comparison covers one")
    note = f"{data.source}; rows scaled to norm 1 and Y to norm at most 1"
    return Dataset(data.X / norms, y[:, 0] / y.norm().clamp(min=1), data.name, note, data.classes)


def distance(a: Weights, b: Weights) -> Tensor:
    """||a - b||, over all parameters; (...) for a batch a.

    Args:
        a: one point or a batch.
        b: one point.

    Returns:
        (*a.batch,).
    """
    start = len(a.batch)
    parts = [(s - t).flatten(start).norm(dim=-1) for s, t in zip(a.tensors, b.tensors, strict=True)]
    return torch.stack(parts).norm(dim=0)


def start_at(weights: Weights, X: Tensor, y: Tensor, values: Mapping[str, Any]) -> Start:
    """Measure Lemma 3's constants at w_0.

    Args:
        weights: w_0, one hidden layer and one output.
        X: inputs of norm 1, (n, d_0).
        y: targets, (n, 1).
        values: the other parameters.

    Returns:
        The point. chi_max is the least that bounds sigma_max(V) in the ball of radius rho_Phi, which depends on it:
        Assumption 2 then holds in the ball and need not be assumed. mu_Phi is 0 where sigma_min(phi(W_0 X)) is 0 for
        certain, or up to rounding.
    """
    cache = forward(weights, X, 0)
    sigma = torch.linalg.svdvals(cache.a[-1])
    top, bottom = float(sigma[0]), float(sigma[-1])
    singular = _singular(X, weights.m, top, bottom)
    loss = float((cache.f - y).square().sum())
    found: dict[str, Any] = {
        **values,
        "sigma_max_X": float(torch.linalg.svdvals(X)[0]),
        "sigma_max_V0": float(weights.V.norm()),
        "sigma_max_phi": top,
        "sigma_min_phi": 0.0 if singular else bottom,
        "h_0": loss,
        "grad_f_0": 2 * math.sqrt(loss),
    }
    found["chi_max"] = _chi(found)
    rho = float(predict(f"{KEY}.rho_Phi", found).value)
    return Start(weights, X, y, found, rho, singular)


def no_rank(X: Tensor, width: int) -> tuple[str, ...]:
    """Why phi(W X) has no n positive singular values whatever W; nothing where that can be.

    Args:
        X: inputs, (n, d_0).
        width: d_1.
    """
    n = len(X)
    if n > width:
        return (f"d_1 = {width} < n = {n}: phi(W_0 X) has no n singular values away from 0 (Lemma 3, erratum S6)",)
    if pair := repeated(X):
        return (f"samples {pair[0]} and {pair[1]} are equal: sigma_min(phi(W_0 X)) = 0",)
    return ()


def _singular(X: Tensor, width: int, top: float, bottom: float) -> tuple[str, ...]:
    if known := no_rank(X, width):
        return known
    if bottom <= 4 * max(len(X), width) * 2.0**-53 * top:
        return (f"sigma_min(phi(W_0 X)) = {bottom:.2g} is 0 up to rounding: mu_Phi > 0 is needed (Definition 1)",)
    return ()


def _chi(values: Mapping[str, Any]) -> float:
    """The positive root of chi = ||V_0|| + mu/(2 beta(chi)), beta(chi) = b_0 + b_1 chi.

    b_1 chi^2 + (b_0 - b_1 v) chi - (v b_0 + mu/2) = 0, by the form of the root that does not cancel.
    """
    b_0, one = (float(predict(f"{KEY}.beta_Phi", {**values, "chi_max": x}).value) for x in (0, 1))
    b_1, v, mu = one - b_0, float(values["sigma_max_V0"]), float(values["sigma_min_phi"])
    p, q = b_0 - b_1 * v, v * b_0 + mu / 2
    root = math.sqrt(p * p + 4 * b_1 * q)
    chi = 2 * q / (p + root) if p > 0 else (root - p) / (2 * b_1)
    return chi * (1 + ROUND)
