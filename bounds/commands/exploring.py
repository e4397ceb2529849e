"""Commands over grids and data: sweep, data, kernel, scenarios."""

from __future__ import annotations

from typing import Any

import click

from bounds.options import (
    LOOSE,
    ModelCommand,
    emit,
    model_values,
    only_plot,
    progress,
    table_options,
)


@click.command(cls=ModelCommand, context_settings=LOOSE)
@click.argument("key")
@click.option(
    "--over", multiple=True, required=True, help="NAME=LOW:HIGH[:log][:POINTS] or NAME=a,b,c; may be repeated."
)
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw it into this file (one or two axes).")
@table_options
@click.pass_context
def sweep(
    ctx: click.Context, key: str, over: tuple[str, ...], plot: str | None, style: str | None, **options: Any
) -> None:
    """Evaluate KEY over a grid of parameters."""
    from bounds import registry, views
    from bounds.naming import translate
    from bounds.sweep import axes_of
    from bounds.sweep import sweep as run

    if plot is not None:
        only_plot(plot, style)
    q = registry.quantity(key)
    found = run(
        q, axes_of(q.paper, over), translate([q.paper], model_values(ctx, options))[q.paper.key], progress=progress
    )
    if plot is not None:
        from bounds.plots import sweep_plot

        click.echo(sweep_plot(found, plot))
        return
    blank = "" if style == "csv" else "-"
    emit(style, lambda: views.sweep_table(found, blank), found.to_dict)


@click.command(cls=ModelCommand, context_settings=LOOSE)
@click.argument("name")
@click.option("--paper", "only", multiple=True, help="Only this paper (may be repeated).")
@table_options
@click.pass_context
def data(ctx: click.Context, name: str, only: tuple[str, ...], style: str | None, **options: Any) -> None:
    """The constants that the data set NAME (digits, a .npz file, ...) determines in every paper's normalisation."""
    from bounds import listing
    from bounds.across import Question
    from bounds.sources import data_constants

    rows = data_constants(Question(only, model_values(ctx, options)), name)
    emit(style, lambda: listing.constants_table(rows), lambda: rows)


@click.command(cls=ModelCommand, context_settings=LOOSE)
@click.argument("paper")
@click.option("--data", "name", default="digits", show_default=True, help="digits, mnist_784, ... or a .npz file.")
@click.option("--save", type=click.Path(dir_okay=False), help="Write the Gram matrix into this .npy file.")
@table_options
@click.pass_context
def kernel(ctx: click.Context, paper: str, name: str, save: str | None, style: str | None, **options: Any) -> None:
    """The infinite-width tangent kernel of PAPER's network on a data set: its extreme eigenvalues, before training."""
    from bounds import listing
    from bounds.sources import kernel_row

    row = kernel_row(paper, name, model_values(ctx, options), save)
    emit(style, lambda: listing.dict_table(row), lambda: row)


@click.command()
@click.argument("name", required=False)
@table_options
def scenarios(name: str | None, style: str | None) -> None:
    """List the named parameter sets (--scenario NAME), or the values of one."""
    from bounds import listing
    from bounds.scenarios import rows

    emit(style, lambda: listing.scenario_table(rows(name)), lambda: rows(name))


COMMANDS = (sweep, data, kernel, scenarios)
