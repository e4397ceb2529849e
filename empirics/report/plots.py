"""Small plots as inline SVG: what was measured of a quantity and what its theorem says, against width, samples or step.

Colours come from the page's style, so that a plot suits light, dark and print; shapes tell marks apart without them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bounds.registry import quantity
from empirics.report.axes import Axis, axis, thinned
from empirics.report.elements import Markup, element, join, plain_number
from empirics.verdict import NOT_APPLICABLE, VIOLATED, Row

WIDTH, HEIGHT = 360, 216
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40
FEWEST_STEPS = 3
BEYOND = 1e300
"""No data set has so many samples; a float still holds it."""


@dataclass(frozen=True)
class Against:
    """What stands on the horizontal axis.

    Attributes:
        name: In words, below the axis.
        value: Of a case; None where it has none.
    """

    name: str
    value: Callable[[Row], float | None]


def plots(key: str, cases: Iterable[Row]) -> list[Markup]:
    """The plots of one quantity.

    Args:
        key: The quantity's.
        cases: All that was observed of it.

    Returns:
        One drawing for each of width, samples and step that varies (a step needs three points); none of them: none.
    """
    shown = [r for r in cases if math.isfinite(r.measured)]
    drawings = []
    for against in _axes_of(key):
        placed = [(x, r) for r in shown if (x := against.value(r)) is not None]
        least = FEWEST_STEPS if against.name == "step" else 2
        if len({x for x, _ in placed}) >= least:
            drawings.append(_drawing(key, against.name, placed))
    return drawings


def _axes_of(key: str) -> list[Against]:
    roles = {p.role: n for n, p in quantity(key).paper.parameters.items()}
    samples = roles.get("samples", "")

    def count(row: Row) -> float | None:
        value = row.details.get("values", {}).get(samples)
        return float(value) if isinstance(value, int | float) and 0 < value < BEYOND else None

    return [
        Against("width of the network", lambda r: float(r.width) if r.width > 0 else None),
        Against("number of samples n", count),
        Against("step", lambda r: float(r.step)),
    ]


def _drawing(key: str, name: str, placed: Sequence[tuple[float, Row]]) -> Markup:
    xs = sorted({x for x, _ in placed})
    horizontal = axis(xs, LEFT + 14, WIDTH - RIGHT - 14, () if name == "step" else xs)
    vertical = axis(_heights(placed), HEIGHT - BOTTOM, TOP)
    predicted = _predicted(placed)
    parts = [
        _frame(horizontal, vertical, name),
        _claim(key, placed[0][1], predicted, horizontal, vertical),
        _measured(placed, horizontal, vertical),
    ]
    box = f"0 0 {WIDTH} {HEIGHT}"
    label = _in_words(key, name, placed)
    return element("svg", *parts, viewBox=box, role="img", aria_label=label, class_="plot")


def _heights(placed: Sequence[tuple[float, Row]]) -> list[float]:
    found = [r.measured for _, r in placed]
    found += [r.predicted for _, r in placed if r.predicted is not None]
    found += [u for _, r in placed if (u := _upper(r)) is not None]
    return [v for v in found if math.isfinite(v)]


def _upper(row: Row) -> float | None:
    """The upper end of a measurement known within an interval."""
    upper = row.details.get("upper")
    return upper if isinstance(upper, int | float) and upper != row.measured and math.isfinite(upper) else None


def _predicted(placed: Sequence[tuple[float, Row]]) -> list[tuple[float, float, float, float]]:
    """(x, least, middle, greatest) of what is claimed, for ascending x."""
    at: dict[float, list[float]] = {}
    for x, r in placed:
        if r.predicted is not None and math.isfinite(r.predicted):
            at.setdefault(x, []).append(r.predicted)
    return [(x, min(v), median(v), max(v)) for x, v in sorted(at.items())]


def _frame(x: Axis, y: Axis, name: str) -> Markup:
    """Grid, ticks and the name below; ticks of the vertical axis are powers of ten where it is logarithmic."""
    base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    lines, words = [], []
    for value in y.ticks:
        at = _round(y.at(value))
        lines.append(f"M{LEFT} {at}H{right}")
        words.append(_text(LEFT - 6, at + 3.5, _power(value) if y.log else _plain(value), "end"))
    if y.floor:
        words.append(_text(LEFT - 6, base + 3.5, "≤ 0", "end"))
    ticks = []
    for value, at in thinned(x.ticks, [x.at(v) for v in x.ticks], 34):
        ticks.append(f"M{_round(at)} {base}v4")
        words.append(_text(_round(at), base + 16, f"{value:g}", "middle"))
    words.append(_text((LEFT + right) / 2, HEIGHT - 6, name, "middle", class_="axis-name"))
    return join([_path("grid", "".join(lines)), _path("axis", f"M{LEFT} {base}H{right}" + "".join(ticks)), *words])


def _power(value: float) -> Markup:
    exponent = round(math.log10(value))
    if -3 <= exponent <= 3:
        return Markup(f"{value:g}")
    return join(["10", _raised(exponent)])


def _plain(value: float) -> Markup:
    text, _, exponent = f"{value:g}".replace("-", "−").partition("e")
    if not exponent:
        return Markup(text)
    return join([f"{text}×10", _raised(int(exponent.replace("−", "-")))])


def _raised(exponent: int) -> Markup:
    return element("tspan", str(exponent).replace("-", "−"), dy="-4", font_size="8")


def _claim(key: str, row: Row, predicted: Sequence[tuple[float, float, float, float]], x: Axis, y: Axis) -> Markup:
    """The bound as a line through its medians, its spread as a band, and the side that it allows, tinted."""
    if not predicted:
        return Markup("")
    line = [(x.at(p[0]), y.at(p[2])) for p in predicted]
    line = [(line[0][0] - 10, line[0][1]), *line, (line[-1][0] + 10, line[-1][1])]
    edge = {"at_least": TOP, "at_most": HEIGHT - BOTTOM, "lower": TOP, "upper": HEIGHT - BOTTOM}.get(
        (quantity(key).direction if row.side == "requires" else row.side) or ""
    )
    band = [(x.at(p[0]), y.at(p[3])) for p in predicted] + [(x.at(p[0]), y.at(p[1])) for p in reversed(predicted)]
    spread = max(abs(y.at(p[3]) - y.at(p[1])) for p in predicted) > 1
    parts = []
    if edge is not None:
        parts.append(_path("allowed", f"{_polyline(line)}V{edge}H{_round(line[0][0])}Z"))
    if spread:
        parts.append(_path("spread", f"{_polyline(band)}Z"))
    parts.append(_path("claim order" if row.details.get("unset") else "claim", _polyline(line)))
    return join(parts)


def _measured(placed: Sequence[tuple[float, Row]], x: Axis, y: Axis) -> Markup:
    """One mark for each case, those that fall on one another once; a stem where only an interval is known."""
    marks: dict[tuple[float, float, str], list[tuple[float, Row]]] = {}
    for at, row in placed:
        kind = {VIOLATED: "refuted", NOT_APPLICABLE: "aside"}.get(row.verdict, "seen")
        place = (_round(x.at(at)), round(y.at(row.measured) * 2) / 2, kind)
        marks.setdefault(place, []).append((at, row))
    stems = []
    for at, row in placed:
        if (upper := _upper(row)) is not None and abs(y.at(upper) - y.at(row.measured)) > 4:
            stems.append(f"M{_round(x.at(at))} {_round(y.at(row.measured))}V{_round(y.at(upper))}")
    stem = _path("stem", "".join(dict.fromkeys(stems))) if stems else None
    order = ("aside", "seen", "refuted")
    drawn = sorted(marks.items(), key=lambda m: order.index(m[0][2]))
    return join([stem, *(_mark(cx, cy, kind, rows) for (cx, cy, kind), rows in drawn)])


def _mark(cx: float, cy: float, kind: str, rows: Sequence[tuple[float, Row]]) -> Markup:
    row = rows[0][1]
    where = ", ".join(w for w in (f"width {row.width}", f"seed {row.seeds[0]}", f"step {row.step}", row.label) if w)
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    title = element("title", f"{where}{more}: measured {plain_number(row.measured, 4)}, {row.verdict}")
    if kind == "refuted":
        return element("path", title, d=f"M{cx - 4} {cy - 4}l8 8m0-8l-8 8", class_=f"mark {kind}")
    return element("circle", title, cx=cx, cy=cy, r=3, class_=f"mark {kind}")


def _in_words(key: str, name: str, placed: Sequence[tuple[float, Row]]) -> str:
    """The plot for those who do not see it."""
    seen = [r.measured for _, r in placed]
    claimed = [r.predicted for _, r in placed if r.predicted is not None]
    xs = [x for x, _ in placed]
    said = f"{key} against {name}, {min(xs):g} to {max(xs):g}: measured {_span(seen)} in {len(seen)} cases"
    return f"{said}; predicted {_span(claimed)}" if claimed else said


def _span(values: Sequence[float]) -> str:
    low, high = plain_number(min(values)), plain_number(max(values))
    return low if low == high else f"{low} to {high}"


def _polyline(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_round(x)} {_round(y)}" for x, y in points)


def _path(class_: str, d: str) -> Markup:
    return element("path", d=d, class_=class_)


def _text(x: float, y: float, content: Any, anchor: str, class_: str | None = None) -> Markup:
    return element("text", content, x=_round(x), y=_round(y), text_anchor=anchor, class_=class_)


def _round(value: float) -> float:
    return round(value, 1)


def legend() -> Markup:
    """What the marks mean."""
    samples = (
        (_path("allowed", "M0 7H26V14H0Z") + _path("claim", "M0 7H26"), "the bound, the side it allows tinted"),
        (_path("claim order", "M0 7H26"), "known up to constants, drawn at 1"),
        (_circle("seen"), "measured"),
        (_path("stem", "M13 12V2") + _circle("seen", 12), "measured, known up to the end of the stem"),
        (_path("mark refuted", "M9 3l8 8m0-8l-8 8"), "measured, refutes the bound"),
        (_circle("aside"), "an assumption fails"),
    )
    return element("ul", *(_entry(Markup(drawing), text) for drawing, text in samples), class_="legend")


def _circle(kind: str, cy: float = 7) -> Markup:
    return element("circle", cx=13, cy=cy, r=3, class_=f"mark {kind}")


def _entry(drawing: Markup, text: str) -> Markup:
    return element("li", element("svg", drawing, viewBox="0 0 26 14", class_="plot", aria_hidden="true"), text)
