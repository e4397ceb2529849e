"""One question put to every paper: the same network in each paper's own letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bounds.binding import relevant
from bounds.calibration import Calibration
from bounds.errors import Missing, NotApplicable, TheoryError
from bounds.evaluate import Evaluation, result_at
from bounds.model import Default, Paper, Quantity
from bounds.naming import by_role, reading, translate
from bounds.registry import paper as find_paper
from bounds.registry import papers, suggest
from bounds.solve import Solution, solve, without_answer
from bounds.values import number

NOUNS = {
    "width": "required width",
    "samples": "sample complexity",
    "step_size": "step size",
    "iterations": "iterations",
}
DEPTH = ("L", "depth")
"""The letter and the role of a paper's own number of layers."""


@dataclass(frozen=True)
class Question:
    """What is asked of the papers, and what is known.

    Attributes:
        only: The papers asked; all when empty.
        values: Letter, quantity, hidden constant or role -> value.
        hidden_layers: The same number of hidden layers in every paper's own L.
        fill: Paper -> name -> what to assume before the paper's defaults (from a data set or a scenario).
        activation: That of a scenario, which ``values`` comes before.
        calibration: Hidden constants as runs bound them; values given come before them.
        unusable: Paper -> why the data do not suit it.
    """

    only: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    hidden_layers: int | None = None
    fill: Mapping[str, Mapping[str, Default]] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    activation: str = ""
    calibration: Calibration | None = None


def asked(question: Question, answers: str) -> list[Quantity]:
    """The quantities that answer a question, of the papers asked.

    Raises:
        TheoryError: There is none.
    """
    chosen = [find_paper(k) for k in question.only] or list(papers().values())
    found = [q for p in chosen for q in p.quantities.values() if q.answers == answers]
    if not found:
        raise TheoryError(f"{', '.join(p.key for p in chosen)} states no {NOUNS[answers]}")
    return found


def letters(
    question: Question, quantities: Sequence[Quantity]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The values in the letters of each quantity's paper.

    Returns:
        Quantity's key -> those that it depends on, and paper's key -> all.

    Raises:
        TheoryError: A word is unknown or ambiguous, or no quantity depends on it.
    """
    involved = list({q.paper.key: q.paper for q in quantities}.values())
    named = in_letters(question, involved)
    own = {q.key: relevant(q, named[q.paper.key]) for q in quantities}
    for word in read_values(question, involved):
        read = reading(involved, word)
        if not any(read(q.paper, word) in {**own[q.key], **_for_width(q, named[q.paper.key])} for q in quantities):
            raise TheoryError(f"nothing asked for depends on {word}: leave it out")
    return own, named


def in_letters(question: Question, involved: Sequence[Paper]) -> dict[str, dict[str, Any]]:
    """Everything that is given, in each paper's letters, the number of hidden layers in its own L.

    Raises:
        TheoryError: A word is unknown or ambiguous, or the depth given twice.
    """
    named = translate(involved, read_values(question, involved))
    if question.hidden_layers is None:
        return named
    if own := own_depth(question):
        raise TheoryError(f"--{own} and --hidden-layers are both given: drop one of them")
    for paper in involved:
        if paper.layers_offset is not None:
            named[paper.key]["L"] = question.hidden_layers + paper.layers_offset
    return named


def read_values(question: Question, involved: Sequence[Paper]) -> dict[str, Any]:
    """The values that formulas may read: where no paper has the activation as a letter, ``uncovered`` judges it."""
    fixed = not any(by_role(p, "activation") for p in involved)
    return {word: value for word, value in question.values.items() if not (fixed and word == "activation")}


def own_depth(question: Question) -> str | None:
    """The word that gives each paper's own L, or None."""
    return next((word for word in DEPTH if question.values.get(word) is not None), None)


def _for_width(quantity: Quantity, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``values`` that matter to the width at which ``quantity`` is evaluated when none is given."""
    target = width_of(quantity)
    return relevant(target, {n: v for n, v in values.items() if n != target.unknown}) if target else {}


def width_of(quantity: Quantity) -> Quantity | None:
    """The paper's required width, for a quantity that depends on a width."""
    target = quantity.paper.quantities.get("required_width")
    return target if target is not None and relevant(quantity, {target.unknown: 1}) else None


def uncovered(question: Question, quantity: Quantity) -> str:
    """Why a paper does not speak of the network asked about, or ""."""
    paper, depth = quantity.paper, question.hidden_layers
    if paper.key in question.unusable:
        return question.unusable[paper.key]
    if depth is not None and paper.layers_offset is None and depth != 1:
        return f"{paper.key} covers one hidden layer only (asked: {depth})"
    if depth is not None and paper.layers_offset is not None and "L" in paper.parameters:
        least = paper.parameters["L"].domain.low
        if depth + paper.layers_offset < least:
            return f"{paper.key} needs at least {int(least) - paper.layers_offset} hidden layers (asked: {depth})"
    if reason := _too_shallow(paper, question.values.get(own_depth(question) or "L")):
        return reason
    return _other_activation(quantity, question.values.get("activation") or question.activation)


def _other_activation(quantity: Quantity, asked_for: Any) -> str:
    """Why a statement on networks with one activation does not cover another, or ""."""
    own = quantity.activation or quantity.paper.activation
    if not asked_for or not own:
        return ""
    from bounds.activations import get

    who = quantity.key if quantity.activation else quantity.paper.key
    return "" if get(asked_for).name == own else f"{who} covers {own} networks only (asked: {asked_for})"


def _too_shallow(paper: Paper, own: Any) -> str:
    """Why a paper's theorems do not cover its own L: a depth that others cover is no mistake."""
    letter = paper.parameters.get("L")
    if own is None or letter is None:
        return ""
    depth = number("L", own)
    if depth == int(depth) and 1 <= depth < letter.domain.low:
        return f"{paper.key} needs L >= {int(letter.domain.low)} (asked: {int(depth)})"
    return ""


def required_widths(question: Question) -> list[Solution]:
    """The width that each theorem asks for, with defaults for what is not given.

    Raises:
        TheoryError: A value is wrong, or no paper asked for states a width.
    """
    quantities = asked(question, "width")
    own, _ = letters(question, quantities)
    return [_width(question, q, own[q.key]) for q in quantities]


def _width(question: Question, quantity: Quantity, values: Mapping[str, Any]) -> Solution:
    if reason := uncovered(question, quantity):
        return without_answer(quantity, reason)
    try:
        known = question.calibration.fill(quantity.key) if question.calibration else {}
        return solve(quantity, values, side=True, fill={**question.fill.get(quantity.paper.key, {}), **known})
    except (Missing, NotApplicable) as error:
        return without_answer(quantity, str(error))


def evaluate_everywhere(question: Question, answers: str) -> list[Evaluation]:
    """The quantities that answer a question; a missing width is the one that the paper requires.

    Raises:
        TheoryError: A value is wrong, or no paper asked for answers.
    """
    quantities = asked(question, answers)
    own, named = letters(question, quantities)
    return [_evaluation(question, q, own[q.key], named[q.paper.key]) for q in quantities]


def side_by_side(question: Question, name: str) -> list[Evaluation]:
    """The quantity ``name`` of every paper that has one, on the same network.

    Raises:
        TheoryError: No paper asked has it, or a value is wrong.
    """
    chosen = [find_paper(k) for k in question.only] or list(papers().values())
    quantities = [p.quantities[name] for p in chosen if name in p.quantities]
    if not quantities:
        known = sorted({n for p in chosen for n in p.quantities})
        raise TheoryError(f"no paper asked for has a quantity {name!r}{suggest(name, known)}")
    own, named = letters(question, quantities)
    return [_evaluation(question, q, own[q.key], named[q.paper.key]) for q in quantities]


def _evaluation(
    question: Question, quantity: Quantity, values: Mapping[str, Any], everything: Mapping[str, Any]
) -> Evaluation:
    if reason := uncovered(question, quantity):
        return no_evaluation(quantity, reason)
    try:
        return _at_required_width(question, quantity, values, everything)
    except (Missing, NotApplicable) as error:
        return no_evaluation(quantity, str(error))


def no_evaluation(quantity: Quantity, reason: str) -> Evaluation:
    """An ``Evaluation`` that says why there is none."""
    return Evaluation(quantity, float("nan"), float("nan"), {}, {}, (), {}, (), reason)


def _at_required_width(
    question: Question, quantity: Quantity, values: Mapping[str, Any], everything: Mapping[str, Any]
) -> Evaluation:
    paper, fill = quantity.paper, dict(question.fill.get(quantity.paper.key, {}))
    target = width_of(quantity)
    if target is None or target.unknown in {*values, *fill} or set(values) & set(paper.quantities):
        return result_at(quantity, values, defaults=True, fill=fill)
    solved = solve(target, _for_width(quantity, {**everything, **values}), side=True, fill=fill)
    if solved.value is None:
        reason = "; ".join(solved.reasons)
        raise NotApplicable(f"{paper.key}: no width to use for {target.unknown} ({reason}); give --{target.unknown}")
    origin = f"the width that {target.key} asks for"
    return result_at(quantity, values, defaults=True, fill={**fill, target.unknown: Default(solved.value, origin)})
