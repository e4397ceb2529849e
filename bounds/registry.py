"""Discovery of the papers and look-up of their quantities by key, with suggestions for wrong names."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from functools import lru_cache

from bounds import papers as folder
from bounds.errors import TheoryError
from bounds.model import Erratum, Paper, Quantity


@lru_cache(maxsize=1)
def papers() -> dict[str, Paper]:
    """Every paper, by key: each module or package in ``bounds/papers`` that has a ``PAPER``.

    >>> papers()["banerjee2023"].year
    2023
    """
    found = {}
    for info in pkgutil.iter_modules(folder.__path__):
        paper = getattr(importlib.import_module(f"bounds.papers.{info.name}"), "PAPER", None)
        if paper is not None:
            found[paper.key] = paper
    return found


def suggest(name: str, known: Iterable[str]) -> str:
    """``; did you mean a, b?`` for the closest known names, or an empty string."""
    pool = list(known)
    short: dict[str, list[str]] = {}
    for k in pool:  # several papers may have a quantity of one name
        short.setdefault(k.rsplit(".", 1)[-1], []).append(k)
    close = [k for s in difflib.get_close_matches(name.rsplit(".", 1)[-1], short, 3, 0.6) for k in short[s]]
    close += [k for k in difflib.get_close_matches(name, pool, 3, 0.6) if k not in close]
    return f"; did you mean {', '.join(close[:3])}?" if close else ""


def paper(key: str) -> Paper:
    """The paper ``key``.

    Raises:
        TheoryError: No such paper.
    """
    if key not in papers():
        raise TheoryError(f"no paper {key!r}{suggest(key, papers())} (bounds papers lists them)")
    return papers()[key]


_paper = paper


def quantities(paper: str | None = None) -> tuple[Quantity, ...]:
    """All quantities, or those of one paper, in the papers' order."""
    chosen = [_paper(paper)] if paper else papers().values()
    return tuple(q for p in chosen for q in p.quantities.values())


def quantity(key: str) -> Quantity:
    """The quantity ``paper.name``, or the bare name where it is unique.

    Raises:
        TheoryError: Unknown, or ambiguous with the candidates named.
    """
    matches = [q for q in quantities() if key in (q.key, q.name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise TheoryError(f"{key!r} is in several papers: {', '.join(q.key for q in matches)}; give one of these keys")
    if key in papers():
        raise TheoryError(f"{key} is a paper, not a quantity: bounds list {key}")
    raise TheoryError(f"no quantity {key!r}{suggest(key, (q.key for q in quantities()))} (bounds list shows them)")


def errata(paper: str | None = None) -> tuple[Erratum, ...]:
    """All errata, or those of one paper."""
    chosen = [_paper(paper)] if paper else papers().values()
    return tuple(e for p in chosen for e in p.errata)
