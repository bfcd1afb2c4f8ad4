"""A source delivered to an index that is there: its products added, or the index made equal to it.

    add     rows -> look -> clean, place -> compare with what is stored -> encode what is new -> store, or quarantine
    sync    ids of the source -> may what it lacks be deleted? -> as add -> delete what it lacks

Both change the record store alone. A service that is running follows its journal, and so does whoever opens the index
later: no snapshot is built, and nobody has to start anything again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from indexer.build import Progress, Quiet
from indexer.encoders import Encoder
from indexer.errors import SourceError, SyncRefused
from indexer.images.gallery import Gallery
from indexer.intake.differences import Differences
from indexer.intake.ingest import BATCH, Ingest, PictureCounts
from indexer.intake.placement import Placement
from indexer.intake.screen import Screen
from indexer.sources import Counts, Quarantine, Row, Source
from indexer.sources.seen import SeenIds
from indexer.store.records import Records
from taxonomy.tree import Tree

SHARE = 0.5
"""Share of the stored products that one sync may delete, unless it is told otherwise."""

BROKEN = frozenset({"broken_row", "undecodable"})
"""Codes of rows whose id may be another than the one that was read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sync may delete: a share of the stored products at most; anything when it is forced."""

    share: float = SHARE
    force: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a delivery did, or would do when it was dry.

    rows: what became of the source's rows. differences: what those that were indexed are beside what was stored.
    encoded: contents that had not been encoded before. stored: products that there were before. seq: the place of the
    journal from which on all of it is seen. pictures: what became of the images; None when nobody looked at them.
    deleted: products that the source lacks. held: such products that stay, because `nameless` rows of the source, whose
    ids cannot be read, may be theirs. refused: of a dry one, why a real one would be.
    remarks: what the screen said of products that were stored, by id. joined: paths of categories that the tree lacked.
    preceded: products that keep the category that a person gave them, where the source names another one or none.
    """

    rows: Counts
    differences: Differences
    encoded: int
    stored: int
    seq: int
    seconds: float
    pictures: PictureCounts | None = None
    deleted: int = 0
    held: int = 0
    nameless: int = 0
    dry: bool = False
    refused: str = ""
    remarks: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    joined: tuple[str, ...] = ()
    preceded: int = 0


class Delivery:
    """Takes sources into the record store of an index that is there.

    placement: of the store's own tree. quarantine: the file that gets the rows that are refused. gallery: where the
    products' images are; without one nobody looks at them, and a product that comes again loses those it had. screen:
    looks at products before they are stored.
    """

    def __init__(
        self,
        records: Records,
        encoder: Encoder,
        placement: Placement,
        quarantine: Path,
        *,
        gallery: Gallery | None = None,
        progress: Progress | None = None,
        screen: Screen | None = None,
    ) -> None:
        self._records = records
        self._encoder = encoder
        self._placement = placement
        self._quarantine = quarantine
        self._gallery = gallery
        self._progress = progress or Quiet()
        self._screen = screen

    def add(self, source: Source) -> Delivered:
        """Store the products of a source; each replaces the stored one of its id whole, others stay.

        Raises SourceError when the source breaks off; what was stored by then stays.
        """
        begun, stored, before = time.monotonic(), self._records.counts().products, self._placement.tree
        ingest, differences = self._taken(source, source, dry=False)
        return self._told(ingest, differences, begun, stored, before)

    def sync(self, opened: Callable[[], Source], limits: Limits | None = None, *, dry: bool = False) -> Delivered:
        """Make the store hold the products of a source and no others; `dry` only says what that would change.

        opened: opens the source, which is read twice: what it lacks is known before anything is written. A row that is
        refused keeps the stored product of its id; while there are rows whose id cannot be read, nothing is deleted,
        unless that is forced. What somebody else adds meanwhile stays.

        Raises SyncRefused, with nothing changed, when it lacks more than `limits` allow, and SourceError, with nothing
        deleted, when it breaks off or no row of it can be indexed.
        """
        begun, limits, size = time.monotonic(), limits or Limits(), self._records.counts()
        before = self._placement.tree
        named = _Named(self._records, size.last_key)
        if not dry:
            with opened() as source:
                self._progress.start("read", source.expected(), "rows")
                for done, _ in enumerate(named.watched(source), start=1):
                    if done % BATCH == 0:
                        self._progress.at(done)
                if why := _refusal(source.name, named, size.products, limits):
                    raise SyncRefused(why)
        with opened() as source:
            ingest, differences = self._taken(source, named.watched(source), dry=dry)
            if not ingest.counts.indexed:
                raise SourceError(
                    f"none of the {ingest.counts.read:,} rows of {source.name} can be indexed, so nothing is deleted; "
                    "mend the source"
                )
        held = sum(map(len, named.absent())) if named.nameless and not limits.force else 0
        deleted = 0 if held else self._deleted(named.absent(), dry=dry)
        told = self._told(ingest, differences, begun, size.products, before)
        refused = _refusal(source.name, named, size.products, limits) if dry else ""
        return replace(told, deleted=deleted, held=held, nameless=named.nameless, dry=dry, refused=refused)

    def _taken(self, source: Source, rows: Iterable[Row], *, dry: bool) -> tuple[Ingest, Differences]:
        differences = Differences()
        with Quarantine(Path(os.devnull) if dry else self._quarantine) as quarantine:
            ingest = Ingest(
                self._records,
                self._encoder,
                self._placement,
                quarantine,
                self._gallery,
                differences=differences,
                dry=dry,
                screen=self._screen,
            )
            self._progress.start("compare" if dry else "encode", source.expected(), "products")
            ingest.run(rows, self._progress.at)
        return ingest, differences

    def _deleted(self, absent: Iterator[list[str]], *, dry: bool) -> int:
        if dry:
            return sum(map(len, absent))
        self._progress.start("delete", None, "products")
        deleted = 0
        for some in absent:
            deleted += sum(each.outcome == "deleted" for each in self._records.delete(some))
            self._progress.at(deleted)
        return deleted

    def _told(self, ingest: Ingest, differences: Differences, begun: float, stored: int, before: Tree) -> Delivered:
        known, tree = set(before.ids), self._placement.tree
        return Delivered(
            rows=ingest.counts,
            differences=differences,
            encoded=ingest.encoded,
            stored=stored,
            seq=self._records.seq(),
            seconds=time.monotonic() - begun,
            pictures=ingest.pictures if self._gallery else None,
            remarks=ingest.remarks,
            preceded=ingest.preceded,
            joined=tuple(tree.text(node) for node, name in enumerate(tree.ids) if name not in known),
        )


class _Named:
    """The ids that a source names, in whatever row, and how many of its rows name none that can be believed."""

    def __init__(self, records: Records, last_key: int) -> None:
        self.nameless = 0
        self._records = records
        self._last_key = last_key
        self._ids = SeenIds()

    def watched(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield `rows`, noting the id of each; a second reading notes what is new and counts the nameless anew."""
        self.nameless = 0
        for row in rows:
            self.nameless += self._is_nameless(row)
            if row.id:
                self._ids.add(row.id, row.number)
            yield row

    def absent(self) -> Iterator[list[str]]:
        """Yield the ids of the products that were stored before and are not named, some at a time."""
        for some in self._records.ids(up_to=self._last_key):
            if lacking := [product_id for product_id in some.values() if product_id not in self._ids]:
                yield lacking

    def _is_nameless(self, row: Row) -> bool:
        """Say whether a row may be any product: without an id, or broken so that what was read may be no id at all."""
        if not row.id:
            return True
        broken = row.problem is not None and row.problem.code in BROKEN
        return broken and not self._records.get([row.id])


def _refusal(source: str, named: _Named, stored: int, limits: Limits) -> str:
    """Return why a sync would be refused, "" when it is not; what is held back is not deleted anyway."""
    absent = sum(map(len, named.absent()))
    if limits.force or absent - named.nameless <= limits.share * stored:  # a row without an id may be any product
        return ""
    return (
        f"{source} lacks {absent:,} of the {stored:,} products that are stored ({absent / stored:.1%}), a sync deletes "
        f"{limits.share:.0%} at most; nothing was changed: see whether it is the whole source, and raise "
        "--delete-share, or --force it"
    )
