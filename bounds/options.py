"""Click machinery shared by the commands: options read from the model, table formats, run settings."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import click

PREFIX = "value_"
THEORY = "theory"
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
LOOSE = {**SETTINGS, "ignore_unknown_options": True, "allow_extra_args": True}
DETAILS = click.option("--details", is_flag=True, help="Also print certificates and every undecided assumption.")


class ModelCommand(click.Command):
    """A command whose options are the parameters of the papers, read from the model when they are needed."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The declared options, one per role, and one (not listed in the help) per letter."""
        from bounds.showing import option_help

        roles, letters = option_help()
        taken = {o for p in self.params for o in p.opts}
        flags = [(role, f"--{role.replace('_', '-')}", text) for role, text in roles]
        flags += [(name, f"--{name}", "") for name in letters]
        options = [
            click.Option([PREFIX + word, flag], help=text or None, metavar="VALUE", multiple=True, hidden=not text)
            for word, flag, text in flags
            if flag not in taken
        ]
        return [*self.params, *options, *super().get_params(ctx)[len(self.params) :]]


def model_values(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """The parameters given: declared options, and any further ``--NAME VALUE`` pairs (quantities, constants)."""
    given = {k[len(PREFIX) :]: v for k, v in options.items() if k.startswith(PREFIX) and v}
    if twice := [k for k, v in given.items() if len(v) > 1]:
        raise click.UsageError(f"--{twice[0]} is given {len(given[twice[0]])} times: {', '.join(given[twice[0]])}")
    values = {k: v[0] for k, v in given.items()}
    extra = list(ctx.args)
    while extra:
        word = extra.pop(0)
        if not word.startswith("--") or (not extra and "=" not in word):
            raise click.UsageError(f"unexpected argument {word!r}: values are given as --NAME VALUE")
        name, equals, text = word[2:].partition("=")
        values[name] = text if equals else extra.pop(0)
    return values


def across_options(command: Any) -> Any:
    """What the commands that ask every paper share: which papers, which network, which data."""
    for option in (
        click.option(
            "--data", help="Fill parameters from digits, mnist_784, ... or a .npz file; --samples are drawn [512]."
        ),
        click.option("--scenario", help="Fill parameters from a named set (bounds scenarios)."),
        click.option(
            "--hidden-layers", type=click.IntRange(1), help="The same number of hidden layers in every paper's own L."
        ),
        click.option("--paper", "only", multiple=True, help="Only this paper (may be repeated)."),
    ):
        command = option(command)
    return command


def question_from(ctx: click.Context, options: dict[str, Any], answers: str) -> Any:
    """The ``Question`` of a command line, with what a scenario and a data set fill in."""
    from bounds.across import Question
    from bounds.sources import filled

    only, layers, scenario, data = (options.pop(k) for k in ("only", "hidden_layers", "scenario", "data"))
    return filled(Question(only, model_values(ctx, options), layers), answers, scenario, data)


def table_options(command: Any) -> Any:
    """``--json``, ``--csv``, ``--markdown``."""
    for name, text in (
        ("markdown", "Print a Markdown table."),
        ("csv", "Print comma-separated values."),
        ("json", "Print JSON."),
    ):
        command = click.option(f"--{name}", "style", flag_value=name, help=text)(command)
    return command


def emit(style: str | None, table: Any, data: Any, rows: Any = None) -> None:
    """Print ``data()`` as JSON or ``table()`` in the chosen style; only the one needed is built.

    ``rows()``, where given, are the records whose numbers CSV puts into columns of their own.
    """
    from bounds.tables import dumps, records

    if style == "json":
        click.echo(dumps(data()))
    elif style == "csv" and rows is not None:
        records(rows()).print("csv")
    else:
        table().print(style or "text")


def floats(_ctx: Any, param: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """``0.002,0.1`` as numbers."""
    try:
        return None if text is None else tuple(float(word) for word in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r}: numbers separated by commas are needed, for example 0.01,0.1") from None


def integers(_ctx: Any, param: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """``64,128,256`` as integers."""
    if text is None:
        return None
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r}: integers separated by commas are needed, for example 64,128") from None


class RunCommand(click.Command):
    """A command that trains: its options are the fields of the experiments' settings, read when they are needed.

    ``settings`` names the function of ``empirics.experiments`` that lists them.
    """

    settings = ""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The declared options, and one per field; none where the measuring side is not installed."""
        taken = {p.name for p in self.params}
        own = [p for p in _setting_options(self.settings) if p.name not in taken]
        return [*self.params, *own, *super().get_params(ctx)[len(self.params) :]]


def run_command(settings: str) -> type[RunCommand]:
    """A ``RunCommand`` whose options come from the function ``settings`` of ``empirics.experiments``."""
    return type("SettingsCommand", (RunCommand,), {"settings": settings})


def _setting_options(name: str) -> list[click.Option]:
    from importlib.util import find_spec

    from bounds.needs import quiet_threads

    if find_spec("torch") is None:
        return []
    quiet_threads()
    from empirics import experiments

    fields: dict[str, list[tuple[str, Any]]] = {}
    for owner, setting in getattr(experiments, name)().items():
        for field in dataclasses.fields(setting):
            fields.setdefault(field.name, []).append((owner, field))
    return [_setting_option(name, found) for name, found in sorted(fields.items(), key=lambda f: f[0].lower())]


def _setting_option(name: str, found: list[tuple[str, Any]]) -> click.Option:
    """The option of a field that one or several settings have, with its defaults."""
    defaults: dict[str, list[str]] = {}
    for owner, field in found:
        defaults.setdefault(_shown(field.default), []).append(owner)
    said = "; ".join(v if len(defaults) == 1 else f"{v} for {', '.join(who)}" for v, who in defaults.items() if v)
    text = found[0][1].metadata.get("help", "") + (f" [default: {said}]" if said else "")
    dashed = f"--{name.replace('_', '-')}"
    flags = [f"--{name}", dashed] if any(c.isdigit() for c in name) else [dashed, f"--{name}"]
    kind = str(found[0][1].type)
    if kind == "bool":
        return click.Option([name, f"{dashed}/--no-{dashed[2:]}"], default=None, help=text)
    if name == "learning_rate":
        return click.Option([name, *dict.fromkeys(flags)], callback=parse_rate, help=text, metavar="RATE")
    if kind.startswith("tuple"):
        return click.Option([name, *dict.fromkeys(flags)], callback=floats if "float" in kind else integers, help=text)
    plain = int if kind.startswith("int") else float if kind.startswith("float") else str
    return click.Option([name, *dict.fromkeys(flags)], type=plain, help=text)


def _shown(default: Any) -> str:
    return "" if default is None else ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def only_plot(path: str, style: str | None) -> None:
    """Refuse, before the work, a drawing that cannot be written, or one in place of a table that is asked for.

    Raises:
        TheoryError: The file cannot be written.
        UsageError: A style is given.
    """
    from bounds.targets import check_picture

    if style:
        raise click.UsageError(f"--plot draws instead of printing: leave out --{style}, or --plot")
    check_picture("--plot", path)


def data_options(command: Any) -> Any:
    """What ``compare`` and ``reproduce`` share: on which data."""
    for option in reversed(
        (
            click.option(
                "--data",
                help="digits, mnist_784, Fashion-MNIST, CIFAR_10, sphere or a .npz file with X and y [digits].",
            ),
            click.option("--samples", type=int, help="How many samples [default: 256 to compare, a figure's own]."),
            click.option("--input-dim", type=int, help="Input dimension of the sphere's points."),
            click.option("--data-seed", type=int, default=0, show_default=True, help="Seed of the draw."),
        )
    ):
        command = option(command)
    return command


def progress(line: str) -> None:
    """One line on standard error, if someone is watching."""
    if sys.stderr.isatty():
        click.echo(f"  {line}", err=True)


def setting_from(base: Any, options: dict[str, Any], what: str) -> Any:
    """``base`` with what was given.

    Raises:
        TheoryError: A value is given that ``base`` has no field for.
    """
    from bounds.errors import TheoryError
    from bounds.registry import suggest

    known = [f.name for f in dataclasses.fields(base)]
    given = {k: v for k, v in options.items() if v is not None}
    if unknown := [k for k in given if k not in known]:
        raise TheoryError(
            f"{unknown[0]} is not an option of {what}{suggest(unknown[0], known)}; it has {', '.join(sorted(known))}"
        )
    rate = {"learning_rate": None} if given.get("learning_rate") == THEORY else {}
    return dataclasses.replace(base, **(given | rate))


def parse_rate(_ctx: Any, _param: Any, text: str | None) -> float | str | None:
    """``theory`` or a number."""
    if text is None or text == THEORY:
        return text
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r}: a number or 'theory' is needed") from None
