"""Tables and JSON: one list of rows, shown by rich in a terminal, or as CSV, Markdown or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from bounds.ball import decimal


def plain_console(**options: Any) -> Any:
    """A rich console that leaves a closed pipe (``| head``) to the caller: rich itself would end with status 1."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Plain(highlight=False, **options)


@dataclass(frozen=True)
class Table:
    """Rows of text cells under named columns.

    Attributes:
        columns: The headings.
        rows: One tuple of cells per row.
        title: Shown above.
        notes: Lines shown below.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()

    def to_csv(self) -> str:
        """Comma-separated, with a header line."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return buffer.getvalue()

    def to_markdown(self) -> str:
        """A pipe table."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return (
            "\n".join(
                "| " + " | ".join(c.replace("|", r"\|").replace("\n", " ") for c in line) + " |" for line in lines
            )
            + "\n"
        )

    def to_dataframe(self) -> Any:
        """A pandas data frame (pandas must be installed)."""
        import pandas

        return pandas.DataFrame(list(self.rows), columns=list(self.columns))

    def _repr_html_(self) -> str:
        from bounds.notebook import table_html

        return table_html(self)

    def _repr_latex_(self) -> str:
        from bounds.notebook import table_latex

        return table_latex(self)

    def print(self, style: str = "text") -> None:
        """To standard output, as ``text``, ``csv`` or ``markdown``."""
        if style == "csv":
            print(self.to_csv(), end="")
        elif style == "markdown":
            print(self.to_markdown(), end="")
        else:
            self._print_text()

    def _print_text(self) -> None:
        from rich import box
        from rich.table import Table as RichTable

        console = plain_console()
        table = RichTable(
            title=self.title or None,
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
        )
        for k, heading in enumerate(self.columns):
            numeric = looks_numeric([row[k] for row in self.rows])
            table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*[_escape(c) for c in row], style=_row_style(row))
        if not console.is_terminal:  # a pipe gets the whole width it needs
            console.width = max(200, console.width)
        console.print(table)
        for note in self.notes:
            console.print(_escape(note), soft_wrap=True)


_STYLES = {"VIOLATED": "bold red", "HOLDS": "green", "MET": "green", "NOT MET": "yellow", "NOT APPLICABLE": "dim"}


def _row_style(row: Sequence[str]) -> str:
    return next((style for word, style in _STYLES.items() if word in row), "")


def _escape(text: str) -> str:
    return text.replace("[", r"\[")


def looks_numeric(column: Sequence[str]) -> bool:
    """Whether all cells of a column look like numbers, so that it is set to the right."""
    return bool(column) and all(map(_numeric_cell, column))


def _numeric_cell(cell: str) -> bool:
    return not cell or cell in "-–" or cell[0] in "+-.0123456789<>≥≤" or cell == "inf"


def figures(value: Any, digits: int = 4) -> str:
    """A number for people: integers whole up to ten digits, else ``digits`` figures and the power of ten.

    >>> figures(1800288), figures(0.000123456), figures(10**40), figures(None)
    ('1800288', '1.235e-04', '1.000e+40', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        text = decimal(value)
        if len(text) <= 10:
            return text
        sign, text = ("-", text[1:]) if value < 0 else ("", text)
        head = str((int(text[: digits + 1]) + 5) // 10)
        return f"{sign}{head[0]}.{head[1:digits]}e+{len(text) - 1 + (len(head) > digits)}"
    value = float(value)
    if value and not 1e-3 <= abs(value) < 1e6 and math.isfinite(value):
        return f"{value:.{digits - 1}e}"
    return f"{value:.{digits}g}"


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: NaN and infinities become null, fractions floats, dataclasses dictionaries."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {k: plain(getattr(value, k)) for k in value.__dataclass_fields__}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(v) for v in value]
    if isinstance(value, float | Fraction | np.generic) or hasattr(value, "__float__"):
        if getattr(value, "free_symbols", None):
            return str(value)
        number = float(value)
        return number if math.isfinite(number) else None
    return str(value)


def records(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Records of the same keys as a table: numbers in full, lists joined by ``; ``, nothing for None."""
    columns = tuple(rows[0]) if rows else ()
    return Table(columns, tuple(tuple(_cell(row[c]) for c in columns) for row in rows))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return repr(value) if isinstance(value, float) else str(value)


def dumps(value: Any) -> str:
    """JSON text, two spaces a level."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
