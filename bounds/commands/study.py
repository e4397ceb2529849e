"""Commands for sweeps that are kept: run a study file, see how far it is, take its numbers elsewhere."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from bounds.options import SETTINGS, emit, table_options

EXIT_FAILED, EXIT_INTERRUPTED = 3, 130
PATH = click.Path(dir_okay=False)
STORE = click.option("--store", type=PATH, help="The store [default: beside FILE, with the ending .sqlite].")


@click.group("study", context_settings=SETTINGS)
def study() -> None:
    """Sweeps from a file, kept in a store: run them, go on after a break, export them."""


@study.command("run", context_settings=SETTINGS)
@click.argument("file", type=PATH)
@STORE
@click.option("--workers", type=click.IntRange(1), help="Processes [default: one for each core, or each --gpus].")
@click.option("--threads", type=click.IntRange(1), help="Threads of each [default: the cores divided among them].")
@click.option("--gpus", help="GPUs, one worker each: 0,1 or 'all'.")
@click.option("--backend", type=click.Choice(["local", "dask"]), default="local", show_default=True)
@click.option("--scheduler", help="Address of the dask scheduler, such as tcp://host:8786.")
@click.option("--retry-failed", is_flag=True, help="Also do those tasks again that failed.")
@table_options
@click.pass_context
def run(ctx: click.Context, file: str, store: str | None, retry_failed: bool, style: str | None, **how: Any) -> None:
    """Do the tasks of study FILE (TOML) that its store lacks; the same command goes on after a break."""
    from bounds.needs import need_empirics

    need_empirics(load=False)
    from pathlib import Path

    from empirics.resumed import resumed
    from empirics.study import describe, read, store_path
    from empirics.study_table import summary_table
    from empirics.sweep import run as run_study

    kept_in = Path(store) if store else store_path(file)
    asked = resumed(file, kept_in) or read(file)
    for line in describe(asked.left_out):
        click.echo(line, err=True)
    found = run_study(asked, kept_in, _engine(**how), retry=retry_failed)
    emit(style, partial(summary_table, found), found.to_dict)
    if found.interrupted:
        kept = f"{found.total - found.left} of {found.total} tasks are kept in {found.store}"
        click.echo(f"interrupted: {kept}; run the same command again to go on", err=True)
        ctx.exit(EXIT_INTERRUPTED)
    if found.failed:
        click.echo(f"{found.failed} of {found.total} tasks failed; --retry-failed does them again", err=True)
        ctx.exit(EXIT_FAILED)


def _engine(workers: int | None, threads: int | None, gpus: str | None, backend: str, scheduler: str | None) -> Any:
    """Who does the tasks."""
    from empirics.cluster import Dask
    from empirics.engines import Local
    from empirics.workers import visible_gpus

    if backend == "dask":
        if not scheduler:
            raise click.UsageError("--backend dask needs --scheduler tcp://HOST:PORT")
        if workers or gpus:
            raise click.UsageError("--workers and --gpus are the cluster's: give them to dask worker")
        return Dask(scheduler, threads)
    if scheduler:
        raise click.UsageError("--scheduler is dask's: add --backend dask")
    if not gpus:
        return Local(workers, threads)
    names = visible_gpus() if gpus == "all" else tuple(name.strip() for name in gpus.split(","))
    if not all(names) or not names or len(set(names)) < len(names):
        raise click.UsageError(f"--gpus {gpus}: different GPUs are needed, such as 0,1; 'all' takes those there are")
    return Local(workers, threads, names)


@study.command("status", context_settings=SETTINGS)
@click.argument("file", type=PATH)
@STORE
@click.option("--tasks", is_flag=True, help="One line for each task.")
@click.option("--verdicts", is_flag=True, help="The tables of verdicts, gathered over widths and seeds.")
@table_options
def status(file: str, store: str | None, tasks: bool, verdicts: bool, style: str | None) -> None:
    """How far the study FILE (or its store) is; also while it runs."""
    from empirics.store import Store
    from empirics.study import store_path
    from empirics.study_table import summary_table, tasks_table
    from empirics.sweep import summary

    if tasks and verdicts:
        raise click.UsageError("--tasks and --verdicts: give one of them")
    with Store.read(store or store_path(file)) as opened:
        if tasks:
            rows = opened.rows()
            emit(style, partial(tasks_table, rows), lambda: [row.to_dict() for row in rows])
        elif verdicts:
            _verdicts(opened, style)
        else:
            found = summary(opened)
            emit(style, partial(summary_table, found), found.to_dict)


def _verdicts(opened: Any, style: str | None) -> None:
    from bounds.needs import need_empirics

    need_empirics()
    from empirics.study_table import critical_table, group_tables, verdict_dict, verdicts_table

    if style == "json":
        emit(style, None, partial(verdict_dict, opened))
        return
    searches = list(critical_table(opened))
    if style == "csv" and not searches:
        emit(style, partial(verdicts_table, opened), None)
        return
    for table in (*group_tables(opened), *searches):
        if style == "markdown":  # which prints no titles
            click.echo(f"**{table.title}**\n")
        emit(style, lambda table=table: table, None)
        if style == "markdown":
            click.echo()


@study.command("export", context_settings=SETTINGS)
@click.argument("file", type=PATH)
@STORE
@click.option("-o", "--out", required=True, type=PATH, help="A .csv, .json or .parquet file.")
@click.option(
    "--what",
    type=click.Choice(["rows", "cases", "gathered", "tasks"]),
    default="rows",
    show_default=True,
    help="Verdicts of each task, every observation, verdicts over widths and seeds, or the tasks alone.",
)
def export(file: str, store: str | None, out: str, what: str) -> None:
    """Write the results of study FILE (or its store) to a file of flat records."""
    from bounds.needs import need_empirics

    need_empirics()
    from empirics.export import export as write
    from empirics.store import Store
    from empirics.study import store_path

    with Store.read(store or store_path(file)) as opened:
        count = write(opened, out, what)
    click.echo(f"{out}: {count} records", err=True)


COMMANDS = (study,)
