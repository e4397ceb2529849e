"""Named parameter sets: the papers' own experiments, and a few networks that people know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bounds.errors import TheoryError
from bounds.model import Default, Given, Paper, Scenario
from bounds.naming import by_role, meaning
from bounds.registry import papers, suggest

HIDDEN_LAYERS = "hidden_layers"
_MNIST = "MNIST's training set: 60000 images of 28 x 28"

KNOWN = (
    Scenario(
        "mnist_mlp",
        "a multilayer perceptron 784-512-512-1 on MNIST",
        (
            Given("samples", 60_000, _MNIST),
            Given("input_dim", 784, _MNIST),
            Given("width", 512, "two hidden layers of 512"),
            Given(HIDDEN_LAYERS, 2, "two hidden layers of 512"),
            Given("outputs", 1, "one output"),
        ),
    ),
    Scenario(
        "two_layer_gelu",
        "a two-layer network of 1000 GeLU units on MNIST, ten outputs",
        (
            Given("samples", 60_000, _MNIST),
            Given("input_dim", 784, _MNIST),
            Given("width", 1000, "1000 hidden units"),
            Given(HIDDEN_LAYERS, 1, "one hidden layer"),
            Given("outputs", 10, "ten classes"),
            Given("activation", "gelu", "GeLU"),
        ),
    ),
    Scenario(
        "cifar10_mlp",
        "a multilayer perceptron 3072-1024-1024-1024-10 on CIFAR-10",
        (
            Given("samples", 50_000, "CIFAR-10's training set"),
            Given("input_dim", 3072, "32 x 32 pixels in three colours"),
            Given("width", 1024, "three hidden layers of 1024"),
            Given(HIDDEN_LAYERS, 3, "three hidden layers of 1024"),
            Given("outputs", 10, "ten classes"),
        ),
    ),
)
"""Networks that practitioners know; values are by role."""


def scenarios() -> dict[str, tuple[Scenario, Paper | None]]:
    """Every scenario, by name: ``paper.name`` for a paper's experiment, with its paper."""
    found: dict[str, tuple[Scenario, Paper | None]] = {s.name: (s, None) for s in KNOWN}
    for paper in papers().values():
        found |= {f"{paper.key}.{s.name}": (s, paper) for s in paper.scenarios}
    return found


def scenario(name: str) -> tuple[Scenario, Paper | None]:
    """The scenario ``name``.

    Raises:
        TheoryError: No such scenario.

    >>> scenario("two_layer_gelu")[0].values[2].value
    1000
    """
    known = scenarios()
    if name not in known:
        raise TheoryError(f"no scenario {name!r}{suggest(name, known)} (bounds scenarios lists them)")
    return known[name]


def hidden_layers(name: str) -> int | None:
    """The number of hidden layers that a scenario states, in whatever letter."""
    chosen, owner = scenario(name)
    for given in chosen.values:
        if given.name == HIDDEN_LAYERS:
            return int(given.value)
        if owner is not None and owner.layers_offset is not None and _role(owner, given.name) == "depth":
            return int(given.value) - owner.layers_offset
    return 1 if owner is not None and owner.layers_offset is None else None


def activation(name: str) -> Any:
    """The activation that a scenario states, or None."""
    chosen, owner = scenario(name)
    return next((g.value for g in chosen.values if (_role(owner, g.name) or g.name) == "activation"), None)


def fill_from(name: str, asked: Iterable[Paper]) -> dict[str, dict[str, Default]]:
    """What a scenario gives each paper, in its own letters: roles go to every paper, letters to the scenario's own.

    The number of hidden layers is left to ``hidden_layers``: every paper counts its L in its own way.
    """
    chosen, owner = scenario(name)
    found: dict[str, dict[str, Default]] = {}
    for paper in asked:
        found[paper.key] = {
            letter: Default(given.value, f"scenario {name}: {given.origin}")
            for given in chosen.values
            if (letter := _letter(paper, owner, given.name)) is not None
        }
    return found


def _letter(paper: Paper, owner: Paper | None, name: str) -> str | None:
    role = _role(owner, name)
    if role == "depth" or name == HIDDEN_LAYERS:
        return None
    return meaning(paper, name) if paper is owner else by_role(paper, role or name)


def _role(owner: Paper | None, name: str) -> str:
    return owner.parameters[name].role if owner is not None and name in owner.parameters else ""


def rows(name: str | None = None) -> list[Mapping[str, Any]]:
    """Every value of every scenario (or of one), with where it comes from."""
    chosen = {name: scenario(name)} if name else scenarios()
    return [
        {"scenario": key, "text": s.text, "name": g.name, "value": g.value, "from": g.origin}
        for key, (s, _) in chosen.items()
        for g in s.values
    ]
