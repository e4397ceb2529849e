"""The command line: parse, call, print. The mathematics is in ``bounds``, the training in ``empirics``."""

from __future__ import annotations

import sys
from typing import Any

import click

EXIT_VIOLATION, EXIT_USAGE, EXIT_FAILED, EXIT_INTERRUPTED = 1, 2, 3, 130
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
LOOSE = {**SETTINGS, "ignore_unknown_options": True, "allow_extra_args": True}
PREFIX = "value_"


class ModelCommand(click.Command):
    """A command whose options are the parameters of the papers, read from the model when they are needed."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The declared options, then one per parameter and one per role whose word differs from the name."""
        from bounds.views import option_help

        taken = {o for p in self.params for o in p.opts}
        params = list(self.params)
        for name, role, text in option_help():
            flags = [f"--{name}"]
            word = f"--{role.replace('_', '-')}"
            if word not in taken and role != name and word.lower() != flags[0].lower():
                flags.append(word)
            flags = [f for f in flags if f not in taken]
            taken.update(flags)
            if flags:
                params.append(click.Option([PREFIX + name, *flags], help=text, metavar="VALUE"))
        return [*params, *super().get_params(ctx)[len(self.params) :]]


def model_values(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """The parameters given: declared options, and any further ``--NAME VALUE`` pairs (quantities, constants)."""
    values = {k[len(PREFIX) :]: v for k, v in options.items() if k.startswith(PREFIX) and v is not None}
    extra = list(ctx.args)
    while extra:
        word = extra.pop(0)
        if not word.startswith("--") or (not extra and "=" not in word):
            raise click.UsageError(f"unexpected argument {word!r}: values are given as --NAME VALUE")
        name, _, text = word[2:].partition("=")
        values[name] = text if text else extra.pop(0)
    return values


def table_options(command: Any) -> Any:
    """``--json``, ``--csv``, ``--markdown``."""
    for name, text in (
        ("markdown", "Print a Markdown table."),
        ("csv", "Print comma-separated values."),
        ("json", "Print JSON."),
    ):
        command = click.option(f"--{name}", "style", flag_value=name, help=text)(command)
    return command


def emit(style: str | None, table: Any, data: Any) -> None:
    """Print ``data()`` as JSON or ``table()`` in the chosen style; only the one needed is built."""
    from bounds.tables import dumps

    if style == "json":
        click.echo(dumps(data()))
    else:
        table().print(style or "text")


@click.group(context_settings=SETTINGS)
@click.version_option(package_name="bounds")
def app() -> None:
    """Theorems on training over-parameterised networks: their numbers, and what real networks do."""


@app.command()
@table_options
def papers(style: str | None) -> None:
    """List the papers."""
    from bounds import registry, views

    emit(
        style,
        views.papers_table,
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
    from bounds import registry, views

    emit(style, lambda: views.list_table(paper), lambda: [views.show_dict(q) for q in registry.quantities(paper)])


@app.command()
@click.argument("key")
@click.option("--latex", "style", flag_value="latex", help="Print the statement as LaTeX.")
@click.option("--tree", "style", flag_value="tree", help="Draw what it is built on.")
@click.option("--json", "style", flag_value="json", help="Print JSON.")
def show(key: str, style: str | None) -> None:
    """Show one quantity: formula, source, assumptions, parameters, errata."""
    from bounds import registry, views
    from bounds.tables import dumps

    q = registry.quantity(key)
    if style == "latex":
        click.echo(q.to_latex())
    elif style == "tree":
        views.draw_tree(q)
    else:
        click.echo(dumps(views.show_dict(q)) if style == "json" else views.show_text(q))


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
    from bounds import views

    emit(style, lambda: views.errata_table(paper, demonstrate), lambda: views.errata_list(paper, demonstrate))


@app.command("eval", cls=ModelCommand, context_settings=LOOSE)
@click.argument("key")
@click.option("--certified", is_flag=True, help="Print a certified enclosure, in ball arithmetic.")
@table_options
@click.pass_context
def eval_(ctx: click.Context, key: str, certified: bool, style: str | None, **options: Any) -> None:
    """Evaluate a quantity; missing values take the defaults, which are listed."""
    from bounds import registry, views
    from bounds.evaluate import evaluate, result
    from bounds.tables import dumps

    q, values = registry.quantity(key), model_values(ctx, options)
    if certified:
        ball = evaluate(q, certified=True, defaults=True, **values)
        click.echo(dumps({"quantity": q.key, **ball.to_dict()}) if style == "json" else f"{q.key} in {ball}")
        return
    found = result(q, defaults=True, **values)
    emit(style, lambda: views.evaluation_table([found]), lambda: views.evaluation_dict(found))


@app.command("required-width", cls=ModelCommand, context_settings=LOOSE)
@click.option("--paper", "only", multiple=True, help="Only this paper (may be repeated).")
@click.option("--hidden-layers", type=int, help="The same number of hidden layers in every paper's own L.")
@table_options
@click.pass_context
def required_width(
    ctx: click.Context, only: tuple[str, ...], hidden_layers: int | None, style: str | None, **options: Any
) -> None:
    """The least width that each theorem asks for; works with nothing given."""
    from bounds import across, views

    solutions = across.required_widths(only, model_values(ctx, options), hidden_layers)
    emit(style, lambda: views.width_table(solutions), lambda: views.width_dict(solutions))


def _across(name: str, text: str) -> None:
    """Add a command that evaluates the quantity ``name`` of every paper that has it."""

    @app.command(name.replace("_", "-"), cls=ModelCommand, context_settings=LOOSE, help=text)
    @click.option("--paper", "only", multiple=True, help="Only this paper (may be repeated).")
    @table_options
    @click.pass_context
    def command(ctx: click.Context, only: tuple[str, ...], style: str | None, **options: Any) -> None:
        from bounds import across, views

        found = across.evaluate_everywhere(name, only, model_values(ctx, options))
        emit(style, lambda: views.evaluation_table(found), lambda: [views.evaluation_dict(e) for e in found])


_across("step_size", "The step size of each theorem; without --m, at the width that the theorem requires.")
_across("iterations", "The steps until the target loss; without --m, at the width that the theorem requires.")


def _need_empirics() -> None:
    """One line saying how to install the measuring side where it is missing."""
    from bounds.errors import TheoryError

    try:
        import empirics  # noqa: F401
    except ModuleNotFoundError as error:
        raise TheoryError(f"{error.name} is not installed: pip install 'bounds[empirics]' -c constraints.txt") from None


def integers(_ctx: Any, param: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """``64,128,256`` as integers."""
    if text is None:
        return None
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r}: integers separated by commas are needed, for example 64,128") from None


def run_options(command: Any) -> Any:
    """What ``compare`` and ``reproduce`` share."""
    for option in reversed((
        click.option("--data", default="digits", show_default=True,
                     help="digits, mnist_784, Fashion-MNIST, CIFAR_10, sphere or a .npz file with X and y."),
        click.option("--samples", type=int, default=512, show_default=True, help="How many samples."),
        click.option("--data-seed", type=int, default=0, show_default=True, help="Seed of the draw."),
        click.option("--L", "L", type=int, help="Hidden layers [default: 3]."),
        click.option("--widths", callback=integers, help="Widths, separated by commas."),
        click.option("--seeds", type=int, help="Initialisations per width [default: 3]."),
        click.option("--activation", help="Name or expression in z [default: tanh]."),
        click.option("--sigma_1", type=float, help="Scale of the initial weights [default: 1]."),
        click.option("--steps", type=int, help="Steps of gradient descent."),
        click.option("--device", default="cpu", show_default=True, help="cpu or cuda."),
    )):
        command = option(command)
    return command


def progress(line: str) -> None:
    """One line on standard error, if someone is watching."""
    if sys.stderr.isatty():
        click.echo(f"  {line}", err=True)


def setting_from(base: Any, options: dict[str, Any]) -> Any:
    """``base`` with what was given."""
    from dataclasses import replace

    return replace(base, **{k: v for k, v in options.items() if v is not None})


def _learning_rate(_ctx: Any, _param: Any, text: str | None) -> float | str | None:
    if text is None or text == "theory":
        return text
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r}: a number or 'theory' is needed") from None


@app.command()
@click.argument("keys", nargs=-1)
@run_options
@click.option("--learning-rate", callback=_learning_rate, help="A number, or 'theory' for Lemma 5.2's [default: 1].")
@click.option("--rho", type=float, help="Radius of the ball [default: the least that contains the run].")
@click.option("--rho_1", type=float, help="Radius for the last layer [default: likewise].")
@click.option("--points", type=int, help="Measured points of the trajectory [default: 2, first and last].")
@click.option("--fail-on-violation", is_flag=True, help="Exit with 1 when a bound is refuted.")
@table_options
@click.pass_context
def compare(ctx: click.Context, keys: tuple[str, ...], data: str, samples: int, data_seed: int, style: str | None,
            fail_on_violation: bool, learning_rate: Any, **options: Any) -> None:
    """Train networks and set predictions against measurements, for KEYS (papers or quantities; all by default)."""
    _need_empirics()
    from empirics.comparison import Setting
    from empirics.data import load
    from empirics.experiments import chosen

    setting = setting_from(Setting(), options | {"learning_rate": learning_rate if learning_rate != "theory" else None})
    if learning_rate == "theory":
        setting = setting_from(setting, {}).with_theory_rate()
    dataset = load(data, samples=samples, seed=data_seed)
    found = [module.compare(setting, dataset, only, progress) for module, only in chosen(keys)]
    for comparison in found:
        emit(style, comparison.table, comparison.to_dict)
    if fail_on_violation and any(c.violated for c in found):
        ctx.exit(EXIT_VIOLATION)


@app.command()
@click.argument("figure")
@run_options
@click.option("--learning-rate", type=float, help="Step size.")
@click.option("--paper-settings", is_flag=True, help="The paper's own sizes instead of the reduced ones.")
@click.option("--out", default="figures", show_default=True, help="Folder for PNG, SVG and CSV.")
def reproduce(figure: str, data: str, samples: int, data_seed: int, paper_settings: bool, out: str, **options: Any
              ) -> None:
    """Run the experiment behind FIGURE (for example banerjee2023.fig1) and draw it."""
    _need_empirics()
    from pathlib import Path

    from empirics.data import load
    from empirics.experiments import figure as find

    module = find(figure)
    module.check_folder(Path(out))
    setting = setting_from(module.PAPER if paper_settings else module.REDUCED, options)
    found = module.run(setting, load(data, samples=samples, seed=data_seed), progress)
    for path in module.save(found, Path(out)):
        click.echo(path)
    click.echo(found.summary())


def main() -> None:
    """Run, and turn every error into one line and an exit code."""
    from bounds.errors import TheoryError

    try:
        code = app(standalone_mode=False, prog_name="bounds")
    except click.UsageError as error:
        error.show()
        code = EXIT_USAGE
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; finished results are kept", err=True)
        code = EXIT_INTERRUPTED
    except TheoryError as error:
        click.echo(f"error: {error}", err=True)
        code = EXIT_USAGE
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
