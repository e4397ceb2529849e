"""Training all seeds of one width within a budget, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.losses import loss_function
from empirics.measure.kernel import ntk_gram
from empirics.recipe import Recipe, Search
from empirics.training import train_many
from empirics.verdict import clopper_pearson
from empirics.weights import Weights, stack

SLOWER = 4
"""A run that diverged starts again at this fraction of its step size, with so many times the steps."""


@dataclass(frozen=True)
class Trial:
    """All seeds at one width.

    Attributes:
        width: Of the networks.
        successes: How many were trained.
        seeds: Of how many.
        reasons: Why each run ended; of those started again, the last one.
        steps: The median number of steps of those that succeeded; None where none did.
        restarted: How many of the successes needed a smaller step.
    """

    width: int
    successes: int
    seeds: int
    reasons: tuple[str, ...]
    steps: float | None
    restarted: int = 0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the probability of success."""
        return clopper_pearson(self.successes, self.seeds)


def trial(
    recipe: Recipe, X: Tensor, y: Tensor, factor: float, width: int, search: Search, budget: int | None = None
) -> Trial:
    """Train every seed of one width, together; those that diverge again at smaller steps, as often as the search says.

    Args:
        recipe: whose network and loss.
        X: inputs in the paper's normalisation.
        y: targets likewise.
        factor: what the targets given were divided by.
        width: of the networks.
        search: what counts as success.
        budget: steps at most at the full share; None: search.steps.

    Returns:
        How many succeeded.
    """
    phi, steps = search.activation or recipe.activation, budget or search.steps
    nets = [recipe.build(width, seed, X, recipe.depth(search), phi).to(X) for seed in range(search.seeds)]
    assert steps is not None
    rates = {i: rate for i, rate in enumerate(_rates(recipe, nets, X, search)) if 0 < rate < np.inf}
    ends: dict[int, tuple[str, int, int]] = dict.fromkeys(range(len(nets)), ("dead", 0, 0))  # no gradient to follow
    for attempt in range(search.retries + 1):
        found = _train(recipe, nets, X, y, factor, search, rates, steps * SLOWER**attempt)
        ends |= {i: (reason, taken, attempt) for i, (reason, taken) in found.items()}
        rates = {i: rates[i] / SLOWER for i, (reason, _) in found.items() if reason in ("diverged", "nan")}
        if not rates:
            break
    reasons = tuple(ends[i][0] for i in range(len(nets)))
    good = [end for end in ends.values() if end[0] == "tolerance"]
    middle = float(np.median([taken for _, taken, _ in good])) if good else None
    return Trial(width, len(good), len(nets), reasons, middle, sum(again > 0 for _, _, again in good))


def _rates(recipe: Recipe, nets: list[Weights], X: Tensor, search: Search) -> list[float]:
    """share/lambda_max of every network's Gauss-Newton matrix: the tangent kernel's, times the loss's bend."""
    loss = loss_function(recipe.loss, nets[0].k)
    one = torch.ones(len(X), nets[0].k, dtype=X.dtype, device=X.device)
    bend = float(loss.bend(one, one, one)[0, 0])
    K = torch.as_tensor(ntk_gram(stack(nets), X).value).reshape(len(nets), one.numel(), one.numel())
    rates: list[float] = (search.share / (bend * torch.linalg.eigvalsh(K)[:, -1])).tolist()
    return rates


def _train(
    recipe: Recipe,
    nets: list[Weights],
    X: Tensor,
    y: Tensor,
    factor: float,
    search: Search,
    rates: dict[int, float],
    steps: int,
) -> dict[int, tuple[str, int]]:
    """Train those networks that have a rate: number -> (why it ended, after how many steps)."""
    if not rates:
        return {}
    loss = loss_function(recipe.loss, nets[0].k)
    one = torch.ones(len(X), nets[0].k, dtype=X.dtype, device=X.device)
    per_error = float(loss.value(one, 0 * one)) / nets[0].k  # the loss of a mean squared error of 1
    options: dict[str, Any] = {"record": ("loss",), "record_at": [0], "sync_every": 50}
    runs = train_many(
        [nets[i] for i in rates],
        X,
        y,
        learning_rate=list(rates.values()),
        loss=recipe.loss,
        steps=steps,
        tolerance=per_error * search.eps / factor**2,
        **options,
    )
    return {i: (run.reason, run.stop_step) for i, run in zip(rates, runs, strict=True)}
