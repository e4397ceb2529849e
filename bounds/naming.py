"""What a word means: a letter of a paper, one of its quantities, a hidden constant, or a role shared by all papers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bounds.binding import ACTIVATION_ROLES, hidden_constants
from bounds.errors import TheoryError
from bounds.model import Paper
from bounds.registry import suggest

SAME_EVERYWHERE = {"L": "each paper's own L"}
"""A bare letter that every paper reads in its own sense, on purpose (``--hidden-layers`` is the uniform one)."""


def meaning(paper: Paper, word: str) -> str | None:
    """The paper's own name for ``word``, or None when it has none.

    Raises:
        TheoryError: A role that several letters of the paper have.
    """
    if word in paper.parameters or word in paper.quantities or word in hidden_constants(paper):
        return word
    return by_role(paper, word)


def by_role(paper: Paper, word: str) -> str | None:
    """The paper's letter with a role, or None.

    Raises:
        TheoryError: Several letters of the paper have it.
    """
    role = word.replace("-", "_")
    if role == "activation" and any(p.role in ACTIVATION_ROLES for p in paper.parameters.values()):
        return role
    named = [p.name for p in paper.parameters.values() if p.role == role]
    if len(named) > 1:
        raise TheoryError(f"--{word}: {paper.key} has several, {', '.join('--' + n for n in named)}; give one of these")
    return named[0] if named else None


def reading(papers: Sequence[Paper], word: str) -> Callable[[Paper, str], str | None]:
    """How ``word`` is read: among several papers a role comes before the quantities that happen to have its name."""
    letter = any(word in p.parameters for p in papers)
    return by_role if len(papers) > 1 and not letter and any(by_role(p, word) for p in papers) else meaning


def translate(papers: Sequence[Paper], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``values`` in each paper's own letters; what a paper does not have is left out.

    Args:
        papers: Those that are asked.
        values: Letter, quantity, hidden constant or role -> value.

    Raises:
        TheoryError: No paper knows a word, or a bare letter means different things in them.
    """
    found: dict[str, dict[str, Any]] = {p.key: {} for p in papers}
    for word, value in values.items():
        read = reading(papers, word)
        named = {p.key: name for p in papers if (name := read(p, word)) is not None}
        if not named:
            asked = papers[0].key if len(papers) == 1 else "no paper asked for"
            known = [w for p in papers for w in words(p)]
            raise TheoryError(
                f"{asked} has {'no' if len(papers) == 1 else 'a'} parameter {word!r}{suggest(word, known)}"
            )
        _refuse_ambiguous(papers, word, named)
        for key, name in named.items():
            if name in found[key]:
                raise TheoryError(f"--{word} gives {name} of {key}, which is given twice: drop one of them")
            found[key][name] = value
    return found


def words(paper: Paper) -> list[str]:
    """Every word that means something in a paper."""
    roles = [p.role.replace("_", "-") for p in paper.parameters.values()]
    activation = [w for w in ("activation",) if by_role(paper, w)]
    return [*activation, *paper.parameters, *paper.quantities, *sorted(hidden_constants(paper)), *roles]


def _refuse_ambiguous(papers: Sequence[Paper], word: str, named: Mapping[str, str]) -> None:
    senses = {p.key: sense(p, named[p.key]) for p in papers if p.key in named}
    if len(set(senses.values())) > 1 and word not in SAME_EVERYWHERE:
        listed = ", ".join(f"{key}: {s}" for key, s in senses.items())
        options = sorted({f"--{p.parameters[named[p.key]].role.replace('_', '-')}" for p in papers
                          if named.get(p.key) in p.parameters})  # fmt: skip
        remedy = f"use {', '.join(options)}, or --paper" if options else "use --paper"
        raise TheoryError(f"--{word} means different things here ({listed}): {remedy}")


def sense(paper: Paper, name: str) -> str:
    """What a name stands for in a paper, in a word that is the same in every paper that means the same."""
    if name in paper.parameters:
        return paper.parameters[name].role.replace("_", " ")
    if name in paper.quantities:
        return f"the quantity {paper.key}.{name}"
    return "activation" if name == "activation" else f"hidden constant of {paper.key}"


def roles(papers: Iterable[Paper]) -> dict[str, list[tuple[Paper, str]]]:
    """Role -> the letters that have it, paper by paper."""
    found: dict[str, list[tuple[Paper, str]]] = {}
    for paper in papers:
        for p in paper.parameters.values():
            found.setdefault(p.role, []).append((paper, p.name))
    return found
