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
    index_option,
    index_settings,
    json_option,
    print_json,
    service_settings,
    source_options,
)

if TYPE_CHECKING:
    from taxonomy.vocabulary import Vocabulary

KINDS = ("auto", "exact", "flat", "ivf", "ivf_sq8", "ivf_pq", "hnsw")
PROVENANCES = ("supplier", "human", "machine")


@click.command()
@index_option
@click.option("--taxonomy", type=FILE, help="Category tree; rows of other categories are refused.")
@click.option("--locale", default="en", show_default=True, help="Language to take where the tree has several.")
@click.option("--vocabulary", type=FILE, help="Tag words: spellings, aliases, exclusions, scopes and conflicts.")
@click.option("--provenance", type=click.Choice(PROVENANCES), help="Who gave the labels, where rows do not say.")
@click.option("--encoder", metavar="NAME", help="As in static or sentence_transformers:MODEL. Default: MiniLM.")
@click.option("--kind", type=click.Choice(KINDS), help="Kind of vector index. Default: auto, chosen by size.")
@click.option("--recall-target", type=float, help="Share of true neighbours that a kind must find. Default: 0.95")
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
) -> None:
    """Build an index of SOURCE: a CSV, TSV, JSONL or Parquet file, a folder with one, or a database URL."""
    from indexer import encoders
    from service.console.progress import Progress, status
    from service.console.words import build_report
    from service.rebuild import build as build_index
    from taxonomy.mapping import CategoryMapper
    from taxonomy.vocabulary import Vocabulary

    settings = index_settings(encoder=encoder, kind=kind, recall_target=recall_target)
    given = read_taxonomy(taxonomy, locale) if taxonomy else None
    mapper = CategoryMapper(given.tree, aliases=given.aliases) if given else None
    words = Vocabulary.read(vocabulary) if vocabulary else None
    with source.open(mapper=mapper, provenance=provenance) as rows:
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
                progress=progress,
            )
    if words and vocabulary:
        _say_oversights(words, index, vocabulary)
    click.echo(build_report(report, index), err=True)


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
    from indexer.snapshot import read_manifest
    from indexer.store.records import Records
    from indexer.update import STORE
    from service.console.words import index_facts

    manifest = read_manifest(index)
    if as_json:
        print_json(manifest)
        return
    with closing(Records.open(index / STORE, create=False)) as records:
        click.echo(index_facts(manifest, index, records.counts()))


def _say_oversights(words: Vocabulary, index: Path, file: Path) -> None:
    """Say what of a vocabulary has no effect in the tree that an index has."""
    from indexer.build import shelves
    from service.console.words import vocabulary_notes

    tree, _ = shelves(index)
    for note in vocabulary_notes(words.oversights(tree), file):
        click.echo(note, err=True)
