"""fu2018's errata: every demonstration confirms its claim with the numbers that were found independently."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bounds
from bounds.papers.fu2018 import counterexamples, identities

ERRATA = {e.name: e for e in bounds.errata("fu2018")}


def test_the_errata_are_those_of_the_paper():
    assert list(ERRATA) == [f"F{k}" for k in range(1, 11)]


@pytest.mark.parametrize("name", ERRATA)
def test_every_demonstration_confirms(name):
    shown = ERRATA[name].demonstrate()
    assert shown.confirmed is True, shown.observed
    assert shown.observed


def test_numbers_found_independently():
    ratios = counterexamples.critical_point_outside().numbers
    # n = 4 d K^3 log(d)^2 with unit constants: error/radius = (K/2) sqrt(log n)/log d
    for k, expected in ((5, 2.0), (10, 4.3), (30, 14.3)):
        n = 4 * 100 * k**3 * math.log(100) ** 2
        assert ratios[f"K={k}"] == pytest.approx(k / 2 * math.sqrt(math.log(n)) / math.log(100), rel=1e-9)
        assert round(ratios[f"K={k}"], 1) == expected
    assert ratios["distance"] == pytest.approx(math.hypot(0.998, 0.6), rel=1e-12)
    lipschitz = counterexamples.sample_lipschitz().numbers
    assert lipschitz["measured"] == pytest.approx(9.8e-4, abs=5e-6)
    assert lipschitz["printed"] == pytest.approx(2 / 1000**1.5, rel=1e-12)
    assert lipschitz["proved"] == pytest.approx(3 / 1000**1.5 + 1e-3, rel=1e-12)
    assert counterexamples.contraction_factor().numbers["factor"] == pytest.approx(1 - 0.02**2, rel=1e-12)
    assert counterexamples.union_of_events().numbers["both"] == 1 - 2 / 1024
    assert identities.cost_exponent().numbers["limit"] == 1.0


def test_the_fourth_tensor_by_hand():
    # along e_1 the six placements of I (x) I give 6, He_4 needs 3: the difference is 3 E[y], and E[y] = 1/2 for sigmoid
    eye = np.eye(3)
    doubled = counterexamples._with_identity(eye)
    assert doubled[0, 0, 0, 0] == 6
    assert doubled[0, 0, 1, 1] == doubled[0, 1, 0, 1] == doubled[0, 1, 1, 0] == 2
    # for M = v v^T each pair of places is counted once: x_1 x_2 I has six terms, two of them at (1, 2, 3, 3)
    v = np.array([1.0, 2.0, 0.0])
    once = counterexamples._with_identity(np.outer(v, v))
    assert once[0, 1, 2, 2] == pytest.approx(2)
    assert once[0, 0, 0, 0] == pytest.approx(6)
    numbers = counterexamples.fourth_tensor().numbers
    assert numbers["printed"] == pytest.approx(1.5, rel=1e-9)
    assert numbers["excess"] == pytest.approx(3, rel=1e-9)


def test_logarithms_by_hand():
    # at kappa = 1, X = 20 27 (5/16 / 2.144e-3)^2 and n = X log n, against X log(20)^2: the ratio is log n/log(20)^2
    x = 540 * (0.3125 / 2.14401852726314e-3) ** 2
    n = x
    for _ in range(200):
        n = x * math.log(n)
    assert identities.logarithms().numbers["kappa=1"] == pytest.approx(math.log(n) / math.log(20) ** 2, rel=1e-9)


def test_demonstrations_can_fail(monkeypatch):
    # with the true radius in place of the printed one, F2 has nothing to show; with K^2 operations fewer, nor F5
    real = identities.formula
    monkeypatch.setattr(identities, "formula", lambda name: real(name.removesuffix("_printed")))
    assert not identities.radius_power().confirmed
    monkeypatch.setattr(identities, "formula", lambda name: real(name) * (identities.K if name == "step_size" else 1))
    assert not identities.cost_exponent().confirmed
    values = counterexamples.value
    monkeypatch.setattr(counterexamples, "value", lambda name, **at: values(name.removesuffix("_printed"), **at))
    assert not counterexamples.sample_lipschitz().confirmed
    product = counterexamples._with_identity
    monkeypatch.setattr(counterexamples, "_with_identity", lambda m: product(m) / (2 if (m == np.eye(2)).all() else 1))
    assert not counterexamples.fourth_tensor().confirmed
