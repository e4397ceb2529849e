"""Theorems 1 and 2: the widths, their closed form, and the side conditions of the lemmas behind them.

With the movement omega of (12.1) every requirement omega <= U turns into a lower bound on m: omega^2 falls like 1/m.
For SGD, (13.1) has omega^2 larger by n/b, so n^k becomes n^(k+1)/b in exactly the rows that come from omega.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy

from bounds.forms import Smallest, at_least
from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import BATCH, DATA, RANDOM, constant, formula, symbol

L, n, m, d, delta, b = (symbol(x) for x in ("L", "n", "m", "d", "delta", "b"))
delta_eff, width_scale = symbol("delta_eff"), symbol("width_scale")
IMPLICIT = "the constant of the theorem's width"


def least(name: str, n_power: int, depth: int, logs: int, sep: int, *, batch: int = 0, gap: Any = delta_eff) -> Any:
    """A function building m >= C n^a L^b d log(m)^c b^e / delta^f."""
    return lambda: at_least(m, symbol(name) * n**n_power * L**depth * d * sympy.log(m) ** logs * b**batch / gap**sep)


def from_movement(sgd: bool) -> Iterator[tuple[str, str, Callable[[], Any], str]]:
    """The rows that come from omega: name, meaning, relation, hidden constant.

    With omega^2 = n^6 d log(m)^2/(delta^2 m): Theorem 3 as stated allows omega <= delta^1.5/(n^4.5 L^6 log(m)^3), its
    proof (10.2) delta^1.5/(n^4.5 L^6 log(m)^1.5); Theorems 4 and 5 (Lemma 8.2) allow 1/(L^4.5 log(m)^3); Lemmas 8.6
    and 8.7 need s = m omega^(2/3) L <= m/(L^3 log m), that is 1/(L^6 log(m)^1.5); Theorem 5c 1/(L^9 log(m)^1.5).
    """
    rows = (
        ("Theorem 3", "omega is within Theorem 3's radius as stated, log(m)^3", "C_3", 15, 12, 8, 5),
        ("(10.2)", "omega is within the radius that Theorem 3's proof needs, log(m)^1.5", "C_10", 15, 12, 5, 5),
        ("Theorems 4, 5", "omega is within the radius of Lemma 8.2 and Theorems 4 and 5", "C_4", 6, 9, 8, 2),
        ("Lemmas 8.6, 8.7", "sign changes are sparse enough: s <= m/(L^3 log m) (A6)", "C_8", 6, 12, 5, 2),
        ("Theorem 5c", "omega is within the radius of Theorem 5c", "C_5", 6, 18, 5, 2),
    )
    for name, text, hidden, samples, depth, logs, sep in rows:
        yield name, text, least(hidden, samples + sgd, depth, logs, sep, batch=-int(sgd)), hidden


def from_initialisation() -> Iterator[tuple[str, str, Callable[[], Any], str]]:
    """The rows that only the random initialisation asks for, the same for GD and SGD.

    The net of Theorem 3 has dimension n d against Lemma 9.3's exp(-delta m/n). At Theorem 3's own omega, Lemmas 7.4a
    and 8.7 need s = m omega^(2/3) L >= d/log m.
    """
    yield "Lemmas 7.3, 7.4", "products of layers are bounded", lambda: at_least(m, symbol("C_73") * _union()), "C_73"
    yield (
        "Lemma 7.4b",
        "the output dimension is small: d <= m/(L log m)",
        lambda: at_least(m, symbol("C_74") * d * L * sympy.log(m)),
        "C_74",
    )
    yield (
        "Lemma 7.5",
        "the layers keep the samples apart",
        lambda: at_least(m, symbol("C_75") * L * sympy.log(n * L) / delta_eff**6),
        "C_75",
    )
    yield (
        "net of Theorem 3",
        "the gradient bound holds at all loss vectors",
        lambda: at_least(m, symbol("C_n") * n**2 * d * sympy.log(n / delta_eff) / delta_eff),
        "C_n",
    )
    yield "sparsity of Theorem 3", "s >= d/log m at Theorem 3's radius", least("C_s", 3, 3, 1, 1), "C_s"


def _union() -> Any:
    return n * L * sympy.log(n * L)


def side_conditions(main: Callable[[], Any], sgd: bool = False) -> tuple[Condition, ...]:
    """The theorem's own line at delta_eff, and a lower bound on m for every lemma."""
    rows = [(name, text, relation) for name, text, relation, _ in (*from_movement(sgd), *from_initialisation())]
    small = ("delta <= 1/(C L)", "the theorem's width at delta_eff, where the separation exceeds 1/(C L)", main)
    return tuple(Condition(*row) for row in (small, *rows))


def constants() -> tuple[Any, ...]:
    """Every hidden constant of a width with its side conditions."""
    sides = [(name, hidden) for name, _, _, hidden in (*from_movement(False), *from_initialisation())]
    lemmas = tuple(constant(hidden, factor=False, text=f"the constant of {name}") for name, hidden in sides)
    return (
        constant("C_m", factor=False, text=IMPLICIT),
        constant("C_delta", factor=False, text="the constant C of delta <= 1/(C L)"),
        *lemmas,
    )


def _width(name: str, place: str, text: str, powers: tuple[int, int, int], sgd: bool, **more: Any) -> Quantity:
    """A width: m >= C_m n^a L^b d log(m)^5 b^e/delta^8."""
    samples, depth, batch = powers
    line = {"n_power": samples, "depth": depth, "logs": 5, "sep": 8, "batch": batch}
    relation = least("C_m", **line, gap=delta)
    more.setdefault("side_conditions", side_conditions(least("C_m", **line), sgd))
    orders = {"n": samples, "L": depth, "d": 1, "delta": -8} | ({"b": batch} if batch else {})
    return formula(
        name,
        "m",
        None,
        "at_least",
        place,
        text,
        "n L d delta b" if batch else "n L d delta",
        hidden=constants(),
        conditions=(Condition("Theorem 2" if sgd else "Theorem 1", text, relation),),
        unknown="m",
        answers="width",
        assumptions=(DATA, RANDOM, *((BATCH,) if sgd else ())),
        orders=orders,
        glyph="m",
        measured_by="whether training converges at m",
        **more,
    )


def quantities() -> Iterator[Quantity]:
    """delta_eff, the widths of gradient descent and of SGD, and the closed form of the first."""
    yield formula(
        "delta_eff",
        r"\delta_{\mathrm{eff}}",
        lambda: Smallest(delta, 1 / (symbol("C_delta") * L)),
        "equal",
        "Lemma 7.5, Assumption 2.4",
        "separation that the theorems use: delta, or 1/(C L) where that is smaller",
        "delta L",
        status="derived",
        hidden=(constant("C_delta", factor=False, text="the constant C of delta <= 1/(C L)"),),
        glyph="δ eff",
        monotone={"delta": 1, "L": -1},
    )
    yield _width(
        "required_width",
        "proof of Theorem 1, Section 12",
        "least width for gradient descent, on the upper branch of m >= K log(m)^5",
        (24, 12, 0),
        False,
    )
    yield _width(
        "sgd_required_width",
        "proof of Theorem 2, (13.1) in (13.2)",
        "least width for SGD that (13.1) and (13.2) give; (13.2) drops a factor L (A4)",
        (25, 12, -1),
        True,
        status="derived",
    )
    yield _width(
        "sgd_required_width_printed",
        "proof of Theorem 2, as printed",
        "least width for SGD as printed: it grows with the batch and is too small for b < sqrt(n) (A1)",
        (24, 12, 1),
        True,
    )
    yield deeper()
    yield from closed_form()


def deeper() -> Quantity:
    """The width of SGD with the sum over layers of Theorem 4 kept (A4): omega^(1/3) L^3 n sqrt(log m) <= delta/n^2.

    For gradient descent the first-order term can be absorbed in ||grad F||_F^2 instead: sum_l ||grad_l|| <= sqrt(L)
    ||grad F||_F and AM-GM leave n omega^(2/3) L^5 m log(m)/d <= delta m/(d n^2), that is
    m >= n^15 L^15 d log(m)^5/delta^5, which required_width implies. A sampled gradient is not bounded by ||grad F||_F,
    so SGD has no such way out.
    """
    return _width(
        "sgd_required_width_depth",
        "Section 13 with Theorem 4's sum over layers (A4)",
        "least width for SGD when the sum over layers is kept: what its proof needs",
        (25, 18, -1),
        True,
        status="derived",
    )


def closed_form() -> Iterator[Quantity]:
    """The roots of m = K log(m)^5 are exp(-5 W(-1/(5 K^(1/5)))): with y = log m, -(y/5) exp(-y/5) = -1/(5 K^(1/5))."""
    hidden = (constant("C_m", text=IMPLICIT),)
    yield formula(
        "width_scale",
        "K",
        lambda: symbol("C_m") * n**24 * L**12 * d / delta**8,
        "equal",
        "proof of Theorem 1, Section 12",
        "factor of log(m)^5 in the width",
        "n L d delta",
        hidden=hidden,
        orders={"n": 24, "L": 12, "d": 1, "delta": -8},
        glyph="K",
        monotone={"n": 1, "L": 1, "d": 1, "delta": -1},
    )
    root = Condition(
        "K >= (e/5)^5",
        "m = K log(m)^5 has a root; below, every m >= 1 satisfies the condition",
        lambda: at_least(width_scale, (sympy.E / 5) ** 5),
        "required_width is 1",
        essential=True,
    )
    yield formula(
        "width_root",
        "m_2",
        lambda: sympy.exp(-5 * sympy.LambertW(-1 / (5 * width_scale ** sympy.Rational(1, 5)), -1)),
        "at_least",
        "proof of Theorem 1, Section 12, solved for m",
        "the real number behind required_width: the larger root of m = K log(m)^5",
        "n L d delta",
        status="derived",
        hidden=(constant("C_m", factor=False, text=IMPLICIT),),
        assumptions=(DATA, RANDOM, root),
        orders={"n": 24, "L": 12, "d": 1, "delta": -8},
        glyph="m₂",
        monotone={"n": 1, "L": 1, "d": 1, "delta": -1},
    )
