"""From the words of a command line to the settings of experiments and the data of figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bounds.errors import NotApplicable, TheoryError
from bounds.options import setting_from
from bounds.registry import papers
from empirics.data import Dataset, load


@dataclass(frozen=True)
class Request:
    """One experiment asked for.

    Attributes:
        module: The experiment.
        only: The quantities wanted; empty for all.
        setting: What to train and measure.
    """

    module: Any
    only: frozenset[str]
    setting: Any


def requests(
    chosen: Sequence[tuple[Any, frozenset[str]]], options: Mapping[str, Any], hidden_layers: int | None
) -> list[Request]:
    """The settings of the experiments chosen: each takes the options that it has.

    Args:
        chosen: Experiments, and the quantities asked of each.
        options: What was given, by name; None where nothing was.
        hidden_layers: The same number of hidden layers for all; an experiment whose paper does not cover it is left
            out where there are others.

    Returns:
        One for each experiment that covers the request.

    Raises:
        TheoryError: An option that none of them has, or L where it means different things.
        NotApplicable: No paper covers that number of hidden layers.
    """
    given = {name: value for name, value in options.items() if value is not None}
    known = {module.KEY: {f.name for f in dataclasses.fields(module.Setting)} for module, _ in chosen}
    for name in given:
        if not any(name in names for names in known.values()):
            setting_from(chosen[0][0].Setting(), {name: given[name]}, " or ".join(known))
    offsets = {papers()[key].layers_offset for key, names in known.items() if "L" in names}
    if "L" in given and len(offsets) > 1:
        raise TheoryError("L counts different layers in these papers: give --hidden-layers, or name one paper")
    if "L" in given and hidden_layers is not None:
        raise TheoryError("L and --hidden-layers are both given: give one of them")
    found, refused = [], []
    for module, only in chosen:
        own = {name: value for name, value in given.items() if name in known[module.KEY]}
        try:
            depth = _depth(module.KEY, "L" in known[module.KEY], hidden_layers)
        except NotApplicable as reason:
            refused.append(str(reason))
            continue
        found.append(Request(module, only, setting_from(module.Setting(), own | depth, module.KEY)))
    if not found:
        raise NotApplicable("; ".join(refused))
    return found


def _depth(key: str, deep: bool, hidden_layers: int | None) -> dict[str, int]:
    """A number of hidden layers in the paper's own count."""
    if hidden_layers is None:
        return {}
    offset = papers()[key].layers_offset
    if deep and offset is not None:
        return {"L": hidden_layers + offset}
    if hidden_layers != 1:
        raise NotApplicable(f"{key} covers one hidden layer, not {hidden_layers}")
    return {}


def needs_data(module: Any) -> bool:
    """Whether an experiment is trained on data given to it; the others draw their own."""
    return getattr(module, "NEEDS_DATA", True)


def comparison_data(
    modules: Sequence[Any], data: str | None, samples: int | None, seed: int, d: int | None
) -> Dataset | None:
    """The data of a comparison; None where every experiment draws its own.

    Args:
        modules: The experiments asked.
        data: As for `empirics.data.load`, and the rest; None: 256 of the digits.
        samples: How many.
        seed: Of the draw.
        d: Dimension of the sphere's points.

    Raises:
        TheoryError: The data cannot be used, or are given to experiments that draw their own.
    """
    if any(needs_data(m) for m in modules):
        return load(data or "digits", samples=256 if samples is None else samples, seed=seed, d=d)
    _refuse_data(" and ".join(m.KEY for m in modules), data, samples, d)
    return None


def _refuse_data(name: str, data: str | None, samples: int | None, d: int | None) -> None:
    given = next((n for n, v in (("data", data), ("samples", samples), ("input-dim", d)) if v is not None), None)
    if given:
        raise TheoryError(f"--{given}: {name} makes its own data: leave it out")


def figure_data(
    name: str, module: Any, data: str | None, samples: int | None, seed: int, d: int | None
) -> Dataset | None:
    """The data of a figure; None for one that makes its own.

    Args:
        name: The figure, for messages.
        module: Its module.
        data: As for `empirics.data.load`, and the rest; None: the figure's own.
        samples: How many.
        seed: Of the draw.
        d: Dimension of the sphere's points.

    Raises:
        TheoryError: The data cannot be used, or are given to a figure that makes its own.
    """
    if module.NEEDS_DATA:
        options = getattr(module, "LOAD", {})
        return load(data or "digits", samples=module.SAMPLES if samples is None else samples, seed=seed, d=d, **options)
    _refuse_data(name, data, samples, d)
    return None
