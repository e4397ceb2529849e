"""The numbers behind the paper's figures of formulas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bounds.model import Curves


def figure_2(activations: Iterable[Any] = ("sigmoid",), sigmas: Any = None) -> dict[str, np.ndarray]:
    """Figure 2: rho(sigma) of activations.

    Args:
        activations: Names, expressions or ``Activation`` objects; the paper draws the sigmoid's.
        sigmas: (points,) scales; by default 200 from 0.05 to 10.

    Returns:
        ``sigma`` and, under each activation's name, rho at these scales, all (points,) float64.

    Example:
        >>> float(figure_2(["tanh"], [1.0])["tanh"][0])
        0.0491930360193...
    """
    from bounds.activations import get
    from bounds.registry import quantity

    scales = np.linspace(0.05, 10, 200) if sigmas is None else np.asarray(sigmas, dtype=np.float64)
    rho = quantity("fu2018.rho_sigma")
    return {"sigma": scales} | {get(a).name: rho.evaluate(sigma=scales, activation=a) for a in activations}


def fig2(activation: Any = None) -> Curves:
    """Figure 2 of the paper, or the same of another activation."""
    found = figure_2(["sigmoid" if activation is None else activation])
    scales = found.pop("sigma")
    return Curves("fu2018, Figure 2: rho(sigma) of Definition 1", "sigma", "rho(sigma)", scales, found)
