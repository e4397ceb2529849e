"""The user's own network and data against every paper that covers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bounds.errors import NotApplicable
from empirics.comparison import Comparison
from empirics.experiments import experiment, experiments


def compare(
    model: torch.nn.Module, X: Any, y: Any, papers: Sequence[str] | None = None, *, learning_rate: float = 1.0
) -> Comparison:
    """Set the theorems against a network that the user brings.

    Args:
        model: an ``empirics.network``, or an ``nn.Sequential`` of Linear (no bias) and activation layers.
        X: inputs, (n, d), tensor or array; each row of norm sqrt(d) for banerjee2023.
        y: targets, (n,).
        papers: keys; None for every paper.
        learning_rate: the gradient step looked at for the convergence results.

    Returns:
        The verdict table, of all papers that cover the network.

    Raises:
        NotApplicable: no paper covers it; the message says why.
        TheoryError: unknown papers, or data that are not numbers.
    """
    inputs, targets = torch.as_tensor(X), torch.as_tensor(y)
    found, refusals = [], []
    for key in papers or experiments():
        try:
            found.append(experiment(key).compare_model(model, inputs, targets, learning_rate=learning_rate))
        except NotApplicable as reason:
            refusals.append(str(reason))
    if not found:
        raise NotApplicable("; ".join(refusals))
    rows, cases = (tuple(r for c in found for r in getattr(c, name)) for name in ("rows", "cases"))
    return Comparison(rows, found[0].configuration, found[0].versions, cases)
