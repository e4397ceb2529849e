"""A study of any paper says what one comparison over its widths and seeds says: nothing is missing or counted twice."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

import empirics
from bounds.errors import TheoryError
from empirics.comparison import Comparison
from empirics.experiments import experiment, experiments
from empirics.gathered import groups
from empirics.request import needs_data
from empirics.store import Store
from empirics.study import parse
from empirics.sweep import run

TINY = {
    "allenzhu2019": {
        "steps": 2, "points": 2, "sgd_steps": 2, "loss_steps": 2, "loss_samples": 3, "perturbed_samples": 2,
        "omegas": [1e-3, 1e-2], "channels": [2, 3],
    },
    "banerjee2023": {"L": 2, "steps": 2, "restarts": 1, "restart_steps": 1},
    "fu2018": {"d": 3, "sample_sizes": [60, 120], "steps": 3, "wide": 4, "restarts": 0, "starts": 1},
    "liu2020": {"L": 2, "steps": 2, "init_seeds": 3, "sgd_runs": 2, "sgd_steps": 3, "restarts": 1, "restart_steps": 1},
    "song2021": {"steps": 2, "init_seeds": 3, "restarts": 1, "restart_steps": 1},
}  # fmt: skip
"""Settings with which everything is measured, quickly; those of a paper that is not here are its own."""
WIDTHS = {"fu2018": [3, 2]}
"""Neurons, at most as many as inputs; units in the other papers."""
SAMPLES = 6


class Here:
    """Does the tasks in this process."""

    worker: dict = {}  # noqa: RUF012

    def stream(self, function, arguments):
        return ((k, function(argument)) for k, argument in enumerate(arguments))


def document(paper, **changes):
    """A study file's content: two widths, not ascending, and two seeds."""
    data = {"data": {"samples": SAMPLES}} if needs_data(experiment(paper)) else {}
    grid = {"widths": WIDTHS.get(paper, [9, 8]), "seeds": [0, 1]}
    return {"study": {"paper": paper}, "grid": grid, "setting": TINY.get(paper, {}) | changes, **data}


def studied(paper, path) -> Comparison:
    """What the study gathers, through its store."""
    found = run(parse(document(paper)), path, Here())
    assert (found.done, found.reasons) == (4, {})
    with Store.read(path) as store:
        (group,) = groups(store)
    return group.comparison


def at_once(paper) -> Comparison:
    """What ``bounds compare`` says for the same widths and seeds."""
    module = experiment(paper)
    fields = {name: tuple(v) if isinstance(v, list) else v for name, v in TINY.get(paper, {}).items()}
    setting = module.Setting(**fields, widths=tuple(WIDTHS.get(paper, (9, 8))), seeds=2)
    return module.compare(setting, empirics.load("digits", samples=SAMPLES) if needs_data(module) else None)


def known(row):
    """What a row or case says, but for numbers that the rounding of a batch of networks may change."""
    return row.quantity, row.side, row.width, row.label, row.verdict, row.seeds, row.cases, row.exact


def numbers(row):
    """Its numbers, NaN where it has none."""
    return [math.nan if x is None else x for x in (row.predicted, row.measured, row.slack, row.details.get("upper"))]


@pytest.mark.parametrize("paper", sorted(experiments()))
def test_the_gathered_rows_are_those_of_one_run(paper, tmp_path):
    apart, together = studied(paper, tmp_path / "a.sqlite"), at_once(paper)
    assert len(together.rows) > 20
    assert [known(r) for r in apart.rows] == [known(r) for r in together.rows]
    for one, other in zip(apart.rows, together.rows, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), rel=1e-8, abs=1e-10, nan_ok=True), other
        assert one.reasons == other.reasons
    assert Counter(map(known, apart.cases)) == Counter(map(known, together.cases))
    one, other = (x.configuration["runs"] for x in (apart, together))
    runs = [Counter((r.get("network"), r.get("method"), r["width"], r["seed"]) for r in x) for x in (one, other)]
    assert runs[0] == runs[1]


def test_what_does_not_depend_on_the_widths_goes_with_the_first_of_them():
    tasks = parse(document("allenzhu2019")).tasks
    found = [(*t.setting["widths"], t.setting["first_seed"], t.setting["fresh"], t.setting["shared"]) for t in tasks]
    assert found == [(9, 0, True, True), (9, 1, False, True), (8, 0, True, False), (8, 1, False, False)]
    only = parse(document("allenzhu2019", networks="cnn")).tasks  # nothing is left for a second width
    assert [(*t.setting["widths"], t.setting["first_seed"]) for t in only] == [(9, 0), (9, 1)]
    with pytest.raises(TheoryError, match="shared is set by the study: leave it out"):
        parse(document("allenzhu2019", shared=True))


def test_the_parts_are_seen_where_they_are_asked_for():
    """So that the comparison above is not one of nothing with nothing."""
    module = experiment("fu2018")
    only = frozenset({"fu2018.sample_hessian_lipschitz_printed"})
    fields = {name: tuple(v) if isinstance(v, list) else v for name, v in TINY["fu2018"].items()}
    setting = module.Setting(**fields, widths=(2,), seeds=1)
    with_it, without = (
        {c.width for c in module.compare(replace(setting, shared=on), None, only).cases} for on in (True, False)
    )
    assert (with_it, without) == ({2, 4}, {2})
