"""What a theorem covers at the width one has: the largest (or least) value of a letter where all its conditions hold.

The conditions are those of the required width, lemmas included, with the width given and another letter free. They are
scanned over the letter's domain in logarithms, so that a covered set that is no interval is seen; the end that is
reported is settled in ball arithmetic, true on one side and false on the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from bounds.assumptions import Checked, Judged, assumptions_of, judge
from bounds.ball import decimal, precision, to_ball
from bounds.binding import Binding, bind
from bounds.compile import compile_expressions
from bounds.coverage import Cover, Run
from bounds.enclosure import Enclosure
from bounds.errors import Missing, TheoryError
from bounds.evaluate import relations
from bounds.model import Default, Quantity
from bounds.naming import translate
from bounds.registry import paper as find_paper
from bounds.registry import quantity as find_quantity
from bounds.solve import Width, requirements
from bounds.values import show

QUESTIONS = ("width", "samples")
"""What a requirement answers whose conditions can be turned around."""


@dataclass(frozen=True)
class Reach(Judged):
    """How far a theorem reaches in one letter.

    Attributes:
        quantity: The requirement whose conditions were asked.
        letter: The letter that was free.
        direction: ``largest`` where the theorem gets harder as the letter grows, ``least`` where it gets easier;
            ``all`` or ``none`` where every value scanned is covered, or none.
        value: The exact integer; or the enclosure of a real number within which the conditions turn; None when not
            applicable, for ``all`` and for ``none``.
        binding: The condition that fails beyond the value.
        fails: Every condition that fails beyond it.
        interval: The covered interval that ends at the value, from and to; an end is None where the scan ends there.
        others: The further covered intervals, where the covered set is not one interval.
        certificate: What was proved.
        values, assumed, unset, checks, failure: As in ``Solution``.
    """

    quantity: Quantity
    letter: str
    direction: str
    value: Width | Enclosure | None
    binding: str
    fails: tuple[str, ...]
    interval: tuple[Any, Any]
    others: tuple[tuple[Any, Any], ...]
    certificate: str
    values: dict[str, Any]
    assumed: dict[str, Default]
    unset: tuple[str, ...]
    checks: tuple[Checked, ...]
    failure: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As a row of ``largest --json``."""
        from bounds.explain_view import reach_row

        return reach_row(self)

    def __str__(self) -> str:
        if not self.applicable:
            return f"{self.quantity.key}: NOT APPLICABLE ({'; '.join(self.reasons)})"
        if self.value is None:
            return f"{self.quantity.key} covers every {self.letter} scanned; {self.certificate}"
        return f"{self.quantity.key}: {self.direction} {self.letter} = {self.value}; {self.certificate}"


def largest(name: str, paper: str, /, **values: Any) -> Reach:
    """The largest value of a letter that a theorem covers at a given width; the least, where small ones are harder.

    Args:
        name: The letter or its role (``n`` or ``samples``).
        paper: A paper's key, or the key of one of its requirements.
        **values: The width, and any other parameters by letter or role; the rest takes the paper's defaults.

    Raises:
        TheoryError: A name is unknown, the width missing, or the theorem does not depend on the letter.

    >>> found = largest("d", "banerjee2023", m=10**7)  # m >= d is the only condition on the input dimension
    >>> found.direction, found.value, found.binding
    ('largest', 10000000, 'm >= d')
    """
    quantity = find_quantity(paper) if "." in paper else _main(paper)
    named = translate([quantity.paper], values)[quantity.paper.key]
    return reach(quantity, _letter(quantity, name), named)


def _main(key: str) -> Quantity:
    """A paper's required width, else the first requirement that answers a question."""
    paper = find_paper(key)
    found = [q for q in paper.quantities.values() if q.unknown and q.answers in QUESTIONS]
    if not found:
        raise TheoryError(f"{key} states no required width")
    return next((q for q in found if q.name == "required_width"), found[0])


def _letter(quantity: Quantity, word: str) -> str:
    paper = quantity.paper
    name = next(iter(translate([paper], {word: None})[paper.key]))
    if name not in paper.parameters or paper.parameters[name].kind != "number":
        raise TheoryError(f"{word} is not a number of {paper.key}: give one of its letters")
    if name == quantity.unknown:
        raise TheoryError(f"{name} is what {quantity.key} solves for: ask bounds required-width")
    return name


def inputs_of(quantity: Quantity, given: Iterable[str] = ()) -> frozenset[str]:
    """What the requirements of a theorem read, beyond what is given; defaults that are formulas are followed."""
    paper, known = quantity.paper, frozenset(given)
    symbolic = frozenset(
        p.name
        for p in paper.parameters.values()
        if p.name not in known and p.default is not None and getattr(p.default.value, "free_symbols", None)
    )
    formulas = tuple(c.relation for c in requirements(quantity, side=True))
    return compile_expressions(paper, formulas, known, quantity, symbolic).inputs | {quantity.unknown}


def reach(
    quantity: Quantity, letter: str, values: Mapping[str, Any], fill: Mapping[str, Default] | None = None
) -> Reach:
    """How far ``quantity``'s conditions reach in ``letter``, with the rest given; ``fill`` comes before the defaults.

    Raises:
        TheoryError: A value is wrong or missing, or no condition depends on the letter.
    """
    paper, conditions = quantity.paper, requirements(quantity, side=True)
    if values.get(quantity.unknown, (fill or {}).get(quantity.unknown)) is None:
        raise Missing(f"{quantity.key} needs {quantity.unknown}: what one has, to ask how far it reaches")
    formulas, also = tuple(c.relation for c in conditions), relations(quantity)
    fill = {n: d for n, d in (fill or {}).items() if n != letter}
    binding = bind(paper, formulas, values, top=quantity, unknown=letter, defaults=True, also=also, fill=fill)
    # a default that is a formula gives way to the free letter
    assumed = {n: d for n, d in binding.assumed.items() if n != letter}
    binding = replace(binding, symbolic=binding.symbolic - {letter}, assumed=assumed)
    if letter not in binding.tape(paper, formulas).inputs:
        raise TheoryError(f"{quantity.key} does not depend on {letter}")
    if arrays := [n for n, v in binding.values.items() if isinstance(v, np.ndarray)]:
        raise TheoryError(f"{arrays[0]}: one value at a time, not an array")
    nowhere = without_reach(quantity, letter, "", binding)
    if any(c.state is False for c in nowhere.checks):  # whatever the letter
        return nowhere
    cover = Cover(quantity, conditions, binding, letter)
    runs = cover.runs()
    if not runs:
        return replace(nowhere, binding=cover.culprit(), failure=cover.why_none())
    if len(runs) == 1 and runs[0].everything:
        low, high = (show(p) for p in cover.ends())
        proof = f"all conditions hold at {letter} = {low} and {high} (proved), no failure between on the scan"
        return replace(nowhere, direction="all", certificate=proof)
    return _edge(cover, runs, nowhere)


def without_reach(quantity: Quantity, letter: str, reason: str, binding: Binding | None = None) -> Reach:
    """A ``Reach`` that covers nothing."""
    empty = Reach(quantity, letter, "none", None, "", (), (None, None), (), "", {}, {}, (), (), reason)
    if binding is None:
        return empty
    known = {"values": binding.values, "assumed": binding.assumed, "unset": binding.unset}
    return replace(empty, checks=_checks(quantity, binding), **known)  # type: ignore[arg-type]


def _edge(cover: Cover, runs: list[Run], empty: Reach) -> Reach:
    """The interval that reaches to the easy end, and where it stops."""
    main = next((r for r in runs if r.from_start), None) or next((r for r in runs if r.to_end), None)
    main = main or max(runs, key=lambda r: r.last - r.first)
    direction = "least" if main.to_end and not main.from_start else "largest"
    quantity, letter = cover.quantity, cover.letter
    sides = [None if main.from_start else cover.settle(main, -1), None if main.to_end else cover.settle(main, +1)]
    good, bad = sides[0] if direction == "least" else sides[1]  # type: ignore[misc]
    fails = cover.failing(bad)
    if not fails:
        raise TheoryError(f"{quantity.key}: no certificate that a condition fails at {letter} = {show(bad)}")
    at = replace(cover.binding, values={**cover.binding.values, letter: good})
    checks = _checks(quantity, at)
    applicable = all(c.state is not False for c in checks)
    interval = (sides[0] and sides[0][0], sides[1] and sides[1][0])
    others = tuple(cover.rough(r) for r in runs if r is not main)
    proof = (
        f"all conditions hold at {_text(good)}, {', '.join(fails)} fails at {_text(bad)} (proved in ball arithmetic)"
    )
    found: Any = Width(good) if cover.integer else _between(good, bad)
    return replace(
        empty,
        direction=direction,
        value=found if applicable else None,
        binding=fails[0],
        fails=fails,
        interval=interval,
        others=others,
        certificate=proof,
        checks=checks,
    )


def _between(a: Fraction, b: Fraction) -> Enclosure:
    with precision(256):
        return Enclosure(to_ball(a).union(to_ball(b)))


def _text(value: Any) -> str:
    return decimal(value) if isinstance(value, int) else repr(float(value))


def _checks(quantity: Quantity, binding: Binding) -> tuple[Checked, ...]:
    return tuple(judge(quantity.paper, c, binding) for c in assumptions_of(quantity, binding.given))
