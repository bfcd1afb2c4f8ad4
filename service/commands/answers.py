"""aisle classify, similar and serve: an index is asked about a file, about one product, and over REST."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.console.options import (
    FILE,
    SourceOptions,
    image_vectors_option,
    images_option,
    index_option,
    json_option,
    open_engine,
    open_images,
    open_vectors,
    print_json,
    service_settings,
    source_options,
)

if TYPE_CHECKING:
    from indexer.images.gallery import Gallery
    from indexer.product import Product
    from indexer.sources import Row, Source
    from service.answer import Answer
    from service.console.table import Tally
    from service.engine import Engine
    from service.settings import ServiceSettings


@click.command()
@click.option("-o", "--out", type=FILE, help="File to write: .csv, .tsv, .jsonl, .parquet or .xlsx.")
@click.option("--show", type=click.IntRange(1, 100), metavar="N", help="Print the first N answers instead.")
@click.option("--precision", type=float, metavar="P", help="Share of `auto` answers that must be right. Default: 0.95")
@click.option("--policy", type=click.Choice(("auto", "leaf", "coverage")), help="How far an answer goes. Default: auto")
@click.option("--keep-nothing", is_flag=True, help="Keep no answer as a prediction that can be decided about.")
@images_option
@image_vectors_option
@index_option
@source_options
def classify(
    source: SourceOptions,
    *,
    out: Path | None,
    show: int | None,
    precision: float | None,
    policy: str | None,
    keep_nothing: bool,
    images: Path | None,
    image_vectors: Path | None,
    index: Path,
) -> None:
    """Find path, tags, neighbours and duplicates of every product of SOURCE, and write them beside its columns."""
    if (out is None) == (show is None):
        raise click.UsageError("name the file to write, as in -o out.csv, or ask for some answers, as in --show 3")
    if out is not None:
        from service.console.table import check_output

        check_output(out)
    from indexer.snapshots.snapshot import read_manifest

    settings = service_settings(index=index, precision=precision, policy=policy)
    vectors = open_vectors(image_vectors, read_manifest(settings.index).encoder_spec)
    gallery = open_images(images)
    opened = source.open(labelled=False, vectors=vectors)
    if out is not None:
        _classify_into(out, opened, gallery, settings, keep=not keep_nothing)
        return
    from itertools import islice

    from service.console.cards import card
    from service.console.table import answered, kept_of

    with opened as rows, closing(open_engine(settings)) as engine, _keeping(engine, wanted=not keep_nothing) as keep:
        found = answered(list(islice(_looked(rows, gallery, engine), show)), engine.classify)
        if keep is not None:
            keep(kept_of(found))
    click.echo("\n\n".join(card(number, *pair) for number, pair in enumerate(found, start=1)))


def _looked(rows: Source, gallery: Gallery | None, engine: Engine) -> Iterator[Row]:
    """Yield the rows of a source with their pictures, where there is a gallery of them."""
    from indexer.sources.pictured import pictured

    return pictured(rows, gallery, engine.live.encoder.side) if gallery else iter(rows)


@contextmanager
def _keeping(engine: Engine, *, wanted: bool) -> Iterator[Callable[[Sequence[Answer]], None] | None]:
    """Yield what keeps answers as predictions, None where they are not to be; a store that refuses is told once.

    An answer that is right and not kept is worth more than none.
    """
    from indexer.errors import AisleError
    from service.console.words import counted
    from service.feedback.keeping import CLASSIFY, Keeper

    if not wanted or not engine.settings.prediction_days:
        yield None
        return
    with closing(Keeper(engine.settings, engine.live.records)) as keeper:
        kept, trouble = 0, ""

        def keep(answers: Sequence[Answer]) -> None:
            nonlocal kept, trouble
            if trouble:
                return
            keeper.keep(answers, CLASSIFY)
            try:
                keeper.flush()
                kept += len(answers)
            except AisleError as error:
                trouble = str(error)

        yield keep
    if trouble:
        click.echo(f"answers are not kept: {trouble}", err=True)
    if kept:
        click.echo(f"{counted(kept, 'answer')} kept; `aisle predictions decide` says what is right", err=True)


def _classify_into(
    out: Path, source: Source, gallery: Gallery | None, settings: ServiceSettings, *, keep: bool
) -> None:
    from time import monotonic

    from service.console.progress import Progress
    from service.console.table import LEAVES, classify_table
    from service.console.words import classify_report

    with source as rows, closing(open_engine(settings)) as engine, _keeping(engine, wanted=keep) as keeping:
        with Progress() as progress:
            began = monotonic()
            progress.start("classify", rows.expected(), "products")

            def advance(tally: Tally) -> None:
                progress.at(tally.read)

            looked, guesses = _looked(rows, gallery, engine), engine.commonest(LEAVES)
            tally = classify_table(rows, out, engine.classify, advance, guesses, rows=looked, keep=keeping)
        click.echo(classify_report(tally, out, monotonic() - began), err=True)


@click.command()
@click.argument("text", nargs=-1)
@click.option("--image", "images", type=FILE, multiple=True, help="A photo to look for; again for several.")
@click.option("--id", "product_id", metavar="ID", help="Neighbours of this stored product instead.")
@click.option("--limit", type=click.IntRange(1, 500), default=10, show_default=True, help="How many neighbours.")
@json_option
@index_option
def similar(
    text: tuple[str, ...], images: tuple[Path, ...], product_id: str | None, limit: int, index: Path, *, as_json: bool
) -> None:
    """List the stored products most similar to TEXT, to a photo or to both, or to the stored product --id."""
    from service.console.words import neighbour_table

    if bool(text or images) == (product_id is not None):
        raise click.UsageError("give a TEXT or an --image to look for, or the id of a stored product with --id")
    with closing(open_engine(service_settings(index=index))) as engine:
        found = engine.similar(product_id or _shown(" ".join(text), images, engine), limit)
    if as_json:
        print_json(found)
    else:
        click.echo(neighbour_table(found))


def _shown(text: str, images: Sequence[Path], engine: Engine) -> Product:
    """Return a product with that title and photos. Raises SettingError when the photos cannot be seen or read."""
    from indexer.encoders import missing
    from indexer.errors import SettingError
    from indexer.images.gallery import Given
    from indexer.images.looking import look
    from indexer.product import Product
    from service.rest.schemas import UNNAMED

    side = engine.live.encoder.side
    if images and not side:
        raise SettingError(f"a photo says nothing to this index: {missing(engine.live.manifest.encoder_spec)}")
    files = {str(image): image.read_bytes() for image in images}
    product = next(look([Product(UNNAMED, title=text, images=tuple(files))], Given(files), side))
    for name, picture in zip(files, product.pictures, strict=True):
        if picture.problem:
            raise SettingError(f"{name}: {picture.problem}")
    return product


@click.command()
@index_option
@click.option("--host", help="Address to serve on. Default: 127.0.0.1")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to serve on; 0 takes a free one. Default: 8000")
def serve(index: Path, host: str | None, port: int | None) -> None:
    """Answer over REST, with the desk for people."""
    settings = service_settings(index=index, host=host, port=port)
    from service.console.progress import status

    with status(f"opening {index}"):
        from service.rest.server import serve as serve_app
    serve_app(settings, lambda line: click.echo(line, err=True))
