"""The least width at which a paper's network can be trained on given data, by bisection over widths and seeds.

Training succeeds when the mean squared error, in the units of the targets given, falls below eps within a budget of
full-batch steps at the rate share/lambda_max, lambda_max being the largest eigenvalue of the loss's Gauss-Newton matrix
at initialisation (the tangent kernel's, times the loss's second derivative): one rule for all papers and widths. The
answer depends on eps and on the budget, and belongs to this search: success need not be monotone in the width, and the
width reported is one that succeeds beside one that fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirics.losses import loss_function
from empirics.measure.kernel import ntk_gram
from empirics.recipe import Recipe, Search
from empirics.setting import Progress, equal_rows
from empirics.training import train_many
from empirics.verdict import clopper_pearson
from empirics.weights import stack


@dataclass(frozen=True)
class Trial:
    """All seeds at one width.

    Attributes:
        width: Of the networks.
        successes: How many were trained.
        seeds: Of how many.
        reasons: Why each run ended.
        steps: The median number of steps of those that succeeded; None where none did.
    """

    width: int
    successes: int
    seeds: int
    reasons: tuple[str, ...]
    steps: float | None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the probability of success."""
        return clopper_pearson(self.successes, self.seeds)


@dataclass(frozen=True)
class CriticalWidth:
    """What the search found.

    Attributes:
        paper: Whose network.
        n: Samples.
        width: The least width found to succeed whose neighbour below fails; None: none up to the largest tried.
        trials: Everything tried, by width.
        search: What counted as success.
        reason: Why there is no width, or "".
    """

    paper: str
    n: int
    width: int | None
    trials: tuple[Trial, ...]
    search: Search
    reason: str = ""

    def at(self, width: int) -> Trial | None:
        """The trial at a width, if there was one."""
        return next((t for t in self.trials if t.width == width), None)


def conflict(X: Tensor, y: Tensor) -> str:
    """Why no width can succeed: equal inputs with different targets, or "".

    Args:
        X: inputs in the paper's normalisation, (n, d): x and 2 x are one input to a paper that scales its samples.
        y: targets, (n,) or (n, k).
    """
    pairs = (pair for pair in equal_rows(X) if not torch.equal(y[pair[0]], y[pair[1]]))
    found = next(pairs, None)
    if found is None:
        return ""
    return f"samples {found[0]} and {found[1]} have equal inputs and different targets: no network fits both"


def critical_width(
    recipe: Recipe, X: Tensor, y: Tensor, search: Search, progress: Progress | None = None
) -> CriticalWidth:
    """Search for the least width at which the paper's network can be trained on the samples.

    Args:
        recipe: Whose network.
        X: inputs as given, (n, d).
        y: targets, (n,) or (n, k).
        search: what counts as success.
        progress: called with one line per width.

    Returns:
        The width, and everything tried.

    Raises:
        NotApplicable: The paper does not cover that many hidden layers.
        TheoryError: A value is wrong.
    """
    recipe.depth(search)
    inputs, targets, factor = recipe.prepare(X.to(search.device), y.to(search.device))
    if reason := conflict(inputs, targets):
        return CriticalWidth(recipe.paper, len(X), None, (), search, reason)
    tried: dict[int, Trial] = {}

    def succeeds(width: int) -> bool:
        if width not in tried:
            tried[width] = trial(recipe, inputs, targets, factor, width, search)
            if progress:
                t = tried[width]
                progress(f"{recipe.paper}, n = {len(X)}: width {width}: {t.successes} of {t.seeds} seeds trained")
        return tried[width].successes >= search.fraction * search.seeds

    found = _bisect(succeeds, search.max_width)
    reason = "" if found else _unreached(tried[search.max_width], search)
    return CriticalWidth(recipe.paper, len(X), found, tuple(tried[w] for w in sorted(tried)), search, reason)


def _unreached(widest: Trial, search: Search) -> str:
    """How the runs at the largest width ended, and what to change: a step that is too large is no lack of width."""
    ends = ", ".join(f"{count} {why}" for why, count in Counter(widest.reasons).items() if why != "tolerance")
    unstable = sum(why in ("diverged", "nan") for why in widest.reasons)
    remedy = "lower --share" if 2 * unstable > widest.seeds else "raise --steps or --max-width"
    head = f"not reached up to width {search.max_width} within {search.steps} steps"
    return f"{head} (there {ends} of {widest.seeds}: {remedy})"


def _bisect(succeeds: Callable[[int], bool], most: int) -> int | None:
    """Doubling until success, then bisection: a width that succeeds beside one that fails (or 1)."""
    below, width = 0, 1
    while not succeeds(width):
        if width == most:
            return None
        below, width = width, min(2 * width, most)
    while width - below > 1:
        middle = (below + width) // 2
        below, width = (below, middle) if succeeds(middle) else (middle, width)
    return width


def trial(recipe: Recipe, X: Tensor, y: Tensor, factor: float, width: int, search: Search) -> Trial:
    """Train every seed of one width, together.

    Args:
        recipe: whose network and loss.
        X: inputs in the paper's normalisation.
        y: targets likewise.
        factor: what the targets given were divided by.
        width: of the networks.
        search: the budget.

    Returns:
        How many succeeded.
    """
    phi = search.activation or recipe.activation
    nets = [recipe.build(width, seed, X, recipe.depth(search), phi).to(X) for seed in range(search.seeds)]
    loss, one = loss_function(recipe.loss, nets[0].k), torch.ones(len(X), nets[0].k, dtype=X.dtype, device=X.device)
    per_error = float(loss.value(one, 0 * one)) / nets[0].k  # the loss of a mean squared error of 1
    bend = float(loss.bend(one, one, one)[0, 0])
    K = torch.as_tensor(ntk_gram(stack(nets), X).value).reshape(len(nets), one.numel(), one.numel())
    top = torch.linalg.eigvalsh(K)[:, -1]
    options: dict[str, Any] = {"record": ("loss",), "record_at": [0], "sync_every": 50}
    rates = (search.share / (bend * top)).tolist()
    usable = [i for i, rate in enumerate(rates) if 0 < rate < np.inf]  # a dead network has no gradient to follow
    runs = (
        train_many(
            [nets[i] for i in usable],
            X,
            y,
            learning_rate=[rates[i] for i in usable],
            loss=recipe.loss,
            steps=search.steps,
            tolerance=per_error * search.eps / factor**2,
            **options,
        )
        if usable
        else []
    )
    reasons = [r.reason for r in runs] + ["dead"] * (len(nets) - len(usable))
    taken = [r.stop_step for r in runs if r.reason == "tolerance"]
    return Trial(width, len(taken), len(nets), tuple(reasons), float(np.median(taken)) if taken else None)
