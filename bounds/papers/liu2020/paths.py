"""Sums over paths through the layers, by doubling: for any arithmetic, every term positive, so nothing cancels.

C'(R) is a double sum of products of powers. With the complete homogeneous polynomials H_k(a, b, ..) (the sum of all
monomials of degree k), k = L - 2, q = c_0 + r, x = L_sigma q and y = L_sigma c_0 it is

    proved (r = R/sqrt(m)):
        sum_l x^(2l-2) C_b(l) = s_0 c_0 H_k(x^2, y) + R H_k(x^2, x, y)
                              + s_0 beta_sigma R C_x c_0 q y H_{k-1}(x^3, y, xy)
    printed (r = R):
        sum_l L_sigma x^(2l-2) C_b(l) = L_sigma { s_0 c_0 H_k(x^2, y) + R H_k(x^2, y, y)
                                                 + s_0 beta_sigma L_sigma^(L-2) q^L C_x H_{k-1}(x^2, y, 1) }

and H_{n-1}(a, b), H_{n-2}(a, b, c) are the entries (1, 2) and (1, 3) of [[a, 1, 0], [0, b, 1], [0, 0, c]]^n.
"""

from __future__ import annotations

from typing import Any

State = tuple[Any, Any, Any, Any, Any, Any]


def complete(ops: Any, n: Any, a: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """``H_{n-1}(a, b)`` and ``H_{n-2}(a, b, c)`` for integers n >= 0 and nonnegative a, b, c."""
    one, zero = ops.convert(1), ops.convert(0)
    base: State = (a, b, c, one, one, zero)
    power: State = (one, one, one, zero, zero, zero)
    for bit in ops.bits(n):
        power = _times(ops, power, power)
        more = _times(ops, power, base)
        power = tuple(ops.where(bit, new, old) for new, old in zip(more, power, strict=True))
    return power[3], power[5]


def _times(ops: Any, p: State, q: State) -> State:
    """The product of two upper triangular matrices (diagonal; entries 12, 23, 13)."""
    (a, b, c, ab, bc, ac), (d, e, f, de, ef, df) = p, q
    mul, add = ops.mul, ops.add
    return (
        mul(a, d),
        mul(b, e),
        mul(c, f),
        add(mul(a, de), mul(ab, e)),
        add(mul(b, ef), mul(bc, f)),
        add(mul(a, df), mul(ab, ef), mul(ac, f)),
    )


def _scaled(ops: Any, factor: Any, sum_: Any) -> Any:
    """``factor * sum_``, and 0 where the factor is 0 though the sum overflows."""
    zero = ops.convert(0)
    return ops.where(ops.gt(factor, zero), ops.mul(factor, sum_), zero)


def _less(ops: Any, a: Any, *taken: Any) -> Any:
    """``a`` minus integers."""
    return ops.add(a, *[ops.mul(ops.convert(-1), t) for t in taken])


def _reach(ops: Any, c_0: Any, R: Any, m: Any) -> Any:
    """``c_0 + R/sqrt(m)``, or ``c_0 + R`` as eqs 73 and 83 print it."""
    return ops.add(c_0, R if m is None else ops.div(R, ops.sqrt(m)))


def backward_change(
    ops: Any, l: Any, L: Any, R: Any, m: Any, L_sigma: Any, beta_sigma: Any, c_0: Any, s_0: Any, C_x: Any
) -> Any:
    """C_b'(l) of (102)-(105), its recursion solved; with ``m`` None, that of eq 73."""
    one, mul, power = ops.convert(1), ops.mul, ops.power
    q, k = _reach(ops, c_0, R, m), _less(ops, L, l, one)
    inner = _less(ops, L, ops.convert(2))
    if m is None:
        first = mul(R, power(mul(L_sigma, c_0), k), ops.add(k, one))
        factor = mul(s_0, beta_sigma, power(L_sigma, inner), power(q, L), C_x)
        return ops.add(first, _scaled(ops, factor, ops.geometric(mul(L_sigma, c_0), k)))
    first = mul(R, power(mul(L_sigma, q), k), ops.geometric(ops.div(c_0, q), ops.add(k, one)))
    factor = mul(s_0, beta_sigma, R, power(L_sigma, inner), power(c_0, ops.add(k, one)), power(q, l), C_x)
    return ops.add(first, _scaled(ops, factor, ops.geometric(mul(L_sigma, q), k)))


def backward_change_printed(
    ops: Any, l: Any, L: Any, R: Any, L_sigma: Any, beta_sigma: Any, c_0: Any, s_0: Any, C_x: Any
) -> Any:
    """Eq 73, solved."""
    return backward_change(ops, l, L, R, None, L_sigma, beta_sigma, c_0, s_0, C_x)


def backward_max(
    ops: Any, l: Any, L: Any, R: Any, m: Any, L_sigma: Any, beta_sigma: Any, c_0: Any, s_0: Any, C_x: Any
) -> Any:
    """C_b(l) = s_0 L_sigma^(L-l-1) c_0^(L-l) + C_b'(l)."""
    k = _less(ops, L, l, ops.convert(1))
    start = ops.mul(s_0, c_0, ops.power(ops.mul(L_sigma, c_0), k))
    return ops.add(start, backward_change(ops, l, L, R, m, L_sigma, beta_sigma, c_0, s_0, C_x))


def backward_max_printed(
    ops: Any, l: Any, L: Any, R: Any, L_sigma: Any, beta_sigma: Any, c_0: Any, s_0: Any, C_x: Any
) -> Any:
    """Eq 72 with eq 73."""
    return backward_max(ops, l, L, R, None, L_sigma, beta_sigma, c_0, s_0, C_x)


def _tail(ops: Any, L: Any, q: Any, L_sigma: Any, C_x: Any) -> Any:
    """L_sigma^(L-1) q^(L-2) C_x."""
    return ops.mul(L_sigma, ops.power(ops.mul(L_sigma, q), _less(ops, L, ops.convert(2))), C_x)


def block(ops: Any, L: Any, R: Any, m: Any, L_sigma: Any, beta_sigma: Any, c_0: Any, s_0: Any, C_x: Any) -> Any:
    """C'(R) as proved; see the module."""
    mul, add, q = ops.mul, ops.add, _reach(ops, c_0, R, m)
    x, y, n = mul(L_sigma, q), mul(L_sigma, c_0), _less(ops, L, ops.convert(1))
    pair, triple = complete(ops, n, mul(x, x), y, x)
    _, cubic = complete(ops, n, mul(x, x, x), y, mul(x, y))
    total = add(mul(s_0, c_0, pair), mul(R, add(mul(x, triple), pair)))
    total = add(total, _scaled(ops, mul(s_0, beta_sigma, R, C_x, c_0, q, y), cubic))
    return add(_scaled(ops, mul(beta_sigma, C_x, C_x), total), _tail(ops, L, q, L_sigma, C_x))


def block_printed(ops: Any, L: Any, R: Any, L_sigma: Any, beta_sigma: Any, c_0: Any, s_0: Any, C_x: Any) -> Any:
    """C'(R) of eq 83; see the module."""
    mul, add, q = ops.mul, ops.add, ops.add(c_0, R)
    x, y, n = mul(L_sigma, q), mul(L_sigma, c_0), _less(ops, L, ops.convert(1))
    pair, triple = complete(ops, n, mul(x, x), y, y)
    _, flat = complete(ops, n, mul(x, x), y, ops.convert(1))
    total = add(mul(s_0, c_0, pair), mul(R, add(mul(y, triple), pair)))
    top = mul(ops.power(L_sigma, _less(ops, L, ops.convert(2))), ops.power(q, L))
    total = add(total, _scaled(ops, mul(s_0, beta_sigma, top, C_x), flat))
    return add(_scaled(ops, mul(beta_sigma, C_x, C_x, L_sigma), total), _tail(ops, L, q, L_sigma, C_x))
