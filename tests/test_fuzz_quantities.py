"""Every quantity over its whole domain, ends and extremes included: a number, or a reason in one line; and in time.

``BOUNDS_FUZZ=200`` draws so many points of each quantity, at random.
"""

from __future__ import annotations

import math
import os
import random
from datetime import timedelta
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from generic import ACTIVATIONS, draw, draw_parameter, leaves
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import bounds
from bounds.values import show

MANY = int(os.environ.get("BOUNDS_FUZZ", "0"))
profile = settings(
    max_examples=MANY or 3,
    derandomize=not MANY,
    database=None,
    deadline=timedelta(seconds=10),  # a hang, not a speed: a point takes milliseconds
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # a seed has no shape to shrink
)
every_formula = pytest.mark.parametrize("key", [q.key for q in bounds.quantities() if not q.conditions])
every_solved = pytest.mark.parametrize("key", [q.key for q in bounds.quantities() if q.conditions])
seeds = st.integers(0, 2**64 - 1)


def size(rng):
    """A positive number of any magnitude: exact, or a float, subnormal ones included."""
    kind = rng.randrange(4)
    usual = Fraction(rng.randint(1, 640), rng.randint(1, 64))
    if kind < 2:
        return usual
    if kind == 2:
        return Fraction(10) ** rng.randint(-400, 400) * rng.choice((1, usual))
    return max(5e-324, math.ldexp(rng.uniform(0.5, 1), rng.randint(-1074, 1023)))


def extreme(rng, domain):
    """A value of a domain: a generic one, one of its ends, one just beside them, or among the largest."""
    low, high = domain.low, domain.high
    if domain.integer:
        first = math.ceil(low) + domain.low_open if low > -math.inf else -5
        if high < math.inf:
            return rng.randint(first, math.floor(high) - domain.high_open)
        return first + rng.choice((0, rng.randint(0, 9), rng.randint(0, 10**4), 10 ** rng.randint(1, 40)))
    closed = [(low, domain.low_open), (high, domain.high_open)]
    ends = [Fraction(end) for end, is_open in closed if abs(end) < math.inf and not is_open]
    if ends and rng.random() < 0.15:
        return rng.choice(ends)
    if -math.inf < low and high < math.inf:
        width = Fraction(high) - Fraction(low)
        near = width / Fraction(10) ** rng.randint(1, 320)
        return rng.choice((draw(rng, domain), low + near, high - near))
    if low > -math.inf:
        return size(rng) if low == 0 else Fraction(low) + Fraction(size(rng))
    if high < math.inf:
        return Fraction(high) - Fraction(size(rng))
    return rng.choice((-1, 1)) * size(rng)


def point(q, seed):
    """Values for all leaves of a quantity."""
    rng, found = random.Random(f"{q.key} {seed}"), {}
    for name in leaves(q) if not q.conditions else [n for n in q.parameters if n != q.unknown]:
        p = q.paper.parameters.get(name)
        if p is None:
            found[name] = size(rng)  # a hidden constant
        elif p.kind == "activation":
            found[name] = rng.choice((*ACTIVATIONS, "relu", "identity", "elu"))
        elif p.kind == "vector":
            found[name] = np.array([float(min(extreme(rng, p.domain), 10**300)) for _ in range(rng.randint(1, 4))])
        elif p.kind == "matrix":
            found[name] = draw_parameter(rng, p)
        else:
            found[name] = extreme(rng, p.domain)
    if q.conditions and "L" in found:  # the width, to its last digit, has 60 000 of them at L = 2500: half a minute
        found["L"] = min(found["L"], 200)
    return found


def said(call):
    """What a call gives: (value, "") or (None, the reason), which is one line."""
    try:
        return call(), ""
    except bounds.TheoryError as error:
        text = str(error)
        assert text.strip(), "no reason given"
        assert "\n" not in text
        assert len(text) < 2000
        return None, text


def consistent(value, log10):
    """Whether a value and its decimal logarithm say the same, as far as a float tells."""
    if np.ndim(value):
        return all(consistent(*pair) for pair in zip(value.flat, log10.flat, strict=True))
    assert not math.isnan(value)
    if value < 0:
        return math.isnan(log10)
    if 1e-300 < value < 1e300:
        return log10 == pytest.approx(math.log10(value), abs=1e-9)
    return log10 > 299 if value > 1 else log10 < -299


@every_formula
@profile
@given(seed=seeds)
def test_a_number_or_a_reason(key, seed):
    q = bounds.quantity(key)
    at = point(q, seed)
    value, why = said(lambda: q.evaluate(**at))
    log10, why_not = said(lambda: q.evaluate(log10=True, **at))
    assert bool(why) == bool(why_not), (why, why_not)
    if why:
        return
    assert consistent(value, log10), (value, log10, at)
    sure, _ = said(lambda: q.evaluate(certified=True, **at))
    if sure is not None and not np.ndim(value):
        assert sure.lo - 1e-307 <= value * (1 + math.copysign(1e-11, value)), at
        assert value * (1 - math.copysign(1e-11, value)) <= sure.hi + 1e-307, at


@every_formula
@profile
@given(seed=seeds)
def test_arrays_say_what_scalars_say(key, seed):
    q = bounds.quantity(key)
    one, two = ({n: floating(x) for n, x in point(q, f"{seed} {k}").items()} for k in range(2))
    arrays = [n for n in one if isinstance(one[n], float) and isinstance(two[n], float)]
    if not arrays:
        return
    two = {n: two[n] if n in arrays else one[n] for n in one}
    scalars = [said(lambda x=x: q.evaluate(**x)) for x in (one, two)]
    together = {n: np.array([one[n], two[n]]) if n in arrays else one[n] for n in one}
    found, why = said(lambda: q.evaluate(**together))
    if why:
        # conditions are judged in floats on arrays, where 1 - 1e-30 is 1: they may be refused where points are not
        assert "matrix" in why or "is undefined" in why or any(reason for _, reason in scalars), (why, one, two)
        return
    for (value, reason), there in zip(scalars, np.broadcast_to(found, 2), strict=True):
        if reason:  # song2021's exponents are estimated on a grid where none are recorded: good for a scan, no decision
            assert math.isnan(there) or "recorded" in reason, (reason, there, one, two)
        else:
            assert there == pytest.approx(value, rel=1e-9, abs=1e-307), (one, two)


def floating(x):
    """A number as the float next to it, where there is one; integers above 2^53 stay exact."""
    try:
        return float(x) if isinstance(x, float | Fraction) or (isinstance(x, int) and abs(x) < 2**53) else x
    except OverflowError:
        return x


@every_solved
@profile
@given(seed=seeds)
def test_a_solution_or_a_reason(key, seed):
    q = bounds.quantity(key)
    at = point(q, seed)
    found, why = said(lambda: bounds.result(q, defaults=True, **at))
    if why:
        return
    if found.failure or found.reasons:
        return
    value = float(found.value) if abs(found.value) < 1e300 else math.inf  # a width is an integer of any length
    assert consistent(value, float(found.log10)), at


def test_slopes_of_saturated_units():
    """psi'(f) = sech(f)^2, which 1 - tanh(f)^2 loses: at f = 20 every digit."""
    for f in (13, 20):
        expected = float(mpmath.mpf(9) / 2 * mpmath.sech(f) ** 4)  # x^2 E[relu'^2] = 9/2
        at = {"x": 3, "activation": "relu", "output_activation": "tanh"}
        found = bounds.quantity("liu2020.output_kernel").evaluate(f=f, **at)
        assert found == pytest.approx(expected, rel=1e-12, abs=0)


def test_points_of_an_array_that_floats_lose():
    """Steps that are infinite times 0, or 0^0, where the value is plain."""
    q = bounds.quantity("allenzhu2019.iterations_printed")  # C_T L^2 n^6 log(1/eps)/delta^2
    found = q.evaluate(C_T=np.array([1e-287, 4]), L=1, eps=np.array([1.0, 1]), n=10**10, delta=1e-265)
    assert found.tolist() == [0, 0]
    q = bounds.quantity("banerjee2023.weight_jacobian")  # h(1) = 1, whatever the rest
    assert q.evaluate(l=1, m=1, phi_0=3, rho=0, sigma_1=np.array([1e-22, 2])).tolist() == [1, 1]


def test_numbers_beyond_floats_are_shown():
    assert show(Fraction(10) ** 400 / 3) == "3.33e+399"
    assert show(Fraction(3, 10**400)) == "1/3.33e+399"
