"""aisle add, remove and sync: an index that is there is changed, and whoever answers from it follows."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
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
    mapping_option,
    open_images,
    open_vectors,
    print_json,
    provenance_option,
    source_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexer.encoders import Encoder
    from indexer.intake.delivery import Delivered, Delivery
    from indexer.intake.screen import Screen
    from indexer.sources import Source
    from indexer.store.records import Records
    from service.duplicates.screening import OnDuplicate
    from taxonomy.foreign import ForeignMap

SHARE = 0.5
FAILED = 1
"""The exit code of a dry sync when a real one would be refused, as a real one has it."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What add and sync are given beside the source."""

    index: Path
    provenance: str | None
    images: Path | None
    image_vectors: Path | None
    mapping: Path | None
    on_duplicate: OnDuplicate = "accept"


@click.command()
@click.option(
    "--on-duplicate",
    type=click.Choice(["accept", "flag", "reject"]),
    default="accept",
    show_default=True,
    help="What becomes of a product that is stored already under another id: stored, stored and named, or refused.",
)
@provenance_option
@images_option
@image_vectors_option
@mapping_option
@json_option
@index_option
@source_options
def add(
    source: SourceOptions,
    index: Path,
    *,
    on_duplicate: OnDuplicate,
    provenance: str | None,
    images: Path | None,
    image_vectors: Path | None,
    mapping: Path | None,
    as_json: bool,
) -> None:
    """Add the products of SOURCE to an index; each replaces the stored product of its id, all others stay."""
    given = _Given(index, provenance, images, image_vectors, mapping, on_duplicate)
    with _delivery(source, given) as (delivery, opened, known), opened() as rows:
        delivered = delivery.add(rows)
    _say(delivered, index, known, as_json=as_json)


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--delete-share",
    type=click.FloatRange(0, 1),
    default=SHARE,
    show_default=True,
    metavar="SHARE",
    help="Share of the stored products that may be deleted.",
)
@click.option("--force", is_flag=True, help="Delete what SOURCE lacks, however much that is, and whatever it refuses.")
@provenance_option
@images_option
@image_vectors_option
@mapping_option
@json_option
@index_option
@source_options
def sync(
    source: SourceOptions,
    index: Path,
    *,
    dry_run: bool,
    delete_share: float,
    force: bool,
    provenance: str | None,
    images: Path | None,
    image_vectors: Path | None,
    mapping: Path | None,
    as_json: bool,
) -> None:
    """Make an index hold the products of SOURCE and no others: add, change, relabel, delete."""
    if source.limit is not None:
        raise click.UsageError("--limit reads a part of SOURCE, and sync deletes what it did not read; use aisle add")
    from indexer.intake.delivery import Limits

    given = _Given(index, provenance, images, image_vectors, mapping)
    with _delivery(source, given) as (delivery, opened, known):
        delivered = delivery.sync(opened, Limits(delete_share, force), dry=dry_run)
    _say(delivered, index, known, as_json=as_json)
    if delivered.refused:
        click.get_current_context().exit(FAILED)


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--ids", "file", type=FILE, help="File with an id on each line, UTF-8.")
@json_option
@index_option
def remove(ids: tuple[str, ...], file: Path | None, index: Path, *, as_json: bool) -> None:
    """Remove products from an index; ids that are not stored are counted."""
    if bool(ids) == (file is not None):
        raise click.UsageError("name the products to remove, or a file of their ids with --ids")
    from indexer.store.place import open_store
    from service.console.progress import Progress

    wanted = list(dict.fromkeys(ids if file is None else _ids_in(file)))
    removed = 0
    with closing(open_store(index)) as records, Progress() as progress:
        progress.start("delete", len(wanted), "products")
        for start in range(0, len(wanted), REMOVED_AT_ONCE):
            written = records.delete(wanted[start : start + REMOVED_AT_ONCE])
            removed += sum(each.outcome == "deleted" for each in written)
            progress.at(start + len(written))
        seq = records.seq()
    if as_json:
        print_json({"deleted": removed, "missing": len(wanted) - removed, "seq": seq})
        return
    from service.console.deliveries import removal_report

    click.echo(removal_report(index, removed, len(wanted) - removed, seq), err=True)


REMOVED_AT_ONCE = 1_000
"""Products that are removed in one transaction."""


def _ids_in(file: Path) -> list[str]:
    """Return the ids of a file, a line each; raises SettingError when it is no text."""
    from indexer.errors import SettingError

    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SettingError(f"{file} is no UTF-8 (byte {error.start:,}); write one id on each line") from error
    return [line.strip() for line in lines if line.strip()]


@contextmanager
def _delivery(
    source: SourceOptions, given: _Given
) -> Iterator[tuple[Delivery, Callable[[], Source], ForeignMap | None]]:
    """Yield what takes a source into the index, what opens the source as often as it is called, and the mapping."""
    from indexer import encoders
    from indexer.build import QUARANTINE
    from indexer.intake.delivery import Delivery
    from indexer.intake.ingest import placement_in
    from indexer.live import check_store
    from indexer.snapshots.canaries import check_model
    from indexer.snapshots.manifest import check_encoder
    from indexer.snapshots.snapshot import read_manifest
    from indexer.store.place import open_store
    from service.console.progress import Progress, status
    from taxonomy.foreign import ForeignMap
    from taxonomy.mapping import CategoryMapper

    index, manifest = given.index, read_manifest(given.index)
    gallery = open_images(given.images)
    vectors = open_vectors(given.image_vectors, manifest.encoder_spec)
    with closing(open_store(index)) as records:
        check_store(manifest, records)
        placement = placement_in(records)
        resolving = CategoryMapper(placement.tree, before=records.taxonomies.aliases())
        mapper = None if placement.grows else resolving
        mapping = None if given.mapping is None else ForeignMap.read(given.mapping, resolving)

        def opened() -> Source:
            return source.open(mapper=mapper, provenance=given.provenance, vectors=vectors, mapping=mapping)

        opened().close()  # a source that cannot be read is refused before the encoder is loaded
        with status(f"loading the encoder {manifest.encoder_spec}") as say:
            encoder = encoders.load(manifest.encoder_spec, say)
        check_encoder(manifest, encoder)
        check_model(records, encoder)
        screen = None if given.on_duplicate == "accept" else _screen(given, records, encoder)
        with Progress() as progress:
            place = index / QUARANTINE
            yield (
                Delivery(records, encoder, placement, place, gallery=gallery, progress=progress, screen=screen),
                opened,
                mapping,
            )


def _screen(given: _Given, records: Records, encoder: Encoder) -> Screen | None:
    """Return what looks for duplicates in the index before products are stored."""
    from service.engine import Engine
    from service.settings import ServiceSettings

    return Engine.open(ServiceSettings(index=given.index), encoder, records=records).screen(given.on_duplicate)


def _say(delivered: Delivered, index: Path, mapping: ForeignMap | None, *, as_json: bool) -> None:
    from indexer.build import QUARANTINE
    from service.console.deliveries import delivery_counts, delivery_report
    from service.console.words import mapping_facts

    if as_json:
        print_json(delivery_counts(delivered) | ({"mapping": dict(mapping.counts)} if mapping else {}))
        return
    click.echo(delivery_report(delivered, index, index / QUARANTINE), err=True)
    if mapping:
        click.echo(mapping_facts(mapping), err=True)
