"""What Algorithm 2 reads off an activation: the indices j_2, j_3 and l_1, and the norm that belongs to a moment m_j.

Source: fu2018, Definitions 2 and 3, Assumptions 3 and 4, with erratum F7. The numbers m_j are those of `bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from bounds import quantity
from bounds.errors import NotApplicable
from bounds.papers.fu2018.tensors import tensor_indices
from empirics.checks import check_scales

USABLE = 1e-6  # of the largest |m_j|: a smaller tensor drowns in the noise of any number of samples that can be stored
POINTS = 40
SMALLEST = 1e-2  # of the largest norm sought


@dataclass(frozen=True)
class Tensors:
    """Which tensors serve at a scale of the neurons' norms.

    Attributes:
        j_2: The least j >= 2 with M_j != 0, for the subspace.
        j_3: The least j >= 3 with M_j != 0, for the directions.
        l_1: The least j >= 1 with M_j != 0, for norms and signs.
        m: m_1, ..., m_4 at the scale.
        signed: Whether l_1 is odd, which signs need (erratum F7); where it is even phi is even, and w and -w are alike.
    """

    j_2: int
    j_3: int
    l_1: int
    m: tuple[float, ...]
    signed: bool


def moment(activation: str, j: int, norm: float | np.ndarray) -> np.ndarray:
    """m_j of Definition 2 at some norms, by `bounds`."""
    return np.asarray(quantity("fu2018.m_j").evaluate(j=j, sigma=norm, activation=activation), dtype=float)


@lru_cache(maxsize=64)
def tensors(activation: str, scale: float = 1.0) -> Tensors:
    """The tensors that Algorithm 2 uses.

    Args:
        activation: phi, a name or expression.
        scale: typical norm of a neuron; a tensor may be 0 there, or too small, without vanishing everywhere.

    Returns:
        The indices.

    Raises:
        NotApplicable: no usable tensor for the subspace, the directions or the norms, with the proof if there is one.
        TheoryError: a scale that is not positive.

    >>> found = tensors("sigmoid")
    >>> found.j_2, found.j_3, found.l_1
    (3, 3, 1)
    >>> tensors("1/(1 + exp(-z - 1))").j_2
    2
    """
    check_scales(scale=scale)
    m = tuple(float(moment(activation, j, scale)) for j in range(1, 5))
    proofs = tensor_indices(activation).tensors
    usable = [p.state is not True and abs(v) > USABLE * max(map(abs, m)) for p, v in zip(proofs, m, strict=True)]

    def first(least: int, purpose: str) -> int:
        for j in range(least, 5):
            if usable[j - 1]:
                return j
        why = "; ".join(f"M_{j}: m_{j}({scale:g}) = {m[j - 1]:.2g}, {proofs[j - 1].reason}" for j in range(least, 5))
        raise NotApplicable(f"activation = {activation}: no tensor gives the {purpose} ({why})")

    l_1 = first(1, "norms")
    if l_1 % 2 == 0 and proofs[0].state is not True:
        raise NotApplicable(
            f"activation = {activation}: m_1({scale:g}) = {m[0]:.2g}, and the signs of the neurons need an odd l_1 "
            f"(erratum F7), not {l_1}: choose another scale"
        )
    return Tensors(first(2, "subspace"), first(3, "directions"), l_1, m, bool(l_1 % 2))


@dataclass(frozen=True)
class Branch:
    """m_j from norm 0 up to `top`, where it is monotone.

    Attributes:
        j: Of m_j.
        activation: phi.
        low, start: A norm so small that m_j is proportional to its j-th power below, and m_j there.
        top: The largest norm sought, or the first turn of m_j below it.
        end: m_j there.
    """

    j: int
    activation: str
    low: float
    start: float
    top: float
    end: float

    def norm(self, value: float) -> tuple[float, str]:
        """The norm at which m_j has a value.

        Args:
            value: of m_j.

        Returns:
            The norm, the end of the branch where no norm has the value; and then why, else "".
        """
        if value * np.sign(self.end) <= 0:
            return 0.0, f"m_{self.j} = {value:.3g} is not reached: it has the sign of {self.end:.3g}"
        if abs(value) >= abs(self.end):
            return self.top, f"m_{self.j} = {value:.3g} is beyond {self.end:.3g}, its value at norm {self.top:.3g}"
        if abs(value) <= abs(self.start):
            return self.low * float(value / self.start) ** (1 / self.j), ""
        root = brentq(lambda s: float(moment(self.activation, self.j, s)) - value, self.low, self.top, xtol=1e-12)
        return float(root), ""


@lru_cache(maxsize=64)
def branch(activation: str, j: int, largest: float) -> Branch:
    """The monotone branch of m_j that begins at norm 0 (Assumption 4).

    Args:
        activation: phi.
        j: its moment, l_1.
        largest: norm up to which to look.

    Returns:
        The branch.
    """
    grid = np.geomspace(SMALLEST * largest, largest, POINTS)
    values = moment(activation, j, grid)
    turns = np.flatnonzero(np.abs(values[1:]) <= np.abs(values[:-1]))  # m_j(0) = 0 for j >= 1
    last = int(turns[0]) if len(turns) else POINTS - 1
    return Branch(j, activation, float(grid[0]), float(values[0]), float(grid[last]), float(values[last]))
