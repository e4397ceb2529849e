"""Theorem 6 and Appendix A: other losses. Their widths are Theorem 1's times what the path length adds.

By (A.2) the loss falls by at least c ||loss_t||^2 a step, c = eta delta m/(d n^2), and omega is proportional to the
path P = sum_t ||loss_t||; the width to omega^2, so to P^2, against P = sqrt(n) log(m)/c of the square loss.
Non-convex and bounded, F_0 = O(n): P reaches F_0/(c eps), in F_0/(c eps^2) steps with ||loss_t|| = eps (A12).
Convex: the gap G falls by at least c G^2/(n D^2) a step, so each halving of it takes up to 2 n D^2/(c G) steps and a
path of up to sqrt(2 n) D/c; there are log(n D^2/eps) halvings from G = O(n D^2) (A12).
Gradient dominant: the paths of the halvings form a geometric series, P = O(sqrt(F_0/sigma)/c), so 1/sigma would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy

from bounds.forms import Largest
from bounds.model import Condition, Quantity
from bounds.papers.allenzhu2019.letters import DATA, RANDOM, SMALL_DELTA, constant, formula, symbol

L, n, m, d, delta, eps, sigma, D = (symbol(x) for x in ("L", "n", "m", "d", "delta", "eps", "sigma", "D"))
SMOOTH = Condition("smooth loss", "the loss is 1-Lipschitz smooth in the output (Appendix A)")
BASE = (DATA, RANDOM, SMALL_DELTA, SMOOTH)
DOMINANT = Condition("gradient dominance", "||grad f||^2 >= sigma (f - min f) at every output")
CONVEX = Condition("convex loss", "f is convex with a minimiser within D of the outputs")
BOUNDED = Condition("bounded loss", "|f| <= O(1) (Appendix A)")
ENTROPY = Condition("cross-entropy", "f = -log softmax (Appendix A prints the softmax itself: A13)")


def quantities() -> Iterator[Quantity]:
    """Iterations and widths of Theorem 6; cross-entropy leaves the width as it is."""
    yield from iterations()
    yield from widths()


def iterations() -> Iterator[Quantity]:
    """Steps of gradient descent."""
    rows: tuple[tuple[str, str, Callable[[], Any], str, Any, dict[str, Any], dict[str, Any]], ...] = (
        (
            "gradient_dominant",
            "sigma-gradient dominant loss, to the loss eps",
            lambda: n**6 * L**2 / (delta**2 * sigma) * sympy.log(1 / eps),
            "n L delta eps sigma",
            DOMINANT,
            {"n": 6, "L": 2, "delta": -2, "sigma": -1},
            {"eps": -1},
        ),
        (
            "convex",
            "convex loss, to a gap eps",
            lambda: n**7 * L**2 * D**2 / (delta**2 * eps),
            "n L delta eps D",
            CONVEX,
            {"n": 7, "L": 2, "delta": -2, "eps": -1, "D": 2},
            {},
        ),
        (
            "nonconvex",
            "bounded non-convex loss, to a gradient eps in the outputs",
            lambda: n**6 * L**2 / (delta**2 * eps**2),
            "n L delta eps",
            BOUNDED,
            {"n": 6, "L": 2, "delta": -2, "eps": -2},
            {},
        ),
        (
            "cross_entropy",
            "cross-entropy, to 100% training accuracy",
            lambda: n**6 * L**2 / delta**2,
            "n L delta",
            ENTROPY,
            {"n": 6, "L": 2, "delta": -2},
            {},
        ),
    )
    for name, what, order, names, condition, orders, also in rows:
        yield formula(
            f"iterations_{name}",
            r"T_{\mathrm{" + name.replace("_", r"\ ") + "}}",
            lambda order=order: symbol("C") * order(),
            "at_least",
            "Theorem 6, Appendix A",
            f"steps of gradient descent: {what}",
            names,
            hidden=(constant(),),
            assumptions=(*BASE, condition),
            orders=orders,
            glyph=f"T {name.replace('_', ' ')}",
            measured_by="steps taken by gradient descent",
            monotone={x: 1 if p > 0 else -1 for x, p in orders.items()} | also,
        )


def widths() -> Iterator[Quantity]:
    """What each loss multiplies Theorem 1's width by, as printed and as the path length gives it."""
    rows: tuple[tuple[str, str, Callable[[], Any], str, Any, str, str, dict[str, Any], dict[str, int]], ...] = (
        ("gradient_dominant", "", lambda: 1 / sigma**2, "sigma", DOMINANT, "printed", "", {"sigma": -2}, {}),
        ("convex", "_printed", lambda: sympy.log(1 / eps), "eps", CONVEX, "printed", " (A12)", {}, {"eps": -1}),
        (
            "convex",
            "",
            lambda: D**2 * sympy.log(Largest(1, n * D**2 / eps)) ** 2 / sympy.log(m) ** 2,
            "n D eps m",
            CONVEX,
            "derived",
            ", from the path length (A12)",
            {"D": 2},
            {"n": 1, "eps": -1, "m": -1},
        ),
        ("nonconvex", "_printed", lambda: 1 / eps, "eps", BOUNDED, "printed", " (A12)", {"eps": -1}, {}),
        (
            "nonconvex",
            "",
            lambda: n / (eps**2 * sympy.log(m) ** 2),
            "n eps m",
            BOUNDED,
            "derived",
            ", from the path length (A12)",
            {"n": 1, "eps": -2},
            {"m": -1},
        ),
    )
    for name, tail, factor, letters, condition, status, note, orders, also in rows:
        yield formula(
            f"width_factor_{name}{tail}",
            r"m/m_2",
            lambda factor=factor: symbol("C") * factor(),
            "at_least",
            "Theorem 6, Appendix A",
            f"what the loss ({name.replace('_', ' ')}) multiplies Theorem 1's width by{note}",
            letters,
            status=status,
            hidden=(constant(),),
            assumptions=(*BASE, condition),
            orders=orders,
            glyph="m/m₂",
            monotone={x: 1 if p > 0 else -1 for x, p in orders.items()} | also,
        )
