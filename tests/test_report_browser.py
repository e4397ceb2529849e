"""The report in a real browser: opened without complaints, at two sizes, light and dark, by keyboard, and printed.

Runs wherever a Chromium is found (``BOUNDS_CHROMIUM`` names one) and is skipped, with that reason, elsewhere.
"""

from __future__ import annotations

import re
from collections import Counter

import chromium
import pytest
from report_rows import SIX, Page, comparison, row

from bounds.errors import TheoryError
from empirics.report import find_chromium, print_pdf, write

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium or Chrome is installed on this machine")

SIZES = {"desktop": (1280, 900, False), "phone": (360, 740, True)}
TEXTS = ("body", ".question", "nav a", ".badge.holds", ".badge.violated", ".badge.not-met", ".c-at", ".facts dt", "h2")
CONTRAST = """(selector) => {
  const numbers = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => numbers(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const e = document.querySelector(selector);
  let back = e;
  while ((numbers(getComputedStyle(back).backgroundColor)[3] ?? 1) === 0) back = back.parentElement;
  const [a, b] = [light(getComputedStyle(e).color), light(getComputedStyle(back).backgroundColor)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    cases = [row(width=w, measured=m) for w in (64, 128) for m in (9.0, 10.0)]
    long = [row("liu2020.hessian_norm"), row("banerjee2023.c_H_safe")]  # the longest formulas
    run = {"width": 64, "seed": 0, "loss_first": 0.5, "radii": {f"radius_{k}": 0.25 for k in range(12)}}
    made = comparison([*SIX, *long], cases, notes=["a note"], findings=["a finding"], runs=[run] * 3)
    return write(tmp_path_factory.mktemp("a report é") / "page.html", made, title="A title", command="bounds compare")


@pytest.fixture(scope="module")
def tab():
    with chromium.tab() as found:
        yield found


@pytest.fixture
def opened(tab, page):
    """The page, freshly loaded in a light window of the desktop's size."""
    tab.complaints.clear()
    tab.requests.clear()
    tab.media("light")
    tab.size(*SIZES["desktop"][:2])
    tab.goto(page)
    return tab


def test_console_is_silent_and_nothing_is_fetched(opened, page):
    assert opened.complaints == []
    assert opened.requests == [page.resolve().as_uri()]
    assert opened.run("document.scripts.length") == 0
    assert opened.run("document.compatMode") == "CSS1Compat"  # no quirks: the document type is understood


def test_the_browser_mends_nothing(opened, page):
    """Where HTML is not valid, a browser adds, moves or closes elements: it finds as many as a strict reader."""
    strict = Counter(e["tag"] for e in Page(page.read_text(encoding="utf-8")).elements)
    names = "[...document.querySelectorAll('*')].map(e => e.localName)"
    assert Counter(map(str.lower, opened.run(names))) == strict


def test_the_console_would_be_heard(tab, tmp_path):
    """The test above can fail: a page that breaks its own policy is heard."""
    broken = tmp_path / "broken.html"
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
    broken.write_text(f"<!DOCTYPE html>{policy}<title>x</title><img src='missing.png'><script>1</script>")
    tab.complaints.clear()
    tab.goto(broken)
    tab.run("1")
    assert len(tab.complaints) >= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_fits_and_can_be_read(opened, page, size, scheme):
    width, height, mobile = SIZES[size]
    opened.size(width, height, mobile=mobile)
    opened.media(scheme)
    opened.goto(page)
    assert opened.run("document.documentElement.scrollWidth") <= width
    wide = (
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.formula, .scroll, .c-quantity, svg, math')"
    )
    beyond = f"{wide} && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    assert opened.run(beyond) == []
    dark = opened.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", dark)[:3])) < 200) == (scheme == "dark")
    ratios = {s: opened.run(f"({CONTRAST})({s!r})") for s in TEXTS}
    assert {s: r for s, r in ratios.items() if r < 4.5} == {}
    assert opened.complaints == []


def test_the_rendered_table(opened):
    text = "[...document.querySelectorAll('tr.v')].map(r => [...r.cells].map(c => c.innerText.trim()))"
    rows = opened.run(text)
    assert len(rows) == len(SIX) + 2
    assert rows[1][1:4] == ["128", "≤\u202f100", "1000"]
    assert [r[5].split("\n")[-1] for r in rows[:6]] == [s.verdict for s in SIX]
    length = "r => r.querySelector('.bar')?.getBoundingClientRect().width ?? 0"
    bars = opened.run(f"[...document.querySelectorAll('tr.v')].map({length})")
    assert bars[0] == pytest.approx(bars[1], abs=0.2)  # slacks of +1 and -1
    assert bars[0] > 1
    assert bars[5] == 0
    roles = "[...new Set([...document.querySelectorAll('.verdicts [role]')].map(e => e.role))].sort()"
    assert opened.run(roles) == ["cell", "columnheader", "row", "rowgroup", "rowheader"]


def test_formulas_are_set_as_mathematics(opened):
    sizes = opened.run(
        "[...document.querySelectorAll('math')].filter(m => m.checkVisibility())"
        ".map(m => [m.getBoundingClientRect().width, m.getBoundingClientRect().height])"
    )
    assert len(sizes) > 20
    assert all(w > 2 and h > 2 for w, h in sizes)
    fractions = opened.run(
        "[...document.querySelectorAll('mfrac')].filter(f => f.checkVisibility()).map(f => "
        "f.children[0].getBoundingClientRect().bottom <= f.children[1].getBoundingClientRect().top + 1)"
    )
    assert fractions
    assert all(fractions)


def test_long_formulas_scroll_by_themselves(opened, page):
    opened.size(*SIZES["phone"][:2], mobile=True)
    opened.goto(page)
    inside = "[...document.querySelectorAll('.formula')].every(f => f.getBoundingClientRect().right <= innerWidth)"
    assert opened.run(inside)
    assert opened.run("[...document.querySelectorAll('.formula')].some(f => f.scrollWidth > f.clientWidth)")


def test_keyboard(opened):
    opened.settle()
    opened.press("Tab")
    assert opened.run("document.activeElement.className") == "skip"
    assert opened.run("document.activeElement.getBoundingClientRect().left") >= 0
    opened.press("Enter")
    assert opened.run("location.hash") == "#verdicts"
    seen = set()
    for _ in range(12):
        opened.press("Tab")
        seen.add(opened.run("document.activeElement.tagName"))
        ring = "[e, e.nextElementSibling ?? e].some(x => getComputedStyle(x).outlineStyle === 'solid')"
        assert opened.run(f"(e => {ring})(document.activeElement)")  # of a radio button: on the label beside it
    assert {"INPUT", "SUMMARY", "A"} <= seen


def test_filter_without_a_script(opened):
    visible = "[...document.querySelectorAll('tr.v')].filter(r => r.checkVisibility()).length"
    everything = opened.run(visible)
    opened.run("document.querySelector('#show-violated').click()")
    assert (everything, opened.run(visible)) == (8, 1)
    opened.run("document.querySelector('#show-violated').focus()")
    opened.press("ArrowRight")
    assert opened.run("document.querySelector(':checked').id") == "show-not-met"
    assert opened.run(visible) == 1


def test_print_opens_what_is_folded(opened):
    opened.media(kind="print")
    opened.settle()
    shown = "e => e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height > 1"
    assert opened.run(f"[...document.querySelectorAll('details li')].every({shown})")
    assert not opened.run(f"[...document.querySelectorAll('nav, .filter, .skip')].some({shown})")
    assert opened.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_pdf(page, tmp_path):
    pdf = print_pdf(page, tmp_path / "a b.pdf")
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 1
    with pytest.raises(TheoryError, match="cannot be written"):
        print_pdf(page, tmp_path / "none" / "x.pdf")
    assert [p.name for p in tmp_path.iterdir()] == ["a b.pdf"]


def test_pdf_by_a_program_that_is_no_browser(page, tmp_path, monkeypatch):
    monkeypatch.setenv("BOUNDS_CHROMIUM", "true")
    with pytest.raises(TheoryError, match="printed nothing"):
        print_pdf(page, tmp_path / "x.pdf")
