"""How solved widths move with the parameters: against widths solved nearby, and by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

import bounds
from bounds.binding import ACTIVATION_ROLES
from bounds.explaining import explain
from bounds.inverse import inputs_of
from bounds.model import POSITIVE
from bounds.solve import solve

WIDTHS = [q for q in bounds.quantities() if q.conditions or (q.unknown and q.side_conditions)]


SETTING = {"song2021": {"activation": "gelu"}, "quoted": {"L": 2}}
"""Where the defaults of a paper do not meet its assumptions."""


def found(name, **values):
    return {e.name: e for e in explain(name, **values).elasticities}


@pytest.mark.parametrize("q", WIDTHS, ids=lambda q: q.key)
def test_widths_move_like_solved_widths(q):
    """Central differences of solved widths, a step of 1/4096 in every real parameter, where the width is large."""
    given = {n: v for n, v in SETTING.get(q.paper.key, {}).items() if n in inputs_of(q, [n]) or n == "activation"}
    seen = explain(q, **given)
    assert seen.applicable, seen.reasons
    assert seen.value == solve(q, given, side=True).value
    if seen.value < 10**5:
        return
    compared = 0
    for e in seen.elasticities:
        if e.kind == "smooth" and e.value and not whole(q, e.name):
            slope = by_solving(q, given, seen, e)
            assert e.elasticity == pytest.approx(slope, rel=2e-2, abs=2e-2), e.name
            compared += 1
    assert compared or not [e for e in seen.elasticities if not whole(q, e.name) and e.value]


def whole(q, name):
    return name in q.paper.parameters and q.paper.parameters[name].domain.integer


def by_solving(q, given, seen, e):
    step = Fraction(1, 4096)
    domain = getattr(q.paper.parameters.get(e.name), "domain", POSITIVE)
    signs = (0, -1) if e.value == domain.high else (1, 0) if e.value == domain.low else (1, -1)
    at = Fraction(float(e.value))
    logs = [solve(q, moved(q, given, seen, e.name, at * (1 + s * step)), side=True).log10 for s in signs]
    return (logs[0] - logs[1]) / math.log10((1 + signs[0] * step) / (1 + signs[1] * step))


def moved(q, given, seen, name, at):
    """One value changed; where it comes from an activation, the others of it are then given one by one."""
    constants = [n for n, p in q.paper.parameters.items() if p.role in ACTIVATION_ROLES and n in seen.values]
    if name not in constants:
        return given | {name: at}
    return {n: v for n, v in given.items() if n != "activation"} | {n: seen.values[n] for n in constants} | {name: at}


def test_width_at_a_single_condition_is_exact():
    seen = found("banerjee2023.required_width", d=10**7)
    assert seen["d"].elasticity == 1
    seen = found("banerjee2023.required_width", failure="1e-9")  # m = 2 (L + 1)/failure
    assert (seen["failure"].elasticity, seen["L"].elasticity) == (-1, 0.75)


def test_implicit_root_with_a_logarithm():
    # m = K log(m)^5: d log m/d log K = 1/(1 - 5/log m)
    e = explain(bounds.quantity("allenzhu2019.required_width"))
    seen = {x.name: x.elasticity for x in e.elasticities}
    factor = 1 / (1 - 5 / (e.log10 * math.log(10)))
    assert seen["C_m"] == pytest.approx(factor, rel=1e-9)
    assert seen["n"] == pytest.approx(24 * factor, rel=1e-9)


def test_the_path_of_a_width_follows_what_stands_in_its_way():
    seen = explain("banerjee2023.required_width")
    head, term = seen.path[:2]
    assert (head.kind, head.of) == ("condition", "RSC: rsc_alpha > 0")
    assert [p.text for p in head.parts] == ["c_1*gbar_norm_sq", "-c_2/sqrt(m)"]
    assert (head.driver, term.of) == (1, "-c_2/sqrt(m)")
    assert head.parts[0].value > 0 > head.parts[1].value
    assert head.parts[0].weight == pytest.approx(0.5, abs=1e-5)  # the two sides meet at the least width
    assert head.value == pytest.approx(sum(p.value for p in head.parts), abs=1e-12)
    seen = explain("banerjee2023.required_width", d=10**7)
    assert (seen.binding, seen.leaf) == ("m >= d", "d")
