"""What was trained and measured, and with which versions: everything needed to repeat the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bounds.registry import papers
from empirics.report.elements import Markup, element, join

APART = ("runs", "notes", "findings", "interrupted")
MANY = 12
"""More runs than this are folded."""
LONG = 40
"""A value with more characters has a line of its own."""


Titled = Sequence[tuple[str, Mapping[str, Any]]]
"""Configurations under the paper, or the heading of the table, that each belongs to."""


def question_of(configurations: Titled) -> str:
    """What a comparison asks, in a sentence, from the configurations of its papers."""
    keys = list(dict.fromkeys(key for key, _ in configurations))
    names = [f"“{papers()[key].title}”" if key in papers() else key for key in keys]
    given = [c.get("widths") for _, c in configurations]
    widths = {str(w): None for some in given if isinstance(some, list | tuple) for w in some}
    nets = f" of width {_listed(list(widths))}" if widths else ""
    if len(names) > 1:
        return f"Do the theorems of {_listed(keys)} hold on trained networks{nets}, and how closely?"
    return f"Does what {''.join(names)} states hold on trained networks{nets}, and how closely?"


def _listed(values: Sequence[Any]) -> str:
    words = list(map(str, values))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def configuration(configurations: Titled) -> Markup:
    """Settings and runs, table by table."""
    parts = []
    for title, c in configurations:
        parts += [element("h3", title)] if len(configurations) > 1 else []
        parts.append(_pairs({k: v for k, v in c.items() if k not in APART}))
        parts.append(_runs(title, c.get("runs") or ()))
    return join(parts)


def versions_list(versions: Mapping[str, str]) -> Markup:
    """Package and version."""
    return _pairs(versions)


def _pairs(values: Mapping[str, Any]) -> Markup:
    return element("dl", *(_pair(k, _value(v)) for k, v in values.items()), class_="pairs")


def _pair(name: str, value: Markup | str) -> Markup:
    both = join([element("dt", element("code", name)), element("dd", value)])
    return element("div", both, class_="long" if len(value) > LONG else None)


def _value(value: Any, brief: bool = False) -> Markup | str:
    """A setting; a float in full, so that it can be set again, or in brief for a table."""
    if value is None:
        return "by rule"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if brief else repr(value)
    if isinstance(value, list | tuple):
        return join(map(_value, value), ", ")
    if isinstance(value, Mapping):
        return join((join([f"{k} = ", _value(v)]) for k, v in value.items()), ", ")
    return str(value)


def _runs(title: str, runs: Sequence[Mapping[str, Any]]) -> Markup:
    """One line for each trained network; columns are what any of them tells."""
    if not runs:
        return Markup("")
    flat = [_flat(run) for run in runs]
    columns = list(dict.fromkeys(c for run in flat for c in run))
    head = element("tr", *(element("th", c.replace("_", " "), scope="col") for c in columns))
    lines = [element("tr", *(element("td", _value(run.get(c, "–"), brief=True)) for c in columns)) for run in flat]
    caption = element("caption", f"Networks trained for {title}")
    table = element("table", caption, element("thead", head), element("tbody", *lines), class_="runs")
    scroll = element(
        "div", table, class_="scroll", tabindex="0", role="region", aria_label=f"Networks trained for {title}"
    )
    return element("details", element("summary", f"{len(runs)} trained networks"), scroll, open=len(runs) <= MANY)


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    """Nested records as columns of their own."""
    found: dict[str, Any] = {}
    for k, v in run.items():
        if isinstance(v, Mapping):
            found |= {f"{k}: {name}": inner for name, inner in v.items()}
        else:
            found[k] = v
    return found
