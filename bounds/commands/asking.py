"""Commands that ask every paper a question, and what is behind one answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from bounds.options import (
    DETAILS,
    LOOSE,
    ModelCommand,
    across_options,
    emit,
    model_values,
    only_plot,
    progress,
    question_from,
    table_options,
)


@click.command("required-width", cls=ModelCommand, context_settings=LOOSE)
@across_options
@DETAILS
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw width against --against into this file.")
@click.option("--against", help="Axis of --plot: NAME=LOW:HIGH[:log] [default: samples=10:1e6:log].")
@click.option("--calibrated", type=click.Path(dir_okay=False), help="Hidden constants from bounds compare --calibrate.")
@table_options
@click.pass_context
def required_width(
    ctx: click.Context,
    plot: str | None,
    against: str | None,
    calibrated: str | None,
    details: bool,
    style: str | None,
    **options: Any,
) -> None:
    """The least width that each theorem asks for; works with nothing given."""
    from bounds import across, views

    if against is not None and plot is None:
        raise click.UsageError("--against is the axis of a plot: add --plot FILE")
    if plot is not None:
        only_plot(plot, style)
    question = question_from(ctx, options, "width")
    unused = ""
    if calibrated is not None:
        from bounds.calibration import Calibration

        question = replace(question, calibration=Calibration.read(calibrated))
        unused = question.calibration.unused(q.key for q in across.asked(question, "width"))
    if plot is not None:
        from bounds.plots import width_plot

        _say(width_plot(question, "samples=10:1e6:log" if against is None else against, plot, progress), unused)
        return
    solutions = across.required_widths(question)
    _say("", unused)
    emit(
        style,
        lambda: views.width_table(solutions, details),
        lambda: views.width_dict(solutions),
        lambda: views.width_records(solutions),
    )


def _say(answer: str, remark: str) -> None:
    """An answer, and on standard error a remark on it: an error has no other line beside it."""
    for text, err in ((remark, True), (answer, False)):
        if text:
            click.echo(text, err=err)


def _across(answers: str, name: str, text: str) -> click.Command:
    """A command that evaluates what every theorem answers to a question."""

    @click.command(name, cls=ModelCommand, context_settings=LOOSE, help=text)
    @across_options
    @DETAILS
    @table_options
    @click.pass_context
    def command(ctx: click.Context, details: bool, style: str | None, **options: Any) -> None:
        from bounds import across, views

        found = across.evaluate_everywhere(question_from(ctx, options, answers), answers)
        emit(
            style,
            lambda: views.evaluation_table(found, details),
            lambda: [views.evaluation_dict(e) for e in found],
            lambda: views.evaluation_records(found),
        )

    return command


_WIDE = "without a width, at the width that the theorem requires."
step_size = _across("step_size", "step-size", f"The step size of each theorem; {_WIDE}")
iterations = _across("iterations", "iterations", f"The steps until the target loss; {_WIDE}")
sample_complexity = _across("samples", "sample-complexity", "The number of samples that each theorem asks for.")


@click.command("side-by-side", cls=ModelCommand, context_settings=LOOSE)
@click.argument("name")
@across_options
@table_options
@click.pass_context
def side_by_side(ctx: click.Context, name: str, style: str | None, **options: Any) -> None:
    """The quantity NAME (such as hessian_norm) of every paper that bounds it, on one network."""
    from bounds import across, views

    found = across.side_by_side(question_from(ctx, options, ""), name)
    emit(
        style,
        lambda: views.side_table(found),
        lambda: [views.evaluation_dict(e) for e in found],
        lambda: views.evaluation_records(found),
    )


@click.command(cls=ModelCommand, context_settings=LOOSE)
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


@click.command(cls=ModelCommand, context_settings=LOOSE)
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


COMMANDS = (required_width, sample_complexity, step_size, iterations, side_by_side, largest, explain)
