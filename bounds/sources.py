"""Where values come from that the caller does not give: a scenario, a data set; each with its origin in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bounds.across import Question, asked
from bounds.binding import relevant
from bounds.model import COUNT, Default, Paper
from bounds.naming import meaning, translate
from bounds.registry import paper as find_paper
from bounds.registry import papers
from bounds.values import check_domain, number


def filled(question: Question, answers: str, scenario: str | None, data: str | None) -> Question:
    """The question with what a scenario and a data set supply; the data set's values come before the scenario's.

    Args:
        question: What is asked.
        answers: The kind of question, or "" for any quantity.
        scenario: A scenario's name.
        data: A data set's name or file.

    Raises:
        TheoryError: No such scenario or data set, or the data do not suit.
    """
    if scenario is None and data is None:
        return question
    chosen = [find_paper(k) for k in question.only] or list(papers().values())
    if answers:
        chosen = list({q.paper.key: q.paper for q in asked(question, answers)}.values())
    fill: dict[str, dict[str, Default]] = {p.key: {} for p in chosen}
    if scenario is not None:
        from bounds.scenarios import fill_from, hidden_layers

        if "L" not in question.values and question.hidden_layers is None:
            question = replace(question, hidden_layers=hidden_layers(scenario))
        fill = fill_from(scenario, chosen)
    if data is not None:
        for key, found in _from_data(question, chosen, answers, data, fill).items():
            fill[key] = {**fill[key], **found}
    return replace(question, fill=fill)


def _from_data(
    question: Question, chosen: list[Paper], answers: str, data: str, fill: Mapping[str, Mapping[str, Default]]
) -> dict[str, dict[str, Default]]:
    from bounds.data import load
    from bounds.from_data import constants_of

    loaded = load(data, samples=_count(question, chosen))
    found: dict[str, dict[str, Default]] = {}
    for paper in chosen:
        known = {w: v for w, v in question.values.items() if meaning(paper, w)}
        values = {n: d.value for n, d in fill[paper.key].items()} | translate([paper], known)[paper.key]
        if question.hidden_layers is not None and paper.layers_offset is not None:
            values["L"] = question.hidden_layers + paper.layers_offset
        only = _wanted(paper, answers)
        constants = constants_of(paper, loaded.X, loaded.y, values, only=only)
        found[paper.key] = {n: Default(v, f"{loaded.name}: {origin}") for n, (v, origin) in constants.items()}
    return found


def _count(question: Question, chosen: list[Paper]) -> int | None:
    """The number of samples asked for, in whatever letter."""
    for paper in chosen:
        for word, value in question.values.items():
            name = meaning(paper, word)
            if name in paper.parameters and paper.parameters[name].role == "samples":
                count = number(word, value)
                check_domain(word, count, COUNT)
                return int(count)
    return None


def _wanted(paper: Paper, answers: str) -> frozenset[str]:
    """The parameters that the paper reads off data and an answer depends on: kernels are not computed in vain."""
    names = frozenset(paper.from_data)
    if not answers:
        return names
    quantities = [q for q in paper.quantities.values() if answers == q.answers or q.answers == "width"]
    return frozenset(n for n in names if any(relevant(q, {n: 1}) for q in quantities))
