"""What ``bounds show`` and ``--help`` print: one quantity with everything around it, and every parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bounds.binding import DEFAULT_ACTIVATION
from bounds.display import to_unicode, tree
from bounds.model import Default, Erratum, Paper, Quantity
from bounds.naming import roles
from bounds.registry import papers
from bounds.tables import plain_console
from bounds.values import show
from bounds.views import json_value, status


def show_text(q: Quantity) -> str:
    """Everything about one quantity, for a terminal."""
    paper = q.paper
    lines = [
        f"{q.key}  ({q.side}{', ' + q.direction if q.direction else ''}; {status(q)})",
        q.text,
        "",
        to_unicode(q),
        "",
        f"source       {q.source.place} of {paper.source_line}",
    ]
    if q.probability:
        lines.append(f"probability  at least {paper.quantities[q.probability].expression}")
    if q.measured_by:
        lines.append(f"measured by  {q.measured_by}")
    lines += ["", "parameters"] + [_parameter_line(paper, name) for name in q.parameters]
    if q.hidden:
        lines += ["", "hidden constants"] + [f"  {c.name}: {c.text} (taken as 1 unless set)" for c in q.hidden]
    if q.assumptions:
        lines += ["", "assumptions"] + [f"  {c.name}: {c.text}" for c in q.assumptions]
    if found := errata_of(q):
        lines += ["", "errata"] + [f"  {e.name} ({e.kind}, {e.source.place}): {e.text}" for e in found]
    return "\n".join(lines)


def errata_of(q: Quantity) -> tuple[Erratum, ...]:
    """The errata that concern a quantity."""
    return tuple(e for e in q.paper.errata if q.name in e.quantities)


def _parameter_line(paper: Paper, name: str) -> str:
    if name in paper.parameters:
        p = paper.parameters[name]
        default = f" [default {_default(p.default)}]" if p.default else ""
        return f"  {name} ({p.role}): {p.text}; {p.domain}{default}"
    target = paper.quantities[paper.proved.get(name, name)]
    return f"  {name} (quantity, {target.source.place}): {target.text}"


def _default(default: Default) -> str:
    return f"{show(default.value)}: {default.origin}"


def show_dict(q: Quantity) -> dict[str, Any]:
    """``show --json``."""
    return {
        "quantity": q.key,
        "text": q.text,
        "side": q.side,
        "direction": q.direction,
        "status": q.status,
        "order_only": q.order_only,
        "latex": q.to_latex(),
        "source": str(q.source),
        "probability": q.probability,
        "parameters": [_parameter_dict(q.paper, n) for n in q.parameters],
        "hidden": [c.name for c in q.hidden],
        "assumptions": [{"name": c.name, "text": c.text} for c in q.assumptions],
        "errata": [e.name for e in errata_of(q)],
        "measured_by": q.measured_by,
    }


def _parameter_dict(paper: Paper, name: str) -> dict[str, Any]:
    p = paper.parameters.get(name)
    if p is None:
        return {"name": name, "role": "quantity", "default": None}
    default = {"value": json_value(p.default.value), "from": p.default.origin} if p.default else None
    return {"name": name, "role": p.role, "text": p.text, "domain": str(p.domain), "default": default}


def draw_tree(q: Quantity) -> None:
    """Print the dependency graph below a quantity."""
    from rich.tree import Tree

    def grow(branch: Any, children: Sequence[Any]) -> None:
        for label, below in children:
            grow(branch.add(label.replace("[", r"\[")), below)

    label, children = tree(q)
    root = Tree(label.replace("[", r"\["))
    grow(root, children)
    plain_console(width=160).print(root)


def option_help() -> tuple[list[tuple[str, str]], list[str]]:
    """(role, help) of every role, and every letter of every paper: the options of the commands that take values."""
    listed = papers().values()
    helps = {"activation": f"name or expression in z [default: {DEFAULT_ACTIVATION.value}]"}
    for role, uses in roles(listed).items():
        helps.setdefault(role, _role_help(uses))
    return list(helps.items()), [n for n in dict.fromkeys(n for p in listed for n in p.parameters) if n not in helps]


def _role_help(uses: Sequence[tuple[Paper, str]]) -> str:
    """What a role is, with its letters and defaults: once where the papers agree, else paper by paper."""
    texts: dict[str, list[str]] = {}
    for paper, name in uses:
        p = paper.parameters[name]
        default = f" [default: {show(p.default.value)}]" if p.default else ""
        texts.setdefault(f"--{name}: {p.text}{default}", []).append(paper.key)
    if len(texts) == 1:
        return next(iter(texts))
    return "; ".join(f"{', '.join(keys)} {text}" for text, keys in texts.items())
