"""One letter, every paper: how far each theorem reaches at the width one has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bounds.across import Question, in_letters, read_values, uncovered
from bounds.compile import compile_expressions
from bounds.errors import Missing, NotApplicable, TheoryError
from bounds.evaluate import relations
from bounds.inverse import QUESTIONS, Reach, inputs_of, reach, without_reach
from bounds.model import Paper, Quantity
from bounds.naming import SAME_EVERYWHERE, meaning, reading, translate
from bounds.registry import paper as find_paper
from bounds.registry import papers


def reaches(question: Question, word: str) -> list[Reach]:
    """How far every theorem reaches in a letter or role, at the width given.

    Raises:
        TheoryError: A word is unknown or ambiguous, or nothing asked for depends on it.
    """
    asked = [find_paper(k) for k in question.only] or list(papers().values())
    theorems = [q for p in asked for q in p.quantities.values() if q.unknown and q.answers in QUESTIONS]
    chosen = list({q.paper.key: q.paper for q in theorems}.values())
    if not chosen:
        raise TheoryError(f"{', '.join(p.key for p in asked)} states no required width")
    letters = _letters(chosen, word)
    own = in_letters(question, chosen)
    for paper in chosen:
        if letters.get(paper.key) in own[paper.key]:
            raise TheoryError(f"{word} is what is asked for: leave its value out")
    rows, used, refused = [], set(), ""
    for q in theorems:
        letter, named = letters.get(q.paper.key), own[q.paper.key]
        given = [n for n in named if named[n] is not None]
        if letter is None or letter == q.unknown or letter not in inputs_of(q, [*given, letter]):
            continue
        reads = inputs_of(q, given) | _optional(q)
        values = {n: named[n] for n in given if n in reads}
        if q.unknown not in values and q.unknown not in question.fill.get(q.paper.key, {}):
            refused = f"{q.key} needs {q.unknown}: give --{q.paper.parameters[q.unknown].role.replace('_', '-')}"
            continue
        used |= {w for w in question.values if reading(chosen, w)(q.paper, w) in values}
        rows.append(_row(question, q, letter, values))
    if not rows:
        raise TheoryError(refused or f"no required width asked for depends on {word}")
    if unused := [w for w in read_values(question, chosen) if w not in used]:
        raise TheoryError(f"nothing asked for depends on {unused[0]}: leave it out")
    return rows


def _letters(chosen: Sequence[Paper], word: str) -> dict[str, str]:
    """Paper -> its letter (not a quantity of the same name) for a word.

    Raises:
        TheoryError: No paper has it, or it means different things in them.
    """
    found: dict[str, str] = {}
    for paper in chosen:
        name = word if word in paper.parameters else meaning(paper, word)
        if name is not None and name in paper.parameters and paper.parameters[name].kind == "number":
            found[paper.key] = name
    if not found:
        translate(chosen, {word: None})  # says what is close
        raise TheoryError(f"{word} is a letter of no paper asked for")
    roles = {p.parameters[found[p.key]].role.replace("_", "-") for p in chosen if p.key in found}
    if len(roles) > 1 and word not in SAME_EVERYWHERE:
        raise TheoryError(f"{word} means different things here: ask for {' or '.join(sorted(roles))}, or give --paper")
    return found


def _optional(quantity: Quantity) -> frozenset[str]:
    """What may be given although no condition reads it: what assumptions read, and the activation."""
    also = compile_expressions(quantity.paper, relations(quantity), frozenset()).inputs if relations(quantity) else ()
    return frozenset(also) | {"activation"}


def _row(question: Question, quantity: Quantity, letter: str, values: Mapping[str, Any]) -> Reach:
    reason = uncovered(question, quantity)
    try:
        if not reason:
            return reach(quantity, letter, values, question.fill.get(quantity.paper.key))
    except (Missing, NotApplicable) as error:
        reason = str(error)
    return without_reach(quantity, letter, reason)
