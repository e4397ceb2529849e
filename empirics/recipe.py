"""How each paper trains its network, and what a search for its least width counts as success."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

from bounds.errors import NotApplicable, TheoryError
from bounds.registry import suggest
from empirics.setting import check_fields, option
from empirics.weights import Weights


@dataclass(frozen=True)
class Recipe:
    """How a paper trains its network.

    Attributes:
        paper: The key.
        loss: The loss's name.
        activation: The paper's own.
        network: The network and what of it is trained, in words.
        prepare: (X, y) as given -> (X, y) in the paper's normalisation, and the factor that y was divided by.
        build: (width, seed, X, hidden layers, activation) -> the network at its initialisation.
        layers: The fewest and the most hidden layers that the paper covers; None: no most.
    """

    paper: str
    loss: str
    activation: str
    network: str
    prepare: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, float]]
    build: Callable[[int, int, Tensor, int, str], Weights]
    layers: tuple[int, int | None] = (1, None)

    def depth(self, search: Search) -> int:
        """The hidden layers of a search's networks.

        Args:
            search: What is asked.

        Raises:
            NotApplicable: The paper does not cover them.
        """
        low, high = self.layers
        asked = search.hidden_layers or low
        if asked < low or (high is not None and asked > high):
            covers = f"{low} hidden layer{'s' if low > 1 else ''}" if high == low else f"at least {low} hidden layers"
            raise NotApplicable(f"{self.paper} covers {covers} (asked: {asked})")
        return asked


@dataclass(frozen=True)
class Search:
    """What counts as success, and where to look.

    Attributes:
        eps: Mean squared error to reach.
        patience: The budget of steps, in multiples of what a very wide network needs (`empirics.horizon`).
        steps: Steps of gradient descent at most, instead of patience; None: patience decides.
        seeds: Initialisations per width.
        fraction: Share of them that must succeed.
        max_width: Where to stop looking.
        hidden_layers: Of every network; None: the fewest that each paper covers.
        activation: None: each paper's own.
        share: The step size as a share of 1/lambda_max.
        retries: How often a run that diverged starts again at a quarter of its step size, with four times the steps.
        device: ``cpu`` or ``cuda``.
    """

    eps: float = option(1e-2, "Mean squared error that counts as trained.", kind="positive")
    patience: float = option(4.0, "Budget, in multiples of the steps that a very wide network needs.", kind="positive")
    steps: int | None = option(None, "Steps at most; else --patience decides.", kind="count")
    seeds: int = option(5, "Initialisations per width.", kind="count")
    fraction: float = option(0.8, "Share of the initialisations that must succeed.", kind="positive")
    max_width: int = option(1024, "Widest network tried.", kind="count")
    hidden_layers: int | None = option(None, "Hidden layers; else the fewest that each paper covers.", kind="count")
    activation: str | None = option(None, "Name or expression in z; else each paper's own.")
    share: float = option(1.0, "Step size, as a share of 1/lambda_max at initialisation.", kind="positive")
    retries: int = option(2, "New starts of a diverged run, each at a quarter of its step size.", kind="whole")
    device: str = option("cpu", "cpu or cuda.", kind="device")

    def __post_init__(self) -> None:
        check_fields(self)
        if self.fraction > 1:
            raise TheoryError(f"fraction = {self.fraction}: must be at most 1")
        if self.share >= 2:
            raise TheoryError(f"share = {self.share}: must be below 2, where gradient descent is unstable")


@lru_cache(maxsize=1)
def recipes() -> dict[str, Recipe]:
    """Every paper's recipe, found in ``experiments/<key>/critical.py``."""
    from empirics import experiments

    found = {}
    for info in pkgutil.iter_modules(experiments.__path__):
        package = importlib.import_module(f"empirics.experiments.{info.name}")
        if any(part.name == "critical" for part in pkgutil.iter_modules(package.__path__)):
            found[info.name] = importlib.import_module(f"empirics.experiments.{info.name}.critical").RECIPE
    return found


def recipe(paper: str) -> Recipe:
    """The recipe of a paper.

    Raises:
        TheoryError: It has none.
    """
    if paper not in recipes():
        raise TheoryError(
            f"{paper!r} has no width to search for{suggest(paper, recipes())}; use {', '.join(recipes())}"
        )
    return recipes()[paper]
