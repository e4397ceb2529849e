"""The least width at which a paper's network can be trained on given data, by bisection over widths and seeds.

Training succeeds when the mean squared error, in the units of the targets given, falls below eps within a budget of
full-batch steps at the rate share/lambda_max, lambda_max being the largest eigenvalue of the loss's Gauss-Newton matrix
at initialisation (the tangent kernel's, times the loss's second derivative): one rule for all papers and widths. The
budget is `patience` times what the linearised network of the largest width needs (`empirics.horizon`), so that data on
which every network is slow do not pass for data that ask for width. A run that diverges starts again at a quarter of
its step with four times the steps: too large a step is no lack of width. Success need not be monotone in the width:
widths are doubled until three in a row succeed, and the width reported lies between the first of them and the failure
below it, beside a width that fails. The answer still depends on eps and patience.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from empirics.horizon import reference_steps
from empirics.recipe import Recipe, Search
from empirics.setting import Progress, equal_rows
from empirics.trial import Trial, trial

CONFIRMED = 3
"""So many widths in a row, each twice the last, must succeed."""


@dataclass(frozen=True)
class CriticalWidth:
    """What the search found.

    Attributes:
        paper: Whose network.
        n: Samples.
        width: A width that succeeds, with twice and four times it (up to the largest allowed), whose neighbour below
            fails; None: there is none.
        trials: Everything tried, by width.
        search: What counted as success.
        reason: Why there is no width, or "".
        reference: Steps that the linearised network of the largest width needs; None where search.steps was given.
        budget: Steps that a run had at the full share.
    """

    paper: str
    n: int
    width: int | None
    trials: tuple[Trial, ...]
    search: Search
    reason: str = ""
    reference: int | None = None
    budget: int | None = None

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
    reference = None if search.steps else reference_steps(recipe, inputs, targets, factor, search)
    budget = search.steps or (None if reference is None else math.ceil(search.patience * max(reference, 1)))
    if budget is None:
        reason = f"the linearised network of width {search.max_width} never reaches eps = {search.eps:g}: give --steps"
        return CriticalWidth(recipe.paper, len(X), None, (), search, reason)
    tried: dict[int, Trial] = {}

    def succeeds(width: int) -> bool:
        if width not in tried:
            tried[width] = trial(recipe, inputs, targets, factor, width, search, budget)
            if progress:
                t = tried[width]
                progress(f"{recipe.paper}, n = {len(X)}: width {width}: {t.successes} of {t.seeds} seeds trained")
        return tried[width].successes >= search.fraction * search.seeds

    found = _bisect(succeeds, search.max_width)
    reason = "" if found else _unreached(tried[search.max_width], search, budget)
    trials = tuple(tried[w] for w in sorted(tried))
    return CriticalWidth(recipe.paper, len(X), found, trials, search, reason, reference, budget)


def _unreached(widest: Trial, search: Search, budget: int) -> str:
    """How the runs at the largest width ended, and what to change: a step that is too large is no lack of width."""
    ends = ", ".join(f"{count} {why}" for why, count in Counter(widest.reasons).items() if why != "tolerance")
    unstable = sum(why in ("diverged", "nan") for why in widest.reasons)
    longer = "--steps" if search.steps else "--patience"
    remedy = "lower --share" if 2 * unstable > widest.seeds else f"raise {longer} or --max-width"
    head = f"not reached up to width {search.max_width} within {budget} steps"
    return f"{head} (there {ends} of {widest.seeds}: {remedy})"


def _bisect(succeeds: Callable[[int], bool], most: int) -> int | None:
    """Doubling until success is confirmed, then bisection: a width that succeeds beside one that fails (or 1)."""
    below, width, good = 0, 1, []
    while True:
        if succeeds(width):
            good.append(width)
        else:
            below, good = width, []
        if len(good) == CONFIRMED or width == most:
            break
        width = min(2 * width, most)
    if not good:
        return None
    width = good[0]
    while width - below > 1:
        middle = (below + width) // 2
        below, width = (below, middle) if succeeds(middle) else (middle, width)
    return width
