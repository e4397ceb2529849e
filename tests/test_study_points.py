"""A study over several settings of one paper keeps their verdicts apart, and says everywhere which is which."""

from __future__ import annotations

import csv
import io
import json

import pytest
from report_rows import Page, comparison, row

import empirics
from bounds.errors import TheoryError
from empirics.comparison import merge
from empirics.experiments import experiment
from empirics.experiments.allenzhu2019.judging import kind_of
from empirics.export import export
from empirics.gathered import calibration, groups, pooled
from empirics.report import Part, load, report
from empirics.store import Store, canonical
from empirics.study import parse, read, store_path
from empirics.sweep import run

NAMES = ("layer_jacobian", "hessian_norm", "rsc_threshold")
STUDY = """
[study]
paper = "banerjee2023"
quantities = ["layer_jacobian", "hessian_norm", "rsc_threshold"]
[grid]
widths = [64, 65]
seeds = [0, 1]
[setting]
L = 2
steps = 2
[data]
samples = [4, 8, 10000]
"""
HEADINGS = ["banerjee2023, samples = 4", "banerjee2023, samples = 8", "banerjee2023, samples = 10000"]


class Here:
    """Does the tasks in this process."""

    worker: dict = {}  # noqa: RUF012

    def stream(self, function, arguments):
        return ((k, function(argument)) for k, argument in enumerate(arguments))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study over numbers of samples, of which the last is more than there are."""
    path = tmp_path_factory.mktemp("study") / "n.toml"
    path.write_text(STUDY, encoding="utf-8")
    found = run(read(path), store_path(path), Here())
    assert (found.done, found.failed) == (8, 4)
    return path


@pytest.fixture(scope="module")
def alone():
    """What ``bounds compare`` says at each number of samples."""
    module = experiment("banerjee2023")
    setting = module.Setting(L=2, steps=2, widths=(64, 65), seeds=2)
    only = frozenset(f"banerjee2023.{name}" for name in NAMES)
    return {n: module.compare(setting, empirics.load("digits", samples=n), only) for n in (4, 8)}


def said(rows):
    return [canonical(r.to_dict()) for r in rows]


def test_each_number_of_samples_has_a_table_of_its_own(finished, alone, bash):
    with Store.read(store_path(finished)) as store:
        found = groups(store)
    assert [g.title for g in found] == HEADINGS
    assert [said(g.comparison.rows) for g in found[:2]] == [said(alone[n].rows) for n in (4, 8)]
    assert said(alone[4].rows) != said(alone[8].rows)
    code, out, _ = bash("study", "status", str(finished), "--verdicts")
    assert (code, [line.strip() for line in out.splitlines() if line.strip() in HEADINGS]) == (0, HEADINGS)
    code, out, _ = bash("study", "status", str(finished), "--verdicts", "--markdown")
    assert (code, [line.strip("*") for line in out.splitlines() if line.startswith("**")]) == (0, HEADINGS)


def test_spreadsheets_and_exports_name_the_number_of_samples(finished, alone, bash, tmp_path):
    wanted = [(str(n), r.quantity, str(r.width), r.verdict) for n in (4, 8) for r in alone[n].rows]
    code, out, _ = bash("study", "status", str(finished), "--verdicts", "--csv")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [(x["samples"], x["quantity"], x["width"], x["verdict"]) for x in lines] == wanted
    code, out, _ = bash("study", "status", str(finished), "--verdicts", "--json")
    assert [g["point"] for g in json.loads(out)["groups"]] == [{"samples": n} for n in (4, 8, 10000)]
    with Store.read(store_path(finished)) as store:
        export(store, tmp_path / "a.json", "gathered")
    records = json.loads((tmp_path / "a.json").read_text())
    assert [(str(x["samples"]), x["quantity"], str(x["width"]), x["verdict"]) for x in records] == wanted
    assert [x["measured"] for x in records] == [r.measured for n in (4, 8) for r in alone[n].rows]


def test_the_report_has_a_table_for_each_number_of_samples(finished, alone):
    parts = load(finished)
    assert [part.title for part in parts] == HEADINGS
    assert [said(part.comparison.rows) for part in parts] == [*(said(alone[n].rows) for n in (4, 8)), []]
    page = Page(report(parts))
    heads = [e["text"] for e in page.all("h3")]
    assert heads[:2] == HEADINGS[:2]  # of the verdicts
    captions = [e["text"] for e in page.all("caption")]
    assert captions[:2] == [f"Verdicts on the quantities of {title}" for title in HEADINGS[:2]]
    shown = [e["text"] for e in page.all("tr", class_="v")]
    assert len(shown) == sum(len(c.rows) for c in alone.values())
    assert page.all("ul", class_="tally")[0]["text"].count("NOT MET") == 1
    notes = next(e["text"] for e in page.all("section", id="remarks"))
    assert "4 tasks failed" in notes
    badges = next(e["text"] for e in page.all("ul", class_="badges") if "samples" in e["text"])
    assert "at widths 64, 65 (samples = 4; samples = 8)" in badges
    captions = {e["text"] for e in page.all("figcaption")}
    assert captions == {
        "All 2 settings together: each mark is judged by the bound at its own, the line is their median."
    }
    assert any(", samples = 8" in e["text"] for e in page.all("title"))
    ids = [e["attrs"]["id"] for e in page.elements if "id" in e["attrs"]]
    assert len(ids) == len(set(ids))
    assert all(e["attrs"]["href"][1:] in ids for e in page.all("a"))


def test_the_loosest_and_the_tightest_bound_say_where(finished):
    parts = load(finished)
    text = Page(report(parts)).all("p", class_="extremes")[0]["text"]
    least = {}
    for part in parts:
        for r in part.comparison.rows:
            if r.slack is not None and r.side == "upper":
                least.setdefault(r.quantity, []).append((r.slack, f"at width {r.width} ({part.where})"))
    places = [min(found) for found in least.values()]
    assert max(places)[1] in text.split("Tightest")[0]
    assert min(places)[1] in text.split("Tightest")[1]


def test_one_setting_is_one_table_without_more_words(finished):
    part = load(finished)[0]
    page = report([Part(part.paper, part.comparison)])
    assert page == report(part.comparison)
    assert "samples = 4" not in page


def test_comparisons_of_one_paper_are_not_merged():
    with pytest.raises(TheoryError, match="banerjee2023 is in 2 comparisons, maybe of different settings"):
        merge([comparison([row()]), comparison([row("song2021.row_norm")]), comparison([row()])])


def test_only_orders_are_pooled_and_what_points_share_is_counted_once(tmp_path):
    """A ResNet's tau changes nothing in the other networks."""
    only = ["gradient_upper", "separateness"]  # an order, and a bound in numbers
    document = {
        "study": {"paper": "allenzhu2019", "quantities": only},
        "grid": {"widths": [8, 9], "seeds": [0, 1], "tau": [0.1, 0.2]},
        "setting": {"networks": "mlp,resnet", "perturbed_samples": 2, "steps": 2, "points": 2},
        "data": {"samples": [4, 6]},
    }
    run(parse(document), tmp_path / "a.sqlite", Here())
    with Store.read(tmp_path / "a.sqlite") as store:
        found, apart = pooled(store)["allenzhu2019"], groups(store)
        constants = calibration(store, "a test").constants
    assert len(apart) == 4
    assert {r.quantity for r in apart[0].comparison.rows} == {f"allenzhu2019.{name}" for name in only}
    assert {r.quantity for r in found.rows} == {"allenzhu2019.gradient_upper"}
    rows = {kind_of(r): r for r in found.rows}
    of = {
        kind: [
            [c for c in g.comparison.cases if c.quantity == "allenzhu2019.gradient_upper" and kind_of(c) == kind]
            for g in apart
        ]
        for kind in ("mlp", "resnet")
    }
    assert apart[0].point["samples"] == apart[1].point["samples"]  # these differ in tau only
    assert rows["mlp"].cases == len(of["mlp"][0]) + len(of["mlp"][2])
    assert rows["resnet"].cases == sum(map(len, of["resnet"]))
    (constant,) = constants.values()
    assert constant.value == pytest.approx(max(c.details["ratio"] for cases in of["mlp"] for c in cases))
    assert constant.cases == rows["mlp"].cases
