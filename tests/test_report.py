"""The report's page: proper HTML, numbers as measured, everything escaped, nothing fetched."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from click.testing import CliRunner
from report_rows import EVIL, SIX, Page, comparison, row

import bounds
import empirics
from bounds.commands.report import report as command
from bounds.errors import TheoryError
from bounds.registry import errata
from bounds.tables import dumps
from empirics.comparison import Comparison
from empirics.experiments import song2021
from empirics.report import browser, from_dict, load, report, write


@pytest.fixture(scope="module")
def page():
    cases = [row(width=w, measured=m, seeds=(s,)) for w in (64, 128) for s, m in enumerate((9.0, 10.0))]
    run = {"width": 64, "seed": 0, "loss_first": 0.5, "radii": {"rho": 0.25}}
    made = comparison(SIX, cases, notes=[f"note {EVIL}"], findings=[f"found {EVIL}"], runs=[run], own=EVIL)
    return Page(report(made, title=f"Title {EVIL}", question=f"Why {EVIL}?", command=f"bounds {EVIL}"))


def test_document(page):
    ids = [e["attrs"]["id"] for e in page.elements if "id" in e["attrs"]]
    assert len(ids) == len(set(ids))
    links = [e["attrs"]["href"] for e in page.all("a")]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert [e["tag"] for e in page.elements][:2] == ["html", "head"]
    assert page.all("html")[0]["attrs"]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5
    assert all(e["attrs"].get("scope") in ("col", "row") for e in page.all("th"))
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch(r"h[1-6]", e["tag"])]
    assert all(below <= above + 1 for above, below in pairwise(levels)), levels
    assert all(e["attrs"].get("aria-label") or e["attrs"].get("aria-hidden") for e in page.all("svg"))


def test_nothing_is_fetched_and_no_script_runs(page):
    made = comparison(SIX)
    text = report(made)
    assert not page.all("script") + page.all("link") + page.all("img") + page.all("iframe")
    assert not re.search(r"""(?:src|href)=["'](?!#)""", text)
    assert not re.search(r"url\(|@import|https?:", text)
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["attrs"]["content"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert not any(name.startswith("on") for e in page.elements for name in e["attrs"])


def test_texts_are_escaped(page):
    for tag in ("title", "h1", "code", "li", "td", "dd"):
        assert any(EVIL in e["text"] for e in page.all(tag)), tag
    assert EVIL in page.all("p", class_="question")[0]["text"]


def test_table_shows_what_was_measured(page):
    lines = page.all("tr", class_="v")
    assert len(lines) == len(SIX)
    cells = [e for e in page.elements if e["tag"] == "td" and "data-label" in e["attrs"]]
    named = [(c["attrs"]["data-label"], c["text"]) for c in cells]
    shown = [dict(named[k : k + 7]) for k in range(0, len(named), 7)]
    assert [s["verdict"].lstrip("✓✕≈△–") for s in shown] == [r.verdict for r in SIX]
    assert [s["width"] for s in shown] == ["64", "128", "64", "64", "64", "64"]
    assert [s["predicted"].replace("\u202f", "") for s in shown] == ["≤100", "≤100", "≤100", "≥100", "≥1", "–"]
    assert [s["measured"].replace("\u202f", "") for s in shown] == ["10", "1000", "≥10", "10−9", "10", "10"]
    assert [s["slack"] for s in shown] == ["+1.00", "−1.00", "+1.00", "−11.00", "+1.00", "–"]
    names = [e["text"] for e in page.all("th", scope="row")]
    assert [n.endswith(r.quantity.split(".")[1]) for n, r in zip(names, SIX, strict=True)] == [True] * 6


def test_notes_say_why(page):
    notes = [e["text"] for e in page.all("li") if e["attrs"].get("id", "").startswith("note-")]
    assert notes == ["the measurement exceeds the bound", "one-sided", f"assumption: {EVIL}"]


def test_tally(page):
    tally = page.all("ul", class_="tally")[0]["text"]
    assert tally == "✕VIOLATED1△NOT MET1≈CONSISTENT1✓HOLDS1✓MET1–NOT APPLICABLE1"


def test_errata_met_are_those_of_the_quantities(page):
    met = {e["attrs"]["id"] for e in page.all("article") if e["attrs"]["id"].startswith("erratum-")}
    names = {r.quantity.split(".")[1] for r in SIX}
    known = {f"erratum-banerjee2023-{e.name}" for e in errata("banerjee2023") if names & set(e.quantities)}
    assert met == known != set()


def test_configuration_and_versions_are_complete(page):
    pairs = page.all("dl", class_="pairs")
    for key in ("data", "samples", "input_dim", "own"):
        assert key in pairs[0]["text"]
    assert pairs[1]["text"] == "bounds9"
    runs = page.all("table", class_="runs")[0]["text"]
    assert all(word in runs for word in ("width", "loss first", "radii: rho", "64", "0.5", "0.25"))


def test_a_file_gives_the_same_page(tmp_path):
    made = comparison(SIX, SIX)
    path = tmp_path / "a b é.json"
    path.write_text(dumps(made.to_dict()), encoding="utf-8")
    assert report(load(path)) == report(made)
    page = write(tmp_path / "page.html", load(path), title="T")
    assert page.read_text(encoding="utf-8") == report(made, title="T")
    with pytest.raises(TheoryError, match="cannot be written"):
        write(tmp_path / "none" / "page.html", made)


def test_nothing_to_report():
    with pytest.raises(TheoryError, match="nothing to report"):
        report(Comparison((), {}, {}))
    with pytest.raises(TheoryError, match="no rows"):
        from_dict(7)


def test_interrupted_runs_say_so():
    assert "were interrupted" in report(comparison(SIX, interrupted=True))
    assert "were interrupted" not in report(comparison(SIX))


def test_command(tmp_path):
    source, out = tmp_path / "runs.json", tmp_path / "out.html"
    source.write_text(dumps(comparison(SIX).to_dict()))
    done = CliRunner().invoke(command, [str(source), "-o", str(out), "--title", "A & B", "--question", "Why?"])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(out)
    assert "<h1>A &amp; B</h1>" in out.read_text(encoding="utf-8")


def test_command_without_a_browser(tmp_path, monkeypatch):
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    source, out = tmp_path / "runs.json", tmp_path / "out.html"
    source.write_text(dumps(comparison(SIX).to_dict()))
    done = CliRunner().invoke(command, [str(source), "-o", str(out), "--pdf", "x.pdf"])
    assert isinstance(done.exception, TheoryError)
    assert re.fullmatch(r"--pdf x.pdf: no Chromium or Chrome is found; install one .*", str(done.exception))
    assert not out.exists()


def test_the_named_browser_must_exist(monkeypatch):
    monkeypatch.setenv(browser.VARIABLE, "/no/such/program")
    with pytest.raises(TheoryError, match="no such program"):
        browser.find_chromium()


def test_notebooks_show_tables():
    table = comparison(SIX).table()
    page = Page(table._repr_html_())
    assert [e["text"] for e in page.all("th")] == list(table.columns)
    assert [e["text"] for e in page.all("td")] == [c for r in table.rows for c in r]
    latex = table._repr_latex_()
    assert latex.count(r"\\") == len(table.rows) + 1
    body = latex.split("\n")[2:-1]
    assert all(len(re.findall(r"(?<!\\)&", line)) == len(table.columns) - 1 for line in body)
    for result in (bounds.required_width("banerjee2023"), bounds.required_width("quoted.du2019", n=8)):
        assert result.quantity.key in Page(result._repr_html_()).all("td")[0]["text"]
        assert result._repr_latex_().startswith(r"\begin{tabular}{l")


def test_a_real_comparison_and_its_file(tmp_path):
    """song2021 has every kind of row: orders over all widths, undefined predictions, probabilities."""
    data = empirics.load("digits", samples=8)
    made = song2021.compare(song2021.Setting(widths=(4, 24), seeds=2, steps=4, init_seeds=6), data)
    path = tmp_path / "runs.json"
    path.write_text(dumps(made.to_dict()), encoding="utf-8")
    text = report(made)
    assert report(load(path)) == text
    page = Page(text)
    assert len(page.all("tr", class_="v")) == len(made.rows)
    cards = [e["attrs"]["id"] for e in page.all("article") if e["attrs"]["id"].startswith("q-")]
    assert cards == list(dict.fromkeys(f"q-{r.quantity}" for r in made.rows))
    assert "all" in [e["text"] for e in page.all("td", class_="c-width")]
    for said in made.configuration["notes"] + made.configuration["findings"]:
        assert said in [e["text"] for e in page.all("li")]
