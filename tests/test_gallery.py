"""The gallery: every figure in one folder, a page after each, and nothing lost by a failure or Ctrl-C."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

import cli
from bounds.errors import TheoryError
from bounds.registry import papers
from empirics import gallery
from empirics.experiments import figures
from empirics.experiments.liu2020 import fig2
from empirics.figures import write_csv
from empirics.gallery_page import page, png_size

VOID = {"meta", "img", "br", "link", "hr"}


class Page(HTMLParser):
    """Links, pictures, ids and text of a page whose tags must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.images, self.ids, self.headings, self.text = [], [], [], [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.links += [given["href"]] if "href" in given else []
        self.images += [given] if tag == "img" else []
        self.ids += [given["id"]] if "id" in given else []
        self.headings += [tag] if re.fullmatch("h[1-6]", tag) else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


@dataclasses.dataclass(frozen=True)
class Setting:
    seeds: int = 2
    device: str = "cpu"


class Result:
    """What a figure's run gives."""

    def __init__(self, interrupted=False):
        self.interrupted = interrupted

    def summary(self):
        return "seen <b>1</b> & 2 in 3 runs, as the paper reports; more\nsecond line"


def module(run, *, needs=False):
    """A figure's module that writes one CSV."""

    def save(found, folder):
        return [write_csv(folder / "own.csv", ("a",), [(1.0,)])]

    return SimpleNamespace(
        __doc__='Figure 9: "quotes" & a < b.\n\nMore.', PAPER=Setting(seeds=9), REDUCED=Setting(), NEEDS_DATA=needs,
        SAMPLES=7, run=run, save=save,
    )  # fmt: skip


@pytest.fixture
def fake(monkeypatch):
    """Stand-ins for the trained figures; banerjee2023.fig1 and song2021.fig1 by default do nothing wrong."""
    known = {}
    monkeypatch.setattr(gallery, "figures", lambda: known)
    monkeypatch.setattr(gallery, "figure", known.__getitem__)
    for name in ("banerjee2023.fig1", "song2021.fig1"):
        known[name] = module(lambda *_: Result())
    return known


def read(folder):
    return Page((folder / "index.html").read_text())


def test_all_figures_are_known_in_the_papers_order():
    names = gallery.figure_names()
    assert set(figures()) < set(names)
    assert {f"{p.key}.{f}" for p in papers().values() for f in p.figures} < set(names)
    firsts = list(dict.fromkeys(name.split(".")[0] for name in names))
    assert firsts == [key for key in papers() if key in firsts]


def test_a_figure_that_is_none_is_named_with_those_there_are(tmp_path):
    with pytest.raises(TheoryError, match=r"no figure 'fu2018\.no-figure'.*there is .*fu2018\.fig2"):
        gallery.reproduce_all(tmp_path / "new", names=["fu2018.fig2", "fu2018.no-figure"])
    assert not (tmp_path / "new").exists()


def test_real_figures_are_made_and_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(fig2, "REDUCED", dataclasses.replace(fig2.REDUCED, widths=(5, 8), seeds=1, steps=3))
    said = []
    made = gallery.reproduce_all(tmp_path / "new", names=["liu2020.fig2", "fu2018.fig2"], progress=said.append)
    assert [m.name for m in made] == ["liu2020.fig2", "fu2018.fig2"]
    assert all(m.seconds > 0 and not m.error and not m.interrupted and m.summary for m in made)
    for m in made:
        assert {".csv", ".png", ".svg"} == {p.suffix for p in m.paths}
        assert all(p.is_file() and p.parent == tmp_path / "new" for p in m.paths)
    assert said[0] == "liu2020.fig2 (1 of 2)"
    assert any(s.startswith("liu2020.fig2: linear output") for s in said)
    shown = read(tmp_path / "new")
    assert shown.headings == ["h1", "h2", "h3", "h2", "h3"]
    assert len(set(shown.ids)) == len(shown.ids)
    for link in [*shown.links, *(i["src"] for i in shown.images)]:
        target = unquote(link)
        assert target[1:] in shown.ids if target.startswith("#") else (tmp_path / "new" / target).is_file()
    assert len(shown.images) == 2
    for image in shown.images:
        assert len(image["alt"]) > 20
        from matplotlib.image import imread

        height, width = imread(tmp_path / "new" / image["src"]).shape[:2]
        assert (image["width"], image["height"]) == (str(width), str(height))
    for word in (papers()["liu2020"].title, made[0].summary.splitlines()[0], "widths: 5, 8", "torch", "rho(sigma)"):
        assert word in shown.text.replace("widths5", "widths: 5")
    assert "Figure 2: how far the tangent kernel moves" in made[0].title


def test_a_failure_is_listed_and_the_rest_go_on(tmp_path, fake):
    fake["banerjee2023.fig1"] = module(lambda *_: 1 / 0)
    made = gallery.reproduce_all(tmp_path, names=["banerjee2023.fig1", "song2021.fig1"])
    assert [m.error for m in made] == ["ZeroDivisionError: division by zero", ""]
    assert made[0].paths == ()
    shown = read(tmp_path)
    assert "could not be made: ZeroDivisionError: division by zero" in shown.text
    assert "failed: banerjee2023.fig1." in shown.text
    assert "own.csv" in shown.links


def test_an_error_of_ours_keeps_its_words_in_one_line(tmp_path, fake):
    def run(*_):
        raise TheoryError("the data\n could not be read")

    fake["song2021.fig1"] = module(run)
    (made,) = gallery.reproduce_all(tmp_path, names=["song2021.fig1"])
    assert made.error == "the data could not be read"


def test_the_page_is_there_after_every_figure(tmp_path, fake):
    seen = []

    def run(*_):
        seen.append(read(tmp_path))
        return Result()

    fake["song2021.fig1"] = module(run)
    gallery.reproduce_all(tmp_path, names=["banerjee2023.fig1", "song2021.fig1"])
    assert "not made yet: song2021.fig1" in seen[0].text
    assert "banerjee2023.fig1" in seen[0].ids
    assert "not made yet" not in read(tmp_path).text


@pytest.mark.parametrize("halfway", [True, False])
def test_ctrl_c_keeps_what_is_finished_and_ends_the_work(tmp_path, fake, halfway):
    def run(*_):
        if halfway:
            return Result(interrupted=True)
        raise KeyboardInterrupt

    fake["banerjee2023.fig1"] = module(run)
    made = gallery.reproduce_all(tmp_path, names=["fu2018.fig2", "banerjee2023.fig1", "song2021.fig1"])
    assert [(m.name, m.interrupted) for m in made] == [("fu2018.fig2", False), ("banerjee2023.fig1", True)]
    assert bool(made[1].paths) == halfway
    shown = read(tmp_path)
    assert ("shows the runs that were finished" in shown.text) == halfway
    assert "interrupted: banerjee2023.fig1; not made yet: song2021.fig1" in shown.text
    assert "fu2018.fig2.png" in shown.links


def test_figures_of_earlier_calls_stay(tmp_path, fake):
    gallery.reproduce_all(tmp_path, names=["banerjee2023.fig1"])
    gallery.reproduce_all(tmp_path, names=["fu2018.fig2"])
    assert {"banerjee2023.fig1", "fu2018.fig2"} <= set(read(tmp_path).ids)
    fake["banerjee2023.fig1"] = module(lambda *_: 1 / 0)
    (made,) = gallery.reproduce_all(tmp_path, names=["banerjee2023.fig1"])
    assert made.error
    shown = read(tmp_path)
    assert "own.csv" in shown.links
    assert "Reason: ZeroDivisionError: division by zero" in shown.text
    # a record whose files are gone is no figure
    (tmp_path / "own.csv").unlink()
    gallery.reproduce_all(tmp_path, names=["fu2018.fig2"])
    assert "banerjee2023.fig1" not in read(tmp_path).ids
    (tmp_path / "index.json").write_text("{broken")
    gallery.reproduce_all(tmp_path, names=["fu2018.fig2"])
    (record,) = json.loads((tmp_path / "index.json").read_text())["figures"]
    assert record["name"] == "fu2018.fig2"


def test_data_go_to_the_figures_that_need_them(tmp_path, fake):
    given = {}

    def run(name):
        return lambda setting, data, progress: given.update({name: (setting, data)}) or Result()

    fake["banerjee2023.fig1"] = module(run("a"), needs=True)
    fake["song2021.fig1"] = module(run("b"))
    names = ["banerjee2023.fig1", "song2021.fig1"]
    made = gallery.reproduce_all(tmp_path, names=names, data="digits", seed=3, paper_settings=True)
    assert not any(m.error for m in made)
    assert given["a"][1].X.shape == (7, 64)
    assert given["b"][1] is None
    assert {s.seeds for s, _ in given.values()} == {9}
    assert made[0].data.startswith("digits, 7 samples (seed 3)")
    gallery.reproduce_all(tmp_path, names=names[1:], device="cuda")
    assert given["b"][0] == Setting(seeds=2, device="cuda")


def test_words_are_escaped_and_sentences_kept(tmp_path, fake):
    gallery.reproduce_all(tmp_path, names=["song2021.fig1"])
    text = (tmp_path / "index.html").read_text()
    assert "Figure 9: &quot;quotes&quot; &amp; a &lt; b<" in text
    assert "<p>seen &lt;b&gt;1&lt;/b&gt; &amp; 2 in 3 runs, as the paper reports; more</p><p>second line</p>" in text
    record = {"name": "song2021.fig1", "paths": ["a b.png"], "title": "T", "summary": Result().summary(), "error": "",
              "interrupted": False, "attempt": "", "settings": {}, "data": "", "made": "now", "seconds": 75.2,
              "versions": {"python": "3"}}  # fmt: skip
    shown = Page(page([record], papers(), tmp_path))
    assert "seen <b>1</b> & 2" in shown.text
    assert "second line" in shown.text
    assert shown.images[0]["src"] == "a%20b.png"
    assert shown.images[0]["alt"] == "T: seen <b>1</b> & 2 in 3 runs, as the paper reports"
    assert "75 s" in shown.text


def test_a_page_is_replaced_whole_or_not_at_all(tmp_path, fake, monkeypatch):
    gallery.reproduce_all(tmp_path, names=["song2021.fig1"])
    before = (tmp_path / "index.html").read_text()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(gallery.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        gallery.reproduce_all(tmp_path, names=["banerjee2023.fig1"])
    assert (tmp_path / "index.html").read_text() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "index.json", "own.csv"]


def test_a_folder_that_cannot_be_written_is_named_before_any_training(tmp_path, fake):
    fake["song2021.fig1"] = module(lambda *_: pytest.fail("trained"))
    (tmp_path / "file").write_text("")
    with pytest.raises(TheoryError, match="cannot be written"):
        gallery.reproduce_all(tmp_path / "file", names=["song2021.fig1"])


def test_sizes_of_what_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert png_size(tmp_path / "a.png") is None
    assert png_size(tmp_path / "none.png") is None


def test_the_command_makes_every_figure_and_fails_where_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr("empirics.gallery.figure_names", lambda: ("fu2018.fig2",))
    done = CliRunner().invoke(cli.app, ["reproduce", "all", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == str(tmp_path / "index.html")
    assert (tmp_path / "index.html").is_file()
    odd = CliRunner().invoke(cli.app, ["reproduce", "all", "--steps", "3"])
    assert odd.exit_code == 2
    assert "--steps is for one figure" in odd.output
    monkeypatch.setattr("empirics.gallery._symbolic", lambda *_: (_ for _ in ()).throw(TheoryError("no paper left")))
    failed = CliRunner().invoke(cli.app, ["reproduce", "all", "--out", str(tmp_path / "other")])
    assert failed.exit_code == 3
    assert "failed: no paper left" in failed.stdout
