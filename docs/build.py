"""Build one page per paper from the model: ``python docs/build.py``. The tests fail when a page is out of date."""

from __future__ import annotations

from pathlib import Path

from bounds import registry
from bounds.display import relation_latex
from bounds.model import Erratum, Paper, Parameter, Quantity

FOLDER = Path(__file__).parent


def page(paper: Paper) -> str:
    """The page of one paper, in Markdown."""
    parts = [
        f"# {paper.key}: {paper.title}",
        f"{paper.authors} ({paper.year}), {paper.venue}. Generated from the model; do not edit.",
        "## Setting",
        paper.setting.replace("*", r"\*").replace("_", r"\_"),
        "Standing assumptions: " + "; ".join(f"**{c.name}**: {_text(c.text)}" for c in paper.assumptions) + ".",
        "## Parameters",
        "| name | role | what | range | default |\n| --- | --- | --- | --- | --- |\n"
        + "\n".join(map(_parameter, paper.parameters.values())),
        "## Quantities",
        *map(_quantity, paper.quantities.values()),
        "## Errata",
        "Each has a demonstration that runs: `bounds errata " + paper.key + " --demonstrate`.",
        *map(_erratum, paper.errata),
        "## Citation",
        f"```bibtex\n{paper.bibtex}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _text(text: str) -> str:
    return text.replace("|", r"\|").replace("_", r"\_").replace("*", r"\*").replace("<", "&lt;")


def _parameter(p: Parameter) -> str:
    default = f"{p.default.value} ({_text(p.default.origin)})" if p.default else ""
    latex = p.latex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")  # a bar would end the table's cell
    return f"| `{p.name}` ${latex}$ | {_text(p.role)} | {_text(p.text)} | {_text(str(p.domain))} | {_text(default)} |"


def _quantity(q: Quantity) -> str:
    lines = [f"### `{q.name}`", f"{_text(q.text)} ({q.side}{', ' + q.direction if q.direction else ''}; {q.status})."]
    if q.conditions:
        lines += [f"* {c.name}: ${relation_latex(q, c.relation)}$, {_text(c.text)}" for c in q.conditions]
    else:
        lines.append(f"$${q.to_latex()}$$")
    tail = [f"Source: {_text(q.source.place)}."]
    if q.assumptions:
        tail.append("Assumes: " + ", ".join(_text(c.name) for c in q.assumptions) + ".")
    if q.measured_by:
        tail.append(f"Measured by: {_text(q.measured_by)}.")
    if found := [e.name for e in q.paper.errata if q.name in e.quantities]:
        tail.append("Errata: " + ", ".join(found) + ".")
    return "\n\n".join([*lines, " ".join(tail)])


def _erratum(e: Erratum) -> str:
    return (
        f"### {e.name} ({e.kind}), {_text(e.source.place)}\n\n{_text(e.text)}\n\n"
        f"Printed: ${e.printed}$. Holds: ${e.proved}$."
    )


def main() -> None:
    """Write every page."""
    for paper in registry.papers().values():
        (FOLDER / f"{paper.key}.md").write_text(page(paper), encoding="utf-8")


if __name__ == "__main__":
    main()
