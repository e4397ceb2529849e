"""What browsers ask of MathML beyond what a converter from LaTeX writes: letters, accents, spaces."""

from __future__ import annotations

import unicodedata
from xml.etree.ElementTree import Element

STYLES = {
    "double-struck": ("DOUBLE-STRUCK", "DOUBLE-STRUCK"),
    "script": ("SCRIPT", "SCRIPT"),
    "fraktur": ("FRAKTUR", "BLACK-LETTER"),
    "bold": ("BOLD", "BOLD"),
}
"""MathML's ``mathvariant``, which browsers ignore -> the alphabet's name in Unicode, and that of its older letters."""
FUNCTIONS = frozenset({"log", "exp", "max", "min", "sup", "inf", "tanh", "arctan", "lim", "Pr"})
PRIMES = frozenset("′″‴")
AIRY = ("mo", "mspace")
LETTERS = ("mi", "mn", "msub", "msup", "msubsup", "msqrt")
ACCENTS = frozenset("˙¨¯^˜ˇ→⃗")


def tidy(root: Element) -> None:
    """Change a formula in place so that browsers set it as the papers do.

    Args:
        root: The ``math`` element; namespaces are dropped, since HTML needs none.
    """
    for node in list(root.iter()):
        node.tag = node.tag.rpartition("}")[2]
        _letter(node)
        _accent(node)
        _prime(node)
    for node in list(root.iter()):
        _space(node)


def letter(text: str, style: str) -> str:
    """A letter or digit of one of Unicode's mathematical alphabets; as it is where there is none.

    >>> letter("E", "double-struck"), letter("R", "double-struck"), letter("H", "script"), letter("φ", "script")
    ('𝔼', 'ℝ', 'ℋ', 'φ')
    """
    words = unicodedata.name(text, "").split()
    if words[:1] == ["DIGIT"]:
        rest = " ".join(words)
    elif words[:1] in (["LATIN"], ["GREEK"]) and "LETTER" in words:
        rest = " ".join(w for w in words if w not in ("LATIN", "GREEK", "LETTER"))
    else:
        return text
    alphabet, older = STYLES[style]
    for name in (f"MATHEMATICAL {alphabet} {rest}", f"{older} {rest}"):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return text


def _letter(node: Element) -> None:
    style = node.get("mathvariant", "")
    if style in STYLES and node.text:
        node.text = "".join(letter(c, style) for c in node.text)
        del node.attrib["mathvariant"]
    if node.tag == "mo" and not node.text:
        node.tag = "mrow"  # what the converter leaves before a named function
    if node.tag == "mo" and (node.text or "")[:1].isalpha() and node.text not in FUNCTIONS:
        node.tag = "mi"  # a name is no operator: it asks for no space around it
        if len(node.text or "") == 1:
            node.set("mathvariant", "normal")


def _accent(node: Element) -> None:
    """Accents sit close to their letter, and do not push its scripts away."""
    if node.tag == "mover" and len(node) == 2 and (node[1].text or "") in ACCENTS:
        node.set("accent", "true")


def _prime(node: Element) -> None:
    """A prime stands beside its letter: the character is raised already, and as a superscript it is a speck."""
    if node.tag not in ("msup", "msubsup") or (node[-1].text or "") not in PRIMES or len(node[-1]):
        return
    base, prime = node[0], node[-1]
    prime.tag = "mo"
    prime.attrib = {"lspace": "0", "rspace": "0"}
    node.remove(prime)
    if node.tag == "msup":
        node.tag = "mrow"
        node.append(prime)
        return
    node.tag, node[0] = "msub", Element("mrow")
    node[0].extend([base, prime])


def _space(node: Element) -> None:
    """Thin spaces around functions; none around bars and slashes, which are no relations here."""
    if node.tag == "mo" and node.text in ("|", "∥", "‖", "/"):
        node.set("lspace", "0")
        node.set("rspace", "0")
    if node.tag not in ("mrow", "math", "msqrt"):
        return
    children = list(node)
    for k in range(len(children) - 1, 0, -1):
        before, after = _head(children[k - 1]) in FUNCTIONS, _head(children[k]) in FUNCTIONS
        if (after and children[k - 1].tag not in AIRY) or (before and not after and _starts(children[k])):
            node.insert(k, Element("mspace", {"width": "0.17em"}))


def _starts(node: Element) -> bool:
    """Whether a function's argument begins here without a bracket."""
    return node.tag in LETTERS and _head(node) not in "([{|"


def _head(node: Element) -> str:
    """The word that an element begins with, scripts aside."""
    while node.tag in ("msup", "msub", "msubsup", "munder", "mrow") and len(node):
        node = node[0]
    return node.text or "" if node.tag in ("mi", "mo") else ""
