"""The user's own network and data against every paper that covers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bounds.errors import NotApplicable, TheoryError
from empirics.comparison import Comparison, merge
from empirics.experiments import experiment, experiments


def compare(
    model: torch.nn.Module, X: Any, y: Any, papers: Sequence[str] | str | None = None, *, learning_rate: float = 1.0
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
    inputs, targets = _tensor("X", X, 2), _tensor("y", y, 1)
    if len(inputs) != len(targets):
        raise TheoryError(f"X has {len(inputs)} rows and y {len(targets)}: one target per row is needed")
    found, refusals = [], []
    for key in [papers] if isinstance(papers, str) else papers or experiments():
        try:
            found.append(experiment(key).compare_model(model, inputs, targets, learning_rate=learning_rate))
        except NotApplicable as reason:
            refusals.append(str(reason))
    if not found:
        raise NotApplicable("; ".join(refusals))
    return merge(found)


def _tensor(name: str, values: Any, dimensions: int) -> torch.Tensor:
    """``values`` as a real, finite, non-empty tensor of at least ``dimensions`` dimensions."""
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise TheoryError(f"{name} is not an array of numbers: give a tensor or an array") from None
    if tensor.ndim < dimensions or not tensor.numel() or tensor.is_complex() or not bool(torch.isfinite(tensor).all()):
        raise TheoryError(
            f"{name} of shape {tuple(tensor.shape)} and type {tensor.dtype}: real finite numbers in {dimensions} "
            f"dimension{'s' if dimensions > 1 else ''} are needed"
        )
    return tensor
