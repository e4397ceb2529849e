"""Derivatives by dual numbers against mpmath: operation by operation, and every quantity by differences."""

from __future__ import annotations

import functools
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy
from generic import defined, leaves, supplied

import bounds
import bounds.activations
from bounds.arithmetic.dual import Differential, Dual
from bounds.ball import precision, to_ball
from bounds.explaining import explain
from bounds.forms import GAUSSIAN, GaussianMean, Phi, Written

OPERATIONS = {
    "add": (lambda o, x: o.add(x, o.mul(x, x)), lambda x: x + x * x),
    "mul": (lambda o, x: o.mul(x, x, o.exp(x)), lambda x: x * x * mp.exp(x)),
    "div": (lambda o, x: o.div(o.exp(x), o.add(x, o.convert(1))), lambda x: mp.exp(x) / (x + 1)),
    "sqrt": (lambda o, x: o.sqrt(x), mp.sqrt),
    "power": (lambda o, x: o.power(x, o.mul(x, x)), lambda x: x ** (x * x)),
    "integer power": (lambda o, x: o.power(o.mul(o.convert(-1), x), o.convert(3)), lambda x: -(x**3)),
    "log": (lambda o, x: o.log(x), mp.log),
    "log1p": (lambda o, x: o.log1p(x), mp.log1p),
    "erf": (lambda o, x: o.erf(x), mp.erf),
    "factorial": (lambda o, x: o.factorial(x), lambda x: mp.gamma(x + 1)),
    "lower_lambert": (
        lambda o, x: o.lower_lambert(o.div(x, o.convert(-9))),
        lambda x: mp.re(mp.lambertw(-x / 9, -1)),
    ),
    "geometric in x": (lambda o, x: o.geometric(x, o.convert(7)), lambda x: sum(x**k for k in range(7))),
    "geometric in n": (lambda o, x: o.geometric(o.convert(3), x), lambda x: (mp.mpf(3) ** x - 1) / 2),
    "maximum": (lambda o, x: o.maximum(x, o.mul(x, x), o.convert(0)), lambda x: max(x, x * x)),
    "minimum": (lambda o, x: o.minimum(x, o.mul(x, x)), lambda x: min(x, x * x)),
    "absolute": (lambda o, x: o.absolute(o.add(x, o.convert(-2))), lambda x: abs(x - 2)),
    "ceiling": (lambda o, x: o.ceiling(o.mul(x, x)), lambda x: x * x),
    "where": (lambda o, x: o.where(o.gt(x, o.convert(1)), o.exp(x), x), lambda x: mp.exp(x) if x > 1 else x),
    "tanh''": (lambda o, x: o.activation(bounds.activations.get("tanh"), x, 2), lambda x: mp.diff(mp.tanh, x, 2)),
}


@pytest.mark.parametrize("at", [Fraction(1, 4), Fraction(3, 2), Fraction(5, 2)], ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation(name, at):
    run, reference = OPERATIONS[name]
    ops = Differential(("x",))
    with precision(128), mp.workdps(60):
        dual = run(ops, Dual(ops.convert(at).value, {"x": to_ball(1)}))
        x, step = mp.mpf(at.numerator) / at.denominator, mp.mpf(10) ** -20
        slope = (reference(x + step) - reference(x - step)) / (2 * step)
        assert float(dual.value.mid()) == pytest.approx(float(reference(x)), rel=1e-15)
        assert float(dual.slopes.get("x", to_ball(0)).mid()) == pytest.approx(float(slope), rel=1e-14, abs=1e-18)
    assert (ops.rounded, ops.kinks) == (name == "ceiling", set())


@pytest.mark.parametrize("direction", [1, -1])
def test_geometric_at_and_near_one(direction):
    ops = Differential(("x",), direction=direction)
    for gap in (Fraction(0), Fraction(1, 10**25)):
        with precision(512):
            dual = ops.geometric(Dual(ops.convert(1 + gap).value, {"x": to_ball(direction)}), ops.convert(6))
            # 1 + x + ... + x^5 has slope 1 + 2 + ... + 5 = 15 at 1
            assert float(dual.value.mid()) == pytest.approx(6, rel=1e-15)
            assert float(dual.slopes["x"].mid()) == pytest.approx(15 * direction, rel=1e-15)


def test_one_sided_derivatives_of_maxima():
    for direction, larger, smaller in ((1, 2, 1), (-1, -1, -2)):
        ops = Differential(("x",), direction=direction)
        x = Dual(to_ball(1), {"x": to_ball(direction)})
        assert float(ops.maximum(x, ops.mul(x, x)).slopes["x"]) == larger
        assert float(ops.minimum(x, ops.mul(x, x)).slopes["x"]) == smaller
        assert ops.kinks == {"x"}
        assert ops.maximum(x, x) is x


QUANTITIES = [q for q in bounds.quantities() if not (q.conditions or (q.unknown and q.side_conditions))]


@pytest.mark.parametrize("q", QUANTITIES, ids=lambda q: q.key)
def test_elasticities_are_differences(q):
    fixed = {"activation": "gelu"} if "activation" in leaves(q) else {}
    (values,) = defined(q, leaves(q), "differences", fixed=fixed)
    if np.ndim(q.evaluate(**values)):
        return
    explained = explain(q, defaults=False, **values)
    seen = [e for e in explained.elasticities if e.name in values]
    assert {e.name for e in seen} == {n for n, v in values.items() if isinstance(v, int | Fraction)}
    function, tolerance = reference(q, values)
    with mp.workdps(40):
        if tolerance > 1e-6:  # what the activation supplies
            values |= {n: digits(v) for n, v in explained.values.items() if n in set(supplied(q)) - set(values)}
        here = function(values)
        for e in seen:
            if e.kind == "undefined":
                assert abs(here) < 1e-25, e
            elif e.kind == "discrete":
                assert e.elasticity == to_the_next(function, q, values, e.name), e
            elif tolerance < 1e-6 or not whole(q, e.name):
                slope = difference(function, values, e.name)
                assert e.kind == "smooth", e
                assert e.elasticity == pytest.approx(slope / float(here), rel=tolerance, abs=tolerance), e


def whole(q, name):
    return name in q.paper.parameters and q.paper.parameters[name].domain.integer


def to_the_next(function, q, values, name):
    """From the formula at the next integer; None where it vanishes."""
    at = values[name]
    after = at + 1 if at + 1 <= q.paper.parameters[name].domain.high else at - 1
    if at < 1 or after < 1:
        return None
    ratio = abs(function(values | {name: after}) / function(values))
    return pytest.approx(float(mp.log(ratio) / mp.log(mp.mpf(after) / at)), rel=1e-6) if 1e-15 < ratio < 1e15 else None


def difference(function, values, name):
    step, x = mp.mpf(10) ** -8, number(values[name]) * mp.mpf(1)
    high, low = (function(values | {name: x * (1 + sign * step)}) for sign in (1, -1))
    return float((high - low) / (2 * step))


FUNCTIONS = {
    "Largest": max,
    "Smallest": min,
    "ceiling": lambda x: x,
    "LambertW": lambda x, k: mp.re(mp.lambertw(x, k)),
}


def reference(q, values):
    """The formula in mpmath, real in every letter, without ceilings; and how well it can be differenced."""
    formula = sympy.sympify(q.expand())
    if formula.atoms(Written):
        return functools.partial(by_balls, q), 1e-6
    formula = formula.replace(sympy.Sum, closed)
    formula, means = without_means(formula, values)
    symbols = sorted(formula.free_symbols, key=str)
    evaluated = sympy.lambdify(symbols, formula, [FUNCTIONS, "mpmath"])

    def function(point):
        given = [means[s](point) if s in means else number(point[s.name]) for s in symbols]
        return mp.re(evaluated(*given))

    return function, 1e-5 if means else 1e-12


def without_means(formula, values):
    """Gaussian means replaced by symbols, each with a function of the point by mpmath's own quadrature."""
    names = tuple((n, v) for n, v in values.items() if isinstance(v, str))
    degrees = {s for g in formula.atoms(GaussianMean) for s in g.free_symbols if isinstance(values[s.name], int)}
    means = {}
    for node in sorted(formula.atoms(GaussianMean), key=str):
        letters = sorted((s for s in node.free_symbols if s.name != "activation"), key=str)
        dummy = sympy.Dummy()
        means[dummy] = functools.partial(mean, node.args[0], tuple(letters), frozenset(degrees), names)
        formula = formula.xreplace({node: dummy})
    return spelt(formula, names), means


def mean(body, letters, degrees, names, point):
    return quadrature(body, letters, degrees, names, tuple(point[s.name] for s in letters))


@functools.lru_cache(maxsize=1024)
def quadrature(body, letters, degrees, names, values):
    given = dict(zip(letters, values, strict=True))
    body = spelt(body.xreplace({s: sympy.Integer(v) for s, v in given.items() if s in degrees}), names).doit()
    free = [s for s in letters if s not in degrees]
    density = sympy.lambdify(
        [GAUSSIAN, *free], body * sympy.exp(-(GAUSSIAN**2) / 2) / sympy.sqrt(2 * sympy.pi), "mpmath"
    )
    with mp.workdps(20):
        at = [number(given[s]) for s in free]
        return mp.quad(lambda z: density(z, *at), [-12, -6, -3, -1, 0, 1, 3, 6, 12])


def spelt(body, names):
    """An expression with the activation's own formula for ``Phi``, differentiated here."""

    def own(name, argument, order=0):
        phi = bounds.activations.get(dict(names)[name.name]).expression
        return (sympy.diff(phi, GAUSSIAN, int(order)) if order else phi).subs(GAUSSIAN, argument)

    return body.replace(Phi, own)


def digits(constant):
    with precision(200):
        return mp.mpf(Differential(()).convert(constant).value.mid().str(50, radius=False))


def number(value):
    return mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def closed(term, limits):
    """A geometric sum for any real number of terms; other sums as they are."""
    i, low, high = limits
    ratio = sympy.S.One
    for factor in sympy.Mul.make_args(term):
        step = sympy.expand(factor.exp.subs(i, i + 1) - factor.exp) if factor.is_Pow else i
        if i in factor.free_symbols and (i in step.free_symbols or i in factor.base.free_symbols):
            return sympy.Sum(term, limits)
        ratio *= factor.base**step if i in factor.free_symbols else 1
    return term.subs(i, low) * (ratio ** (high - low + 1) - 1) / (ratio - 1)


def by_balls(q, point):
    exact = {n: Fraction(str(v)) if isinstance(v, mp.mpf) else v for n, v in point.items()}
    return mp.mpf(q.evaluate(certified=True, **exact).ball.mid().str(35, radius=False))


def test_a_kink_of_the_activation_is_differenced():
    # E[relu(s z) z] = s/2, and E[relu'(s z) z^2] = 1/2 whatever s
    q = bounds.quantity("fu2018.m_j")
    seen = {e.name: e for e in explain(q, j=1, sigma=Fraction(3, 2), activation="relu").elasticities}
    assert (seen["sigma"].elasticity, seen["sigma"].slope) == (pytest.approx(1, rel=1e-15), pytest.approx(0.5))
    assert seen["j"].kind == "discrete"
    q = bounds.quantity("fu2018.alpha_q")
    seen = {e.name: e for e in explain(q, q=2, sigma=Fraction(3, 2), activation="relu").elasticities}
    assert seen["sigma"].elasticity == 0


def test_a_mean_is_differentiated_under_the_integral():
    # E[tanh(s z) z]: its derivative is E[(1 - tanh(s z)^2) z^2]
    q = bounds.quantity("fu2018.m_j")
    seen = {e.name: e for e in explain(q, j=1, sigma=1, activation="tanh").elasticities}
    with mp.workdps(30):
        ends = [-12, -6, -3, -1, 0, 1, 3, 6, 12]
        slope = mp.quad(lambda z: (1 - mp.tanh(z) ** 2) * z * z * mp.npdf(z), ends)
        value = mp.quad(lambda z: mp.tanh(z) * z * mp.npdf(z), ends)
    assert seen["sigma"].slope == pytest.approx(float(slope), rel=1e-14)
    assert seen["sigma"].elasticity == pytest.approx(float(slope / value), rel=1e-14)
