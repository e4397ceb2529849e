"""A comparison as one self-contained page: no script, no font and no picture from anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from bounds.errors import TheoryError
from bounds.model import Paper
from bounds.registry import paper as find_paper
from empirics.report.cards import card, condition, errata_met, erratum_entry
from empirics.report.configuration import configuration, question_of, versions_list
from empirics.report.elements import Markup, anchor, element, join
from empirics.report.parts import Part, Reported, by_paper, parts_of, rows_of
from empirics.report.plots import legend
from empirics.report.ranking import extremes, ranking
from empirics.report.tables import VERDICTS, badge, counts, filter_rules, verdict_filter, verdict_table
from empirics.verdict import Row

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing may be fetched, and no script may run, whatever the texts of a comparison hold."""


def report(made: Reported, *, title: str = "", question: str = "", command: str = "") -> str:
    """The page.

    Args:
        made: A comparison, or the parts of a study: each has a table of its own, under what sets it apart.
        title: The heading; by default the papers' names.
        question: What the runs were to answer; by default what was compared, from the configuration.
        command: How the runs were made.

    Returns:
        A complete HTML document.

    Raises:
        TheoryError: The comparison has no rows.
    """
    parts = parts_of(made)
    rows = rows_of(parts)
    if not rows:
        raise TheoryError("the comparison has no rows, so there is nothing to report")
    title = title or f"Prediction against reality: {', '.join(by_paper(parts))}"
    sections = _sections(parts)
    head = element("header", *_heading(parts, title, question, command))
    main = element(
        "main", *(element("section", element("h2", name), body, id=key) for key, name, body in sections), id="main"
    )
    links = [element("li", element("a", name, href=f"#{key}")) for key, name, _ in sections]
    nav = element("nav", element("ul", *links), aria_label="Contents")
    skip = element("a", "Skip to the verdicts", href="#verdicts", class_="skip")
    return _document(title, filter_rules(rows), join([skip, head, nav, main, _footer(parts)], "\n"))


def write(path: str | Path, made: Reported, *, title: str = "", question: str = "", command: str = "") -> Path:
    """Write the page to a file.

    Args:
        path: The file; its folder must exist.
        made: What was compared.
        title: The heading.
        question: What the runs were to answer.
        command: How they were made; all as for `report`.

    Returns:
        The path.

    Raises:
        TheoryError: It cannot be written.
    """
    path, text = Path(path), report(made, title=title, question=question, command=command)
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


def _heading(parts: Sequence[Part], title: str, question: str, command: str) -> Iterable[Markup | None]:
    """Title, question, the verdicts in numbers, and what stands out."""
    yield element("h1", title)
    asked = [(key, c) for part in parts for key, c in part.comparison.configurations.items()]
    yield element("p", question or question_of(asked), class_="question")
    if any(part.comparison.interrupted for part in parts):
        yield element("p", "The runs were interrupted: the page covers what was finished.", class_="warning")
    tally = [element("li", badge(v), element("strong", k)) for v, k in counts(rows_of(parts)).items()]
    yield element("ul", *tally, class_="tally", aria_label="Verdicts")
    yield extremes(_placed(parts))
    yield element("p", "Made with ", element("code", command), class_="command") if command else None


def _placed(parts: Sequence[Part]) -> list[tuple[str, Row]]:
    """Every row with what sets its part apart."""
    return [(part.where, row) for part in parts for row in part.comparison.rows]


def _sections(parts: Sequence[Part]) -> list[tuple[str, str, Markup]]:
    """(anchor, heading, content) of each part of the page."""
    keys = list(dict.fromkeys(r.quantity for r in rows_of(parts)))
    found = [
        ("verdicts", "Verdicts", _verdicts(parts)),
        ("theorems", "Theorems", _theorems(parts)),
    ]
    if met := errata_met(keys):
        intro = element("p", "Places where print and proof differ, among the quantities above. ", class_="lead")
        found.append(("errata", "Errata met", join([intro, *(erratum_entry(e, keys) for e in met)])))
    if said := _said(parts, "findings"):
        found.insert(1, ("findings", "Findings", said))
    if said := _said(parts, "notes"):
        found.append(("remarks", "Notes", said))
    asked = [(part.title, c) for part in parts for c in part.comparison.configurations.values()]
    found.append(("configuration", "Configuration", configuration(asked)))
    found.append(("versions", "Versions", versions_list(_versions(parts))))
    return found


def _verdicts(parts: Sequence[Part]) -> Markup:
    rows, shown = rows_of(parts), [part for part in parts if part.comparison.rows]
    meaning = [join([element("dt", badge(v)), element("dd", VERDICTS[v][1])]) for v in counts(rows)]
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
    for k, part in enumerate(shown):
        if len(shown) > 1:
            tables.append(element("h3", part.title))
        notes = anchor("note", part.paper, *([str(k)] if part.where else []))
        tables.append(verdict_table(part.comparison.rows, part.title, notes))
    return join([verdict_filter(rows), explained, ranking(_placed(parts)), *tables], "\n")


def _theorems(parts: Sequence[Part]) -> Markup:
    found: list[Markup] = [legend()]
    for key, own in by_paper(parts).items():
        found.append(_paper(find_paper(key)))
        found += [card(q, own) for q in dict.fromkeys(r.quantity for r in rows_of(own))]
    return join(found, "\n")


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


def _said(parts: Sequence[Part], what: str) -> Markup | None:
    """Findings or notes, part by part."""
    found = []
    for part in parts:
        for c in part.comparison.configurations.values():
            if lines := c.get(what):
                found += [element("h3", part.title)] if len(parts) > 1 else []
                found.append(element("ul", *(element("li", text) for text in lines), class_="said"))
    return join(found) if found else None


def _versions(parts: Sequence[Part]) -> Mapping[str, str]:
    """Those of all runs: a study keeps results of different versions apart."""
    return next(part.comparison.versions for part in parts if part.comparison.rows)


def _footer(parts: Sequence[Part]) -> Markup:
    version = _versions(parts).get("bounds", "")
    return element("footer", element("p", f"Written by bounds {version}. The page fetches nothing and runs no script."))
