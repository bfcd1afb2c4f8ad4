"""aisle classify, similar and serve: an index is asked about a file, about one product, and over REST."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.console.options import (
    FILE,
    SourceOptions,
    index_option,
    json_option,
    open_engine,
    print_json,
    service_settings,
    source_options,
)

if TYPE_CHECKING:
    from service.console.table import Tally
    from service.settings import ServiceSettings


@click.command()
@click.option("-o", "--out", type=FILE, help="File to write: .csv, .tsv, .jsonl or .parquet.")
@click.option("--show", type=click.IntRange(1, 100), metavar="N", help="Print the first N answers instead.")
@click.option("--precision", type=float, metavar="P", help="Share of `auto` answers that must be right. Default: 0.95")
@click.option("--policy", type=click.Choice(("auto", "leaf", "coverage")), help="How far an answer goes. Default: auto")
@index_option
@source_options
def classify(
    source: SourceOptions,
    *,
    out: Path | None,
    show: int | None,
    precision: float | None,
    policy: str | None,
    index: Path,
) -> None:
    """Find path, tags, neighbours and duplicates of every product of SOURCE, and write them beside its columns."""
    if (out is None) == (show is None):
        raise click.UsageError("name the file to write, as in -o out.csv, or ask for some answers, as in --show 3")
    settings = service_settings(index=index, precision=precision, policy=policy)
    if out is not None:
        _classify_into(out, source, settings)
        return
    from itertools import islice

    from service.console.cards import card
    from service.console.table import answered

    with source.open(labelled=False) as rows, closing(open_engine(settings)) as engine:
        found = answered(list(islice(rows, show)), engine.classify)
    click.echo("\n\n".join(card(number, *pair) for number, pair in enumerate(found, start=1)))


def _classify_into(out: Path, source: SourceOptions, settings: ServiceSettings) -> None:
    from time import monotonic

    from service.console.progress import Progress
    from service.console.table import LEAVES, check_output, classify_table
    from service.console.words import classify_report

    check_output(out)
    with source.open(labelled=False) as rows, closing(open_engine(settings)) as engine, Progress() as progress:
        began = monotonic()
        progress.start("classify", rows.expected(), "products")

        def advance(tally: Tally) -> None:
            progress.at(tally.read)

        tally = classify_table(rows, out, engine.classify, advance, engine.commonest(LEAVES))
    click.echo(classify_report(tally, out, monotonic() - began), err=True)


@click.command()
@click.argument("text", nargs=-1)
@click.option("--id", "product_id", metavar="ID", help="Neighbours of this stored product instead.")
@click.option("--limit", type=click.IntRange(1, 500), default=10, show_default=True, help="How many neighbours.")
@json_option
@index_option
def similar(text: tuple[str, ...], product_id: str | None, limit: int, index: Path, *, as_json: bool) -> None:
    """List the stored products most similar to TEXT, or to the stored product --id."""
    from indexer.product import Product
    from service.console.words import neighbour_table
    from service.rest.schemas import UNNAMED

    if bool(text) == (product_id is not None):
        raise click.UsageError("give a TEXT to look for, or the id of a stored product with --id")
    with closing(open_engine(service_settings(index=index))) as engine:
        found = engine.similar(product_id or Product(UNNAMED, title=" ".join(text)), limit)
    if as_json:
        print_json(found)
    else:
        click.echo(neighbour_table(found))


@click.command()
@index_option
@click.option("--host", help="Address to serve on. Default: 127.0.0.1")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to serve on; 0 takes a free one. Default: 8000")
def serve(index: Path, host: str | None, port: int | None) -> None:
    """Answer over REST, with a page to try it on."""
    settings = service_settings(index=index, host=host, port=port)
    from service.console.progress import status

    with status(f"opening {index}"):
        from service.rest.server import serve as serve_app
    serve_app(settings, lambda line: click.echo(line, err=True))
