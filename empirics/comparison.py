"""Predictions beside measurements: train the networks of a paper, observe, judge, gather one table."""

from __future__ import annotations

import html
import math
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bounds.binding import relevant
from bounds.display import SIGNS
from bounds.errors import TheoryError
from bounds.evaluate import Evaluation, result
from bounds.registry import quantity
from bounds.tables import Table, figures
from bounds.views import GLYPH
from empirics.data import Dataset
from empirics.verdict import HOLDS, VIOLATED, Observation, Row, combine, judge

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """What to train and measure.

    Attributes:
        L: The paper's depth.
        widths: Widths of the networks.
        seeds: How many initialisations per width.
        activation: Name or expression.
        sigma_1: Scale of the initial weights.
        rho, rho_1: Radii of the ball; None: the least that contain the points measured, rounded up.
        learning_rate: Step size; None: the one that the theory prescribes.
        steps: Steps of gradient descent.
        points: How many points of the trajectory are measured, the first and the last among them.
        restarts: Searches of the ball for the worst point, per network and quantity; 0: none.
        restart_steps: Steps of each.
        device: ``cpu`` or ``cuda``.
    """

    L: int = 3
    widths: tuple[int, ...] = (64, 128, 256)
    seeds: int = 3
    activation: str = "tanh"
    sigma_1: float = 1.0
    rho: float | None = None
    rho_1: float | None = None
    learning_rate: float | None = 1.0
    steps: int = 100
    points: int = 2
    restarts: int = 0
    restart_steps: int = 40
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, least in (("L", 1), ("seeds", 1), ("steps", 1), ("points", 1), ("restarts", 0), ("restart_steps", 1)):
            if getattr(self, name) < least:
                raise TheoryError(f"{name} = {getattr(self, name)}: must be an integer >= {least}")
        for name in ("sigma_1", "learning_rate", "rho", "rho_1"):
            value = getattr(self, name)
            if value is not None and (not math.isfinite(value) or value < 0 or (value == 0 and name[0] != "r")):
                raise TheoryError(f"{name} = {value}: must be a positive number")
        if bad := [m for m in self.widths if m < 1]:
            raise TheoryError(f"widths: {bad[0]} is not a width (must be an integer >= 1)")
        if len(set(self.widths)) < len(self.widths):
            raise TheoryError(f"widths: {','.join(map(str, self.widths))} names a width twice")
        if not self.widths:
            raise TheoryError("widths: at least one width is needed")

    def with_theory_rate(self) -> Setting:
        """The same with the step size that the theory prescribes."""
        return replace(self, learning_rate=None)


@dataclass(frozen=True)
class Comparison:
    """The verdicts of a run and everything needed to repeat it."""

    rows: tuple[Row, ...]
    configuration: Mapping[str, Any]
    versions: Mapping[str, str]
    cases: tuple[Row, ...] = ()

    @property
    def violated(self) -> bool:
        """Whether any bound was refuted."""
        return any(r.verdict == VIOLATED for r in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """``rows``, ``configuration``, ``versions`` as documented, and ``cases``: every single observation judged."""
        return {
            "rows": [r.to_dict() for r in self.rows],
            "configuration": dict(self.configuration),
            "versions": dict(self.versions),
            "cases": [r.to_dict() for r in self.cases],
        }

    def to_dataframe(self) -> Any:
        """One row per quantity and width (pandas must be installed)."""
        import pandas

        return pandas.DataFrame([r.to_dict() for r in self.rows])

    def table(self, full: bool = False) -> Table:
        """One line per quantity and width.

        Args:
            full: Full keys and the reasons in a column of their own, for spreadsheets; otherwise bare names where they
                are unique, and the reasons as numbered notes below.
        """
        papers = {r.quantity.split(".")[0] for r in self.rows}
        notes: dict[str, int] = {}
        lines, previous = [], ""
        for r in self.rows:
            bare = r.quantity.split(".", 1)[1] if len(papers) == 1 else r.quantity
            name = r.quantity if full else "" if r.quantity == previous else bare
            previous = r.quantity
            where = ", ".join(x for x in (r.label, f"t={r.step}") if x)
            text = "; ".join(r.reasons)
            if not full and text and r.verdict != HOLDS:
                text = f"({notes.setdefault(text, len(notes) + 1)})"
            because = text if full or r.verdict != HOLDS else ""
            lines.append((name, str(r.width), _bound(r), _measured(r), _slack(r.slack), r.verdict, where, because))
        columns = (
            "quantity",
            "width",
            "predicted",
            "measured",
            "slack",
            "verdict",
            "at",
            "because" if full else "note",
        )
        below = (*(f"({k}) {text}" for text, k in notes.items()), *self._notes())
        title = f"Prediction against reality: {', '.join(sorted(papers))}"
        return Table(columns, tuple(lines), title, below)

    def _notes(self) -> tuple[str, ...]:
        c = self.configuration
        lines = [
            "slack: powers of ten between prediction and measurement, positive when the bound or requirement is "
            "satisfied; each line shows the case with the least slack over seeds, steps and layers (at = layer, step)",
            "HOLDS: proved at the points measured, by an exact value or a rigorous upper end (low to high); "
            "CONSISTENT: not refuted, the measurement is one-sided",
            "radii of the ball: the least that contain the points measured, unless given; t=0 is the initialisation",
            f"data: {c['data']}; {c['samples']} samples in dimension {c['input_dim']}",
        ]
        lines += c.get("notes", [])
        for run in c["runs"]:
            lines.append(
                f"width {run['width']}: step size {run['learning_rate']:.4g}, {run['steps']} steps, loss "
                f"{run['loss_first']:.3g} to {run['loss_last']:.3g} (seed {run['seed']}: {run['reason']}), radii rho = "
                f"{run['rho']:.3g}, rho_1 = {run['rho_1']:.3g}"
            )
        return tuple(lines)

    def __str__(self) -> str:
        table = self.table()
        return "\n".join([table.to_markdown(), *table.notes])

    def _repr_html_(self) -> str:
        table = self.table()
        head = "".join(f"<th>{c}</th>" for c in table.columns)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in table.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _bound(r: Row) -> str:
    sign = GLYPH[SIGNS[quantity(r.quantity).direction or r.side]]
    return "-" if r.predicted is None else f"{sign} {figures(r.predicted)}"


def _measured(r: Row) -> str:
    upper = r.details.get("upper")
    if r.exact:
        return figures(r.measured)
    if upper is None:
        return f">= {figures(r.measured)}"
    low, high = figures(r.measured), figures(upper)
    if upper == r.measured:
        return f"<= {high}"
    return low if low == high else f"{low} to {high}"


def _slack(slack: float | None) -> str:
    return "-" if slack is None else f"{slack:+.2f}"


def predict(key: str, values: Mapping[str, Any]) -> Evaluation:
    """The quantity ``key`` at those of ``values`` that it depends on; defaults for the rest."""
    q = quantity(key)
    return result(q, defaults=True, **relevant(q, values))


def gather(
    observations: Iterable[Observation], failure: Callable[[Mapping[str, Any]], float]
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Judge every observation and sum up per quantity and width.

    Args:
        observations: All that was measured.
        failure: The probability with which the theorem may fail at given parameters.

    Returns:
        (rows, cases): one row per quantity and width in the papers' order, and every single case.
    """
    cases, allowed = [], {}
    for o in observations:
        cases.append(judge(o, predict(o.quantity, o.values)))
        allowed[cases[-1].width] = failure(o.values)
    order = {q.key: k for k, q in enumerate(quantity(cases[0].quantity).paper.quantities.values())} if cases else {}
    groups: dict[tuple[int, int, str], list[Row]] = {}
    for row in cases:
        groups.setdefault((order[row.quantity], row.width, row.quantity), []).append(row)
    rows = [
        combine(g, allowed[width] if quantity(key).probability else None)
        for (_, width, key), g in sorted(groups.items(), key=lambda item: item[0][:2])
    ]
    return tuple(rows), tuple(cases)


def versions() -> dict[str, str]:
    """The versions that matter for repeating a run."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("bounds", "torch", "numpy", "scipy", "sympy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def round_up(value: float, digits: int = 2) -> float:
    """``value`` rounded up to ``digits`` figures: a radius that contains it.

    >>> round_up(0.1234), round_up(0.0)
    (0.13, 0.0)
    """
    if value <= 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return math.ceil(value / unit - 1e-12) * unit


def configuration(setting: Setting, data: Dataset, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything needed to repeat a run."""
    return {
        **asdict(setting),
        "data": f"{data.name}: {data.source}",
        "samples": int(data.X.shape[0]),
        "input_dim": int(data.X.shape[1]),
        "mean_y_sq": data.mean_y_sq,
        "dtype": str(data.X.dtype),
        "runs": runs,
    }


def on_device(data: Dataset, device: str) -> Dataset:
    """The data where the networks are."""
    return replace(data, X=data.X.to(device), y=data.y.to(device))
