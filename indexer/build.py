"""The offline pipeline: a source into the record store, and the store into a published snapshot.

    build      rows -> normalize -> place -> encode what is new -> records.write, or quarantine     [indexer.ingest]
    rebuild    records -> tree -> space -> labels and vectors -> snapshot.write -> snapshot.publish

A build that fails or is stopped leaves the published snapshot as it was. What it had read by then is in the record
store: a running service, which follows the store, answers with it, and the next build need not encode it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from indexer import encoders, snapshot
from indexer import vectors as kinds
from indexer.encoders import Encoder
from indexer.errors import SourceError
from indexer.ingest import Ingest
from indexer.labels import Labels
from indexer.manifest import Manifest, Origin
from indexer.placement import CANONICAL, Placement
from indexer.settings import IndexSettings
from indexer.sources import Counts, Quarantine, Source
from indexer.space import RawSpace, Space, present
from indexer.store.records import Records, StoreCounts
from indexer.update import STORE, completed, labels_of, path_of
from indexer.vectors import Keys, Vectors
from taxonomy.files import infer, tree_from_json, tree_json
from taxonomy.names import Path as CategoryPath
from taxonomy.tree import Tree

QUARANTINE = "quarantine.jsonl"
TAXONOMY = "taxonomy"
"""The fact in the record store that holds the tree that was given; empty when it is inferred."""


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
    the store held and the source lacks. quarantine: the file of refused rows.
    """

    manifest: Manifest
    rows: Counts
    encoded: int
    removed: int
    quarantine: Path
    seconds: float


def build(
    source: Source,
    index: Path,
    *,
    settings: IndexSettings,
    taxonomy: Tree | None = None,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make `index` hold the products of one source and no others, and publish a snapshot of them.

    taxonomy: closes the tree, so that rows of other categories are quarantined; without it the tree is inferred from
    the labels, and categories that come later join it. encoder: saves loading the one that `settings` names.

    Products that the store held and the source lacks are removed once the whole source was read; what a service adds
    meanwhile stays. Raises SourceError when the source breaks off or no row of it can be indexed; then none is removed.
    Memory: the rows that `source.expected` reads ahead, one batch, and then as `rebuild`.
    """
    began = time.monotonic()
    progress = progress or Quiet()
    index.mkdir(parents=True, exist_ok=True)
    encoder = encoder or encoders.load(settings.encoder)
    records = Records.open(index / STORE)
    try:
        with Quarantine(index / QUARANTINE) as quarantine:
            placement = Placement(taxonomy or Tree.empty(), grows=taxonomy is None, separators=CANONICAL)
            ingest = Ingest(records, encoder, placement, quarantine)
            progress.start("encode", source.expected(), "products")
            ingest.run(source, progress.at)
        rows = ingest.counts
        if not rows.indexed:
            raise SourceError(f"none of the {rows.read:,} rows of {source.name} can be indexed; see {quarantine.path}")
        removed = ingest.remove_absent()
        records.set_fact(TAXONOMY, "" if taxonomy is None else tree_json(taxonomy))
        counts = {"read": rows.read, "indexed": rows.indexed, "skipped": rows.skipped, "quarantined": rows.quarantined}
        manifest = _rebuilt(records, index, settings, encoder=encoder, rows=counts, progress=progress)
    finally:
        records.close()
    return Report(manifest, rows, ingest.encoded, removed, quarantine.path, time.monotonic() - began)


def rebuild(
    index: Path, *, settings: IndexSettings, encoder: Encoder | None = None, progress: Progress | None = None
) -> Manifest:
    """Publish a new snapshot of what the record store of `index` holds, without its source.

    Only what the encoder has never seen is encoded. Raises RecordError when there is no store. Memory: the matrix of
    search vectors, float32 (products, dim), an index of about that size again, and the labels.
    """
    encoder = encoder or encoders.load(settings.encoder)
    records = Records.open(index / STORE, create=False)
    try:
        return _rebuilt(records, index, settings, encoder=encoder, rows={}, progress=progress or Quiet())
    finally:
        records.close()


def shelves(index: Path) -> tuple[Tree, npt.NDArray[np.int64]]:
    """Return the tree of what the record store of `index` holds now, and how many products each category itself has.

    int64 (n,), in the tree's order. Raises RecordError when there is no store.
    """
    with closing(Records.open(index / STORE, create=False)) as records:
        tree, _ = _tree(records)
        products = np.zeros(len(tree), np.int64)
        for category, count in records.categories().items():
            node = tree.find(path_of(category))
            if node is not None:
                products[node] = count
    return tree, products


def _rebuilt(
    records: Records,
    index: Path,
    settings: IndexSettings,
    *,
    encoder: Encoder,
    rows: Mapping[str, int],
    progress: Progress,
) -> Manifest:
    size = records.counts()  # what changes after this moment may be in the snapshot, and is followed again
    tree, is_open = _tree(records)
    space = RawSpace(encoder.parts)
    progress.start("load", size.products, "products")
    labels, keys, matrix = _loaded(records, size, encoder, tree=tree, space=space, progress=progress)
    progress.start("index", None, "")
    vectors = kinds.build(
        settings.kind, space.dim, keys, matrix, recall_target=settings.recall_target, seed=settings.seed
    )
    origin = Origin(
        encoder_spec=settings.encoder,
        encoder=encoder.name,
        parts=encoder.parts,
        store_id=records.store_id,
        seq=size.seq,
        open_taxonomy=is_open,
        counts={**rows, "products": len(labels), "labelled": labels.labelled, "vectors": len(vectors)},
    )
    progress.start("save", None, "")
    manifest = snapshot.write(index, origin, tree, space, labels=labels, vectors=vectors)
    snapshot.publish(index, manifest.id)
    return manifest


def _loaded(
    records: Records, size: StoreCounts, encoder: Encoder, *, tree: Tree, space: Space, progress: Progress
) -> tuple[Labels, Keys, Vectors]:
    """Return every product's labels, and keys and search vectors, in one matrix, of those that have any part."""
    labels, filled = Labels(), 0
    keys = np.empty(size.products, np.int64)
    matrix = np.empty((size.products, space.dim), np.float32)
    for some in records.scan(encoder.name, encoder.parts, up_to=size.last_key):
        found = completed(records, encoder, some, encoder.encode)
        projected = space.project(found.encoded)
        here = present(projected)
        rows = slice(filled, filled := filled + int(here.sum()))
        keys[rows], matrix[rows] = found.keys[here], projected[here]
        labels.put(labels_of(found, tree))
        progress.at(len(labels))
    return labels, keys[:filled], matrix[:filled]


def _tree(records: Records) -> tuple[Tree, bool]:
    """Return the tree that was given, or the one of the labels, which is open to others."""
    given = records.fact(TAXONOMY)
    return (tree_from_json(given), False) if given else (infer(_labelled(records)), True)


def _labelled(records: Records) -> Iterator[CategoryPath]:
    """Yield the path of every labelled product."""
    return chain.from_iterable(repeat(path_of(category), count) for category, count in records.categories().items())
