"""The command line: parse, call, print. The mathematics is in ``bounds``, the training in ``empirics``."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

import click

from bounds.options import (
    ModelCommand,
    across_options,
    emit,
    model_values,
    parse_rate,
    progress,
    question_from,
    run_options,
    setting_from,
    table_options,
)

EXIT_VIOLATION, EXIT_USAGE, EXIT_FAILED, EXIT_INTERRUPTED = 1, 2, 3, 130
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
DETAILS = click.option("--details", is_flag=True, help="Also print certificates and every undecided assumption.")
LOOSE = {**SETTINGS, "ignore_unknown_options": True, "allow_extra_args": True}


@click.group(context_settings=SETTINGS)
@click.version_option(package_name="bounds")
def app() -> None:
    """Theorems on training over-parameterised networks: their numbers, and what real networks do."""


@app.command()
@table_options
def papers(style: str | None) -> None:
    """List the papers."""
    from bounds import listing, registry

    emit(
        style,
        listing.papers_table,
        lambda: [
            {
                "key": p.key,
                "title": p.title,
                "authors": p.authors,
                "venue": p.venue,
                "year": p.year,
                "quantities": list(p.quantities),
                "errata": [e.name for e in p.errata],
            }
            for p in registry.papers().values()
        ],
    )


@app.command("list")
@click.argument("paper", required=False)
@table_options
def list_(paper: str | None, style: str | None) -> None:
    """List the quantities of PAPER, or of all papers."""
    from bounds import listing, registry, showing

    emit(style, lambda: listing.list_table(paper), lambda: [showing.show_dict(q) for q in registry.quantities(paper)])


@app.command()
@click.argument("key")
@click.option("--latex", "style", flag_value="latex", help="Print the statement as LaTeX.")
@click.option("--tree", "style", flag_value="tree", help="Draw what it is built on.")
@click.option("--json", "style", flag_value="json", help="Print JSON.")
def show(key: str, style: str | None) -> None:
    """Show one quantity: formula, source, assumptions, parameters, errata."""
    from bounds import registry, showing
    from bounds.tables import dumps

    q = registry.quantity(key)
    if style == "latex":
        click.echo(q.to_latex())
    elif style == "tree":
        showing.draw_tree(q)
    else:
        click.echo(dumps(showing.show_dict(q)) if style == "json" else showing.show_text(q))


@app.command()
@click.argument("paper")
def cite(paper: str) -> None:
    """Print the BibTeX entry of PAPER."""
    from bounds import registry

    click.echo(registry.paper(paper).bibtex)


@app.command()
@click.argument("paper", required=False)
@click.option("--demonstrate", is_flag=True, help="Run each erratum's demonstration.")
@table_options
def errata(paper: str | None, demonstrate: bool, style: str | None) -> None:
    """List the errata of PAPER, or of all papers."""
    from bounds import listing

    emit(style, lambda: listing.errata_table(paper, demonstrate), lambda: listing.errata_list(paper, demonstrate))


@app.command("eval", cls=ModelCommand, context_settings=LOOSE)
@click.argument("key")
@click.option("--certified", is_flag=True, help="Print a certified enclosure, in ball arithmetic.")
@table_options
@click.pass_context
def eval_(ctx: click.Context, key: str, certified: bool, style: str | None, **options: Any) -> None:
    """Evaluate a quantity; missing values take the defaults, which are listed."""
    from bounds import registry, views
    from bounds.evaluate import evaluate_at, result_at
    from bounds.naming import translate

    q = registry.quantity(key)
    values = translate([q.paper], model_values(ctx, options))[q.paper.key]
    if certified:
        ball = evaluate_at(q, values, certified=True, defaults=True)
        emit(style, lambda: views.enclosure_table(q, ball), lambda: {"quantity": q.key, **ball.to_dict()})
        return
    found = result_at(q, values, defaults=True)
    emit(style, lambda: views.evaluation_table([found]), lambda: views.evaluation_dict(found))


@app.command("required-width", cls=ModelCommand, context_settings=LOOSE)
@across_options
@DETAILS
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw width against --against into this file.")
@click.option("--against", default="samples=10:1e6:log", show_default=True, help="Axis of --plot: samples, depth, ...")
@table_options
@click.pass_context
def required_width(
    ctx: click.Context, plot: str | None, against: str, details: bool, style: str | None, **options: Any
) -> None:
    """The least width that each theorem asks for; works with nothing given."""
    from bounds import across, views

    question = question_from(ctx, options, "width")
    if plot:
        from bounds.plots import width_plot

        click.echo(width_plot(question, against, plot, progress))
        return
    solutions = across.required_widths(question)
    emit(style, lambda: views.width_table(solutions, details), lambda: views.width_dict(solutions))


def _across(answers: str, name: str, text: str) -> None:
    """Add a command that evaluates what every theorem answers to a question."""

    @app.command(name, cls=ModelCommand, context_settings=LOOSE, help=text)
    @across_options
    @DETAILS
    @table_options
    @click.pass_context
    def command(ctx: click.Context, details: bool, style: str | None, **options: Any) -> None:
        from bounds import across, views

        found = across.evaluate_everywhere(question_from(ctx, options, answers), answers)
        emit(style, lambda: views.evaluation_table(found, details), lambda: [views.evaluation_dict(e) for e in found])


_WIDE = "without a width, at the width that the theorem requires."
_across("step_size", "step-size", f"The step size of each theorem; {_WIDE}")
_across("iterations", "iterations", f"The steps until the target loss; {_WIDE}")
_across("samples", "sample-complexity", "The number of samples that each theorem asks for.")


@app.command("side-by-side", cls=ModelCommand, context_settings=LOOSE)
@click.argument("name")
@across_options
@table_options
@click.pass_context
def side_by_side(ctx: click.Context, name: str, style: str | None, **options: Any) -> None:
    """The quantity NAME (such as hessian_norm) of every paper that bounds it, on one network."""
    from bounds import across, views

    found = across.side_by_side(question_from(ctx, options, ""), name)
    emit(style, lambda: views.side_table(found), lambda: [views.evaluation_dict(e) for e in found])


@app.command(cls=ModelCommand, context_settings=LOOSE)
@click.argument("name")
@across_options
@DETAILS
@table_options
@click.pass_context
def largest(ctx: click.Context, name: str, details: bool, style: str | None, **options: Any) -> None:
    """The largest NAME (samples, depth, radius; the least where small is hard) that theorems cover at a width."""
    from bounds import explain_view
    from bounds.reaches import reaches

    found = reaches(question_from(ctx, options, "width"), name)
    emit(style, lambda: explain_view.reach_table(found, details), lambda: explain_view.reach_dict(found))


@app.command(cls=ModelCommand, context_settings=LOOSE)
@click.argument("key")
@table_options
@click.pass_context
def explain(ctx: click.Context, key: str, style: str | None, **options: Any) -> None:
    """What drives a quantity: the shares of its terms, and its elasticity in every parameter."""
    from bounds import explain_view, registry
    from bounds.explaining import explain_at
    from bounds.naming import translate

    q = registry.quantity(key)
    found = explain_at(q, translate([q.paper], model_values(ctx, options))[q.paper.key])
    emit(style, lambda: explain_view.explanation_table(found), lambda: explain_view.explanation_dict(found))


@app.command(cls=ModelCommand, context_settings=LOOSE)
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
    from bounds.sweep import axis
    from bounds.sweep import sweep as run

    q = registry.quantity(key)
    axes = dict(axis(q.paper, text) for text in over)
    found = run(q, axes, translate([q.paper], model_values(ctx, options))[q.paper.key], progress=progress)
    if plot:
        from bounds.plots import sweep_plot

        click.echo(sweep_plot(found, plot))
        return
    emit(style, lambda: views.sweep_table(found), found.to_dict)


@app.command(cls=ModelCommand, context_settings=LOOSE)
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


@app.command(cls=ModelCommand, context_settings=LOOSE)
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


@app.command()
@click.argument("name", required=False)
@table_options
def scenarios(name: str | None, style: str | None) -> None:
    """List the named parameter sets (--scenario NAME), or the values of one."""
    from bounds import listing
    from bounds.scenarios import rows

    emit(style, lambda: listing.scenario_table(rows(name)), lambda: rows(name))


def _need_empirics() -> None:
    """One line saying how to install the measuring side where it is missing."""
    from bounds.errors import TheoryError

    # idle OpenMP threads spin by default, which slows small kernels on a shared machine several times over
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import empirics  # noqa: F401
    except ModuleNotFoundError as error:
        raise TheoryError(f"{error.name} is not installed: pip install 'bounds[empirics]' -c constraints.txt") from None


@app.command()
@click.argument("keys", nargs=-1)
@run_options
@click.option("--learning-rate", callback=parse_rate, help="A number, or 'theory' for Lemma 5.2's [default: 1].")
@click.option("--rho", type=float, help="Radius of the ball [default: the least that contains the points measured].")
@click.option("--rho_1", type=float, help="Radius for the last layer [default: likewise].")
@click.option("--points", type=int, help="Measured points of the trajectory [default: 2, first and last].")
@click.option("--fail-on-violation", is_flag=True, help="Exit with 1 when a bound is refuted.")
@table_options
@click.pass_context
def compare(
    ctx: click.Context,
    keys: tuple[str, ...],
    data: str,
    samples: int | None,
    input_dim: int | None,
    data_seed: int,
    style: str | None,
    fail_on_violation: bool,
    learning_rate: Any,
    **options: Any,
) -> None:
    """Train networks and set predictions against measurements, for KEYS (papers or quantities; all by default)."""
    _need_empirics()
    from empirics.comparison import Setting
    from empirics.data import load
    from empirics.experiments import chosen

    setting = setting_from(Setting(), options | {"learning_rate": learning_rate if learning_rate != "theory" else None})
    if learning_rate == "theory":
        setting = setting.with_theory_rate()
    dataset = load(data, samples=256 if samples is None else samples, seed=data_seed, d=input_dim)
    found = [module.compare(setting, dataset, only, progress) for module, only in chosen(keys)]
    for comparison in found:
        emit(style, partial(comparison.table, full=style == "csv"), comparison.to_dict)
    if any(c.configuration["interrupted"] for c in found):
        click.echo("interrupted: the table covers the networks that were finished; run again for the rest", err=True)
        ctx.exit(EXIT_INTERRUPTED)
    if fail_on_violation and any(c.violated for c in found):
        ctx.exit(EXIT_VIOLATION)


@app.command()
@click.argument("figure")
@run_options
@click.option("--learning-rate", type=float, help="Step size.")
@click.option("--paper-settings", is_flag=True, help="The paper's own sizes instead of the reduced ones.")
@click.option("--out", default="figures", show_default=True, help="Folder for PNG, SVG and CSV.")
@click.pass_context
def reproduce(
    ctx: click.Context,
    figure: str,
    data: str,
    samples: int | None,
    input_dim: int | None,
    data_seed: int,
    paper_settings: bool,
    out: str,
    **options: Any,
) -> None:
    """Compute the numbers behind FIGURE (banerjee2023.fig1 trains networks, fu2018.fig2 does not) and draw it."""
    from pathlib import Path

    from bounds.plots import save_curves, symbolic_figure

    if draw := symbolic_figure(figure):
        for path in save_curves(figure, draw(options["activation"]), Path(out)):
            click.echo(path)
        return
    _need_empirics()
    from empirics.data import load
    from empirics.experiments import figure as find

    module = find(figure)
    module.check_folder(Path(out))
    setting = setting_from(module.PAPER if paper_settings else module.REDUCED, options)
    dataset = load(data, samples=module.SAMPLES if samples is None else samples, seed=data_seed, d=input_dim)
    found = module.run(setting, dataset, progress)
    for path in module.save(found, Path(out)):
        click.echo(path)
    click.echo(found.summary())
    if found.interrupted:
        click.echo("interrupted: the files hold the widths that were finished; run again for the rest", err=True)
        ctx.exit(EXIT_INTERRUPTED)


def main() -> None:
    """Run, and turn every error into one line and an exit code."""
    from bounds.errors import TheoryError

    sys.set_int_max_str_digits(0)  # widths have any number of digits
    try:
        code = app(standalone_mode=False, prog_name="bounds")
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()} (bounds --help)", err=True)
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted before anything was finished; nothing was written", err=True)
        code = EXIT_INTERRUPTED
    except TheoryError as error:
        click.echo(f"error: {error}", err=True)
        code = EXIT_USAGE
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except (ArithmeticError, MemoryError, OSError, RuntimeError) as error:  # the run failed, the request was sound
        lines = str(error).strip().splitlines() or [type(error).__name__]
        click.echo(f"failed: {lines[0]}", err=True)
        code = EXIT_FAILED
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
