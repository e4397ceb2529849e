"""How this paper's modules state a formula: one row per quantity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bounds.model import Quantity
from bounds.papers.liu2020.letters import at


def state(
    name: str, latex: str, formula: Callable[[], Any] | None, place: str, text: str, letters: str, **more: Any
) -> Quantity:
    """A quantity: an upper bound as printed, unless ``more`` says otherwise.

    Args:
        name: Its key within the paper.
        latex: Its symbol.
        formula: Builds the expression when it is first asked for.
        place: Where it stands.
        text: What it is, in one line.
        letters: The names it takes directly, separated by blanks.
        **more: Further fields of ``Quantity``.
    """
    fields = {"side": "upper", "status": "printed", "glyph": name, **more}
    return Quantity(
        name=name,
        latex=latex,
        expression=formula,
        source=at(place),
        text=text,
        parameters=tuple(letters.split()),
        **fields,
    )
