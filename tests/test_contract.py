"""What every paper owes: walks discovery, so that a paper added later is covered unedited."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy
from generic import defined, is_number, leaves, point_for

import bounds
from bounds import display, listing, showing, tables, views
from bounds.assumptions import assumptions_of
from bounds.model import DIRECTIONS, SIDES, STATUSES, Domain
from bounds.terms import ERRATUM_KINDS

QUANTITIES = [q for q in bounds.quantities() if not q.conditions]
every_quantity = pytest.mark.parametrize("q", bounds.quantities(), ids=lambda q: q.key)
every_formula = pytest.mark.parametrize("q", QUANTITIES, ids=lambda q: q.key)
every_paper = pytest.mark.parametrize("paper", bounds.papers().values(), ids=lambda p: p.key)
KEYS = (Path(__file__).parent / "keys.tsv").read_text(encoding="utf-8")
CANONICAL = list(csv.DictReader(KEYS.splitlines(), delimiter="\t"))
"""The keys that users may rely on, with what they are and take: changing one breaks a promise."""


@every_paper
def test_papers_are_documented(paper):
    assert all((paper.key, paper.title, paper.authors, paper.venue, paper.bibtex, paper.setting, paper.assumptions))
    assert 1900 < paper.year < 2100
    assert paper.bibtex.lstrip().startswith("@")
    assert paper.key in paper.bibtex
    for name, p in paper.parameters.items():
        assert (name, bool(p.text), type(p.domain)) == (p.name, True, Domain)
        assert re.fullmatch(r"[a-z][a-z_0-9]*", p.role)
        assert "\n" not in p.text
        assert p.default is None or p.default.origin
    for name, q in paper.quantities.items():
        assert name == q.name
        assert q.key == f"{paper.key}.{name}"


@every_quantity
def test_quantities_are_documented(q):
    assert q.source.paper == q.paper.key
    assert all((q.source.place, q.text, q.latex))
    assert "\n" not in q.text
    assert (q.side in SIDES, q.direction in DIRECTIONS, q.status in STATUSES) == (True, True, True)
    assert all(c.name and c.text for c in (*q.assumptions, *q.conditions, *q.side_conditions))
    assert all(c.text for c in q.hidden)
    assert not q.probability or q.probability in q.paper.quantities
    assert set(q.monotone) <= set(q.parameters)
    assert set(q.monotone.values()) <= {1, -1}
    hidden = {c.name for p in q.paper.quantities.values() for c in p.hidden}
    if not q.conditions:
        assert set(leaves(q)) <= set(q.paper.parameters) | hidden
    assert all(
        c.relation is None or c.relation.free_symbols for c in (*q.assumptions, *q.conditions, *q.side_conditions)
    )
    q.paper.validate(q)
    assert set(q.orders) <= set(q.parameters) | (set() if q.conditions else set(leaves(q)))
    assert not q.answers or q.side in ("requires", "equal")
    assert (q.answers == "width") == bool(q.unknown) or q.answers == "samples"


@every_quantity
def test_latex_and_unicode_use_the_papers_letters(q):
    latex, text = q.to_latex(), display.to_unicode(q)
    assert latex.count("{") == latex.count("}")
    assert text.strip()
    plain = re.sub(r"\\(mathrm|text|operatorname|begin|end)\{[^{}]*\}|\\[A-Za-z]+", " ", latex)
    assert not re.search(r"[A-Za-z]{3,}", plain), latex
    for p in q.paper.parameters.values():
        raw = sympy.latex(sympy.Symbol(p.name))
        assert raw == p.latex or "_" not in p.name or raw not in latex.replace(p.latex or raw, ""), latex
        if p.glyph and p.glyph != p.name and len(p.name) > 1:
            assert not re.search(rf"(?<!\w){re.escape(p.name)}(?!\w)", text), text
    assert display.tree(q)[0].startswith(q.name)


@every_formula
def test_float_certified_and_log10_agree(q):
    for values in defined(q, leaves(q), "agree", 4):
        value, ball = q.evaluate(**values), q.evaluate(certified=True, **values)
        if np.ndim(value):
            mid, width = np.vectorize(float)(ball), np.vectorize(lambda b: b.hi - b.lo)(ball)
            np.testing.assert_allclose(value, mid, rtol=1e-12, atol=1e-15)
            assert np.all(width <= 1e-15 * (1 + np.abs(mid)))
            continue
        assert value == pytest.approx(float(ball), rel=1e-12, abs=0)
        assert ball.lo <= float(ball) <= ball.hi
        assert ball.hi - ball.lo <= 1e-15 * max(abs(ball.lo), abs(ball.hi)) + 5e-324
        if value > 0:
            assert q.evaluate(log10=True, **values) == pytest.approx(math.log10(value), rel=1e-12, abs=1e-12)
        text = {k: str(v) if is_number(q, k) else v for k, v in values.items()}
        assert q.evaluate(**text) == value


@every_formula
def test_defaults_fill_in(q):
    rng = random.Random(q.key)
    bare = [n for n in leaves(q) if n in q.paper.parameters and not q.paper.parameters[n].default]
    roles = {n: q.paper.parameters[n].role for n in bare}
    wanted = [n for n in bare if not roles[n].startswith("activation")]
    chosen = [n for n in q.paper.parameters if n == "activation"]  # the default's own may be excluded: c_2 of tanh is 0
    points = (point_for(rng, q.paper, wanted + extra) for extra in ([], chosen) for _ in range(100))
    found, values = first_defined(q, points)
    assert isinstance(found.value, float | np.ndarray)
    assert all(d.origin for d in found.assumed.values())
    data = json.loads(tables.dumps(views.evaluation_dict(found)))
    assert data["quantity"] == q.key
    assert set(data["parameters"]) >= set(values)
    assert json.loads(tables.dumps(showing.show_dict(q)))["latex"] == q.to_latex()


def first_defined(q, points):
    """The first of the points at which the formula is defined, with its result."""
    for values in points:
        try:
            return bounds.result(q, defaults=True, **values), values
        except bounds.TheoryError as error:
            if "undefined" not in str(error):
                raise
    raise AssertionError(f"{q.key} is undefined at its defaults")


@every_formula
def test_declared_monotone(q):
    names = list(q.parameters)
    for name, direction in q.monotone.items():
        for values in defined(q, names, f"monotone {name}", 6):
            domain = q.paper.parameters[name].domain if name in q.paper.parameters else Domain(0, 1)
            room = 2 if domain.high == math.inf else (Fraction(domain.high) - values[name]) / 2
            higher = values[name] + (1 if domain.integer else room)
            low, high = (q.evaluate(**{**values, name: v}) for v in (values[name], higher))
            assert direction * (high - low) >= -1e-12 * abs(low), (name, values, low, high)


def tied(q):
    """The names that a condition for being defined ties together, such as ``l <= L - 1``: they are not crossed."""
    found = [{s.name for s in c.relation.free_symbols} for c in assumptions_of(q) if c.essential]
    return set().union(*(names for names in found if len(names) > 1))


@every_formula
def test_arrays_are_the_scalar_loop(q):
    names = [n for n in leaves(q) if is_number(q, n)]
    fixed = {n: v for n, v in defined(q, leaves(q), "array")[0].items() if not is_number(q, n)}
    points = defined(q, leaves(q), "array", 12, fixed)
    points = [{n: p[n] if isinstance(p[n], int) else float(p[n]) for n in names} for p in points]
    if not names or np.ndim(q.evaluate(**points[0], **fixed)):
        return  # a formula in arrays has no points to be stacked
    stacked = q.evaluate(**{n: np.array([p[n] for p in points]) for n in names}, **fixed)
    np.testing.assert_allclose(stacked, [q.evaluate(**p, **fixed) for p in points], rtol=1e-12)
    free = [n for n in names if n not in tied(q)]
    if len(free) > 1:
        column = {n: points[0][n] for n in names} | {free[0]: np.array([[p[free[0]]] for p in points[:3]])}
        grid = {**column, free[1]: np.array([p[free[1]] for p in points])}
        got = q.evaluate(**grid, **fixed)
        assert got.shape == (3, 12)
        for (i, j), value in np.ndenumerate(got):
            at = {**points[0], free[0]: points[i][free[0]], free[1]: points[j][free[1]]}
            assert value == pytest.approx(q.evaluate(**at, **fixed), rel=1e-12, nan_ok=True)


@every_paper
def test_errata_resolve(paper):
    assert len({e.name for e in paper.errata}) == len(paper.errata)
    for e in paper.errata:
        assert e.source.paper == paper.key
        assert all((e.text, e.printed, e.proved, e.source.place))
        assert e.kind in ERRATUM_KINDS
        assert set(e.quantities) <= set(paper.quantities)
    listed = json.loads(tables.dumps(listing.errata_list(paper.key, False)))
    assert [e["erratum"] for e in listed] == [e.name for e in paper.errata]


@pytest.mark.parametrize("row", CANONICAL, ids=lambda row: row["key"])
def test_canonical_keys(row):
    q = bounds.quantity(row["key"])
    kind = (q.side, q.direction or "", q.status, "yes" if q.order_only else "no")
    assert kind == (row["side"], row["direction"], row["status"], row["order_only"])
    assert set(q.parameters) == set(row["parameters"].split())
    assert set(row["hidden"].split()) <= {c.name for c in q.hidden}


def test_imports_stay_light():
    code = """
import sys
import bounds
assert 'flint' not in sys.modules, 'flint at import'
heavy = {'torch', 'matplotlib', 'sklearn', 'scipy', 'pandas'}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
q = bounds.quantity('banerjee2023.c_H')
q.evaluate(L=3, gamma=1, rho_1=1, activation='tanh')
bounds.required_width('banerjee2023', L=2)
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    # SymPy itself imports flint for its integers when it finds it: only what this package imports is looked at
    env = {**os.environ, "SYMPY_GROUND_TYPES": "python"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
