"""The theorem linter: what any published bound must satisfy, checked on every paper that discovery finds."""

from __future__ import annotations

import math
import random
import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
from generic import defined, is_number, leaves, point_for

import bounds
from bounds.binding import relevant
from bounds.compile import compile_expressions
from bounds.forms import Written
from bounds.solve import solve

ALL = bounds.quantities()
FORMULAS = [q for q in ALL if not q.conditions]
ORDERED = [(q, name) for q in ALL for name in q.orders]
every_formula = pytest.mark.parametrize("q", FORMULAS, ids=lambda q: q.key)


@pytest.mark.parametrize("paper", bounds.papers().values(), ids=lambda p: p.key)
def test_a_role_is_one_letter(paper):
    # roles join the papers: two letters of one paper with one role could not be told apart by it
    roles = [p.role for p in paper.parameters.values()]
    assert sorted(roles) == sorted(set(roles))


@pytest.mark.parametrize("paper", bounds.papers().values(), ids=lambda p: p.key)
def test_every_parameter_is_used(paper):
    used = {s.name for q in paper.quantities.values() for f in formulas(q) for s in sympy.sympify(f).free_symbols}
    used |= {n for q in paper.quantities.values() for n in (*q.parameters, q.unknown)}
    used |= {
        s.name for p in paper.parameters.values() if p.default for s in sympy.sympify(p.default.value).free_symbols
    }
    assert set(paper.parameters) <= used


def formulas(q):
    conditions = (*q.conditions, *q.side_conditions, *q.assumptions)
    return [f for f in (q.expression, *(c.relation for c in conditions)) if f is not None]


@pytest.mark.parametrize("q", ALL, ids=lambda q: q.key)
def test_latex_has_no_double_scripts(q):
    latex, script = q.to_latex(), re.compile(r"[\^_](?:\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}|\\[A-Za-z]+|.)")
    for m in script.finditer(latex):
        assert not latex[m.end() :].startswith(m.group(0)[0]), (latex, latex[m.start() : m.end() + 5])
    assert latex.count(r"\left") == latex.count(r"\right")


@every_formula
def test_the_table_of_parameters_suffices(q):
    # evaluate(**{name: value for name in q.parameters}) works, with the hidden constants unset
    values = next(iter(at_parameters(q)), None)
    assert values is not None, f"{q.key}: no point of its parameters at which it is defined"


def at_parameters(q):
    rng = random.Random(q.key)
    for _ in range(200):
        values = point_for(rng, q.paper, q.parameters)
        try:
            if np.all(np.isfinite(q.evaluate(**values))):
                yield values
        except bounds.TheoryError as error:
            if "undefined" not in str(error):
                raise


RESCALINGS = [(p.quantities[name], r) for p in bounds.papers().values() for r in p.rescalings for name in r.quantities]


@pytest.mark.parametrize(("q", "rescaling"), RESCALINGS, ids=lambda x: getattr(x, "key", getattr(x, "name", "")))
def test_rescaling(q, rescaling):
    # a change of units multiplies a statement by the power of its own units: a wrong exponent or a lost factor shows
    values = next(iter(at_parameters(q)))
    factor, power = Fraction(3, 2), rescaling.powers.get(q.name, 0)
    scaled = {n: float(v) * float(factor) ** rescaling.powers[n] for n, v in values.items() if rescaling.powers.get(n)}
    scaled = {**values, **scaled}
    assert q.evaluate(**scaled) == pytest.approx(q.evaluate(**values) * float(factor) ** power, rel=1e-10)
    moved = [n for n in q.parameters if rescaling.powers.get(n, 0)]
    assert moved, "nothing in the formula is rescaled: the claim is empty"


def test_rescalings_are_claimed():
    assert {r.name for _, r in RESCALINGS} >= {"outputs", "parameters", "loss"}


@every_formula
def test_depths_one_and_two(q):
    # a formula with a depth is defined at L = 1 and 2 or says why not; sums over layers may be empty there
    if "L" not in leaves(q):
        return
    for depth in (d for d in (1, 2) if d >= q.paper.parameters["L"].domain.low):
        values = {**defined(q, leaves(q), f"depth {depth}")[0], "L": depth} | ({"l": 1} if "l" in leaves(q) else {})
        if value_or_undefined(q, values) is None:
            assert any(c.state is False and c.condition.essential for c in q.check(**values))


def value_or_undefined(q, values, **how):
    """The formula's value, or None where it says that it is undefined; anything else is a failure."""
    try:
        value = q.evaluate(**values, **how)
    except bounds.TheoryError as error:
        if "undefined" in str(error):
            return None
        raise
    return value


@every_formula
def test_no_jump_at_one(q):
    # removable singularities, such as a geometric sum's at ratio 1: both sides agree with the value at 1
    if sympy.sympify(q.expand()).atoms(sympy.Piecewise, sympy.ceiling, Written):
        return  # a formula by cases may jump where the case changes
    inputs = compile_expressions(q.paper, (q,), frozenset(q.parameters), q).inputs
    for name in sorted(inputs):
        p = q.paper.parameters.get(name)
        if name not in q.parameters or (
            p and (p.domain.integer or p.kind != "number" or not p.domain.low < 1 < p.domain.high)
        ):
            continue
        near, point = Fraction(1, 10**9), None
        for point in at_one(q, name):
            low, middle, high = (q.evaluate(**{**point, name: v}) for v in (1 - near, Fraction(1), 1 + near))
            spread = max(abs(low - middle), abs(high - middle))
            assert spread <= 1e-5 * max(abs(middle), abs(low), abs(high)) + 1e-8, (name, low, middle, high)


def at_one(q, name, count=2):
    """Points with ``name`` = 1 at which the formula is defined on both sides of 1 too."""
    rng, found = random.Random(f"{q.key} {name} at one"), 0
    for _ in range(60):
        values = {**point_for(rng, q.paper, q.parameters), name: Fraction(1)}
        try:
            good = all(
                math.isfinite(q.evaluate(**{**values, name: v})) for v in (Fraction(99, 100), 1, Fraction(101, 100))
            )
        except bounds.TheoryError:
            continue
        if good:
            found += 1
            yield values
        if found == count:
            return


@every_formula
def test_infinite_width(q):
    # in the limit m -> oo every formula has a logarithm: it neither overflows nor turns into 0/0
    names = leaves(q)
    letters = [n for n in names if n in q.paper.parameters and q.paper.parameters[n].role == "width"]
    if not letters or not all(is_number(q, n) for n in names):
        return
    values = defined(q, names, "infinite width")[0]
    for power in (30, 300, 3000):
        value = value_or_undefined(q, {**values, letters[0]: 10**power}, log10=True)
        # nan is the logarithm of a negative number: only a lower bound or a signed formula may be one
        assert value is None or not math.isnan(value) or q.side == "lower" or q.signed or q.evaluate(**values) < 0


@pytest.mark.parametrize("q", [q for q in ALL if q.order_only], ids=lambda q: q.key)
def test_orders_are_stated(q):
    assert q.hidden, "an order without its hidden constant"
    assert q.orders or not q.answers, "an answer known up to a constant states its exponents"


@pytest.mark.parametrize(("q", "name"), ORDERED, ids=lambda x: getattr(x, "key", x))
def test_order_in_every_parameter(q, name):
    # the stated exponent is the slope of log value against log parameter, far out; logarithms leave a little
    p = q.paper.parameters.get(name)
    falling = p is not None and p.role in ("separation", "lambda_min", "target_loss", "failure_probability")
    falling = falling or (p is not None and p.domain.high <= 1)
    sign = -1 if falling else 1
    powers = (200, 400)
    values = {n: v for n, v in base(q, name).items() if n != name}
    logs = [log10_at(q, {**values, name: Fraction(10) ** (sign * k) if falling else 10**k}) for k in powers]
    slope = sign * (logs[1] - logs[0]) / (powers[1] - powers[0])
    assert slope == pytest.approx(float(q.orders[name]), abs=0.12), (q.key, name, logs)


def base(q, name):
    """Values for all that the formula names; for what is solved, the paper's defaults with plain values beside them."""
    rng = random.Random(f"{q.key} {name}")
    if not q.conditions:
        return point_for(rng, q.paper, q.parameters)
    names = [n for n in q.parameters if n in q.paper.parameters]
    bare = [
        n for n in names if q.paper.parameters[n].default is None and q.paper.parameters[n].role[:10] != "activation"
    ]
    values = point_for(rng, q.paper, bare) | {"activation": "gelu"}
    if q.paper.parameters[name].role == "batch_size":  # at most the samples
        values |= {p.name: 10**500 for p in q.paper.parameters.values() if p.role == "samples"}
    return relevant(q, values)


def log10_at(q, values):
    if q.conditions:
        return solve(q, values).log10
    return bounds.result(q, defaults=True, **values).log10


@pytest.mark.parametrize("q", [q for q in ALL if q.unknown and q.answers == "width"], ids=lambda q: q.key)
def test_solver_round_trip(q):
    # at the solution every requirement holds, one below the binding one fails: judged by evaluating both sides
    found = bounds.required_width(q.key, **({"activation": "gelu(z)/2"} if "activation" in q.paper.parameters else {}))
    if found.value is None:
        assert found.reasons
        return
    from bounds.solve import requirements

    states = {}
    for m in (int(found.value), int(found.value) - 1):
        conditions = requirements(q, True)
        states[m] = {c.name: truth(q, c.relation, {**found.values, q.unknown: m}) for c in conditions if m >= 1}
    assert all(states[int(found.value)].values())
    if found.value > 1:
        assert states[int(found.value) - 1][found.binding] is False


def truth(q, relation, values):
    """A relation at values, in 500-digit arithmetic by SymPy and mpmath, apart from the solver's own tape."""
    import mpmath as mp

    from bounds.compile import _Builder

    def written(e):
        return _Builder(q.paper, frozenset(), q).written_out(sympy.sympify(e))

    with mp.workdps(500):
        numbers = {n: v if isinstance(v, int) else exact(v) for n, v in values.items() if not hasattr(v, "derivative")}
        both = []
        for side in (relation.lhs, relation.rhs):
            formula = written(side)
            while extra := [s for s in formula.free_symbols if s.name not in {*numbers, *values}]:
                formula = formula.xreplace({s: written(default_of(q, s.name)) for s in extra})
            formula, given = means(formula, values)
            symbols = sorted(formula.free_symbols, key=str)
            f = sympy.lambdify(symbols, formula, [{"Largest": max, "Smallest": min, "ceiling": mp.ceil}, "mpmath"])
            both.append(f(*[given.get(s, numbers.get(s.name)) for s in symbols]))
        equal = abs(both[0] - both[1]) <= mp.mpf(10) ** -480 * abs(both[0])
        less = both[0] < both[1] and not equal
        return {">": not (less or equal), ">=": not less, "<": less, "<=": less or equal}[relation.rel_op]


def means(formula, values):
    """The Gaussian means of a formula as symbols with certified values."""
    from bounds.averages import Average
    from bounds.forms import GaussianMean

    given = {}
    for node in sorted(formula.atoms(GaussianMean), key=str):
        names = tuple(sorted(s.name for s in node.free_symbols))
        ball = Average(node.args[0], names).enclosure(tuple(values[n] for n in names), 200)
        dummy = sympy.Dummy()
        given[dummy], formula = sympy_mpf(ball), formula.xreplace({node: dummy})
    return formula, given


def sympy_mpf(ball):
    import mpmath as mp

    return mp.mpf(ball.mid().str(60, radius=False))


def default_of(q, name):
    p = q.paper.parameters.get(name)
    return p.default.value if p is not None and p.default is not None else sympy.S.One  # a hidden constant at 1


def exact(value):
    import mpmath as mp

    value = getattr(value, "exact", value)
    if hasattr(value, "enclosure"):
        return mp.mpf(str(value.enclosure.ball.mid()))
    value = sympy.sympify(value)
    return mp.mpf(value.p) / value.q if value.is_Rational else mp.mpf(sympy.N(value, 500))
