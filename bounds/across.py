"""One question put to every paper: the same network in each paper's own letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bounds.binding import relevant
from bounds.errors import TheoryError
from bounds.evaluate import Evaluation, result_at
from bounds.model import Default, Paper
from bounds.registry import paper as find_paper
from bounds.registry import papers
from bounds.solve import Solution, solve


def _chosen(only: Sequence[str]) -> list[Paper]:
    return [find_paper(k) for k in only] or list(papers().values())


def with_depth(paper: Paper, values: Mapping[str, Any], hidden_layers: int | None) -> dict[str, Any]:
    """``values`` with the paper's own L for a number of hidden layers."""
    if hidden_layers is None:
        return dict(values)
    if "L" in values:
        raise TheoryError("--L and --hidden-layers are both given: drop one of them")
    if paper.layers_offset is None:
        raise TheoryError(f"{paper.key} covers one hidden layer only")
    return {**values, "L": hidden_layers + paper.layers_offset}


def required_widths(only: Sequence[str], values: Mapping[str, Any], hidden_layers: int | None = None) -> list[Solution]:
    """The width that each paper's theorem asks for, with defaults for what is not given.

    Raises:
        TheoryError: A value is wrong, or no paper asked for states a width.
    """
    asked = [p for p in _chosen(only) if "required_width" in p.quantities]
    if not asked:
        raise TheoryError(f"{', '.join(only)} states no required width")
    return [solve(p.quantities["required_width"], with_depth(p, values, hidden_layers)) for p in asked]


def evaluate_everywhere(name: str, only: Sequence[str], values: Mapping[str, Any]) -> list[Evaluation]:
    """The quantity ``name`` of each paper that has it; a missing width is the one that the paper requires."""
    asked = [p for p in _chosen(only) if name in p.quantities]
    if not asked:
        raise TheoryError(f"{', '.join(only)} has no {name}")
    return [_at_required_width(p, name, values) for p in asked]


def _at_required_width(paper: Paper, name: str, values: Mapping[str, Any]) -> Evaluation:
    quantity, needs_width = paper.quantities[name], "m" in paper.parameters and "m" not in values
    if not needs_width or "required_width" not in paper.quantities or set(values) & set(paper.quantities):
        return result_at(quantity, values, defaults=True)
    target = paper.quantities["required_width"]
    known = set(target.parameters) | {"activation"}
    solved = solve(target, {k: v for k, v in values.items() if k in known})
    if solved.value is None:
        raise TheoryError(f"{paper.key}: no width to use for m ({'; '.join(solved.reasons)}); give --m")
    for_width = set(target.parameters) - set(relevant(quantity, dict.fromkeys(paper.parameters)))
    own = {k: v for k, v in values.items() if k not in for_width}
    found = result_at(quantity, {"m": solved.value, **own}, defaults=True)
    origin = f"the width that {target.key} asks for"
    return replace(found, assumed={**found.assumed, "m": Default(solved.value, origin)})
