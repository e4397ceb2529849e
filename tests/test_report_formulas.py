"""Every formula of the model as MathML: well-formed, with nothing lost, cut where it may be."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from xml.etree import ElementTree

import pytest

import bounds
from bounds.display import relation_latex
from bounds.errors import TheoryError
from bounds.model import HiddenConstant
from bounds.registry import errata, quantities
from empirics.report.formulas import constant, erratum_side, mathml, statements

GREEK = {"sigma": "σ", "delta": "δ", "omega": "ω", "mu": "μ", "gamma": "γ", "alpha": "α", "eta": "η", "kappa": "κ"}
SIGNS = {"le": "≤", "ge": "≥", "nabla": "∇"}
CORE = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot"),
    *("munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "menclose"),
}


def latex_of_everything():
    for q in quantities():
        yield q.key, q.to_latex()
        for c in (*q.conditions, *q.side_conditions, *(a for a in q.assumptions if a.relation is not None)):
            yield f"{q.key} {c.name}", relation_latex(q, c.relation)
    for e in errata():
        yield from ((f"{e.source.paper} {e.name}", side) for side in (e.printed, e.proved))


def test_every_formula_is_mathml_that_lost_nothing():
    checked = 0
    for name, latex in latex_of_everything():
        tree = ElementTree.fromstring(f"<p>{mathml(latex, block=True)}</p>")
        tags = {e.tag for e in tree.iter()} - {"p"}
        text = "".join(tree.itertext())
        assert tags <= CORE, (name, tags - CORE)
        assert "\\" not in text, (name, text)
        assert all(ord(c) not in (0x29F8, 0xFFFD) for c in text), (name, "a sign that fonts lack")
        assert Counter(re.findall(r"\d", latex)) == Counter(re.findall(r"[0-9]", digits(text))), (name, latex, text)
        for word, sign in {**GREEK, **SIGNS}.items():
            spelt = len(re.findall(rf"(?<!\\not)\\{word}(?:q)?(?![a-zA-Z])", latex))
            assert text.count(sign) == spelt, (name, word, latex, text)
        checked += 1
    assert checked > 400


def digits(text):
    """Digits of other alphabets (the bold 1 of an indicator) as ordinary ones."""
    return unicodedata.normalize("NFKC", "".join(c for c in text if unicodedata.category(c) == "Nd"))


@pytest.mark.parametrize(
    ("latex", "text", "tags"),
    [
        (r"\frac{a}{b}", "ab", {"mfrac": 1}),
        (r"m^{\frac{3}{2}}", "m3/2", {"msup": 1, "mfrac": 0}),
        (r"\mathbb E x \le \sqrt{m}", "𝔼x≤m", {"msqrt": 1}),
        (r"r \not\le s", "r≰s", {}),
        (r"W'_{\ell}", "W′ℓ", {"msub": 1, "msubsup": 0}),
        (r"\mathbf{1} + \mathcal H", "𝟏+ℋ", {}),
    ],
)
def test_mathml_by_hand(latex, text, tags):
    tree = ElementTree.fromstring(mathml(latex))
    assert "".join(tree.itertext()) == text
    assert {tag: len(tree.findall(f".//{tag}")) for tag in tags} == tags


def test_long_formulas_are_cut_outside_brackets_only():
    long = " + ".join(f"x_{{{k}}}" for k in range(60))
    assert mathml(f"a = {long}", block=True).count("<math") > 10
    assert mathml(f"a = f[{long}]", block=True).count("<math") == 2  # before the relation, not inside the brackets
    assert mathml("a = x_{1} + x_{2}", block=True).count("<math") == 1


@pytest.mark.parametrize("latex", [r"x \unknown y", r"\frac{1}", "x^", r"\left( x"])
def test_formula_that_cannot_be_set(latex):
    with pytest.raises(TheoryError, match="cannot be set as MathML"):
        mathml(latex)


def test_conditions_and_errata_are_formulas():
    q = bounds.quantity("liu2020.required_width")
    assert len(statements(q)) == len(q.conditions) > 1
    named = next(e for e in errata("liu2020") if e.name == "L3")
    assert "<msub>" in erratum_side(named, named.printed)


def test_constants_have_their_whole_index():
    q = bounds.quantity("allenzhu2019.required_width")
    tree = ElementTree.fromstring(constant(HiddenConstant("C_10", "a constant")))
    assert [tree.findtext(".//msub/mi"), "".join(tree.find(".//msub")[1].itertext())] == ["C", "10"]
    assert q.hidden
    assert all(constant(c).startswith("<math>") for c in q.hidden)
