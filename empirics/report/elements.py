"""HTML as values: text is escaped when it becomes a child or an attribute, so that no caller can forget to."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import Any

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
SUPERSCRIPT = "10<sup>{}</sup>"
NEAR_ONE = 1e-3
"""Rates closer to 1 than this are shown by their distance from it."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(value: Any) -> Markup:
    """``value`` as HTML: `Markup` as it is, anything else as text.

    >>> escape("a < b"), escape(Markup("<b>a</b>"))
    ('a &lt; b', '<b>a</b>')
    """
    return value if isinstance(value, Markup) else Markup(html.escape(str(value), quote=True))


def join(parts: Iterable[Any], between: str = "") -> Markup:
    """The parts one after the other; None is left out."""
    return Markup(escape(between).join(escape(p) for p in parts if p is not None))


def element(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """One element.

    Args:
        name: Its name.
        *children: Text or `Markup`; None is left out.
        **attributes: ``class_`` for ``class``, ``aria_label`` for ``aria-label``; True gives a bare attribute, None and
            False none.

    Returns:
        The element as HTML.

    Example:
        >>> element("p", "1 < 2 & ", element("b", "so"), class_="note", hidden=False)
        '<p class="note">1 &lt; 2 &amp; <b>so</b></p>'
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None and value is not False:
            flag = key.rstrip("_").replace("_", "-")
            words.append(flag if value is True else f'{flag}="{html.escape(str(value), quote=True)}"')
    start = f"<{' '.join(words)}>"
    return Markup(start if name in VOID else f"{start}{join(children)}</{name}>")


def number(value: float | None, digits: int = 4) -> Markup:
    """A number for people: plain where it is short, otherwise with a power of ten, or by its distance from 1.

    Args:
        value: The number; None gives a dash.
        digits: Significant figures.

    Returns:
        HTML.

    Example:
        >>> number(189.236), number(-1.5e-9), number(None), number(1e6), number(float("inf")), number(0.99997)
        ('189.2', '−1.5×10<sup>−9</sup>', '–', '10<sup>6</sup>', '∞', '1 − 3×10<sup>−5</sup>')
    """
    if value is None or math.isnan(value):
        return Markup("–")
    sign = "−" if value < 0 else ""
    size = abs(value)
    if math.isinf(size):
        return Markup(f"{sign}∞")
    if 0 < abs(value - 1) < NEAR_ONE:
        return Markup(f"1\u202f{'−' if value < 1 else '+'}\u202f{number(abs(value - 1), digits - 1)}")
    if size == 0 or 1e-3 <= size < 1e5:
        whole = float(size).is_integer()
        text = f"{size:.0f}" if whole else f"{size:.{max(0, digits - 1 - math.floor(math.log10(size)))}f}"
        return Markup(sign + text)
    mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
    power = SUPERSCRIPT.format(str(int(exponent)).replace("-", "−"))
    mantissa = mantissa.rstrip("0").rstrip(".")
    return Markup(sign + (power if mantissa == "1" else f"{mantissa}×{power}"))


def plain_number(value: float | None, digits: int = 3) -> str:
    """The same where no markup is possible: in a label or a tooltip.

    >>> plain_number(1.5e-9), plain_number(0.25)
    ('1.5e-9', '0.250')
    """
    text = (
        str(number(value, digits))
        .replace("\u202f", " ")
        .replace("×10<sup>", "e")
        .replace("10<sup>", "1e")
        .replace("</sup>", "")
    )
    return text.replace("e−", "e-")


def anchor(*words: str) -> str:
    """A name for a link's target: letters, digits, dots and dashes.

    >>> anchor("q", "liu2020.C'(R)")
    'q-liu2020.C--R-'
    """
    return "-".join("".join(c if c.isascii() and (c.isalnum() or c in "._") else "-" for c in w) for w in words)
