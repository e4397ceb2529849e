"""song2021's errata: each demonstration confirms, with the numbers that were known beforehand."""

from __future__ import annotations

import math

import pytest

import bounds

PAPER = bounds.papers()["song2021"]
NUMBERS = {
    "S1": {"mean": (0.394294490397841174, 1e-14), "sum": (0.394294490397841174, 1e-9)},
    "S2": {"sigmoid": (0.5, 0), "softplus": (math.log(2), 1e-15), "width": (0, 0)},
    "S4": {"lipschitz": (5.0, 1e-5), "lemma_7": (1.0, 1e-6)},
    "S5": {"ratio": (5e-6, 0.05), "top": (1.11059677267242, 1e-12), "bound": (0.0766318639576323, 1e-12)},
    "S6": {"asked": (100.0, 1e-12)},
    "S9": {"lost": (math.sqrt(2) / 8, 1e-15), "excess": ((9 + 3 * math.sqrt(10)) / 8, 1e-15)},
    "S11": {"bound": (0.5 * math.sqrt(0.99), 1e-12), "gain": (0.99 * 9 * 900, 1e-12)},
    "S12": {"rank": (6, 0), "dimension": (6, 0)},
}


@pytest.mark.parametrize("erratum", PAPER.errata, ids=lambda e: e.name)
def test_demonstrations_confirm(erratum):
    shown = erratum.demonstrate()
    assert shown.confirmed, shown.observed
    assert shown.observed
    assert all(math.isfinite(x) for x in shown.numbers.values())
    for name, (wanted, rel) in NUMBERS.get(erratum.name, {}).items():
        assert shown.numbers[name] == pytest.approx(wanted, rel=rel, abs=1e-15), name


def test_every_erratum_is_there():
    assert [e.name for e in PAPER.errata] == [f"S{k}" for k in range(1, 13)]
