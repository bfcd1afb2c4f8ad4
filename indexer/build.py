"""The offline pipeline: a source into the record store, and the store into a published snapshot.

    build      rows -> look -> normalize -> place -> encode what is new -> records.write, or quarantine [intake.ingest]
    rebuild    records -> tree -> lexicon -> space -> contents -> calibration -> snapshot.write -> cutover.publish

What the answers are calibrated by is the service's affair: `service/rebuild.py` hands its calibration in.

A build that fails or is stopped leaves the published snapshot as it was. What it had read by then is in the record
store: a running service, which follows the store, answers with it, and the next build need not encode it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from indexer import encoders
from indexer.encoders import Encoder, given_parts
from indexer.errors import SourceError
from indexer.images.gallery import Gallery
from indexer.intake.ingest import Ingest, PictureCounts
from indexer.intake.placement import CANONICAL, Placement
from indexer.intake.update import named, path_of
from indexer.memory import assembly
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots import cutover, snapshot
from indexer.snapshots.canaries import keep_canaries
from indexer.snapshots.claim import building
from indexer.snapshots.manifest import Manifest, Origin
from indexer.sources import Counts, Quarantine, Source
from indexer.space import spaces_of
from indexer.space.names import Names
from indexer.store.place import open_store
from indexer.store.records import Records
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

QUARANTINE = "quarantine.jsonl"
VOCABULARY = "vocabulary"
"""The fact in the record store that holds the tag words that were given; empty when there were none."""
Read = Callable[[Sequence[int]], Sequence[Product]]
"""Returns the stored products of some keys, in their order."""
Calibrate = Callable[[snapshot.Built, Read, Callable[[int], None]], str]
"""Returns what the service learns about its answers from a built index, as text that the snapshot keeps; tells how
many products it has asked about."""


class Progress(Protocol):
    """Who is told how far a build is, one stage after the other."""

    def start(self, name: str, total: int | None, unit: str) -> None:
        """Begin the stage `name`, of about `total` units where that is known."""

    def at(self, done: int) -> None:
        """Say that `done` units of the stage are behind us."""


class Quiet:
    """Progress that nobody watches."""

    def start(self, name: str, total: int | None, unit: str) -> None:
        """Say nothing."""

    def at(self, done: int) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a build did.

    rows: what became of the source's rows. encoded: contents that no build before had encoded. removed: products that
    the store held and the source lacks. quarantine: the file of refused rows. pictures: what became of the images of
    the products; None when nobody looked at them.
    """

    manifest: Manifest
    rows: Counts
    encoded: int
    removed: int
    quarantine: Path
    seconds: float
    pictures: PictureCounts | None = None


def build(
    source: Source,
    index: Path,
    *,
    settings: IndexSettings,
    taxonomy: Tree | None = None,
    vocabulary: Vocabulary | None = None,
    encoder: Encoder | None = None,
    gallery: Gallery | None = None,
    calibrate: Calibrate | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make `index` hold the products of one source and no others, and publish a snapshot of them.

    taxonomy: closes the tree, so that rows of other categories are quarantined; without it the tree is inferred from
    the labels, and categories that come later join it. vocabulary: of tags; without one each tag gets its commonest
    spelling. encoder: saves loading the one that `settings` names. gallery: where the products' images are; without
    one nobody looks at them. An image that cannot be read costs its product only the image, whose reason is kept.
    calibrate: returns the calibration that the snapshot keeps; without it the snapshot is not calibrated.

    Products that the store held and the source lacks are removed once the whole source was read; what a service adds
    meanwhile stays. Raises SourceError when the source breaks off or no row of it can be indexed; then none is removed;
    BuildUnderway when another process builds here, ModelMismatch when the model behind the encoder has changed.
    Memory: the rows that `source.expected` reads ahead, one batch, pictures that are read ahead, and then as `rebuild`.
    """
    began = time.monotonic()
    progress, settings = progress or Quiet(), _settled(settings)
    encoder = encoder or encoders.load(settings.encoder)
    spaces_of(encoder.parts)  # parts that mix the views are refused before any is encoded
    with building(index), closing(open_store(index, create=True)) as records:
        keep_canaries(records, encoder)
        with Quarantine(index / QUARANTINE) as quarantine:
            place_again = partial(_placement, records, taxonomy)
            ingest = Ingest(records, encoder, place_again(), quarantine, gallery, place_again=place_again)
            progress.start("encode", source.expected(), "products")
            ingest.run(source, progress.at)
        rows = ingest.counts
        if not rows.indexed:
            raise SourceError(f"none of the {rows.read:,} rows of {source.name} can be indexed; see {quarantine.path}")
        removed = ingest.remove_absent()
        records.taxonomies.adopt(taxonomy)
        records.set_fact(VOCABULARY, "" if vocabulary is None else vocabulary.to_json())
        counts = {"read": rows.read, "indexed": rows.indexed, "skipped": rows.skipped, "quarantined": rows.quarantined}
        seen = ingest.pictures
        if gallery:
            counts |= {"pictures": seen.read, "unread": seen.unread.total(), "pictureless": seen.without}
        if given_parts(encoder):
            counts["given"] = seen.given
        manifest = _rebuilt(
            records, index, settings, encoder=encoder, rows=counts, calibrate=calibrate, progress=progress
        )
    duration = time.monotonic() - began
    return Report(manifest, rows, ingest.encoded, removed, quarantine.path, duration, seen if gallery else None)


def rebuild(
    index: Path,
    *,
    settings: IndexSettings,
    encoder: Encoder | None = None,
    calibrate: Calibrate | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Publish a new snapshot of what the record store of `index` holds, without its source.

    Only what the encoder has never seen is encoded. Raises RecordError when there is no store. Memory: the raw parts
    and the search vectors, float32 (products, width), an index of about that size again, labels and words.
    """
    settings = _settled(settings)
    encoder = encoder or encoders.load(settings.encoder)
    with closing(open_store(index)) as records, building(index, "rebuild"):
        keep_canaries(records, encoder)
        return _rebuilt(
            records, index, settings, encoder=encoder, rows={}, calibrate=calibrate, progress=progress or Quiet()
        )


def shelves(index: Path) -> tuple[Tree, npt.NDArray[np.int64]]:
    """Return the tree of what the record store of `index` holds now, and how many products each category itself has.

    int64 (n,), in the tree's order. Raises RecordError when there is no store.
    """
    with closing(open_store(index)) as records:
        tree, _ = tree_of(records)
        products = np.zeros(len(tree), np.int64)
        for category, count in records.categories().items():
            node = tree.find(path_of(category))
            if node is not None:
                products[node] = count
    return tree, products


def _settled(settings: IndexSettings) -> IndexSettings:
    """Return settings whose encoder is the same on any other day: a manifest keeps no `auto`."""
    return settings.model_copy(update={"encoder": encoders.resolved(settings.encoder)})


@dataclass(frozen=True, slots=True)
class Made:
    """An index that was made of the record store, in memory and not yet on disk."""

    origin: Origin
    built: snapshot.Built
    calibration: str


def make(
    records: Records,
    settings: IndexSettings,
    *,
    encoder: Encoder,
    rows: Mapping[str, int],
    calibrate: Calibrate | None,
    progress: Progress,
) -> Made:
    """Make an index of what the record store holds; the encoder of `settings` is named, never `auto`.

    rows: counts of the source, for the manifest. Only what the encoder has never seen is encoded.
    """
    size = records.counts()  # what changes after this moment may be in the snapshot, and is followed again
    standing = records.taxonomies.standing()
    tree = standing.tree
    progress.start("load", size.products, "products")
    vocabulary = _vocabulary(records, tree)
    loaded = assembly.load(records, size, encoder, tree=tree, vocabulary=vocabulary, tell=progress.at)
    progress.start("learn", None, "")
    space, features, learning = assembly.learn(loaded, encoder.parts, tree, settings)
    progress.start("index", None, "")
    names = Names(encoder.parts, named(records, encoder, tree, 0, encoder.encode))
    contents = assembly.fill(loaded, features, space, names, settings)
    origin = Origin(
        encoder_spec=settings.encoder,
        encoder=encoder.name,
        parts=encoder.parts,
        store_id=records.store_id,
        seq=size.seq,
        counts={
            **rows,
            "products": len(contents.labels),
            "labelled": contents.labels.labelled,
            "vectors": contents.searched,
        },
        learning=learning,
        settings=settings.model_dump(exclude={"encoder"}),
    )
    progress.start("calibrate", None, "products")
    built = snapshot.Built(tree, vocabulary, space, contents, standing.open, standing.number)
    return Made(origin, built, calibrate(built, records.products, progress.at) if calibrate else "")


def _rebuilt(
    records: Records,
    index: Path,
    settings: IndexSettings,
    *,
    encoder: Encoder,
    rows: Mapping[str, int],
    calibrate: Calibrate | None,
    progress: Progress,
) -> Manifest:
    cutover.sweep(index, records)  # what builds have left that were killed
    made = make(records, settings, encoder=encoder, rows=rows, calibrate=calibrate, progress=progress)
    progress.start("save", None, "")
    with snapshot.written(index, made.origin, made.built, made.calibration) as manifest:
        cutover.publish(index, records, manifest.id)
    return manifest


def tree_of(records: Records) -> tuple[Tree, bool]:
    """Return the tree that stands, and whether it is open to the categories of later labels."""
    standing = records.taxonomies.standing()
    return standing.tree, standing.open


def _placement(records: Records, given: Tree | None) -> Placement:
    """Return the placement in the tree that will stand when the source is read."""
    awaited, before = records.taxonomies.awaited(given), records.taxonomies.aliases()
    return Placement(awaited.tree, grows=awaited.open, separators=CANONICAL, before=before, number=awaited.number)


def _vocabulary(records: Records, tree: Tree) -> Vocabulary:
    """Return the tag words that were given, or none, with a spelling for every tag in use, for the tree that stands."""
    given = records.fact(VOCABULARY)
    made = (Vocabulary.from_json(given) if given else Vocabulary()).spelt(records.tags())
    return made.rescoped(tree, records.taxonomies.aliases().follow)
