"""aisle tags: the words that products are tagged with."""

from __future__ import annotations

from pathlib import Path

import click

from service.console.options import index_option, json_option, print_json


@click.group()
def tags() -> None:
    """Look after the tags."""


@tags.command("suggest")
@click.option("--limit", type=click.IntRange(1, 10_000), default=30, show_default=True, help="How many phrases.")
@json_option
@index_option
def tags_suggest(limit: int, index: Path, *, as_json: bool) -> None:
    """List phrases of an index's titles and specs that would make new tags, the best first."""
    from service.console.progress import Progress
    from service.console.words import suggestion_table
    from service.suggest import suggest

    with Progress() as progress:
        found = suggest(index, limit, progress)
    if as_json:
        print_json(found)
    else:
        click.echo(suggestion_table(found))
