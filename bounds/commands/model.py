"""Commands that show the model: papers, list, show, cite, errata, eval."""

from __future__ import annotations

from typing import Any

import click

from bounds.options import (
    LOOSE,
    ModelCommand,
    emit,
    model_values,
    table_options,
)


@click.command()
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


@click.command("list")
@click.argument("paper", required=False)
@table_options
def list_(paper: str | None, style: str | None) -> None:
    """List the quantities of PAPER, or of all papers."""
    from bounds import listing, registry, showing

    emit(style, lambda: listing.list_table(paper), lambda: [showing.show_dict(q) for q in registry.quantities(paper)])


@click.command()
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


@click.command()
@click.argument("paper")
def cite(paper: str) -> None:
    """Print the BibTeX entry of PAPER."""
    from bounds import registry

    click.echo(registry.paper(paper).bibtex)


@click.command()
@click.argument("paper", required=False)
@click.option("--demonstrate", is_flag=True, help="Run each erratum's demonstration.")
@table_options
def errata(paper: str | None, demonstrate: bool, style: str | None) -> None:
    """List the errata of PAPER, or of all papers."""
    from bounds import listing

    found = listing.errata_list(paper, demonstrate)
    emit(style, lambda: listing.errata_table(found), lambda: found)
    if not all(e["demonstration"]["confirmed"] for e in found if demonstrate):
        raise RuntimeError("a demonstration does not confirm its erratum")


@click.command("eval", cls=ModelCommand, context_settings=LOOSE)
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
        emit(style, lambda: views.enclosure_table(q, ball), lambda: views.enclosure_dict(q, ball))
        return
    found = result_at(q, values, defaults=True)
    emit(
        style,
        lambda: views.evaluation_table([found]),
        lambda: views.evaluation_dict(found),
        lambda: views.evaluation_records([found]),
    )


COMMANDS = (papers, list_, show, cite, errata, eval_)
