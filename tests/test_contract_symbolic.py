"""Every formula against SymPy's own evaluation of it, and every claim that a maximum sits at an end."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy
from generic import defined, leaves, supplied
from sympy.core.function import AppliedUndef

import bounds
import bounds.activations
from bounds.forms import GAUSSIAN, EndpointMax, GaussianMean, Phi, Written

QUANTITIES = [q for q in bounds.quantities() if not q.conditions and not sympy.sympify(q.expand()).atoms(Written)]


@pytest.mark.parametrize("q", QUANTITIES, ids=lambda q: q.key)
def test_tape_is_sympys_own_evaluation(q):
    for values in defined(q, leaves(q), "sympy", 2):
        formula, given = by_quadrature(sympy.sympify(q.expand()), with_supplied(q, values))
        symbols = sorted(formula.free_symbols & set(given), key=str)
        # SymPy's own printing and sums, in mpmath: substituting exact surds into ceilings would take minutes
        functions = {"Largest": max, "Smallest": min, "ceiling": mp.ceil, "LambertW": mp.lambertw}
        evaluated = sympy.lambdify(symbols, formula, [functions, "mpmath"])
        with mp.workdps(60):
            exact = evaluated(*[given[s] for s in symbols])
        assert q.evaluate(**values) == pytest.approx(float(mp.re(exact)), rel=1e-12, abs=1e-30)


def with_supplied(q, values):
    """The point with what its activation supplies, such as sup|phi'|."""
    if "activation" not in values:
        return values
    phi = bounds.activations.get(values["activation"])
    return {n: Fraction(float(read(phi))) for n, read in supplied(q).items()} | values


def by_quadrature(formula, values):
    """Gaussian means and activations replaced by symbols, with their values by mpmath's own quadrature."""
    with mp.workdps(40):
        numbers = {s: values[s.name] for s in formula.free_symbols if not isinstance(values[s.name], str)}
        given = {s: v if isinstance(v, int) else mp.mpf(v.numerator) / v.denominator for s, v in numbers.items()}
        exact = {s: sympy.Rational(values[s.name]) for s in given}
        for node in sorted(formula.atoms(GaussianMean), key=str):
            inner = spelt(node.args[0].xreplace(exact), values)
            density = sympy.lambdify(
                GAUSSIAN, inner * sympy.exp(-(GAUSSIAN**2) / 2) / sympy.sqrt(2 * sympy.pi), "mpmath"
            )
            dummy = sympy.Dummy()
            given[dummy] = mp.quad(density, [-16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16])
            formula = formula.xreplace({node: dummy})
        for node in sorted(formula.atoms(Phi), key=str):
            dummy = sympy.Dummy()
            given[dummy] = mp.mpf(sympy.N(spelt(node.xreplace(exact), values), 40))
            formula = formula.xreplace({node: dummy})
    return formula, given


def spelt(body, values):
    """An expression with the activation's own formula for ``Phi``, differentiated here."""

    def own(name, argument, order=0):
        phi = bounds.activations.get(values[name.name]).expression
        return sympy.diff(phi, GAUSSIAN, int(order)).subs(GAUSSIAN, argument) if order else phi.subs(GAUSSIAN, argument)

    return body.replace(Phi, own).doit()


def written(e, paper):
    """``e`` with applied quantities, such as h(l_1), written out; symbols of quantities stay."""
    for f in e.atoms(AppliedUndef):
        target = paper.quantities[f.func.__name__]
        symbols = {s.name: s for s in target.expression.free_symbols}
        change = {symbols[n]: v for n, v in zip(target.arguments, f.args, strict=True) if n in symbols}
        e = e.xreplace({f: written(target.expression.xreplace(change), paper)})
    return e


def tuples(domain, indices, depth):
    """The index tuples of ``1 \\le l_1 < l_2 \\le L`` or ``l_1, l_2 \\in [L]``."""
    plain = domain.replace(r"\le", "<=").replace(r"\in", " in ")
    if " in " in plain:
        listed, _ = plain.split(" in ")
        test = " and ".join(f"1 <= {x.strip()} <= L" for x in listed.split(","))
    else:
        test = plain
    ranges = np.indices((depth,) * len(indices)).reshape(len(indices), -1).T + 1
    names = [i.name for i in indices]
    env = [dict(zip(names, map(int, row), strict=True)) for row in ranges]
    return [tuple(e.values()) for e in env if eval(test, {"__builtins__": {}}, {**e, "L": depth})]


FORMULAS = [q for q in QUANTITIES if q.expression is not None]
ENDS = {(q.paper.key, e): (q, e) for q in FORMULAS for e in sympy.sympify(q.expression).atoms(EndpointMax)}


@pytest.mark.parametrize(("q", "node"), ENDS.values(), ids=lambda x: getattr(x, "key", "max"))
def test_maxima_sit_at_their_ends(q, node):
    body, indices, _, _, domain = node.args
    ends = written(sympy.Tuple(*node.ends), q.paper)
    inner = written(body, q.paper)
    symbols = sorted((inner.free_symbols | ends.free_symbols) - set(indices), key=str)
    module = [{"Largest": max}, "math"]
    everywhere = sympy.lambdify([*indices, *symbols], inner, module)
    at_ends = sympy.lambdify(symbols, tuple(ends), module)
    rng = random.Random(str(node))
    for depth in range(2, 8):
        places = tuples(domain.name, indices, depth)
        assert places
        for _ in range(40):
            values = [depth if s.name == "L" else 10 ** rng.uniform(-2, 0.7) for s in symbols]
            best = max(everywhere(*place, *values) for place in places)
            assert max(at_ends(*values)) == pytest.approx(best, rel=1e-12), (depth, symbols, values)
