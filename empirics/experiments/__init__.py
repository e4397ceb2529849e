"""One module or package per paper, of the same name: KEY, MEASURED, Setting, compare, compare_model and FIGURES."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from bounds.errors import TheoryError
from bounds.registry import papers, quantity, suggest


@lru_cache(maxsize=1)
def experiments() -> dict[str, Any]:
    """Every experiment, by the paper's key."""
    found = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return {module.KEY: module for module in found if hasattr(module, "KEY")}


def experiment(key: str) -> Any:
    """The experiment of a paper.

    Raises:
        TheoryError: None exists.
    """
    if key not in experiments():
        there = ", ".join(experiments())
        raise TheoryError(f"no experiment for {key!r}{suggest(key, experiments())}; there is {there}")
    return experiments()[key]


def settings() -> dict[str, Any]:
    """The settings of every comparison, by paper."""
    return {key: module.Setting for key, module in experiments().items()}


def figures() -> dict[str, Any]:
    """The module of every figure, by ``paper.figure``."""
    return {f"{key}.{name}": module for key, e in experiments().items() for name, module in e.FIGURES.items()}


def figure_settings() -> dict[str, Any]:
    """The settings of every figure, by ``paper.figure``."""
    return {name: type(module.PAPER) for name, module in figures().items()}


def search_settings() -> dict[str, Any]:
    """The settings of the search for critical widths."""
    from empirics.recipe import Search

    return {"critical-width": Search}


def figure(name: str) -> Any:
    """The module of a figure, ``paper.figure``.

    Raises:
        TheoryError: No such figure.
    """
    known = figures()
    if name not in known:
        raise TheoryError(f"no figure {name!r}{suggest(name, known)}; there is {', '.join(known)}")
    return known[name]


def chosen(keys: Sequence[str]) -> list[tuple[Any, frozenset[str]]]:
    """Experiments with the quantities asked of them, from papers' and quantities' keys; all when nothing is named.

    Raises:
        TheoryError: A key that is neither, or a quantity that no experiment measures.
    """
    wanted: dict[str, set[str]] = {}
    whole = [key for key in keys or experiments() if key in papers()]
    for key in keys or experiments():
        if key in papers():
            wanted[key] = set()
        elif (q := quantity(key)).paper.key not in whole:
            module = experiment(q.paper.key)
            if q.name not in module.MEASURED:
                known = ", ".join(sorted(module.MEASURED))
                raise TheoryError(f"{q.key} is not measured{suggest(q.name, module.MEASURED)}; measured are {known}")
            wanted.setdefault(q.paper.key, set()).add(q.key)
    return [(experiment(paper), frozenset(only)) for paper, only in wanted.items()]
