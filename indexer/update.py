"""Changes to an open index: into the record store in one transaction, and from its journal into memory.

    put      normalize -> place -> encode what is new -> records.write (record + journal) -> follow
    follow   journal since seq -> the store as it is now -> tree, labels and vectors in memory

Memory only ever changes by following the journal. So a restart, a change made here and one made by another process all
take the same way, and following twice does no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import numpy as np

from indexer import encoders, snapshot
from indexer.encoders import Encoded, Encoder, given_parts
from indexer.encoders.precomputed import fitted
from indexer.errors import ProductError, SnapshotMismatch
from indexer.labels import UNLABELLED, Label, Labels
from indexer.manifest import REBUILD, check_encoder
from indexer.normalize import normalize
from indexer.placement import Place, Placement
from indexer.product import Product, check, content_hash
from indexer.snapshot import Built, Snapshot
from indexer.space.names import spoken_names
from indexer.store.raw import Keys, RawVectors, Slice
from indexer.store.records import Record, Records, Stored, Written
from indexer.vectors import Vectors
from taxonomy.names import SEPARATOR
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

STORE = "records.sqlite"
"""The record store in an index folder."""

PICTURES = 128
"""Products whose thumbnails are decoded at a time."""

NONE: Mapping[str, int] = MappingProxyType({})

Encode = Callable[[Sequence[Product]], Encoded]


class Live:
    """An open index: the record store, and in memory the tree, labels and vectors that follow its journal.

    Read `tree`, `labels`, `contents` and `seq` inside `with live.reading()`; they change under `changing` only. Every
    method may be called from any thread.
    """

    def __init__(self, records: Records, encoder: Encoder, loaded: Snapshot) -> None:
        self.records = records
        self.encoder = encoder
        self.manifest = loaded.manifest
        self.space = loaded.built.space
        self.tree = loaded.built.tree
        self.contents = loaded.built.contents
        self.grows = loaded.built.grows
        self.vocabulary = loaded.built.vocabulary
        self.calibration = loaded.calibration
        self.seq = loaded.manifest.seq
        self._placement = self._placed_in(self.tree)
        self._turn = threading.RLock()  # one change at a time
        self._encoding = threading.Lock()  # encoders serve one thread at a time
        self._gate = threading.RLock()  # searches and changes in memory exclude each other

    @property
    def built(self) -> Built:
        """The index as it is in memory now."""
        return Built(self.tree, self.vocabulary, self.space, self.contents, self.grows)

    @property
    def labels(self) -> Labels:
        """Ids, categories and tags by key."""
        return self.contents.labels

    def close(self) -> None:
        """Let go of the record store."""
        self.records.close()

    def reading(self) -> AbstractContextManager[object]:
        """Hold off changes of what is in memory."""
        return self._gate

    def changing(self) -> AbstractContextManager[object]:
        """Hold off everybody else from what is in memory."""
        return self._gate

    def encode(self, products: Sequence[Product]) -> Encoded:
        """Return the raw vectors of normalised products; callers take turns."""
        with self._encoding:
            return self.encoder.encode(products)

    def put(self, products: Sequence[Product]) -> list[Written | ProductError]:
        """Store products with their labels, in one transaction; on return every search sees them.

        In the order of `products`, a refused one as its error: it never fails the others. Of repeated ids the last
        wins. A product replaces the stored one whole: without a category or tags it has none from now on, and who gave
        the label before, or how much it counted, is no longer known.
        """
        with self._turn:
            prepared = prepare(products, self._placement, given_parts(self.encoder))
            records = [record for record in prepared if isinstance(record, Record)]
            written = iter(store(self.records, self.encoder.name, records, self.encode))
            self.follow()
        return [next(written) if isinstance(each, Record) else each for each in prepared]

    def delete(self, ids: Collection[str]) -> list[Written]:
        """Forget products; on return no search finds them. An unknown id is no error, its outcome is "missing"."""
        with self._turn:
            written = self.records.delete(ids)
            self.follow()
        return written

    def follow(self) -> int:
        """Bring what is in memory to the journal's end and return that place.

        Raw vectors come from the store; only what has none there by this encoder is encoded, and kept.
        """
        with self._turn:
            while entries := self.records.journal(self.seq):
                self._apply(np.unique(np.array([entry.key for entry in entries], np.int64)), entries[-1].seq)
            return self.seq

    def _apply(self, keys: Keys, seq: int) -> None:
        found = self.records.read(keys.tolist(), self.encoder.name, self.encoder.parts)
        found = completed(self.records, self.encoder, found, self.encode)
        projected = self.space.project(found.encoded, found.texts)
        gone = np.setdiff1d(keys, found.keys)
        tree = self.tree.extended(map(path_of, filter(None, found.categories))) if self.grows else self.tree
        names = named(self.records, self.encoder, tree, len(self.tree), self.encode) if tree != self.tree else None
        with self.changing():
            self.tree = tree
            if names is not None:
                self.contents.grow(names)
            self.contents.put(found.keys, list(labels_of(found, tree, self.vocabulary)), projected, found.phashes)
            self.contents.drop(gone)
            self.seq = seq
        if self._placement.tree != tree:
            self._placement = self._placed_in(tree)

    def _placed_in(self, tree: Tree) -> Placement:
        return Placement(tree, grows=self.grows)


def open_index(index: Path, encoder: Encoder | None = None, snapshot_id: str | None = None) -> Live:
    """Open a snapshot of `index`, without an id the published one, and follow the journal to its end.

    `encoder` saves loading the one that the manifest names. Raises what `snapshot.load` and `encoders.load` raise, and
    SnapshotMismatch when the record store or the encoder is not the one that the snapshot was built with.
    """
    loaded = snapshot.load(index, snapshot_id)
    records = Records.open(index / STORE, create=False)
    try:
        _check_store(loaded, records)
        encoder = encoder or encoders.load(loaded.manifest.encoder_spec)
        check_encoder(loaded.manifest, encoder)
        live = Live(records, encoder, loaded)
        live.follow()
    except BaseException:
        records.close()
        raise
    return live


def prepare(
    products: Sequence[Product], placement: Placement, given: Mapping[str, int] = NONE
) -> list[Record | ProductError]:
    """Normalise, check and place products as their sources wrote them; in order, a refused one as its error.

    given: the parts for which products may bring vectors, as `encoders.given_parts` says.
    """
    cleaned = [clean(product, given) for product in products]
    places = iter(placement.place([each.category for each in cleaned if isinstance(each, Product)]))
    return [_record(each, next(places)) if isinstance(each, Product) else each for each in cleaned]


def clean(product: Product, given: Mapping[str, int] = NONE) -> Product | ProductError:
    """Return the product normalised and checked, fit to be stored or asked about, or why it is neither.

    given: as for `prepare`.
    """
    try:
        cleaned = fitted(normalize(product), given)
        check(cleaned)
    except ProductError as error:
        return error
    return cleaned


def store(records: Records, encoder: str, new: Sequence[Record], encode: Encode) -> list[Written]:
    """Write records in one transaction with the raw vectors of content that `encoder` has not seen yet."""
    contents = {record.content_hash: record.product for record in new}
    for known in records.known(contents, encoder):
        del contents[known]
    raw = RawVectors(encoder, list(contents), encode(list(contents.values()))) if contents else None
    return records.write(new, raw)


def completed(records: Records, encoder: Encoder, found: Slice, encode: Encode) -> Slice:
    """Return `found` with every raw vector there: what the store lacks is encoded and kept.

    Pictures are seen by their thumbnails then, for the store keeps no more of them: smaller than they came, but no part
    is lost to another encoder. Vectors that were made elsewhere cannot be made again: such a part is lacking.
    """
    if found.known.all():
        return found
    stored = records.by_keys(found.keys[~found.known].tolist()).values()
    new = iter({each.record.content_hash: each.record.product for each in stored}.items())
    while some := dict(islice(new, PICTURES if encoder.side else len(found.keys))):
        products = seen_again(records, list(some.values()), encoder.side)
        records.write([], RawVectors(encoder.name, list(some), encode(products)))
    return records.read(found.keys.tolist(), encoder.name, encoder.parts)


def seen_again(records: Records, products: Sequence[Product], side: int) -> list[Product]:
    """Return stored products with the pixels of their thumbnails; as they are for an encoder that looks at none."""
    wanted = {picture.hash for product in products for picture in product.pictures if picture.hash} if side else ()
    if not wanted:
        return list(products)
    from indexer.images.decode import read_picture

    pixels = {name: read_picture(file, side).pixels for name, file in records.thumbnails(wanted).items()}
    return [
        replace(product, pictures=tuple(replace(each, pixels=pixels.get(each.hash)) for each in product.pictures))
        for product in products
    ]


def whole(records: Records, encoder: Encoder, stored: Sequence[Stored]) -> list[Product]:
    """Return stored products, in order, with the vectors that came with them, at unit length as they were stored."""
    given = given_parts(encoder)
    products = [each.record.product for each in stored]
    if not given:
        return products
    encoded, _ = records.vectors([each.record.content_hash for each in stored], encoder.name, encoder.parts)
    return [
        replace(product, vectors={part: encoded.parts[part][row] for part in given if encoded.mask[part][row]})
        for row, product in enumerate(products)
    ]


def named(records: Records, encoder: Encoder, tree: Tree, start: int, encode: Encode) -> Vectors:
    """Return what the categories from position `start` on say of themselves: float32 (n, all parts).

    What the store has not by this encoder is encoded and kept.
    """
    said = spoken_names(tree, start)
    hashes = [content_hash(each) for each in said]
    encoded, there = records.vectors(hashes, encoder.name, encoder.parts)
    new = {known: each for known, each, here in zip(hashes, said, there.tolist(), strict=True) if not here}
    if new:
        records.write([], RawVectors(encoder.name, list(new), encode(list(new.values()))))
        encoded, _ = records.vectors(hashes, encoder.name, encoder.parts)
    return np.concatenate([encoded.parts[part] for part in encoder.parts], axis=1)


def labels_of(found: Slice, tree: Tree, vocabulary: Vocabulary) -> Iterator[Label]:
    """Yield what the labels keep of each product; a category that the tree lacks leaves it UNLABELLED.

    Of tags they keep the vocabulary's spelling, each once; the record store keeps what was written.
    """
    nodes = {category: tree.find(path_of(category)) for category in set(found.categories) if category}
    for key, product_id, category, tags, voice in zip(
        found.keys.tolist(), found.ids, found.categories, found.tags, found.voices, strict=True
    ):
        node = nodes.get(category)
        yield Label(key, product_id, UNLABELLED if node is None else node, vocabulary.apply(tags), voice)


def _record(product: Product, place: Place | ProductError) -> Record | ProductError:
    if isinstance(place, ProductError):
        return place
    product = replace(product, category=place.category)
    return Record(product, content_hash(product), place.node_id)


def path_of(category: str) -> tuple[str, ...]:
    """Return the names of a canonical path, as the record store writes it."""
    return tuple(category.split(SEPARATOR))


def _check_store(loaded: Snapshot, records: Records) -> None:
    manifest, seq = loaded.manifest, records.seq()
    if records.store_id != manifest.store_id:
        raise SnapshotMismatch(
            f"snapshot {manifest.id} was built from another record store than {records.name}; {REBUILD}"
        )
    if seq < manifest.seq:
        raise SnapshotMismatch(
            f"snapshot {manifest.id} holds changes up to {manifest.seq}, the journal of {records.name} ends at {seq}: "
            f"the record store is older, as after restoring a backup; {REBUILD}"
        )
