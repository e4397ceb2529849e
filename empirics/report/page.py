"""A comparison as one self-contained page: no script, no font and no picture from anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from bounds.errors import TheoryError
from bounds.model import Paper
from bounds.registry import paper as find_paper
from empirics.comparison import Comparison
from empirics.report.cards import card, condition, errata_met, erratum_entry
from empirics.report.configuration import configuration, question_of, versions_list
from empirics.report.elements import Markup, element, join
from empirics.report.plots import legend
from empirics.report.ranking import extremes, ranking
from empirics.report.tables import VERDICTS, badge, counts, filter_rules, verdict_filter, verdict_table
from empirics.verdict import Row

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing may be fetched, and no script may run, whatever the texts of a comparison hold."""


def report(comparison: Comparison, *, title: str = "", question: str = "", command: str = "") -> str:
    """The page.

    Args:
        comparison: Rows, cases, configurations and versions.
        title: The heading; by default the papers' names.
        question: What the runs were to answer; by default what was compared, from the configuration.
        command: How the runs were made.

    Returns:
        A complete HTML document.

    Raises:
        TheoryError: The comparison has no rows.
    """
    if not comparison.rows:
        raise TheoryError("the comparison has no rows, so there is nothing to report")
    papers = _by_paper(comparison.rows)
    title = title or f"Prediction against reality: {', '.join(papers)}"
    sections = _sections(comparison, papers)
    head = element("header", *_heading(comparison, title, question, command))
    main = element(
        "main", *(element("section", element("h2", name), body, id=key) for key, name, body in sections), id="main"
    )
    links = [element("li", element("a", name, href=f"#{key}")) for key, name, _ in sections]
    nav = element("nav", element("ul", *links), aria_label="Contents")
    skip = element("a", "Skip to the verdicts", href="#verdicts", class_="skip")
    return _document(title, filter_rules(comparison.rows), join([skip, head, nav, main, _footer(comparison)], "\n"))


def write(path: str | Path, comparison: Comparison, *, title: str = "", question: str = "", command: str = "") -> Path:
    """Write the page to a file.

    Args:
        path: The file; its folder must exist.
        comparison: What was compared.
        title: The heading.
        question: What the runs were to answer.
        command: How they were made; all as for `report`.

    Returns:
        The path.

    Raises:
        TheoryError: It cannot be written.
    """
    path, text = Path(path), report(comparison, title=title, question=question, command=command)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TheoryError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
    return path


def _document(title: str, rules: Markup, body: Markup) -> str:
    style = Markup(files("empirics.report").joinpath("style.css").read_text(encoding="utf-8") + rules)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', body), lang='en')}\n"


def _by_paper(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for r in rows:
        found.setdefault(r.quantity.split(".", 1)[0], []).append(r)
    return found


def _by_quantity(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for r in rows:
        found.setdefault(r.quantity, []).append(r)
    return found


def _heading(comparison: Comparison, title: str, question: str, command: str) -> Iterable[Markup | None]:
    """Title, question, the verdicts in numbers, and what stands out."""
    yield element("h1", title)
    yield element("p", question or question_of(comparison.configurations), class_="question")
    if comparison.interrupted:
        yield element("p", "The runs were interrupted: the page covers what was finished.", class_="warning")
    tally = [element("li", badge(v), element("strong", k)) for v, k in counts(comparison.rows).items()]
    yield element("ul", *tally, class_="tally", aria_label="Verdicts")
    yield extremes(comparison.rows)
    yield element("p", "Made with ", element("code", command), class_="command") if command else None


def _sections(comparison: Comparison, papers: Mapping[str, list[Row]]) -> list[tuple[str, str, Markup]]:
    """(anchor, heading, content) of each part of the page."""
    keys = list(dict.fromkeys(r.quantity for r in comparison.rows))
    found = [
        ("verdicts", "Verdicts", _verdicts(comparison, papers)),
        ("theorems", "Theorems", _theorems(comparison, papers)),
    ]
    if met := errata_met(keys):
        intro = element("p", "Places where print and proof differ, among the quantities above. ", class_="lead")
        found.append(("errata", "Errata met", join([intro, *(erratum_entry(e, keys) for e in met)])))
    if said := _said(comparison, "findings"):
        found.insert(1, ("findings", "Findings", said))
    if said := _said(comparison, "notes"):
        found.append(("remarks", "Notes", said))
    found.append(("configuration", "Configuration", configuration(comparison.configurations)))
    found.append(("versions", "Versions", versions_list(comparison.versions)))
    return found


def _verdicts(comparison: Comparison, papers: Mapping[str, list[Row]]) -> Markup:
    meaning = [join([element("dt", badge(v)), element("dd", VERDICTS[v][1])]) for v in counts(comparison.rows)]
    explained = element(
        "details",
        element("summary", "How to read the table"),
        element(
            "p",
            "Slack: powers of ten between prediction and measurement, positive (bar to the right) when the bound or "
            "requirement is satisfied. Each line shows the case with the least slack over seeds, steps and layers. "
            "Bars are cut, with an arrow, where they would be too long; the number beside them is not.",
        ),
        element("dl", *meaning, class_="facts meanings"),
    )
    tables = []
    for key, rows in papers.items():
        if len(papers) > 1:
            tables.append(element("h3", key))
        tables.append(verdict_table(rows, key))
    return join([verdict_filter(comparison.rows), explained, ranking(comparison.rows), *tables], "\n")


def _theorems(comparison: Comparison, papers: Mapping[str, list[Row]]) -> Markup:
    cases = _by_quantity(comparison.cases)
    parts: list[Markup] = [legend()]
    for key, rows in papers.items():
        parts.append(_paper(find_paper(key)))
        parts += [card(q, own, cases.get(q, ())) for q, own in _by_quantity(rows).items()]
    return join(parts, "\n")


def _paper(paper: Paper) -> Markup:
    """Where the theorems come from, and what all of them need."""
    parts = [
        element("h3", paper.title),
        element("p", paper.source_line, class_="source"),
        element("p", paper.setting, class_="setting"),
    ]
    if paper.assumptions:
        anyone = next(iter(paper.quantities.values()))
        items = [element("li", *condition(anyone, c)) for c in paper.assumptions]
        summary = element("summary", f"{len(items)} standing assumption{'s' if len(items) > 1 else ''}")
        parts.append(element("details", summary, element("ul", *items)))
    return element("div", *parts, class_="paper")


def _said(comparison: Comparison, what: str) -> Markup | None:
    """Findings or notes, paper by paper."""
    parts = []
    for key, c in comparison.configurations.items():
        if lines := c.get(what):
            parts += [element("h3", key)] if len(comparison.configurations) > 1 else []
            parts.append(element("ul", *(element("li", text) for text in lines), class_="said"))
    return join(parts) if parts else None


def _footer(comparison: Comparison) -> Markup:
    version = comparison.versions.get("bounds", "")
    return element("footer", element("p", f"Written by bounds {version}. The page fetches nothing and runs no script."))
