"""Generic points: values drawn from the declared domains, for tests that walk every paper."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import sympy

import bounds
from bounds.binding import ACTIVATION_ROLES
from bounds.model import Domain


def draw(rng: random.Random, domain: Domain) -> int | Fraction:
    """A generic value of a domain: small integers, or rationals between the ends or within 3 of the finite one."""
    low, high = domain.low, domain.high
    if domain.integer:
        first = (0 if low == -math.inf else math.ceil(low)) + (1 if domain.low_open or low == 1 else 0)
        return rng.randint(first, min(first + 9, int(high) if high < math.inf else first + 9))
    left = Fraction(low) if low > -math.inf else (Fraction(high) - 3 if high < math.inf else Fraction(-3))
    right = Fraction(high) if high < math.inf else left + 3
    return left + (right - left) * Fraction(rng.randint(1, 31), 32)


ACTIVATIONS = ("gelu", "sigmoid", "tanh", "softplus", "(z+tanh(z))/3")
"""Smooth, odd or not: every Gaussian mean of a paper is finite for them."""


def draw_parameter(rng, p):
    """A generic value of a parameter of any kind; matrices have unit rows, as every paper's data can be scaled to."""
    if p.kind == "activation":
        return rng.choice(ACTIVATIONS)
    if p.kind == "vector":
        return np.array([float(draw(rng, p.domain)) for _ in range(rng.randint(1, 5))])
    if p.kind == "matrix":
        rows = np.array([[rng.gauss(0, 1) for _ in range(3)] for _ in range(4)])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return draw(rng, p.domain)


def point_for(rng, paper, names):
    """Values for ``names``: parameters from their domains, quantities from (0, 1), where all of them are defined."""
    found = {}
    for name in names:
        p = paper.parameters.get(name)
        found[name] = draw_parameter(rng, p) if p else Fraction(rng.randint(1, 31), 32)
    return found


def is_number(q, name):
    """Whether a leaf takes a number (not an activation or an array)."""
    return q.paper.parameters[name].kind == "number" if name in q.paper.parameters else True


def leaves(q):
    """The parameters and hidden constants that the formula written out depends on; not what its activation gives."""
    names = {s.name for s in sympy.sympify(q.expand()).free_symbols}
    return sorted(names - set(supplied(q)) if "activation" in names else names)


def supplied(q):
    """What an activation supplies: name -> how to read it off."""
    roles = {p.name: ACTIVATION_ROLES.get(p.role) for p in q.paper.parameters.values()}
    return {n: read for n, read in roles.items() if read}


def defined(q, names, seed, count=1, fixed=None):
    """``count`` points at which the formula has a finite value; some values may be ``fixed``."""
    rng, found = random.Random(f"{q.key} {seed}"), []
    for _ in range(200):
        values = {**point_for(rng, q.paper, names), **(fixed or {})}
        try:
            found += [values] if np.all(np.isfinite(q.evaluate(**values))) else []
        except bounds.TheoryError as error:
            if "undefined" not in str(error):
                raise
        if len(found) == count:
            return found
    raise AssertionError(f"{q.key}: no point of its domain at which it is defined")
