"""Bounds: the theorems on training over-parameterised neural networks, as formulas and as numbers.

>>> import bounds
>>> bounds.quantity("banerjee2023.hessian_norm").evaluate(
...     L=3, sigma_1=1, rho=0, rho_1=0, m=1024, activation="tanh")  # (30 (1 + 4/(3 sqrt(3))) + 6)/sqrt(1024)
1.8466878364870323
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bounds.enclosure import Enclosure
from bounds.errors import NotApplicable, TheoryError
from bounds.evaluate import Evaluation, result
from bounds.registry import errata, paper, papers, quantities, quantity
from bounds.solve import Solution, required_width

if TYPE_CHECKING:
    from bounds.explaining import Explanation, explain
    from bounds.inverse import Reach, largest

__all__ = [
    "Enclosure",
    "Evaluation",
    "Explanation",
    "NotApplicable",
    "Reach",
    "Solution",
    "TheoryError",
    "errata",
    "explain",
    "largest",
    "paper",
    "papers",
    "quantities",
    "quantity",
    "required_width",
    "result",
]

_LATER = {
    "Explanation": "bounds.explaining",
    "explain": "bounds.explaining",
    "Reach": "bounds.inverse",
    "largest": "bounds.inverse",
}


def __getattr__(name: str) -> Any:
    """What few programs need is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)
