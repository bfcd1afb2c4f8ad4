"""An open index: the record store, and in memory what follows its journal.

    change   clean -> place -> encode what is new -> records.change (record + journal) -> follow     [intake.update]
    follow   journal since seq -> the store as it is now -> tree, labels and vectors in memory

Memory only ever changes by following the journal. So a restart, a change made here and one made by another process all
take the same way, and following twice does no harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from indexer import encoders
from indexer.encoders import Encoded, Encoder, given_parts, sound, stacked
from indexer.errors import ProductError, ProductNotFound, SnapshotMismatch, StoreMismatch, VersionConflict
from indexer.intake.patch import Change, Patch, resolved
from indexer.intake.placement import Placement
from indexer.intake.screen import Screen, Screened
from indexer.intake.update import completed, labels_of, named, path_of, prepare, store
from indexer.memory.labels import Labels
from indexer.memory.recent import recent_of
from indexer.memory.replanting import places_of, replanted
from indexer.memory.sharing import SharedLock, take_short_turns
from indexer.memory.tuning import Tuner
from indexer.memory.turns import turns_of
from indexer.product import Product
from indexer.snapshots import snapshot
from indexer.snapshots.canaries import check_model
from indexer.snapshots.manifest import REBUILD, Manifest, check_encoder
from indexer.snapshots.snapshot import Built, Snapshot
from indexer.store.decisions import Act, Decided, Decision
from indexer.store.place import open_store
from indexer.store.raw import Keys
from indexer.store.records import ANY, AnotherTaxonomy, Answered, Entry, Overtaken, Receipt, Record, Records, Written
from indexer.store.taxonomies import Effect
from taxonomy.changes import Change as TreeChange
from taxonomy.tree import Tree

__all__ = ["Change", "Live", "Outcome", "Patch", "open_index"]

REACH_STEP = 0.02
"""Seconds between two looks for a place in the journal that another process has yet to write."""

PIECE_SECONDS, PIECE_LEAST = 0.05, 8
"""How long what is changed keeps the encoder from questions at a time, and the fewest products it encodes then."""

OVERTAKEN_MOST = 3
"""How often changes are screened anew because others changed the store meanwhile, before these are kept waiting."""

Outcome = Written | ProductError | ProductNotFound
"""What became of one change."""


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
        self.planted = loaded.built.number
        self._origin = self.tree
        self.places = np.arange(len(self.tree), dtype=np.int32)
        """Where each node of the snapshot's tree is now, -1 for nowhere."""
        self.vocabulary = self._words = loaded.built.vocabulary
        self.calibration = loaded.calibration
        self.seq = loaded.manifest.seq
        self._before = records.taxonomies.aliases()
        self._relabelled: Sequence[range] = records.taxonomies.relabelled()
        self._placement = self._placed_in(self.tree)
        take_short_turns()
        self.torn = False
        """Whether a change broke off half-way in memory; open the snapshot anew then."""
        self._turn = threading.RLock()  # one change at a time
        self._encoding = turns_of(encoder)  # encoders serve one thread at a time
        self._recent = recent_of(encoder)
        self._lock = SharedLock()  # searches share what is in memory, a change has it alone
        self._tuner = Tuner(self.reading)

    @property
    def built(self) -> Built:
        """The index as it is in memory now."""
        return Built(self.tree, self.vocabulary, self.space, self.contents, self.grows, self.planted)

    @property
    def labels(self) -> Labels:
        """Ids, categories and tags by key."""
        return self.contents.labels

    def close(self) -> None:
        """Let go of the record store."""
        self._tuner.stop()
        self.records.close()

    def reading(self) -> AbstractContextManager[object]:
        """Hold off changes of what is in memory; any number of threads may at once."""
        return self._lock.reading()

    def changing(self) -> AbstractContextManager[object]:
        """Hold off everybody else from what is in memory; never enter it from inside `reading`."""
        return self._lock.changing()

    def encode(self, products: Sequence[Product]) -> Encoded:
        """Return the raw vectors of normalised products, new ones encoded; callers take turns."""
        return self._recent.encoded(products, self._encode)

    def encode_in_pieces(self, products: Sequence[Product]) -> Encoded:
        """Return the same, letting others take their turns every PIECE_SECONDS or so: for what is not asked about."""
        return self._recent.encoded(products, self._encode_in_pieces)

    def _encode(self, products: Sequence[Product]) -> Encoded:
        with self._encoding:
            return sound(self.encoder.encode(products))

    def _encode_in_pieces(self, products: Sequence[Product]) -> Encoded:
        pieces: list[Encoded] = []
        start, size = 0, PIECE_LEAST
        while start < len(products) or not pieces:
            some = products[start : start + size]
            with self._encoding:
                begun = time.perf_counter()
                pieces.append(sound(self.encoder.encode(some)))
                seconds = time.perf_counter() - begun
            start += len(some)
            size = max(PIECE_LEAST, min(2 * size, int(len(some) * PIECE_SECONDS / max(seconds, 1e-6))))
        return stacked(pieces)

    def put(
        self,
        products: Sequence[Product],
        *,
        expected: Mapping[str, int | None] = ANY,
        receipt: Receipt | None = None,
    ) -> list[Written | ProductError]:
        """Store products with their labels, in one transaction; on return every search sees them.

        In the order of `products`, a refused one as its error: it never fails the others. Of repeated ids the last
        wins. A product replaces the stored one whole: without a category or tags it has none from now on, and who gave
        the label before, or how much it counted, is no longer known. expected, receipt: as for `change`.
        """
        outcomes = self.change(products, expected=expected, receipt=receipt)
        return [each for each in outcomes if not isinstance(each, ProductNotFound)]  # which only a patch can be

    def delete(self, ids: Collection[str], *, expected: Mapping[str, int | None] = ANY) -> list[Written]:
        """Forget products; on return no search finds them. An unknown id is no error, its outcome is "missing"."""
        outcomes = self.change(list(ids), expected=expected)
        return [each for each in outcomes if isinstance(each, Written)]

    def change(
        self,
        changes: Sequence[Change],
        *,
        expected: Mapping[str, int | None] = ANY,
        receipt: Receipt | None = None,
        decision: Decision | None = None,
        screen: Screen | None = None,
    ) -> list[Outcome]:
        """Put products, patch them and delete ids, in order and in one transaction; on return every search sees it.

        A Product is put, a Patch changes the fields that it names, an id is deleted; in their order, a refused one as
        its error and a patch of an unknown id as ProductNotFound: none fails the others. expected: the version that a
        product must have, 0 when it must not be there, None when it must; raises VersionConflict, and then nothing was
        changed. receipt: kept with the change, for the request that asked for it; its answer is made of all outcomes.
        decision: of a person, recorded with the change; of its changes all can be made, or what is refused is raised.
        screen: looks at what is put before it is stored, and nobody changes the store between the two: it looks again
        when somebody did, and when that was OVERTAKEN_MOST times nobody else may until it has.
        """
        overtaken = 0
        while True:
            with self._alone() if overtaken >= OVERTAKEN_MOST else nullcontext():
                with self._turn:
                    planted = self._placement.number
                    ready = resolved(self.records, self.encoder, changes, self._ready)
                seen = screen(changes, ready.changes, self.encode_in_pieces) if screen else Screened(ready.changes)
                good = [each for each in seen.changes if isinstance(each, Record | str)]
                if decision is not None:
                    _check_whole(seen)
                versions = {**ready.seen, **expected}
                told = receipt and Receipt(receipt.key, partial(_told, receipt, seen))
                try:
                    done = store(
                        self.records,
                        self.encoder,
                        good,
                        self.encode_in_pieces,
                        expected=versions,
                        receipt=told,
                        planted=planted,
                        decision=decision,
                        seq=seen.seq,
                    )
                    break
                except Overtaken:
                    overtaken += 1
                except AnotherTaxonomy:  # somebody changed the tree since products were placed: place them in that one
                    pass
                except VersionConflict as error:
                    if error.product_id in expected or error.product_id not in ready.seen:
                        raise  # otherwise somebody changed, since it was read, what is patched: read it again
            self.follow()
        self.follow()
        return _whole(seen, done)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Have the store for oneself, and in memory all that is in it. A turn in memory is always taken before that."""
        with self._turn, self.records.turn():
            self.follow()
            yield

    def _ready(self, products: Sequence[Product]) -> list[Record | ProductError]:
        return prepare(products, self._placement, given_parts(self.encoder))

    def change_taxonomy(self, changes: Sequence[TreeChange], author: str = "", expected: int | None = None) -> Effect:
        """Make the next version of the tree, as `Taxonomies.change` does; on return every answer is given in it."""
        effect = self.records.taxonomies.change(changes, author, expected)
        self.follow()
        return effect

    def undo_taxonomy(self, number: int | None = None, author: str = "") -> Effect:
        """Take a change of the tree back, as `Taxonomies.undo` does; on return no answer is given in it."""
        effect = self.records.taxonomies.undo(number, author)
        self.follow()
        return effect

    def undo_decision(self, number: int, author: str = "", acts: Sequence[Act] = ()) -> Decided:
        """Take a decision back, as `Decisions.undo` does; on return every search sees it."""
        decided = self.records.decisions.undo(number, author, acts)
        self.follow()
        return decided

    def reach(self, seq: int, seconds: float) -> bool:
        """Follow the journal until `seq` is in memory, waiting up to `seconds` for another process to write it."""
        deadline = time.monotonic() + seconds
        while self.seq < seq and self.follow() < seq:
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(REACH_STEP, max(0.0, deadline - time.monotonic())))
        return True

    def follow(self) -> int:
        """Bring what is in memory to the journal's end and return that place.

        Raw vectors come from the store; only what has none there by this encoder is encoded, and kept.
        """
        with self._turn:
            self._replant()
            while entries := self.records.journal(self.seq):
                changed = [entry.key for entry in entries if not self._is_planted(entry)]
                self._apply(np.unique(np.array(changed, np.int64)), entries[-1].seq)
                self._tuner.tend([view.vectors for view in self.contents.views.values()])
            return self.seq

    def _apply(self, keys: Keys, seq: int) -> None:
        found = self.records.read(keys.tolist(), self.encoder.name, self.encoder.parts)
        found = completed(self.records, self.encoder, found, self.encode_in_pieces)
        if self._replant():  # the categories of what was read may be those of another tree than before
            return
        projected = self.space.project(found.encoded, found.texts)
        gone = np.setdiff1d(keys, found.keys)
        tree = self.tree.extended(map(path_of, filter(None, found.categories))) if self.grows else self.tree
        known = len(self.contents.names)
        names = named(self.records, self.encoder, tree, known, self.encode_in_pieces) if known < len(tree) else None
        labels = list(labels_of(found, tree, self.vocabulary))
        try:
            with self.changing():
                if names is not None:
                    self.contents.grow(names)
                self.tree = tree
            self.contents.put(  # piece by piece
                found.keys,
                labels,
                projected,
                found.phashes,
                codes=found.codes,
                titles=found.titles,
                changing=self.changing,
            )
            self.contents.drop(gone, changing=self.changing)
        except BaseException:
            self.torn = True
            raise
        with self.changing():
            self.seq = seq
        if self._placement.tree != tree:
            self._placement = self._placed_in(tree)

    def _is_planted(self, entry: Entry) -> bool:
        """Say whether an entry is of a change of the tree, which what is in memory is planted in: labels included."""
        return entry.action == "taxonomy" or any(entry.seq in places for places in self._relabelled)

    def _replant(self) -> bool:
        """Plant what is in memory in the version of the tree that stands; return whether that was another one."""
        if self.records.taxonomies.number() == self.planted:
            return False
        made = replanted(self.built, self.records, self.encoder, self.encode_in_pieces)
        built, places = made.built, places_of(self._origin, made.built.tree)
        with self.changing():
            self.tree, self.contents, self.grows, self.planted = built.tree, built.contents, built.grows, built.number
            self.places, self.vocabulary = places, self._words.rescoped(built.tree, made.before.follow)
        self._before, self._relabelled = made.before, made.relabelled
        self._placement = self._placed_in(built.tree)
        return True

    def _placed_in(self, tree: Tree) -> Placement:
        return Placement(tree, grows=self.grows, before=self._before, number=self.planted, refuses_retired=True)


def open_index(
    index: Path, encoder: Encoder | None = None, snapshot_id: str | None = None, records: Records | None = None
) -> Live:
    """Open a snapshot of `index`, without an id the published one, and follow the journal to its end.

    `encoder` saves loading the one that the manifest names, `records` opening the store; who gave it closes it. Raises
    what `snapshot.load`, `open_store` and `live_of` raise.
    """
    loaded = snapshot.load(index, snapshot_id)
    opened = records or open_store(index)
    try:
        live = live_of(loaded, opened, encoder)
        live.follow()
    except BaseException:
        if records is None:
            opened.close()
        raise
    return live


def live_of(loaded: Snapshot, records: Records, encoder: Encoder | None = None) -> Live:
    """Return a snapshot as an open index that has yet to follow its journal.

    Raises SnapshotMismatch when it was built from another record store or one that is older now, ModelMismatch when the
    encoder, or the model behind it, is not the one that it was built with, and what `encoders.load` raises.
    """
    check_store(loaded.manifest, records)
    if encoder is None:
        encoder = encoders.load(loaded.manifest.encoder_spec)
        check_encoder(loaded.manifest, encoder)
        check_model(records, encoder)
    check_encoder(loaded.manifest, encoder)
    return Live(records, encoder, loaded)


def check_store(manifest: Manifest, records: Records) -> None:
    """Raise SnapshotMismatch unless a snapshot was built from that record store, as it is now or was before."""
    seq = records.seq()
    if records.store_id != manifest.store_id:
        raise StoreMismatch(
            f"snapshot {manifest.id} was built from another record store than {records.name}; {REBUILD}"
        )
    if seq < manifest.seq:
        raise SnapshotMismatch(
            f"snapshot {manifest.id} holds changes up to {manifest.seq}, the journal of {records.name} ends at {seq}: "
            f"the record store is older, as after restoring a backup; {REBUILD}"
        )


def _check_whole(seen: Screened) -> None:
    """Raise what is refused of the changes of a decision, which are made all together."""
    for each in seen.changes:
        if isinstance(each, Exception):
            raise each


def _whole(seen: Screened, done: Sequence[Written | Exception]) -> list[Outcome]:
    """Return the outcomes of changes in their order, of which `done` are those that the store was asked for."""
    written = iter(done)
    made: list[Outcome] = []
    for place, each in enumerate(seen.changes):
        one = cast("Written", next(written)) if isinstance(each, Record | str) else each
        remarks = seen.remarks.get(place)
        made.append(replace(one, duplicates=remarks) if remarks and isinstance(one, Written) else one)
    return made


def _told(receipt: Receipt, seen: Screened, done: Sequence[Written | Exception]) -> Answered:
    return receipt.answer(_whole(seen, done))
