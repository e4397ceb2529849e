"""What the lemmas say of each kind of network at its initialisation and near it: which part measures what, on what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from empirics.experiments.allenzhu2019 import convolutional, convolutional_draws, initial, perturbed, residual
from empirics.experiments.allenzhu2019.data import Samples, first, values_of
from empirics.experiments.allenzhu2019.judging import separated
from empirics.experiments.allenzhu2019.key import KEY
from empirics.experiments.allenzhu2019.setting import Setting
from empirics.verdict import Observation
from empirics.weights import Weights

MEASURED = {
    "mlp": initial.MEASURED | perturbed.MEASURED,
    "cnn": convolutional.MEASURED,
    "resnet": residual.MEASURED,
}
"""By kind of network."""
Found = tuple[list[Observation], list[str]]


def observe(
    kind: str,
    start: Weights,
    end: Weights | None,
    setting: Setting,
    samples: Samples,
    *,
    seed: int,
    step: int,
    names: frozenset[str],
) -> Found:
    """The lemmas on one network.

    Args:
        kind: mlp, cnn or resnet.
        start: w_0.
        end: w_t, or None: not trained.
        setting: the radii, and whether networks are drawn besides.
        samples: the data.
        seed: of the network.
        step: t.
        names: the bare names wanted.

    Returns:
        Observations, and what no quantity states. Where samples are equal only what rests on their separation, without
        a number: the lemmas are about networks on which Theorem 1 holds.
    """
    values = values_of(kind, setting, start, samples)
    if samples.equal:
        refused = sorted(name for name in names if separated(f"{KEY}.{name}"))
        return [_refused(name, values, seed, samples) for name in refused], []
    if kind == "mlp":
        return _plain(start, end, setting, samples, values, seed=seed, step=step, names=names)
    if kind == "resnet":
        return residual.observe(start, samples.X, values, seed=seed, names=names)
    drawn = names if setting.fresh else names - convolutional_draws.MEASURED
    return convolutional.observe(start, samples.X, values, seed=seed, names=drawn)


def _refused(name: str, values: Mapping[str, Any], seed: int, samples: Samples) -> Observation:
    key, width = f"{KEY}.{name}", int(values["m"])
    return Observation(key, values, math.nan, reasons=samples.equal, seed=seed, width=width)


def _plain(
    start: Weights,
    end: Weights | None,
    setting: Setting,
    samples: Samples,
    values: Mapping[str, Any],
    *,
    seed: int,
    step: int,
    names: frozenset[str],
) -> Found:
    """Sections 7 and 8, Theorems 4 and 5: perturbations on the first samples only, with their own n and delta."""
    found: list[Observation] = []
    said: list[str] = []
    if names & initial.MEASURED:
        draws = initial.DRAWS if setting.fresh and seed == setting.first_seed else 0
        found += initial.observe(start, samples.X, values, seed=seed, names=names, draws=draws)
        said += initial.findings(start, samples.X, values, seed=seed, draws=draws)
    if names & perturbed.MEASURED:
        few = first(samples, setting.perturbed_samples)
        own = values_of("mlp", setting, start, few)
        options: dict[str, Any] = {"omegas": setting.omegas, "restarts": setting.restarts}
        seen, sentences = perturbed.observe(start, few.X, few.y, own, seed=seed, names=names, **options)
        found += seen
        said += sentences
        if end is not None:
            found += perturbed.at_point(start, end, few.X, own, seed=seed, step=step, names=names)
    return found, said
