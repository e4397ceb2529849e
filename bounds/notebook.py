"""How notebooks show results: tables as HTML, and as LaTeX for an export; numbers to the right."""

from __future__ import annotations

import html
from typing import Any

from bounds.tables import Table, looks_numeric

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<=": r"$\le$",
    ">=": r"$\ge$",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "×": r"$\times$",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}


def table_html(table: Table) -> str:
    """A table as HTML: title, cells and notes, escaped.

    Args:
        table: The table.

    Returns:
        A ``table`` element, and a list of the notes where there are some.
    """
    caption = f"<caption>{html.escape(table.title)}</caption>" if table.title else ""
    head = "".join(f'<th scope="col">{html.escape(c)}</th>' for c in table.columns)
    numeric = [looks_numeric(column) for column in _columns(table)]
    body = "".join(f"<tr>{_row_html(row, numeric)}</tr>" for row in table.rows)
    notes = "".join(f"<li>{html.escape(n)}</li>" for n in table.notes)
    below = f"<ul>{notes}</ul>" if notes else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def table_latex(table: Table) -> str:
    r"""A table as a LaTeX ``tabular``, which needs no package.

    Args:
        table: The table.

    Returns:
        LaTeX.

    Example:
        >>> print(table_latex(Table(("key", "m"), (("c_H", "64"),))))
        \begin{tabular}{lr}
        key & m \\ \hline
        c\_H & 64 \\
        \end{tabular}
    """
    layout = "".join("r" if looks_numeric(column) else "l" for column in _columns(table))
    head = " & ".join(map(latex_text, table.columns))
    lines = [" & ".join(map(latex_text, row)) + r" \\" for row in table.rows]
    return "\n".join([rf"\begin{{tabular}}{{{layout}}}", rf"{head} \\ \hline", *lines, r"\end{tabular}"])


def latex_text(text: str) -> str:
    r"""Text in LaTeX, its special characters spelt out.

    >>> latex_text("<= 5 % of c_H")
    '$\\le$ 5 \\% of c\\_H'
    """
    found, k = [], 0
    while k < len(text):
        length = 2 if text[k : k + 2] in _ESCAPES else 1
        found.append(_ESCAPES.get(text[k : k + length], text[k : k + length]))
        k += length
    return "".join(found)


def result_table(result: Any) -> Table:
    """The table of one ``Evaluation`` or ``Solution``, as the command line prints it."""
    from bounds.evaluate import Evaluation
    from bounds.views import evaluation_table, width_table

    return evaluation_table([result]) if isinstance(result, Evaluation) else width_table([result])


def _columns(table: Table) -> list[tuple[str, ...]]:
    return [tuple(row[k] for row in table.rows) for k in range(len(table.columns))]


def _row_html(row: tuple[str, ...], numeric: list[bool]) -> str:
    right = ' style="text-align:right"'
    return "".join(f"<td{right if n else ''}>{html.escape(c)}</td>" for c, n in zip(row, numeric, strict=True))
