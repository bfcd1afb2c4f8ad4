"""aisle build, calibrate and info: an index is made, learns how far it can be believed, and is looked at."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.taxonomies import read_taxonomy
from service.console.options import (
    FILE,
    SourceOptions,
    image_vectors_option,
    images_option,
    index_option,
    index_settings,
    json_option,
    mapping_option,
    open_images,
    open_vectors,
    print_json,
    provenance_option,
    service_settings,
    source_options,
)

if TYPE_CHECKING:
    from indexer.settings import IndexSettings
    from taxonomy.mapping import CategoryMapper
    from taxonomy.rows import ReadReport
    from taxonomy.vocabulary import Vocabulary

KINDS = ("auto", "exact", "flat", "ivf", "ivf_sq8", "ivf_pq", "hnsw")


@click.command()
@index_option
@click.option("--taxonomy", type=FILE, help="Category tree; rows of other categories are refused.")
@click.option("--locale", default="en", show_default=True, help="Language to take where the tree has several.")
@click.option("--vocabulary", type=FILE, help="Tag words: spellings, aliases, exclusions, scopes and conflicts.")
@provenance_option
@click.option("--encoder", metavar="NAME", help="As in static or sentence_transformers:MODEL. Default: auto")
@click.option("--kind", type=click.Choice(KINDS), help="Kind of vector index. Default: auto, chosen by size.")
@click.option("--recall-target", type=float, help="Share of true neighbours that a kind must find. Default: 0.95")
@mapping_option
@images_option
@image_vectors_option
@click.option("--image-model", metavar="NAME", help="Which model made --image-vectors. Default: the name of the file.")
@source_options
def build(
    source: SourceOptions,
    index: Path,
    *,
    taxonomy: Path | None,
    locale: str,
    vocabulary: Path | None,
    provenance: str | None,
    encoder: str | None,
    kind: str | None,
    recall_target: float | None,
    images: Path | None,
    mapping: Path | None,
    image_vectors: Path | None,
    image_model: str | None,
) -> None:
    """Build an index of SOURCE: a CSV, TSV, JSONL or Parquet file, a folder with one, or a database URL."""
    from indexer import encoders
    from service.console.progress import Progress, status
    from service.console.words import build_report, mapping_facts
    from service.rebuild import build as build_index
    from taxonomy.foreign import ForeignMap
    from taxonomy.vocabulary import Vocabulary

    settings = index_settings(encoder=encoder, kind=kind, recall_target=recall_target)
    settings = _with_vectors(settings, image_vectors, image_model)
    gallery, vectors = open_images(images), open_vectors(image_vectors, settings.encoder)
    given = read_taxonomy(taxonomy, locale) if taxonomy else None
    mapper = _mapper(given, index)
    known = ForeignMap.read(mapping, mapper) if mapping else None
    words = Vocabulary.read(vocabulary) if vocabulary else None
    with source.open(mapper=mapper if given else None, provenance=provenance, vectors=vectors, mapping=known) as rows:
        with status(f"loading the encoder {settings.encoder}") as say:
            loaded = encoders.load(settings.encoder, say)
        with Progress() as progress:
            report = build_index(
                rows,
                index,
                settings=settings,
                taxonomy=given.tree if given else None,
                vocabulary=words,
                encoder=loaded,
                gallery=gallery,
                progress=progress,
            )
    if words and vocabulary:
        _say_oversights(words, index, vocabulary)
    click.echo(build_report(report, index), err=True)
    if known:
        click.echo(mapping_facts(known), err=True)


@click.command()
@click.option("--sample", type=click.IntRange(min=1), default=20_000, show_default=True, help="Products asked about.")
@index_option
def calibrate(sample: int, index: Path) -> None:
    """Ask an index about its own products, each without itself, and learn how far its answers can be believed."""
    from service.console.progress import Progress
    from service.console.words import calibration_facts
    from service.rebuild import recalibrate

    settings = service_settings(index=index)
    with Progress() as progress:
        calibration = recalibrate(settings.index, sample=sample, progress=progress)
    click.echo("\n".join(calibration_facts(calibration, settings.precision)), err=True)


@click.command()
@json_option
@index_option
def info(index: Path, *, as_json: bool) -> None:
    """Say what an index holds and how it was built; --json prints its manifest."""
    from indexer.snapshots.snapshot import read_manifest
    from indexer.store.place import open_store
    from service.console.words import index_facts

    manifest = read_manifest(index)
    if as_json:
        print_json(manifest)
        return
    with closing(open_store(index)) as records:
        click.echo(index_facts(manifest, index, records.counts()))


def _mapper(given: ReadReport | None, index: Path) -> CategoryMapper | None:
    """Return what finds a source's categories in the tree that will stand when it is read, None where there is none."""
    from indexer.errors import RecordError
    from indexer.store.place import open_store
    from taxonomy.mapping import CategoryMapper

    try:
        opened = open_store(index)
    except RecordError:  # there is none yet; whatever else it is, the build will say so
        return CategoryMapper(given.tree, aliases=given.aliases) if given else None
    with closing(opened) as records:
        awaited = records.taxonomies.awaited(given.tree if given else None)
        tree, before = awaited.tree, records.taxonomies.aliases()
    if given is None:
        return CategoryMapper(tree, before=before) if len(tree) else None
    aliases = {alias: to for alias, to in given.aliases.items() if to in tree.ids}
    return CategoryMapper(tree, aliases=aliases, before=before)


def _with_vectors(settings: IndexSettings, file: Path | None, model: str | None) -> IndexSettings:
    """Return settings, their encoder the concrete one, with the image vectors of a file as a part beside the text."""
    from indexer import encoders
    from indexer.encoders.precomputed import declaration, declared
    from indexer.sources.vectors import PART, RowVectors

    spec = settings.encoder
    if file is None:
        if model is not None:
            raise click.UsageError("--image-model names who made --image-vectors; give those too")
        spec = encoders.resolved(spec)
    elif PART not in declared(spec):
        text = encoders.DEFAULT if spec == encoders.AUTO else spec
        spec = f"{text}+{declaration(PART, RowVectors(file).dim, model or file.stem)}"
    return settings.model_copy(update={"encoder": spec})


def _say_oversights(words: Vocabulary, index: Path, file: Path) -> None:
    """Say what of a vocabulary has no effect in the tree that an index has."""
    from indexer.build import shelves
    from service.console.words import vocabulary_notes

    tree, _ = shelves(index)
    for note in vocabulary_notes(words.oversights(tree), file):
        click.echo(note, err=True)
