"""The command that makes a page of a comparison."""

from __future__ import annotations

import click

from bounds.options import SETTINGS


@click.command("report", context_settings=SETTINGS)
@click.argument("source", type=click.Path(dir_okay=False))
@click.option(
    "-o", "--out", default="report.html", show_default=True, type=click.Path(dir_okay=False), help="The page."
)
@click.option("--pdf", type=click.Path(dir_okay=False), help="Also print the page to this file, through Chromium.")
@click.option("--title", default="", help="The heading [default: the papers' names].")
@click.option("--question", default="", help="What the runs were to answer, below the heading.")
@click.option("--command", default="", help="How the runs were made, for the page to say.")
def report(source: str, out: str, pdf: str | None, title: str, question: str, command: str) -> None:
    """Make a self-contained page of SOURCE: a file that bounds compare --json wrote, or a study (its file or store)."""
    from bounds.needs import need_empirics

    need_empirics()
    from empirics.report import load, need_chromium, print_pdf, write

    if pdf:
        need_chromium(pdf)  # before the page is written
    click.echo(write(out, load(source), title=title, question=question, command=command))
    if pdf:
        click.echo(print_pdf(out, pdf))


COMMANDS = (report,)
