"""Which of the tensors M_1, ..., M_4 of Definition 2 vanish, by proof: the indices of the tensor initialisation.

With w_i = s_i wbar_i, M_j = (1/K) sum_i m_j(s_i) wbar_i^(tensor j), where m_j(s) = E[phi(s z) He_j(z)]. He_j has the
parity of j, so m_j sees only the part of phi of that parity; and E[z^k He_j(z)] is 0 for k < j and positive for k >= j
of the same parity. Hence m_j = 0 identically, and M_j = 0 whatever the weights, when that part is a polynomial of
degree below j: an odd phi plus a constant has m_2 = m_4 = 0; softplus, gelu, silu and relu, which are z/2 plus an even
function, have m_3 = 0. Nothing else does: m_j(s) = s^j E[phi^(j)(s z)] (Stein) is, in 1/(2 s^2), a Laplace transform
of the even part of phi^(j), which vanishes only with that part.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import sympy

from bounds.activations import Activation, get
from bounds.affine import cheap, even_part, parity
from bounds.canonical import canonical
from bounds.errors import TheoryError
from bounds.expressions import Z

ORDERS = (1, 2, 3, 4)
_PLACES = (sympy.S.One, sympy.S.Half, sympy.Integer(2))


@dataclass(frozen=True)
class Vanishing:
    """Whether a tensor vanishes.

    Attributes:
        state: True: m_j(s) = 0 for every s > 0, so M_j = 0 whatever the weights; False: m_j is not identically 0, so
            M_j is not 0 for generic weights; None: neither could be proved.
        reason: The proof, or what is missing, in words.
    """

    state: bool | None
    reason: str


@dataclass(frozen=True)
class Indices:
    """The indices of Definition 3 and Assumption 4; None where there is none, or where a tensor is undecided.

    Attributes:
        j_2: The least j >= 2 with M_j != 0.
        j_3: The least j >= 3 with M_j != 0.
        l_1: The least j >= 1 with M_j != 0.
        tensors: The four verdicts, M_1 first.
    """

    j_2: int | None
    j_3: int | None
    l_1: int | None
    tensors: tuple[Vanishing, ...]

    @property
    def assumption_3(self) -> bool | None:
        """Its second part: at least one of M_3 and M_4 is not 0; None when undecided."""
        states = {self.tensors[j - 1].state for j in (3, 4)}
        return True if False in states else None if None in states else False


def vanishes(activation: str | sympy.Expr | Activation, j: int) -> Vanishing:
    """Whether the tensor M_j of Definition 2 is 0.

    Args:
        activation: As for ``bounds.activations.get``.
        j: 1, 2, 3 or 4.

    Returns:
        The verdict with its proof.

    Raises:
        TheoryError: For another ``j``.

    Example:
        >>> vanishes("sigmoid", 2).state, vanishes("sigmoid", 3).state
        (True, False)
    """
    if j not in ORDERS:
        raise TheoryError(f"Definition 2 has the tensors M_1, ..., M_4, not M_{j}")
    return _vanishes(get(activation), j)


def tensor_indices(activation: str | sympy.Expr | Activation) -> Indices:
    """j_2, j_3 (Definition 3) and l_1 (Assumption 4) of an activation.

    Args:
        activation: As for ``bounds.activations.get``.

    Returns:
        The indices with the verdicts they rest on.

    Example:
        >>> found = tensor_indices("sigmoid")
        >>> found.j_2, found.j_3, found.l_1
        (3, 3, 1)
    """
    tensors = tuple(vanishes(activation, j) for j in ORDERS)

    def first(start: int) -> int | None:
        for j in range(start, 5):
            if tensors[j - 1].state is not True:
                return j if tensors[j - 1].state is False else None
        return None

    return Indices(first(2), first(3), first(1), tensors)


@functools.lru_cache(maxsize=256)
def _vanishes(phi: Activation, j: int) -> Vanishing:
    split = parts(phi.expression)
    if split is not None and split[j % 2].is_polynomial(Z):
        return _polynomial(split[j % 2], "odd" if j % 2 else "even", j)
    return _certified(phi, j)


def parts(expression: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr] | None:
    """The even and the odd part, expanded so that what cancels is gone; None for an expression too long to expand.

    Args:
        expression: A SymPy expression in ``Z``.

    Example:
        >>> parts(sympy.Max(0, Z))
        (Abs(z)/2, z/2)
    """
    expression = expression.replace(sympy.Max, lambda *args: sympy.Max(*args).rewrite(sympy.Abs))
    known = parity(expression)
    if known is not None:
        return (sympy.S.Zero, expression) if known == "odd" else (expression, sympy.S.Zero)
    if not cheap(expression):
        return None
    even = even_part(expression)
    return even, sympy.expand(sympy.expand(canonical(expression)) - even)


def _polynomial(part: sympy.Expr, word: str, j: int) -> Vanishing:
    """Exact: E[(s z)^k He_j(z)] is 0 for k < j and positive for k >= j, one power of s for each k."""
    degree = sympy.Poly(part, Z).degree() if part != 0 else -1
    named = f"the {word} part of phi is {part}"
    if degree < j:
        return Vanishing(True, f"{named}, a polynomial of degree below {j}: orthogonal to He_{j}")
    return Vanishing(False, f"{named}, a polynomial of degree {degree} >= {j}: m_{j} is a nonzero polynomial in s")


def _certified(phi: Activation, j: int) -> Vanishing:
    """A nonzero value of m_j, enclosed in ball arithmetic, proves that it does not vanish."""
    from bounds.gaussian import hermite_coefficient

    for scale in _PLACES:
        try:
            enclosure = hermite_coefficient(phi, j, scale=scale, certified=True)
        except TheoryError as error:
            return Vanishing(None, f"m_{j} could not be enclosed: {error}")
        if 0 not in enclosure:
            return Vanishing(False, f"m_{j}({scale}) = {float(enclosure):.6g}, certified")
    return Vanishing(None, f"no symmetry was found, and m_{j} could not be told from 0 at s = 1, 1/2, 2")
