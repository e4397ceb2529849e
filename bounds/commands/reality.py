"""The command that sets what theorems ask of the width against the width that training needs."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from bounds.options import SETTINGS, emit, integers, progress, run_command, setting_from, table_options

EXIT_INTERRUPTED = 130


@click.command("critical-width", cls=run_command("search_settings"), context_settings=SETTINGS)
@click.option("--paper", "papers", multiple=True, help="Only this paper's network (may be repeated).")
@click.option("--data", default="digits", show_default=True, help="A data set's name, or a .npz file with X and y.")
@click.option("--samples", default="64", show_default=True, callback=integers, help="How many, or several: 16,32,64.")
@click.option("--data-seed", type=int, default=0, show_default=True, help="Seed of the draw.")
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw the widths against the samples into this file.")
@table_options
@click.pass_context
def critical_width(
    ctx: click.Context,
    papers: tuple[str, ...],
    data: str,
    samples: tuple[int, ...],
    data_seed: int,
    plot: str | None,
    style: str | None,
    **options: Any,
) -> None:
    """Find the least width at which training succeeds, beside what every theorem asks for on the same data."""
    from bounds.needs import need_empirics

    need_empirics()
    from empirics.headline import headline
    from empirics.headline_drawing import check_plot, draw
    from empirics.recipe import Search

    search = setting_from(Search(), options, "critical-width")
    if plot is not None:
        check_plot(plot, samples)
    found = headline(papers, data, samples, search, seed=data_seed, progress=progress)
    emit(style, partial(found.table, full=style == "csv"), found.to_dict)
    if plot:
        draw(found, plot)
        click.echo(plot, err=True)
    if found.interrupted:
        click.echo("interrupted: the table covers what was finished; run again for the rest", err=True)
        ctx.exit(EXIT_INTERRUPTED)


COMMANDS = (critical_width,)
