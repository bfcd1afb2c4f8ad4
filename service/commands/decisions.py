"""aisle decisions: what people decided about duplicates, labels, tags and answers; and `undo`, which takes one back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from service.console.options import index_option, json_option, print_json
from service.decided import KINDS

author_option = click.option("--author", default="", metavar="NAME", help="Who decides; kept with the decision.")


@click.command()
@click.option("--kind", type=click.Choice(KINDS), help="Decisions of this kind alone.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, metavar="N", help="The N latest."
)
@json_option
@index_option
def decisions(kind: str | None, limit: int, index: Path, *, as_json: bool) -> None:
    """List what people decided about duplicates, labels, tags and answers, the latest first."""
    from indexer.store.place import open_store
    from service.console.decisions import decision_table

    with closing(open_store(index)) as records:
        found = records.decisions.page(limit=limit, kind=kind or "")
    if as_json:
        print_json([each.told() for each in found])
        return
    click.echo(decision_table(found))


@click.command()
@click.argument("number", type=click.IntRange(1, 2**53))
@author_option
@index_option
def undo(number: int, author: str, index: Path) -> None:
    """Take a decision back by its number: products and labels are what they were before it."""
    from indexer.store.place import open_store

    with closing(open_store(index)) as records:
        decided = records.decisions.undo(number, author)
    click.echo(f"decision {number} is taken back by decision {decided.number}", err=True)
