"""Section 7.4: the layers keep the samples apart (Lemma 7.5, Claim 7.6); the widths of Section 7."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import sympy

from bounds.forms import at_most
from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import DATA, RANDOM, SMALL_DELTA, constant, formula, symbol

L, n, m, delta = (symbol(x) for x in ("L", "n", "m", "delta"))
EXPONENT = (constant(factor=False),)


def quantities() -> Iterator[Quantity]:
    """Lemma 7.5, Claim 7.6 and the widths of Lemmas 7.3 to 7.5."""
    yield from widths()
    yield from separation()


def widths() -> Iterator[Quantity]:
    """The widths of Lemmas 7.3, 7.4 and 7.5."""
    yield formula(
        "products_width",
        "m",
        lambda: symbol("C") * n * L * sympy.log(n * L),
        "at_least",
        "Lemmas 7.3, 7.4",
        "width from which products of layers are bounded for all samples",
        "n L",
        hidden=(constant(),),
        orders={"n": 1, "L": 1},
        glyph="m",
        monotone={"n": 1, "L": 1},
    )
    yield formula(
        "separateness_width",
        "m",
        lambda: symbol("C") * L * sympy.log(n * L) / delta**6,
        "at_least",
        "Lemma 7.5",
        "width from which the layers keep the samples apart",
        "n L delta",
        hidden=(constant(),),
        assumptions=(DATA, RANDOM, SMALL_DELTA),
        orders={"n": 0, "L": 1, "delta": -6},
        glyph="m",
        monotone={"n": 1, "L": 1, "delta": -1},
    )


def separation() -> Iterator[Quantity]:
    """Lemma 7.5 and Claim 7.6."""
    wide = Condition("width", "m >= separateness_width")
    yield formula(
        "separateness",
        r"\|(I-h_{i,\ell}h_{i,\ell}^\top/\|h_{i,\ell}\|^2)h_{j,\ell}\|",
        lambda: delta / 2,
        "lower",
        "Lemma 7.5",
        "part of one sample's hidden layer orthogonal to another's",
        "delta",
        assumptions=(DATA, RANDOM, SMALL_DELTA, wide),
        glyph="δₗ",
        measured_by="hidden layers of pairs of samples",
        monotone={"delta": 1},
    )
    yield formula(
        "separateness_failure",
        "p",
        lambda: sympy.exp(-symbol("C") * delta**6 * m / L),
        "upper",
        "Lemma 7.5",
        "probability with which the layers do not keep the samples apart",
        "delta m L",
        assumptions=(DATA, RANDOM, SMALL_DELTA, wide),
        monotone={"delta": -1, "m": -1, "L": 1},
        hidden=EXPONENT,
        glyph="p",
    )
    yield formula(
        "relu_separation",
        r"\mathbb{E}(\phi(g_1)-\phi(\alpha g_1+\delta g_2))^2",
        lambda: delta**2 * (1 - delta),
        "lower",
        "Claim 7.6",
        "mean squared distance of two correlated rectified Gaussians of variance 2, whatever alpha",
        "delta",
        assumptions=(
            Condition("Claim 7.6", "delta <= 1/6", lambda: at_most(delta, Fraction(1, 6)), "use a smaller delta"),
        ),
        signed=True,
        glyph="E(φ(g₁)-φ(αg₁+δg₂))²",
    )
