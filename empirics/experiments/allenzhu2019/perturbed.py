"""What Section 8 and Theorems 4 and 5 say of the fully connected network near its random initialisation.

    MEASURED
    observe(weights, X, y, values, *, seed, names, omegas=OMEGAS, restarts=0) -> (list[Observation], list[str])
    at_point(weights, point, X, values, *, seed, step, names) -> list[Observation]     # W' = W_t - W^(0) of a run

``weights`` are w_0, ``X`` the prepared inputs (n, d_in), ``y`` the targets, (n,) or (n, d), ``values`` the parameters
by the paper's letters. `observe` perturbs all trained layers by W' with ||W'_l||_2 <= omega, at random and against each
statement; every number is one that a W' reaches, so that it bounds the statement's supremum from below. The findings
are the exponents in omega of the network with seed 0; the rows take in all. Premises (omega, sparsity, width) hide
constants: they withhold no verdict, and the findings say which of them hold with the constants at 1.
A trend of the rows in the width is no refutation either: pass them through `exponents.mild`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from empirics.comparison import predict
from empirics.experiments.allenzhu2019 import exponents, gaps, smooth
from empirics.experiments.allenzhu2019.attack import attacks, flips
from empirics.experiments.allenzhu2019.initial import Frame
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.near import Dense, Start, Sweep, radii, start_at, sweep
from empirics.experiments.allenzhu2019.products import worst_product
from empirics.experiments.allenzhu2019.table import Table
from empirics.measure.norms import spectral_norm
from empirics.verdict import Observation
from empirics.weights import Weights

LAYERS = frozenset(
    ("sign_changes", "sign_change_norm", "forward_change", "backward_change", "hidden_difference", "output_difference")
)
PRODUCTS = frozenset(("intermediate_perturbed", "intermediate_perturbed_printed"))
TABLE = LAYERS | gaps.MEASURED
MEASURED = TABLE | PRODUCTS | smooth.MEASURED
OMEGAS = (1e-3, 3e-3, 1e-2, 2e-2, 4e-2, 8e-2)
"""Radii: at the smallest some samples have no sign to change, at the largest the layers change by a tenth."""


def observe(
    weights: Weights,
    X: Tensor,
    y: Tensor,
    values: Mapping[str, Any],
    *,
    seed: int,
    names: frozenset[str],
    omegas: tuple[float, ...] = OMEGAS,
    restarts: int = 0,
) -> tuple[list[Observation], list[str]]:
    """Perturb one initialisation, at random and adversarially, at several radii.

    Args:
        weights: w_0.
        X: inputs, (n, d_in): unit rows with last coordinate 1/sqrt(2).
        y: targets, (n,) or (n, d).
        values: the parameters at which the theory predicts.
        seed: of w_0, for the record, and of what is random.
        names: the bare names wanted.
        omegas: radii omega.
        restarts: further random directions and starts of the ascent, beyond one of each.

    Returns:
        Observations, for every radius the worst of the attacks and the worst of the random directions; and findings,
        with seed 0 only.

    Raises:
        TheoryError: a network of another architecture, or radii that are none.
    """
    start = start_at(weights, X)
    scale, see = radii(omegas, start.V), Frame(values, seed)
    found: list[Observation] = []
    said: list[str] = []
    if names & TABLE:
        table = _fill(start, scale, names, seed, restarts)
        found += _rows(table, see, omegas, names)
        said += exponents.findings(table, see, omegas, names)
    if names & PRODUCTS:
        found += _products(start, scale, see, omegas)
        said += [_sparse(start, scale, see)] if start.L > 1 and not seed else []
    if names & smooth.MEASURED:
        observed, sentences = smooth.observe(start, y, scale, see, names=names, restarts=restarts)
        found += observed
        said += sentences
    said += [exponents.premises(see, omegas)] if said else []
    return [o for o in found if o.quantity.split(".")[1] in names], said if not seed else []


def at_point(
    weights: Weights,
    point: Weights,
    X: Tensor,
    values: Mapping[str, Any],
    *,
    seed: int,
    step: int,
    names: frozenset[str],
) -> list[Observation]:
    """The same statements at a point that training reached, at omega = max_l ||W_l - W_l^(0)||_2.

    Args:
        weights: w_0.
        point: w_t, A and B as in w_0.
        X: inputs, (n, d_in).
        values: the parameters at which the theory predicts.
        seed: of w_0, for the record.
        step: t.
        names: the bare names wanted.

    Returns:
        Observations; none where nothing has moved.
    """
    start = start_at(weights, X)
    moved = [p.to(w) - w for p, w in zip(point.W[1:], start.W, strict=True)]
    omega = float(torch.stack([spectral_norm(t) for t in moved]).max())
    if not omega or not names & TABLE:
        return []
    direction = Dense(radii((omega,), start.V), tuple(t / omega for t in moved))
    table = Table()
    table.add("w_t", _readings(start, sweep(start, direction), direction, names))
    return list(_rows(table, Frame(values, seed), (omega,), names, step=step))


def _fill(start: Start, scale: Tensor, names: frozenset[str], seed: int, restarts: int) -> Table:
    table = Table()
    wanted = names | {"sign_changes"}  # says at which radii there are signs to change
    for label, direction in attacks(start, scale, seed=seed, restarts=restarts):
        table.add(label, _readings(start, sweep(start, direction), direction, wanted))
    return table


def _readings(start: Start, seen: Sweep, direction: Any, names: frozenset[str]) -> dict[str, Tensor]:
    """Quantity -> (radii, n, layers or outputs)."""
    found = gaps.gaps(start, seen, direction, names)
    changed = [a != b for a, b in zip(seen.D, start.at.D, strict=True)]
    if "sign_changes" in names:
        found["sign_changes"] = torch.stack([t.sum(-1) for t in changed], -1).to(seen.y.dtype)
    if "sign_change_norm" in names:
        found["sign_change_norm"] = torch.stack(
            [(g * t).norm(dim=-1) for g, t in zip(seen.g, changed, strict=True)], -1
        )
    if "forward_change" in names:  # of g_l, at least that of h_l = phi(g_l)
        found["forward_change"] = _distances(seen.g, start.at.g)
    if "hidden_difference" in names:
        found["hidden_difference"] = _distances(seen.h[1:], start.at.h[1:])
    if "output_difference" in names:
        found["output_difference"] = (seen.y - start.at.y).norm(dim=-1, keepdim=True)
    if "backward_change" in names:
        norms = [_norms((a - b).movedim(-3, -2)) for a, b in zip(seen.c, start.at.c, strict=True)]
        found["backward_change"] = torch.stack(norms, -1)
    return found


def _norms(rows: Tensor) -> Tensor:
    """Spectral norms of (..., d, m)."""
    return rows[..., 0, :].norm(dim=-1) if rows.shape[-2] == 1 else spectral_norm(rows)


def _distances(after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([(a - b).norm(dim=-1) for a, b in zip(after, before, strict=True)], -1)


def _rows(
    table: Table, see: Frame, omegas: tuple[float, ...], names: frozenset[str], step: int = 0
) -> Iterator[Observation]:
    for name in sorted(names & TABLE):
        for random in (False, True):
            if (reached := table.reached(name, random=random)) is None:
                continue
            for k, omega in enumerate(omegas):
                place = "output" if name in gaps.MEASURED else "" if name == "output_difference" else "l"
                label = f"{reached.attack[k]}, omega={omega:.3g}" + (f", {place}={reached.place[k]}" if place else "")
                more = {"omega": omega, "perturbation": omega}
                yield see(name, float(reached.worst[k]), more=more, upper=None, label=label, step=step)


def _products(start: Start, scale: Tensor, see: Frame, omegas: tuple[float, ...]) -> Iterator[Observation]:
    """Lemma 8.6 as Theorems 4 and 5 use it: W' against the product, D'' the signs that a perturbation changes."""
    signs = sweep(start, flips(start, scale)).D
    norms = worst_product(start, scale, signs, seed=see.seed).norm.amax(-1)
    for omega, norm in zip(omegas, norms.tolist(), strict=True):
        for name in sorted(PRODUCTS):
            yield see(name, norm, more={"omega": omega}, upper=None, label=f"W_{start.L}..W_1, omega={omega:.3g}")


def _sparse(start: Start, scale: Tensor, see: Frame) -> str:
    """Lemma 8.6 at the D'' that it allows, which no sign change makes: entries of 3 where they do most."""
    allowed = float(predict(f"{KEY}.intermediate_sparsity", see.values).value)
    s, top = max(1, int(allowed)), scale.amax().view(1, 1, 1)
    before, after = (float(worst_product(start, top, start.at.D, k, seed=see.seed).norm.max()) for k in (0, s))
    orders = (float(predict(f"{KEY}.{name}", see.values).value) for name in sorted(PRODUCTS))
    L, root = (f"{after / order:.2g}" for order in orders)
    return (
        f"Lemma 8.6, width {start.m}: D'' with {s} entries of size 3 a layer (at C = 1: {allowed:.2g}) takes the "
        f"product's norm at omega = {float(top):.3g} from {before:.3g} to {after:.3g} at least, {L} times the order "
        f"proved, {root} times the one printed (A5)"
    )
