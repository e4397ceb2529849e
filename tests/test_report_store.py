"""A report made from a study's store is that of the same runs in one table."""

from __future__ import annotations

import pytest

import empirics
from bounds.errors import TheoryError
from empirics.engines import Local
from empirics.experiments.banerjee2023 import Setting, compare
from empirics.report import load, report
from empirics.study import read, store_path
from empirics.sweep import run

STUDY = """
[study]
name = "widths"
kind = "compare"
quantities = ["banerjee2023.weight_norm_init"]
[grid]
widths = [16, 24]
seeds = [0, 1]
[setting]
L = 2
steps = 2
points = 1
[data]
samples = 8
"""


def test_a_study_is_reported_as_one_run_over_its_grid(tmp_path):
    path = tmp_path / "a study ü.toml"
    path.write_text(STUDY, encoding="utf-8")
    with pytest.raises(TheoryError, match=r"a study ü\.sqlite"):
        load(path)  # nothing has been run
    run(read(path), store_path(path), Local(workers=1))
    setting = Setting(widths=(16, 24), seeds=2, L=2, steps=2, points=1)
    whole = compare(setting, empirics.load("digits", samples=8), frozenset({"banerjee2023.weight_norm_init"}))
    for source in (path, store_path(path)):
        (part,) = found = load(source)
        assert (part.paper, part.where) == ("banerjee2023", "")
        assert [r.to_dict() for r in part.comparison.rows] == [r.to_dict() for r in whole.rows]
        assert "weight_norm_init" in report(found, title="widths")
