"""Bounds: the theorems on training over-parameterised neural networks, as formulas and as numbers.

>>> import bounds
>>> bounds.quantity("banerjee2023.hessian_norm").evaluate(
...     L=3, sigma_1=1, rho=0, rho_1=0, m=1024, activation="tanh")
2.4375
"""

from bounds.enclosure import Enclosure
from bounds.errors import NotApplicable, TheoryError
from bounds.evaluate import Evaluation, result
from bounds.registry import errata, paper, papers, quantities, quantity
from bounds.solve import Solution, required_width

__all__ = [
    "Enclosure",
    "Evaluation",
    "NotApplicable",
    "Solution",
    "TheoryError",
    "errata",
    "paper",
    "papers",
    "quantities",
    "quantity",
    "required_width",
    "result",
]
