"""Build one page per paper from the model: ``python docs/build.py``. The tests fail when a page is out of date."""

from __future__ import annotations

from pathlib import Path

from bounds import registry
from bounds.compile import compile_expressions
from bounds.display import relation_latex
from bounds.errors import TheoryError
from bounds.evaluate import result_at
from bounds.model import Erratum, Paper, Parameter, Quantity
from bounds.values import check_domain, number
from bounds.views import value_text

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
        + "\n".join(_parameter(paper, p) for p in paper.parameters.values()),
        "## Quantities",
        *map(_quantity, paper.quantities.values()),
        "## Errata",
        "Each has a demonstration that runs: `bounds errata " + paper.key + " --demonstrate`.",
        *map(_erratum, paper.errata),
        *_scenarios(paper),
        "## Citation",
        f"```bibtex\n{paper.bibtex}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _scenarios(paper: Paper) -> list[str]:
    if not paper.scenarios:
        return []
    rows = [
        f"| `{paper.key}.{s.name}` | {_text(g.name)} | {g.value} | {_text(g.origin)} |"
        for s in paper.scenarios
        for g in s.values
    ]
    head = "| scenario | name | value | from |\n| --- | --- | --- | --- |\n"
    return [
        "## Scenarios",
        *(f"`{paper.key}.{s.name}`: {_text(s.text)}." for s in paper.scenarios),
        head + "\n".join(rows),
    ]


def _text(text: str) -> str:
    return text.replace("|", r"\|").replace("_", r"\_").replace("*", r"\*").replace("<", "&lt;")


def _parameter(paper: Paper, p: Parameter) -> str:
    default = f"{_value(paper, p.default.value)} ({_text(p.default.origin)})" if p.default else ""
    span = (
        str(p.domain) if p.kind == "number" else "a name or an expression" if p.kind == "activation" else f"a {p.kind}"
    )
    return f"| `{p.name}` ${_no_bars(p.latex)}$ | {_text(p.role)} | {_text(p.text)} | {_text(span)} | {default} |"


def _no_bars(latex: str) -> str:
    """A bar would end the table's cell."""
    return latex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")


def _value(paper: Paper, value: object) -> str:
    """A default: a number as it is, a formula in the paper's letters."""
    if not getattr(value, "free_symbols", None):
        return str(value)
    return f"${_no_bars(relation_latex(next(iter(paper.quantities.values())), value))}$"


def _quantity(q: Quantity) -> str:
    lines = [f"### `{q.name}`", f"{_text(q.text)} ({q.side}{', ' + q.direction if q.direction else ''}; {q.status})."]
    if q.conditions:
        lines += [f"* {c.name}: ${relation_latex(q, c.relation)}$, {_text(c.text)}" for c in q.conditions]
    else:
        lines.append(f"$${q.to_latex()}$$")
    if q.side_conditions:
        lines.append("The command `required-width` adds what the theorem's lemmas ask:")
        lines += [f"* {c.name}: ${relation_latex(q, c.relation)}$, {_text(c.text)}" for c in q.side_conditions]
    tail = [f"Source: {_text(q.source.place)}."]
    if q.hidden:
        tail.append("Hidden: " + "; ".join(f"`{c.name}`, {_text(c.text)}" for c in q.hidden) + ".")
    if q.orders:
        tail.append("Order: " + ", ".join(f"`{n}` to the power {e}" for n, e in q.orders.items()) + ".")
    if q.assumptions:
        tail.append("Assumes: " + ", ".join(_text(c.name) for c in q.assumptions) + ".")
    if q.measured_by:
        tail.append(f"Measured by: {_text(q.measured_by)}.")
    if found := [e.name for e in q.paper.errata if q.name in e.quantities]:
        tail.append("Errata: " + ", ".join(found) + ".")
    return "\n\n".join([*lines, " ".join(tail), *_example(q)])


def _example(q: Quantity) -> list[str]:
    """A command and what it prints, at the defaults and at plain values for what has none."""
    given = {n: _plain(q.paper.parameters[n]) for n in _bare(q)}
    try:
        found = result_at(q, given, defaults=True)
    except TheoryError as error:
        return [f"At the defaults: {_text(str(error))}."]
    command = " ".join([f"bounds eval {q.key}", *(f"--{n} {v}" for n, v in given.items())])
    if not found.applicable:
        return [f"`{command}`: NOT APPLICABLE, {_text(found.reasons[0])}."]
    return [f"`{command}` gives {value_text(found)}."]


def _bare(q: Quantity) -> list[str]:
    """The parameters of the formula that have no default and do not come from the activation."""
    formulas = tuple(c.relation for c in q.conditions) or (q,)
    inputs = compile_expressions(q.paper, formulas, frozenset(), q).inputs - {q.unknown}
    symbolic = [n for n, p in q.paper.parameters.items() if p.default is not None]
    known = q.paper.parameters.keys() - set(symbolic)
    return [n for n in sorted(inputs & known) if not q.paper.parameters[n].role.startswith("activation")]


def _plain(p: Parameter) -> str:
    """A plain value in a parameter's range."""
    if p.kind != "number":
        return {"activation": "tanh", "vector": "3,2,1", "matrix": "1,0;0.6,0.8"}[p.kind]
    candidates = ("2", "1", "0.5", "0.1", "-1")
    for text in candidates:
        try:
            check_domain(p.name, number(p.name, text), p.domain)
        except TheoryError:
            continue
        return text
    raise AssertionError(f"{p.name}: no plain value in {p.domain}")


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
