"""For the tests of the report: rows whose numbers can be checked by eye, and a strict reader of HTML."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import bounds
from empirics.comparison import Comparison
from empirics.verdict import Row

EVIL = '<script>alert("x")</script> & "quotes" \'single\' </style>'
VOID = {"meta", "link", "input", "br", "hr", "img"}


def row(key="banerjee2023.c_H", verdict="HOLDS", predicted=100.0, measured=10.0, width=64, **changes):
    """A row whose numbers can be checked by eye."""
    q = bounds.quantity(key)
    slack = None
    if predicted is not None and predicted > 0 and measured > 0 and verdict != "NOT APPLICABLE":
        slack = math.log10(predicted / measured)
        slack = slack if "upper" in (q.side, "upper" if q.direction == "at_most" else "") else -slack
    details = {"upper": measured, "lower": measured, "values": {}, "seed": 0, **changes.pop("details", {})}
    fields = {"reasons": ("exact",), "seeds": (0,), "step": 0, "residual": None, "exact": True, **changes}
    return Row(key, q.side, predicted, measured, slack, verdict, width=width, details=details, **fields)


def comparison(rows, cases=(), **configuration):
    settings = {"data": "digits", "samples": 8, "input_dim": 4, "runs": [], "interrupted": False, "notes": []}
    paper = rows[0].quantity.split(".")[0]
    return Comparison(
        tuple(rows), {paper: {**settings, "findings": [], **configuration}}, {"bounds": "9"}, tuple(cases)
    )


SIX = [
    row(verdict="HOLDS"),
    row(verdict="VIOLATED", measured=1000.0, width=128, reasons=("the measurement exceeds the bound",)),
    row("banerjee2023.hessian_norm", "CONSISTENT", exact=False, details={"upper": None}, reasons=("one-sided",)),
    row("banerjee2023.rsc_threshold", "NOT MET", measured=1e-9, reasons=()),
    row("banerjee2023.required_width", "MET", predicted=1.0, reasons=()),
    row("banerjee2023.beta", "NOT APPLICABLE", predicted=None, reasons=(f"assumption: {EVIL}",), label=EVIL),
]


class Page(HTMLParser):
    """The page's elements in order, with their text; refuses what is not nested properly."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), f"{tag}: an attribute twice"
        node = {"tag": tag, "attrs": dict(attrs), "text": "", "above": [e["tag"] for e in self.open]}
        self.elements.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1]["tag"] == tag, f"</{tag}> closes {self.open[-1]['tag']}"
        self.open.pop()

    def handle_data(self, data):
        for node in self.open:
            node["text"] += data

    def all(self, tag, **wanted):
        names = {k.rstrip("_"): v for k, v in wanted.items()}
        return [
            e
            for e in self.elements
            if e["tag"] == tag and all(v in (e["attrs"].get(k) or "").split() for k, v in names.items())
        ]
