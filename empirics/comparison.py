"""Predictions beside measurements: train the networks of a paper, observe, judge, gather one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bounds.display import SIGNS
from bounds.errors import TheoryError
from bounds.registry import quantity
from bounds.tables import Table, figures
from bounds.views import GLYPH, hidden_factors
from empirics.data import Dataset
from empirics.gathering import failure_probability as failure_probability
from empirics.gathering import gather as gather
from empirics.gathering import predict as predict
from empirics.gathering import restored
from empirics.scaling import calibration_of
from empirics.verdict import HOLDS, VIOLATED, Row

LEGEND = (
    "slack: powers of ten between prediction and measurement, positive when the bound or requirement is satisfied; "
    "each line shows the case with the least slack over seeds, steps and layers (at = layer, step)",
    "HOLDS: proved at the points measured, by an exact value or an upper end (low to high); CONSISTENT: not refuted, "
    "the measurement is one-sided",
)
COLUMNS = ("quantity", "width", "predicted", "measured", "slack", "verdict", "at")


@dataclass(frozen=True)
class Comparison:
    """The verdicts of a run and everything needed to repeat it.

    Attributes:
        rows: One per quantity and width; one over all widths where only the order is known.
        configurations: Paper -> what was trained and measured.
        versions: Of the packages that matter.
        cases: Every single observation judged.
    """

    rows: tuple[Row, ...]
    configurations: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str]
    cases: tuple[Row, ...] = ()

    @property
    def configuration(self) -> Mapping[str, Any]:
        """What was trained and measured for the only paper, or the first."""
        return next(iter(self.configurations.values()))

    @property
    def violated(self) -> bool:
        """Whether any bound was refuted."""
        return any(r.verdict == VIOLATED for r in self.rows)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended a run."""
        return any(c["interrupted"] for c in self.configurations.values())

    def to_dict(self) -> dict[str, Any]:
        """``rows``, ``configuration`` by paper, ``versions``, and ``cases``: every single observation judged."""
        return {
            "rows": [r.to_dict() for r in self.rows],
            "configuration": {paper: dict(c) for paper, c in self.configurations.items()},
            "versions": dict(self.versions),
            "cases": [r.to_dict() for r in self.cases],
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_dict` described, as JSON gives it back.

        Args:
            stored: ``rows``, ``configuration``, ``versions`` and ``cases``.

        Returns:
            An equal comparison; lists stand for tuples within its configurations.
        """
        rows, cases = (tuple(map(restored, stored[name])) for name in ("rows", "cases"))
        return cls(rows, stored["configuration"], stored["versions"], cases)

    def to_dataframe(self) -> Any:
        """One row per quantity and width (pandas must be installed)."""
        import pandas

        return pandas.DataFrame([r.to_dict() for r in self.rows])

    def calibration(self, origin: str) -> Any:
        """What the runs say of the papers' hidden constants, as a `bounds.calibration.Calibration`.

        Args:
            origin: How the runs were made, for the file.
        """
        data = "; ".join(f"{_listed(c['data'])}, {_listed(c['samples'])} samples" for c in self.configurations.values())
        return calibration_of(self.rows, f"{origin} ({data})")

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
            width = "all" if r.details.get("widths") else str(r.width)
            lines.append((name, width, _bound(r), _measured(r), _slack(r.slack), r.verdict, where, because))
        columns = (*COLUMNS, "because" if full else "note")
        below = (*(f"({k}) {text}" for text, k in notes.items()), *LEGEND, *self._notes())
        title = f"Prediction against reality: {', '.join(sorted(papers))}"
        return Table(columns, tuple(lines), title, below)

    def _notes(self) -> tuple[str, ...]:
        lines: list[str] = []
        for paper, c in self.configurations.items():
            head = f"{paper}: " if len(self.configurations) > 1 else ""
            lines += [f"{head}{text}" for text in c["findings"]]
            lines.append(f"{head}data: {c['data']}; {c['samples']} samples in dimension {c['input_dim']}")
            lines += [f"{head}{text}" for text in c["notes"]]
            lines += [f"{head}{_run_line(run)}" for run in c["runs"] if run.get("shown", True)]
        return tuple(lines)

    def __str__(self) -> str:
        table = self.table()
        return "\n".join([table.to_markdown(), *table.notes])

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _repr_latex_(self) -> str:
        return self.table()._repr_latex_()


def merge(comparisons: Sequence[Comparison]) -> Comparison:
    """Several papers' comparisons as one.

    Args:
        comparisons: at least one, each of papers of its own.

    Returns:
        All rows, cases and configurations.

    Raises:
        TheoryError: A paper twice: one configuration is kept of each, and one table would mix what differs.
    """
    papers = [paper for c in comparisons for paper in c.configurations]
    if twice := [paper for paper in papers if papers.count(paper) > 1]:
        raise TheoryError(
            f"{twice[0]} is in {papers.count(twice[0])} comparisons, maybe of different settings: keep them apart"
        )
    rows, cases = (tuple(r for c in comparisons for r in getattr(c, name)) for name in ("rows", "cases"))
    configurations = {paper: conf for c in comparisons for paper, conf in c.configurations.items()}
    return Comparison(rows, configurations, comparisons[0].versions, cases)


def _listed(value: Any) -> str:
    """One value, or several of a sweep."""
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


def _run_line(run: Mapping[str, Any]) -> str:
    radii = "".join(f", {name} = {value:.3g}" for name, value in run.get("radii", {}).items())
    network = f"{run['network']}, " if "network" in run else ""
    return (
        f"{network}width {run['width']}: step size {run['learning_rate']:.4g}, {run['steps']} steps, loss "
        f"{run['loss_first']:.3g} to {run['loss_last']:.3g} (seed {run['seed']}: {run['reason']}){radii}"
    )


def _bound(r: Row) -> str:
    q = quantity(r.quantity)
    sign = GLYPH[SIGNS[(q.direction if r.side == "requires" else None) or r.side]]
    constant = hidden_factors(r.details.get("unset", ()), q)
    return "-" if r.predicted is None else f"{sign} {figures(r.predicted)}{constant}"


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


def configuration(
    setting: Any,
    data: Dataset,
    runs: Sequence[Mapping[str, Any]],
    *,
    interrupted: bool = False,
    notes: Sequence[str] = (),
    findings: Sequence[str] = (),
) -> dict[str, Any]:
    """Everything needed to repeat a run, and what it showed beside the table.

    Args:
        setting: What was asked.
        data: On what.
        runs: One record per trained network.
        interrupted: Whether Ctrl-C ended it early.
        notes: What a reader of the table should know.
        findings: What was seen that no quantity states, with its numbers.

    Returns:
        JSON-ready values.
    """
    return {
        **asdict(setting),
        "data": f"{data.name}: {data.source}",
        "samples": int(data.X.shape[0]),
        "input_dim": int(data.X.shape[1]),
        "mean_y_sq": data.mean_y_sq,
        "dtype": str(data.X.dtype),
        "runs": [dict(run) for run in runs],
        "interrupted": interrupted,
        "notes": list(notes),
        "findings": list(findings),
    }
