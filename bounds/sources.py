"""Where values come from that the caller does not give: a scenario, a data set; each with its origin in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bounds.across import Question, asked, in_letters, own_depth
from bounds.binding import relevant
from bounds.errors import TheoryError
from bounds.model import COUNT, Default, Paper
from bounds.naming import translate
from bounds.registry import paper as find_paper
from bounds.registry import papers
from bounds.values import check_domain, number, show

if TYPE_CHECKING:
    from bounds.data import Arrays


def filled(question: Question, answers: str, scenario: str | None, data: str | None, seed: int = 0) -> Question:
    """The question with what a scenario and a data set supply; the data set's values come before the scenario's.

    Args:
        question: What is asked.
        answers: The kind of question, or "" for any quantity.
        scenario: A scenario's name.
        data: A data set's name or file.
        seed: Of the draw of samples.

    Raises:
        TheoryError: No such scenario or data set, or the data do not suit.
    """
    if scenario is None and data is None:
        return question
    chosen = [find_paper(k) for k in question.only] or list(papers().values())
    if answers:
        chosen = list({q.paper.key: q.paper for q in asked(question, answers)}.values())
    fill: dict[str, dict[str, Default]] = {p.key: {} for p in chosen}
    unusable: dict[str, str] = {}
    if scenario is not None:
        from bounds.scenarios import activation, fill_from, hidden_layers

        if own_depth(question) is None and question.hidden_layers is None:
            question = replace(question, hidden_layers=hidden_layers(scenario))
        fill = fill_from(scenario, chosen)
        question = replace(question, activation=activation(scenario) or "")
    if data is not None:
        question, samples = _without_samples(question, chosen)
        named = in_letters(question, chosen)
        loaded = _loaded(data, chosen, named, samples, seed)
        for paper in chosen:
            given = {n: d.value for n, d in fill[paper.key].items()} | _own(paper, named[paper.key])
            try:
                found = _from_data(paper, _wanted(paper, answers), loaded, given)
            except TheoryError as error:
                unusable[paper.key] = f"{loaded.name} does not suit {paper.key}: {error}"
            else:
                fill[paper.key] = {**fill[paper.key], **found}
    return replace(question, fill=fill, unusable=unusable)


def _own(paper: Paper, named: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a question in a paper's letters, as numbers; the data set says how many samples it has."""
    kept = {n: v for n, v in named.items() if n not in _letters(paper, "samples")}
    kinds = {n: paper.parameters[n].kind if n in paper.parameters else "number" for n in kept}
    return {n: v if n == "activation" or kinds[n] != "number" else number(n, v) for n, v in kept.items()}


def _from_data(paper: Paper, only: frozenset[str], loaded: Arrays, values: Mapping[str, Any]) -> dict[str, Default]:
    """What the data give one paper, at given values."""
    from bounds.from_data import constants_of

    constants = constants_of(paper, loaded.X, loaded.y, values, only=only)
    return {n: Default(v, f"{loaded.name}: {origin}") for n, (v, origin) in constants.items()}


def data_constants(question: Question, data: str) -> list[dict[str, Any]]:
    """Everything that a data set determines for each paper, with kernel orders 1, 2, 3 where a paper has one.

    Returns:
        Rows ``paper``, ``parameter``, ``role``, ``at``, ``value`` (None where it cannot be had), ``from``.
    """
    chosen = [p for p in ([find_paper(k) for k in question.only] or papers().values()) if p.from_data]
    question, samples = _without_samples(question, chosen)
    named = in_letters(question, chosen)
    loaded, rows = _loaded(data, chosen, named, samples), []
    for paper in chosen:
        values = _own(paper, named[paper.key])
        for name in paper.from_data:
            for order in _orders(paper, name, values):
                try:
                    found = _from_data(paper, frozenset({name}), loaded, {**values, **order}).get(name)
                    value, origin = (found.value, found.origin) if found else (None, "needs more values")
                except TheoryError as error:
                    value, origin = None, str(error)
                at = ", ".join(f"{k} = {v}" for k, v in order.items())
                role = paper.parameters[name].role
                rows.append(
                    {"paper": paper.key, "parameter": name, "role": role, "at": at, "value": value, "from": origin}
                )
    return rows


def _orders(paper: Paper, name: str, values: Mapping[str, Any]) -> list[dict[str, int]]:
    """The kernel orders at which a constant is listed: 1, 2 and 3 unless one is given."""
    letters = [p.name for p in paper.parameters.values() if p.role == "kernel_order"]
    if paper.parameters[name].role != "sigma_min_power" or not letters or letters[0] in values:
        return [{}]
    return [{letters[0]: t} for t in (1, 2, 3)]


def _without_samples(question: Question, papers: Sequence[Paper]) -> tuple[Question, int | None]:
    """Where ``samples`` is a letter of no paper asked: their number, which says how many are drawn, and the rest."""
    asked_for = question.values.get("samples")
    if asked_for is None or any(_letters(p, "samples") for p in papers):
        return question, None
    count = number("samples", asked_for)
    check_domain("samples", count, COUNT)
    return replace(question, values={w: v for w, v in question.values.items() if w != "samples"}), int(count)


def _loaded(
    data: str,
    papers: Sequence[Paper],
    named: Mapping[str, Mapping[str, Any]],
    samples: int | None = None,
    seed: int = 0,
) -> Arrays:
    """As many samples as are asked for, in whatever letter; of the sphere, in the dimension asked for."""
    from bounds.data import load

    dimension = _count(papers, named, "input_dim") if data == "sphere" else None
    return load(data, samples=samples or _count(papers, named, "samples"), d=dimension, targets="natural", seed=seed)


def _count(papers: Sequence[Paper], named: Mapping[str, Mapping[str, Any]], role: str) -> int | None:
    for paper in papers:
        for letter in _letters(paper, role) & set(named[paper.key]):
            count = number(letter, named[paper.key][letter])
            check_domain(letter, count, COUNT)
            return int(count)
    return None


def _float(paper: Paper, name: str, value: Any) -> float:
    """A parameter's value within its range, for a kernel in float64."""
    exact = number(name, value)
    check_domain(name, exact, paper.parameters[name].domain)
    try:
        return float(exact)
    except OverflowError:
        raise TheoryError(f"{name} = {show(exact)}: kernels are computed in float64") from None


def _save(path: str, matrix: np.ndarray) -> None:
    try:
        np.save(path, matrix)
    except OSError as error:
        raise TheoryError(f"cannot write {path}: {error}") from None


def _letters(paper: Paper, role: str) -> frozenset[str]:
    return frozenset(p.name for p in paper.parameters.values() if p.role == role)


def _wanted(paper: Paper, answers: str) -> frozenset[str]:
    """The parameters that the paper reads off data and an answer depends on: kernels are not computed in vain."""
    names = frozenset(paper.from_data)
    if not answers:
        return names
    quantities = [q for q in paper.quantities.values() if answers == q.answers or q.answers == "width"]
    return frozenset(n for n in names if any(relevant(q, {n: 1}) for q in quantities))


def kernel_row(key: str, data: str, values: Mapping[str, Any], save: str | None = None) -> dict[str, Any]:
    """The infinite-width kernel of a paper's network on a data set.

    Args:
        key: The paper.
        data: A data set's name or file.
        seed: Of the draw of samples.
        values: Letters or roles: the depth, the activation, the initial scale, ...; samples say how many are drawn.
        save: A .npy file for the Gram matrix.

    Returns:
        Its extreme eigenvalues, their error, and how it is normalised.

    Raises:
        TheoryError: The paper has no such kernel, a value or the data do not suit, or the file cannot be written.
    """
    from bounds.kernels import normalised, ntk, ntk_options
    from bounds.targets import check_target

    if save is not None:
        if not save.endswith(".npy"):
            raise TheoryError(f"--save {save}: the ending must be .npy")
        check_target("--save", save)
    paper = find_paper(key)
    question, samples = _without_samples(Question(values=values), [paper])
    given = translate([paper], question.values)
    loaded, named = _loaded(data, [paper], given, samples), given[key]
    own = {n: v if n == "activation" else _float(paper, n, v) for n, v in named.items() if n in ntk_options(key)}
    sizes = _letters(paper, "samples") | (_letters(paper, "input_dim") if data == "sphere" else frozenset())
    if extra := sorted(set(named) - set(own) - sizes):
        raise TheoryError(f"{key}'s kernel does not depend on {extra[0]}; it takes {', '.join(ntk_options(key))}")
    kernel = ntk(key, normalised(key, loaded.X, own), **own)
    if save is not None:
        _save(save, kernel.value)
    ends = kernel.extremes
    return {
        "paper": key,
        "data": loaded.name,
        "samples": len(loaded.X),
        "lambda_min": ends.least,
        "lambda_max": ends.greatest,
        "eigenvalue_error": ends.error,
        "trace": float(np.trace(kernel.value)),
        "normalisation": kernel.text,
    }
