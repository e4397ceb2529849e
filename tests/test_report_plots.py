"""Bars, numbers and plots: what stands on the page can be read back."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from report_rows import row

from empirics.report.axes import axis
from empirics.report.elements import number
from empirics.report.plots import plots
from empirics.report.ranking import ranked
from empirics.report.tables import bar_scale, slack_bar


@pytest.mark.parametrize("slack", [2.0, -1.0, 0.5])
def test_slack_bars(slack):
    bar = slack_bar(slack, 2.0)
    length = float(re.search(r"width:([\d.]+)%", bar)[1])
    assert length == pytest.approx(50 * abs(slack) / 2)
    assert ("over" in bar) == (slack > 0)
    assert "cut" not in bar
    assert "cut" in slack_bar(9.0, 2.0)


def test_the_scale_of_bars_is_not_an_outliers():
    slacks = [0.2] * 3 + [2.0] * 6 + [40.0]
    rows = [row(predicted=10.0**s, measured=1.0) for s in slacks]
    assert bar_scale(rows) == pytest.approx(2.0)
    assert bar_scale([]) == 1.0


@pytest.mark.parametrize("value", [189.236, -1.5e-9, 3.0, 0.0, 1e40, 0.99997, 1.0002, 12345.6, 9.9999, 0.00123456])
def test_numbers_can_be_read_back(value):
    text = str(number(value)).replace("\u202f", "").replace("−", "-")
    text = re.sub(r"×10<sup>(-?\d+)</sup>", r"e\1", text)
    text = re.sub(r"10<sup>(-?\d+)</sup>", r"1e\1", text)
    parts = re.fullmatch(r"1([-+])(.+)", text)
    read = 1 + float(parts[1] + parts[2]) if parts and abs(value - 1) < 1e-3 and value != 1 else float(text)
    assert read == pytest.approx(value, rel=6e-4)
    if parts and value != 1 and abs(value - 1) < 1e-3:
        assert read - 1 == pytest.approx(value - 1, rel=6e-3)


def test_ranking():
    rows = [
        row(measured=1.0),
        row(measured=10.0, width=128),
        row("banerjee2023.hessian_norm", measured=0.01),
        row("banerjee2023.required_width", "MET", predicted=1.0),
    ]
    assert [(round(s, 6), where, r.quantity, r.width) for s, where, r in ranked([("n = 2", r) for r in rows])] == [
        (4.0, "n = 2", "banerjee2023.hessian_norm", 64),
        (1.0, "n = 2", "banerjee2023.c_H", 128),  # at the width where it is tightest; the requirement is not ranked
    ]


def marks(drawing):
    tree = ElementTree.fromstring(drawing)
    return [(float(c.get("cx")), float(c.get("cy")), c.get("class")) for c in tree.findall("circle")], tree


def test_plot_places_marks_where_the_ticks_say():
    cases = [row(width=w, measured=m, predicted=1000.0) for w, m in ((16, 1.0), (64, 10.0), (256, 100.0))]
    (drawing,) = plots("banerjee2023.c_H", cases)
    found, tree = marks(drawing)
    xs, ys = zip(*[(x, y) for x, y, _ in sorted(found)], strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.3)  # widths by their logarithm
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=1)
    labels = {"".join(t.itertext()): float(t.get("y")) - 3.5 for t in tree.findall("text")}
    assert [labels[k] for k in ("1", "10", "100")] == pytest.approx(ys, abs=0.6)
    claim = next(p for p in tree.findall("path") if p.get("class") == "claim")
    heights = [float(y) for y in re.findall(r" ([\d.]+)(?=L|$)", claim.get("d"))]
    assert heights == pytest.approx([labels["1000"]] * 5, abs=0.2)


def test_plot_marks_by_verdict():
    cases = [
        row(width=16),
        row(width=16, measured=1e4, verdict="VIOLATED"),
        row(width=64, verdict="NOT APPLICABLE", measured=50.0),
    ]
    (drawing,) = plots("banerjee2023.c_H", cases)
    found, tree = marks(drawing)
    assert sorted(kind for *_, kind in found) == ["mark aside", "mark seen"]
    assert [p.get("class") for p in tree.findall("path") if "refuted" in p.get("class")] == ["mark refuted"]


def test_plots_against_samples_and_steps():
    cases = [row("liu2020.radius", width=64, step=s, details={"values": {"n": n}}) for n in (8, 16) for s in (0, 5, 10)]
    samples, steps = plots("liu2020.radius", cases)
    assert "number of samples n" in samples
    assert ">step<" in steps
    assert plots("liu2020.radius", cases[:1]) == []


def test_plot_with_numbers_that_have_no_logarithm():
    cases = [row(width=w, measured=m, predicted=1e9) for w, m in ((16, 0.0), (64, 1e-3), (64, 1.0))]
    (drawing,) = plots("banerjee2023.c_H", cases)
    found, tree = marks(drawing)
    assert "≤ 0" in ["".join(t.itertext()) for t in tree.findall("text")]
    assert max(y for _, y, _ in found) == min(found)[1]  # the zero stands lowest


@pytest.mark.parametrize("values", [[1.0], [-5.0, 3.0], [0.97, 1.0], [1e-30, 1e30], [0.0, 0.0], [2.0, 5e-324]])
def test_axes_show_everything(values):
    found = axis(values, 0.0, 100.0)
    places = [found.at(v) for v in values]
    assert all(0 <= p <= 100 for p in places)
    assert sorted(places) == [p for _, p in sorted(zip(values, places, strict=True))]
    assert len(found.ticks) >= 2
