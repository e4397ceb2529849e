"""Formulas as MathML, made from the LaTeX that the model gives, so that a browser sets them without any script.

The model's symbols, statements and errata are LaTeX; one converter serves them and the formulas alike. Browsers do not
break lines inside MathML, so that a long formula is cut at its relations and sums into pieces that wrap like words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from xml.etree import ElementTree

import sympy

from bounds.display import relation_latex, sign
from bounds.errors import TheoryError
from bounds.model import Condition, Erratum, HiddenConstant, Quantity
from empirics.report.elements import Markup, element, join
from empirics.report.mathml_core import tidy

RELATIONS = frozenset("=≤≥<>≠≲≳∼≈→≪≫")
SUMS = frozenset("+−-")
WIDE = 26.0
"""Ems beyond which a formula is cut at its relations, and a piece at its sums."""
OPENING, CLOSING = frozenset("([{⟨⌈⌊"), frozenset(")]}⟩⌉⌋")
PARTS = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3, "mroot": 2}
_NOT = re.compile(r"\\not ?\\([lg])e(q|(?![a-z]))")
_FRACTION = re.compile(r"\^\{(-? ?)\\frac\{(\d+)\}\{(\d+)\}\}")


def mathml(latex: str, *, block: bool = False) -> Markup:
    r"""LaTeX as MathML.

    Args:
        latex: The formula, without dollar signs.
        block: Set apart, in display style and cut where it is long; otherwise inside a line.

    Returns:
        One ``math`` element, or several where a long formula is cut.

    Raises:
        TheoryError: It cannot be converted.

    Example:
        >>> mathml(r"c_H")
        '<math><msub><mi>c</mi><mi>H</mi></msub></math>'
    """
    parts = _parts(latex)
    if not block:
        return _math(parts, displaystyle=None)
    pieces = _cut(parts)
    return join((_math(p, displaystyle="true") for p in pieces), " ")


def symbol(q: Quantity) -> Markup:
    """A quantity's letter."""
    return mathml(q.latex or q.name)


def constant(c: HiddenConstant) -> Markup:
    """A hidden constant's letter: ``C_10`` has the index 10."""
    return mathml(c.latex or sympy.latex(sympy.Symbol(c.name)))


def statements(q: Quantity) -> list[Markup]:
    """What a quantity states, one formula for each condition of a requirement that has several."""
    if q.conditions:
        return [mathml(relation_latex(q, c.relation), block=True) for c in q.conditions]
    return [mathml(q.to_latex(), block=True)]


def relation(q: Quantity, condition: Condition) -> Markup | None:
    """An assumption's relation, where it has one."""
    return None if condition.relation is None else mathml(relation_latex(q, condition.relation))


def relation_sign(q: Quantity, side: str = "") -> str:
    """≤, ≥ or =: how a quantity bounds; ``side`` where it is tested from another one than its own."""
    own = {"upper": "≤", "lower": "≥", "equal": "="}
    return own.get(side) or {r"\le": "≤", r"\ge": "≥", "=": "="}[sign(q)]


def erratum_side(e: Erratum, text: str) -> Markup:
    """What an erratum says is printed or proved: LaTeX, or the name of a quantity of its paper."""
    from bounds.registry import paper

    named = paper(e.source.paper).quantities.get(text)
    return join(statements(named), " ") if named is not None else mathml(text, block=True)


@lru_cache(maxsize=4096)
def _source(latex: str) -> str:
    """The converter's MathML as text."""
    try:
        from latex2mathml.converter import convert
    except ModuleNotFoundError:
        raise TheoryError("latex2mathml is not installed: pip install 'bounds[empirics]' -c constraints.txt") from None
    text = _NOT.sub(r"\\n\1eq ", _FRACTION.sub(r"^{\1\2/\3}", latex))
    try:
        return str(convert(text))
    except Exception as error:  # the library has no common base of its errors
        raise TheoryError(f"{latex}: cannot be set as MathML ({type(error).__name__})") from None


def _parts(latex: str) -> list[ElementTree.Element]:
    """The formula's top-level elements, without namespaces, spaced as the papers space them."""
    root = ElementTree.fromstring(_source(latex))
    if any("\\" in (n.text or "") or len(n) != PARTS.get(n.tag.rpartition("}")[2], len(n)) for n in root.iter()):
        raise TheoryError(f"{latex}: cannot be set as MathML (an unknown command, or a part is missing)")
    tidy(root)
    found = list(root)
    while len(found) == 1 and found[0].tag == "mrow":
        found = list(found[0])
    return found


def _math(parts: Iterable[ElementTree.Element], displaystyle: str | None) -> Markup:
    inner = Markup("".join(ElementTree.tostring(p, encoding="unicode") for p in parts))
    return element("math", inner, displaystyle=displaystyle)


def _cut(parts: Sequence[ElementTree.Element]) -> list[list[ElementTree.Element]]:
    """Pieces that may stand on lines of their own: whole if short, else cut before relations, then before sums."""
    if _ems(parts) <= WIDE:
        return [list(parts)]
    pieces = _before(parts, RELATIONS)
    return [p for piece in pieces for p in ([piece] if _ems(piece) <= WIDE else _before(piece, SUMS))]


def _before(parts: Sequence[ElementTree.Element], signs: frozenset[str]) -> list[list[ElementTree.Element]]:
    """The parts cut before every operator of ``signs`` outside brackets that has something on its left."""
    pieces: list[list[ElementTree.Element]] = [[]]
    depth = 0
    for k, part in enumerate(parts):
        said = _operator(part)
        binary = k > 0 and _operator(parts[k - 1]) not in RELATIONS | SUMS
        if said in signs and binary and pieces[-1] and depth == 0:
            part.set("form", "infix")
            pieces.append([])
        depth += (said in OPENING) - (said in CLOSING)
        pieces[-1].append(part)
    return pieces


def _operator(part: ElementTree.Element) -> str:
    """The sign that an element is, or "": a closing bracket with a power is a bracket."""
    while part.tag in ("msup", "msub", "msubsup") and len(part):
        part = part[0]
    return part.text or "" if part.tag == "mo" else ""


def _ems(parts: Iterable[ElementTree.Element]) -> float:
    """About how wide the parts are: fractions as their wider half, scripts at 0.7."""
    return sum(map(_width, parts))


def _width(node: ElementTree.Element) -> float:
    kids = list(node)
    if node.tag == "mfrac":
        return max(map(_width, kids), default=0.0)
    if node.tag in ("msub", "msup", "munder", "mover"):
        return _width(kids[0]) + 0.7 * _width(kids[1])
    if node.tag in ("msubsup", "munderover"):
        return _width(kids[0]) + 0.7 * max(map(_width, kids[1:]))
    own = 0.55 * len((node.text or "").strip()) + (0.5 if node.tag == "mo" else 0.0)
    return own + _ems(kids) + (0.8 if node.tag == "msqrt" else 0.0)
