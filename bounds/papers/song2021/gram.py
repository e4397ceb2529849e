"""The mean Gram matrix of random features, eq 56, in every arithmetic: ``E[phi(u) phi(v)]`` for all pairs of samples.

float64 comes from the dual activations (``bounds.dual``). Enclosures are closed forms, or the Hermite series
``sum_i c_i^2/i! rho^i`` with what is left bounded by ``|rho|^(N+1) (E phi^2 - sum_{i<=N} c_i^2/i!)``; the diagonal is
``E phi^2``, where the series is slowest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bounds.errors import TheoryError
from bounds.papers.song2021.power import rows_of
from bounds.papers.song2021.shares import shares

BLOCKS = (48, 144, 288)
"""How many coefficients are enclosed at a time; what is left after the last is added to the radius."""


def gram_mean(ops: Any, X: Any, d_1: Any, activation: Any) -> Any:
    """``d_1 E[phi(X w) phi(X w)^T]``, the quantity's algorithm; ``X`` has one sample a row."""
    from bounds.arithmetic.ball import Ball
    from bounds.arithmetic.exact import Exact

    data = getattr(X, "data", X)
    if isinstance(ops, Exact):
        raise TheoryError("the mean Gram matrix has no exact value")
    if isinstance(ops, Ball):
        return _balls(rows_of(data, unit=True), activation) * d_1
    from bounds.dual import dual

    rows = rows_of(data, unit=True)
    return ops.mul(d_1, ops.convert(dual(activation, rows @ rows.T).value))


def _balls(rows: np.ndarray, phi: Any) -> np.ndarray:
    from flint import arb

    from bounds.expressions import Z
    from bounds.gaussian import expectation

    n, total = len(rows), expectation(phi.expression**2, certified=True).ball if phi.expression.has(Z) else arb(0)
    exact = [[arb(float(x)) for x in row] for row in rows]
    squares = [sum((x * x for x in row), arb(0)) for row in exact]
    out = np.full((n, n), total, dtype=object)
    for a in range(n):
        for b in range(a):
            inner = sum((x * y for x, y in zip(exact[a], exact[b], strict=True)), arb(0))
            out[a, b] = out[b, a] = _ball(inner / (squares[a] * squares[b]).sqrt(), phi, total)
    return out


def _ball(rho: Any, phi: Any, total: Any) -> Any:
    from flint import arb

    closed = _CLOSED.get(phi.name)
    if closed is not None:
        return closed(rho)
    value, left, power = arb(0), total, arb(1)
    for share in _shares(phi):
        value, left, power = value + share * power, left - share, power * rho
        rest = (abs(power) * left).upper()
        if rest < arb(10) ** -20 * total:
            break
    return value + arb(0, 1) * abs(rest)


def _shares(phi: Any) -> Iterator[Any]:
    """Balls around ``c_i^2/i!`` in order, worked out in blocks."""
    done = 0
    for count in BLOCKS:
        yield from shares(phi, count)[done:]
        done = count


def _relu(rho: Any) -> Any:
    """At a centre in [-1, 1], which the ball of equal rows exceeds; the slope is in [0, 1/2]."""
    from flint import arb

    centre = rho.mid().min(arb(1)).max(arb(-1))
    value = ((1 - centre * centre).sqrt() + centre * (arb.pi() - centre.acos())) / (2 * arb.pi())
    return value + arb(0, 1) * (rho - centre).abs_upper() / 2


def _erf(rho: Any) -> Any:
    from flint import arb

    return 2 / arb.pi() * (2 * rho / 3).asin()


def _sin(rho: Any) -> Any:
    from flint import arb

    return arb(-1).exp() * rho.sinh()


_CLOSED: dict[str, Any] = {"relu": _relu, "identity": lambda rho: rho, "erf": _erf, "sin": _sin}
