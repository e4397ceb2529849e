"""The command line: parse, call, print. The mathematics is in ``bounds``, the training in ``empirics``.

The commands that need no training are in ``bounds.commands``; here are those that train, and the errors.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bounds.commands import asking, exploring, model, reality, report, study
from bounds.needs import need_empirics
from bounds.options import SETTINGS, data_options, emit, progress, run_command, setting_from, table_options

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 2000
"""Characters of an error message."""
EXIT_VIOLATION, EXIT_USAGE, EXIT_FAILED, EXIT_INTERRUPTED = 1, 2, 3, 130


@click.group(context_settings=SETTINGS)
@click.version_option(package_name="bounds")
def app() -> None:
    """Theorems on training over-parameterised networks: their numbers, and what real networks do."""


for command in (
    *model.COMMANDS,
    *asking.COMMANDS,
    *exploring.COMMANDS,
    *reality.COMMANDS,
    *study.COMMANDS,
    *report.COMMANDS,
):
    app.add_command(command)


@app.command(cls=run_command("settings"))
@click.argument("keys", nargs=-1)
@data_options
@click.option("--hidden-layers", type=click.IntRange(1), help="The same hidden layers in every paper's own L.")
@click.option("--calibrate", type=click.Path(dir_okay=False), help="Write what the runs say of hidden constants here.")
@click.option("--fail-on-violation", is_flag=True, help="Exit with 1 when a bound is refuted.")
@table_options
@click.pass_context
def compare(
    ctx: click.Context,
    keys: tuple[str, ...],
    data: str | None,
    samples: int | None,
    input_dim: int | None,
    data_seed: int,
    hidden_layers: int | None,
    calibrate: str | None,
    style: str | None,
    fail_on_violation: bool,
    **options: Any,
) -> None:
    """Train networks and set predictions against measurements, for KEYS (papers or quantities; all by default)."""
    need_empirics()
    from bounds.errors import NotApplicable
    from bounds.targets import check_target
    from empirics.comparison import merge
    from empirics.experiments import chosen
    from empirics.request import comparison_data, needs_data, requests

    if calibrate is not None:
        check_target("--calibrate", calibrate)
    asked = requests(chosen(keys), options, hidden_layers)
    dataset = comparison_data([r.module for r in asked], data, samples, data_seed, input_dim)
    found, refused = [], []
    for request in asked:
        own = dataset if needs_data(request.module) else None
        try:
            found.append(request.module.compare(request.setting, own, request.only, progress))
        except NotApplicable as reason:  # other papers may cover the request
            if len(asked) == 1:
                raise
            refused.append(f"{request.module.KEY}: NOT APPLICABLE: {reason}")
            continue
        if style not in ("json", "csv"):
            emit(style, found[-1].table, found[-1].to_dict)
        if found[-1].interrupted:
            break
    if not found:
        raise NotApplicable("; ".join(refused))
    for line in refused:
        click.echo(line, err=True)
    whole = merge(found)
    if style in ("json", "csv"):
        emit(style, partial(whole.table, full=True), whole.to_dict)
    if calibrate:
        click.echo(whole.calibration(" ".join(["bounds compare", *keys])).write(calibrate), err=True)
    if whole.interrupted:
        click.echo("interrupted: the table covers the networks that were finished; run again for the rest", err=True)
        ctx.exit(EXIT_INTERRUPTED)
    if fail_on_violation and whole.violated:
        ctx.exit(EXIT_VIOLATION)


@app.command(cls=run_command("figure_settings"))
@click.argument("figure")
@data_options
@click.option("--paper-settings", is_flag=True, help="The paper's own sizes instead of the reduced ones.")
@click.option("--out", default="figures", show_default=True, help="Folder for PNG, SVG and CSV.")
@click.pass_context
def reproduce(
    ctx: click.Context,
    figure: str,
    data: str | None,
    samples: int | None,
    input_dim: int | None,
    data_seed: int,
    paper_settings: bool,
    out: str,
    **options: Any,
) -> None:
    """Compute the numbers behind FIGURE (banerjee2023.fig1 trains networks, fu2018.fig2 does not) and draw it.

    FIGURE `all` makes every figure into one folder, with an index page that says what was seen in each.
    """
    from pathlib import Path

    from bounds.plots import save_curves, symbolic_figure

    if figure == "all":
        ctx.exit(_reproduce_all(Path(out), data, samples, input_dim, data_seed, paper_settings, options))
    if draw := symbolic_figure(figure):
        for path in save_curves(figure, draw(options.get("activation")), Path(out)):
            click.echo(path)
        return
    need_empirics()
    from empirics.experiments import figure as find
    from empirics.figures import check_folder
    from empirics.request import figure_data

    module = find(figure)
    check_folder(Path(out))
    setting = setting_from(module.PAPER if paper_settings else module.REDUCED, options, figure)
    dataset = figure_data(figure, module, data, samples, data_seed, input_dim)
    found = module.run(setting, dataset, progress)
    for path in module.save(found, Path(out)):
        click.echo(path)
    click.echo(found.summary())
    if found.interrupted:
        click.echo("interrupted: the files hold the runs that were finished; run again for the rest", err=True)
        ctx.exit(EXIT_INTERRUPTED)


def _reproduce_all(
    out: Path,
    data: str | None,
    samples: int | None,
    input_dim: int | None,
    data_seed: int,
    paper_settings: bool,
    options: dict[str, Any],
) -> int:
    """Every figure into one folder; the exit code."""
    need_empirics()
    from empirics.gallery import PAGE, reproduce_all

    given = {"samples": samples, "input-dim": input_dim} | {k: v for k, v in options.items() if k != "device"}
    if odd := next((name for name, value in given.items() if value is not None), None):
        raise click.UsageError(
            f"--{odd} is for one figure: `all` takes --data, --data-seed, --device, --paper-settings"
        )
    device = options.get("device")
    made = reproduce_all(
        out, data=data, seed=data_seed, progress=progress, paper_settings=paper_settings, device=device
    )
    for found in made:
        told = f"failed: {found.error}" if found.error else "interrupted" if found.interrupted else found.summary
        click.echo(f"{found.name} ({found.seconds:.0f} s): {told}")
    click.echo(out / PAGE)
    if made and made[-1].interrupted:
        click.echo("interrupted: the page shows the figures that were finished; run again for the rest", err=True)
        return EXIT_INTERRUPTED
    return EXIT_FAILED if any(found.error for found in made) else 0


def _line(text: str) -> str:
    """What was given may hold line breaks, escapes or a hundred thousand characters: a message holds none of them."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return "".join(c if c.isprintable() else " " for c in shown)


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    """What an encoding cannot hold: the bytes of a file's name as they were, other characters as escapes."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def _write_anything() -> None:
    """Names of files are bytes, and not every encoding has a letter for lambda: neither may end a command."""
    codecs.register_error("bounds.escaped", _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="bounds.escaped")


def _drop_output() -> None:
    """Let go of what standard output does not take: Python would try again at its end, with a message of its own."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Run, and turn every error into one line and an exit code."""
    from bounds.errors import TheoryError

    sys.set_int_max_str_digits(0)  # widths have any number of digits
    _write_anything()
    try:
        code = app(standalone_mode=False, prog_name="bounds")
        sys.stdout.flush()
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2 and later; before, help is printed without an error
            click.echo(app.get_help(click.Context(app, info_name="bounds")))
            sys.exit(0)
        click.echo(f"error: {_line(error.format_message())} (bounds --help)", err=True)
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted before anything was finished; nothing was written", err=True)
        code = EXIT_INTERRUPTED
    except TheoryError as error:
        click.echo(f"error: {_line(str(error))}", err=True)
        code = EXIT_USAGE
    except BrokenPipeError:
        _drop_output()
        sys.stderr.close()
        code = 0
    except (ArithmeticError, MemoryError, OSError, RuntimeError) as error:  # the run failed, the request was sound
        _drop_output()
        lines = str(error).strip().splitlines() or [type(error).__name__]
        click.echo(f"failed: {_line(lines[0])}", err=True)
        code = EXIT_FAILED
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
